# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What all tests on the real kernel share."""

from __future__ import annotations

import os

import pytest
from pycontainer.kernel import cgroups
from pycontainer.kernel.cgroups import lifecycle


@pytest.fixture(scope="session", autouse=True)
def no_base_left():
    """The engine's own parent group goes too, unless it was there before."""
    there = any(os.path.isdir(path) for path in cgroups.base_paths().values())
    yield
    if not there:
        lifecycle.until(cgroups.remove_base, 2)
