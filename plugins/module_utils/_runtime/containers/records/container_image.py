# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a container needs of its image: the config that it follows and the layers that it stands on.

An image id of None is that of a container whose image is not known any more, since the store's
database was lost with all its copies.
"""

from __future__ import annotations

from ... import images
from ...errors import NotFound
from ...images.library import layer_store

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from ...engine import Engine

# image id -> its config document. An id is the digest of the config, so an entry is never stale.
_documents: dict[str, dict[str, Any]] = {}


def config(engine: Engine, ident: str | None) -> dict[str, Any]:
    """Return the ``config`` object of an image (Env, Cmd, Entrypoint, User, Volumes ...).

    :raises NotFound: no such image.
    """
    return _document(engine, ident).get("config") or {}


def architecture(engine: Engine, ident: str | None) -> str:
    """Return what machines an image is for, in OCI's words; "" where it does not say.

    :raises NotFound: no such image.
    """
    return _document(engine, ident).get("architecture") or ""


def _document(engine: Engine, ident: str | None) -> dict[str, Any]:
    if ident is None:
        return {}
    if ident not in _documents:
        _documents[ident] = images.get(engine, ident)["config"]
    return _documents[ident]


def size(engine: Engine, ident: str | None) -> int:
    """Return the bytes of the files of the image's layers. :raises NotFound: no such image."""
    found: int = images.get(engine, _known(ident))["size"]
    return found


def layers(engine: Engine, ident: str | None) -> list[str]:
    """Return the places of the image's layers, topmost first, which is overlay's order.

    :raises NotFound: no such image.
    """
    found: list[str] = images.layer_paths(engine, _known(ident))
    return found


def _known(ident: str | None) -> str:
    if ident is None:
        raise NotFound(
            "the image of this container is not known any more; make the container again"
        )
    return ident


def is_there(place: str) -> bool:
    """Tell whether a layer of run.json is there still."""
    return bool(layer_store.is_there(place))


def repair(engine: Engine, ident: str | None) -> None:
    """Make the image's missing layers again, at the places that they had.

    :raises EngineError: that can't be done.
    """
    images.ensure_unpacked(engine, _known(ident))
