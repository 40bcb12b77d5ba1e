# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Make containers as a user who is not root, from a user namespace in which he has all rights
(user_namespaces(7)).

This process itself goes into the namespace that the document asks for, with a mount namespace that
belongs to that, and makes the container from there, as root of a user namespace makes any. For a
further process it goes into the container's.
"""

from __future__ import annotations

import errno
import os

from ...errors import ContainerFailed, Unsupported, reason
from ...kernel.calls import constants as c
from ...kernel.calls import fork, syscalls
from ...kernel.isolation import namespaces
from ...kernel.mounts import userns
from ...kernel.processes import procfs
from ..spec import id_maps

HELPERS = ("newuidmap", "newgidmap")


def usual_maps() -> id_maps.Maps:
    """Return the maps of a document that has no user namespace, as crun's.

    Root is the caller, whose further ids (subuid(5), subgid(5)) follow.
    """
    import pwd  # here: a document usually has its maps

    uid, found = os.geteuid(), []
    names = [str(uid)]
    try:
        names.append(pwd.getpwuid(uid).pw_name)
    except KeyError:
        pass
    for own, path in ((uid, "/etc/subuid"), (os.getegid(), "/etc/subgid")):
        extents, inside = [(0, own, 1)], 1
        for first, size in _subordinate(path, names):
            extents.append((inside, first, size))
            inside += size
        found.append(extents)
    # One kind alone is of no use, and would need the helpers.
    if len(found[0]) == 1 or len(found[1]) == 1:
        found = [extents[:1] for extents in found]
    return id_maps.Maps(found[0], found[1])


def _subordinate(path: str, names: list[str]) -> list[tuple[int, int]]:
    """Return ``[(first id, how many)]`` of a user, by his number or name."""
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


def enter_joined(fd: int) -> None:
    """Become root of a user namespace that is there, ``fd``, with a mount namespace that belongs to
    it.

    :raises ContainerFailed:
    """
    try:
        namespaces.join(fd, "user")
        syscalls.unshare(c.CLONE_NEWNS)
    except OSError as error:
        raise ContainerFailed(
            f"can't join the container's user namespace: {reason(error, named=True)}"
        ) from None


def enter(maps: id_maps.Maps) -> None:
    """Become the root of a new user namespace with these maps.

    :raises Unsupported: the caller is not in them, or programs that write them are missing.
    :raises ContainerFailed: the host refuses.
    """
    own = os.geteuid(), os.getegid()
    for kind, ident, extents in zip(("uid", "gid"), own, (maps.uids, maps.gids)):
        if not any(outside <= ident < outside + size for _inside, outside, size in extents):
            raise Unsupported(
                f"config.json: linux.{kind}Mappings: {kind} {ident}, which is the caller's own, has "
                "to be among hostID"
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
            f"a user who is not root can't make a user namespace here: {_refusal(error)}"
        ) from None
    before = syscalls.prctl(c.PR_GET_DUMPABLE)
    # Once sealed (oci/launch/sealed_interpreter.py), what is below /proc/self is root's.
    syscalls.prctl(c.PR_SET_DUMPABLE, 1)
    try:
        write(maps)
    finally:
        syscalls.prctl(c.PR_SET_DUMPABLE, int(before == 1))  # 2 comes of an execve(2) alone


def _refusal(error: OSError) -> str:
    if error.errno == errno.EPERM:
        return "the host forbids it (kernel.unprivileged_userns_clone, or its security module)"
    if error.errno == errno.ENOSPC:
        return "user.max_user_namespaces"
    return reason(error, named=True)


def _write_own(maps: id_maps.Maps) -> None:
    # Or the kernel takes no gid_map of who has not CAP_SETGID outside.
    procfs.write("/proc/self/setgroups", "deny")
    userns.write(os.getpid(), maps.uids, maps.gids)


class _Helpers:
    """Write maps of more ids than one's own, by the set-user-ID programs that know /etc/subuid and
    /etc/subgid.

    A child runs them, which stays outside of the new namespace. :raises Unsupported: they are
    missing.
    """

    def __init__(self, maps: id_maps.Maps) -> None:
        places = os.environ.get("PATH", os.defpath).split(":")
        paths = [
            next(filter(_executable, (os.path.join(place, name) for place in places)), "")
            for name in HELPERS
        ]
        if "" in paths:
            raise Unsupported(
                "config.json: linux.uidMappings, linux.gidMappings: for more than the caller's "
                f"own id {' and '.join(HELPERS)} are needed (package uidmap)"
            )
        target, (reader, self.writer) = os.getpid(), os.pipe()

        def write_maps() -> int:
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

    def __call__(self, _maps: id_maps.Maps) -> None:
        """Let the child write them. :raises ContainerFailed: the programs refuse."""
        os.write(self.writer, b"g")
        os.close(self.writer)
        if os.waitpid(self.child, 0)[1]:
            raise ContainerFailed(
                f"the maps of the user namespace can't be written: {' or '.join(HELPERS)} refused "
                "(see /etc/subuid and /etc/subgid)"
            )


def _executable(path: str) -> bool:
    return os.access(path, os.X_OK)


def _run(path: str, target: int, extents: list[tuple[int, int, int]]) -> int:
    """Have a program write the extents of process ``target``; return 0, or 1 where it refuses."""
    words = [os.path.basename(path), str(target)] + [
        str(number) for extent in extents for number in extent
    ]
    return int(os.waitpid(os.posix_spawn(path, words, os.environ), 0)[1] != 0)


def join(pid: int, given: int | None = None) -> None:
    """Go into the user namespace of a container's process, if it is another one.

    :param given: a descriptor of it, where it can't be opened by the process.
    :raises ContainerFailed: the kernel refuses.
    """
    if namespaces.identity("self", "user") == (
        namespaces.identity(pid, "user") if given is None else namespaces.identity_of(given)
    ):
        return
    fd = userns.open_of(pid) if given is None else os.dup(given)
    try:
        namespaces.join(fd, "user")
    except OSError as error:
        raise ContainerFailed(
            f"can't join the container's user namespace: {reason(error, named=True)}"
        ) from None
    finally:
        os.close(fd)
