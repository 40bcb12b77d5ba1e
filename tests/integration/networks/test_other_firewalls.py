# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Beside iptables, ufw, firewalld and Docker: what is published and what leaves passes, and what they drop is theirs."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess

import pytest
from pycontainer import networks
from pycontainer.networks import task
from pycontainer.reconcile import carry_out

HOST, PEER, SHORT = "10.9.0.1", "10.9.0.2", 0.4
UNREACHABLE = (socket.timeout.__name__, "101", "113", "ConnectionRefusedError")
CLONE_NEWNS = 0x20000


def needs(*programs):
    lacking = [program for program in programs if not shutil.which(program)]
    return pytest.mark.skipif(bool(lacking), reason=f"not installed: {', '.join(lacking)}")


def do(engine, **params):
    return carry_out(task.plan(engine, dict({"state": "present"}, **params)), engine.check)


class World:
    """A host with two containers, one with a published port, and another host."""

    def __init__(self, net, port, **options):
        self.net, self.engine, self.peer = net, net.engine(), net.lan()
        self.one = net.container(self.engine, "a", ports=[port(8080)])
        self.two = net.container(self.engine, "b")

    def passes(self):
        """Tell what passes: from outside, to outside, between containers."""
        return (
            self.peer.ask(HOST, 8080, timeout=SHORT) == f"{PEER} HELLO",
            self.two.ask(PEER, 9000, timeout=SHORT) == f"{HOST} HELLO",
            self.two.ask(self.one.address, 80, timeout=SHORT) == f"{self.two.address} HELLO",
            self.two.ask(HOST, 8080, timeout=SHORT).endswith(" HELLO"),
        )

    def mended(self):
        """A task tells what it repairs, all passes, and another one has nothing to do."""
        done = do(self.engine, name="web")
        assert self.passes() == (True,) * 4
        assert do(self.engine, name="web")["changed"] is False
        assert self.told() == []
        return done

    def told(self):
        """What the doctor says of other firewalls."""
        found = [one for one in networks.examine(self.engine) if one.check == "other firewalls"]
        return [one.wrong for one in found if one.wrong]


ALL = (True,) * 4


def own_files(net, *places):
    """Give this process files of its own at ``places``: copies, where there is something."""
    from pycontainer.kernel.calls import syscalls

    syscalls.unshare(CLONE_NEWNS)
    net.run("mount --make-rprivate /")
    for place in places:
        copy = os.path.join(net.scratch[1], place.replace("/", "_"))
        if os.path.isdir(place):
            shutil.copytree(place, copy, symlinks=True)
        else:
            os.makedirs(copy)
            os.makedirs(place, exist_ok=True)
        net.run(f"mount --bind {copy} {place}")


@needs("iptables-nft")
@pytest.mark.parametrize("program", ["iptables-nft", "iptables-legacy"])
def test_beside_iptables(net, port, program):
    if not shutil.which(program):
        pytest.skip(f"{program} is not installed")
    world = World(net, port)
    do(world.engine, name="web")
    assert world.passes() == ALL
    net.run(f"{program} -A FORWARD -d 10.66.0.0/16 -j ACCEPT; {program} -P FORWARD DROP")
    assert world.passes()[:2] == (False, False), "the policy of another table is the last word"
    assert "FORWARD of" in str(world.told())
    done = world.mended()
    assert done["changed"] and "forward what is of networks" in done["actions"][0]
    shown = net.run(f"{program} -S FORWARD")
    assert shown.count("--comment pycontainer") == 4, shown
    assert shown.index("10.66.0.0") < shown.index("pycontainer"), "after what was there"
    # what an administrator drops stays dropped
    net.run(f"{program} -I FORWARD -s {PEER} -p tcp --dport 80 -j DROP")
    assert world.passes()[:2] == (False, True)
    # a reload of his own file
    rules = "*filter\n:INPUT ACCEPT\n:FORWARD DROP\n:OUTPUT ACCEPT\n-A FORWARD -d 10.77.0.0/16 -j ACCEPT\nCOMMIT\n"
    subprocess.run([program + "-restore"], input=rules.encode(), check=True)
    assert world.passes()[:2] == (False, False)
    assert world.mended()["changed"]
    # saved and restored, our rules are there once
    saved = net.run(f"{program}-save")
    subprocess.run([program + "-restore"], input=saved.encode(), check=True)
    assert do(world.engine, name="web")["changed"] is False
    # as Enterprise Linux has it: nothing after the rule that rejects is reached
    rules = (
        "*filter\n:INPUT ACCEPT\n:FORWARD ACCEPT\n:OUTPUT ACCEPT\n-A FORWARD -j REJECT\nCOMMIT\n"
    )
    subprocess.run([program + "-restore"], input=rules.encode(), check=True)
    assert world.passes()[:2] == (False, False)
    assert world.mended()["changed"]
    networks.ensure_links(world.engine, ["bridge"])
    assert net.run(f"{program} -S FORWARD").count("pycontainer") == 4


