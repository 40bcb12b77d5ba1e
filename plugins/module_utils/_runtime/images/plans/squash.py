# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Merge several layers of an image into one: the visible files of all of them, each once.

The archive of the merged layer depends on the layers alone. First come the entries without content,
by path. Then come the files in the order of the layers, so that each layer is read once from
beginning to end. Whiteouts stay where layers are left below.
"""

from __future__ import annotations

import copy
import hashlib
import json
import os
import re

from ...errors import HostError, InvalidInput
from ...layers import contents, difference, stack, whiteouts
from ...layers.tar import reader, writer
from ..library import history, image_events, ingest, records, repair
from ..model import manifest
from .present import ImagePlan, name_image, tagged

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from ...engine import Engine
    from ..library.records import ImageRecord

    Names = list[tuple[bytes, contents.Item]]  # of one file: paths with what each says


HOLES = 1 << 30  # bytes of holes that a sparse file may have: they are filled


def plan_squash(
    engine: Engine, text: str, names: Sequence[str] = (), from_layer: str | int | None = None
) -> ImagePlan:
    """Plan an image that is the one named ``text`` with its layers merged.

    :param names: names to give it. Without any it takes over ``text``, where that is a name.
    :param from_layer: what stays below: the number of upper layers to merge, a DiffID or its
        beginning, or an image whose layers the lower ones are. None: nothing.
    """
    record = records.get(engine, text)
    below = _below(engine, record, from_layer)
    parsed = records.resolve(engine, text)[1]
    named = [tagged(name).full_tag for name in names]
    if not named and parsed is not None and not parsed.digest:
        named = [parsed.full_tag]
    plan = ImagePlan(engine, f"image {records.familiar(named[0]) if named else text}", parsed)
    lost = repair.add_whole(plan, engine, record)
    if len(record["layers"]) - below < 2:  # it is what was asked for
        plan.is_there(record)
        for full in named:
            name_image(plan, record["id"], full)
        return plan
    if lost:
        return _when_whole(
            plan,
            record,
            len(record["layers"]) - below,
            lambda: plan_squash(engine, text, names, from_layer),
        )
    merged = _Merged(engine, record, below)
    diff_id = merged.diff_id()
    data = _document(record, below, diff_id)
    ident = manifest.digest_of(data)
    there = records.find(engine, ident)
    if there is not None:
        plan.is_there(there)
        for full in named:
            name_image(plan, ident, full)
        return plan
    document = manifest.parse_config(data, text)
    plan.brings(records.coming(ident, document), named)
    plan.unknown = True  # its manifest is
    row = engine.db.one("SELECT image FROM tags WHERE reference = ?", named[0]) if named else None
    called = records.name_of(engine, record["id"])
    action = f"merge {len(record['layers']) - below} layers of image {called} into one"
    plan.add(
        "image",
        row and row["image"],
        ident,
        action,
        lambda: _take(engine, record, below, data, merged, diff_id, named),
    )
    return plan


def _when_whole(
    plan: ImagePlan, record: ImageRecord, count: int, again: Callable[[], ImagePlan]
) -> ImagePlan:
    """Return the plan for an image whose layers can't be read before it is repaired.

    :param again: called after the repair for the rest of the plan.
    """

    def go() -> None:
        late = again()
        late.apply()
        plan.is_there(late.record())

    plan.unknown = True
    plan.is_there(record).add(
        "image",
        record["id"],
        "merged",
        f"merge {count} layers of image {records.name_of(plan.engine, record['id'])} into one",
        go,
    )
    return plan


def _take(
    engine: Engine,
    record: ImageRecord,
    below: int,
    data: bytes,
    merged: _Merged,
    diff_id: str,
    named: Sequence[str],
) -> None:
    source = manifest.parse(engine.blobs.read(record["manifest"]), record["id"])
    layers = history.kept_layers(engine, record, below) + [ingest.Layer(diff_id, merged.archive)]
    ident = manifest.digest_of(data)
    described = {"digest": ident, "size": len(data)}
    docker = source["mediaType"] == manifest.DOCKER_MANIFEST
    title = records.familiar(named[0]) if named else ident[:19]
    engine.progress.subject(f"Squashing {title}")
    ingest.take(
        engine,
        title,
        data,
        layers,
        build_manifest=lambda stored: manifest.build(described, stored, docker=docker),
        references=named,
        manner=ingest.LOAD,
    )
    image_events.tell_tags(engine, ident, named)


def _below(engine: Engine, record: ImageRecord, text: str | int | None) -> int:
    """Return how many of the layers stay as they are."""
    layers = record["layers"]
    if text in (None, ""):
        return 0
    text, accepted = (
        str(text),
        f"a number from 1 to {len(layers)} of layers to merge, a layer's DiffID, or an image that "
        "this one stands on",
    )
    if re.fullmatch("[0-9]{1,3}", text):
        if not 1 <= int(text) <= len(layers):
            raise InvalidInput("from_layer", text, accepted)
        return len(layers) - int(text)
    wanted = text if text.startswith("sha256:") else "sha256:" + text
    found = [
        number
        for number, layer in enumerate(layers, 1)
        if re.fullmatch("[0-9a-f:]{7,}", text.replace("sha256", "")) and layer.startswith(wanted)
    ]
    if found:
        return found[-1]
    base = records.find(engine, text)
    if base is None or base["layers"] != layers[: len(base["layers"])]:
        raise InvalidInput("from_layer", text, accepted)
    return len(base["layers"])


def _document(record: ImageRecord, below: int, diff_id: str) -> bytes:
    """Return the squashed image's configuration, whose history says which steps are merged."""
    document = copy.deepcopy(record["config"])
    steps, merged = [], []
    for entry, index in history.steps(record):
        entry = dict(entry)
        if index is not None and index >= below:
            entry["empty_layer"] = True
            merged.append(entry)
        if entry:
            steps.append(entry)
    steps.append(
        {
            "created": document.get("created") or "1970-01-01T00:00:00Z",
            "created_by": "pycontainer image squash",
            "comment": f"merge {len(merged)} layers",
        }
    )
    document["history"] = steps
    document["rootfs"] = {"type": "layers", "diff_ids": record["layers"][:below] + [diff_id]}
    return json.dumps(document, separators=(",", ":"), sort_keys=True, ensure_ascii=False).encode(
        "utf-8", "surrogateescape"
    )


