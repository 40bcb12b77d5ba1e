# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who reaches whom: real connections between a host, its containers and another host."""

from __future__ import annotations

import socket

import pytest

HOST, PEER, TIMEOUT = "10.9.0.1", "10.9.0.2", socket.timeout.__name__
UNREACHABLE = (TIMEOUT, "101", "113", "ConnectionRefusedError")
SHORT = 0.7  # seconds in which what gets through has long come


def make(engine, **params):
    from pycontainer.networks import task
    from pycontainer.reconcile import carry_out

    return carry_out(task.plan(engine, dict({"state": "present"}, **params)), False)


def test_published_port_is_reached_from_the_host_and_the_lan(net, port):
    engine, peer = net.engine(), net.lan()
    container = net.container(engine, "a", ports=[port(8080), port(5353, 53, "udp")])
    assert container.published is True
    assert net.ask(HOST, 8080) == "10.9.0.1 HELLO"
    assert net.ask(container.address, 80) == "172.17.0.1 HELLO"
    assert peer.ask(HOST, 8080) == PEER + " HELLO", "the client's address is kept"
    assert peer.ask(HOST, 5353, "udp") == PEER + " HELLO"
    assert peer.ask(HOST, 8081) == "ConnectionRefusedError"


def test_what_passes_between_a_network_and_others_is_counted(net):
    from pycontainer import networks

    engine, peer = net.engine(), net.lan()
    first, second = (net.container(engine, letter) for letter in "ab")
    traffic = lambda: networks.inspect(engine, "bridge")["Traffic"]
    before, large = traffic(), "x" * 9000
    assert first.ask(second.address, 80, "tcp", large).startswith(first.address + " XXX")
    within = traffic()
    assert within["sent_bytes"] - before["sent_bytes"] < 9000, "from neighbour to neighbour"
    assert first.ask(PEER, 9001, "udp", large) == "ConnectionRefusedError", "a short answer"
    after = traffic()
    assert after["sent_bytes"] - within["sent_bytes"] > 9000, "forwarded from the container"
    assert 0 < after["received_packets"] - within["received_packets"]
    assert after["received_bytes"] - within["received_bytes"] < 9000
    assert peer is not None and set(after) == set(before) and "received_dropped" in after


def test_what_is_forwarded_and_dropped_is_counted(net, port):
    from pycontainer import networks

    engine, peer = net.engine(), net.lan()
    make(engine, name="six", enable_ipv6=True, ipam_config=[{"subnet": "172.29.0.0/16"}])
    first, second = net.container(engine, "a", ports=[port(8080)]), net.container(engine, "b")
    third = net.container(engine, "c", "six")
    counted = lambda name: networks.inspect(engine, name)["Forwarded"]
    nothing = counted("bridge")["IPv4"]
    assert not any(nothing.values()) and len(nothing) == 8 and set(counted("bridge")) == {"IPv4"}
    large = "x" * 9000
    assert net.ask(first.address, 80) and first.ask(second.address, 80)
    assert counted("bridge")["IPv4"] == nothing, "of the host and of neighbours, not forwarded"
    assert first.ask(PEER, 9000, "tcp", large).startswith("10.9.0.1 XXX")
    assert peer.ask(HOST, 8080).endswith("HELLO")
    there = counted("bridge")["IPv4"]
    assert there["sent_bytes"] > 9000 < there["received_bytes"] and there["received_packets"] > 4
    assert not any(value for way, value in there.items() if "dropped" in way)
    assert third.ask("2001:db8:9::2", 9000, "udp").endswith("HELLO")
    six = counted("six")["IPv6"]
    assert six["sent_packets"] == six["received_packets"] == 1 and not any(
        counted("six")["IPv4"].values()
    )
    assert first.ask(third.address, 80, "udp", timeout=SHORT) in UNREACHABLE
    after, other = counted("bridge")["IPv4"], counted("six")["IPv4"]
    assert after["sent_dropped_packets"] == other["received_dropped_packets"] == 1
    assert after["sent_dropped_bytes"] == other["received_dropped_bytes"] == 20 + 8 + 5
    assert after["sent_packets"] == there["sent_packets"], "what is dropped is not forwarded"
    make(engine, name="more")
    assert counted("bridge")["IPv4"] == after, "a network that comes leaves the others' figures"
    make(engine, name="more", state="absent")
    assert counted("bridge")["IPv4"] == after and "more" not in net.run("nft list counters")
    figures = {one.object: one.figures for one in networks.examine(engine) if one.figures}
    assert "sent 0 packets (0 bytes), dropped 1 packets (33 bytes)" in figures["network six"]
    net.run("nft flush ruleset")
    assert counted("bridge") == {}
    networks.ensure_links(engine, ["bridge"])
    assert counted("bridge")["IPv4"] == nothing, "after a flush they begin again"


