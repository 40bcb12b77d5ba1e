# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Containers on networks. Every test's work is done in a child with a network namespace of its own, which stands for the host."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys

import pytest
from pycontainer import containers, networks
from pycontainer.containers import task
from pycontainer.containers.access import exec_client
from pycontainer.errors import Conflict, ContainerFailed, EngineError, InvalidInput, Unsupported
from pycontainer.reconcile import carry_out
from support import waiting
from support.own_network import SERVE, do, get, in_own_network, network, web


@in_own_network
def test_what_is_named_by_id_is_as_named_by_name(engine):
    """Networks, and containers that it is linked to, depends on, or has the volumes of."""
    network(engine, "inner", "10.123.45.0/24")
    do(engine, name="db", **web(volumes=["/data"], networks=[{"name": "inner"}]))
    ident = containers.find(engine, "db")["id"]
    net = networks.get(engine, "inner")["id"]

    def wanted(other, inner):
        joined = [{"name": inner, "links": [f"{other}:one"]}]
        more = {"volumes_from": [other + ":ro"], "depends_on": [other], "links": [other + ":two"]}
        return dict(web(networks=joined, **more), name="app")

    assert do(engine, **wanted(ident, net))["changed"]
    for names in (("db", "inner"), (ident[:12], net[:12]), (ident, net)):
        assert do(engine, **wanted(*names))["actions"] == []
    assert do(engine, **dict(web(network_mode=net[:12]), name="alone"))["changed"]
    assert do(engine, **dict(web(network_mode="inner"), name="alone"))["actions"] == []
    assert not do(engine, **dict(web(network_mode=net), name="alone"))["changed"]


@in_own_network
def test_networks_change_while_it_runs(engine):
    network(engine, "front", "10.77.1.0/24")
    network(engine, "back", "10.77.2.0/24")
    do(
        engine,
        name="peer",
        networks=[{"name": "back", "ipv4_address": "10.77.2.50"}],
        **web(hostname="peer"),
    )
    first = do(
        engine, networks=[{"name": "front"}], **web(hostname="web", published_ports=["8080:80"])
    )
    run = lambda script: exec_client.run(
        engine.paths, first["container"]["Id"], ["sh", "-c", script]
    )
    # nc, not wget: a static busybox's resolver may crash where the root has no NSS libraries
    ask = lambda host: (
        run(f"printf 'GET / HTTP/1.0\\r\\n\\r\\n' | nc -w 1 {host} 80 | tail -n 1")["stdout"]
        .decode()
        .strip()
    )
    assert ask("10.77.2.50") == "" and get(8080) == "web"
    second = do(engine, networks=[{"name": "front"}, {"name": "back", "ipv4_address": "10.77.2.9"}])
    assert second["container"]["State"]["Pid"] == first["container"]["State"]["Pid"]
    assert (
        ask("10.77.2.50") == "peer"
        and second["container"]["NetworkSettings"]["Networks"]["back"]["IPAddress"] == "10.77.2.9"
    )
    assert "10.77.2.9" in run("cat /etc/hosts")["stdout"].decode()
    third = do(engine, networks=[{"name": "back", "ipv4_address": "10.77.2.9"}])
    assert (
        list(third["container"]["NetworkSettings"]["Networks"]) == ["back"] and get(8080) == "web"
    )
    assert not do(engine, networks=[{"name": "back", "ipv4_address": "10.77.2.9"}])["changed"]
    assert third["container"]["State"]["Pid"] == first["container"]["State"]["Pid"]


def ways(pid, family=4):
    """The routes of a process's network that lead by a gateway: ``{destination: gateway}``."""
    text = subprocess.run(
        ["nsenter", "-t", str(pid), "-n", "ip", f"-{family}", "route"],
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    ).stdout
    lines = [line.split() for line in text.splitlines()]
    return {words[0]: words[2] for words in lines if words[1] == "via"}


