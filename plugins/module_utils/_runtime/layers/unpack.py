# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Unpack a layer's archive into a directory for overlayfs.

Whiteouts become its devices, opaque marks its attribute. Source: image-spec, layer.md. A layer
alone does not say everything: the attributes of a directory that it only passes through, and the
target of a hard link into a layer below, are missing. These are returned as open ends;
``open_ends.py`` closes them when the layers below are there.
"""

from __future__ import annotations

import os
import stat

from ..errors import RegistryError, Unsupported
from ..kernel.files.writeback import Writeback
from . import confined_tree, hard_links, open_ends, whiteouts
from .disk_reserve import Room
from .entries import Taker
from .tar import reader

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from .open_ends import Ends

LARGE = 1 << 20  # bytes of a file that is begun to be written out at once

_CREATE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


def unpack(chunks: Iterable[bytes], directory: str, what: str) -> Ends:
    """Unpack an uncompressed layer archive into the empty ``directory``. It is read to its end.

    :param chunks: its pieces.
    :param what: names the layer in errors.
    :returns: its open ends.
    :raises RegistryError: when the archive is damaged or has an entry that would leave the root.
    :raises Unsupported: when the file system refuses an attribute.
    :raises OSError: whose file name is the entry's.
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
    return open_ends.noted(worker.size, passed, worker.links)


