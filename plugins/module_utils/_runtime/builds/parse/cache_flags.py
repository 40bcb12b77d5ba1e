# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""``--cache-from`` and ``--cache-to`` (the options ``cache_from`` and ``cache_to``), read and checked.

Source: Docker's documentation, "Cache storage backends"; ``registry``, ``local`` and ``inline`` are known here.
"""

from __future__ import annotations

import os

from ... import images
from ...errors import EngineError, InvalidInput
from ...images.model import manifest
from ...untrusted import files, json_reader

KEY = "pycontainer.engine.cache"  # of an image's configuration, under which the cache's steps are
_FROM = {"registry": ("ref",), "local": ("src",)}
_TO = {"registry": ("ref", "mode"), "local": ("dest", "mode"), "inline": ()}


class CachePlace:
    """``kind``: registry, local or inline; ``where``: a reference, a directory or ""; ``all``: whether all stages' steps are written."""

    def __init__(self, text, option, known):
        """:param text: ``type=registry,ref=...`` or a reference alone. :raises InvalidInput: naming ``option``."""
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


def source(text, option="cache_from"):
    return CachePlace(text, option, _FROM)


def target(text, option="cache_to"):
    """:raises InvalidInput: also for a directory that holds something else, for what is there is replaced."""
    place = CachePlace(text, option, _TO)
    if place.kind == "local" and os.path.lexists(place.where) and not _is_replaced(place.where):
        raise InvalidInput(
            option,
            text,
            "a path where nothing is, an empty directory, or one with a build cache of this "
            "engine alone",
        )
    return place


def _is_replaced(directory):
    """Whether a cache may take the place of what is there: of nothing, or another cache."""
    if (
        os.path.islink(directory)
        or not os.path.isdir(directory)
        or set(os.listdir(directory)) - {"blobs", "index.json", "oci-layout"}
    ):
        return False
    try:
        return not os.listdir(directory) or KEY in _document(
            directory, _document(directory, layout_digest(directory))["config"]["digest"]
        )
    except (EngineError, OSError, ValueError, KeyError, TypeError, AttributeError):
        return False


def _document(directory, digest):
    data = files.read(os.path.join("blobs", *digest.split(":")), manifest.MAX_CONFIG, directory)
    return json_reader.load(data, f"the build cache in {directory}", size=manifest.MAX_CONFIG)


def layout_digest(directory):
    """Of the manifest that an OCI layout has, or None."""
    try:
        return json_reader.load(
            files.read("index.json", manifest.MAX_MANIFEST, directory), "index.json"
        )["manifests"][0]["digest"]
    except (EngineError, KeyError, IndexError, TypeError):
        return None
