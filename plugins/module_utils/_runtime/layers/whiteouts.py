# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""How a layer marks that something of the layers below is deleted.

In an archive the marks are entries (image-spec, layer.md, "Whiteouts"). In a directory they are
overlayfs' marks (kernel, filesystems/overlayfs.rst, "whiteouts and opaque directories"): a
character device 0/0 for one name, an attribute for all that is below a directory.
"""

from __future__ import annotations

import os
import stat

PREFIX = b".wh."  # of a whiteout's entry
OPAQUE_ENTRY = b".wh..wh..opq"
AUFS = b".wh..wh."  # begins the names of aufs' own bookkeeping, in old images
OPAQUE_ATTRIBUTE = "trusted.overlay.opaque"


def is_whiteout(mode: int, device: int) -> bool:
    """Return whether a file is overlayfs' mark for a deleted name.

    :param mode, device: as of stat(2).
    """
    return device == 0 and stat.S_ISCHR(mode)


def is_whiteout_at(parent: int, name: bytes | str) -> bool:
    """Return whether ``name`` in the open directory ``parent`` is such a mark."""
    status = os.lstat(name, dir_fd=parent)
    return is_whiteout(status.st_mode, status.st_rdev)


def make_whiteout(parent: int, name: bytes) -> None:
    """Mark ``name`` as deleted.

    :raises FileExistsError: when something has the name.
    """
    os.mknod(name, stat.S_IFCHR, 0, dir_fd=parent)


def is_opaque(directory: int) -> bool:
    """Return whether an open directory hides what is below it."""
    try:
        return os.getxattr(directory, OPAQUE_ATTRIBUTE) == b"y"
    except OSError:
        return False


def make_opaque(directory: int) -> None:
    """Make an open directory hide what is below it."""
    os.setxattr(directory, OPAQUE_ATTRIBUTE, b"y")
