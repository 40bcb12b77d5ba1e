# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Lines about long work at fixed widths: what is said, in what order it is left out where it is narrow, and never a column too many."""

from __future__ import annotations

import pytest
from pycontainer.progress import bars, board


def look(*lines):
    return board.Look("\n".join(lines).encode() + b"\n")


def item(phase, done, total, name):
    return "%s%15d%15d%s" % (phase, done, total, name)


PULL = look(
    "SPulling web:1",
    item("p", 0, 5_000_000, "0123456789ab"),
    item("e", 0, 1_000_000, "1123456789ab"),
    item("d", 2_500_000, 10_000_000, "2123456789ab"),
    item("x", 4_000_000, 4_000_000, "3123456789ab"),
    item("w", 0, 7_000_000, "4123456789ab"),
)
BUILD = look(
    "SBuilding web:1",
    item("D", 1000, 40, "[1/3] FROM base:1"),
    item("c", 1040, 0, "[2/3] COPY . /srv"),
    item("r", 2000, 0, "[3/3] RUN make"),
    "Occ -o x x.c" + " " * 80,
)


def texts(found, width, now=0):
    return [text for text, _last in bars.lines(found, width, now)]


def test_layers_as_docker_draws_them():
    assert texts(PULL, 110) == [
        "Pulling web:1",
        "0123456789ab: Pull complete",
        "1123456789ab: Already exists",
        "2123456789ab: Downloading [===========>" + " " * 38 + "]  2.5MB/10MB",
        "3123456789ab: Extracting",
        "4123456789ab: Waiting",
    ]
    assert [last for _text, last in bars.lines(PULL, 110, 0)] == [
        True,
        True,
        True,
        False,
        False,
        False,
    ]


def test_the_bar_shrinks_and_goes_first():
    assert texts(PULL, 60)[3] == "2123456789ab: Downloading [====>               ]  2.5MB/10MB"
    assert texts(PULL, 45)[3] == "2123456789ab: Downloading  2.5MB/10MB"
    assert texts(PULL, 20)[3] == "2123456789ab: Down.."


def test_what_has_no_known_size():
    assert texts(look(item("l", 1_234_567, 0, "layer")), 80) == ["layer: Loading layer  1.235MB"]


def test_steps_as_buildkit_draws_them():
    assert texts(BUILD, 40, now=3500) == [
        "Building web:1",
        " => [1/3] FROM base:1               0.0s",
        " => CACHED [2/3] COPY . /srv        0.0s",
        " => [3/3] RUN make                  1.5s",
        " => => # cc -o x x.c",
    ]


def test_one_line_for_a_host():
    found = bars.summary(PULL)
    assert (found.done, found.total, found.ended, found.count) == (12_500_000, 27_000_000, 2, 5)
    assert {width: bars.host_line("h1", found, width, 4) for width in (80, 60, 40, 20)} == {
        80: "  h1    Pulling web:1              [=======>          ]  12.5MB/27MB  2/5 layers",
        60: "  h1    Pulling web:1                12.5MB/27MB  2/5 layers",
        40: "  h1    12.5MB/27MB  2/5 layers",
        20: "  h1    12.5MB/27M..",
    }
    assert bars.sentence(found) == "Pulling web:1: 12.5MB/27MB, 2/5 layers"


def test_a_build_is_shown_by_its_step():
    assert bars.sentence(bars.summary(BUILD)) == "[3/3] RUN make: cc -o x x.c"
    pulling = look(
        "SBuilding web:1",
        item("D", 0, 0, "[1/2] FROM a"),
        "O" + "old output",
        "SPulling base:1",
        item("d", 5, 10, "layer"),
    )
    assert bars.sentence(bars.summary(pulling)) == "Pulling base:1: 5B/10B, 0/1 layer"


@pytest.mark.parametrize("width", range(1, 131))
@pytest.mark.parametrize(
    "name", ["h1", "a-rather-long-name.of-a-host.example.com", "\u4e3b\u6a5f", "e\u0301" * 30]
)
def test_never_wider_than_the_terminal(width, name):
    wide = look(
        "SPulling " + "\u4e3b" * 50,
        *[item(phase, 5 << 20, 7 << 20, name) for phase in board.WORDS],
        "O" + "\u6a5f" * 60,
    )
    for found in (PULL, BUILD, wide):
        for text in texts(found, width, 10**9) + bars.host_lines(
            [(name, bars.summary(found)), ("x", bars.summary(found))], width, 5
        ):
            assert bars.width_of(text) <= width, text


def test_more_hosts_than_lines():
    rows = [("h%02d" % number, bars.summary(PULL)) for number in range(50)]
    found = bars.host_lines(rows, 80, 10)
    assert (
        len(found) == 10 and found[-1] == "  and 41 more" and found[0].startswith("  h00  Pulling")
    )
    assert len(bars.host_lines(rows, 80, 50)) == 50 and bars.host_lines([], 80, 10) == []


def test_bars():
    assert [bars.draw_bar(done, 100, 12) for done in (0, 5, 10, 50, 100, 500)] == [
        "[          ]",
        "[          ]",
        "[>         ]",
        "[====>     ]",
        "[=========>]",
        "[=========>]",
    ]
