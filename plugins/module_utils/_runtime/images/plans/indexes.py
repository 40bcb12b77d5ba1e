# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Indexes of images of the store: one name in a registry for several platforms (image-spec,
image-index.md).
"""

from __future__ import annotations

import json

from ...errors import InvalidInput
from ..library import records
from ..model import manifest

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from typing import Any

    from ...engine import Engine
    from ..library.records import ImageRecord

    Document = dict[str, Any]


def platform_of(config: Document) -> Document:
    """Return an image configuration's platform in the form of an index."""
    found = {"architecture": config.get("architecture") or "", "os": config.get("os") or "linux"}
    for field in ("variant", "os.version", "os.features"):
        if config.get(field):
            found[field] = config[field]
    return found


def check(chosen: Iterable[tuple[str, ImageRecord]]) -> None:
    """Check that the images are for different platforms.

    :param chosen: ``[(name, record)]``.
    :raises InvalidInput: when two are for the same platform.
    """
    seen: dict[str, str] = {}
    for name, record in chosen:
        platform = json.dumps(platform_of(record["config"]), sort_keys=True)
        shown = manifest.show_platform(
            (
                record["config"].get("os") or "linux",
                record["config"].get("architecture"),
                record["config"].get("variant") or "",
            )
        )
        if platform in seen:
            raise InvalidInput(
                "index",
                name,
                f"images for different platforms; {seen[platform]} is for {shown} as well",
            )
        seen[platform] = name


def build(engine: Engine, chosen: Iterable[ImageRecord]) -> tuple[bytes, str]:
    """Return ``(bytes, media type)`` of the index of images in the store.

    The same images give the same bytes.

    :param chosen: ``[(name, record)]``.
    """
    entries, docker = [], True
    for record in chosen:
        data = engine.blobs.read(record["manifest"])
        kind = manifest.parse(data, records.name_of(engine, record["id"]))["mediaType"]
        docker = docker and kind == manifest.DOCKER_MANIFEST
        entries.append(
            {
                "mediaType": kind,
                "digest": record["manifest"],
                "size": len(data),
                "platform": platform_of(record["config"]),
            }
        )
    kind = manifest.DOCKER_LIST if docker else manifest.OCI_INDEX
    return json.dumps(
        {"schemaVersion": 2, "mediaType": kind, "manifests": entries}, separators=(",", ":")
    ).encode(), kind


def push_index(engine: Engine, client: Any, idents: Sequence[str]) -> str:
    """Push the images by their digests, then the index under the reference's tag.

    :returns: the index's digest.
    """
    from . import send  # with a pool of threads

    for ident in idents:
        send.push(engine, client, ident, name=records.row_of(engine, ident)["manifest"])
    data, kind = build(engine, [records.get(engine, ident) for ident in idents])
    digest = client.put_manifest(client.reference.tag, data, kind)
    with engine.db.transaction() as connection:
        for ident in idents:
            records.check_there(connection, ident)
            if ident == idents[0]:  # a digest names one image of the store: that of the task
                records.name(
                    connection, ident, digests=[(client.reference.full_repository, digest)]
                )
    return digest
