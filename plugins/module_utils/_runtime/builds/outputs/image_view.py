# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The files of an image of the store, read-only, and the tar archive of them (``--output type=tar``)."""

from __future__ import annotations

import os

from ... import images
from ...layers import difference
from ..trees.layers_view import open_layers

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

    from ...engine import Engine


class ImageView:
    """An image's files, read-only: ``fd`` is open on them in a ``with`` block."""

    def __init__(self, engine: Engine, record: dict[str, Any]) -> None:
        self.fd = open_layers(images.layer_paths(engine, record["id"]))

    def __enter__(self) -> ImageView:
        return self

    def __exit__(self, *_exception: object) -> None:
        os.close(self.fd)

    def archive(self) -> Iterable[bytes]:
        """Return the pieces of a tar archive of all files."""
        return difference.archive(f"/proc/self/fd/{self.fd}/.")
