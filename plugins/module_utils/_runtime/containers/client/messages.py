# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Messages between the engine's own processes: one JSON object a packet, with descriptors where
asked for.

A message that is larger than a packet, such as a command with much of an environment, goes in a
file in memory, whose descriptor comes last.

The sockets are SOCK_SEQPACKET (unix(7)): a packet arrives whole, and an end of file means that the
other side is gone. They lie in directories that only root can enter, never in the abstract
namespace, which a container that shares the host's network could reach (CVE-2020-15257).

At the zygote's socket (monitor/zygote.py) ask StartRequest, AdoptRequest, ExecRequest and
RetireRequest; at a container's control socket (monitor/control_socket.py) the others. Each gets one
answer, and an ExecRequest two.
"""

from __future__ import annotations

import errno
import json
import os
import socket
import struct

from ...errors import InvalidInput
from ...kernel.calls import fds

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any, Literal, TypedDict, Union

    class Checkpoint(TypedDict):
        """What a start from a checkpoint takes: ``images``, its directory; ``criu``, the program."""

        images: str
        criu: str

    class StartRequest(TypedDict):
        """Start a container. A descriptor that comes along is its standard input.

        ``command``: argv of the host's ``pycontainer``. ``trace``: whether the steps of the start are
        written to the zygote's log. Answered by a StartAnswer.
        """

        op: Literal["start"]
        id: str
        command: list[str] | None
        checkpoint: Checkpoint | None
        trace: bool

    class StartAnswer(TypedDict, total=False):
        """What became of a start: ``pid`` and ``warnings`` (sentences), or ``error``.

        ``running``: it ran already. ``monitored``: another process is its monitor. ``exit_code``:
        126 or 127 as a shell's, None where the program was not come to.
        """

        pid: int
        warnings: list[str]
        running: bool
        error: str
        exit_code: int | None
        monitored: bool
        status: str

    class AdoptRequest(TypedDict):
        """Watch a container whose monitor was killed. Answered ``{"pid", "status"}`` or an error."""

        op: Literal["adopt"]
        id: str

    class _Exec(TypedDict):
        op: Literal["exec"]
        id: str
        argv: list[str]
        stdio: list[bool]

    class ExecRequest(_Exec, total=False):
        """Run a command in a container.

        ``bound``: it and all that it has started end when the caller is gone before its end.
        ``transfer``: in place of a command, a part of a file (access/file_stream.py). ``stdio``:
        which of its three standard streams come as descriptors, in this order; the
        others are the container's /dev/null. Answered ``{"pid", "warnings", "exec_id"}``, the last
        as the events have it, with the descriptor of its terminal where it has one, and at its end,
        unless ``detach``, ``{"rc"}``. Until then ``{"signal": number}`` may be sent, or ``{}`` with
        the terminal of who leaves it.
        """

        detach: bool
        user: str | None
        cwd: str | None
        env: dict[str, str] | None
        tty: bool
        privileged: bool
        bound: bool
        transfer: dict[str, Any]

    class RetireRequest(TypedDict):
        """End the zygote. Answered ``{"pid"}``: the zygote's, 0 where it was gone."""

        op: Literal["retire"]

    class StopRequest(TypedDict):
        """End the container for good. Answered ``{"exit_code"}`` when it has ended.

        ``timeout``: seconds until SIGKILL, 0 at once, -1 never; None: the container's own.
        ``signal``: a number; None: the container's own.
        """

        op: Literal["stop"]
        timeout: float | None
        signal: int | None

    class KillRequest(TypedDict):
        """Send a signal, by its number, to process 1. Answered ``{}``."""

        op: Literal["kill"]
        signal: int

    class ResizeRequest(TypedDict):
        """Set the terminal's size in characters. Answered ``{}``."""

        op: Literal["resize"]
        rows: int
        columns: int

    class AttachRequest(TypedDict):
        """Copy the output to the stream socket that comes along, and what it sends to the input.

        ``replay``: begin with what this run has written so far. Answered ``{}``.
        """

        op: Literal["attach"]
        replay: bool

    class LendPortsRequest(TypedDict):
        """Lend the listening sockets of the published ports, as many as go into one answer.

        ``skip``: how many were lent before. Answered ``{"ports", "left"}``, with a descriptor for
        each of ``ports``, which are ``[protocol, host_ip, host_port]``.
        """

        op: Literal["lend_ports"]
        skip: int

    class TakePortsRequest(TypedDict):
        """Serve the published ports of run.json with the sockets that come along. Answered ``{}``."""

        op: Literal["take_ports"]
        ports: list[list[Any]]

    class PlainRequest(TypedDict):
        """``wait``: answered ``{"exit_code"}`` when the container has ended for good.

        ``reload``: run.json is read again. ``expect_end``: somebody is about to end the container,
        which is not to be restarted then. ``let_go_ports``: another container's monitor has the
        sockets of the published ports, which run.json does not have any more; connections under way
        go on. All are answered ``{}``. ``relayed``: answered ``{"connections"}``, their number.
        """

        op: Literal["wait", "reload", "expect_end", "let_go_ports", "relayed"]

    Message = Union[
        StartRequest,
        AdoptRequest,
        ExecRequest,
        RetireRequest,
        StopRequest,
        KillRequest,
        ResizeRequest,
        AttachRequest,
        LendPortsRequest,
        TakePortsRequest,
        PlainRequest,
    ]
    Answer = dict[str, Any]

