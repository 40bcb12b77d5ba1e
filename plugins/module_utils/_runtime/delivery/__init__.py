# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Images from the controller: what a host lacks of one is sent over the task's own connection.

It stands above `images` and may use `layers` and the engine.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from ..engine import Engine
    from ..images import ImagePlan

__all__ = ["present", "receiver"]


def present(engine: Engine, params: dict[str, Any], name: str) -> ImagePlan | dict[str, Any]:
    """Plan ``source: controller``; see ``receiver.present``."""
    from . import receiver  # with the reader of archives: few tasks deliver

    return receiver.present(engine, params, name)
