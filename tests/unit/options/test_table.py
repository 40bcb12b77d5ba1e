# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A table of options of any noun: what a task says is read and compared by its rows."""

from __future__ import annotations

import pytest
from pycontainer.errors import InvalidInput
from pycontainer.options.forms import map_of, set_of, text, whole
from pycontainer.options.rows import LIVE, MAP, SET, Flag, Nowhere, Option, Shown, TaskOption
from pycontainer.options.table import Table

NONE = Nowhere("this is a test's")
TABLE = Table(
    "a cupboard",
    [
        Option(
            "shelves",
            "int",
            whole(1, 9),
            aliases=["boards"],
            change=LIVE,
            place="cupboards shelves",
            inspect=Shown("Config.Shelves", unset=2),
            flag=Flag("-s, --shelves", "Number of shelves"),
            description="How many shelves.",
        ),
        Option(
            "holds",
            "list",
            set_of(text),
            elements="str",
            compare=SET,
            place=NONE,
            inspect=NONE,
            flag=NONE,
            description="What is in it.",
        ),
        Option(
            "labels",
            "dict",
            map_of(text, text),
            compare=MAP,
            place=NONE,
            inspect=NONE,
            flag=NONE,
            description="Its labels.",
        ),
        Option(
            "wood",
            "str",
            choices=["oak", "pine"],
            place=NONE,
            inspect=NONE,
            flag=NONE,
            description="What it is made of.",
        ),
    ],
    [
        TaskOption("state", "str", default="present", description="Whether it is there."),
        TaskOption("cupboards", "list", of_list=True, description="Several."),
    ],
)


def read(params):
    return TABLE.definition(TABLE.named(params))


def test_a_definition_is_what_was_named_in_normal_form():
    params = {"boards": "3", "holds": ["cup", "bowl", "cup"], "labels": None, "state": "present"}
    assert read(params) == {"shelves": 3, "holds": ["bowl", "cup"]}


@pytest.mark.parametrize(
    "params, said",
    [
        ({"doors": 2}, "options: 'doors' is not valid; accepted: an option of a cupboard"),
        ({"shelves": 0}, "shelves: 0 is not valid; accepted: a whole number from 1 to 9"),
        ({"wood": "tin"}, "wood: 'tin' is not valid; accepted: oak, pine"),
    ],
)
def test_what_is_not_accepted_is_told(params, said):
    with pytest.raises(InvalidInput) as caught:
        read(params)
    assert str(caught.value) == said


@pytest.mark.parametrize(
    "said, found",
    [
        (None, {"shelves": 4, "holds": ["bowl"], "labels": {"a": "2"}}),
        ({"*": "ignore"}, {}),
        (
            {"boards": "ignore", "holds": "allow_more_present", "labels": "allow_more_present"},
            {"holds": ["bowl", "cup"], "labels": {"a": "2", "b": "1"}},
        ),
    ],
)
def test_differences_follow_comparisons(said, found):
    now = read({"shelves": 3, "holds": ["cup"], "labels": {"a": "1", "b": "1"}, "wood": "oak"})
    wanted = read({"shelves": 4, "holds": ["bowl"], "labels": {"a": "2"}, "wood": "oak"})
    changes = TABLE.differences(now, wanted, TABLE.comparisons(said))
    assert {option.name: after for option, _before, after in changes} == found


@pytest.mark.parametrize(
    "said, option",
    [
        ({"*": "allow_more_present"}, "comparisons.*"),
        ({"shelves": "allow_more_present"}, "comparisons.shelves"),
        ({"doors": "strict"}, "comparisons"),
    ],
)
def test_comparisons_that_can_not_be_are_told(said, option):
    with pytest.raises(InvalidInput) as caught:
        TABLE.comparisons(said)
    assert caught.value.option == option


def test_what_is_compared_beside_options_is_one_whole():
    found = TABLE.comparisons(
        {"build": "ignore", "key": "ignore"}, beside=["key"], aliases={"build": "wood"}
    )
    assert found["key"] == found["wood"] == "ignore" and found["shelves"] == "strict"


def test_beside_a_list_stands_nothing_that_an_entry_would_have():
    TABLE.check_alone("cupboards", {"cupboards": [{}], "state": "present", "shelves": None})
    with pytest.raises(InvalidInput, match="^wood: 'oak' .* nothing beside cupboards"):
        TABLE.check_alone("cupboards", {"cupboards": [{}], "wood": "oak"})


def test_inspect_shows_what_was_asked_for():
    shown = {}
    for definition in ({}, {"shelves": 5}):
        TABLE.options["shelves"].show(definition, shown)
    assert shown == {"Config": {"Shelves": 5}}
