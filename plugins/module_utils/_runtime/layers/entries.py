# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""In which order an entry of a layer's archive is looked at, and what it has to meet, whatever is made of it: files on a disk (``unpack.py``) or
inodes in memory (``inodes.py``). Image-spec, layer.md, and what runtimes have made of its open questions: the later entry of a name wins.
"""

from __future__ import annotations

import os

from ..errors import RegistryError
from . import confined_tree, hard_links
from .tar import reader

WHITEOUT = b".wh."
OPAQUE = b".wh..wh..opq"
META = b".wh..wh."  # aufs' own bookkeeping, in old images
OPAQUE_ATTRIBUTE = "trusted.overlay.opaque"
MAX_ID = 0xFFFFFFFE  # (uid_t) -1 means "leave it" to chown(2)
MAX_TIME = 1 << 62


def checked(entry, what):
    """The parts of an entry's path; its time is brought into the range that file systems take.

    :raises RegistryError: for a path that would leave the root, or an owner that no file can have.
    """
    parts = confined_tree.split(entry.name, what)
    if entry.uid > MAX_ID or entry.gid > MAX_ID or entry.uid < 0 or entry.gid < 0:
        raise RegistryError(
            "%s: the entry %s has an owner out of range: %d:%d"
            % (what, confined_tree.show(entry.name), entry.uid, entry.gid)
        )
    entry.mtime = max(-MAX_TIME, min(MAX_TIME, entry.mtime))
    return parts


class Taker:
    """What takes entries, one after the other.

    :ivar what: what they are of, for errors. :ivar size: bytes of all files. :ivar links: ``{path: (target, hardlinks.Header)}`` of hard links whose
        target is not in this layer.

    A subclass has ``_entered(entry, parts)``, for every entry, ``_opaque(parent parts)``, ``_hide(parent parts, name)``, and what makes something of
    an entry at a position: ``_directory``, ``_file``, ``_link``, ``_symlink``, ``_node``, each called with ``(entry, parts, position)``.
    """

    def __init__(self, what):
        self.what, self.size, self.links = what, 0, {}
        self._make = {
            reader.REGULAR: self._file,
            reader.LINK: self._link,
            reader.SYMLINK: self._symlink,
            reader.CHAR: self._node,
            reader.BLOCK_DEVICE: self._node,
            reader.FIFO: self._node,
        }

    def take(self, entry, position=0):
        """Take one entry, whose content is at ``position`` in its archive's file."""
        parts = checked(entry, self.what)
        self._entered(entry, parts)
        if entry.kind == b"V":
            return  # GNU tar's volume label
        if self.links:
            self.links.pop(b"/".join(parts), None)  # the later entry of a name wins
        if entry.kind == reader.DIRECTORY and not (parts and parts[-1].startswith(WHITEOUT)):
            self._directory(entry, parts, position)
            return
        if not parts:
            raise RegistryError(f"{self.what}: its root directory is an entry of another type")
        if b".wh." in entry.name and self._whiteout(parts):
            return
        make = self._make.get(entry.kind)
        if make is None:
            raise RegistryError(
                f"{self.what}: the entry {confined_tree.show(entry.name)} is of the unknown type "
                f"{entry.kind!r}"
            )
        make(entry, parts, position)

    def _whiteout(self, parts):
        """Carry out a whiteout entry; False when it is none."""
        name = parts[-1]
        if any(part.startswith(META) for part in parts[:-1]) or (
            name.startswith(META) and name != OPAQUE
        ):
            return True
        if not name.startswith(WHITEOUT):
            return False
        if name == OPAQUE:
            self._opaque(parts[:-1])
            return True
        hidden = name[len(WHITEOUT) :]
        if hidden in (b"", b".", b".."):
            raise RegistryError(
                f"{self.what}: {confined_tree.show(b'/'.join(parts))} is not a whiteout of anything"
            )
        self._hide(parts[:-1], hidden)
        return True

    def _open_end(self, parts, target, entry):
        """Note a hard link whose target is not in this layer; one to another such link leads where that does."""
        target = b"/".join(target)
        self.links[b"/".join(parts)] = (
            self.links.get(target, (target,))[0],
            hard_links.header(entry),
        )

    # ------------------------------------------------------------------------------------- what entries of one kind have to meet

    def _soft_target(self, entry):
        if not entry.link or b"\0" in entry.link:
            raise RegistryError(
                f"{self.what}: the symbolic link {confined_tree.show(entry.name)} has no proper target"
            )
        return entry.link

    def _hard_target(self, entry):
        """The parts of the path that a hard link leads to."""
        target = confined_tree.split(entry.link, self.what)
        if not target:
            raise RegistryError(
                f"{self.what}: the hard link {confined_tree.show(entry.name)} has no proper target"
            )
        return target

    def _device(self, entry):
        major, minor = entry.device
        if not (0 <= major < 1 << 12 and 0 <= minor < 1 << 20):
            raise RegistryError(
                "%s: the device %s has numbers out of range: %d:%d"
                % (self.what, confined_tree.show(entry.name), major, minor)
            )
        return os.makedev(major, minor)
