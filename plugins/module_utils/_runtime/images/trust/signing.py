# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Sign what is in a registry, as cosign does: a simple signing payload beside the image, under the
tag ``sha256-<hex>.sig`` or as a referrer of it.
"""

from __future__ import annotations

import base64

from ...errors import NotFound
from ..client import referrers, upload
from ..model import manifest
from . import identity, signatures

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from ..client.client import Client
    from .keys import PrivateKey


class Bytes:
    """A small blob as ``upload.Body``'s source."""

    def __init__(self, data: bytes) -> None:
        self.data, self.size = data, len(data)

    def pieces(self, offset: int, count: int) -> Iterator[bytes]:
        yield self.data[offset : offset + count]


def is_signed(client: Client, key: PrivateKey, digest: str) -> bool:
    """Tell whether ``digest`` has a signature by ``key`` under the client's own repository."""
    public, named = key.public, {"type": "matchRepository"}
    found, _useless = signatures.find(client, digest)
    return any(
        item.digest == digest and item.data is not None and item.names is not None and identity.matches(named, client.reference, item.names)
        and public.verifies(item.signature, item.data) for item in found)  # fmt: skip


def sign(client: Client, key: PrivateKey, wanted: str, referrer: bool = False) -> None:
    """Add a signature to those that a manifest has.

    :param wanted: its tag or digest.
    :param referrer: add it as a referrer, not under the tag.
    """
    signed, kind = client.manifest(wanted)
    digest = manifest.digest_of(signed)
    data = signatures.payload(digest, client.reference.full_repository)
    layer = {"mediaType": signatures.SIMPLE, "digest": manifest.digest_of(data), "size": len(data),
             "annotations": {signatures.ANNOTATION: base64.b64encode(key.sign(data)).decode()}}  # fmt: skip
    subject = (
        {
            "mediaType": manifest.parse(signed, wanted, kind)["mediaType"],
            "digest": digest,
            "size": len(signed),
        }
        if referrer
        else None
    )
    document, config = signatures.signature_manifest(
        ([] if referrer else _there(client, digest)) + [layer], subject
    )
    for blob in (data, config):
        upload.push_blob(client, manifest.digest_of(blob), Bytes(blob))
    if referrer:
        referrers.put(client, document, digest)
    else:
        client.put_manifest(signatures.tag_of(digest), document, manifest.OCI_MANIFEST)


def _there(client: Client, digest: str) -> list[dict[str, Any]]:
    """Return the layers of the signatures that are there, which stay."""
    try:
        data, kind = client.manifest(signatures.tag_of(digest))
    except NotFound:
        return []
    document = manifest.parse(data, f"the signatures of {digest}", kind)
    return [] if manifest.is_index(document) else document["layers"]
