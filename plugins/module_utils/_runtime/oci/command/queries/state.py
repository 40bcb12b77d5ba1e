# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""``state``: print the state of a container, as JSON (runtime-spec runtime.md, "State")."""

from __future__ import annotations

from .... import json_text
from ..arguments import Command
from ..output import write
from ..states import open_container

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..arguments import Call
    from ..output import Log

COMMAND = Command("print the state of a container", "ID", 1, 1)


def state(call: Call, _log: Log) -> None:
    found = open_container(call.options["root"], call.arguments[0]).state()
    write(json_text.dump(found, 2) + "\n")
