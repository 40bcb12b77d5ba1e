# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Networks with IPv6, alone and beside IPv4: addresses, neighbours, the way out, published ports, router advertisements."""

from __future__ import annotations

import ipaddress
import json
import os

import pytest
from pycontainer import networks
from pycontainer.errors import Unsupported
from pycontainer.networks import container_links, links, pools, publish, task
from pycontainer.reconcile import carry_out

pytestmark = pytest.mark.skipif(
    not os.path.exists("/proc/sys/net/ipv6"), reason="this kernel has no IPv6"
)
SIX = "fd12:3456:789a::/64"
ALONE = {"enable_ipv4": False, "ipam_config": [{"subnet": SIX}]}


def do(engine, **params):
    return carry_out(task.plan(engine, dict({"state": "present"}, **params)), engine.check)


def shown(namespace, link):
    """The addresses of a link as ``ip`` shows them, without those of the link alone."""
    found = json.loads(namespace(f"ip -j addr show dev {link}"))[0]["addr_info"]
    return {
        f"{entry['local']}/{entry['prefixlen']}": entry
        for entry in found
        if entry["scope"] == "global"
    }


def tables(net):
    return {
        name: net.run(f"nft -s list table {name} pycontainer") for name in ("ip", "ip6", "bridge")
    }


def test_a_subnet_is_chosen_and_nothing_changes_the_second_time(net):
    engine = net.engine()
    first = do(engine, name="dual", enable_ipv6=True)["network"]
    assert (first["EnableIPv4"], first["EnableIPv6"]) == (True, True)
    four, six = (ipaddress.ip_network(entry["Subnet"]) for entry in first["IPAM"]["Config"])
    assert four.version == 4 and six.prefixlen == 64
    assert six.subnet_of(ipaddress.ip_network("fd00::/8"))
    assert do(engine, name="dual", enable_ipv6=True)["changed"] is False
    assert do(engine, name="dual")["changed"] is False
    second = do(engine, name="other", enable_ipv6=True)["network"]["IPAM"]["Config"][1]["Subnet"]
    assert ipaddress.ip_network(second).supernet(16) == six.supernet(16), "one prefix for the host"
    assert ipaddress.ip_network(second) != six
    bridge = shown(net.run, first["Bridge"])
    assert set(bridge) == {f"{four[1]}/{four.prefixlen}", f"{six[1]}/64"}
    assert not bridge[f"{six[1]}/64"].get("tentative")
    assert net.run(f"cat /proc/sys/net/ipv6/conf/{first['Bridge']}/accept_ra").strip() == "0"
    assert net.run("cat /proc/sys/net/ipv6/conf/all/forwarding").strip() == "1"
    gone = do(engine, name="dual", enable_ipv6=False)
    assert sorted(gone["diff"]["after"]) == [
        "enable_ipv6",
        "ipam_config.aux_addresses",
        "ipam_config.gateway",
        "ipam_config.iprange",
        "ipam_config.subnet",
    ]
    assert list(shown(net.run, first["Bridge"])) == [f"{four[1]}/{four.prefixlen}"]
    assert do(engine, name="dual", enable_ipv6=False)["changed"] is False
    do(engine, name="other", state="absent")
    assert "ip6 pycontainer" not in net.run("nft list tables")


def test_both_families_between_containers_and_out(net):
    engine, peer = net.engine(), net.lan()
    do(engine, name="dual", enable_ipv6=True, ipam_config=[{"subnet": SIX}])
    one, two = net.container(engine, "a", "dual"), net.container(engine, "b", "dual")
    assert (one.address6, two.address6) == ("fd12:3456:789a::2", "fd12:3456:789a::3")
    inside = shown(one.namespace.run, "eth0")
    assert set(inside) == {one.attachment["address"], one.attachment["address6"]}
    assert not any(entry.get("tentative") for entry in inside.values())
    assert two.ask(one.address6, 80) == f"{two.address6} HELLO"
    assert two.ask(one.address, 80) == f"{two.address} HELLO"
    assert two.ask(one.address6, 53, "udp") == f"{two.address6} HELLO"
    assert one.ask("2001:db8:9::2", 9000) == "2001:db8:9::1 HELLO", "with the host's address"
    assert one.ask("10.9.0.2", 9000) == "10.9.0.1 HELLO"
    assert net.ask(one.address6, 80) == "fd12:3456:789a::1 HELLO"
    assert peer.ask(one.address6, 80, timeout=0.7) == "TimeoutError", (
        "other hosts do not reach what is not published"
    )


