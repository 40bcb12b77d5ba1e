# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A build, stage by stage and instruction by instruction, through the cache.

:meth:`Build.look` goes as far as the cache leads and changes nothing: it returns the finished state, or raises :class:`Ahead` at the
first step that would have to run. :meth:`Build.carry_out` runs what is missing and takes the result into the store.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
import time

from .. import errors, images
from ..images import built, manifest
from . import commands, copying, git, mountflags, placing, remote, sources, state as states, words
from .lines import BadFile
from .origin import Origin
from .output import Output, StepFailed
from .stages import BUILTIN, PROXIES
from .work import Work
from .words import Trouble


class Ahead(Exception):
    """The first step that is not in the cache. ``action``: what is to be done, as a sentence; ``step``: "3/7"; ``line``."""

    def __init__(self, action, step="", line=0):
        super().__init__(action)
        self.action, self.step, self.line = action, step, line


class RepositoryTree:
    """A Git repository as a source of ADD. ``commit``: what it has now, or None where only a fetch can tell."""

    def __init__(self, build, wanted, keep):
        self.build, self.wanted, self.keep, self.path = build, wanted, keep, None
        self.git = git.Git(build.options.secrets, build.options.ssh.get("default"))
        self.commit = self.git.head(wanted)

    @property
    def identity(self):
        return [self.wanted.url, self.wanted.directory, self.wanted.submodules, self.commit, self.wanted.commit, self.keep]

    def fetch(self):
        if self.path is None:
            self.commit, self.path = self.git.check_out(self.wanted, self.build.work.directory(), self.keep)

    @contextlib.contextmanager
    def opened(self):
        """The sources.Tree."""
        self.fetch()
        fd = os.open(self.path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        tree = sources.Tree(fd, self.wanted.shown, keeps_owners=False)
        try:
            yield tree
        finally:
            tree.close()


def _owner(root, user):
    """Whose the directories are that WORKDIR makes: USER's, or root's where the image does not know that name."""
    try:
        return copying.owner_of(root, user, "USER")
    except errors.InvalidInput:
        return None


class Build:
    """:param file: a stages.Containerfile. :param options: a request.Request. :param context: a contexts.Contexts. :param progress: a progress.Progress."""

    def __init__(self, engine, file, options, context, progress):
        self.engine, self.file, self.options, self.context, self.progress = engine, file, options, context, progress
        self.lexer = words.Lexer(file.escape)
        self.target = file.target(options.target)
        self.stages = file.needed(self.target, set(context.directories) | set(context.images))
        self.total = sum(1 + len(stage.commands) for stage in self.stages)
        self.stage, self.notes, self.final = None, [], None
        self.warnings, self.consumed = [], set(file.meta) | set(PROXIES) | set(BUILTIN) | set(file.platform_args)
        self.remembered, self.pulled, self.imports = {}, {}, None
        self.work, self.dry, self.states, self.made, self.number = None, True, {}, [], 0

    # ------------------------------------------------------------------------------------------------------------- the two ways

    def look(self):
        """The state of the target, all from the cache. :raises Ahead:"""
        return self._go(True)

    def carry_out(self, references):
        """Build and store. Returns the image's id. :raises StepFailed:"""
        with images.explained(self.engine, "the build"), self.engine.operations.record("build", unnamed=True, layers=self._base_layers()) as entry:
            try:
                with Work(self.engine) as self.work:
                    return self._carry_out(references)
            finally:
                built.discard(self.engine, self.work.blobs, entry)
                self.context.save()

    def _carry_out(self, references):
        try:
            final = self._go(False)
            image = built.Made(final.document(), final.layers, self._uses(final), annotations=self.options.annotations)
            self.made = [made for made in self.made if made.id != image.id or not self._into(image, made)] + [image]
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
        image.keys, image.added, image.created, image.uses = made.keys, made.added, made.created, made.uses + image.uses
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
            built.store(self.engine, self.made, [layer for layer in self.work.fresh if layer.digest], references, final)

    def _go(self, dry):
        self.dry, self.states, self.number, self.made = dry, {}, 0, []
        for stage in self.stages:
            self._state(stage)
        unused = sorted(set(self.options.build_args) - self.consumed)
        self.warnings = self.file.warnings + self.notes
        if unused:
            self.warnings = self.warnings + ["build arguments that no ARG names: %s" % ", ".join(unused)]
        final = self.states[self.target.index].child()
        if self.options.platform:
            final.set_platform(manifest.parse_platform(self.options.platform))
        if self.options.labels:
            final.config["Labels"] = dict(final.config.get("Labels") or {}, **self.options.labels)
        if any(place.kind == "inline" for place in self.options.cache_to):
            from . import exchange

            final.extra = dict(final.extra, **{exchange.KEY: exchange.note(final.steps)})
        return final

    def manifest_digest(self, final):
        """Of the manifest that an image gets, whose layers are all here."""
        return manifest.digest_of(built.manifest_of(self.engine, built.Made(final.document(), final.layers, annotations=self.options.annotations)))

    def exports(self, final):
        """The exchange.Exports of a finished build."""
        from . import exchange

        everything = [step for state in self.states.values() for step in state.steps]
        return [exchange.Export(self.engine, place, everything if place.all else final.steps, final.platform)
                for place in self.options.cache_to if place.kind != "inline"]

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
            triggers = states.triggers(state, self.file.escape, stage.instruction.line) if not self._is_replaced(stage) else []
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
            raise BadFile(instruction.line, "%s: %s" % (instruction.name, error) if not str(error).startswith(instruction.name) else str(error),
                          self.file.name) from None

    def _is_replaced(self, stage):
        """Whether a named context stands for the whole stage."""
        return bool(stage.name) and (stage.name in self.context.directories or stage.name in self.context.images)

    def _of_context(self, stage, name):
        """The State of an image whose files are a named context's."""
        state = states.State(manifest.parse_platform(stage.platform or self.options.platform), self.options.epoch)
        tree = self.context.named(name)

        def produce(upper, overlay_work, _place):
            with self.work.root([], upper, overlay_work) as root:
                placing.Placer(root).tree(tree, tree.find("/")[0], "")

        self._step(state, stage.instruction, self._key("context", tree.digest(tree.find("/")[0])), "FROM context %s" % name, produce)
        return state

    def _base(self, stage):
        name = stage.name if self._is_replaced(stage) else stage.base
        there = self.context.stands_for(name) if name != "scratch" and (stage.base_stage is None or self._is_replaced(stage)) else None
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
            raise Ahead("unpack image %s again" % name)
        return states.State.of_image(record, built.of_image(self.engine, record), platform, self.options.epoch)

    def _image(self, name, platform):
        """The record of an image, pulled if need be. :raises Ahead: in a dry run, when it has to be."""
        name = self.context.image(name)
        key = (name, platform)
        if key not in self.pulled:
            plan = images.plan_present(self.engine, name, "always" if self.options.pull else "missing", platform, self.options.registries)
            if plan.changed and self.dry:
                raise Ahead(plan.actions[0])
            plan.apply()
            self.pulled[key] = images.get(self.engine, plan.image)
        return self.pulled[key]

    # ------------------------------------------------------------------------------------------------------------ instructions

    def _instruction(self, stage, state, instruction):
        with self._at(instruction):
            if instruction.name == "ARG":
                self._arg(state, instruction)
            elif instruction.name == "RUN":
                self._run(stage, state, instruction)
            elif instruction.name in ("COPY", "ADD"):
                self._copy(stage, state, instruction)
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
            shown.append(key if value is None else "%s=%s" % (key, value))
        state.note("ARG " + " ".join(shown))

    def _key(self, *parts):
        return hashlib.sha256(json.dumps([1, self.options.epoch, list(parts)], sort_keys=True).encode()).hexdigest()

    def _step(self, state, instruction, key, history, produce, uses=(), second=None):
        """A step that changes the file system: from the cache, or made.

        :param produce: ``produce(upper, overlay_work, place)``. :param history: its line; None where a step without a layer is not noted as one.
        :param second: called without arguments for another key, which costs more to know, where the first is not in the cache.
        """
        nocache = self.options.nocache or self.stage.title in self.options.nocache_stages
        found = built.cached(self.engine, key) if not nocache else None
        other = None
        if found is None and second is not None:
            with contextlib.suppress(Ahead):  # what only a fetch could tell
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
                raise Ahead("run step %d of %d, line %d: %s" % (self.number, self.total, instruction.line, instruction.title),
                            "%d/%d" % (self.number, self.total), instruction.line)
            self._make(state, instruction, keys, history, produce, uses)
            return
        if found["diff_id"]:
            state.layers.append(built.known(self.engine, found["diff_id"]))
        state.note(history, found["created"], bool(found["diff_id"]))
        if self.options.cache_to:
            state.steps.append({"keys": built.keys_of(self.engine, found["image"]), "diff_id": found["diff_id"], "created": found["created"]})
        state.origin, state.uses = found["image"], []
        if not self.dry:
            self.progress.step(self._title(instruction), cached=True)

    def _import(self, state, instruction, keys, history, uses):
        """Take a step from a cache of elsewhere; False where none has it."""
        if not self.options.cache_from:
            return False
        if self.imports is None:
            from . import exchange

            self.imports = exchange.Imports(self.engine, self.options.cache_from, self.options.registries, self.notes.append)
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
        image = built.Made(state.document(), state.layers, self._uses(state) + list(uses), keys, added, created)
        self.made.append(image)
        state.origin, state.uses = image.id, []

    def _make(self, state, instruction, keys, history, produce, uses):
        self.progress.step(self._title(instruction), cached=False)
        began = time.monotonic()
        upper, overlay_work = self.work.upper(state.paths)
        produce(upper, overlay_work, self.work.directory())
        layer = self.work.layer(upper, state.paths, self.options.epoch)
        if layer is not None:
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
                os.close(placing.Placer(root, _owner(root, user)).directory(path.strip("/")))

        self._step(state, instruction, self._key("workdir", state.chain, path, user), "WORKDIR " + shown, produce)

    # ------------------------------------------------------------------------------------------------------------------- origin

    def _origin(self, stage, text):
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

    # --------------------------------------------------------------------------------------------------------------- COPY, ADD

    def _copy(self, stage, state, instruction):
        copy = copying.Copy(instruction, state, self.lexer)
        origin = self._origin(stage, copy.origin) if copy.sources or copy.origin else None
        repositories = [word for word in copy.sources if git.is_git(word)]
        urls = [word for word in copy.sources if word not in repositories and remote.is_remote(word)]
        if not copy.add and repositories + urls:
            raise Trouble("COPY takes files of the context, a stage or an image; %s is for ADD" % (repositories + urls)[0])
        local = [word for word in copy.sources if word not in urls + repositories]
        if copy.checksum and not urls and not repositories:
            raise Trouble("ADD: --checksum is for web addresses and Git repositories; %s is neither" % " ".join(copy.sources))
        if copy.checksum and urls and not re.fullmatch("sha256:[0-9a-f]{64}", copy.checksum):
            raise Trouble("ADD: --checksum=%s is not valid; accepted: sha256: and 64 hexadecimal digits" % copy.checksum)
        fetched_trees = [self._repository(word, copy) for word in repositories]
        parent = "" if copy.link and not copy.chown else state.chain
        head = ["copy", instruction.name, parent, copy.key(), [each.identity for each in fetched_trees]]
        digests = None
        if origin is not None and origin.identity is not None:
            key = self._key(*head, "tree", origin.identity, local)

            def second():
                return self._key(*head, "files", self._digests(copy, origin, local))
        elif urls:
            digests = self._digests(copy, origin, local) if local else []
            key = self._key(*head, "urls", digests, [[url, self._version(url, copy)] for url in urls])

            def second():
                return self._key(*head, "fetched", digests, [[url, self._fetch(url, copy).digest] for url in urls])
        else:
            key, second = self._key(*head, "files", self._digests(copy, origin, local) if local else []), None

        def produce(upper, overlay_work, _place):
            fetched = [self._fetch(url, copy) for url in urls]
            with contextlib.ExitStack() as stack:
                tree = stack.enter_context(origin.opened()) if local else None
                chosen = [(tree, each) for each in self._choose(copy, tree, local)]
                for each in fetched_trees:
                    there = stack.enter_context(each.opened())
                    chosen.append((there, there.find("/")[0]))
                below = [] if copy.link else state.paths
                root = stack.enter_context(self.work.root(below, upper, overlay_work))
                names = stack.enter_context(self.work.view(state.paths)) if copy.link and copy.chown else None
                copy.place(root, chosen, fetched, names)

        self._step(state, instruction, key, copy.history, produce, [origin.image] if origin is not None and origin.image else (), second)

    def _choose(self, copy, tree, local):
        """The Chosen of all local sources."""
        found = [each for word in local for each in (tree.parents(word) if copy.parents else tree.find(word))]
        if local and not found:
            raise Trouble("%s: no file matches in %s" % (" ".join(local), tree.what))
        return found

    def _digests(self, copy, origin, local):
        """``[[name, whether it is a directory, digest], ...]`` of the files that are copied."""
        if origin.layers and None in origin.layers:
            raise Ahead("fetch what is in the build cache elsewhere")
        with origin.opened() as tree:
            return [[each.name, each.is_directory, tree.digest(each, copy.exclude)] for each in self._choose(copy, tree, local)]

    def _version(self, url, copy):
        if copy.checksum:
            return copy.checksum
        return remote.version(url, remote.headers_of(url, self.options.secrets)) or "none " + os.urandom(8).hex()

    def _repository(self, word, copy):
        """The Repository that ADD copies, and its commit."""
        wanted = git.Repository(word)
        if copy.keep_git is not None and wanted.keep is not None and copy.keep_git != wanted.keep:
            raise Trouble("ADD %s: --keep-git-dir says something else than the address" % word)
        if copy.checksum:
            if wanted.commit not in ("", copy.checksum):
                raise Trouble("ADD %s: --checksum says something else than the address" % word)
            wanted.commit = copy.checksum
        found = RepositoryTree(self, wanted, bool(copy.keep_git if wanted.keep is None else wanted.keep))
        if found.commit is None:
            if self.dry:
                raise Ahead("fetch %s" % wanted.shown)
            found.fetch()
        return found

    def _fetch(self, url, copy):
        if self.dry:
            raise Ahead("fetch %s" % url)
        if url not in self.remembered:
            headers = remote.headers_of(url, self.options.secrets)
            self.remembered[url] = remote.fetch(url, os.path.join(self.work.directory(), "file"), headers)
        found = self.remembered[url]
        if copy.checksum and found.digest != copy.checksum:
            raise Trouble("ADD %s: its content has the digest %s, not %s" % (url, found.digest, copy.checksum))
        return found

    # ---------------------------------------------------------------------------------------------------------------------- RUN

    def _run(self, stage, state, instruction):
        values = state.values()
        command = commands.Command(instruction, state, self.options.build_args)
        wanted = [mountflags.parse(text, instruction.line, lambda part: self.lexer.word(part, values)) for text in instruction.flags.get("mount", ())]
        origins = [self._origin(stage, mount.origin or "") if mount.type == "bind" or mount.type == "cache" and mount.origin else None for mount in wanted]
        network = instruction.flags.get("network") or self.options.network
        config = state.config
        key = self._key("run", state.chain, command.key(), config.get("User"), config.get("WorkingDir"), network,
                        [self._mount_key(mount, origin) for mount, origin in zip(wanted, origins)],
                        sorted(self.options.extra_hosts.items()), self.options.hostname)

        def produce(upper, overlay_work, place):
            self._execute(state, instruction, command, (wanted, origins), network, (upper, overlay_work, place))

        self._step(state, instruction, key, command.history, produce, [origin.image for origin in origins if origin is not None and origin.image])

    @staticmethod
    def _mount_key(mount, origin):
        """A mount's part of the key: what it shows, where that is the build's own; never the contents of caches, secrets and agents."""
        key = [mount.type, mount.target, mount.source]
        if mount.type != "bind":
            return key + [mount.id, mount.env]
        if origin.identity is not None:
            return key + [origin.identity]
        return key + [origin.tree.digest(each) for each in origin.tree.find(mount.source or "/")]

    def _execute(self, state, instruction, command, pairs, network, directories):
        from . import runmounts

        upper, overlay_work, place = directories
        shown = runmounts.RunMounts(self.work, place, self.options.run_options())
        output = Output(self.progress)
        with contextlib.ExitStack() as stack:
            for mount, origin in zip(*pairs):
                shown.add(mount, state, origin, stack)
            try:
                code = commands.run(self.engine, self.work, state, command, shown, self.options.run_options(network), output.take, upper, overlay_work, place)
            except errors.ContainerFailed as error:
                raise self._failed(instruction, "could not be started: %s" % error, error.exit_code, output) from None
            finally:
                output.end()
        if code:
            raise self._failed(instruction, "ended with exit code %d" % code, code, output)

    def _failed(self, instruction, how, code, output):
        logs = output.tail()
        return StepFailed("%s:%d: step %d of %d %s: %s%s" % (
            self.file.name, instruction.line, self.number, self.total, how, instruction.title, "\n" + logs if logs else ""), instruction.line, code, logs)
