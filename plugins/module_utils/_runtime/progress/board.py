# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Report how far long work is: pulls, pushes, loads and builds report to ``engine.progress``, and others read it.

Nobody listens as a rule: then a report is the call of an empty method, and the pieces of a layer are not counted. Where somebody
does, the reports lie in one small file (:class:`Board`) that forked processes write with one pwrite(2) each quarter of a
megabyte: a memfd for the command on the host, ``/run/pycontainer/progress/<name>`` for a module, where the action plugin on the
controller looks.

The file has one line for each thing; the numbers have a fixed width and are written over in place:

    S<subject>                                    what is being done from here on, such as "Pulling web:1"
    <phase><done, 15 digits><total, 15 digits><name>
    O<the last line of output, padded>
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import re

from ..store import locks
from ..untrusted.text import printable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    Report = tuple[str, int, int, str]  # phase, done, total, name

# The phases of a thing: the letter in the file, and what Docker calls it.
# Layers that are pulled:
WAITING, DOWNLOADING, EXTRACTING, PULLED, PRESENT = "w", "d", "x", "p", "e"
# Layers of an archive:
LOADING, LOADED = "l", "L"
# Blobs on their way to a registry, or images to a host:
SENDING, SENT, MOUNTED, THERE = "u", "U", "m", "E"
# Steps of a build; ``done`` and ``total`` are milliseconds: its beginning (CLOCK_MONOTONIC) and its length.
RUNNING, CACHED, DONE = "r", "c", "D"
WORDS = {
    WAITING: "Waiting",
    DOWNLOADING: "Downloading",
    EXTRACTING: "Extracting",
    PULLED: "Pull complete",
    PRESENT: "Already exists",
    LOADING: "Loading layer",
    LOADED: "Loaded",
    SENDING: "Pushing",
    SENT: "Pushed",
    MOUNTED: "Mounted",
    THERE: "Layer already exists",
    RUNNING: "RUNNING",
    CACHED: "CACHED",
    DONE: "DONE",
}
MOVING = (DOWNLOADING, LOADING, SENDING)  # their bytes are counted
ENDED = (PULLED, PRESENT, LOADED, SENT, MOUNTED, THERE, CACHED, DONE)
STEPS = (RUNNING, CACHED, DONE)

WIDTH = 15  # digits: a petabyte
EACH = 1 << 18  # bytes between two looks at the number
LIMIT = 1 << 17  # bytes of a board: what does not fit is not shown
OUTPUT = 200  # bytes of a line of output


class Item:
    """One thing on its way, such as a layer. Nobody looks at this one."""

    def phase(self, phase: str) -> None:
        """Say that it is in another phase."""

    def advance(self, count: int) -> None:
        """Say that ``count`` more bytes have gone through."""

    def counted(
        self, pieces: Iterable[bytes], then: str | None = None, at: int | None = None
    ) -> Iterable[bytes]:
        """Hand ``pieces`` on and count them, the first beginning at byte ``at``; at their end the phase is ``then``."""
        return pieces

    def finish(self, phase: str, milliseconds: int) -> None:
        """Say that a step has ended."""


class Progress:
    """What long work reports to. Nobody listens to this one."""

    listens = False

    def subject(self, text: str) -> None:
        """Say what is done from here on, as a short text: "Pulling web:1"."""

    def item(self, name: str, total: int = 0, phase: str = WAITING, done: int = 0) -> Item:
        """Begin a thing to report about; forked processes may use it too. :param total: bytes; 0 where nobody knows."""
        return UNSEEN

    def output(self, line: str) -> None:
        """Show a line that the running step has written."""


UNSEEN = Item()
SILENT = Progress()


class Board(Progress):
    """Reports to a file. :param fd: of an empty one, open for writing."""

    listens = True

    def __init__(self, fd: int) -> None:
        self.fd = fd
        self._output: int | None = None  # where the line of output begins

    def subject(self, text: str) -> None:
        self._append(f"S{text}")

    def item(self, name: str, total: int = 0, phase: str = WAITING, done: int = 0) -> Item:
        start = self._append("%s%*d%*d%s" % (phase, WIDTH, done, WIDTH, total or 0, name))
        return UNSEEN if start is None else _Shown(self.fd, start, done)

    def output(self, line: str) -> None:
        data = b"O" + _line(line.rstrip("\r\n").rpartition("\r")[2]).encode("utf-8", "replace")[
            :OUTPUT
        ].ljust(OUTPUT)
        if self._output is None:
            self._output = self._append(data)
        else:
            os.pwrite(self.fd, data, self._output)

    def _append(self, line: str | bytes) -> int | None:
        """Add a line; where it begins, or None where there is no room."""
        data = (line if isinstance(line, bytes) else _line(line).encode("utf-8", "replace")) + b"\n"
        fcntl.lockf(
            self.fd, fcntl.LOCK_EX
        )  # of this process: processes forked from one another share the descriptor
        try:
            start = os.fstat(self.fd).st_size
            if start + len(data) > LIMIT:
                return None
            return start if os.pwrite(self.fd, data, start) == len(data) else None
        except OSError:  # no room in /run is no reason to fail
            return None
        finally:
            fcntl.lockf(self.fd, fcntl.LOCK_UN)


