# Copyright (c) 2026, the pycontainer.engine authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The controller's terminal, shared by the processes that Ansible forks for its hosts: a few lines below Ansible's own output.

Each process keeps its host's row in one file of this run, and whoever has news draws the whole block anew with one write(2). The cursor
stays at the block's beginning, on a line that is left empty: whatever Ansible prints comes there, and nothing of it is ever lost; the next
drawing begins by erasing all below. A task that ends has the block erased before its result is on its way, and a short pause keeps others
from drawing between the two.

Ansible's Display would bring the text to the main process through a queue. An interrupt ends these processes at any moment, and one that
held the queue's lock then would have the main process wait for ever.
"""

from __future__ import annotations

import atexit
import contextlib
import fcntl
import json
import os
import struct
import sys
import termios
import time

from ansible import constants as C
from ansible_collections.pycontainer.engine.plugins.module_utils._runtime.progress import bars

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any


QUIET = 0.5  # seconds after a task's end in which nothing is drawn: its result comes
STALE = 60.0  # seconds after which a row that was not renewed goes
ERASE = "\r\x1b[J"
PATH = os.path.join(C.DEFAULT_LOCAL_TMP, "pycontainer-screen.json")


def _terminal() -> int | None:
    """Return a descriptor of the terminal at standard output, or None.

    It is asked when this file is loaded, in Ansible's main process: those that it forks have no
    standard output.
    """
    try:
        return fcntl.fcntl(1, fcntl.F_DUPFD_CLOEXEC, 3) if os.isatty(1) else None
    except OSError:
        return None


_fd = _terminal()
TERMINAL = _fd is not None


def size() -> tuple[int, int]:
    """Return ``(columns, rows)`` of the terminal now."""
    try:
        rows, columns = struct.unpack(
            "HHHH", fcntl.ioctl(-1 if _fd is None else _fd, termios.TIOCGWINSZ, bytes(8))
        )[:2]
    except (OSError, ValueError):
        rows = columns = 0
    return columns or 80, rows or 24


def write_together(
    path: str, new: str, change: Callable[[dict[str, Any]], str], say: Callable[[str], None]
) -> None:
    """Change what the processes of a run know together, and write, while no other of them does.

    :param path: the file that has it, as JSON. :param new: its text where there is none yet.
    :param change: changes it, and returns what is to be written. :param say: writes that.
    """
    fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    with os.fdopen(fd, "r+", encoding="utf-8") as file:
        fcntl.flock(fd, fcntl.LOCK_EX)
        try:
            state = json.loads(file.read())
        except ValueError:  # it is new, or its last writer was killed
            state = json.loads(new)
        text = change(state)
        file.seek(0)
        file.truncate()
        json.dump(state, file)
        file.flush()
        say(text)


def _update(change: Callable[[dict[str, Any]], str]) -> None:
    """Change what the processes know together, and draw.

    :param change: called with it; returns what is to be written to the terminal. ``rows``: {process id: [host, time, summary]}; ``shown``: the
        block that is drawn, or would be if its process was not killed just then; ``quiet``: until when nothing is drawn.
    """
    write_together(PATH, '{"rows": {}, "shown": "?", "quiet": 0.0}', change, _say)


class Screen:
    """One host's row."""

    def __init__(self, host: str) -> None:
        self.host, self.key = host, str(os.getpid())

    def show(self, summary: bars.Summary) -> None:
        """:param summary: a ``bars.Summary``."""

        def change(state: dict[str, Any]) -> str:
            now = time.time()
            state["rows"][self.key] = [self.host, now, vars(summary)]
            state["rows"] = {
                key: row
                for key, row in state["rows"].items()
                if now - row[1] < STALE and _lives(int(key))
            }
            text = block(
                [(host, bars.Summary(**found)) for host, _time, found in state["rows"].values()],
                *size(),
            )
            if now < state["quiet"] or text == state["shown"]:
                return ""
            state["shown"] = text
            return text

        _update(change)


def leave(screen: Screen | None = None) -> None:
    """Leave nothing of ours on the terminal when a task has ended and its result comes. :param
    screen: its row, if it had one.
    """

    def change(state: dict[str, Any]) -> str:
        if screen is not None:
            state["rows"].pop(screen.key, None)
        if not state["shown"]:
            return ""
        state["shown"], state["quiet"] = "", time.time() + QUIET
        return ERASE

    if os.path.exists(PATH):
        _update(change)


def block(rows: list[tuple[str, Any]], columns: int, height: int) -> str:
    """Return the text that draws rows below the cursor and puts it back to where it was."""
    return bars.redrawn([], [""] + bars.host_lines(rows, columns - 1, max(1, height - 2)))


def _say(text: str) -> None:
    data = text.encode(getattr(sys.__stdout__, "encoding", None) or "utf-8", "replace")
    with contextlib.suppress(OSError):  # the terminal is gone
        while data:
            data = data[os.write(-1 if _fd is None else _fd, data) :]


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except OSError:
        return False
    return True


def _at_exit(pid: int) -> None:
    """In the main process: the terminal is left clean, after an interrupt too, which ends the others wherever they are."""
    if os.getpid() == pid and os.path.exists(PATH):
        sys.stdout.flush()
        _say(ERASE)


if TERMINAL:
    atexit.register(_at_exit, os.getpid())
