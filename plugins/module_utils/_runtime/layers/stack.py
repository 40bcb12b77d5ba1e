# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Layers stacked as overlayfs would show them, by what their archives hold: the tree that is to be seen, and what became hidden on the way."""

from __future__ import annotations

from .tar import reader

DELETED, REPLACED, REPEATED = "deleted", "replaced", "repeated"


class Node:
    """One name of the tree. ``item``: None for a directory that no layer describes; ``children``: ``{name: Node}``."""

    __slots__ = ("item", "children")

    def __init__(self, item=None):
        self.item, self.children = item, {}

    def copy(self):
        """The same tree, whose names can come and go by themselves."""
        other = Node(self.item)
        other.children = {name: child.copy() for name, child in self.children.items()}
        return other

    @property
    def is_directory(self):
        return self.item is None or self.item.is_directory


class Hidden:
    """A file that a later layer hides. ``size``: bytes that nobody sees any more, 0 while another name of it is left.

    :ivar how: ``deleted``; ``replaced`` by something else; ``repeated``: replaced by the same content, such as after a chmod.
    """

    __slots__ = ("path", "item", "layer", "how", "size")

    def __init__(self, path, item, layer, how):
        self.path, self.item, self.layer, self.how = path, item, layer, how
        self.size = 0
        if item.file is not None:
            item.file.names -= 1
            self.size = item.file.size if not item.file.names else 0


class Stack:
    """``root``: the Node of the root."""

    def __init__(self):
        self.root = Node()

    def add(self, contents):
        """Put a layer's Contents on top; returns what it hides: [Hidden]."""
        hidden, resolved = [], {}
        for path in contents.whiteouts:
            self._delete(path, contents.layer, hidden)
        for path in contents.opaques:
            node = self.find(path)
            if node is not None:
                self._hide_below(node, path, contents.layer, DELETED, hidden)
        for path, item in contents.items.items():
            if item.target is not None:
                item = self._resolved(item, resolved)
            self._put(path, item, hidden)
        return hidden

    def find(self, path):
        """The Node at a path, or None. Links are names like others."""
        node = self.root
        for part in path.split(b"/") if path else ():
            node = node.children.get(part)
            if node is None:
                return None
        return node

    def _delete(self, path, layer, hidden):
        parent, dummy, name = path.rpartition(b"/")
        node = self.find(parent)
        gone = node.children.pop(name, None) if node is not None else None
        if gone is not None:
            self._hide(gone, path, layer, DELETED, hidden)

    def _hide(self, node, path, layer, how, hidden):
        if node.is_directory:
            self._hide_below(node, path, layer, how, hidden)
        else:
            hidden.append(Hidden(path, node.item, layer, how))

    def _hide_below(self, node, path, layer, how, hidden):
        waiting = [(node, path)]
        while waiting:
            above, prefix = waiting.pop()
            for name, child in above.children.items():
                inner = prefix + b"/" + name if prefix else name
                if child.is_directory:
                    waiting.append((child, inner))
                else:
                    hidden.append(Hidden(inner, child.item, layer, how))
        node.children = {}

    def _put(self, path, item, hidden):
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

    def _resolved(self, item, resolved):
        """What a hard link into a layer below leads to: that is copied up, under its own name too (``merged.py``).

        :param resolved: ``{target: its Item}`` of the layer's links before.
        """
        if item.target not in resolved:
            found = self.find(item.target)
            if found is None or found.is_directory or found.item.file is None:
                return item
            found.item.file.names -= 1
            found.item = resolved[item.target] = item.leading_to(found.item)
            found.item.file.names += 1
        return resolved[item.target]

    def _directory(self, path, layer, hidden):
        """The Node of a directory; where a file stands in its place, a directory takes it."""
        node, prefix = self.root, b""
        for name in path.split(b"/") if path else ():
            prefix = prefix + b"/" + name if prefix else name
            child = node.children.get(name)
            if child is not None and not child.is_directory:
                hidden.append(Hidden(prefix, child.item, layer, REPLACED))
                child = None
            if child is None:
                child = node.children[name] = Node()
            node = child
        return node

    def walk(self, node=None, path=b""):
        """``(path, Node)`` of everything below a node, sorted, a directory before what is in it."""
        for name, child in sorted((node or self.root).children.items()):
            inner = path + b"/" + name if path else name
            yield inner, child
            if child.children:
                yield from self.walk(child, inner)


def _how(node, item):
    before = node.item
    if (
        not node.is_directory
        and before.kind == item.kind == reader.REGULAR
        and before.file.digest
        and (before.file.size, before.file.digest) == (item.file.size, item.file.digest)
    ):
        return REPEATED
    return REPLACED
