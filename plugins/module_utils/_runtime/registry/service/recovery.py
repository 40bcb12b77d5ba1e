# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a killed task left half-done: only a removal, for starts and changes are seen by comparing what runs with the row."""

from __future__ import annotations

from . import service


def recover(engine, _kind, detail):
    """Bring the removal of a registry (``{"name", "storage"}``) to its end."""
    with engine.locks.hold("registry", detail["name"]):
        service.remove(engine, detail["name"], detail["storage"])
