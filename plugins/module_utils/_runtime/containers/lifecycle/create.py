# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Create a container: its directory, volumes, addresses and documents first, its row last.

Without a row it is not there; what a killed task made of it is removed by ``recovery``.
"""

from __future__ import annotations

import contextlib
import os
import secrets

from ... import networks, volumes
from ...errors import Conflict, HostError, reason
from ...kernel.files import project_quota
from ...kernel.mounts import overlay
from ...store.database import now
from ..options import network_options, storage
from ..records import catalog, port_bindings, run_events
from ..records import container_image as images
from ..spec import container_files, container_mounts, shared_namespaces, user_namespaces
from . import remove

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

    from ...engine import Engine
    from ...networks.publish import Port
    from ...options.rows import Definition
    from ..options.storage import Mount
    from ..records.catalog import Record
    from ..spec.container_files import Reserved


def create(
    engine: Engine,
    name: str,
    definition: Definition,
    image: str | None,
    wanted: str = "created",
    replaces: str | None = None,
    keep: dict[str, str] | None = None,
    beside: bool = False,
) -> Record:
    """Make a container, without starting it; returns its record.

    :param image: image id. :param wanted: what it is to be (Record.wanted).
    :param replaces: id of a container whose addresses and published ports it will get later
        (replace.py); it gets none now.
    :param beside: it runs beside that one: it has addresses of its own, and those published ports
        that the other one has not.
    :param keep: ``{target: volume}``: anonymous volumes of a container that it takes the place of.
    :raises Conflict, HostError: nothing is left then.
    """
    record: Record = {
        "id": secrets.token_hex(32),
        "name": name,
        "definition": definition,
        "image": image,
        "wanted": wanted,
        "created": now(),
    }
    unnamed = _unnamed(engine, record, keep or {})
    coming = sorted(name for name in unnamed.values() if volumes.get(engine, name) is None)
    with engine.operations.record("create-container", id=record["id"], volumes=coming):
        try:
            _directory(engine, record)
            host_directories(record)
            _image_directories(engine, record)
            _volumes(engine, record, unnamed)
            user_namespaces.assign(
                engine,
                record,
                images.config(engine, image),
                shared_namespaces.resolve(engine, definition, name),
            )
            reserved: Reserved = {"attachments": [], "ports": []}
            if beside or not replaces:
                reserved = reserve(engine, record["id"], definition, image, later=replaces)
            container_files.write(engine, record, reserved, unnamed)
            catalog.add(engine, record)
        except BaseException:
            undo(engine, record["id"], coming)
            raise
    run_events.tell_of(engine.paths, record["id"], "create")
    return record


def undo(engine: Engine, ident: str, anonymous: Iterable[str]) -> None:
    """Remove what was made of a container that has no row.

    :param anonymous: the names of the volumes made for it alone.
    """
    with engine.db.freeing():
        networks.release(engine, ident)
        networks.release_ports(engine, ident)
        user_namespaces.release(engine, ident)
        remove.directories(engine, ident)
        volumes.drop_anonymous(engine, anonymous)


def _directory(engine: Engine, record: Record) -> None:
    """Make the container's directory; its writable layer gets the owner and mode of the image's
    root.
    """
    directory = engine.paths.container(record["id"])
    os.mkdir(directory, 0o700)
    layer = [os.path.join(directory, name) for name in ("upper", "work")]
    for path in layer:
        os.mkdir(path, 0o700)
    size = record["definition"].get("storage_opts", {}).get("size")
    if size:  # both: overlayfs makes files in the one and moves them into the other
        project_quota.bound(layer, size)
    layers = images.layers(engine, record["image"])
    info = overlay.root_status(layers[0]) if layers else None
    upper = layer[0]
    os.chown(upper, info.st_uid if info else 0, info.st_gid if info else 0)
    os.chmod(upper, info.st_mode & 0o7777 if info else 0o755)


def _image_directories(engine: Engine, record: Record) -> None:
    """Make a directory for each image that it mounts, with a writable layer where it is to be."""
    shown = storage.images_of(record["definition"])
    directory = engine.paths.container(record["id"])
    for entry in shown:
        place = container_mounts.image_place(directory, shown, entry)
        os.makedirs(place, 0o755)
        if not entry["read_only"]:
            upper = os.path.join(place, "upper")
            for path in (upper, os.path.join(place, "work")):
                os.mkdir(path, 0o700)
            info = overlay.root_status(images.layers(engine, entry["image"])[0])
            os.chown(upper, info.st_uid, info.st_gid)
            os.chmod(upper, info.st_mode & 0o7777)


def host_directories(record: Record) -> None:
    """Make the directories of the host that mounts with ``create_mountpoint`` show.

    :raises HostError: one can't be made.
    """
    for entry in storage.mounts_of(record["definition"]):
        if entry.get("create_mountpoint") and not os.path.exists(entry["source"]):
            try:
                _make_all(entry["source"])
            except OSError as error:
                raise HostError(
                    f"container {record['name']}: can't make {entry['source']} of the host, which "
                    f"it mounts: {reason(error, named=True)}"
                ) from None


def _make_all(path: str) -> None:
    """Make a directory and those above it, with mode 0755 whatever the umask."""
    above = os.path.dirname(path)
    if not os.path.isdir(above):
        _make_all(above)
    with contextlib.suppress(FileExistsError):  # of another task
        os.mkdir(path)
        os.chmod(path, 0o755)


def _wanted(engine: Engine, record: Record) -> list[Mount]:
    """Return the mounts that are volumes, in normal form."""
    return [
        entry
        for entry in container_files.wanted_volumes(
            record["definition"], images.config(engine, record["image"])
        )
        if entry["type"] == "volume"
    ]


def _unnamed(engine: Engine, record: Record, keep: dict[str, str]) -> dict[str, str]:
    """Name the anonymous volumes: ``{target: name}``. Those in ``keep`` that still exist stay."""
    return {
        entry["target"]: keep[entry["target"]]
        if volumes.get(engine, keep.get(entry["target"]))
        else secrets.token_hex(32)
        for entry in _wanted(engine, record)
        if not entry["source"]
    }


def _volumes(engine: Engine, record: Record, unnamed: dict[str, str]) -> None:
    """Make the volumes that are missing and fill the empty ones."""
    layers = images.layers(engine, record["image"])
    for entry in _wanted(engine, record):
        name = volumes.create(
            engine,
            entry["source"] or unnamed[entry["target"]],
            entry.get("volume_options"),
            entry.get("labels"),
            anonymous=not entry["source"],
        )
        if not entry["no_copy"] and not entry.get("subpath"):
            volumes.populate(engine, name, layers, entry["target"])


def reserve(
    engine: Engine,
    ident: str,
    definition: Definition,
    image: str | None,
    replaces: str | None = None,
    later: str | None = None,
) -> Reserved:
    """Reserve addresses and ports for a container.

    All are given back when one can't be had, and the container has no row yet.

    :param replaces: id of the container that has them so far. :raises Conflict: one is taken.
    :param later: id of a container that keeps its own for now; the ports that are to come from it
        are written down in ``COMING``.
    """
    try:
        attachments = []
        for entry in network_options.attachments(definition):
            if entry["name"] == networks.DEFAULT:
                networks.ensure_default(engine)
            place = networks.allocate(
                engine,
                entry["name"],
                ident,
                entry["ipv4_address"] or None,
                entry["mac_address"] or None,
                replaces,
                entry.get("ipv6_address") or None,
                network_options.has_ipv6(definition),
            )
            place.update(network_options.of_link(entry))
            attachments.append(place)
        # The first is the way out, and ports lead to it: to no internal network where there is another.
        rank = {
            entry["name"]: -entry.get("gw_priority", 0)
            for entry in network_options.attachments(definition)
        }
        attachments.sort(
            key=lambda place: (not networks.container_links.gateways(place), rank[place["network"]])
        )
        kept = {entry["network"] for entry in attachments}
        for row in engine.db.all("SELECT network FROM addresses WHERE container = ?", ident):
            if row["network"] not in kept:
                networks.release(engine, ident, row["network"])
        return {
            "attachments": attachments,
            "ports": _ports(engine, ident, definition, image, replaces, later),
        }
    except BaseException:
        if catalog.by_id(engine, ident) is None:
            networks.release(engine, ident)
            networks.release_ports(engine, ident)
        raise


def _ports(
    engine: Engine,
    ident: str,
    definition: Definition,
    image: str | None,
    replaces: str | None,
    later: str | None,
) -> list[Port]:
    """Reserve the published ports.

    One that may be any, or any of a range, is the one that the container has, else one that is
    free.
    """
    has = container_files.read_run(engine, ident).get("network", {}).get("ports", ())
    chosen = port_bindings.bindings(
        engine, definition, images.config(engine, image), catalog.by_id(engine, ident), has
    )
    settled = [port for port in chosen if port_bindings.is_fixed(port)]
    for port in chosen:
        if isinstance(port["host_port"], str):
            port["host_port"] = _first_free(engine, ident, settled, port, replaces or later)
            settled.append(port)
    if later is None:
        return networks.reserve_ports(engine, ident, chosen, replaces)
    coming = networks.check_ports(engine, ident, chosen, later)
    container_files.write_coming(engine, ident, coming)
    theirs = [_bound(port) for port in container_files.reserved(engine, later)["ports"]]
    own = [port for port in coming if _bound(port) not in theirs]
    return networks.reserve_ports(engine, ident, own)


def _bound(port: Port) -> tuple[str, str, int]:
    return port["protocol"], port["host_ip"], port["host_port"]


def _first_free(
    engine: Engine,
    ident: str,
    settled: list[dict[str, Any]],
    port: dict[str, Any],
    replaces: str | None,
) -> int:
    low, high = port_bindings.numbers(port)
    taken = Conflict(f"published_ports: no port of {port['host_port']} is free")
    for number in range(low, high + 1):
        try:
            networks.check_ports(engine, ident, settled + [dict(port, host_port=number)], replaces)
            return number
        except Conflict as error:
            taken = error
    raise taken