@needs("iptables-nft")
def test_rules_of_an_administrator_who_knows_of_us_stay_as_they_are(net, port):
    world = World(net, port)
    for rule in ("-i pyc+ -j ACCEPT", "-i pyc0 -o up0 -j ACCEPT"):
        net.run(
            f"iptables-nft -F FORWARD; iptables-nft -P FORWARD DROP; iptables-nft -A FORWARD {rule}"
        )
        networks.ensure_links(world.engine, ["bridge"])
        assert rule in net.run("iptables-nft -S FORWARD")
        missing = net.run("iptables-nft -S FORWARD").count("pycontainer")
        assert missing == (1 if rule.startswith("-i pyc+") else 0)


@needs("iptables-nft")
def test_our_rules_go_with_the_engine(net, port):
    from pycontainer.networks import firewall

    world = World(net, port)
    net.run("iptables-nft -P FORWARD DROP; ip6tables-nft -P FORWARD DROP")
    do(
        world.engine,
        name="dual",
        enable_ipv6=True,
        driver_options={"com.docker.network.bridge.name": "mine"},
    )
    networks.ensure_links(world.engine, ["dual"])
    for program in ("iptables-nft", "ip6tables-nft"):
        assert net.run(f"{program} -S FORWARD").count("pycontainer") == 4, program
    do(world.engine, name="dual", state="absent")
    assert "mine" not in net.run("iptables-nft -S FORWARD")
    firewall.remove()
    for program in ("iptables-nft", "ip6tables-nft"):
        assert net.run(f"{program} -S FORWARD") == "-P FORWARD DROP\n", program


@needs("ufw", "iptables")
def test_beside_ufw(net, port):
    own_files(net, "/etc/ufw", "/etc/default", "/lib/ufw", "/run/ufw.lock.d")
    net.run("echo > /etc/ufw/sysctl.conf; sed -i s/^IPV6=.*/IPV6=no/ /etc/default/ufw")
    world = World(net, port)
    do(world.engine, name="web")
    net.run("ufw --force enable")
    assert world.passes()[:2] == (False, False)
    assert "chain FORWARD of nf_tables table ip filter" in str(world.told())
    assert world.mended()["changed"]
    shown = net.run("iptables -S FORWARD")
    assert shown.index("ufw-before-forward") < shown.index("pycontainer")
    assert shown.index("pycontainer") < shown.index("ufw-after-logging-forward"), (
        "what passes is not logged as blocked"
    )
    net.run("ufw reload")
    assert world.passes() == ALL, "its reload leaves the chain's other rules alone"
    net.run(f"ufw route deny proto tcp from {PEER} to any port 80")
    networks.ensure_links(world.engine, ["bridge"])
    assert world.passes()[:2] == (False, True), "ufw's rules hold for published ports"
    net.run("ufw --force disable")
    assert world.passes() == ALL


