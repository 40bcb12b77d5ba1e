# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""RUN of a build: its key in the cache, its mounts, what becomes of its command."""

from __future__ import annotations

import contextlib

from ... import errors
from ..parse import mount_flags
from . import run_command
from .step_output import Output, StepFailed


class Executing:
    """:param build: the builder.Build."""

    def __init__(self, build):
        self.build = build

    def carry_out(self, stage, state, instruction):
        values = state.values()
        command = run_command.Command(instruction, state, self.build.options.build_args)
        wanted = [
            mount_flags.parse(
                text, instruction.line, lambda part: self.build.lexer.word(part, values)
            )
            for text in instruction.flags.get("mount", ())
        ]
        origins = [
            self.build.origin(stage, mount.origin or "")
            if mount.type == "bind" or mount.type == "cache" and mount.origin
            else None
            for mount in wanted
        ]
        network = instruction.flags.get("network") or self.build.options.network
        self.build.options.check_allowed(instruction)
        config = state.config
        key = self.build.key(
            "run",
            state.chain,
            command.key(),
            config.get("User"),
            config.get("WorkingDir"),
            network,
            [self._mount_key(mount, origin) for mount, origin in zip(wanted, origins)],
            sorted(self.build.options.extra_hosts.items()),
            self.build.options.hostname,
        )

        def produce(upper, overlay_work, place):
            self._execute(
                state,
                instruction,
                command,
                (wanted, origins),
                network,
                (upper, overlay_work, place),
            )

        self.build.step(
            state,
            instruction,
            key,
            command.history,
            produce,
            [origin.image for origin in origins if origin is not None and origin.image],
        )

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
        from . import run_mounts

        upper, overlay_work, place = directories
        shown = run_mounts.RunMounts(self.build.work, place, self.build.options.run_options())
        output = Output(self.build.progress)
        with contextlib.ExitStack() as stack:
            for mount, origin in zip(*pairs):
                shown.add(mount, state, origin, stack)
            try:
                options = self.build.options.run_options(network)
                code = run_command.run(
                    self.build.engine,
                    self.build.work,
                    state,
                    command,
                    shown,
                    options,
                    output.take,
                    upper,
                    overlay_work,
                    place,
                )
            except errors.ContainerFailed as error:
                raise self._failed(
                    instruction, f"could not be started: {error}", error.exit_code, output
                ) from None
            finally:
                output.end()
        if code:
            raise self._failed(instruction, "ended with exit code %d" % code, code, output)

    def _failed(self, instruction, how, code, output):
        logs = output.tail()
        return StepFailed(
            "%s:%d: step %d of %d %s: %s%s"
            % (
                self.build.file.name,
                instruction.line,
                self.build.number,
                self.build.total,
                how,
                instruction.title,
                "\n" + logs if logs else "",
            ),
            instruction.line,
            code,
            logs,
        )
