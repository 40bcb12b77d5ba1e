# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""How many cases the tests take that can take any number: fuzz, power cuts, kills, races.

``PYCONTAINER_TEST_SCALE`` is a factor. `make test` leaves it at 1; `make test-long` takes 20.
"""

from __future__ import annotations

import os

FACTOR = float(os.environ.get("PYCONTAINER_TEST_SCALE", "1"))


def scaled(count: int) -> int:
    """So many cases, times the factor, and at least one."""
    return max(1, round(count * FACTOR))
