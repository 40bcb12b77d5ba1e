# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Quotes, escapes and variables of a Containerfile's words."""

from __future__ import annotations

import pytest
from pycontainer.builds.parse import expansion

VALUES = {
    "HOME": "/root",
    "x": "value",
    "empty": "",
    "two": "a b",
    "path": "/usr/lib/libfoo.so.1",
    "_under": "u",
    "A1": "one",
}

WORD = [
    ("plain", "plain"),
    ("", ""),
    ("a b", "a b"),
    ("$x", "value"),
    ("${x}", "value"),
    ("a${x}b", "avalueb"),
    ("$x$x", "valuevalue"),
    ("$xy", ""),
    ("${x}y", "valuey"),
    ("$x-y", "value-y"),
    ("$unset", ""),
    ("${unset}", ""),
    ("$", "$"),
    ("$ x", "$ x"),
    ("a$", "a$"),
    ("$.x", "$.x"),
    ("$_under", "u"),
    ("$A1", "one"),
    ("$A1b", ""),
    ("\\$x", "$x"),
    ("\\\\$x", "\\value"),
    ("\\a", "a"),
    ("a\\ b", "a b"),
    ("'$x'", "$x"),
    ("'a\\'b", "a\\b"),
    ('"$x"', "value"),
    ('"a b"', "a b"),
    ('"\\$x"', "$x"),
    ('"\\a"', "\\a"),
    ('"\\\\"', "\\"),
    ('"\\""', '"'),
    ("\"'$x'\"", "'value'"),
    ("'\"'", '"'),
    ('a"b"c', "abc"),
    ("a'b'c", "abc"),
    ("''", ""),
    ("$two", "a b"),
    ('"$two"', "a b"),
    ("a\\", "a"),
    ("${x:-word}", "value"),
    ("${unset:-word}", "word"),
    ("${empty:-word}", "word"),
    ("${empty-word}", ""),
    ("${unset-word}", "word"),
    ("${unset:-}", ""),
    ("${unset:-$x}", "value"),
    ("${unset:-${x}}", "value"),
    ("${unset:-${other:-deep}}", "deep"),
    ("${unset:-'$x'}", "$x"),
    ('${unset:-"a}b"}', "a}b"),
    ("${unset:-a\\}b}", "a}b"),
    ("${unset:-a b}", "a b"),
    ("${x:+word}", "word"),
    ("${unset:+word}", ""),
    ("${empty:+word}", ""),
    ("${empty+word}", "word"),
    ("${unset+word}", ""),
    ("${x:+$HOME}", "/root"),
    ("${x:?no}", "value"),
    ("${x?no}", "value"),
    ("${empty?no}", ""),
    ("${path#/usr}", "/lib/libfoo.so.1"),
    ("${path#*/}", "usr/lib/libfoo.so.1"),
    ("${path##*/}", "libfoo.so.1"),
    ("${path#nope}", "/usr/lib/libfoo.so.1"),
    ("${path%.*}", "/usr/lib/libfoo.so"),
    ("${path%%.*}", "/usr/lib/libfoo"),
    ("${path%/*}", "/usr/lib"),
    ("${path%nope}", "/usr/lib/libfoo.so.1"),
    ("${x#?}", "alue"),
    ("${x%?}", "valu"),
    ("${x##*}", ""),
    ("${x%%*}", ""),
    ("${unset#a}", ""),
    ("${path/lib/LIB}", "/usr/LIB/libfoo.so.1"),
    ("${path//lib/LIB}", "/usr/LIB/LIBfoo.so.1"),
    ("${path/\\//-}", "-usr/lib/libfoo.so.1"),
    ("${path//\\//-}", "-usr-lib-libfoo.so.1"),
    ("${x/l*/L}", "vaL"),
    ("${x/a/}", "vlue"),
    ("${x/a/$HOME}", "v/rootlue"),
    ("${unset/a/b}", ""),
    ("$HOME/bin:$x", "/root/bin:value"),
    ("caf\u00e9 $x", "caf\u00e9 value"),
    ("$caf\u00e9", ""),
    ("$1", ""),
    ("$@", ""),
    ("$?x", "x"),
]


@pytest.mark.parametrize("text, expected", WORD)
def test_a_word(text, expected):
    assert expansion.Lexer().word(text, VALUES) == expected


