# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Bytes of the disk that each kind of object takes."""

from __future__ import annotations

import os

from ..untrusted import trees

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..engine import Engine


def disk(engine: Engine) -> dict[str, int]:
    """Return the bytes that each kind of object takes, as du(1) counts them, and the file system's
    free space.
    """
    paths = engine.paths
    found = {
        name: used(path)
        for name, path in (
            ("blobs", paths.blobs),
            ("layers", paths.layers),
            ("containers", paths.containers),
            ("volumes", paths.volumes),
            ("registries", paths.registries),
        )
    }
    where = paths.data if os.path.isdir(paths.data) else "/"
    system = os.statvfs(where)
    return dict(
        found, total=system.f_blocks * system.f_frsize, free=system.f_bavail * system.f_frsize
    )


def used(top: str) -> int:
    """Return the bytes of blocks below a directory. A file counts once whatever names it has;
    mounts below are not entered.
    """
    seen, total = set(), 0
    try:
        device = os.lstat(top).st_dev
        for entry in trees.walk(top, lambda entry: entry.status.st_dev == device):
            facts = entry.status
            if facts.st_dev != device or (
                facts.st_nlink > 1 and not entry.is_directory() and facts.st_ino in seen
            ):
                continue
            if facts.st_nlink > 1 and not entry.is_directory():
                seen.add(facts.st_ino)
            total += facts.st_blocks * 512
    except (FileNotFoundError, NotADirectoryError):
        pass  # there is none, or it went meanwhile
    return total
