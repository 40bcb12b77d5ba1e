# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Expand words of a Containerfile: quotes, escapes and ``$variables`` of an instruction's
arguments.

The rules are those of BuildKit's front end (Dockerfile reference, "Environment replacement"): a
shell's words without commands. Single quotes keep everything, double quotes keep blanks, the escape
character keeps the next character.
"""

from __future__ import annotations

import re

from ...errors import EngineError
from ...untrusted import patterns

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping


SPECIAL = "@*#?-$!0"  # a shell's special parameters: names of one character
MAX_WORD = (
    1 << 20
)  # characters that variables may add to one word; execve(2) takes no argument of more than 128 KiB
MAX_WORDS = 16 << 20  # and to all words of one reader


class Trouble(EngineError):
    """An error of a build, as a sentence. The caller that knows the line of the Containerfile adds
    it.
    """


class Lexer:
    """Reads words.

    :param escape: the escape character. :param raw: keep quotes and escapes as they are written.
    :param skip_unset: leave variables that have no value as they are written.
    :param quotes: False for a here-document: quotes are characters like others.

    What variables add is bounded, by word and in all: ``ENV x=$x$x`` doubles with each line.
    """

    def __init__(
        self, escape: str = "\\", raw: bool = False, skip_unset: bool = False, quotes: bool = True
    ) -> None:
        self.escape, self.raw, self.skip_unset, self.quotes = escape, raw, skip_unset, quotes
        self.added = 0

    def word(self, text: str, values: Mapping[str, str]) -> str:
        """Read ``text`` as one word, blanks and all.

        :param values: ``{name: value}``.
        :raises Trouble: for one that can't be read.
        """
        return _Scan(self, text, values).whole()[0]

    def words(self, text: str, values: Mapping[str, str]) -> list[str]:
        """Split ``text`` at blanks that are not quoted, those of variables' values too.

        :raises Trouble: for what can't be read.
        """
        return _Scan(self, text, values).whole()[1]


class _Words:
    """Collects characters to words."""

    found: list[str]
    current: list[str]
    open: bool

    def __init__(self) -> None:
        self.found, self.current, self.open = [], [], False

    def literal(self, text: str) -> None:
        """Take characters that belong to a word in any case."""
        self.current.append(text)
        self.open = True

    def plain(self, text: str) -> None:
        """Take characters, of which blanks end a word."""
        for character in text:
            if character.isspace():
                self.end()
            else:
                self.literal(character)

    def end(self) -> None:
        if self.open:
            self.found.append("".join(self.current))
        self.current, self.open = [], False


MAX_DEPTH = 50  # of substitutions in substitutions


class _Scan:
    """One reading of a text by a Lexer."""

    def __init__(self, lexer: Lexer, text: str, values: Mapping[str, str]) -> None:
        self.depth, self.added = 0, 0
        self.lexer, self.text, self.values, self.at = lexer, text, values, 0
        self.words = _Words()

    def peek(self) -> str:
        return self.text[self.at : self.at + 1]

    def next(self) -> str:
        character = self.peek()
        self.at += 1
        return character

    def whole(self) -> tuple[str, list[str]]:
        """Read all. :returns: the text as one word, and its words."""
        result = self.until("", False)
        self.words.end()
        return result, self.words.found

    def until(self, stop: str, keep_escapes: bool) -> str:
        """Read up to the character ``stop`` ("": to the end) and over it."""
        out: list[str] = []
        while self.at < len(self.text):
            character = self.peek()
            if stop and character == stop:
                self.next()
                return "".join(out)
            if character == "'" and self.lexer.quotes:
                part = self.single()
                self.words.literal(part)
            elif character == '"' and self.lexer.quotes:
                part = self.double()
                self.words.literal(part)
            elif character == "$":
                part = self.dollar()
                self.words.plain(part)
            elif self.text.startswith("<<", self.at):
                part = self.heredoc()
            else:
                part = self.other(keep_escapes)
            out.append(part)
        if stop:
            raise Trouble(f"syntax error: missing {stop!r}")
        return "".join(out)

    def heredoc(self) -> str:
        """Read ``<<`` and blanks after it: one word with what follows."""
        start = self.at
        self.at += 2
        while self.peek() and self.peek() in " \t\r":
            self.next()
        part = self.text[start : self.at]
        self.words.literal(part)
        return part

    def other(self, keep_escapes: bool) -> str:
        character = self.next()
        if character != self.lexer.escape:
            self.words.plain(character)
            return character
        if self.at >= len(self.text):
            if self.lexer.raw or keep_escapes:
                self.words.literal(character)
                return character
            return ""
        if self.lexer.raw or keep_escapes:
            character += self.next()
        else:
            character = self.next()
        self.words.literal(character)
        return character

    def single(self) -> str:
        self.next()
        end = self.text.find("'", self.at)
        if end < 0:
            raise Trouble("unexpected end of statement while looking for matching single-quote")
        inner = self.text[self.at : end]
        self.at = end + 1
        return f"'{inner}'" if self.lexer.raw else inner

    def double(self) -> str:
        opening = self.next()
        out = [opening] if self.lexer.raw else []
        while True:
            character = self.peek()
            if not character:
                raise Trouble("unexpected end of statement while looking for matching double-quote")
            if character == '"':
                self.next()
                if self.lexer.raw:
                    out.append(character)
                return "".join(out)
            if character == "$":
                saved, self.words = self.words, _Words()  # what a value holds is quoted here
                out.append(self.dollar())
                self.words = saved
                continue
            self.next()
            if character == self.lexer.escape:
                following = self.peek()
                if not following:
                    raise Trouble(
                        "unexpected end of statement while looking for matching double-quote"
                    )
                if self.lexer.raw:
                    out.append(character)
                elif following not in ('"', "$", self.lexer.escape):
                    out.append(character)
                character = self.next()
            out.append(character)

    # ------------------------------------------------------------------------------------ variables

    def value(self, name: str) -> str | None:
        return self.values.get(name)

    def counted(self, value: str) -> str:
        """Return the value of a variable that becomes a part of the word.

        :raises Trouble: where that grows too long.
        """
        self.added += len(value)
        self.lexer.added += len(value)
        if self.added > MAX_WORD:
            raise Trouble(f"the variables in it make a text of more than {MAX_WORD} characters")
        if self.lexer.added > MAX_WORDS:
            raise Trouble(
                (
                    f"the variables of this file have added more than {MAX_WORDS} characters to its "
                    "instructions"
                )
            )
        return value

    def dollar(self) -> str:
        start = self.at
        self.next()
        if self.peek() != "{":
            name = self.name()
            if not name:
                return "$"
            value = self.value(name)
            if value is None:
                return "$" + name if self.lexer.skip_unset else ""
            return self.counted(value)
        self.next()
        if not self.peek():
            raise Trouble("syntax error: missing '}'")
        if self.peek() in "{}:":
            raise Trouble("syntax error: bad substitution")
        saved, self.words = self.words, _Words()
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise Trouble(f"syntax error: substitutions are nested deeper than {MAX_DEPTH}")
        result = self.braces(self.name())
        self.depth -= 1
        self.words = saved
        if result is None:  # unset, and to be left alone
            return self.text[start : self.at]
        return self.counted(result)

    def braces(self, name: str) -> str | None:
        """Read what follows ``${name``. :returns: its value; None for what is unset and stays."""
        value, modifier = self.value(name), self.next()
        if not modifier:
            raise Trouble("syntax error: missing '}'")
        if modifier == "}":
            return (None if self.lexer.skip_unset else "") if value is None else value
        if modifier == "/":
            return self.replaced(value)
        empty_counts = modifier != ":"
        sign = modifier if empty_counts else self.next()
        if sign not in ("+-?#%" if empty_counts else "+-?") or not sign:
            raise Trouble(
                f"unsupported modifier ({modifier if empty_counts else modifier + sign}) in "
                "substitution"
            )
        word = self.until("}", sign in "#%")
        if value is None and self.lexer.skip_unset:
            return None
        there = value is not None and (empty_counts or value != "")
        if sign == "-":
            return value if there else word
        if sign == "+":
            return word if there else ""
        if sign == "?":
            if not there:
                raise Trouble(
                    "%s: %s"
                    % (
                        name,
                        word or "is not allowed to be %s" % ("unset" if value is None else "empty"),
                    )
                )
            return value
        longest = word[:1] == sign
        return trimmed(value or "", word[1:] if longest else word, sign == "%", longest)

    def replaced(self, value: str | None) -> str | None:
        everywhere = self.peek() == "/"
        if everywhere:
            self.next()
        pattern = self.until("/", True)
        text = self.until("}", True)
        if value is None:
            return None if self.lexer.skip_unset else ""
        return patterns.shell(pattern, Trouble).replace(value, text, everywhere, self.counted)

    def name(self) -> str:
        character = self.peek()
        if character and character in SPECIAL and not character.isdigit():
            return self.next()
        if character.isdigit():
            pattern = r"[0-9]+"
        else:
            pattern = r"[^\W\d]\w*"
        match = re.compile(pattern).match(self.text, self.at)
        if match is None:
            return ""
        self.at = match.end()
        return match.group()


def trimmed(value: str, pattern: str, at_end: bool, longest: bool) -> str:
    """Return ``value`` without what ``pattern`` matches at its end or beginning."""
    compiled = patterns.shell(pattern, Trouble)
    found = compiled.suffixes(value) if at_end else compiled.ends(value)
    if found is None:
        return value
    return value[: found[0 if longest else 1]] if at_end else value[found[1 if longest else 0] :]


def split(text: str, escape: str = "\\") -> list[str]:
    """Split ``text`` at blanks that are neither quoted nor escaped; quotes and escapes stay as they
    are written.
    """
    found, word, quote, at = [], [], "", 0
    while at < len(text):
        character = text[at]
        at += 1
        if character == escape and at < len(text) and quote != "'":
            word.append(character + text[at])
            at += 1
            continue
        if quote:
            quote = "" if character == quote else quote
        elif character in "'\"":
            quote = character
        elif character.isspace():
            if word:
                found.append("".join(word))
            word = []
            continue
        word.append(character)
    if word:
        found.append("".join(word))
    return found
