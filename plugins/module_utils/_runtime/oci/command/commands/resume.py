# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""``resume``: let a paused container go on."""

from __future__ import annotations

from ..arguments import Command
from ..states import open_in

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..arguments import Call
    from ..output import Log

COMMAND = Command("let a paused container go on", "ID", 1, 1)


def resume(call: Call, _log: Log) -> None:
    open_in(call.options["root"], call.arguments[0], "paused").group().thaw()
