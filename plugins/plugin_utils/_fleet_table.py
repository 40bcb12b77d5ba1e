# Copyright (c) 2026, the pycontainer.engine authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One table of what a command printed on many hosts, with a column for the host."""

from __future__ import annotations

from ansible_collections.pycontainer.engine.plugins.module_utils._runtime.untrusted.text import (
    printable,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    Rows = list[list[str]]

GAP = "   "  # between two columns, as cli/tables.py of the engine has it


def parse(lines: Sequence[str]) -> tuple[list[str], Rows] | None:
    """Split a table of the engine: ``(heading, rows)``; None where the lines are none.

    A heading is in capitals, and has two columns or more; a column begins where its name does.
    """
    if not lines or lines[0] != lines[0].upper() or GAP not in lines[0].strip():
        return None
    starts, text, at = [], lines[0], 0
    for cell in text.split(GAP):
        if cell.strip():
            starts.append(text.index(cell.strip(), at))
            at = starts[-1] + len(cell.strip())
        else:
            at += len(GAP)
    ends = starts[1:] + [None]

    def cells(line: str) -> list[str]:
        return [line[start:end].strip() for start, end in zip(starts, ends)]

    return cells(text), [cells(line) for line in lines[1:]]


def merged(outputs: Mapping[str, Sequence[str]]) -> list[str] | None:
    """Return the lines of one table for all hosts; None where they are not all the same table.

    :param outputs: ``{host: lines}``, in order. What they say is others' text.
    """
    heading: list[str] | None = None
    rows: Rows = []
    for host, lines in outputs.items():
        found = parse(lines)
        if found is None or (heading is not None and found[0] != heading):
            return None
        heading = found[0]
        rows += [[host, *row] for row in found[1]]
    return None if heading is None else lay_out([["HOST", *heading], *rows])


def lay_out(rows: Rows) -> list[str]:
    """Arrange cells in columns."""
    safe = [[printable(cell, None) for cell in row] for row in rows]
    widths = [max(len(row[column]) for row in safe) for column in range(len(safe[0]))]
    return [
        GAP.join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip() for row in safe
    ]


def prefixed(host: str, lines: Iterable[str], width: int) -> list[str]:
    """Return lines with the host before each."""
    return [f"{host.ljust(width)} | {printable(line, None)}" for line in lines]


def records(lines: Sequence[str]) -> list[dict[str, str]] | None:
    """Return a table's rows by the names of the columns; None where the lines are no table."""
    found = parse(lines)
    return None if found is None else [dict(zip(found[0], row)) for row in found[1]]
