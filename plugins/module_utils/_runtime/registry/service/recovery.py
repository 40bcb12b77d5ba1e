# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Finish what a killed task left. Only a removal needs that: starts and changes show when what runs
is compared with the row.
"""

from __future__ import annotations

from . import service

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from ...engine import Engine


def recover(engine: Engine, _kind: str, detail: dict[str, Any]) -> None:
    """Bring the removal of a registry (``{"name", "storage"}``) to its end."""
    with engine.locks.hold("registry", detail["name"]):
        service.remove(engine, detail["name"], detail["storage"])
