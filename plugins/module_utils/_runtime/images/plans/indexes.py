# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Indexes of images of the store: one name in a registry for several platforms (image-spec,
image-index.md).
"""

from __future__ import annotations

import json
import os

from ...errors import InvalidInput
from ...store.atomic_files import read_json
from ..library import records
from ..model import manifest

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from typing import Any

    from ...engine import Engine
    from ..library.records import ImageRecord

    Document = dict[str, Any]


def directory(engine: Engine) -> str:
    """Return where ``manifest create`` keeps indexes, a file for each."""
    return os.path.join(engine.paths.data, "indexes")


def kept(engine: Engine) -> list[str]:
    """Return the names of the indexes that ``manifest create`` made."""
    place = directory(engine)
    try:
        files = sorted(os.listdir(place))
    except FileNotFoundError:
        return []
    found = [read_json(os.path.join(place, file)) for file in files]
    return [records.familiar(document["name"]) for document in found if document]


def platform_of(config: Document, said: Document | None = None) -> Document:
    """Return an image configuration's platform in the form of an index.

    :param said: fields of a platform that the index says otherwise. A variant belongs to its
        architecture: it goes with another one, unless it is said as well.
    """
    changes = said or {}
    arch = config.get("architecture") or ""
    if changes.get("architecture", arch) != arch:
        changes = {"variant": "", **changes}
    values = {**config, **changes}
    found = {"architecture": values.get("architecture") or "", "os": values.get("os") or "linux"}
    for field in ("variant", "os.version", "os.features"):
        if values.get(field):
            found[field] = values[field]
    return found


def alike(chosen: Iterable[tuple[str, Document]]) -> tuple[str, str, str] | None:
    """Return the first two that are for the same platform, and how that is shown; None for none.

    :param chosen: ``[(name, platform)]``, see :func:`platform_of`.
    """
    seen: dict[str, str] = {}
    for name, platform in chosen:
        key = json.dumps(platform, sort_keys=True)
        if key in seen:
            shown = manifest.show_platform(
                (platform["os"], platform["architecture"], platform.get("variant"))
            )
            return seen[key], name, shown
        seen[key] = name
    return None


def check(chosen: Iterable[tuple[str, ImageRecord, Document]]) -> None:
    """Check that the images are for different platforms.

    :param chosen: ``[(name, record, said)]``, see :func:`platform_of`.
    :raises InvalidInput: when two are for the same platform.
    """
    found = alike((name, platform_of(record["config"], said)) for name, record, said in chosen)
    if found is not None:
        first, name, shown = found
        raise InvalidInput(
            "index", name, f"images for different platforms; {first} is for {shown} as well"
        )


def build(engine: Engine, chosen: Iterable[tuple[ImageRecord, Document]]) -> tuple[bytes, str]:
    """Return ``(bytes, media type)`` of the index of images in the store.

    The same images give the same bytes.

    :param chosen: ``[(record, said)]``, see :func:`platform_of`.
    """
    entries, docker = [], True
    for record, said in chosen:
        data = engine.blobs.read(record["manifest"])
        kind = manifest.parse(data, records.name_of(engine, record["id"]))["mediaType"]
        docker = docker and kind == manifest.DOCKER_MANIFEST
        entries.append(
            {
                "mediaType": kind,
                "digest": record["manifest"],
                "size": len(data),
                "platform": platform_of(record["config"], said),
            }
        )
    kind = manifest.DOCKER_LIST if docker else manifest.OCI_INDEX
    return json.dumps(
        {"schemaVersion": 2, "mediaType": kind, "manifests": entries}, separators=(",", ":")
    ).encode(), kind


def push_index(
    engine: Engine, client: Any, idents: Sequence[str], platforms: Sequence[Document]
) -> str:
    """Push the images by their digests, then the index under the reference's tag.

    :param platforms: what the index says of each otherwise, see :func:`platform_of`.
    :returns: the index's digest.
    """
    from . import send  # with a pool of threads

    for ident in idents:
        send.push(engine, client, ident, name=records.row_of(engine, ident)["manifest"])
    chosen = [records.get(engine, ident) for ident in idents]
    data, kind = build(engine, zip(chosen, platforms))
    digest = client.put_manifest(client.reference.tag, data, kind)
    with engine.db.transaction() as connection:
        for ident in idents:
            records.check_there(connection, ident)
            if ident == idents[0]:  # a digest names one image of the store: that of the task
                records.name(
                    connection, ident, digests=[(client.reference.full_repository, digest)]
                )
    return digest
