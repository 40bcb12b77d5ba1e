# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rows of text in columns, sizes and ages in words, and ``--format`` templates, as Docker prints
them.
"""

from __future__ import annotations

import json
import re
import time

from .. import units
from ..errors import InvalidInput
from ..untrusted.text import printable
from . import templates

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from typing import Any


ZERO = -62135596800  # 0001-01-01T00:00:00Z, Go's time.Time without a value: builders write it


class Table(list):
    """Lines of which the first is the heading."""


def table(columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> Table:
    """Arrange rows below the headings ``columns``, three spaces between, as Docker."""
    cells = [list(columns)] + [
        ["" if value is None else printable(value, None) for value in row] for row in rows
    ]
    widths = [max(len(line[index]) for line in cells) for index in range(len(columns))]
    return Table(
        "   ".join(cell.ljust(width) for cell, width in zip(line, widths)).rstrip()
        for line in cells
    )


def formatted(
    records: Sequence[Mapping[str, Any]],
    columns: Sequence[tuple[str, str]],
    template: str | None = None,
    quiet: str | None = None,
) -> Sequence[str]:
    """Return the lines of a listing.

    :param records: with the values of every column by its Docker name (``Names``, ``Image`` ...); a
        value may be a function of a template's words: ``{{.Label "tier"}}``.
    :param columns: ``[(heading, key)]`` of the table.
    :param template: ``--format``: ``json``, ``table`` or a text with ``{{.Key}}`` (templates.py).
    :param quiet: the key to print alone (``-q``).
    """
    if quiet:
        return [printable(record[quiet], None) for record in records]
    if template in (None, "table"):
        return table(
            [heading for heading, _key in columns],
            [[record[key] for _heading, key in columns] for record in records],
        )
    if template == "json":
        return [
            json.dumps(
                {key: value for key, value in record.items() if not callable(value)}, sort_keys=True
            )
            for record in records
        ]
    if template.startswith("table "):
        return _chosen(
            records, {key: heading for heading, key in columns}, template[len("table ") :]
        )
    return [line for record in records for line in templates.fill(template, record).split("\n")]


def _chosen(records: Sequence[Mapping[str, Any]], headings: dict[str, str], template: str) -> Table:
    """Return a table of the columns that ``table {{.Names}}\\t{{.Status}}`` chooses."""
    cells = template.replace("\\t", "\t").split("\t")
    named = [re.search(r"\.(\w+)", cell) for cell in cells]
    titles = [
        headings.get(match.group(1), match.group(1).upper()) if match else "" for match in named
    ]
    return table(titles, [[templates.fill(cell, record) for cell in cells] for record in records])


size = units.show_decimal


def binary_size(number: float) -> str:
    """Return bytes as ``docker stats`` prints them: ``12.3MiB``."""
    return size(number, 4, ("B", "KiB", "MiB", "GiB", "TiB", "PiB"), 1024.0)


def moment(seconds: float) -> str:
    """Return a time as listings have it in ``CreatedAt``: ``2026-01-31 12:00:00 +0000 UTC``."""
    return time.strftime("%Y-%m-%d %H:%M:%S +0000 UTC", time.gmtime(seconds))


def when(created: str) -> float | None:
    """Return the time in an image's document as seconds since the epoch.

    None: it has none. Then it is missing or Go's time without a value; Docker shows ``N/A``.
    """
    try:
        seconds = units.moment(created, "created")
    except InvalidInput:
        return None
    return seconds if seconds > ZERO else None
