# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The loopback interface of this process's network namespace: a new one has it, but down. netdevice(7)."""

from __future__ import annotations

import _socket
import _struct as struct
import fcntl

_SIOCGIFFLAGS, _SIOCSIFFLAGS, _IFF_UP = 0x8913, 0x8914, 1
_IFREQ = "16sH22x"  # struct ifreq: the name, here its flags


def up() -> None:
    """Switch ``lo`` on, which also gives it its addresses."""
    any_socket = _socket.socket(_socket.AF_UNIX, _socket.SOCK_DGRAM)
    try:
        request = fcntl.ioctl(any_socket.fileno(), _SIOCGIFFLAGS, struct.pack(_IFREQ, b"lo", 0))
        flags = struct.unpack(_IFREQ, request)[1] | _IFF_UP
        fcntl.ioctl(any_socket.fileno(), _SIOCSIFFLAGS, struct.pack(_IFREQ, b"lo", flags))
    finally:
        any_socket.close()
