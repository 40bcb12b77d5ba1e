# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The files that builds keep on a host besides images.

These are the directories of ``RUN --mount=type=cache``, and digests of contexts' files.
"""

from __future__ import annotations

import functools
import hashlib
import os

from ...reconcile import Plan
from ...store import tree_removal
from ...untrusted import trees as walks

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ...engine import Engine


def directory(engine: Engine, name: str) -> str:
    """Return the directory of the cache ``name``.

    ``data`` in it is mounted. The file ``id`` has the name, which is also the name of its lock.
    """
    return os.path.join(
        engine.paths.data,
        "build",
        "cache",
        hashlib.sha256(name.encode("utf-8", "surrogateescape")).hexdigest()[:32],
    )


def listing(engine: Engine) -> list[tuple[str, str]]:
    """Return name and directory of all caches, by name."""
    top, found = os.path.join(engine.paths.data, "build", "cache"), []
    for entry in os.listdir(top) if os.path.isdir(top) else ():
        with open(
            os.path.join(top, entry, "id"), encoding="utf-8", errors="surrogateescape"
        ) as file:
            found.append((file.read(), os.path.join(top, entry)))
    return sorted(found)


def size(path: str) -> int:
    """Return the bytes of all files in a tree."""
    return sum(entry.status.st_size for entry in walks.walk(path) if not entry.is_directory())


def plan_prune(engine: Engine) -> Plan:
    """Plan to remove the caches that no build uses at this moment, and the digests of contexts.

    :returns: a plan with the facts ``caches`` (names) and ``space_reclaimed`` (bytes).
    """
    freed: list[int] = []
    gone: list[str] = []
    plan = Plan("build caches", lambda: {"caches": gone, "space_reclaimed": sum(freed)})

    def remove(name: str, path: str) -> None:
        with engine.locks.hold("build-cache", name):
            freed.append(size(path))
            tree_removal.remove(path)
            gone.append(name)

    for name, path in listing(engine):
        if engine.locks.is_free("build-cache", name):
            plan.add(
                "cache " + name,
                "present",
                "absent",
                f"remove the build cache {name.rpartition(' ')[0]}",
                functools.partial(remove, name, path),
            )
    stat = os.path.join(engine.paths.data, "build", "stat")
    if os.path.isdir(stat):
        plan.add(
            "contexts",
            "remembered",
            "forgotten",
            "forget the digests of contexts",
            lambda: tree_removal.remove(stat),
        )
    return plan
