# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Digests of a context's files, kept between builds of the same directory (``build/stat`` in the
store).
"""

from __future__ import annotations

import contextlib
import os
import time

from ...store.atomic_files import read_json, write_json

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Protocol

    class File(Protocol):
        """A file of the tree, see source_tree.Entry."""

        path: str
        status: os.stat_result


# nanoseconds: a file that changed so recently could change again within the clock's grain
FRESH = 50_000_000
AGE = 30 * 24 * 3600.0  # seconds
FEW = 1000  # files


class StatCache:
    """Digests of a directory's files, valid as long as a file's inode, size, mode and times are the
    same.

    No program can set ctime, so a changed content shows in it.

    :param path: of the file that they are kept in: ``{path of a file: [five numbers of its stat,
        digest]}`` as JSON.
    :param writable: whether they are saved.
    """

    known: dict[str, list[Any]]
    used: dict[str, list[Any]]

    def __init__(self, path: str, writable: bool) -> None:
        self.path, self.writable, self.changed = path, writable, False
        try:
            found = read_json(path, {})
        except ValueError:  # a power cut has cut it short
            found = {}
        self.known = found if isinstance(found, dict) else {}
        self.used = {}

    @staticmethod
    def _facts(status: os.stat_result) -> list[Any]:
        return [
            status.st_ino,
            status.st_size,
            status.st_mtime_ns,
            status.st_ctime_ns,
            status.st_mode,
        ]

    def get(self, entry: File) -> str | None:
        """Return the digest of an entry's file, or None where it is unknown or the file has
        changed.
        """
        known = self.used.get(entry.path) or self.known.get(entry.path)
        if known is None or known[:5] != self._facts(entry.status):
            return None
        self.used[entry.path] = known
        return known[5]

    def put(self, entry: File, digest: str) -> None:
        """Store a digest, unless the file changed a moment ago."""
        status = entry.status
        if time.time_ns() - max(status.st_ctime_ns, status.st_mtime_ns) > FRESH:
            self.used[entry.path] = self._facts(status) + [digest]
            self.changed = True

    def save(self) -> None:
        """Write the digests; losing them only costs time."""
        if self.writable and self.changed:
            os.makedirs(os.path.dirname(self.path), 0o700, exist_ok=True)
            more = (
                self.known if len(self.known) < 4 * len(self.used) + FEW else {}
            )  # files that are gone, or that another build of this context copies
            write_json(self.path, dict(more, **self.used), durable=False)
            self.changed = False
            _forget_old(os.path.dirname(self.path))


def _forget_old(directory: str) -> None:
    """Remove the digests of contexts that were not used or changed in AGE seconds: mostly of
    temporary directories.
    """
    limit = time.time() - AGE
    with os.scandir(directory) as listed:
        for entry in listed:
            with contextlib.suppress(FileNotFoundError):
                if entry.stat(follow_symlinks=False).st_mtime < limit:
                    os.unlink(entry.path)