def test_published_on_one_address_is_not_on_another(net, port):
    engine, peer = net.engine(), net.lan()
    net.run("ip addr add 10.9.0.3/24 dev up0")
    net.container(engine, "a", ports=[port(8080, host_ip="10.9.0.3")])
    assert peer.ask("10.9.0.3", 8080) == PEER + " HELLO"
    assert net.ask("10.9.0.3", 8080).endswith("HELLO")
    assert peer.ask(HOST, 8080) == "ConnectionRefusedError"


def test_unpublished_container_is_out_of_reach_from_the_lan(net):
    engine, peer = net.engine(), net.lan()
    container = net.container(engine, "a")
    assert peer.ask(container.address, 80, timeout=SHORT) in UNREACHABLE
    assert net.ask(container.address, 80).endswith("HELLO")


def test_container_reaches_the_lan_with_the_hosts_address(net):
    engine = net.engine()
    net.lan()
    container = net.container(engine, "a")
    assert container.ask(PEER, 9000) == HOST + " HELLO"
    assert container.ask(PEER, 9000, "udp") == HOST + " HELLO"


def test_without_masquerading_the_containers_address_is_seen(net):
    engine = net.engine()
    net.lan()
    make(
        engine,
        name="routed",
        driver_options={"com.docker.network.bridge.enable_ip_masquerade": False},
    )
    container = net.container(engine, "a", "routed")
    assert container.ask(PEER, 9000) == container.address + " HELLO"


def test_containers_of_one_network_reach_each_other(net):
    engine = net.engine()
    one, two = net.container(engine, "a"), net.container(engine, "b")
    assert one.ask(two.address, 80) == one.address + " HELLO"
    assert two.ask(one.address, 53, "udp") == two.address + " HELLO"


def with_br_netfilter(net, bridged):
    """Have frames between ports of a bridge pass by the rules of IP, or not."""
    try:
        net.run("echo %d > /proc/sys/net/bridge/bridge-nf-call-iptables" % bridged)
    except AssertionError:
        if bridged:
            pytest.skip(
                "the kernel module br_netfilter, without which this is always 0, is not loaded"
            )


@pytest.mark.parametrize("bridged", [0, 1])
def test_container_reaches_published_ports_of_its_own_network(net, port, bridged):
    engine = net.engine()
    net.lan()
    with_br_netfilter(net, bridged)
    one, two = net.container(engine, "a", ports=[port(8080)]), net.container(engine, "b")
    assert two.ask(HOST, 8080).endswith(" HELLO")
    assert one.ask(HOST, 8080).endswith(" HELLO"), "its own"
    assert one.ask(two.address, 80) == one.address + " HELLO", "not masqueraded"


def test_networks_are_isolated_but_for_published_ports(net, port):
    engine = net.engine()
    net.lan()
    make(engine, name="other")
    one, two = net.container(engine, "a", ports=[port(8080)]), net.container(engine, "b", "other")
    assert two.ask(one.address, 80, timeout=SHORT) in UNREACHABLE
    assert one.ask(two.address, 80, timeout=SHORT) in UNREACHABLE
    assert two.ask(HOST, 8080).endswith(" HELLO")


