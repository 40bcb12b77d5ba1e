# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a build says while it goes on: nothing, or plain lines in BuildKit's manner (``--progress plain``)."""

from __future__ import annotations

import time


class Progress:
    """Says nothing."""

    def step(self, title, cached):
        """A step begins. ``cached``: whether its result was in the cache; None where there is nothing to run."""

    def output(self, line):
        """A line of the running command's output."""

    def done(self, seconds):
        """The running step has ended."""


class Plain(Progress):
    """:param write: called with each line."""

    def __init__(self, write):
        self.write, self.number, self.began = write, 0, 0.0

    def step(self, title, cached):
        self.number += 1
        self.began = time.monotonic()
        self.write("#%d %s" % (self.number, title))
        if cached:
            self.write("#%d CACHED" % self.number)

    def output(self, line):
        self.write("#%d %.3f %s" % (self.number, time.monotonic() - self.began, line))

    def done(self, seconds):
        self.write("#%d DONE %.1fs" % (self.number, seconds))
