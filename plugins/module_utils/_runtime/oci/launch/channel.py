# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a container's process says to the one outside that makes it, over a SOCK_SEQPACKET socket,
until its program is executed.

    "T" + descriptor      the master of its terminal
    "W" sentence          a warning
    "L" line              a step that it begins (steps.py), to be shown
    "S" + 2 descriptors   its seccomp listener, and what is to be told of it
                          (oci/features/seccomp_listener.py); it goes on when it hears "s"
    "X" errno stage       the program can't be executed; said in two bytes by the small program of
                          kernel/programs/trampoline.py
    "E" code " " sentence it can't become the container's process; ``code`` is the exit code that
                          Docker would give
    "O" uid " " gid + fds its streams, for the maker to give to that user (of the container's user
                          namespace)
    "M"                   its mounts are made, and it waits for "g"; said only when somebody has to
                          do something then
    "R"                   it is ready and waits to be started (``oci create``)
    end of file           its program is being executed: the socket is close-on-exec
"""

from __future__ import annotations

import _socket
import errno
import os

from ... import json_text
from ...errors import ContainerFailed, EngineError, reason, required
from ...kernel.calls import fds, fork
from . import steps

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Collection
    from typing import Any, NoReturn

    Own = Callable[[list[int], int, int], None]

NOT_FOUND, NOT_EXECUTABLE = 127, 126
FAILED = 128  # exit code of a container that never came to its program, as Docker's
LONGEST = 400  # characters of a name in a sentence: an argument may have 128 KiB
_MOST = 1 << 16  # bytes of a message
_SAID = 60000  # bytes of a sentence
_HANDED = 200  # descriptors that a word of the maker's has at most


class Failure(Exception):
    """The process can't become the container's.

    :ivar code: the exit code that Docker would give.
    """

    def __init__(self, message: str, code: int = FAILED):
        super().__init__(message)
        self.code = code


def not_executed(name: str, number: int | None) -> Failure:
    """Return the Failure of a program that execve(2) refuses.

    :param name: as the container's user named it.
    :param number: the errno.
    """
    name = short(name)
    if number == errno.E2BIG:
        return Failure(
            f"exec {name}: its arguments and environment are larger than this kernel takes "
            "(argument list too long)",
            NOT_EXECUTABLE,
        )
    if number == errno.ENOENT:
        return Failure(f"exec {name}: no such file or directory", NOT_FOUND)
    if number == errno.ENOEXEC:
        return Failure(
            f"exec {name}: not a program of this machine (exec format error)", NOT_EXECUTABLE
        )
    return Failure(f"exec {name}: {os.strerror(number or 0).lower()}", NOT_EXECUTABLE)


def short(name: str) -> str:
    """Return a name that fits into a sentence."""
    return name if len(name) <= LONGEST else name[:LONGEST] + "..."


def defect(error: BaseException) -> str:
    """Return the sentence about an exception that nobody expected."""
    return f"unexpected error, which is a fault of this runtime: {type(error).__name__}: {error}"


def pair() -> tuple[_socket.socket, _socket.socket]:
    """Return two connected sockets, ``(outside, inside)``."""
    return _socket.socketpair(_socket.AF_UNIX, _socket.SOCK_SEQPACKET)


# ------------------------------------------------------------------------------------------ outside


def listen(
    channel: _socket.socket, warnings: list[str], own: Own | None = None, name: str = ""
) -> tuple[bytes, int | None]:
    """Take the words of the process until it executes its program or waits.

    Returns ``(word, terminal)``: the word it waits after, b"" when it executes its program; the
    terminal's descriptor or None.

    :param warnings: list that its warnings are added to.
    :param own: ``own(descriptors, uid, gid)`` gives its streams to a user.
    :param name: the program's, for sentences.
    :raises ContainerFailed: with its sentence and ``exit_code``.
    """
    terminal = None
    while True:
        try:
            data, sent = fds.receive(channel, _MOST, 3)
        except ConnectionResetError:
            # It ended with a word to it unread; its own words come after this, the end of file
            # last.
            continue
        if data in (b"", b"R", b"M"):
            return data, terminal
        word, said = data[:1], data[1:]
        if word == b"L":
            steps.show(said)
        elif word == b"O":
            uid, gid = said.split()
            required(own, "who owns the streams")(sent, int(uid), int(gid))
        elif word == b"T":
            terminal = sent[0]
        elif word == b"S":
            from ..features import seccomp_listener  # few containers have one

            seccomp_listener.forward(sent[0], sent[1])
            channel.send(b"s")
        elif word == b"W":
            warnings.append(said.decode("utf-8", "replace"))
        elif word in (b"E", b"X"):
            if terminal is not None:
                os.close(terminal)
            raise _failed(data, name)


def _failed(data: bytes, name: str) -> ContainerFailed:
    """Return the error that a word about a failure tells of."""
    code, text = _reason(data, name)
    error = ContainerFailed(text, exit_code=code)
    error.of_program = data[:1] == b"X" and data[2] == 1
    return error


def _reason(data: bytes, name: str) -> tuple[int, str]:
    """``(exit code, sentence)`` of a word about a failure."""
    if data[:1] == b"E":
        code, _space, text = data[1:].decode("utf-8", "replace").partition(" ")
        return int(code), text
    number, stage = data[1], data[2]
    if stage == 1:
        failure = not_executed(name, number)
        return failure.code, str(failure)
    return FAILED, f"the channel can't be closed: {os.strerror(number).lower()}"


def hand(channel: _socket.socket, word: bytes, value: Any, descriptors: Collection[int]) -> None:
    """Say a word to the process, with a value (of JSON) and descriptors."""
    fds.send(channel, word + json_text.dump(value).encode(), descriptors)


# ------------------------------------------------------------------------------------------- inside


def expect(channel: _socket.socket, word: bytes) -> None:
    """Wait for the maker's word; its end before that is the end of this process as well."""
    if channel.recv(1) != word:
        os._exit(FAILED)


