# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the archive of a layer holds: its entries, whiteouts and opaque marks, read without unpacking anything (image-spec, layer.md).

The archives are what a store always has, however it keeps layers to be mounted.
"""

from __future__ import annotations

import copy
import hashlib
import os
import stat

from ..errors import RegistryError
from . import confined_tree, hard_links
from .compression import compressed_streams
from .entries import META, OPAQUE, WHITEOUT
from .tar import reader

_KINDS = {
    reader.REGULAR: stat.S_IFREG,
    reader.SYMLINK: stat.S_IFLNK,
    reader.CHAR: stat.S_IFCHR,
    reader.BLOCK_DEVICE: stat.S_IFBLK,
    reader.DIRECTORY: stat.S_IFDIR,
    reader.FIFO: stat.S_IFIFO,
}


class File:
    """What the content of one file is. ``place``: layer and number of the entry that has it; ``names``: how many are to be seen."""

    __slots__ = ("size", "digest", "place", "names")

    def __init__(self, size, layer, number):
        self.size, self.digest, self.place, self.names = size, None, (layer, number), 0

    def copied_up(self):
        """The file with the same content of a later layer."""
        other = File(self.size, *self.place)
        other.digest = self.digest
        return other


class Item:
    """One file of a layer, which all of its names share, or a directory.

    As tarwrite.header wants a status, it has ``st_mode``, ``st_uid``, ``st_gid``, ``st_rdev``, ``st_mtime_ns``.

    :ivar layer: the layer's place, lowest 0. :ivar file: its File; None for a directory.
    :ivar link: of a symbolic link, what it says. :ivar target: of a hard link into a layer below, the path there, else None.
    :ivar headers: of a hard link into a layer below, those of its names.
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

    def __init__(self, entry, layer):
        self.kind, self.layer = entry.kind, layer
        self.st_mode, self.st_uid, self.st_gid, self.st_mtime_ns = (
            entry.mode | _KINDS.get(entry.kind, 0),
            entry.uid,
            entry.gid,
            entry.mtime,
        )
        self.device, self.xattrs, self.link = entry.device, entry.xattrs, entry.link
        self.file, self.target, self.headers = None, None, []

    def describe(self, header):
        """Take what one more name's header says (hard_links.py)."""
        self.st_uid, self.st_gid = header.uid, header.gid
        if self.kind != reader.SYMLINK:
            self.st_mode, self.st_mtime_ns = stat.S_IFMT(self.st_mode) | header.mode, header.mtime
        if self.kind == reader.REGULAR and header.xattrs:
            self.xattrs = {**self.xattrs, **header.xattrs}

    def leading_to(self, found):
        """What a hard link into a layer below is, when that shows the Item ``found``: a file of this layer, with its own owner and mode."""
        other = copy.copy(found)
        other.layer, other.file = self.layer, found.file.copied_up()
        for header in self.headers:
            other.describe(header)
        return other

    @property
    def is_directory(self):
        return self.kind == reader.DIRECTORY

    @property
    def st_rdev(self):
        return os.makedev(*self.device)

    @property
    def size(self):
        return self.file.size if self.file is not None else 0

    def same_as(self, other):
        """Whether type, mode, owner, attributes and content are the same. Times don't count."""
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
        return (
            self.kind != reader.REGULAR
            or self.file is other.file
            or (self.file.size, self.file.digest) == (other.file.size, other.file.digest)
        )


