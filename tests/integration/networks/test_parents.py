# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Networks on a parent link: macvlan and ipvlan, VLANs made on demand, what is refused, what is mended."""

from __future__ import annotations

import json
import os

import pytest
from pycontainer import networks
from pycontainer.errors import Conflict, HostError, InvalidInput, NotFound
from pycontainer.kernel.processes.procfs import start_time
from pycontainer.networks import container_links, links, task
from pycontainer.networks.drivers import link_kinds, parents
from pycontainer.reconcile import carry_out

LAN = [{"subnet": "10.9.0.0/24", "gateway": "10.9.0.2"}]


def do(engine, **params):
    return carry_out(task.plan(engine, dict({"state": "present"}, **params)), engine.check)


BRIDGE = "com.docker.network.bridge.name"


def need(kind):
    if not link_kinds.supported(kind):
        pytest.skip(f"this kernel has no {kind} links")


def make(engine, driver="macvlan", parent="up0", ipam=LAN, name="lan", **options):
    return do(
        engine,
        name=name,
        driver=driver,
        driver_options=dict(options, parent=parent),
        ipam_config=ipam,
    )


def there(net, name):
    return name in [entry["ifname"] for entry in json.loads(net.run("ip -j link show"))]


def test_macvlan_containers_are_machines_on_the_parents_network(net):
    need("macvlan")
    engine, peer = net.engine(), net.lan()
    first = make(engine)
    assert first["network"]["Driver"] == "macvlan" and first["network"]["Parent"] == "up0"
    assert make(engine)["changed"] is False and do(engine, name="lan")["changed"] is False
    one, two = net.container(engine, "a", "lan"), net.container(engine, "b", "lan")
    assert (one.address, two.address) == ("10.9.0.3", "10.9.0.4"), "the host's own is not given out"
    assert peer.ask(one.address, 80) == "10.9.0.2 HELLO"
    assert one.ask("10.9.0.2", 9000) == "10.9.0.3 HELLO"
    assert two.ask(one.address, 80) == "10.9.0.4 HELLO"
    assert "default via 10.9.0.2" in one.namespace.run("ip route")
    seen = json.loads(one.namespace.run("ip -j -d link show eth0"))[0]
    assert seen["address"] == one.attachment["mac"]
    assert seen["linkinfo"]["info_data"]["mode"] == "bridge"
    container_links.connect(one.namespace.fd, one.attachment, "eth0")  # an earlier link is replaced
    container_links.disconnect(one.attachment, one.namespace.fd)
    assert not there(one.namespace, "eth0") and there(two.namespace, "eth0")
    assert "up0" not in net.run("nft list table ip pycontainer")


@pytest.mark.parametrize("mode", ["l2", "l3", "l3s"])
def test_ipvlan_shares_the_parents_mac(net, mode):
    need("ipvlan")
    engine, peer = net.engine(), net.lan()
    ipam = LAN if mode == "l2" else [{"subnet": "10.77.0.0/24"}]
    make(engine, "ipvlan", ipam=ipam, ipvlan_mode=mode)
    one, two = net.container(engine, "a", "lan"), net.container(engine, "b", "lan")
    if mode != "l2":
        peer.run("ip route add 10.77.0.0/24 dev eth0")
        assert "default dev eth0" in one.namespace.run("ip route")
    assert peer.ask(one.address, 80) == "10.9.0.2 HELLO"
    assert two.ask(one.address, 80) == f"{two.address} HELLO"
    with pytest.raises(InvalidInput, match="mac_address"):
        networks.check_address(engine, "lan", "c" * 64, mac="02:42:0a:09:00:09")


def test_a_kernel_without_vlans_is_told_in_words(net):
    if link_kinds.supported("vlan"):
        pytest.skip("this kernel has VLAN links")
    with pytest.raises(HostError) as caught:
        do(net.engine(), name="cameras", driver="macvlan", driver_options={"parent": "lo.10"})
    assert str(caught.value) == (
        "network cameras: can't make its parent lo.10: operation not supported: "
        "this kernel has no links of that kind"
    )


