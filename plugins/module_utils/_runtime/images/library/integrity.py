# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Find what an image of the store has lost: documents, blobs and layers that are missing or
damaged.

A quick look at every blob and place finds what is missing or has a wrong length. After a power cut
or interference more may be wrong. A full look hashes blobs, and compares unpacked layers with the
headers of their archives.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import os
import stat

from ...errors import EngineError, NotFound, reason
from ...layers import confined_tree, formats, inodes
from ...layers.compression import compressed_streams
from ...layers.tar import reader
from ..model import manifest
from . import garbage, layer_store, records

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Any

    from ...engine import Engine
    from .layer_store import LayerRow
    from .records import ImageRecord, ImageRow

    Document = dict[str, Any]


TIME = "has another time"
LATEST = 1 << 33  # seconds; file systems cut times that are later


class Damage:
    """What is wrong with one image.

    :ivar row: its row of ``images``.
    :ivar documents: damage of its manifest and configuration, by digest; each with the end of a
        sentence.
    :ivar blobs: damage of its layers' archives, by digest.
    :ivar places: damage of its unpacked layers, by DiffID.
    :ivar present: the DiffIDs in ``places`` whose place is not empty; containers may use it.
    :ivar diff_ids: the DiffIDs of all its layers, as far as they are known.
    """

    def __init__(self, engine: Engine, row: ImageRow) -> None:
        self.row, self.name = row, records.name_of(engine, row["id"])
        self.documents: dict[str, str] = {}
        self.blobs: dict[str, str] = {}
        self.places: dict[str, str] = {}
        self.present: set[str] = set()
        self.diff_ids: list[str] = []

    def __bool__(self) -> bool:
        return bool(self.documents or self.blobs or self.places)

    @property
    def sentences(self) -> list[str]:
        kinds = ("its", self.documents), ("the archive", self.blobs), ("layer", self.places)
        return [
            f"image {self.name}: {kind} {text}" for kind, found in kinds for text in found.values()
        ]


def damaged(engine: Engine, full: bool = False) -> list[Damage]:
    """Return the :class:`Damage` of all damaged images.

    :param full: check contents too; reads the whole store.
    """
    checked: dict[Any, str | None] = {}
    found = []
    for row in records.all_rows(engine):
        damage = look(engine, row, full, checked)
        if damage:
            confirmed, checked = _confirmed(engine, row["id"], damage, full), {}
            if confirmed:
                found.append(confirmed)
    return found


def _confirmed(engine: Engine, ident: str, first: Damage, full: bool) -> Damage | None:
    """Check an image's damage again, while nothing that belongs to it can be removed.

    :returns: None where the first look saw it while it was being removed or made.
    """
    row = records.row_or_none(engine, ident)
    if row is None or engine.check or engine.db.is_tight():  # to hold it takes room
        return look(engine, row, full) if row is not None else None
    blobs, diff_ids = records.blobs_of(engine, row) + list(first.blobs), first.diff_ids
    with contextlib.suppress(EngineError):
        record = records.find(engine, ident)
        diff_ids = record["layers"] if record is not None else diff_ids
    with engine.operations.record("pull", name=first.name, blobs=blobs, layers=diff_ids) as entry:
        row = records.row_or_none(engine, ident)
        damage = look(engine, row, full) if row is not None else None
        if records.row_or_none(engine, ident) is None:
            garbage.collect(engine, blobs, ended=entry)  # who removed it left what was held
            return None
    return damage


def whole(engine: Engine, ident: str) -> ImageRecord | None:
    """Return the image ``ident`` (whole id) as ``records.find`` does.

    :returns: None where there is none, or a quick look finds damage.
    """
    row = records.row_or_none(engine, ident)
    return records.find(engine, ident) if row is not None and not look(engine, row) else None


def look(
    engine: Engine, row: ImageRow, full: bool = False, checked: dict[Any, str | None] | None = None
) -> Damage:
    """Return the :class:`Damage` of one image.

    :param checked: results already known for layers and blobs that images share.
    """
    damage, checked = Damage(engine, row), {} if checked is None else checked
    read = {}
    for kind, digest in (("manifest", row["manifest"]), ("configuration", row["id"])):
        try:
            read[kind] = engine.blobs.read(digest)
        except EngineError:
            damage.documents[digest] = (
                f"{kind} {digest[:19]} is {'damaged' if engine.blobs.has(digest) else 'gone'}"
            )
    if damage.documents:
        return damage
    described = manifest.parse(read["manifest"], damage.name)["layers"]
    diff_ids = damage.diff_ids = manifest.parse_config(read["configuration"], damage.name)[
        "rootfs"
    ]["diff_ids"]
    rows = layer_store.rows(engine, diff_ids)
    for layer, diff_id, found in zip(described, diff_ids, rows):
        blob = _once(checked, layer["digest"], functools.partial(_blob, engine, layer, full))
        if blob:
            damage.blobs[layer["digest"]] = f"{layer['digest'][:19]} {blob}"
        key = found["diff_id"] if found is not None else None
        look_into = full and not blob
        placed = functools.partial(_place, engine, found, diff_id, layer["digest"], look_into)
        place = _once(checked, (diff_id, key), placed)
        if place:
            damage.places[diff_id] = f"{diff_id[:19]} {place}"
            if found is not None:
                damage.present.add(diff_id)
    return damage


