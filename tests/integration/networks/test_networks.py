# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Networks as the module makes, changes and removes them, and as the kernel, nft and pyroute2 see them."""

from __future__ import annotations

import json
import os
import signal
import time

import pytest
from pycontainer import networks
from pycontainer.errors import Conflict, HostError, NotFound, Unsupported
from pycontainer.kernel.net import rules as nftables_rules
from pycontainer.networks import container_links, firewall, links, publish, task
from pycontainer.reconcile import carry_out


def do(engine, **params):
    return carry_out(task.plan(engine, dict({"state": "present"}, **params)), engine.check)


def link(net, name):
    found = json.loads(net.run("ip -j -d link show") or "[]")
    return next((entry for entry in found if entry["ifname"] == name), None)


def bridge_address(net, name):
    return [
        (one["local"], one["prefixlen"])
        for one in json.loads(net.run("ip -j addr show dev " + name))[0]["addr_info"]
    ]


def rule_elements(net, name):
    entry = next(
        list(entry.values())[0]
        for entry in net.rules()
        if list(entry.values())[0].get("name") == name and ("set" in entry or "map" in entry)
    )
    return entry.get("elem", [])


def test_create_again_change_and_remove(net):
    engine = net.engine()
    first = do(engine, name="web", ipam_config=[{"subnet": "172.28.0.0/24"}], labels={"a": "1"})
    assert first["changed"] and first["diff"]["before"] == {"state": "absent"}
    bridge = first["network"]["Bridge"]
    assert first["network"]["IPAM"]["Config"] == [
        {"Subnet": "172.28.0.0/24", "Gateway": "172.28.0.1"}
    ]
    assert (
        link(net, bridge)["linkinfo"]["info_kind"] == "bridge"
        and "UP" in link(net, bridge)["flags"]
    )
    assert bridge_address(net, bridge) == [("172.28.0.1", 24)]
    assert (
        do(engine, name="web", ipam_config=[{"subnet": "172.28.0.0/24"}], labels={"a": "1"})[
            "changed"
        ]
        is False
    )
    assert do(engine, name="web")["changed"] is False
    changed = do(engine, name="web", labels={"b": "2"})
    assert changed["diff"]["before"] == {"labels": {"a": "1"}} and changed["network"]["Labels"] == {
        "b": "2"
    }
    assert changed["network"]["Id"] == first["network"]["Id"]
    moved = do(
        engine, name="web", ipam_config=[{"subnet": "172.29.0.0/24", "gateway": "172.29.0.9"}]
    )
    assert sorted(moved["diff"]["after"]) == ["ipam_config.gateway", "ipam_config.subnet"]
    assert bridge_address(net, bridge) == [("172.29.0.9", 24)]
    assert (
        do(engine, name="web", ipam_config=[{"subnet": "172.29.0.0/24", "gateway": "172.29.0.9"}])[
            "changed"
        ]
        is False
    )
    assert do(engine, name="web", state="absent")["actions"] == ["remove network web"]
    assert link(net, bridge) is None
    assert do(engine, name="web", state="absent")["changed"] is False
    assert rule_elements(net, "bridges") == ["pyc0"]


def test_what_nft_reads_is_what_was_meant(net):
    engine = net.engine()
    networks.ensure_links(engine, ["bridge"])
    do(
        engine,
        name="inner",
        internal=True,
        ipam_config=[{"subnet": "172.28.0.0/24"}],
        driver_options={"com.docker.network.bridge.name": "inner0"},
    )
    assert sorted(rule_elements(net, "bridges")) == ["inner0", "pyc0"]
    assert rule_elements(net, "internal") == ["inner0"]
    assert rule_elements(net, "subnets") == [{"prefix": {"addr": "172.17.0.0", "len": 16}}]
    published = {"host_ip": "0.0.0.0", "host_port": 8080, "container_port": 80, "protocol": "tcp"}
    publish.publish(
        "a",
        ["172.17.0.2/16"],
        [
            published,
            dict(published, host_ip="10.9.0.1", protocol="udp"),
            dict(published, host_ip="127.0.0.1"),
        ],
    )
    assert rule_elements(net, "published") == [
        [{"concat": ["tcp", 8080]}, {"concat": ["172.17.0.2", 80]}]
    ]
    assert rule_elements(net, "published_on") == [
        [{"concat": ["10.9.0.1", "udp", 8080]}, {"concat": ["172.17.0.2", 80]}]
    ]
    text = net.run("nft list table ip pycontainer")
    for line in (
        'iifname != "lo" ip daddr 127.0.0.0/8 drop',
        "iifname @bridges fib saddr . iif oif missing drop",
        "fib daddr type local dnat ip to ip daddr . meta l4proto . th dport map @published_on",
        "fib daddr type local dnat ip to meta l4proto . th dport map @published",
        "ip daddr 127.0.0.0/8 return",
        "ip saddr @subnets oifname != @bridges masquerade",
        "ip saddr @subnets oifname @bridges ct status dnat masquerade",
        "iifname . oifname @within accept",
        "iifname @internal goto refused",
        "oifname @internal goto refused",
        "ct state established,related accept",
        "ct status dnat accept",
        "oifname @bridges goto refused",
        "iifname . oifname @bridged return",
        "counter name iifname map @sent",
        "counter name oifname map @received_dropped",
        'elements = { "pyc0" : "pyc0.sent"',
        "ip saddr . meta l4proto . th dport @own_ports return",
    ):
        assert line in text


