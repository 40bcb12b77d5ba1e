# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Encode and decode protocol buffers, as far as CRIU's messages need it: varints and
length-delimited fields.

A schema is ``{name: number}``, or ``{name: (number, schema)}`` for a field that is a message.
Values are dictionaries: whole numbers, booleans, texts, bytes, messages (dictionaries), and lists
of these for fields that are repeated; None is left out.
"""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    Schema = Mapping[str, Any]  # as above

_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5  # wire types


def encode(schema: Schema, values: Mapping[str, Any]) -> bytes:
    """Return the bytes of a message."""
    parts: list[bytes] = []
    for name, value in values.items():
        number, below = schema[name] if isinstance(schema[name], tuple) else (schema[name], None)
        for one in value if isinstance(value, list) else [value]:
            if one is None:
                continue
            if isinstance(one, int):
                parts.append(_varint(number << 3 | _VARINT) + _varint(one % 2**64))
                continue
            data = encode(below, one) if below is not None else os.fsencode(one)
            parts.append(_varint(number << 3 | _BYTES) + _varint(len(data)) + data)
    return b"".join(parts)


def decode(schema: Schema, data: bytes) -> dict[str, Any]:
    """Return the message in ``data``: texts as bytes, numbers not negative.

    Of a field that comes several times the last is taken; fields that the schema does not name are
    passed over.

    :raises ValueError: it is no message.
    """
    names = {
        number: (name, below)
        for name, (number, below) in (
            (name, entry if isinstance(entry, tuple) else (entry, None))
            for name, entry in schema.items()
        )
    }
    found: dict[str, Any] = {}
    place = 0
    while place < len(data):
        key, place = _read(data, place)
        kind = key & 7
        value: Any = None
        if kind == _VARINT:
            value, place = _read(data, place)
        elif kind == _BYTES:
            size, place = _read(data, place)
            value, place = data[place : place + size], place + size
        elif kind in (_FIXED64, _FIXED32):
            place += 8 if kind == _FIXED64 else 4
        else:
            raise ValueError(f"a field of wire type {kind}")
        if place > len(data):
            raise ValueError("it ends too early")
        name, below = names.get(key >> 3, (None, None))
        if name is not None and value is not None:
            found[name] = decode(below, value) if below is not None else value
    return found


def _varint(number: int) -> bytes:
    found = bytearray()
    while number > 0x7F:
        found.append(number & 0x7F | 0x80)
        number >>= 7
    found.append(number)
    return bytes(found)


def _read(data: bytes, place: int) -> tuple[int, int]:
    """Return the varint at ``place``, and the place after it.

    :raises ValueError: it does not end.
    """
    number = shift = 0
    while place < len(data):
        byte = data[place]
        number |= (byte & 0x7F) << shift
        place, shift = place + 1, shift + 7
        if not byte & 0x80:
            return number, place
    raise ValueError("it ends too early")
