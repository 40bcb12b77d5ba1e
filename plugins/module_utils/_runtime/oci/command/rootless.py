# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The command for a user who is not root: he has all rights in a user namespace of his own, and none outside. user_namespaces(7).

So this process itself goes into the namespace that the document asks for, with a mount namespace that belongs to that, and makes the
container from there, as root of a user namespace makes any. For a further process it goes into the container's.
"""

from __future__ import annotations

import errno
import os

from ...errors import ContainerFailed, Unsupported
from ...kernel.calls import constants as c
from ...kernel.calls import fork, syscalls
from ...kernel.isolation import namespaces
from ...kernel.mounts import userns
from ...kernel.processes import procfs
from ..spec import id_maps

HELPERS = ("newuidmap", "newgidmap")


def usual_maps():
    """The idmaps.Maps of a document that has no user namespace, as crun's: root is the caller, whose further ids (subuid(5), subgid(5)) follow."""
    import pwd

    uid, found = os.geteuid(), []
    try:
        names = (str(uid), pwd.getpwuid(uid).pw_name)
    except KeyError:
        names = (str(uid),)
    for own, path in ((uid, "/etc/subuid"), (os.getegid(), "/etc/subgid")):
        extents, inside = [(0, own, 1)], 1
        for first, size in _subordinate(path, names):
            extents.append((inside, first, size))
            inside += size
        found.append(extents)
    if (
        len(found[0]) == 1 or len(found[1]) == 1
    ):  # one kind alone is of no use, and would need the helpers
        found = [extents[:1] for extents in found]
    return id_maps.Maps(*found)


def _subordinate(path, names):
    """``[(first id, how many)]`` of a user."""
    try:
        lines = procfs.read(path, 1 << 20).splitlines()
    except OSError:
        return []
    fields = [line.strip().split(":") for line in lines]
    return [
        (int(words[1]), int(words[2]))
        for words in fields
        if len(words) == 3
        and words[0] in names
        and words[1].isdigit()
        and words[2].isdigit()
        and int(words[2])
    ]


def enter_joined(fd):
    """Become root of a user namespace that is there, ``fd``, with a mount namespace that belongs to it. :raises ContainerFailed:"""
    try:
        namespaces.join(fd, "user")
        syscalls.unshare(c.CLONE_NEWNS)
    except OSError as error:
        raise ContainerFailed(
            f"can't join the container's user namespace: {os.strerror(error.errno)}"
        ) from None


def enter(maps):
    """Become the root of a new user namespace. :param maps: its idmaps.Maps. :raises ContainerFailed, Unsupported:"""
    own = os.geteuid(), os.getegid()
    for kind, ident, extents in zip(("uid", "gid"), own, (maps.uids, maps.gids)):
        if not any(outside <= ident < outside + size for _inside, outside, size in extents):
            raise Unsupported(
                "config.json: linux.%sMappings: %s %d, which is the caller's own, has to be among "
                "hostID" % (kind, kind, ident)
            )
    alone = [
        [(outside, size) for _inside, outside, size in extents]
        for extents in (maps.uids, maps.gids)
    ] == [[(ident, 1)] for ident in own]
    write = _write_own if alone else _Helpers(maps)
    try:
        syscalls.unshare(c.CLONE_NEWUSER | c.CLONE_NEWNS)
    except OSError as error:
        raise ContainerFailed(
            "a user who is not root can't make a user namespace here: %s"
            % {
                errno.EPERM: (
                    "the host forbids it (kernel.unprivileged_userns_clone, or its security module)"
                ),
                errno.ENOSPC: "user.max_user_namespaces",
            }.get(error.errno, os.strerror(error.errno))
        ) from None
    before = syscalls.prctl(c.PR_GET_DUMPABLE)
    syscalls.prctl(
        c.PR_SET_DUMPABLE, 1
    )  # once sealed (oci/launch/sealed_interpreter.py), what is below /proc/self is root's
    try:
        write(maps)
    finally:
        syscalls.prctl(c.PR_SET_DUMPABLE, int(before == 1))  # 2 can only be had by an execve(2)


def _write_own(maps):
    procfs.write(
        "/proc/self/setgroups", "deny"
    )  # or the kernel takes no gid_map of who has not CAP_SETGID outside
    userns.write(os.getpid(), maps.uids, maps.gids)


class _Helpers:
    """More ids than one's own, by the set-user-ID programs that know /etc/subuid and /etc/subgid: run by a child that stays outside."""

    def __init__(self, maps):
        places = os.environ.get("PATH", os.defpath).split(":")
        paths = [
            next(
                (
                    path
                    for path in (os.path.join(place, name) for place in places)
                    if os.access(path, os.X_OK)
                ),
                None,
            )
            for name in HELPERS
        ]
        if None in paths:
            raise Unsupported(
                "config.json: linux.uidMappings, linux.gidMappings: for more than the caller's "
                f"own id {' and '.join(HELPERS)} are needed (package uidmap)"
            )
        target, (reader, self.writer) = os.getpid(), os.pipe()

        def write_maps():
            os.close(self.writer)
            if not os.read(reader, 1):
                return 1
            return max(
                [
                    _run(path, target, extents)
                    for path, extents in zip(paths, (maps.uids, maps.gids))
                ]
            )

        self.child = fork.child(write_maps)
        os.close(reader)

    def __call__(self, dummy_maps):
        os.write(self.writer, b"g")
        os.close(self.writer)
        if os.waitpid(self.child, 0)[1]:
            raise ContainerFailed(
                f"the maps of the user namespace can't be written: {' or '.join(HELPERS)} refused "
                "(see /etc/subuid and /etc/subgid)"
            )


def _run(path, target, extents):
    words = [os.path.basename(path), str(target)] + [
        str(number) for extent in extents for number in extent
    ]
    return int(os.waitpid(os.posix_spawn(path, words, os.environ), 0)[1] != 0)


def join(pid, given=None):
    """Go into the user namespace of a container's process, if it is another one. :param given: a descriptor of it, where it can't be opened."""
    if namespaces.identity("self", "user") == (
        namespaces.identity(pid, "user") if given is None else namespaces.identity_of(given)
    ):
        return
    fd = userns.open_of(pid) if given is None else os.dup(given)
    try:
        namespaces.join(fd, "user")
    except OSError as error:
        raise ContainerFailed(
            f"can't join the container's user namespace: {os.strerror(error.errno)}"
        ) from None
    finally:
        os.close(fd)
