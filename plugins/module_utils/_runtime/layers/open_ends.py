# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Closing a layer's open ends (``unpack.py``) with what the layers below show.

A directory that a layer only passes through keeps the attributes it has below; a hard link to a file below takes a
copy of the file up first. Docker and podman fail on the second and lose the first.
"""

from __future__ import annotations

import os
import stat

from ..errors import RegistryError
from . import confined_tree, erofs_image, hard_links, inodes
from .entries import OPAQUE_ATTRIBUTE

_OPEN = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC


def close_ends(directory, below, ends, what):
    """Complete the unpacked layer in ``directory``.

    :param below: descriptors of the layers under it, topmost first. :param ends: what ``unpack`` returned.
    :raises RegistryError: when a hard link's target is in no layer.
    """
    for path in sorted(os.fsencode(item) for item in ends["passed"]):
        _take_attributes(directory, path.split(b"/"), below)
    with confined_tree.Tree(directory, what) as own:
        copies = {}
        for path, target, header in ends["links"]:
            parts = os.fsencode(path).split(b"/")
            if _link(own, parts, os.fsencode(target).split(b"/"), below, copies, what):
                hard_links.on_disk(own.parent(parts), parts[-1], hard_links.from_json(header), what)


def _locate(layers, parts):
    """``(descriptor of the parent, status)`` of what the stacked ``layers`` show at ``parts``; (None, None) for nothing.

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
                if _is_whiteout(status):
                    os.close(fd)
                    return None, None
                return fd, status
        if covers:
            return None, None
    return None, None


def _locate_file(layers, parts, target, what):
    """As :func:`_locate`, for the ``target`` of the hard link ``parts``. :raises RegistryError: when it is no file there."""
    shorter = min(len(parts), len(target))
    parent, status = (
        _locate(layers, target) if parts[:shorter] != target[:shorter] else (None, None)
    )  # one inside the other
    if parent is not None and not stat.S_ISDIR(status.st_mode):
        return parent, status
    if parent is not None:
        os.close(parent)
    raise RegistryError(
        f"{what}: the hard link {confined_tree.show(b'/'.join(parts))} leads to "
        f"{confined_tree.show(b'/'.join(target))}, which is a file in no layer"
    )


def _descend(layer, parts):
    """Open the parent directory of ``parts`` in one layer: ``(descriptor or None, whether the layers below are hidden there)``."""
    covers = False
    fd = os.open(".", _OPEN | os.O_DIRECTORY, dir_fd=layer)
    for component in parts[:-1]:
        covers = covers or _opaque(fd)
        try:
            inner = os.open(component, _OPEN | os.O_DIRECTORY, dir_fd=fd)
        except FileNotFoundError:
            inner = None
        except OSError:  # a file, link or whiteout stands in the directory's place
            inner, covers = None, True
        os.close(fd)
        if inner is None:
            return None, covers
        fd = inner
    return fd, covers or _opaque(fd)


def _opaque(fd):
    try:
        return os.getxattr(fd, OPAQUE_ATTRIBUTE) == b"y"
    except OSError:
        return False


def _take_attributes(directory, parts, below):
    own = _open_below(directory, parts)
    if own is None:
        return  # replaced later in the archive
    try:
        if _opaque(own):
            return
        parent, status = _locate(below, parts)
        if parent is None:
            return
        try:
            if not stat.S_ISDIR(status.st_mode):
                return
            other = os.open(parts[-1], _OPEN | os.O_DIRECTORY, dir_fd=parent)
        finally:
            os.close(parent)
        try:
            _copy_attributes(other, own, status)
        finally:
            os.close(other)
    finally:
        os.close(own)


def _open_below(directory, parts):
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


def _copy_attributes(source, destination, status):
    os.fchown(destination, status.st_uid, status.st_gid)
    os.fchmod(destination, stat.S_IMODE(status.st_mode))
    for name in os.listxattr(source):
        if not name.startswith("trusted.overlay."):
            os.setxattr(destination, name, os.getxattr(source, name))
    os.utime(destination, ns=(status.st_atime_ns, status.st_mtime_ns))


def _link(own, parts, target, below, copies, what):
    """Make the hard link ``parts`` to ``target`` of a layer below, which is copied up unless this layer has something else of that name.

    :param copies: ``{target: where its copy is}``, of the links before. :returns: False where a later entry has the link's name.
    """
    parent, status = _locate_file(below, parts, target, what)
    try:
        there = _present(own, parts, below)
        if there is not None and not _is_whiteout(there):
            return False  # of a later entry
        home = copies.get(b"/".join(target))
        if home is None:
            home = target if _present(own, target, below) is None else parts
            copies[b"/".join(target)] = home
        with _keeping_time(own, home, below):
            if _present(own, home, below) is None or home == parts:
                confined_tree.remove(own.parent(home), home[-1])
                _copy_up(parent, target[-1], own.parent(home), home[-1], status)
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


def _present(own, parts, below):
    """lstat of what this layer itself has at ``parts``, or None."""
    with _keeping_time(own, parts, below):
        try:
            return os.lstat(parts[-1], dir_fd=own.parent(parts))
        except FileNotFoundError:
            return None


def _is_whiteout(status):
    return stat.S_ISCHR(status.st_mode) and status.st_rdev == 0


