# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Recover from a killed build: end its processes, and remove what is part of no image."""

from __future__ import annotations

from .. import images, networks
from ..kernel import cgroups

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from ..engine import Engine


def recover(engine: Engine, kind: str, detail: dict[str, Any]) -> None:
    """Undo what an abandoned operation left. The engine calls it.

    :param kind: ``build`` or ``build-step``.
    :param detail: the operation's record: of a step, ``cgroup`` (its paths by mount point) and
        ``ident`` (the holder of its network address).
    """
    if kind == "build-step":
        group = cgroups.Group.open(detail["cgroup"])
        if group.exists:
            group.kill()
            group.remove()
        networks.release(engine, detail["ident"])
    images.recover(engine, kind, {})
