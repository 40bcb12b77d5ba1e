# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Compare the file systems of two images by the archives of their layers."""

from __future__ import annotations

import os

from ...layers import stack
from . import history, records

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from ...engine import Engine
    from ...layers import contents

    Document = dict[str, Any]


ADDED, CHANGED, DELETED = "A", "C", "D"


def difference_of(engine: Engine, name_or_id: str, other: str) -> list[Document]:
    """Return the changes that turn one image into the other.

    A change of times alone is none. For a directory that is added or deleted, everything in it is
    listed.

    :returns: ``[{"Path", "Kind": "A" added, "C" changed or "D" deleted, "Size": bytes of the file
        afterwards, "Before": bytes before}]``, by path.
    """
    old, new = records.get(engine, name_or_id), records.get(engine, other)
    if old["layers"] == new["layers"]:
        return []
    known: dict[str, contents.Contents] = {}
    trees = []
    for record in (old, new):
        pile = stack.Stack()
        for found in history.read_layers(engine, record, hashed=True, known=known):
            pile.add(found)
        trees.append(pile.root)
    before, after = trees
    return list(_compare(before, after, b""))


def _compare(before: stack.Node, after: stack.Node, path: bytes) -> Iterator[Document]:
    for name in sorted(set(before.children) | set(after.children)):
        inner, old, new = path + b"/" + name, before.children.get(name), after.children.get(name)
        if old is None or new is None:
            for node, kind in ((old, DELETED), (new, ADDED)):
                if node is not None:
                    yield from _all(node, inner, kind)
        elif old.is_directory != new.is_directory:
            yield _row(inner, CHANGED, old, new)
            for side, kind in ((old, DELETED), (new, ADDED)):
                for deeper, child in sorted(side.children.items()):
                    yield from _all(child, inner + b"/" + deeper, kind)
        else:
            if not _same(old, new):
                yield _row(inner, CHANGED, old, new)
            yield from _compare(old, new, inner)


def _all(node: stack.Node, path: bytes, kind: str) -> Iterator[Document]:
    yield _row(path, kind, node if kind == DELETED else None, node if kind == ADDED else None)
    for name, child in sorted(node.children.items()):
        yield from _all(child, path + b"/" + name, kind)


def _same(old: stack.Node, new: stack.Node) -> bool:
    if (
        old.item is None or new.item is None
    ):  # a directory that is only passed through is 0755 and root's
        return all(
            node.item is None
            or (node.item.st_mode & 0o7777, node.item.st_uid, node.item.st_gid, node.item.xattrs)
            == (0o755, 0, 0, {})
            for node in (old, new)
        )
    return old.item.same_as(new.item)


def _row(path: bytes, kind: str, old: stack.Node | None, new: stack.Node | None) -> Document:
    size, before = [
        node.item.size if node is not None and node.item is not None else 0 for node in (new, old)
    ]
    return {"Path": os.fsdecode(path), "Kind": kind, "Size": size, "Before": before}
