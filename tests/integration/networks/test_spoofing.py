# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a container with raw sockets sends under another's name: it reaches nobody, not even on its own bridge."""

from __future__ import annotations

import socket
import struct

import pytest
from pycontainer.kernel.net import frames as matches
from pycontainer.networks import container_links, links
from pycontainer.networks.traffic import isolation

IPV4, ARP, IPV6, VLAN = 0x0800, 0x0806, 0x86DD, 0x8100
BROADCAST = b"\xff" * 6
STRANGER = bytes.fromhex("0242ac11fe01")
MARK = b"MARKED!!"
OUTGOING = 4  # packet(7)


def mac(text):
    return bytes.fromhex(text.replace(":", ""))


def ip(source, target, payload=MARK, protocol=253):
    head = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(payload), 1, 0, 64, protocol, 0)
    head += socket.inet_aton(source) + socket.inet_aton(target)
    total = sum(struct.unpack("!10H", head))
    total = (total & 0xFFFF) + (total >> 16)
    return head[:10] + struct.pack("!H", ~total & 0xFFFF) + head[12:] + payload


def ip6(source, target, payload=MARK, following=253):
    return (
        struct.pack("!IHBB", 6 << 28, len(payload), following, 255)
        + socket.inet_pton(socket.AF_INET6, source)
        + socket.inet_pton(socket.AF_INET6, target)
        + payload
    )


def icmp6(kind, body):
    return struct.pack("!BBH", kind, 0, 0) + body + MARK


def advertised(target):
    return icmp6(136, struct.pack("!I", 0x20000000) + socket.inet_pton(socket.AF_INET6, target))


def arp(sender_mac, sender, target, operation=2):
    return (
        struct.pack("!HHBBH", 1, IPV4, 6, 4, operation)
        + sender_mac
        + socket.inet_aton(sender)
        + BROADCAST
        + socket.inet_aton(target)
        + MARK
    )


def send(frames):
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW) as sock:
        sock.bind(("eth0", 0))
        for destination, source, kind, payload in frames:
            sock.send(destination + source + struct.pack("!H", kind) + payload)
    return True


def arriving(receiver, act, link="eth0"):
    """Frames with the mark that come to a link of a namespace while ``act`` runs: their hexadecimal text.

    The last is one that may pass: what was sent before it has been decided on when it comes.
    """

    def listen():
        found = []
        with socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3)) as sock:
            sock.bind((link, 3))
            sock.settimeout(5)
            act()
            while True:
                frame, origin = sock.recvfrom(2000)
                if origin[2] == OUTGOING:
                    continue
                if b"finish" in frame:
                    return found
                if MARK in frame:
                    found.append(frame.hex())

    return receiver.call(listen)


class Pair:
    """A container that sends, and its neighbour, of both families where ``addresses6`` are given."""

    def __init__(self, net, six=False):
        self.net, self.engine = net, net.engine()
        self.evil, self.other = net.container(self.engine, "a"), net.container(self.engine, "b")
        if six:
            for one, address in ((self.evil, "fd00:1::2"), (self.other, "fd00:1::3")):
                with_both = dict(one.attachment, address6=f"{address}/64")
                isolation.admit(with_both)
        self.own = mac(self.evil.attachment["mac"])
        self.victim = mac(self.other.attachment["mac"])

    def arrive(self, *frames):
        """How many of the frames come to the neighbour."""
        last = (self.victim, self.own, IPV4, ip(self.evil.address, self.other.address, b"finish"))
        found = arriving(
            self.other.namespace, lambda: self.evil.namespace.call(send, [*frames, last])
        )
        assert isinstance(found, list), found
        return len(found)


def test_ipv4_and_arp_pass_only_as_ones_own(net):
    pair = Pair(net)
    own, victim, me, it = pair.own, pair.victim, pair.evil.address, pair.other.address
    assert pair.arrive((victim, own, IPV4, ip(me, it))) == 1
    assert pair.arrive((BROADCAST, own, ARP, arp(own, me, it))) == 1
    for frame in (
        (victim, STRANGER, IPV4, ip(me, it)),
        (victim, victim, IPV4, ip(me, it)),
        (victim, own, IPV4, ip(it, it)),
        (victim, own, IPV4, ip("172.17.0.1", it)),
        (victim, own, IPV4, ip("10.1.1.1", it)),
        (victim, own, IPV4, ip("0.0.0.0", "255.255.255.255")),
        (BROADCAST, own, ARP, arp(own, "172.17.0.1", it)),
        (BROADCAST, own, ARP, arp(own, it, me, 1)),
        (BROADCAST, own, ARP, arp(STRANGER, me, it)),
        (BROADCAST, STRANGER, ARP, arp(STRANGER, me, it)),
        (BROADCAST, STRANGER, ARP, arp(own, me, it)),
        (victim, own, VLAN, struct.pack("!HH", 1, IPV4) + ip(me, it)),
        (victim, own, VLAN, struct.pack("!HH", 7, ARP) + arp(own, "172.17.0.1", it)),
        (victim, own, 0x88A8, struct.pack("!HH", 7, IPV4) + ip(me, it)),
        (victim, own, 0x88CC, MARK * 4),
        (victim, own, 0x0026, MARK * 4),
        (victim, own, IPV6, ip6("fd00:1::2", "fd00:1::3")),
    ):
        assert pair.arrive(frame) == 0, frame