def test_pyroute2_reads_what_was_packed_by_hand(net):
    pyroute2 = pytest.importorskip("pyroute2")
    engine = net.engine()
    container = net.container(engine, "a")
    with pyroute2.IPRoute() as route:
        host = route.get_links(ifname=container.attachment["ifname"])[0]
        bridge = route.link_lookup(ifname="pyc0")[0]
    assert (
        host.get_attr("IFLA_MASTER") == bridge
        and host["flags"] & 1
        and host.get_attr("IFLA_MTU") == 1500
    )
    seen = json.loads(container.namespace.run("ip -j addr show dev eth0"))[0]
    assert (seen["address"], seen["operstate"]) == (container.attachment["mac"], "UP")
    assert [(one["local"], one["prefixlen"], one["broadcast"]) for one in seen["addr_info"]] == [
        ("172.17.0.2", 16, "172.17.255.255")
    ]
    assert (
        json.loads(container.namespace.run("ip -j route show default"))[0]["gateway"]
        == "172.17.0.1"
    )
    assert json.loads(net.run("ip -j link show dev pyc0"))[0]["address"] == "02:42:ac:11:00:01"


def test_subnets_avoid_the_hosts_and_each_other(net):
    engine = net.engine()
    networks.ensure_links(engine, ["bridge"])
    net.run(
        "ip link add up0 type veth peer name up1; ip link set up0 up; ip link set up1 up; ip addr "
        "add 172.19.4.1/24 dev up0;"
        "ip route add 172.20.0.0/14 via 172.19.4.2"
    )
    assert do(engine, name="one")["network"]["IPAM"]["Config"][0]["Subnet"] == "172.18.0.0/16"
    assert do(engine, name="two")["network"]["IPAM"]["Config"][0]["Subnet"] == "172.24.0.0/16"
    with pytest.raises(Conflict, match="overlaps 172.18.0.0/16 of network one"):
        do(engine, name="three", ipam_config=[{"subnet": "172.18.128.0/24"}])
    with pytest.raises(Conflict, match="overlaps 172.19.4.0/24 of this host's link up0"):
        do(engine, name="three", ipam_config=[{"subnet": "172.19.0.0/16"}])
    do(
        engine, name="three", ipam_config=[{"subnet": "172.20.1.0/24"}]
    )  # more specific than a route elsewhere: the user's affair
    net.run("ip route add 172.16.0.0/12 via 172.19.4.2")
    assert do(engine, name="four")["network"]["IPAM"]["Config"][0]["Subnet"] == "192.168.0.0/20"
    net.run("ip route add 192.168.0.0/16 via 172.19.4.2")
    with pytest.raises(Conflict, match="no private IPv4 subnet is free"):
        do(engine, name="five")
    assert networks.get(engine, "five") is None


def test_mtu_follows_the_uplink(net):
    engine = net.engine()
    net.lan()
    net.run("ip link set up0 mtu 1400")
    name = do(engine, name="web")["network"]["Bridge"]
    assert link(net, name)["mtu"] == 1400
    assert do(engine, name="web", driver_options={"com.docker.network.driver.mtu": 1280})["changed"]
    assert link(net, name)["mtu"] == 1280
    assert (
        do(engine, name="web", driver_options={"com.docker.network.driver.mtu": "1280"})["changed"]
        is False
    )
    assert do(engine, name="web", driver_options={})["network"]["MTU"] == 1400
    assert link(net, name)["mtu"] == 1400


