# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a container's process says to the one outside that makes it, over a SOCK_SEQPACKET socket, until its program is executed.

"T" + descriptor      the master of its terminal
"W" sentence          a warning
"S" + 2 descriptors   its seccomp listener, and what is to be told of it (oci/features/seccomp_listener.py); it goes on when it hears "s"
"X" errno stage       the program can't be executed; said by kernel/programs/trampoline.py's small program, in two bytes
"E" code " " sentence it can't become the container's process; ``code`` is the exit code that Docker would give
"O" uid " " gid + fds its streams, for the maker to give to that user (of the container's user namespace)
"M"                   its mounts are made, and it waits for "g"; said only when somebody has to do something then
"R"                   it is ready and waits to be started (``oci create``)
end of file           its program is being executed: the socket is close-on-exec
"""

from __future__ import annotations

import _socket
import errno
import os

from ... import json_text
from ...errors import ContainerFailed, EngineError
from ...kernel.calls import fds

NOT_FOUND, NOT_EXECUTABLE = 127, 126
FAILED = 128  # exit code of a container that never came to its program, as Docker's


LONGEST = 400  # characters of a name in a sentence: an argument may have 128 KiB


class Failure(Exception):
    """The process can't become the container's; ``code`` is the exit code that Docker would give."""

    def __init__(self, message, code=FAILED):
        super().__init__(message)
        self.code = code


def not_executed(name, number):
    """The Failure of a program that execve(2) refuses. :param name: as the container's user named it; :param number: the errno."""
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
    return Failure(f"exec {name}: {os.strerror(number).lower()}", NOT_EXECUTABLE)


def short(name):
    return name if len(name) <= LONGEST else name[:LONGEST] + "..."


def defect(error):
    """The sentence about an exception that nobody expected."""
    return f"unexpected error, which is a fault of this runtime: {type(error).__name__}: {error}"


def pair():
    """``(outside, inside)``, two connected sockets."""
    return _socket.socketpair(_socket.AF_UNIX, _socket.SOCK_SEQPACKET)


def listen(channel, warnings, own=None, name=""):
    """Take the words of the process until it executes its program or waits.

    Returns ``(word, terminal)``: the word it waits after, b"" when it executes its program; the terminal's descriptor or None.

    :param warnings: list that its warnings are added to. :param own: ``own(descriptors, uid, gid)`` gives its streams to a user.
    :param name: the program's, for sentences.
    :raises ContainerFailed: with its sentence and ``exit_code``.
    """
    terminal = None
    while True:
        try:
            data, sent = fds.receive(channel, 1 << 16, 4)
        except (
            ConnectionResetError
        ):  # it ended with a word to it unread; its own words come after this, the end of file last
            continue
        if data in (b"", b"R", b"M"):
            return data, terminal
        if data[:1] == b"O":
            own(sent, *map(int, data[1:].split()))
        elif data[:1] == b"T":
            terminal = sent[0]
        elif data[:1] == b"S":
            from ..features import seccomp_listener  # here: few containers have one

            seccomp_listener.forward(*sent[:2])
            channel.send(b"s")
        elif data[:1] == b"W":
            warnings.append(data[1:].decode("utf-8", "replace"))
        elif data[:1] in (b"E", b"X"):
            if terminal is not None:
                os.close(terminal)
            code, text = _reason(data, name)
            error = ContainerFailed(text, exit_code=code)
            error.of_program = data[:1] == b"X" and data[2] == 1
            raise error


def _reason(data, name):
    """``(exit code, sentence)`` of a word about a failure."""
    if data[:1] == b"E":
        code, _space, text = data[1:].decode("utf-8", "replace").partition(" ")
        return int(code), text
    number, stage = data[1], data[2]
    if stage == 1:
        failure = not_executed(name, number)
        return failure.code, str(failure)
    return FAILED, f"the channel can't be closed: {os.strerror(number).lower()}"


def hand(channel, word, value, descriptors):
    """Say a word to the process, with a value (of JSON) and descriptors."""
    fds.send(channel, word + json_text.dump(value).encode(), descriptors)


def take(channel, word):
    """In the process: wait for that. Returns ``(value, descriptors)``; the maker's end is this process's as well."""
    data, sent = fds.receive(channel, 1 << 16, 200)
    if data[:1] != word:
        os._exit(FAILED)
    return json_text.load(data[1:].decode()), sent


def warn(channel, text):
    channel.send(b"W" + text.encode("utf-8", "replace")[:60000])


def send_terminal(channel, master):
    fds.send(channel, b"T", [master])


def send_listener(channel, listener_fd, words_fd):
    """Hand over a seccomp listener and wait until it is where it belongs. Nothing but sendmsg(2) is called before."""
    fds.send(channel, b"S", [listener_fd, words_fd])
    if channel.recv(1) != b"s":
        os._exit(FAILED)


def report(channel, error):
    """Tell why it fails."""
    if isinstance(error, Failure):
        code, text = error.code, str(error)
    elif isinstance(error, EngineError):
        code, text = FAILED, str(error)
    elif isinstance(error, OSError) and error.errno:
        named = error.filename if isinstance(error.filename, str) else ""
        code, text = (
            FAILED,
            "%s%s" % (error.strerror or os.strerror(error.errno), named and " (%s)" % named),
        )
    else:
        code, text = FAILED, defect(error)
    channel.send(("E%d %s" % (code, text)).encode("utf-8", "replace")[:60000])
