# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Beginnings of blobs whose transfer broke off, kept for the next try: ``partial/<algorithm>-<hex of the whole blob>``.

Nothing in one is trusted: it is hashed again when it is gone on from. A process that works on one has it under a name of its own in
``tmp``, so that no two do; where it is killed, the sweep that finds the file there brings it back here.
"""

from __future__ import annotations

import contextlib
import os
import re
import time

from .files import make_private

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .paths import Paths

LEAST = 1 << 20  # bytes: less is fetched again sooner than it is looked after
AGE = 24 * 3600.0  # seconds that one is kept


def name_of(digest: str) -> str:
    return digest.replace(":", "_")


class Partials:
    def __init__(self, paths: Paths) -> None:
        self.directory = paths.partial

    def _path(self, name: str) -> str:
        return os.path.join(self.directory, name)

    def take(self, digest: str, size: int, target: str) -> bool:
        """Move the beginning of a blob to the path ``target``; False where there is none that could be one of ``size`` bytes."""
        path = self._path(name_of(digest))
        try:
            fits = 0 < os.stat(path).st_size <= size
            if fits:
                os.rename(path, target)
            else:
                os.unlink(path)
        except FileNotFoundError:
            return False
        self._close()
        return fits

    def keep(self, path: str, digest: str) -> None:
        """Put the file ``path`` aside as the beginning of a blob, unless it is too little."""
        self._keep(path, name_of(digest))

    def keep_left(self, path: str) -> bool:
        """As :meth:`keep`, for the file of a process that was killed. False: it was no blob's on its way from elsewhere."""
        match = re.fullmatch(
            r"blob-[0-9]+-((?:sha256|sha512)_[0-9a-f]+)-.*", os.path.basename(path)
        )
        if match is None:
            return False
        self._keep(path, match.group(1))
        return True

    def _keep(self, path: str, name: str) -> None:
        with contextlib.suppress(FileNotFoundError):
            if os.stat(path).st_size < LEAST:
                os.unlink(path)
                return
            make_private(self.directory)
            os.rename(path, self._path(name))

    def size(self) -> int:
        """Bytes of all of them."""
        found = 0
        with contextlib.suppress(FileNotFoundError):
            for name in os.listdir(self.directory):
                with contextlib.suppress(FileNotFoundError):
                    found += os.stat(self._path(name)).st_size
        return found

    def sweep(self, age: float = AGE) -> int:
        """Remove those that nobody has gone on with in ``age`` seconds. :returns: bytes that were freed."""
        freed, limit = 0, time.time() - age
        try:
            names = os.listdir(self.directory)
        except FileNotFoundError:
            return 0
        for name in names:
            with contextlib.suppress(FileNotFoundError):
                status = os.stat(self._path(name))
                if status.st_mtime <= limit:
                    os.unlink(self._path(name))
                    freed += status.st_size
        self._close()
        return freed

    def _close(self) -> None:
        """The directory is there as long as there is something in it."""
        with contextlib.suppress(OSError):
            os.rmdir(self.directory)
