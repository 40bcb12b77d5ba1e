# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Beginnings of blobs whose transfer broke off, kept for the next try.

Their files are ``partial/<algorithm>-<hex of the whole blob>``. Their content is not trusted: it is
hashed again when a transfer resumes. A process that uses one moves it to a name of its own in
``tmp``, so that no two use the same. Where that process is killed, the sweep that finds the file
there moves it back.
"""

from __future__ import annotations

import contextlib
import os
import re
import time

from .atomic_files import make_private

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
        """Move the beginning of a blob to the path ``target``.

        :returns: False where none is kept that can belong to a blob of ``size`` bytes.
        """
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
        """Keep the file ``path`` as the beginning of a blob, unless it is too small."""
        self._keep(path, name_of(digest))

    def keep_left(self, path: str) -> bool:
        """Keep the file of a killed process, as :meth:`keep` does.

        :returns: False where it is not of a blob that was being transferred.
        """
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
        """Return the bytes of all of them."""
        found = 0
        with contextlib.suppress(FileNotFoundError):
            for name in os.listdir(self.directory):
                with contextlib.suppress(FileNotFoundError):
                    found += os.stat(self._path(name)).st_size
        return found

    def sweep(self, age: float = AGE) -> int:
        """Remove those that were not resumed in ``age`` seconds.

        :returns: bytes that were freed.
        """
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
        """Remove the directory when it is empty."""
        with contextlib.suppress(OSError):
            os.rmdir(self.directory)
