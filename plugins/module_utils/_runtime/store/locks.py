# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""One lock for each object, so that two tasks wait for each other only where they touch the same thing.

A lock is an flock(2) on a file below the run directory: the kernel drops it when its holder dies, however it dies.
The files stay until the next boot; removing one would let two holders lock two different inodes of one name.
Order, where one call needs several: containers by name, then images, then layers, then networks, then volumes.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import re

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator


def held(path: str, against: int = fcntl.LOCK_SH) -> bool:
    """Whether somebody holds a lock (flock(2)) on the file or directory at ``path`` that bars ``against``; False where it is missing.

    Asking with LOCK_SH does not hinder others who ask.
    """
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(fd, against | fcntl.LOCK_NB)
        return False
    except BlockingIOError:
        return True
    finally:
        os.close(fd)


class Locks:
    """The locks whose files are in ``directory``."""

    def __init__(self, directory: str) -> None:
        self.directory = directory

    def _path(self, kind: str, name: str) -> str:
        safe = (
            name
            if re.fullmatch(r"[A-Za-z0-9_.-]{1,100}", name)
            else hashlib.sha256(name.encode()).hexdigest()
        )
        return os.path.join(self.directory, f"{kind}-{safe}")

    @contextlib.contextmanager
    def hold(
        self, kind: str, name: str = "all", shared: bool = False, wait: bool = True
    ) -> Iterator[None]:
        """Hold the lock of object ``name`` of ``kind`` (container, image, layer, network, volume ...) in the block.

        :raises BlockingIOError: without ``wait``, where somebody else holds it.
        """
        fd = os.open(self._path(kind, name), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(
                fd, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | (0 if wait else fcntl.LOCK_NB)
            )
            yield
        finally:
            os.close(fd)

    def exists(self, kind: str, name: str) -> bool:
        """Whether anybody has held the lock since the host was started."""
        return os.path.exists(self._path(kind, name))

    def is_free(self, kind: str, name: str) -> bool:
        """Whether nobody holds the lock at this moment."""
        return not held(self._path(kind, name), fcntl.LOCK_EX)
