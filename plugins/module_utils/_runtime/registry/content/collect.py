# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Remove blobs that no manifest names, while the registry serves.

They are left by deleted manifests and by pushes that never ended. A push sends the blobs first and
the manifest last, and asks which blobs exist already. So a blob stays for ``KEEP`` seconds after it
was last sent or asked for. A manifest without a tag can still be pulled by its digest, and stays.
"""

from __future__ import annotations

import re

from ...errors import EngineError
from ...untrusted import json_reader

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from .content_store import Storage


_DIGEST = re.compile(rb"\b[a-z0-9+._-]{1,32}:[0-9a-f]{32,128}\b")

KEEP = 3600.0
EVERY = 3600.0  # seconds from one look to the next


def collect(storage: Storage, keep: float) -> int:
    """Remove blobs that no manifest of their repository names and that were not sent or asked for
    recently.

    Only repositories that have changed are searched.

    :param keep: seconds.
    :returns: how many blobs were removed.
    """
    removed = 0
    for name in storage.take_changed():
        unnamed = storage.blobs(name) - named(storage, name)
        gone = sum(storage.delete_blob(name, digest, idle=keep) for digest in sorted(unnamed))
        if gone < len(unnamed):
            storage.changed(name)  # some are young: they are looked at again
        removed += gone
    storage.forget_asked(keep)
    return removed


def named(storage: Storage, name: str) -> set[str]:
    """Return the digests that the manifests of a repository name, in whatever field."""
    found: set[str] = set()
    for digest in storage.manifests(name):
        opened = storage.open_manifest(name, digest)
        if opened is not None:
            with opened[0] as file:
                data = file.read()
            try:
                found.update(_digests(json_reader.load(data, f"the manifest {digest}")))
            except EngineError:  # an older version took it: what looks like a digest in it is one
                found.update(one.decode() for one in _DIGEST.findall(data))
    return found


def _digests(document: Any) -> Iterator[str]:
    todo = [document]  # no recursion: a manifest may be nested as deeply as its pusher likes
    while todo:
        value = todo.pop()
        if isinstance(value, dict):
            if isinstance(value.get("digest"), str):
                yield value["digest"]
            todo.extend(value.values())
        elif isinstance(value, list):
            todo.extend(value)
