# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Match wildcards of others: a text against a pattern takes at most the product of their lengths, whatever they hold.

A regular expression tries each way to share a text out among the stars of a pattern. Here all ways are followed at once: the places in the pattern that
can have been reached are the bits of a number, and each character of the text moves them. An expression, which is faster, is used where it has one way.
"""

from __future__ import annotations

import re

from ..errors import EngineError
from .text import printable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Union

    Token = tuple[str, Union[str, re.Pattern[str], None]]
    Fault = Callable[[str], Exception]

# kinds of tokens: one character; any number of them but slashes; any number of them; nothing, or any number of them up to a slash
_ONE, _STAR, _ALL, _DEEP = "one", "star", "all", "deep"
_EXPRESSIONS = {_STAR: "[^/]*", _ALL: ".*", _DEEP: "(?:.*/)?"}
_ESCAPABLE = "*?\\$}'\"{}/"


class Malformed(EngineError):
    """A pattern can't be read."""


class Pattern:
    """A pattern that :func:`path` or :func:`shell` has read.

    :param tokens: ``[(kind, value)]``; a value of ``_ONE`` is the character, or the compiled expression of those that fit.
    """

    def __init__(self, tokens: list[Token]) -> None:
        self.tokens: list[Token] = []
        for token in tokens:
            if token[0] == _ONE or self.tokens[-1:] != [token]:  # two stars are one
                self.tokens.append(token)
        self._least = sum(kind == _ONE for kind, _value in self.tokens)
        self._expression: re.Pattern[str] | None = None
        self._judged = self._prepared = False  # whether an expression may be used; see _prepare

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Pattern) and self.tokens == other.tokens

    def __hash__(self) -> int:
        return hash(tuple(self.tokens))

    def fits(self, text: str) -> bool:
        """Whether the whole text fits."""
        if len(text) < self._least:
            return False
        if not self._judged:
            self._judged = True
            self._expression = self._compiled() if self._has_one_way() else None
        if self._expression is not None:
            return self._expression.fullmatch(text) is not None
        reached = 0
        for reached, _at in self._reached(text, 0):
            pass
        return bool(reached & self._end)

    def ends(self, text: str, start: int = 0) -> tuple[int, int] | None:
        """Where a match that begins at ``start`` can end: ``(first, last)``; None where nothing fits."""
        found = [at for reached, at in self._reached(text, start) if reached & self._end]
        return (found[0], found[-1]) if found else None

    def suffixes(self, text: str) -> tuple[int, int] | None:
        """Where a match that ends at the end of ``text`` can begin: ``(first, last)``; None where nothing fits."""
        found = Pattern(self.tokens[::-1]).ends(text[::-1])
        return (len(text) - found[1], len(text) - found[0]) if found else None

    def replace(
        self,
        text: str,
        replacement: str,
        everywhere: bool = False,
        counted: Callable[[str], object] | None = None,
    ) -> str:
        """``text`` with what matches replaced: the first, or every one; each as long as it can be. Nothing right behind a match is not a match.

        :param counted: called with each text that is put in, to raise an exception where it becomes too much.
        """
        backwards = Pattern(self.tokens[::-1])
        starts = [
            len(text) - at
            for reached, at in backwards._reached(text[::-1], 0, True)
            if reached & backwards._end
        ]
        out, done = [], -1
        for start in reversed(starts):
            if start < done:
                continue
            found = self.ends(text, start)
            if found is None:  # it begins a match backwards, so that can't be
                continue
            end = found[1]
            if start == end == done:
                continue
            if counted is not None:
                counted(replacement)
            out.append(text[max(done, 0) : start] + replacement)
            done = end
            if not everywhere:
                break
        return "".join(out) + text[max(done, 0) :]

    def _has_one_way(self) -> bool:
        """Whether there is no more than one place for each star to end, so that an expression does not go back and forth."""
        tokens = self.tokens[:-1] if self.tokens[-1:] == [(_ALL, None)] else self.tokens
        if sum(kind != _ONE for kind, _value in tokens) < 2:
            return True
        stars = deep = 0
        for kind, value in tokens:
            stars = 0 if value == "/" else stars + (kind == _STAR)  # of this component
            deep += kind == _DEEP
            if kind == _ALL or stars > 1 or deep > 1 or (kind == _DEEP and stars):
                return False
        return True

    def _compiled(self) -> re.Pattern[str]:
        return re.compile(
            "".join(
                _EXPRESSIONS[kind]
                if kind != _ONE
                else re.escape(value)
                if isinstance(value, str)
                else value.pattern
                if value is not None
                else ""
                for kind, value in self.tokens
            ),
            re.DOTALL,
        )

    def _reached(self, text: str, start: int, anywhere: bool = False) -> Iterator[tuple[int, int]]:
        """``(places in the pattern that are reached, place in the text)``, from ``start`` on, until nothing can fit any more.

        :param anywhere: a match may begin at each place of the text.
        """
        if not self._prepared:
            self._prepare()
        first = reached = self._closed(1)
        deep = reached & self._of[_DEEP]
        yield reached, start
        for at in range(start, len(text)):
            character = text[at]
            moved = (reached & self._fitting(character)) << 1 | (reached & self._of[_ALL])
            moved |= deep << 1 if character == "/" else reached & self._of[_STAR]
            reached = self._closed(moved) | (first if anywhere else 0)
            deep |= reached & self._of[_DEEP]
            if not reached and not deep:
                break
            yield reached, at + 1
        else:
            return
        yield 0, len(text)

    def _closed(self, reached: int) -> int:
        """With what is reached where stars stand for nothing: an addition carries over all stars in a row."""
        return reached | ((self._empty + (reached & self._empty)) ^ self._empty)

    def _prepare(self) -> None:
        """Note the pattern's places as bits: those of each character, class and kind of star."""
        self._prepared = True
        self._end = 1 << len(self.tokens)
        self._masks: dict[str, int] = {}
        self._classes: dict[re.Pattern[str], int] = {}
        self._of = {_STAR: 0, _ALL: 0, _DEEP: 0}
        for at, (kind, value) in enumerate(self.tokens):
            if kind != _ONE:
                self._of[kind] |= 1 << at
            elif isinstance(value, str):
                self._masks[value] = self._masks.get(value, 0) | 1 << at
            elif value is not None:
                self._classes[value] = self._classes.get(value, 0) | 1 << at
        self._empty = self._of[_STAR] | self._of[_ALL] | self._of[_DEEP]
        self._known: dict[str, int] = {}

    def _fitting(self, character: str) -> int:
        """The places of the pattern that this character fits."""
        known = self._known.get(character)
        if known is None:
            known = self._masks.get(character, 0)
            for fitting, mask in self._classes.items():
                if fitting.match(character):
                    known |= mask
            if len(self._known) < 256:
                self._known[character] = known
        return known


