# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""``attach``: join this process's terminal and standard input to a container's."""

from __future__ import annotations

import contextlib
import os
import select
import socket

from ...errors import Conflict
from ...oci.launch import terminal as terminals
from ..client import monitor_client
from . import detach_keys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from ...engine import Engine

PIECE = 1 << 16
LINGER = 50  # milliseconds that a terminal is read on after the command in it has ended


def attach(engine: Engine, ident: str, stdin: bool = True, keys: bytes = b"") -> None:
    """Join this process's terminal to a container's until that ends.

    It begins with all that this run of the container has written.

    :param keys: what has to be typed to leave it (detach_keys.parse).
    :raises Conflict: the container does not run. :raises detach_keys.Detached: the keys were typed.
    """
    own, theirs = socket.socketpair()
    with theirs:
        monitor_client.attach(engine.paths, ident, theirs.fileno(), replay=True)

    def set_size(_terminal: int, rows: int, columns: int) -> None:
        monitor_client.resize(engine.paths, ident, rows, columns)

    bridge(own.detach(), stdin=stdin, set_size=set_size, keys=keys)


def open_input(engine: Engine, ident: str) -> int:
    """Open a container's standard input to write to it; returns the descriptor.

    :raises Conflict: it has none that others can write to.
    """
    try:
        fd = os.open(
            os.path.join(engine.paths.container_run(ident), "stdin"),
            os.O_WRONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOFOLLOW,
        )
    except OSError:  # it has no such FIFO, or does not read it
        raise Conflict(
            "its standard input is closed, or that of the command that started it"
        ) from None
    os.set_blocking(fd, True)
    return fd


def feed(writer: int) -> None:
    """Copy this process's standard input to ``writer`` (a descriptor) until either ends.

    To be run in a thread of its own: it blocks, and closes the descriptor.
    """
    try:
        while True:
            data = os.read(0, PIECE)
            if not data:
                break
            write_all(writer, data)
    except OSError:
        pass  # the command has ended, or reads no more
    finally:
        os.close(writer)


def write_all(fd: int, data: bytes) -> None:
    """Write all of ``data``, however little the descriptor takes at a time."""
    while data:
        data = data[os.write(fd, data) :]


def bridge(
    terminal: int,
    until: int | None = None,
    stdin: bool = True,
    set_size: Callable[[int, int, int], None] = terminals.set_size,
    keys: bytes = b"",
    leave: Callable[[], None] | None = None,
) -> None:
    """Join this process's terminal to another one, or a socket to it; closes that descriptor.

    It lasts until the other one ends, or ``until`` (a descriptor) has something to read.

    :param set_size: ``set_size(terminal, rows, columns)`` tells the other terminal the size of
        this one, at first and whenever it changes.
    :param keys: what has to be typed to leave it, where a person sits at a terminal.
    :param leave: called then, before the descriptor is closed.
    :raises detach_keys.Detached: the keys were typed.
    """
    # Not at the top: a run without a terminal needs none of them.
    import signal
    import termios
    import tty

    saved = termios.tcgetattr(0) if stdin and os.isatty(0) else None
    watch = detach_keys.Watch(keys) if keys and saved is not None else None

    def resize(*_signal: object) -> None:
        with contextlib.suppress(OSError):
            size = os.get_terminal_size(1)
            set_size(terminal, size.lines, size.columns)

    before = signal.signal(signal.SIGWINCH, resize)
    try:
        if saved is not None:
            tty.setraw(0)
        resize()
        if _copy_both_ways(terminal, until, stdin, watch):
            if leave is not None:
                leave()
            raise detach_keys.Detached()
    finally:
        signal.signal(signal.SIGWINCH, before)
        if saved is not None:
            termios.tcsetattr(0, termios.TCSADRAIN, saved)
        os.close(terminal)


def _copy_both_ways(
    terminal: int, until: int | None, stdin: bool, watch: detach_keys.Watch | None
) -> bool:
    """Copy until an end; returns whether the keys that ``watch`` looks for were typed."""
    poll = select.poll()
    for fd in (terminal, until, 0 if stdin else None):
        if fd is not None:
            poll.register(fd, select.POLLIN)
    ended = False
    while True:
        events = poll.poll(LINGER if ended else None)
        if ended and not events:
            return False
        for fd, _event in events:
            if fd == until:
                ended = True
                poll.unregister(until)
                continue
            data = _read(fd)
            if not data and fd == terminal:
                return False
            if not data:
                poll.unregister(0)
            elif fd == terminal:
                write_all(1, data)
            else:
                data, typed = (data, False) if watch is None else watch.take(data)
                write_all(terminal, data)
                if typed:
                    return True


def _read(fd: int) -> bytes:
    """Read what is there; nothing where the other side of a terminal is gone."""
    try:
        return os.read(fd, PIECE)
    except OSError:
        return b""