class _Merged:
    """The layers of an image from the number ``below`` up, as one."""

    def __init__(self, engine: Engine, record: ImageRecord, below: int) -> None:
        self.engine, self.below = engine, below
        # here, because the archive may be read in a thread, and a database connection belongs to
        # one thread
        self.sources = [
            (digest, history.title(engine, record, digest))
            for digest in history.layer_blobs(engine, record)
        ]
        self.pile, self.base = stack.Stack(), stack.Node()
        for found in history.read_layers(engine, record):
            if found.layer == below:
                self.base = self.pile.root.copy()
            self.pile.add(found)

    def diff_id(self) -> str:
        checksum = hashlib.sha256()
        for piece in self.archive():
            checksum.update(piece)
        return "sha256:" + checksum.hexdigest()

    def archive(self) -> Iterator[bytes]:
        """Yield the pieces of the merged layer's archive."""
        several: dict[int, Names] = {}  # of each link or node that has several names
        # (layer, number of the entry): {id of a file whose content that entry has: its names}
        carried: dict[tuple[int, int], dict[int, Names]] = {}
        if self.pile.root.item is not None and self.pile.root.item.layer >= self.below:
            yield _header(b"./", self.pile.root.item)
        for path in _gone(self.base, self.pile.root, b""):
            yield writer.header(path, reader.REGULAR, difference.WHITEOUT)
        for path, node in self.pile.walk():
            item = node.item
            if item is None or item.layer < self.below:
                continue
            if item.is_directory:
                yield _header(path + b"/", item)
            elif item.file is None:
                raise HostError(
                    f"{os.fsdecode(path)} leads to {os.fsdecode(item.target or b'')}, which is in "
                    "no layer"
                )
            elif item.kind == reader.REGULAR:
                carried.setdefault(item.file.place, {}).setdefault(id(item.file), []).append(
                    (path, item)
                )
            else:
                several.setdefault(id(item.file), []).append((path, item))
        for names in several.values():
            yield _header(*names[0])
            yield from _links(names)
        yield from self._files(carried)
        yield b"\0" * (2 * reader.BLOCK)

    def _files(self, carried: dict[tuple[int, int], dict[int, Names]]) -> Iterator[bytes]:
        """Yield the files' entries, in the order of the layers.

        A layer is read again only where a later one has copied a file's content beside the file
        itself.
        """
        waiting = {place: list(files.values()) for place, files in carried.items()}
        while waiting:
            for layer in sorted({place[0] for place in waiting}):
                digest, title = self.sources[layer]
                stream = reader.Stream(history.archive(self.engine, digest, title), title)
                for number, entry in enumerate(reader.entries(stream)):
                    if (layer, number) in waiting:
                        yield from _content(entry, waiting[layer, number].pop(0), title)
                stream.drain()
            waiting = {place: files for place, files in waiting.items() if files}


def _content(entry: reader.Entry, names: Names, title: str) -> Iterator[bytes]:
    if entry.size - entry.stored > HOLES:
        raise HostError(
            f"{title}: {os.fsdecode(names[0][0])} has holes of more than {HOLES} bytes, which a "
            "merged layer would have to fill"
        )
    path, item = names[0]
    yield _header(path, item, entry.size)
    yield from contents.whole(entry)
    yield b"\0" * (-entry.size % reader.BLOCK)
    yield from _links(names)


def _links(names: Names) -> Iterator[bytes]:
    for path, item in names[1:]:
        yield writer.header(path, reader.LINK, item, link=names[0][0], fraction=True)


def _header(path: bytes, item: contents.Item, size: int = 0) -> bytes:
    return writer.header(
        path,
        item.kind,
        item,
        size,
        item.link if item.kind == reader.SYMLINK else b"",
        item.xattrs,
        fraction=True,
    )


def _gone(before: stack.Node, after: stack.Node, path: bytes) -> Iterator[bytes]:
    """Yield whiteouts for what is visible without the merged layers and not with them."""
    for name, child in sorted(before.children.items()):
        left = after.children.get(name)
        if left is None:
            yield path + whiteouts.PREFIX + name
        elif child.is_directory and left.is_directory:
            yield from _gone(child, left, path + name + b"/")