def test_nothing_enters_or_leaves_an_internal_network(net, port):
    from pycontainer.networks import publish

    engine, peer = net.engine(), net.lan()
    make(engine, name="inner", internal=True)
    one, two, outer = (
        net.container(engine, "a", "inner"),
        net.container(engine, "b", "inner"),
        net.container(engine, "c"),
    )
    assert one.ask(two.address, 80) == one.address + " HELLO"
    assert one.namespace.run("ip route show default") == ""
    assert net.ask(one.address, 80).endswith("HELLO"), "the host reaches it"
    one.namespace.run("ip route add default via 172.18.0.1")
    assert one.ask(PEER, 9000, timeout=SHORT) in UNREACHABLE

    def catch():
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            sock.bind((PEER, 9001))
            sock.settimeout(20)
            one.ask(PEER, 9001, "udp", "secret", timeout=0.1)
            outer.ask(PEER, 9001, "udp", "open", timeout=0.1)
            return sock.recv(100).decode()

    assert peer.call(catch) == "open", "not even a datagram that asks for no answer leaves"
    assert one.ask(outer.address, 80, timeout=SHORT) in UNREACHABLE
    assert outer.ask(one.address, 80, timeout=SHORT) in UNREACHABLE
    publish.publish(one.ident, [one.address], [port(8088)])
    assert peer.ask(HOST, 8088, timeout=SHORT) in UNREACHABLE


MODE = "com.docker.network.bridge.gateway_mode_ipv"


def in_mode(net, engine, port, name, modes, letter, ports=(), **params):
    """A container on a network of its own with gateway modes by family."""
    from pycontainer import networks

    options = {MODE + str(family): mode for family, mode in modes.items()}
    params = {"enable_ipv6": 6 in modes, "driver_options": options, **params}
    assert make(engine, name=name, **params)["changed"]
    assert not make(engine, name=name, **params)["changed"]
    routing = networks.routing(engine, [name])
    asked = [{**port(number), "host_ip": "", "modes": routing} for number in ports]
    return net.container(engine, letter, name, ports=asked)


def echo(address):
    """Tell whether an address answers an echo request (RFC 4443, 4.1)."""
    with socket.socket(socket.AF_INET6, socket.SOCK_RAW, socket.IPPROTO_ICMPV6) as sock:
        sock.settimeout(5)
        sock.sendto(b"\x80\0\0\0\0\1\0\1", (address, 0))
        while True:
            answer, sender = sock.recvfrom(100)
            if answer[0] == 129 and sender[0] == address:
                return True


def test_unprotected_containers_are_reached_by_other_hosts_at_all_ports(net, port):
    engine, peer = net.engine(), net.lan()
    web = in_mode(
        net, engine, port, "open", {4: "nat-unprotected", 6: "nat-unprotected"}, "a", [8080]
    )
    other = net.container(engine, "b")
    assert peer.ask(web.address, 80) == f"{PEER} HELLO", "at its own address, by the route"
    assert peer.ask(web.address6, 80) == "2001:db8:9::2 HELLO"
    assert peer.ask(web.address, 53, "udp") == f"{PEER} HELLO"
    assert peer.ask(HOST, 8080) == f"{PEER} HELLO", "published all the same"
    assert web.ask(PEER, 9000) == f"{HOST} HELLO", "with the host's address"
    assert other.ask(web.address, 80, timeout=SHORT) in UNREACHABLE, "other networks stay apart"
    make(engine, name="open", driver_options={MODE + "6": "nat-unprotected"})
    assert peer.ask(web.address, 80, timeout=SHORT) in UNREACHABLE
    assert peer.ask(web.address6, 80) == "2001:db8:9::2 HELLO"


