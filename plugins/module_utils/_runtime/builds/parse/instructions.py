# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Instructions of a Containerfile, checked one by one: flags, forms, numbers of arguments.

Variables are not expanded yet.

Source: the Dockerfile reference, instruction by instruction.
"""

from __future__ import annotations

import re

from ... import units
from ...errors import EngineError, InvalidInput
from ...untrusted import json_reader
from ...untrusted.text import without_userinfo
from . import expansion
from .lines import BadFile, Raw, heredoc_of, split_flags

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from .lines import Heredoc


SWITCH, VALUE, LIST = "switch", "value", "list"
FLAGS = {
    "FROM": {"platform": VALUE},
    "RUN": {"mount": LIST, "network": VALUE, "security": VALUE, "device": LIST},
    "COPY": {
        "from": VALUE,
        "chown": VALUE,
        "chmod": VALUE,
        "link": SWITCH,
        "parents": SWITCH,
        "exclude": LIST,
    },
    "ADD": {
        "chown": VALUE,
        "chmod": VALUE,
        "link": SWITCH,
        "checksum": VALUE,
        "exclude": LIST,
        "unpack": SWITCH,
        "keep-git-dir": SWITCH,
    },
    "HEALTHCHECK": {
        "interval": VALUE,
        "timeout": VALUE,
        "start-period": VALUE,
        "start-interval": VALUE,
        "retries": VALUE,
    },
}
NAMES = (
    "ADD",
    "ARG",
    "CMD",
    "COPY",
    "ENTRYPOINT",
    "ENV",
    "EXPOSE",
    "FROM",
    "HEALTHCHECK",
    "LABEL",
    "MAINTAINER",
    "ONBUILD",
    "RUN",
    "SHELL",
    "STOPSIGNAL",
    "USER",
    "VOLUME",
    "WORKDIR",
)
_STAGE_NAME = re.compile(r"[a-z][a-z0-9-_.]*")


class Instruction:
    """One instruction.

    :ivar name: in capitals.
    :ivar flags: ``{name: value}``: a string, a bool of a switch, or a list of strings.
    :ivar args: by instruction: words; ``[(key, value)]`` of ENV, LABEL and ARG (value None: no
        ``=``); one string of USER, WORKDIR and the like.
    :ivar exec_form: whether RUN, CMD, ENTRYPOINT was a JSON list.
    :ivar rest: the arguments as written.
    :ivar line, end: numbers of its first and last line, from 1.
    :ivar trigger: of ONBUILD, the instruction that it holds.
    :ivar written, comments, gap, original: as of :class:`lines.Raw`.
    :ivar old_form: whether ENV or LABEL has a blank for the ``=``.
    """

    name: str
    line: int
    end: int
    rest: str
    heredocs: list[Heredoc]
    original: str
    written: str
    comments: list[str]
    gap: bool
    flags: dict[str, Any]
    args: list[Any]
    exec_form: bool
    trigger: Instruction | None
    old_form: bool

    def __init__(self, raw: Raw) -> None:
        self.name, self.line, self.end = raw.name, raw.line, raw.end
        self.rest, self.heredocs, self.original = raw.rest, raw.heredocs, raw.original
        self.written, self.comments, self.gap = raw.written, raw.comments, raw.gap
        self.flags, self.args, self.exec_form, self.trigger, self.old_form = (
            {},
            [],
            False,
            None,
            False,
        )

    @property
    def title(self) -> str:
        """The instruction on one line, for progress and errors, without passwords of addresses."""
        flags = "".join(
            " --%s%s" % (name, "" if value is True else f"={value}")
            for name, values in self.flags.items()
            if values is not False
            for value in (values if isinstance(values, list) else [values])
        )
        return without_userinfo(" ".join(f"{self.name}{flags} {self.rest}".split()))


def parse(raw: Raw, escape: str = "\\") -> Instruction:
    """Check an instruction as written. :raises BadFile: with its line."""
    instruction = Instruction(raw)
    try:
        if raw.name not in NAMES:
            raise expansion.Trouble(f"unknown instruction: {raw.name}; known: {', '.join(NAMES)}")
        instruction.flags = _flags(raw) if not _without_flags(raw) else {}
        _ARGUMENTS[raw.name](instruction, escape)
    except (expansion.Trouble, InvalidInput) as error:
        raise BadFile(raw.line, str(error)) from None
    return instruction


def _without_flags(raw: Raw) -> bool:
    """Tell whether flags are ignored here: STOPSIGNAL and HEALTHCHECK NONE accept any."""
    return raw.name == "STOPSIGNAL" or raw.name == "HEALTHCHECK" and raw.rest.upper() == "NONE"


def _flags(raw: Raw) -> dict[str, Any]:
    known: dict[str, str] = FLAGS.get(raw.name, {})
    found: dict[str, Any] = {}
    for name, written in raw.flags:
        value: Any = written
        kind = known.get(name)
        if kind is None:
            raise expansion.Trouble(
                f"{raw.name}: unknown flag --{name}; known: "
                f"{', '.join(('--' + each for each in known)) or 'none'}"
            )
        if kind == SWITCH:
            if value is not None and value.lower() not in ("true", "false"):
                raise expansion.Trouble(
                    f"{raw.name}: flag --{name} takes true or false, not {value!r}"
                )
            value = value is None or value.lower() == "true"
        elif value is None:
            raise expansion.Trouble(f"{raw.name}: flag --{name} needs a value")
        if kind == LIST:
            found.setdefault(name, []).append(value)
        elif name in found:
            raise expansion.Trouble(f"{raw.name}: flag --{name} is given twice")
        else:
            found[name] = value
    return found


# ---------------------------------------------------------------------------------------- arguments


def json_words(text: str) -> list[str] | None:
    """Return the list of strings that ``text`` begins with in JSON, or None where it is something
    else.

    :raises Trouble: for a JSON list of other things.
    """
    text = text.strip()
    if not text.startswith("["):
        return None
    try:
        found = json_reader.load(text, "the list", kind=list, more=True)
    except EngineError:
        return None
    if not all(isinstance(item, str) for item in found):
        raise expansion.Trouble("in the JSON form all words must be strings in double quotes")
    return found


def _need(instruction: Instruction, text: str = "at least one argument") -> None:
    if not instruction.rest:
        raise expansion.Trouble(f"{instruction.name} needs {text}")


def _one(instruction: Instruction, _escape: str) -> None:
    _need(instruction, "exactly one argument")
    instruction.args = [instruction.rest.strip()]


def _command(instruction: Instruction, _escape: str) -> None:
    """Parse RUN, CMD, ENTRYPOINT: a JSON list or a line for the shell."""
    if instruction.name == "RUN":
        _need(instruction)
        _check_run(instruction)
    listed = None if instruction.heredocs else json_words(instruction.rest)
    instruction.exec_form = listed is not None
    instruction.args = (
        listed if listed is not None else [instruction.rest] if instruction.rest else []
    )
    if instruction.name == "RUN" and not instruction.args:
        raise expansion.Trouble("RUN needs a command")


def _check_run(instruction: Instruction) -> None:
    network, security = instruction.flags.get("network"), instruction.flags.get("security")
    if instruction.flags.get("device"):
        raise expansion.Trouble(
            f"RUN: --device={instruction.flags['device'][0]} is not accepted: a build has no "
            "devices of the host"
        )
    if network not in (None, "default", "none", "host"):
        raise expansion.Trouble(
            f"RUN: --network={network} is not accepted; accepted: default, none, host"
        )
    if security not in (None, "sandbox", "insecure"):
        raise expansion.Trouble(
            f"RUN: --security={security} is not accepted; accepted: sandbox, insecure"
        )


def _from(instruction: Instruction, _escape: str) -> None:
    parts = instruction.rest.split()
    if len(parts) not in (1, 3) or len(parts) == 3 and parts[1].lower() != "as":
        raise expansion.Trouble("FROM takes an image, or: IMAGE AS NAME")
    if len(parts) == 3 and not _STAGE_NAME.fullmatch(parts[2].lower()):
        raise expansion.Trouble(
            f"FROM: invalid name for a stage: {parts[2]!r}; accepted: a letter, then letters, "
            "digits, - _ and ."
        )
    instruction.args = [parts[0], parts[2].lower() if len(parts) == 3 else ""]


def _pairs(instruction: Instruction, escape: str) -> None:
    """Parse ENV and LABEL: key=value ..., or the old form: key, blank, all the rest."""
    _need(instruction)
    found = expansion.split(instruction.rest, escape)
    if "=" not in found[0]:
        parts = instruction.rest.split(None, 1)
        if len(parts) < 2:
            raise expansion.Trouble(
                f"{instruction.name} must have two arguments, or the form key=value"
            )
        instruction.args, instruction.old_form = [(parts[0], parts[1])], True
        return
    for word in found:
        key, equals, value = word.partition("=")
        if not equals:
            raise expansion.Trouble(
                f"{instruction.name}: {word!r} has no =; all must have the form key=value"
            )
        if not key:
            raise expansion.Trouble(f"{instruction.name}: names can not be blank")
        instruction.args.append((key, value))


def _arg(instruction: Instruction, escape: str) -> None:
    _need(instruction)
    for word in expansion.split(instruction.rest, escape):
        key, equals, value = word.partition("=")
        if not key:
            raise expansion.Trouble("ARG: names can not be blank")
        instruction.args.append((key, value if equals else None))


def _list(instruction: Instruction, _escape: str) -> None:
    """Parse VOLUME: a JSON list, or words."""
    _need(instruction)
    listed = json_words(instruction.rest)
    instruction.args = [
        word.strip() for word in (listed if listed is not None else instruction.rest.split())
    ]
    if not all(instruction.args) or not instruction.args:
        raise expansion.Trouble("VOLUME: a volume can't be an empty string")


def _files(instruction: Instruction, _escape: str) -> None:
    """Parse COPY and ADD: sources and a destination.

    Every blank ends a word: names with blanks need the JSON form.
    """
    listed = json_words(instruction.rest)
    instruction.args = listed if listed is not None else instruction.rest.split()
    if len(instruction.args) < 2:
        raise expansion.Trouble(
            f"{instruction.name} needs at least two arguments: a source and a destination"
        )
    source = instruction.flags.get("from") or ""
    if "$" in source[:-1]:
        raise expansion.Trouble(
            f"{instruction.name}: --from={source}: variables have no values there; FROM has them: "
            "make a stage of it"
        )
    if instruction.heredocs and heredoc_of(instruction.args[-1]) is not None:
        raise expansion.Trouble(
            f"{instruction.name}: the destination {instruction.args[-1]} can't be a here-document"
        )


def _expose(instruction: Instruction, _escape: str) -> None:
    _need(instruction)
    instruction.args = sorted(instruction.rest.split())


def _shell(instruction: Instruction, _escape: str) -> None:
    instruction.args = json_words(instruction.rest) or []
    if not instruction.args:
        raise expansion.Trouble("SHELL needs the JSON form: a list of words in double quotes")


def _health(instruction: Instruction, _escape: str) -> None:
    _need(instruction)
    kind, rest = _head(instruction.rest)
    if kind == "NONE":
        if rest:
            raise expansion.Trouble("HEALTHCHECK NONE takes no arguments")
        instruction.args = ["NONE"]
        return
    if kind != "CMD":
        raise expansion.Trouble(f"HEALTHCHECK: unknown type {kind}; known: CMD, NONE")
    listed = json_words(rest)
    if not rest or listed is not None and not listed:
        raise expansion.Trouble("HEALTHCHECK CMD needs a command")
    instruction.exec_form = listed is not None
    instruction.args = ["CMD"] + listed if listed is not None else ["CMD-SHELL", rest]
    for flag in ("interval", "timeout", "start-period", "start-interval"):
        if instruction.flags.get(flag):
            instruction.flags[flag] = _duration(instruction.flags[flag], flag)
    retries = instruction.flags.get("retries")
    if retries:
        if not re.fullmatch("[0-9]{1,9}", retries):
            raise expansion.Trouble(f"HEALTHCHECK: --retries={retries} is not a number")
        instruction.flags["retries"] = int(retries)


def _head(text: str) -> tuple[str, str]:
    """Return the first word in capitals, and what follows."""
    parts = text.split(None, 1)
    return parts[0].upper(), parts[1] if len(parts) > 1 else ""


def _duration(text: str, flag: str) -> float:
    """Return the seconds of a time in Go's form (``1m30s``). Every number but 0 needs a unit."""
    if re.fullmatch(r"\d+(\.\d+)?", text) and float(text):
        raise expansion.Trouble(
            f"HEALTHCHECK: --{flag}={text} has no unit; accepted: a time such as 30s or 1m30s"
        )
    seconds = units.duration(text, "HEALTHCHECK --" + flag)
    if 0 < seconds < 0.001:
        raise expansion.Trouble(f"HEALTHCHECK: --{flag}={text} is less than 1ms")
    return seconds


