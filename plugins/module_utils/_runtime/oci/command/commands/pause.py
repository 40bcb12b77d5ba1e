# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""``pause``: freeze all processes of a container."""

from __future__ import annotations

from ..arguments import Command
from ..states import open_in

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..arguments import Call
    from ..output import Log

COMMAND = Command("freeze all processes of a container", "ID", 1, 1)


def pause(call: Call, _log: Log) -> None:
    open_in(call.options["root"], call.arguments[0], "created", "running").group().freeze()
