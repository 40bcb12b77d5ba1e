# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""SCMP_ACT_NOTIFY: calls that an agent outside decides upon. runtime-spec config-linux.md
"Seccomp", "The Container Process State".

The process that installs the filter gets the listener's descriptor. It hands that to who makes it,
with a file of what is to be said, and who makes it sends both to the agent's socket,
``linux.seccomp.listenerPath``. From the filter's installation on each of its own calls may be one
that waits for the agent, so sendmsg(2), which it needs first, can't be among them; nor write(2), as
with runc (spec/program.NOT_ASKED).
"""

from __future__ import annotations

import _socket
import os

from ... import json_text
from ...errors import ContainerFailed, reason
from ...kernel.calls import fds

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..spec.document import State
    from ..spec.program import Listener

VERSION = "0.2.0"  # of the container process state, as the specification's example has it


def words(listener: Listener, state: State) -> int:
    """Return a file (descriptor) with the agent's address and what it is told; written before a
    root is entered, while /proc is the runtime's.

    :param listener: of the Program.
    :param state: the container's (Document.state); its pid becomes that of this process.
    """
    path, metadata, needed = listener
    state = state.copy()
    state["pid"] = int(os.readlink("/proc/self"))  # as the runtime sees it
    told = {"ociVersion": VERSION, "fds": ["seccompFd"], "pid": state["pid"], "state": state}
    if metadata:
        told["metadata"] = metadata
    fd = os.memfd_create("seccomp", os.MFD_CLOEXEC)
    os.write(
        fd, (b"1" if needed else b"0") + os.fsencode(path) + b"\0" + json_text.dump(told).encode()
    )
    return fd


def forward(listener_fd: int, words_fd: int) -> None:
    """Send a listener to its agent; both descriptors are closed.

    :raises ContainerFailed: when the agent does not take it.
    """
    path, dummy, told = os.pread(words_fd, os.fstat(words_fd).st_size, 0).partition(b"\0")
    needed, path = path[:1] == b"1", path[1:]
    connection = _socket.socket(_socket.AF_UNIX, _socket.SOCK_STREAM | _socket.SOCK_CLOEXEC)
    try:
        if path:
            connection.connect(b"\0" + path[1:] if path[:1] == b"@" else path)
            sent = fds.send(connection, told, [listener_fd])
            # Sending nothing is an error as well once the agent, having what it wanted, has closed.
            if told[sent:]:
                connection.sendall(told[sent:])
    except OSError as error:
        if not needed:
            return
        raise ContainerFailed(
            "linux.seccomp.listenerPath: failed to connect with seccomp agent at "
            f"{os.fsdecode(path)}: {reason(error, named=True)}"
        ) from None
    finally:
        connection.close()
        os.close(listener_fd)
        os.close(words_fd)
