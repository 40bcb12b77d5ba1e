# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Sizes and times as people write them."""

from __future__ import annotations

import pytest
from pycontainer import units
from pycontainer.errors import InvalidInput


@pytest.mark.parametrize(
    "given, expected",
    [
        ("0", 0),
        (1048576, 1 << 20),
        ("512m", 512 << 20),
        ("512M", 512 << 20),
        ("1g", 1 << 30),
        ("1GiB", 1 << 30),
        ("1 gb", 1 << 30),
        ("1.5g", 3 << 29),
        ("64k", 65536),
        ("10b", 10),
        ("2T", 2 << 40),
        ("9007199254740993", 9007199254740993),
    ],
)
def test_size(given, expected):
    assert units.size(given, "memory") == expected


@pytest.mark.parametrize(
    "given",
    [
        "",
        "g",
        "-1",
        "1x",
        "1gg",
        "1 2",
        True,
        None,
        [],
        "1.5.2m",
        "0x10",
        "1e3",
        "8192p",
        "9" * 400 + ".5",
        "9" * 5000,
    ],
)
def test_size_refused(given):
    with pytest.raises(InvalidInput, match="memory"):
        units.size(given, "memory")


@pytest.mark.parametrize(
    "given, expected",
    [
        ("10s", 10),
        ("1m30s", 90),
        ("1h2m3s5ms", 3723.005),
        (30, 30),
        ("5", 5),
        ("1.5s", 1.5),
        ("500ms", 0.5),
        ("100us", 0.0001),
    ],
)
def test_duration(given, expected):
    assert units.duration(given, "interval") == expected


@pytest.mark.parametrize(
    "given",
    [
        "",
        "s",
        "10x",
        "1m 30s",
        "-1s",
        True,
        None,
        "10s!",
        "m1",
        "9" * 400,
        "9" * 400 + "h",
        "2562048h",
    ],
)
def test_duration_refused(given):
    with pytest.raises(InvalidInput, match="interval"):
        units.duration(given, "interval")


@pytest.mark.parametrize(
    "count, expected",
    [(0, "0B"), (1023, "1023B"), (1024, "1KiB"), (3 << 29, "1.5GiB"), (512 << 20, "512MiB")],
)
def test_show_size(count, expected):
    assert units.show_size(count) == expected


@pytest.mark.parametrize("read", (units.size, units.duration, units.moment))
def test_no_text_takes_long(read):
    """From each of 100,000 digits on a number could begin: what is too long is not looked at."""
    for text in ("1" * 100000, "1s" * 100000, "1." * 100000, " " * 100000 + "x"):
        with pytest.raises(InvalidInput, match="^option: "):
            read(text, "option")


def test_texts_are_texts_or_numbers():
    assert units.texts({"a": 1, 2: "b"}, "labels") == {"a": "1", "2": "b"}
    for value in (None, True, [], {}):
        with pytest.raises(InvalidInput, match="^labels.a: "):
            units.texts({"a": value}, "labels")
