# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tables, templates, sizes and ages as Docker prints them."""

import pytest

from pycontainer.cli import tables
from pycontainer.cli.grammar import UsageError

RECORD = {"Names": "web", "Id": "abc", "State": {"Pid": 7, "Running": True}}


def test_columns_are_as_wide_as_their_widest_cell():
    assert tables.table(["NAME", "ID"], [["a-long-name", 1], ["b", None]]) == ["NAME          ID", "a-long-name   1", "b"]


@pytest.mark.parametrize("template, text", [
    ("{{.Names}}", "web"), ("{{ .State.Pid }}\\t{{.State.Running}}", "7\ttrue"), ("{{json .State}}", '{"Pid": 7, "Running": true}')])
def test_templates(template, text):
    assert tables.formatted([RECORD], [("NAMES", "Names")], template) == [text]


@pytest.mark.parametrize("template", ["{{.Nothing}}", "{{range .Names}}", "{{upper .Names}}"])
def test_a_template_that_can_not_be_filled_is_refused(template):
    with pytest.raises(UsageError):
        tables.formatted([RECORD], [], template)


@pytest.mark.parametrize("number, text", [(0, "0B"), (999, "999B"), (1500, "1.5kB"), (77842432, "77.84MB"), (3e12, "3TB")])
def test_sizes(number, text):
    assert tables.size(number) == text


@pytest.mark.parametrize("age, text", [(0, "Less than a second"), (1, "1 second"), (90, "90 seconds"), (180, "3 minutes"), (7300, "2 hours"), (200000, "2 days")])
def test_ages(age, text):
    assert tables.ago(1000000, now=1000000 + age) == text
