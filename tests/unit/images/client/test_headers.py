# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Headers of registries: what is read out of them, and that none takes long to read."""

from __future__ import annotations

import pytest
from pycontainer.errors import RegistryError
from pycontainer.images.client import headers, retry


@pytest.mark.parametrize(
    "values, expected",
    [
        (
            ['Bearer realm = "https://a/t" , service="x"'],
            [("bearer", {"realm": "https://a/t", "service": "x"})],
        ),
        (
            ['Basic realm="a", Bearer realm="b",scope="c, d=e"', "Negotiate"],
            [
                ("basic", {"realm": "a"}),
                ("bearer", {"realm": "b", "scope": "c, d=e"}),
                ("negotiate", {}),
            ],
        ),
        ([", ,Basic  realm=x ,,"], [("basic", {"realm": "x"})]),
        (
            ["Negotiate YIIB==", "Basic realm=r"],
            [("negotiate", {"yiib": "="}), ("basic", {"realm": "r"})],
        ),
        (['Bearer realm="not closed'], [("bearer", {})]),
        (['realm="of nothing"'], []),
        (["", "=", '"', "Basic =", "\xff"], []),
        (['Bearer realm=""'], [("bearer", {"realm": ""})]),
    ],
)
def test_challenges(values, expected):
    assert headers.challenges(values) == expected


@pytest.mark.parametrize(
    "values, expected",
    [
        (['</v2/a/tags/list?n=1&last=b>; rel="next"'], "/v2/a/tags/list?n=1&last=b"),
        (["<x>; rel=next"], "x"),
        (['<x>;title="a, b; rel=next"; rel="prev", <y> ; REL = "first next"'], "y"),
        (["<x>; rel=prev"], None),
        (["<x>; rel=prev", "<y>; rel=next"], "y"),
        (["<x>"], None),
        ([], None),
        (["<x"], None),
        (["x; rel=next"], None),
        (['<x>; rel="next'], None),
        (["<a,b>; rel=next"], "a,b"),
        (["<x>; rel=prev; rel=next"], None),
        (["<>; rel=next"], ""),
    ],
)
def test_next_page(values, expected):
    assert headers.next_page(values) == expected


@pytest.mark.parametrize(
    "text, expected",
    [
        ("0", 0),
        (" 12 ", 12),
        ("9" * 18, 10**18 - 1),
        ("9" * 19, None),
        ("9" * 5000, None),
        ("\xb2", None),
        ("\u0663", None),
        ("-1", None),
        ("1.0", None),
        ("", None),
        (None, None),
        ("0x1", None),
    ],
)
def test_number(text, expected):
    assert headers.number(text) == expected


@pytest.mark.parametrize(
    "value",
    [
        "\xb2",
        "9" * 5000,
        "9" * 18,
        "-5",
        "Mon, 99 Foo 99999999999 99:99:99 GMT",
        ", " * 4000,
        "Thu, 01 Jan 999999999 00:00:00 +9999",
        "(" * 8000,
        "",
    ],
)
def test_what_is_no_pause(value):
    assert 0 < retry.asked_pause(value, 1) <= retry.LONGEST_WAIT + 1


class Message:
    def __init__(self, *values):
        self.values = values

    def get_all(self, _name):
        return list(self.values) or None


def test_headers_have_a_limit():
    assert (
        headers.Headers(Message("a", "b"), "h").get("X") == "a"
        and headers.Headers(Message(), "h").get("X", "none") == "none"
    )
    assert headers.Headers(Message("a" * headers.LONGEST), "h").get_all("Link") == [
        "a" * headers.LONGEST
    ]
    for values in (["a" * (headers.LONGEST + 1)], ["a" * 5000, "b" * 5000]):
        with pytest.raises(
            RegistryError, match="^h sent a header Link of [0-9]+ bytes; at most 8192 are accepted$"
        ):
            headers.Headers(Message(*values), "h").get("Link")


class Counted(str):
    """A text that counts how often it is looked into, and how much of it is searched."""

    def __new__(cls, text):
        made = super().__new__(cls, text)
        made.work = 0
        return made

    def __getitem__(self, key):
        self.work += len(range(len(self))[key]) if isinstance(key, slice) else 1
        return super().__getitem__(key)

    def find(self, *arguments):
        found = super().find(*arguments)
        self.work += (found if found >= 0 else len(self)) - (
            arguments[1] if len(arguments) > 1 else 0
        )
        return found

    def startswith(self, *arguments):
        self.work += 1
        return super().startswith(*arguments)


@pytest.mark.parametrize(
    "unit",
    [
        "<",
        "<>",
        "<>;",
        "<a>,",
        ";",
        '"',
        "\\",
        "<x>;rel=prev,",
        "a=",
        'a="',
        "a ",
        "a,",
        "a=b,",
        "a b",
        "=",
        " ",
        ",",
        "\t;",
        '<x>;a="\\"',
        "a" * 7 + " ",
    ],
)
@pytest.mark.parametrize("end", ["", "!", '"', ">; rel=next", "\x00"])
@pytest.mark.parametrize("read", [headers.challenges, headers.next_page])
def test_work_grows_with_the_length(read, unit, end):
    """Counted, not timed: twice the length is at most about twice the work."""

    def work(count):
        text = Counted(("Bearer " if read is headers.challenges else "") + unit * count + end)
        read([text])
        return text.work

    assert work(2000) <= 2.2 * work(1000) + 100
