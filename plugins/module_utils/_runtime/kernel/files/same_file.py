# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Compare two files by what is theirs beside their status: extended attributes (xattr(7)) and content."""

from __future__ import annotations

import os

PIECE = 1 << 18  # bytes


def xattrs(fd: int, capabilities: bool = True) -> dict[bytes, bytes]:
    """A file's capabilities, if wanted, and users' attributes: ``{name: value}``, {} where the file system has no such thing."""
    try:
        names = os.listxattr(fd)
    except OSError:
        return {}
    return {
        os.fsencode(name): os.getxattr(fd, name)
        for name in names
        if (capabilities and name == "security.capability")
        or (name.startswith("user.") and not name.startswith("user.overlay."))
    }


def same(ours: int, theirs: int, capabilities: bool = True) -> bool:
    """Whether two regular files have the same attributes and content. Both descriptors are at the beginning."""
    if xattrs(ours, capabilities) != xattrs(theirs):
        return False
    while True:
        piece = os.read(ours, PIECE)
        if piece != os.read(theirs, PIECE):
            return False
        if not piece:
            return True
