# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Run the steps of a build that change files: take each from the cache, import it, or make it.

In a dry run nothing is made: the first step that is in no cache raises :class:`CacheMiss`.
"""

from __future__ import annotations

import hashlib
import json
import time

from ...errors import required
from ...images.library import built
from ...images.model import manifest
from ...untrusted.text import printable
from ..cache.cache_miss import CacheMiss
from ..parse.expansion import Trouble
from ..stage import stage_state

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any

    from ...engine import Engine
    from ...images.library.built import Made
    from ..cache.cache_backends import Imports
    from ..parse.build_request import BuildRequest
    from ..parse.instructions import Instruction
    from ..stage.stage_state import State
    from .build_progress import Progress
    from .workspace import StepPlace, Workspace


class Step:
    """A step that changes files, and its keys in the cache.

    :ivar key: of the cache.
    :ivar history: the line of the image's history.
    :ivar produce: makes the files.
    :ivar uses: ids of built images that it copies from.
    :ivar second_key: returns another key, which costs more to compute than the first, or None. It
        is used where the first is not in the cache.
    """

    __slots__ = ("key", "history", "produce", "uses", "second_key")

    def __init__(
        self,
        key: str,
        history: str,
        produce: Callable[[StepPlace], None],
        uses: Sequence[str] = (),
        second_key: Callable[[], str] | None = None,
    ) -> None:
        self.key, self.history, self.produce = key, history, produce
        self.uses, self.second_key = uses, second_key


class Steps:
    """Runs the steps of one build.

    :ivar dry: whether nothing is made.
    :ivar number: of the current step, from 1, of ``total``.
    :ivar stage_title: of the current stage.
    :ivar made: the images of the steps that are new here.
    :ivar notes: sentences about caches that can't be read.
    """

    def __init__(
        self, engine: Engine, request: BuildRequest, progress: Progress, total: int
    ) -> None:
        self.engine, self.request, self.progress, self.total = engine, request, progress, total
        self.dry, self.number, self.stage_title = True, 0, ""
        self.made: list[Made] = []
        self.notes: list[str] = []
        self.imports: Imports | None = None
        self._workspace: Workspace | None = None

    def begin(self, workspace: Workspace | None) -> None:
        """Begin with the first step.

        :param workspace: where steps are made; None for a dry run.
        """
        self.dry, self._workspace, self.number, self.made = workspace is None, workspace, 0, []

    @property
    def workspace(self) -> Workspace:
        """Where steps are made.

        :raises HostError: in a dry run, which makes nothing.
        """
        return required(self._workspace, "the workspace of a build")

    # --------------------------------------------------------------------------------- reporting

    def title(self, instruction: Instruction) -> str:
        return f"[{self.number}/{self.total}] {instruction.title}"

    def where(self, instruction: Instruction) -> str:
        """Return where an instruction is, for errors."""
        title = printable(self.title(instruction), 200)
        return f"Containerfile step {title} (line {instruction.line})"

    def say(self, instruction: Instruction, cached: bool | None = None) -> None:
        """Report a step.

        :param cached: whether it was in the cache; None where there is nothing to run. A dry run
            says nothing.
        """
        if not self.dry:
            self.progress.step(self.title(instruction), cached)

    # --------------------------------------------------------------------------------- running

    def key(self, *parts: Any) -> str:
        """Return the cache's key for a step that ``parts`` (as JSON) identify."""
        text = json.dumps([1, self.request.epoch, list(parts)], sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()

    def carry_out(self, state: State, instruction: Instruction, step: Step) -> None:
        """Put the files of a step into ``state``, from a cache or made.

        :raises CacheMiss: in a dry run, when it would be made.
        """
        nocache = self.request.nocache or self.stage_title in self.request.nocache_stages
        found, keys = self._cached(step, nocache)
        if found is not None:
            self._take(state, instruction, step, found)
        elif nocache or not self._import(state, instruction, step, keys):
            if self.dry:
                raise CacheMiss(
                    f"run step {self.number} of {self.total}, line {instruction.line}: "
                    f"{instruction.title}",
                    f"{self.number}/{self.total}",
                    instruction.line,
                )
            self._make(state, instruction, step, keys)

    def _cached(self, step: Step, nocache: bool) -> tuple[dict[str, Any] | None, list[str]]:
        """Return what the cache has of a step (see built.cached), and the step's keys as far as
        they are known.
        """
        found = built.cached(self.engine, step.key) if not nocache else None
        if found is not None or step.second_key is None:
            return found, [step.key]
        try:
            second = step.second_key()
        except CacheMiss:  # what only a fetch could tell
            return None, [step.key]
        found = built.cached(self.engine, second) if not nocache else None
        if found is not None and not self.dry:
            built.remember(self.engine, step.key, found)
        return found, [step.key, second]

    def _take(
        self, state: State, instruction: Instruction, step: Step, found: dict[str, Any]
    ) -> None:
        """Take a step from this host's cache."""
        if found["diff_id"]:
            state.layers.append(built.taken(self.engine, found["diff_id"]))
        state.note(step.history, found["created"], bool(found["diff_id"]))
        if self.request.cache_to:
            state.steps.append(
                {
                    "keys": built.keys_of(self.engine, found["image"]),
                    "diff_id": found["diff_id"],
                    "created": found["created"],
                }
            )
        state.origin, state.uses = found["image"], []
        self.say(instruction, cached=True)

    def _import(
        self, state: State, instruction: Instruction, step: Step, keys: Sequence[str]
    ) -> bool:
        """Take a step from an imported cache; return False where none has it."""
        if not self.request.cache_from:
            return False
        if self.imports is None:
            from ..cache import cache_backends  # few builds have such caches

            self.imports = cache_backends.Imports(
                self.engine, self.request.cache_from, self.request.registries, self.notes.append
            )
        found = self.imports.find(keys)
        if found is None:
            return False
        if found.diff_id:
            state.layers.append(self.imports.layer(found, not self.dry))
        self._record(state, step, keys, found.diff_id, found.created)
        self.say(instruction, cached=True)
        return True

    def _make(
        self, state: State, instruction: Instruction, step: Step, keys: Sequence[str]
    ) -> None:
        self.say(instruction, cached=False)
        began, epoch = time.monotonic(), self.request.epoch
        place = self.workspace.step_place(state.paths)
        step.produce(place)
        layer = self.workspace.layer(place.upper, state.paths, epoch, self.where(instruction))
        if layer is not None:
            if len(state.layers) >= manifest.MAX_LAYERS:
                raise Trouble(
                    f"the image would have {len(state.layers) + 1} layers; overlayfs takes at "
                    f"most {manifest.MAX_LAYERS} (pycontainer image squash merges some)"
                )
            state.layers.append(layer)
        now = stage_state.moment(epoch if epoch is not None else time.time())
        self._record(state, step, keys, layer.diff_id if layer is not None else "", now)
        self.progress.done(time.monotonic() - began)

    def _record(
        self, state: State, step: Step, keys: Sequence[str], added: str, created: str
    ) -> None:
        """Record the result of a new step: one more intermediate image."""
        state.note(step.history, created, bool(added))
        state.steps.append({"keys": sorted(keys), "diff_id": added, "created": created})
        uses = image_uses(state) + list(step.uses)
        image = built.Made(state.document(), state.layers, uses, keys, added, created)
        self.made.append(image)
        state.origin, state.uses = image.id, []


def image_uses(state: State) -> list[str]:
    """Return the ids of the built images that a state's image is based on."""
    return ([state.origin] if state.origin else []) + state.uses
