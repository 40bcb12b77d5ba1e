# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The reader of TOML beside Python's own, which hosts with older Pythons lack."""

from __future__ import annotations

import random
import sys

import pytest
from pycontainer.images.configuration import toml

tomllib = pytest.importorskip("tomllib")

RIGHT = r'''
# a comment
title = "a \"quoted\" \u00e9 \\ text" # behind
literal = 'C:\no\escape'
long = """
one
  two \
     joined
"""
raw = ' ' # x
longraw = """a""b"""
ticks = \'\'\'
it's
\'\'\'
empty = ""
n = [0, -1, +7, 1_000, 0xff, 0o17, 0b11]
yes = true
no = false
nested = [[1, 2], ["a", 'b'], [ # inside
  true,
], ]
point = { x = 1, y.z = "2", "q k" = [] }
"quoted key" = 1
a.b.c = 1
a.b.d = 2

[table]
key = 1
[table.sub]
key = 2
[x.y.z]
[x]
v = 1
[[registry]]
prefix = "a"
[[registry.mirror]]
location = "b"
[[registry.mirror]]
location = "c"
insecure = true
[[registry]]
prefix = "d"
[registry.more]
deep = 1
'''.replace("\\'\\'\\'", "'''")

WRONG = [
    "a",
    "a =",
    "= 1",
    "a = 1 b = 2",
    "a = 1\na = 2",
    "[a]\n[a]",
    "[a",
    "[[a]\n",
    "a = [1",
    "a = {",
    "a = {x = 1",
    'a = "x',
    'a = "x\ny"',
    "a = 'x",
    'a = """x',
    "a = tru",
    "a = 01",
    "a = 1__0x",
    'a = "\\q"',
    'a = "\\ud800"',
    "[a]\nb = 1\n[a.b]\nc = 1",
    "a = {b = 1}\na.c = 2",
    "a = {b = 1}\n[a.c]",
    "a = []\n[[a]]",
    "[[a]]\n[a]",
    "[a.b]\n[a]\nb.c = 1",
    "a.b = 1\n[a.b]",
    "a = 1\n[a]",
    "\x00",
    "a = [1 2]",
    "[[a.b]]\n[a.b]",
    'a = "b"c',
    "a..b = 1",
    ".a = 1",
    "a. = 1",
    "[]",
    "[[]]",
]


def test_all_forms():
    assert toml.loads(RIGHT) == tomllib.loads(RIGHT)
    assert toml.loads(RIGHT.replace("\n", "\r\n")) == tomllib.loads(RIGHT.replace("\n", "\r\n"))
    assert toml.loads("") == {} == toml.loads("# nothing")


@pytest.mark.parametrize("text", WRONG)
def test_what_is_wrong(text):
    with pytest.raises(tomllib.TOMLDecodeError):
        tomllib.loads(text)
    with pytest.raises(toml.TomlError, match="^line [0-9]+: "):
        toml.loads(text)


@pytest.mark.parametrize(
    "text", ["a = 1.5", "a = 1979-05-27", "a = 07:32:00", "a = inf", "a = nan", "a = 1e3"]
)
def test_what_is_not_read_here(text):
    with pytest.raises(toml.TomlError, match="line 1: "):
        toml.loads(text)


def test_damaged_documents():
    """Whatever is cut, doubled or exchanged: an error or what Python's own reads, never another value and never an endless loop."""
    chance = random.Random(1)
    for _turn in range(3000):
        text = list(RIGHT)
        for _change in range(chance.randint(1, 4)):
            at = chance.randrange(len(text))
            text[at : at + chance.randint(0, 3)] = chance.choice(
                ["", "", '"', "'", "[", "]", "{", "}", "=", "\n", ",", ".", "a", "1", "\\", "#"]
            )
        text = "".join(text)
        try:
            found = toml.loads(text)
        except toml.TomlError:
            continue
        try:
            expected = tomllib.loads(text)
        except tomllib.TOMLDecodeError:
            continue  # a stricter reader
        assert found == expected, text


def test_depth():
    with pytest.raises(toml.TomlError, match="nested too deep"):
        toml.loads("a = " + "[" * 100000)


@pytest.mark.parametrize(
    "number",
    [
        "1_",
        "_1",
        "1__0",
        "0_1",
        "0x",
        "0x_1",
        "0x1_",
        "0b1__0",
        "0o7_",
        "+0x1",
        "-0b1",
        "01",
        "1_000_",
        "0x1__",
        "+",
        "1-",
        "1" * 81,
    ],
)
def test_numbers_that_are_none(number):
    with pytest.raises(toml.TomlError, match="line 2: a value is missing"):
        toml.loads(f"b = 1\na = {number}")


def test_numbers():
    assert toml.loads("a = [1_000, -1, +1, 0, -0, 0xDEAD_beef, 0b1_0, 0o7_7]\nb = 10 # c") == {
        "a": [1000, -1, 1, 0, 0, 0xDEADBEEF, 2, 0o77],
        "b": 10,
    }


@pytest.mark.parametrize("quote", ('"""', "'''"))
@pytest.mark.parametrize("form", ("%s = 1", "a.%s = 1", "[%s]", "[[b.%s]]", "a = {%s = 1}"))
def test_no_key_has_several_lines(quote, form):
    with pytest.raises(toml.TomlError, match="line 1: a key is a string of several lines"):
        toml.loads(form % (quote + "k" + quote))
    assert toml.loads(form % '""') == toml.loads(form % "''")  # an empty key is one


@pytest.mark.parametrize(
    "unit",
    [
        "[t%d]\n",
        "[[t]]\nk%d = 1\n",
        "k%d = 1\n",
        "a.b%d.c = 1\n",
        "[a.t%d]\nx.y = 1\n",
        "# %d\n\n",
        "k%d = {a = {b = 1}}\n",
    ],
)
def test_many_tables_take_no_longer_each(unit):
    """Four times as much is not ten times the work: calls of the reader's functions are counted."""

    def work(count):
        calls, text = (
            [0],
            "".join(unit % number if "%d" in unit else unit for number in range(count)),
        )

        def watch(_frame, event, _argument):
            calls[0] += event in ("call", "c_call")

        sys.setprofile(watch)
        try:
            toml.loads(text)
        finally:
            sys.setprofile(None)
        return calls[0]

    assert work(800) < 10 * work(200)
