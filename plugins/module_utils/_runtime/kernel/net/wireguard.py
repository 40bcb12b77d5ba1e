# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""WireGuard links over generic netlink: make one, tell it its key and peers, read what it has.

Keys are 32 bytes. Sources: linux/wireguard.h, linux/genetlink.h, struct sockaddr_in(6) of ip(7), ipv6(7).
"""

from __future__ import annotations

import socket
import struct

from . import netlink
from .netlink import attribute, nested, text

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from typing import TypedDict

    from .netlink import Message

    class Device(TypedDict):
        """What a link has."""

        public: bytes  # of its own key; 32 zero bytes without one
        port: int
        peers: dict[bytes, set[str]]  # public key -> subnets that it may send from


KIND = "wireguard"
NETLINK_GENERIC, CONTROLLER = 16, 16  # GENL_ID_CTRL
GET_FAMILY, FAMILY_ID, FAMILY_NAME = 3, 1, 2
GET_DEVICE, SET_DEVICE, VERSION = 0, 1, 1
DEVICE_NAME, PRIVATE_KEY, PUBLIC_KEY, LISTEN_PORT, PEERS = 2, 3, 4, 6, 8
PEER_KEY, PEER_FLAGS, PEER_ENDPOINT, PEER_ALLOWED = 1, 3, 4, 9
REMOVE, REPLACE_ALLOWED = 1, 2
ALLOWED_FAMILY, ALLOWED_ADDRESS, ALLOWED_PREFIX = 1, 2, 3
CHUNK = 100  # peers of one message: an attribute holds 64 KiB


def new_link(name: str, mtu: int) -> Message:
    """Message of rtnetlink: make a link. EOPNOTSUPP where the kernel has no WireGuard."""
    info = nested(netlink.IFLA_LINKINFO, text(netlink.IFLA_INFO_KIND, KIND))
    body = netlink.link_message() + text(netlink.IFLA_IFNAME, name)
    body += netlink.u32(netlink.IFLA_MTU, mtu) + info
    return netlink.RTM_NEWLINK, netlink.NLM_F_CREATE | netlink.NLM_F_EXCL, body


def peer(key: bytes, endpoint: tuple[str, int], subnets: Iterable[str]) -> bytes:
    """A peer: where its packets go, and all subnets that it may send from."""
    allowed = [
        nested(
            0,
            attribute(ALLOWED_FAMILY, struct.pack("=H", netlink.family_of(address))),
            attribute(ALLOWED_ADDRESS, netlink.packed(address)),
            attribute(ALLOWED_PREFIX, struct.pack("=B", int(prefix))),
        )
        for address, _slash, prefix in (subnet.partition("/") for subnet in subnets)
    ]
    return nested(
        0,
        attribute(PEER_KEY, key),
        netlink.u32(PEER_FLAGS, REPLACE_ALLOWED),
        attribute(PEER_ENDPOINT, socket_address(*endpoint)),
        nested(PEER_ALLOWED, *allowed),
    )


def no_peer(key: bytes) -> bytes:
    """A peer that is to be forgotten."""
    return nested(0, attribute(PEER_KEY, key), netlink.u32(PEER_FLAGS, REMOVE))


def socket_address(address: str, port: int) -> bytes:
    """struct sockaddr_in or sockaddr_in6."""
    raw = netlink.packed(address)
    if len(raw) == 4:
        return struct.pack("=H", socket.AF_INET) + struct.pack("!H4s8x", port, raw)
    return struct.pack("=H", socket.AF_INET6) + struct.pack("!HI16sI", port, 0, raw, 0)


def configuration(
    name: str, private: bytes | None, port: int, listed: list[bytes]
) -> Iterator[bytes]:
    """The bodies of the messages that tell a link its key, its port and its peers.

    :param private: None to leave the key as it is. :param listed: of :func:`peer` and :func:`no_peer`.
    """
    first = attribute(LISTEN_PORT, struct.pack("=H", port))
    if private is not None:
        first = attribute(PRIVATE_KEY, private) + first
    for start in range(0, max(len(listed), 1), CHUNK):
        some = listed[start : start + CHUNK]
        yield (
            struct.pack("=BBH", SET_DEVICE, VERSION, 0)
            + text(DEVICE_NAME, name)
            + (b"" if start else first)
            + (nested(PEERS, *some) if some else b"")
        )


def device(bodies: Iterable[bytes]) -> Device:
    """What a link has, from the kernel's answers; a peer may be spread over several."""
    found: Device = {"public": bytes(32), "port": 0, "peers": {}}
    for body in bodies:
        details = netlink.attributes(body[4:])
        found["public"] = details.get(PUBLIC_KEY, found["public"])
        if LISTEN_PORT in details:
            found["port"] = struct.unpack("=H", details[LISTEN_PORT])[0]
        for _number, raw in netlink.attribute_list(details.get(PEERS, b"")):
            one = netlink.attributes(raw)
            subnets = found["peers"].setdefault(one[PEER_KEY], set())
            subnets.update(_subnets(one.get(PEER_ALLOWED, b"")))
    return found


def _subnets(raw: bytes) -> Iterator[str]:
    for _number, content in netlink.attribute_list(raw):
        details = netlink.attributes(content)
        family = struct.unpack("=H", details[ALLOWED_FAMILY])[0]
        address = socket.inet_ntop(family, details[ALLOWED_ADDRESS])
        yield f"{address}/{details[ALLOWED_PREFIX][0]}"


class Connection(netlink.Socket):
    """A connection to WireGuard in the caller's network namespace.

    :raises OSError: ENOENT where the kernel has no WireGuard, or no link of it was made yet.
    """

    def __init__(self) -> None:
        super().__init__(NETLINK_GENERIC)
        try:
            question = struct.pack("=BBH", GET_FAMILY, 1, 0) + text(FAMILY_NAME, KIND)
            answer = netlink.attributes(self.get(CONTROLLER, question)[4:])
            self.family: int = struct.unpack("=H", answer[FAMILY_ID])[0]
        except BaseException:
            self.close()
            raise

    def read(self, name: str) -> Device:
        """What a link has. :raises OSError: there is no such one."""
        question = struct.pack("=BBH", GET_DEVICE, VERSION, 0) + text(DEVICE_NAME, name)
        return device(self.dump(self.family, question))

    def configure(self, name: str, private: bytes | None, port: int, listed: list[bytes]) -> None:
        """Carry out :func:`configuration`. :raises OSError: the kernel refuses."""
        for body in configuration(name, private, port, listed):
            self.request([(self.family, 0, body)])