BUS = """<busconfig>
  <type>system</type>
  <listen>unix:path=/run/dbus/system_bus_socket</listen>
  <auth>EXTERNAL</auth>
  <policy context="default">
    <allow user="*"/> <allow own="*"/> <allow eavesdrop="true"/>
    <allow send_destination="*" eavesdrop="true"/>
  </policy>
</busconfig>"""


@needs("firewalld", "firewall-cmd", "dbus-daemon")
def test_beside_firewalld(net, port, wait):
    own_files(net, "/etc/firewalld", "/run/dbus", "/run/firewalld")
    world = World(net, port)
    do(world.engine, name="web")
    with open(os.path.join(net.scratch[1], "bus.conf"), "w") as file:
        file.write(BUS)
    bus = subprocess.Popen(["dbus-daemon", "--config-file", file.name, "--nofork", "--nopidfile"])
    net.pids.append(bus.pid)
    wait(lambda: os.path.exists("/run/dbus/system_bus_socket"))
    firewalld = subprocess.Popen(
        ["firewalld", "--nofork", "--nopid"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    net.pids.append(firewalld.pid)
    wait(lambda: net.run("firewall-cmd --state", check=False) == "running\n")
    assert world.passes()[:2] == (True, False), "firewalld lets pass what is redirected"
    assert "firewalld rejects" in str(world.told())
    done = world.mended()
    assert done["actions"] == ["let zone trusted of firewalld forward what is of networks"]
    assert "pyc0" in net.run("firewall-cmd --zone=trusted --list-interfaces")
    assert "pyc" not in net.run("firewall-cmd --permanent --zone=trusted --list-interfaces")
    net.run("firewall-cmd --reload")
    assert world.passes()[1] is False
    assert world.mended()["changed"]
    bridge = networks.get(world.engine, "web")["bridge"]
    assert bridge in net.run("firewall-cmd --zone=trusted --list-interfaces")
    do(world.engine, name="web", state="absent")
    assert bridge not in net.run("firewall-cmd --zone=trusted --list-interfaces")
    os.kill(bus.pid, 9)
    bus.wait()
    os.kill(firewalld.pid, 9)
    firewalld.wait()


@needs("dockerd", "docker", "iptables")
def test_beside_docker(net, port, wait):
    own_files(net, "/run/docker", "/var/lib/docker")
    world = World(net, port)
    do(world.engine, name="web")
    net.run("sysctl -qw net.ipv4.ip_forward=0")  # or it leaves the policy as it is
    with open(os.path.join(net.scratch[1], "log"), "w") as log:
        dockerd = subprocess.Popen(
            ["dockerd", "-H", f"unix://{net.scratch[1]}/docker.sock", "--storage-driver", "vfs"]
            + ["--pidfile", f"{net.scratch[1]}/docker.pid", "--data-root", "/var/lib/docker"],
            stdout=log,
            stderr=log,
        )
    net.pids.append(dockerd.pid)
    try:
        wait(lambda: "-P FORWARD DROP" in net.run("iptables -S FORWARD"), 30)
        wait(lambda: os.path.exists(f"{net.scratch[1]}/docker.sock"), 30)
        assert world.passes()[:2] == (False, False)
        assert world.mended()["changed"]
        theirs = net.namespace()
        net.run(
            f"ip link add theirs type veth peer name eth0 netns {theirs.pid}; ip link set theirs master docker0 up"
        )
        gateway = net.run("ip -br addr show docker0").split()[2]
        address = gateway.replace(".0.1/", ".0.77/")
        theirs.run(
            f"ip addr add {address} dev eth0; ip link set eth0 up; ip route add default via {gateway.partition('/')[0]}"
        )
        theirs.serve([80])
        reached = theirs.call(lambda: net.ask(HOST, 8080, timeout=SHORT))
        assert reached.endswith("HELLO"), "its containers reach published ports"
        unpublished = theirs.call(lambda: net.ask(world.two.address, 80, timeout=SHORT))
        assert unpublished in UNREACHABLE
        assert theirs.call(lambda: net.ask(PEER, 9000)) == f"{HOST} HELLO"
    finally:
        dockerd.terminate()
        dockerd.wait()
