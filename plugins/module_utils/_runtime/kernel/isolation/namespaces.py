# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Namespaces by the names of the OCI runtime specification: make them, join them, set time offsets. namespaces(7)."""

from __future__ import annotations

import errno
import fcntl
import os

from ...errors import Unsupported
from ..calls import constants as c
from ..calls import syscalls
from ..processes import procfs

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

_NS_GET_NSTYPE = 0xB703

# OCI type -> (flag, name below /proc/PID/ns). In this order they are joined: the mount namespace after most, because joining it
# changes what every path means; the user namespace last, because the host's rights, which are over all others, end there.
TYPES = {
    "cgroup": (c.CLONE_NEWCGROUP, "cgroup"),
    "ipc": (c.CLONE_NEWIPC, "ipc"),
    "uts": (c.CLONE_NEWUTS, "uts"),
    "network": (c.CLONE_NEWNET, "net"),
    "pid": (c.CLONE_NEWPID, "pid"),
    "time": (c.CLONE_NEWTIME, "time"),
    "mount": (c.CLONE_NEWNS, "mnt"),
    "user": (c.CLONE_NEWUSER, "user"),
}


def flags(types: Iterable[str]) -> int:
    """CLONE_NEW* flags of OCI namespace types."""
    return sum(TYPES[name][0] for name in set(types))


def supported(name: str) -> bool:
    """Whether this kernel has namespaces of an OCI type."""
    return os.path.exists("/proc/self/ns/" + TYPES[name][1])


def identity(pid: int | str, name: str) -> tuple[int, int]:
    """``(device, inode)`` of a process's namespace of an OCI type: that tells it from any other."""
    status = os.stat(f"/proc/{pid}/ns/{TYPES[name][1]}")
    return status.st_dev, status.st_ino


def identity_of(fd: int) -> tuple[int, int]:
    """The same of a namespace that ``fd`` is open on."""
    status = os.fstat(fd)
    return status.st_dev, status.st_ino


def type_of(fd: int) -> int:
    """The CLONE_NEW* flag of the namespace that ``fd`` is open on, 0 when it is none. ioctl_ns(2), Linux 4.11."""
    try:
        return fcntl.ioctl(fd, _NS_GET_NSTYPE)
    except OSError:
        return 0


def open_namespace(pid: int | str, name: str) -> int:
    """A descriptor of a process's namespace of an OCI type; it keeps the namespace alive."""
    return os.open(f"/proc/{pid}/ns/{TYPES[name][1]}", os.O_RDONLY | os.O_CLOEXEC)


def join(fd: int, name: str) -> None:
    """Join the namespace of the OCI type ``name`` that ``fd`` is open on; EINVAL when it is none of that type.

    "pid" holds for the children made after it, "time" for this process as well.
    """
    syscalls.setns(fd, TYPES[name][0])


def return_to_pid(fd: int, last: bool) -> None:
    """Make children in the process namespace ``fd`` again. :param last: see _return_to."""
    _return_to(fd, c.CLONE_NEWPID, last)


def _return_to(fd: int, flag: int, last: bool) -> None:
    """Join a namespace that this process came from.

    :param last: no child follows, so it is no error that the root of a user namespace may have no rights over the host's.
    """
    try:
        syscalls.setns(fd, flag)
    except PermissionError:
        if not last:
            raise


def join_process(pidfd: int, pid: int, types: Collection[str]) -> None:
    """Join several namespaces of a process in one step (Linux 5.8), before that one after the other.

    ``pid`` is the process of ``pidfd``; its descriptor is asked again after the namespaces are open, so that a pid that was
    given away meanwhile is noticed (ESRCH).
    """
    try:
        syscalls.setns(pidfd, flags(types))
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.EBADF) or procfs.kernel_version() >= (5, 8):
            raise
        _join_each(pidfd, pid, types)


def _join_each(pidfd: int, pid: int, types: Collection[str]) -> None:
    opened = [(name, open_namespace(pid, name)) for name in TYPES if name in types]
    try:
        syscalls.pidfd_send_signal(pidfd, 0)
        for name, fd in opened:
            join(fd, name)
    finally:
        for _name, fd in opened:
            os.close(fd)


def new_time(offsets: Mapping[str, tuple[int, int]]) -> int:
    """Give the children of this process a new time namespace (Linux 5.6) with offsets, until restore_time().

    The offsets of a namespace can be set only before a process is in it, so clone3 with CLONE_NEWTIME does not serve.

    :param offsets: {"monotonic" | "boottime": (seconds, nanoseconds)}. :returns: a descriptor of the time namespace until now.
    :raises Unsupported: this process has several threads: it could not come back (setns(2): EUSERS).
    """
    threads = len(os.listdir("/proc/self/task"))
    if threads > 1:
        raise Unsupported(
            f"a time namespace can't be made by a process of {threads} threads "
            "(setns(2)): start the container from one with a single thread"
        )
    before = open_namespace("self", "time")
    try:
        syscalls.unshare(c.CLONE_NEWTIME)
        if offsets:
            procfs.write(
                "/proc/self/timens_offsets",
                "".join("%s %d %d\n" % (clock, *offset) for clock, offset in offsets.items()),
            )
    except BaseException:
        restore_time(before)
        raise
    return before


def restore_time(fd: int, last: bool = False) -> None:
    """Make children in this process's own time namespace again; closes the descriptor that new_time() gave. :param last: see _return_to."""
    try:
        _return_to(fd, c.CLONE_NEWTIME, last)
    finally:
        os.close(fd)


class visiting:  # used as a function; contextlib would cost a cold start
    """Run a block in the network namespace of a descriptor; for a process of one thread."""

    def __init__(self, netns: int) -> None:
        self.netns = netns

    def __enter__(self) -> None:
        self.home = os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
        try:
            syscalls.setns(self.netns, c.CLONE_NEWNET)
        except OSError:
            os.close(self.home)
            raise

    def __exit__(self, *_error: object) -> None:
        try:
            syscalls.setns(self.home, c.CLONE_NEWNET)
        finally:
            os.close(self.home)
