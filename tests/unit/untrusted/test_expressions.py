# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Regular expressions that are followed in linear time find what Python's find."""

from __future__ import annotations

import re
import time

import pytest
from pycontainer.untrusted.expressions import Expression, Unusable

TEXTS = [
    "",
    "a",
    "ab",
    "aab",
    "abc",
    "com.example/role",
    "com_example",
    "A-1",
    "x\ny",
    "aaaaaa",
    "b c",
]


@pytest.mark.parametrize(
    "text",
    [
        *(
            "a",
            "^a",
            "a$",
            "^$",
            "a*b",
            "a+?b",
            "(a|bc)+$",
            "a{2}",
            "a{2,3}b",
            "a{,2}$",
            "^(com|org)\\.",
        ),
        *(
            "[a-c]+$",
            "[^a-c]",
            "\\d",
            "\\w+\\s\\w",
            "\\bc\\b",
            "\\Bb",
            "(?i)^a-",
            "(?s)x.y",
            "x.y",
            "^[\\w.]+/role$",
        ),
        *("(a*)*b", "(?:a|aa)+$", "()", "a||b", "\\Aab\\Z", "[^\\W_]-", "(?P<n>a)b"),
    ],
)
def test_finds_what_python_finds(text):
    expression = Expression(text)
    for each in TEXTS:
        assert expression.found_in(each) == bool(re.search(text.replace("$", "\\Z"), each)), each


@pytest.mark.parametrize(
    "text",
    [
        "(a",
        "(a)\\1",
        "(?=a)b",
        "(?<!a)b",
        "(?i:a)b",
        "(a{1000}){1000}",
        "(" * 5000 + ")" * 5000,
        "a{2,1}",
    ],
)
def test_refused(text):
    with pytest.raises(Unusable):
        Expression(text)


def test_hostile_names_take_no_time():
    begin = time.process_time()
    assert not Expression("^(a+)+$").found_in("a" * 1000 + "!")
    assert not Expression("(a|aa|.a)*[^a]z").found_in("a" * 1000)
    assert time.process_time() - begin < 2