class Unpacker(Taker):
    """Create entries in a directory. Call ``finish`` at the end.

    :ivar tree: the directory, open.
    """

    def __init__(self, directory: str, what: str) -> None:
        super().__init__(what)
        # directories that no entry of the archive describes: inode -> path
        self._passed: dict[int, list[bytes]] = {}
        # times of directories, set last, since creating a file in one changes it: inode -> (path,
        # time)
        self._times: dict[int, tuple[list[bytes], int]] = {}
        self.tree = confined_tree.Tree(directory, what, self._made_on_the_way)
        self.room = Room(self.tree.root)
        os.fchmod(self.tree.root, 0o755)
        self._times[os.fstat(self.tree.root).st_ino] = [], 0

    def _made_on_the_way(self, parts: list[bytes], fd: int) -> None:
        inode = os.fstat(fd).st_ino
        self._passed[inode] = parts
        self._times[inode] = parts, 0

    def _entered(self, entry: reader.Entry, parts: list[bytes]) -> None:
        self.room.entry()

    def _opaque(self, parts: list[bytes]) -> None:
        whiteouts.make_opaque(self.tree.directory(parts))

    def _hide(self, parts: list[bytes], name: bytes) -> None:
        try:
            whiteouts.make_whiteout(self.tree.directory(parts), name)
        except FileExistsError:
            # This layer has the name too. A whiteout hides only the layers below, whatever the
            # order.
            if stat.S_ISDIR(os.lstat(name, dir_fd=self.tree.directory(parts)).st_mode):
                self._opaque(parts + [name])

    def _cleared(self, parts: list[bytes]) -> int:
        """Remove what has an entry's name, and return its parent: of entries with one name the last
        wins.
        """
        # For a directory in it, finish() finds nothing, or another inode; a new one with that
        # number is recorded again.
        confined_tree.remove(self.tree.parent(parts), parts[-1])
        self.links.pop(b"/".join(parts), None)
        self.tree.forget()
        return self.tree.parent(parts)

    def _directory(self, entry: reader.Entry, parts: list[bytes], position: int) -> None:
        hidden = False
        if parts:
            parent = self.tree.parent(parts)
            try:
                os.mkdir(parts[-1], 0o700, dir_fd=parent)
            except FileExistsError:
                if not stat.S_ISDIR(os.lstat(parts[-1], dir_fd=parent).st_mode):
                    hidden = whiteouts.is_whiteout_at(parent, parts[-1])
                    parent = self._cleared(parts)
                    os.mkdir(parts[-1], 0o700, dir_fd=parent)
        fd = self.tree.directory(parts)
        os.fchown(fd, entry.uid, entry.gid)
        os.fchmod(fd, entry.mode)
        if hidden:
            whiteouts.make_opaque(fd)
        self._attributes(fd, entry)
        inode = os.fstat(fd).st_ino
        self._times[inode] = parts, entry.mtime
        self._passed.pop(inode, None)

    def _file(self, entry: reader.Entry, parts: list[bytes], position: int) -> None:
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

    def _content(self, fd: int, entry: reader.Entry) -> None:
        room = self.room.write

        def put(view: memoryview) -> None:
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

    def _attributes(self, fd: int, entry: reader.Entry) -> None:
        hard_links.put(fd, hard_links.kept(entry.xattrs), entry.name, self.what)

    def _symlink(self, entry: reader.Entry, parts: list[bytes], position: int) -> None:
        target = self._soft_target(entry)
        self._made(parts, lambda parent: os.symlink(target, parts[-1], dir_fd=parent))
        parent = self.tree.parent(parts)
        os.chown(parts[-1], entry.uid, entry.gid, dir_fd=parent, follow_symlinks=False)
        os.utime(parts[-1], ns=(entry.mtime, entry.mtime), dir_fd=parent, follow_symlinks=False)

    def _node(self, entry: reader.Entry, parts: list[bytes], position: int) -> None:
        kind, device = reader.FILE_TYPES[entry.kind], self._device(entry)
        self._made(parts, lambda parent: os.mknod(parts[-1], kind | 0o600, device, dir_fd=parent))
        parent = self.tree.parent(parts)
        os.chown(parts[-1], entry.uid, entry.gid, dir_fd=parent, follow_symlinks=False)
        os.chmod(parts[-1], entry.mode, dir_fd=parent)  # made just now, and no link
        os.utime(parts[-1], ns=(entry.mtime, entry.mtime), dir_fd=parent, follow_symlinks=False)

    def _made(self, parts: list[bytes], make: Callable[[int], object]) -> None:
        """Call ``make`` to create something in the parent, in place of what is there."""
        try:
            make(self.tree.parent(parts))
        except FileExistsError:
            make(self._cleared(parts))

    def _link(self, entry: reader.Entry, parts: list[bytes], position: int) -> None:
        target = self._hard_target(entry)
        found = self.tree.find(target[:-1])
        if found is not None:
            found = os.dup(found)  # the next look-up may close it
        try:
            status = _status(found, target[-1])
            if found is None or status is None:
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
            header = hard_links.Header.of(entry)
            hard_links.on_disk(self.tree.parent(parts), parts[-1], header, self.what)
        except (FileNotFoundError, PermissionError):  # it is gone, or a directory by now
            raise RegistryError(
                f"{self.what}: the hard link {confined_tree.show(entry.name)} takes the place of what it "
                "leads to"
            ) from None
        finally:
            if found is not None:
                os.close(found)

    def _open_link(self, parts: list[bytes], target: list[bytes], entry: reader.Entry) -> None:
        """Record a link whose target is below, or nowhere.

        An earlier entry with the link's name is removed; its parents are created.
        """
        if _status(self.tree.parent(parts), parts[-1]) is not None:
            self._cleared(parts)
        self._open_end(parts, target, entry)

    def finish(self) -> list[bytes]:
        """Set the directories' times.

        :returns: paths of those that no entry describes.
        """
        passed = []
        for inode, (parts, mtime) in self._times.items():
            fd = self.tree.find(parts)
            if fd is not None and os.fstat(fd).st_ino == inode:
                os.utime(fd, ns=(mtime, mtime))
                if inode in self._passed:
                    passed.append(b"/".join(self._passed[inode]))
        return passed


def _status(fd: int | None, name: bytes) -> os.stat_result | None:
    """Return the status of a name in a directory, which may be None.

    :returns: None when it is missing or a whiteout.
    """
    if fd is None:
        return None
    try:
        status = os.lstat(name, dir_fd=fd)
    except FileNotFoundError:
        return None
    return None if whiteouts.is_whiteout(status.st_mode, status.st_rdev) else status
