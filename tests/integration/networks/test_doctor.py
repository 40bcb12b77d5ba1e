# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""``network doctor``: each thing is broken once, and told in a sentence that names it; a whole network has nothing wrong."""

from __future__ import annotations

import json
import os
import socket

import pytest
from pycontainer import networks
from pycontainer.errors import NotFound
from pycontainer.kernel.processes.procfs import start_time
from pycontainer.networks import container_links, task
from pycontainer.reconcile import carry_out


def do(engine, **params):
    return carry_out(task.plan(engine, dict({"state": "present"}, **params)), engine.check)


def told(engine, *names):
    return [
        (finding.object, finding.check, finding.wrong)
        for finding in networks.examine(engine, names)
        if finding.wrong
    ]


def running(engine, container):
    """Write down what a monitor does of a container that runs."""
    os.makedirs(engine.paths.container(container.ident), exist_ok=True)
    state = {
        "status": "running",
        "pid": container.namespace.pid,
        "pid_start": start_time(container.namespace.pid),
        "network": {"attachments": [container.attachment], "ports": container.ports},
    }
    with open(os.path.join(engine.paths.container(container.ident), "state.json"), "w") as file:
        json.dump(state, file)
    with open(os.path.join(engine.paths.container(container.ident), "resolv.conf"), "w") as file:
        file.write("options ndots:0\n")


def test_each_fault_is_told_and_a_whole_network_has_none(net):
    engine, _peer = net.engine(), net.lan()
    do(engine, name="web", ipam_config=[{"subnet": "172.28.0.0/16"}])
    bridge = networks.get(engine, "web")["bridge"]
    one = net.container(engine, "a", "web")
    running(engine, one)
    assert told(engine) == []
    checks = {(finding.object, finding.check) for finding in networks.examine(engine)}
    assert {("host", "rules"), ("network web", "MTU"), (f"container {one.ident}", "link")} <= checks
    port = one.attachment["ifname"]
    for harm, mended, check, sentence in (
        (
            "sysctl -qw net.ipv4.ip_forward=0",
            "sysctl -qw net.ipv4.ip_forward=1",
            "forwarding of IPv4",
            "ip_forward is 0",
        ),
        (
            "nft delete table ip pycontainer",
            "",
            "rules",
            "table ip pycontainer are not as they should be",
        ),
        ("nft delete table bridge pycontainer", "", "rules", "table bridge pycontainer are not"),
        (
            "nft add table ip foreign; nft add chain ip foreign f '{type filter hook forward priority 0; policy drop;}'",
            "nft delete table ip foreign",
            "other firewalls",
            "the chain f of nf_tables table ip foreign drops",
        ),
        (f"ip link set {bridge} down", "", "bridge", "is down"),
        (f"ip link set {bridge} mtu 1400", "", "bridge", "addresses or the MTU"),
        (
            f"ip link set {bridge} down; ip link set {bridge} name other0; ip link set other0 up",
            "",
            "bridge",
            f"its bridge {bridge} is gone",
        ),
        (
            f"ip route del 172.28.0.0/16 dev {bridge}",
            "",
            "routes",
            f"no route to its containers (172.28.0.0/16 by {bridge})",
        ),
        (
            f"ip link set {port} down",
            f"ip link set {port} up",
            "link",
            f"{port} on the host, is down",
        ),
        (
            "ip route add 172.28.7.0/24 via 10.9.0.2",
            "ip route del 172.28.7.0/24",
            "routes",
            "172.28.7.0/24 by up0 draws",
        ),
        (
            "ip link set up0 mtu 1400",
            "ip link set up0 mtu 1500",
            "MTU",
            "its MTU is 1500 and that of the way out 1400",
        ),
        (f"ip link set {port} nomaster", "", "link", "its link to network web is gone"),
        (
            "nft flush set bridge pycontainer hosts4",
            "nft delete table bridge pycontainer",
            "sender",
            "do not know its addresses",
        ),
    ):
        net.run(harm)
        found = told(engine)
        assert {entry[1] for entry in found if sentence in entry[2]} == {check}, (harm, found)
        net.run(mended or "true")
        do(engine, name="web")
        networks.ensure_links(engine, ["web", "bridge"])
        assert told(engine) == [], harm
    assert not [name for name in net.run("ip -br link").split() if name == "other0"]
    net.run(f"nft delete table bridge pycontainer; ip link del {port}")
    assert {entry[1] for entry in told(engine)} == {"rules", "link"}
    repair = task.plan_repair(engine)
    assert f"connect {one.ident} to network web again" in repair.actions
    carry_out(repair, False)
    assert told(engine) == [] and not task.plan_repair(engine).changed
    with open(os.path.join(engine.paths.container(one.ident), "resolv.conf"), "w") as file:
        file.write("nameserver 9.9.9.9\n")
    (found,) = told(engine)
    assert found[1] == "names" and "to nameserver 9.9.9.9, which knows no" in found[2]
    with open(os.path.join(engine.paths.container(one.ident), "resolv.conf"), "w") as file:
        file.write("options ndots:0\n")
    for harm, check, sentence in (
        ("ip route del default", "addresses", "no default route"),
        ("ip addr flush dev eth0", "addresses", "not its address 172.28.0.2"),
        ("ip link set eth0 down", "addresses", "its link eth0 is down"),
    ):
        one.namespace.run(harm)
        assert [entry[1] for entry in told(engine, "web") if sentence in entry[2]] == [check]