def test_a_network_in_use_is_kept(net):
    engine = net.engine()
    do(engine, name="web")
    container = net.container(engine, "a", "web")
    before = net.run("ip -br link | cut -d' ' -f1; nft -s list ruleset")
    gateway = {"subnet": "172.18.0.0/16", "gateway": container.address}
    for ipam in ({"subnet": "172.28.0.0/16"}, gateway):
        with pytest.raises(Conflict, match="container aaaa.* would lose its address 172.18.0.2"):
            do(engine, name="web", ipam_config=[ipam])
    with pytest.raises(Conflict, match="network web is used by aaaa"):
        do(engine, name="web", state="absent")
    assert net.run("ip -br link | cut -d' ' -f1; nft -s list ruleset") == before
    assert do(engine, name="web", labels={"x": "y"})["changed"]
    assert do(
        engine,
        name="web",
        driver_options={"com.docker.network.bridge.enable_ip_masquerade": "false"},
    )["changed"]
    assert rule_elements(net, "subnets") == [{"prefix": {"addr": "172.17.0.0", "len": 16}}]
    assert do(engine, name="web", state="absent", force=True)["changed"]
    assert link(net, container.attachment["ifname"]) is None and networks.users(engine, "web") == []


def test_check_mode_changes_nothing(net):
    engine = net.engine()
    do(engine, name="web")
    before, rows = (
        net.run("ip -br link | cut -d' ' -f1; nft -s list ruleset"),
        engine.db.all("SELECT * FROM networks"),
    )
    checking = net.engine(check=True)
    for params in (
        {"name": "new"},
        {"name": "web", "labels": {"a": "b"}},
        {"name": "web", "state": "absent"},
    ):
        predicted = do(checking, **params)
        assert predicted["changed"] and predicted["actions"]
    assert do(checking, name="web")["changed"] is False
    assert do(checking, name="new", labels={"a": "b"})["network"]["Labels"] == {"a": "b"}
    assert (
        net.run("ip -br link | cut -d' ' -f1; nft -s list ruleset") == before
        and engine.db.all("SELECT * FROM networks") == rows
    )
    predicted, done = do(checking, name="new"), do(engine, name="new")
    assert (predicted["actions"], predicted["diff"]) == (done["actions"], done["diff"])


def test_check_mode_on_a_bare_host(net):
    checking = net.engine(check=True)
    assert do(checking, name="web")["network"]["IPAM"]["Config"][0]["Subnet"] == "172.17.0.0/16"
    assert task.info(checking, {"name": "web", "filters": None}) == {
        "exists": False,
        "network": None,
        "networks": [],
        "ansible_facts": {"pycontainer_overlays": {}},
    }
    assert not os.path.exists(checking.paths.database) and net.run("ip -o link").count("\n") == 1


def test_after_a_reboot_or_a_foreign_hand_everything_comes_back(net, port):
    engine, peer = net.engine(), net.lan()
    do(engine, name="web")
    container = net.container(engine, "a", ports=[port(8080)])
    os.makedirs(engine.paths.container(container.ident))
    state = {
        "status": "running",
        "network": {
            "mode": "bridge",
            "attachments": [container.attachment],
            "ports": container.ports,
        },
    }
    with open(os.path.join(engine.paths.container(container.ident), "state.json"), "w") as file:
        json.dump(state, file)

    def ruleset():
        return net.run("nft -s list table ip pycontainer; nft -s list table bridge pycontainer")

    before = ruleset()
    for harm in (
        "nft flush ruleset",
        "nft flush chain ip pycontainer forward",
        "nft flush chain bridge pycontainer senders",
        "nft delete table bridge pycontainer",
        "nft flush set ip pycontainer bridges",
        "echo 0 > /proc/sys/net/ipv4/ip_forward",
        "ip addr flush dev pyc0",
        "ip link set pyc0 down",
        "ip link del pyc0",
    ):
        net.run(harm)
        networks.ensure_links(engine, ["bridge"])
        assert ruleset() == before, harm
        assert net.run("cat /proc/sys/net/ipv4/ip_forward").strip() == "1"
        assert (
            bridge_address(net, "pyc0") == [("172.17.0.1", 16)]
            and "UP" in link(net, "pyc0")["flags"]
        ), harm
        if harm != "ip link del pyc0":
            assert peer.ask("10.9.0.1", 8080) == "10.9.0.2 HELLO", harm
    net.run("ip link del " + networks.get(engine, "web")["bridge"])
    again = do(engine, name="web")
    assert again["changed"] and again["actions"] == [
        f"restore bridge {networks.get(engine, 'web')['bridge']}"
    ]
    assert do(engine, name="web")["changed"] is False


