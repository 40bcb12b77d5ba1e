# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A start as a row of steps: each a sentence that says what it does, and the function that does it.

With ``PYCONTAINER_TRACE=1`` in the environment each step is written down as it begins, with the
time since the first one:

    trace     0.412 ms outside: make the container's control group
    trace     1.107 ms inside: leave the host's mount namespace

"outside" is the process that makes the container's, "inside" the container's process itself. The
latter sends its lines over the channel (channel.py), so that it needs no descriptor of the host's
for them.
"""

from __future__ import annotations

import os
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    Step = tuple[str, Callable[[], object]]
    Steps = Iterator[Step]

VARIABLE = "PYCONTAINER_TRACE"
_ERROR_OUTPUT = 2


class Trace:
    """Write down the steps of one start.

    :ivar write: called with each line (bytes, with its line feed), for one side of the start.
    :ivar muted: whether nothing is to be told any more.
    """

    muted = False

    def __init__(self, side: str, write: Callable[[bytes], object], began: float | None = None):
        self.side, self.write = side, write
        # The time of day: the clocks that only go forward may be others in a container's time
        # namespace.
        self.began = began

    def inside(self, write: Callable[[bytes], object]) -> Trace:
        """Return the same for the container's process, counting from the same moment."""
        return Trace("inside", write, self.began)

    def tell(self, sentence: str) -> None:
        """Write one line."""
        if self.muted:
            return
        now = time.time()
        self.began = now if self.began is None else self.began
        passed = (now - self.began) * 1000
        self.write(f"trace {passed:9.3f} ms {self.side}: {sentence}\n".encode())


def show(line: bytes) -> None:
    """Write a line to standard error: the caller's terminal, or the log of a monitor."""
    try:
        os.write(_ERROR_OUTPUT, line)
    except OSError:  # nobody listens there any more
        pass


def trace(wanted: object = None) -> Trace | None:
    """Return a Trace that writes to standard error where the environment, or ``wanted``, asks for
    one, else None.
    """
    return Trace("outside", show) if wanted or os.environ.get(VARIABLE) == "1" else None


def perform(steps: Iterable[Step], told: Trace | None) -> None:
    """Do the steps, one after the other. :param told: is told of each before it is done."""
    for sentence, do in steps:
        if told is not None:
            told.tell(sentence)
        do()
