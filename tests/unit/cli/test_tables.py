# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tables, templates, sizes and ages as Docker prints them."""

import pytest
from pycontainer.cli import tables

RECORD = {"Names": "web", "Id": "abc", "State": {"Pid": 7, "Running": True}}


def test_columns_are_as_wide_as_their_widest_cell():
    assert tables.table(["NAME", "ID"], [["a-long-name", 1], ["b", None]]) == [
        "NAME          ID",
        "a-long-name   1",
        "b",
    ]


def test_a_table_of_chosen_columns():
    assert tables.formatted([RECORD], [("NAMES", "Names")], "table {{.Names}}\\t{{.Id}}") == [
        "NAMES   ID",
        "web     abc",
    ]
    assert tables.formatted([], [("NAMES", "Names")], "table {{.Names}}") == ["NAMES"]


@pytest.mark.parametrize(
    "number, text",
    [(0, "0B"), (999, "999B"), (1500, "1.5kB"), (77842432, "77.84MB"), (3e12, "3TB")],
)
def test_sizes(number, text):
    assert tables.size(number) == text


@pytest.mark.parametrize(
    "number, text", [(999, "999B"), (1500, "1.5kB"), (77842432, "77.8MB"), (999900, "1000kB")]
)
def test_sizes_in_listings(number, text):
    assert tables.size(number, 3) == text


@pytest.mark.parametrize(
    "age, text",
    [
        (0, "Less than a second"),
        (1, "1 second"),
        (59, "59 seconds"),
        (90, "About a minute"),
        (180, "3 minutes"),
        (3600, "About an hour"),
        (7300, "2 hours"),
        (200000, "2 days"),
        (1296000, "2 weeks"),
        (7776000, "3 months"),
        (94608000, "3 years"),
    ],
)
def test_ages(age, text):
    assert tables.ago(1000000, now=1000000 + age) == text
