# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""One lock for each object, so that two tasks wait for each other only where they touch the same
object.

A lock is an flock(2) on a file in the run directory: the kernel drops it when its holder dies. The
files stay until the next boot, because removing one would let two holders lock two different inodes
of one name. Where one call needs several locks, the order is: containers by name, then images,
layers, networks, volumes.
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
    """Return whether another process holds a lock (flock(2)) at ``path`` that bars ``against``.

    The path is a file or a directory; a missing one is not locked. Asking with LOCK_SH does not
    hinder others who ask.
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
        """Hold the lock of object ``name`` of ``kind`` (container, image, layer, network, volume
        ...) in the block.

        :raises BlockingIOError: without ``wait``, where another holder has it.
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
        """Return whether the lock was ever held since the host booted."""
        return os.path.exists(self._path(kind, name))

    def is_free(self, kind: str, name: str) -> bool:
        """Return whether nobody holds the lock at this moment."""
        return not held(self._path(kind, name), fcntl.LOCK_EX)
