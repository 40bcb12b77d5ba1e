# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which contents that a delivered layer needs are on the host already, in the files of layers of its store.

A file of the same path and size is looked at first: in the version before, that is nearly always it. Then those of the same size.
Each is hashed, so a file that was damaged since is no match.

A content's place is ``(path below the store's layers, offset, size)``: of a file of an unpacked layer from 0 on, or in the archive that
a layer is kept as.
"""

from __future__ import annotations

import hashlib
import os

from ..errors import EngineError
from ..images.library import layer_store
from ..layers import erofs_image
from ..layers.tar import reader
from ..untrusted import files
from .recipe import SHORT

MOST = 300000  # entries that are looked at, those of the most closely related layers first

_OPEN = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC
_READ = 1 << 20


def find(engine, wanted, order):
    """``{short digest: place}`` of those of ``wanted`` that are there.

    :param wanted: ``{short digest: (name in the archive, size)}``. :param order: rows of ``layers``, most related first.
    """
    named, sized = _candidates(
        engine,
        order,
        {(_path(name), size) for name, size in wanted.values()},
        {size for _name, size in wanted.values()},
    )
    found, known = {}, {}

    def look(digest, places):
        for place in places:
            if place not in known:
                known[place] = seen = _digest(engine, place)
                if seen in wanted:
                    found.setdefault(seen, place)  # perhaps another one's that is wanted
            if digest in found:
                return

    for digest, (name, size) in wanted.items():
        if digest not in found:
            look(digest, named.get((_path(name), size), ()))
    for digest, (_name, size) in wanted.items():
        if digest not in found:
            look(digest, sized.get(size, ()))
    return found


def _path(name):
    """A name in an archive as a path with a leading slash."""
    return b"/" + os.path.normpath(name).lstrip(b"/")


def _candidates(engine, order, names, sizes):
    """``({(path, size): [places]}, {size: [places]})`` of files that may be wanted."""
    named, sized, left = {}, {}, MOST
    for row in order:
        for inner, size, place in _files(layer_store.path_of(engine, row["number"])):
            left -= 1
            if size in sizes:
                sized.setdefault(size, []).append(place)
                if (inner, size) in names:
                    named.setdefault((inner, size), []).append(place)
        if left < 0:
            break
    return named, sized


def _files(path):
    """``(path in the layer, size, place)`` of every regular file that is not empty in the layer at ``path``."""
    path = os.fsencode(path)
    try:
        if os.path.isdir(path):
            yield from _files_of_directory(path)
        else:
            yield from _files_of_archive(path)
    except (OSError, EngineError):
        return  # it was removed just now, or is damaged


def _files_of_directory(top):
    number, stack = os.path.basename(top), [b""]
    while stack:
        inner = stack.pop()
        for entry in os.scandir(top + inner):
            path = inner + b"/" + entry.name
            if entry.is_dir(follow_symlinks=False):
                stack.append(path)
            elif entry.is_file(follow_symlinks=False):
                size = entry.stat(follow_symlinks=False).st_size
                if size:
                    yield path, size, (number + path, 0, size)


def _files_of_archive(path):
    length = (erofs_image.head(path) or (0,))[0]
    fd = os.open(path, _OPEN)
    try:
        stream = reader.FileStream(fd, erofs_image.START, erofs_image.START + length)
        for entry in reader.entries(stream):
            if entry.kind == reader.REGULAR and entry.size and entry.sparse is None:
                yield (
                    _path(entry.name),
                    entry.size,
                    (os.path.basename(path), erofs_image.START + stream.offset, entry.size),
                )
    finally:
        os.close(fd)


def _digest(engine, place):
    """The short digest of a content, or None where it can't be read."""
    checksum = hashlib.sha256()
    try:
        for piece in read(engine, place):
            checksum.update(piece)
    except (OSError, EngineError):
        return None
    return checksum.digest()[:SHORT]


def read(engine, place):
    """The pieces of a content. :raises OSError, Unacceptable: when it can't be read."""
    path, offset, left = place
    fd = files.open_regular(path, engine.paths.layers)
    try:
        while left:
            piece = os.pread(fd, min(left, _READ), offset)
            if not piece:
                return
            offset, left = offset + len(piece), left - len(piece)
            yield piece
    finally:
        os.close(fd)


def related(engine, diff_ids, repository):
    """Rows of all layers of the store, those most likely to have what an image needs first.

    :param diff_ids: of the image. :param repository: of its name, in full: another image with it is an earlier version.
    """
    pattern = repository.replace("!", "!!").replace("%", "!%").replace("_", "!_") + ":%"
    images = [
        row["image"]
        for row in engine.db.all(
            "SELECT DISTINCT image FROM tags WHERE reference LIKE ? ESCAPE '!'", pattern
        )
    ]
    rest = [
        row["id"]
        for row in engine.db.all("SELECT id FROM images ORDER BY added DESC")
        if row["id"] not in images
    ]
    stacks = [_stack(engine, ident) for ident in images + rest]
    earlier, others = stacks[: len(images)], stacks[len(images) :]
    others.sort(
        key=lambda stack: -len(set(stack) & set(diff_ids))
    )  # stable: among equals the newest stays first
    seen, found = set(), []
    for stack in earlier + others:
        for row in layer_store.rows(engine, stack):
            if row is not None and row["number"] not in seen:
                seen.add(row["number"])
                found.append(row)
    return found


def _stack(engine, ident):
    """DiffIDs of an image; none where it can't be read."""
    from ..images.library import records

    try:
        record = records.find(engine, ident)
    except EngineError:
        return []
    return record["layers"] if record is not None else []
