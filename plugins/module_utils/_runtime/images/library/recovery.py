# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""After a killed pull, load, import or removal: whatever did not become part of an image goes."""

from __future__ import annotations

from . import garbage


def recover(engine, _kind, detail):
    """Undo what an abandoned operation of the kinds pull, unpack and remove-image left; called by the engine."""
    garbage.sweep(engine)
    garbage.collect(engine, detail.get("blobs", []) + detail.get("candidates", []), everything=True)