def _onbuild(instruction: Instruction, escape: str) -> None:
    _need(instruction, "an instruction")
    name, rest = _head(instruction.rest)
    if name in ("ONBUILD", "FROM", "MAINTAINER"):
        raise expansion.Trouble(
            f"{name} isn't allowed as an ONBUILD trigger"
            if name != "ONBUILD"
            else "chaining ONBUILD via ONBUILD ONBUILD isn't allowed"
        )
    flags, rest = split_flags(rest.strip(), escape)
    instruction.trigger = parse(
        Raw(
            name,
            rest,
            flags,
            instruction.heredocs,
            instruction.line,
            instruction.end,
            instruction.original,
        ),
        escape,
    )


_ARGUMENTS = {
    "ADD": _files,
    "ARG": _arg,
    "CMD": _command,
    "COPY": _files,
    "ENTRYPOINT": _command,
    "ENV": _pairs,
    "EXPOSE": _expose,
    "FROM": _from,
    "HEALTHCHECK": _health,
    "LABEL": _pairs,
    "MAINTAINER": _one,
    "ONBUILD": _onbuild,
    "RUN": _command,
    "SHELL": _shell,
    "STOPSIGNAL": _one,
    "USER": _one,
    "VOLUME": _list,
    "WORKDIR": _one,
}
