# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tables, templates, sizes and ages as Docker prints them."""

import types

import pytest
from pycontainer import units
from pycontainer.cli import tables
from pycontainer.cli.commands.images import history_waste_squash, image_ls_tag_rm

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
    assert units.ago(1000000, now=1000000 + age) == text


@pytest.mark.parametrize("created", ["", "0001-01-01T00:00:00Z", "1970-01-01T00:00:00Z"])
def test_an_image_without_a_time_is_not_two_thousand_years_old(monkeypatch, created):
    """Neither where it is missing nor where it is Go's time without a value; 1970 is a time."""
    monkeypatch.setattr(image_ls_tag_rm.images, "containers_of", lambda *_words: [])
    image = {
        "Id": "sha256:1",
        "RepoDigests": [],
        "RepoTags": ["a:1"],
        "Created": created,
        "Size": 1,
    }
    step = dict.fromkeys(("CreatedBy", "Comment", "Layer", "Digest"), "")
    step.update(Id="sha256:1", Created=created, Size=1, Tags=[])
    given = types.SimpleNamespace(no_trunc=False, human=True)
    for row in (
        image_ls_tag_rm._rows(None, image, False)[0],
        history_waste_squash._step(step, given),
    ):
        if created.startswith("1970"):
            assert row["CreatedSince"].endswith(" years ago") and row["CreatedAt"][:4] == "1970"
        else:
            assert (row["CreatedSince"], row["CreatedAt"]) == ("N/A", "N/A")
