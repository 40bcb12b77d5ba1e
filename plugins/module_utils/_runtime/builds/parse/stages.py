# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Split a Containerfile into stages, with their bases and the stages that a target needs."""

from __future__ import annotations

from ...errors import InvalidInput
from . import expansion, instructions, lines, mount_flags

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from .instructions import Instruction
    from .lines import File


# Predefined arguments: used without ARG. They are in neither cache key nor history unless an ARG
# names them.
PROXIES = tuple(
    name
    for upper in ("HTTP_PROXY", "HTTPS_PROXY", "FTP_PROXY", "NO_PROXY", "ALL_PROXY")
    for name in (upper, upper.lower())
)
BUILTIN = (
    "BUILDKIT_DOCKERFILE_CHECK",
    "BUILDKIT_SANDBOX_HOSTNAME",
    "BUILDKIT_CACHE_MOUNT_NS",
    "SOURCE_DATE_EPOCH",
)


class Stage:
    """One stage.

    :ivar index: from 0.
    :ivar instruction: its FROM.
    :ivar base: what FROM names, expanded.
    :ivar base_stage: the stage that is, or None.
    :ivar platform: of the flag, or None.
    :ivar name: in small letters; "" without AS.
    :ivar commands: what follows FROM.
    """

    name: str
    commands: list[Instruction]
    base_stage: Stage | None

    def __init__(
        self, index: int, instruction: Instruction, base: str, platform: str | None
    ) -> None:
        self.index, self.instruction, self.base, self.platform = index, instruction, base, platform
        self.name, self.commands, self.base_stage = instruction.args[1], [], None

    @property
    def title(self) -> str:
        return self.name or f"stage-{self.index}"


