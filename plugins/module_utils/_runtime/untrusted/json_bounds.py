# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Bounds of JSON of others, its depth and number of values, checked without importing a parser (json_text.py)."""

from __future__ import annotations

DEEPEST = 64  # brackets in one another; an image's documents have 6
MOST = 250_000  # values in all
_STRUCTURE = bytes(byte for byte in range(256) if byte not in b"[]{},")


def unfit(data: bytes) -> str | None:
    """Why these bytes are not to be parsed (too deep, too many values), or None. It takes linear time."""
    if data.count(b"[") + data.count(b"{") <= DEEPEST and data.count(b",") < MOST:
        return None
    outside = b"".join(data.replace(b"\\\\", b"").replace(b'\\"', b"").split(b'"')[::2]).translate(
        None, _STRUCTURE
    )
    if outside.count(b",") + outside.count(b"[") + outside.count(b"{") > MOST:
        return f"JSON of more than {MOST} values"
    depth = 0
    for byte in outside:
        if byte in b"[{":
            depth += 1
            if depth > DEEPEST:
                return f"JSON nested more than {DEEPEST} levels deep"
        elif byte in b"]}":
            depth -= 1
    return None
