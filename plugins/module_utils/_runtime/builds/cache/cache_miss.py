# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The error that ends a way through the build cache."""

from __future__ import annotations

from ...untrusted.text import without_userinfo


class CacheMiss(Exception):
    """The first step that is not in the cache.

    ``action``: what is to be done, as a sentence; ``step``: "3/7"; ``line``: of the file.
    """

    def __init__(self, action: str, step: str = "", line: int = 0) -> None:
        action = without_userinfo(action)
        super().__init__(action)
        self.action, self.step, self.line = action, step, line