def test_flushed_rules_leave_published_ports_to_the_relay(net, port):
    engine, peer = net.engine(), net.lan()
    container = net.container(engine, "a", ports=[port(8080), port(5353, 53, "udp")])
    net.run("nft flush ruleset; nft delete table ip pycontainer || true")
    assert publish.publish(container.ident, [container.address], container.ports) is False
    assert peer.ask("10.9.0.1", 8080) == "172.17.0.1 HELLO"
    assert peer.ask("10.9.0.1", 5353, "udp") == "172.17.0.1 HELLO"
    publish.unpublish(container.ident, [container.address], container.ports)


def test_ports_are_taken_over_and_taken_back(net, port):
    engine = net.engine()
    networks.ensure_links(engine, ["bridge"])
    ports = [port(8080), port(8081, host_ip="10.9.0.1")]
    publish.publish("dead", ["172.17.0.7/16"], ports)
    publish.publish("heir", ["172.17.0.8/16"], ports)
    publish.publish("heir", ["172.17.0.8/16"], ports)
    assert rule_elements(net, "published") == [
        [{"concat": ["tcp", 8080]}, {"concat": ["172.17.0.8", 80]}]
    ]
    publish.unpublish("dead", ["172.17.0.7"], ports)
    assert len(rule_elements(net, "published")) == len(rule_elements(net, "published_on")) == 1
    publish.unpublish("heir", ["172.17.0.8"], ports)
    publish.unpublish("heir", ["172.17.0.8"], ports)
    assert [rule_elements(net, name) for name in ("published", "published_on", "own_ports")] == [
        [],
        [],
        [],
    ]


def test_foreign_drop_policies_are_told(net):
    engine = net.engine()
    assert networks.ensure_links(engine, ["bridge"]) == []
    for chain in ("policy drop; }'", "policy accept; }; add rule inet mine forward reject'"):
        net.run(
            "nft 'add table inet mine; add chain inet mine forward "
            "{ type filter hook forward priority 0; " + chain
        )
        warnings = networks.ensure_links(engine, ["bridge"])
        assert len(warnings) == 1 and "forward of nf_tables table inet mine drops" in warnings[0]
        net.run("nft insert rule inet mine forward iifname 'pyc*' accept")
        assert networks.ensure_links(engine, ["bridge"]) == [], "somebody has seen to it"
        net.run("nft delete table inet mine")


def test_firewalld_without_the_bridges_is_told(net):
    engine = net.engine()
    net.run(
        "nft 'add table inet firewalld; add chain inet firewalld filter_FORWARD "
        "{ type filter hook forward priority 10; policy accept; };"
        "add rule inet firewalld filter_FORWARD reject'"
    )
    warnings = networks.ensure_links(engine, ["bridge"])
    assert len(warnings) == 1 and "(pyc0)" in warnings[0] and "firewall-cmd" in warnings[0]
    net.run("nft 'insert rule inet firewalld filter_FORWARD iifname \"pyc0\" accept'")
    assert networks.ensure_links(engine, ["bridge"]) == []


def test_without_nf_tables_the_relay_serves(net, port, monkeypatch):
    from pycontainer.kernel.calls import syscalls
    from pycontainer.kernel.seccomp import compiler

    engine, peer = net.engine(), net.lan()
    refuse = {
        "defaultAction": "SCMP_ACT_ALLOW",
        "architectures": ["SCMP_ARCH_X86_64", "SCMP_ARCH_AARCH64"],
        "syscalls": [
            {
                "names": ["socket"],
                "action": "SCMP_ACT_ERRNO",
                "errnoRet": 93,  # EPROTONOSUPPORT for NETLINK_NETFILTER alone
                "args": [
                    {"index": 0, "value": 16, "op": "SCMP_CMP_EQ"},
                    {"index": 2, "value": 12, "op": "SCMP_CMP_EQ"},
                ],
            }
        ],
    }
    syscalls.prctl(38, 1)
    compiler.install(compiler.compile(refuse, os.uname().machine), 0)
    container = net.container(engine, "a", ports=[port(8080)])
    assert container.warnings == [firewall.NO_NFTABLES]
    assert container.published is False
    assert peer.ask("10.9.0.1", 8080) == "172.17.0.1 HELLO"
    publish.unpublish(container.ident, [container.address], container.ports)
    assert do(engine, name="web", state="absent")["changed"] is False