@in_own_network
def test_the_network_with_the_highest_priority_is_the_way_out(engine):
    network(engine, "front", "10.77.1.0/24")
    network(engine, "back", "10.77.2.0/24")
    both = lambda number: [{"name": "front"}, {"name": "back", "gw_priority": number}]
    first = do(engine, networks=both(1), command=["sleep", "1000"])["container"]
    pid = first["State"]["Pid"]
    assert ways(pid) == {"default": "10.77.2.1"}
    assert first["NetworkSettings"]["Networks"]["back"]["GwPriority"] == 1
    assert not do(engine, networks=both(1))["changed"]
    for number, gateway in ((-1, "10.77.1.1"), (2, "10.77.2.1"), (0, "10.77.1.1")):
        found = do(engine, networks=both(number))
        assert found["changed"] and found["container"]["State"]["Pid"] == pid
        assert ways(pid) == {"default": gateway}, number
    do(engine, networks=[{"name": "front"}])
    do(engine, networks=both(7))  # connected as it runs
    assert ways(pid) == {"default": "10.77.2.1"}
    do(engine, networks=both(7), restart=True)
    pid = do(engine)["container"]["State"]["Pid"]
    assert ways(pid) == {"default": "10.77.2.1"}
    with pytest.raises(InvalidInput, match=r"^networks.gw_priority: .*a whole number"):
        do(engine, True, networks=both(1 << 31))


@in_own_network
def test_routes_of_a_network(engine):
    params = {
        "name": "front",
        "state": "present",
        "ipam_config": [{"subnet": "10.77.1.0/24"}, {"subnet": "fd12:3::/64"}],
        "route": ["10.99.0.0/16,10.77.1.9", "fd99::/64,fd12:3::9,50"],
    }
    carry_out(networks.plan(engine, params), False)
    assert not carry_out(networks.plan(engine, params), False)["changed"]
    pid = do(engine, networks=[{"name": "front"}], command=["sleep", "1000"])["container"]["State"][
        "Pid"
    ]
    assert ways(pid) == {"default": "10.77.1.1", "10.99.0.0/16": "10.77.1.9"}
    assert ways(pid, 6) == {"default": "fd12:3::1", "fd99::/64": "fd12:3::9"}
    changed = dict(params, route=["10.98.0.0/16,10.77.1.9"])
    found = carry_out(networks.plan(engine, changed), False)
    assert found["actions"] == ["change route of network front and connect web again"]
    assert found["network"]["Routes"] == [
        {"destination": "10.98.0.0/16", "gateway": "10.77.1.9", "metric": None}
    ]
    assert ways(pid) == {"default": "10.77.1.1", "10.98.0.0/16": "10.77.1.9"}
    assert ways(pid, 6) == {"default": "fd12:3::1"}
    for bad, accepted in (
        ("10.98.0.0/16,10.78.0.1", "a gateway in 10.77.1.0/24"),
        ("10.98.0.0/16", "destination,gateway"),
        ("0.0.0.0/0,10.77.1.9", "ipam_config.gateway"),
        ("fd99::/64,10.77.1.9", "of one family"),
        ("10.98.0.0/16,10.77.1.9,x", "a metric"),
    ):
        with pytest.raises(InvalidInput, match=f"^route: .*{accepted}"):
            networks.plan(engine, dict(params, route=[bad]))


@in_own_network
def test_an_address_that_was_asked_for_and_would_be_lost_is_told_in_the_plan(engine):
    network(engine, "front", "10.77.1.0/24")
    do(engine, **web(networks=[{"name": "front", "ipv4_address": "10.77.1.20"}]))
    do(engine, name="free", **web(networks=["front"]))
    params = {"name": "front", "state": "present", "force": True}
    params["ipam_config"] = [{"subnet": "10.77.2.0/24"}]

    def uncounted():
        """The network without its counters: a container may send a packet at any time."""
        found = networks.inspect(engine, "front")
        return {key: found[key] for key in found if key not in ("Traffic", "Forwarded")}

    before = uncounted()
    assert "web" in [name for user in before["Containers"].values() for name in user["DNSNames"]]
    for _again in range(2):
        with pytest.raises(Conflict, match="container web asks for the address 10.77.1.20"):
            networks.plan(engine, params)
    assert uncounted() == before
    do(engine, **web(networks=["front"]))
    carry_out(networks.plan(engine, params), False)
    now = networks.inspect(engine, "front")["Containers"].values()
    assert all(user["IPv4Address"].startswith("10.77.2.") for user in now) and len(now) == 2


