# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whoever waits for a container that goes at its end (``run --rm``) removes it himself, when he has read all that it wrote.

He has its file locked until then. When he is killed the kernel takes the lock from him, and the monitor's command removes it (fcntl(2), F_SETLK:
no process that was forked from him has the lock).
"""

from __future__ import annotations

import contextlib
import fcntl
import os

from ..client import signals

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from ...store.paths import Paths

FILE = "attended"  # in the container's directory


@contextlib.contextmanager
def by_caller(paths: Paths, ident: str) -> Iterator[None]:
    """In the block the container's removal is the caller's."""
    fd = os.open(
        os.path.join(paths.container(ident), FILE), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600
    )
    try:
        fcntl.lockf(fd, fcntl.LOCK_EX)
        yield
    finally:
        os.close(fd)


def remove(paths: Paths, ident: str, command: list[str]) -> None:
    """Have it removed when nobody attends to it, unless it is gone by then. :param command: argv of the host's ``pycontainer``."""
    directory = paths.container(ident)

    def left() -> bool:
        with contextlib.suppress(FileNotFoundError):
            fd = os.open(os.path.join(directory, FILE), os.O_RDWR | os.O_CLOEXEC)
            fcntl.lockf(fd, fcntl.LOCK_EX)
            os.close(fd)
        return os.path.isdir(directory)

    signals.run_detached(list(command) + ["rm", "--volumes", ident], left)