class Containerfile:
    """A parsed file.

    :ivar meta: ``{name: value}`` of the ARGs before the first FROM (value None: none).
    :ivar before: these instructions.
    :ivar platform_args: TARGETPLATFORM and its like.
    :ivar escape: the escape character.
    :ivar directives: ``{name: value}``.
    """

    name: str
    build_args: dict[str, str]
    platform_args: dict[str, str]
    escape: str
    directives: dict[str, str]
    stages: list[Stage]
    meta: dict[str, str | None]
    before: list[Instruction]

    def __init__(
        self,
        data: bytes,
        name: str = "Containerfile",
        build_args: Mapping[str, str] | None = None,
        platform_args: Mapping[str, str] | None = None,
        target: str | None = None,
    ) -> None:
        """Parse a file.

        :param name: of the file, for errors.
        :param build_args: given to the build.
        :param platform_args: TARGETPLATFORM and so on.
        :param target: the stage that is to be built. :raises BadFile: naming the line.
        """
        self.name, self.build_args = name, dict(build_args or {})
        source = lines.read(data, name)
        self.platform_args = {
            key: self.build_args.get(key, value)
            for key, value in dict(platform_args or {}, TARGETSTAGE=target or _last(source)).items()
        }
        self.escape, self.directives, self.stages, self.meta, self.before = (
            source.escape,
            source.directives,
            [],
            {},
            [],
        )
        self.lexer = expansion.Lexer(self.escape)
        try:
            for raw in source.instructions:
                self._take(instructions.parse(raw, self.escape))
            if not self.stages:
                raise lines.BadFile(
                    source.instructions[-1].line, "no FROM: there is nothing to build"
                )
        except lines.BadFile as error:
            raise lines.BadFile(error.line, error.message, name) from None

    def _take(self, instruction: Instruction) -> None:
        if instruction.name == "FROM":
            self._stage(instruction)
        elif self.stages:
            self.stages[-1].commands.append(instruction)
        elif instruction.name == "ARG":
            self.before.append(instruction)
            for key, value in instruction.args:
                if key not in self.build_args and value is not None:
                    value = self._expand(instruction, value, self.meta_values())
                value = self.build_args.get(key, value)
                if value is not None or key not in self.meta:
                    self.meta[key] = value
        else:
            raise lines.BadFile(
                instruction.line, f"{instruction.name} comes before FROM: only ARG may"
            )

    def meta_values(self) -> dict[str, str]:
        """Return what FROM may use: the platform's arguments and the ARGs before the first FROM."""
        return dict(
            self.platform_args,
            **{key: value for key, value in self.meta.items() if value is not None},
        )

    def _expand(self, instruction: Instruction, text: str, values: Mapping[str, str]) -> str:
        try:
            return self.lexer.word(text, values)
        except expansion.Trouble as error:
            raise lines.BadFile(instruction.line, f"{instruction.name}: {error}") from None

    def _stage(self, instruction: Instruction) -> None:
        values = self.meta_values()
        base = self._expand(instruction, instruction.args[0], values)
        if not base:
            raise lines.BadFile(
                instruction.line, f"FROM {instruction.args[0]}: the base image's name is empty"
            )
        platform = instruction.flags.get("platform")
        if platform:
            written, platform = platform, self._expand(instruction, platform, values)
            if not platform:
                raise lines.BadFile(
                    instruction.line, f"FROM --platform={written}: the platform is empty"
                )
        stage = Stage(len(self.stages), instruction, base, platform)
        stage.base_stage = self.named(base)
        self.stages.append(stage)

    def named(self, name: str) -> Stage | None:
        """Return the last stage with this name, or None."""
        return next(
            (stage for stage in reversed(self.stages) if stage.name and stage.name == name.lower()),
            None,
        )

    def target(self, text: str | None) -> Stage:
        """Return the stage to build: the last, or by name or number.

        :raises InvalidInput: when there is none.
        """
        if not text:
            return self.stages[-1]
        found = self.named(text)
        if found is None and text.isdigit() and int(text) < len(self.stages):
            found = self.stages[int(text)]
        if found is None:
            raise InvalidInput(
                "target",
                text,
                f"a stage of {self.name}: "
                f"{', '.join((stage.name or str(stage.index) for stage in self.stages))}",
            )
        return found

    def source(self, stage: Stage, text: str) -> Stage | None:
        """Return the earlier stage that ``--from=text`` in ``stage`` names, or None for a context
        or an image.

        :raises Trouble: for a stage that is not made before this one.
        """
        earlier = [each for each in self.stages if each.index < stage.index]
        for each in reversed(earlier):
            if each.name and each.name == text.lower():
                return each
        if self.named(text):
            raise expansion.Trouble(f"--from={text}: that stage is not made before this one")
        if text.isdigit():
            if int(text) >= len(earlier):
                raise expansion.Trouble(f"--from={text}: there is no such stage before this one")
            return earlier[int(text)]
        return None

    def needed(self, target: Stage, replaced: Collection[str] = ()) -> list[Stage]:
        """Return the stages that ``target`` needs, itself last, each after those that it needs.

        :param replaced: names of stages that contexts replace.
        :raises BadFile: for a ``--from`` that names no earlier stage.
        """
        order = []

        def visit(stage: Stage) -> None:
            if stage in order:
                return
            if stage.name in replaced:
                order.append(stage)
                return
            if stage.base_stage is not None:
                visit(stage.base_stage)
            for instruction in stage.commands:
                for text in sources(instruction):
                    if text in replaced:
                        continue
                    try:
                        other = self.source(stage, text)
                    except expansion.Trouble as error:
                        raise lines.BadFile(instruction.line, str(error), self.name) from None
                    if other is not None:
                        visit(other)
            order.append(stage)

        try:
            visit(target)
        except lines.BadFile as error:
            raise lines.BadFile(error.line, error.message, self.name) from None
        return order


def defaults(file: Containerfile) -> dict[str, str]:
    """Return what FROM may use where no build arguments are given."""
    values, lexer = dict(file.platform_args), expansion.Lexer(file.escape)
    for instruction in file.before:
        for key, value in instruction.args:
            if value is not None:
                values[key] = lexer.word(value, values)
    return values


def _last(source: File) -> str:
    """Return the name of the last stage, as TARGETSTAGE has it."""
    words_of = next(
        (raw.rest.split() for raw in reversed(source.instructions) if raw.name == "FROM"), []
    )
    return words_of[2].lower() if len(words_of) == 3 else "default"


def sources(instruction: Instruction) -> list[str]:
    """Return the names in an instruction's ``--from`` and ``--mount=from``."""
    if instruction.name in ("COPY", "ADD") and instruction.flags.get("from"):
        return [instruction.flags["from"]]
    if instruction.name == "RUN":
        return [
            name
            for name in (
                mount_flags.fields(text, instruction.line).get("from")
                for text in instruction.flags.get("mount", ())
            )
            if name
        ]
    return []
