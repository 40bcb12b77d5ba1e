# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Images from the controller: what a host lacks of one is sent over the task's own connection.

It stands above `images` and may use `layers` and the engine.
"""

from __future__ import annotations

__all__ = ["host"]