class Contents:
    """:ivar items: ``{path: Item}``, in the order of the archive; of entries with one name the last counts.
    :ivar whiteouts: paths that the layer deletes. :ivar opaques: directories whose content below it hides. Paths are bytes without ``/`` at either end.
    """

    def __init__(self, what, layer):
        self.what, self.layer = what, layer
        self.items, self.whiteouts, self.opaques = {}, [], []
        self._parents, self._has_links = {b"": b""}, False
        self._open = {}  # paths that hard links into a layer below lead to -> their Item
        self._below = {}  # of a directory, the paths of what is in it

    def take(self, number, entry):
        """Enter one entry of the archive; its Item, or None for what is none."""
        parts = confined_tree.split(entry.name, self.what)
        if entry.kind == b"V":
            return None
        if not parts:
            return self._put(b"", Item(entry, self.layer))
        parent = self._parent(parts[:-1])
        name = parts[-1]
        if name.startswith(WHITEOUT) or any(part.startswith(META) for part in parts[:-1]):
            self._whiteout(parent, name, parts)
            return None
        item = Item(entry, self.layer)
        if entry.kind == reader.LINK:
            item = self._hard_link(item, entry)
        elif not item.is_directory:
            item.file = File(entry.size, self.layer, number)
        return self._put(_joined(parent, name), item)

    def _whiteout(self, parent, name, parts):
        if any(part.startswith(META) for part in parts[:-1]) or (
            name.startswith(META) and name != OPAQUE
        ):
            return  # aufs' own
        if name == OPAQUE:
            self.opaques.append(parent)
        else:
            self.whiteouts.append(_joined(parent, name[len(WHITEOUT) :]))

    def _hard_link(self, item, entry):
        """The Item of a hard link: the one of what it leads to in this layer."""
        target = confined_tree.split(entry.link, self.what)
        if not target:
            raise RegistryError(
                f"{self.what}: the hard link {confined_tree.show(entry.name)} leads to the root"
            )
        path = _joined(self._parent(target[:-1]), target[-1])
        found, header = self.items.get(path), hard_links.header(entry)
        if found is None or found.is_directory:
            found = self._open.setdefault(path, item)
            found.target = path
        if found.target is not None:
            found.headers.append(header)
        else:
            found.describe(header)
        return found

    def _put(self, path, item):
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

    def _forget_below(self, path):
        waiting = [path]
        while waiting:
            for inner in self._below.pop(waiting.pop(), ()):
                self.items.pop(inner, None)
                waiting.append(inner)

    def _parent(self, parts):
        """The directory that ``parts`` lead to; a link of this very layer on the way is followed, as by who unpacks it."""
        key = b"/".join(parts)
        if not self._has_links:
            return key
        found = self._parents.get(key)
        if found is None:
            found = self._parents[key] = self._resolve(list(parts), key)
        return found

    def _resolve(self, rest, key):
        real, rest, links, detour = [], rest[::-1], 0, 0
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


def _joined(parent, name):
    return parent + b"/" + name if parent else name


def plain(engine, digest, what):
    """The pieces of a layer's uncompressed archive; its blob's digest has been checked when they end.

    :raises NotFound: the blob is not in the store. :raises HostError: it is damaged.
    """
    return compressed_streams.decompress(engine.blobs.pieces(digest), what)


def read(chunks, what, layer=0, hashed=False):
    """The :class:`Contents` of a layer's archive.

    :param chunks: its uncompressed pieces, read to their end. :param hashed: with the sha256 of every file's content.
    :raises RegistryError: when the archive is damaged.
    """
    stream, contents = reader.Stream(chunks, what), Contents(what, layer)
    for number, entry in enumerate(reader.entries(stream)):
        item = contents.take(number, entry)
        if hashed and item is not None and entry.kind == reader.REGULAR:
            item.file.digest = _digest(entry)
    stream.drain()
    return contents


HOLES = 1 << 30  # bytes of a file's holes that are read as zeros


def _digest(entry):
    """Of a file's content. One with more holes than anybody should have to read is known by where its parts are."""
    checksum, pieces = hashlib.sha256(), whole(entry)
    if entry.size - entry.stored > HOLES:
        checksum.update(b"%d %r" % (entry.size, entry.sparse))
        pieces = (piece for _offset, length in entry.sparse for piece in entry.pieces(length))
    for piece in pieces:
        checksum.update(piece)
    return checksum.digest()


ZEROS = b"\0" * (1 << 16)


def whole(entry):
    """The pieces of a file's content, the holes of a sparse one filled."""
    if entry.sparse is None:
        yield from entry.pieces(entry.size)
        return
    position = 0
    for offset, length in entry.sparse:
        yield from _zeros(offset - position)
        yield from entry.pieces(length)
        position = offset + length
    yield from _zeros(entry.size - position)


def _zeros(count):
    while count > 0:
        piece = ZEROS[:count]
        count -= len(piece)
        yield piece
