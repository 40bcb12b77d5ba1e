# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Maps of ids: linux.uidMappings and gidMappings of a container's user namespace, and those of
mounts.

All is checked before anything is made: the kernel answers a wrong map with EINVAL and no word why
(user_namespaces(7)).

An extent is ``(inside, outside, size)``: as many ids from ``inside`` on are those from ``outside``
on.
"""

from __future__ import annotations

import os

from ...errors import ContainerFailed, Unsupported, reason
from ...kernel.mounts import userns

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import Any

    from .config_types import IdMapping, Linux, MapKey, MountEntry

    Extent = tuple[int, int, int]
    Extents = list[Extent]
    Relative = list[tuple[bool, Extent]]  # whether it counts in the container's own ids

KINDS: tuple[tuple[MapKey, str], ...] = (("uidMappings", "uid"), ("gidMappings", "gid"))


class Maps:
    """A user namespace's two maps. ``path``: of the namespace that is joined, or None."""

    def __init__(self, uids: Extents, gids: Extents, path: str | None = None):
        self.uids, self.gids, self.path = uids, gids, path

    def uid(self, ident: int) -> int | None:
        """Return the host's uid of a container's, None where it has none."""
        return translate(self.uids, ident)

    def gid(self, ident: int) -> int | None:
        """Return the host's gid of a container's, None where it has none."""
        return translate(self.gids, ident)

    def root(self) -> tuple[int, int]:
        """Return ``(uid, gid)`` of the container that its files are made as: 0 where it is mapped,
        else the first that is.
        """
        return _first(self.uids)[0], _first(self.gids)[0]

    def host_root(self) -> tuple[int, int]:
        """Return the host's ids of :meth:`root`."""
        return _first(self.uids)[1], _first(self.gids)[1]

    def check_user(self, uid: int, gid: int, additional: Iterable[int] | None) -> None:
        """Check that a user's ids are there.

        :raises ContainerFailed: for ids that the namespace does not have.
        """
        for kind, ident, extents in [("uid", uid, self.uids)] + [
            ("gid", group, self.gids) for group in [gid] + list(additional or ())
        ]:
            if translate(extents, ident) is None:
                raise ContainerFailed(
                    f"{kind} {ident} is not mapped into the container's user namespace, which has "
                    f"{spoken(extents)}"
                )


def _first(extents: Extents) -> tuple[int, int]:
    """Return the id that files are made as, inside and outside: 0 where it is mapped, else the
    first that is.
    """
    outside = translate(extents, 0)
    return extents[0][:2] if outside is None else (0, outside)


def translate(extents: Extents, ident: int) -> int | None:
    """Return what ``ident`` is outside, None where no extent has it."""
    for inside, outside, size in extents:
        if inside <= ident < inside + size:
            return outside + ident - inside
    return None


def spoken(extents: Extents) -> str:
    """Return extents for a sentence."""
    return ", ".join(
        f"{inside} to {inside + size - 1}" if size > 1 else str(inside)
        for inside, _outside, size in extents
    )


def of_container(linux: Linux, namespaces: Mapping[str, str | None]) -> Maps | None:
    """Return the Maps of a container, None where it has no user namespace of its own.

    :param linux: config.json's section.
    :param namespaces: ``{type: path or None}``.
    :raises Unsupported, ContainerFailed:
    """
    given = [name for name, _kind in KINDS if linux.get(name)]
    if "user" not in namespaces:
        if given:
            raise Unsupported(
                f"config.json: linux.{given[0]} without a namespace of type user in "
                "linux.namespaces"
            )
        return None
    extents = [checked(linux.get(name) or [], "linux." + name) for name, _kind in KINDS]
    path = namespaces["user"]
    if path is None:
        if not given:  # its root is the caller, and there is nobody else, as with crun
            return Maps([(0, os.geteuid(), 1)], [(0, os.getegid(), 1)])
        for name, _kind in KINDS:
            if name not in given:
                raise Unsupported(f"config.json: a namespace of type user needs linux.{name}")
        return Maps(extents[0], extents[1])
    found = _joined(path)
    for (name, _kind), wanted, has in zip(KINDS, extents, found):
        if wanted and sorted(wanted) != sorted(has):
            raise Unsupported(
                f"config.json: linux.{name} is not the map of the user namespace {path} that is "
                "joined"
            )
        if not has:
            raise ContainerFailed(f"can't join the user namespace {path}: it has no {name}")
    return Maps(found[0], found[1], path)


def _joined(path: str) -> tuple[Extents, Extents]:
    """Read the maps of the namespace at a path."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError as error:
        raise ContainerFailed(
            f"can't join the user namespace {path}: {reason(error, named=True)}"
        ) from None
    try:
        maps: tuple[Extents, Extents] = userns.maps_of(fd)
        return maps
    except OSError as error:
        raise ContainerFailed(
            f"can't join the user namespace {path}: {reason(error, named=True)}"
        ) from None
    finally:
        os.close(fd)


def entries(extents: Iterable[Extent]) -> list[IdMapping]:
    """Write extents as config.json's mappings."""
    return [
        {"containerID": inside, "hostID": outside, "size": size}
        for inside, outside, size in extents
    ]


