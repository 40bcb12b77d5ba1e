# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""DNS messages, judged by dnspython."""

from __future__ import annotations

import dns.flags
import dns.message
import dns.rcode
import dns.reversename
import pytest
from pycontainer.networks.names import dns_wire

WEB = [(dns_wire.A, bytes((10, 0, 0, number))) for number in range(1, 4)]


def asked(name="web", kind="A", **options):
    return dns.message.make_query(name, kind, **options).to_wire()


@pytest.mark.parametrize("edns", [{}, {"use_edns": 0, "payload": 1232}])
def test_an_answer(edns):
    query = dns.message.make_query("Web.Front", "A", **edns)
    read = dns_wire.Query(query.to_wire())
    assert (read.name, read.kind, read.klass) == (b"web.front", 1, 1)
    assert (read.edns, read.limit) == (bool(edns), 1232 if edns else 512)
    found = dns.message.from_wire(dns_wire.answer(read, WEB))
    assert query.is_response(found) and found.rcode() == dns.rcode.NOERROR
    assert [str(one) for one in found.answer[0]] == ["10.0.0.1", "10.0.0.2", "10.0.0.3"]
    assert str(found.answer[0].name) == "Web.Front." and found.answer[0].ttl == 0
    assert dns.flags.to_text(found.flags) == "QR AA RD RA" and found.edns == (0 if edns else -1)
    found = dns.message.from_wire(dns_wire.answer(read, (), dns_wire.NXDOMAIN))
    assert query.is_response(found) and found.rcode() == dns.rcode.NXDOMAIN


def test_what_does_not_fit_is_left_out_and_said():
    many = [(dns_wire.AAAA, number.to_bytes(16, "big")) for number in range(1, 200)]
    for query, most in ((asked(), 512), (asked(use_edns=0, payload=1400), 1400)):
        data = dns_wire.answer(dns_wire.Query(query), many)
        found = dns.message.from_wire(data)
        assert found.flags & dns.flags.TC and most - 40 < len(data) <= most
        whole = dns.message.from_wire(dns_wire.answer(dns_wire.Query(query), many, limit=65535))
        assert not whole.flags & dns.flags.TC and len(whole.answer[0]) == 199


def test_pointers():
    name = dns.reversename.from_address("10.77.1.2")
    query = dns_wire.Query(asked(name, "PTR"))
    assert dns_wire.address_of(query.name) == bytes((10, 77, 1, 2))
    data = dns_wire.answer(query, [(dns_wire.PTR, dns_wire.name_data("web.front"))])
    assert str(dns.message.from_wire(data).answer[0][0]) == "web.front."
    query = dns_wire.Query(asked(dns.reversename.from_address("fd00::1:2"), "PTR"))
    assert dns_wire.address_of(query.name) == bytes.fromhex("fd00") + bytes(11) + b"\1\0\2"
    for other in (b"1.2.in-addr.arpa", b"256.1.1.1.in-addr.arpa", b"web", b"x.1.1.1.in-addr.arpa"):
        assert dns_wire.address_of(other) is None


def test_names():
    assert dns_wire.name_data("a" * 64) is None is dns_wire.name_data("a..b")
    assert dns_wire.name_data(".".join(["a" * 63] * 4)) is None
    assert dns_wire.name_data("web") == b"\3web\0"
    assert dns_wire.name_data("a\ud800") == b"\2a?\0"  # another host may say anything


BAD = {
    b"": None,
    asked()[:11]: None,
    asked()[:2] + b"\x81\0" + asked()[4:]: None,  # an answer
    asked()[:2] + b"\x28\0" + asked()[4:]: dns_wire.NOTIMP,  # an update
    asked()[:4] + b"\0\0" + asked()[6:]: dns_wire.FORMERR,
    asked()[:4] + b"\0\2" + asked()[6:]: dns_wire.FORMERR,
    asked()[:-1]: dns_wire.FORMERR,
    asked()[:12] + b"\xc0\x0c\0\1\0\1": dns_wire.FORMERR,  # a name that points at itself
    asked()[:12] + b"\x40" + b"a" * 64 + b"\0\0\1\0\1": dns_wire.FORMERR,
    asked()[:12] + (b"\x3f" + b"a" * 63) * 4 + b"\0\0\1\0\1": dns_wire.FORMERR,
    asked(use_edns=1): dns_wire.BADVERS,
    asked(use_edns=0)[:-1]: dns_wire.FORMERR,
}


@pytest.mark.parametrize("data", BAD)
def test_what_is_no_query(data):
    with pytest.raises(dns_wire.Malformed) as caught:
        dns_wire.Query(data)
    assert caught.value.code == BAD[data]
    if caught.value.code is not None:
        found = dns.message.from_wire(dns_wire.failure(data, caught.value.code))
        assert found.rcode() == caught.value.code and found.id == int.from_bytes(data[:2], "big")


def test_which_answers_are_believed():
    query = dns.message.make_query("other.test", "A")
    data = query.to_wire()
    question = data[12 : dns_wire.Query(data).end]
    right = dns.message.make_response(query).to_wire()
    assert dns_wire.fits(right, data[:2], question)
    assert dns_wire.fits(right.replace(b"other", b"OTHER"), data[:2], question)
    other = dns.message.make_query("evil.test", "A")
    other.id = query.id
    for wrong in (
        data,
        b"\0\0" + right[2:],
        right[:20],
        dns.message.make_response(other).to_wire(),
        right[:4] + b"\0\0" + right[6:],
    ):
        assert not dns_wire.fits(wrong, data[:2], question)
    cut = dns.message.from_wire(dns_wire.truncated(right, dns_wire.Query(data).end))
    assert cut.flags & dns.flags.TC and query.is_response(cut)
