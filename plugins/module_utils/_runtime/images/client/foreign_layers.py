# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Fetch layers that a registry need not hold (image-spec, layer.md, "Non-Distributable Layers").

They come from the addresses in their descriptor. They are never pushed: their licence may forbid
that, and another registry would then show an incomplete image.
"""

from __future__ import annotations

from ...errors import EngineError, Interrupted, Unsupported
from ...untrusted.text import printable
from ..model import manifest

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any, Protocol

    class BlobSource(Protocol):
        """What gives blobs: a ``client.Client``, or ``mirrors.Mirrored``."""

        def has_blob(self, digest: str) -> bool: ...

        def blob(
            self, digest: str, size: int | None = None, offset: int = 0, *, url: str | None = None
        ) -> Iterator[bytes]: ...


def pieces(
    client: BlobSource, layer: dict[str, Any], what: str, offset: int = 0
) -> Iterator[bytes]:
    """Fetch a foreign layer in pieces, from its registry where that has it, else from its ``urls``
    in their order. The caller checks the digest.

    :param layer: its descriptor.
    :param offset: bytes to leave out at the beginning.
    :raises RegistryError: where nobody has it.
    """
    urls = [url for url in layer.get("urls") or () if isinstance(url, str)]
    if not urls or client.has_blob(layer["digest"]):
        yield from client.blob(layer["digest"], layer["size"], offset)
        return
    reasons = []
    for url in urls:
        try:
            for piece in client.blob(layer["digest"], layer["size"], offset, url=url):
                offset += len(piece)
                yield piece
            return
        except EngineError as error:
            reasons.append(f"{printable(url.partition('?')[0], 200)}: {error}")
    raise Interrupted(
        f"{what} has a foreign layer ({layer['digest']}), which its registry does not hold, and "
        f"it can't be had elsewhere: {'; '.join(reasons)}"
    )


def refuse_push(document: dict[str, Any], what: str) -> None:
    """:raises Unsupported: for a manifest that has such layers."""
    for layer in document["layers"]:
        if manifest.is_foreign(layer):
            raise Unsupported(
                f"{what} can't be pushed: it has a foreign layer ({layer['digest']}), which may "
                "not be given on to another registry"
            )
