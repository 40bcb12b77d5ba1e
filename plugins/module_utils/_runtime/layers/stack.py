# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Stack layers as overlayfs shows them, from the contents of their archives.

The result is the visible tree, and what each layer hides.
"""

from __future__ import annotations

from .tar import reader

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from .contents import Contents, Item

DELETED, REPLACED, REPEATED = "deleted", "replaced", "repeated"


class Node:
    """One name of the tree.

    :ivar item: None for a directory that no layer describes.
    :ivar children: ``{name: Node}``.
    """

    __slots__ = ("item", "children")

    def __init__(self, item: Item | None = None) -> None:
        self.item = item
        self.children: dict[bytes, Node] = {}

    def copy(self) -> Node:
        """Return the same tree, whose names can be added and removed independently."""
        other = Node(self.item)
        other.children = {name: child.copy() for name, child in self.children.items()}
        return other

    @property
    def is_directory(self) -> bool:
        return self.item is None or self.item.is_directory


class Hidden:
    """A file that a later layer hides.

    :ivar layer: the one that hides it.
    :ivar how: ``deleted``; ``replaced`` by something else; ``repeated``: replaced by the same
        content, as after a chmod.
    :ivar size: bytes that are no longer visible, 0 while another name of it is left.
    """

    __slots__ = ("path", "item", "layer", "how", "size")

    def __init__(self, path: bytes, item: Item, layer: int, how: str) -> None:
        self.path, self.item, self.layer, self.how = path, item, layer, how
        self.size = 0
        if item.file is not None:
            item.file.names -= 1
            self.size = item.file.size if not item.file.names else 0


class Stack:
    """Layers on top of each other.

    :ivar root: the tree that they show.
    """

    def __init__(self) -> None:
        self.root = Node()

    def add(self, contents: Contents) -> list[Hidden]:
        """Put a layer on top.

        :returns: what it hides.
        """
        hidden: list[Hidden] = []
        resolved: dict[bytes, Item] = {}
        for path in contents.whiteouts:
            self._delete(path, contents.layer, hidden)
        for path in contents.opaques:
            node = self.find(path)
            if node is not None:
                self._hide_below(node, path, contents.layer, DELETED, hidden)
        for path, item in contents.items.items():
            if item.target is not None:
                item = self._resolved(item, item.target, resolved)
            self._put(path, item, hidden)
        return hidden

    def find(self, path: bytes) -> Node | None:
        """Return the node at a path, or None. Links are not followed."""
        node = self.root
        for part in path.split(b"/") if path else ():
            inner = node.children.get(part)
            if inner is None:
                return None
            node = inner
        return node

    def _delete(self, path: bytes, layer: int, hidden: list[Hidden]) -> None:
        parent, _slash, name = path.rpartition(b"/")
        node = self.find(parent)
        gone = node.children.pop(name, None) if node is not None else None
        if gone is not None:
            self._hide(gone, path, layer, DELETED, hidden)

    def _hide(self, node: Node, path: bytes, layer: int, how: str, hidden: list[Hidden]) -> None:
        if node.item is None or node.item.is_directory:
            self._hide_below(node, path, layer, how, hidden)
        else:
            hidden.append(Hidden(path, node.item, layer, how))

    def _hide_below(
        self, node: Node, path: bytes, layer: int, how: str, hidden: list[Hidden]
    ) -> None:
        waiting = [(node, path)]
        while waiting:
            above, prefix = waiting.pop()
            for name, child in above.children.items():
                inner = prefix + b"/" + name if prefix else name
                if child.item is None or child.item.is_directory:
                    waiting.append((child, inner))
                else:
                    hidden.append(Hidden(inner, child.item, layer, how))
        node.children = {}

    def _put(self, path: bytes, item: Item, hidden: list[Hidden]) -> None:
        if not path:
            self.root.item = item
            return
        parent = self._directory(path.rpartition(b"/")[0], item.layer, hidden)
        name = path.rpartition(b"/")[2]
        node = parent.children.get(name)
        if item.file is not None:
            item.file.names += 1
        if node is not None and not (node.is_directory and item.is_directory):
            self._hide(node, path, item.layer, _how(node, item), hidden)
            node = None
        if node is None:
            parent.children[name] = Node(item)
        else:
            node.item = item

    def _resolved(self, item: Item, target: bytes, resolved: dict[bytes, Item]) -> Item:
        """Return the item of a hard link's target in a layer below.

        The target is copied up, under its own name too (``open_ends.py``).

        :param resolved: ``{target: its item}`` of the layer's links before.
        """
        if target not in resolved:
            found = self.find(target)
            if found is None or found.item is None or found.item.file is None:
                return item
            found.item.file.names -= 1
            found.item = copy = resolved[target] = item.leading_to(found.item, found.item.file)
            if copy.file is not None:
                copy.file.names += 1
        return resolved[target]

    def _directory(self, path: bytes, layer: int, hidden: list[Hidden]) -> Node:
        """Return the node of a directory; a directory replaces a file there."""
        node, prefix = self.root, b""
        for name in path.split(b"/") if path else ():
            prefix = prefix + b"/" + name if prefix else name
            child = node.children.get(name)
            if child is not None and child.item is not None and not child.is_directory:
                hidden.append(Hidden(prefix, child.item, layer, REPLACED))
                child = None
            if child is None:
                child = node.children[name] = Node()
            node = child
        return node

    def walk(self, node: Node | None = None, path: bytes = b"") -> Iterator[tuple[bytes, Node]]:
        """Yield path and node of everything below a node, by default the root.

        They are sorted, a directory before its entries.
        """
        for name, child in sorted((node or self.root).children.items()):
            inner = path + b"/" + name if path else name
            yield inner, child
            if child.children:
                yield from self.walk(child, inner)


def _how(node: Node, item: Item) -> str:
    """Return how ``item`` replaces a node: REPEATED or REPLACED."""
    before = node.item
    if before is None or not before.kind == item.kind == reader.REGULAR:
        return REPLACED
    old, new = before.file, item.file
    if old is None or new is None or not old.digest:
        return REPLACED
    return REPEATED if (old.size, old.digest) == (new.size, new.digest) else REPLACED