@in_own_network
def test_a_replacement_takes_over_address_and_port(engine):
    network(engine, "front", "10.77.1.0/24")
    params = {
        "networks": [{"name": "front", "ipv4_address": "10.77.1.20"}],
        "published_ports": ["8080:80"],
    }
    do(engine, **web(hostname="old", **params))
    assert get(8080) == "old"
    do(engine, **web(hostname="new", **params))
    assert get(8080) == "new"
    before = containers.find(engine, "web")
    try:
        do(engine, command=["/nope"])
        raise AssertionError("it should have failed")
    except ContainerFailed:
        pass
    assert get(8080) == "new" and containers.find(engine, "web") == before
    assert [
        (row["container"], row["address"]) for row in engine.db.all("SELECT * FROM addresses")
    ] == [(before["id"], "10.77.1.20")]
    assert {row["container"] for row in engine.db.all("SELECT * FROM ports")} == {before["id"]}


@in_own_network
def test_a_replacement_keeps_an_address_that_nobody_asked_for(engine):
    network(engine, "front", "10.77.1.0/24")
    params = {"networks": [{"name": "front"}], "command": ["sleep", "100"]}
    first = do(engine, **params)["container"]
    do(engine, name="other", **params)
    second = do(engine, env={"A": "b"}, **params)["container"]
    assert second["Id"] != first["Id"]
    for key in ("IPAddress", "MacAddress"):
        assert second["NetworkSettings"][key] == first["NetworkSettings"][key], key
    assert run(second, "ip addr show eth0").count(first["NetworkSettings"]["IPAddress"] + "/24")


@in_own_network
def test_a_container_whose_network_was_removed_is_connected_to_the_new_one(engine):
    for mode in ({"networks": [{"name": "front"}]}, {"network_mode": "front"}):
        network(engine, "front", "10.77.1.0/24")
        params = {"command": ["sleep", "100"], **mode}
        pid = do(engine, **params)["container"]["State"]["Pid"]
        gone = {"name": "front", "state": "absent", "force": True}
        carry_out(networks.plan(engine, gone), False)
        now = do(engine, labels={})["container"]["NetworkSettings"]["Networks"]["front"]
        assert not now["Connected"] and now["NetworkID"] == ""
        with pytest.raises(EngineError, match="network front does not exist"):
            do(engine, **params)
        network(engine, "front", "10.77.2.0/24")
        again = do(engine, **params)
        assert again["changed"] and again["container"]["State"]["Pid"] == pid
        shown = again["container"]["NetworkSettings"]["Networks"]["front"]
        assert shown["IPAddress"] == "10.77.2.2" and shown["Connected"]
        assert "10.77.2.2/24" in run(again["container"], "ip addr show eth0")
        assert not do(engine, **params)["changed"]
        do(engine, state="absent")
        carry_out(networks.plan(engine, gone), False)


@in_own_network
def test_links_have_the_names_and_sysctls_that_were_asked_for(engine):
    for number, name in enumerate(("front", "back", "side")):
        network(engine, name, f"10.77.{number}.0/24")
    ifname, sysctls = (f"com.docker.network.endpoint.{one}" for one in ("ifname", "sysctls"))
    params = {"command": ["sleep", "100"]}
    wanted = [
        {"name": "front", "driver_opts": {ifname: "eth1"}},
        {"name": "back"},
        {"name": "side", "driver_opts": {sysctls: "net.ipv4.conf.IFNAME.log_martians=1"}},
    ]
    first = do(engine, networks=wanted, **params)["container"]

    def links():
        lines = run(first, "ip -o -4 addr show scope global").splitlines()
        return {line.split()[1]: line.split()[3] for line in lines}

    assert links() == {"eth1": "10.77.0.2/24", "eth0": "10.77.1.2/24", "eth2": "10.77.2.2/24"}
    asked = "cat /proc/sys/net/ipv4/conf/eth[02]/log_martians"
    assert run(first, asked).split() == ["0", "1"]
    assert not do(engine, networks=wanted, **params)["changed"]
    shown = first["NetworkSettings"]["Networks"]
    assert shown["front"]["DriverOpts"] == {ifname: "eth1"} and shown["back"]["DriverOpts"] is None
    wanted[1]["driver_opts"] = {ifname: "lan", sysctls: "net.ipv4.conf.IFNAME.log_martians=1"}
    again = do(engine, networks=wanted, **params)
    assert again["container"]["Id"] == first["Id"] and again["changed"]
    assert links() == {"eth1": "10.77.0.2/24", "lan": "10.77.1.2/24", "eth2": "10.77.2.2/24"}
    run(first, "ip link del lan")
    assert carry_out(networks.plan_repair(engine), False)["changed"]
    assert links()["lan"] == "10.77.1.2/24"
    assert run(first, "cat /proc/sys/net/ipv4/conf/lan/log_martians") == "1\n"
    for given, said in (
        ({ifname: "a/b"}, "a link's name of 1 to 15"),
        ({sysctls: "net.ipv4.ip_forward=1"}, "net.ipv4.conf.IFNAME.<name>=<value>"),
        ({"com.docker.network.foo": "1"}, ifname),
    ):
        with pytest.raises(InvalidInput, match=said):
            do(engine, networks=[{"name": "front", "driver_opts": given}], **params)
    with pytest.raises(EngineError, match="no such file or directory: .*/eth1/nonesuch"):
        wanted[0]["driver_opts"][sysctls] = "net.ipv4.conf.IFNAME.nonesuch=1"
        do(engine, networks=wanted, **params)
    assert links() == {"eth1": "10.77.0.2/24", "lan": "10.77.1.2/24", "eth2": "10.77.2.2/24"}