def take(channel: _socket.socket, word: bytes) -> tuple[Any, list[int]]:
    """Wait for a word of ``hand``.

    Returns ``(value, descriptors)``; the maker's end is this process's as well.
    """
    data, sent = fds.receive(channel, _MOST, _HANDED)
    if data[:1] != word:
        os._exit(FAILED)
    return json_text.load(data[1:].decode()), sent


def trace(outer: steps.Trace | None, channel: _socket.socket) -> steps.Trace | None:
    """Return what tells the steps of this process over the channel, None without a trace."""

    def tell(line: bytes) -> None:
        try:
            channel.send(b"L" + line)
        except OSError:  # whoever made this process has ended
            pass

    return None if outer is None else outer.inside(tell)


def warn(channel: _socket.socket, text: str) -> None:
    """Have a warning told to the user."""
    channel.send(b"W" + text.encode("utf-8", "replace")[:_SAID])


def send_terminal(channel: _socket.socket, master: int) -> None:
    """Hand the terminal's master over."""
    fds.send(channel, b"T", [master])


def send_listener(channel: _socket.socket, listener_fd: int, words_fd: int) -> None:
    """Hand over a seccomp listener and wait until it is where it belongs.

    Nothing but sendmsg(2) is called before.
    """
    fds.send(channel, b"S", [listener_fd, words_fd])
    expect(channel, b"s")


def end(channel: _socket.socket, become: Callable[[], int]) -> NoReturn:
    """End the process with what ``become`` returns; what it raises is told over the channel."""
    fork.end(become, failed=lambda error: report(channel, error), status=FAILED)


def report(channel: _socket.socket, error: BaseException) -> None:
    """Tell why the process fails."""
    code = error.code if isinstance(error, Failure) else FAILED
    if isinstance(error, Failure):
        text = str(error)
    elif isinstance(error, EngineError) or (isinstance(error, OSError) and error.errno):
        text = reason(error)
    else:
        text = defect(error)
    channel.send(f"E{code} {text}".encode("utf-8", "replace")[:_SAID])
