# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""User namespaces: their maps, and namespaces that exist only to map the owners of a mount's files. user_namespaces(7).

A map is a list of extents ``(inside, outside, size)``: ids from ``inside`` on are, in the parent namespace, those from
``outside`` on. For a mount with mapped ids ``inside`` is what the disk says, ``outside`` what is seen (mount_setattr(2)).
"""

from __future__ import annotations

import errno
import os
import signal

from ..calls import constants as c
from ..calls import fork, syscalls
from ..processes import procfs
from . import mounts

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    Extent = tuple[int, int, int]  # inside, outside, size
    Extents = Iterable[Extent]


MAX_EXTENTS = 340  # UID_GID_MAP_MAX_EXTENTS, Linux 4.15
MAX_TEXT = 4095  # a map is written at once and is less than a page
MAX_ID = 2**32 - 2  # 2^32-1 means "no id"


def text(extents: Extents) -> str:
    """The form of /proc/PID/uid_map."""
    return "".join("%d %d %d\n" % extent for extent in extents)


def write(pid: int, uids: Extents, gids: Extents) -> None:
    """Give the user namespace of ``pid`` its maps. It can be done once, by a process with CAP_SETUID and CAP_SETGID in its parent."""
    procfs.write(f"/proc/{pid}/gid_map", text(gids))
    procfs.write(f"/proc/{pid}/uid_map", text(uids))


def read(pid: int | str) -> tuple[list[Extent], list[Extent]]:
    """``(uid extents, gid extents)`` of the user namespace of a process, as this process's namespace counts."""
    return _extents(f"/proc/{pid}/uid_map"), _extents(f"/proc/{pid}/gid_map")


def _extents(path: str) -> list[Extent]:
    extents = []
    for line in procfs.read(path).splitlines():
        inside, outside, size = map(int, line.split())
        extents.append((inside, outside, size))
    return extents


def open_of(pid: int) -> int:
    """A descriptor of a process's user namespace; it keeps the namespace alive."""
    return os.open(f"/proc/{pid}/ns/user", os.O_RDONLY | os.O_CLOEXEC)


class _WaitingChild:
    """``with _WaitingChild() as pid``: a child that only waits, in a new user namespace or in that of the descriptor ``namespace``.

    Made by os.fork: syscalls.clone3 is not for processes with threads, which a task with a list of containers has.
    """

    def __init__(self, namespace: int | None = None) -> None:
        reader, self.writer = os.pipe2(os.O_CLOEXEC)
        self.ready, done = os.pipe2(os.O_CLOEXEC)
        self.pid = fork.child(lambda: self._wait(namespace, reader, done))
        os.close(reader)
        os.close(done)

    def _wait(self, namespace: int | None, reader: int, done: int) -> None:
        """In the child: enter the namespace, say so, and stay: until it is killed, or who made it has ended and closed the pipe so."""
        os.close(self.writer)
        os.close(self.ready)
        try:
            if namespace is None:
                syscalls.unshare(c.CLONE_NEWUSER)
            else:
                syscalls.setns(namespace, c.CLONE_NEWUSER)
        except OSError as error:
            os.write(done, b"%d" % (error.errno or errno.EIO))
        else:
            os.write(done, b".")
            os.read(reader, 1)

    def __enter__(self) -> int:
        answer = os.read(self.ready, 16)
        if answer != b".":
            self.__exit__()
            number = int(answer or errno.EIO)
            raise OSError(number, os.strerror(number), "user namespace")
        return self.pid

    def __exit__(self, *_error: object) -> None:
        # Killed, for it may wait for ever: a child that another thread forked holds the pipe's end as well.
        os.kill(self.pid, signal.SIGKILL)
        os.close(self.writer)
        os.close(self.ready)
        os.waitpid(self.pid, 0)


def namespace(uids: Extents, gids: Extents) -> int:
    """A descriptor of a new user namespace with these maps; no process is in it."""
    with _WaitingChild() as pid:
        write(pid, uids, gids)
        return open_of(pid)


def maps_of(fd: int) -> tuple[list[Extent], list[Extent]]:
    """``(uid extents, gid extents)`` of the user namespace that ``fd`` is open on.

    :raises OSError: when it is none, or one that this process has no rights over.
    """
    with _WaitingChild(fd) as pid:
        return read(pid)


def can_mount(fstypes: Sequence[str], uids: Extents, gids: Extents) -> str | None:
    """The first of these file systems that a process with all its namespaces new can't mount, None where it can mount all.

    The kernel lets it have proc and sysfs only where this mount namespace shows them whole: with nothing mounted over their
    files, as a host that is itself a container often has it (fs/namespace.c, mount_too_revealing).
    """
    reader, writer = os.pipe2(os.O_CLOEXEC)
    with _WaitingChild() as pid:
        write(pid, uids, gids)
        owner = open_of(pid)
        child = fork.child(lambda: _try_mounts(owner, fstypes, writer))
        os.close(writer)
        os.close(owner)
        os.waitpid(child, 0)
    answer = b""
    while not answer.endswith(b"\n"):
        piece = os.read(reader, 256)
        if not piece:
            break
        answer += piece
    os.close(reader)
    return None if answer == b"-\n" else os.fsdecode(answer).strip() or fstypes[0]


def _try_mounts(owner: int, fstypes: Sequence[str], writer: int) -> None:
    """In a child: try the mounts in new namespaces of the user namespace ``owner``."""
    syscalls.setns(owner, c.CLONE_NEWUSER)
    syscalls.unshare(c.CLONE_NEWNS | c.CLONE_NEWNET | c.CLONE_NEWIPC | c.CLONE_NEWPID)
    fork.child(lambda: _tell_mounts(fstypes, writer))  # first process of the process namespace


def _tell_mounts(fstypes: Sequence[str], writer: int) -> None:
    for fstype in fstypes:
        try:
            os.close(mounts.new_fs(fstype))
        except OSError:
            os.write(writer, fstype.encode() + b"\n")
            return
    os.write(writer, b"-\n")


class as_owner:  # pylint: disable=invalid-name # read as a verb: with as_owner(uid, gid)
    """Make files as ``uid`` and ``gid`` (of this process's namespace) with all of root's rights, in this thread.

    On a mount with mapped ids a file can be made only by an owner that its map has, which the host's root is not.
    """

    def __init__(self, uid: int, gid: int) -> None:
        self.uid, self.gid = uid, gid

    def __enter__(self) -> None:
        self.rights = syscalls.capget()
        syscalls.setfsgid(self.gid)
        syscalls.setfsuid(self.uid)
        syscalls.capset(
            *self.rights
        )  # leaving root by setfsuid(2) takes the rights over files (capabilities(7))

    def __exit__(self, *_error: object) -> None:
        syscalls.setfsuid(0)
        syscalls.setfsgid(0)
        syscalls.capset(*self.rights)
