# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Read the headers of a registry's answers: bounded, and from left to right once (RFC 9110, RFC
8288).
"""

from __future__ import annotations

from ...errors import RegistryError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from http.client import HTTPMessage


LONGEST = 8192  # bytes of one header that is looked at
_TOKEN = frozenset("!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ")
_BLANKS = " \t"


class Headers:
    """An answer's headers, by names in any case.

    :param host: who sent them, for sentences.
    :raises RegistryError: from both methods, for a header that is longer than any that a registry
        has a use for.
    """

    def __init__(self, message: HTTPMessage, host: str) -> None:
        self._message, self._host = message, host

    def get(self, name: str, default: str | None = None) -> str | None:
        return next(iter(self.get_all(name)), default)

    def get_all(self, name: str) -> list[str]:
        values = [str(value) for value in self._message.get_all(name) or ()]
        if sum(map(len, values)) > LONGEST:
            raise RegistryError(
                f"{self._host} sent a header {name} of {sum(map(len, values))} bytes; at most "
                f"{LONGEST} are accepted"
            )
        return values


def number(text: str | None, otherwise: int | None = None) -> int | None:
    """Read a whole number that is not negative and has at most 18 digits; return ``otherwise`` for
    anything else.
    """
    text = (text or "").strip(_BLANKS)
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 18 else otherwise


def challenges(values: Iterable[str]) -> list[tuple[str, dict[str, str]]]:
    """Read WWW-Authenticate headers (RFC 9110, 11.6.1), each of which may hold several challenges.

    :returns: schemes in lower case, with their parameters.
    """
    found: list[tuple[str, dict[str, str]]] = []
    for value in values:
        scanner = _Scanner(value)
        current: dict[str, str] | None = None
        while scanner.skip(_BLANKS + ","):
            word = scanner.token()
            if not word:
                break
            scanner.skip(_BLANKS)
            if not scanner.take("="):
                current = {}
                found.append((word.lower(), current))
                continue
            scanner.skip(_BLANKS)
            text = scanner.value(_BLANKS + ',"')
            if text is None or current is None:
                break
            current[word.lower()] = text
    return found


def next_page(values: Iterable[str]) -> str | None:
    """Return the target of a Link header with rel="next" (RFC 8288), or None."""
    for value in values:
        scanner = _Scanner(value)
        while scanner.skip(_BLANKS + ",") and scanner.take("<"):
            target = scanner.until(">")
            if target is None:
                break
            if "next" in _relations(scanner):
                return target
    return None


def _relations(scanner: _Scanner) -> list[str]:
    """Return the words of the first ``rel`` among a link's parameters, and leave the scanner behind
    them.
    """
    relations = None
    while scanner.skip(_BLANKS) and scanner.take(";"):
        scanner.skip(_BLANKS)
        name = scanner.token()
        scanner.skip(_BLANKS)
        text: str | None = ""
        if scanner.take("="):
            scanner.skip(_BLANKS)
            text = scanner.value(_BLANKS + ',;"')
        if name.lower() == "rel" and relations is None:
            relations = (text or "").lower().split()
    return relations or []


class _Scanner:
    def __init__(self, text: str) -> None:
        self.text, self.at = text, 0

    def skip(self, characters: str) -> bool:
        """Pass these characters. Return whether anything is left."""
        while self.at < len(self.text) and self.text[self.at] in characters:
            self.at += 1
        return self.at < len(self.text)

    def take(self, character: str) -> bool:
        if self.text.startswith(character, self.at):
            self.at += 1
            return True
        return False

    def token(self) -> str:
        start = self.at
        while self.at < len(self.text) and self.text[self.at] in _TOKEN:
            self.at += 1
        return self.text[start : self.at]

    def until(self, character: str) -> str | None:
        """Return what stands before ``character`` and pass both; None where there is none."""
        end = self.text.find(character, self.at)
        if end < 0:
            return None
        found, self.at = self.text[self.at : end], end + 1
        return found

    def value(self, ends: str) -> str | None:
        """Return a quoted string without its quotes, or what stands before one of ``ends``; None
        for a quoted string that does not end.
        """
        if not self.take('"'):
            start = self.at
            while self.at < len(self.text) and self.text[self.at] not in ends:
                self.at += 1
            return self.text[start : self.at]
        found: list[str] = []
        while self.at < len(self.text):
            character = self.text[self.at]
            self.at += 1
            if character == '"':
                return "".join(found)
            if character == "\\" and self.at < len(self.text):
                character = self.text[self.at]
                self.at += 1
            found.append(character)
        return None
