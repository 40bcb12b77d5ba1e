# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which engine this is: its files, its fingerprint, and where a copy of it with the same fingerprint is laid down.

The controller names the engine by it in every task, so it is small. In a module's payload it opens no file: a zip archive's
central directory, which Python's importer has read already, holds each file's size and CRC.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import zlib

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

VERSION = "0.1.0"  # galaxy.yml has the same

PACKAGE = "pycontainer"  # the name of the package in a laid-down copy
_name: list[str] = []  # what name() found: a process has one engine
_spec: Any = __spec__


def directory() -> str:
    """Where the runtime's files are: a path, which may lead into a zip archive."""
    origin: str = _spec.origin
    return os.path.dirname(os.path.dirname(origin))


def archive() -> str | None:
    """The zip archive that the runtime is in, or None when it lies in a directory."""
    return getattr(_spec.loader, "archive", None)


def sources() -> dict[str, tuple[int, int]]:
    """``{path relative to the runtime, with slashes: (size in bytes, CRC-32)}`` of every file of the runtime."""
    place = archive()
    return _sources_of_directory(directory()) if place is None else _sources_of_archive(place)


def _sources_of_archive(place: str) -> dict[str, tuple[int, int]]:
    prefix = os.path.relpath(directory(), place).replace(os.sep, "/") + "/"
    listing = _table(_spec.loader)
    if listing:
        entries = [
            (path.replace(os.sep, "/"), entry[3], entry[7])
            for path, entry in listing.items()
            if entry
        ]
    else:
        import zipfile  # here: zipimport has the table, as a rule

        with zipfile.ZipFile(place) as file:
            entries = [(info.filename, info.file_size, info.CRC) for info in file.infolist()]
    return {
        path[len(prefix) :]: (size, crc)
        for path, size, crc in entries
        if path.startswith(prefix) and path.endswith(".py")
    }


def _table(loader: Any) -> dict[str, Any] | None:
    """zipimport's own table: path -> (..., size at 3, ..., CRC at 7), None for a directory that the archive does not name; or None."""
    if hasattr(loader, "_get_files"):  # Python 3.13
        found: dict[str, Any] = loader._get_files()  # pylint: disable=protected-access
        return found
    return getattr(loader, "_files", None)


def _sources_of_directory(top: str, inner: str = "") -> dict[str, tuple[int, int]]:
    found: dict[str, tuple[int, int]] = {}
    for entry in os.scandir(os.path.join(top, inner)):
        path = inner + entry.name
        if entry.is_dir() and entry.name != "__pycache__":
            found.update(_sources_of_directory(top, path + "/"))
        elif entry.name.endswith(".py"):
            with open(entry.path, "rb") as file:
                data = file.read()
            found[path] = (len(data), zlib.crc32(data))
    return found


def read(path: str) -> bytes:
    """One of the runtime's files, named as in :func:`sources`, as bytes."""
    data: bytes = _spec.loader.get_data(os.path.join(directory(), *path.split("/")))
    return data


def name() -> str:
    """The name of this engine: its version and a fingerprint of its files, ``0.1.0-1f2e3d4c5b6a``."""
    if _name:
        return _name[0]
    own = directory()
    above = os.path.basename(os.path.dirname(own))
    if not archive() and os.path.basename(own) == PACKAGE and above.startswith(VERSION + "-"):
        _name.append(above)  # a laid-down copy knows what it was made from
        return above
    listing = "".join(f"{path} {size} {crc}\n" for path, (size, crc) in sorted(sources().items()))
    _name.append(f"{VERSION}-{hashlib.sha256(listing.encode()).hexdigest()[:12]}")
    return _name[0]


def laid_down(runtime: str, copy: str | None = None) -> str | None:
    """The directory with a whole copy of an engine, or None.

    :param runtime: where the copies are (``paths.Paths.runtime``). :param copy: a name as of :func:`name`, or an absolute path;
        None: this very engine.

    A copy that others than root, or the user himself, could write to does not count. While this process lives the copy is not swept away.
    """
    path = os.path.join(runtime, copy or name())
    try:
        found = os.lstat(path)
        if found.st_uid not in (0, os.geteuid()) or found.st_mode & 0o022:
            return None
        lock = os.open(os.path.join(path, "lock"), os.O_RDONLY | os.O_CLOEXEC)
        fcntl.flock(lock, fcntl.LOCK_SH)  # kept until this process ends
        os.stat(path)  # it may have been swept away just before the lock was had
    except OSError:
        return None
    return path
