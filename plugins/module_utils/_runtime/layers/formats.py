# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Store a layer's archive: unpacked into a directory, or as one file that the kernel mounts as
EROFS.

This is the entry to layers in files. ``erofs_image.py`` makes them; ``kernel/mounts/erofs.py`` says
whether the kernel can mount them. What a file can't hold is unpacked all the same: the format is a
preference, never a condition. See docs/erofs-layers.md.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import stat

from ..kernel.files.writeback import Writeback
from . import erofs_image, inodes, open_ends, unpack
from .disk_reserve import Room
from .tar import reader

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from .open_ends import Ends, Layers

DIRECTORY, EROFS = "directory", "erofs"
PIECE = 1 << 18  # bytes


def fill(form: str, path: str, chunks: Iterable[bytes], what: str) -> Ends:
    """Store an uncompressed layer archive at the new path ``path``.

    :param form: DIRECTORY or EROFS.
    :param chunks: the archive's pieces, read to their end.
    :param what: names the layer in errors.
    :returns: its open ends; if there are any, call :func:`close` next.
    :raises RegistryError, Unsupported, OSError: as ``unpack.unpack``.
    """
    if form == DIRECTORY:
        os.mkdir(path, 0o700)
        return unpack.unpack(chunks, path, what)
    fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        length = _write(fd, chunks)
        try:
            found = _inodes(fd, length, what)
            passed = found.passed()
            if not passed and not found.links:
                erofs_image.write(fd, found.root, length)
            return open_ends.noted(found.size, passed, found.links)
        except inodes.Unfit:
            return _unpack(fd, path, length, what)
    finally:
        os.close(fd)


def _write(fd: int, chunks: Iterable[bytes]) -> int:
    """Write an archive into a file.

    :returns: its length.
    """
    room, writeback, length = Room(fd), Writeback(fd), 0
    os.lseek(fd, erofs_image.START, os.SEEK_SET)
    for piece in chunks:
        room.write(len(piece))
        length += len(piece)
        view = memoryview(piece)
        while view:
            view = view[os.write(fd, view) :]
        writeback.grown(erofs_image.START + length)
    return length


def _archive(fd: int, length: int, what: str) -> reader.FileStream:
    return reader.FileStream(fd, erofs_image.START, erofs_image.START + length, what)


def _inodes(fd: int, length: int, what: str) -> inodes.Inodes:
    return inodes.read(_archive(fd, length, what), what, erofs_image.START)


def _unpack(fd: int, path: str, length: int, what: str) -> Ends:
    """Replace the file that is open as ``fd`` by an unpacked directory."""
    os.unlink(path)
    os.mkdir(path, 0o700)
    return unpack.unpack(_pieces(fd, erofs_image.START, length), path, what)


def _pieces(fd: int, start: int, length: int) -> Iterator[bytes]:
    position, end = start, start + length
    while position < end:
        piece = os.pread(fd, min(PIECE, end - position), position)
        if not piece:
            return
        position += len(piece)
        yield piece


def close(path: str, below: Layers, ends: Ends, what: str) -> None:
    """Close the open ends of the layer at ``path``.

    :param below: descriptors of the layers under it, topmost first.
    :param ends: what :func:`fill` returned.
    :raises RegistryError: when a hard link's target is in no layer.
    """
    if os.path.isdir(path):
        open_ends.close_ends(path, below, ends, what)
        return
    fd = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    try:
        end = os.fstat(fd).st_size
        length = end - erofs_image.START
        found = _inodes(fd, length, what)
        try:
            end = open_ends.complete(found, fd, end, below)
            erofs_image.write(fd, found.root, length, end)
        except inodes.Unfit:
            _unpack(fd, path, length, what)
            open_ends.close_ends(path, below, ends, what)
    finally:
        os.close(fd)


def is_there(path: str) -> bool:
    """Return whether a layer is at a path: a directory, or a file of the length that its header
    states.
    """
    try:
        status = os.lstat(path)
    except FileNotFoundError:
        return False
    if not stat.S_ISREG(status.st_mode):
        return stat.S_ISDIR(status.st_mode)
    head = erofs_image.head(path)
    return head is not None and head.end == status.st_size


@contextlib.contextmanager
def archive(path: str | bytes) -> Iterator[tuple[reader.FileStream, int]]:
    """Yield the archive of a layer in a file, and its offset in the file. The archive is empty
    where the file is damaged.
    """
    head = erofs_image.head(path)
    fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        yield _archive(fd, head.length if head is not None else 0, "the archive"), erofs_image.START
    finally:
        os.close(fd)


def damage(path: str, diff_id: str) -> str | None:
    """Return what is wrong with a layer in a file, as the end of a sentence, or None.

    The digests of its archive and its index are checked.

    :param diff_id: of the archive.
    """
    head = erofs_image.head(path)
    if head is None:
        return "has a damaged beginning"
    algorithm, _colon, encoded = diff_id.partition(":")
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        if _digest(fd, erofs_image.START, head.length, algorithm).hex() != encoded:
            return "has another content"
        if _digest(fd, head.index, head.size, "sha256") != head.digest:
            return "has a damaged index"
        return None
    finally:
        os.close(fd)


def _digest(fd: int, start: int, length: int, algorithm: str) -> bytes:
    checksum = hashlib.new(algorithm)
    for piece in _pieces(fd, start, length):
        checksum.update(piece)
    return checksum.digest()
