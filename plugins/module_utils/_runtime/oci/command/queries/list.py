# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""``list``: list the containers of a root."""

from __future__ import annotations

import os

from .... import json_text
from ....errors import InvalidInput, NotFound
from ..arguments import Command
from ..output import write
from ..states import every

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import List

    from ..arguments import Call
    from ..output import Log
    from ..states import State


COMMAND = Command("list the containers", "", 0, 0, ("format|f=", "quiet|q"))
COLUMNS = ("id", "pid", "status", "bundle", "created", "owner")
NARROWEST = 11  # characters of a column


def list(call: Call, log: Log) -> None:  # pylint: disable=redefined-builtin # the command's name
    check_format(call)
    root = call.options["root"]
    if call.options["chosen-root"] and not os.path.isdir(root):
        raise NotFound(f"option --root: there is no directory {root}")
    unreadable: List[str] = []
    found = [container.state() for container in every(root, unreadable)]
    for text in unreadable:
        log.warning(text)
    if call["quiet"]:
        write("".join(entry["id"] + "\n" for entry in found))
    elif call["format"] == "json":
        write((json_text.dump(found) if found else "null") + "\n")
    else:
        write(_table(found))


def check_format(call: Call) -> None:
    """:raises InvalidInput: ``--format`` is neither table nor json."""
    if call["format"] not in (None, "table", "json"):
        raise InvalidInput("--format", call["format"], "table or json")


def _table(found: List[State]) -> str:
    rows = [tuple(name.upper() for name in COLUMNS)]
    rows += [tuple(str(entry.get(name)) for name in COLUMNS) for entry in found]
    widths = [max(NARROWEST, *(len(row[column]) for row in rows)) for column in range(len(COLUMNS))]
    lines = (" ".join(cell.ljust(width) for cell, width in zip(row, widths)) for row in rows)
    return "".join(line.rstrip() + "\n" for line in lines)