def test_attachments_survive_reruns_and_partings(net):
    engine = net.engine()
    container, home = net.container(engine, "a"), os.readlink("/proc/thread-self/ns/net")
    do(engine, name="two")
    other = networks.allocate(engine, "two", container.ident)
    networks.ensure_links(engine, ["two"])
    container_links.connect(container.namespace.fd, other, "eth1")
    assert (
        json.loads(container.namespace.run("ip -j route show default"))[0]["gateway"]
        == "172.17.0.1"
    ), "the first keeps it"
    container_links.disconnect(container.attachment, container.namespace.fd, [other])
    assert (
        json.loads(container.namespace.run("ip -j route show default"))[0]["gateway"]
        == "172.18.0.1"
    )
    container_links.disconnect(container.attachment)
    successor = net.namespace()
    container_links.connect(
        successor.fd, other, "eth0"
    )  # the same container, started again while its old link is still there
    assert [entry["ifname"] for entry in json.loads(successor.run("ip -j link"))] == ["lo", "eth0"]
    assert [entry["ifname"] for entry in json.loads(container.namespace.run("ip -j link"))] == [
        "lo"
    ]
    assert os.readlink("/proc/thread-self/ns/net") == home
    alone = net.namespace()
    container_links.loopback(alone.fd)
    assert "UP" in json.loads(alone.run("ip -j link"))[0]["flags"]


def test_a_failed_attachment_leaves_nothing(net):
    engine = net.engine()
    container = net.container(engine, "a")
    before, home = net.run("ip -o link | wc -l"), os.readlink("/proc/thread-self/ns/net")
    second = networks.allocate(engine, "bridge", "b" * 64)
    with pytest.raises(HostError, match="network bridge: can't connect eth0: file exists"):
        container_links.connect(container.namespace.fd, second, "eth0")
    with pytest.raises(HostError, match="can't connect"):
        container_links.connect(container.namespace.fd, dict(second, gateway="10.99.0.1"), "eth1")
    with pytest.raises(HostError, match="its bridge nope is not there"):
        container_links.connect(container.namespace.fd, dict(second, bridge="nope"), "eth1")
    assert (
        net.run("ip -o link | wc -l") == before and os.readlink("/proc/thread-self/ns/net") == home
    )
    assert container.namespace.run("ip -o link | wc -l").strip() == "2"


def test_a_kernel_that_lacks_one_of_the_modules(net, monkeypatch):
    """As where it may not be loaded. Nothing of the rules is there then, and the next start tries again."""
    engine, chains = net.engine(), firewall.chains
    unknown = nftables_rules.text(1, "nosuch") + nftables_rules.nested(2)

    def with_unknown(family):
        found = chains(family)
        found[-1].rules.append([unknown])
        return found

    monkeypatch.setattr(firewall, "chains", with_unknown)
    assert networks.ensure_links(engine, ["bridge"]) == [
        firewall.INCOMPLETE_NFTABLES % ("IPv4", "no such file or directory")
    ]
    assert "table ip pycontainer" not in net.run("nft -s list ruleset")
    monkeypatch.undo()
    assert networks.ensure_links(engine, ["bridge"]) == [] and "chain forward" in net.run(
        "nft list table ip pycontainer"
    )


def test_links_that_are_no_bridges_are_left_alone(net):
    engine = net.engine()
    net.run("ip link add pyc0 type veth peer name x0")
    with pytest.raises(Conflict, match="link pyc0 that is no bridge"):
        networks.ensure_links(engine, ["bridge"])
    with pytest.raises(Conflict, match="link x0 that is no bridge"):
        do(engine, name="web", driver_options={"com.docker.network.bridge.name": "x0"})
    assert networks.get(engine, "web") is None
    do(engine, name="bridge", state="absent")
    assert link(net, "pyc0")["linkinfo"]["info_kind"] == "veth"
    with pytest.raises(NotFound):
        networks.ensure_links(engine, ["bridge"])


def test_missing_pyroute2_is_one_sentence(net, monkeypatch):
    import sys

    engine = net.engine()
    monkeypatch.setitem(sys.modules, "pyroute2", None)
    with pytest.raises(Unsupported, match="python3-pyroute2"):
        do(engine, name="web")
    assert networks.get(engine, "web") is None and net.run("ip -o link").count("\n") == 1


