# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Search texts of others by a user's regular expression, in time that grows with the product of their lengths.

Python's own matcher tries one way after another through an expression. Here all ways are followed at once, as Go does it.
What only the other kind of matcher can do, references and looking around, is refused.
"""

from __future__ import annotations

import re

try:
    from re import _parser as parser  # type: ignore[attr-defined]
except ImportError:  # before Python 3.11
    import sre_parse as parser

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Any

MOST = 5000  # places in an expression, repetitions written out
_CATEGORIES: dict[str, Callable[[str], bool]] = {
    "DIGIT": str.isdecimal,
    "SPACE": str.isspace,
    "WORD": lambda character: character.isalnum() or character == "_",
}


class Unusable(Exception):
    """It is no regular expression, or none that can be followed so; the message says why."""


class Expression:
    """A regular expression that has been read.

    Places of it are numbers. ``_steps``: ``{place: (what one character has to be, next place)}``. ``_free``: ``{place: [(where
    this is possible, next place)]}``, without a character.
    """

    def __init__(self, text: str) -> None:
        """:raises Unusable: see there."""
        try:
            tree = parser.parse(text)
            self._steps: dict[int, tuple[Callable[[str], bool], int]] = {}
            self._free: dict[int, list[tuple[str, int]]] = {}
            self._places = 1
            self._blind = bool(tree.state.flags & re.IGNORECASE)
            self._dots = bool(tree.state.flags & re.DOTALL)
            self._end = self._sequence(tree, 0)
        except re.error as error:
            raise Unusable(str(error)) from None
        except RecursionError:
            raise Unusable("it is nested too deeply") from None

    def found_in(self, text: str) -> bool:
        """Whether any part of a text fits."""
        reached: set[int] = set()
        for at in range(len(text) + 1):
            reached = self._closed({0} | reached, text, at)
            if self._end in reached:
                return True
            if at < len(text):
                steps = [self._steps[place] for place in reached if place in self._steps]
                reached = {following for fits, following in steps if fits(text[at])}
        return False

    def _closed(self, places: set[int], text: str, at: int) -> set[int]:
        """The places with those that are reached from them without a character."""
        found, waiting = set(places), list(places)
        while waiting:
            for condition, following in self._free.get(waiting.pop(), ()):
                if following not in found and (not condition or _holds(condition, text, at)):
                    found.add(following)
                    waiting.append(following)
        return found

    # ---------------------------------------------------------------------------------- how it is read

    def _new(self) -> int:
        self._places += 1
        if self._places > MOST:
            raise Unusable(f"it has more than {MOST} places when its repetitions are written out")
        return self._places

    def _jump(self, start: int, end: int, condition: str = "") -> None:
        self._free.setdefault(start, []).append((condition, end))

    def _sequence(self, tree: Iterable[Any], start: int) -> int:
        """Put a sequence behind a place; return the place behind it."""
        for kind, value in tree:
            start = self._one(str(kind), value, start)
        return start

    def _one(self, kind: str, value: Any, start: int) -> int:
        end = self._new()
        if kind in ("LITERAL", "NOT_LITERAL", "ANY", "IN"):
            self._steps[start] = (self._test(kind, value), end)
        elif kind == "AT":
            self._jump(start, end, str(value))
        elif kind == "BRANCH":
            for branch in value[1]:
                self._jump(self._from(branch, start), end)
        elif kind == "SUBPATTERN" and not value[1] and not value[2]:
            self._jump(self._sequence(value[3], start), end)
        elif kind in ("MAX_REPEAT", "MIN_REPEAT"):
            self._repeat(value, start, end)
        else:
            raise Unusable(f"{kind.lower().replace('_', ' ')} can't be followed in linear time")
        return end

    def _from(self, tree: Iterable[Any], start: int) -> int:
        """Put a sequence behind a place that others begin at as well; return the place behind it."""
        first = self._new()
        self._jump(start, first)
        return self._sequence(tree, first)

    def _repeat(self, value: Any, start: int, end: int) -> None:
        low, high, tree = value
        for _number in range(low):
            start = self._from(tree, start)
        if str(high) == "MAXREPEAT":
            again = self._new()
            self._jump(start, again)
            self._jump(self._from(tree, again), again)
            start = again
        else:
            for _number in range(high - low):
                self._jump(start, end)
                start = self._from(tree, start)
        self._jump(start, end)

    def _test(self, kind: str, value: Any) -> Callable[[str], bool]:
        if kind == "ANY":
            return (
                (lambda _character: True) if self._dots else (lambda character: character != "\n")
            )
        if kind == "IN":
            negated = str(value[0][0]) == "NEGATE"
            tests = [self._member(str(item), what) for item, what in value[negated:]]
            return lambda character: any(test(character) for test in tests) != negated
        test = self._member("LITERAL", value)
        return test if kind == "LITERAL" else lambda character: not test(character)

    def _member(self, kind: str, value: Any) -> Callable[[str], bool]:
        if kind == "CATEGORY":
            name = str(value).rpartition("_")[2]
            test, negated = _CATEGORIES[name], "_NOT_" in str(value)
            return lambda character: test(character) != negated
        low, high = value if kind == "RANGE" else (value, value)
        if self._blind:
            return lambda character: any(
                len(each) == 1 and low <= ord(each) <= high
                for each in (character, character.lower(), character.upper())
            )
        return lambda character: low <= ord(character) <= high


def _holds(condition: str, text: str, at: int) -> bool:
    """Whether a condition such as ``^`` is true between two characters."""
    word = _CATEGORIES["WORD"]
    edge = (at > 0 and word(text[at - 1])) != (at < len(text) and word(text[at]))
    return {
        "AT_BEGINNING": at == 0,
        "AT_BEGINNING_STRING": at == 0,
        "AT_END": at == len(text),
        "AT_END_STRING": at == len(text),
        "AT_BOUNDARY": edge,
        "AT_NON_BOUNDARY": not edge,
    }[condition]
