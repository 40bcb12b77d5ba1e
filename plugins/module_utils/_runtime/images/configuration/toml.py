# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The part of TOML 1.0 that configuration files use, for Pythons before 3.11 (tomllib), and the
same on all.

Tables, arrays of tables, dotted and quoted keys, strings (also of several lines), whole numbers,
booleans, arrays and inline tables. Dates, times and fractions are refused by name, not misread.
"""

from __future__ import annotations

import re

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection
    from typing import Any


_BARE = re.compile(r"[A-Za-z0-9_-]+")
_SPACE = re.compile(r"(?:[ \t\r\n]|#[^\n]*)*")
_LINE_SPACE = re.compile(r"[ \t]*")
_LINE_END = re.compile(r"[ \t]*(?:#[^\n]*)?(?:\r?\n|\Z)")
_WORD = re.compile(r"[0-9A-Za-z_.:+-]+")
_LONGEST_NUMBER = 80  # characters: 64 bits in binary with some underscores
_NUMBER = re.compile(
    r"[+-]?(?:0|[1-9](?:_?[0-9])*)|0x[0-9A-Fa-f](?:_?[0-9A-Fa-f])*|0o[0-7](?:_?[0-7])*|0b[01](?:_?[01])*"
)
_ESCAPES = {"b": "\b", "t": "\t", "n": "\n", "f": "\f", "r": "\r", '"': '"', "\\": "\\"}
MAX_DEPTH = 50


class TomlError(ValueError):
    """What is wrong, and in which line."""


def loads(text: str) -> dict[str, Any]:
    """Read a document. :raises TomlError: where it is none."""
    return _Reader(text).document()


class _Reader:
    def __init__(self, text: str) -> None:
        self.text, self.at, self.depth = text.replace("\r\n", "\n"), 0, 0
        self.closed: set[int] = (
            set()
        )  # ids of tables that nothing may be added to: inline ones, and those with a header of their own

    def wrong(self, what: str) -> TomlError:
        return TomlError("line %d: %s" % (self.text.count("\n", 0, self.at) + 1, what))

    def document(self) -> dict[str, Any]:
        root: dict[str, Any] = {}
        fixed: set[int] = set()
        table = root
        while True:
            self.take(_SPACE)
            if self.at >= len(self.text):
                return root
            if self.text.startswith("[[", self.at):
                table = self.array_table(root, fixed)
            elif self.text.startswith("[", self.at):
                table = self.table(root, fixed)
            else:
                self.pair(table, fixed)
            self.end_of_line()

    def take(self, pattern: re.Pattern[str]) -> str | None:
        match = pattern.match(self.text, self.at)
        if match is None:
            return None
        self.at = match.end()
        return match.group()

    def expect(self, token: str) -> None:
        if not self.text.startswith(token, self.at):
            raise self.wrong(f"{token!r} is missing")
        self.at += len(token)

    def end_of_line(self) -> None:
        if self.take(_LINE_END) is None:
            raise self.wrong("something follows where the line should end")

    # --- tables and keys ---

    def table(self, root: dict[str, Any], fixed: set[int]) -> dict[str, Any]:
        self.expect("[")
        keys = self.keys()
        self.expect("]")
        parent = self.descend(root, keys[:-1])
        found = parent.setdefault(keys[-1], {})
        if not isinstance(found, dict) or id(found) in fixed:
            raise self.wrong(f"{'.'.join(keys)} is defined twice")
        fixed.add(id(found))
        return found

    def array_table(self, root: dict[str, Any], fixed: set[int]) -> dict[str, Any]:
        self.expect("[[")
        keys = self.keys()
        self.expect("]]")
        parent = self.descend(root, keys[:-1])
        found = parent.setdefault(keys[-1], _Tables())
        if not isinstance(found, _Tables):
            raise self.wrong(f"{'.'.join(keys)} is defined twice")
        found.append({})
        fixed.add(id(found[-1]))
        return found[-1]

    def descend(self, table: dict[str, Any], keys: list[str]) -> dict[str, Any]:
        for key in keys:
            table = table.setdefault(key, {})
            if isinstance(table, _Tables):
                table = table[-1]
            if not isinstance(table, dict) or id(table) in self.closed:
                raise self.wrong(f"{key} is no table that can be added to")
        return table

    def keys(self) -> list[str]:
        found = []
        while True:
            self.take(_LINE_SPACE)
            if self.text.startswith(('"""', "'''"), self.at):
                raise self.wrong("a key is a string of several lines, which none may be")
            if self.text[self.at : self.at + 1] in ('"', "'"):
                found.append(self.string())
            else:
                bare = self.take(_BARE)
                if bare is None:
                    raise self.wrong("a key is missing")
                found.append(bare)
            self.take(_LINE_SPACE)
            if not self.text.startswith(".", self.at):
                return found
            self.at += 1

    def pair(self, table: dict[str, Any], fixed: Collection[int]) -> None:
        keys = self.keys()
        self.expect("=")
        self.take(_LINE_SPACE)
        for key in keys[:-1]:
            table = table.setdefault(key, {})
            if not isinstance(table, dict) or id(table) in self.closed or id(table) in fixed:
                raise self.wrong(f"{key} is no table that can be added to")
        if keys[-1] in table:
            raise self.wrong(f"{'.'.join(keys)} is defined twice")
        table[keys[-1]] = self.value()

    # --- values ---

    def value(self) -> Any:
        start = self.text[self.at : self.at + 1]
        if start in ('"', "'"):
            return self.string()
        for word, value in (("true", True), ("false", False)):
            if self.text.startswith(word, self.at):
                self.at += len(word)
                return value
        if start in ("[", "{"):
            self.depth += 1
            if self.depth > MAX_DEPTH:
                raise self.wrong("nested too deep")
            found = self.array() if start == "[" else self.inline()
            self.depth -= 1
            return found
        at, number = self.at, self.take(_WORD) or ""
        if len(number) > _LONGEST_NUMBER or not _NUMBER.fullmatch(number):
            self.at = at
            raise self.wrong(
                "a value is missing, or is of a kind that is not read here: strings, whole "
                "numbers, true, false, arrays and tables are"
            )
        return int(number.replace("_", ""), 0)

    def array(self) -> list[Any]:
        found: list[Any] = []
        self.expect("[")
        while True:
            self.take(_SPACE)
            if self.text.startswith("]", self.at):
                self.at += 1
                return found
            found.append(self.value())
            self.take(_SPACE)
            if not self.text.startswith("]", self.at):
                self.expect(",")

    def inline(self) -> dict[str, Any]:
        found: dict[str, Any] = {}
        first = True
        self.expect("{")
        while True:
            self.take(_LINE_SPACE)
            if first and self.text.startswith("}", self.at):
                break
            self.pair(found, ())
            first = False
            self.take(_LINE_SPACE)
            if self.text.startswith("}", self.at):
                break
            self.expect(",")
        self.at += 1
        self._close(found)
        return found

    def _close(self, table: dict[str, Any]) -> None:
        self.closed.add(id(table))
        for value in table.values():
            if isinstance(value, dict):
                self._close(value)

    def string(self) -> str:
        quote = self.text[self.at]
        if self.text.startswith(quote * 3, self.at):
            return self.long_string(quote)
        end = self.at + 1
        while end < len(self.text) and self.text[end] not in (quote, "\n"):
            end += 2 if quote == '"' and self.text[end] == "\\" else 1
        if self.text[end : end + 1] != quote:
            raise self.wrong("a string does not end")
        inner, self.at = self.text[self.at + 1 : end], end + 1
        return self.unescaped(inner) if quote == '"' else inner

    def long_string(self, quote: str) -> str:
        start, end = self.at + 3, self.at + 3
        while not self.text.startswith(quote * 3, end):
            if end >= len(self.text):
                raise self.wrong("a string does not end")
            end += 2 if quote == '"' and self.text[end] == "\\" else 1
        while self.text.startswith(
            quote * 4, end
        ):  # quotes before the end belong to the string, two at most
            end += 1
        inner, self.at = self.text[start:end], end + 3
        inner = inner[1:] if inner.startswith("\n") else inner
        return (
            self.unescaped(re.sub(r"(?<!\\)((?:\\\\)*)\\[ \t]*\n\s*", r"\1", inner))
            if quote == '"'
            else inner
        )

    def unescaped(self, text: str) -> str:
        def one(match: re.Match[str]) -> str:
            letter = match.group(1)
            if letter in _ESCAPES:
                return _ESCAPES[letter]
            code = match.group(2) or match.group(3)
            if code is None or int(code, 16) > 0x10FFFF or 0xD800 <= int(code, 16) <= 0xDFFF:
                raise self.wrong(f"\\{letter} is not known in a string")
            return chr(int(code, 16))

        return re.sub(r"\\(u([0-9A-Fa-f]{4})|U([0-9A-Fa-f]{8})|.|\Z)", one, text, flags=re.S)


class _Tables(list):
    """An array that [[headers]] made; one that is a value can't be added to."""
