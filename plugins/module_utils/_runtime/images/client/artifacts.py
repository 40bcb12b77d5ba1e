# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A file in a registry, as an OCI artifact (image-spec 1.1, "Guidelines for Artifact Usage"): a
manifest of an artifact type, with an empty configuration and one layer, the file.
"""

from __future__ import annotations

import hashlib
import json

from ...errors import NotFound, RegistryError, Unsupported
from ...untrusted.text import printable
from ..model import manifest
from . import upload

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from typing import Any, Protocol

    from .client import Client
    from .upload import BlobData

    class Source(Protocol):
        """What is read from: a ``client.Client``, or ``mirrors.Mirrored``."""

        def manifest(self, wanted: str) -> tuple[bytes, str | None]: ...

        def blob(
            self, digest: str, size: int | None = None, offset: int = 0
        ) -> Iterator[bytes]: ...


EMPTY, EMPTY_TYPE = b"{}", "application/vnd.oci.empty.v1+json"
TITLE = "org.opencontainers.image.title"  # the name under which tools write the file


class _Empty:
    """The configuration, as a blob that is sent."""

    size = len(EMPTY)

    def pieces(self, offset: int, count: int) -> Iterator[bytes]:
        yield EMPTY[offset : offset + count]


def push(
    client: Client,
    tag: str,
    artifact_type: str,
    file: BlobData,
    described: Mapping[str, str],
    annotations: Mapping[str, str],
) -> str:
    """Store a file under a tag.

    :param client: one that may push.
    :param described: ``digest``, ``mediaType`` and ``title`` of the file.
    :param annotations: of the manifest.
    :returns: the manifest's digest.
    :raises RegistryError: where the registry does not take it.
    """
    config = {"mediaType": EMPTY_TYPE, "digest": manifest.digest_of(EMPTY), "size": len(EMPTY)}
    layer = {
        "mediaType": described["mediaType"],
        "digest": described["digest"],
        "size": file.size,
        "annotations": {TITLE: described["title"]},
    }
    document = {
        "schemaVersion": 2,
        "mediaType": manifest.OCI_MANIFEST,
        "artifactType": artifact_type,
        "config": config,
        "layers": [layer],
        "annotations": dict(annotations),
    }
    upload.push_blob(client, described["digest"], file)
    upload.push_blob(client, manifest.digest_of(EMPTY), _Empty())
    data = json.dumps(document, separators=(",", ":"), sort_keys=True).encode()
    return client.put_manifest(tag, data, manifest.OCI_MANIFEST)


def find(source: Source, wanted: str, artifact_type: str, what: str) -> dict[str, Any] | None:
    """Return the manifest of an artifact; None where the registry has nothing of that name.

    :param wanted: tag or digest.
    :param what: names it in errors.
    :raises Unsupported: where it is something else.
    """
    try:
        data, kind = source.manifest(wanted)
    except NotFound:
        return None
    document = manifest.parse(data, what, kind)
    if manifest.is_index(document):
        found = "an index"
    else:
        kind = document["config"]["mediaType"]
        found = document.get("artifactType") or ("an image" if kind in manifest.CONFIGS else kind)
        if found == artifact_type and len(document["layers"]) == 1:
            return document
    raise Unsupported(f"{what} is not of the type {artifact_type}, but {printable(found, 200)}")


def pieces(source: Source, document: Mapping[str, Any], what: str) -> Iterator[bytes]:
    """Yield the file of an artifact; its digest is checked at the end.

    :raises RegistryError: where it can't be had, or has another digest.
    """
    layer = document["layers"][0]
    algorithm, _colon, encoded = layer["digest"].partition(":")
    checksum = hashlib.new(algorithm)
    for piece in source.blob(layer["digest"], layer["size"]):
        checksum.update(piece)
        yield piece
    if checksum.hexdigest() != encoded:
        raise RegistryError(
            f"{what}: the registry sent a file whose digest is not {layer['digest']}"
        )
