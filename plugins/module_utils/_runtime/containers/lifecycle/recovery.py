# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Finish or undo what killed tasks left half-done.

A creation is undone, a removal is finished, a replacement is put back or finished, and what was
frozen to be read goes on.
"""

from __future__ import annotations

import contextlib

from ...errors import Conflict
from ..access import checkpoints
from ..client import monitor_client
from ..records import catalog
from . import create, drain, remove, replace

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from ...engine import Engine


def recover(engine: Engine, kind: str, detail: dict[str, Any]) -> bool | None:
    """Recover one entry of the operations table whose process is gone (nouns.py).

    :returns: True where it still takes time.
    """
    work: Callable[[Engine, dict[str, Any]], bool | None] = {
        "create-container": _created,
        "remove-container": _removed,
        "replace-container": _replaced,
        "restart-container": replace.recover_restart,
        "freeze-container": _frozen,
        "checkpoint-container": checkpoints.recover,
    }[kind]
    return work(engine, detail)


def _created(engine: Engine, detail: dict[str, Any]) -> None:
    """Undo a creation, unless it has its row, which comes last: then it is whole."""
    if catalog.by_id(engine, detail["id"]) is None:
        create.undo(engine, detail["id"], detail["volumes"])


def _frozen(engine: Engine, detail: dict[str, Any]) -> None:
    """Let a container go on that was frozen for a moment, to be read."""
    with contextlib.suppress(Conflict):  # it has ended since
        monitor_client.unpause(engine.paths, detail["id"])


def _removed(engine: Engine, detail: dict[str, Any]) -> None:
    catalog.forget(engine, detail["id"])
    remove.sweep(engine, detail["id"], [] if detail["keep_volumes"] else detail["volumes"])


def _replaced(engine: Engine, detail: dict[str, Any]) -> bool:
    """Finish or undo a replacement after a kill: committed is what has no old row any more.

    :returns: whether the old one's connections still have time.
    """
    old, new = catalog.by_id(engine, detail["old"]), catalog.get(engine, detail["temporary"])
    going = detail.get("volumes", [])  # an older version did not record them
    if old is not None and old["name"] == detail.get("leaving"):
        return drain.go_on(engine, old, detail["name"], going, detail.get("drain", 0.0))
    if old is not None:
        replace.put_back(engine, old, new, detail["ran"])
        return False
    record = catalog.get(engine, detail["name"])
    if record is not None:
        replace.finish(engine, detail["old"], record, going)
    else:
        remove.sweep(engine, detail["old"], going)
    return False
