# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Recover from a killed pull, load, import or removal: remove what is part of no image."""

from __future__ import annotations

from . import garbage

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from ...engine import Engine


def recover(engine: Engine, _kind: str, detail: dict[str, Any]) -> None:
    """Undo what an abandoned operation of the kinds pull, unpack and remove-image left. The engine
    calls it.
    """
    garbage.sweep(engine)
    garbage.collect(engine, detail.get("blobs", []) + detail.get("candidates", []), everything=True)