def checked(mappings: Iterable[IdMapping], where: str) -> Extents:
    """Read config.json's mappings as extents.

    :raises Unsupported: naming what the kernel would refuse.
    """
    extents: Extents = []
    for entry in mappings:
        numbers: list[Any] = [entry.get(key) for key in ("containerID", "hostID", "size")]
        for key, number in zip(("containerID", "hostID", "size"), numbers):
            if (
                not isinstance(number, int)
                or isinstance(number, bool)
                or not 0 <= number <= 2**32 - 1
            ):
                raise Unsupported(
                    f"config.json: {where}: {key} {number!r} is not a number from 0 to {2**32 - 1}"
                )
        inside, outside, size = numbers
        if not size or max(inside, outside) + size - 1 > userns.MAX_ID:
            raise Unsupported(
                f"config.json: {where}: size {size} from {max(inside, outside)}: accepted are "
                f"1 to as many as end at id {userns.MAX_ID}"
            )
        extents.append((inside, outside, size))
    if len(extents) > userns.MAX_EXTENTS or len(userns.text(extents)) > userns.MAX_TEXT:
        raise Unsupported(
            f"config.json: {where}: {len(extents)} entries: the kernel takes "
            f"{userns.MAX_EXTENTS}, of at most {userns.MAX_TEXT} bytes as text"
        )
    for side, key in ((0, "containerID"), (1, "hostID")):
        ranges = sorted((extent[side], extent[side] + extent[2]) for extent in extents)
        for (_start, end), (start, _end) in zip(ranges, ranges[1:]):
            if start < end:
                raise Unsupported(f"config.json: {where}: two entries have {key} {start}")
    return extents


# ---------------------------------------------------------------------------------------- of mounts


def of_mount(entry: MountEntry, option: str) -> Inline | None:
    """Read the ``(uid extents, gid extents)`` that a mount asks for; None: those of the container's
    user namespace.

    :param entry: of config.json's ``mounts``.
    :param option: what follows ``idmap=`` or ``ridmap=``, as crun knows it:
        ``uids=INSIDE-OUTSIDE-SIZE#...;gids=...``, with @ before an extent that counts from within
        the container.
    """
    where = f"mounts: {entry['destination']}: "
    extents = [checked(entry.get(name) or [], where + name) for name, _kind in KINDS]
    if any(extents):
        if not all(extents):
            raise Unsupported(f"config.json: {where}uidMappings and gidMappings go together")
        return Inline(
            [(False, extent) for extent in extents[0]], [(False, extent) for extent in extents[1]]
        )
    if not option:
        return None
    import re  # here: it costs as much as a tenth of a start, and few mounts are written so

    found: dict[str, Relative] = {}
    for part in option.split(";"):
        kind, equals, words = part.partition("=")
        found_here = [re.fullmatch(r"(@?)(\d+)-(\d+)-(\d+)", word) for word in words.split("#")]
        matches = [match for match in found_here if match is not None]
        if kind not in ("uids", "gids") or not equals or len(matches) < len(found_here):
            raise Unsupported(
                f"mount {entry['destination']}: the option idmap={option} is not "
                "uids=INSIDE-OUTSIDE-SIZE#...;gids=..."
            )
        found[kind] = [
            (bool(match[1]), (int(match[2]), int(match[3]), int(match[4]))) for match in matches
        ]
    if len(found) != 2:
        raise Unsupported(
            f"mount {entry['destination']}: the option idmap={option} needs both uids and gids"
        )
    for kind, name in (("uids", "uidMappings"), ("gids", "gidMappings")):
        checked(entries(extent for _relative, extent in found[kind]), where + name)
    return Inline(found["uids"], found["gids"])


class Inline:
    """Extents of a mount, some of which count in the container's own ids: ``[(relative, extent)]``
    for each kind.
    """

    def __init__(self, uids: Relative, gids: Relative):
        self.uids, self.gids = uids, gids

    def resolve(self, maps: Maps | None) -> tuple[Extents, Extents]:
        """Return ``(uid extents, gid extents)`` on the host.

        :param maps: the container's, or None.
        """
        return (
            _resolved(self.uids, None if maps is None else maps.uids),
            _resolved(self.gids, None if maps is None else maps.gids),
        )


def _resolved(extents: Relative, own: Extents | None) -> Extents:
    return [_absolute(extent, own) if relative else extent for relative, extent in extents]


def _absolute(extent: Extent, own: Extents | None) -> Extent:
    inside, outside, size = extent
    found = translate(own, outside) if own else None
    if found is None:
        raise Unsupported(
            f"mount option idmap: id {outside} is not mapped into the container's user namespace"
        )
    return inside, found, size


class Namespaces:
    """User namespaces for the mounts of one start: one for each map, made when it is needed."""

    def __init__(self, maps: Maps | None, own: int | None = None):
        self.maps, self.own = maps, own
        self.made: dict[str, int] = {}

    def fd(self, wanted: Inline | None) -> int | None:
        """Return the descriptor of a namespace with the maps of ``wanted`` (Inline, None for the
        container's own).
        """
        if wanted is None:
            return self.own
        key = repr(wanted.resolve(self.maps))
        if key not in self.made:
            self.made[key] = userns.namespace(*wanted.resolve(self.maps))
        return self.made[key]

    def close(self) -> None:
        """Close those that were made."""
        for fd in self.made.values():
            os.close(fd)