def test_ipv6_and_neighbour_discovery_pass_only_as_ones_own(net):
    pair = Pair(net, six=True)
    own, victim = pair.own, pair.victim
    mine, its = "fd00:1::2", "fd00:1::3"
    local = socket.inet_ntop(socket.AF_INET6, matches.link_local(pair.evil.attachment["mac"]))
    asking = icmp6(135, bytes(4) + socket.inet_pton(socket.AF_INET6, mine))
    for frame in (
        (victim, own, IPV6, ip6(mine, its)),
        (victim, own, IPV6, ip6(local, its)),
        (victim, own, IPV6, ip6(mine, its, advertised(mine), 58)),
        (victim, own, IPV6, ip6(local, its, advertised(local), 58)),
        (victim, own, IPV6, ip6("::", "ff02::1:ff00:2", asking, 58)),
    ):
        assert pair.arrive(frame) == 1, frame
    hop_by_hop = struct.pack("!BB6x", 58, 0)
    for frame in (
        (victim, STRANGER, IPV6, ip6(mine, its)),
        (victim, own, IPV6, ip6(its, its)),
        (victim, own, IPV6, ip6("fe80::1", its)),
        (victim, own, IPV6, ip6("::", its)),
        (victim, own, IPV6, ip6("::", its, advertised(its), 58)),
        (victim, own, IPV6, ip6(mine, its, advertised("fd00:1::1"), 58)),
        (victim, own, IPV6, ip6(mine, its, advertised(its), 58)),
        (victim, own, IPV6, ip6(mine, its, hop_by_hop + advertised(its), 0)),
        (victim, own, IPV6, ip6(local, "ff02::1", icmp6(134, bytes(12)), 58)),
        (victim, own, IPV6, ip6(local, its, icmp6(137, bytes(36)), 58)),
        (victim, own, VLAN, struct.pack("!HH", 7, IPV6) + ip6(mine, its)),
    ):
        assert pair.arrive(frame) == 0, frame


def test_a_bridge_learns_no_false_sender(net):
    """Not by what is for bridges alone either, which takes another way through the kernel."""
    pair = Pair(net)
    assert net.ask(pair.other.address, 80) == "172.17.0.1 HELLO"
    group = bytes.fromhex("0180c200000e")
    assert (
        pair.arrive(
            (group, pair.victim, 0x88CC, MARK),
            (group, STRANGER, 0x88CC, MARK),
            (pair.own, STRANGER, IPV4, ip("1.2.3.4", "1.2.3.5")),
        )
        == 0
    )
    learnt = net.run("bridge fdb show br pyc0 | grep -v permanent")
    assert pair.other.attachment["ifname"] in next(
        line for line in learnt.splitlines() if pair.other.attachment["mac"] in line
    )
    assert STRANGER.hex(":") not in learnt


def test_elements_come_and_go_with_their_container(net):
    engine = net.engine()
    one, two = net.container(engine, "a"), net.container(engine, "b")

    def known():
        text = net.run("nft list set bridge pycontainer hosts4")
        return [address in text for address in (one.address, two.address)]

    assert known() == [True, True]
    text = net.run("nft list table bridge pycontainer")
    assert 'iifname != "pyv-*" accept' in text, "nft reads what was meant"
    assert "iifname . ether saddr . ip saddr @hosts4" in text
    container_links.disconnect(one.attachment, one.namespace.fd)
    assert known() == [False, True]
    net.run("nft flush ruleset")
    links.ensure_links(engine, ["bridge"])
    assert known()[1] is True
    assert net.ask(two.address, 80) == "172.17.0.1 HELLO"


def test_a_container_may_be_let_send_as_anybody(net):
    pair = Pair(net)
    isolation.admit(dict(pair.evil.attachment, spoofing=True))
    assert pair.arrive((pair.victim, STRANGER, IPV4, ip("172.17.0.77", pair.other.address))) == 1


@pytest.mark.parametrize("count", [200])
def test_a_frame_is_looked_up_in_constant_time(net, count):
    engine = net.engine()
    first = net.container(engine, "a")
    rules = net.run("nft list chain bridge pycontainer senders").count("\n")
    for number in range(count):
        isolation.admit(
            dict(first.attachment, ifname="pyv-%011d" % number, address="172.17.1.%d/16" % number)
        )
    assert net.run("nft list chain bridge pycontainer senders").count("\n") == rules
    assert net.ask(first.address, 80) == "172.17.0.1 HELLO"
