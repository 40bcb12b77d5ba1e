# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The source that ``from=`` of COPY and ``RUN --mount`` names."""

from __future__ import annotations

import contextlib

from ..trees import source_tree
from ..trees.layers_view import open_layers

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from ..trees.source_tree import Tree


class Origin:
    """What ``from=`` names: a tree.

    :ivar layers: directories, topmost first, or None for a context.
    :ivar tree: a context's.
    :ivar identity: for keys of the cache, or None where only the files tell.
    :ivar image: id of the built image it is of, or None.
    """

    def __init__(
        self,
        layers: Sequence[str] | None = None,
        tree: Tree | None = None,
        identity: str | None = None,
        image: str | None = None,
    ) -> None:
        self.layers, self.tree, self.identity, self.image = layers, tree, identity, image

    @contextlib.contextmanager
    def opened(self) -> Iterator[Tree]:
        """Open the tree for a ``with`` block."""
        if self.tree is not None:
            yield self.tree
            return
        fd = open_layers(self.layers or ())
        tree = source_tree.Tree(fd, "the stage or image that --from names")
        try:
            yield tree
        finally:
            tree.close()