LARGEST = 1 << 17  # bytes of one packet; below the default of net.core.wmem_max
# Bytes of a message in a file: ten times what execve(2) takes of arguments and environment.
LARGEST_FILE = 1 << 26
IN_FILE = b"F"  # the packet of such a message: no JSON object
MOST_DESCRIPTORS = 4


class Gone(Exception):
    """The other side closed the connection, or nobody listens."""


def _anchor(directory: str) -> int:
    """Open a directory to name a socket in it: sun_path has 108 bytes, and its path may be longer."""
    return os.open(directory, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)


def listen(directory: str, name: str) -> socket.socket:
    """Listen at ``directory/name``, in the place of what lies there; only root can connect."""
    server = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET | socket.SOCK_CLOEXEC)
    anchor = _anchor(directory)
    temporary = f"{name}.tmp.{os.getpid()}"  # as atomic_files, which sweeps them
    try:
        try:
            os.unlink(temporary, dir_fd=anchor)
        except FileNotFoundError:
            pass
        server.bind(f"/proc/self/fd/{anchor}/{temporary}")
        os.chmod(temporary, 0o600, dir_fd=anchor)
        server.listen(512)
        # Only now: whoever finds the name finds somebody listening.
        os.rename(temporary, name, src_dir_fd=anchor, dst_dir_fd=anchor)
    finally:
        os.close(anchor)
    return server


def connect(directory: str, name: str) -> socket.socket:
    """Connect to the socket at ``directory/name``. :raises Gone: nobody listens there."""
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET | socket.SOCK_CLOEXEC)
    try:
        anchor = _anchor(directory)
        try:
            connection.connect(f"/proc/self/fd/{anchor}/{name}")
        finally:
            os.close(anchor)
    except (FileNotFoundError, ConnectionRefusedError, NotADirectoryError):
        connection.close()
        raise Gone() from None
    except BaseException:
        connection.close()
        raise
    return connection


def from_root(connection: socket.socket) -> bool:
    """Tell whether the other side ran as root when it connected (SO_PEERCRED, unix(7))."""
    credentials = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12)
    return bool(struct.unpack("=iII", credentials)[1] == 0)


def send(
    connection: socket.socket, message: Message | Answer, descriptors: Sequence[int] = ()
) -> None:
    """Send a message or an answer, with descriptors.

    :raises Gone: the other side is. :raises InvalidInput: it is larger than any message may be.
    """
    data = json.dumps(message, separators=(",", ":")).encode()
    try:
        if len(data) <= LARGEST:
            try:
                fds.send(connection, data, descriptors, socket.MSG_NOSIGNAL)
                return
            except OSError as error:
                if error.errno != errno.EMSGSIZE:  # on this host net.core.wmem_default is less
                    raise
        fd = _file(data)
        try:
            fds.send(connection, IN_FILE, [*descriptors, fd], socket.MSG_NOSIGNAL)
        finally:
            os.close(fd)
    except (BrokenPipeError, ConnectionResetError):
        raise Gone() from None


def _file(data: bytes) -> int:
    """Put ``data`` into a file in memory; returns its descriptor."""
    if len(data) > LARGEST_FILE:
        raise InvalidInput(
            "argv",
            f"{len(data)} bytes",
            "a program's arguments and environment, of which the kernel takes a few MB",
        )
    fd = os.memfd_create("message", os.MFD_CLOEXEC)
    try:
        view = memoryview(data)
        while view:
            view = view[os.write(fd, view) :]
    except BaseException:
        os.close(fd)
        raise
    return fd


def receive(connection: socket.socket) -> tuple[Any, list[int]]:
    """Take the next message, and the descriptors that came with it (close-on-exec).

    :raises Gone: at the end, and for what was cut off.
    """
    try:
        data, descriptors, flags = fds.receive_with_flags(connection, LARGEST, MOST_DESCRIPTORS)
    except ConnectionResetError:
        raise Gone() from None
    if not data:
        raise Gone()
    if flags & (socket.MSG_TRUNC | socket.MSG_CTRUNC):
        for fd in descriptors:
            os.close(fd)
        raise Gone()
    if data == IN_FILE:
        data = _content(descriptors.pop())
    return json.loads(data), descriptors


def _content(fd: int) -> bytes:
    """Read a message's file, and close it."""
    with os.fdopen(fd, "rb") as file:
        file.seek(0)
        return file.read(LARGEST_FILE)


def ask(directory: str, name: str, message: Message, descriptors: Sequence[int] = ()) -> Any:
    """Send one message and wait for one answer.

    :raises Gone: nobody listens, or the other side ends meanwhile.
    """
    return ask_for(directory, name, message, descriptors)[0]


def ask_for(
    directory: str, name: str, message: Message, descriptors: Sequence[int] = ()
) -> tuple[Any, list[int]]:
    """As :func:`ask`, with the descriptors that came with the answer."""
    connection = connect(directory, name)
    try:
        send(connection, message, descriptors)
        return receive(connection)
    finally:
        connection.close()
