# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A container's files in the data store: config.json, run.json, hosts, hostname, resolv.conf.

Each is written whole, by one rename.
"""

from __future__ import annotations

import contextlib
import os

from ... import networks, volumes
from ...errors import HostError, InvalidInput
from ...kernel import cgroups
from ...kernel.isolation import apparmor
from ...store.atomic_files import Damaged, read_json, write_json, write_whole
from ...untrusted import files
from ..options import device_options, network_options, process, restart_and_health, storage
from ..records import container_image as images
from ..records import log_document, network_names
from . import (
    config_json,
    confinement,
    container_mounts,
    own_annotations,
    run_file,
    selinux_labels,
    shared_namespaces,
    surroundings,
    user_namespaces,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, TypedDict

    from ...engine import Engine
    from ...networks.container_links import Attachment
    from ...networks.publish import Port
    from ...oci.spec.config_types import Config, Seccomp
    from ...options.rows import Definition
    from ..options.storage import Mount
    from ..records.catalog import Record
    from ..records.log_document import Log
    from ..records.run_events import NetworkFacts, RunEvents, VolumeFacts
    from .run_file import RunFile, ShownImage

    class Reserved(TypedDict):
        """What networks/ reserved for a container: ``network`` of run.json without its mode."""

        attachments: list[Attachment]
        ports: list[Port]


STOP_TIMEOUT = 10  # seconds, Docker's
RESOLVER = "resolv.conf"
# What was written into hosts, hostname and resolv.conf: ``{name: text}``. A container may edit them.
WRITTEN = "written.json"
# The published ports that a container is to get from the one whose place it takes.
COMING = "coming_ports.json"
ENVIRONMENT = "environment.json"  # what env_host and http_proxy took
PROXIES = ("http_proxy", "https_proxy", "ftp_proxy", "no_proxy", "all_proxy")
LARGEST = 1 << 20  # bytes of one that is looked at


def write(
    engine: Engine,
    record: Record,
    reserved: Reserved,
    volume_names: dict[str, str],
    durable: bool = True,
) -> None:
    """Write everything about a container anew from its record.

    :param reserved: its addresses and ports. :param volume_names: ``{target: volume}`` for its
        volumes without a name.
    """
    directory, definition = engine.paths.container(record["id"]), record["definition"]
    image = images.config(engine, record["image"])
    resolved = shared_namespaces.resolve(engine, definition, record["name"])
    maps, other = user_namespaces.maps(engine, record, resolved)
    joins = dict(resolved, user=other) if other else resolved
    host = surroundings.Surroundings(
        directory,
        engine.paths.container_run(record["id"]),
        mounts=_mounts(engine, definition, image, volume_names),
        joins=joins,
        swap=swap(),
        maps=maps,
        apparmor=apparmor.default()[0],
        architecture=images.architecture(engine, record["image"]),
        environment=_environment(directory, definition),
    )
    if definition.get("timezone"):
        _keep_zone(directory, definition["timezone"])
    config = config_json.config(record["id"], definition, image, host)
    if device_options.wants_described(definition):
        from ..devices import cdi_edits  # few containers have such a device

        root = os.path.join(host.run, "rootfs")
        cdi_edits.Edits(definition).put_into(config, own_annotations.GROUPS, root)
    selinux_labels.put_into(config, selinux_labels.of(engine, record, resolved))
    layers = images.layers(engine, record["image"])
    run = run_document(record, image, layers, reserved, resolved)
    run["network"].update(network_names.document(engine, record, reserved["attachments"]))
    shown = _images(engine, record)
    if shown:
        run["images"] = shown
    run["events"] = _event_facts(engine, record, image, reserved, volume_names)
    _put_all(directory, network_names.texts(engine, record, run["network"]), kept=True)
    write_json(os.path.join(directory, "config.json"), config, durable)
    run_file.write(engine.paths, record["id"], run, durable)


def _environment(directory: str, definition: Definition) -> dict[str, str]:
    """Return the variables of this process that go into a container.

    They are kept with it, as who writes its documents next has others.
    """
    everything = definition.get("env_host")
    if not everything and not definition.get("http_proxy"):
        return {}
    path = os.path.join(directory, ENVIRONMENT)
    found: dict[str, str] | None = read_json(path)
    if found is None:
        found = {
            key: value
            for key, value in os.environ.items()
            if (everything or key.lower() in PROXIES) and _is_text(key + value)
        }
        write_json(path, found, durable=False)
    return found


def _is_text(word: str) -> bool:
    """Tell whether a text can stand in JSON: it has no bytes that are no UTF-8."""
    try:
        word.encode()
    except UnicodeError:
        return False
    return True


def _keep_zone(directory: str, name: str) -> None:
    """Write the time zone that is mounted into the container, where it is not there yet."""
    path = os.path.join(directory, container_mounts.ZONE)
    if not os.path.exists(path):
        write_whole(path, process.zone(name), mode=0o644, durable=False)


def _event_facts(
    engine: Engine,
    record: Record,
    image: dict[str, Any],
    reserved: Reserved,
    volume_names: dict[str, str],
) -> RunEvents:
    """Return what a container's events say of it: its monitor has no database to look it up."""
    definition = record["definition"]
    attached: dict[str, NetworkFacts] = {}
    for entry in reserved["attachments"]:
        config = networks.get(engine, entry["network"])
        if config is not None:
            attached[entry["network"]] = {"id": config["id"], "driver": config["driver"]}
    mounted: list[VolumeFacts] = [
        {
            "name": entry["source"] or volume_names[entry["target"]],
            "destination": entry["target"],
            "propagation": entry["propagation"],
            "read_only": entry["read_only"],
        }
        for entry in wanted_volumes(definition, image)
        if entry["type"] == "volume"
    ]
    labels = dict(image.get("Labels") or {}, **definition.get("labels", {}))
    return {
        "image": definition.get("image") or "",
        "labels": labels,
        "networks": attached,
        "volumes": mounted,
    }


