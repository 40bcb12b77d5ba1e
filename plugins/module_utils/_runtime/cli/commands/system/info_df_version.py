# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""``info``, ``system df`` and ``version``."""

from __future__ import annotations

import collections
import json
import platform

from .... import containers, images, registry, units, volumes
from ....builds.cache import cache_mounts
from ....deploy.fingerprint import VERSION
from ....host import disk_use, docker_info
from ....host import info as host
from ... import tables, templates

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from ....engine import Engine
    from ...grammar import Given
    from ...session import Session


DF_COLUMNS = [("TYPE", "Type"), ("TOTAL", "TotalCount"), ("ACTIVE", "Active"), ("SIZE", "Size")]


def _say_as(session: Session, format: str, facts: Mapping[str, Any]) -> None:
    """Say facts as JSON or by a template."""
    as_json = format == "json"
    text = json.dumps(facts, sort_keys=True) if as_json else templates.fill(format, facts)
    session.say(*text.split("\n"))


def info(session: Session, given: Given) -> None:
    facts = host.info(session.engine)
    facts.update(facts.pop("host_info"))  # whose keys a template of Docker's users names
    if given.format is not None:
        _say_as(session, given.format, facts)
        return
    for part in ("counts", "host"):
        session.say(
            *[
                f"{key.replace('_', ' ').capitalize()}: {value}"
                for key, value in facts[part].items()
            ]
        )
    session.say(
        "Policy: " + _policy(facts["policy"]),
        "Registries: " + (facts["registries"]["error"] or facts["registries"]["path"] or "no file"),
    )
    session.say(
        "Missing:" if facts["missing"] else "Missing: nothing",
        *[" " + line for line in facts["missing"]],
    )


def _policy(policy: dict[str, Any]) -> str:
    if not policy["found"]:
        return "none, every image is accepted"
    return policy["error"] or (
        f"{policy['path']}, by default {' and '.join((item['type'] for item in policy['default']))}"
    )


def df(session: Session, given: Given) -> None:
    engine = session.engine
    if given.verbose:
        _df_verbose(session, given)
        return
    used = disk_use.disk(engine)
    records = containers.every(engine)
    running = [
        record
        for record in records
        if containers.status(engine.paths, record["id"])["status"] in ("running", "paused")
    ]
    every_image, every_volume = images.listing(engine, everything=True), volumes.listing(engine)
    in_use = {record["image"] for record in records}
    rows = [
        (
            "Images",
            len(every_image),
            len([image for image in every_image if image["Id"] in in_use]),
            used["layers"] + used["blobs"],
        ),
        ("Containers", len(records), len(running), used["containers"]),
        (
            "Volumes",
            len(every_volume),
            len([volume for volume in every_volume if volume["users"]]),
            used["volumes"],
        ),
        (
            "Registries",
            len(registry.services(engine)),
            len([row for row in registry.services(engine) if row["state"] == "started"]),
            used["registries"],
        ),
    ]
    session.listing(
        tables.formatted(
            [
                {"Type": kind, "TotalCount": total, "Active": active, "Size": tables.size(size)}
                for kind, total, active, size in rows
            ],
            DF_COLUMNS,
            given.format,
        )
    )


IMAGE_COLUMNS = [
    ("REPOSITORY", "Repository"),
    ("TAG", "Tag"),
    ("IMAGE ID", "ID"),
    ("CREATED", "CreatedSince"),
    ("SIZE", "Size"),
    ("SHARED SIZE", "SharedSize"),
    ("UNIQUE SIZE", "UniqueSize"),
    ("CONTAINERS", "Containers"),
]
CONTAINER_COLUMNS = [
    ("CONTAINER ID", "ID"),
    ("IMAGE", "Image"),
    ("COMMAND", "Command"),
    ("LOCAL VOLUMES", "LocalVolumes"),
    ("SIZE", "Size"),
    ("CREATED", "RunningFor"),
    ("STATUS", "Status"),
    ("NAMES", "Names"),
]
VOLUME_COLUMNS = [("VOLUME NAME", "Name"), ("LINKS", "Links"), ("SIZE", "Size")]
CACHE_COLUMNS = [("CACHE ID", "ID"), ("TYPE", "CacheType"), ("SIZE", "Size"), ("LAST USED", "Used")]


