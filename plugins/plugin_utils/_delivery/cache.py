# Copyright (c) 2026, the pycontainer.engine authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What was made on the controller of an image once, for all hosts: files in ``~/.cache/pycontainer.engine``, of this user alone.

Ansible delivers to many hosts at once in forked processes. Who needs a file first makes it, under a lock of its own, and the others
wait; a file appears whole. What no delivery has used for a week goes.
"""

from __future__ import annotations

import contextlib
import os
import time

from ansible_collections.pycontainer.engine.plugins.module_utils._runtime.store import locks

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import BinaryIO


AGE = 7 * 24 * 3600  # seconds
SWEEP = "sweep-all"  # the lock that who makes a file shares


def directory() -> str:
    """Return where the files are: below ``XDG_CACHE_HOME``, else ``~/.cache``."""
    return os.path.join(
        os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache"),
        "pycontainer.engine",
        "delivery",
    )


class Cache:
    def __init__(self, path: str | None = None) -> None:
        self.path = path or directory()
        os.makedirs(self.path, 0o700, exist_ok=True)
        self._locks = locks.Locks(self.path)

    def made(self, name: str, make: Callable[[BinaryIO], object]) -> str:
        """Return the path of a file. Where it is not there yet, ``make`` is called with a binary
        file to write it into.
        """
        path = os.path.join(self.path, name)
        if not self._use(path):
            with self._locks.hold("sweep", shared=True), self._locks.hold("lock", name):
                if not self._use(path):
                    self._make(path, make)
        return path

    def _use(self, path: str) -> bool:
        try:
            os.utime(path)  # it was used: the sweep leaves it
        except FileNotFoundError:
            return False
        return True

    def _make(self, path: str, make: Callable[[BinaryIO], object]) -> None:
        temporary = f"{path}.new"  # the lock is held
        try:
            with open(temporary, "w+b") as file:
                make(file)
            os.rename(temporary, path)
        except BaseException:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(temporary)
            raise

    def sweep(self) -> None:
        """Remove what was not used for a week, also what a killed process left half-made. Not while
        somebody makes a file: a lock would lose its name.
        """
        with contextlib.suppress(BlockingIOError), self._locks.hold("sweep", wait=False):
            for entry in os.scandir(self.path):
                with contextlib.suppress(FileNotFoundError):
                    if (
                        entry.name != SWEEP
                        and time.time() - entry.stat(follow_symlinks=False).st_mtime > AGE
                    ):
                        os.unlink(entry.path)
