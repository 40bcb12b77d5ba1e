# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Repair a damaged image (``integrity.py``): layers from their blobs, blobs and documents from a
registry.

Other images, containers and their files stay as they are.
"""

from __future__ import annotations

import contextlib
import os

from ...errors import EngineError, HostError
from ...reconcile import Plan
from ..model import manifest, reference
from . import garbage, ingest, integrity, layer_store, records

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Sequence
    from typing import Any

    from ...engine import Engine
    from ..client.client import Client
    from ..configuration.access import Registries
    from ..configuration.mirrors import Mirrored
    from .records import ImageRecord

    Document = dict[str, Any]


def ensure_unpacked(engine: Engine, name_or_id: str, registries: Registries | None = None) -> None:
    """Unpack missing layers of an image of the store again; usually there is nothing to do.

    :raises HostError: when a blob is missing too, and no registry is known that has it.
    """
    record = records.get(engine, name_or_id)
    if any(row is None for row in layer_store.rows(engine, record["layers"])):
        mend(engine, lost(engine, record["id"]), registries)


def plan_repair(
    engine: Engine, found: integrity.Damage, registries: Registries | None = None
) -> Plan:
    """Return the plan to repair an image.

    :param found: its ``integrity.Damage``.
    """
    repair = Plan(f"image {found.name}")
    add(repair, engine, found, registries)
    return repair


def add(
    repair: Plan, engine: Engine, found: integrity.Damage, registries: Registries | None = None
) -> None:
    """Add the repair of an image to a plan."""
    sentences = found.sentences
    more = f" and {len(sentences) - 1} more" if len(sentences) > 1 else ""
    repair.add(
        "image",
        "damaged",
        "whole",
        f"repair {sentences[0]}{more}",
        lambda: mend(engine, found, registries),
    )


def lost(engine: Engine, ident: str) -> integrity.Damage:
    """Return the Damage that a quick look finds in an image of the store (whole id); false where
    there is none.
    """
    return integrity.look(engine, records.row_of(engine, ident))


def add_whole(
    repair: Plan, engine: Engine, record: ImageRecord, registries: Registries | None = None
) -> bool:
    """Add the repair of an image to a plan, if it is damaged.

    :returns: whether it is.
    """
    found = lost(engine, record["id"])
    if found:
        add(repair, engine, found, registries)
    return bool(found)


def make_whole(engine: Engine, record: ImageRecord, registries: Registries | None = None) -> None:
    """Repair an image at once, for a caller without a plan.

    :raises HostError: in check mode, and when no registry has what is missing.
    """
    found = lost(engine, record["id"])
    if found and engine.check:
        raise HostError(f"{found.sentences[0]}; it is repaired when this is not check mode")
    if found:
        mend(engine, found, registries)


def mend(engine: Engine, found: integrity.Damage, registries: Registries | None = None) -> None:
    """Repair an image.

    :raises HostError: when no registry has what is missing.
    """
    with engine.operations.record("pull", name=found.name):
        _mend(engine, found, _Origin(engine, found, registries))


def _mend(engine: Engine, found: integrity.Damage, origin: _Origin) -> None:
    what = f"image {found.name}"
    data = _document(engine, found.row["manifest"], origin.manifest)
    config = _document(engine, found.row["id"], origin.small_blob)
    described = manifest.parse(data, what)["layers"]
    diff_ids = manifest.parse_config(config, what, len(described))["rootfs"]["diff_ids"]
    if found.documents:  # only now its layers are known
        found = integrity.look(engine, found.row)
    for layer in described:
        if layer["digest"] in found.blobs and engine.blobs.has(layer["digest"]):
            origin.need(layer["digest"])
            engine.blobs.remove(layer["digest"])
    if (
        found.blobs and found.present
    ):  # what is at the places may be the last copy until the archives are there
        _take(engine, what, config, described, diff_ids, data, origin)
    aside = _set_aside(engine, diff_ids, found.present)
    try:
        _take(engine, what, config, described, diff_ids, data, origin)
    finally:
        garbage.remove_trees(aside)


def _take(
    engine: Engine,
    what: str,
    config: bytes,
    described: list[Document],
    diff_ids: Sequence[str],
    data: bytes,
    origin: _Origin,
) -> None:
    def opener(layer: Document) -> Callable[[], Iterator[bytes]]:
        return lambda: origin.blob(layer["digest"], layer["size"])

    layers = [
        ingest.Layer(diff_id, opener(layer), layer["digest"], layer["size"])
        for diff_id, layer in zip(diff_ids, described)
    ]
    ingest.take(engine, what, config, layers, manifest_data=data)


def _document(engine: Engine, digest: str, fetch: Callable[[str], bytes]) -> bytes:
    with contextlib.suppress(EngineError):
        return engine.blobs.read(digest)
    engine.blobs.remove(digest)
    return fetch(digest)


def _set_aside(engine: Engine, diff_ids: Sequence[str], damaged: Collection[str]) -> list[str]:
    gone = []
    for diff_id, row in zip(diff_ids, layer_store.rows(engine, diff_ids)):
        if diff_id in damaged and row is not None:
            gone.append(layer_store.temporary(engine, "gone"))
            os.rename(layer_store.path_of(engine, row["number"]), gone[-1])
    return gone


class _Origin:
    """The repositories of an image (``repository@digest``), asked one after the other.

    The content of a digest is the same in all of them.
    """

    def __init__(
        self, engine: Engine, found: integrity.Damage, registries: Registries | None
    ) -> None:
        self.engine, self.found, self._registries = engine, found, registries
        self._clients: list[Client | Mirrored] | None = None
        # by repository; read here, because other threads and processes ask for blobs
        self._names = {
            name.rpartition("@")[0]: name for name in records.digests_of(engine, found.row["id"])
        }

    def _sources(self) -> list[Client | Mirrored]:
        if self._clients is None:
            # the client of registries is loaded only when one is asked
            from ..configuration.access import Registries

            registries = self._registries or Registries()
            self._clients = [
                registries.source(reference.parse(name), self.engine)
                for name in self._names.values()
            ]
        return self._clients

    def need(self, digest: str) -> None:
        """Check that a registry may have a blob.

        :raises HostError: when no such registry is known.
        """
        if not self._names:
            raise HostError(
                f"image {self.found.name} is damaged: {digest} is lost, and no registry is known "
                "to have it; load or build the image again"
            )

    def _ask(self, digest: str, work: Callable[[Any], bytes]) -> bytes:
        self.need(digest)
        reasons = []
        for client in self._sources():
            try:
                return work(client)
            except EngineError as error:
                reasons.append(str(error))
        raise self._failed(digest, reasons)

    def _failed(self, digest: str, reasons: list[str]) -> HostError:
        return HostError(
            f"image {self.found.name} is damaged, and {digest} could not be fetched again: "
            f"{'; '.join(reasons)}"
        )

    def manifest(self, digest: str) -> bytes:
        return self._ask(digest, lambda client: client.manifest(digest)[0])

    def small_blob(self, digest: str) -> bytes:
        return self._ask(digest, lambda client: client.small_blob(digest, manifest.MAX_CONFIG))

    def blob(self, digest: str, size: int) -> Iterator[bytes]:
        """Yield the pieces of a blob."""
        self.need(digest)
        reasons = []
        for client in self._sources():
            pieces = iter(client.blob(digest, size))
            try:
                first = next(pieces, b"")
            except EngineError as error:
                reasons.append(str(error))
                continue
            yield first
            yield from pieces
            return
        raise self._failed(digest, reasons)
