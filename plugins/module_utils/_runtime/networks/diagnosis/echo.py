# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ask hosts whether they are there: ICMP echo (RFC 792, RFC 4443), all of them at once."""

from __future__ import annotations

import contextlib
import os
import select
import socket
import struct
import time

from ...kernel.net import netlink

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection

ECHO: dict[
    int, tuple[int, int, int]
] = {  # of a family: protocol, type of the question, type of the answer
    socket.AF_INET: (socket.IPPROTO_ICMP, 8, 0),
    socket.AF_INET6: (socket.IPPROTO_ICMPV6, 128, 129),
}


def silent(addresses: Collection[str], patience: float) -> set[str]:
    """Return which of the addresses do not answer. :param patience: seconds for all of them."""
    left = set(addresses)
    mark = os.getpid() & 0xFFFF
    with contextlib.ExitStack() as opened:
        sockets: dict[int, socket.socket] = {}
        for family in {netlink.family_of(address) for address in addresses}:
            sockets[family] = opened.enter_context(
                socket.socket(family, socket.SOCK_RAW, ECHO[family][0])
            )
        for address in sorted(addresses):
            family = netlink.family_of(address)
            with contextlib.suppress(OSError):  # no route to it
                sockets[family].sendto(_question(ECHO[family][1], mark), (address, 0))
        end = time.monotonic() + patience
        while left and sockets:
            ready = select.select(list(sockets.values()), [], [], max(0, end - time.monotonic()))[0]
            if not ready:
                break
            for sock in ready:
                data, sender = sock.recvfrom(512)
                if sock.family == socket.AF_INET:
                    data = data[(data[0] & 15) * 4 :]  # behind the header of IPv4
                answer = ECHO[sock.family][2]
                if len(data) >= 6 and data[0] == answer and data[4:6] == struct.pack("!H", mark):
                    left.discard(sender[0])
    return left


def _question(kind: int, mark: int) -> bytes:
    """Return an echo request; the kernel writes the checksum of ICMPv6 itself."""
    packet = struct.pack("!BBHHH", kind, 0, 0, mark, 1)
    total = sum(struct.unpack("!4H", packet))
    total = (total & 0xFFFF) + (total >> 16)
    return packet[:2] + struct.pack("!H", ~total & 0xFFFF) + packet[4:]