def run(container, script):
    """What a command prints in a container."""
    command = ["nsenter", "-t", str(container["State"]["Pid"]), "-n", "sh", "-c", script]
    return subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout


@in_own_network
def test_what_is_taken_is_refused_and_nothing_changes(engine):
    network(engine, "front", "10.77.1.0/24")
    do(
        engine,
        **web(
            published_ports=["8080:80"], networks=[{"name": "front", "ipv4_address": "10.77.1.20"}]
        ),
    )
    for bad, error in (
        ({"published_ports": ["8080:80"]}, Conflict),
        ({"networks": [{"name": "front", "ipv4_address": "10.1.1.1"}]}, InvalidInput),
        ({"networks": [{"name": "front", "ipv4_address": "10.77.1.20"}]}, Conflict),
    ):
        try:
            do(engine, name="other", **web(**bad))
            raise AssertionError(f"it should have been refused: {bad!r}")
        except error as caught:
            assert "\n" not in str(caught)
        assert (
            containers.get(engine, "other") is None
            and len(os.listdir(engine.paths.containers)) == 1
        )
    assert len(engine.db.all("SELECT * FROM addresses")) == 1
    assert len({row["host_port"] for row in engine.db.all("SELECT * FROM ports")}) == 1


@in_own_network
def test_what_an_internal_network_has_not_is_refused(engine):
    carry_out(
        networks.plan(
            engine,
            {
                "name": "shut",
                "state": "present",
                "internal": True,
                "ipam_config": [{"subnet": "10.77.9.0/24"}],
            },
        ),
        False,
    )
    for option in ({"published_ports": ["8080:80"]}, {"etc_hosts": {"up": "host-gateway"}}):
        with pytest.raises(
            Conflict, match=f"^{next(iter(option))}: .*the container is on shut only"
        ):
            do(engine, True, networks=[{"name": "shut"}], **web(**option))
        assert do(engine, True, networks=[{"name": "shut"}, {"name": "bridge"}], **web(**option))[
            "changed"
        ]


@in_own_network
def test_names_and_resolver(engine):
    do(
        engine,
        etc_hosts={"db": "10.0.0.5", "up": "host-gateway"},
        dns_servers=["10.0.0.53"],
        dns_search_domains=["example.org"],
        dns_opts=["ndots:2"],
        hostname="web",
        domainname="example.org",
    )
    record = containers.find(engine, "web")
    run = lambda script: exec_client.run(engine.paths, record["id"], ["sh", "-c", script])[
        "stdout"
    ].decode()
    attachment = containers.inspect(engine, record)["NetworkSettings"]
    hosts = [line.split() for line in run("cat /etc/hosts").splitlines()]
    assert (
        ["10.0.0.5", "db"] in hosts
        and [attachment["Gateway"], "up"] in hosts
        and [attachment["IPAddress"], "web.example.org", "web"] in hosts
    )
    assert (
        run("cat /etc/resolv.conf") == "nameserver 10.0.0.53\nsearch example.org\noptions ndots:2\n"
    )


@in_own_network
def test_a_network_is_named_by_its_id(engine):
    network(engine, "front", "10.77.1.0/24")
    ident = networks.get(engine, "front")["id"]
    first = do(engine, networks=[{"name": ident}])
    assert list(first["container"]["NetworkSettings"]["Networks"]) == ["front"]
    assert not do(engine, networks=[{"name": ident[:12]}])["changed"]
    assert not do(engine, networks=[{"name": "front"}])["changed"]
    do(engine, name="second", network_mode=ident[:12])
    assert not do(engine, name="second", network_mode="front")["changed"]


