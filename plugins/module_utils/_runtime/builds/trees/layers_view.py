# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Mount layers as one read-only tree, without a place in the file system."""

from __future__ import annotations

from ...kernel.mounts import mounts, overlay

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence


def open_layers(paths: Sequence[str]) -> int:
    """Mount the directories of layers, topmost first, detached. Without any the root is empty.

    :returns: a descriptor of the mount, which ends with it.
    :raises OSError: where the kernel refuses it.
    """
    return overlay.overlay(paths) if paths else mounts.new_fs("tmpfs", {"mode": "755"})
