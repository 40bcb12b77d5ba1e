# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where a layer's archive goes: into a directory, or into one file with an index over it (``layers.kind`` says which).

What a file can't hold is unpacked all the same: the kind is what is wished, never a condition.
"""

from __future__ import annotations

import os

from ..images.library.layer_store import DIRECTORY
from ..kernel.files.writeback import Writeback
from . import erofs_image, inodes, open_ends, unpack
from .disk_reserve import Room
from .tar import reader

PIECE = 1 << 18  # bytes


def fill(kind, path, chunks, what):
    """Bring an uncompressed layer archive to the new place ``path``.

    :param kind: of images/library/layer_store.py. :param chunks: the archive's pieces, read to their end. :param what: what it is, for errors.
    :returns: as ``unpack.unpack``; with open ends :func:`close` has to follow. :raises RegistryError: as there.
    """
    if kind == DIRECTORY:
        os.mkdir(path, 0o700)
        return unpack.unpack(chunks, path, what)
    fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        length = _write(fd, chunks)
        try:
            found = inodes.read(
                reader.FileStream(fd, erofs_image.START, erofs_image.START + length, what),
                what,
                erofs_image.START,
            )
            passed = found.passed()
            if not passed and not found.links:
                erofs_image.write(fd, found.root, length)
            return unpack.ends(found.size, passed, found.links)
        except erofs_image.Unfit:
            return _unpack(fd, path, length, what)
    finally:
        os.close(fd)


def _write(fd, chunks):
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


def _unpack(fd, path, length, what):
    """Put a directory in the place of the file that is open as ``fd``."""
    os.unlink(path)
    os.mkdir(path, 0o700)
    return unpack.unpack(_pieces(fd, length), path, what)


def _pieces(fd, length):
    position, end = erofs_image.START, erofs_image.START + length
    while position < end:
        piece = os.pread(fd, min(PIECE, end - position), position)
        position += len(piece)
        yield piece


def close(path, below, ends, what):
    """Close the open ends of the layer at ``path``.

    :param below: descriptors of the layers under it, topmost first. :param ends: what :func:`fill` returned.
    """
    if os.path.isdir(path):
        open_ends.close_ends(path, below, ends, what)
        return
    fd = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    try:
        length = os.fstat(fd).st_size - erofs_image.START
        found = inodes.read(
            reader.FileStream(fd, erofs_image.START, erofs_image.START + length, what),
            what,
            erofs_image.START,
        )
        try:
            erofs_image.write(
                fd,
                found.root,
                length,
                open_ends.complete(found, fd, erofs_image.START + length, below),
            )
        except erofs_image.Unfit:
            _unpack(fd, path, length, what)
            open_ends.close_ends(path, below, ends, what)
    finally:
        os.close(fd)