@in_own_network
def test_who_shares_the_hosts_names_or_network_has_its_host_name(engine):
    says = ["sh", "-c", "hostname; cat /etc/hostname; echo $HOSTNAME"]
    host = os.uname().nodename
    for params, name in (
        ({"network_mode": "host"}, host),
        ({"uts": "host", "network_mode": "none"}, host),
        ({"uts": "host", "network_mode": "bridge"}, host),
    ):
        done = do(engine, command=says, detach=False, recreate=True, **params)
        assert done["container"]["Output"].split() == [name] * 3, params
        assert list(done["container"]["NetworkSettings"]["Networks"]) == [params["network_mode"]]


@in_own_network
def test_nothing_is_left(engine):
    do(engine, **web(published_ports=["8080:80"]))
    do(engine, state="absent")
    assert engine.db.all("SELECT * FROM addresses") == [] == engine.db.all("SELECT * FROM ports")
    assert (
        "pyv-"
        not in subprocess.run(
            ["ip", "-o", "link"], capture_output=True, check=True, text=True
        ).stdout
    )


def tables():
    """The firewall's tables of the engine as nft lists them, by family."""
    return {
        family: subprocess.run(
            ["nft", "list", "table", family, "pycontainer"], capture_output=True, text=True
        ).stdout
        for family in ("ip", "ip6", "bridge")
    }


@in_own_network
def test_flushed_rules_come_back_by_themselves(engine):
    carry_out(
        networks.plan(engine, {"name": "dual", "state": "present", "enable_ipv6": True}), False
    )
    do(engine, **web(networks=[{"name": "dual"}], published_ports=["8080:80", "[::]:8080:80"]))
    before = tables()
    assert "8080" in before["ip"] and "8080" in before["ip6"]

    def lose(*harm):
        subprocess.run(["nft", *harm], check=True)
        waiting.eventually(lambda: tables() == before, 20)

    waiting.within("rules are back after a flush", 2, lambda: lose("flush", "ruleset"))
    for harm in (
        ["delete", "table", "ip6", "pycontainer"],
        ["flush", "chain", "ip", "pycontainer", "prerouting"],
        ["delete", "table", "bridge", "pycontainer"],
    ):
        lose(*harm)
        assert get(8080) == get(8080, "::1")
    assert not carry_out(networks.plan_repair(engine), False)["changed"]
    assert not do(engine)["changed"]


@in_own_network
def test_another_firewall_that_begins_to_drop_is_told_by_itself(engine):
    if not shutil.which("iptables-nft"):
        pytest.skip("iptables is not installed")
    do(engine, **web(networks=[{"name": "bridge"}]))

    def ours():
        shown = subprocess.run(["iptables-nft", "-S", "FORWARD"], capture_output=True, text=True)
        return shown.stdout.count("pycontainer")

    assert ours() == 0
    for harm in ("-P FORWARD DROP", "-F FORWARD"):  # as dockerd does, and who loads his own rules
        subprocess.run(["iptables-nft", *harm.split()], check=True)
        waiting.eventually(lambda: ours() == 2)
    assert not carry_out(networks.plan_repair(engine), False)["changed"]


@in_own_network
def test_ipv6_of_a_container(engine):
    six = {"enable_ipv4": False, "ipam_config": [{"subnet": "fd12:3456:789a::/64"}]}
    carry_out(networks.plan(engine, {"name": "six", "state": "present", **six}), False)
    found = do(engine, **web(networks=[{"name": "six", "ipv6_address": "fd12:3456:789a::99"}]))
    settings = found["container"]["NetworkSettings"]
    assert (settings["IPAddress"], settings["IPPrefixLen"], settings["Gateway"]) == ("", 0, "")
    endpoint = settings["Networks"]["six"]
    assert endpoint["GlobalIPv6Address"] == "fd12:3456:789a::99"
    assert (endpoint["GlobalIPv6PrefixLen"], endpoint["IPv6Gateway"]) == (64, "fd12:3456:789a::1")
    assert get(80, "fd12:3456:789a::99")
    wanted = {"networks": [{"name": "six", "ipv6_address": "fd12:3456:789a::99"}]}
    assert not do(engine, **wanted)["changed"]
    hosts = os.path.join(engine.paths.container(found["container"]["Id"]), "hosts")
    with open(hosts) as file:
        assert "fd12:3456:789a::99\t" in file.read()
    pid = found["container"]["State"]["Pid"]
    moved = do(engine, networks=[{"name": "six"}, {"name": "bridge"}])["container"]
    assert moved["State"]["Pid"] == pid
    assert moved["NetworkSettings"]["Networks"]["bridge"]["IPAddress"].startswith("172.")
    assert moved["NetworkSettings"]["Networks"]["six"]["GlobalIPv6Address"].endswith("::99")
    with pytest.raises(InvalidInput, match="network bridge has no IPv6 addresses"):
        do(engine, networks=[{"name": "bridge", "ipv6_address": "fd00::7"}])


