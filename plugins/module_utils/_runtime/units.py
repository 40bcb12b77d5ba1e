# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Parse and print sizes and times as people write them (``512m``, ``1.5g``, ``1m30s``).

Each has one normal form (bytes, seconds), so that ``1g`` and ``1024m`` never look like a
difference.
"""

from __future__ import annotations

import re

from .errors import InvalidInput
from .untrusted.text import printable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

SIZES = {"b": 1, "k": 1 << 10, "m": 1 << 20, "g": 1 << 30, "t": 1 << 40, "p": 1 << 50}
TRUTH = {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}
TIMES = {"us": 1e-6, "ms": 1e-3, "s": 1, "m": 60, "h": 3600}

LONGEST_TEXT = 200  # characters of a time or size
LONGEST = (1 << 63) / 1e9  # seconds: what Docker's 64 bits of nanoseconds hold

_SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*(?:([bkmgtp])(?:i?b)?)?", re.IGNORECASE)
_MOMENT = re.compile(r"(\d{4}-\d\d-\d\d)(?:[T ](\d\d:\d\d:\d\d)(?:\.(\d+))?)?(Z|[+-]\d\d:\d\d)?")
_TIME = re.compile(r"(\d+(?:\.\d+)?)(us|ms|s|m|h)")


def size(value: Any, option: str) -> int:
    """Return ``value`` in bytes: a number of bytes, or a number with B, K, M, G, T or P.

    KB, KiB and so on are accepted too. All are powers of 1024.

    :raises InvalidInput: naming ``option`` when it is neither, or negative.
    """
    accepted = "a number of bytes, or a number with B, K, M, G, T or P, such as 512m or 1.5g"
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        raise InvalidInput(option, value, accepted)
    text = str(value).strip()
    match = _SIZE.fullmatch(text) if len(text) <= LONGEST_TEXT else None
    if match is None:
        raise InvalidInput(option, value, accepted)
    factor = SIZES[(match.group(2) or "b").lower()]
    if float(match.group(1)) * factor >= 1 << 63:
        raise InvalidInput(option, value, accepted + ", less than 8192P")
    return (
        int(float(match.group(1)) * factor)
        if "." in match.group(1)
        else int(match.group(1)) * factor
    )


def duration(value: Any, option: str) -> int | float:
    """Return ``value`` in seconds: a number of seconds, or numbers with us, ms, s, m or h
    (``1m30s``).

    :returns: an int where it is whole, else a float.
    :raises InvalidInput: naming ``option``.
    """
    accepted = "seconds, or numbers with us, ms, s, m or h, such as 1m30s"
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        raise InvalidInput(option, value, accepted)
    text = str(value).strip()
    if len(text) > LONGEST_TEXT:  # from every digit on another number could begin
        raise InvalidInput(option, printable(text, LONGEST_TEXT), accepted)
    if re.fullmatch(r"\d+(\.\d+)?", text):
        seconds = float(text)
    else:
        parts = _TIME.findall(text)
        if not parts or "".join(number + unit for number, unit in parts) != text:
            raise InvalidInput(option, value, accepted)
        seconds = round(sum(float(number) * TIMES[unit] for number, unit in parts), 6)
    if seconds >= LONGEST:
        raise InvalidInput(option, value, accepted + ", less than 292 years")
    return int(seconds) if seconds == int(seconds) else seconds


def show_size(count: int) -> str:
    """Return ``count`` bytes in the largest unit of 1024 that they fill, with at most one decimal
    (``1.5GiB``).
    """
    for unit in ("TiB", "GiB", "MiB", "KiB"):
        factor = SIZES[unit[0].lower()]
        if count >= factor:
            return (f"{count / factor:.1f}").rstrip("0").rstrip(".") + unit
    return f"{count}B"


def show_decimal(
    number: float,
    digits: int = 4,
    units: tuple[str, ...] = ("B", "kB", "MB", "GB", "TB", "PB"),
    base: float = 1000.0,
) -> str:
    """Return bytes as Docker prints them: ``12.34MB``; in listings with three ``digits``."""
    number = float(number)
    left = list(units)
    while number >= base and len(left) > 1:
        number /= base
        left.pop(0)
    return "%.*g%s" % (digits, number, left[0]) if number < 999.5 else f"{number:.0f}{left[0]}"


def truth(value: object, option: str) -> bool:
    """Return whether a filter's value, from YAML or a command line, means yes.

    :raises InvalidInput: naming ``option``.
    """
    if str(value).lower() not in TRUTH:
        raise InvalidInput(option, value, "true or false")
    return TRUTH[str(value).lower()]


def texts(given: Mapping[Any, Any], option: str) -> dict[str, str]:
    """Return a map of texts, such as labels, from a YAML value.

    :raises InvalidInput: for a value that YAML made a boolean, null, list or map.
    """
    for key, value in given.items():
        if value is None or isinstance(value, (bool, dict, list)):
            raise InvalidInput(
                f"{option}.{key}",
                value,
                "a text or a number (quote the value to have it taken literally)",
            )
    return {str(key): str(value) for key, value in given.items()}


def pattern(value: object, option: str) -> re.Pattern[str]:
    """Compile a regular expression that is searched for in names, as Docker's filter ``name`` does.

    :raises InvalidInput: when it is no regular expression.
    """
    try:
        return re.compile(str(value))
    except re.error as error:
        raise InvalidInput(
            option, value, f"a part of a name, or a regular expression such as ^web$ ({error})"
        ) from None


def moment(value: object, option: str, now: float | None = None) -> float:
    """Return a time as seconds since the epoch.

    It is RFC 3339 (without a zone: the host's), seconds since the epoch, or an age (``24h``).

    :raises InvalidInput: naming ``option``.
    """
    import datetime  # here: few who read a size need them
    import time

    text = str(value).strip()
    if re.fullmatch(r"\d{9,11}(\.\d+)?", text):
        return float(text)
    match = _MOMENT.fullmatch(text)
    if match is not None:
        day, clock, fraction, zone = match.groups()
        try:
            when = datetime.datetime.fromisoformat(
                f"{day}T{clock or '00:00:00'}{(zone or '').replace('Z', '+00:00')}"
            )
        except ValueError:
            raise InvalidInput(option, value, "a date and time that exist") from None
        return (when if when.tzinfo else when.astimezone()).timestamp() + float(
            "0." + (fraction or "0")
        )
    try:
        ago = duration(text, option)
    except InvalidInput:
        raise InvalidInput(
            option,
            value,
            "a time such as 2026-01-31T12:00:00Z, seconds since the epoch, or how long ago, such "
            "as 24h",
        ) from None
    return (time.time() if now is None else now) - ago


def ago(seconds: float, now: float | None = None) -> str:
    """Return ``3 minutes`` since a time in seconds since the epoch, in Docker's words."""
    import time  # here: few who read a size need it

    age = max(0, int((time.time() if now is None else now) - seconds))
    if age < 1:
        return "Less than a second"
    if age < 60:
        return "%d second%s" % (age, "" if age == 1 else "s")
    if age < 3600:
        return "About a minute" if age < 120 else f"{age // 60} minutes"
    hours = (age + 1800) // 3600
    if hours < 48:
        return "About an hour" if hours == 1 else f"{hours} hours"
    for limit, unit, name in (
        (24 * 14, 24, "days"),
        (24 * 60, 24 * 7, "weeks"),
        (24 * 730, 24 * 30, "months"),
    ):
        if hours < limit:
            return f"{hours // unit} {name}"
    return f"{hours // (24 * 365)} years"
