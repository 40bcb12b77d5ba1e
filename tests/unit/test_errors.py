# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What an earlier step must have set, and has not, is a sentence."""

from __future__ import annotations

import pytest
from pycontainer.errors import HostError, required


def test_what_is_there_is_returned():
    assert required(0, "the process") == 0
    assert required("", "the text") == ""


def test_what_is_missing_is_a_sentence():
    with pytest.raises(HostError, match="^the process is missing; this is a defect of"):
        required(None, "the process")
