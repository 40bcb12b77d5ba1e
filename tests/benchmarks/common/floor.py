# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The least that a pull of an image can take here: inflating, hashing and writing alone, each by itself, shared out over the processors.

Names and numbers of the entries are read beforehand, and the contents lie in memory, so that only the work that no engine can leave
out is timed: one inflate of each layer, SHA-256 of what arrives and of what it becomes, the blobs and the files written (open, write,
owner, mode, time, close), and one syncfs.
"""

from __future__ import annotations

import hashlib
import json
import os
import pathlib
import shutil
import time
import zlib

CHUNK = 1 << 16


def blobs(layout):
    """Paths of the layers' blobs of an OCI layout, lowest first."""
    directory = pathlib.Path(layout, "blobs", "sha256")
    index = json.loads(pathlib.Path(layout, "index.json").read_text())
    body = json.loads((directory / index["manifests"][0]["digest"].partition(":")[2]).read_text())
    return [directory / layer["digest"].partition(":")[2] for layer in body["layers"]]


def measure(layout, where, inflater):
    """``{"inflate", "hash", "write": CPU seconds, "sync": wall seconds, "wall": seconds on all processors}``.

    :param where: a directory for the files, on the engines' file system. :param inflater: makes an object as zlib.decompressobj.
    """
    from pycontainer.kernel.calls import syscalls
    from pycontainer.layers.tar import reader as tar

    took = dict.fromkeys(("inflate", "hash", "write"), 0.0)
    for number, path in enumerate(blobs(layout)):
        packed = path.read_bytes()
        took["inflate"] += _timed(lambda: _inflate(packed, inflater()))
        plain = zlib.decompress(packed, 31)
        took["hash"] += _timed(lambda: (hashlib.sha256(packed), hashlib.sha256(plain)))
        plan = list(_plan(tar, plain))
        top = os.path.join(where, str(number))
        os.mkdir(top)
        took["write"] += _timed(lambda: _write(top, packed, plan))
    fd = os.open(where, os.O_RDONLY)
    begin = time.perf_counter()
    syscalls.syncfs(fd)
    took["sync"] = time.perf_counter() - begin
    os.close(fd)
    shutil.rmtree(where)
    took["wall"] = (took["inflate"] + took["hash"] + took["write"]) / (os.cpu_count() or 1) + took[
        "sync"
    ]
    return took


def _timed(call):
    begin = time.process_time()
    call()
    return time.process_time() - begin


def _inflate(packed, inflater):
    for offset in range(0, len(packed), CHUNK):
        piece = packed[offset : offset + CHUNK]
        while piece:
            inflater.decompress(piece, CHUNK * 4)
            piece = inflater.unconsumed_tail


def _plan(tar, plain):
    """``(kind, path, mode, uid, gid, mtime, content or link)`` of each entry of an archive that needs no care."""
    stream = tar.Stream([plain])
    for entry in tar.entries(stream):
        content = entry.link
        if entry.kind == tar.REGULAR:
            content = memoryview(plain)[stream.offset : stream.offset + entry.size]
        yield (
            entry.kind,
            entry.name.rstrip(b"/"),
            entry.mode,
            entry.uid,
            entry.gid,
            entry.mtime,
            content,
        )


def _write(top, packed, plan):
    with open(os.path.join(top, "blob"), "wb") as file:
        file.write(packed)
    top = os.fsencode(top) + b"/"
    for kind, name, mode, uid, gid, mtime, content in plan:
        path = top + name
        if kind == b"0":
            try:
                fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
            except FileNotFoundError:
                os.makedirs(os.path.dirname(path), exist_ok=True)
                fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
            while content:
                content = content[os.write(fd, content) :]
            if uid or gid:
                os.fchown(fd, uid, gid)
            os.utime(fd, ns=(mtime, mtime))
            os.close(fd)
        elif kind == b"5":
            os.makedirs(path, exist_ok=True)
        elif kind == b"2":
            os.makedirs(os.path.dirname(path), exist_ok=True)
            os.symlink(content, path)
            os.utime(path, ns=(mtime, mtime), follow_symlinks=False)
        elif kind == b"1":
            os.makedirs(os.path.dirname(path), exist_ok=True)
            os.link(top + content, path)
