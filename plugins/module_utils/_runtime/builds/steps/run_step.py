# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""RUN as a step of a build: its key in the cache, its mounts, and the result of its command."""

from __future__ import annotations

import contextlib

from ... import errors
from ..parse import mount_flags
from . import run_command
from .cached_step import Step
from .run_command import Command
from .step_output import Output, StepFailed

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from ..parse.expansion import Lexer
    from ..parse.instructions import Instruction
    from ..parse.mount_flags import Mount
    from ..sources.origin import Origin
    from ..stage.stage_state import State
    from .cached_step import Steps
    from .workspace import StepPlace

    Shown = list[tuple[Mount, "Origin | None"]]  # mounts, and what their from names


class RunSteps:
    """The RUN instructions of one build. :param file_name: of the Containerfile, for errors."""

    def __init__(self, steps: Steps, lexer: Lexer, file_name: str) -> None:
        self.steps, self.lexer, self.file_name = steps, lexer, file_name

    def carry_out(
        self, state: State, instruction: Instruction, origin_of: Callable[[str], Origin]
    ) -> None:
        """Run an instruction.

        :param origin_of: returns the source that a mount's ``from`` names; "" is the context.
        :raises StepFailed: when the command fails.
        """
        values, request = state.values(), self.steps.request
        command = Command(instruction, state, request.build_args)
        mounts = [
            mount_flags.parse(text, instruction.line, lambda part: self.lexer.word(part, values))
            for text in instruction.flags.get("mount", ())
        ]
        shown: Shown = [
            (
                mount,
                origin_of(mount.origin or "")
                if mount.type == "bind" or mount.type == "cache" and mount.origin
                else None,
            )
            for mount in mounts
        ]
        network = instruction.flags.get("network") or request.network
        request.check_allowed(instruction)
        key = self.steps.key(
            "run",
            state.chain,
            command.key(),
            state.config.get("User"),
            state.config.get("WorkingDir"),
            network,
            [_mount_key(mount, origin) for mount, origin in shown],
            sorted(request.extra_hosts.items()),
            request.hostname,
        )

        def produce(place: StepPlace) -> None:
            self._execute(state, instruction, command, shown, network, place)

        uses = [origin.image for _mount, origin in shown if origin is not None and origin.image]
        self.steps.carry_out(state, instruction, Step(key, command.history, produce, uses))

    def _execute(
        self,
        state: State,
        instruction: Instruction,
        command: Command,
        shown: Shown,
        network: str,
        place: StepPlace,
    ) -> None:
        from .run_mounts import RunMounts  # a build that is all in the cache has no use for it

        workspace, request = self.steps.workspace, self.steps.request
        mounts = RunMounts(workspace, place.scratch, request)
        output = Output(self.steps.progress)
        with contextlib.ExitStack() as stack:
            for mount, origin in shown:
                mounts.add(mount, state, origin, stack)
            try:
                code = run_command.run(
                    workspace, state, command, mounts, request, network, output.take, place
                )
            except errors.ContainerFailed as error:
                raise self._failed(
                    instruction, f"could not be started: {error}", error.exit_code, output
                ) from None
            finally:
                output.end()
        if code:
            raise self._failed(instruction, f"ended with exit code {code}", code, output)

    def _failed(
        self, instruction: Instruction, how: str, code: int | None, output: Output
    ) -> StepFailed:
        logs, steps = output.tail(), self.steps
        return StepFailed(
            f"{self.file_name}:{instruction.line}: step {steps.number} of {steps.total} {how}: "
            + instruction.title
            + (f"\n{logs}" if logs else ""),
            instruction.line,
            code,
            logs,
        )


def _mount_key(mount: Mount, origin: Origin | None) -> list[Any]:
    """Return a mount's part of the key: its content, where that belongs to the build; never the
    contents of caches, secrets and agents.
    """
    key: list[Any] = [mount.type, mount.target, mount.source]
    if mount.type != "bind" or origin is None:
        return key + [mount.id, mount.env]
    if origin.identity is not None or origin.tree is None:
        return key + [origin.identity]
    return key + [origin.tree.digest(each) for each in origin.tree.find(mount.source or "/")]
