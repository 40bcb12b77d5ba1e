# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""``run --rm``: who removes a container at its end.

A caller that waits for the end removes the container itself, when it has read all output. It holds
a lock on a file until then. When the caller is killed the kernel drops the lock, and the monitor's
command removes the container (fcntl(2), F_SETLK: no process that the caller forked has the lock).
"""

from __future__ import annotations

import contextlib
import fcntl
import os

from ...kernel.processes import detached

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from ...store.paths import Paths

FILE = "attended"  # in the container's directory


@contextlib.contextmanager
def by_caller(paths: Paths, ident: str) -> Iterator[None]:
    """In the block, the container's removal is the caller's."""
    fd = os.open(
        os.path.join(paths.container(ident), FILE), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600
    )
    try:
        fcntl.lockf(fd, fcntl.LOCK_EX)
        yield
    finally:
        os.close(fd)


def remove(paths: Paths, ident: str, command: list[str]) -> None:
    """Have a container removed when nobody attends to it, unless it is gone by then.

    :param command: argv of the host's ``pycontainer``.
    """
    directory = paths.container(ident)

    def left() -> bool:
        with contextlib.suppress(FileNotFoundError):
            fd = os.open(os.path.join(directory, FILE), os.O_RDWR | os.O_CLOEXEC)
            fcntl.lockf(fd, fcntl.LOCK_EX)
            os.close(fd)
        return os.path.isdir(directory)

    detached.run_detached(list(command) + ["rm", "--volumes", ident], left)
