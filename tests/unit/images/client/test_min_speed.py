# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which answers come too slowly: seconds of waiting and bytes, by a clock of the test's own."""

from __future__ import annotations

import io

import pytest
from pycontainer.images.client import min_speed


class Drops(io.RawIOBase):
    """``[(seconds that it takes, bytes)]``, one after the other."""

    def __init__(self, drops):
        super().__init__()
        self.drops, self.now = list(drops), 0.0

    def clock(self):
        return self.now

    def readinto(self, buffer):
        wait, count = self.drops.pop(0) if self.drops else (0, 0)
        self.now += wait
        return min(count, len(buffer))


def read(drops, between=0):
    raw = Drops(drops)
    paced, total = min_speed.Paced(raw, raw.clock), 0
    while True:
        count = paced.readinto(bytearray(1 << 20))
        if not count:
            return total
        total, raw.now = total + count, raw.now + between


@pytest.mark.parametrize(
    "drops",
    [[(0, 1)] + [(1, 1)] * 100, [(59, 1)] + [(1, 999)] * 61, [(1, 1 << 20)] * 9 + [(50, 10)] * 9],
)
def test_too_slow(drops):
    with pytest.raises(min_speed.TooSlow, match="only [0-9]+ bytes came in [0-9]+ seconds"):
        read(drops)


@pytest.mark.parametrize(
    "drops",
    [
        [(59, 1), (59, 1)],  # small, and late
        [(59, 300), (30, 1), (40, 1 << 20), (59, 70000), (0, 1)],
        [(1, 1001)] * 500,
        [(0, 1)] * 5000,
    ],
)
def test_slow_and_no_more(drops):
    assert read(drops) == sum(count for _wait, count in drops)


def test_the_receivers_own_time_does_not_count():
    assert read([(0.01, 100)] * 100, between=1000) == 10000


def test_what_ends_slowly_has_come_all_the_same():
    assert read([(0, 10), (59, 10), (59, 0)]) == 20