class _Shown(Item):
    def __init__(self, fd: int, start: int, done: int) -> None:
        self._fd, self._start, self._done, self._next = fd, start, done, done + EACH

    def phase(self, phase: str) -> None:
        os.pwrite(self._fd, phase.encode(), self._start)

    def advance(self, count: int) -> None:
        self._done += count
        if self._done >= self._next:
            self._next = self._done + EACH
            os.pwrite(self._fd, b"%*d" % (WIDTH, self._done), self._start + 1)

    def counted(
        self, pieces: Iterable[bytes], then: str | None = None, at: int | None = None
    ) -> Iterator[bytes]:
        if at is not None:
            self._done, self._next = at, at + EACH
        for piece in pieces:
            self.advance(len(piece))
            yield piece
        os.pwrite(self._fd, b"%*d" % (WIDTH, self._done), self._start + 1)
        if then is not None:
            self.phase(then)

    def finish(self, phase: str, milliseconds: int) -> None:
        os.pwrite(
            self._fd,
            b"%s%*d%*d" % (phase.encode(), WIDTH, self._done, WIDTH, milliseconds),
            self._start,
        )


def _line(text: str) -> str:
    return printable(text.replace("\t", " "), None)


# ------------------------------------------------------------------------------------------------------------------ reading


class Look:
    """What a board says at a moment.

    :ivar items: ``[(phase, done, total, name)]`` in the order in which they came. :ivar subjects: ``[(how many items were there before,
        text)]``. :ivar output: the last line of output.
    """

    def __init__(self, data: bytes) -> None:
        """:param data: a board's bytes, which may come from a host that is not to be trusted: what is no report is passed over."""
        self.subjects: list[tuple[int, str]] = []
        self.items: list[Report] = []
        self.output = ""
        for line in data[:LIMIT].decode("utf-8", "replace").split("\n"):
            kind, rest = (
                line[:1],
                _line(line[1:].rstrip("\r")),
            )  # a connection with a terminal ends lines with both
            if kind == "S":
                self.subjects.append((len(self.items), rest.strip()))
            elif kind == "O":
                self.output = rest.rstrip()
            elif kind in WORDS and _number(rest[:WIDTH]) and _number(rest[WIDTH : 2 * WIDTH]):
                self.items.append(
                    (
                        kind,
                        int(rest[:WIDTH]),
                        int(rest[WIDTH : 2 * WIDTH]),
                        rest[2 * WIDTH :].strip(),
                    )
                )

    @property
    def since(self) -> int:
        """How many items there were before the latest subject."""
        return self.subjects[-1][0] if self.subjects else 0

    @property
    def subject(self) -> str:
        """The latest."""
        return self.subjects[-1][1] if self.subjects else ""


def _number(text: str) -> bool:
    return len(text) == WIDTH and text.strip().isascii() and text.strip().isdigit()


# -------------------------------------------------------------------------------------------- a module's board, on the host

NAME = re.compile(r"[0-9a-f]{32}")


@contextlib.contextmanager
def board(directory: str, name: str) -> Iterator[Progress]:
    """Give a :class:`Board` that others find by ``name`` in ``directory`` (``paths.Paths.progress``) while the block runs.

    Where none can be made, the work goes on without.
    """
    path = os.path.join(directory, name)
    try:
        os.makedirs(directory, 0o700, exist_ok=True)
        fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    except OSError:
        yield SILENT
        return
    try:
        fcntl.flock(fd, fcntl.LOCK_EX)  # who finds it without a lock knows that it was left behind
        yield Board(fd)
    finally:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(path)
        os.close(fd)


def sweep(directory: str) -> None:
    """Remove the boards whose tasks were killed."""
    try:
        names = os.listdir(directory)
    except FileNotFoundError:
        return
    for name in names:
        path = os.path.join(directory, name)
        if not locks.held(path):
            with contextlib.suppress(FileNotFoundError):
                os.unlink(path)
