# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is said to the process that answers names (networks/names/resolver.py).

The zygote holds its socket, and forks it when the first one connects. The workers import this file.
"""

from __future__ import annotations

import os
import socket

from ...kernel.calls import fds
from ...networks.names.name_service import LOCK
from . import messages

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from ...store.paths import Paths

SOCKET = "names.sock"
PATIENCE = 2.0  # seconds; all that it does takes less than one thousandth of it
LONGEST_ANSWER = 4096
SILENT = (
    "the process that answers names does not answer; the container's names are missing until it "
    "does"
)
MENDED = (
    "containers' names were not answered, because the process for it was killed with those that "
    "start it again; it runs again"
)


def join(paths: Paths, ident: str, netns: int, process: int) -> socket.socket | None:
    """Have a container that starts found, and its questions answered; :func:`hear` waits for it.

    :param netns: :param process: descriptors of its network namespace and its process 1.
    :returns: None where nobody is there to answer.
    """
    return _say(paths, b"J" + ident.encode(), (netns, process))


def update(paths: Paths, ident: str) -> str:
    """Have run.json of a container read again; returns "" or a sentence for the user."""
    return hear(_say(paths, b"U" + ident.encode()))


def _say(paths: Paths, word: bytes, descriptors: Sequence[int] = ()) -> socket.socket | None:
    try:
        connection = messages.connect(paths.run, SOCKET)
    except messages.Gone:
        return None
    try:
        connection.settimeout(PATIENCE)
        fds.send(connection, word, descriptors, socket.MSG_NOSIGNAL)
    except OSError:
        connection.close()
        return None
    return connection


def hear(connection: socket.socket | None) -> str:
    """Wait for the answer; returns "" or a sentence for the user."""
    if connection is None:
        return SILENT
    try:
        answer = connection.recv(LONGEST_ANSWER)
    except OSError:
        answer = b""
    finally:
        connection.close()
    if answer[:1] == b"+":
        return ""
    return answer[1:].decode("utf-8", "replace") or SILENT


def lost(paths: Paths) -> bool:
    """Tell whether somebody should answer names and nobody does."""
    if not os.path.exists(os.path.join(paths.data, LOCK)):
        return False
    try:
        messages.connect(paths.run, SOCKET).close()
    except messages.Gone:
        return True
    return False
