# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which contents that a delivered layer needs are on the host already, in the files of layers of its store.

A file of the same path and size is looked at first: in the version before, that is nearly always it. Then those of the same size.
Each is hashed, so a file that was damaged since is no match.
"""

from __future__ import annotations

import hashlib
import os
import stat

from . import layers
from .delivery_recipe import SHORT

MOST = 300000  # entries that are looked at, those of the most closely related layers first

_OPEN = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC
_READ = 1 << 20


def find(engine, wanted, order):
    """``{short digest: path below the store's layers}`` of those of ``wanted`` that are there.

    :param wanted: ``{short digest: (name in the archive, size)}``. :param order: rows of ``layers``, most related first.
    """
    named, sized = _candidates(engine, order, {(_path(name), size) for name, size in wanted.values()}, {size for _name, size in wanted.values()})
    found, known = {}, {}

    def look(digest, paths):
        for path in paths:
            if path not in known:
                known[path] = seen = _digest(os.path.join(os.fsencode(engine.paths.layers), path))
                if seen in wanted:
                    found.setdefault(seen, path)  # perhaps another one's that is wanted
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
    """``({(path, size): [paths below layers]}, {size: [paths below layers]})`` of files that may be wanted."""
    named, sized, left = {}, {}, MOST
    for row in order:
        top = os.fsencode(layers.path_of(engine, row["number"]))
        number = os.path.basename(top)
        for inner, size in _files(top):
            left -= 1
            if size in sizes:
                sized.setdefault(size, []).append(number + inner)
                if (inner, size) in names:
                    named.setdefault((inner, size), []).append(number + inner)
        if left < 0:
            break
    return named, sized


def _files(top):
    """``(path with a leading slash, size)`` of every regular file that is not empty below ``top``."""
    stack = [b""]
    while stack:
        inner = stack.pop()
        try:
            entries = list(os.scandir(top + inner))
        except OSError:
            continue  # it was removed just now
        for entry in entries:
            path = inner + b"/" + entry.name
            if entry.is_dir(follow_symlinks=False):
                stack.append(path)
            elif entry.is_file(follow_symlinks=False):
                try:
                    size = entry.stat(follow_symlinks=False).st_size
                except OSError:
                    continue
                if size:
                    yield path, size


def _digest(path):
    """The short digest of a file, or None where it can't be read."""
    checksum = hashlib.sha256()
    try:
        with open_content(path) as file:
            for piece in iter(lambda: file.read(_READ), b""):
                checksum.update(piece)
    except OSError:
        return None
    return checksum.digest()[:SHORT]


def open_content(path):
    """A file of a layer as a binary file. :raises OSError: when it is no regular file."""
    file = open(os.open(path, _OPEN), "rb", buffering=0)
    if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
        file.close()
        raise FileNotFoundError(path)
    return file


def related(engine, diff_ids, repository):
    """Rows of all layers of the store, those most likely to have what an image needs first.

    :param diff_ids: of the image. :param repository: of its name, in full: another image with it is an earlier version.
    """
    pattern = repository.replace("!", "!!").replace("%", "!%").replace("_", "!_") + ":%"
    images = [row["image"] for row in engine.db.all("SELECT DISTINCT image FROM tags WHERE reference LIKE ? ESCAPE '!'", pattern)]
    rest = [row["id"] for row in engine.db.all("SELECT id FROM images ORDER BY added DESC") if row["id"] not in images]
    stacks = [_stack(engine, ident) for ident in images + rest]
    earlier, others = stacks[: len(images)], stacks[len(images) :]
    others.sort(key=lambda stack: -len(set(stack) & set(diff_ids)))  # stable: among equals the newest stays first
    seen, found = set(), []
    for stack in earlier + others:
        for row in layers.rows(engine, stack):
            if row is not None and row["number"] not in seen:
                seen.add(row["number"])
                found.append(row)
    return found


def _stack(engine, ident):
    """DiffIDs of an image; none where it can't be read."""
    from ..errors import EngineError
    from . import records

    try:
        record = records.find(engine, ident)
    except EngineError:
        return []
    return record["layers"] if record is not None else []
