# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What nf_tables rules consist of: matches and verdicts, each a list of packed expressions to be joined to a rule.

``rule(interface("iifname"), ...)`` reads like the rule in nft's language. Registers: a match loads into register 1 (16
bytes); a key of several fields fills the 4-byte registers 8 (the start of register 1), 9, 10 ... one after another. What
depends on addresses is asked of a :class:`Family`, of which there is one for IPv4 and one for IPv6.
``nft --debug=netlink`` shows what nft itself makes of a rule. Source: linux/netfilter/nf_tables.h.
"""

from __future__ import annotations

import struct

from .netlink import attribute, nested, text
from .nftables import DATA_VALUE, DATA_VERDICT, GOTO, VERDICT_CHAIN, VERDICT_CODE, be32

REGISTER_VERDICT, REGISTER_1, REGISTER_2 = 0, 1, 2
FIRST_WORD = 8
META_IIFNAME, META_OIFNAME, META_L4PROTO = 6, 7, 16
NETWORK_HEADER, TRANSPORT_HEADER = 1, 2
DESTINATION_PORT = 2  # offset in the TCP, UDP and SCTP header
VXLAN_ID = 12  # offset from the UDP header; 3 bytes (RFC 7348, 5)
CMP_EQ, CMP_NEQ = 0, 1
CT_STATE, CT_STATUS = 0, 2
ESTABLISHED, RELATED = 0x2, 0x4  # bits of ct state
STATUS_DNAT = 0x20  # IPS_DST_NAT
FIB_OIF, FIB_ADDRTYPE = 1, 3
FIB_SADDR, FIB_DADDR, FIB_IIF, FIB_PRESENT = 0x1, 0x2, 0x8, 0x20
RTN_LOCAL = 2
LOOKUP_INVERT = 1
REJECT_UNREACHABLE, REJECT_RESET = 0, 1
NAT_DESTINATION = 1
SOURCE_PORT, TCP, UDP = 0, 6, 17
CHECKSUM_INET = 1
CHECKSUM_OFFSETS = {TCP: 16, UDP: 6}  # of the checksum in the protocol's header


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


def incoming_in(name: str, invert: bool = False) -> list[bytes]:
    """``iifname @set``, or ``iifname != @set``"""
    return [_meta(META_IIFNAME), _lookup(name, invert)]


def outgoing_in(name: str, invert: bool = False) -> list[bytes]:
    """``oifname @set``, or ``oifname != @set``"""
    return [_meta(META_OIFNAME), _lookup(name, invert)]


def both_in(name: str) -> list[bytes]:
    """``iifname . oifname @set``"""
    return [_meta(META_IIFNAME, REGISTER_1), _meta(META_OIFNAME, REGISTER_2), _lookup(name)]


def interface_named(name: str, outgoing: bool = False) -> list[bytes]:
    """``iifname "name"`` or ``oifname "name"``; with a ``*`` at its end it is the beginning of names."""
    raw = name[:-1].encode() if name.endswith("*") else interface_name(name)
    return [_meta(META_OIFNAME if outgoing else META_IIFNAME), _compare(CMP_EQ, raw)]


def counter() -> list[bytes]:
    """``counter``: packets and bytes that come by."""
    return [_expression("counter")]


def counted_incoming(name: str) -> list[bytes]:
    """``counter name iifname map @map``"""
    return [_meta(META_IIFNAME), _counter_from(name)]


def counted_outgoing(name: str) -> list[bytes]:
    """``counter name oifname map @map``"""
    return [_meta(META_OIFNAME), _counter_from(name)]


def _counter_from(name: str) -> bytes:
    return _expression("objref", be32(3, REGISTER_1), text(4, name))


def to_this_host() -> list[bytes]:
    """``fib daddr type local``"""
    return [_fib(FIB_ADDRTYPE, FIB_DADDR), _compare(CMP_EQ, struct.pack("=I", RTN_LOCAL))]


def source_from_elsewhere() -> list[bytes]:
    """``fib saddr . iif oif missing``: the way back to the sender does not lead to where the packet came in."""
    return [
        _fib(FIB_OIF, FIB_SADDR | FIB_IIF | FIB_PRESENT),
        _compare(CMP_EQ, struct.pack("=I", 0)),
    ]


def port_is(protocol: int, offset: int, port: int) -> list[bytes]:
    """``tcp dport PORT`` and the like, by the protocol's number and the port's offset in its header."""
    return [
        _meta(META_L4PROTO),
        _compare(CMP_EQ, bytes((protocol,))),
        _payload(TRANSPORT_HEADER, offset, 2),
        _compare(CMP_EQ, struct.pack("!H", port)),
    ]


def set_port(protocol: int, offset: int, port: int) -> list[bytes]:
    """``tcp dport set PORT`` and the like: the packet itself is changed, no connection is tracked."""
    return [
        _expression("immediate", be32(1, REGISTER_1), _value(2, struct.pack("!H", port))),
        _expression(
            "payload",
            be32(5, REGISTER_1),
            be32(2, TRANSPORT_HEADER),
            be32(3, offset),
            be32(4, 2),
            be32(6, CHECKSUM_INET),
            be32(7, CHECKSUM_OFFSETS[protocol]),
            be32(8, 0),
        ),
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


class Family:
    """The matches that look at addresses, for one family.

    :ivar number: of nf_tables and of sockets (AF_INET, AF_INET6). :ivar length: an address's bytes.
    :param source: the offset of the sender's address in the header, :param destination: the receiver's, in bytes.
    :param loopback: the first bytes of the host's own addresses that no other host reaches.
    """

    def __init__(
        self, number: int, length: int, source: int, destination: int, loopback: bytes
    ) -> None:
        self.number, self.length = number, length
        self._source, self._destination, self._loopback = source, destination, loopback

    def source_in(self, name: str) -> list[bytes]:
        """``ip saddr @set``"""
        return [_payload(NETWORK_HEADER, self._source, self.length), _lookup(name)]

    def destination_in(self, name: str) -> list[bytes]:
        """``ip daddr @set``"""
        return [_payload(NETWORK_HEADER, self._destination, self.length), _lookup(name)]

    def control_messages(self) -> list[bytes]:
        """``meta l4proto icmp``, ``meta l4proto ipv6-icmp``"""
        return [_meta(META_L4PROTO), _compare(CMP_EQ, bytes([1 if self.length == 4 else 58]))]

    def reset(self) -> list[bytes]:
        """``meta l4proto tcp reject with tcp reset``"""
        reset = _expression("reject", be32(1, REJECT_RESET), attribute(2, b"\0"))
        return [_meta(META_L4PROTO), _compare(CMP_EQ, b"\6"), reset]

    def reject(self) -> list[bytes]:
        """``reject with icmp admin-prohibited``: the sender is told at once (RFC 792, RFC 4443)."""
        code = 13 if self.length == 4 else 1
        return [_expression("reject", be32(1, REJECT_UNREACHABLE), attribute(2, bytes([code])))]

    def source_is(self, address: bytes) -> list[bytes]:
        """``ip saddr address``"""
        return [_payload(NETWORK_HEADER, self._source, len(address)), _compare(CMP_EQ, address)]

    def destination_is(self, address: bytes) -> list[bytes]:
        """``ip daddr address``"""
        return [
            _payload(NETWORK_HEADER, self._destination, len(address)),
            _compare(CMP_EQ, address),
        ]

    def to_loopback(self) -> list[bytes]:
        """``ip daddr 127.0.0.0/8``, ``ip6 daddr ::1``"""
        return [
            _payload(NETWORK_HEADER, self._destination, len(self._loopback)),
            _compare(CMP_EQ, self._loopback),
        ]

    def _address_and_port(self, offset: int | None) -> list[bytes]:
        """Load an address of the header (or none), the protocol and the destination port as the words of a key."""
        key = []
        word = FIRST_WORD
        if offset is not None:
            key.append(_payload(NETWORK_HEADER, offset, self.length, REGISTER_1))
            word += self.length // 4
        return [
            *key,
            _meta(META_L4PROTO, REGISTER_1 if word == FIRST_WORD else word),
            _payload(TRANSPORT_HEADER, DESTINATION_PORT, 2, word + 1),
        ]

    def stranger_on_tunnel(self, tunnels: str, peers: str) -> list[bytes]:
        """``udp dport . vni @tunnels ip saddr . udp dport . vni != @peers``"""

        def tunnel(word: int) -> list[bytes]:
            port = REGISTER_1 if word == FIRST_WORD else word
            return [
                _payload(TRANSPORT_HEADER, DESTINATION_PORT, 2, port),
                _payload(TRANSPORT_HEADER, VXLAN_ID, 3, word + 1),
            ]

        return [
            _meta(META_L4PROTO),
            _compare(CMP_EQ, bytes((UDP,))),
            *tunnel(FIRST_WORD),
            _lookup(tunnels),
            _payload(NETWORK_HEADER, self._source, self.length),
            *tunnel(FIRST_WORD + self.length // 4),
            _lookup(peers, invert=True),
        ]

    def source_and_port_in(self, name: str) -> list[bytes]:
        """``ip saddr . meta l4proto . th dport @set``"""
        return self._address_and_port(self._source) + [_lookup(name)]

    def destination_and_port_in(self, name: str) -> list[bytes]:
        """``ip daddr . meta l4proto . th dport @set``"""
        return self._address_and_port(self._destination) + [_lookup(name)]

    def destination_and_port_mapped(self, name: str, with_address: bool = False) -> list[bytes]:
        """``[ip daddr .] meta l4proto . th dport @map``, of a map with addresses and ports."""
        key = self._address_and_port(self._destination if with_address else None)
        return key + [_lookup(name, into=REGISTER_1)]

    def destination_from(self, name: str, with_address: bool = False) -> list[bytes]:
        """``dnat ip to [ip daddr .] meta l4proto . th dport map @map``; the map's data are address and port."""
        translate = _expression(
            "nat",
            be32(1, NAT_DESTINATION),
            be32(2, self.number),
            be32(3, REGISTER_1),
            be32(5, FIRST_WORD + self.length // 4),
        )
        return [*self.destination_and_port_mapped(name, with_address), translate]


IPV4 = Family(2, 4, 12, 16, b"\x7f")  # the offsets: RFC 791
IPV6 = Family(10, 16, 8, 24, bytes(15) + b"\1")  # RFC 8200


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


def goto(chain: str) -> list[bytes]:
    """``goto chain``"""
    target = be32(VERDICT_CODE, GOTO) + text(VERDICT_CHAIN, chain)
    return [
        _expression("immediate", be32(1, REGISTER_VERDICT), nested(2, nested(DATA_VERDICT, target)))
    ]
