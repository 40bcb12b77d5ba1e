# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rows of text in columns, sizes and ages in words, and ``--format`` templates, as Docker prints them."""

from __future__ import annotations

import json
import re
import time

from .grammar import UsageError


def table(columns, rows):
    """Lines of text: ``columns`` are the headings, ``rows`` lists of as many values. Three spaces between, as Docker."""
    cells = [list(columns)] + [["" if value is None else str(value) for value in row] for row in rows]
    widths = [max(len(line[index]) for line in cells) for index in range(len(columns))]
    return ["   ".join(cell.ljust(width) for cell, width in zip(line, widths)).rstrip() for line in cells]


def formatted(records, columns, template=None, quiet=None):
    """Lines for a listing.

    :param records: dictionaries with the values of every column by its Docker name (``Names``, ``Image`` ...).
    :param columns: ``[(heading, key)]`` of the table. :param template: ``--format``: ``json``, ``table`` or a text with
        ``{{.Key}}``. :param quiet: the key to print alone (``-q``).
    """
    if quiet:
        return [str(record[quiet]) for record in records]
    if template in (None, "table"):
        return table([heading for heading, _key in columns], [[record[key] for _heading, key in columns] for record in records])
    if template == "json":
        return [json.dumps(record, sort_keys=True) for record in records]
    return [fill(template, record) for record in records]


def fill(template, record):
    """A Go template's simple form: ``{{.State.Pid}}`` and ``{{json .State}}`` are looked up in ``record``."""
    def value(match):
        words = match.group(1).split()
        if len(words) not in (1, 2) or not words[-1].startswith(".") or (len(words) == 2 and words[0] != "json"):
            raise UsageError("--format %r: only {{.Field}} and {{json .Field}} are known" % match.group(0))
        found = record
        for name in filter(None, words[-1].split(".")):
            if not isinstance(found, dict) or name not in found:
                raise UsageError("--format: there is no %s here; accepted: %s" % (words[-1], ", ".join(sorted(record))))
            found = found[name]
        return json.dumps(found) if len(words) == 2 or isinstance(found, (dict, list)) else _plain(found)

    return re.sub(r"\{\{(.*?)\}\}", value, template.replace("\\t", "\t").replace("\\n", "\n"))


def _plain(value):
    return str(value).lower() if isinstance(value, bool) else str(value)


def size(number, units=("B", "kB", "MB", "GB", "TB"), base=1000.0):
    """Bytes as Docker prints them: ``12.3MB``."""
    number = float(number)
    for unit in units:
        if number < base or unit == units[-1]:
            return "%.4g%s" % (number, unit) if unit != units[0] else "%d%s" % (number, unit)
        number /= base


def binary_size(number):
    """Bytes as ``docker stats`` prints them: ``12.3MiB``."""
    return size(number, ("B", "KiB", "MiB", "GiB", "TiB"), 1024.0)


def ago(seconds, now=None):
    """``3 minutes`` since a time in seconds since the epoch."""
    age = max(0, int((time.time() if now is None else now) - seconds))
    if age < 1:
        return "Less than a second"
    for limit, unit, name in ((120, 1, "second"), (7200, 60, "minute"), (172800, 3600, "hour"), (1209600, 86400, "day"), (5184000, 604800, "week"),
                              (63072000, 2592000, "month"), (None, 31536000, "year")):
        if limit is None or age < limit:
            count = age // unit
            return "%d %s%s" % (count, name, "" if count == 1 else "s")
