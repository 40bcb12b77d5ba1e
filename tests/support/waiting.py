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


def within(what, limit, attempt, times=5):
    """Print how long an attempt takes, and assert that one of several takes ``limit`` seconds at most.

    A loaded machine may be slow once; what waits longer by itself is so each time. There is quiet
    between two attempts, since what is mended again and again waits for its turn.

    :param attempt: a function that returns when what it waits for is there.
    """
    took = []
    for again in range(times):
        if again:
            time.sleep(2 * limit)
        begun = time.monotonic()
        attempt()
        took.append(time.monotonic() - begun)
        if took[-1] <= limit:
            break
    print(f"{what}: {', '.join(f'{seconds:.3f}' for seconds in took)} s")
    assert took[-1] <= limit, (what, took)