def test_ipv6_alone(net, port):
    engine, peer = net.engine(), net.lan()
    do(engine, name="six", **ALONE)
    web = net.container(
        engine, "a", "six", ports=[port(8080, host_ip="::"), port(8081), port(8082, host_ip="::1")]
    )
    other = net.container(engine, "b", "six")
    assert web.attachment["address"] == "" and web.attachment["gateway"] is None
    assert "inet " not in web.namespace.run("ip addr show dev eth0")
    assert other.ask(web.address6, 80) == f"{other.address6} HELLO"
    assert peer.ask("2001:db8:9::1", 8080) == "2001:db8:9::2 HELLO", "the client's own address"
    assert peer.ask("10.9.0.1", 8081) == "fd12:3456:789a::1 HELLO", "by the relay"
    assert net.ask("::1", 8080) == net.ask("::1", 8082) == "fd12:3456:789a::1 HELLO"
    assert peer.ask("2001:db8:9::1", 8082) == "ConnectionRefusedError"
    assert net.ask("10.9.0.1", 8080) == "ConnectionRefusedError"
    assert web.ask("2001:db8:9::1", 8080).endswith(" HELLO"), "its own port"
    assert other.ask("2001:db8:9::1", 8080).endswith(" HELLO"), "a neighbour's port"


def test_published_on_both_families(net, port):
    engine, peer = net.engine(), net.lan()
    do(engine, name="dual", enable_ipv6=True)
    web = net.container(
        engine,
        "a",
        "dual",
        ports=[
            port(8080),
            port(8080, host_ip="::"),
            port(5353, 53, "udp", host_ip="::"),
            port(8090, host_ip="2001:db8:9::1"),
        ],
    )
    assert peer.ask("10.9.0.1", 8080) == "10.9.0.2 HELLO"
    assert peer.ask("2001:db8:9::1", 8080) == "2001:db8:9::2 HELLO"
    assert peer.ask("2001:db8:9::1", 8090) == "2001:db8:9::2 HELLO"
    assert peer.ask("2001:db8:9::1", 5353, "udp") == "2001:db8:9::2 HELLO"
    assert net.ask("::1", 5353, "udp") == f"{web.attachment['gateway6']} HELLO", "by the relay"
    text = net.run("nft list table ip6 pycontainer")
    for line in (
        "ip6 daddr ::1 drop",
        "fib daddr type local dnat ip6 to ip6 daddr . meta l4proto . th dport map @published_on",
        "fib daddr type local dnat ip6 to meta l4proto . th dport map @published",
        "ip6 saddr @subnets oifname != @bridges masquerade",
        "ip6 saddr . meta l4proto . th dport @own_ports return",
        f"tcp . 8080 : {web.address6} . 80",
        f"2001:db8:9::1 . tcp . 8090 : {web.address6} . 80",
    ):
        assert line in text
    publish.unpublish(web.ident, web.targets, web.ports)
    assert web.address6 not in net.run("nft list table ip6 pycontainer")
    assert web.address not in net.run("nft list table ip pycontainer")


def test_a_container_without_ipv6_is_reached_by_it(net, port):
    """Docker's proxy does it, too: the host's port is on IPv6, the container's on IPv4."""
    engine, peer = net.engine(), net.lan()
    web = net.container(engine, "a", ports=[port(8080, host_ip="::")])
    assert web.address6 == ""
    assert peer.ask("2001:db8:9::1", 8080) == "172.17.0.1 HELLO"
    assert "ip6 pycontainer" not in net.run("nft list tables")


