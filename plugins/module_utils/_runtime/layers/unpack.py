# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A layer's archive into a directory for overlayfs: whiteouts become its devices, opaque marks its attribute.

Image-spec, layer.md. What a layer alone does not say - the attributes of a directory that it only passes through, and
the target of a hard link into a layer below - is returned as open ends; ``merged.py`` closes them when the layers
below are there.
"""

from __future__ import annotations

import os
import stat

from ..errors import RegistryError, Unsupported
from ..kernel.files.writeback import Writeback
from . import confined_tree, hard_links
from .disk_reserve import Room
from .entries import OPAQUE_ATTRIBUTE, Taker
from .tar import reader

LARGE = 1 << 20  # bytes of a file that is begun to be written out at once

_CREATE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_NODES = {reader.CHAR: stat.S_IFCHR, reader.BLOCK_DEVICE: stat.S_IFBLK, reader.FIFO: stat.S_IFIFO}


def unpack(chunks, directory, what):
    """Unpack an uncompressed layer archive, read to its end, into the empty ``directory``.

    :param chunks: its pieces. :param what: what it is, for errors.
    :returns: ``{"size": bytes of all files, "passed": [directories it only passes through], "links": [[path, target, header]]}``,
        paths as text with surrogate escapes.
    :raises RegistryError: when the archive is damaged or has an entry that would leave the root.
    """
    stream = reader.Stream(chunks, what)
    worker = Unpacker(directory, what)
    with worker.tree:
        for entry in reader.entries(stream):
            try:
                worker.take(entry)
            except (RegistryError, Unsupported):
                raise
            except OSError as error:
                error.filename = f"{confined_tree.show(entry.name)} of {what}"
                raise
        stream.drain()
        passed = worker.finish()
    return ends(worker.size, passed, worker.links)


def ends(size, passed, links):
    """What :func:`unpack` returns, of bytes, paths and a Taker's links."""
    return {
        "size": size,
        "passed": [os.fsdecode(path) for path in passed],
        "links": [
            [os.fsdecode(path), os.fsdecode(target), hard_links.to_json(header)]
            for path, (target, header) in links.items()
        ],
    }


