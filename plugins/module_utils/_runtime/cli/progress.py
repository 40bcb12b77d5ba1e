# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""How far a command is, at standard error: bars at a terminal, as Docker draws them, and plain
lines elsewhere.

A thread looks at the engine's board now and then; the work itself goes on as if nobody did.
"""

from __future__ import annotations

import contextlib
import os
import sys
import threading
import time

from ..progress import bars, board

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Protocol

    from ..engine import Engine

    class Shower(Protocol):
        """What shows the board."""

        def show(self, look: board.Look, last: bool = False) -> None: ...


EACH = 0.1  # seconds between two drawings
SAID = {
    board.DOWNLOADING: "Pulling fs layer",
    board.EXTRACTING: "Download complete",
    board.SENDING: "Preparing",
}  # Docker's plain words


@contextlib.contextmanager
def shown(engine: Engine) -> Iterator[None]:
    """In the ``with`` block, show what ``engine`` reports."""
    out = sys.stderr.fileno()
    fd = os.memfd_create("progress", os.MFD_CLOEXEC)
    show, ended = (_Bars if drawn(out) else _Lines)(out), threading.Event()
    thread = threading.Thread(target=_follow, args=(fd, show, ended), daemon=True)
    before, engine.progress = engine.progress, board.Board(fd)
    try:
        thread.start()
        yield
    finally:
        engine.progress = before
        ended.set()
        thread.join()
        with contextlib.suppress(OSError):
            show.show(_look(fd), last=True)
        os.close(fd)


def drawn(out: int = 2) -> bool:
    """Tell whether ``out`` is a terminal whose cursor can be moved."""
    return os.isatty(out) and os.environ.get("TERM", "dumb") != "dumb"


def _look(fd: int) -> board.Look:
    return board.Look(os.pread(fd, board.LIMIT, 0))


def _follow(fd: int, show: Shower, ended: threading.Event) -> None:
    while not ended.wait(EACH):
        with contextlib.suppress(OSError):  # a terminal that was closed is no matter of the work's
            show.show(_look(fd))


class _Out:
    def __init__(self, out: int) -> None:
        self.out = out

    def write(self, text: str) -> None:
        """Write past Python's own buffer, whose lock a fork could catch."""
        data = text.encode(sys.stderr.encoding or "utf-8", "replace")
        while data:
            data = data[os.write(self.out, data) :]


class _Lines(_Out):
    """Writes a line for each thing that begins or ends."""

    phases: list[str]

    def __init__(self, out: int) -> None:
        super().__init__(out)
        self.subjects = 0
        self.phases = []

    def show(self, look: board.Look, last: bool = False) -> None:
        """Show what is new. :param last: nothing comes after it."""
        lines: list[str] = []
        subjects = 0
        for number, item in bars.in_order(look):
            if isinstance(item, str) or number is None:
                subjects += 1
                lines += [str(item)][: subjects > self.subjects]
                continue
            phase, _done, _total, name = item
            known = self.phases[number] if number < len(self.phases) else board.WAITING
            if phase not in (known, board.LOADING):
                lines.append(f"{name}: {SAID.get(phase, board.WORDS[phase])}")
        self.subjects, self.phases = subjects, [item[0] for item in look.items]
        if lines:
            self.write("\n".join(lines) + "\n")


class _Bars(_Out):
    """Draws all lines anew in place.

    Those at the top that stay as they are are left behind, so that the rest fits the terminal.
    """

    left: int
    kept: tuple[int, list[str]] | None

    def __init__(self, out: int) -> None:
        super().__init__(out)
        self.left, self.kept = 0, None

    def show(self, look: board.Look, last: bool = False) -> None:
        """Draw. :param last: nothing comes after it."""
        columns, rows = os.get_terminal_size(self.out)
        columns, rows = columns or 80, rows or 24
        found = bars.lines(look, columns - 1, int(time.monotonic() * 1000))[self.left :]
        gone = 0
        while gone < len(found) and (last or found[gone][1]):
            gone += 1
        self.left += gone
        kept = [text for text, _stays in found[gone:]]
        if len(kept) > max(1, rows - 1):
            kept = kept[: max(0, rows - 2)] + [f"{len(kept) - max(0, rows - 2)} more"]
        left, before, self.kept = (
            [text for text, _stays in found[:gone]],
            self.kept,
            (columns, kept),
        )
        if left or self.kept != before:
            self.write(bars.redrawn(left, kept))
