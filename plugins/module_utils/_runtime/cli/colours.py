# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The few colours of the host's command, at a person's terminal alone: headings, how a container
is, what went wrong.

``NO_COLOR`` (https://no-color.org) and ``TERM=dumb`` turn them off.
"""

from __future__ import annotations

import os
import re

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import TextIO


BOLD, RED, GREEN, YELLOW = "1", "31", "32", "33"
# How the status of a container begins in listings, and the colour of that.
STATUS = (
    (re.compile(r"Up [^(]*\(unhealthy\)|Exited \((?!0\))[^)]{0,9}\)|Dead"), RED),
    (re.compile(r"Up [^(]*\(Paused\)|Paused|Restarting"), YELLOW),
    (re.compile(r"Up"), GREEN),
)


def wanted(stream: TextIO) -> bool:
    """Tell whether what is written to ``stream`` may have colours."""
    return (
        stream.isatty()
        and not os.environ.get("NO_COLOR")
        and os.environ.get("TERM", "dumb") != "dumb"
    )


def paint(text: str, colour: str) -> str:
    return f"\x1b[{colour}m{text}\x1b[0m"


def table(lines: Sequence[str]) -> list[str]:
    """Colour a table's lines: its heading is bold, and what is in the column STATUS has the colour
    of what it says.
    """
    at = f" {lines[0]} ".find(" STATUS ")
    return [paint(lines[0], BOLD)] + [_row(line, at) for line in lines[1:]]


def _row(line: str, at: int) -> str:
    for pattern, colour in STATUS if at >= 0 else ():
        found = pattern.match(line, at)
        if found:
            return line[:at] + paint(found.group(), colour) + line[found.end() :]
    return line
