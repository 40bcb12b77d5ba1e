# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The checks on an entry of a layer's archive, and their order.

They are the same for files on a disk (``unpack.py``) and inodes in memory (``inodes.py``). Source:
image-spec, layer.md, and the practice of runtimes where it is silent. Of entries with one name the
last wins.
"""

from __future__ import annotations

import abc
import os

from ..errors import RegistryError
from . import confined_tree, whiteouts
from .hard_links import Header
from .tar import reader

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

MAX_ID = 0xFFFFFFFE  # (uid_t) -1 means "leave it" to chown(2)
MAX_TIME = 1 << 62  # nanoseconds
_VOLUME_LABEL = b"V"  # GNU tar's


def checked(entry: reader.Entry, what: str) -> list[bytes]:
    """Return the parts of an entry's path; clamp its time to the range that file systems take.

    :raises RegistryError: for a path that would leave the root, or an owner that no file can have.
    """
    parts = confined_tree.split(entry.name, what)
    if entry.uid > MAX_ID or entry.gid > MAX_ID or entry.uid < 0 or entry.gid < 0:
        raise RegistryError(
            f"{what}: the entry {confined_tree.show(entry.name)} has an owner out of range: "
            f"{entry.uid}:{entry.gid}"
        )
    entry.mtime = max(-MAX_TIME, min(MAX_TIME, entry.mtime))
    return parts


class Taker(abc.ABC):
    """Take entries, one after the other. A subclass creates something from each.

    :ivar what: names the archive in errors.
    :ivar size: bytes of all files.
    :ivar links: ``{path: (target, Header)}`` of hard links whose target is not in this layer.
    :cvar whiteouts: whether names that begin with ``.wh.`` hide what is below, as in a layer.
    """

    whiteouts = True

    def __init__(self, what: str) -> None:
        self.what, self.size = what, 0
        self.links: dict[bytes, tuple[bytes, Header]] = {}
        self._make: dict[bytes, Callable[[reader.Entry, list[bytes], int], Any]] = {
            reader.REGULAR: self._file,
            reader.LINK: self._link,
            reader.SYMLINK: self._symlink,
            reader.CHAR: self._node,
            reader.BLOCK_DEVICE: self._node,
            reader.FIFO: self._node,
        }

    # What a subclass implements. ``parts``: the path's parts; ``position``: where the content is in
    # the archive's file.

    @abc.abstractmethod
    def _entered(self, entry: reader.Entry, parts: list[bytes]) -> None:
        """Hook: see an entry before anything is created from it."""

    @abc.abstractmethod
    def _opaque(self, parts: list[bytes]) -> None:
        """Make a directory hide what is below it."""

    @abc.abstractmethod
    def _hide(self, parts: list[bytes], name: bytes) -> None:
        """Hide ``name`` in the directory at ``parts``."""

    @abc.abstractmethod
    def _directory(self, entry: reader.Entry, parts: list[bytes], position: int) -> None: ...

    @abc.abstractmethod
    def _file(self, entry: reader.Entry, parts: list[bytes], position: int) -> None: ...

    @abc.abstractmethod
    def _link(self, entry: reader.Entry, parts: list[bytes], position: int) -> None: ...

    @abc.abstractmethod
    def _symlink(self, entry: reader.Entry, parts: list[bytes], position: int) -> None: ...

    @abc.abstractmethod
    def _node(self, entry: reader.Entry, parts: list[bytes], position: int) -> None: ...

    def take(self, entry: reader.Entry, position: int = 0) -> None:
        """Take one entry, whose content is at ``position`` in its archive's file.

        :raises RegistryError: when the entry is not allowed.
        """
        parts = checked(entry, self.what)
        self._entered(entry, parts)
        if entry.kind == _VOLUME_LABEL:
            return
        if self.links:
            self.links.pop(b"/".join(parts), None)  # the later entry of a name wins
        is_whiteout = self.whiteouts and bool(parts) and parts[-1].startswith(whiteouts.PREFIX)
        if entry.kind == reader.DIRECTORY and not is_whiteout:
            self._directory(entry, parts, position)
            return
        if not parts:
            raise RegistryError(f"{self.what}: its root directory is an entry of another type")
        if self.whiteouts and whiteouts.PREFIX in entry.name and self._whiteout(parts):
            return
        make = self._make.get(entry.kind)
        if make is None:
            raise RegistryError(
                f"{self.what}: the entry {confined_tree.show(entry.name)} is of the unknown type "
                f"{entry.kind!r}"
            )
        make(entry, parts, position)

    def _whiteout(self, parts: list[bytes]) -> bool:
        """Apply a whiteout entry. Return False for any other entry."""
        name = parts[-1]
        if is_bookkeeping(parts):
            return True
        if not name.startswith(whiteouts.PREFIX):
            return False
        if name == whiteouts.OPAQUE_ENTRY:
            self._opaque(parts[:-1])
            return True
        hidden = name[len(whiteouts.PREFIX) :]
        if hidden in (b"", b".", b".."):
            raise RegistryError(
                f"{self.what}: {confined_tree.show(b'/'.join(parts))} is not a whiteout of anything"
            )
        self._hide(parts[:-1], hidden)
        return True

    def _open_end(self, parts: list[bytes], target: list[bytes], entry: reader.Entry) -> None:
        """Record a hard link whose target is not in this layer.

        A link to another such link gets that one's target.
        """
        path = b"/".join(target)
        first = self.links[path][0] if path in self.links else path
        self.links[b"/".join(parts)] = first, Header.of(entry)

    # The checks for entries of one kind.

    def _soft_target(self, entry: reader.Entry) -> bytes:
        """Return a symbolic link's target."""
        if not entry.link or b"\0" in entry.link:
            raise RegistryError(
                f"{self.what}: the symbolic link {confined_tree.show(entry.name)} has no proper "
                "target"
            )
        return entry.link

    def _hard_target(self, entry: reader.Entry) -> list[bytes]:
        """Return the parts of a hard link's target."""
        target = confined_tree.split(entry.link, self.what)
        if not target:
            raise RegistryError(
                f"{self.what}: the hard link {confined_tree.show(entry.name)} has no proper target"
            )
        return target

    def _device(self, entry: reader.Entry) -> int:
        """Return a device node's number, as from os.makedev."""
        major, minor = entry.device
        if not (0 <= major < 1 << 12 and 0 <= minor < 1 << 20):
            raise RegistryError(
                f"{self.what}: the device {confined_tree.show(entry.name)} has numbers out of "
                f"range: {major}:{minor}"
            )
        return os.makedev(major, minor)


def is_bookkeeping(parts: list[bytes]) -> bool:
    """Return whether a path is aufs' metadata, which is skipped."""
    return any(part.startswith(whiteouts.AUFS) for part in parts[:-1]) or (
        parts[-1].startswith(whiteouts.AUFS) and parts[-1] != whiteouts.OPAQUE_ENTRY
    )
