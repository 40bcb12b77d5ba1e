# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Check a Containerfile for text that is accepted but probably not intended, or deprecated.

The rules have the names of Docker's build checks (docs.docker.com/reference/build-checks/), and ``#
check=skip=...;error=true`` means the same. Nothing is built or fetched. Rules that need the base
image are checked only where that image is in the store.
"""

from __future__ import annotations

import difflib
import re

from ... import images
from ...errors import EngineError, InvalidInput
from ...images.model import manifest
from ..parse import expansion
from ..parse.stages import defaults
from ..sources import add_url, git
from .stage_state import DEFAULT_PATH

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import Any

    from ...engine import Engine
    from ..parse.dockerignore import Ignore
    from ..parse.instructions import Instruction
    from ..parse.stages import Containerfile, Stage


RULES = (
    "ConsistentInstructionCasing",
    "CopyIgnoredFile",
    "DuplicateStageName",
    "ExposeInvalidFormat",
    "ExposeProtoCasing",
    "FromAsCasing",
    "FromPlatformFlagConstDisallowed",
    "InvalidBaseImagePlatform",
    "InvalidDefaultArgInFrom",
    "JSONArgsRecommended",
    "LegacyKeyValueFormat",
    "MaintainerDeprecated",
    "MultipleInstructionsDisallowed",
    "NoEmptyContinuation",
    "RedundantTargetPlatform",
    "ReservedStageName",
    "SecretsUsedInArgOrEnv",
    "StageNameCasing",
    "UndefinedArgInFrom",
    "UndefinedVar",
    "WorkdirRelativePath",
)
EXPERIMENTAL = ("InvalidDefinitionDescription",)
ARGUMENT = "BUILDKIT_DOCKERFILE_CHECK"  # the build argument that stands for the directive
RESERVED = ("context", "scratch")
ONCE = ("CMD", "ENTRYPOINT", "HEALTHCHECK")

_SECRET = re.compile(
    r"(?:_|^)(?:apikey|auth|credentials?|key|password|pword|passwd|secret|token)(?:_|$)",
    re.IGNORECASE,
)
_NO_SECRET = re.compile(r"(?:_|^)(?:public|file|version)(?:_|$)", re.IGNORECASE)
_ACCEPTED = "skip=RULE,... or skip=all, experimental=RULE,... or experimental=all, error=true or false; several with ;"


class Broken(EngineError):
    """Rules are broken, and the build makes that an error. ``checks``: see `Finding.facts`."""

    lines = True

    def __init__(self, name: str, findings: list[Finding]) -> None:
        super().__init__(
            "%s breaks rules, and checks are errors here:\n%s"
            % (name, "\n".join(finding.text for finding in findings))
        )
        self.checks = [finding.facts() for finding in findings]


class Finding:
    """A rule that is broken.

    ``rule``: its name; ``name``: of the file; ``line``: of the instruction, from 1; ``message``: a
    sentence.
    """

    def __init__(self, rule: str, name: str, line: int, message: str) -> None:
        self.rule, self.name, self.line, self.message = rule, name, line, message

    @property
    def text(self) -> str:
        return f"{self.name}:{self.line}: {self.rule}: {self.message}"

    def facts(self) -> dict[str, Any]:
        """Return it as a task's result has it: ``rule``, ``line``, ``message``."""
        return {"rule": self.rule, "line": self.line, "message": self.message}


class Choice:
    """Which rules are checked. ``error``: whether a broken one is an error."""

    skipped: set[str]
    experimental: set[str]
    error: bool

    def __init__(self, text: str = "") -> None:
        """Read a directive's text. :raises InvalidInput: for one that is not accepted."""
        self.skipped, self.experimental, self.error = set(), set(), False
        for part in text.split(";") if text.strip() else ():
            key, equals, value = (piece.strip() for piece in part.partition("="))
            if (
                not equals
                or key not in ("skip", "experimental", "error")
                or key == "error"
                and value.lower() not in ("true", "false", "1", "0")
            ):
                raise InvalidInput("check", text, _ACCEPTED)
            if key == "error":
                self.error = value.lower() in ("true", "1")
            else:
                (self.skipped if key == "skip" else self.experimental).update(
                    name.strip() for name in value.split(",")
                )

    def takes(self, rule: str) -> bool:
        chosen, everything = (
            (self.experimental, "all" in self.experimental)
            if rule in EXPERIMENTAL
            else (self.skipped, "all" in self.skipped)
        )
        return (everything or rule in chosen) == (rule in EXPERIMENTAL)

    def beside(self, comments: Iterable[str]) -> Choice:
        """Return this choice with those of comments right above an instruction; one that can't be
        read says nothing.
        """
        for comment in comments:
            key, equals, value = comment.partition("=")
            if key.strip().lower() == "check" and equals:
                try:
                    other = Choice(value.strip().partition(" ")[0])
                except InvalidInput:
                    return self
                other.skipped |= self.skipped
                other.experimental |= self.experimental
                return other
        return self