def test_the_holder_of_a_port_is_named(net, port):
    engine = net.engine()
    one = net.container(engine, "a", ports=[port(8080)])
    os.kill(one.relay, 9)
    os.waitpid(one.relay, 0)
    with socket.socket() as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind(("0.0.0.0", 8080))
        sock.listen(1)
        with open("/proc/self/comm", "r+") as comm:
            before = comm.read().strip()
            comm.seek(0)
            comm.write("no\x1b[2J")
        try:
            sentence = [entry for entry in told(engine) if entry[1] == "published port"][0][2]
        finally:
            with open("/proc/self/comm", "w") as comm:
                comm.write(before)
        assert "\x1b" not in sentence and "process no" in sentence
        assert "port 0.0.0.0:8080/tcp is taken by process" in sentence
        assert f"(pid {os.getpid()})" in sentence
    running(engine, one)
    assert "nobody listens at its published port 0.0.0.0:8080/tcp" in str(told(engine))


def test_a_resolver_is_asked_for_the_containers_own_name(net):
    engine = net.engine()
    one = net.container(engine, "a")
    running(engine, one)
    place = os.path.join(engine.paths.container(one.ident), "resolv.conf")
    with open(place, "w") as file:
        file.write("nameserver 127.0.0.11\n")
    assert [entry[1:] for entry in told(engine)][0][0] == "names"
    assert "nobody answers at its resolver 127.0.0.11" in told(engine)[0][2]


def test_only_what_is_asked_about_and_what_is_unknown(net):
    engine = net.engine()
    do(engine, name="web")
    one = net.container(engine, "a", "web")
    net.container(engine, "b")
    running(engine, one)
    asked = {finding.object for finding in networks.examine(engine, [one.ident])}
    assert asked == {"host", "network web", f"container {one.ident}"}
    with pytest.raises(NotFound, match="nothing: there is no network"):
        networks.examine(engine, ["nothing"])
    container_links.disconnect(one.attachment, one.namespace.fd)


def test_ipv6_that_somebody_turned_off_is_told(net):
    engine = net.engine()
    do(engine, name="six", enable_ipv6=True, ipam_config=[{"subnet": "172.28.0.0/16"}])
    one = net.container(engine, "a", "six")
    running(engine, one)
    bridge = networks.get(engine, "six")["bridge"]
    assert told(engine) == []
    for name in (bridge, "all"):
        net.run(f"sysctl -qw net.ipv6.conf.{name}.disable_ipv6=1")
        assert [entry[:2] for entry in told(engine)] == [("network six", "bridge")]
        assert f"net.ipv6.conf.{name}.disable_ipv6 is 1, so" in told(engine)[0][2]
        assert f"run: sysctl -w net.ipv6.conf.{name}.disable_ipv6=0;" in told(engine)[0][2]
        net.run(f"sysctl -qw net.ipv6.conf.{name}.disable_ipv6=0")
        networks.ensure_links(engine, ["six", "bridge"])
        assert told(engine) == []
    one.namespace.run("sysctl -qw net.ipv6.conf.all.disable_ipv6=1")
    assert [entry[1] for entry in told(engine)] == ["addresses"]
    assert "net.ipv6.conf.all.disable_ipv6 is 1 in it" in told(engine)[0][2]


def test_a_route_of_the_network_that_a_container_has_lost(net):
    engine = net.engine()
    do(
        engine,
        name="web",
        ipam_config=[{"subnet": "172.28.0.0/16"}],
        route=["10.99.0.0/16,172.28.0.9"],
    )
    one = net.container(engine, "a", "web")
    running(engine, one)
    assert told(engine) == []
    one.namespace.run("ip route del 10.99.0.0/16")
    assert "no route to 10.99.0.0/16 any more" in told(engine)[0][2]


def refuse_names(ready):
    """A resolver that knows no name."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind(("127.0.0.11", 53))
        ready.write("ready\n")
        ready.flush()
        while True:
            data, sender = sock.recvfrom(4096)
            sock.sendto(data[:2] + b"\x81\x83" + data[4:], sender)


refuse_names.serves = True


def test_a_name_that_the_resolver_does_not_know(net):
    engine = net.engine()
    one = net.container(engine, "a", udp=())
    running(engine, one)
    with open(os.path.join(engine.paths.container(one.ident), "resolv.conf"), "w") as file:
        file.write("nameserver 127.0.0.11\n")
    file = one.namespace.start(refuse_names)
    assert file.readline() == "ready\n"
    (finding,) = told(engine)
    assert finding[1] == "names" and "127.0.0.11 does not know the name" in finding[2]