@pytest.mark.parametrize("driver", ["macvlan", "ipvlan"])
def test_a_vlan_is_made_and_goes_with_the_last_network_on_it(net, driver):
    need("vlan")
    need(driver)
    engine, _peer = net.engine(), net.lan()
    make(engine, driver, "up0.10", [{"subnet": "10.10.0.0/24"}], "one")
    make(engine, driver, "up0.10", [{"subnet": "10.11.0.0/24"}], "two")
    detail = json.loads(net.run("ip -j -d link show up0.10"))[0]
    assert detail["linkinfo"]["info_data"]["id"] == 10 and "UP" in detail["flags"]
    one = net.container(engine, "a", "one")
    net.run("ip link del up0.10")
    assert links.wrong([networks.get(engine, "one")])
    assert do(engine, name="one")["actions"][0] == "restore parent up0.10"
    assert there(net, "up0.10") and not there(one.namespace, "eth0")
    do(engine, name="one", state="absent")
    assert there(net, "up0.10")
    do(engine, name="two", state="absent")
    assert not there(net, "up0.10")
    net.run("ip link add link up0 name up0.20 type vlan id 20")
    make(engine, driver, "up0.20", [{"subnet": "10.12.0.0/24"}])
    do(engine, name="lan", state="absent")
    assert there(net, "up0.20"), "what was there before stays"


def test_what_can_not_be_is_one_sentence_and_changes_nothing(net):
    need("macvlan")
    engine, _peer = net.engine(), net.lan()
    for error, said, arguments in (
        (NotFound, "no link nic9; it has ", {"parent": "nic9"}),
        (NotFound, "no link nic9.5, nor the link nic9 that", {"parent": "nic9.5"}),
        (InvalidInput, "driver_options.parent: 'lo'", {"parent": "lo"}),
        (InvalidInput, "macvlan_mode", {"macvlan_mode": "fast"}),
        (InvalidInput, "bridge.name", {"com.docker.network.bridge.name": "x"}),
        (InvalidInput, "at most 1500", {"com.docker.network.driver.mtu": 9000}),
    ):
        with pytest.raises(error, match=said):
            make(engine, **arguments)
    with pytest.raises(InvalidInput, match="parent: missing"):
        do(engine, name="lan", driver="macvlan")
    with pytest.raises(InvalidInput, match="allow_host"):
        do(engine, name="lan", driver="macvlan", driver_options={"parent": "up0"}, allow_host=True)
    net.run(
        "ip link add br9 type bridge; ip link add p9 type veth peer name q9; ip link set p9 master br9"
    )
    with pytest.raises(Conflict, match="port of the bridge br9"):
        make(engine, parent="p9", ipam=[{"subnet": "10.10.0.0/24"}])
    make(engine)
    with pytest.raises(Conflict, match="by macvlan"):
        parents.check(
            {**networks.get(engine, "lan"), "driver": "ipvlan"}, [networks.get(engine, "lan")]
        )
    net.container(engine, "a", "lan")
    with pytest.raises(Conflict, match="driver: container a* would lose its address"):
        do(engine, name="lan", driver="bridge", ipam_config=[])
    assert [
        entry["name"] for entry in task.info(engine, {})["networks"] and networks.listing(engine)
    ] == ["bridge", "lan"]


def test_a_driver_is_changed_while_nobody_is_on_the_network(net):
    need("macvlan")
    engine, peer = net.engine(), net.lan()
    do(engine, name="lan")
    bridge = networks.get(engine, "lan")["bridge"]
    assert there(net, bridge)
    changed = make(engine)
    assert changed["diff"]["after"]["driver"] == "macvlan" and not there(net, bridge)
    one = net.container(engine, "a", "lan")
    assert peer.ask(one.address, 80) == "10.9.0.2 HELLO"
    # the subnet of its own bridge is its own, whatever the link is called after that
    do(engine, name="box", ipam_config=[{"subnet": "172.30.0.0/24"}])
    do(engine, name="box", driver_options={BRIDGE: "box0"})
    assert there(net, "box0")
    do(engine, name="box", driver="macvlan", driver_options={"parent": "up0"})
    assert not there(net, "box0")


