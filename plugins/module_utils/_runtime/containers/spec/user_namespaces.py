# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which user namespace a container has: one of its own with ids that no other has, another
container's, or the host's.

A container that asks for nothing gets 65,536 ids of its own, if all that it wants works so
(``why_host``). The ids are entered in the store when it is made, stay its own as long as it is
there, and are freed with it. A container without an entry, as those made by an older version, has
the host's namespace: what a container has never changes while it is there.

On disk nothing has these ids. Layers, volumes and bind mounts are shown with their owners mapped,
so that files belong to whom they belong to inside. A volume can be shared by containers with
different ids, and go from one to the next.
"""

from __future__ import annotations

import json
import os
import tempfile

from ...errors import Conflict, EngineError, InvalidInput, Unsupported, reason
from ...kernel.mounts import mounts, overlay, userns
from ...kernel.processes import procfs
from ...rootless import keeper_client
from ...store import settings
from ...store.atomic_files import read_json, write_whole
from ...store.database import decode
from ..options import device_options, network_options, security, storage
from . import directory_ids as directory
from . import own_annotations, shared_namespaces

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

    from ...engine import Engine
    from ...oci.spec.config_types import Config
    from ...options.rows import Definition
    from ..records.catalog import Record
    from .directory_ids import Range

    Extents = list[tuple[int, int, int]]  # [(first inside, first outside, size)]
    Maps = tuple[Extents, Extents]  # of uids, of gids

# Ids that no distribution gives to users, above those that systemd's containers take (0x6FFFFFFF is
# their last) and that directories give by default (2,000,200,000), and below 2^31, which some
# programs take for a sign. When these are all taken, those from LOWEST on.
FIRST, END = 0x78000000, 0x80000000
LOWEST = 0x70000000
TRIES = 8  # ranges that a directory is asked about before it is said that it has ids everywhere
# Whose lines in /etc/subuid and /etc/subgid, where there are any, are the ids to take instead.
OWNER = "pycontainer"
SUBORDINATE = ("/etc/subuid", "/etc/subgid")

# Capabilities that mean something in a user namespace: over the container's own namespaces and files.
CONFINED = {
    "CAP_" + name
    for name in (
        "AUDIT_WRITE CHOWN DAC_OVERRIDE FOWNER FSETID KILL NET_BIND_SERVICE NET_RAW SETFCAP "
        "SETGID SETPCAP SETUID SYS_CHROOT "
        "NET_ADMIN NET_BROADCAST SYS_PTRACE IPC_OWNER"
    ).split()
}


# ----------------------------------------------------------------------------- what a container has


def maps(engine: Engine, record: Record, joined: dict[str, str]) -> tuple[Maps | None, str | None]:
    """Return the maps of a container that is there, and the id of the container whose namespace it
    is.

    :param joined: ``{kind: id}`` of the containers whose namespaces it enters.
    :returns: no maps for the host's namespace; no id for one of its own.
    """
    definition = record["definition"]
    if definition.get("userns_mode") == "host":
        return None, None
    given = security.maps(definition)
    if given is not None:
        return given, None
    other, found = of_others(engine, joined)
    if other is not None:
        return found, other
    row = engine.db.one("SELECT first, size FROM id_ranges WHERE container = ?", record["id"])
    if row is None:
        return None, None
    extents = [(0, row["first"], row["size"])]
    return (extents, extents), None


def of_documents(config: Config) -> Maps | None:
    """Return the maps by a container's config.json; None where it has the host's namespace."""
    linux = config.get("linux", {})
    if not linux.get("uidMappings"):
        return None
    uids, gids = (
        [(entry["containerID"], entry["hostID"], entry["size"]) for entry in linux[name]]
        for name in ("uidMappings", "gidMappings")
    )
    return uids, gids


def of_others(engine: Engine, joined: dict[str, str]) -> tuple[str | None, Maps | None]:
    """Return ``(id, maps)`` of the container whose user namespace is joined; (None, None) where all
    have the host's.

    :raises Conflict: two of them have different ones.
    """
    found: dict[str, tuple[str, Maps]] = {}
    for kind, ident in sorted(joined.items()):
        config = read_json(os.path.join(engine.paths.container(ident), "config.json"), {})
        owner, chain = ident, own_annotations.joins(config).get("user")
        while chain:
            owner, config = (
                chain,
                read_json(os.path.join(engine.paths.container(chain), "config.json"), {}),
            )
            chain = own_annotations.joins(config).get("user")
        extents = of_documents(config)
        if extents is not None:
            found.setdefault(owner, (ident, extents))
    if len(found) > 1:
        raise Conflict(
            "network_mode, pid_mode, ipc_mode: the containers to join have different user "
            "namespaces; a container can be in one only"
        )
    return next(iter(found.values()), (None, None))


def host_root(engine: Engine, record: Record) -> tuple[int, int]:
    """Return the host's ``(uid, gid)`` of a container's root."""
    from ...oci.spec.id_maps import Maps

    config = read_json(os.path.join(engine.paths.container(record["id"]), "config.json"), {})
    extents = of_documents(config)
    return Maps(*extents).host_root() if extents else (0, 0)


# ------------------------------------------------------------------------------- what it is to have


def why_host(
    engine: Engine, definition: Definition, image: dict[str, Any], joined: dict[str, str]
) -> str:
    """Say why a container that asks for no user namespace gets the host's; "" when it gets its own.

    :param image: its image's config. :param joined: see :func:`maps`.
    """
    for why in (
        by_option(definition),
        _by_others(engine, definition, joined),
        _by_user(definition, image),
    ):
        if why:
            return why
    return supported(engine) or _by_mounts(engine, definition)


def check(engine: Engine, definition: Definition, joined: dict[str, str]) -> None:
    """Refuse what a task asks for by ``userns_mode`` or ``uidmap`` and can't work.

    :raises InvalidInput: it joins another container. :raises Unsupported: the host can't do it.
    """
    mode, given = definition.get("userns_mode"), security.maps(definition)
    if mode == "host" or (mode is None and given is None):
        return
    option, value = (
        ("userns_mode", mode)
        if mode
        else ("uidmap" if definition.get("uidmap") else "gidmap", "...")
    )
    if joined:
        options = [f"{shared_namespaces.OPTIONS[kind]} container:..." for kind in sorted(joined)]
        raise InvalidInput(
            option,
            value,
            f"nothing, with {' and '.join(options)}: the user namespace is that of the other "
            "container",
        )
    why = supported(engine) or _by_mounts(engine, definition)
    if why:
        raise Unsupported(f"{option} {value}: {why}")


def planned(
    engine: Engine, definition: Definition, image: dict[str, Any], joined: dict[str, str]
) -> tuple[bool, str]:
    """Foretell for a container that is not there yet: ``(whether it gets the host's, why)``."""
    mode = definition.get("userns_mode")
    if mode == "host":
        return True, ""
    if mode is not None or security.maps(definition) is not None:
        return False, ""
    why = why_host(engine, definition, image, joined)
    return bool(why), why


def assign(engine: Engine, record: Record, image: dict[str, Any], joined: dict[str, str]) -> None:
    """Enter the ids of a new container in the store, where it gets a namespace of its own.

    :raises Conflict: none are free.
    """
    definition, mode = record["definition"], record["definition"].get("userns_mode")
    if (
        joined
        or security.maps(definition) is not None
        or planned(engine, definition, image, joined)[0]
    ):
        return
    size = int(mode.partition("=")[2]) if mode and "=" in mode else security.AUTO_SIZE
    places, named = pool(engine)
    avoided, met = [] if named else directory.reserved(), ""
    asked: set[int] = set()
    ask = directory.is_used()
    while True:  # a directory is not asked while others wait for the store
        with engine.db.transaction(
            durable=False
        ) as connection:  # a row without a container is of no use, and the container's comes later
            first = free(taken(engine) + avoided, places, size)
            if first is None or met and len(asked) == TRIES:
                raise Conflict(
                    "userns_mode: no %d ids are free for another container%s; userns_mode host "
                    "needs none%s"
                    % (
                        size,
                        f", as {met} has one of them" if met else "",
                        ", and container_ids of the module host names others" if met else "",
                    )
                )
            if not ask or first in asked:
                connection.execute(
                    "INSERT OR REPLACE INTO id_ranges (container, first, size) VALUES (?, ?, ?)",
                    (record["id"], first, size),
                )
                return
        found = directory.somebody(first, size)
        if found:
            met = found
            avoided.append((first, first + size))
        asked.add(first)


def release(engine: Engine, ident: str) -> None:
    """Free a container's ids."""
    if engine.db.one("SELECT 1 FROM id_ranges WHERE container = ?", ident):
        engine.db.run("DELETE FROM id_ranges WHERE container = ?", ident)


def by_option(definition: Definition) -> str:
    """Say why a definition alone leads to the host's namespace; "" where it does not."""
    if definition.get("privileged"):
        return "privileged"
    if network_options.mode_of(definition) == "host":
        return "network_mode host"
    for option in ("pid_mode", "ipc_mode"):
        if definition.get(option) == "host":
            return f"{option} host"
    if definition.get("device_cgroup_rules"):
        return "device_cgroup_rules, because a device node can't be made in another one"
    beyond = sorted(set(definition.get("capabilities", ())) - CONFINED)
    return f"capabilities: {beyond[0]}, which has no effect in another one" if beyond else ""


def _by_others(engine: Engine, definition: Definition, joined: dict[str, str]) -> str:
    if joined and of_others(engine, joined)[0] is None:
        return "a container that it joins has it"
    return ""


def _by_user(definition: Definition, image: dict[str, Any]) -> str:
    words = [
        word
        for part in [definition.get("user") or image.get("User") or ""]
        + list(definition.get("groups", ()))
        for word in part.split(":")
    ] + [str(gid) for gid in _edits(definition)[1]]
    high = [
        word
        for word in words
        if word.isascii() and word.isdigit() and int(word) >= security.AUTO_SIZE
    ]
    return (
        f"user or groups: id {high[0]}, and another one has 0 to {security.AUTO_SIZE - 1}"
        if high
        else ""
    )


def _by_mounts(engine: Engine, definition: Definition) -> str:
    """Say what of the bind mounts can't have its owners mapped; the kernel is asked, on copies that
    nobody sees.
    """
    wanted = [
        (entry["source"], entry["source"])
        for entry in storage.mounts_of(definition)
        if entry["type"] == "bind"
    ]
    for entry in storage.mounts_of(definition):
        row = (
            engine.db.one("SELECT options FROM volumes WHERE name = ?", entry["source"])
            if entry["type"] == "volume" and entry["source"]
            else None
        )
        options = decode(row["options"]).get("driver_options") if row else None
        if options and options.get("type") == "tmpfs" and procfs.kernel_version() < (6, 3):
            return (
                f"volume {entry['source']} is a tmpfs, whose owners can be mapped from Linux 6.3 on"
            )
        if options and options.get("device", "").startswith("/"):
            wanted.append((options["device"], f"volume {entry['source']}"))
    wanted += [(path, f"{path}, of a device,") for path in _edits(definition)[0]]
    if not wanted:
        return ""
    fd = userns.namespace([(0, FIRST, 1)], [(0, FIRST, 1)])
    try:
        for path, name in wanted:
            if os.path.exists(path) and not _can_map(path, fd):
                return f"the owners of {name} can't be mapped by its file system, or by one mounted below it"
    finally:
        os.close(fd)
    return ""


def _edits(definition: Definition) -> tuple[list[str], list[int]]:
    """Return the mounted paths and the groups that come with CDI devices."""
    if not device_options.wants_described(definition):
        return [], []
    from ..devices import cdi_edits  # few containers have such a device

    found = cdi_edits.Edits(definition)
    return found.sources(), found.gids


def _can_map(path: str, userns_fd: int) -> bool:
    try:
        fd = mounts.bind(path)
    except OSError:
        return False
    try:
        mounts.set_attributes(fd, recursive=True, userns_fd=userns_fd)
        return True
    except (OSError, Unsupported):
        return False
    finally:
        os.close(fd)


# ------------------------------------------------------------------------------------ what there is


def supported(engine: Engine) -> str:
    """Say why this engine, or this host's kernel, can't show layers with mapped owners; "" when it
    can. The kernel is tried once for each boot.
    """
    if keeper_client.without_root():
        return "an engine without root has one user namespace, for all its containers"
    path = os.path.join(engine.paths.run, "userns.json")
    known = read_json(path)
    if known is None:
        try:
            known = {"reason": _try(engine)}
        except (OSError, EngineError) as error:  # of this moment, perhaps: asked again next time
            return f"the kernel can't do it here ({reason(error)})"
        if not engine.check:
            write_whole(path, json.dumps(known), mode=0o600, durable=False)
    return known["reason"]


def _try(engine: Engine) -> str:
    if procfs.kernel_version() < (5, 19):
        return "layers with mapped owners need Linux 5.19"
    parent = engine.paths.tmp if os.path.isdir(engine.paths.tmp) else "/var/tmp"
    with tempfile.TemporaryDirectory(dir=parent, prefix=f"userns-{os.getpid()}-") as directory:
        for name in ("layer", "upper", "work"):
            os.mkdir(os.path.join(directory, name))
        lacking = userns.can_mount(("proc", "sysfs", "mqueue"), [(0, FIRST, 1)], [(0, FIRST, 1)])
        if lacking:
            return f"this host shows no whole {lacking}, because something is mounted over a part of it, as in a container"
        fd = userns.namespace([(0, FIRST, 1)], [(0, FIRST, 1)])
        try:
            layer, upper, work = (
                os.path.join(directory, name) for name in ("layer", "upper", "work")
            )
            root = overlay.overlay([layer], upper, work, mapped=(fd, FIRST, FIRST))
        finally:
            os.close(fd)
        try:
            return (
                ""
                if os.stat(root).st_uid == FIRST
                else "the kernel does not map the owners of layers"
            )
        finally:
            os.close(root)


def taken(engine: Engine) -> list[Range]:
    """Return the ids that are somebody's: other containers', of lines in /etc/subuid and
    /etc/subgid, of users.
    """
    ranges = [
        (row["first"], row["first"] + row["size"])
        for row in engine.db.all("SELECT first, size FROM id_ranges")
    ]
    for row in engine.db.all(
        """SELECT definition FROM containers WHERE definition LIKE '%idmap":%'"""
    ):
        for extents in security.maps(decode(row["definition"])) or ():
            ranges += [(outside, outside + size) for _inside, outside, size in extents]
    for path in SUBORDINATE:
        ranges += [
            (first, first + size) for name, first, size in subordinate(path) if name != OWNER
        ]
    for path, column in (("/etc/passwd", 2), ("/etc/group", 2)):
        ranges += [
            (int(words[column]), int(words[column]) + 1)
            for words in _lines(path)
            if len(words) > column and words[column].isdigit()
        ]
    return ranges


def subordinate(path: str) -> list[tuple[str, int, int]]:
    """Read subuid(5) or subgid(5): ``[(name, first, size)]``."""
    return [
        (words[0], int(words[1]), int(words[2]))
        for words in _lines(path)
        if len(words) == 3 and words[1].isdigit() and words[2].isdigit()
    ]


def pool(engine: Engine) -> tuple[list[Range], bool]:
    """Return the ids that containers may get, and whether the administrator has named them.

    These are those of the setting ``container_ids``, else of the user ``pycontainer`` in both
    files, else the engine's own.
    """
    chosen = settings.read(engine.paths.config)["container_ids"]
    if chosen:
        first, _dash, last = chosen.partition("-")
        return [(int(first), int(last) + 1)], True
    lists = [
        [(first, first + size) for name, first, size in subordinate(path) if name == OWNER]
        for path in SUBORDINATE
    ]
    common = [
        (max(low, first), min(high, end)) for low, high in lists[0] for first, end in lists[1]
    ]
    own = sorted((low, high) for low, high in common if low < high)
    return own or [(FIRST, END), (LOWEST, FIRST)], bool(own)


def free(ranges: Iterable[Range], places: Iterable[Range], size: int) -> int | None:
    """Return the lowest first id of ``size`` that are in none of ``ranges``, in one of ``places``;
    None for none.
    """
    for low, high in places:
        first = low
        for start, end in sorted(ranges):
            if start < first + size and end > first:
                first = end
        if first + size <= high:
            return first
    return None


def _lines(path: str) -> list[list[str]]:
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return [line.strip().split(":") for line in file]
    except OSError:
        return []