def path(
    pattern: str, deep: bool = False, error: Fault = Malformed, closing: bool = True
) -> Pattern:
    """A pattern of file names as Go's filepath.Match has it: ``*``, ``?``, ``[a-z]``, ``[^a-z]``, none of which is a slash; ``\\`` keeps the next character.

    :param deep: ``**`` is any number of directories, as in .dockerignore. :param error: the class to raise.
    :param closing: take a ``]`` right after its ``[`` as a member; else refuse it, as filepath.Match does. :raises Malformed:
    """
    tokens: list[Token] = []
    at = 0
    while at < len(pattern):
        character = pattern[at]
        at += 1
        if character == "*":
            if deep and pattern[at : at + 1] == "*":
                at += 2 if pattern[at + 1 : at + 2] == "/" else 1
                tokens.append((_ALL if at == len(pattern) else _DEEP, None))
            else:
                tokens.append((_STAR, None))
        elif character == "?":
            tokens.append((_ONE, _NO_SLASH))
        elif character == "[":
            fitting, at = _class(pattern, at, error, closing)
            tokens.append((_ONE, fitting))
        elif character == "\\":
            if at == len(pattern):
                raise error(f"the pattern '{printable(pattern)}' ends with an escape")
            tokens.append((_ONE, pattern[at]))
            at += 1
        else:
            tokens.append((_ONE, character))
    return Pattern(tokens)


def shell(pattern: str, error: Fault = Malformed) -> Pattern:
    """A pattern of a shell's substitution: ``*`` and ``?`` are anything, ``\\`` keeps the next character. :raises Malformed:"""
    tokens: list[Token] = []
    at = 0
    while at < len(pattern):
        character = pattern[at]
        at += 1
        if character == "\\":
            if at == len(pattern):
                raise error(f"invalid pattern '{printable(pattern)}': it ends with an escape")
            if pattern[at] not in _ESCAPABLE:
                raise error(
                    f"invalid escape \\{printable(pattern[at])} in the pattern "
                    f"'{printable(pattern)}'"
                )
            tokens.append((_ONE, pattern[at]))
            at += 1
        else:
            tokens.append(_WILD.get(character, (_ONE, character)))
    return Pattern(tokens)


_NO_SLASH, _ANY = re.compile("[^/]"), re.compile(".", re.DOTALL)
_WILD: dict[str, Token] = {"*": (_ALL, None), "?": (_ONE, _ANY)}  # of a shell


def _class(pattern: str, at: int, error: Fault, closing: bool) -> tuple[re.Pattern[str], int]:
    """``[...]`` from after its bracket: ``(compiled expression, where it ends)``."""
    negated = pattern[at : at + 1] == "^"
    start = at = at + negated
    out = []
    while True:
        if at >= len(pattern):
            raise error(f"the pattern '{printable(pattern)}' has a [ without its ]")
        if pattern[at] == "]" and (at > start or not closing):
            if at == start:
                raise error(f"the pattern '{printable(pattern)}' has brackets with nothing in them")
            break
        low, at = _member(pattern, at, error)
        high = low
        if pattern[at : at + 1] == "-" and pattern[at + 1 : at + 2] not in ("", "]"):
            high, at = _member(pattern, at + 1, error)
        if low > high:
            raise error(
                f"the pattern '{printable(pattern)}' has a range that is the wrong way round"
            )
        out.append(re.escape(low) if low == high else f"{re.escape(low)}-{re.escape(high)}")
    return re.compile(f"(?!/)[{'^' if negated else ''}{''.join(out)}]"), at + 1


def _member(pattern: str, at: int, error: Fault) -> tuple[str, int]:
    if pattern[at] == "\\":
        at += 1
    if at >= len(pattern):
        raise error(f"the pattern '{printable(pattern)}' has a [ without its ]")
    return pattern[at], at + 1
