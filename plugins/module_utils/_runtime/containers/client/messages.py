# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Messages between the engine's own processes: one JSON object a packet, with file descriptors where asked for.

One that is larger than a packet, such as a command with much of an environment, goes in a file in memory, whose descriptor comes last.

The sockets are SOCK_SEQPACKET (unix(7)), so a packet arrives whole and an end of file means that the other side is gone.
They lie in directories that only root can enter, never in the abstract namespace, which a container that shares the
host's network could reach (CVE-2020-15257).
"""

from __future__ import annotations

import errno
import json
import os
import socket
import struct

from ...errors import InvalidInput
from ...kernel.calls import fds

LARGEST = 1 << 17  # bytes of one packet; below the default of net.core.wmem_max
LARGEST_FILE = (
    1 << 26
)  # bytes of a message in a file: ten times of what execve(2) takes of arguments and environment
IN_FILE = b"F"  # the packet of such a message: no JSON object
MOST_DESCRIPTORS = 4


class Gone(Exception):
    """The other side closed the connection, or nobody listens."""


def _address(directory):
    """An address of any length: sun_path has 108 bytes, so the directory is named by a descriptor of it."""
    return os.open(directory, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)


def listen(directory, name):
    """A listening socket at ``directory/name``, taking the place of what lies there; only root can connect."""
    server = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET | socket.SOCK_CLOEXEC)
    anchor = _address(directory)
    temporary = "%s.%d" % (name, os.getpid())
    try:
        try:
            os.unlink(temporary, dir_fd=anchor)
        except FileNotFoundError:
            pass
        server.bind("/proc/self/fd/%d/%s" % (anchor, temporary))
        os.chmod(temporary, 0o600, dir_fd=anchor)
        server.listen(512)
        # renamed only now, so that whoever finds the name finds somebody listening
        os.rename(temporary, name, src_dir_fd=anchor, dst_dir_fd=anchor)
    finally:
        os.close(anchor)
    return server


def connect(directory, name):
    """A connection to the socket at ``directory/name``. :raises Gone: when nobody listens there."""
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET | socket.SOCK_CLOEXEC)
    try:
        anchor = _address(directory)
        try:
            connection.connect("/proc/self/fd/%d/%s" % (anchor, name))
        finally:
            os.close(anchor)
    except (FileNotFoundError, ConnectionRefusedError, NotADirectoryError):
        connection.close()
        raise Gone() from None
    except BaseException:
        connection.close()
        raise
    return connection


def from_root(connection):
    """Whether the other side runs as root (SO_PEERCRED: as it was when it connected)."""
    credentials = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12)
    return struct.unpack("=iII", credentials)[1] == 0


def send(connection, message, descriptors=()):
    """Send a dictionary. :raises Gone: when the other side is. :raises InvalidInput: it is larger than any message may be."""
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


def _file(data):
    """A file in memory that holds ``data``."""
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


def receive(connection):
    """The next message and the descriptors that came with it, close-on-exec. :raises Gone: at the end."""
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


def _content(fd):
    """What is in a message's file; closes it."""
    with os.fdopen(fd, "rb") as file:
        file.seek(0)
        return file.read(LARGEST_FILE)


def ask(directory, name, message, descriptors=()):
    """Send one message and wait for one answer. :raises Gone: when nobody listens or the other side ends meanwhile."""
    connection = connect(directory, name)
    try:
        send(connection, message, descriptors)
        return receive(connection)[0]
    finally:
        connection.close()
