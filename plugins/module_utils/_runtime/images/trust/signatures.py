# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Signatures of images as cosign stores them beside an image: find them, and read what they say.

Places: the tag ``sha256-<hex>.sig`` (cosign's SIGNATURE_SPEC) and the referrers of the digest
(distribution-spec 1.1). Forms: "simple signing" payloads, whose signature is an annotation, and
Sigstore bundles (cosign's BUNDLE_SPEC) with a message signature or a DSSE envelope around an
in-toto statement. A certificate, a transparency log entry and the like are not looked at: what
counts is the one key that the user named.
"""

from __future__ import annotations

import base64
import binascii
import json

from ...errors import NotFound
from ...untrusted import json_reader
from ..model import manifest

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from ..client.client import Client
    from ..configuration.mirrors import Mirrored


SIMPLE = "application/vnd.dev.cosign.simplesigning.v1+json"
ANNOTATION = "dev.cosignproject.cosign/signature"
BUNDLE = "application/vnd.dev.sigstore.bundle"  # and a version
ARTIFACT = "application/vnd.dev.cosign.artifact.sig.v1+json"
STATEMENTS = ("https://in-toto.io/Statement/v1", "https://in-toto.io/Statement/v0.1")
SIGNS = "https://sigstore.dev/cosign/sign/v1"  # the predicate of a plain signature; others attest something else
MAX_PAYLOAD = 1 << 20  # bytes
MAX_MANIFESTS, MAX_SIGNATURES = 20, 50


class Signature:
    """One signature that was found.

    :ivar data: what was signed; None for the manifest itself.
    :ivar digest: which image it is for.
    :ivar names: the docker-reference that it gives the image; None where its form has none.
    """

    def __init__(
        self, data: bytes | None, signature: bytes, digest: str, names: str | None
    ) -> None:
        self.data, self.signature, self.digest, self.names = data, signature, digest, names


def find(client: Client | Mirrored, digest: str) -> tuple[list[Signature], list[str]]:
    """Find the signatures of a manifest's digest.

    :returns: those that can be read, and why others are no use.
    :raises RegistryError: where the registry can't be asked.
    """
    found: list[Signature] = []
    useless: list[str] = []
    for document in _manifests(client, digest):
        for layer in document["layers"]:
            if len(found) + len(useless) >= MAX_SIGNATURES:
                return found, useless
            try:
                signature = _read(client, layer, digest)
            except _Useless as error:
                useless.append(str(error))
                continue
            if signature is not None:
                found.append(signature)
    return found, useless


class _Useless(Exception):
    """A signature that is not what it should be: as if it were not there, but with a reason."""


def _manifests(client: Client | Mirrored, digest: str) -> Iterator[dict[str, Any]]:
    """Fetch the manifests that may hold signatures of ``digest``."""
    wanted = [tag_of(digest)]
    for item in client.referrers(digest):
        kind = item.get("artifactType") or ""
        if kind == ARTIFACT or kind.startswith(BUNDLE):
            wanted.append(item["digest"])
    for name in wanted[:MAX_MANIFESTS]:
        try:
            data, media_type = client.manifest(name)
        except NotFound:
            continue
        document = manifest.parse(data, "the signature " + name, media_type)
        if not manifest.is_index(document):
            yield document


def _read(client: Client | Mirrored, layer: dict[str, Any], digest: str) -> Signature | None:
    """Read the signature in a layer of a signature's manifest; return None for a layer that is
    something else.
    """
    if layer["mediaType"] == SIMPLE:
        data = _payload(client, layer)
        return _simple(data, (layer.get("annotations") or {}).get(ANNOTATION))
    if layer["mediaType"].startswith(BUNDLE):
        return _bundle(_payload(client, layer), digest)
    return None


def _payload(client: Client | Mirrored, layer: dict[str, Any]) -> bytes:
    if layer["size"] > MAX_PAYLOAD:
        raise _Useless("its payload has %d bytes" % layer["size"])
    return client.small_blob(layer["digest"], min(layer["size"], MAX_PAYLOAD))


def _simple(data: bytes, annotation: Any) -> Signature:
    """Read a simple signing payload (containers-signature(5)) with its signature."""
    critical = _object(_json(data).get("critical"), "critical")
    image, named = (
        _object(critical.get("image"), "image"),
        _object(critical.get("identity"), "identity"),
    )
    if critical.get("type") not in (
        "cosign container image signature",
        "atomic container signature",
    ):
        raise _Useless(f"its type is {critical.get('type')!r}")
    digest = image.get("docker-manifest-digest") or image.get("Docker-manifest-digest")
    if not isinstance(digest, str):
        raise _Useless("it names no image")
    return Signature(data, _decoded(annotation), digest, str(named.get("docker-reference") or ""))


def _bundle(data: bytes, wanted: str) -> Signature:
    """Read a Sigstore bundle: a message signature of the manifest's digest, or a statement about
    it.
    """
    document = _json(data)
    if "messageSignature" in document:
        message = _object(document["messageSignature"], "messageSignature")
        claimed = _object(message.get("messageDigest"), "messageDigest")
        if (
            claimed.get("algorithm") != "SHA2_256"
            or _decoded(claimed.get("digest")).hex() != wanted.partition(":")[2]
        ):
            raise _Useless("it is for another image")
        return Signature(None, _decoded(message.get("signature")), wanted, None)
    envelope = _object(document.get("dsseEnvelope"), "dsseEnvelope")
    payload, kind = _decoded(envelope.get("payload")), envelope.get("payloadType")
    signatures = envelope.get("signatures")
    if (
        kind != "application/vnd.in-toto+json"
        or not isinstance(signatures, list)
        or len(signatures) != 1
    ):
        raise _Useless("its envelope is not one in-toto statement with one signature")
    statement = _json(payload)
    if statement.get("_type") not in STATEMENTS or statement.get("predicateType") != SIGNS:
        raise _Useless(
            f"it is a statement of type {statement.get('predicateType')}, not a signature"
        )
    subjects = statement.get("subject")
    subjects = [_object(item, "subject") for item in subjects] if isinstance(subjects, list) else []
    algorithm, dummy, encoded = wanted.partition(":")
    meant = [
        item
        for item in subjects
        if isinstance(item.get("digest"), dict) and item["digest"].get(algorithm) == encoded
    ]
    if not meant:
        raise _Useless("it is for another image")
    if len(meant) > 1:
        raise _Useless(f"its statement has the image {len(meant)} times")
    signed = b"DSSEv1 %d %s %d %s" % (
        len(kind),
        kind.encode(),
        len(payload),
        payload,
    )  # DSSE protocol, "Signature Definition"
    return Signature(
        signed,
        _decoded(_object(signatures[0], "signatures").get("sig")),
        wanted,
        _name_in(meant[0]),
    )


def _name_in(subject: dict[str, Any]) -> str | None:
    """Return what a statement calls its subject, or None: in-toto has "_" for no name, and cosign 3
    gives none to what it signs.
    """
    name = subject.get("name")
    return name if isinstance(name, str) and name not in ("", "_") else None


def _json(data: bytes) -> dict[str, Any]:
    return json_reader.load(data, "its content", error=_Useless)


def _object(value: Any, what: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise _Useless(f"{what} is not an object")
    return value


def _decoded(text: Any) -> bytes:
    try:
        data = base64.b64decode(text or "", validate=True)
    except (binascii.Error, ValueError, TypeError):
        data = b""
    if not data:
        raise _Useless("it has no signature in base64")
    return data


# --- writing ---


def payload(digest: str, name: str) -> bytes:
    """Make a simple signing payload for a manifest's ``digest`` under the docker-reference
    ``name``.
    """
    document = {
        "critical": {
            "identity": {"docker-reference": name},
            "image": {"docker-manifest-digest": digest},
            "type": "cosign container image signature",
        },
        "optional": None,
    }
    return json.dumps(document, separators=(",", ":")).encode()


def tag_of(digest: str) -> str:
    """Return the tag that the signatures of a digest have."""
    return digest.replace(":", "-") + ".sig"


def signature_manifest(
    layers: list[dict[str, Any]], subject: dict[str, Any] | None = None
) -> tuple[bytes, bytes]:
    """Make the manifest of signatures, and its configuration.

    :param layers: descriptors of payloads, each with its signature.
    :param subject: descriptor of what is signed, where the manifest is to be a referrer of it.
    """
    config = json.dumps(
        {
            "architecture": "",
            "os": "",
            "config": {},
            "rootfs": {"type": "layers", "diff_ids": [layer["digest"] for layer in layers]},
        },
        separators=(",", ":"),
    ).encode()
    document = {
        "schemaVersion": 2,
        "mediaType": manifest.OCI_MANIFEST,
        "config": {
            "mediaType": manifest.OCI_CONFIG,
            "digest": manifest.digest_of(config),
            "size": len(config),
        },
        "layers": layers,
    }
    if subject is not None:
        document.update(artifactType=ARTIFACT, subject=subject)
    return json.dumps(document, separators=(",", ":")).encode(), config
