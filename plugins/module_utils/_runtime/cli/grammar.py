# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A command line in Docker's manner, read by a table: words, flags, values, and a rest that is left
alone.

Docker's rules (pflag): ``-it`` is ``-i -t``; ``-e A=b``, ``-eA=b``, ``--env A=b`` and ``--env=A=b``
are one; a switch may be ``--rm=false``; ``--`` ends the flags; and where a command takes a command
of its own (``run IMAGE CMD...``), the flags end at the first word.
"""

from __future__ import annotations

import os

from ..errors import EngineError, InvalidInput

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from typing import Any


class UsageError(EngineError):
    """The command line is not one that the grammar knows; the message says what is accepted."""

    lines = True


class HelpAsked(Exception):
    """``--help`` was among the flags; the exception's text is the help."""


class Flag:
    """One flag of a command.

    :param names: ``-e, --env`` in Docker's help form; the first long name is its key.
    :param kind: ``switch`` (no value), ``value`` (the last one counts), ``list`` (each adds one).
    :param help: one line. :param option: the module option that it sets, where its name is another.
    :param on: whether a switch is on unless it is given as ``--name=false``.
    :param reads: how run_flags.py makes the option's value of what was said: one of its READERS, or
        as it stands.
    """

    names: list[str]
    kind: str
    help: str
    key: str
    option: str
    on: bool
    reads: str

    __slots__ = ("names", "kind", "help", "key", "option", "on", "reads")

    def __init__(
        self,
        names: str,
        kind: str = "switch",
        help: str = "",
        option: str | None = None,
        on: bool = False,
        reads: str = "",
    ) -> None:
        self.names = [name.strip() for name in names.split(",")]
        self.kind, self.help = kind, help
        self.key = (
            next((name for name in self.names if name.startswith("--")), self.names[0])
            .lstrip("-")
            .replace("-", "_")
        )
        self.option, self.on, self.reads = option or self.key, on, reads

    def initial(self) -> bool | str | list[str] | None:
        """Return the value where it is not given."""
        return {"switch": self.on, "value": None, "list": []}[self.kind]


class Command:
    """One command: ``volume ls``.

    :param words: its name, one or two words; aliases after commas: ``container ls, ps``.
    :param takes: its words' pattern for the help, e.g. ``IMAGE [COMMAND...]``; the number of
        capitals that are not in brackets is the least number, ``...`` means any number more, no
        word beyond the pattern is taken.
    :param function: ``module:function`` below ``commands``, called as ``function(session, given)``.
    :param rest: True where all after the first word belongs to another command.
    """

    names: list[str]
    takes: str
    help: str
    function: str
    flags: list[Flag]
    rest: bool

    __slots__ = ("names", "takes", "help", "function", "flags", "rest")

    def __init__(
        self,
        words: str,
        takes: str,
        help: str,
        function: str,
        flags: Iterable[Flag] = (),
        rest: bool = False,
    ) -> None:
        self.names = [name.strip() for name in words.split(",")]
        self.takes, self.help, self.function, self.flags, self.rest = (
            takes,
            help,
            function,
            list(flags),
            rest,
        )

    @property
    def limits(self) -> tuple[int, int | None]:
        """The least and the greatest number of words (None: no limit)."""
        words = self.takes.split()
        least = sum(1 for word in words if not word.startswith("["))
        return least, None if "..." in self.takes else len(words)

    def usage(self) -> str:
        return " ".join(
            filter(
                None,
                [
                    "Usage:  pycontainer",
                    self.names[0],
                    "[OPTIONS]" if self.flags else "",
                    self.takes,
                ],
            )
        )

    def page(self) -> str:
        """Return the help text."""
        lines = [self.usage(), "", self.help]
        if len(self.names) > 1:
            lines += ["", "Aliases:  " + ", ".join(self.names[1:])]
        if self.flags:
            rows = [
                (f"{', '.join(flag.names)} {'' if flag.kind == 'switch' else flag.kind}", flag.help)
                for flag in self.flags
            ]
            width = max(len(left) for left, _help in rows)
            lines += ["", "Options:"] + ["  %-*s  %s" % (width, left, text) for left, text in rows]
        return "\n".join(lines)


class Given:
    """What a command line said: ``words`` and, as attributes, the value of every flag of the
    command.
    """

    def __init__(self, command: Command, words: list[str], values: dict[str, Any]) -> None:
        self.command, self.words = command, words
        self.__dict__.update(values)
        self.values = values

    if TYPE_CHECKING:  # the flags of its command

        def __getattr__(self, name: str) -> Any: ...


def find(commands: Iterable[Command], argv: list[str]) -> tuple[Command, int] | None:
    """Return the command that ``argv`` begins with, and how many of its words name it; None when
    there is none.
    """
    for count in (2, 1):
        name = " ".join(argv[:count])
        for command in commands:
            if len(argv) >= count and name in command.names:
                return command, count
    return None


