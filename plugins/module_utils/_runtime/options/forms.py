# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Parsers that many options share.

A parser takes an option's value and name and returns the value's normal form, which JSON can keep.
It raises :class:`InvalidInput`, with the name in its sentence, for a value that is not accepted.
"""

from __future__ import annotations

from ..errors import InvalidInput

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from typing import Any

    Parser = Callable[[Any, str], Any]


def ordered(items: Iterable[Any]) -> list[Any]:
    """A set's normal form: its members once each, in a fixed order."""
    seen: list[Any] = []
    for item in items:
        if item not in seen:
            seen.append(item)
    return sorted(seen, key=repr)


def text(value: Any, name: str) -> str:
    """A text, or a number as it is written."""
    if isinstance(value, (bool, dict, list)) or value is None:
        raise InvalidInput(name, value, "a text")
    value = str(value)
    if "\0" in value:
        raise InvalidInput(name, value, "a text without NUL bytes")
    return value


def line(value: Any, name: str) -> str:
    """A text for a line of a file. A newline in it would write another line (CVE-2022-4318)."""
    value = text(value, name)
    if any(ord(char) < 32 or ord(char) == 127 for char in value):
        raise InvalidInput(name, value, "a text without control characters")
    return value


def boolean(value: Any, name: str) -> bool:
    if not isinstance(value, bool):
        raise InvalidInput(name, value, "true or false")
    return value


def whole(low: int | None = None, high: int | None = None, extra: Sequence[int] = ()) -> Parser:
    """Make a parser for whole numbers from ``low`` to ``high``, or one of ``extra``."""
    accepted = "a whole number"
    accepted += f" from {low}" if low is not None else ""
    accepted += f" to {high}" if high is not None else ""
    accepted += "".join(f" or {number}" for number in extra)

    def parse(value: Any, name: str) -> int:
        try:
            number = int(value)
        except (TypeError, ValueError, OverflowError):
            raise InvalidInput(name, value, accepted) from None
        if isinstance(value, bool) or (number != value and not isinstance(value, str)):
            raise InvalidInput(name, value, accepted)
        below = low is not None and number < low
        above = high is not None and number > high
        if (below or above) and number not in extra:
            raise InvalidInput(name, value, accepted)
        return number

    return parse


def choice(*values: str) -> Parser:
    """Make a parser for one of ``values``."""

    def parse(value: Any, name: str) -> Any:
        if value not in values:
            raise InvalidInput(name, value, ", ".join(values))
        return value

    return parse


def list_of(parse_item: Parser) -> Parser:
    """Make a parser for lists whose order counts."""

    def parse(value: Any, name: str) -> list[Any]:
        if not isinstance(value, (list, tuple)):
            raise InvalidInput(name, value, "a list")
        return [parse_item(item, name) for item in value]

    return parse


def set_of(parse_item: Parser) -> Parser:
    """Make a parser for lists whose order does not count."""
    parse_list = list_of(parse_item)
    return lambda value, name: ordered(parse_list(value, name))


def map_of(parse_key: Parser, parse_item: Parser) -> Parser:
    """Make a parser for maps. What YAML made a boolean or null is refused, a number is a text."""

    def parse(value: Any, name: str) -> dict[str, Any]:
        if not isinstance(value, dict):
            raise InvalidInput(name, value, "a map of names and values")
        result = {}
        for key, item in value.items():
            if item is None or isinstance(item, bool):
                raise InvalidInput(
                    f"{name}.{key}",
                    item,
                    "a text or a number (quote the value to have it taken literally)",
                )
            result[parse_key(key, name)] = parse_item(item, f"{name}.{key}")
        return result

    return parse


# The parts of a CDI device's name, vendor.com/class=name (CDI specification, "Kind", "CDI Devices").
DEVICE_KIND = r"[A-Za-z][\w-]*(\.[\w-]+)*/[A-Za-z]([\w.-]*[A-Za-z0-9])?"
DEVICE_NAME = r"[A-Za-z0-9]([\w.:-]*[A-Za-z0-9])?"


def absolute(value: Any, name: str) -> str:
    """An absolute path without ``.``, ``..`` and doubled slashes."""
    path = line(value, name)
    if not path.startswith("/"):
        raise InvalidInput(name, path, "an absolute path")
    parts: list[str] = []
    for part in path.split("/"):
        if part == "..":
            del parts[-1:]
        elif part not in ("", "."):
            parts.append(part)
    return "/" + "/".join(parts)