@in_own_network
def test_a_container_with_ipv6_turned_off_has_none_anywhere(engine):
    params = {"name": "dual", "state": "present", "enable_ipv6": True}
    carry_out(networks.plan(engine, params), False)
    off = {"sysctls": {"net.ipv6.conf.all.disable_ipv6": "1"}}
    dual = {**web(networks=[{"name": "dual"}]), **off, "published_ports": ["8080:80"]}
    first = do(engine, **dual)["container"]
    assert not do(engine, **dual)["changed"]
    endpoint = first["NetworkSettings"]["Networks"]["dual"]
    assert endpoint["IPAddress"] and not endpoint["GlobalIPv6Address"]
    run = lambda *words: exec_client.run(engine.paths, first["Id"], words)["stdout"].decode()
    assert ":" not in run("cat", "/etc/hosts") and "inet6" not in run("ip", "addr")
    assert get(8080, "::1") == get(8080)  # by the relay
    with pytest.raises(InvalidInput, match="sysctls turn IPv6 off"):
        do(engine, name="third", networks=[{"name": "dual", "ipv6_address": "fd00::9"}], **off)
    # a restart for it takes the address away, and gives it again
    for sysctls, has in (({}, True), (off["sysctls"], False), ({}, True)):
        done = do(engine, **dict(dual, sysctls=sysctls, on_change="restart"))
        endpoint = done["container"]["NetworkSettings"]["Networks"]["dual"]
        assert bool(endpoint["GlobalIPv6Address"]) is has and done["changed"]
        assert done["container"]["Id"] == first["Id"]


def changed(engine, check=False, **params):
    return carry_out(networks.plan(engine, {"name": "lab", "state": "present", **params}), check)


@in_own_network
def test_a_changed_network_keeps_its_containers(engine):
    """Their addresses, their processes and their published ports; IPv6 comes to them as they run."""
    changed(engine, ipam_config=[{"subnet": "10.77.3.0/24"}])
    said = {"networks": [{"name": "lab"}], "published_ports": ["8083:80"]}
    first = do(engine, **web(**said))["container"]
    ident, pid = first["Id"], first["State"]["Pid"]
    wider = {
        "enable_ipv6": True,
        "ipam_config": [{"subnet": "10.77.0.0/16", "gateway": "10.77.0.9"}],
    }
    foreseen = changed(engine, check=True, **wider)
    done = changed(engine, **wider)
    assert foreseen["actions"] == done["actions"] and foreseen["diff"] == done["diff"]
    assert "connect web again" in done["actions"][0]
    now = do(engine, **said)
    assert not now["changed"] and not changed(engine, **wider)["changed"]
    settings = now["container"]["NetworkSettings"]["Networks"]["lab"]
    assert (settings["IPAddress"], settings["IPPrefixLen"]) == ("10.77.3.2", 16)
    assert settings["Gateway"] == "10.77.0.9" and settings["GlobalIPv6Address"].startswith("fd")
    assert now["container"]["State"]["Pid"] == pid
    assert get(8083) == get(80, "10.77.3.2") == get(80, settings["GlobalIPv6Address"]) == ident[:12]
    assert get(8083, "10.77.0.9") == ident[:12]
    small = {"driver_options": {"com.docker.network.driver.mtu": 1400}}
    assert changed(engine, **small)["changed"]
    with open(f"/proc/{pid}/net/dev") as file:
        assert "eth0" in file.read() and get(80, "10.77.3.2") == ident[:12]
    with pytest.raises(Conflict, match="container web would lose its address 10.77.3.2"):
        changed(engine, ipam_config=[{"subnet": "10.78.0.0/16"}])
    moved = changed(engine, force=True, ipam_config=[{"subnet": "10.78.0.0/16"}])
    assert moved["actions"][0].endswith(", with web")
    assert get(80, "10.78.0.2") == get(8083) == ident[:12]
    again = changed(engine, force=True)
    assert again["changed"] and get(80, "10.78.0.2") == get(8083) == ident[:12]
    assert not do(engine, **said)["changed"]


