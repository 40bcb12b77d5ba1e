# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tables of many hosts become one, and nothing of what they say reaches the terminal raw."""

from __future__ import annotations

import pytest
from pycontainer.cli import tables

fleet = pytest.importorskip(
    "ansible_collections.pycontainer.engine.plugins.plugin_utils._fleet_table"
)  # of the environment that has Ansible


def listing(*rows):
    return list(tables.table(["CONTAINER ID", "NAMES", "PORTS"], rows))


def test_one_table():
    lines = fleet.merged({"h1": listing(["1", "a", ""]), "longer": listing(["22", "b   c", "80"])})
    assert lines == [
        "HOST     CONTAINER ID   NAMES   PORTS",
        "h1       1              a",
        "longer   22             b   c   80",
    ]
    assert fleet.merged({"h1": listing()}) == ["HOST   CONTAINER ID   NAMES   PORTS"]


@pytest.mark.parametrize("other", [["a line"], [], ["ID   OTHER"], ["12ab"]])
def test_what_is_no_table(other):
    assert fleet.merged({"h1": listing(["1", "a", ""]), "h2": other}) is None


def test_control_characters_are_shown():
    lines = fleet.merged({"h1": ["A   B", "\x1b[2J   \u202e"]})
    assert lines[1].isprintable() and "\\x1b" in lines[1]
    assert fleet.prefixed("h", ["\x07"], 3) == ["h   | \\x07"]


def test_rows_by_columns():
    assert fleet.records(listing(["1", "a", "80"])) == [
        {"CONTAINER ID": "1", "NAMES": "a", "PORTS": "80"}
    ]
