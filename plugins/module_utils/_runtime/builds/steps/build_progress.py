# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Report a build's progress: as plain lines in BuildKit's manner (``--progress plain``), to a
display, or not at all.
"""

from __future__ import annotations

import time

from ...progress import board

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from ...engine import Engine


class Progress:
    """Reports nothing."""

    def step(self, title: str, cached: bool | None) -> None:
        """A step begins.

        :param cached: whether its result was in the cache; None where there is nothing to run.
        """

    def output(self, line: str) -> None:
        """The running command has written a line."""

    def done(self, seconds: float) -> None:
        """The running step has ended."""


class Plain(Progress):
    """Writes plain lines. :param write: called with each."""

    def __init__(self, write: Callable[[str], object]) -> None:
        self.write, self.number, self.began = write, 0, 0.0

    def step(self, title: str, cached: bool | None) -> None:
        self.number += 1
        self.began = time.monotonic()
        self.write(f"#{self.number} {title}")
        if cached:
            self.write(f"#{self.number} CACHED")

    def output(self, line: str) -> None:
        self.write("#%d %.3f %s" % (self.number, time.monotonic() - self.began, line))

    def done(self, seconds: float) -> None:
        self.write("#%d DONE %.1fs" % (self.number, seconds))


class Reported(Progress):
    """Reports the steps to ``engine.progress``, and passes them to ``shown``."""

    def __init__(self, engine: Engine, shown: Progress) -> None:
        self.engine, self.shown, self.item = engine, shown, board.UNSEEN

    def step(self, title: str, cached: bool | None) -> None:
        self.shown.step(title, cached)
        phase = {True: board.CACHED, False: board.RUNNING, None: board.DONE}[cached]
        self.item = self.engine.progress.item(title, 0, phase, int(time.monotonic() * 1000))

    def output(self, line: str) -> None:
        self.shown.output(line)
        self.engine.progress.output(line)

    def done(self, seconds: float) -> None:
        self.shown.done(seconds)
        self.item.finish(board.DONE, int(seconds * 1000))