@in_own_network
def test_bandwidth_changes_while_it_runs(engine):
    if not networks.limits_rates():
        return  # this kernel has no tbf, ingress, u32, mirred or ifb

    def limits():
        shown = subprocess.run(["tc", "qdisc"], stdout=subprocess.PIPE, check=True).stdout.decode()
        return sorted(
            line.split("rate ")[1].split()[0] for line in shown.splitlines() if "tbf" in line
        )

    def on(**bandwidth):
        return do(
            engine,
            command=["sleep", "1000"],
            state="started",
            networks=[{"name": "bridge", "bandwidth": bandwidth or None}],
        )

    on(**{"in": "20mbit", "out": "5mbit"})
    pid = engine_pid(engine)
    assert limits() == ["20Mbit", "5Mbit"]
    assert not on(**{"in": "20mbit", "out": "5mbit"})["changed"]
    assert on(out="8mbit")["changed"] and limits() == ["8Mbit"]
    assert on()["changed"] and limits() == [] and engine_pid(engine) == pid
    on(**{"in": "1mbit"})
    seen = task.container_info(engine, {"name": ["web"], "stats": True})["container"]
    assert seen["NetworkSettings"]["Networks"]["bridge"]["Bandwidth"] == {"in": 10**6, "out": None}
    assert seen["Stats"]["networks"]["bridge"]["sent_bytes"] >= 0
    assert on(**{"in": "0"})["changed"] and limits() == []
    with pytest.raises(InvalidInput, match="bits a second"):
        on(**{"in": "fast"})


@in_own_network
def test_macvlan_of_a_container(engine):
    from pycontainer.networks.drivers import link_kinds

    if not link_kinds.supported("macvlan"):
        return  # this kernel has no macvlan links
    subprocess.run(
        [
            "sh",
            "-ec",
            "ip link add up0 type veth peer name far0; ip link set up0 up; ip link set far0 up; ",
        ],
        check=True,
    )
    made(
        engine,
        "lan",
        driver="macvlan",
        driver_options={"parent": "up0"},
        ipam_config=[{"subnet": "10.9.0.0/24"}],
    )
    subprocess.run(["ip", "addr", "add", "10.9.0.9/24", "dev", "far0"], check=True)
    options = {"networks": [{"name": "lan"}], "network_mode": "lan", "state": "started"}
    with pytest.raises(Conflict, match="reach it at its own address"):
        do(engine, command=["sh", "-c", SERVE], published_ports=["8080:80"], **options)
    do(engine, command=["sh", "-c", SERVE], **options)
    assert not do(engine, command=["sh", "-c", SERVE], **options)["changed"]
    waiting.until(lambda: connects("10.9.0.2", 80))
    do(
        engine,
        networks=[{"name": "bridge"}],
        network_mode="bridge",
        command=["sh", "-c", SERVE],
        state="started",
    )
    assert not connects("10.9.0.2", 80)


def connects(address, port):
    try:
        with socket.create_connection((address, port), 1):
            return True
    except OSError:
        return False


def made(engine, name, **options):
    carry_out(networks.plan(engine, dict({"name": name, "state": "present"}, **options)), False)


def engine_pid(engine):
    return task.container_info(engine, {"name": ["web"]})["container"]["State"]["Pid"]


@in_own_network
def test_without_pyroute2_nothing_is_made(engine):
    """Where the bridge is there already, it is not needed."""
    params = {"image": "box:1", "stop_timeout": 0, "command": ["sleep", "1000"]}
    sys.modules["pyroute2"] = None
    for state in ("started", "present"):
        with pytest.raises(Unsupported, match="package python3-pyroute2[)]$"):
            carry_out(task.container(engine, {**params, "name": "web", "state": state}), False)
    assert containers.every(engine) == [] and networks.get(engine, "bridge") is None
    del sys.modules["pyroute2"]
    for name in ("web", "more"):
        carry_out(task.container(engine, {**params, "name": name}), False)
        sys.modules["pyroute2"] = None
    for record in containers.every(engine):
        containers.remove(engine, record, force=True)