class Unpacker(Taker):
    def __init__(self, directory, what):
        super().__init__(what)
        self._passed = {}  # directories that no entry of the archive describes: inode -> path
        self._times = {}  # of directories, set last, since making a file in one changes it: inode -> (path, time)
        self.tree = confined_tree.Tree(directory, what, self._made_on_the_way)
        self.room = Room(self.tree.root)
        os.fchmod(self.tree.root, 0o755)
        self._times[os.fstat(self.tree.root).st_ino] = [], 0

    def _made_on_the_way(self, parts, fd):
        inode = os.fstat(fd).st_ino
        self._passed[inode] = parts
        self._times[inode] = parts, 0

    def _entered(self, _entry, _parts):
        self.room.entry()

    def _opaque(self, parts):
        os.setxattr(self.tree.directory(parts), OPAQUE_ATTRIBUTE, b"y")

    def _hide(self, parts, name):
        try:
            os.mknod(name, stat.S_IFCHR, 0, dir_fd=self.tree.directory(parts))
        except FileExistsError:
            # This layer has the name too. A whiteout is for the layers below alone, whatever the order.
            if stat.S_ISDIR(os.lstat(name, dir_fd=self.tree.directory(parts)).st_mode):
                self._opaque(parts + [name])

    def _clear(self, parent, parts):
        """Make room for an entry: the later one of a name wins."""
        confined_tree.remove(
            parent, parts[-1]
        )  # of directories in it, finish() finds nothing, or another inode, and a new one of that number is noted anew
        self.links.pop(b"/".join(parts), None)

    def _cleared(self, parts):
        """The parent's descriptor after :meth:`_clear` and with no stale directory kept open."""
        self._clear(self.tree.parent(parts), parts)
        self.tree.forget()
        return self.tree.parent(parts)

    def _directory(self, entry, parts, _position):
        hidden = False
        if parts:
            parent = self.tree.parent(parts)
            try:
                os.mkdir(parts[-1], 0o700, dir_fd=parent)
            except FileExistsError:
                if not stat.S_ISDIR(os.lstat(parts[-1], dir_fd=parent).st_mode):
                    hidden = confined_tree.is_whiteout(parent, parts[-1])
                    parent = self._cleared(parts)
                    os.mkdir(parts[-1], 0o700, dir_fd=parent)
        fd = self.tree.directory(parts)
        os.fchown(fd, entry.uid, entry.gid)
        os.fchmod(fd, entry.mode)
        if hidden:
            os.setxattr(fd, OPAQUE_ATTRIBUTE, b"y")
        self._attributes(fd, entry)
        inode = os.fstat(fd).st_ino
        self._times[inode] = parts, entry.mtime
        self._passed.pop(inode, None)

    def _file(self, entry, parts, _position):
        parent = self.tree.parent(parts)
        try:
            fd = os.open(parts[-1], _CREATE, 0o600, dir_fd=parent)
        except FileExistsError:
            fd = os.open(parts[-1], _CREATE, 0o600, dir_fd=self._cleared(parts))
        try:
            self._content(fd, entry)
            os.fchown(fd, entry.uid, entry.gid)
            os.fchmod(fd, entry.mode)  # after chown, which takes setuid away
            self._attributes(fd, entry)
            os.utime(fd, ns=(entry.mtime, entry.mtime))
            if entry.size >= LARGE:
                Writeback(fd, LARGE).grown(entry.size)
        finally:
            os.close(fd)
        self.size += entry.size

    def _content(self, fd, entry):
        room = self.room.write

        def put(view):
            room(len(view))
            written = os.write(fd, view)
            while written < len(view):
                view = view[written:]
                written = os.write(fd, view)

        if entry.sparse is None:
            entry.write_to(put)
            return
        for offset, _length, write in entry.parts():
            os.lseek(fd, offset, os.SEEK_SET)
            write(put)
        os.ftruncate(fd, entry.size)

    def _attributes(self, fd, entry):
        hard_links.put(fd, hard_links.kept(entry.xattrs), entry.name, self.what)

    def _symlink(self, entry, parts, _position):
        target = self._soft_target(entry)
        self._made(parts, lambda parent: os.symlink(target, parts[-1], dir_fd=parent))
        parent = self.tree.parent(parts)
        os.chown(parts[-1], entry.uid, entry.gid, dir_fd=parent, follow_symlinks=False)
        os.utime(parts[-1], ns=(entry.mtime, entry.mtime), dir_fd=parent, follow_symlinks=False)

    def _node(self, entry, parts, _position):
        kind, device = _NODES[entry.kind], self._device(entry)
        self._made(parts, lambda parent: os.mknod(parts[-1], kind | 0o600, device, dir_fd=parent))
        parent = self.tree.parent(parts)
        os.chown(parts[-1], entry.uid, entry.gid, dir_fd=parent, follow_symlinks=False)
        os.chmod(parts[-1], entry.mode, dir_fd=parent)  # made just now, and no link
        os.utime(parts[-1], ns=(entry.mtime, entry.mtime), dir_fd=parent, follow_symlinks=False)

    def _made(self, parts, make):
        try:
            make(self.tree.parent(parts))
        except FileExistsError:
            make(self._cleared(parts))

    def _link(self, entry, parts, _position):
        target = self._hard_target(entry)
        found = self.tree.find(target[:-1])
        if found is not None:
            found = os.dup(found)  # the next look-up may close it
        try:
            status = _status(found, target[-1])
            if status is None:
                self._open_link(parts, target, entry)
                return
            if stat.S_ISDIR(status.st_mode):
                raise RegistryError(
                    f"{self.what}: the hard link {confined_tree.show(entry.name)} leads to a directory"
                )
            present = _status(self.tree.parent(parts), parts[-1])
            if present is None or (present.st_dev, present.st_ino) != (
                status.st_dev,
                status.st_ino,
            ):
                self._made(
                    parts,
                    lambda parent: os.link(
                        target[-1],
                        parts[-1],
                        src_dir_fd=found,
                        dst_dir_fd=parent,
                        follow_symlinks=False,
                    ),
                )
            hard_links.on_disk(
                self.tree.parent(parts), parts[-1], hard_links.header(entry), self.what
            )
        except (FileNotFoundError, PermissionError):  # it is gone, or a directory by now
            raise RegistryError(
                f"{self.what}: the hard link {confined_tree.show(entry.name)} takes the place of what it "
                "leads to"
            ) from None
        finally:
            if found is not None:
                os.close(found)

    def _open_link(self, parts, target, entry):
        """The target is below, or nowhere. What the layer had under the link's own name goes; its parents are made."""
        if _status(self.tree.parent(parts), parts[-1]) is not None:
            self._cleared(parts)
        self._open_end(parts, target, entry)

    def finish(self):
        """Set the directories' times. :returns: paths of those that no entry describes."""
        passed = []
        for inode, (parts, mtime) in self._times.items():
            fd = self.tree.find(parts)
            if fd is not None and os.fstat(fd).st_ino == inode:
                os.utime(fd, ns=(mtime, mtime))
                if inode in self._passed:
                    passed.append(b"/".join(self._passed[inode]))
        return passed


def _status(fd, name):
    """lstat of a name in a directory that may be None; None when it is not there or a whiteout."""
    if fd is None:
        return None
    try:
        status = os.lstat(name, dir_fd=fd)
    except FileNotFoundError:
        return None
    return None if stat.S_ISCHR(status.st_mode) and status.st_rdev == 0 else status
