# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Write large files out while they still grow, so that the sync at the end finds little left to do."""

from __future__ import annotations

import contextlib
import os

from ..calls import syscalls

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

STEP = 8 << 20  # bytes


@contextlib.contextmanager
def durable(path: str) -> Iterator[Callable[[], None]]:
    """Give a function that makes all files of the file system of ``path`` durable: one call for any number of them.

    The file system is open from the beginning, so that an error of writing something out in the meantime is raised too
    (syncfs(2), Linux 5.8).
    """
    fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield lambda: syscalls.syncfs(fd)
    finally:
        os.close(fd)


class Writeback:
    """Begins to write out a file that grows.

    :param fd: of a file that is written from its beginning to its end. :param step: bytes after which more of it is written out.
    """

    def __init__(self, fd: int, step: int = STEP) -> None:
        self._fd, self._step, self._begun = fd, step, 0

    def grown(self, size: int) -> None:
        """Hear that the file has ``size`` bytes now. It is a hint: where it can't be followed, the sync at the end does everything."""
        if size - self._begun >= self._step:
            with contextlib.suppress(OSError):
                syscalls.sync_file_range(self._fd, self._begun, size - self._begun)
            self._begun = size