def run_document(
    record: Record,
    image: dict[str, Any],
    layers: list[str],
    reserved: Reserved,
    joins: dict[str, str],
) -> RunFile:
    """Make run.json of a record.

    :param image: its image's config. :param layers: absolute paths, topmost first.
    :param reserved: addresses and ports. :param joins: ``{kind: id}``, see own_annotations.joins.
    """
    definition = record["definition"]
    mode = (
        "container:" + joins["network"]
        if "network" in joins
        else network_options.mode_of(definition)
    )
    health: Any = restart_and_health.health(
        definition, image.get("Healthcheck"), image.get("Shell")
    )
    timeout = definition.get("stop_timeout")
    return {
        "id": record["id"],
        "name": record["name"],
        "layers": layers,
        "network": {
            "mode": mode,
            "attachments": reserved["attachments"],
            "ports": reserved["ports"],
        },
        "log": _log(record, image),
        "restart": {
            "policy": definition.get("restart_policy", "no"),
            "retries": definition.get("restart_retries") or None,
        },
        "health": health,
        "stop": {
            "signal": _stop_signal(definition, image),
            "timeout": STOP_TIMEOUT if timeout is None else timeout,
        },
        "init": definition.get("init", False),
        "tty": definition.get("tty", False),
        "interactive": definition.get("interactive", False),
        "auto_remove": definition.get("auto_remove", False),
    }


def _log(record: Record, image: dict[str, Any]) -> Log:
    definition = record["definition"]
    return log_document.document(
        record,
        image,
        config_json.environment(record["id"], definition, image),
        config_json.arguments(definition, image),
    )


def _stop_signal(definition: Definition, image: dict[str, Any]) -> str:
    own: str | None = definition.get("stop_signal")
    if own:
        return own
    if not image.get("StopSignal"):
        return "SIGRTMIN+3" if config_json.systemd(definition, image) else "SIGTERM"
    named: str = process.stop_signal(image["StopSignal"], "the image's StopSignal")
    return named


def confine(engine: Engine, record: Record) -> None:
    """Give a container the confinement that it would get if it were made now.

    That is the AppArmor profile, the SELinux labels and the seccomp filter. This boot may be
    another, or the container was made by an older version or on an older kernel. The profile is
    loaded, and what the container is to use is labelled for it.

    :raises HostError: a profile or label can't be had.
    """
    config = read_config(engine, record["id"])
    if "process" not in config:
        return  # the start will say so
    profile = confinement.apparmor(record["definition"], apparmor.default()[0])
    labels = selinux_labels.of(engine, record, own_annotations.joins(config))
    changed = selinux_labels.put_into(config, labels)
    seccomp = _filter(engine, record)
    if config["linux"].get("seccomp") != seccomp:
        config["linux"].pop("seccomp", None)
        config["linux"].update({"seccomp": seccomp} if seccomp else {})
        changed = True
    if config["process"].get("apparmorProfile") != profile:
        config["process"].pop("apparmorProfile", None)
        config["process"].update({"apparmorProfile": profile} if profile else {})
        changed = True
    if changed:
        write_json(os.path.join(engine.paths.container(record["id"]), "config.json"), config)
    apparmor.ensure(profile)
    if labels is not None:
        selinux_labels.relabel(engine, record, labels, mounted_volumes(engine, record["id"]))


