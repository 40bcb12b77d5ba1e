# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Patterns of file names: those of COPY (Go's filepath.Match) and those of .dockerignore (the same, with ``**`` and ``!``)."""

from __future__ import annotations

import re

from .words import Trouble


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
    """The compiled expression of a pattern for one name: ``*``, ``?``, ``[a-z]``, ``[^a-z]``, ``\\`` keeps the next character.

    :raises Trouble: for a malformed one.
    """
    return re.compile(_translate(pattern, False), re.DOTALL)


def _translate(pattern, deep):
    """:param deep: ``**`` matches any number of directories."""
    out, at = [], 0
    while at < len(pattern):
        character = pattern[at]
        at += 1
        if character == "*":
            if deep and pattern[at : at + 1] == "*":
                at += 1
                if pattern[at : at + 1] == "/":
                    at += 1
                out.append(".*" if at == len(pattern) else "(.*/)?")
            else:
                out.append("[^/]*")
        elif character == "?":
            out.append("[^/]")
        elif character == "[":
            part, at = _class(pattern, at)
            out.append(part)
        elif character == "\\":
            if at == len(pattern):
                raise Trouble("the pattern %r ends with an escape" % pattern)
            out.append(re.escape(pattern[at]))
            at += 1
        else:
            out.append(re.escape(character))
    return "".join(out)


def _class(pattern, at):
    """``[...]`` from after its bracket: ``(expression, where it ends)``."""
    negated = pattern[at : at + 1] == "^"
    start = at = at + negated
    out = []
    while True:
        if at >= len(pattern):
            raise Trouble("the pattern %r has a [ without its ]" % pattern)
        if pattern[at] == "]" and at > start:
            break
        low, at = _member(pattern, at)
        high = low
        if pattern[at : at + 1] == "-" and pattern[at + 1 : at + 2] not in ("", "]"):
            high, at = _member(pattern, at + 1)
        if low > high:
            raise Trouble("the pattern %r has a range that is the wrong way round" % pattern)
        out.append(re.escape(low) if low == high else "%s-%s" % (re.escape(low), re.escape(high)))
    return "(?!/)[%s%s]" % ("^" if negated else "", "".join(out)), at + 1


def _member(pattern, at):
    if pattern[at] == "\\":
        at += 1
    if at >= len(pattern):
        raise Trouble("the pattern %r has a [ without its ]" % pattern)
    return pattern[at], at + 1


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
        self.rules = []  # (whether it takes back, expression, pattern)
        for line in lines:
            pattern = line.strip()
            if not pattern or line.startswith("#") or pattern.startswith("/") and not rooted:
                continue
            back = pattern.startswith("!")
            pattern = clean(pattern[back:].strip())
            if not pattern:
                if back and not line.strip()[1:].strip():
                    raise Trouble("illegal exclusion pattern: \"!\"")
                continue  # "." or "/": the whole context can't be left out
            self.rules.append((back, re.compile(_translate(pattern, True), re.DOTALL), pattern))
        self.takes_back = any(back for back, _expression, _pattern in self.rules)

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
        for index, (back, expression, _pattern) in enumerate(self.rules):
            hit = bool(above and above[index])
            if not hit:
                hit = expression.fullmatch(path) is not None
            matched.append(hit)
            if hit:
                left_out = not back
        return left_out, matched

    def may_hold(self, directory):
        """Whether something below an ignored directory can be taken back by a ``!`` pattern."""
        if not self.takes_back:
            return False
        prefix = directory + "/"
        for back, _expression, pattern in self.rules:
            if back and ("**" in pattern or _can_begin(pattern, prefix)):
                return True
        return False


def _can_begin(pattern, prefix):
    """Whether a path below ``prefix`` can match ``pattern``: compared component by component."""
    parts, given = pattern.split("/"), prefix.rstrip("/").split("/")
    if len(parts) <= len(given):
        return False
    return all(re.compile(_translate(part, False), re.DOTALL).fullmatch(name) for part, name in zip(parts, given))


def read_ignore(data):
    """The lines of an ignore file from its bytes."""
    return data.decode("utf-8-sig", "surrogateescape").replace("\r\n", "\n").split("\n")
