# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Sentences: what an earlier step must have set, what users gave, what no front end expects."""

from __future__ import annotations

import os

import pytest
from pycontainer import errors
from pycontainer.errors import HostError, required


def test_what_is_there_is_returned():
    assert required(0, "the process") == 0
    assert required("", "the text") == ""


def test_what_is_missing_is_a_sentence():
    with pytest.raises(HostError, match="^the process is missing; this is a defect of"):
        required(None, "the process")


def test_keys_that_nobody_gave_are_not_shown():
    """Ansible fills the options of a map that a task leaves out with None."""
    given = [{"address": "x", "share": None, "containers": {"a": [None, 1]}}]
    assert str(errors.InvalidInput("peers", given, "none")) == (
        "peers: [{'address': 'x', 'containers': {'a': [1]}}] is not valid; accepted: none"
    )


@pytest.mark.parametrize(
    ("work", "said"),
    [
        (lambda: "a\udcff".encode(), "'a\\\\udcff' is not valid; accepted: text in UTF-8"),
        (lambda: os.stat("a\0"), "a value has a null character, which no path and no word"),
    ],
)
def test_text_that_is_no_text_of_the_system_is_a_sentence(work, said):
    with pytest.raises(ValueError) as caught:
        work()
    assert errors.unexpected(caught.value, "-vvv shows the traceback").startswith(said)
