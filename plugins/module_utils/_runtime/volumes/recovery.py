# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Recover from a killed task: remove the directory of a volume that has no row, and what was to be
another's content.
"""

from __future__ import annotations

from . import catalog, content

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from ..engine import Engine


def recover(engine: Engine, kind: str, detail: dict[str, Any]) -> None:
    """Finish a removal or undo a creation: both leave a directory without a row.

    :param kind: create-volume, remove-volume or fill-volume.
    :param detail: ``{"name"}``.
    """
    if kind not in ("create-volume", "remove-volume", "fill-volume"):
        raise ValueError(kind)
    with engine.locks.hold("volume", detail["name"]):
        if kind == "fill-volume":
            content.forget_unfinished(engine, detail["name"])
        elif catalog.get(engine, detail["name"]) is None:
            catalog.clear(engine, detail["name"])
