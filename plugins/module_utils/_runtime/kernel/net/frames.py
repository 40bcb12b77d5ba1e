# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Matches of nf_tables rules on the frames of a bridge: who sends by which port, in one look-up.

A key is the port's name (16 bytes), the sender's MAC (6, padded to 8) and its IPv4 (4) or IPv6
address (16). As ``rules.py``, each function returns packed expressions. Sources:
linux/nf_tables.h, RFC 826 (ARP), RFC 4861 (neighbour discovery).
"""

from __future__ import annotations

import struct

from . import netlink
from .netlink import attribute, hardware, nested, text
from .nftables import DATA_VALUE, be32

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .netlink import Message

LINK_HEADER, NETWORK_HEADER, TRANSPORT_HEADER = 0, 1, 2
META_IIFNAME, META_L4PROTO = 6, 16
IPV4, ARP, IPV6 = 0x0800, 0x0806, 0x86DD
ICMPV6, SOLICITATION, ADVERTISEMENT, ROUTER, REDIRECT, MEMBERSHIP = 58, 135, 136, 134, 137, 143
REGISTER, NAME, MAC, ADDRESS = 1, 8, 12, 14  # 4-byte registers 8 ...: name 8-11, MAC 12-13
KEY_IPV4, KEY_IPV6 = 28, 40  # bytes
NAME_LENGTH = 16
MULTI_BOOLOPT, NO_LL_LEARN = 46, 1  # linux/if_link.h, linux/if_bridge.h


def learn_no_group_senders(bridge: int) -> Message:
    """Message: have a bridge (index) learn no sender of what is for bridges alone.

    Such frames (01:80:c2:00:00:0X, as of LLDP) pass no hook of nf_tables, and a false sender in one
    would draw a neighbour's traffic. Source: BR_BOOLOPT_NO_LL_LEARN, kernel 5.0.
    """
    option = attribute(MULTI_BOOLOPT, struct.pack("=II", NO_LL_LEARN, NO_LL_LEARN))
    info = nested(
        netlink.IFLA_LINKINFO,
        text(netlink.IFLA_INFO_KIND, "bridge"),
        nested(netlink.IFLA_INFO_DATA, option),
    )
    return netlink.RTM_NEWLINK, 0, netlink.link_message(bridge) + info


def key(port: str, mac: str, address: bytes) -> bytes:
    """Return the key of a sender. :param address: packed, 4 or 16 bytes."""
    return port.encode().ljust(NAME_LENGTH, b"\0") + hardware(mac) + b"\0\0" + address


def link_local(mac: str) -> bytes:
    """Return the IPv6 address that a link gives itself of its MAC (RFC 4291, appendix A), packed."""
    raw = hardware(mac)
    return b"\xfe\x80" + bytes(6) + bytes([raw[0] ^ 2]) + raw[1:3] + b"\xff\xfe" + raw[3:]


def port_begins(prefix: str, invert: bool = False) -> list[bytes]:
    """``iifname "prefix*"``, or ``iifname != "prefix*"``"""
    return [_meta(META_IIFNAME, REGISTER), _compare(prefix.encode(), invert)]


def port_in(name: str) -> list[bytes]:
    """``iifname @set``"""
    return [_meta(META_IIFNAME, REGISTER), _lookup(name, REGISTER)]


def kind(number: int) -> list[bytes]:
    """``ether type number``, of the frame as it is on the wire: of a tagged one it is 802.1Q's."""
    return [_load(LINK_HEADER, 12, 2, REGISTER), _compare(struct.pack("!H", number))]


def ipv4_sender_in(name: str) -> list[bytes]:
    """``iifname . ether saddr . ip saddr @set``"""
    return [*_sender(), _load(NETWORK_HEADER, 12, 4, ADDRESS), _lookup(name, NAME)]


def ipv6_sender_in(name: str, invert: bool = False) -> list[bytes]:
    """``iifname . ether saddr . ip6 saddr @set``, or ``!= @set``"""
    return [*_sender(), _load(NETWORK_HEADER, 8, 16, ADDRESS), _lookup(name, NAME, invert)]


def arp_sender_in(name: str) -> list[bytes]:
    """``iifname . ether saddr . arp saddr ip @set iifname . arp saddr ether . arp saddr ip @set``"""
    inside = [_meta(META_IIFNAME, NAME), _load(NETWORK_HEADER, 8, 6, MAC)]
    address = _load(NETWORK_HEADER, 14, 4, ADDRESS)
    return [*_sender(), address, _lookup(name, NAME), *inside, address, _lookup(name, NAME)]


def from_nowhere() -> list[bytes]:
    """``ip6 saddr ::``"""
    return [_load(NETWORK_HEADER, 8, 16, REGISTER), _compare(bytes(16))]


def icmpv6(number: int) -> list[bytes]:
    """``icmpv6 type number``"""
    return [
        _meta(META_L4PROTO, REGISTER),
        _compare(bytes([ICMPV6])),
        _load(TRANSPORT_HEADER, 0, 1, REGISTER),
        _compare(bytes([number])),
    ]


def advertised_in(name: str, invert: bool = False) -> list[bytes]:
    """``iifname . ether saddr . icmpv6 taddr @set``, or ``!= @set``"""
    return [*_sender(), _load(TRANSPORT_HEADER, 8, 16, ADDRESS), _lookup(name, NAME, invert)]


def _sender() -> list[bytes]:
    return [_meta(META_IIFNAME, NAME), _load(LINK_HEADER, 6, 6, MAC)]


def _expression(name: str, *attributes: bytes) -> bytes:
    return text(1, name) + nested(2, *attributes)


def _meta(kind_of: int, register: int) -> bytes:
    return _expression("meta", be32(1, register), be32(2, kind_of))


def _load(base: int, offset: int, length: int, register: int) -> bytes:
    return _expression(
        "payload", be32(1, register), be32(2, base), be32(3, offset), be32(4, length)
    )


def _compare(data: bytes, invert: bool = False) -> bytes:
    return _expression(
        "cmp", be32(1, REGISTER), be32(2, int(invert)), nested(3, attribute(DATA_VALUE, data))
    )


def _lookup(name: str, register: int, invert: bool = False) -> bytes:
    attributes = [text(1, name), be32(2, register)]
    return _expression("lookup", *attributes, *([be32(5, 1)] if invert else []))
