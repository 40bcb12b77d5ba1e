# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The contents of a layer's archive: entries, whiteouts and opaque marks.

They are read without unpacking anything (image-spec, layer.md). A store always has the archives, in
whatever form it keeps the layers that it mounts.
"""

from __future__ import annotations

import copy
import hashlib
import os
import stat

from ..errors import RegistryError
from . import confined_tree, whiteouts
from .entries import is_bookkeeping
from .hard_links import Header
from .tar import reader

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence


class File:
    """The content of one file.

    :ivar digest: its sha256, where it was requested.
    :ivar place: layer and number of the entry that holds it.
    :ivar names: how many visible names it has.
    """

    __slots__ = ("size", "digest", "place", "names")

    def __init__(self, size: int, layer: int, number: int) -> None:
        self.size, self.place, self.names = size, (layer, number), 0
        self.digest: bytes | None = None

    def copied_up(self) -> File:
        """Return the file with the same content in a later layer."""
        other = File(self.size, *self.place)
        other.digest = self.digest
        return other


class Item:
    """One file of a layer, which all of its names share, or a directory.

    It is a status for ``tar.writer.header``.

    :ivar kind: a kind of tar entry.
    :ivar layer: the layer's index, lowest 0.
    :ivar file: its content; None for a directory.
    :ivar link: the target of a symbolic link.
    :ivar target: the path of a hard link's target in a layer below, else None.
    :ivar headers: the headers of the names of a hard link into a layer below.
    """

    __slots__ = (
        "kind",
        "st_mode",
        "st_uid",
        "st_gid",
        "st_mtime_ns",
        "device",
        "xattrs",
        "link",
        "file",
        "target",
        "layer",
        "headers",
    )

    def __init__(self, entry: reader.Entry, layer: int) -> None:
        self.kind, self.layer = entry.kind, layer
        self.st_mode = entry.mode | reader.FILE_TYPES.get(entry.kind, 0)
        self.st_uid, self.st_gid, self.st_mtime_ns = entry.uid, entry.gid, entry.mtime
        self.device, self.xattrs, self.link = entry.device, entry.xattrs, entry.link
        self.file: File | None = None
        self.target: bytes | None = None
        self.headers: list[Header] = []

    def describe(self, header: Header) -> None:
        """Apply the header of one more name of the file (hard_links.py)."""
        self.st_uid, self.st_gid = header.uid, header.gid
        if self.kind != reader.SYMLINK:
            self.st_mode, self.st_mtime_ns = stat.S_IFMT(self.st_mode) | header.mode, header.mtime
        if self.kind == reader.REGULAR and header.xattrs:
            self.xattrs = {**self.xattrs, **header.xattrs}

    def leading_to(self, found: Item, file: File) -> Item:
        """Return the item of a hard link into a layer below that resolves to ``found``.

        It is a file of this layer, with its own owner and mode.

        :param file: the content of ``found``.
        """
        other = copy.copy(found)
        other.layer, other.file = self.layer, file.copied_up()
        for header in self.headers:
            other.describe(header)
        return other

    @property
    def is_directory(self) -> bool:
        return self.kind == reader.DIRECTORY

    @property
    def st_rdev(self) -> int:
        return os.makedev(*self.device)

    @property
    def size(self) -> int:
        return self.file.size if self.file is not None else 0

    def same_as(self, other: Item) -> bool:
        """Return whether type, mode, owner, attributes and content are the same. Times are ignored."""
        if self is other:
            return True
        facts = [
            (item.kind, item.st_mode, item.st_uid, item.st_gid, item.device, item.xattrs)
            for item in (self, other)
        ]
        if facts[0] != facts[1]:
            return False
        if self.kind == reader.SYMLINK:
            return self.link == other.link
        if self.kind != reader.REGULAR or self.file is other.file:
            return True
        mine, others = self.file, other.file
        if mine is None or others is None:
            return False
        return (mine.size, mine.digest) == (others.size, others.digest)


class Contents:
    """The contents of one layer. Paths have no ``/`` at either end.

    :ivar what: names the layer in errors.
    :ivar layer: its index in the image, lowest 0.
    :ivar items: ``{path: Item}``, in the order of the archive. Of entries with one name the last
        wins.
    :ivar whiteouts: paths that the layer deletes.
    :ivar opaques: directories whose content in lower layers is hidden.
    """

    def __init__(self, what: str, layer: int) -> None:
        self.what, self.layer = what, layer
        self.items: dict[bytes, Item] = {}
        self.whiteouts: list[bytes] = []
        self.opaques: list[bytes] = []
        self._parents, self._has_links = {b"": b""}, False
        # paths that are targets of hard links into a layer below
        self._open: dict[bytes, Item] = {}
        # the paths in each directory; a dictionary keeps their order
        self._below: dict[bytes, dict[bytes, None]] = {}

    def take(self, number: int, entry: reader.Entry) -> Item | None:
        """Record one entry of the archive.

        :returns: None for an entry that is no item.
        """
        parts = confined_tree.split(entry.name, self.what)
        if entry.kind == b"V":
            return None
        if not parts:
            return self._put(b"", Item(entry, self.layer))
        parent = self._parent(parts[:-1])
        name = parts[-1]
        if name.startswith(whiteouts.PREFIX) or is_bookkeeping(parts):
            if not is_bookkeeping(parts):
                self._whiteout(parent, name)
            return None
        item = Item(entry, self.layer)
        if entry.kind == reader.LINK:
            item = self._hard_link(item, entry)
        elif not item.is_directory:
            item.file = File(entry.size, self.layer, number)
        return self._put(_joined(parent, name), item)

    def _whiteout(self, parent: bytes, name: bytes) -> None:
        if name == whiteouts.OPAQUE_ENTRY:
            self.opaques.append(parent)
        else:
            self.whiteouts.append(_joined(parent, name[len(whiteouts.PREFIX) :]))

    def _hard_link(self, item: Item, entry: reader.Entry) -> Item:
        """Return the item of a hard link: that of its target in this layer."""
        target = confined_tree.split(entry.link, self.what)
        if not target:
            raise RegistryError(
                f"{self.what}: the hard link {confined_tree.show(entry.name)} leads to the root"
            )
        path = _joined(self._parent(target[:-1]), target[-1])
        found, header = self.items.get(path), Header.of(entry)
        if found is None or found.is_directory:
            found = self._open.setdefault(path, item)
            found.target = path
        if found.target is not None:
            found.headers.append(header)
        else:
            found.describe(header)
        return found

    def _put(self, path: bytes, item: Item) -> Item:
        before = self.items.pop(path, None)
        if not item.is_directory:
            self._forget_below(path)
        if item.kind == reader.SYMLINK or before is not None and before.kind == reader.SYMLINK:
            self._parents, self._has_links = {b"": b""}, True
        self.items[path] = item
        while path:
            above = path.rpartition(b"/")[0]
            beside = self._below.setdefault(above, {})
            if path in beside:
                break
            beside[path] = None
            path = above
        return item

    def _forget_below(self, path: bytes) -> None:
        waiting = [path]
        while waiting:
            for inner in self._below.pop(waiting.pop(), ()):
                self.items.pop(inner, None)
                waiting.append(inner)

    def _parent(self, parts: Sequence[bytes]) -> bytes:
        """Return the directory at ``parts``.

        Links of this layer on the way are followed, as in unpacking.
        """
        key = b"/".join(parts)
        if not self._has_links:
            return key
        found = self._parents.get(key)
        if found is None:
            found = self._parents[key] = self._resolve(list(parts), key)
        return found

    def _resolve(self, rest: list[bytes], key: bytes) -> bytes:
        real: list[bytes] = []
        rest, links, detour = rest[::-1], 0, 0
        while rest:
            part = rest.pop()
            if part in (b"", b"."):
                continue
            if part == b"..":
                del real[-1:]
                continue
            item = self.items.get(b"/".join(real + [part]))
            if item is None or item.kind != reader.SYMLINK:
                real.append(part)
                continue
            target = item.link.split(b"/")
            links, detour = links + 1, detour + len(target)
            if links > confined_tree.MAX_LINKS or detour > confined_tree.MAX_DETOUR:
                raise RegistryError(
                    f"{self.what}: too many links on the way to {confined_tree.show(key)}"
                )
            if item.link.startswith(b"/"):
                real = []
            rest += reversed(target)
        return b"/".join(real)


def _joined(parent: bytes, name: bytes) -> bytes:
    return parent + b"/" + name if parent else name


def read(chunks: Iterable[bytes], what: str, layer: int = 0, hashed: bool = False) -> Contents:
    """Read a layer's archive.

    :param chunks: its uncompressed pieces, read to their end.
    :param what: names the layer in errors.
    :param layer: its index in the image.
    :param hashed: compute the sha256 of every file's content.
    :raises RegistryError: when the archive is damaged.
    """
    stream, contents = reader.Stream(chunks, what), Contents(what, layer)
    for number, entry in enumerate(reader.entries(stream)):
        item = contents.take(number, entry)
        if hashed and item is not None and item.file is not None and entry.kind == reader.REGULAR:
            item.file.digest = _digest(entry)
    stream.drain()
    return contents


HOLES = 1 << 30  # bytes of a file's holes that are read as zeros


def _digest(entry: reader.Entry) -> bytes:
    """Return the digest of a file's content.

    Of a sparse file with excessive holes, only the parts and their positions are hashed.
    """
    checksum, pieces = hashlib.sha256(), whole(entry)
    if entry.sparse is not None and entry.size - entry.stored > HOLES:
        checksum.update(b"%d %r" % (entry.size, entry.sparse))
        pieces = (piece for _offset, length in entry.sparse for piece in entry.pieces(length))
    for piece in pieces:
        checksum.update(piece)
    return checksum.digest()


ZEROS = b"\0" * (1 << 16)


def whole(entry: reader.Entry) -> Iterator[bytes]:
    """Yield the pieces of a file's content, with the holes of a sparse file filled."""
    if entry.sparse is None:
        yield from entry.pieces(entry.size)
        return
    position = 0
    for offset, length in entry.sparse:
        yield from _zeros(offset - position)
        yield from entry.pieces(length)
        position = offset + length
    yield from _zeros(entry.size - position)


def _zeros(count: int) -> Iterator[bytes]:
    while count > 0:
        piece = ZEROS[:count]
        count -= len(piece)
        yield piece
