# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Validate manifests, and extract what the registry needs of them (image-spec v1.1.1, Docker's
schema 2).

A manifest is stored byte for byte; it is only read here. Unknown fields are ignored.
"""

from __future__ import annotations

from ...untrusted import json_reader
from . import names
from .answers import Refusal

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


OCI_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
OCI_INDEX = "application/vnd.oci.image.index.v1+json"
OCI_ARTIFACT = "application/vnd.oci.artifact.manifest.v1+json"  # of the 1.1 release candidates; found in registries
DOCKER_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
DOCKER_LIST = "application/vnd.docker.distribution.manifest.list.v2+json"
IMAGES, INDEXES = (OCI_MANIFEST, DOCKER_MANIFEST), (OCI_INDEX, DOCKER_LIST)
TYPES = IMAGES + INDEXES + (OCI_ARTIFACT,)

LIMIT = (
    4 << 20
)  # bytes of a manifest that every registry takes (distribution-spec v1.1, "Pushing Manifests")


def invalid(message: str, detail: Any = None) -> Refusal:
    return Refusal(400, "MANIFEST_INVALID", message, detail)


class Manifest:
    """A manifest that was read and found right.

    :param content_type: the request's Content-Type, or "".
    :ivar blobs: digests of blobs that must be in the repository; ``children``: of manifests.
    :ivar subject: a digest, or None.
    :ivar artifact_type: with ``annotations``, what the referrers API shows of it.
    :raises Refusal: MANIFEST_INVALID.
    """

    def __init__(self, data: bytes, content_type: str) -> None:
        """:param content_type: the request's Content-Type, or "". :raises Refusal: MANIFEST_INVALID."""
        document = _parse(data)
        self.media_type = _media_type(document, content_type)
        self.blobs, self.children = [], []
        if self.media_type in INDEXES:
            self.children = [
                _descriptor(item, "manifests")["digest"]
                for item in _list(document, "manifests", required=True)
            ]
        elif self.media_type in IMAGES:
            self.blobs = [_descriptor(document.get("config"), "config")["digest"]]
            self.blobs += _stored(
                _list(document, "layers", required=self.media_type == DOCKER_MANIFEST), "layers"
            )
        else:
            self.blobs = _stored(_list(document, "blobs"), "blobs")
        self.subject = (
            _descriptor(document["subject"], "subject")["digest"]
            if document.get("subject") is not None
            else None
        )
        self.artifact_type = _artifact_type(document, self.media_type)
        self.annotations = (
            document.get("annotations") if isinstance(document.get("annotations"), dict) else None
        )


def sizes(data: bytes) -> dict[str, int]:
    """Return the bytes of each blob that a manifest names, as it states, by digest."""
    document = _parse(data)
    found = (
        [document.get("config")]
        + list(document.get("layers") or [])
        + list(document.get("blobs") or [])
    )
    return {
        item["digest"]: item["size"]
        for item in found
        if isinstance(item, dict) and "digest" in item and isinstance(item.get("size"), int)
    }


def _parse(data: bytes) -> dict[str, Any]:
    document = json_reader.load(data, "the manifest", error=invalid)
    if "manifests" in document and ("layers" in document or "config" in document):
        raise invalid("the document is a manifest and an index at once")  # GHSA-77vh-xpmg-72qh
    return document


def _media_type(document: dict[str, Any], content_type: str) -> str:
    """Return the one media type that the header and the document agree on."""
    said, inside = content_type.partition(";")[0].strip().lower(), document.get("mediaType")
    if inside is not None and not isinstance(inside, str):
        raise invalid("mediaType is not a string")
    if said in (
        "",
        "application/json",
        "application/octet-stream",
    ):  # nothing, or what a generic client says
        said = inside or (OCI_INDEX if "manifests" in document else OCI_MANIFEST)
    if said not in TYPES:
        raise invalid(
            "the media type is not one that this registry takes",
            {"mediaType": said, "accepted": list(TYPES)},
        )
    if inside is not None and inside != said:
        raise invalid(
            "Content-Type and the document's mediaType differ",
            {"Content-Type": said, "mediaType": inside},
        )
    if ("manifests" in document) != (said in INDEXES):
        raise invalid("the document is not what its media type says", {"mediaType": said})
    if document.get("schemaVersion", 2 if said == OCI_ARTIFACT else None) != 2:
        raise invalid("schemaVersion is not 2")
    return said


def _list(document: dict[str, Any], key: str, required: bool = False) -> list[Any]:
    value = document.get(key)
    if value is None and not required:
        return []
    if not isinstance(value, list):
        raise invalid(f"{key} is not a list")
    return value


def _descriptor(value: Any, where: str) -> dict[str, Any]:
    size = value.get("size") if isinstance(value, dict) else None
    if isinstance(size, bool) or not isinstance(size, int) or size < 0:
        raise invalid(f"{where} has no descriptor with a size")
    if not isinstance(value.get("digest"), str) or not names.digest(value["digest"]):
        raise invalid(
            f"{where} has a descriptor without a valid digest", {"digest": value.get("digest")}
        )
    if not isinstance(value.get("mediaType"), str):
        raise invalid(f"{where} has a descriptor without a mediaType")
    return value


def _stored(items: list[Any], where: str) -> list[str]:
    """Return the digests that must be here: all but non-distributable layers (image-spec, layer.md,
    "Non-Distributable Layers").
    """
    found = [_descriptor(item, where) for item in items]
    return [
        item["digest"]
        for item in found
        if not (
            item.get("urls")
            or "nondistributable" in item["mediaType"]
            or ".foreign." in item["mediaType"]
        )
    ]


def _artifact_type(document: dict[str, Any], media_type: str) -> str | None:
    """Return the type that the referrers API shows (distribution-spec v1.1, "Listing Referrers"):
    for an image without one its config's.
    """
    value = document.get("artifactType")
    if not value and media_type in IMAGES:
        value = document["config"]["mediaType"]
    return value if isinstance(value, str) and value else None