def test_a_port_of_the_other_family_is_reached_from_networks_closed_to_the_host(net, port):
    """Its relay stands in for the container, whose address is of one family alone."""
    engine = net.engine()
    net.lan()
    do(engine, name="closed", enable_ipv6=True, allow_host=False)
    do(engine, name="six", allow_host=False, **ALONE)
    asking = net.container(engine, "a", "closed")
    four, every = "10.9.0.1", "2001:db8:9::1"
    listed = [port(8080, host_ip=four), port(8081, host_ip="0.0.0.0"), port(8053, 53, "udp")]
    listed.append(port(8082, host_ip="127.0.0.1"))
    six = net.container(engine, "b", "six", ports=listed)
    ports = [port(8080, host_ip=every), port(8081, host_ip="::"), port(8082, host_ip="::1")]
    only = net.container(engine, "c", ports=ports)
    net.host().serve(tcp=[9999])
    for address in (four, every):
        assert asking.ask(address, 8080).endswith(" HELLO")
        assert asking.ask(address, 8081).endswith(" HELLO")
        assert asking.ask(address, 8082) == "ConnectionRefusedError"
        assert asking.ask(address, 9999) == "ConnectionRefusedError", "a service of the host's"
    assert asking.ask(four, 8053, "udp").endswith(" HELLO")
    networks.ensure_links(engine, ["closed"])
    assert f"tcp . 8081 : {six.address6} . 80" in net.run("nft list table ip pycontainer")
    for web in (six, only):
        publish.unpublish(web.ident, web.targets, web.ports)
    for address in (four, every):
        assert asking.ask(address, 8080) == asking.ask(address, 8081) == "ConnectionRefusedError"


def test_what_was_lost_comes_back(net, port):
    engine, peer = net.engine(), net.lan()
    bridge = do(engine, name="dual", enable_ipv6=True)["network"]["Bridge"]
    web = net.container(engine, "a", "dual", ports=[port(8080, host_ip="::")])
    os.makedirs(engine.paths.container(web.ident))
    state = {
        "status": "running",
        "network": {"mode": "bridge", "attachments": [web.attachment], "ports": web.ports},
    }
    with open(os.path.join(engine.paths.container(web.ident), "state.json"), "w") as file:
        json.dump(state, file)
    before = tables(net)
    for harm in (
        "nft flush ruleset",
        "nft delete table ip6 pycontainer",
        "nft flush chain ip6 pycontainer forward",
        "nft flush set ip6 pycontainer bridges",
        f"ip -6 addr flush dev {bridge} scope global",
        f"ip link set {bridge} down",
        "echo 0 > /proc/sys/net/ipv6/conf/all/forwarding",
    ):
        net.run(harm)
        networks.ensure_links(engine, ["dual"])
        assert tables(net) == before, harm
        # a bridge that has just come up may lose the first solicitation; the next is a second later
        assert peer.ask("2001:db8:9::1", 8080, timeout=5) == "2001:db8:9::2 HELLO", harm
    net.run("nft delete table ip6 pycontainer; nft flush chain ip pycontainer output")
    assert links.missing_rules(engine) == ["ip pycontainer", "ip6 pycontainer"]
    checked = do(net.engine(check=True), name="dual")
    assert checked["changed"] and "rules" in checked["diff"]["after"]
    done = do(engine, name="dual")
    assert done["actions"] == checked["actions"] and done["diff"] == checked["diff"]
    assert do(engine, name="dual")["changed"] is False
    assert tables(net) == before


def test_live_connect_and_disconnect(net):
    engine = net.engine()
    do(engine, name="six", **ALONE)
    do(engine, name="dual", enable_ipv6=True)
    web, other = net.container(engine, "a"), net.container(engine, "b", "six")
    first, second = (networks.allocate(engine, name, web.ident) for name in ("six", "dual"))
    container_links.connect(web.namespace.fd, first, "eth1")
    container_links.connect(web.namespace.fd, second, "eth2")
    assert other.ask(container_links.targets([first])[0], 80) == f"{other.address6} HELLO"
    route = json.loads(web.namespace.run("ip -j -6 route show default"))
    assert [entry["gateway"] for entry in route] == [first["gateway6"]]
    container_links.disconnect(first, web.namespace.fd, [web.attachment, second])
    route = json.loads(web.namespace.run("ip -j -6 route show default"))
    assert [entry["gateway"] for entry in route] == [second["gateway6"]]
    assert json.loads(web.namespace.run("ip -j route show default"))[0]["gateway"] == "172.17.0.1"


