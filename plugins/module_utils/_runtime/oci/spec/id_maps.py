# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Maps of ids: linux.uidMappings and gidMappings of a container's user namespace, and those of mounts. All is checked before
anything is made: the kernel answers a wrong map with EINVAL and no word why (user_namespaces(7))."""

from __future__ import annotations

import os

from ...errors import ContainerFailed, Unsupported
from ...kernel.mounts import userns

KINDS = (("uidMappings", "uid"), ("gidMappings", "gid"))


class Maps:
    """A user namespace's two maps, extents as kernel/mounts/userns.py has them. ``path``: of the namespace that is joined, or None."""

    def __init__(self, uids, gids, path=None):
        self.uids, self.gids, self.path = uids, gids, path

    def uid(self, ident):
        """The host's uid of a container's, None where it has none."""
        return translate(self.uids, ident)

    def gid(self, ident):
        return translate(self.gids, ident)

    def root(self):
        """``(uid, gid)`` of the container that its files are made as: 0 where it is mapped, else the first that is."""
        return tuple(
            0 if translate(extents, 0) is not None else extents[0][0]
            for extents in (self.uids, self.gids)
        )

    def host_root(self):
        """The host's ids of :meth:`root`."""
        uid, gid = self.root()
        return self.uid(uid), self.gid(gid)

    def check_user(self, uid, gid, additional):
        """:raises ContainerFailed: for ids that the namespace does not have."""
        for kind, ident, extents in [("uid", uid, self.uids)] + [
            ("gid", group, self.gids) for group in [gid] + list(additional or ())
        ]:
            if translate(extents, ident) is None:
                raise ContainerFailed(
                    "%s %d is not mapped into the container's user namespace, which has %s"
                    % (kind, ident, spoken(extents))
                )


def translate(extents, ident):
    """What ``ident`` is outside, None where no extent has it."""
    for inside, outside, size in extents:
        if inside <= ident < inside + size:
            return outside + ident - inside
    return None


def spoken(extents):
    return ", ".join(
        "%d to %d" % (inside, inside + size - 1) if size > 1 else str(inside)
        for inside, _outside, size in extents
    )


def of_container(linux, namespaces):
    """The Maps of a container, None where it has no user namespace of its own.

    :param linux: config.json's section. :param namespaces: ``{type: path or None}``. :raises Unsupported, ContainerFailed:
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
        return Maps(*extents)
    found = _joined(path)
    for (name, _kind), wanted, has in zip(KINDS, extents, found):
        if wanted and sorted(wanted) != sorted(has):
            raise Unsupported(
                f"config.json: linux.{name} is not the map of the user namespace {path} that is "
                "joined"
            )
        if not has:
            raise ContainerFailed(f"can't join the user namespace {path}: it has no {name}")
    return Maps(*found, path=path)


def _joined(path):
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError as error:
        raise ContainerFailed(
            f"can't join the user namespace {path}: {os.strerror(error.errno)}"
        ) from None
    try:
        return userns.maps_of(fd)
    except OSError as error:
        raise ContainerFailed(f"can't join the user namespace {path}: {error.strerror}") from None
    finally:
        os.close(fd)


def checked(mappings, where):
    """config.json's mappings as extents. :raises Unsupported: naming what the kernel would refuse."""
    extents = []
    for entry in mappings:
        numbers = tuple(entry.get(key) for key in ("containerID", "hostID", "size"))
        for key, number in zip(("containerID", "hostID", "size"), numbers):
            if (
                not isinstance(number, int)
                or isinstance(number, bool)
                or not 0 <= number <= 2**32 - 1
            ):
                raise Unsupported(
                    "config.json: %s: %s %r is not a number from 0 to %d"
                    % (where, key, number, 2**32 - 1)
                )
        inside, outside, size = numbers
        if not size or max(inside, outside) + size - 1 > userns.MAX_ID:
            raise Unsupported(
                "config.json: %s: size %d from %d: accepted are 1 to as many as end at id %d"
                % (where, size, max(inside, outside), userns.MAX_ID)
            )
        extents.append(numbers)
    if len(extents) > userns.MAX_EXTENTS or len(userns.text(extents)) > userns.MAX_TEXT:
        raise Unsupported(
            "config.json: %s: %d entries: the kernel takes %d, of at most %d bytes as text"
            % (where, len(extents), userns.MAX_EXTENTS, userns.MAX_TEXT)
        )
    for side, key in ((0, "containerID"), (1, "hostID")):
        ranges = sorted((extent[side], extent[side] + extent[2]) for extent in extents)
        for (_first, end), (start, _end) in zip(ranges, ranges[1:]):
            if start < end:
                raise Unsupported("config.json: %s: two entries have %s %d" % (where, key, start))
    return extents


# ---------------------------------------------------------------------------------------------------------------- of mounts


def of_mount(entry, option):
    """The ``(uid extents, gid extents)`` that a mount asks for; None: those of the container's user namespace.

    :param entry: of config.json's ``mounts``. :param option: what follows ``idmap=`` or ``ridmap=``, as crun knows it:
        ``uids=INSIDE-OUTSIDE-SIZE#...;gids=...``, with @ before an extent that counts from within the container.
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

    found = {}
    for part in option.split(";"):
        kind, equals, words = part.partition("=")
        matches = [re.fullmatch(r"(@?)(\d+)-(\d+)-(\d+)", word) for word in words.split("#")]
        if kind not in ("uids", "gids") or not equals or not all(matches):
            raise Unsupported(
                f"mount {entry['destination']}: the option idmap={option} is not "
                "uids=INSIDE-OUTSIDE-SIZE#...;gids=..."
            )
        found[kind] = [
            (bool(match.group(1)), tuple(int(number) for number in match.groups()[1:]))
            for match in matches
        ]
    if len(found) != 2:
        raise Unsupported(
            f"mount {entry['destination']}: the option idmap={option} needs both uids and gids"
        )
    for kind, name in (("uids", "uidMappings"), ("gids", "gidMappings")):
        checked(
            [
                dict(zip(("containerID", "hostID", "size"), extent))
                for _relative, extent in found[kind]
            ],
            where + name,
        )
    return Inline(found["uids"], found["gids"])


class Inline:
    """Extents of a mount, some of which count in the container's own ids: ``[(relative, extent)]`` for each kind."""

    def __init__(self, uids, gids):
        self.uids, self.gids = uids, gids

    def resolve(self, maps):
        """``(uid extents, gid extents)`` on the host. :param maps: the container's, or None."""
        return tuple(
            [_absolute(extent, own) if relative else extent for relative, extent in extents]
            for extents, own in ((self.uids, maps and maps.uids), (self.gids, maps and maps.gids))
        )


def _absolute(extent, own):
    inside, outside, size = extent
    found = translate(own, outside) if own else None
    if found is None:
        raise Unsupported(
            "mount option idmap: id %d is not mapped into the container's user namespace" % outside
        )
    return inside, found, size


class Namespaces:
    """User namespaces for the mounts of one start: each map has one, made when it is first needed."""

    def __init__(self, maps, own=None):
        self.maps, self.own, self.made = maps, own, {}

    def fd(self, wanted):
        """The descriptor of a namespace with the maps of ``wanted`` (Inline, None for the container's own)."""
        if wanted is None:
            return self.own
        key = repr(wanted.resolve(self.maps))
        if key not in self.made:
            self.made[key] = userns.namespace(*wanted.resolve(self.maps))
        return self.made[key]

    def close(self):
        for fd in self.made.values():
            os.close(fd)
