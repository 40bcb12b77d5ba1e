# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Project quotas of xfs and ext4: how much the trees of a few directories may hold together (quotactl(2), ioctl_xfs_fsgetxattr(2)).

A project is a number that each file carries and that a new file takes over from its directory. The kernel counts the blocks of a
project's files; a write beyond its limit is EDQUOT, and statfs(2) below such a directory shows the limit as the file system's size.

ext4 stops no process that has CAP_SYS_RESOURCE (privileged containers do). What is written through an overlay is stopped always: overlayfs
writes without that capability.
"""

from __future__ import annotations

import errno
import fcntl
import os
import struct

from ...errors import Unsupported
from ..calls import syscalls

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

_PROJECTS = 2  # the kind of quota: PRJQUOTA
_GETQUOTA, _SETQUOTA, _XGETQSTAT = (
    command << 8 | _PROJECTS for command in (0x800007, 0x800008, 0x5805)
)
_LIMITS = struct.Struct("=8QI4x")  # struct if_dqblk
_SPACE_LIMITS = 1  # QIF_BLIMITS
_BLOCK = 1024  # bytes, whatever the file system's own are
_COUNTED, _ENFORCED = 1 << 4, 1 << 5  # FS_QUOTA_PDQ_ACCT, FS_QUOTA_PDQ_ENFD

_FSGETXATTR, _FSSETXATTR = 0x801C581F, 0x401C5820  # the same on x86-64 and arm64
_ATTRIBUTES = struct.Struct("=5I8x")  # struct fsxattr
_PROJINHERIT = 0x200

# Ids are drawn from here: above the ranges that people, kubelet and Docker count up in. So many that two who draw at once do not meet.
_FIRST, _LAST = 1 << 30, (1 << 31) - 1


def obstacle(directory: str) -> str:
    """Return why there can't be a limit on a directory's tree: a clause for a sentence, "" when there can be one.

    :param directory: where it is missing, as in check mode on a new host, the one that it will be in is looked at.
    """
    while not os.path.isdir(directory):
        directory = os.path.dirname(directory)
    fd = _open(directory)
    try:
        state = bytearray(128)  # struct fs_quota_stat
        try:
            syscalls.quotactl(fd, _XGETQSTAT, 0, state)
            flags = struct.unpack_from("=H", state, 2)[0]
        except OSError:  # it has no quotas at all, or none are on
            flags = 0
        if not flags & _COUNTED or not flags & _ENFORCED:
            return (
                f"the file system of {directory} has no project quotas; xfs and ext4 have them when "
                "they are mounted with prjquota"
            )
        try:
            _read(fd, _FIRST)
        except PermissionError:
            return f"this process may not set quotas of the file system of {directory}"
        return ""
    finally:
        os.close(fd)


def bound(directories: Iterable[str], size: int) -> int:
    """Limit what new, empty directories of one file system may hold together, and return the project's id.

    :param size: bytes; it is rounded up to KiB.
    :raises Unsupported: see :func:`obstacle`.
    """
    directories = list(directories)
    reason = obstacle(directories[0])
    if reason:
        raise Unsupported(reason)
    project = _unused(directories[0])
    limit(directories[0], project, size)
    for directory in directories:
        assign(directory, project)
    return project


def limit(directory: str, project: int, size: int) -> None:
    """Set how many bytes a project may hold on the file system of ``directory``, 0 for no limit. What it holds already stays.

    :raises OSError: there are no project quotas.
    """
    fd = _open(directory)
    try:
        blocks = -(-size // _BLOCK)
        syscalls.quotactl(
            fd,
            _SETQUOTA,
            project,
            bytearray(_LIMITS.pack(blocks, blocks, 0, 0, 0, 0, 0, 0, _SPACE_LIMITS)),
        )
    finally:
        os.close(fd)


def usage(directory: str) -> tuple[int, int]:
    """Return ``(limit, used)`` of the project of a directory, in bytes. ``(0, 0)``: it is in none, or there are no project quotas."""
    project = project_of(directory)
    if not project:
        return 0, 0
    fd = _open(directory)
    try:
        return _read(fd, project)
    except OSError:
        return 0, 0
    finally:
        os.close(fd)


def release(directory: str) -> None:
    """Take the limit off the project of a directory that is about to be removed. The kernel forgets a project without limit and files."""
    try:
        project = project_of(directory)
    except FileNotFoundError:
        return
    if is_own(project):
        try:
            limit(directory, project, 0)
        except OSError as error:  # mounted without quotas meanwhile: nothing is limited
            if error.errno not in (errno.ENOSYS, errno.ESRCH, errno.ENOENT, errno.EPERM):
                raise


def is_own(project: int) -> bool:
    """Tell whether :func:`bound` may have chosen an id."""
    return _FIRST <= project <= _LAST


def project_of(directory: str) -> int:
    """The project of a directory, 0 for none."""
    fd = _open(directory)  # what is not there is an error
    try:
        return _attributes(fd)[3]
    except OSError:  # a file system without such attributes
        return 0
    finally:
        os.close(fd)


def assign(directory: str, project: int) -> None:
    """Put a directory, and what is made below it from now on, into a project."""
    fd = _open(directory)
    try:
        flags, extent, extents, _project, copy_extent = _attributes(fd)
        fcntl.ioctl(
            fd,
            _FSSETXATTR,
            _ATTRIBUTES.pack(flags | _PROJINHERIT, extent, extents, project, copy_extent),
        )
    finally:
        os.close(fd)


def _unused(directory: str) -> int:
    """An id without limit and files."""
    fd = _open(directory)
    try:
        while True:
            project = _FIRST | int.from_bytes(os.urandom(4), "big") >> 2
            if _read(fd, project) == (0, 0):
                return project
    finally:
        os.close(fd)


def _read(fd: int, project: int) -> tuple[int, int]:
    data = bytearray(_LIMITS.size)
    try:
        syscalls.quotactl(fd, _GETQUOTA, project, data)
    except FileNotFoundError:  # XFS: an id that it never saw
        return 0, 0
    hard, _soft, used = _LIMITS.unpack(data)[:3]
    return hard * _BLOCK, used


def _attributes(fd: int) -> tuple[int, ...]:
    return _ATTRIBUTES.unpack(fcntl.ioctl(fd, _FSGETXATTR, bytes(_ATTRIBUTES.size)))


def _open(directory: str) -> int:
    return os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
