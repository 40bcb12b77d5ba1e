# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A layer's archive as inodes in memory: what ``unpack.py`` makes on a disk, for a layer that is not unpacked and to check one that is.

Names, links on the way, whiteouts and entries that come twice are dealt with exactly as there; a test holds both against each other.
"""

from __future__ import annotations

import errno
import os
import stat

from ..errors import RegistryError
from . import confined_tree, hard_links
from .entries import META, OPAQUE_ATTRIBUTE, WHITEOUT, Taker
from .erofs_image import Node, Unfit
from .tar import reader

MOST = 1 << 18  # inodes that are kept in memory
WEIGHT = 1 << 26  # bytes of their names, targets and attributes
MAX_NAME, MAX_TARGET = 255, 4095  # bytes, as Linux' file systems have it

_OPAQUE = os.fsencode(OPAQUE_ATTRIBUTE)
_NODES = {reader.CHAR: stat.S_IFCHR, reader.BLOCK_DEVICE: stat.S_IFBLK, reader.FIFO: stat.S_IFIFO}


def read(stream, what, start=0, sparse=False):
    """The :class:`Inodes` of an uncompressed layer archive, read to its end.

    :param stream: a tar.Stream. :param start: where the archive begins in the file that regular files' places are told of.
    :param sparse: take sparse files too, whose places are of no use then.
    :raises RegistryError: when the archive is damaged or has an entry that would leave the root.
    :raises Unfit: for a sparse file, whose content is in several pieces, and for more than should be held in memory.
    :raises OSError: for names that no file system takes.
    """
    inodes = Inodes(what)
    for entry in reader.entries(stream):
        if entry.sparse is not None and not sparse:
            raise Unfit(f"the sparse file {confined_tree.show(entry.name)}")
        inodes.take(entry, start + stream.offset)
    return inodes


class Inodes(Taker):
    """:ivar root: its Node; the rest as of a Taker."""

    def __init__(self, what):
        super().__init__(what)
        self._count = self._weight = 0
        self._chain = []  # the directories that the last walk led through
        self.root = Node(stat.S_IFDIR | 0o755)

    def passed(self):
        """Paths of the directories that no entry describes."""
        found, walk = [], [(self.root, b"")]
        while walk:
            directory, prefix = walk.pop()
            for name, node in directory.entries.items():
                if node.entries is not None:
                    walk.append((node, prefix + name + b"/"))
                    if node.passed:
                        found.append(prefix + name)
        return found

    def _entered(self, entry, parts):
        if len(entry.name) > MAX_NAME:
            _check_names(_made(parts), entry.name)
        self._count += 1
        self._weight += len(entry.name) + len(entry.link)
        for name, value in entry.xattrs.items():
            self._weight += len(name) + len(value)
        if self._count > MOST or self._weight > WEIGHT:
            raise Unfit(
                "more than %d entries, or %d bytes of names and attributes" % (MOST, WEIGHT)
            )

    # ---------------------------------------------------------------------------------------------------------------- paths

    def directory(self, parts):
        """The directory at ``parts``; missing ones are made."""
        return self._walk(parts, True)

    def find(self, parts):
        """As :meth:`directory`, but None where it is not there."""
        return self._walk(parts, False)

    def _walk(self, parts, make):
        node, above, rest, links, detour = self.root, [], None, 0, 0
        for number, component in enumerate(parts):
            inner = node.entries.get(component)
            if inner is None or inner.entries is None:
                rest = list(parts[number:])[::-1]
                break
            above.append(node)
            node = inner
        while rest:
            component = rest.pop()
            if component == b"..":
                node = above.pop() if above else self.root
                continue
            inner = node.entries.get(component)
            if inner is not None and stat.S_ISLNK(inner.mode):
                target = [part for part in inner.data.split(b"/") if part not in (b"", b".")]
                links, detour = links + 1, detour + len(target)
                if (
                    links > confined_tree.MAX_LINKS
                    or detour > confined_tree.MAX_DETOUR
                    or len(rest) + len(above) > confined_tree.MAX_DEPTH
                ):
                    raise RegistryError(
                        f"{self.what}: too many symbolic links on the way to "
                        f"{confined_tree.show(b'/'.join(parts))}"
                    )
                if inner.data.startswith(b"/"):
                    node, above = self.root, []
                _check_names(target, inner.data)
                rest += reversed(target)
                continue
            if inner is None or inner.entries is None:
                if not make:
                    return None
                self._count += 1
                made = Node(stat.S_IFDIR | 0o755)
                made.passed = True
                if inner is not None and is_whiteout(inner):
                    made.xattrs[_OPAQUE] = b"y"
                node.entries[component] = inner = made
            above.append(node)
            node = inner
        self._chain = above + [node]
        return node

    def _place(self, parts, node):
        """Put ``node`` at ``parts``: the later entry of a name wins."""
        self.directory(parts[:-1]).entries[parts[-1]] = node

    # -------------------------------------------------------------------------------------------------------------- entries

    def _opaque(self, parts):
        self.directory(parts).xattrs[_OPAQUE] = b"y"

    def _hide(self, parts, name):
        parent = self.directory(parts)
        present = parent.entries.get(name)
        if present is None:
            parent.entries[name] = Node(stat.S_IFCHR)
        elif present.entries is not None:
            present.xattrs[_OPAQUE] = b"y"

    def _directory(self, entry, parts, _position):
        node = self.root
        if parts:
            parent = self.directory(parts[:-1])
            node = parent.entries.get(parts[-1])
            if node is None or node.entries is None:
                before, node = node, Node(stat.S_IFDIR)
                if before is not None and is_whiteout(before):
                    node.xattrs[_OPAQUE] = b"y"
                parent.entries[parts[-1]] = node
        node.mode, node.passed = stat.S_IFDIR | entry.mode, False
        self._describe(node, entry)

    @staticmethod
    def _describe(node, entry):
        node.uid, node.gid, node.mtime = entry.uid, entry.gid, entry.mtime
        node.xattrs.update(hard_links.kept(entry.xattrs))

    def _file(self, entry, parts, position):
        node = Node(stat.S_IFREG | entry.mode)
        node.data = (position if entry.size else 0, entry.size)
        self._describe(node, entry)
        self._place(parts, node)
        self.size += entry.size

    def _symlink(self, entry, parts, _position):
        target = self._soft_target(entry)
        if len(target) > MAX_TARGET:
            raise OSError(
                errno.ENAMETOOLONG,
                os.strerror(errno.ENAMETOOLONG),
                f"{confined_tree.show(entry.name)} of {self.what}",
            )
        node = Node(stat.S_IFLNK | 0o777, entry.uid, entry.gid, entry.mtime)
        node.data = target
        self._place(parts, node)

    def _node(self, entry, parts, _position):
        device = self._device(entry)
        node = Node(_NODES[entry.kind] | entry.mode, entry.uid, entry.gid, entry.mtime)
        node.device = device
        self._place(parts, node)

    def _link(self, entry, parts, _position):
        target = self._hard_target(entry)
        found = self.find(target[:-1])
        node = found.entries.get(target[-1]) if found is not None else None
        if node is None or is_whiteout(node):
            self.directory(parts[:-1]).entries.pop(parts[-1], None)
            self._open_end(parts, target, entry)
            return
        if node.entries is not None:
            raise RegistryError(
                f"{self.what}: the hard link {confined_tree.show(entry.name)} leads to a directory"
            )
        chain, parent = self._chain, self.directory(parts[:-1])
        if found.entries.get(target[-1]) is not node or parent.entries.get(parts[-1]) in chain:
            raise RegistryError(
                f"{self.what}: the hard link {confined_tree.show(entry.name)} takes the place of what it "
                "leads to"
            )
        parent.entries[parts[-1]] = node
        hard_links.on_node(node, hard_links.header(entry))


def _made(parts):
    """The names that an entry makes in the layer: a whiteout's mark is none, and nothing is made of aufs' bookkeeping."""
    if any(part.startswith(META) for part in parts):
        return []
    return parts[:-1] + [
        parts[-1][len(WHITEOUT) :] if parts[-1].startswith(WHITEOUT) else parts[-1]
    ]


def _check_names(parts, path):
    if any(len(part) > MAX_NAME for part in parts):
        raise OSError(errno.ENAMETOOLONG, os.strerror(errno.ENAMETOOLONG), confined_tree.show(path))


def is_whiteout(node):
    """Whether it is overlayfs' mark for "not there"."""
    return stat.S_ISCHR(node.mode) and node.device == 0
