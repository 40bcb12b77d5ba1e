# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What nf_tables rules consist of: matches and verdicts, each a list of packed expressions to be joined to a rule.

``rule(interface("iifname"), ...)`` reads like the rule in nft's language. Registers: a match loads into register 1 (16
bytes); a key of several fields fills the 4-byte registers 8 (the start of register 1), 9, 10 ... one after another.
``nft --debug=netlink`` shows what nft itself makes of a rule. Source: linux/netfilter/nf_tables.h.
"""

from __future__ import annotations

import struct

from .netlink import attribute, nested, text
from .nftables import DATA_VALUE, DATA_VERDICT, VERDICT_CODE, be32

REGISTER_VERDICT, REGISTER_1, REGISTER_2 = 0, 1, 2
WORDS = (REGISTER_1, 9, 10)  # where the fields of a key of three words go
META_IIFNAME, META_OIFNAME, META_L4PROTO = 6, 7, 16
NETWORK_HEADER, TRANSPORT_HEADER = 1, 2
SOURCE_ADDRESS, DESTINATION_ADDRESS, DESTINATION_PORT = (
    12,
    16,
    2,
)  # offsets in the IPv4 and the TCP or UDP header
CMP_EQ, CMP_NEQ = 0, 1
CT_STATE, CT_STATUS = 0, 2
ESTABLISHED, RELATED = 0x2, 0x4  # bits of ct state
STATUS_DNAT = 0x20  # IPS_DST_NAT
FIB_OIF, FIB_ADDRTYPE = 1, 3
FIB_SADDR, FIB_DADDR, FIB_IIF, FIB_PRESENT = 0x1, 0x2, 0x8, 0x20
RTN_LOCAL = 2
LOOKUP_INVERT = 1
NAT_DESTINATION, AF_INET = 1, 2


def rule(*parts: list[bytes]) -> list[bytes]:
    """The expressions of one rule, from the lists that the functions below return."""
    return [expression for part in parts for expression in part]


def _expression(name: str, *attributes: bytes) -> bytes:
    return text(1, name) + nested(2, *attributes)


def _value(kind: int, data: bytes) -> bytes:
    return nested(kind, attribute(DATA_VALUE, data))


def _meta(key: int, register: int = REGISTER_1) -> bytes:
    return _expression("meta", be32(1, register), be32(2, key))


def _payload(base: int, offset: int, length: int, register: int = REGISTER_1) -> bytes:
    return _expression(
        "payload", be32(1, register), be32(2, base), be32(3, offset), be32(4, length)
    )


def _compare(operation: int, data: bytes) -> bytes:
    return _expression("cmp", be32(1, REGISTER_1), be32(2, operation), _value(3, data))


def _fib(result: int, flags: int) -> bytes:
    return _expression("fib", be32(1, REGISTER_1), be32(2, result), be32(3, flags))


def _lookup(name: str, invert: bool = False, into: int | None = None) -> bytes:
    attributes = [text(1, name), be32(2, REGISTER_1)]
    if into is not None:
        attributes.append(be32(3, into))
    if invert:
        attributes.append(be32(5, LOOKUP_INVERT))
    return _expression("lookup", *attributes)


def interface_name(name: str) -> bytes:
    """An interface's name as nf_tables compares it: 16 bytes, padded with NUL."""
    return name.encode().ljust(16, b"\0")


def incoming_not(name: str) -> list[bytes]:
    """``iifname != "name"``"""
    return [_meta(META_IIFNAME), _compare(CMP_NEQ, interface_name(name))]


def incoming_in(name: str) -> list[bytes]:
    """``iifname @set``"""
    return [_meta(META_IIFNAME), _lookup(name)]


def outgoing_in(name: str, invert: bool = False) -> list[bytes]:
    """``oifname @set``, or ``oifname != @set``"""
    return [_meta(META_OIFNAME), _lookup(name, invert)]


def both_in(name: str) -> list[bytes]:
    """``iifname . oifname @set``"""
    return [_meta(META_IIFNAME, REGISTER_1), _meta(META_OIFNAME, REGISTER_2), _lookup(name)]


def source_in(name: str) -> list[bytes]:
    """``ip saddr @set``"""
    return [_payload(NETWORK_HEADER, SOURCE_ADDRESS, 4), _lookup(name)]


def to_loopback() -> list[bytes]:
    """``ip daddr 127.0.0.0/8``"""
    return [_payload(NETWORK_HEADER, DESTINATION_ADDRESS, 1), _compare(CMP_EQ, b"\x7f")]


def to_this_host() -> list[bytes]:
    """``fib daddr type local``"""
    return [_fib(FIB_ADDRTYPE, FIB_DADDR), _compare(CMP_EQ, struct.pack("=I", RTN_LOCAL))]


def source_from_elsewhere() -> list[bytes]:
    """``fib saddr . iif oif missing``: the way back to the sender does not lead to where the packet came in."""
    return [
        _fib(FIB_OIF, FIB_SADDR | FIB_IIF | FIB_PRESENT),
        _compare(CMP_EQ, struct.pack("=I", 0)),
    ]


def _tracked(key: int, bits: int) -> list[bytes]:
    masked = _expression(
        "bitwise",
        be32(1, REGISTER_1),
        be32(2, REGISTER_1),
        be32(3, 4),
        _value(4, struct.pack("=I", bits)),
        _value(5, struct.pack("=I", 0)),
    )
    return [
        _expression("ct", be32(1, REGISTER_1), be32(2, key)),
        masked,
        _compare(CMP_NEQ, struct.pack("=I", 0)),
    ]


def established() -> list[bytes]:
    """``ct state established,related``"""
    return _tracked(CT_STATE, ESTABLISHED | RELATED)


def redirected() -> list[bytes]:
    """``ct status dnat``"""
    return _tracked(CT_STATUS, STATUS_DNAT)


def _address_and_port(offset: int | None) -> list[bytes]:
    """Load an address of the IPv4 header (or none), the protocol and the destination port as the words of a key."""
    words = iter(WORDS)
    key = [_payload(NETWORK_HEADER, offset, 4, next(words))] if offset is not None else []
    return key + [
        _meta(META_L4PROTO, next(words)),
        _payload(TRANSPORT_HEADER, DESTINATION_PORT, 2, next(words)),
    ]


def source_and_port_in(name: str) -> list[bytes]:
    """``ip saddr . meta l4proto . th dport @set``"""
    return _address_and_port(SOURCE_ADDRESS) + [_lookup(name)]


def destination_from(name: str, with_address: bool = False) -> list[bytes]:
    """``dnat ip to [ip daddr .] meta l4proto . th dport map @map``; the map's data are address and port."""
    key = _address_and_port(DESTINATION_ADDRESS if with_address else None)
    translate = _expression(
        "nat", be32(1, NAT_DESTINATION), be32(2, AF_INET), be32(3, WORDS[0]), be32(5, WORDS[1])
    )
    return key + [_lookup(name, into=REGISTER_1), translate]


def masquerade() -> list[bytes]:
    """``masquerade``"""
    return [_expression("masq")]


def verdict(code: int) -> list[bytes]:
    """``drop``, ``accept``, ``return``: a code of nftables.py."""
    return [
        _expression(
            "immediate",
            be32(1, REGISTER_VERDICT),
            nested(2, nested(DATA_VERDICT, be32(VERDICT_CODE, code))),
        )
    ]
