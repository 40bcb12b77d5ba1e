# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Report an image's history, what each layer adds, and what of that is hidden."""

from __future__ import annotations

import os

from ...errors import HostError
from ...layers import contents, stack
from ...layers.compression import compressed_streams
from ..model import manifest
from . import ingest, layer_store, records

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from ...engine import Engine
    from .records import ImageRecord

    Document = dict[str, Any]


LARGEST = 20  # wasted files that a report lists unless it is asked for more


def steps(record: ImageRecord) -> list[tuple[Document, int | None]]:
    """Return ``[(entry of the history, index of its layer or None)]``, oldest first.

    A layer that the history lacks has an empty entry.
    """
    found, index, count = [], 0, len(record["layers"])
    for entry in record["config"].get("history") or ():
        if not isinstance(entry, dict):
            continue
        adds = not entry.get("empty_layer") and index < count
        found.append((entry, index if adds else None))
        index += adds
    return found + [({}, number) for number in range(index, count)]


def history(engine: Engine, name_or_id: str) -> list[Document]:
    """Return the steps of an image, newest first.

    :returns: ``[{"Id": the image after this step where the store has it, else "<missing>",
        "Created", "CreatedBy", "Comment", "Size": bytes of the files of its layer, "Tags", "Layer":
        DiffID or "", "Digest": of the layer's blob or ""}]``.
    """
    record = records.get(engine, name_or_id)
    sizes, blobs = layer_sizes(engine, record), layer_blobs(engine, record)
    rows, known, entries = [], _known(engine, record), steps(record)
    for number, (entry, index) in enumerate(entries, 1):
        ident = record["id"] if number == len(entries) else known.get(number, "<missing>")
        rows.append(
            {
                "Id": ident,
                "Created": entry.get("created") or "",
                "CreatedBy": entry.get("created_by") or "",
                "Comment": entry.get("comment") or "",
                "Size": sizes[index] if index is not None else 0,
                "Tags": [records.familiar(name) for name in records.tags_of(engine, ident)]
                if ident != "<missing>"
                else [],
                "Layer": record["layers"][index] if index is not None else "",
                "Digest": blobs[index] if index is not None else "",
            }
        )
    return rows[::-1]


def _known(engine: Engine, record: ImageRecord) -> dict[int, str]:
    """Return ``{number of steps: id}`` of the images in the store that this one was built from."""
    entries, waiting = record["config"].get("history") or [], [record["id"]]
    found: dict[int, str] = {}
    while waiting:
        for row in engine.db.all("SELECT used FROM uses WHERE image = ?", waiting.pop()):
            other = records.find(engine, row["used"])
            before = (other["config"].get("history") or []) if other is not None else []
            if (
                other is not None
                and before
                and len(before) not in found
                and len(before) < len(entries)
                and entries[: len(before)] == before
            ):
                found[len(before)] = other["id"]
                waiting.append(other["id"])
    return found


def layer_blobs(engine: Engine, record: ImageRecord) -> list[str]:
    """Return the digests of the blobs of an image's layers, lowest first."""
    document = manifest.parse(engine.blobs.read(record["manifest"]), record["id"])
    return [layer["digest"] for layer in document["layers"]]


def layer_sizes(engine: Engine, record: ImageRecord) -> list[int]:
    """Return the bytes of the files of each layer, lowest first."""
    rows, blobs = layer_store.rows(engine, record["layers"]), None
    sizes = []
    for index, row in enumerate(rows):
        if row is None:
            blobs = blobs or layer_blobs(engine, record)
            found = contents.read(
                plain(engine, record, blobs[index]), title(engine, record, blobs[index])
            )
            sizes.append(sum(file.size for file in files_of(found)))
        else:
            sizes.append(row["size"])
    return sizes


def title(engine: Engine, record: ImageRecord, digest: str) -> str:
    return f"layer {digest[:19]} of {records.name_of(engine, record['id'])}"


def plain(engine: Engine, record: ImageRecord, digest: str) -> Iterator[bytes]:
    """Return the pieces of a layer's uncompressed archive.

    :raises HostError: when its blob is missing or damaged.
    """
    check_there(engine, record, digest)
    return archive(engine, digest, title(engine, record, digest))


