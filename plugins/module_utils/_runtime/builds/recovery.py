# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""After a killed build: end what ran, and remove what did not become part of an image."""

from __future__ import annotations

from .. import images, networks
from ..kernel import cgroups

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from ..engine import Engine


def recover(engine: Engine, kind: str, detail: dict[str, Any]) -> None:
    """Undo what an abandoned operation left; the engine calls it.

    :param kind: ``build`` or ``build-step``.
    :param detail: what the operation wrote down: of a step, ``cgroup`` (its paths by mount point)
        and ``ident`` (the holder of its network address).
    """
    if kind == "build-step":
        group = cgroups.Group.open(detail["cgroup"])
        if group.exists:
            group.kill()
            group.remove()
        networks.release(engine, detail["ident"])
    images.recover(engine, kind, {})