def _df_verbose(session: Session, given: Given) -> None:
    """Say what each object takes: as tables, or with ``--format`` as one document."""
    usage = docker_info.usage(session.engine)
    parts = {
        "Images": ("Images space usage:", _image_rows(session.engine, usage), IMAGE_COLUMNS),
        "Containers": ("Containers space usage:", _container_rows(usage), CONTAINER_COLUMNS),
        "Volumes": ("Local Volumes space usage:", _volume_rows(usage), VOLUME_COLUMNS),
        "BuildCache": ("Build cache usage:", _cache_rows(session.engine), CACHE_COLUMNS),
    }
    if given.format is not None:
        whole = {name: rows for name, (_title, rows, _columns) in parts.items()}
        _say_as(session, given.format, whole)
        return
    for number, (title, rows, columns) in enumerate(parts.values()):
        session.say(*[""] * bool(number), title, "")
        session.listing(tables.formatted(rows, columns, None))


def _image_rows(engine: Engine, usage: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the images; of their sizes, how much others have as well, and how much no other has."""
    layers = {
        image["Id"]: set(images.inspect(engine, image["Id"])["RootFS"]["Layers"])
        for image in usage["Images"]
    }
    sizes = {
        row["diff_id"]: row["size"] for row in engine.db.all("SELECT diff_id, size FROM layers")
    }
    count = collections.Counter(layer for own in layers.values() for layer in own)
    rows = []
    for image in usage["Images"]:
        own = layers[image["Id"]]
        shared = sum(sizes.get(layer, 0) for layer in own if count[layer] > 1)
        unique = sum(sizes.get(layer, 0) for layer in own if count[layer] == 1)
        for name in image["RepoTags"] or ["<none>:<none>"]:
            repository, _colon, tag = name.rpartition(":")
            rows.append(
                {
                    "Repository": repository,
                    "Tag": tag,
                    "ID": image["Id"].partition(":")[2][:12],
                    "CreatedSince": units.ago(image["Created"]) + " ago"
                    if image["Created"] > 0
                    else "N/A",
                    "Size": tables.size(shared + unique, 3),
                    "SharedSize": tables.size(shared, 3),
                    "UniqueSize": tables.size(unique, 3),
                    "Containers": str(image["Containers"]),
                }
            )
    return rows


def _container_rows(usage: dict[str, Any]) -> list[dict[str, Any]]:
    return [
        {
            "ID": entry["Id"][:12],
            "Image": entry["Image"],
            "Command": '"%s"' % entry["Command"],
            "LocalVolumes": str(len([m for m in entry["Mounts"] if m["Type"] == "volume"])),
            "Size": tables.size(entry["SizeRw"], 3),
            "RunningFor": units.ago(entry["Created"]) + " ago",
            "Status": entry["Status"],
            "Names": entry["Names"][0].lstrip("/"),
        }
        for entry in usage["Containers"]
    ]


def _volume_rows(usage: dict[str, Any]) -> list[dict[str, Any]]:
    return [
        {
            "Name": entry["Name"],
            "Links": str(entry["UsageData"]["RefCount"]),
            "Size": tables.size(entry["UsageData"]["Size"], 3),
        }
        for entry in usage["Volumes"]
    ]


def _cache_rows(engine: Engine) -> list[dict[str, Any]]:
    return [
        {
            "ID": name.rpartition(" ")[0],
            "CacheType": "exec.cachemount",
            "Size": tables.size(cache_mounts.size(path), 3),
            "Used": units.ago(cache_mounts.used_at(path)) + " ago",
        }
        for name, path in cache_mounts.listing(engine)
    ]


def version(session: Session, given: Given) -> None:
    facts = {
        "Version": VERSION,
        "KernelVersion": platform.release(),
        "PythonVersion": platform.python_version(),
        "Os": "linux",
        "Arch": platform.machine(),
    }
    if given.format is not None:
        session.listing(tables.formatted([facts], [], given.format))
        return
    session.say(*[f"{key + ':':16}{value}" for key, value in facts.items()])