def renew_devices(engine: Engine, record: Record) -> None:
    """Write a container's documents with its CDI devices as the host describes them now.

    A driver's update moves what they mount.

    :raises HostError: a device is not there any more.
    """
    if device_options.wants_described(record["definition"]):
        ident = record["id"]
        try:
            write(engine, record, reserved(engine, ident), mounted_volumes(engine, ident))
        except InvalidInput as error:
            raise HostError(f"container {record['name']} can't start: {error}") from None


def _filter(engine: Engine, record: Record) -> Seccomp | None:
    definition, host = (
        record["definition"],
        surroundings.Surroundings(
            "", "", architecture=images.architecture(engine, record["image"])
        ),
    )
    return confinement.seccomp(
        definition,
        confinement.capabilities(definition),
        host.kernel,
        host.machine,
        host.architecture,
    )


def read_run(engine: Engine, ident: str) -> RunFile:
    """Read run.json; an empty document where there is none."""
    return run_file.read_or_empty(engine.paths, ident)


def read_config(engine: Engine, ident: str) -> Config:
    """Read config.json; an empty document where there is none."""
    return read_json(os.path.join(engine.paths.container(ident), "config.json"), {})


def with_terminal(engine: Engine, ident: str) -> bool:
    """Tell whether a container has a terminal."""
    return bool(read_run(engine, ident).get("tty"))


def with_systemd(engine: Engine, record: Record) -> bool:
    """Tell whether a container is set up for systemd as its process 1."""
    return config_json.systemd(record["definition"], images.config(engine, record["image"]))


def swap() -> bool:
    """Tell whether this host accounts for swap, so that Docker's default limit on it can be set."""
    return not cgroups.check({"memory": {"limit": 1 << 30, "swap": 1 << 31}})


def wanted_volumes(definition: Definition, image: dict[str, Any]) -> list[Mount]:
    """Return the mounts of a container in normal form, the image's VOLUMEs included."""
    mounts = storage.mounts_of(definition)
    taken = {entry["target"] for entry in mounts} | {
        entry.partition(":")[0] for entry in definition.get("tmpfs", ())
    }
    for target in sorted(image.get("Volumes") or {}):
        path = storage.target(target, "the image's VOLUME")
        if path not in taken:
            mounts.append(storage.mount("volume", "", path))
    return mounts


def _mounts(
    engine: Engine, definition: Definition, image: dict[str, Any], volume_names: dict[str, str]
) -> list[Mount]:
    found: list[Mount] = []
    for entry in wanted_volumes(definition, image):
        if entry["type"] == "volume":
            name = entry["source"] or volume_names[entry["target"]]
            entry = {**entry, "source": volumes.path(engine, name)}
        found.append(entry)
    return found


def _images(engine: Engine, record: Record) -> dict[str, ShownImage]:
    """Return what a start needs of the images that a container mounts."""
    found: dict[str, ShownImage] = {}
    shown = storage.images_of(record["definition"])
    for entry in shown:
        found[entry["target"]] = {
            "layers": images.layers(engine, entry["image"]),
            "place": container_mounts.image_place(
                engine.paths.container(record["id"]), shown, entry
            ),
            "subpath": entry.get("subpath", ""),
            "read_only": entry["read_only"],
        }
    return found


def reserved(engine: Engine, ident: str) -> Reserved:
    """Return what networks/ reserved for a container, by its run.json."""
    network_part = read_run(engine, ident).get("network", {})
    return {
        "attachments": network_part.get("attachments", []),
        "ports": network_part.get("ports", []),
    }


def coming_ports(engine: Engine, ident: str) -> list[Port]:
    """Return the published ports that a container that was made beside another one is to have."""
    found: list[Port] | None = read_json(os.path.join(engine.paths.container(ident), COMING))
    return reserved(engine, ident)["ports"] if found is None else found


