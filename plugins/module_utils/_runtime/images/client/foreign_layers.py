# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Layers that a registry need not hold (image-spec, layer.md, "Non-Distributable Layers"): had from the addresses in their descriptor.

They are never pushed: their licence may not let them be given on, and another registry would show an image that is not whole.
"""

from __future__ import annotations

from ...errors import EngineError, Interrupted, Unsupported
from ...untrusted.text import printable
from ..model import manifest


def pieces(client, layer, what, offset=0):
    """A foreign layer's pieces, from its registry where that has it, else from its ``urls`` in their order. The digest is for the caller
    to check.

    :param client: as ``pull.Remote``'s. :param offset: begin there. :raises RegistryError: when nobody has it.
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


def refuse_push(document, what):
    """:raises Unsupported: when a manifest has such layers."""
    for layer in document["layers"]:
        if manifest.is_foreign(layer):
            raise Unsupported(
                f"{what} can't be pushed: it has a foreign layer ({layer['digest']}), which may "
                "not be given on to another registry"
            )
