# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A person at a terminal: a command under a pseudo-terminal, what it wrote, and what of that is to be seen."""

from __future__ import annotations

import codecs
import fcntl
import os
import pty
import re
import select
import struct
import termios
import time

SEQUENCE = re.compile(r"\x1b\[([0-9;?]*)([A-Za-z])|\x1b[()].")


class Terminal:
    """A command at a terminal of its own.

    :ivar output: all that it wrote so far.
    """

    def __init__(self, argv, columns=100, rows=30, env=None, cwd=None):
        self.output, self.code, self.screen = "", None, Screen(columns, rows)
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self.pid, self.fd = pty.fork()
        if not self.pid:
            try:
                resize(0, columns, rows)
                if cwd:
                    os.chdir(cwd)
                os.execvpe(
                    str(argv[0]),
                    [str(word) for word in argv],
                    {**os.environ, "TERM": "xterm", **(env or {})},
                )
            finally:
                os._exit(127)

    def __enter__(self):
        return self

    def __exit__(self, *_exception):
        os.close(self.fd)  # whoever still writes gets an error, and the session SIGHUP
        if self.code is None:
            os.waitpid(self.pid, 0)

    def resize(self, columns, rows):
        self.screen.columns, self.screen.rows = columns, rows
        resize(self.fd, columns, rows)

    def type(self, text):
        os.write(self.fd, text.encode())

    def wait_for(self, found, seconds=60):
        """Read until ``found(terminal)`` is true."""
        until = time.monotonic() + seconds
        while not found(self):
            assert self._read(until), f"it ended; it wrote:\n{self.output}"

    def end(self, seconds=60):
        """Read to the end; the exit code."""
        until = time.monotonic() + seconds
        while self._read(until):
            pass
        self.code = os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])
        return self.code

    def _read(self, until):
        """Take what comes; False when there is no more."""
        assert select.select([self.fd], [], [], max(0, until - time.monotonic()))[0], (
            f"waited in vain; it wrote:\n{self.output}"
        )
        try:
            piece = os.read(self.fd, 1 << 16)
        except OSError:  # EIO: nobody has the other side open any more
            piece = b""
        text = self._decoder.decode(piece)
        self.output += text
        self.screen.feed(text)
        return bool(piece)

    def lines(self):
        """What is to be seen: see :meth:`Screen.lines`."""
        return self.screen.lines()


def resize(fd, columns, rows):
    fcntl.ioctl(fd, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))


class Screen:
    """What a terminal shows: carriage return, line feed, cursor up, erase line and screen, wrapping; no colours."""

    def __init__(self, columns, rows):
        self.columns, self.rows, self._lines, self._row, self._column, self._rest = (
            columns,
            rows,
            [""],
            0,
            0,
            "",
        )

    def feed(self, text):
        text, at = self._rest + text, 0
        while at < len(text):
            match = SEQUENCE.match(text, at)
            if match:
                self._do(*match.groups())
                at = match.end()
            elif text[at] == "\x1b" and len(text) - at < 10:  # the rest of it is on its way
                break
            else:
                self._put(text[at])
                at += 1
        self._rest = text[at:]

    def _do(self, count, kind):
        if kind == "A":
            self._row = max(self._row - int(count or 1), len(self._lines) - self.rows, 0)
        elif kind in ("J", "K"):
            self._lines[self._row] = self._lines[self._row][: self._column]
            if kind == "J":
                self._lines[self._row + 1 :] = []
        elif kind not in (
            "m",
            "n",
            "h",
            "l",
            None,
        ):  # n: a shell asks where the cursor is; h, l: modes
            raise AssertionError(f"a sequence that nobody should send: {count} {kind}")

    def _put(self, character):
        if character == "\r":
            self._column = 0
            return
        if character == "\n" or self._column == self.columns:
            self._row, self._column = self._row + 1, self._column if character == "\n" else 0
            if self._row == len(self._lines):
                self._lines.append("")
            if character == "\n":
                return
        line = self._lines[self._row]
        self._lines[self._row] = (
            line.ljust(self._column)[: self._column] + character + line[self._column + 1 :]
        )
        self._column += 1

    def lines(self):
        """What is to be seen, with what has scrolled away, without empty lines at the end."""
        lines = [line.rstrip() for line in self._lines]
        while lines and not lines[-1]:
            lines.pop()
        return lines