def write_coming(engine: Engine, ident: str, ports: list[Port]) -> None:
    """Write down what :func:`coming_ports` returns."""
    write_json(os.path.join(engine.paths.container(ident), COMING), ports)


def forget_coming(engine: Engine, ident: str) -> None:
    """Remove what :func:`write_coming` wrote: it is so by now."""
    with contextlib.suppress(FileNotFoundError):
        os.unlink(os.path.join(engine.paths.container(ident), COMING))


def rename(engine: Engine, record: Record, name: str) -> None:
    """Change the name in run.json: messages of the monitor use it, and others find it by it."""
    renamed: Record = {**record, "name": name}
    run = read_run(engine, record["id"])
    run["name"] = name
    run["log"] = _log(renamed, images.config(engine, record["image"]))
    run["network"].update(
        network_names.document(engine, renamed, run["network"].get("attachments", []))
    )
    run_file.write(engine.paths, record["id"], run)


def refresh_names(engine: Engine, record: Record) -> None:
    """Write what a start needs of names as it is now, where it is not so already.

    As with Docker, a resolv.conf that was edited in the container stays; the other files are made
    anew.

    The host's resolvers, or the addresses of links, may be others than when the container was made,
    or an older version has made it.
    """
    directory = engine.paths.container(record["id"])
    run = read_run(engine, record["id"])
    if "network" not in run:
        return  # the start will say so
    found = network_names.document(engine, record, run["network"].get("attachments", []))
    if any(run["network"].get(key) != value for key, value in found.items()):
        run["network"].update(found)
        run_file.write(engine.paths, record["id"], run, durable=False)
    _put_all(directory, network_names.texts(engine, record, run["network"]), kept=False)


def mounted_volumes(engine: Engine, ident: str) -> dict[str, str]:
    """Return the volumes that a container has by its documents, named ones too: ``{target:
    volume}``.
    """
    below = engine.paths.volumes + "/"
    return {
        entry["destination"]: entry["source"][len(below) :].partition("/")[0]
        for entry in read_config(engine, ident).get("mounts", ())
        if entry["type"] == "bind" and entry["source"].startswith(below)
    }


def known_volumes(engine: Engine, ident: str) -> list[str]:
    """Return the names of a container's volumes, sorted, as far as its documents can be read."""
    try:
        return sorted(mounted_volumes(engine, ident).values())
    except (Damaged, AttributeError, KeyError, TypeError):
        return []


def own_volumes(engine: Engine, record: Record) -> list[str]:
    """Return the volumes that may go with a container: those that it does not mount by their names,
    as Docker has it.
    """
    definition = record["definition"]
    named = {
        entry["source"]
        for entry in (*definition.get("volumes", ()), *definition.get("mounts", ()))
        if entry["type"] == "volume"
    }
    return [name for name in known_volumes(engine, record["id"]) if name not in named]


def _put_all(directory: str, texts: dict[str, str], kept: bool) -> None:
    """Write hosts, hostname and resolv.conf.

    :param kept: leave a file that was edited in the container, unless there is something new to
        say; resolv.conf is left in any case.
    """
    place = os.path.join(directory, WRITTEN)
    written: dict[str, str] = read_json(place, {})
    known = dict(written)
    for name, text in texts.items():
        path, before = os.path.join(directory, name), written.get(name)
        there = before is not None and os.path.exists(path)
        if there and ((kept and text == before) or (name == RESOLVER and _edited(path, before))):
            continue
        if written.pop(name, text) != text:
            # Or who is killed halfway would leave what looks edited.
            write_json(place, written, durable=False)
            known = dict(written)
        _put(path, text)
        written[name] = text
    if written != known:
        write_json(place, written, durable=False)


def _edited(path: str, before: str | None) -> bool:
    """Tell whether a file of a container is another one than was written."""
    try:
        return files.read(path, LARGEST) != (before or "").encode()
    except files.Unacceptable:
        return True


def _put(path: str, text: str) -> None:
    """Write into the file that is there: the container, into which it is bind-mounted, would not
    see another.
    """
    if os.path.exists(path):
        with open(path, "r+") as file:
            file.write(text)
            file.truncate()
    else:
        write_whole(path, text, mode=0o644, durable=False)
