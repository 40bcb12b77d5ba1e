# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""127.0.0.11:53 in a container's network namespace.

A container may have a DNS server of its own on all addresses, and nobody could listen on port 53
beside it. So the sockets have another port, and two rules in the namespace exchange the two in the
packets. No connection is tracked for that, which would cost all other traffic of the container.
"""

from __future__ import annotations

import errno
import socket

from ...kernel.isolation import namespaces
from ...kernel.net import netlink, nftables, rules

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ...kernel.net.netlink import Message

    Sockets = tuple[socket.socket, socket.socket]  # UDP and TCP

ADDRESS = "127.0.0.11"  # Docker's
PORT = 53
# Nobody's (IANA), and below those that the kernel gives away. Always the same, so that a new
# process finds the rules and what is under way as the one before has left them. 0: any other.
CANDIDATES = (40, 60, 100, 0)
TABLE = "pycontainer"
_IN, _OUT = "names-in", "names-out"
_BACKLOG = 64
# Docker's chain for names would see port 53 on the way to the socket. So do others here, the
# container's own firewall among them: the request is changed after all of them, the answer before.
_FIRST, _LAST = -400, 400


def listen(netns: int) -> Sockets:
    """Listen in a network namespace: ``(UDP, TCP)``.

    Without nf_tables on port 53 itself.

    :raises OSError: neither can be had.
    """
    with namespaces.visiting(netns):
        with netlink.Socket() as route:
            # Whoever connects the container does it as well, meanwhile. Without it the address is
            # nobody's, and the kernel sends from another.
            route.request([netlink.set_link("lo", up=True)])
        udp, tcp = _bind(CANDIDATES)
        try:
            _redirect(udp.getsockname()[1])
            return udp, tcp
        except OSError:
            udp.close()
            tcp.close()
        return _bind((PORT,))


def _bind(ports: tuple[int, ...]) -> Sockets:
    for port in ports:
        udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
        tcp = socket.socket(socket.AF_INET, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
        try:
            tcp.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            udp.bind((ADDRESS, port))
            tcp.bind((ADDRESS, udp.getsockname()[1]))
            tcp.listen(_BACKLOG)
            return udp, tcp
        except OSError as error:
            udp.close()
            tcp.close()
            if error.errno not in (errno.EADDRINUSE, errno.EACCES):
                raise
    raise OSError(errno.EADDRINUSE, "every port for names is taken in the container")


def _redirect(port: int) -> None:
    """Make the table, in the place of one that an earlier process has left."""
    with nftables.Connection() as connection:
        left = []
        # To delete chains with hooks, the kernel waits until no processor is within them: 10 ms.
        if connection.has_chain(TABLE, _IN):
            left = [nftables.delete_table(TABLE)]
        connection.commit([*left, *_table(port)])


def _table(port: int) -> list[Message]:
    address = socket.inet_aton(ADDRESS)
    messages = [
        nftables.new_table(TABLE),
        nftables.new_chain(TABLE, _IN, "filter", nftables.OUTPUT, _LAST),
        nftables.new_chain(TABLE, _OUT, "filter", nftables.OUTPUT, _FIRST),
    ]
    for protocol in (rules.UDP, rules.TCP):
        request = rules.rule(
            rules.IPV4.destination_is(address),
            rules.port_is(protocol, rules.DESTINATION_PORT, PORT),
            rules.set_port(protocol, rules.DESTINATION_PORT, port),
        )
        answer = rules.rule(
            rules.IPV4.source_is(address),
            rules.port_is(protocol, rules.SOURCE_PORT, port),
            rules.set_port(protocol, rules.SOURCE_PORT, PORT),
        )
        messages.append(nftables.new_rule(TABLE, _IN, request))
        messages.append(nftables.new_rule(TABLE, _OUT, answer))
    return messages
