# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Wait for what has no event of its own."""

from __future__ import annotations

import time


def until(condition, seconds=20):
    """Ask again and again until ``condition()`` is true, for ``seconds`` at most. :returns: its last answer."""
    end = time.monotonic() + seconds
    while True:
        answer = condition()
        if answer or time.monotonic() > end:
            return answer
        time.sleep(0.01)


def eventually(condition, seconds=60):
    """As :func:`until`, and fail where it does not come true: much time, for an emulated machine."""
    answer = until(condition, seconds)
    assert answer, f"did not come true within {seconds:g} seconds"
    return answer
