# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where what is delivered to a host gathers until it is whole: ``delivery/<image id>/``, a file for
each part, named by its SHA-256.

A delivery that is broken off leaves its parts there, so that the next one sends only the rest. What
nobody comes back for goes by itself: any call of the engine removes what has not grown for a day.
"""

from __future__ import annotations

import hashlib
import os
import re
import time

from ..errors import HostError
from ..store import tree_removal
from ..store.atomic_files import read_json, write_json

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from typing import Any, BinaryIO

    from ..engine import Engine
    from ..store.paths import Paths


AGE = 24 * 3600  # seconds
_PART = re.compile("[0-9a-f]{64}")
_READ = 1 << 18


class Spool:
    """The spool of one image on this host."""

    def __init__(self, engine: Engine, ident: str) -> None:
        self.path = os.path.join(engine.paths.deliveries, ident.partition(":")[2])

    def make(self) -> None:
        """Make the directory, or note that somebody is at work in it again."""
        os.makedirs(os.path.dirname(self.path), 0o700, exist_ok=True)
        os.makedirs(self.path, 0o700, exist_ok=True)
        os.utime(self.path)

    def parts(self) -> list[str]:
        """List the parts that are here and whole: after a power cut there may be less of one than
        its name promises.
        """
        try:
            return sorted(
                name
                for name in os.listdir(self.path)
                if _PART.fullmatch(name) and self._is_whole(name)
            )
        except FileNotFoundError:
            return []

    def _is_whole(self, name: str) -> bool:
        checksum = hashlib.sha256()
        with self.open(name) as file:
            for piece in _pieces(file):
                checksum.update(piece)
        return checksum.hexdigest() == name

    def read(self, names: Iterable[str]) -> Iterator[bytes]:
        """Read parts, one after the other, in pieces. :raises HostError: before any piece of a part
        with another digest.
        """
        for name in names:
            try:
                file = open(os.path.join(self.path, name), "rb")
            except FileNotFoundError:
                raise HostError(
                    f"a part of the delivery, {name[:12]}, is not on this host"
                ) from None
            with file:
                checksum = hashlib.sha256()
                for piece in _pieces(file):
                    checksum.update(piece)
                if checksum.hexdigest() != name:
                    raise HostError(
                        f"a part of the delivery, {name[:12]}, was damaged on its way to this host"
                    )
                file.seek(0)
                yield from _pieces(file)

    def keep(self, name: str, value: Any) -> None:
        """Keep a JSON document beside the parts."""
        write_json(os.path.join(self.path, name), value, durable=False)

    def kept(self, name: str) -> Any:
        """Return what was kept, or None."""
        return read_json(os.path.join(self.path, name))

    def save(self, name: str, file: BinaryIO) -> None:
        """Keep all that can be read from ``file``."""
        temporary = os.path.join(self.path, name + ".new")
        with open(temporary, "wb") as target:
            for piece in _pieces(file):
                target.write(piece)
        os.rename(temporary, os.path.join(self.path, name))

    def open(self, name: str) -> BinaryIO:
        return open(os.path.join(self.path, name), "rb")

    def remove(self) -> None:
        tree_removal.remove(self.path)
        _remove_empty(os.path.dirname(self.path))


def sweep(paths: Paths) -> None:
    """Remove what no delivery has added to for a day. It is one system call where nothing was ever
    broken off.
    """
    try:
        entries = list(os.scandir(paths.deliveries))
    except FileNotFoundError:
        return
    for entry in entries:
        if abs(time.time() - entry.stat(follow_symlinks=False).st_mtime) > AGE:
            tree_removal.remove(entry.path)
    _remove_empty(paths.deliveries)


def _pieces(file: BinaryIO) -> Iterator[bytes]:
    return iter(lambda: file.read(_READ), b"")


def _remove_empty(directory: str) -> None:
    try:
        os.rmdir(directory)
    except OSError:
        pass  # other deliveries are in it