def test_routed_containers_are_reached_at_published_ports_of_their_own_addresses(net, port):
    engine, peer = net.engine(), net.lan()
    web = in_mode(net, engine, port, "routed", {4: "nat", 6: "routed"}, "a", [8080])
    assert [(one["host_ip"], one["host_port"]) for one in web.ports] == [
        ("0.0.0.0", 8080),
        ("::", 0),
    ]
    assert peer.ask(HOST, 8080) == f"{PEER} HELLO", "IPv4 as ever"
    assert peer.ask(web.address, 80, timeout=SHORT) in UNREACHABLE
    assert peer.ask(web.address6, 80) == "2001:db8:9::2 HELLO"
    assert peer.ask(web.address6, 53, "udp", timeout=SHORT) in UNREACHABLE, "it is not published"
    assert peer.ask("2001:db8:9::1", 8080) == "ConnectionRefusedError", "no port of the host"
    assert web.ask("2001:db8:9::2", 9000) == f"{web.address6} HELLO", "with its own address"
    assert web.ask(PEER, 9000) == f"{HOST} HELLO"
    assert peer.call(lambda: echo(web.address6)), "and control messages"
    other = in_mode(net, engine, port, "dual", {4: "routed", 6: "nat"}, "b")
    assert other.ask(web.address6, 80).endswith(" HELLO"), "published ports are open to networks"
    net.run("nft delete table ip6 pycontainer")
    assert make(engine, name="routed")["changed"], "the rules are made anew"


@pytest.mark.parametrize("bridged", [0, 1])
def test_an_isolated_network_has_no_address_of_the_host(net, port, bridged):
    import json

    with_br_netfilter(net, bridged)

    engine, peer = net.engine(), net.lan()
    one = in_mode(net, engine, port, "alone", {4: "isolated", 6: "isolated"}, "a", internal=True)
    two = net.container(engine, "b", "alone")
    assert two.ask(one.address, 80) == f"{two.address} HELLO"
    assert two.ask(one.address6, 80) == f"{two.address6} HELLO"
    bridge = json.loads(net.run("ip -j addr show dev " + one.attachment["bridge"]))[0]
    assert bridge["addr_info"] == []
    assert net.ask(one.address, 80, timeout=SHORT) in (*UNREACHABLE, "ConnectionRefusedError")
    assert (
        one.ask(HOST, 22, timeout=SHORT) == "101"
        and peer.ask(one.address, 80, timeout=SHORT) in UNREACHABLE
    )
    make(engine, name="alone", driver_options={})
    assert net.ask(one.address, 80) == f"{one.address.rpartition('.')[0]}.1 HELLO"


@pytest.mark.parametrize(
    "said, params",
    [
        ("nat, nat-unprotected, routed, isolated", {"driver_options": {MODE + "4": "bridge"}}),
        ("or internal: true beside it", {"driver_options": {MODE + "4": "isolated"}}),
        ("with internal: true", {"driver_options": {MODE + "4": "routed"}, "internal": True}),
        ("nothing without enable_ipv6: true", {"driver_options": {MODE + "6": "routed"}}),
        (
            "no port of the host is published",
            {
                "driver_options": {
                    MODE + "4": "routed",
                    "com.docker.network.bridge.host_binding_ipv4": HOST,
                }
            },
        ),
    ],
)
def test_gateway_modes_that_can_not_be(net, said, params):
    from pycontainer.errors import InvalidInput

    with pytest.raises(InvalidInput, match=said):
        make(net.engine(), name="new", **params)


def test_an_address_of_the_host_is_refused_where_ports_are_routed(net, port):
    from pycontainer import networks
    from pycontainer.errors import InvalidInput

    engine = net.engine()
    make(engine, name="routed", driver_options={MODE + "4": "routed"})
    asked = {**port(8080, host_ip="127.0.0.1"), "modes": networks.routing(engine, ["routed"])}
    with pytest.raises(InvalidInput, match="gateway mode is routed"):
        networks.check_ports(engine, "a" * 64, [asked])


