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
    from collections.abc import Sequence
    from typing import Any

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


def mark_used(path: str) -> None:
    """Note that a build uses a cache now: the time of the file ``id``."""
    os.utime(os.path.join(path, "id"))


def used_at(path: str) -> float:
    """Return when a build last used a cache, in seconds since the epoch."""
    return os.stat(os.path.join(path, "id")).st_mtime


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


def plan_prune(
    engine: Engine,
    idents: Sequence[str] | None = None,
    until: float | None = None,
    keep: int = 0,
    contexts: bool = True,
) -> Plan:
    """Plan to remove the caches that no build uses at this moment, and the digests of contexts.

    :param idents: only caches with one of these ids. :param until: only those that no build has
        used since, in seconds since the epoch.
    :param keep: bytes of caches that may stay: those used last.
    :param contexts: whether to forget the digests of contexts.
    :returns: a plan with the facts ``caches`` (names) and ``space_reclaimed`` (bytes).
    """
    freed: list[int] = []
    gone: list[str] = []
    chosen = [
        (name, path)
        for name, path in _beyond(listing(engine), keep)
        if engine.locks.is_free("build-cache", name)
        and (idents is None or name.rpartition(" ")[0] in idents)
        and (until is None or used_at(path) < until)
    ]

    def facts() -> dict[str, Any]:
        if engine.check:
            return {
                "caches": [name for name, _path in chosen],
                "space_reclaimed": sum(size(path) for _name, path in chosen),
            }
        return {"caches": gone, "space_reclaimed": sum(freed)}

    plan = Plan("build caches", facts)

    def remove(name: str, path: str) -> None:
        with engine.locks.hold("build-cache", name):
            freed.append(size(path))
            tree_removal.remove(path)
            gone.append(name)

    for name, path in chosen:
        plan.add(
            "cache " + name,
            "present",
            "absent",
            f"remove the build cache {name.rpartition(' ')[0]}",
            functools.partial(remove, name, path),
        )
    stat = os.path.join(engine.paths.data, "build", "stat")
    if contexts and os.path.isdir(stat):
        plan.add(
            "contexts",
            "remembered",
            "forgotten",
            "forget the digests of contexts",
            lambda: tree_removal.remove(stat),
        )
    return plan


def _beyond(caches: list[tuple[str, str]], keep: int) -> list[tuple[str, str]]:
    """Return the caches without those used last, whose sizes together are no more than ``keep``."""
    if not keep:
        return caches
    stay: set[str] = set()
    for name, path in sorted(caches, key=lambda cache: -used_at(cache[1])):
        keep -= size(path)
        if keep < 0:
            break
        stay.add(name)
    return [cache for cache in caches if cache[0] not in stay]
