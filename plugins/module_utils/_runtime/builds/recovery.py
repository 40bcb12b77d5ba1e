# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""After a killed build: what ran is ended, and what did not become part of an image goes."""

from __future__ import annotations

from .. import images, networks
from ..kernel import cgroups


def recover(engine, kind, detail):
    """Undo what an abandoned operation of the kinds build and build-step left; called by the engine."""
    if kind == "build-step":
        group = cgroups.Group.open(detail["cgroup"])
        if group.exists:
            group.kill()
            group.remove()
        networks.release(engine, detail["ident"])
    images.recover(engine, kind, {})
