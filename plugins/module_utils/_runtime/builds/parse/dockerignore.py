# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Patterns of file names: those of COPY (Go's filepath.Match) and those of .dockerignore (the same, with ``**`` and ``!``)."""

from __future__ import annotations

import re

from ...untrusted import patterns as untrusted
from .expansion import Trouble


def has_wildcard(text):
    """Whether a COPY source is a pattern."""
    at = 0
    while at < len(text):
        if text[at] == "\\":
            at += 1
        elif text[at] in "*?[":
            return True
        at += 1
    return False


def unescaped(text):
    """A COPY source without wildcards, its escapes read."""
    return re.sub(r"\\(.)", r"\1", text)


def component(pattern):
    """The untrusted.patterns.Pattern of one name. :raises Trouble: for a malformed one."""
    return untrusted.path(pattern, error=Trouble)


def clean(path):
    """A pattern or path without ``.``, doubled slashes and ``..`` that go back; as Go's path.Clean, relative."""
    parts = []
    for part in path.split("/"):
        if part == ".." and parts and parts[-1] != "..":
            parts.pop()
        elif part not in ("", "."):
            parts.append(part)
    return "/".join(parts)


class Ignore:
    """The patterns of a .dockerignore: the last that matches a path, or a directory above it, decides.

    :param lines: the patterns, in order. :param rooted: whether a leading slash says nothing; elsewhere a pattern with one matches nothing.
    :raises Trouble: for a malformed one.
    """

    def __init__(self, lines, rooted=True):
        self.rules = []  # (whether it takes back, untrusted.patterns.Pattern)
        self._beginnings = []  # of what is taken back: the patterns of its components, or None for anything
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

    def __bool__(self):
        return bool(self.rules)

    def ignores(self, path):
        """Whether ``path`` (relative, text) is left out, by itself or by a directory above it."""
        above, parts = None, path.split("/")
        for count in range(1, len(parts) + 1):
            left_out, above = self.state("/".join(parts[:count]), above)
        return left_out

    def state(self, path, above=None):
        """``(whether path is left out, which rules match)``; ``above``: the second of its directory, whose matches go on below it."""
        left_out, matched = False, []
        for index, (back, compiled) in enumerate(self.rules):
            hit = bool(above and above[index])
            if not hit:
                hit = compiled.fits(path)
            matched.append(hit)
            if hit:
                left_out = not back
        return left_out, matched

    def may_hold(self, directory):
        """Whether something below an ignored directory can be taken back by a ``!`` pattern."""
        names = directory.split("/")
        return any(
            parts is None
            or len(parts) > len(names)
            and all(part.fits(name) for part, name in zip(parts, names))
            for parts in self._beginnings
        )


def _components(pattern):
    try:
        return None if "**" in pattern else [component(part) for part in pattern.split("/")]
    except Trouble:  # a slash in brackets
        return None


def read_ignore(data):
    """The lines of an ignore file from its bytes."""
    return data.decode("utf-8-sig", "surrogateescape").replace("\r\n", "\n").split("\n")
