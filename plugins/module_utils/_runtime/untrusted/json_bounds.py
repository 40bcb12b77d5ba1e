# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""How deep JSON of others may be, and how many values it may have: looked at without a parser, and without importing one (json_text.py)."""

from __future__ import annotations

DEEPEST = 64  # brackets in one another; an image's documents have 6
MOST = 250_000  # values in all
_STRUCTURE = bytes(byte for byte in range(256) if byte not in b"[]{},")


def unfit(data):
    """Why a parser had better not be given these bytes (too deep, too many values), or None. Linear, and needs no parser."""
    if data.count(b"[") + data.count(b"{") <= DEEPEST and data.count(b",") < MOST:
        return None
    outside = b"".join(data.replace(b"\\\\", b"").replace(b'\\"', b"").split(b'"')[::2]).translate(
        None, _STRUCTURE
    )
    if outside.count(b",") + outside.count(b"[") + outside.count(b"{") > MOST:
        return "JSON of more than %d values" % MOST
    depth = 0
    for byte in outside:
        if byte in b"[{":
            depth += 1
            if depth > DEEPEST:
                return "JSON nested more than %d levels deep" % DEEPEST
        elif byte in b"]}":
            depth -= 1
    return None
