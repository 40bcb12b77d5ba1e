# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Copy one file with all that it is: owner, mode, times, extended attributes, holes.

Where the file system shares data between files (btrfs, XFS), the copy shares the original's.
"""

from __future__ import annotations

import errno
import fcntl
import os
import stat

from ..calls import constants as c

CHUNK = 1 << 24
OVERLAY_ATTRIBUTES = ("trusted.overlay.", "user.overlay.")  # overlayfs' own: they mean its layers


def copy_file(
    source: int,
    name: bytes | str,
    to: int,
    new_name: bytes | str,
    status: os.stat_result,
    overlay: bool = False,
) -> None:
    """Copy what is no directory: a regular file, a symbolic link, a device, a pipe or a socket.

    :param source: :param to: descriptors of the directories.
    :param status: of the original, as lstat(2) has it.
    :param overlay: as of :func:`copy_attributes`.
    :raises FileExistsError: ``new_name`` is there.
    :raises OSError: by the kernel.
    """
    if stat.S_ISREG(status.st_mode):
        flags = os.O_NOFOLLOW | os.O_CLOEXEC
        inner = os.open(name, os.O_RDONLY | os.O_NONBLOCK | flags, dir_fd=source)
        outer = -1
        try:
            outer = os.open(
                new_name, os.O_WRONLY | os.O_CREAT | os.O_EXCL | flags, 0o600, dir_fd=to
            )
            copy_data(inner, outer)
            copy_attributes(inner, outer, status, overlay)
        finally:
            os.close(inner)
            if outer >= 0:
                os.close(outer)
        return
    if stat.S_ISLNK(status.st_mode):
        os.symlink(os.readlink(os.fsencode(name), dir_fd=source), new_name, dir_fd=to)
    else:
        os.mknod(new_name, status.st_mode, status.st_rdev, dir_fd=to)
    os.chown(new_name, status.st_uid, status.st_gid, dir_fd=to, follow_symlinks=False)
    if not stat.S_ISLNK(status.st_mode):
        os.chmod(new_name, stat.S_IMODE(status.st_mode), dir_fd=to)
    times = (status.st_atime_ns, status.st_mtime_ns)
    os.utime(new_name, ns=times, dir_fd=to, follow_symlinks=False)


def copy_data(source: int, to: int) -> None:
    """Copy the data of an open file into an open empty one, and no holes.

    :raises OSError: by the kernel.
    """
    try:
        fcntl.ioctl(to, c.FICLONE, source)
        return
    except OSError:  # another file system, or one that shares nothing
        pass
    status = os.fstat(source)
    if status.st_blocks * 512 >= status.st_size:
        while os.sendfile(to, source, None, CHUNK):
            pass
        return
    end = 0
    while True:
        try:
            start = os.lseek(source, end, os.SEEK_DATA)
        except OSError as error:
            if error.errno != errno.ENXIO:
                raise
            break  # only a hole is left
        end = os.lseek(source, start, os.SEEK_HOLE)
        os.lseek(to, start, os.SEEK_SET)
        offset = start
        while offset < end:
            count = os.sendfile(to, source, offset, min(CHUNK, end - offset))
            if not count:
                break
            offset += count
    os.ftruncate(to, status.st_size)


def copy_attributes(source: int, to: int, status: os.stat_result, overlay: bool = False) -> None:
    """Copy owner, mode, times and extended attributes of an open file or directory.

    :param overlay: copy those of overlayfs too, which mean its layers.
    """
    # the owner before the mode: chown(2) clears set-id bits
    os.fchown(to, status.st_uid, status.st_gid)
    os.fchmod(to, stat.S_IMODE(status.st_mode))
    for key in os.listxattr(source):
        if overlay or not key.startswith(OVERLAY_ATTRIBUTES):
            os.setxattr(to, key, os.getxattr(source, key))
    os.utime(to, ns=(status.st_atime_ns, status.st_mtime_ns))