class Names(dict):
    """Variables and their values. ``missed``: names of undefined ones that were used, in order."""

    missed: list[str]

    def __init__(self, values: Mapping[str, str]) -> None:
        super().__init__(values)
        self.missed = []

    def get(self, name: str, default: Any = None) -> Any:
        if name not in self and name not in self.missed:
            self.missed.append(name)
        return super().get(name, default)


def check(
    engine: Engine, file: Containerfile, ignore: Ignore | None = None
) -> tuple[Choice, list[Finding]]:
    """Check a file. :param ignore: what the context's ignore file leaves out, or None.

    :returns: which rules were checked, and what was found, in the order of lines.
    :raises InvalidInput: for a directive that can't be read.
    """
    choice = Choice(file.build_args.get(ARGUMENT) or file.directives.get("check") or "")
    found = _Checks(engine, file, ignore, choice)
    found.all()
    return choice, sorted(found.findings, key=lambda finding: finding.line)


class _Inherited:
    """What a stage passes on to those based on it.

    ``names``: of its variables, or None where they are unknown.
    """

    def __init__(
        self, names: dict[str, str] | None, shell: bool = False, workdir: bool = False
    ) -> None:
        self.names, self.shell, self.workdir = names, shell, workdir


class _Checks:
    """The checks of one file."""

    findings: list[Finding]
    came_to: dict[int, _Inherited]

    def __init__(
        self, engine: Engine, file: Containerfile, ignore: Ignore | None, choice: Choice
    ) -> None:
        self.engine, self.file, self.ignore, self.choice = engine, file, ignore, choice
        self.findings, self.came_to, self.lexer = [], {}, expansion.Lexer(file.escape)

    def say(
        self, rule: str, instruction: Instruction, message: str, line: int | None = None
    ) -> None:
        if self.choice.beside(instruction.comments).takes(rule):
            self.findings.append(Finding(rule, self.file.name, line or instruction.line, message))

    def all(self) -> None:
        every = [
            instruction
            for stage in self.file.stages
            for instruction in [stage.instruction] + stage.commands
        ]
        self._casing(every)
        for instruction in self.file.before + every:
            self._any(instruction)
        seen: set[str] = set()
        for stage in self.file.stages:
            self._from(stage, seen)
            state = self._base(stage)
            self._commands(stage, state)
            self.came_to[stage.index] = state

    # ------------------------------------------------------------------------------ any instruction

    def _casing(self, every: list[Instruction]) -> None:
        """Check that names are all in capitals or all in small letters, as most of them are."""
        lower = sum(each.written == each.written.lower() for each in every)
        upper = sum(each.written == each.written.upper() for each in every)
        for each in every:
            wanted = each.written.lower() if lower > upper else each.written.upper()
            if each.written != wanted:
                self.say(
                    "ConsistentInstructionCasing",
                    each,
                    f"{each.written} is written "
                    f"{'in small letters' if lower > upper else 'in capitals'} elsewhere in this "
                    f"file: {wanted}",
                )

    def _any(self, instruction: Instruction) -> None:
        if instruction.gap:
            self.say(
                "NoEmptyContinuation",
                instruction,
                f"an empty line inside of a continued {instruction.name}: a later version of the "
                "language will not take it",
                instruction.end,
            )
        if instruction.name == "MAINTAINER":
            self.say(
                "MaintainerDeprecated",
                instruction,
                "MAINTAINER is out of date: LABEL org.opencontainers.image.authors=... says who "
                "made it",
            )
        if instruction.old_form:
            self.say(
                "LegacyKeyValueFormat",
                instruction,
                f"{instruction.name} with a blank between name and value is out of date: "
                f"{instruction.name} {instruction.args[0][0]}=...",
            )
        names = (
            [instruction.args[1]]
            if instruction.name == "FROM"
            else [key for key, _value in instruction.args]
            if instruction.name == "ARG"
            else []
        )
        if (
            names
            and names[0]
            and instruction.comments
            and instruction.comments[-1].split(" ")[0] not in names
        ):
            self.say(
                "InvalidDefinitionDescription",
                instruction,
                f"the comment above describes nothing: it would begin with {names[0]}",
            )

    # ----------------------------------------------------------------------------------------- FROM

    def _from(self, stage: Stage, seen: set[str]) -> None:
        instruction, parts = stage.instruction, stage.instruction.rest.split()
        if len(parts) == 3:
            if parts[2] != stage.name:
                self.say(
                    "StageNameCasing",
                    instruction,
                    f"the stage's name {parts[2]} should be in small letters",
                )
            as_, from_ = parts[1], instruction.written
            if from_ in (from_.lower(), from_.upper()) and as_ != (
                as_.lower() if from_ == from_.lower() else as_.upper()
            ):
                self.say("FromAsCasing", instruction, f"{from_} and {as_} are not written alike")
            if stage.name in RESERVED:
                self.say(
                    "ReservedStageName",
                    instruction,
                    f"{stage.name} has a meaning of its own and should not be the name of a stage",
                )
            if stage.name in seen:
                self.say(
                    "DuplicateStageName",
                    instruction,
                    f"there is a stage with the name {stage.name} above; from here on this one is "
                    "meant",
                )
            seen.add(stage.name)
        self._expanded_in_from(instruction, instruction.args[0])
        try:
            name = self.lexer.word(instruction.args[0], defaults(self.file))
            if not images.is_id(name):
                images.parse(name)
        except EngineError:
            self.say(
                "InvalidDefaultArgInFrom",
                instruction,
                f"{instruction.args[0]} names no image where no build arguments are given",
            )
        written = instruction.flags.get("platform")
        if written:
            self._platform(stage, instruction, written)

    def _platform(self, stage: Stage, instruction: Instruction, written: str) -> None:
        missed = self._expanded_in_from(instruction, written)
        if written in ("$TARGETPLATFORM", "${TARGETPLATFORM}"):
            self.say(
                "RedundantTargetPlatform",
                instruction,
                f"--platform={written} is what FROM has without it",
            )
        elif "$" not in written and not missed:
            try:
                system, architecture, _variant = manifest.parse_platform(written)
            except InvalidInput:
                return
            if system not in stage.name and architecture not in stage.name:
                self.say(
                    "FromPlatformFlagConstDisallowed",
                    instruction,
                    f"--platform={written} fixes the platform whatever is built for; with a "
                    "variable it would not, or the stage's name could say so",
                )

    def _expanded_in_from(self, instruction: Instruction, text: str) -> list[str]:
        names = Names(dict.fromkeys(list(self.file.meta) + list(self.file.platform_args), ""))
        self._expand(names, [text])
        for name in names.missed:
            self.say(
                "UndefinedArgInFrom",
                instruction,
                f"no ARG before the first FROM names {name}{_like(name, names, '')}",
            )
        return names.missed

    def _base(self, stage: Stage) -> _Inherited:
        if stage.base_stage is not None:
            above = self.came_to[stage.base_stage.index]
            return _Inherited(
                None if above.names is None else dict(above.names), above.shell, above.workdir
            )
        if stage.base == "scratch":
            return _Inherited({"PATH": DEFAULT_PATH})
        try:
            record = images.find(self.engine, stage.base)
        except EngineError:
            record = None
        if record is None:
            return _Inherited(None)
        try:
            wanted = manifest.parse_platform(
                stage.platform or self.file.platform_args.get("TARGETPLATFORM")
            )
        except InvalidInput:  # the build's own error
            return _Inherited(None)
        if not manifest.runs_on(record["config"], wanted):
            self.say(
                "InvalidBaseImagePlatform",
                stage.instruction,
                f"the image {stage.base} on this host is for "
                f"{record['config'].get('os')}/{record['config'].get('architecture')}, not for "
                f"{manifest.show_platform(wanted)}",
            )
        config = record["config"].get("config") or {}
        names = dict(
            {"PATH": DEFAULT_PATH},
            **dict(entry.partition("=")[::2] for entry in config.get("Env") or ()),
        )
        return _Inherited(names, bool(config.get("Shell")))

    # ----------------------------------------------------------------------------------- other ones

    def _commands(self, stage: Stage, state: _Inherited) -> None:
        once: dict[str, Instruction] = {}
        for instruction in stage.commands:
            name = instruction.name
            if name in ONCE:
                if name in once:
                    self.say(
                        "MultipleInstructionsDisallowed",
                        once[name],
                        f"a later {name} of this stage takes its place (line {instruction.line})",
                    )
                once[name] = instruction
            if name in ("CMD", "ENTRYPOINT") and not instruction.exec_form and not state.shell:
                self.say(
                    "JSONArgsRecommended",
                    instruction,
                    f"{name} as a line for the shell runs below a shell, which hands on no "
                    "signals; a JSON list of words does not",
                )
            state.shell = state.shell or name == "SHELL"
            if name in ("ARG", "ENV"):
                self._secret(instruction)
            if name == "EXPOSE":
                self._ports(instruction, state)
            if name == "WORKDIR":
                self._workdir(instruction, state)
            if (
                name in ("COPY", "ADD")
                and self.ignore
                and not self.ignore.takes_back
                and not instruction.flags.get("from")
            ):
                self._copied(instruction, state, self.ignore)
            self._variables(instruction, state)

    def _secret(self, instruction: Instruction) -> None:
        for key, _value in instruction.args:
            if _SECRET.search(key) and not _NO_SECRET.search(key):
                self.say(
                    "SecretsUsedInArgOrEnv",
                    instruction,
                    f"{instruction.name} {key}: what is secret stays readable in the image; RUN "
                    "--mount=type=secret shows it to a command alone",
                )

    def _expand(self, values: Mapping[str, str], texts: Iterable[str]) -> list[str]:
        """Return the words that ``texts`` expand to, as far as they can be read."""
        found = []
        for text in texts:
            try:
                found.append(self.lexer.word(text, values))
            except expansion.Trouble:  # the build's own error
                pass
        return found

    def _ports(self, instruction: Instruction, state: _Inherited) -> None:
        for word in self._expand(state.names or {}, instruction.args):
            port, slash, protocol = word.partition("/")
            if ":" in port:
                self.say(
                    "ExposeInvalidFormat",
                    instruction,
                    f"EXPOSE {word}: an address or a port of the host has no place here: "
                    f"{port.rpartition(':')[2]}{slash}{protocol}",
                )
            if protocol != protocol.lower():
                self.say(
                    "ExposeProtoCasing",
                    instruction,
                    f"EXPOSE {word}: the protocol should be in small letters",
                )

    def _workdir(self, instruction: Instruction, state: _Inherited) -> None:
        path = (self._expand(state.names or {}, instruction.args) or [""])[0]
        if not state.workdir and path and not path.startswith("/"):
            self.say(
                "WorkdirRelativePath",
                instruction,
                f"WORKDIR {path} goes on from the base image's directory, which may change with "
                "that: name an absolute one first",
            )
        state.workdir = True

    def _copied(self, instruction: Instruction, state: _Inherited, ignore: Ignore) -> None:
        for word in self._expand(state.names or {}, instruction.args[:-1]):
            path = word.strip("/")
            path = path[2:] if path.startswith("./") else path
            if (
                path not in ("", ".")
                and "<<" not in word
                and not git.is_git(word)
                and not add_url.is_remote(word)
                and ignore.ignores(path)
            ):
                self.say(
                    "CopyIgnoredFile",
                    instruction,
                    f"{instruction.name} {word}: the ignore file leaves it out",
                )

    def _variables(self, instruction: Instruction, state: _Inherited) -> None:
        """Check variables that have no value where they are used.

        RUN, CMD and ENTRYPOINT have a shell's variables, which are not checked.
        """
        if state.names is None:
            return
        names = Names(state.names)
        if instruction.name in ("ENV", "LABEL"):
            self._expand(names, [text for pair in instruction.args for text in pair])
        elif instruction.name == "ARG":
            self._expand(names, [value for _key, value in instruction.args if value is not None])
        elif instruction.name in ("ADD", "COPY"):
            flags = [instruction.flags.get(flag) or "" for flag in ("chown", "chmod", "checksum")]
            self._expand(names, flags + [word for word in instruction.args if "<<" not in word])
        elif instruction.name in ("EXPOSE", "STOPSIGNAL", "USER", "VOLUME", "WORKDIR"):
            self._expand(names, instruction.args)
        own = [key for key, _value in instruction.args] if instruction.name == "ARG" else []
        for name in names.missed:
            if name not in own:
                self.say(
                    "UndefinedVar",
                    instruction,
                    f"${name} has no value here{_like(name, names, '$')}",
                )
        if instruction.name in ("ARG", "ENV"):
            for key, value in instruction.args:
                value = self.file.build_args.get(key, value) if instruction.name == "ARG" else value
                state.names[key] = (
                    "".join(self._expand(names, [value]))
                    if value is not None
                    else state.names.get(key, "")
                )


def _like(name: str, names: Iterable[str], sign: str) -> str:
    found = difflib.get_close_matches(name, [each for each in names if each != name], 1, 0.75)
    return f" (did you mean {sign}{found[0]}?)" if found else ""