def archive(engine: Engine, digest: str, what: str) -> Iterator[bytes]:
    """Return the pieces of a layer's uncompressed archive. The blob's digest is checked at the end.

    :raises NotFound: when the blob is not in the store.
    :raises HostError: when it is damaged.
    """
    return compressed_streams.decompress(engine.blobs.pieces(digest), what)


def kept_layers(
    engine: Engine, record: ImageRecord, count: int | None = None
) -> list[ingest.Layer]:
    """Return layers of an image as the store has them, for ``ingest.take``.

    :param count: how many, from the lowest up; None for all.
    :raises HostError: when a blob is missing.
    """
    described = manifest.parse(engine.blobs.read(record["manifest"]), record["id"])["layers"][
        :count
    ]
    for item in described:
        check_there(engine, record, item["digest"])
    return [
        ingest.Layer(diff_id, _not_opened, item["digest"], item["size"])
        for diff_id, item in zip(record["layers"], described)
    ]


def _not_opened() -> Iterator[bytes]:
    """Stand in for the pieces of a blob that the store certainly has."""
    raise HostError("a blob that was there a moment ago is gone; do it again")


def check_there(engine: Engine, record: ImageRecord, digest: str) -> None:
    """Check that the store has a blob of an image.

    :raises HostError: when it is missing.
    """
    if not engine.blobs.has(digest):
        raise HostError(
            f"image {records.name_of(engine, record['id'])} is damaged: its blob {digest} is "
            "gone; pull or load it again"
        )


def read_layers(
    engine: Engine,
    record: ImageRecord,
    hashed: bool = False,
    known: dict[str, contents.Contents] | None = None,
) -> Iterator[contents.Contents]:
    """Yield the Contents of an image's layers, lowest first.

    :param known: ``{DiffID: Contents}`` of layers that are not read again; it is added to.
    """
    for index, (diff_id, digest) in enumerate(zip(record["layers"], layer_blobs(engine, record))):
        if known is not None and diff_id in known:
            yield known[diff_id]
            continue
        found = contents.read(
            plain(engine, record, digest), title(engine, record, digest), index, hashed
        )
        if known is not None:
            known[diff_id] = found
        yield found


def layer_report(engine: Engine, name_or_id: str, largest: int = LARGEST) -> Document:
    """Return what each layer adds, and the wasted bytes: files that a later layer deletes, replaces
    or repeats.

    :param largest: how many of the wasted files are listed.
    :returns: ``{"Layers": [{"DiffID", "Digest", "CreatedBy", "Created", "Size", "CompressedSize",
        "Files", "Deletes", "Wasted"}], lowest first, "Size", "Wasted": bytes, "WastedFiles":
        [{"Path", "Size", "Layer", "HiddenBy": numbers of layers from 1, "How"}]}``.
    """
    record = records.get(engine, name_or_id)
    entries = {index: entry for entry, index in steps(record) if index is not None}
    pile, wasted, shown, blobs = stack.Stack(), [], [], layer_blobs(engine, record)
    for index, found in enumerate(read_layers(engine, record, hashed=True)):
        digest, files = blobs[index], files_of(found)
        wasted += [hidden for hidden in pile.add(found) if hidden.size]
        shown.append(
            {
                "DiffID": record["layers"][index],
                "Digest": digest,
                "CreatedBy": entries[index].get("created_by") or "",
                "Created": entries[index].get("created") or "",
                "Size": sum(file.size for file in files),
                "CompressedSize": engine.blobs.size(digest),
                "Files": len(files),
                "Deletes": len(found.whiteouts) + len(found.opaques),
            }
        )
    for number, layer in enumerate(shown):
        layer["Wasted"] = sum(hidden.size for hidden in wasted if hidden.item.layer == number)
    wasted.sort(key=lambda hidden: (-hidden.size, hidden.path))
    return {
        "Layers": shown,
        "Size": sum(layer["Size"] for layer in shown),
        "Wasted": sum(hidden.size for hidden in wasted),
        "WastedFiles": [
            {
                "Path": "/" + os.fsdecode(hidden.path),
                "Size": hidden.size,
                "Layer": hidden.item.layer + 1,
                "HiddenBy": hidden.layer + 1,
                "How": hidden.how,
            }
            for hidden in wasted[:largest]
        ],
    }


def files_of(found: contents.Contents) -> list[contents.File]:
    """Return the files and links of a layer, each file once whatever names it has."""
    return list(
        {
            id(item.file): item.file for item in found.items.values() if item.file is not None
        }.values()
    )
