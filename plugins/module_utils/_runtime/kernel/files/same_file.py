# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What makes two files the same beside their status: extended attributes that are a file's own (xattr(7)), and content."""

from __future__ import annotations

import os

PIECE = 1 << 18  # bytes


def xattrs(fd, capabilities=True):
    """A file's capabilities, unless they are not wanted, and users' attributes, ``{name: value}`` in bytes; none where the file system has no such thing."""
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


def same(ours, theirs, capabilities=True):
    """Whether two regular files, by descriptors at their beginnings, have the same attributes and content."""
    if xattrs(ours, capabilities) != xattrs(theirs):
        return False
    while True:
        piece = os.read(ours, PIECE)
        if piece != os.read(theirs, PIECE):
            return False
        if not piece:
            return True