def test_a_parent_that_comes_back_has_its_containers_again_with_the_next_task(net):
    need("macvlan")
    engine, _peer = net.engine(), net.lan()
    make(engine)
    one = net.container(engine, "a", "lan")
    os.makedirs(engine.paths.container(one.ident))
    state = {
        "pid": one.namespace.pid,
        "pid_start": start_time(one.namespace.pid),
        "network": {"attachments": [one.attachment]},
    }
    with open(os.path.join(engine.paths.container(one.ident), "state.json"), "w") as file:
        json.dump(state, file)
    assert do(engine, name="lan")["changed"] is False
    net.run("ip link del up0")
    with pytest.raises(NotFound, match="no link up0"):
        make(engine, parent="up0", name="other", ipam=[{"subnet": "10.10.0.0/24"}])
    net.run(
        "ip link add up0 type veth peer name far0; ip link set up0 up; ip link set far0 up; ip addr add 10.9.0.9/24 dev far0"
    )
    assert not there(one.namespace, "eth0")
    result = do(engine, name="lan")
    assert result["actions"] == [f"connect {one.ident} to network lan again"]
    assert there(one.namespace, "eth0") and do(engine, name="lan")["changed"] is False


def test_the_hosts_services_are_closed_unless_allowed(net):
    engine, _peer = net.engine(), net.lan()
    host = net.host()
    host.serve([7070], [7071])
    do(engine, name="web")
    one, default = net.container(engine, "a", "web"), net.container(engine, "b")
    gateway = networks.get(engine, "web")["pools"][0]["gateway"]
    for address in (gateway, "172.17.0.1", "10.9.0.1"):
        assert one.ask(address, 7070) == "ConnectionRefusedError", address
        assert one.ask(address, 7071, "udp") != f"{one.address} HELLO"
    assert default.ask("172.17.0.1", 7070) == f"{default.address} HELLO"
    assert net.ask(one.address, 80).endswith(" HELLO"), "the host reaches its containers"
    assert one.ask("10.9.0.2", 9000) == "10.9.0.1 HELLO", "and they the world"
    assert do(engine, name="web", allow_host=True)["diff"]["after"] == {"allow_host": True}
    assert one.ask(gateway, 7070) == f"{one.address} HELLO"
    assert do(engine, name="web", allow_host=True)["changed"] is False
    do(engine, name="web", allow_host=False)
    assert one.ask(gateway, 7070) == "ConnectionRefusedError"


def test_a_published_port_of_its_own_is_reached_from_a_closed_network(net, port):
    engine, _peer = net.engine(), net.lan()
    do(engine, name="web")
    one = net.container(engine, "a", "web", ports=[port(8080)])
    two = net.container(engine, "b", "web")
    for caller in (one, two):
        assert caller.ask("10.9.0.1", 8080).endswith(" HELLO")


def test_networks_of_an_older_version_reach_the_host(net):
    engine = net.engine()
    do(engine, name="web")
    config = networks.get(engine, "web")
    old = {
        key: value
        for key, value in config.items()
        if key not in ("allow_host", "allow_metadata", "allow_spoofing", "parent", "mode", "flag")
    }
    from pycontainer.networks import catalog

    catalog.change(engine, old)
    assert networks.get(engine, "web")["allow_host"] is True
    assert do(engine, name="web")["changed"] is False


def test_metadata_services_are_closed_where_it_is_said(net):
    engine, peer = net.engine(), net.lan()
    peer.run("ip addr add 169.254.169.254/32 dev lo")
    net.run("ip route add 169.254.169.254 via 10.9.0.2")
    do(engine, name="tenants", allow_metadata=False)
    closed, opened = net.container(engine, "a", "tenants"), net.container(engine, "b")
    assert opened.ask("169.254.169.254", 9000) == "10.9.0.1 HELLO"
    assert closed.ask("169.254.169.254", 9000) == "TimeoutError"
    assert closed.ask("10.9.0.2", 9000) == "10.9.0.1 HELLO"
