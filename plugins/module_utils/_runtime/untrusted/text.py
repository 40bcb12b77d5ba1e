# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Show text of others: no control character, no direction mark, no line that they made up, no more than there is room for."""

from __future__ import annotations

LONGEST = 1000  # characters: what a sentence can hold


def printable(text: object, limit: int | None = LONGEST, lines: bool = False) -> str:
    r"""Make foreign text safe for a terminal, a log or a message.

    Escape what str.isprintable() refuses, as Python writes it: ``\x1b``, ``\u202e``, ``\n``. That covers control characters, surrogates,
    direction marks, invisible characters and separators of lines.

    :param text: str or bytes (UTF-8; other bytes are shown as ``\xff``); anything else is made a str.
    :param limit: characters that are kept, then comes ``...``; None: all.
    :param lines: leave line feeds and tabs as they are, for text that has lines of its own, such as a program's last output.
    :returns: str.
    """
    if isinstance(text, (bytes, bytearray, memoryview)):
        text = bytes(text).decode("utf-8", "backslashreplace")
    elif not isinstance(text, str):
        text = str(text)
    if limit is not None and len(text) > limit:
        text = text[:limit] + "..."
    if text.isprintable():
        return text
    return "".join(
        one if one.isprintable() or (lines and one in "\n\t") else _escaped(one) for one in text
    )


_USERINFO = r"((?:https?|git|ssh|ftp|socks[45][ah]?)://)[^/?#\s'\"]*@"  # up to the last @ before the path: what comes behind it is the host


def without_userinfo(text: str) -> str:
    """Text whose addresses name no user and no password: ``https://user:password@host/`` becomes ``https://host/`` (RFC 3986, 3.2.1)."""
    if not isinstance(text, str) or "://" not in text or "@" not in text:
        return text
    import re  # here: a container's start, which loads this file, does without

    return re.sub(_USERINFO, r"\1", text)


def entry(text: object, limit: int | None = 4000) -> str:
    """An entry of a log: its further lines are indented, so that none looks like an entry."""
    return printable(text, limit, lines=True).rstrip().replace("\n", "\n  ")


def _escaped(character: str) -> str:
    if character == "\xa0":  # a space that does not break
        return " "
    return character.encode("unicode_escape", "surrogatepass").decode("ascii")
