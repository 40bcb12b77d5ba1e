# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Queries by the thousand: answered as dnspython would read them, or refused with a code; nothing else."""

from __future__ import annotations

import random

import dns.exception
import dns.message
from pycontainer.networks.names import dns_wire
from support.scale import scaled

NAMES = ["web", "WEB.front", "a.b.c.d.e", "2.1.77.10.in-addr.arpa", "x" * 63, "."]


def damaged(chance):
    """A query, with some of its bytes other than they were, or fewer, or more."""
    options = chance.choice([{}, {"use_edns": 0, "payload": chance.randrange(65536)}])
    kind = chance.choice(["A", "AAAA", "PTR", "ANY", "MX", "TYPE65"])
    data = bytearray(dns.message.make_query(chance.choice(NAMES), kind, **options).to_wire())
    for _change in range(chance.choice((0, 1, 1, 2, 5))):
        data[chance.randrange(len(data))] = chance.choice((0, 1, 41, 63, 64, 192, 255))
    return bytes(data[: chance.choice((len(data), len(data), chance.randrange(len(data)))) :])


def test_queries():
    read = 0
    for number in range(scaled(4000)):
        data = damaged(random.Random(number))
        try:
            query = dns_wire.Query(data)
        except dns_wire.Malformed as error:
            if error.code is not None:
                answer = dns.message.from_wire(dns_wire.failure(data, error.code))
                assert answer.rcode() == error.code, number
            continue
        read += 1
        for limit in (None, 65535):
            answer = dns_wire.answer(query, [(dns_wire.A, b"\n\0\0\1")] * 50, limit=limit)
            assert len(answer) <= (limit or query.limit), number
            found = dns.message.from_wire(answer, ignore_trailing=False)
            assert found.id == int.from_bytes(data[:2], "big"), number
        dns_wire.address_of(query.name)
        assert not dns_wire.fits(data, data[:2], data[12 : query.end])  # it is no answer
    assert read > scaled(1000)
