# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Signals by name and number, as the module ``signal`` has them."""

from __future__ import annotations

import signal

import pytest
from pycontainer.kernel.processes import signal_names


def test_every_signal_of_this_system():
    for word, entry in signal.Signals.__members__.items():
        assert signal_names.number(word) == signal_names.number(word[3:].lower()) == entry
    for entry in set(signal.Signals) - {signal.SIGRTMAX}:
        assert signal_names.name(entry) == entry.name
    assert signal_names.name(signal.SIGRTMAX) == "SIGRTMIN+30"
    assert signal_names.number("RTMAX-1") == 63 and signal_names.name(32) is None


@pytest.mark.parametrize(
    "text", ["", "0", "65", "-1", "SIG", "SIG_DFL", "SIGNAL", "TERM+1", "RTMIN+x", "\u00b2"]
)
def test_what_is_no_signal(text):
    assert signal_names.number(text) is None
