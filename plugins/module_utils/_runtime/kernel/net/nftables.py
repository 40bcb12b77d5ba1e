# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""nf_tables by hand: tables, chains, sets, maps and their elements, in atomic batches over nfnetlink.

What a rule consists of is in ``rules.py``. A published port costs 0.03 ms this way; one ``nft`` process costs
2 ms and may be missing. Lean like ``netlink.py``, for the same reason.
Sources: linux/netfilter/nf_tables.h, linux/netfilter/nfnetlink.h, nft(8).
"""

from __future__ import annotations

import errno
import socket
import struct

from . import netlink
from .netlink import NLM_F_ACK, NLM_F_CREATE, NLM_F_REQUEST, attribute, nested, text

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from typing import TypedDict

    class Chain(TypedDict):
        """A chain that is hooked in."""

        family: int  # FAMILY_INET, FAMILY_IPV4 or FAMILY_IPV6
        table: str
        name: str
        hook: int  # enum nf_inet_hooks
        priority: int
        policy: int  # DROP or ACCEPT

    from .netlink import Message

SUBSYSTEM = 10  # NFNL_SUBSYS_NFTABLES
BATCH_BEGIN, BATCH_END = 16, 17
NEWTABLE, GETTABLE, DELTABLE, NEWCHAIN, GETCHAIN = 0, 1, 2, 3, 4
NEWRULE, GETRULE, DELRULE = 6, 7, 8
NEWSET, NEWSETELEM, GETSETELEM, DELSETELEM, GETGEN = 9, 12, 13, 14, 16
NEWOBJ, GETOBJ, DELOBJ = 18, 19, 20

TABLE_NAME = 1
CHAIN_TABLE, CHAIN_NAME, CHAIN_HOOK, CHAIN_POLICY, CHAIN_TYPE = 1, 3, 4, 5, 7
HOOK_NUMBER, HOOK_PRIORITY = 1, 2
RULE_TABLE, RULE_CHAIN, RULE_HANDLE, RULE_EXPRESSIONS, RULE_POSITION, RULE_USERDATA = (
    1,
    2,
    3,
    4,
    6,
    7,
)
LIST_ELEMENT = 1
SET_TABLE, SET_NAME, SET_FLAGS, SET_KEY_TYPE, SET_KEY_LENGTH, SET_DATA_TYPE, SET_DATA_LENGTH = (
    1,
    2,
    3,
    4,
    5,
    6,
    7,
)
SET_ID, SET_USERDATA, SET_OBJECT_TYPE = 10, 13, 15
ELEMENTS_TABLE, ELEMENTS_SET, ELEMENTS = 1, 2, 3
ELEMENT_KEY, ELEMENT_DATA, ELEMENT_FLAGS, ELEMENT_OBJECT = 1, 2, 3, 9
ELEMENT_INTERVAL_END = 1
SET_INTERVAL, SET_MAP, SET_OBJECT = 0x4, 0x8, 0x40
OBJECT_TABLE, OBJECT_NAME, OBJECT_TYPE, OBJECT_DATA = 1, 2, 3, 4
OBJECT_COUNTER, COUNTER_BYTES, COUNTER_PACKETS = 1, 1, 2
DATA_VALUE, DATA_VERDICT, VERDICT_CODE, VERDICT_CHAIN = 1, 2, 1, 2

PREROUTING, INPUT, FORWARD, OUTPUT, POSTROUTING = 0, 1, 2, 3, 4  # enum nf_inet_hooks
DROP, ACCEPT, GOTO, RETURN = 0, 1, -4, -5
FAMILY_INET, FAMILY_IPV4, FAMILY_IPV6 = 1, 2, 10
FAMILIES = {FAMILY_INET: "inet", FAMILY_IPV4: "ip", FAMILY_IPV6: "ip6"}

# nft's own numbers of its data types (the kernel only stores them, `nft list` reads them); a concatenation is 6 bits each
IPV4_ADDRESS, IPV6_ADDRESS, INET_PROTOCOL, INET_SERVICE, INTERFACE_NAME = 7, 8, 12, 13, 41


def concatenation(*kinds: int) -> int:
    number = 0
    for kind in kinds:
        number = number << 6 | kind
    return number


def be32(kind: int, value: int) -> bytes:
    return attribute(kind, struct.pack("!i" if value < 0 else "!I", value))


def _message(kind: int, flags: int, *attributes: bytes, family: int = FAMILY_IPV4) -> Message:
    return SUBSYSTEM << 8 | kind, flags, struct.pack("!BBH", family, 0, 0) + b"".join(attributes)


def new_table(name: str, family: int = FAMILY_IPV4) -> Message:
    return _message(NEWTABLE, NLM_F_CREATE, text(TABLE_NAME, name), family=family)


def delete_table(name: str, family: int = FAMILY_IPV4) -> Message:
    return _message(DELTABLE, 0, text(TABLE_NAME, name), family=family)


def new_chain(
    table: str,
    name: str,
    kind: str | None = None,
    hook: int = 0,
    priority: int = 0,
    family: int = FAMILY_IPV4,
) -> Message:
    """A chain; with ``kind`` (``filter``, ``nat``) one that is hooked in, its policy accept."""
    body = text(CHAIN_TABLE, table) + text(CHAIN_NAME, name)
    if kind is not None:
        body += nested(CHAIN_HOOK, be32(HOOK_NUMBER, hook), be32(HOOK_PRIORITY, priority))
        body += be32(CHAIN_POLICY, ACCEPT) + text(CHAIN_TYPE, kind)
    return _message(NEWCHAIN, NLM_F_CREATE, body, family=family)


def new_rule(
    table: str,
    chain: str,
    expressions: Iterable[bytes],
    family: int = FAMILY_IPV4,
    before: int | None = None,
    comment: str = "",
) -> Message:
    """A rule of expressions that ``rules.py`` makes, at the chain's end.

    :param before: the handle of a rule that it is put before. :param comment: as nft and iptables show it.
    """
    listed = nested(
        RULE_EXPRESSIONS,
        *[attribute(LIST_ELEMENT | netlink.NLA_F_NESTED, expression) for expression in expressions],
    )
    body = [text(RULE_TABLE, table), text(RULE_CHAIN, chain), listed]
    if before is not None:
        body.append(attribute(RULE_POSITION, struct.pack("!Q", before)))
    if comment:  # type 0 (NFTNL_UDATA_RULE_COMMENT), length, text
        said = comment.encode() + b"\0"
        body.append(attribute(RULE_USERDATA, bytes((0, len(said))) + said))
    flags = NLM_F_CREATE | (netlink.NLM_F_APPEND if before is None else 0)
    return _message(NEWRULE, flags, *body, family=family)


def delete_rule(table: str, chain: str, handle: int, family: int = FAMILY_IPV4) -> Message:
    """Take one rule out of a chain."""
    place = text(RULE_TABLE, table) + text(RULE_CHAIN, chain)
    return _message(
        DELRULE, 0, place, attribute(RULE_HANDLE, struct.pack("!Q", handle)), family=family
    )


def new_set(
    table: str,
    name: str,
    number: int,
    key_types: tuple[int, ...],
    key_length: int,
    data_types: tuple[int, ...] = (),
    data_length: int = 0,
    interval: bool = False,
    family: int = FAMILY_IPV4,
    counters: bool = False,
) -> Message:
    """A set, or with ``data_types`` a map. ``number`` is any that no other set of the batch has; lengths are in bytes.

    :param counters: it is a map whose elements lead to counters of the table.
    """
    flags = (SET_INTERVAL if interval else 0) | (SET_MAP if data_types else 0)
    flags |= SET_OBJECT if counters else 0
    body = (
        text(SET_TABLE, table)
        + text(SET_NAME, name)
        + be32(SET_FLAGS, flags)
        + be32(SET_ID, number)
    )
    body += be32(SET_KEY_TYPE, concatenation(*key_types)) + be32(SET_KEY_LENGTH, key_length)
    if data_types:
        body += be32(SET_DATA_TYPE, concatenation(*data_types)) + be32(SET_DATA_LENGTH, data_length)
    if counters:
        body += be32(SET_OBJECT_TYPE, OBJECT_COUNTER)
    if key_types == (
        INTERFACE_NAME,
    ):  # nft's own note (type 0: byte order of the key, 1: the host's), without which it shows ""
        body += attribute(SET_USERDATA, struct.pack("=BBI", 0, 4, 1))
    return _message(NEWSET, NLM_F_CREATE, body, family=family)


def new_counter(table: str, name: str, family: int = FAMILY_IPV4) -> Message:
    """Message: make a counter, which begins at 0; one that is there already stays as it is."""
    body = text(OBJECT_TABLE, table) + text(OBJECT_NAME, name)
    body += be32(OBJECT_TYPE, OBJECT_COUNTER) + nested(OBJECT_DATA)
    return _message(NEWOBJ, NLM_F_CREATE, body, family=family)


def delete_counter(table: str, name: str, family: int = FAMILY_IPV4) -> Message:
    """Message: take a counter away that no element leads to; ENOENT when it is not there."""
    body = text(OBJECT_TABLE, table) + text(OBJECT_NAME, name)
    return _message(DELOBJ, 0, body, be32(OBJECT_TYPE, OBJECT_COUNTER), family=family)


def element(
    key: bytes, data: bytes | None = None, flags: int = 0, counter: str | None = None
) -> bytes:
    """One element of a set (``key``) or map (``key`` -> ``data``, or a counter's name), both bytes."""
    body = nested(ELEMENT_KEY, attribute(DATA_VALUE, key))
    if data is not None:
        body += nested(ELEMENT_DATA, attribute(DATA_VALUE, data))
    if flags:
        body += be32(ELEMENT_FLAGS, flags)
    if counter is not None:
        body += text(ELEMENT_OBJECT, counter)
    return attribute(LIST_ELEMENT | netlink.NLA_F_NESTED, body)


def _elements(
    kind: int, flags: int, table: str, name: str, listed: Iterable[bytes], family: int
) -> list[Message]:
    """As many messages as the elements need: one attribute holds 64 KiB."""
    chunks: list[list[bytes]] = []
    size = 0
    for one in listed:
        if not chunks or size + len(one) > 60000:
            chunks.append([])
            size = 0
        chunks[-1].append(one)
        size += len(one)
    place = text(ELEMENTS_TABLE, table) + text(ELEMENTS_SET, name)
    return [
        _message(kind, flags, place, nested(ELEMENTS, *chunk), family=family) for chunk in chunks
    ]


def add_elements(
    table: str, name: str, listed: Iterable[bytes], family: int = FAMILY_IPV4
) -> list[Message]:
    """Messages that add elements; one that is there already is no error (with other data it is: EBUSY or EEXIST)."""
    return _elements(NEWSETELEM, NLM_F_CREATE, table, name, listed, family)


def delete_elements(
    table: str, name: str, listed: Iterable[bytes], family: int = FAMILY_IPV4
) -> list[Message]:
    """Messages that remove elements; ENOENT when one is not there."""
    return _elements(DELSETELEM, 0, table, name, listed, family)


def flush_elements(table: str, name: str, family: int = FAMILY_IPV4) -> Message:
    """Message: empty a set."""
    place = text(ELEMENTS_TABLE, table) + text(ELEMENTS_SET, name)
    return _message(DELSETELEM, 0, place, family=family)


def interval(first: bytes, end: bytes) -> list[bytes]:
    """The two elements that stand for the addresses from ``first`` up to but without ``end`` (each 4 or 16 bytes)."""
    return [element(first), element(end, flags=ELEMENT_INTERVAL_END)]


class Connection(netlink.Socket):
    """A connection to nf_tables in the caller's network namespace."""

    def __init__(self) -> None:
        super().__init__(netlink.NETLINK_NETFILTER)

    def commit(self, messages: Sequence[Message]) -> None:
        """Carry out all of ``messages`` or none.

        :raises netlink.Refused: for the first that was refused (``position`` among ``messages``); nothing is changed then.
        """
        begin = self.sequence
        self.sequence += len(messages) + 2
        frame = struct.pack("!BBH", socket.AF_UNSPEC, 0, SUBSYSTEM)
        data = [netlink.message(BATCH_BEGIN, NLM_F_REQUEST, frame, begin)]
        data += [
            netlink.message(kind, flags | NLM_F_REQUEST | NLM_F_ACK, body, begin + 1 + position)
            for position, (kind, flags, body) in enumerate(messages)
        ]
        data.append(netlink.message(BATCH_END, NLM_F_REQUEST, frame, begin + len(messages) + 1))
        self.socket.send(b"".join(data))
        self._acknowledged(begin, len(messages))

    def _acknowledged(self, begin: int, count: int) -> None:
        missing = set(range(begin + 1, begin + 1 + count))
        failure: netlink.Refused | None = None
        while missing:
            for kind, flags, sequence, body in self._frames():
                if kind != netlink.NLMSG_ERROR or not begin <= sequence <= begin + count + 1:
                    continue
                number, detail = netlink.acknowledgement(flags, body)
                if number and failure is None:
                    failure = netlink.Refused(number, detail, sequence - begin - 1)
                missing.discard(sequence)
                if number and sequence in (
                    begin,
                    begin + count + 1,
                ):  # the batch as a whole was refused: no more answers come
                    missing.clear()
        if failure is not None:
            raise failure

    def available(self) -> bool:
        """Whether the kernel has nf_tables."""
        try:
            self.get(*_question(GETGEN, socket.AF_UNSPEC))
        except OSError:
            return False
        return True

    def has_chain(self, table: str, name: str, family: int = FAMILY_IPV4) -> bool:
        try:
            self.get(*_question(GETCHAIN, family, text(CHAIN_TABLE, table), text(CHAIN_NAME, name)))
        except netlink.Refused as error:
            if error.errno == errno.ENOENT:
                return False
            raise
        return True

    def chains(self, families: Iterable[int] = (FAMILY_INET, FAMILY_IPV4)) -> list[Chain]:
        """The hooked chains of some families."""
        found: list[Chain] = []
        for family in families:
            for content in self.dump(*_question(GETCHAIN, family)):
                details = netlink.attributes(content[4:])
                if CHAIN_HOOK not in details:
                    continue
                hook = netlink.attributes(details[CHAIN_HOOK])
                found.append(
                    {
                        "family": family,
                        "table": _string(details[CHAIN_TABLE]),
                        "name": _string(details[CHAIN_NAME]),
                        "hook": _number(hook[HOOK_NUMBER]),
                        "priority": struct.unpack("!i", hook[HOOK_PRIORITY])[0],
                        "policy": _number(details[CHAIN_POLICY])
                        if CHAIN_POLICY in details
                        else ACCEPT,
                    }
                )
        return found

    def count_rules(self, table: str, family: int = FAMILY_IPV4) -> dict[str, int]:
        """How many rules each chain of a table has: ``{"forward": 6}``; chains without rules are left out."""
        counts: dict[str, int] = {}
        for content in self.rules(family, table):
            chain = _string(netlink.attributes(content)[RULE_CHAIN])
            counts[chain] = counts.get(chain, 0) + 1
        return counts

    def rules(self, family: int, table: str) -> list[bytes]:
        """The rules of a table as the kernel packs them, e.g. to look for a name in them."""
        found = [
            content[4:]
            for content in self.dump(*_question(GETRULE, family, text(RULE_TABLE, table)))
        ]
        return [
            content
            for content in found
            if _string(netlink.attributes(content)[RULE_TABLE]) == table
        ]

    def elements(
        self, table: str, name: str, family: int = FAMILY_IPV4
    ) -> dict[bytes, bytes | None]:
        """The elements of a set or map: ``{key bytes: data bytes or None}``; not for sets of intervals.

        :raises netlink.Refused: ENOENT when there is no such set.
        """
        return {key: data for key, data, _flags, _to in self._elements(table, name, family)}

    def packed_elements(self, table: str, name: str, family: int = FAMILY_IPV4) -> set[bytes]:
        """The elements of a set, as :func:`element` packs them: for comparing with what should be there."""
        return {
            element(key, flags=flags, counter=counter)
            for key, _data, flags, counter in self._elements(table, name, family)
        }

    def counters(self, table: str, family: int = FAMILY_IPV4) -> dict[str, tuple[int, int]]:
        """The counters of a table: ``{name: (packets, bytes)}``; {} where there is no table."""
        found: dict[str, tuple[int, int]] = {}
        question = text(OBJECT_TABLE, table) + be32(OBJECT_TYPE, OBJECT_COUNTER)
        for content in self.dump(*_question(GETOBJ, family, question)):
            details = netlink.attributes(content[4:])
            if _string(details[OBJECT_TABLE]) == table:
                data = netlink.attributes(details[OBJECT_DATA])
                found[_string(details[OBJECT_NAME])] = (
                    struct.unpack("!Q", data[COUNTER_PACKETS])[0],
                    struct.unpack("!Q", data[COUNTER_BYTES])[0],
                )
        return found

    def _elements(
        self, table: str, name: str, family: int = FAMILY_IPV4
    ) -> Iterator[tuple[bytes, bytes | None, int, str | None]]:
        for content in self.dump(
            *_question(GETSETELEM, family, text(ELEMENTS_TABLE, table), text(ELEMENTS_SET, name))
        ):
            for _kind, body in netlink.attribute_list(
                netlink.attributes(content[4:]).get(ELEMENTS, b"")
            ):
                details = netlink.attributes(body)
                data = details.get(ELEMENT_DATA)
                yield (
                    netlink.attributes(details[ELEMENT_KEY])[DATA_VALUE],
                    netlink.attributes(data)[DATA_VALUE] if data is not None else None,
                    _number(details[ELEMENT_FLAGS]) if ELEMENT_FLAGS in details else 0,
                    _string(details[ELEMENT_OBJECT]) if ELEMENT_OBJECT in details else None,
                )


def _question(kind: int, family: int, *attributes: bytes) -> tuple[int, bytes]:
    return SUBSYSTEM << 8 | kind, struct.pack("!BBH", family, 0, 0) + b"".join(attributes)


def _string(payload: bytes) -> str:
    return payload.rstrip(b"\0").decode()


def _number(payload: bytes) -> int:
    number: int = struct.unpack("!I", payload)[0]
    return number
