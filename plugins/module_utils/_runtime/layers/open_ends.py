# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Complete a layer with attributes and files of the layers below (its open ends).

A directory that a layer only passes through keeps its attributes from below. A hard link to a file
below first copies that file up. Docker and Podman fail on the second and lose the first.
"""

from __future__ import annotations

import os
import stat

from ..errors import RegistryError
from ..kernel.files import file_copy
from . import confined_tree, erofs_image, hard_links, whiteouts
from .inodes import Inodes, Node

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from typing import Any, TypedDict

    class Ends(TypedDict):
        """The open ends of a layer, JSON-able. Paths are text with surrogate escapes.

        ``size``: bytes of all files. ``passed``: paths of the directories that the layer only
        passes through. ``links``: path, target and Header.to_json() of each hard link into a layer
        below.
        """

        size: int
        passed: list[str]
        links: list[list[Any]]

    Layers = Sequence[int]  # descriptors of layers, topmost first
    Found = tuple[int, os.stat_result]  # descriptor of the parent, status

_OPEN = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC


def noted(
    size: int, passed: Iterable[bytes], links: Mapping[bytes, tuple[bytes, hard_links.Header]]
) -> Ends:
    """Return the open ends of a layer.

    :param links: as of an ``entries.Taker``.
    """
    return {
        "size": size,
        "passed": [os.fsdecode(path) for path in passed],
        "links": [
            [os.fsdecode(path), os.fsdecode(target), header.to_json()]
            for path, (target, header) in links.items()
        ],
    }


def close_ends(directory: str, below: Layers, ends: Ends, what: str) -> None:
    """Complete the unpacked layer in ``directory``.

    :param below: the layers under it.
    :param what: names the layer in errors.
    :raises RegistryError: when a hard link's target is in no layer.
    """
    for path in sorted(os.fsencode(item) for item in ends["passed"]):
        _take_attributes(directory, path.split(b"/"), below)
    with confined_tree.Tree(directory, what) as own:
        copies: dict[bytes, list[bytes]] = {}
        for path, target, header in ends["links"]:
            parts = os.fsencode(path).split(b"/")
            if _link(own, parts, os.fsencode(target).split(b"/"), below, copies):
                found = hard_links.Header.from_json(header)
                hard_links.on_disk(own.parent(parts), parts[-1], found, what)


def _locate(layers: Layers, parts: list[bytes]) -> Found | None:
    """Return what the stacked ``layers`` show at ``parts``, or None.

    Links on the way are not followed: overlayfs looks names up layer by layer too.
    """
    for layer in layers:
        fd, covers = _descend(layer, parts)
        if fd is not None:
            try:
                status = os.lstat(parts[-1], dir_fd=fd)
            except FileNotFoundError:
                os.close(fd)
            else:
                if whiteouts.is_whiteout(status.st_mode, status.st_rdev):
                    os.close(fd)
                    return None
                return fd, status
        if covers:
            return None
    return None


def _locate_file(layers: Layers, parts: list[bytes], target: list[bytes], what: str) -> Found:
    """Return what the layers show at the ``target`` of the hard link ``parts``.

    :raises RegistryError: when that is no file.
    """
    shorter = min(len(parts), len(target))
    one_inside_the_other = parts[:shorter] == target[:shorter]
    found = None if one_inside_the_other else _locate(layers, target)
    if found is not None and not stat.S_ISDIR(found[1].st_mode):
        return found
    if found is not None:
        os.close(found[0])
    raise RegistryError(
        f"{what}: the hard link {confined_tree.show(b'/'.join(parts))} leads to "
        f"{confined_tree.show(b'/'.join(target))}, which is a file in no layer"
    )


def _descend(layer: int, parts: list[bytes]) -> tuple[int | None, bool]:
    """Open the parent directory of ``parts`` in one layer.

    :returns: a descriptor or None, and whether the layers below are hidden there.
    """
    covers = False
    fd = os.open(".", _OPEN | os.O_DIRECTORY, dir_fd=layer)
    for component in parts[:-1]:
        covers = covers or whiteouts.is_opaque(fd)
        inner: int | None = None
        try:
            inner = os.open(component, _OPEN | os.O_DIRECTORY, dir_fd=fd)
        except FileNotFoundError:
            pass
        except OSError:  # a file, link or whiteout stands in the directory's place
            covers = True
        os.close(fd)
        if inner is None:
            return None, covers
        fd = inner
    return fd, covers or whiteouts.is_opaque(fd)


def _take_attributes(directory: str, parts: list[bytes], below: Layers) -> None:
    own = _open_below(directory, parts)
    if own is None:
        return  # replaced later in the archive
    try:
        found = None if whiteouts.is_opaque(own) else _locate(below, parts)
        other = _opened_directory(found, parts[-1])
        if found is None or other is None:
            return
        try:
            file_copy.copy_attributes(other, own, found[1])
        finally:
            os.close(other)
    finally:
        os.close(own)


def _opened_directory(found: Found | None, name: bytes) -> int | None:
    """Open a directory that was found, and close its parent; return None when it is no directory."""
    if found is None:
        return None
    parent, status = found
    try:
        if stat.S_ISDIR(status.st_mode):
            return os.open(name, _OPEN | os.O_DIRECTORY, dir_fd=parent)
        return None
    finally:
        os.close(parent)


def _open_below(directory: str, parts: list[bytes]) -> int | None:
    """Open the directory at ``parts`` of ``directory`` without following links, or return None."""
    fd = os.open(directory, _OPEN | os.O_DIRECTORY)
    for component in parts:
        try:
            inner = os.open(component, _OPEN | os.O_DIRECTORY, dir_fd=fd)
        except OSError:
            return None
        finally:
            os.close(fd)
        fd = inner
    return fd


def _link(
    own: confined_tree.Tree,
    parts: list[bytes],
    target: list[bytes],
    below: Layers,
    copies: dict[bytes, list[bytes]],
) -> bool:
    """Create the hard link ``parts`` to ``target`` of a layer below.

    The target is copied up unless this layer has another entry of that name.

    :param copies: ``{target: where its copy is}``, of the links before.
    :returns: False where a later entry has the link's name.
    """
    parent, status = _locate_file(below, parts, target, own.what)
    try:
        there = _present(own, parts, below)
        if there is not None and not whiteouts.is_whiteout(there.st_mode, there.st_rdev):
            return False
        home = copies.get(b"/".join(target))
        if home is None:
            home = target if _present(own, target, below) is None else parts
            copies[b"/".join(target)] = home
        with _keeping_time(own, home, below):
            if _present(own, home, below) is None or home == parts:
                confined_tree.remove(own.parent(home), home[-1])
                file_copy.copy_file(parent, target[-1], own.parent(home), home[-1], status)
    finally:
        os.close(parent)
    if home != parts:
        source = os.dup(own.parent(home))
        try:
            with _keeping_time(own, parts, below):
                confined_tree.remove(own.parent(parts), parts[-1])
                os.link(
                    home[-1],
                    parts[-1],
                    src_dir_fd=source,
                    dst_dir_fd=own.parent(parts),
                    follow_symlinks=False,
                )
        finally:
            os.close(source)
    return True


def _present(own: confined_tree.Tree, parts: list[bytes], below: Layers) -> os.stat_result | None:
    """Return the status of this layer's own entry at ``parts``, or None."""
    with _keeping_time(own, parts, below):
        try:
            return os.lstat(parts[-1], dir_fd=own.parent(parts))
        except FileNotFoundError:
            return None


