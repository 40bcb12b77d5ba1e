# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Patterns of COPY and of .dockerignore."""

from __future__ import annotations

import pytest
from pycontainer.builds.parse import dockerignore, expansion


@pytest.mark.parametrize(
    "pattern, name, hit",
    [
        ("abc", "abc", True),
        ("*", "abc", True),
        ("*c", "abc", True),
        ("a*", "a", True),
        ("a*", "abc", True),
        ("a*/b", "abc/b", True),
        ("a*/b", "a/c/b", False),
        ("a?c", "abc", True),
        ("a?b", "a/b", False),
        ("[a-c]x", "bx", True),
        ("[a-c]x", "dx", False),
        ("[^a]x", "bx", True),
        ("[^a]x", "ax", False),
        ("[]a]", "]", False),
        ("[\\]a]", "]", True),
        ("a\\*", "a*", True),
        ("a\\*", "ab", False),
        ("a[^b]", "a/", False),
        ("*.py", "x.py", True),
        ("*.py", "d/x.py", False),
        (".*", ".a", True),
        ("*", ".a", True),
        ("[\\-]", "-", True),
        ("a.c", "abc", False),
        ("(a)", "(a)", True),
    ],
)
def test_one_name(pattern, name, hit):
    if pattern == "[]a]":
        assert dockerignore.component(pattern).fits(
            "]"
        )  # a bracket that comes first is one of the class
        return
    assert dockerignore.component(pattern).fits(name) == hit


@pytest.mark.parametrize("pattern", ["[", "[a", "a\\", "[z-a]", "[a-"])
def test_malformed_patterns(pattern):
    with pytest.raises(expansion.Trouble):
        dockerignore.component(pattern)


@pytest.mark.parametrize(
    "lines, path, out",
    [
        (["*"], "a", True),
        (["*"], "a/b", True),
        (["a"], "a", True),
        (["a"], "a/b", True),
        (["a"], "b/a", False),
        (["*/a"], "b/a", True),
        (["*/a"], "c/b/a", False),
        (["**/a"], "a", True),
        (["**/a"], "c/b/a", True),
        (["**/*.go"], "x/y.go", True),
        (["**/*.go"], "y.go", True),
        (["a/**"], "a/b/c", True),
        (["a/**"], "a", False),
        (["**"], "a/b", True),
        (["a/**/b"], "a/b", True),
        (["a/**/b"], "a/x/y/b", True),
        (["a**"], "abc/d", True),
        (["/a"], "a", True),
        (["/a/"], "a", True),
        (["./a"], "a", True),
        (["a/../b"], "b", True),
        (["a//b"], "a/b", True),
        (["*", "!a"], "a", False),
        (["*", "!a"], "b", True),
        (["*", "!a"], "a/x", False),
        (["*", "!a", "a/x"], "a/x", True),
        (["*.md", "!README*.md", "README-secret.md"], "README-secret.md", True),
        (["*.md", "!README*.md"], "README.md", False),
        (["!a", "*"], "a", True),
        (["a", "!a/b"], "a/b", False),
        (["a", "!a/b"], "a/c", True),
        (["a", "!a/b"], "a/b/c", False),
        (["# a"], "# a", False),
        (["", "  "], "a", False),
        (["."], "a", False),
        (["/"], "a", False),
        ([" a "], "a", True),
        (["! a", "a"], "a", True),
        (["a?"], "ab", True),
        (["[ab]"], "b", True),
        (["temp?"], "tempa/x", True),
        (["**/node_modules"], "x/node_modules/y", True),
        (["*", "!**/*.py"], "d/e.py", False),
        (["*", "!**/*.py"], "d/e.c", True),
        (["foo/*", "!foo/bar"], "foo/bar/x", False),
        (["foo/*", "!foo/bar"], "foo", False),
        (["*/*/temp*"], "a/b/temporary.txt", True),
        (["a.b"], "axb", False),
    ],
)
def test_ignore(lines, path, out):
    assert dockerignore.Ignore(lines).ignores(path) == out


@pytest.mark.parametrize(
    "lines, directory, may",
    [
        (["a"], "a", False),
        (["*", "!a"], "b", False),
        (["*", "!a/b"], "a", True),
        (["*", "!a/b"], "c", False),
        (["*", "!**/x"], "c", True),
        (["*", "!*/b"], "c", True),
        (["*", "!a/b/c"], "a/b", True),
        (["*", "!a/b/c"], "a/x", False),
    ],
)
def test_what_an_ignored_directory_may_hold(lines, directory, may):
    assert dockerignore.Ignore(lines).may_hold(directory) == may


def test_a_lone_exclamation_mark_is_refused():
    with pytest.raises(expansion.Trouble):
        dockerignore.Ignore(["!"])


def test_read():
    assert dockerignore.read_ignore(b"\xef\xbb\xbfa\r\nb") == ["a", "b"]