def test_advertisements_of_a_container_are_not_believed(net):
    """Neither by other containers nor by the host; and the host goes on believing its own router."""
    engine = net.engine()
    net.lan()
    net.run("echo 1 > /proc/sys/net/ipv6/conf/up0/accept_ra")
    do(engine, name="dual", enable_ipv6=True)
    evil, web = net.container(engine, "a", "dual"), net.container(engine, "b", "dual")
    evil.namespace.call(advertise)
    assert "2001:db8:bad" not in web.namespace.run("ip -6 addr; ip -6 route")
    assert "2001:db8:bad" not in net.run("ip -6 addr; ip -6 route")
    assert net.run("cat /proc/sys/net/ipv6/conf/up0/accept_ra").strip() == "2"


def advertise():
    """Send a router advertisement with a prefix (RFC 4861, 4.2) to all on the link, three times."""
    import socket
    import struct
    import time

    prefix = struct.pack("!BBBBIII", 3, 4, 64, 0xC0, 3600, 3600, 0)
    prefix += socket.inet_pton(socket.AF_INET6, "2001:db8:bad::")
    message = struct.pack("!BBHBBHII", 134, 0, 0, 64, 0, 1800, 0, 0) + prefix
    with socket.socket(socket.AF_INET6, socket.SOCK_RAW, socket.IPPROTO_ICMPV6) as sock:
        index = socket.if_nametoindex("eth0")
        sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_HOPS, 255)
        sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_IF, index)
        for _time in range(3):
            sock.sendto(message, ("ff02::1", 0, 0, index))
            time.sleep(0.05)
    return "sent"


def test_a_host_without_ipv6_is_told(net, monkeypatch, tmp_path):
    engine = net.engine()
    monkeypatch.setattr(pools, "IPV6", str(tmp_path))
    with pytest.raises(Unsupported, match="enable_ipv6: this host's kernel has no IPv6"):
        do(engine, name="six", enable_ipv6=True)
    monkeypatch.undo()
    net.run("echo 1 > /proc/sys/net/ipv6/conf/all/disable_ipv6")
    for params in ({"enable_ipv6": True}, ALONE):
        with pytest.raises(Unsupported, match="enable_ipv6: IPv6 is off on this host"):
            do(engine, name="six", **params)
    assert networks.get(engine, "six") is None and "pyc-" not in net.run("ip -br link")


def test_containers_kept_apart(net, port):
    """``enable_icc`` false: neighbours are reached by neither family, nor by way of the host, but for published ports."""
    engine = net.engine()
    net.lan()
    said = {"com.docker.network.bridge.enable_icc": "false"}
    do(engine, name="dual", enable_ipv6=True, driver_options=said)
    web = net.container(engine, "a", "dual", ports=[port(8080), port(8080, host_ip="::")])
    other = net.container(engine, "b", "dual")
    apart = ("TimeoutError", "113")  # no answer, or no neighbour of that address
    for address, gateway in (
        (web.address, web.attachment["gateway"]),
        (web.address6, web.attachment["gateway6"]),
    ):
        assert other.ask(address, 80, timeout=2) in apart
        length = "128" if ":" in address else "32"
        other.namespace.run(f"ip route add {address}/{length} via {gateway}")
        assert other.ask(address, 80, timeout=2) in apart, "by way of the host"
    assert other.ask("10.9.0.1", 8080).endswith(" HELLO")
    assert other.ask("2001:db8:9::1", 8080).endswith(" HELLO")
    assert net.ask(web.address, 80).endswith(" HELLO")
    assert other.ask("10.9.0.2", 9000) == "10.9.0.1 HELLO"
