# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Recover from a killed task: remove the directory of a volume that has no row."""

from __future__ import annotations

from . import catalog

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from ..engine import Engine


def recover(engine: Engine, kind: str, detail: dict[str, Any]) -> None:
    """Finish a removal or undo a creation: both leave a directory without a row.

    :param kind: create-volume or remove-volume.
    :param detail: ``{"name"}``.
    """
    if kind not in ("create-volume", "remove-volume"):
        raise ValueError(kind)
    with engine.locks.hold("volume", detail["name"]):
        if catalog.get(engine, detail["name"]) is None:
            catalog.clear(engine, detail["name"])
