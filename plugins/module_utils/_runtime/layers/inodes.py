# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Read a layer's archive into inodes in memory.

``unpack.py`` creates the same tree on a disk. The inodes serve a layer that is not unpacked, and
the check of one that is. Names, links on the way, whiteouts and repeated entries are handled
exactly as there; a test compares both.
"""

from __future__ import annotations

import errno
import os
import stat

from ..errors import RegistryError, required
from . import confined_tree, hard_links, whiteouts
from .entries import Taker
from .tar import reader

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

MOST = 1 << 18  # inodes that are kept in memory
WEIGHT = 1 << 26  # bytes of their names, targets and attributes
MAX_NAME, MAX_TARGET = 255, 4095  # bytes, as Linux' file systems have it

_OPAQUE = os.fsencode(whiteouts.OPAQUE_ATTRIBUTE)


class Unfit(Exception):
    """The tree has something that the format can't hold; the layer is unpacked into a directory
    then.
    """


class Node:
    """One inode.

    :ivar mode: with its type, as of stat(2).
    :ivar mtime: nanoseconds.
    :ivar xattrs: ``{name: value}``.
    :ivar entries: ``{name: Node}`` of a directory; else None.
    :ivar place: ``(offset in the layer's file, bytes)`` of a regular file.
    :ivar target: the target of a symbolic link.
    :ivar device: as from os.makedev.
    :ivar passed: whether it is a directory that no entry describes.
    :ivar links: how many names it has; set by ``erofs_image``.
    :ivar position: its offset in an index; set by ``erofs_image``.
    """

    __slots__ = (
        "mode",
        "uid",
        "gid",
        "mtime",
        "xattrs",
        "entries",
        "place",
        "target",
        "device",
        "links",
        "position",
        "passed",
    )

    def __init__(self, mode: int, uid: int = 0, gid: int = 0, mtime: int = 0) -> None:
        self.mode, self.uid, self.gid, self.mtime = mode, uid, gid, mtime
        self.xattrs: dict[bytes, bytes] = {}
        self.entries: dict[bytes, Node] | None = {} if stat.S_ISDIR(mode) else None
        self.place, self.target, self.device = (0, 0), b"", 0
        self.links, self.passed = 0, False
        self.position = 0  # none has it: an inode's number is not 0

    @property
    def inner(self) -> dict[bytes, Node]:
        """The entries of a directory."""
        if self.entries is None:
            raise NotADirectoryError("a node that is no directory has nothing in it")
        return self.entries

    @property
    def is_whiteout(self) -> bool:
        return whiteouts.is_whiteout(self.mode, self.device)

    @property
    def is_opaque(self) -> bool:
        return self.xattrs.get(_OPAQUE) == b"y"

    def make_opaque(self) -> None:
        """Make a directory hide what is below it."""
        self.xattrs[_OPAQUE] = b"y"


def read(stream: reader.Stream, what: str, start: int = 0, sparse: bool = False) -> Inodes:
    """Read an uncompressed layer archive to its end.

    :param start: where the archive begins in the file that the places of regular files refer to.
    :param sparse: take sparse files too; their places are invalid then.
    :raises RegistryError: when the archive is damaged or has an entry that would leave the root.
    :raises Unfit: for a sparse file, whose content is in several pieces, and for more than should
        be held in memory.
    :raises OSError: for names that no file system takes.
    """
    inodes = Inodes(what)
    for entry in reader.entries(stream):
        if entry.sparse is not None and not sparse:
            raise Unfit(f"the sparse file {confined_tree.show(entry.name)}")
        inodes.take(entry, start + stream.offset)
    return inodes


class Inodes(Taker):
    """The inodes of a layer; the other attributes are a Taker's.

    :ivar root: the root's inode.
    """

    def __init__(self, what: str) -> None:
        super().__init__(what)
        self._count = self._weight = 0
        self._chain: list[Node] = []  # the directories that the last walk led through
        self.root = Node(stat.S_IFDIR | 0o755)

    def passed(self) -> list[bytes]:
        """Return the paths of the directories that no entry describes."""
        found, walk = [], [(self.root, b"")]
        while walk:
            directory, prefix = walk.pop()
            for name, node in directory.inner.items():
                if node.entries is not None:
                    walk.append((node, prefix + name + b"/"))
                    if node.passed:
                        found.append(prefix + name)
        return found

    def _entered(self, entry: reader.Entry, parts: list[bytes]) -> None:
        if len(entry.name) > MAX_NAME:
            _check_names(_made(parts), entry.name)
        self._count += 1
        self._weight += len(entry.name) + len(entry.link)
        for name, value in entry.xattrs.items():
            self._weight += len(name) + len(value)
        if self._count > MOST or self._weight > WEIGHT:
            raise Unfit(f"more than {MOST} entries, or {WEIGHT} bytes of names and attributes")

    # ------------------------------------------------------------------------------------- paths

    def directory(self, parts: Sequence[bytes]) -> Node:
        """Return the directory at ``parts``; create missing directories."""
        return required(self._walk(parts, True), "a directory of a layer")

    def find(self, parts: Sequence[bytes]) -> Node | None:
        """Return the same as :meth:`directory`, or None where the directory is missing."""
        return self._walk(parts, False)

    def _walk(self, parts: Sequence[bytes], make: bool) -> Node | None:
        node, above = self.root, []
        rest: list[bytes] = []
        links = detour = 0
        for number, component in enumerate(parts):
            inner = node.inner.get(component)
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
            inner = node.inner.get(component)
            if inner is not None and stat.S_ISLNK(inner.mode):
                target = [part for part in inner.target.split(b"/") if part not in (b"", b".")]
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
                if inner.target.startswith(b"/"):
                    node, above = self.root, []
                _check_names(target, inner.target)
                rest += reversed(target)
                continue
            if inner is None or inner.entries is None:
                if not make:
                    return None
                inner = self._make_passed(node, component, inner)
            above.append(node)
            node = inner
        self._chain = [*above, node]
        return node

    def _make_passed(self, parent: Node, name: bytes, present: Node | None) -> Node:
        """Create a directory that no entry describes, in place of ``present``."""
        self._count += 1
        made = Node(stat.S_IFDIR | 0o755)
        made.passed = True
        if present is not None and present.is_whiteout:
            made.make_opaque()
        parent.inner[name] = made
        return made

    def _place(self, parts: list[bytes], node: Node) -> None:
        """Put ``node`` at ``parts``. Of entries with one name the last wins."""
        self.directory(parts[:-1]).inner[parts[-1]] = node

    # ----------------------------------------------------------------------------------- entries

    def _opaque(self, parts: list[bytes]) -> None:
        self.directory(parts).make_opaque()

    def _hide(self, parts: list[bytes], name: bytes) -> None:
        parent = self.directory(parts)
        present = parent.inner.get(name)
        if present is None:
            parent.inner[name] = Node(stat.S_IFCHR)
        elif present.entries is not None:
            present.make_opaque()

    def _directory(self, entry: reader.Entry, parts: list[bytes], position: int) -> None:
        node = self.root
        if parts:
            parent = self.directory(parts[:-1])
            present = parent.inner.get(parts[-1])
            if present is None or present.entries is None:
                node = parent.inner[parts[-1]] = Node(stat.S_IFDIR)
                if present is not None and present.is_whiteout:
                    node.make_opaque()
            else:
                node = present
        node.mode, node.passed = stat.S_IFDIR | entry.mode, False
        self._describe(node, entry)

    @staticmethod
    def _describe(node: Node, entry: reader.Entry) -> None:
        node.uid, node.gid, node.mtime = entry.uid, entry.gid, entry.mtime
        node.xattrs.update(hard_links.kept(entry.xattrs))

    def _file(self, entry: reader.Entry, parts: list[bytes], position: int) -> None:
        node = Node(stat.S_IFREG | entry.mode)
        node.place = (position if entry.size else 0, entry.size)
        self._describe(node, entry)
        self._place(parts, node)
        self.size += entry.size

    def _symlink(self, entry: reader.Entry, parts: list[bytes], position: int) -> None:
        target = self._soft_target(entry)
        if len(target) > MAX_TARGET:
            raise OSError(
                errno.ENAMETOOLONG,
                os.strerror(errno.ENAMETOOLONG),
                f"{confined_tree.show(entry.name)} of {self.what}",
            )
        node = Node(stat.S_IFLNK | 0o777, entry.uid, entry.gid, entry.mtime)
        node.target = target
        self._place(parts, node)

    def _node(self, entry: reader.Entry, parts: list[bytes], position: int) -> None:
        device = self._device(entry)
        kind = reader.FILE_TYPES[entry.kind]
        node = Node(kind | entry.mode, entry.uid, entry.gid, entry.mtime)
        node.device = device
        self._place(parts, node)

    def _link(self, entry: reader.Entry, parts: list[bytes], position: int) -> None:
        target = self._hard_target(entry)
        home = self.find(target[:-1])
        node = home.inner.get(target[-1]) if home is not None else None
        if home is None or node is None or node.is_whiteout:
            self.directory(parts[:-1]).inner.pop(parts[-1], None)
            self._open_end(parts, target, entry)
            return
        if node.entries is not None:
            raise RegistryError(
                f"{self.what}: the hard link {confined_tree.show(entry.name)} leads to a directory"
            )
        chain, parent = self._chain, self.directory(parts[:-1])
        if home.inner.get(target[-1]) is not node or parent.inner.get(parts[-1]) in chain:
            raise RegistryError(
                f"{self.what}: the hard link {confined_tree.show(entry.name)} takes the place of "
                "what it leads to"
            )
        parent.inner[parts[-1]] = node
        hard_links.on_node(node, hard_links.Header.of(entry))


def _made(parts: list[bytes]) -> list[bytes]:
    """Return the names that an entry creates in the layer.

    A whiteout creates none, and neither does aufs' metadata.
    """
    if any(part.startswith(whiteouts.AUFS) for part in parts):
        return []
    return parts[:-1] + [parts[-1].removeprefix(whiteouts.PREFIX)]


def _check_names(parts: list[bytes], path: bytes) -> None:
    if any(len(part) > MAX_NAME for part in parts):
        shown = confined_tree.show(path)
        raise OSError(errno.ENAMETOOLONG, os.strerror(errno.ENAMETOOLONG), shown)