@pytest.mark.parametrize(
    "text, part",
    [
        ("${", "missing"),
        ("${x", "missing"),
        ("${}", "bad substitution"),
        ("${:x}", "bad substitution"),
        ("${{x}}", "bad substitution"),
        ("${x", "missing"),
        ("${x:-a", "missing"),
        ("${x*a}", "unsupported modifier"),
        ("${x:#a}", "unsupported modifier"),
        ("${x:}", "unsupported modifier"),
        ("'a", "single-quote"),
        ('"a', "double-quote"),
        ('"a\\', "double-quote"),
        ("${unset:?is needed}", "unset: is needed"),
        ("${unset?is needed}", "unset: is needed"),
        ("${empty:?}", "empty: is not allowed to be empty"),
        ("${unset:?}", "unset: is not allowed to be unset"),
        ("${x/a", "missing"),
        ("${x#\\z}", "invalid escape"),
    ],
)
def test_what_is_no_word(text, part):
    with pytest.raises(expansion.Trouble, match=part):
        expansion.Lexer().word(text, VALUES)


@pytest.mark.parametrize(
    "text, expected",
    [
        ("a b  c", ["a", "b", "c"]),
        ("", []),
        ("  ", []),
        ("$two", ["a", "b"]),
        ('"$two"', ["a b"]),
        ("'$two'", ["$two"]),
        ("x$two", ["xa", "b"]),
        ("a\\ b c", ["a b", "c"]),
        ("''", [""]),
        ('"" a', ["", "a"]),
        ("$empty a", ["a"]),
        ("${unset:-a b} c", ["a", "b", "c"]),
        ("a\tb\nc", ["a", "b", "c"]),
    ],
)
def test_words(text, expected):
    assert expansion.Lexer().words(text, VALUES) == expected


@pytest.mark.parametrize(
    "text, expected", [("`$x", "$x"), ("a\\b", "a\\b"), ("C:\\$x", "C:\\value"), ('"``"', "`")]
)
def test_another_escape_character(text, expected):
    assert expansion.Lexer("`").word(text, VALUES) == expected


@pytest.mark.parametrize(
    "text, expected",
    [
        ("$x $unset", "value $unset"),
        ("${unset}", "${unset}"),
        ("${unset:-a}", "${unset:-a}"),
        ("'$x'", "'$x'"),
        ('"$x"', '"value"'),
        ("\\$x", "\\$x"),
        ("${unset/a/b}", "${unset/a/b}"),
    ],
)
def test_unset_variables_and_quotes_can_be_left_alone(text, expected):
    assert expansion.Lexer(raw=True, skip_unset=True).word(text, VALUES) == expected


@pytest.mark.parametrize(
    "text, expected",
    [
        ("a b", ["a", "b"]),
        ('a="x y" b', ['a="x y"', "b"]),
        ("a='x y'", ["a='x y'"]),
        ("a=x\\ y b", ["a=x\\ y", "b"]),
        ('a="x \\" y"', ['a="x \\" y"']),
        ('a="x\' y"', ['a="x\' y"']),
        ("a='x\\' b", ["a='x\\'", "b"]),
        ("  a  ", ["a"]),
        ("", []),
    ],
)
def test_split_keeps_quotes(text, expected):
    assert expansion.split(text) == expected


def test_variables_that_double_stop_at_a_limit():
    lexer, values = expansion.Lexer(), {"x": "0123456789"}
    with pytest.raises(
        expansion.Trouble, match="the variables in it make a text of more than 1048576 characters"
    ):
        for _line in range(40):
            values["x"] = lexer.word("$x$x", values)
    assert len(values["x"]) <= expansion.MAX_WORD


@pytest.mark.parametrize(
    "text", ["${x//a/$x}", "${x//a/${x}}b", "${unset:-$x$x}", '"$x$x"', "${x+$x$x}"]
)
def test_no_substitution_is_past_the_limit(text):
    with pytest.raises(expansion.Trouble, match="the variables in it make a text of more than"):
        expansion.Lexer().word(text, {"x": "a" * 600_000})


def test_all_variables_of_a_file_have_a_limit():
    lexer = expansion.Lexer()
    with pytest.raises(expansion.Trouble, match="the variables of this file have added more than"):
        for _line in range(40):
            lexer.words("$x", {"x": "a" * 900_000})
