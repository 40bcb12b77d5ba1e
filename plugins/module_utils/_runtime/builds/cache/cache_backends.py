# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Read and write the build cache of other hosts, in registries and directories (``--cache-from``,
``--cache-to``).

A cache is an image. Its layers are what the steps added. Its configuration has, under KEY, which
step's key leads to which layer. With ``type=inline`` the built image itself has that. No registry
is asked before a step is missing here.
"""

from __future__ import annotations

import json
import os

from ... import images
from ...errors import EngineError, InvalidInput
from ...images.library import built
from ...images.model import manifest
from ...store import tree_removal
from ..parse.cache_flags import KEY, layout_digest

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from typing import Any

    from ...engine import Engine
    from ...images import ImagePlan, Registries
    from ...images.library.built import Layer, Made
    from ...reconcile import Plan
    from ..parse.cache_flags import CachePlace
    from ..stage.stage_state import Platform, StepNote


VERSION = 1


def note(steps: Sequence[StepNote]) -> dict[str, Any]:
    """Return what goes into a configuration under KEY: ``version``, and ``steps`` each once."""
    return {
        "version": VERSION,
        "steps": [step for index, step in enumerate(steps) if step not in steps[:index]],
    }


class ImportedStep:
    """A step of an imported cache.

    ``diff_id``: the layer that it added, or ""; ``created``: when; ``plan``: brings the cache's
    image here.
    """

    __slots__ = ("diff_id", "created", "plan")

    def __init__(self, diff_id: str, created: str, plan: ImagePlan) -> None:
        self.diff_id, self.created, self.plan = diff_id, created, plan


class Imports:
    """The imported caches.

    :param warn: called with a sentence for a cache that can't be read.
    """

    known: dict[str, ImportedStep] | None
    brought: list[str]

    def __init__(
        self,
        engine: Engine,
        places: Sequence[CachePlace],
        registries: Registries,
        warn: Callable[[str], object],
    ) -> None:
        self.engine, self.places, self.registries, self.warn = engine, places, registries, warn
        self.known, self.brought = None, []

    def find(self, keys: Iterable[str]) -> ImportedStep | None:
        """Return the step that one of ``keys`` leads to, or None."""
        if not self.places:
            return None
        known = self.known
        if known is None:
            known = self.known = {}
            for place in self.places:
                try:
                    self._read(place, known)
                except EngineError as error:
                    self.warn(f"the build cache {place.where} can't be read: {error}")
        return next((known[key] for key in keys if key in known), None)

    def _read(self, place: CachePlace, known: dict[str, ImportedStep]) -> None:
        if place.kind == "local":
            plan = images.plan_load(self.engine, os.path.abspath(place.where))
        else:
            parsed = images.parse(place.where)
            digest = parsed.digest or self.registries.source(parsed, self.engine).digest(
                parsed.wanted
            )
            if digest is None:
                raise InvalidInput("cache_from", place.where, "an image that the registry has")
            plan = images.plan_present(
                self.engine, f"{parsed.full_repository}@{digest}", registries=self.registries
            )
        record = plan.record()
        found = record["config"].get(KEY)
        if (
            not isinstance(found, dict)
            or found.get("version") != VERSION
            or not isinstance(found.get("steps"), list)
        ):
            raise InvalidInput("cache_from", place.where, "an image that was built with --cache-to")
        for step in found["steps"]:
            if self._is_step(step) and (not step["diff_id"] or step["diff_id"] in record["layers"]):
                for key in step["keys"]:
                    known.setdefault(key, ImportedStep(step["diff_id"], step["created"], plan))

    @staticmethod
    def _is_step(step: Any) -> bool:
        return (
            isinstance(step, dict)
            and isinstance(step.get("keys"), list)
            and all(
                isinstance(text, str)
                for text in step["keys"] + [step.get("diff_id"), step.get("created")]
            )
        )

    def layer(self, found: ImportedStep, fetch: bool) -> Layer:
        """Return the layer of a step.

        :param fetch: whether to fetch it; else a layer without a path stands for it.
        """
        layer = built.known(self.engine, found.diff_id)
        if layer is None and not fetch:
            return built.Layer(found.diff_id, "")
        if layer is None:
            found.plan.apply()
            self.brought.append(found.plan.image)
            layer = built.taken(self.engine, found.diff_id)
        return layer

    def clear(self, kept: str) -> None:
        """Remove the caches' own images. Layers that were used stay with the images that have them.

        :param kept: an id that stays.
        """
        for ident in self.brought:
            if (
                ident != kept
                and images.find(self.engine, ident) is not None
                and not images.inspect(self.engine, ident)["RepoTags"]
            ):
                images.remove(self.engine, ident)
        self.brought = []


class Export:
    """A cache to write.

    :param steps: the steps of all its stages; their layers are in the store.
    """

    def __init__(
        self, engine: Engine, place: CachePlace, steps: Sequence[StepNote], platform: Platform
    ) -> None:
        self.engine, self.place = engine, place
        found = note(steps)
        self.layers = [
            built.taken(engine, diff_id)
            for diff_id in dict.fromkeys(
                step["diff_id"] for step in found["steps"] if step["diff_id"]
            )
        ]
        body = {
            "architecture": platform[1],
            "os": platform[0],
            "config": {},
            KEY: found,
            "rootfs": {"type": "layers", "diff_ids": [layer.diff_id for layer in self.layers]},
            "history": [{"created_by": "build cache"} for layer in self.layers],
        }
        self.made = built.Made(
            json.dumps(body, separators=(",", ":"), sort_keys=True).encode(), self.layers
        )

    def plan(self, plan: Plan, registries: Registries) -> None:
        """Add to ``plan`` that the cache is written, unless the target has it."""
        title = f"export the build cache to {self.place.where}"
        if self.place.kind == "local":
            now = layout_digest(self.place.where)
        else:
            parsed = images.tagged(self.place.where)
            now = registries.client(parsed, self.engine).digest(parsed.tag)
        wanted = manifest.digest_of(built.manifest_of(self.engine, self.made))
        if now != wanted:
            plan.add(
                "build cache " + self.place.where,
                now,
                wanted,
                title,
                lambda: self.write(registries),
            )

    def write(self, registries: Registries) -> None:
        """Write it to its target.

        :raises EngineError: where it can't be written.
        """
        if self.place.kind == "local":
            _write(self.engine, os.path.abspath(self.place.where), self.made)
            return
        built.store(self.engine, [self.made], [])
        try:
            sent = images.ImagePlan(self.engine, "build cache").is_there(
                images.get(self.engine, self.made.id)
            )
            images.plan_push(sent, [self.place.where], registries)
            sent.apply()
        finally:
            images.remove(self.engine, self.made.id)


def _write(engine: Engine, directory: str, made: Made) -> None:
    """Write an OCI layout, whole or not at all (OCI image-spec, image-layout.md)."""
    new = directory + f".new-{os.getpid()}"
    os.makedirs(os.path.join(new, "blobs", "sha256"))
    try:
        data = built.manifest_of(engine, made)
        for digest, content in ((manifest.digest_of(data), data), (made.id, made.config)):
            _file(os.path.join(new, "blobs", "sha256", digest.partition(":")[2]), [content])
        for layer in made.layers:
            with engine.blobs.open(layer.compressed) as file:
                _file(
                    os.path.join(new, "blobs", "sha256", layer.compressed.partition(":")[2]),
                    iter(lambda: file.read(1 << 18), b""),
                )
        _file(os.path.join(new, "oci-layout"), [b'{"imageLayoutVersion":"1.0.0"}'])
        described = {
            "mediaType": manifest.OCI_MANIFEST,
            "digest": manifest.digest_of(data),
            "size": len(data),
        }
        _file(
            os.path.join(new, "index.json"),
            [json.dumps({"schemaVersion": 2, "manifests": [described]}).encode()],
        )
        if os.path.lexists(directory):
            os.rename(directory, new + ".old")
        os.rename(new, directory)
    finally:
        for path in (new, new + ".old"):
            tree_removal.remove(path)


def _file(path: str, pieces: Iterable[bytes]) -> None:
    with open(path, "xb") as file:
        for piece in pieces:
            file.write(piece)
