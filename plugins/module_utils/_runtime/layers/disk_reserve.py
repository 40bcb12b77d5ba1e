# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Limit what an image may take of the store's file system: all but a reserve.

A layer that unpacks to more than the disk has (a decompression bomb, a million empty files) fails
while the host's other services can still write.
"""

from __future__ import annotations

import errno
import os

# The reserve is a fiftieth of the bytes, at most 1 GiB, and a fiftieth of the inodes.
SHARE, MOST = 50, 1 << 30
WRITERS = 8  # several layers are unpacked at once, and each looks only now and then
ENTRIES = 200  # made between two looks at most


class Room:
    """The space left on a file system, without the reserve.

    :param fd: a descriptor on it.
    """

    def __init__(self, fd: int) -> None:
        self.fd = fd
        status = os.fstatvfs(fd)
        self.rest = min(status.f_blocks * status.f_frsize // SHARE, MOST)
        self.files = status.f_files // SHARE
        self.step = max(1 << 16, self.rest // WRITERS)
        self.every = max(1, min(ENTRIES, self.files // WRITERS))
        self.bytes = self.entries = 0

    def write(self, count: int) -> None:
        """Count ``count`` bytes that are about to be written.

        :raises OSError: ENOSPC, when only the reserve is left.
        """
        self.bytes += count
        if self.bytes >= self.step:
            self.bytes = 0
            self._look()

    def entry(self) -> None:
        """Count an entry that is about to be created.

        :raises OSError: as :meth:`write`.
        """
        self.entries += 1
        if self.entries >= self.every:
            self.entries = 0
            self._look()

    def _look(self) -> None:
        status = os.fstatvfs(self.fd)
        if status.f_bavail * status.f_frsize < self.rest or (
            self.files and status.f_favail < self.files  # btrfs counts no inodes
        ):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
