# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A build, stage by stage and instruction by instruction, through the cache.

:meth:`Build.look` goes as far as the cache leads and changes nothing: it returns the finished state, or raises :class:`CacheMiss` at the
first step that would have to run. :meth:`Build.carry_out` runs what is missing and takes the result into the store.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import os
import time

from ... import errors, images
from ...images.library import built
from ...images.model import manifest
from ...untrusted.text import printable
from ..cache.cache_miss import CacheMiss
from ..parse import cache_flags, expansion
from ..parse.expansion import Trouble
from ..parse.lines import BadFile
from ..parse.stages import BUILTIN, PROXIES
from ..placing import chown
from ..placing.copy_step import Adding
from ..sources import context_fetch
from ..sources.origin import Origin
from ..stage import stage_state as states
from ..trees.placer import Placer
from .run_step import Executing
from .workspace import Work


def _owner(root, user):
    """Whose the directories are that WORKDIR makes: USER's, or root's where the image does not know that name."""
    try:
        return chown.owner_of(root, user, "USER")
    except errors.InvalidInput:
        return None


class Build:
    """:param file: a stages.Containerfile. :param options: a request.Request. :param context: a contexts.Contexts. :param progress: a progress.Progress."""

    def __init__(self, engine, file, options, context, progress):
        self.engine, self.file, self.options, self.context, self.progress = (
            engine,
            file,
            options,
            context,
            progress,
        )
        self.lexer = expansion.Lexer(file.escape)
        self.target = file.target(options.target)
        self.stages = file.needed(self.target, set(context.directories) | set(context.images))
        for instruction in (each for stage in self.stages for each in stage.commands):
            with self._at(instruction):
                options.check_allowed(instruction)
        self.total = sum(1 + len(stage.commands) for stage in self.stages)
        self.stage, self.notes, self.final = None, [], None
        self.warnings, self.consumed = (
            [],
            set(file.meta) | set(PROXIES) | set(BUILTIN) | set(file.platform_args),
        )
        self.pulled, self.imports = {}, None
        self.adding, self.executing = Adding(self), Executing(self)
        self.work, self.dry, self.states, self.made, self.number = None, True, {}, [], 0

    # ------------------------------------------------------------------------------------------------------------- the two ways

    def look(self):
        """The state of the target, all from the cache. :raises CacheMiss:"""
        return self._go(True)

    def carry_out(self, references):
        """Build and store. Returns the image's id. :raises StepFailed:"""
        with (
            images.explained(self.engine, "the build", "only the steps that were done were kept"),
            self.engine.operations.record(
                "build", unnamed=True, layers=self._base_layers()
            ) as entry,
        ):
            try:
                with Work(self.engine) as self.work:
                    return self._carry_out(references)
            finally:
                built.discard(self.engine, self.work.blobs, entry)
                self.context.save()

    def _carry_out(self, references):
        try:
            final = self._go(False)
            image = built.Made(
                final.document(),
                final.layers,
                self._uses(final),
                annotations=self.options.annotations,
            )
            self.made = [
                made for made in self.made if made.id != image.id or not self._into(image, made)
            ] + [image]
            self._store(references, image.id)
            self.final = final
            if self.imports is not None:
                self.imports.clear(image.id)
            return image.id
        except BaseException:
            self._keep_steps()
            raise

    @staticmethod
    def _into(image, made):
        """Where the last step's image is the whole build's, its keys lead to that."""
        image.keys, image.added, image.created, image.uses = (
            made.keys,
            made.added,
            made.created,
            made.uses + image.uses,
        )
        return True

    def _base_layers(self):
        """DiffIDs of the base images that are in the store: they must not go while the build stands on them."""
        found = []
        for stage in self.stages:
            if stage.base_stage is None and stage.base != "scratch":
                with contextlib.suppress(errors.EngineError):
                    record = images.find(self.engine, stage.base)
                    found += record["layers"] if record else []
        return found

    def _keep_steps(self):
        """After a failure: the steps that were done stay in the cache, so that the next try goes on from there."""
        self.work.abandon()
        self.made = [image for image in self.made if all(layer.digest for layer in image.layers)]
        with contextlib.suppress(errors.EngineError, OSError):
            self._store((), None)

    def _store(self, references, final):
        self.work.settle()
        if self.made:
            built.store(
                self.engine,
                self.made,
                [layer for layer in self.work.fresh if layer.digest],
                references,
                final,
            )

    def _go(self, dry):
        self.dry, self.states, self.number, self.made = dry, {}, 0, []
        for stage in self.stages:
            self._state(stage)
        unused = sorted(set(self.options.build_args) - self.consumed)
        self.warnings = list(self.notes)
        if unused:
            self.warnings = self.warnings + [
                f"build arguments that no ARG names: {', '.join(unused)}"
            ]
        final = self.states[self.target.index].child()
        if self.options.platform:
            final.set_platform(manifest.parse_platform(self.options.platform))
        if self.options.labels:
            final.config["Labels"] = dict(final.config.get("Labels") or {}, **self.options.labels)
        if any(place.kind == "inline" for place in self.options.cache_to):
            from ..cache import cache_backends

            final.extra = dict(final.extra, **{cache_flags.KEY: cache_backends.note(final.steps)})
        return final

    def manifest_digest(self, final):
        """Of the manifest that an image gets, whose layers are all here."""
        return manifest.digest_of(
            built.manifest_of(
                self.engine,
                built.Made(final.document(), final.layers, annotations=self.options.annotations),
            )
        )

    def exports(self, final):
        """The exchange.Exports of a finished build."""
        from ..cache import cache_backends

        everything = [step for state in self.states.values() for step in state.steps]
        return [
            cache_backends.Export(
                self.engine, place, everything if place.all else final.steps, final.platform
            )
            for place in self.options.cache_to
            if place.kind != "inline"
        ]

    @staticmethod
    def _uses(state):
        return ([state.origin] if state.origin else []) + state.uses

    # ------------------------------------------------------------------------------------------------------------------ stages

    def _state(self, stage):
        """The State that a stage comes to."""
        if stage.index not in self.states:
            if stage not in self.stages:  # one that only an ONBUILD or a variable names
                self.total += 1 + len(stage.commands)
            self._stage(stage)
        return self.states[stage.index]

    def _stage(self, stage):
        above, self.stage = self.stage, stage
        try:
            self._build_stage(stage)
        finally:
            self.stage = above

    def _build_stage(self, stage):
        self.number += 1
        with self._at(stage.instruction):
            state = self._base(stage)
            triggers = (
                states.triggers(state, self.file.escape, stage.instruction.line)
                if not self._is_replaced(stage)
                else []
            )
        if not self.dry:
            self.progress.step(self._title(stage.instruction), cached=None)
        for instruction in triggers:
            self._instruction(stage, state, instruction)
        for instruction in stage.commands if not self._is_replaced(stage) else ():
            self.number += 1
            self._instruction(stage, state, instruction)
        self.states[stage.index] = state

    def _title(self, instruction):
        return "[%d/%d] %s" % (self.number, self.total, instruction.title)

    @contextlib.contextmanager
    def _at(self, instruction):
        """Errors inside the block get the instruction's line."""
        try:
            yield
        except BadFile as error:
            raise BadFile(error.line, error.message, self.file.name) from None
        except (Trouble, errors.InvalidInput, errors.NotFound) as error:
            raise BadFile(
                instruction.line,
                f"{instruction.name}: {error}"
                if not str(error).startswith(instruction.name)
                else str(error),
                self.file.name,
            ) from None
        except OSError as error:
            if error.errno in (errno.ENOSPC, errno.EDQUOT):
                raise errors.HostError(
                    f"{self._where(instruction)}: no space left in {self.engine.paths.data} for "
                    "the build"
                ) from None
            where = f" ({error.filename})" if error.filename else ""
            raise errors.HostError(
                f"{self._where(instruction)}: {error.strerror or error}{where}"
            ) from None
        except errors.HostError as error:
            if type(error) is not errors.HostError or "Containerfile step " in str(error):  # pylint: disable=unidiomatic-typecheck # not those below it
                raise
            raise errors.HostError(f"{self._where(instruction)}: {error}") from None

    def _where(self, instruction):
        return "Containerfile step %s (line %d)" % (
            printable(self._title(instruction), 200),
            instruction.line,
        )

    def _is_replaced(self, stage):
        """Whether a named context stands for the whole stage."""
        return bool(stage.name) and (
            stage.name in self.context.directories or stage.name in self.context.images
        )

    def _of_context(self, stage, name):
        """The State of an image whose files are a named context's."""
        state = states.State(
            manifest.parse_platform(stage.platform or self.options.platform), self.options.epoch
        )
        tree = self.context.named(name)

        def produce(upper, overlay_work, _place):
            with self.work.root([], upper, overlay_work) as root:
                Placer(root).tree(tree, tree.find("/")[0], "")

        self.step(
            state,
            stage.instruction,
            self.key("context", tree.digest(tree.find("/")[0])),
            f"FROM context {name}",
            produce,
        )
        return state

    def _base(self, stage):
        name = stage.name if self._is_replaced(stage) else stage.base
        there = (
            self.context.stands_for(name)
            if name != "scratch" and (stage.base_stage is None or self._is_replaced(stage))
            else None
        )
        if there is not None:
            return self._of_context(stage, there)
        if self._is_replaced(stage):
            return self._of_image(stage, stage.name)
        if stage.base_stage is not None:
            return self._state(stage.base_stage).child()
        if stage.base == "scratch":
            return states.State(manifest.parse_platform(self.options.platform), self.options.epoch)
        return self._of_image(stage, stage.base)

    def _of_image(self, stage, name):
        platform = manifest.parse_platform(stage.platform or self.options.platform)
        record = self._image(name, stage.platform or self.options.platform)
        if self.dry and not built.is_whole(self.engine, record):
            raise CacheMiss(f"unpack image {name} again")
        return states.State.of_image(
            record, built.of_image(self.engine, record), platform, self.options.epoch
        )

    def _image(self, name, platform):
        """The record of an image, pulled if need be. :raises CacheMiss: in a dry run, when it has to be."""
        name = self.context.image(name)
        key = (name, platform)
        if key not in self.pulled:
            plan = images.plan_present(
                self.engine,
                name,
                "always" if self.options.pull else "missing",
                platform,
                self.options.registries,
            )
            if plan.changed and self.dry:
                raise CacheMiss(plan.actions[0])
            plan.apply()
            self.pulled[key] = images.get(self.engine, plan.image)
        return self.pulled[key]

    # ------------------------------------------------------------------------------------------------------------ instructions

    def _instruction(self, stage, state, instruction):
        with self._at(instruction):
            if instruction.name == "ARG":
                self._arg(state, instruction)
            elif instruction.name == "RUN":
                self.executing.carry_out(stage, state, instruction)
            elif instruction.name in ("COPY", "ADD"):
                self.adding.carry_out(stage, state, instruction)
            elif instruction.name == "WORKDIR":
                self._workdir(state, instruction)
            else:
                states.apply(state, instruction, self.lexer)
                if not self.dry:
                    self.progress.step(self._title(instruction), cached=None)

    def _arg(self, state, instruction):
        shown = []
        for key, value in instruction.args:
            self.consumed.add(key)
            if key in self.options.build_args:
                value = self.options.build_args[key]
            elif value is not None:
                value = self.lexer.word(value, state.values())
            else:
                value = self.file.meta_values().get(key)
            if value is not None or key not in state.args:
                state.args[key] = value
            shown.append(key if value is None else f"{key}={value}")
        state.note("ARG " + " ".join(shown))

    def key(self, *parts):
        return hashlib.sha256(
            json.dumps([1, self.options.epoch, list(parts)], sort_keys=True).encode()
        ).hexdigest()

    def step(self, state, instruction, key, history, produce, uses=(), second=None):
        """A step that changes the file system: from the cache, or made.

        :param produce: ``produce(upper, overlay_work, place)``. :param history: its line; None where a step without a layer is not noted as one.
        :param second: called without arguments for another key, which costs more to know, where the first is not in the cache.
        """
        nocache = self.options.nocache or self.stage.title in self.options.nocache_stages
        found = built.cached(self.engine, key) if not nocache else None
        other = None
        if found is None and second is not None:
            with contextlib.suppress(CacheMiss):  # what only a fetch could tell
                other = second()
        if found is None and other is not None:
            found = built.cached(self.engine, other) if not nocache else None
            if found is not None and not self.dry:
                built.remember(self.engine, key, found)
        keys = [key] + ([other] if other else [])
        if found is None and not nocache and self._import(state, instruction, keys, history, uses):
            return
        if found is None:
            if self.dry:
                raise CacheMiss(
                    "run step %d of %d, line %d: %s"
                    % (self.number, self.total, instruction.line, instruction.title),
                    "%d/%d" % (self.number, self.total),
                    instruction.line,
                )
            self._make(state, instruction, keys, history, produce, uses)
            return
        if found["diff_id"]:
            state.layers.append(built.known(self.engine, found["diff_id"]))
        state.note(history, found["created"], bool(found["diff_id"]))
        if self.options.cache_to:
            state.steps.append(
                {
                    "keys": built.keys_of(self.engine, found["image"]),
                    "diff_id": found["diff_id"],
                    "created": found["created"],
                }
            )
        state.origin, state.uses = found["image"], []
        if not self.dry:
            self.progress.step(self._title(instruction), cached=True)

    def _import(self, state, instruction, keys, history, uses):
        """Take a step from a cache of elsewhere; False where none has it."""
        if not self.options.cache_from:
            return False
        if self.imports is None:
            from ..cache import cache_backends

            self.imports = cache_backends.Imports(
                self.engine, self.options.cache_from, self.options.registries, self.notes.append
            )
        found = self.imports.find(keys)
        if found is None:
            return False
        if found["diff_id"]:
            state.layers.append(self.imports.layer(found, not self.dry))
        self._record(state, keys, history, found["diff_id"], found["created"], uses)
        if not self.dry:
            self.progress.step(self._title(instruction), cached=True)
        return True

    def _record(self, state, keys, history, added, created, uses):
        """What a step came to, that was not here before: one more intermediate image."""
        state.note(history, created, bool(added))
        state.steps.append({"keys": sorted(keys), "diff_id": added, "created": created})
        image = built.Made(
            state.document(), state.layers, self._uses(state) + list(uses), keys, added, created
        )
        self.made.append(image)
        state.origin, state.uses = image.id, []

    def _make(self, state, instruction, keys, history, produce, uses):
        self.progress.step(self._title(instruction), cached=False)
        began = time.monotonic()
        upper, overlay_work = self.work.upper(state.paths)
        produce(upper, overlay_work, self.work.directory())
        layer = self.work.layer(upper, state.paths, self.options.epoch, self._where(instruction))
        if layer is not None:
            if len(state.layers) >= manifest.MAX_LAYERS:
                raise Trouble(
                    "the image would have %d layers; overlayfs takes at most %d (pycontainer "
                    "image squash merges some)" % (len(state.layers) + 1, manifest.MAX_LAYERS)
                )
            state.layers.append(layer)
        now = states.moment(self.options.epoch if self.options.epoch is not None else time.time())
        self._record(state, keys, history, layer.diff_id if layer is not None else "", now, uses)
        self.progress.done(time.monotonic() - began)

    def _workdir(self, state, instruction):
        written = self.lexer.word(instruction.args[0], state.values())
        path = state.workdir(written)
        shown = state.config["WorkingDir"] = written if written.startswith("/") else path
        user = state.config.get("User") or ""
        if shown == "/":
            state.note("WORKDIR /")
            return

        def produce(upper, overlay_work, _place):
            with self.work.root(state.paths, upper, overlay_work) as root:
                os.close(Placer(root, _owner(root, user)).directory(path.strip("/")))

        self.step(
            state,
            instruction,
            self.key("workdir", state.chain, path, user),
            "WORKDIR " + shown,
            produce,
        )

    def place_for_fetched(self):
        """A new directory for what comes from elsewhere: it goes with the context, for what a dry run has fetched is not fetched again."""
        found = context_fetch.Located()
        self.context.located.append(found)
        return context_fetch.directory(self.engine, found)

    # ------------------------------------------------------------------------------------------------------------------- origin

    def origin(self, stage, text):
        """The Origin that a ``from=`` in ``stage`` names; "" is the build's context."""
        if not text:
            return Origin(tree=self.context.tree())
        named = self.context.named(text)
        if named is not None:
            return Origin(tree=named)
        other = self.file.source(stage, text) if text not in self.context.images else None
        if other is not None:
            state = self._state(other)
            return Origin(state.paths, identity="layers " + state.chain, image=state.origin)
        if text == "scratch":
            return Origin([], identity="layers ")
        record = self._image(text, self.options.platform)
        layers = built.of_image(self.engine, record)
        chain = manifest.chain_ids(record["layers"])[-1] if record["layers"] else ""
        return Origin([layer.path for layer in reversed(layers)], identity="layers " + chain)
