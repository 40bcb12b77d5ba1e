# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a build says while it goes on: nothing, or plain lines in BuildKit's manner (``--progress plain``); and what it reports to who watches."""

from __future__ import annotations

import time

from ...progress import board


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


class Reported(Progress):
    """Reports the steps to ``engine.progress``, and says what ``shown`` (a Progress) says."""

    def __init__(self, engine, shown):
        self.engine, self.shown, self.item = engine, shown, board.UNSEEN

    def step(self, title, cached):
        self.shown.step(title, cached)
        phase = {True: board.CACHED, False: board.RUNNING, None: board.DONE}[cached]
        self.item = self.engine.progress.item(title, 0, phase, int(time.monotonic() * 1000))

    def output(self, line):
        self.shown.output(line)
        self.engine.progress.output(line)

    def done(self, seconds):
        self.shown.done(seconds)
        self.item.finish(board.DONE, int(seconds * 1000))