class _keeping_time:
    """Make something in the parent of ``parts`` and leave that directory's times as they were; one that is made takes the
    attributes of the one below."""

    def __init__(self, own, parts, below):
        self.own, self.parts, self.below = own, parts[:-1], below

    def __enter__(self):
        for count in range(1, len(self.parts) + 1):
            if self.own.find(self.parts[:count]) is None:
                above = os.fstat(self.own.directory(self.parts[: count - 1]))
                made = self.own.directory(self.parts[:count])
                parent, status = _locate(self.below, self.parts[:count])
                if parent is not None:
                    other = os.open(self.parts[count - 1], _OPEN | os.O_DIRECTORY, dir_fd=parent)
                    os.close(parent)
                    _copy_attributes(other, made, status)
                    os.close(other)
                os.utime(
                    self.own.directory(self.parts[: count - 1]),
                    ns=(above.st_atime_ns, above.st_mtime_ns),
                )
        self.status = os.fstat(self.own.directory(self.parts))

    def __exit__(self, *_exception):
        os.utime(
            self.own.directory(self.parts), ns=(self.status.st_atime_ns, self.status.st_mtime_ns)
        )


def _copy_up(parent, original, home, name, status):
    """Copy ``original`` in the directory ``parent`` to ``name`` in ``home``."""
    kind = stat.S_IFMT(status.st_mode)
    if kind == stat.S_IFLNK:
        os.symlink(os.readlink(original, dir_fd=parent), name, dir_fd=home)
        os.chown(name, status.st_uid, status.st_gid, dir_fd=home, follow_symlinks=False)
        os.utime(
            name, ns=(status.st_atime_ns, status.st_mtime_ns), dir_fd=home, follow_symlinks=False
        )
        return
    if kind != stat.S_IFREG:
        os.mknod(name, status.st_mode, status.st_rdev, dir_fd=home)
        os.chown(name, status.st_uid, status.st_gid, dir_fd=home, follow_symlinks=False)
        os.chmod(name, stat.S_IMODE(status.st_mode), dir_fd=home)
        os.utime(
            name, ns=(status.st_atime_ns, status.st_mtime_ns), dir_fd=home, follow_symlinks=False
        )
        return
    source = os.open(original, _OPEN, dir_fd=parent)
    destination = os.open(
        name,
        os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC,
        0o600,
        dir_fd=home,
    )
    try:
        while os.sendfile(destination, source, None, 1 << 24):
            pass
        _copy_attributes(source, destination, status)
    finally:
        os.close(source)
        os.close(destination)


# --------------------------------------------------------------------------------------------- the same for a layer in a file


def complete(layer, fd, end, below):
    """Complete the inodes of a layer in the file ``fd`` (``formats.py``); content that is copied up goes to its end.

    :param layer: the inodes.Inodes. :param end: where the file ends. :param below: as for :func:`close_ends`. :returns: where it ends then.
    """
    for path in layer.passed():
        parts = path.split(b"/")
        _take_from_below(layer.find(parts), parts, below)
    copies = {}
    for path, (target, header) in layer.links.items():
        parts, source = path.split(b"/"), target.split(b"/")
        parent, status = _locate_file(below, parts, source, layer.what)
        try:
            there = _completed(layer, parts[:-1], below).entries.get(parts[-1])
            if there is not None and not inodes.is_whiteout(there):
                continue  # of a later entry
            if target not in copies:
                copies[target], end = _copy_node(parent, source[-1], status, fd, end)
                _completed(layer, source[:-1], below).entries.setdefault(source[-1], copies[target])
            layer.directory(parts[:-1]).entries[parts[-1]] = copies[target]
            hard_links.on_node(copies[target], header)
        finally:
            os.close(parent)
    return end


def _completed(layer, parts, below):
    """The directory at ``parts``; one that is made takes the attributes of the one below."""
    for count in range(1, len(parts) + 1):
        if layer.find(parts[:count]) is None:
            _take_from_below(layer.directory(parts[:count]), parts[:count], below)
    return layer.directory(parts)


def _take_from_below(node, parts, below):
    if node.xattrs.get(os.fsencode(OPAQUE_ATTRIBUTE)) == b"y":
        return
    parent, status = _locate(below, parts)
    if parent is None:
        return
    try:
        if stat.S_ISDIR(status.st_mode):
            other = os.open(parts[-1], _OPEN | os.O_DIRECTORY, dir_fd=parent)
            try:
                _describe(node, status, other)
            finally:
                os.close(other)
    finally:
        os.close(parent)


def _describe(node, status, fd=None):
    node.mode, node.uid, node.gid, node.mtime = (
        status.st_mode,
        status.st_uid,
        status.st_gid,
        status.st_mtime_ns,
    )
    for name in os.listxattr(fd) if fd is not None else ():
        if not name.startswith("trusted.overlay."):
            node.xattrs[os.fsencode(name)] = os.getxattr(fd, name)


def _copy_node(parent, name, status, fd, end):
    """``(Node, where the file ends then)``."""
    node = erofs_image.Node(status.st_mode)
    if stat.S_ISLNK(status.st_mode):
        node.data = os.readlink(name, dir_fd=parent)
        _describe(node, status)
    elif stat.S_ISREG(status.st_mode):
        source = os.open(name, _OPEN, dir_fd=parent)
        try:
            end = erofs_image.aligned(end)
            node.data = end, status.st_size
            os.lseek(fd, end, os.SEEK_SET)
            while os.sendfile(fd, source, None, 1 << 24):
                pass
            end += status.st_size
            _describe(node, status, source)
        finally:
            os.close(source)
    else:
        node.device = status.st_rdev
        _describe(node, status)
    return node, end
