# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the ``from=`` of COPY and ``RUN --mount`` names."""

from __future__ import annotations

import contextlib

from ...kernel.mounts import mounts, overlay
from ..trees import source_tree


class Origin:
    """What ``from=`` names: a tree. ``layers``: directories, topmost first, or None; ``tree``: a context's; ``identity``: for keys, or
    None where only the files tell; ``image``: id of the built image it is of, or None."""

    def __init__(self, layers=None, tree=None, identity=None, image=None):
        self.layers, self.tree, self.identity, self.image = layers, tree, identity, image

    @contextlib.contextmanager
    def opened(self):
        """The sources.Tree."""
        if self.tree is not None:
            yield self.tree
            return
        fd = (
            overlay.overlay(self.layers) if self.layers else mounts.new_fs("tmpfs", {"mode": "755"})
        )
        tree = source_tree.Tree(fd, "the stage or image that --from names")
        try:
            yield tree
        finally:
            tree.close()
