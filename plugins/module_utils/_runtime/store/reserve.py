# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reserve disk space: a file in the data root that is released when the disk is full, so that space
can be freed.
"""

from __future__ import annotations

import contextlib
import errno
import os

SIZE = 4 << 20  # bytes: the write-ahead log, its index, and the states of some hundred containers
PLENTY = 8 * SIZE  # free bytes from which on it is made (again)


class Reserve:
    """The file at ``path``, which is allocated and holds nothing."""

    def __init__(self, path: str) -> None:
        self.path = path

    def make(self) -> None:
        """Allocate the file where there is plenty of room; one stat(2) where it exists.

        Nothing is raised: the engine works without it.
        """
        with contextlib.suppress(OSError):
            if not os.path.exists(self.path) and free(os.path.dirname(self.path)) >= PLENTY:
                self._allocate()

    def _allocate(self) -> None:
        partial = self.path + ".new"
        fd = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        try:
            try:
                os.posix_fallocate(fd, 0, SIZE)
            except OSError as error:  # musl's has nothing for file systems that can't
                if error.errno not in (errno.EOPNOTSUPP, errno.EINVAL):
                    raise
                for dummy in range(SIZE >> 16):
                    os.write(fd, os.urandom(1 << 16))
            os.rename(partial, self.path)
        except OSError:
            os.unlink(partial)
            raise
        finally:
            os.close(fd)

    def give_up(self) -> bool:
        """Remove the file, so that its room is free.

        :returns: whether it existed.
        """
        try:
            os.unlink(self.path)
            return True
        except FileNotFoundError:
            return False


def has_room(directory: str, size: int) -> bool:
    """Return whether ``size`` bytes can be allocated on a directory's file system.

    Btrfs reports free bytes that can't be allocated. So they are allocated, in a file without a
    name that is removed at once.
    """
    if free(directory) < size:
        return False
    try:
        fd = os.open(directory, os.O_TMPFILE | os.O_WRONLY | os.O_CLOEXEC, 0o600)
        try:
            os.posix_fallocate(fd, 0, size)
        finally:
            os.close(fd)
    except OSError as error:  # not every file system has such files
        return error.errno not in (errno.ENOSPC, errno.EDQUOT)
    return True


def free(directory: str) -> int:
    """Return the bytes that an unprivileged process can use on a directory's file system."""
    status = os.statvfs(directory)
    return status.f_bavail * status.f_frsize