class _keeping_time:
    """Create something in the parent of ``parts`` and keep that directory's times.

    A directory that is created takes the attributes of the one below.
    """

    def __init__(self, own: confined_tree.Tree, parts: list[bytes], below: Layers) -> None:
        self.own, self.parts, self.below = own, parts[:-1], below

    def __enter__(self) -> None:
        for count in range(1, len(self.parts) + 1):
            if self.own.find(self.parts[:count]) is None:
                above = os.fstat(self.own.directory(self.parts[: count - 1]))
                made = self.own.directory(self.parts[:count])
                found = _locate(self.below, self.parts[:count])
                other = _opened_directory(found, self.parts[count - 1])
                if found is not None and other is not None:
                    file_copy.copy_attributes(other, made, found[1])
                    os.close(other)
                os.utime(
                    self.own.directory(self.parts[: count - 1]),
                    ns=(above.st_atime_ns, above.st_mtime_ns),
                )
        self.status = os.fstat(self.own.directory(self.parts))

    def __exit__(self, *_exception: object) -> None:
        os.utime(
            self.own.directory(self.parts), ns=(self.status.st_atime_ns, self.status.st_mtime_ns)
        )


# ---------------------------------------------------------------- the same for a layer in a file


def complete(layer: Inodes, fd: int, end: int, below: Layers) -> int:
    """Complete the inodes of a layer in the file ``fd`` (``formats.py``).

    Content that is copied up is appended to the file.

    :param end: where the file ends.
    :param below: as for :func:`close_ends`.
    :returns: where it ends then.
    """
    for path in layer.passed():
        parts = path.split(b"/")
        _take_from_below(layer.directory(parts), parts, below)
    copies: dict[bytes, Node] = {}
    for path, (target, header) in layer.links.items():
        parts, source = path.split(b"/"), target.split(b"/")
        parent, status = _locate_file(below, parts, source, layer.what)
        try:
            there = _completed(layer, parts[:-1], below).inner.get(parts[-1])
            if there is not None and not there.is_whiteout:
                continue  # of a later entry
            if target not in copies:
                copies[target], end = _copy_node(parent, source[-1], status, fd, end)
                _completed(layer, source[:-1], below).inner.setdefault(source[-1], copies[target])
            layer.directory(parts[:-1]).inner[parts[-1]] = copies[target]
            hard_links.on_node(copies[target], header)
        finally:
            os.close(parent)
    return end