def test_loopback_ports_are_never_reached_from_the_lan(net, port):
    engine, peer = net.engine(), net.lan()
    net.run(
        "for f in all up0; do echo 1 > /proc/sys/net/ipv4/conf/$f/route_localnet; done"
    )  # as bad as a host can be set up
    container = net.container(engine, "a", ports=[port(8080, host_ip="127.0.0.1")])
    assert container.published is True
    assert net.ask("127.0.0.1", 8080) == "172.17.0.1 HELLO", (
        "by the relay, and not from 127.0.0.1 (CVE-2021-20199)"
    )
    assert peer.ask(HOST, 8080) == "ConnectionRefusedError"
    peer.run(
        "for f in all eth0; do echo 1 > /proc/sys/net/ipv4/conf/$f/route_localnet; done;ip route "
        "del local 127.0.0.0/8 dev lo; ip route del local 127.0.0.1 dev lo; ip route add "
        f"127.0.0.1 via {HOST}"
    )
    assert peer.ask("127.0.0.1", 8080, timeout=SHORT) == TIMEOUT
    assert not arrives(peer, 9001)
    net.run("nft delete table ip pycontainer")
    assert arrives(peer, 9001), "the attack works where nothing guards"
    assert net.run("cat /proc/sys/net/ipv4/conf/pyc0/route_localnet").strip() == "0"


def arrives(peer, number):
    """Whether a datagram from another host reaches a socket on this host's loopback address."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind(("127.0.0.1", number))
        sock.settimeout(0.5)
        peer.ask("127.0.0.1", number, "udp", timeout=0.1)
        try:
            return sock.recv(100) == b"hello"
        except socket.timeout:
            return False


def test_a_container_can_not_claim_another_networks_address(net):
    engine = net.engine()
    peer = net.lan()
    make(engine, name="other")
    one = net.container(engine, "a")
    one.namespace.run("ip addr add 172.18.0.77/32 dev lo")
    one.ask("172.17.0.1", 9)  # the gateway is known: nobody is told of the false address

    def send():
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            sock.bind(("172.18.0.77", 0))
            sock.sendto(b"spoof", (PEER, 9001))
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            sock.sendto(b"honest", (PEER, 9001))
        return True

    def catch():
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            sock.bind((PEER, 9001))
            sock.settimeout(20)
            one.namespace.call(send)
            return sock.recv(100).decode()

    assert peer.call(catch) == "honest"


def test_containers_get_no_ipv6(net):
    engine = net.engine()
    one = net.container(engine, "a")
    assert "inet6" not in one.namespace.run("ip addr show dev eth0")
    assert "inet6" not in net.run(
        f"ip addr show dev pyc0; ip addr show dev {one.attachment['ifname']}"
    )
    assert (
        one.namespace.call(lambda: open("/proc/sys/net/ipv6/conf/eth0/disable_ipv6").read().strip())
        == "1"
    )
    assert net.run("cat /proc/sys/net/ipv6/conf/pyc0/accept_ra").strip() == "0"


def test_udp_clients_follow_a_port_to_another_container(net, port):
    from pycontainer import networks
    from pycontainer.networks import publish

    engine, peer = net.engine(), net.lan()
    ports = [port(5353, 53, "udp"), port(5354, 53, "udp")]
    one = net.container(engine, "a", ports=ports)
    two = net.container(engine, "b")
    two.namespace.serve(udp=[1053])

    def talk(number):
        """Always from one port, as a sender of logs does."""
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            sock.bind((PEER, 6000))
            sock.settimeout(20)
            sock.sendto(b"hello", (HOST, number))
            try:
                return sock.recv(100).decode()
            except socket.timeout:
                return "nothing"

    assert peer.call(talk, 5353) == peer.call(talk, 5354) == PEER + " HELLO"
    publish.unpublish(one.ident, [one.address], ports)
    networks.release_ports(engine, one.ident)
    net.run("ip link del " + one.attachment["ifname"])
    publish.publish(two.ident, [two.address], [port(5353, 1053, "udp")])
    assert peer.call(talk, 5353) == PEER + " HELLO"
