# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Build stage by stage and instruction by instruction, through the cache.

:meth:`Build.look` follows the cache and changes nothing. It returns the finished state, or raises
    :class:`CacheMiss` at the first step that would have to run. :meth:`Build.carry_out` runs the
    missing steps and stores the result.
"""

from __future__ import annotations

import contextlib
import errno
import os

from ... import errors, images
from ...images.library import built
from ...images.model import manifest
from ..cache.cache_miss import CacheMiss
from ..parse import cache_flags, expansion
from ..parse.expansion import Trouble
from ..parse.lines import BadFile
from ..parse.stages import BUILTIN, PROXIES
from ..sources.origin import Origin
from ..stage import stage_state
from ..stage.stage_state import State
from ..trees.placer import Placer
from . import image_users
from .cached_step import Step, Steps, image_uses
from .copy_step import CopySteps
from .run_step import RunSteps
from .workspace import Workspace

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from ...engine import Engine
    from ...images.library.built import Made
    from ...images.library.records import ImageRecord
    from ..cache.cache_backends import Export
    from ..parse.build_request import BuildRequest
    from ..parse.instructions import Instruction
    from ..parse.stages import Containerfile, Stage
    from ..sources.contexts import Contexts
    from .build_progress import Progress
    from .workspace import StepPlace


class Build:
    """One build of one platform.

    :ivar warnings: sentences of the last pass.
    :raises BadFile: for a missing target, or an instruction that the request does not allow.
    """

    def __init__(
        self,
        engine: Engine,
        file: Containerfile,
        request: BuildRequest,
        contexts: Contexts,
        progress: Progress,
    ) -> None:
        self.engine, self.file, self.request, self.contexts = engine, file, request, contexts
        self.lexer = expansion.Lexer(file.escape)
        self.target = file.target(request.target)
        self.stages = file.needed(self.target, set(contexts.directories) | set(contexts.images))
        total = sum(1 + len(stage.commands) for stage in self.stages)
        self.steps = Steps(engine, request, progress, total)
        self.copies = CopySteps(self.steps, self.lexer, contexts)
        self.runs = RunSteps(self.steps, self.lexer, file.name)
        for instruction in (each for stage in self.stages for each in stage.commands):
            with self._at(instruction):
                request.check_allowed(instruction)
        self._final: State | None = None
        self.warnings: list[str] = []
        self._consumed = {*file.meta, *PROXIES, *BUILTIN, *file.platform_args}  # build arguments
        self._pulled: dict[tuple[str, str | None], ImageRecord] = {}
        self._states: dict[int, State] = {}  # what stages came to, by their numbers

    # --------------------------------------------------------------------------------- the two ways

    def look(self) -> State:
        """Return the state of the target, all from the cache.

        :raises CacheMiss: where it does not lead so far.
        """
        return self._go(None)

    @property
    def final(self) -> State:
        """The state that :meth:`carry_out` has reached."""
        return errors.required(self._final, "the result of a build")

    def carry_out(self, references: Sequence[str]) -> str:
        """Build and store.

        :param references: full names for the image.
        :returns: its id.
        :raises StepFailed, BadFile, HostError:
        """
        with (
            images.explained(self.engine, "the build", "only the steps that were done were kept"),
            self.engine.operations.record(
                "build", unnamed=True, layers=self._base_layers()
            ) as entry,
        ):
            blobs: list[str] = []
            try:
                with Workspace(self.engine) as workspace:
                    blobs = workspace.blobs
                    return self._carry_out(references, workspace)
            finally:
                built.discard(self.engine, blobs, entry)
                self.contexts.save()

    def _carry_out(self, references: Sequence[str], workspace: Workspace) -> str:
        try:
            final = self._go(workspace)
            image = self._made(final)
            ident: str = image.id
            # where the last step's image is the whole build's, its keys lead to that
            for made in [made for made in self.steps.made if made.id == ident]:
                image.keys, image.added, image.created = made.keys, made.added, made.created
                image.uses = made.uses + image.uses
            steps = [made for made in self.steps.made if made.id != ident]
            _store(workspace, steps + [image], references, ident)
            self._final = final
            if self.steps.imports is not None:
                self.steps.imports.clear(ident)
            return ident
        except BaseException:
            self._keep_steps(workspace)
            raise

    def _made(self, final: State) -> Made:
        """Return the image to store."""
        return built.Made(
            final.document(), final.layers, image_uses(final), annotations=self.request.annotations
        )

    def _base_layers(self) -> list[str]:
        """Return the DiffIDs of the base images in the store: they must not be removed while the
        build uses them.
        """
        found: list[str] = []
        for stage in self.stages:
            if stage.base_stage is None and stage.base != "scratch":
                with contextlib.suppress(errors.EngineError):
                    record = images.find(self.engine, stage.base)
                    found += record["layers"] if record else []
        return found

    def _keep_steps(self, workspace: Workspace) -> None:
        """After a failure, keep the finished steps in the cache, so that the next try continues
        from there.
        """
        workspace.abandon()
        whole = [image for image in self.steps.made if all(layer.digest for layer in image.layers)]
        with contextlib.suppress(errors.EngineError, OSError):
            _store(workspace, whole, (), None)

    def _go(self, workspace: Workspace | None) -> State:
        """Go through all stages.

        :param workspace: where steps are made; None for a dry run.
        """
        self.steps.begin(workspace)
        self._states = {}
        for stage in self.stages:
            self._state(stage)
        self.warnings = list(self.steps.notes)
        unused = sorted(set(self.request.build_args) - self._consumed)
        if unused:
            self.warnings.append(f"build arguments that no ARG names: {', '.join(unused)}")
        final = self._states[self.target.index].child()
        if self.request.platform:
            final.set_platform(manifest.parse_platform(self.request.platform))
        if self.request.labels:
            final.config["Labels"] = {**(final.config.get("Labels") or {}), **self.request.labels}
        if any(place.kind == "inline" for place in self.request.cache_to):
            from ..cache import cache_backends  # few builds write a cache

            final.extra = {**final.extra, cache_flags.KEY: cache_backends.note(final.steps)}
        return final

    def manifest_digest(self, final: State) -> str:
        """Return the digest of the manifest that an image gets whose layers are all here."""
        digest: str = manifest.digest_of(built.manifest_of(self.engine, self._made(final)))
        return digest

    def exports(self, final: State) -> list[Export]:
        """Return the caches that a finished build writes."""
        from ..cache import cache_backends  # few builds write a cache

        everything = [step for state in self._states.values() for step in state.steps]
        return [
            cache_backends.Export(
                self.engine, place, everything if place.all else final.steps, final.platform
            )
            for place in self.request.cache_to
            if place.kind != "inline"
        ]

    # --------------------------------------------------------------------------------------- stages

    def _state(self, stage: Stage) -> State:
        """Return the state of a stage; build it where that is not known."""
        if stage.index not in self._states:
            if stage not in self.stages:  # one that only an ONBUILD or a variable names
                self.steps.total += 1 + len(stage.commands)
            above, self.steps.stage_title = self.steps.stage_title, stage.title
            try:
                self._stage(stage)
            finally:
                self.steps.stage_title = above
        return self._states[stage.index]

    def _stage(self, stage: Stage) -> None:
        self.steps.number += 1
        replaced = self._is_replaced(stage)
        triggers: list[Instruction] = []
        with self._at(stage.instruction):
            state = self._base(stage)
            if not replaced:
                triggers = stage_state.triggers(state, self.file.escape, stage.instruction.line)
        self.steps.say(stage.instruction)
        for instruction in triggers:
            self._instruction(stage, state, instruction)
        for instruction in stage.commands if not replaced else ():
            self.steps.number += 1
            self._instruction(stage, state, instruction)
        self._states[stage.index] = state

    @contextlib.contextmanager
    def _at(self, instruction: Instruction) -> Iterator[None]:
        """In the ``with`` block, errors get the instruction's line."""
        try:
            yield
        except BadFile as error:
            raise BadFile(error.line, error.message, self.file.name) from None
        except (Trouble, errors.InvalidInput, errors.NotFound) as error:
            said = str(error)
            if not said.startswith(instruction.name):
                said = f"{instruction.name}: {said}"
            raise BadFile(instruction.line, said, self.file.name) from None
        except OSError as error:
            where = self.steps.where(instruction)
            if error.errno in (errno.ENOSPC, errno.EDQUOT):
                raise errors.HostError(
                    f"{where}: no space left in {self.engine.paths.data} for the build"
                ) from None
            raise errors.HostError(f"{where}: {errors.reason(error)}") from None
        except errors.HostError as error:
            if type(error) is not errors.HostError or "Containerfile step " in str(error):  # pylint: disable=unidiomatic-typecheck # not those below it
                raise
            raise errors.HostError(f"{self.steps.where(instruction)}: {error}") from None

    def _is_replaced(self, stage: Stage) -> bool:
        """Tell whether a named context stands for the whole stage."""
        return bool(stage.name) and (
            stage.name in self.contexts.directories or stage.name in self.contexts.images
        )

    def _base(self, stage: Stage) -> State:
        """Return the state that a stage begins with."""
        replaced = self._is_replaced(stage)
        name = stage.name if replaced else stage.base
        there = None
        if name != "scratch" and (stage.base_stage is None or replaced):
            there = self.contexts.stands_for(name)
        if there is not None:
            return self._of_context(stage, there)
        if replaced:
            return self._of_image(stage, stage.name)
        if stage.base_stage is not None:
            return self._state(stage.base_stage).child()
        if stage.base == "scratch":
            return State(manifest.parse_platform(self.request.platform), self.request.epoch)
        return self._of_image(stage, stage.base)

    def _of_context(self, stage: Stage, name: str) -> State:
        """Return the state of an image whose files are a named context's."""
        platform = manifest.parse_platform(stage.platform or self.request.platform)
        state = State(platform, self.request.epoch)
        tree = errors.required(self.contexts.named(name), f"the context {name}")

        def produce(place: StepPlace) -> None:
            with self.steps.workspace.root([], place) as root:
                Placer(root).tree(tree, tree.find("/")[0], "")

        key = self.steps.key("context", tree.digest(tree.find("/")[0]))
        self.steps.carry_out(state, stage.instruction, Step(key, f"FROM context {name}", produce))
        return state

    def _of_image(self, stage: Stage, name: str) -> State:
        wanted = stage.platform or self.request.platform
        platform, record = manifest.parse_platform(wanted), self._image(name, wanted)
        if self.steps.dry and not built.is_whole(self.engine, record):
            raise CacheMiss(f"unpack image {name} again")
        return State.of_image(
            record, built.of_image(self.engine, record), platform, self.request.epoch
        )

    def _image(self, name: str, platform: str | None) -> ImageRecord:
        """Return the record of an image; pull it where needed.

        :raises CacheMiss: in a dry run, when it would be pulled.
        """
        name = self.contexts.image(name)
        key = (name, platform)
        if key not in self._pulled:
            foretold = images.plan_foretold(self.engine, name) if self.steps.dry else None
            if foretold is not None:
                raise CacheMiss(f"use the image that the task {foretold.task} would bring")
            plan = images.plan_present(
                self.engine,
                name,
                "always" if self.request.pull else "missing",
                platform,
                self.request.registries,
            )
            if plan.changed and self.steps.dry:
                raise CacheMiss(plan.actions[0])
            plan.apply()
            self._pulled[key] = images.get(self.engine, plan.image)
        return self._pulled[key]

    # --------------------------------------------------------------------------------- instructions

    def _instruction(self, stage: Stage, state: State, instruction: Instruction) -> None:
        with self._at(instruction):
            if instruction.name == "ARG":
                self._arg(state, instruction)
            elif instruction.name == "RUN":
                self.runs.carry_out(state, instruction, lambda text: self._origin(stage, text))
            elif instruction.name in ("COPY", "ADD"):
                self.copies.carry_out(state, instruction, lambda text: self._origin(stage, text))
            elif instruction.name == "WORKDIR":
                self._workdir(state, instruction)
            else:
                stage_state.apply(state, instruction, self.lexer)
                self.steps.say(instruction)

    def _arg(self, state: State, instruction: Instruction) -> None:
        shown = []
        for key, value in instruction.args:
            self._consumed.add(key)
            if key in self.request.build_args:
                value = self.request.build_args[key]
            elif value is not None:
                value = self.lexer.word(value, state.values())
            else:
                value = self.file.meta_values().get(key)
            if value is not None or key not in state.args:
                state.args[key] = value
            shown.append(key if value is None else f"{key}={value}")
        state.note("ARG " + " ".join(shown))

    def _workdir(self, state: State, instruction: Instruction) -> None:
        written = self.lexer.word(instruction.args[0], state.values())
        path = state.workdir(written)
        shown = state.config["WorkingDir"] = written if written.startswith("/") else path
        user = state.config.get("User") or ""
        if shown == "/":
            state.note("WORKDIR /")
            return

        def produce(place: StepPlace) -> None:
            with self.steps.workspace.root(state.paths, place) as root:
                os.close(Placer(root, _owner(root, user)).directory(path.strip("/")))

        key = self.steps.key("workdir", state.chain, path, user)
        self.steps.carry_out(state, instruction, Step(key, "WORKDIR " + shown, produce))

    def _origin(self, stage: Stage, text: str) -> Origin:
        """Return what a ``from=`` in ``stage`` names; "" is the build's context."""
        if not text:
            return Origin(tree=self.contexts.tree())
        named = self.contexts.named(text)
        if named is not None:
            return Origin(tree=named)
        other = self.file.source(stage, text) if text not in self.contexts.images else None
        if other is not None:
            state = self._state(other)
            return Origin(state.paths, identity="layers " + state.chain, image=state.origin)
        if text == "scratch":
            return Origin([], identity="layers ")
        record = self._image(text, self.request.platform)
        layers = built.of_image(self.engine, record)
        chain = manifest.chain_ids(record["layers"])[-1] if record["layers"] else ""
        return Origin([layer.path for layer in reversed(layers)], identity="layers " + chain)


def _store(
    workspace: Workspace, made: list[Made], references: Sequence[str], final: str | None
) -> None:
    """Store images and their new layers.

    :param references: full names for the image with the id ``final``.
    """
    workspace.settle()
    if made:
        fresh = [layer for layer in workspace.fresh if layer.digest]
        built.store(workspace.engine, made, fresh, references, final)


def _owner(root: int, user: str) -> tuple[int, int] | None:
    """Return the owner of the directories that WORKDIR creates: USER, or root where the image lacks
    that name.
    """
    try:
        return image_users.owner_of(root, user, "USER")
    except errors.InvalidInput:
        return None
