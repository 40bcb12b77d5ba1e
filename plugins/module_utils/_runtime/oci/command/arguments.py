# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Read the command line of ``pycontainer-oci``, which is runc's.

Each command's options are in its own file.

An option is written ``--name value``, ``--name=value``, ``-n value`` or ``-nvalue``; flags with one
letter can be put together. In a table of options: ``name``, ``name|n`` with a letter, then ``=``
for a value, ``=#`` for a number, ``=*`` for one that can be given several times; nothing for a
flag.
"""

from __future__ import annotations

from ...errors import EngineError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence
    from typing import Any

    Find = Callable[[str], "Command"]

GLOBAL = (
    "root=",
    "log=",
    "log-format=",
    "debug",
    "systemd-cgroup",
    "cgroup-manager=",
    "rootless=",
    "criu=",
    "version|v",
    "help|h",
)


class Usage(EngineError):
    """The call is not one of the commands and options."""

    lines = True


class Command:
    """How a command is called.

    ``summary``: what it does. ``arguments``: their names, for the help. ``least``, ``most``: how
    many there are; ``most`` None: any number. ``options``: a table as above. ``in_order``: what
    follows the first argument is another program's.
    """

    __slots__ = ("summary", "arguments", "least", "most", "options", "in_order")

    def __init__(
        self,
        summary: str,
        arguments: str,
        least: int,
        most: int | None,
        options: Sequence[str] = (),
        in_order: bool = False,
    ) -> None:
        self.summary = summary
        self.arguments = arguments
        self.least = least
        self.most = most
        self.options = options
        self.in_order = in_order


class Call:
    """One call. ``call[name]`` is the value of an option of the command.

    ``command``: its name, None for none. ``options``: the global ones. ``given``: the command's, by
    name. ``arguments``: the rest. An option that is not given is False (a flag), 0 (a number), []
    (several times) or None.
    """

    def __init__(
        self,
        command: str | None,
        options: dict[str, Any],
        given: dict[str, Any],
        arguments: list[str],
    ) -> None:
        self.command = command
        self.options = options
        self.given = given
        self.arguments = arguments

    def __getitem__(self, name: str) -> Any:
        return self.given[name]


def parse(argv: Sequence[str], names: Collection[str], find: Find) -> Call:
    """Return the Call of an argument list without the program's name.

    :param names: of the commands. :param find: returns the Command of a name.
    :raises Usage: it is no call of these.
    """
    options, rest = _take(GLOBAL, argv, True, "")
    if not rest:
        return Call(None, options, {}, [])
    name = rest[0]
    if name in ("help", "h"):
        options["help"] = True
        return Call(rest[1] if len(rest) > 1 and rest[1] in names else None, options, {}, [])
    if name not in names:
        if "-h" in rest or "--help" in rest:
            raise Usage(f"No help topic for '{name}'; there are: {', '.join(names)}")
        raise Usage(f"unknown command {name!r}; known: {', '.join(names)}")
    command = find(name)
    table = (*command.options, "help|h")
    given, arguments = _take(table, rest[1:], command.in_order, name + ": ")
    if not given["help"]:
        _check_count(name, command, arguments)
    return Call(name, options, given, arguments)


def _check_count(name: str, command: Command, arguments: list[str]) -> None:
    """:raises Usage: there are too few or too many arguments."""
    if len(arguments) < command.least:
        why = "an argument is missing"
    elif command.most is not None and len(arguments) > command.most:
        why = f"too many arguments: {' '.join(arguments[command.most :])}"
    else:
        return
    raise Usage(f"{name}: {why}; usage: {usage(name, command)}")


def usage(name: str, command: Command) -> str:
    return " ".join(filter(None, ("pycontainer-oci", name, "[OPTION...]", command.arguments)))


def help_text(name: str | None, names: Collection[str], find: Find) -> str:
    """Return what ``--help`` prints, laid out as runc's.

    :param name: of a command, None for all. Others as of ``parse``.
    """
    table: Sequence[str]
    if name is None:
        lines = [
            "NAME:",
            "   pycontainer-oci, with the commands of runc - Open Container Initiative runtime",
            "",
            "USAGE:",
            "   pycontainer-oci [OPTION...] COMMAND [OPTION...] [ARGUMENT...]",
            "",
            "COMMANDS:",
        ]
        lines += [f"   {each:10} {find(each).summary}" for each in names]
        table = GLOBAL
    else:
        command = find(name)
        lines = [
            "NAME:",
            f"   pycontainer-oci {name}, the same as runc {name} - {command.summary}",
            "",
            "USAGE:",
            "   " + usage(name, command),
        ]
        table = command.options
    if table:
        lines += ["", "OPTIONS:"]
        for option, (letter, kind) in _read(table)[0].items():
            value = {"": "", "=": " VALUE", "=#": " NUMBER", "=*": " VALUE"}[kind]
            short = f"-{letter}, " if letter else "    "
            often = " (several times)" if kind == "=*" else ""
            lines.append(f"   {short}--{option}{value}{often}")
    return "\n".join(lines) + "\n"


def _read(table: Sequence[str]) -> tuple[dict[str, tuple[str, str]], dict[str, str]]:
    """Return ``({name: (letter or "", kind)}, {letter: name})`` of a table."""
    known, letters = {}, {}
    for entry in table:
        names, equals, kind = entry.partition("=")
        name, _bar, letter = names.partition("|")
        known[name] = (letter, equals + kind)
        if letter:
            letters[letter] = name
    return known, letters


_EMPTY = {"": False, "=": None, "=#": 0}


def _take(
    table: Sequence[str], argv: Sequence[str], in_order: bool, where: str
) -> tuple[dict[str, Any], list[str]]:
    """Read the options at the front of ``argv`` (``in_order``), or anywhere in it.

    :param where: begins a sentence. :returns: ``({name: value}, [the rest])``. :raises Usage:
    """
    known, letters = _read(table)
    found: dict[str, Any] = {
        name: [] if kind == "=*" else _EMPTY[kind] for name, (_letter, kind) in known.items()
    }
    rest: list[str] = []
    words = list(argv)
    while words:
        word = words.pop(0)
        if word == "--":
            rest += words
            break
        if word[:1] != "-" or word == "-":
            rest.append(word)
            if in_order:
                rest += words
                break
            continue
        name, equals, value = word.lstrip("-").partition("=")
        if word[:2] != "--" and name not in known:
            if name[:1] in letters and known[letters[name[0]]][1] == "" and len(name) > 1:
                words[:0] = ["-" + name[0], "-" + word[2:]]  # flags together
                continue
            if name[:1] in letters and len(name) > 1:
                equals, value = "=", word[2:]
            name = letters.get(name[:1], "")
        if name not in known:
            all_known = ", ".join("--" + each for each in known)
            raise Usage(f"{where}unknown option {word}; known: {all_known}")
        kind = known[name][1]
        if kind == "":
            if equals and value not in ("true", "false", "1", "0"):
                raise Usage(f"{where}option --{name} is a flag: {value!r} is not accepted")
            found[name] = value not in ("false", "0")
            continue
        if not equals:
            if not words:  # runc's words are among these: podman looks for them
                raise Usage(f"{where}option --{name} needs a value (flag needs an argument)")
            value = words.pop(0)
        if kind == "=*":
            found[name].append(value)
        else:
            found[name] = _number(where, name, value) if kind == "=#" else value
    return found, rest


def _number(where: str, name: str, text: str) -> int:
    if not text.isascii() or not text.isdigit() or len(text) > 18:
        raise Usage(f"{where}option --{name}: {text!r} is not a number")
    return int(text)
