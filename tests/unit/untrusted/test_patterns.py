# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Wildcards of others: what they match is what the expression matches that they stand for, and work grows with the product of both lengths."""

from __future__ import annotations

import random
import re

import pytest
from pycontainer.errors import HostError
from pycontainer.untrusted import patterns

ALPHABETS = {"path": "ab/*?", "deep": "ab/*", "shell": "ab/*?"}
READ = {
    "path": patterns.path,
    "deep": lambda text: patterns.path(text, True),
    "shell": patterns.shell,
}


def expression(kind, pattern):
    """The same pattern, as a regular expression would have it."""
    out, at = "", 0
    while at < len(pattern):
        if kind == "deep" and pattern.startswith("**", at):
            at += 3 if pattern.startswith("**/", at) else 2
            out += ".*" if at == len(pattern) else "(?:.*/)?"
            continue
        out += {
            "*": ".*" if kind == "shell" else "[^/]*",
            "?": "." if kind == "shell" else "[^/]",
        }.get(pattern[at], re.escape(pattern[at]))
        at += 1
    return re.compile(out, re.DOTALL)


def replaced(compiled, text, everywhere):
    """Go's ReplaceAllString: nothing right behind a match is no match, unlike re.sub."""
    out, done = [], -1
    for match in list(compiled.finditer(text))[: None if everywhere else 1]:
        if match.start() == match.end() == done:
            continue
        out.append(text[max(done, 0) : match.start()] + "<>")
        done = match.end()
    return "".join(out) + text[max(done, 0) :]


@pytest.mark.parametrize("kind", sorted(ALPHABETS))
def test_the_same_as_an_expression(kind):
    chance = random.Random(kind)
    hits = ways = 0
    for _round in range(6000):
        pattern = "".join(chance.choices(ALPHABETS[kind], k=chance.randrange(7)))
        text = "".join(chance.choices("ab/", k=chance.randrange(9)))
        compiled, same = READ[kind](pattern), expression(kind, pattern)
        expected = same.fullmatch(text) is not None
        assert compiled.fits(text) == expected, (pattern, text)
        ways += bool(compiled._expression)
        compiled._expression = None  # not by an expression
        assert compiled.fits(text) == expected, (pattern, text)
        hits += expected
        ends = [end for end in range(len(text) + 1) if same.fullmatch(text, 0, end)]
        assert compiled.ends(text) == ((ends[0], ends[-1]) if ends else None), (pattern, text)
        if kind == "shell":
            starts = [start for start in range(len(text) + 1) if same.fullmatch(text, start)]
            assert compiled.suffixes(text) == ((starts[0], starts[-1]) if starts else None), (
                pattern,
                text,
            )
            for everywhere in (False, True):
                assert compiled.replace(text, "<>", everywhere) == replaced(
                    same, text, everywhere
                ), (pattern, text)
    assert hits > 300 and 300 < ways < 6000


@pytest.mark.parametrize(
    "pattern, text, hit",
    [
        ("[a-c]x", "bx", True),
        ("[a-c]x", "dx", False),
        ("[^a]x", "bx", True),
        ("[^a]x", "/x", False),
        ("[\\]a]*[b-d]*", "]xcx", True),
        ("[]a]", "]", True),
        ("*[\\-]*.", "a-b.", True),
        ("*a*\\*", "bab*", True),
        ("*a*\\*", "babb", False),
        ("*a?*", "xa/", False),
        ("*\n*a", "b\nca", True),
        ("*é*[α-ω]", "éβ", True),
    ],
)
def test_classes_and_escapes(pattern, text, hit):
    compiled = patterns.path(pattern)
    assert compiled.fits(text) is hit
    compiled._expression = None  # not by an expression
    assert compiled.fits(text) is hit


@pytest.mark.parametrize("read", [patterns.path, patterns.shell])
def test_malformed(read):
    with pytest.raises(HostError, match="escape"):
        read("a\\", error=HostError)


@pytest.mark.parametrize("pattern", ["[", "[a", "[z-a]", "[a-", "[^]", "[\\"])
def test_malformed_classes(pattern):
    with pytest.raises(patterns.Malformed):
        patterns.path(pattern)
    with pytest.raises(patterns.Malformed):
        patterns.path("[]a]", closing=False)


class Counted(str):
    """A text that counts how often a character of it is looked at."""

    looked = 0

    def __getitem__(self, key):
        self.looked += 1
        return str.__getitem__(self, key)


@pytest.mark.parametrize(
    "kind, pattern, text",
    [
        ("deep", "*a" * 50 + "b", "a" * 4000),
        ("deep", "**/a" * 50 + "/b", "a/" * 2000),
        ("deep", "a**" * 50 + "b", "a/a" * 1300),
        ("deep", "*/" * 50 + "**/*a*a", "a/" * 2000),
        ("deep", "*[ab]?" * 50 + "[^a]", "a" * 4000),
        ("path", "*?" * 50 + "b", "a" * 4000),
        ("shell", "*a" * 50 + "b", "a" * 4000),
        ("shell", "?*" * 50 + "b", "a" * 4000),
    ],
)
def test_adversaries_take_one_look_at_each_character(kind, pattern, text):
    compiled = READ[kind](pattern)
    assert not compiled._has_one_way()
    text = Counted(text)
    assert not compiled.fits(text)
    assert 0 < text.looked <= len(text)


@pytest.mark.parametrize(
    "pattern", ["*a" * 30 + "b", "?*" * 30 + "b", "a*b", "a" * 30 + "b", "*", ""]
)
def test_replacing_looks_at_each_character_a_few_times(pattern, monkeypatch):
    """Each match is looked for where one begins, and the looks are as many as it is long, or as the pattern is."""
    looks = []
    reached = patterns.Pattern._reached

    def counted(*arguments):
        for each in reached(*arguments):
            looks.append(1)
            yield each

    monkeypatch.setattr(patterns.Pattern, "_reached", counted)
    work = []
    for length in (1000, 2000):
        looks.clear()
        patterns.shell(pattern).replace("a" * length, "", True)
        patterns.shell(pattern).suffixes("a" * length)
        work.append(len(looks))
    assert work[1] < 2.2 * work[0]


@pytest.mark.parametrize(
    "pattern",
    [
        "*.py",
        "**/*.py",
        "a/*/b",
        "**/node_modules/**",
        "**/.git",
        "**",
        "a*/**",
        "**/a*b",
        "*/*/temp*",
    ],
)
def test_what_is_usual_is_done_by_expressions(pattern):
    assert patterns.path(pattern, True)._has_one_way()


@pytest.mark.parametrize("pattern", ["**/**/a", "*a*", "**/a/**/b", "*a**/b", "a**b**"])
def test_what_has_several_ways_is_not(pattern):
    assert patterns.path(pattern, True)._has_one_way() is (pattern in ("**/**/a", "a**b**"))
