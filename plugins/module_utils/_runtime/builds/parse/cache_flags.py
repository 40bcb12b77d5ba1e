# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""``--cache-from`` and ``--cache-to`` (the options ``cache_from`` and ``cache_to``), read and
checked.

Source: Docker's documentation, "Cache storage backends"; ``registry``, ``local`` and ``inline`` are
known here.
"""

from __future__ import annotations

import os

from ... import images
from ...errors import EngineError, InvalidInput
from ...images.model import manifest
from ...untrusted import files, json_reader

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any


KEY = "pycontainer.engine.cache"  # of an image's configuration, under which the cache's steps are
_FROM = {"registry": ("ref",), "local": ("src",)}
_TO = {"registry": ("ref", "mode"), "local": ("dest", "mode"), "inline": ()}


class CachePlace:
    """Where an external build cache is.

    :ivar kind: registry, local or inline.
    :ivar where: a reference, a directory, or "".
    :ivar all: whether all stages' steps are written (``mode=max``).
    """

    kind: str
    where: str
    all: bool

    def __init__(self, text: str, option: str, known: Mapping[str, Sequence[str]]) -> None:
        """Read a flag's value.

        :param text: ``type=registry,ref=...`` or a reference alone.
        :param known: the types, and which fields each has.
        :raises InvalidInput: naming ``option``.
        """
        given = (
            dict(part.partition("=")[::2] for part in text.split(","))
            if "=" in text
            else {"type": "registry", "ref": text}
        )
        self.kind = given.pop("type", "registry")
        if self.kind not in known:
            raise InvalidInput(option, text, f"type={', type='.join(known)}")
        unknown = sorted(set(given) - set(known[self.kind]))
        if unknown:
            raise InvalidInput(
                option,
                text,
                f"with type={self.kind}: {', '.join(known[self.kind]) or 'nothing more'}",
            )
        self.where = given.get("ref") or given.get("src") or given.get("dest") or ""
        if not self.where and self.kind != "inline":
            raise InvalidInput(option, text, f"with type={self.kind}: {known[self.kind][0]}=...")
        if given.get("mode", "min") not in ("min", "max"):
            raise InvalidInput(option, text, "mode=min or mode=max")
        self.all = given.get("mode") == "max"
        if self.kind == "registry":
            images.tagged(self.where, option) if known is _TO else images.parse(self.where, option)


def source(text: str, option: str = "cache_from") -> CachePlace:
    """Read a value of ``--cache-from``. :raises InvalidInput: naming ``option``."""
    return CachePlace(text, option, _FROM)


def target(text: str, option: str = "cache_to") -> CachePlace:
    """Read a value of ``--cache-to``.

    :raises InvalidInput: also for a directory that holds something else, because it would be
        replaced.
    """
    place = CachePlace(text, option, _TO)
    if place.kind == "local" and os.path.lexists(place.where) and not _is_replaced(place.where):
        raise InvalidInput(
            option,
            text,
            "a path where nothing is, an empty directory, or one with a build cache of this "
            "engine alone",
        )
    return place


def _is_replaced(directory: str) -> bool:
    """Tell whether a cache may replace what is there: nothing, or another cache."""
    if (
        os.path.islink(directory)
        or not os.path.isdir(directory)
        or set(os.listdir(directory)) - {"blobs", "index.json", "oci-layout"}
    ):
        return False
    try:
        if not os.listdir(directory):
            return True
        digest = layout_digest(directory)
        if digest is None:
            return False
        return KEY in _document(directory, _document(directory, digest)["config"]["digest"])
    except (EngineError, OSError, ValueError, KeyError, TypeError, AttributeError):
        return False


def _document(directory: str, digest: str) -> Any:
    data = files.read(os.path.join("blobs", *digest.split(":")), manifest.MAX_CONFIG, directory)
    return json_reader.load(data, f"the build cache in {directory}", size=manifest.MAX_CONFIG)


def layout_digest(directory: str) -> str | None:
    """Return the digest of the manifest that an OCI layout has, or None."""
    try:
        return json_reader.load(
            files.read("index.json", manifest.MAX_MANIFEST, directory), "index.json"
        )["manifests"][0]["digest"]
    except (EngineError, KeyError, IndexError, TypeError):
        return None
