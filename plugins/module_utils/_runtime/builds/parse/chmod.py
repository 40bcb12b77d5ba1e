# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""``--chmod`` of COPY and ADD: octal, or symbolic as chmod(1) takes it (``u=rwX,go-w``)."""

from __future__ import annotations

import re

from .expansion import Trouble

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    ModeChange = Callable[[int, bool], int]  # (mode, whether it is a directory's) -> mode
    Clause = tuple[str, "list[str]"]  # (whom, actions)


_CLAUSE = re.compile(r"([ugoa]*)([-+=](?:[rwxXst]*|[ugo]))((?:[-+=](?:[rwxXst]*|[ugo]))*)")
_SHIFT = {"u": 6, "g": 3, "o": 0}


def parse(text: str) -> ModeChange:
    """Parse a mode; return a function that changes a mode accordingly.

    :raises Trouble: for an invalid one.
    """
    if re.fullmatch("[0-7]{1,5}", text) and int(text, 8) <= 0o7777:
        fixed = int(text, 8)
        return lambda dummy, directory: fixed
    clauses = [_clause(part, text) for part in text.split(",")]

    def change(mode: int, directory: bool) -> int:
        for who, actions in clauses:
            for action in actions:
                mode = _apply(mode, directory, who, action)
        return mode

    return change


def _clause(part: str, text: str) -> Clause:
    match = _CLAUSE.fullmatch(part)
    if match is None:
        raise Trouble(
            f"--chmod={text} is not valid; accepted: an octal number up to 7777, or a form such "
            "as u=rwX,go=rX"
        )
    who = match.group(1) or "a"
    return ("ugo" if "a" in who else who), re.findall(
        r"[-+=][rwxXstugo]*", match.group(2) + match.group(3)
    )


def _apply(mode: int, directory: bool, who: str, action: str) -> int:
    sign, what = action[0], action[1:]
    for letter in who:
        shift = _SHIFT[letter]
        if what in _SHIFT and what:
            bits = mode >> _SHIFT[what] & 7
        else:
            bits = sum({"r": 4, "w": 2, "x": 1}.get(each, 0) for each in set(what))
            if "X" in what and (directory or mode & 0o111):
                bits |= 1
        special = 0
        if "s" in what:
            special |= {"u": 0o4000, "g": 0o2000, "o": 0}[letter]
        if "t" in what:
            special |= 0o1000
        if sign == "+":
            mode |= bits << shift | special
        elif sign == "-":
            mode &= ~(bits << shift | special)
        else:
            mode = (
                mode & ~(7 << shift | {"u": 0o4000, "g": 0o2000, "o": 0}[letter])
                | bits << shift
                | special
            )
    return mode
