# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The socket at which the process of a created container waits for its start.

It is in the container's directory. Who connects says a word:

"s"   be started: the connection becomes its channel, and the connection's end is the process's
      as well
"n"   hand over your namespaces and your root. A user who is not root could not open them
      otherwise: the memory of the process belongs to the host's user namespace until it executes
      its program, and /proc shows them to root alone (ptrace(2), "access mode checking"). They are
      the container's; nothing of the host's is among them.
"""

from __future__ import annotations

import _socket
import os

from ...errors import Conflict, ContainerFailed
from ...kernel.calls import fds
from ...kernel.isolation import namespaces
from ..launch import channel

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .states import Container

SOCKET = "start"  # in the container's directory
ROOT = "root"  # beside the namespaces' types


def listen(directory: int) -> _socket.socket:
    """Return the socket, in the directory of a descriptor: by that, since an address has at most
    107 bytes (unix(7)).
    """
    listener = _socket.socket(_socket.AF_UNIX, _socket.SOCK_SEQPACKET)
    listener.bind(f"/proc/self/fd/{directory}/{SOCKET}")
    listener.listen(1)
    return listener


def connect(container: Container) -> _socket.socket:
    """Return a connection with the process of a container that is locked.

    :raises Conflict: it has ended.
    """
    connection = _socket.socket(_socket.AF_UNIX, _socket.SOCK_SEQPACKET)
    try:
        connection.connect(f"/proc/self/fd/{container.directory}/{SOCKET}")
    except ConnectionRefusedError:
        raise Conflict(
            f"container {container.ident} can't be started: its process has ended"
        ) from None
    return connection


def ask(container: Container) -> dict[str, int]:
    """Return ``{type of a namespace, or ROOT: descriptor}`` of a created container, which is locked
    meanwhile.

    :raises Conflict: it is started, or has ended.
    :raises ContainerFailed: an older version made it.
    """
    container.lock()
    try:
        connection = connect(container)
        connection.send(b"n")
        text, received = fds.receive(connection, 4096, 16)
        connection.close()
    except FileNotFoundError:
        raise Conflict(f"container {container.ident} was started meanwhile") from None
    finally:
        container.unlock()
    kinds = text.decode().split()
    if not received:
        raise ContainerFailed(
            f"container {container.ident} does not tell its namespaces: it was created by an "
            "older version"
        )
    return dict(zip(kinds, received))


def own_namespaces() -> dict[str, int]:
    """In the process, in its namespaces and the host's /proc: return ``{type: descriptor}``."""
    return {
        kind: namespaces.open_namespace("self", kind)
        for kind in namespaces.TYPES
        if namespaces.supported(kind)
    }


def _hand_over(connection: _socket.socket, spaces: dict[str, int]) -> None:
    handed = {**spaces, ROOT: os.open("/", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)}
    try:
        fds.send(connection, " ".join(handed).encode(), handed.values())
    except OSError:  # who asked has gone
        pass
    finally:
        os.close(handed[ROOT])
        connection.close()


def wait(listener: _socket.socket, inside: _socket.socket, spaces: dict[str, int]) -> None:
    """In the process: wait for its start.

    :param inside: becomes the channel.
    :param spaces: what ``own_namespaces`` returned, {} for nothing to hand over.
    """
    while True:
        fd, _address = listener._accept()  # type: ignore[attr-defined] # pylint: disable=protected-access
        connection = _socket.socket(fileno=fd)
        word = connection.recv(1)
        if word != b"n" or not spaces:
            break
        _hand_over(connection, spaces)
    os.dup2(fd, inside.fileno(), inheritable=False)
    connection.close()
    if word != b"s":
        os._exit(channel.FAILED)
