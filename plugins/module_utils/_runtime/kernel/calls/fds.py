# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Descriptors: passed over UNIX sockets (SCM_RIGHTS, unix(7)), and closed many at a time.

socket.send_fds and recv_fds import ``array`` and ``socket``, and on Python 3.9 lose their flags.
"""

from __future__ import annotations

import _socket
import os
from _struct import pack, unpack_from

from . import syscalls

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

LAST = 2**31 - 1  # above any descriptor


def send(channel: _socket.socket, data: bytes, fds: Collection[int] = (), flags: int = 0) -> int:
    """Send bytes, and with them descriptors, at most 253 (SCM_MAX_FD). Return how many bytes were sent.

    It makes no other system call than sendmsg(2).
    """
    rights = [(_socket.SOL_SOCKET, _socket.SCM_RIGHTS, pack(f"{len(fds)}i", *fds))] if fds else []
    return channel.sendmsg([data], rights, flags)


def receive(channel: _socket.socket, size: int, most: int) -> tuple[bytes, list[int]]:
    """Receive at most ``size`` bytes and ``most`` descriptors; these are close-on-exec. What is beyond either is lost.

    :returns: ``(b"", [])`` at the end of the connection.
    """
    data, fds, _flags = receive_with_flags(channel, size, most)
    return data, fds


def receive_with_flags(
    channel: _socket.socket, size: int, most: int
) -> tuple[bytes, list[int], int]:
    """As :func:`receive`, with recvmsg(2)'s flags: MSG_TRUNC and MSG_CTRUNC tell that something was lost."""
    data, ancillary, flags, _address = channel.recvmsg(
        size, _socket.CMSG_LEN(4 * most), _socket.MSG_CMSG_CLOEXEC
    )
    found: list[int] = []
    for level, kind, content in ancillary:
        if level == _socket.SOL_SOCKET and kind == _socket.SCM_RIGHTS:
            found += unpack_from(f"{len(content) // 4}i", content)
    return data, found, flags


def close_range(first: int, last: int = LAST) -> None:
    """Close the descriptors from ``first`` to ``last``.

    Before Linux 5.9 those below 4096: /proc may be a container's by now, so its list is not asked.
    """
    try:
        syscalls.close_range(first, last)
    except OSError:
        os.closerange(first, min(last + 1, 4096))


def close_all_but(kept: Sequence[int] | set[int], first: int = 3) -> None:
    """Close the descriptors from ``first`` on, but those in ``kept``."""
    for fd in [*sorted(kept), LAST + 1]:
        if fd > first:
            close_range(first, fd - 1)
        first = max(first, fd + 1)
