# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Pull an image: first look at it in the registry, then store it byte for byte."""

from __future__ import annotations

from ...errors import RegistryError
from ..client import foreign_layers
from ..library import image_events, ingest, records
from ..model import manifest

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from typing import Any

    from ...engine import Engine
    from ..library.records import ImageRecord
    from ..model.manifest import Platform
    from ..model.reference import Reference

    Document = dict[str, Any]


class Remote:
    """An image in a registry: its manifest and configuration are fetched, and nothing is stored.

    :ivar id: image id.
    :ivar config: parsed.
    :ivar digests: of the index (if it was one) and the manifest.
    """

    def __init__(
        self, client: Any, reference: Reference, platform: Platform, trust: Any | None = None
    ) -> None:
        """Fetch an image's manifest and configuration.

        :param trust: a ``trust.Trust``, which must accept the image before anything else is
            fetched.
        :raises NotFound: when the registry has no such image.
        :raises Unsupported: when it can't be used here.
        :raises Untrusted: when it lacks a required signature.
        """
        self.client, self.reference = client, reference
        self.what = reference.familiar
        self.digests: list[str] = []
        chain: list[tuple[str, bytes]] = []
        self.data, self.document = self._resolve(reference.wanted, platform, chain)
        manifest.check_runnable(self.document, self.what)
        if trust is not None:
            trust.check(client, chain)
        self.config_data = client.small_blob(self.document["config"]["digest"], manifest.MAX_CONFIG)
        self.config = manifest.parse_config(
            self.config_data, self.what, len(self.document["layers"])
        )
        self.id = manifest.digest_of(self.config_data)
        self.diff_ids = self.config["rootfs"]["diff_ids"]

    def _resolve(
        self, wanted: str, platform: Platform, chain: list[tuple[str, bytes]]
    ) -> tuple[bytes, Document]:
        data, media_type = self.client.manifest(wanted)
        document = manifest.parse(data, self.what, media_type)
        self.digests.append(wanted if ":" in wanted else manifest.digest_of(data))
        chain.append((self.digests[-1], data))
        if not manifest.is_index(document):
            return data, document
        if len(chain) > 2:
            raise RegistryError(f"{self.what}: indexes within indexes within indexes")
        chosen = manifest.choose(document, platform, self.what)
        found = self._resolve(chosen["digest"], platform, chain)
        if (
            found[1]["mediaType"] != chosen["mediaType"]
            and chosen["mediaType"] not in manifest.INDEXES
        ):
            raise RegistryError(
                f"{self.what}: the index calls the manifest {chosen['mediaType']} and the "
                f"manifest itself {found[1]['mediaType']}"
            )
        return found

    def is_here(self, engine: Engine, local: ImageRecord) -> bool:
        """Return whether a record of the store is of this image, with all the digests that its
        registry has for it.
        """
        known = records.digests_of(engine, local["id"])
        return local["id"] == self.id and all(
            f"{self.reference.full_repository}@{digest}" in known for digest in self.digests
        )

    @property
    def size(self) -> int:
        """Bytes of the layers as they are transferred."""
        return sum(layer["size"] for layer in self.document["layers"])

    def record(self) -> ImageRecord:
        """Return the form of ``records.find``, for check mode."""
        return {
            "id": self.id,
            "manifest": self.digests[-1],
            "config": self.config,
            "layers": self.diff_ids,
            "size": 0,
            "added": None,
        }

    def take(self, engine: Engine, references: Sequence[str] = ()) -> str:
        """Store it, under its own tag and further full ``references``."""

        def opener(layer: Document) -> Callable[..., Iterator[bytes]]:
            if manifest.is_foreign(layer):
                return lambda offset=0: foreign_layers.pieces(self.client, layer, self.what, offset)
            return lambda offset=0: self.client.blob(layer["digest"], layer["size"], offset)

        layers = [
            ingest.Layer(diff_id, opener(layer), layer["digest"], layer["size"], resumes=True)
            for diff_id, layer in zip(self.diff_ids, self.document["layers"])
        ]
        names = ([self.reference.tagged] if self.reference.tagged else []) + list(references)
        engine.progress.subject(f"Pulling {self.what}")
        known = [(self.reference.full_repository, digest) for digest in self.digests]
        ident = ingest.take(
            engine,
            self.what,
            self.config_data,
            layers,
            manifest_data=self.data,
            references=names,
            digests=known,
        )
        asked = self.reference.tagged or f"{self.reference.full_repository}@{self.digests[-1]}"
        image_events.tell_transfer(engine, "pull", asked)
        return ident