def _once(checked: dict[Any, str | None], key: Any, make: Callable[[], str | None]) -> str | None:
    if key not in checked:
        checked[key] = make()
    return checked[key]


def _blob(engine: Engine, layer: Document, full: bool) -> str | None:
    """Return what is wrong with a layer's archive, as the end of a sentence, or None."""
    try:
        return _archive(engine, layer, full)
    except (NotFound, FileNotFoundError):
        return "is gone"
    except OSError as error:
        return f"can't be read: {reason(error, named=True)}"


def _archive(engine: Engine, layer: Document, full: bool) -> str | None:
    size = engine.blobs.size(layer["digest"])
    if size != layer["size"]:
        return f"has {size} bytes, not {layer['size']}"
    if full:
        with engine.blobs.open(layer["digest"]) as file:
            if _digest(compressed_streams.pieces(file), layer["digest"]) != layer["digest"]:
                return "has another content"
    return None


def _digest(pieces: Iterable[bytes], like: str) -> str:
    algorithm = like.partition(":")[0]
    checksum = hashlib.new(algorithm)
    for piece in pieces:
        checksum.update(piece)
    return f"{algorithm}:{checksum.hexdigest()}"


def _place(
    engine: Engine, row: LayerRow | None, diff_id: str, digest: str, full: bool
) -> str | None:
    """Return what is wrong with a layer's place.

    :param full: check its content.
    """
    if row is None:
        return "is gone or cut short"
    path = layer_store.path_of(engine, row["number"])
    if not full:
        return None
    try:
        return _content(engine, path, row, diff_id, digest)
    except (EngineError, OSError) as error:
        return f"can't be held against its archive: {reason(error, named=True)}"


def _content(engine: Engine, path: str, row: LayerRow, diff_id: str, digest: str) -> str | None:
    if not os.path.isdir(path):
        return formats.damage(path, diff_id)
    with engine.blobs.open(digest) as file:
        chunks = compressed_streams.decompress(compressed_streams.pieces(file), f"layer {diff_id}")
        try:
            wanted = inodes.read(
                reader.Stream(chunks, f"layer {diff_id}"), f"layer {diff_id}", sparse=True
            )
        except inodes.Unfit:
            return None  # too large to be looked at
    return _compare(path, wanted.root, row["diff_id"] != diff_id)


def _compare(path: str, root: inodes.Node, completed: bool) -> str | None:
    """Return the first difference between a directory and its archive.

    :param completed: whether open ends were closed. Then directories that are only passed through
        and additional files are no difference.
    """
    time = None  # of a directory: where something is missing in it, that is what to tell
    frames = [_Frame(os.open(path, _DIRECTORY), root, b"")]
    try:
        while frames:
            frame = frames[-1]
            if frame.names is None:
                difference = frame.differ(completed)
                if difference and not difference.endswith(TIME):
                    return difference
                time = time or difference
            if frame.names:
                name = frame.names.pop()
                frames.append(
                    _Frame(
                        os.open(name, _DIRECTORY, dir_fd=frame.fd),
                        frame.node.inner[name],
                        frame.prefix + name + b"/",
                    )
                )
            else:
                os.close(frames.pop().fd)
    finally:
        for frame in frames:
            os.close(frame.fd)
    return time


_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


class _Frame:
    """A directory beside its node.

    ``names``: the entries that are not compared yet; None before the directory itself is compared.
    """

    def __init__(self, fd: int, node: inodes.Node, prefix: bytes) -> None:
        self.fd, self.node, self.prefix = fd, node, prefix
        self.names: list[bytes] | None = None

    def differ(self, completed: bool) -> str | None:
        """Return the first difference in it, as a sentence's end, or None."""
        time, entries = None, self.node.inner
        inner = self.names = []
        names = {os.fsencode(name) for name in os.listdir(self.fd)}
        for name in sorted(names - set(entries)) if not completed else ():
            return f"has {confined_tree.show(self.prefix + name)}, which is not of it"
        for name, node in entries.items():
            if name not in names:
                return f"lacks {confined_tree.show(self.prefix + name)}"
            difference = _difference(self.fd, name, node)
            if difference:
                difference = f"is damaged: {confined_tree.show(self.prefix + name)} {difference}"
                if node.entries is None or not difference.endswith(TIME):
                    return difference
                time = time or difference
            if node.entries:
                inner.append(name)
        return time


def _difference(fd: int, name: bytes, node: inodes.Node) -> str | None:
    status = os.lstat(name, dir_fd=fd)
    if stat.S_IFMT(status.st_mode) != stat.S_IFMT(node.mode):
        return "is of another type"
    if node.is_whiteout or node.passed:
        return None
    if stat.S_ISREG(node.mode) and status.st_size != node.place[1]:
        return f"has {status.st_size} bytes, not {node.place[1]}"
    if stat.S_ISLNK(node.mode) and os.readlink(name, dir_fd=fd) != node.target:
        return "leads elsewhere"
    if stat.S_IFMT(node.mode) in (stat.S_IFCHR, stat.S_IFBLK) and status.st_rdev != node.device:
        return "is another device"
    if (
        (status.st_uid, status.st_gid) != (node.uid, node.gid)
        or not stat.S_ISLNK(node.mode)
        and status.st_mode != node.mode
    ):
        return "has another owner or mode"
    if 0 <= node.mtime < LATEST * 1000000000 and status.st_mtime_ns != node.mtime:
        return TIME
    return None
