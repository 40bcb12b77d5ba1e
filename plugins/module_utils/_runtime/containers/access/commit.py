# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""``commit``: make an image of a container. What it has changed becomes a layer over its image's;
what it was told to run becomes the configuration.

An image that says the same already, but for the time when it was made, is taken as it is: a second
commit changes nothing.
"""

from __future__ import annotations

import contextlib
import copy
import datetime
import hashlib
import json

from ... import images
from ...errors import HostError, Unsupported
from ...images.library import ingest, records
from ...images.model import manifest
from ...kernel.cgroups.hierarchy import layout
from ...layers import difference
from ...untrusted import json_reader
from ..client import monitor_client
from ..options import process as process_options
from ..options import storage
from ..records import run_events, status
from ..spec import container_files
from ..view import changes

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from typing import Any

    from ...engine import Engine
    from ...images import ImagePlan
    from ..records.catalog import Record
    from ..spec.run_file import HealthCheck

# The DiffID of a layer without entries.
EMPTY = "sha256:" + hashlib.sha256(b"\0" * 1024).hexdigest()


def plan_commit(
    engine: Engine,
    record: Record,
    names: Sequence[str] = (),
    author: str | None = None,
    comment: str | None = None,
    change: Callable[[dict[str, Any]], None] | None = None,
    pause: bool = True,
) -> ImagePlan:
    """Plan an image of a container as it is now.

    :param names: names for it.
    :param change: called with its ``config``, which it may change (a Containerfile's instructions).
    :param pause: freeze the container while its files are read.
    :raises Unsupported: it would have more layers than the kernel mounts.
    """
    references = [images.tagged(name).tagged for name in names]
    base = images.get(engine, record["image"])
    config, command = _configuration(engine, record, base, change), _command(engine, record)
    document = _document(record, base, config, author, comment, command)
    subject = images.familiar(references[0]) if references else f"of container {record['name']}"
    plan = images.ImagePlan(engine, f"image {subject}")
    lost = images.lost(engine, base["id"])
    if lost:
        return _when_whole(
            plan,
            base,
            lost,
            record,
            lambda: plan_commit(engine, record, names, author, comment, change, pause),
        )
    data = _with_layer(document, _diff_id(engine, record))
    same = _same(engine, references, data)
    if same is not None:
        plan.is_there(same)
        for full in references:
            images.name_image(plan, same["id"], full)
        return plan
    parsed = manifest.parse_config(data, record["name"])
    plan.brings(records.coming(manifest.digest_of(data), parsed), references)
    if pause and layout.without_groups():  # else nobody without root could commit a running one
        pause = False
        if status.now(engine.paths, record["id"])["status"] == "running":
            plan.warnings.append("the container is not paused: " + layout.no_group("pause"))

    def take() -> None:
        with frozen(engine, record) if pause else contextlib.nullcontext():
            ident = _take(engine, record, base, document, references)
        more = {"imageID": ident, "comment": comment or ""}
        if references:
            more["imageRef"] = images.familiar(references[0])
        images.tell_tags(engine, ident, references)
        run_events.tell_of(engine.paths, record["id"], "commit", **more)
        plan.is_there(images.get(engine, ident))
        plan.coming = None  # it may have gone on since it was looked at

    _add_commit(plan, record, references, take)
    return plan


def _add_commit(
    plan: ImagePlan, record: Record, references: list[str], take: Callable[[], None]
) -> None:
    plan.unknown = True
    query = "SELECT image FROM tags WHERE reference = ?"
    row = plan.engine.db.one(query, references[0]) if references else None
    name = f" as image {images.familiar(references[0])}" if references else ""
    plan.add(
        "image", row and row["image"], "committed", f"commit container {record['name']}{name}", take
    )


def _when_whole(
    plan: ImagePlan,
    base: dict[str, Any],
    lost: list[str],
    record: Record,
    again: Callable[[], ImagePlan],
) -> ImagePlan:
    """Make the plan where the container's image has to be repaired first.

    :param again: called then, for what is left to do.
    """

    def go() -> None:
        late = again()
        late.apply()
        plan.is_there(late.record())

    images.add_repair(plan, plan.engine, lost)
    plan.unknown = True
    plan.is_there(base).add(
        "image", base["id"], "committed", f"commit container {record['name']}", go
    )
    return plan


# ----------------------------------------------------------------------------------------- document


def _configuration(
    engine: Engine,
    record: Record,
    base: dict[str, Any],
    change: Callable[[dict[str, Any]], None] | None,
) -> dict[str, Any]:
    """Return the image's ``config``, with what the container was made with over it."""
    config, definition = copy.deepcopy(base["config"]["config"]), record["definition"]
    config.pop("OnBuild", None)  # is for who builds on the base
    if "entrypoint" in definition or "command" in definition:
        config["Cmd"] = process_options.words(definition, config)
    if "entrypoint" in definition:
        config["Entrypoint"] = definition["entrypoint"]
    if definition.get("env"):
        env = dict(entry.partition("=")[::2] for entry in config.get("Env") or ())
        config["Env"] = [f"{key}={value}" for key, value in {**env, **definition["env"]}.items()]
    if definition.get("labels"):
        config["Labels"] = dict(config.get("Labels") or {}, **definition["labels"])
    for option, key in (
        ("user", "User"),
        ("working_dir", "WorkingDir"),
        ("stop_signal", "StopSignal"),
    ):
        if definition.get(option):
            config[key] = definition[option]
    ports = set(definition.get("exposed_ports", ())) | {
        f"{port['container_port']}/{port['protocol']}"
        for port in definition.get("published_ports", ())
    }
    _add(config, "ExposedPorts", ports)
    _add(
        config,
        "Volumes",
        {
            mount["target"]
            for mount in storage.mounts_of(definition)
            if mount["type"] == "volume" and not mount["source"]
        },
    )
    if "healthcheck" in definition:
        config["Healthcheck"] = _healthcheck(
            container_files.read_run(engine, record["id"]).get("health")
        )
    if change is not None:
        change(config)
    return {key: value for key, value in config.items() if value not in (None, "", [], {})}


def _add(config: dict[str, Any], key: str, entries: set[str]) -> None:
    if entries:
        config[key] = dict(config.get(key) or {}, **{entry: {} for entry in sorted(entries)})


def _healthcheck(health: HealthCheck | None) -> dict[str, Any]:
    if health is None:
        return {"Test": ["NONE"]}
    return {
        "Test": health["test"],
        "Retries": health["retries"],
        "Interval": _nanoseconds(health["interval"]),
        "Timeout": _nanoseconds(health["timeout"]),
        "StartPeriod": _nanoseconds(health["start_period"]),
        "StartInterval": _nanoseconds(health["start_interval"]),
    }


def _nanoseconds(seconds: float) -> int:
    return int(seconds * 1000000000)


def _command(engine: Engine, record: Record) -> str:
    return " ".join(container_files.read_config(engine, record["id"])["process"]["args"])


def _document(
    record: Record,
    base: dict[str, Any],
    config: dict[str, Any],
    author: str | None,
    comment: str | None,
    command: str,
) -> dict[str, Any]:
    """Make the configuration of the coming image, without its layer."""
    document = {
        key: value
        for key, value in base["config"].items()
        if key in ("architecture", "os", "variant", "os.version", "os.features", "author")
    }
    now = (
        datetime.datetime.now(datetime.timezone.utc)
        .isoformat(timespec="microseconds")
        .replace("+00:00", "Z")
    )
    entry = {"created": now, "created_by": command}
    if author:
        document["author"] = entry["author"] = author
    if comment:
        entry["comment"] = comment
    history = list(base["config"].get("history") or ()) + [entry]
    return dict(
        document,
        created=now,
        config=config,
        history=history,
        rootfs={"type": "layers", "diff_ids": base["layers"]},
    )


def _with_layer(document: dict[str, Any], diff_id: str) -> bytes:
    """Write the configuration with the layer of the container's changes; nothing changed is no
    layer.
    """
    document = copy.deepcopy(document)
    if diff_id == EMPTY:
        document["history"][-1]["empty_layer"] = True
    else:
        document["rootfs"]["diff_ids"].append(diff_id)
    count = len(document["rootfs"]["diff_ids"])
    if count > manifest.MAX_LAYERS:
        raise Unsupported(
            f"the image would have {count} layers; overlayfs takes at most {manifest.MAX_LAYERS} "
            "(pycontainer image squash merges some)"
        )
    return json.dumps(document, separators=(",", ":"), sort_keys=True, ensure_ascii=False).encode(
        "utf-8", "surrogateescape"
    )


def _same(engine: Engine, references: list[str], data: bytes) -> dict[str, Any] | None:
    """Find an image of the store that is the same but for the time when it was made.

    One that has the name comes first. None: there is none.
    """
    wanted = _timeless(
        json_reader.load(data, "the image's configuration", size=manifest.MAX_CONFIG)
    )
    named = [
        row["image"]
        for full in references
        for row in engine.db.all("SELECT image FROM tags WHERE reference = ?", full)
    ]
    for ident in named + [
        row["id"] for row in engine.db.all("SELECT id FROM images ORDER BY added DESC")
    ]:
        try:
            found = images.find(engine, ident)
        except HostError:  # another image, which is damaged
            continue
        if found is not None and found["layers"] == wanted["rootfs"]["diff_ids"]:
            document = json_reader.load(
                engine.blobs.read(ident),
                f"the configuration of image {ident[:19]}",
                size=manifest.MAX_CONFIG,
            )
            if _timeless(document) == wanted:
                return found
    return None


def _timeless(document: dict[str, Any]) -> dict[str, Any]:
    document = dict(document, created=None)
    history = document.get("history") or []
    if history:
        document["history"] = history[:-1] + [dict(history[-1], created=None)]
    return document


# -------------------------------------------------------------------------------------------- layer


def _diff_id(engine: Engine, record: Record) -> str:
    checksum = hashlib.sha256()
    with changes.changes(engine, record) as (upper, found):
        for piece in difference.archive_of(upper, found):
            checksum.update(piece)
    return "sha256:" + checksum.hexdigest()


def _take(
    engine: Engine,
    record: Record,
    base: dict[str, Any],
    document: dict[str, Any],
    references: list[str],
) -> str:
    source, layers = (
        manifest.parse(engine.blobs.read(base["manifest"]), base["id"]),
        images.kept_layers(engine, base),
    )
    diff_id = _diff_id(engine, record)
    data = _with_layer(document, diff_id)
    with changes.changes(engine, record) as (upper, found):
        if diff_id != EMPTY:
            layers.append(ingest.Layer(diff_id, lambda: difference.archive_of(upper, found)))
        described = {"digest": manifest.digest_of(data), "size": len(data)}
        docker = source["mediaType"] == manifest.DOCKER_MANIFEST or manifest.needs_docker(
            document["config"]
        )
        engine.progress.subject(f"Committing {record['name']}")
        return ingest.take(
            engine,
            f"the image of container {record['name']}",
            data,
            layers,
            manner=ingest.LOAD,
            references=references,
            build_manifest=lambda stored: manifest.build(described, stored, docker=docker),
        )


@contextlib.contextmanager
def frozen(engine: Engine, record: Record) -> Iterator[None]:
    """In the block, have a running container stand still; one that is paused already stays so."""
    if status.now(engine.paths, record["id"])["status"] != "running":
        yield
        return
    with engine.operations.record("freeze-container", id=record["id"]):
        monitor_client.pause(engine.paths, record["id"])
        try:
            yield
        finally:
            monitor_client.unpause(engine.paths, record["id"])
