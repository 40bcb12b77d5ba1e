# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Sizes and times as people write them (``512m``, ``1.5g``, ``1m30s``), and back.

Both have one normal form (bytes, seconds), so that ``1g`` and ``1024m`` never look like a difference.
"""

from __future__ import annotations

import re

from .errors import InvalidInput

SIZES = {"b": 1, "k": 1 << 10, "m": 1 << 20, "g": 1 << 30, "t": 1 << 40, "p": 1 << 50}
TIMES = {"us": 1e-6, "ms": 1e-3, "s": 1, "m": 60, "h": 3600}

_SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*(?:([bkmgtp])(?:i?b)?)?", re.IGNORECASE)
_TIME = re.compile(r"(\d+(?:\.\d+)?)(us|ms|s|m|h)")


def size(value, option):
    """Bytes of ``value``: a number of bytes, or a number with B, K, M, G, T or P (also KB, KiB ...; powers of 1024).

    :raises InvalidInput: naming ``option`` when it is neither, or negative.
    """
    accepted = "a number of bytes, or a number with B, K, M, G, T or P, such as 512m or 1.5g"
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        raise InvalidInput(option, value, accepted)
    match = _SIZE.fullmatch(str(value).strip())
    if match is None:
        raise InvalidInput(option, value, accepted)
    return int(float(match.group(1)) * SIZES[(match.group(2) or "b").lower()]) if "." in match.group(1) \
        else int(match.group(1)) * SIZES[(match.group(2) or "b").lower()]


def duration(value, option):
    """Seconds of ``value``: a number of seconds, or numbers with us, ms, s, m or h, such as ``1m30s``.

    :returns: an int where it is whole, else a float. :raises InvalidInput: naming ``option``.
    """
    accepted = "seconds, or numbers with us, ms, s, m or h, such as 1m30s"
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        raise InvalidInput(option, value, accepted)
    text = str(value).strip()
    if re.fullmatch(r"\d+(\.\d+)?", text):
        seconds = float(text)
    else:
        parts = _TIME.findall(text)
        if not parts or "".join(number + unit for number, unit in parts) != text:
            raise InvalidInput(option, value, accepted)
        seconds = round(sum(float(number) * TIMES[unit] for number, unit in parts), 6)
    return int(seconds) if seconds == int(seconds) else seconds


def show_size(count):
    """``count`` bytes for people: the largest unit of 1024 that it fills, at most one decimal (``1.5GiB``)."""
    for unit in ("TiB", "GiB", "MiB", "KiB"):
        factor = SIZES[unit[0].lower()]
        if count >= factor:
            return ("%.1f" % (count / factor)).rstrip("0").rstrip(".") + unit
    return "%dB" % count


def show_decimal(number, digits=4, units=("B", "kB", "MB", "GB", "TB", "PB"), base=1000.0):
    """Bytes as Docker prints them: ``12.34MB``; in listings with three ``digits``."""
    number = float(number)
    for unit in units:
        if number < base or unit == units[-1]:
            return "%.*g%s" % (digits, number, unit) if number < 999.5 else "%.0f%s" % (number, unit)
        number /= base
