# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Frames that no honest container sends (it has CAP_NET_RAW by default): CVE-2020-13401, CVE-2021-20199, CVE-2023-28840 and -28842.

They reach nobody on another network, no address of the host's loopback, and change no route or neighbour there. On its own
network a container can pretend to be a neighbour, as on any Ethernet; who must not be trusted gets a network of his own,
or no NET_RAW.
"""

from __future__ import annotations

import json
import socket
import struct

from pycontainer import networks
from pycontainer.networks import task
from pycontainer.reconcile import carry_out

IPV4, ARP, IPV6, VLAN = 0x0800, 0x0806, 0x86DD, 0x8100


def make(engine, **params):
    return carry_out(task.plan(engine, dict({"state": "present"}, **params)), False)


def mac(text):
    return bytes(int(part, 16) for part in text.split(":"))


def address_of(namespace, link):
    """(/sys shows the links of the namespace in which it was mounted.)"""
    return mac(json.loads(namespace.run("ip -j link show dev " + link))[0]["address"])


def checksum(data):
    total = sum(struct.unpack("!%dH" % (len(data) // 2), data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def datagram(source, target, port, text):
    """An IPv4 packet with a UDP datagram (without a checksum) in it."""
    udp = struct.pack("!HHHH", 5555, port, 8 + len(text), 0) + text
    header = struct.pack(
        "!BBHHHBBH4s4s",
        0x45,
        0,
        20 + len(udp),
        1,
        0,
        64,
        17,
        0,
        socket.inet_aton(source),
        socket.inet_aton(target),
    )
    return header[:10] + struct.pack("!H", checksum(header)) + header[12:] + udp


def arp(sender_mac, sender, target_mac, target, operation=2):
    return (
        struct.pack("!HHBBH", 1, IPV4, 6, 4, operation)
        + sender_mac
        + socket.inet_aton(sender)
        + target_mac
        + socket.inet_aton(target)
    )


def send(frames):
    """In a container's namespace: send frames ``(destination MAC, type, payload)`` with its own source address, and with another."""
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW) as sock:
        sock.bind(("eth0", 0))
        own = sock.getsockname()[4]
        for destination, kind, payload in frames:
            for source in (own, b"\x02\x42\xac\x12\x00\x02"):
                sock.send(destination + source + struct.pack("!H", kind) + payload)
    return True


def heard(namespace, address, port, act, seconds=1.0):
    """What comes to a UDP socket of a namespace while ``act`` runs."""

    def listen():
        found = []
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            sock.bind((address, port))
            sock.settimeout(seconds)
            act()
            try:
                while True:
                    found.append(sock.recv(2000).decode())
            except OSError:
                return found

    return namespace.call(listen)


def test_frames_to_another_network(net):
    engine = net.engine()
    make(engine, name="other")
    evil, neighbour, far = (
        net.container(engine, "a"),
        net.container(engine, "b"),
        net.container(engine, "c", "other"),
    )
    bridge = address_of(net, "pyc0")
    broadcast = b"\xff" * 6

    def frames(target, port):
        return [
            (destination, IPV4, datagram(source, target, port, text))
            for destination in (bridge, broadcast)
            for source, text in (
                (evil.address, b"own"),
                (far.address, b"target's"),
                ("172.18.0.1", b"its gateway's"),
                ("172.17.0.1", b"own gateway's"),
                ("127.0.0.1", b"loopback"),
                ("10.1.2.3", b"nobody's"),
            )
        ] + [
            (
                bridge,
                VLAN,
                struct.pack("!HH", 1, IPV4) + datagram(evil.address, target, port, b"tagged"),
            )
        ]

    direct = [
        (
            address_of(neighbour.namespace, "eth0"),
            IPV4,
            datagram(evil.address, neighbour.address, 7001, b"direct"),
        )
    ]
    assert "direct" in heard(
        neighbour.namespace, neighbour.address, 7001, lambda: evil.namespace.call(send, direct)
    ), "frames do go out"
    assert (
        heard(
            far.namespace,
            far.address,
            7001,
            lambda: evil.namespace.call(send, frames(far.address, 7001)),
        )
        == []
    )
    net.run("ip addr add 127.0.0.9/8 dev lo 2>/dev/null || true")
    for address in ("127.0.0.1", "127.0.0.9"):
        assert (
            heard(
                net.host(), address, 7002, lambda: evil.namespace.call(send, frames(address, 7002))
            )
            == []
        )


def test_neighbours_and_routes_of_others_stay(net):
    engine = net.engine()
    make(engine, name="other")
    evil, far = net.container(engine, "a"), net.container(engine, "c", "other")
    assert net.ask(far.address, 80) == "172.18.0.1 HELLO"

    def look():
        bridge = networks.get(engine, "other")["bridge"]
        return (
            far.namespace.run("ip -4 neigh show | sed 's/ ref.*//; s/[A-Z]*$//'; ip route"),
            net.run(f"ip route; ip -6 route; ip -4 neigh show dev {bridge} | sed 's/[A-Z]*$//'"),
        )

    before = look()
    own, broadcast = mac("02:42:ac:11:00:99"), b"\xff" * 6
    advertisement = (
        bytes.fromhex(
            "6000000000383afffe8000000000000000000000000000aaff020000000000000000000000000001"
        )
        + struct.pack("!BBHBBHII", 134, 0, 0, 64, 0, 1800, 0, 0)
        + bytes.fromhex("030440c000015180000151800000000020010db8000000000000000000000000")
        + b"\0" * 8
    )
    evil.namespace.call(
        send,
        [
            (broadcast, ARP, arp(own, claimed, broadcast, target, operation))
            for operation in (1, 2)
            for claimed, target in (
                (far.address, "172.18.0.1"),
                ("172.18.0.1", far.address),
                ("10.9.0.1", "10.9.0.2"),
            )
        ]
        + [(bytes.fromhex("333300000001"), IPV6, advertisement)],
    )
    assert look() == before
    assert net.ask(far.address, 80) == "172.18.0.1 HELLO"


def test_loopback_is_never_routed(net, port):
    """CVE-2021-20199: what makes ports on 127.0.0.1 work elsewhere, route_localnet, stays off on every link, whatever is published."""
    engine = net.engine()
    container = net.container(engine, "a", ports=[port(8080, host_ip="127.0.0.1"), port(8081)])
    net.container(engine, "b")
    assert net.ask("127.0.0.1", 8080) == "172.17.0.1 HELLO"
    settings = net.run("grep -H '' /proc/sys/net/ipv4/conf/*/route_localnet").splitlines()
    assert len(settings) > 3 and all(line.endswith(":0") for line in settings)
    assert net.run("cat /proc/sys/net/ipv6/conf/pyc0/accept_ra").strip() == "0"
    assert container.namespace.run("cat /proc/sys/net/ipv6/conf/eth0/disable_ipv6").strip() == "1"
