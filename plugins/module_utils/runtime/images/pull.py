# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Pulling: what a registry has for a reference, looked at first, then taken into the store byte for byte."""

from __future__ import annotations

from . import intake, manifest


class Remote:
    """An image in a registry: its manifest and configuration, fetched, and nothing stored.

    :ivar id: image id. :ivar config: parsed. :ivar digests: of the index (if it was one) and the manifest.
    """

    def __init__(self, client, reference, platform):
        """:raises NotFound: when the registry has no such image. :raises Unsupported: when it can't be used here."""
        self.client, self.reference = client, reference
        self.what = reference.familiar
        self.digests = []
        self.data, self.document = self._resolve(reference.wanted, platform, 0)
        manifest.check_runnable(self.document, self.what)
        self.config_data = client.small_blob(self.document["config"]["digest"], manifest.MAX_CONFIG)
        self.config = manifest.parse_config(self.config_data, self.what, len(self.document["layers"]))
        self.id = manifest.digest_of(self.config_data)
        self.diff_ids = self.config["rootfs"]["diff_ids"]

    def _resolve(self, wanted, platform, depth):
        data, media_type = self.client.manifest(wanted)
        document = manifest.parse(data, self.what, media_type)
        self.digests.append(wanted if ":" in wanted else manifest.digest_of(data))
        if not manifest.is_index(document):
            return data, document
        if depth >= 2:
            raise manifest.RegistryError("%s: indexes within indexes within indexes" % self.what)
        return self._resolve(manifest.choose(document, platform, self.what)["digest"], platform, depth + 1)

    @property
    def size(self):
        """Bytes of the layers as they travel."""
        return sum(layer["size"] for layer in self.document["layers"])

    def record(self):
        """In the form of ``records.find``, for check mode."""
        return {"id": self.id, "manifest": self.digests[-1], "config": self.config, "layers": self.diff_ids, "size": 0, "added": None}

    def take(self, engine, references=()):
        """Store it, under its own tag and further full ``references``."""

        def opener(layer):
            return lambda: self.client.blob(layer["digest"], layer["size"])

        layers = [
            intake.Layer(diff_id, opener(layer), layer["digest"], layer["size"])
            for diff_id, layer in zip(self.diff_ids, self.document["layers"])
        ]
        names = ([self.reference.tagged] if self.reference.tagged else []) + list(references)
        engine.progress.subject("Pulling %s" % self.what)
        known = [(self.reference.full_repository, digest) for digest in self.digests]
        return intake.take(engine, self.what, self.config_data, layers, self.data, references=names, digests=known)
