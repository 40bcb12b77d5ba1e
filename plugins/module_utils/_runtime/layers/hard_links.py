# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The header that each name of a hard-linked file has in an archive.

The last name of a file sets owner, mode and time of the file, and adds attributes, as with Docker,
containerd and Podman. For a symbolic link it sets the owner alone.
"""

from __future__ import annotations

import os
import stat

from ..errors import Unsupported, reason
from .confined_tree import show

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from .inodes import Node
    from .tar.reader import Entry

CAPABILITY = b"security.capability"


class Header:
    """What the header of one more name sets on a file.

    :ivar mode: without the type.
    :ivar mtime: nanoseconds.
    :ivar xattrs: ``{name: value}``.
    """

    __slots__ = ("uid", "gid", "mode", "mtime", "xattrs")

    def __init__(self, uid: int, gid: int, mode: int, mtime: int, xattrs: Mapping[bytes, bytes]):
        self.uid, self.gid, self.mode, self.mtime, self.xattrs = uid, gid, mode, mtime, xattrs

    @classmethod
    def of(cls, entry: Entry) -> Header:
        """Return the header of an entry that was checked (``entries.py``)."""
        return cls(entry.uid, entry.gid, entry.mode, entry.mtime, kept(entry.xattrs))

    def to_json(self) -> list[Any]:
        """Return a JSON-able form for another process, with surrogate escapes."""
        attributes = [
            [os.fsdecode(name), os.fsdecode(value)] for name, value in self.xattrs.items()
        ]
        return [self.uid, self.gid, self.mode, self.mtime, attributes]

    @classmethod
    def from_json(cls, value: list[Any]) -> Header:
        """Read what :meth:`to_json` returned."""
        attributes = {os.fsencode(name): os.fsencode(content) for name, content in value[4]}
        uid, gid, mode, mtime, _attributes = value
        return cls(uid, gid, mode, mtime, attributes)


def kept(xattrs: Mapping[bytes, bytes]) -> dict[bytes, bytes]:
    """Return file capabilities and the user's own attributes.

    All others belong to the host, above all overlayfs' marks.
    """
    return {
        name: value
        for name, value in xattrs.items()
        if name == CAPABILITY or name.startswith(b"user.") and not name.startswith(b"user.overlay.")
    }


def on_disk(parent: int, name: bytes, found: Header, what: str, lenient: bool = False) -> None:
    """Apply the header of one more name to a file, which is no directory.

    Another process may replace the file meanwhile. So only a regular file is opened, and no link is
    followed.

    :param parent: the open directory that ``name`` is in.
    :param what: names the layer in errors.
    :param lenient: skip attributes that the file system refuses.
    :raises Unsupported: where the file system refuses an attribute.
    """
    handle = os.open(name, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=parent)
    try:
        kind, place = stat.S_IFMT(os.fstat(handle).st_mode), f"/proc/self/fd/{handle}"
        if kind == stat.S_IFREG:
            _on_file(place, name, found, what, lenient)
            return
        os.chown(name, found.uid, found.gid, dir_fd=parent, follow_symlinks=False)
        if kind != stat.S_IFLNK:
            os.chmod(place, found.mode)
            times = (found.mtime, found.mtime)
            os.utime(name, ns=times, dir_fd=parent, follow_symlinks=False)
    finally:
        os.close(handle)


def _on_file(place: str, name: bytes, found: Header, what: str, lenient: bool) -> None:
    fd = os.open(place, os.O_RDONLY | os.O_CLOEXEC)
    try:
        capability = _capability(fd)  # chown takes it away
        os.fchown(fd, found.uid, found.gid)
        os.fchmod(fd, found.mode)
        put(fd, {**capability, **found.xattrs}, name, what, lenient)
        os.utime(fd, ns=(found.mtime, found.mtime))
    finally:
        os.close(fd)


def _capability(fd: int) -> dict[bytes, bytes]:
    try:
        return {CAPABILITY: os.getxattr(fd, CAPABILITY)}
    except OSError:
        return {}


def put(
    fd: int, xattrs: Mapping[bytes, bytes], name: bytes, what: str, lenient: bool = False
) -> None:
    """Set attributes of an open file.

    :param lenient: skip those that its file system refuses.
    :raises Unsupported: where it refuses one otherwise.
    """
    for key, value in xattrs.items():
        try:
            os.setxattr(fd, key, value)
        except OSError as error:
            if lenient:
                continue
            raise Unsupported(
                f"{what}: {show(name)} needs the extended attribute {show(key)}, which "
                f"the file system of the store refuses: {reason(error, named=True)}"
            ) from None


def on_node(node: Node, found: Header) -> None:
    """Apply the header to an inode in memory in the same way."""
    node.uid, node.gid = found.uid, found.gid
    if not stat.S_ISLNK(node.mode):
        node.mode, node.mtime = stat.S_IFMT(node.mode) | found.mode, found.mtime
    if stat.S_ISREG(node.mode):
        node.xattrs.update(found.xattrs)