def parse(command: Command, argv: Sequence[str]) -> Given:
    """Read what follows a command's name.

    :raises UsageError: for an unknown flag, a missing value, or too few or too many words.
    :raises HelpAsked: for ``--help``.
    """
    by_name = {name: flag for flag in command.flags for name in flag.names}
    values = {flag.key: flag.initial() for flag in command.flags}
    words, rest = [], list(argv)
    while rest:
        item = rest.pop(0)
        if item == "--":
            words += rest
            break
        if item == "-" or not item.startswith("-"):
            words.append(item)
            if command.rest:
                words += rest
                break
        elif item == "--help" or (item == "-h" and item not in by_name):
            raise HelpAsked(command.page())
        elif item.startswith("--"):
            _long(command, by_name, values, item, rest)
        else:
            _short(command, by_name, values, item, rest)
    least, most = command.limits
    if len(words) < least or (most is not None and len(words) > most):
        raise UsageError(
            f"pycontainer {command.names[0]} takes {command.takes or 'no arguments'}, got "
            f"{len(words)} argument(s). {command.usage()}"
        )
    return Given(command, words, values)


def _long(
    command: Command, by_name: dict[str, Flag], values: dict[str, Any], item: str, rest: list[str]
) -> None:
    name, equals, value = item.partition("=")
    flag = _known(command, by_name, name)
    if flag.kind == "switch":
        values[flag.key] = _boolean(name, value) if equals else True
    else:
        _put(values, flag, value if equals else _next(command, name, rest))


def _short(
    command: Command, by_name: dict[str, Flag], values: dict[str, Any], item: str, rest: list[str]
) -> None:
    letters = item[1:]
    while letters:
        name, letters = "-" + letters[0], letters[1:]
        flag = _known(command, by_name, name)
        if flag.kind == "switch":
            values[flag.key] = True
        else:
            _put(
                values,
                flag,
                (letters[1:] if letters.startswith("=") else letters) or _next(command, name, rest),
            )
            return


def _known(command: Command, by_name: dict[str, Flag], name: str) -> Flag:
    if name not in by_name:
        accepted = ["--" + flag.key.replace("_", "-") for flag in command.flags]
        raise UsageError(
            "unknown flag %s for pycontainer %s%s"
            % (
                name,
                command.names[0],
                nearest(name, accepted, f"pycontainer {command.names[0]} --help"),
            )
        )
    return by_name[name]


def nearest(word: str, accepted: Sequence[str], more: str) -> str:
    """Return the end of a sentence that refuses ``word``: what is accepted, where that is little;
    else what was perhaps meant, and the command ``more`` that lists all.
    """
    if len(accepted) <= 16:
        return "; accepted: " + (", ".join(accepted) or "none")
    close = near(word, accepted)
    meant = (
        f"; did you mean {', '.join(close[:-1])}{' or ' * (len(close) > 1)}{close[-1]}?"
        if close
        else ";"
    )
    return f"{meant} {more} lists all"


def near(word: str, names: Iterable[str]) -> list[str]:
    """Return the names that ``word`` is a slip of the finger away from, or the beginning of: at
    most four, and only the nearest.
    """
    bare = word.lstrip("-").lower()
    limit = 1 if len(bare) < 5 else 2
    found: dict[str, int] = {}
    for name in names:
        other = name.lstrip("-")
        away = distance(bare, other) if abs(len(bare) - len(other)) <= limit else limit + 1
        if away <= limit and away < len(bare):
            found[name] = away
        elif len(bare) > 2 and other.startswith(bare):
            found[name] = limit + 1
    least = min(found.values(), default=0)
    return [name for name, away in found.items() if away == least][:4]


def distance(one: str, other: str) -> int:
    """Return how many characters are to be changed, added, left out or exchanged with the next one
    to make one word of the other (the restricted Damerau-Levenshtein distance).
    """
    rows = [list(range(len(other) + 1))]
    for i, letter in enumerate(one, 1):
        row = [i]
        for j, its in enumerate(other, 1):
            least = min(rows[-1][j] + 1, row[-1] + 1, rows[-1][j - 1] + (letter != its))
            if i > 1 and j > 1 and letter == other[j - 2] and one[i - 2] == its:
                least = min(least, rows[-2][j - 2] + 1)
            row.append(least)
        rows.append(row)
    return rows[-1][-1]


def _next(command: Command, name: str, rest: list[str]) -> str:
    if not rest:
        raise UsageError(f"flag {name} of pycontainer {command.names[0]} needs a value")
    return rest.pop(0)


def _put(values: dict[str, Any], flag: Flag, value: str) -> None:
    values[flag.key] = values[flag.key] + [value] if flag.kind == "list" else value


def _boolean(name: str, value: str) -> bool:
    if value.lower() not in ("true", "false", "1", "0"):
        raise UsageError(f"flag {name} takes true or false, not {value!r}")
    return value.lower() in ("true", "1")


def check_place(text: str | None, name: str) -> None:
    """Check that a file can be written at the path ``text`` of flag ``name``; None is no path.

    :raises InvalidInput: where it can't.
    """
    if text and (os.path.isdir(text) or not os.path.isdir(os.path.dirname(os.path.abspath(text)))):
        raise InvalidInput(name, text, "a file in a directory that exists")


def whole(text: str, name: str, least: int = 0) -> int:
    """Read a whole number from ``least`` on. :raises UsageError: when ``text`` is none."""
    if not (text[1:] if text.startswith("-") else text).isdecimal() or int(text) < least:
        raise UsageError(f"flag {name} takes a whole number, not {text!r}")
    return int(text)


def pairs(items: Iterable[str]) -> dict[str, str]:
    """Return ``key=value`` items as a map; a key alone has an empty value."""
    return dict(item.partition("=")[::2] for item in items)
