# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Patterns of file names: those of .dockerignore, and those of COPY.

COPY has Go's ``filepath.Match``; .dockerignore has the same with ``**`` and ``!``.
"""

from __future__ import annotations

import re

from ...untrusted import patterns as untrusted
from .expansion import Trouble

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from ...untrusted.patterns import Pattern


def has_wildcard(text: str) -> bool:
    """Tell whether a COPY source is a pattern."""
    at = 0
    while at < len(text):
        if text[at] == "\\":
            at += 1
        elif text[at] in "*?[":
            return True
        at += 1
    return False


def unescaped(text: str) -> str:
    """Return a COPY source without wildcards, its escapes read."""
    return re.sub(r"\\(.)", r"\1", text)


def component(pattern: str) -> Pattern:
    """Compile the pattern of one name. :raises Trouble: for a malformed one."""
    return untrusted.path(pattern, error=Trouble)


def clean(path: str) -> str:
    """Return a pattern or path without ``.``, doubled slashes and ``..`` that go back; as Go's
    path.Clean, relative.
    """
    parts: list[str] = []
    for part in path.split("/"):
        if part == ".." and parts and parts[-1] != "..":
            parts.pop()
        elif part not in ("", "."):
            parts.append(part)
    return "/".join(parts)


class Ignore:
    """The patterns of a .dockerignore. The last one that matches a path, or a directory above it,
    decides.

    :param lines: the patterns, in order.
    :param rooted: whether a leading slash is ignored; else a pattern with one matches nothing.
    :ivar takes_back: whether some pattern begins with ``!``.
    :raises Trouble: for a malformed pattern.
    """

    rules: list[tuple[bool, Pattern]]
    _beginnings: list[list[Pattern] | None]

    def __init__(self, lines: Iterable[str], rooted: bool = True) -> None:
        self.rules = []  # (whether it takes back, untrusted.patterns.Pattern)
        # the patterns of the components of each ``!`` pattern, or None for anything
        self._beginnings = []
        for line in lines:
            pattern = line.strip()
            if not pattern or line.startswith("#") or pattern.startswith("/") and not rooted:
                continue
            back = pattern.startswith("!")
            pattern = clean(pattern[back:].strip())
            if not pattern:
                if back and not line.strip()[1:].strip():
                    raise Trouble('illegal exclusion pattern: "!"')
                continue  # "." or "/": the whole context can't be left out
            self.rules.append((back, untrusted.path(pattern, True, Trouble)))
            if back:
                self._beginnings.append(_components(pattern))
        self.takes_back = bool(self._beginnings)

    def __bool__(self) -> bool:
        return bool(self.rules)

    def ignores(self, path: str) -> bool:
        """Tell whether ``path`` (relative) is left out, by itself or by a directory above it."""
        above, parts = None, path.split("/")
        for count in range(1, len(parts) + 1):
            left_out, above = self.state("/".join(parts[:count]), above)
        return left_out

    def state(self, path: str, above: list[bool] | None = None) -> tuple[bool, list[bool]]:
        """Match one path.

        :param above: which rules match its directory; these match all below it.
        :returns: whether it is left out, and which rules match it.
        """
        left_out, matched = False, []
        for index, (back, compiled) in enumerate(self.rules):
            hit = bool(above and above[index])
            if not hit:
                hit = compiled.fits(path)
            matched.append(hit)
            if hit:
                left_out = not back
        return left_out, matched

    def may_hold(self, directory: str) -> bool:
        """Tell whether a ``!`` pattern can take back something below an ignored directory."""
        names = directory.split("/")
        return any(
            parts is None
            or len(parts) > len(names)
            and all(part.fits(name) for part, name in zip(parts, names))
            for parts in self._beginnings
        )


def _components(pattern: str) -> list[Pattern] | None:
    try:
        return None if "**" in pattern else [component(part) for part in pattern.split("/")]
    except Trouble:  # a slash in brackets
        return None


def read_ignore(data: bytes) -> list[str]:
    """Return the lines of an ignore file."""
    return data.decode("utf-8-sig", "surrogateescape").replace("\r\n", "\n").split("\n")
