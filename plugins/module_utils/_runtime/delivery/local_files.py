# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Find the contents that a delivered layer needs among the files of layers that the host has.

A file of the same path and size is looked at first: in the version before, that is nearly always
it. Then those of the same size. Each is hashed, so a file that was damaged since is no match.

A content's place is ``(path below the store's layers, offset, size)``: of a file of an unpacked
layer from 0 on, or in the archive that a layer is kept as.
"""

from __future__ import annotations

import hashlib
import os

from ..errors import EngineError
from ..images.library import layer_store
from ..layers import formats
from ..layers.tar import reader
from ..untrusted import files
from .recipe import SHORT

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from ..engine import Engine
    from ..images.library.layer_store import LayerRow

    Place = tuple[bytes, int, int]


MOST = 300000  # entries that are looked at, those of the most closely related layers first

_READ = 1 << 20


def find(
    engine: Engine, wanted: dict[bytes, tuple[bytes, int]], order: Iterable[LayerRow]
) -> dict[bytes, Place]:
    """Find the contents that are here.

    :param wanted: by short digest, the name in the archive and the size.
    :param order: rows of ``layers``, most related first.
    :returns: places by short digest.
    """
    named, sized = _candidates(
        engine,
        order,
        {(_path(name), size) for name, size in wanted.values()},
        {size for _name, size in wanted.values()},
    )
    found: dict[bytes, Place] = {}
    known: dict[Place, bytes | None] = {}

    def look(digest: bytes, places: Sequence[Place]) -> None:
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


def _path(name: bytes) -> bytes:
    """Return a name in an archive as a path with a leading slash."""
    return b"/" + os.path.normpath(name).lstrip(b"/")


def _candidates(
    engine: Engine, order: Iterable[LayerRow], names: set[tuple[bytes, int]], sizes: set[int]
) -> tuple[dict[tuple[bytes, int], list[Place]], dict[int, list[Place]]]:
    """Return the files that may be wanted, by path and size, and by size."""
    named: dict[tuple[bytes, int], list[Place]] = {}
    sized: dict[int, list[Place]] = {}
    left = MOST
    for row in order:
        for inner, size, place in _files(os.fsencode(layer_store.path_of(engine, row["number"]))):
            left -= 1
            if size in sizes:
                sized.setdefault(size, []).append(place)
                if (inner, size) in names:
                    named.setdefault((inner, size), []).append(place)
        if left < 0:
            break
    return named, sized


def _files(path: bytes) -> Iterator[tuple[bytes, int, Place]]:
    """List ``(path in the layer, size, place)`` of every regular file that is not empty in the
    layer at ``path``.
    """
    try:
        if os.path.isdir(path):
            yield from _files_of_directory(path)
        else:
            yield from _files_of_archive(path)
    except (OSError, EngineError):
        return  # it was removed just now, or is damaged


def _files_of_directory(top: bytes) -> Iterator[tuple[bytes, int, Place]]:
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


def _files_of_archive(path: bytes) -> Iterator[tuple[bytes, int, Place]]:
    with formats.archive(path) as (stream, start):
        for entry in reader.entries(stream):
            if entry.kind == reader.REGULAR and entry.size and entry.sparse is None:
                place = os.path.basename(path), start + stream.offset, entry.size
                yield _path(entry.name), entry.size, place


def _digest(engine: Engine, place: Place) -> bytes | None:
    """Return the short digest of a content, or None where it can't be read."""
    checksum = hashlib.sha256()
    try:
        for piece in read(engine, place):
            checksum.update(piece)
    except (OSError, EngineError):
        return None
    return checksum.digest()[:SHORT]


def read(engine: Engine, place: Place) -> Iterator[bytes]:
    """Read a content in pieces. :raises OSError, Unacceptable: where it can't be read."""
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


def related(engine: Engine, diff_ids: list[str], repository: str) -> list[LayerRow]:
    """Return the rows of all layers of the store, those most likely to have what an image needs
    first.

    :param diff_ids: the image's.
    :param repository: of its name, in full: another image with it is an earlier version.
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
    seen: set[int] = set()
    found = []
    for stack in earlier + others:
        for row in layer_store.rows(engine, stack):
            if row is not None and row["number"] not in seen:
                seen.add(row["number"])
                found.append(row)
    return found


def _stack(engine: Engine, ident: str) -> list[str]:
    """Return the DiffIDs of an image; none where it can't be read."""
    from ..images.library import records

    try:
        record = records.find(engine, ident)
    except EngineError:
        return []
    return record["layers"] if record is not None else []
