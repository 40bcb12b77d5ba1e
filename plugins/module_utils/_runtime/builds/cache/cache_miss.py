# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""How far the cache leads."""

from __future__ import annotations

from ...untrusted.text import without_userinfo


class CacheMiss(Exception):
    """The first step that is not in the cache. ``action``: what is to be done, as a sentence; ``step``: "3/7"; ``line``."""

    def __init__(self, action, step="", line=0):
        action = without_userinfo(action)
        super().__init__(action)
        self.action, self.step, self.line = action, step, line
