# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Connection tracking: forget the UDP flows to a port, so that the next datagram is translated anew.

A flow keeps the translation of its first datagram for as long as datagrams come. Without this, a client that goes on sending
from one port would never reach the new container. Source: linux/netfilter/nfnetlink_conntrack.h.
"""

from __future__ import annotations

import errno
import socket
import struct

from . import netlink
from .netlink import attribute, nested

SUBSYSTEM, GET, DELETE = 1, 1, 2  # NFNL_SUBSYS_CTNETLINK
TUPLE_ORIGINAL, TUPLE_REPLY, ID, FILTER = 1, 2, 12, 25
TUPLE_IP, TUPLE_PROTOCOL = 1, 2
IP_SOURCE: dict[int, int] = {socket.AF_INET: 1, socket.AF_INET6: 3}
IP_DESTINATION: dict[int, int] = {socket.AF_INET: 2, socket.AF_INET6: 4}
PROTOCOL_NUMBER, DESTINATION_PORT = 1, 3
FILTER_ORIGINAL, FILTER_BY_PROTOCOL, FILTER_BY_DESTINATION_PORT = 1, 1 << 3, 1 << 5


def forget_udp(port: int, keep: str) -> None:
    """Forget the UDP flows to ``port`` of this host's addresses that do not end at address ``keep``.

    :raises OSError: when the kernel refuses; without connection tracking there are no flows.
    """
    family = netlink.family_of(keep)
    with netlink.Socket() as sock:
        here = {
            netlink.packed(entry["address"]) for entry in netlink.addresses(sock, family=family)
        }
    try:
        with netlink.Socket(netlink.NETLINK_NETFILTER) as sock:
            for original, ident in _flows(sock, port, here, netlink.packed(keep), family):
                message = (
                    _header(family)
                    + attribute(TUPLE_ORIGINAL | netlink.NLA_F_NESTED, original)
                    + attribute(ID, ident)
                )
                sock.request([(SUBSYSTEM << 8 | DELETE, 0, message)], tolerate=(errno.ENOENT,))
    except OSError as error:
        if error.errno not in (errno.EPROTONOSUPPORT, errno.EOPNOTSUPP, errno.EINVAL):
            raise


def _header(family: int) -> bytes:
    return struct.pack("!BBH", family, 0, 0)


def _flows(
    sock: netlink.Socket, port: int, here: set[bytes], keep: bytes, family: int
) -> list[tuple[bytes, bytes]]:
    """``(packed original tuple, id)`` of each flow. The kernel filters from 5.8 on; before it, all flows are looked through."""
    packed = struct.pack("!H", port)
    wanted = nested(
        TUPLE_PROTOCOL,
        attribute(PROTOCOL_NUMBER, bytes([socket.IPPROTO_UDP])),
        attribute(DESTINATION_PORT, packed),
    )
    flags = struct.pack("=I", FILTER_BY_PROTOCOL | FILTER_BY_DESTINATION_PORT)
    question = (
        _header(family)
        + nested(TUPLE_ORIGINAL, wanted)
        + nested(FILTER, attribute(FILTER_ORIGINAL, flags))
    )
    found = []
    for content in sock.dump(SUBSYSTEM << 8 | GET, question):
        details = netlink.attributes(content[4:])
        original, reply = (
            netlink.attributes(details[TUPLE_ORIGINAL]),
            netlink.attributes(details[TUPLE_REPLY]),
        )
        protocol = netlink.attributes(original[TUPLE_PROTOCOL])
        sent_to, answered_from = (
            netlink.attributes(original[TUPLE_IP]).get(IP_DESTINATION[family]),
            netlink.attributes(reply[TUPLE_IP]).get(IP_SOURCE[family]),
        )
        if (
            protocol[PROTOCOL_NUMBER][0] == socket.IPPROTO_UDP
            and protocol.get(DESTINATION_PORT) == packed
            and sent_to in here
            and answered_from != keep
        ):
            found.append((details[TUPLE_ORIGINAL], details[ID]))
    return found