@pytest.mark.parametrize("state", ["present", "absent"])
def test_killed_at_any_moment_the_same_task_ends_well(net, state):
    engine = net.engine()
    networks.ensure_links(engine, ["bridge"])
    engine.db.close()
    bare = net.run("ip -o link | grep -c pyc")
    for step in range(14):
        pid = os.fork()
        if pid == 0:
            child = net.engine()
            do(child, name="web", state=state)
            os._exit(0)
        time.sleep(step * (0.02 if state == "present" else 0.004))
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        after = net.engine()
        do(after, name="web", state=state)
        assert after.db.all("SELECT * FROM operations") == []
        config = networks.get(after, "web")
        names = [name for name in rule_elements(net, "bridges") if name != "pyc0"]
        if state == "present":
            assert names == [config["bridge"]] and links.wrong([config]) == []
            assert do(after, name="web")["changed"] is False
            do(after, name="web", state="absent")
        else:
            assert config is None and names == []
        assert net.run("ip -o link | grep -c pyc") == bare
        if state == "absent":
            do(after, name="web")
        after.db.close()


def test_info_and_inspect(net):
    engine = net.engine()
    do(engine, name="web", labels={"tier": "front"})
    container = net.container(engine, "a", "web")
    shown = task.info(engine, {"name": "web", "filters": None})
    assert shown["exists"] and list(shown["network"]["Containers"]) == [container.ident]
    endpoint = shown["network"]["Containers"][container.ident]
    assert (
        endpoint["IPv4Address"] == container.attachment["address"]
        and endpoint["MacAddress"] == container.attachment["mac"]
    )
    assert [
        entry["Name"]
        for entry in task.info(engine, {"name": None, "filters": {"label": "tier"}})["networks"]
    ] == ["web"]
    assert [
        entry["Name"] for entry in task.info(engine, {"name": None, "filters": None})["networks"]
    ] == ["bridge", "web"]
    with pytest.raises(NotFound):
        networks.inspect(engine, "nope")


def test_networks_made_at_once_do_not_clash(net):
    engine = net.engine()
    engine.db.close()
    pids = []
    for number in range(6):
        pid = os.fork()
        if pid == 0:
            do(net.engine(), name="net%d" % number)
            os._exit(0)
        pids.append(pid)
    assert [os.waitpid(pid, 0)[1] for pid in pids] == [0] * 6
    subnets = [config["pools"][0]["subnet"] for config in networks.listing(net.engine())]
    assert len(subnets) == len(set(subnets)) == 7


def test_what_another_task_changed_since_the_plan_stays(net):
    engine = net.engine()
    do(engine, name="web", labels={"a": "1"})
    planned = [
        task.plan(engine, {"name": "web", "state": "present", **more})
        for more in ({"labels": {"a": "2"}}, {"allow_host": True}, {"labels": {"a": "2"}})
    ]
    results = [carry_out(plan, False) for plan in planned]
    assert [one["changed"] for one in results] == [True, True, False]
    found = results[-1]["network"]
    assert (found["Labels"], found["AllowHost"]) == ({"a": "2"}, True)
    late = task.plan(engine, {"name": "web", "state": "present", "internal": True})
    do(engine, name="web", state="absent")
    late.apply()  # it is as if it had come later
    assert networks.inspect(engine, "web")["Internal"] is True
    late = task.plan(engine, {"name": "web", "state": "absent"})
    networks.allocate(engine, "web", "a" * 64)  # a container that another task makes
    with pytest.raises(Conflict, match="is used by a"):
        late.apply()
    assert networks.get(engine, "web")


def test_one_network_of_two_plays_at_once(net):
    """Both want it, with other labels: it is there once, as one of them wanted it, whole."""
    engine = net.engine()
    engine.db.close()
    pids = []
    for number in range(4):
        pid = os.fork()
        if pid == 0:
            do(net.engine(), name="web", labels={"play": str(number % 2)}, enable_ipv6=True)
            os._exit(0)
        pids.append(pid)
    assert [os.waitpid(pid, 0)[1] for pid in pids] == [0] * 4
    engine = net.engine()
    (config,) = [one for one in networks.listing(engine) if one["name"] == "web"]
    assert config["labels"]["play"] in ("0", "1")
    assert not do(engine, name="web", labels=config["labels"], enable_ipv6=True)["changed"]
    assert net.run("ip -o link show type bridge").count("pyc-") == 1
