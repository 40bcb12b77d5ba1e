# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The header that a hard link has of its own in an archive: the last one of a file's names says owner, mode and time of the file, and adds attributes.

So do Docker, containerd and podman. Of a symbolic link it says the owner alone.
"""

from __future__ import annotations

import collections
import os
import stat

from ..errors import Unsupported
from . import confined_tree

Header = collections.namedtuple("Header", "uid gid mode mtime xattrs")
CAPABILITY = b"security.capability"


def header(entry):
    """The :class:`Header` of an entry that was checked (``entries.py``)."""
    return Header(entry.uid, entry.gid, entry.mode, entry.mtime, kept(entry.xattrs))


def kept(xattrs):
    """File capabilities and users' own attributes; all others are the host's affair (overlayfs' marks above all)."""
    return {
        name: value
        for name, value in xattrs.items()
        if name == CAPABILITY or name.startswith(b"user.") and not name.startswith(b"user.overlay.")
    }


def to_json(found):
    return list(found[:4]) + [
        [[os.fsdecode(name), os.fsdecode(value)] for name, value in found.xattrs.items()]
    ]


def from_json(value):
    return Header(
        *value[:4], {os.fsencode(name): os.fsencode(content) for name, content in value[4]}
    )


def on_disk(parent, name, found, what):
    """Describe the file ``name``, no directory, in the directory that ``parent`` is open on by a Header. :param what: it is of, for errors."""
    kind = stat.S_IFMT(os.lstat(name, dir_fd=parent).st_mode)
    if kind == stat.S_IFREG:
        fd = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=parent)
        try:
            capability = _capability(fd)  # chown takes it away
            os.fchown(fd, found.uid, found.gid)
            os.fchmod(fd, found.mode)
            put(fd, {**capability, **found.xattrs}, name, what)
            os.utime(fd, ns=(found.mtime, found.mtime))
        finally:
            os.close(fd)
        return
    os.chown(name, found.uid, found.gid, dir_fd=parent, follow_symlinks=False)
    if kind != stat.S_IFLNK:
        os.chmod(name, found.mode, dir_fd=parent)
        os.utime(name, ns=(found.mtime, found.mtime), dir_fd=parent, follow_symlinks=False)


def _capability(fd):
    try:
        return {CAPABILITY: os.getxattr(fd, CAPABILITY)}
    except OSError:
        return {}


def put(fd, xattrs, name, what):
    """Set attributes of an open file. :raises Unsupported: where its file system refuses one."""
    for key, value in xattrs.items():
        try:
            os.setxattr(fd, key, value)
        except OSError as error:
            raise Unsupported(
                f"{what}: {confined_tree.show(name)} needs the extended attribute {confined_tree.show(key)}, which "
                f"the file system of the store refuses: {error.strerror}"
            ) from None


def on_node(node, found):
    """The same for an inode in memory (``erofs.Node``)."""
    node.uid, node.gid = found.uid, found.gid
    if not stat.S_ISLNK(node.mode):
        node.mode, node.mtime = stat.S_IFMT(node.mode) | found.mode, found.mtime
    if stat.S_ISREG(node.mode):
        node.xattrs.update(found.xattrs)
