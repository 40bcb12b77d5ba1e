# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""``tmpcopyup``: a tmpfs that starts with what the image has at its place.

By descriptors alone, so that no link is followed.
"""

from __future__ import annotations

import os
import stat

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_MOST = 1 << 24


def copy_into(source: int, handle: int) -> None:
    """Fill a new file system (an O_PATH descriptor) with a directory's content; closes the
    directory's descriptor.
    """
    target = os.open(".", DIRECTORY, dir_fd=handle)
    try:
        copy(source, target)
    finally:
        os.close(target)
        os.close(source)


def copy(source: int, target: int) -> None:
    """Copy the content and the attributes of one directory (a descriptor) to another; the umask
    must be 0.
    """
    names = os.listdir(source)
    for name in names:
        _entry(name, source, target)
    _attributes(os.fstat(source), source, target)


def _entry(name: str, source: int, target: int) -> None:
    status = os.stat(name, dir_fd=source, follow_symlinks=False)
    kind = stat.S_IFMT(status.st_mode)
    if kind == stat.S_IFLNK:
        os.symlink(os.readlink(name, dir_fd=source), name, dir_fd=target)
        os.chown(name, status.st_uid, status.st_gid, dir_fd=target, follow_symlinks=False)
    elif kind == stat.S_IFDIR:
        os.mkdir(name, 0o700, dir_fd=target)
        _opened(name, source, target, DIRECTORY, DIRECTORY, copy)
    elif kind == stat.S_IFREG:
        _opened(
            name,
            source,
            target,
            os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC,
            os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC,
            _file,
        )
    elif kind != stat.S_IFSOCK:
        os.mknod(name, kind | stat.S_IMODE(status.st_mode), status.st_rdev, dir_fd=target)
        os.chown(name, status.st_uid, status.st_gid, dir_fd=target, follow_symlinks=False)


def _opened(
    name: str,
    source: int,
    target: int,
    source_flags: int,
    target_flags: int,
    action: Callable[[int, int], None],
) -> None:
    one = os.open(name, source_flags, dir_fd=source)
    try:
        other = os.open(name, target_flags, 0o600, dir_fd=target)
        try:
            action(one, other)
        finally:
            os.close(other)
    finally:
        os.close(one)


def _file(source: int, target: int) -> None:
    while os.sendfile(target, source, None, _MOST):
        pass
    _attributes(os.fstat(source), source, target)


def _attributes(status: os.stat_result, source: int, target: int) -> None:
    os.fchown(target, status.st_uid, status.st_gid)
    os.fchmod(target, stat.S_IMODE(status.st_mode))
    for name in os.listxattr(source):
        try:
            os.setxattr(target, name, os.getxattr(source, name))
        except OSError:  # tmpfs has no user.* before Linux 6.6
            pass
    os.utime(target, ns=(status.st_atime_ns, status.st_mtime_ns))
