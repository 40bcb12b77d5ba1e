# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a container needs of its image: the config that it follows and the layers that it stands on.

An image id of None is that of a container whose image is not known any more, since the store's database was lost with all its copies.
"""

from __future__ import annotations

from ... import images
from ...errors import NotFound
from ...images.library import layer_store as places

_configs = {}  # image id -> its config: an id is the digest of the config, so an entry is never stale


def config(engine, ident):
    """The ``config`` object of an image (Env, Cmd, Entrypoint, User, WorkingDir, Volumes ...). :raises NotFound: no such image."""
    return _document(engine, ident).get("config") or {}


def architecture(engine, ident):
    """What machines an image is for, in OCI's words; "" where it does not say. :raises NotFound: no such image."""
    return _document(engine, ident).get("architecture") or ""


def _document(engine, ident):
    if ident is None:
        return {}
    if ident not in _configs:
        _configs[ident] = images.get(engine, ident)["config"]
    return _configs[ident]


def size(engine, ident):
    """Bytes of the files of the image's layers. :raises NotFound: no such image."""
    _check(ident)
    return images.get(engine, ident)["size"]


def layers(engine, ident):
    """The places of the image's layers, topmost first: overlay's order."""
    _check(ident)
    return images.layer_paths(engine, ident)


def _check(ident):
    if ident is None:
        raise NotFound(
            "the image of this container is not known any more; make the container again"
        )


def is_there(place):
    """Whether a layer of run.json is there still."""
    return places.is_there(place)


def repair(engine, ident):
    """Make the image's missing layers again, at the places that they had. :raises EngineError: where that can't be done."""
    _check(ident)
    images.ensure_unpacked(engine, ident)
