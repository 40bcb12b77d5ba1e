# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Give ``RUN --mount=type=ssh`` with ``uid``, ``gid`` or ``mode`` a socket of its own to the user's
SSH agent.

The agent's own socket stays as it is.
"""

from __future__ import annotations

import os
import select
import signal
import socket

from ...kernel.calls import fork

TYPE_CHECKING = False
if TYPE_CHECKING:
    from contextlib import ExitStack


PIECE = 1 << 16  # bytes


def relay(
    directory: str, name: str, agent: str, owner: tuple[int, int], mode: int, stack: ExitStack
) -> str:
    """Make the socket ``name`` in ``directory``, connected to the socket ``agent`` until ``stack``
    ends.

    :returns: its path.
    """
    top = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    server = socket.socket(socket.AF_UNIX)
    try:
        place = f"/proc/self/fd/{top}/{name}"  # a socket's path has at most 107 bytes (unix(7))
        server.bind(place)
        os.chown(place, *owner)
        os.chmod(place, mode)
        server.listen(16)
        pid = fork.child(lambda: _serve(server, agent), with_parent=True)
    finally:
        server.close()
        os.close(top)
    stack.callback(_end, pid)
    return os.path.join(directory, name)


def _end(pid: int) -> None:
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)


def _serve(server: socket.socket, agent: str) -> None:
    """Forward data both ways, until killed.

    An agent's answers are small: each piece is sent at once.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    peers: dict[socket.socket, socket.socket] = {}
    while True:
        for ready in select.select([server] + list(peers), [], [])[0]:
            if ready is server:
                inner, outer = server.accept()[0], socket.socket(socket.AF_UNIX)
                try:
                    outer.connect(agent)
                except OSError:
                    inner.close()
                    outer.close()
                    continue
                peers[inner], peers[outer] = outer, inner
            elif ready in peers:
                _pass_on(ready, peers)


def _pass_on(ready: socket.socket, peers: dict[socket.socket, socket.socket]) -> None:
    other = peers[ready]
    try:
        data = ready.recv(PIECE)
        if data:
            other.sendall(data)
            return
    except OSError:
        pass
    for each in (ready, other):
        del peers[each]
        each.close()
