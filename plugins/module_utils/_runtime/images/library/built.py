# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Images that this host builds step by step: their layers, their rows, and the build cache.

A step's layer is a directory in the store's ``tmp`` until the end. Then all of a build enters the
store at once: one sync, one transaction.
"""

from __future__ import annotations

from ...errors import HostError, required
from ...kernel.files import writeback
from ...layers.compression import compressed_streams
from ..model import manifest
from . import garbage, layer_store, records, repair

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from typing import Any

    from ...engine import Engine
    from .records import ImageRecord

    Document = dict[str, Any]


class Layer:
    """One layer of an image that is being built.

    :ivar diff_id: of its archive.
    :ivar path: its place; "" for one that is only predicted.
    :ivar digest: of its blob; None until it is compressed.
    :ivar size: bytes of its files.
    :ivar fresh: whether the store lacks it so far.
    """

    def __init__(
        self, diff_id: str, path: str, digest: str | None = None, size: int = 0, fresh: bool = False
    ) -> None:
        self.diff_id, self.path, self.digest = diff_id, path, digest
        self.size, self.fresh = size, fresh

    @property
    def compressed(self) -> str:
        """The digest of its blob, which is compressed already."""
        return required(self.digest, "the digest of a layer")


class Made:
    """An image to store.

    :param config: bytes of its configuration.
    :param layer_list: [Layer], lowest first.
    :param uses: ids of the built images that it is based on.
    :param keys: the keys of the build cache that lead to it.
    :param added: the DiffID that its last step added, or "".
    :param created: time of that step.
    :param annotations: of its manifest.
    """

    def __init__(
        self,
        config: bytes,
        layer_list: Iterable[Layer],
        uses: Iterable[str] = (),
        keys: Iterable[str] = (),
        added: str = "",
        created: str = "",
        annotations: Mapping[str, str] | None = None,
    ) -> None:
        self.config, self.layers, self.uses, self.keys, self.added, self.created = (
            config,
            list(layer_list),
            list(uses),
            list(keys),
            added,
            created,
        )
        self.id, self.annotations = manifest.digest_of(config), dict(annotations or {})


def cached(engine: Engine, key: str) -> Document | None:
    """Return the build cache's entry for a key: ``{"image", "diff_id", "created"}``, or None.

    An entry whose layer is missing counts as None.
    """
    row = engine.db.one("SELECT image, diff_id, created FROM steps WHERE key = ?", key)
    if row is None or row["diff_id"] and known(engine, row["diff_id"]) is None:
        return None
    return row


def keys_of(engine: Engine, ident: str) -> list[str]:
    """Return all keys of the build cache that lead to an image, sorted."""
    return [
        row["key"]
        for row in engine.db.all("SELECT key FROM steps WHERE image = ? ORDER BY key", ident)
    ]


def known(engine: Engine, diff_id: str) -> Layer | None:
    """Return the store's Layer with this DiffID, complete with its blob, or None."""
    row = engine.db.one("SELECT * FROM layers WHERE diff_id = ?", diff_id)
    if row is None or not engine.blobs.has(row["blob"]):
        return None
    path = layer_store.path_of(engine, row["number"])
    return Layer(diff_id, path, row["blob"], row["size"]) if layer_store.is_there(path) else None


def taken(engine: Engine, diff_id: str) -> Layer:
    """Return the store's layer with this DiffID.

    :raises HostError: when it is missing.
    """
    layer = known(engine, diff_id)
    if layer is None:
        raise HostError(f"layer {diff_id[:19]} was taken away meanwhile; do it again")
    return layer


def is_whole(engine: Engine, record: ImageRecord) -> bool:
    """Return whether all layers of an image are unpacked."""
    return all(row is not None for row in layer_store.rows(engine, record["layers"]))


def of_image(engine: Engine, record: ImageRecord) -> list[Layer]:
    """Return the Layers of an image in the store, lowest first. Missing ones are unpacked again."""
    if not is_whole(engine, record):
        repair.ensure_unpacked(engine, record["id"])
    document = manifest.parse(engine.blobs.read(record["manifest"]), record["id"])
    rows = layer_store.rows(engine, record["layers"])
    return [
        Layer(diff_id, layer_store.path_of(engine, row["number"]), described["digest"], row["size"])
        for diff_id, row, described in zip(record["layers"], rows, document["layers"])
        if row is not None
    ]


def store(
    engine: Engine,
    made: Sequence[Made],
    fresh: Iterable[Layer],
    references: Sequence[str] = (),
    final: str | None = None,
) -> None:
    """Store images, all or none.

    :param made: [Made], each after the images that it uses.
    :param fresh: the new Layers, all compressed.
    :param references: full names for the image ``final`` (an id).
    """
    written: list[str] = []
    try:
        _store(engine, made, fresh, references, final, written)
    except BaseException:
        # layers that were moved to their places before the disk had no room for their rows
        garbage.sweep(engine)
        garbage.collect(engine, written)
        raise


def _store(
    engine: Engine,
    made: Sequence[Made],
    fresh: Iterable[Layer],
    references: Sequence[str],
    final: str | None,
    written: list[str],
) -> None:
    documents = []
    with writeback.durable(engine.paths.data) as sync:
        for image in made:
            documents.append((image, engine.blobs.put(manifest_of(engine, image), durable=False)))
            written.append(documents[-1][1])
            written.append(engine.blobs.put(image.config, durable=False))
        sync()
    unpacked = {
        layer.diff_id: layer_store.Unpacked(layer.diff_id, layer.path, layer.compressed, layer.size)
        for layer in fresh
    }
    superseded = []
    with engine.db.transaction() as connection:
        aside = layer_store.commit(engine, connection, unpacked.values())
        for image, digest in documents:
            size = sum(layer.size for layer in image.layers)
            superseded += records.save(
                engine, connection, image.id, digest, size, references if image.id == final else ()
            )
            for key in image.keys:
                connection.execute(
                    "INSERT OR REPLACE INTO steps (key, image, diff_id, created) VALUES (?, ?, ?, "
                    "?)",
                    (key, image.id, image.added, image.created),
                )
            for other in image.uses:
                if other != image.id:
                    connection.execute(
                        "INSERT OR IGNORE INTO uses (image, used) SELECT ?, id FROM images WHERE "
                        "id = ?",
                        (image.id, other),
                    )
    garbage.remove_trees(aside)
    if superseded:
        garbage.collect(engine, superseded)


def manifest_of(engine: Engine, image: Made) -> bytes:
    """Return the manifest of a Made whose layers are all compressed, as bytes."""
    described = []
    for layer in image.layers:
        digest = layer.compressed
        with engine.blobs.open(digest) as file:
            kind = compressed_streams.kind_of(file.read(8))
        described.append({"digest": digest, "size": engine.blobs.size(digest), "compression": kind})
    config = manifest.parse_config(image.config, "the built image")["config"]
    return manifest.build(
        {"digest": image.id, "size": len(image.config)},
        described,
        manifest.needs_docker(config),
        image.annotations,
    )


def remember(engine: Engine, key: str, found: Document) -> None:
    """Add another key for an entry of the cache."""
    engine.db.run(
        "INSERT OR REPLACE INTO steps (key, image, diff_id, created) SELECT ?, id, ?, ? FROM "
        "images WHERE id = ?",
        key,
        found["diff_id"],
        found["created"],
        found["image"],
    )


def discard(engine: Engine, blobs: Iterable[str], ended: int) -> None:
    """Remove a build's blobs that no image has, at the end of the build.

    :param ended: id of the build's operation.
    """
    garbage.collect(engine, blobs, ended=ended)
