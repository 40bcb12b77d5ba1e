# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Packing and reading of netlink messages, without a kernel."""

from __future__ import annotations

import random
import struct

import pytest
from pycontainer.kernel.net import netlink, nftables, rules


def test_attributes_survive_a_round_trip():
    chance = random.Random(7)
    for dummy in range(200):
        wanted = [
            (kind, chance.randbytes(chance.choice([0, 1, 3, 4, 5, 255, 4096])))
            for kind in range(chance.randint(0, 9))
        ]
        packed = b"".join(netlink.attribute(kind, payload) for kind, payload in wanted)
        assert len(packed) % 4 == 0
        assert netlink.attribute_list(packed) == wanted


def test_lengths_do_not_wrap():
    assert len(netlink.attribute(1, bytes(65531))) == 65536
    for size in (65532, 65536, 70000, 1 << 20):
        with pytest.raises(ValueError):
            netlink.attribute(1, bytes(size))
        with pytest.raises(ValueError):
            netlink.nested(1, bytes(size))


def test_damaged_attributes_end_the_list():
    for data in (b"", b"\0", struct.pack("=HH", 0, 1) * 3, struct.pack("=HH", 3, 1)):
        assert netlink.attribute_list(data) == []
    assert netlink.attribute_list(struct.pack("=HH", 400, 1) + b"abcd") == [(1, b"abcd")]


def test_nested_flag_is_taken_off():
    assert netlink.attributes(netlink.nested(5, netlink.text(1, "x"))) == {5: netlink.text(1, "x")}


def test_acknowledgements():
    assert netlink.acknowledgement(0, struct.pack("=i", 0) + bytes(16)) == (0, "")
    explained = struct.pack("=i", -22) + bytes(16) + netlink.text(1, "no such thing")
    assert netlink.acknowledgement(netlink.NLM_F_ACK_TLVS | netlink.NLM_F_CAPPED, explained) == (
        22,
        "no such thing",
    )
    echoed = struct.pack("=iI", -22, 20) + bytes(16) + netlink.text(1, "why")
    assert netlink.acknowledgement(netlink.NLM_F_ACK_TLVS, echoed) == (22, "why")


def test_many_elements_are_split_into_messages():
    listed = [nftables.element(struct.pack("!I", number), bytes(8)) for number in range(5000)]
    messages = nftables.add_elements("t", "s", listed)
    assert len(messages) > 1 and all(len(body) < 65536 for _kind, _flags, body in messages)
    assert sum(body.count(listed[7][:4]) for _kind, _flags, body in messages) >= 5000
    assert nftables.add_elements("t", "s", []) == []


def test_interface_names_are_padded():
    assert rules.interface_name("pyc0") == b"pyc0" + bytes(12)
