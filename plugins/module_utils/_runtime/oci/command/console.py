# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The master of a container's terminal: sent to a socket, or copied to and from this command's own
terminal.
"""

from __future__ import annotations

import _socket
import fcntl
import os
import select
import termios
import tty

from ...errors import InvalidInput, reason
from ...kernel.calls import fds

TYPE_CHECKING = False
if TYPE_CHECKING:
    from select import poll as Poll
    from typing import Any

NAME = b"/dev/ptmx"  # what goes with the descriptor, as runc's receivers expect a name


def hand_over(path: str, master: int) -> None:
    """Send the master to the socket at ``path`` (``--console-socket``) and close it.

    :raises InvalidInput: nobody listens there.
    """
    send("--console-socket", path, NAME, master, "the terminal")
    os.close(master)


def send(option: str, path: str, name: bytes, fd: int, what: str) -> None:
    """Send a descriptor to the socket at ``path``, with a name.

    :param option: by which the path was given,
    :param what: what the descriptor is, for the sentence.
    :raises InvalidInput: nobody listens there.
    """
    try:
        directory = os.open(os.path.dirname(path) or ".", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        connection = _socket.socket(_socket.AF_UNIX, _socket.SOCK_STREAM)
        try:
            # By its directory's descriptor, since an address has at most 107 bytes.
            connection.connect(f"/proc/self/fd/{directory}/{os.path.basename(path)}")
            fds.send(connection, name, [fd])
        finally:
            connection.close()
            os.close(directory)
    except OSError as error:
        raise InvalidInput(option, path, f"a socket that takes {what} ({reason(error)})") from None


class Copying:
    """Copy standard input to the terminal, and the terminal to standard output. ``close`` it.

    A terminal at standard input is raw meanwhile, and gives its size.

    :ivar pending: what is to be written to the master.
    :ivar reading: whether standard input has not ended.
    :ivar before: the own terminal's attributes, None where there is none.
    :ivar hung_up: whether nobody has the other side.
    """

    def __init__(self, master: int) -> None:
        self.master = master
        self.pending = b""
        self.reading = True
        self.before: list[Any] | None = None
        self.hung_up = False
        fcntl.fcntl(master, fcntl.F_SETFL, fcntl.fcntl(master, fcntl.F_GETFL) | os.O_NONBLOCK)
        if os.isatty(0):
            self.before = termios.tcgetattr(0)
            tty.setraw(0, termios.TCSANOW)  # what was typed before is for the program
            raw = termios.tcgetattr(0)
            raw[1] |= termios.OPOST  # the other terminal is plain (terminal.open_inside)
            termios.tcsetattr(0, termios.TCSANOW, raw)
            self.resize()

    def close(self) -> None:
        if self.before is not None:
            termios.tcsetattr(0, termios.TCSADRAIN, self.before)
        os.close(self.master)

    def resize(self) -> None:
        """Give the terminal the size of this command's own."""
        if self.before is not None:
            fcntl.ioctl(
                self.master, termios.TIOCSWINSZ, fcntl.ioctl(0, termios.TIOCGWINSZ, b"\0" * 8)
            )

    def register(self, poll: Poll) -> None:
        """Tell ``poll`` what to wait for."""
        if not self.hung_up:
            poll.register(self.master, select.POLLIN | (select.POLLOUT if self.pending else 0))
        if self.reading and not self.pending:
            poll.register(0, select.POLLIN)

    def serve(self, fd: int) -> None:
        """Copy from ``fd``, or to it."""
        if fd == 0:
            self.pending = os.read(0, 4096)
            self.reading = bool(self.pending)
        else:
            self._read()
        self._write()

    def _write(self) -> None:
        try:
            while self.pending:
                self.pending = self.pending[os.write(self.master, self.pending) :]
        except BlockingIOError:
            pass
        except OSError:  # EIO: nobody has the other side
            self.pending = b""

    def _read(self) -> bool:
        """Copy what the terminal has to standard output; return whether it has nothing for now."""
        try:
            data = os.read(self.master, 65536)
        except BlockingIOError:
            return True
        except OSError:
            data = b""
        self.hung_up = not data
        try:
            while data:
                data = data[os.write(1, data) :]
        except BrokenPipeError:
            pass
        return False

    def drain(self) -> None:
        """Copy what was written before the end."""
        while not self.hung_up and not self._read():
            pass