def _completed(layer: Inodes, parts: list[bytes], below: Layers) -> Node:
    """Return the directory at ``parts``. One that is created takes the attributes of the one below."""
    for count in range(1, len(parts) + 1):
        if layer.find(parts[:count]) is None:
            _take_from_below(layer.directory(parts[:count]), parts[:count], below)
    return layer.directory(parts)


def _take_from_below(node: Node, parts: list[bytes], below: Layers) -> None:
    found = None if node.is_opaque else _locate(below, parts)
    other = _opened_directory(found, parts[-1])
    if found is None or other is None:
        return
    try:
        _describe(node, found[1], other)
    finally:
        os.close(other)


def _describe(node: Node, status: os.stat_result, fd: int | None = None) -> None:
    node.mode, node.uid, node.gid = status.st_mode, status.st_uid, status.st_gid
    node.mtime = status.st_mtime_ns
    if fd is None:
        return
    for name in os.listxattr(fd):
        if not name.startswith("trusted.overlay."):
            node.xattrs[os.fsencode(name)] = os.getxattr(fd, name)


def _copy_node(
    parent: int, name: bytes, status: os.stat_result, fd: int, end: int
) -> tuple[Node, int]:
    """Return the copy of a file of a layer below, and where the file ``fd`` ends then."""
    node = Node(status.st_mode)
    if stat.S_ISLNK(status.st_mode):
        node.target = os.readlink(name, dir_fd=parent)
        _describe(node, status)
    elif stat.S_ISREG(status.st_mode):
        source = os.open(name, _OPEN, dir_fd=parent)
        try:
            end = erofs_image.aligned(end)
            node.place = end, status.st_size
            os.lseek(fd, end, os.SEEK_SET)
            while os.sendfile(fd, source, None, file_copy.CHUNK):
                pass
            end += status.st_size
            _describe(node, status, source)
        finally:
            os.close(source)
    else:
        node.device = status.st_rdev
        _describe(node, status)
    return node, end
