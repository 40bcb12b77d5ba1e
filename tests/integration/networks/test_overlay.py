# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""An overlay network over four hosts, each a network namespace with an engine of its own, on one switch."""

from __future__ import annotations

import contextlib
import json
import os
import random
import signal
import socket
import time

import pytest
from pycontainer import networks
from pycontainer.engine import Engine
from pycontainer.errors import Conflict, InvalidInput, Unsupported
from pycontainer.networks import container_links, task
from pycontainer.networks.diagnosis import doctor
from pycontainer.networks.drivers import link_kinds, remote_names
from pycontainer.networks.drivers import overlay_network as overlay
from pycontainer.reconcile import carry_out
from support.scale import scaled

from .conftest import run

pytestmark = pytest.mark.skipif(
    not link_kinds.supported("vxlan"), reason="this kernel has no VXLAN"
)
SUBNET = [{"subnet": "10.200.0.0/16"}]


class Host:
    """A host: its namespace, and an engine that its tasks open."""

    def __init__(self, net, number):
        self.net, self.number = net, number
        self.name, self.address = f"h{number}", f"10.98.0.{number}"
        self.namespace = net.namespace()
        net.run(
            f"ip link add p{number} type veth peer name eth0 netns {self.namespace.pid}; "
            f"ip link set p{number} master switch up"
        )
        self.namespace.run(
            f"ip addr add {self.address}/24 dev eth0; ip link set eth0 up; ip link set lo up"
        )
        self.places = [os.path.join(one, self.name) for one in net.scratch]

    def engine(self):
        for place in self.places:
            os.makedirs(place, exist_ok=True)
        return Engine(*self.places)

    def task(self, peers, **params):
        return self.namespace.call(self._task, peers, params)

    def _task(self, peers, params):
        with self.engine() as engine:
            asked = dict({"name": "fleet", "state": "present", "driver": "overlay"}, **params)
            if peers is not None:
                asked["peers"] = peers
            result = carry_out(task.plan(engine, asked), engine.check)
            return {
                "changed": result["changed"],
                "diff": result.get("diff"),
                "network": result.get("network"),
                "warnings": result.get("warnings"),
                "facts": task.overlay_facts(engine)["pycontainer_overlays"].get("fleet"),
            }

    def container(self, letter):
        """Attach a namespace as a container's is; returns its namespace and address."""
        inside = self.net.namespace()
        ident = letter * 64

        def work():
            with self.engine() as engine:
                place = networks.allocate(engine, "fleet", ident)
                networks.ensure_links(engine, ["fleet"])
                fd = os.open(f"/proc/{inside.pid}/ns/net", os.O_RDONLY)
                container_links.connect(fd, place, "eth0")
                return place["address"].partition("/")[0]

        address = self.namespace.call(work)
        inside.serve([80], [53])
        return inside, address


def fleet(net, count):
    net.run("ip link add switch type bridge; ip link set switch up")
    return [Host(net, number) for number in range(1, count + 1)]


def reach(address, port):
    """What a server says to a caller of this namespace: its address and HELLO."""
    with socket.create_connection((address, port), 3) as sock:
        sock.sendall(b"hello")
        return sock.recv(100).decode()


def peers_of(hosts, facts=None):
    known = facts or {}
    return [
        {
            "name": host.name,
            "address": host.address,
            **{
                "public_key" if key == "key" else key: known[host.name][key]
                for key in ("share", "containers", "key")
                if key in known.get(host.name, {})
            },
        }
        for host in hosts
    ]


def test_containers_of_four_hosts_reach_each_other(net):
    hosts = fleet(net, 4)
    peers = peers_of(hosts)
    results = [host.task(peers, ipam_config=SUBNET) for host in hosts]
    assert [one["facts"]["share"] for one in results] == [
        f"10.200.{number}.0/24" for number in range(4)
    ]
    assert results[0]["network"]["Scope"] == "global"
    assert results[0]["network"]["MTU"] == 1450, "1500 less the 50 bytes of VXLAN"
    assert all(not host.task(peers, ipam_config=SUBNET)["changed"] for host in hosts)
    assert not hosts[0].task(None)["changed"], "what is not named is not compared"
    containers = [host.container("abcd"[number]) for number, host in enumerate(hosts)]
    assert [address for _inside, address in containers] == [
        f"10.200.{number}.2" for number in range(4)
    ]
    for inside, own in containers:
        for _other, address in containers:
            assert inside.call(reach, address, 80) == f"{own} HELLO"
    large = "x" * 9000  # in more packets than one, none of which is too large
    assert (
        containers[0][0]
        .call(net.ask, containers[3][1], 80, "tcp", large, 3)
        .startswith("10.200.0.2 XXX")
    )
    shown = hosts[0].namespace.run(
        "bridge fdb show dev $(ls /sys/class/net 2>/dev/null | grep pyx- || ip -br link | grep -o 'pyx-[0-9a-f]*')"
    )
    assert shown.count(" dst ") == 3 and "10.98.0.4" in shown
    link = json.loads(hosts[0].namespace.run("ip -j -d link show type vxlan"))[0]
    assert link["linkinfo"]["info_data"]["learning"] is False
    hosts[0].namespace.run("ip route flush dev " + link["ifname"])
    assert hosts[0].task(None)["changed"], "what was lost comes back"
    assert containers[0][0].call(reach, containers[1][1], 80) == "10.200.0.2 HELLO"
    hosts[0].namespace.run("ip link del " + link["ifname"])
    assert hosts[0].task(None)["changed"] and not hosts[0].task(None)["changed"]
    assert containers[0][0].call(reach, containers[1][1], 80) == "10.200.0.2 HELLO"
    assert hosts[0].namespace.run("ip -br link show type vxlan").count("\n") == 1


def test_a_host_joins_and_leaves_and_the_others_keep_their_parts(net):
    hosts = fleet(net, 4)
    # h2 to h4 first; h1, whose name comes before theirs, joins
    three = hosts[1:]
    facts = {host.name: host.task(peers_of(three), ipam_config=SUBNET)["facts"] for host in three}
    shares = {name: fact["share"] for name, fact in facts.items()}
    containers = {host.name: host.container(host.name[1] * 1) for host in three}
    joined = {host.name: host.task(peers_of(hosts, facts), ipam_config=SUBNET) for host in hosts}
    assert {name: joined[name]["facts"]["share"] for name in shares} == shares
    assert joined["h1"]["facts"]["share"] == "10.200.3.0/24"
    newcomer, address = hosts[0].container("e")
    for inside, own in containers.values():
        assert newcomer.call(reach, own, 80) == f"{address} HELLO"
    left = [host for host in hosts if host.name != "h3"]
    for host in left:
        assert host.task(peers_of(left, {}), ipam_config=SUBNET)["changed"]
    shown = (
        hosts[0]
        .namespace.run("ip route; ip neigh; bridge fdb | grep -v eth0")
        .replace("10.98.0.3 dev eth0", "")
    )
    assert "10.98.0.3" not in shown and facts["h3"]["share"] not in shown
    assert newcomer.call(reach, containers["h2"][1], 80) == f"{address} HELLO"
    hosts[0].task(None, state="absent", force=True)
    assert "pyx-" not in hosts[0].namespace.run("ip -br link")


def test_a_peer_that_is_down_and_a_broken_link_are_told(net):
    hosts = fleet(net, 3)
    facts = {}
    for _run in range(2):
        for host in hosts:
            facts[host.name] = host.task(peers_of(hosts, facts), ipam_config=SUBNET)["facts"]

    def told(used=True):
        with hosts[0].engine() as engine:
            config = networks.get(engine, "fleet")
            link = overlay.link_name(config["id"])
            return link, [
                (one.check, one.wrong)
                for one in doctor._overlay(config, config["overlay"], used)
                if one.wrong
            ]

    ask = lambda: hosts[0].namespace.call(told)
    link = ask()[0]
    assert ask()[1] == []
    hosts[1].namespace.run("ip link set eth0 down")
    ((check, wrong),) = ask()[1]
    assert check == "peer" and "its peer h2 (10.98.0.2) does not answer an ICMP echo" in wrong
    hosts[1].namespace.run("ip link set eth0 up")
    assert ask()[1] == []
    for harm, sentence in (
        ("ip route flush dev " + link, "has not the routes, neighbours or MTU"),
        (f"ip link set {link} down", f"to the other hosts, {link}, is down"),
        (
            f"ip link set {link} down; ip link set {link} name gone0",
            f"to the other hosts, {link}, is gone",
        ),
    ):
        hosts[0].namespace.run(harm)
        ((check, wrong),) = ask()[1]
        assert check == "overlay" and sentence in wrong
        assert hosts[0].task(peers_of(hosts, facts), ipam_config=SUBNET)["changed"]
        assert ask()[1] == [], harm


def test_what_a_stranger_sends_does_not_reach_the_overlay(net):
    hosts = fleet(net, 3)
    one, two, stranger = hosts
    peers = peers_of(hosts[:2])
    # a second address of its link, which it would not send by without being told to
    two.namespace.run("ip addr add 10.98.0.77/24 dev eth0")
    peers[1]["address"] = "10.98.0.77"
    for host in hosts[:2]:
        host.task(peers, ipam_config=SUBNET)
    inside, address = one.container("a")
    theirs, _other = two.container("b")
    assert theirs.call(reach, address, 80) == "10.200.1.2 HELLO"
    link = json.loads(one.namespace.run("ip -j -d link show type vxlan"))[0]
    vni, mac = link["linkinfo"]["info_data"]["id"], link["address"]
    stranger.namespace.run(
        f"ip link add false type vxlan id {vni} dstport 4789 remote {one.address}; "
        "ip addr add 10.200.1.9/16 dev false; ip link set false up; "
        f"ip neigh add {address} lladdr {mac} dev false"
    )

    def send():
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            sock.sendto(b"stranger", (address, 9000))
        return True

    def send_as_peer():
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            sock.sendto(b"peer", (address, 9000))
        return True

    def caught(*senders):
        def work():
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
                sock.bind((address, 9000))
                sock.settimeout(20)
                for host, sender in senders:
                    host.call(sender)
                return sock.recv(100).decode()

        return inside.call(work)

    assert caught((stranger.namespace, send), (theirs, send_as_peer)) == "peer"
    shown = one.namespace.run("nft list table ip pycontainer; nft -j list table ip pycontainer")
    assert "10.98.0.77 . 4789 . " in shown, shown
    one.namespace.run("nft flush chain ip pycontainer input")
    assert caught((stranger.namespace, send)) == "stranger", "the attack works where nothing guards"
    assert one.task(None)["changed"]
    assert caught((stranger.namespace, send), (theirs, send_as_peer)) == "peer"


def test_names_of_other_hosts_are_written_by_each_run(net):
    hosts = fleet(net, 2)
    peers = peers_of(hosts)
    facts = {host.name: host.task(peers, ipam_config=SUBNET)["facts"] for host in hosts}
    assert facts["h2"]["containers"] == {}
    hosts[1].container("b")
    facts["h2"] = hosts[1].task(None)["facts"]
    assert facts["h2"]["containers"] == {"b" * 64: ["10.200.1.2"]}
    told = dict(facts["h2"], containers={"web": ["10.200.1.2"]})
    assert hosts[0].task(peers_of(hosts, {"h1": facts["h1"], "h2": told}))["changed"]
    assert not hosts[0].task(peers_of(hosts, {"h1": facts["h1"], "h2": told}))["changed"]

    def written():
        with hosts[0].engine() as engine, open(remote_names.place(engine.paths)) as file:
            return json.load(file)

    assert hosts[0].namespace.call(written) == {"fleet": {"web": ["10.200.1.2"]}}
    assert not hosts[0].task(peers)["changed"], "of a host that is not told of the names stay"


def test_what_can_not_be_is_told(net):
    host = fleet(net, 1)[0]

    def refused(peers, **params):
        def work():
            try:
                host._task(peers, params)
            except (Conflict, InvalidInput, Unsupported) as error:
                return str(error)
            return "done"

        return host.namespace.call(work)

    mine = {"name": "h1", "address": host.address}
    assert "peers: missing" in refused(None)
    assert "an address of this host among them" in refused([{"address": "10.98.0.9"}])
    assert "an IP address by which" in refused([{"name": "h1", "address": "host.example"}])
    assert "both have 10.200.1.0/24" in refused(
        [dict(mine, share="10.200.1.0/24"), {"address": "10.98.0.9", "share": "10.200.1.0/24"}],
        ipam_config=SUBNET,
    )
    assert "has 256 parts of /24" in refused(
        [mine, *[{"address": f"10.99.{number}.1"} for number in range(256)]], ipam_config=SUBNET
    )
    assert "peer_name" in refused([mine], peer_name="h7")
    assert "enable_ipv6" in refused([mine], enable_ipv6=True)
    assert "vxlan_id" in refused([mine], driver_options={"vxlan_id": "0"})
    for value in ("", True, "true"):  # Docker's, and what an empty text means there
        if not link_kinds.supported("wireguard"):
            assert "driver_options.encrypted: this host's kernel has no WireGuard" in refused(
                [mine], driver_options={"encrypted": value}
            )
        assert "vxlan_port: '4790' is not valid; accepted: nothing with encrypted" in refused(
            [mine], driver_options={"encrypted": value, "vxlan_port": 4790}
        )
    assert "encrypted: 'perhaps'" in refused([mine], driver_options={"encrypted": "perhaps"})
    assert "wireguard_port" in refused([mine], driver_options={"wireguard_port": 51821})
    assert "key_max_age" in refused([mine], key_max_age="2160h"), "there are no keys"
    assert "key_max_age" in refused([mine], key_max_age="1m")
    assert "peers.public_key" in refused([dict(mine, public_key="c2hvcnQ=")])
    assert host.namespace.run("ip -br link show type vxlan") == "", "nothing was made"
    assert refused([mine], driver_options={"encrypted": False}) == "done"


def test_over_a_vpn_of_the_hosts_the_mtu_is_that_of_its_link(net):
    """A link that stands for WireGuard's, whose packets are 80 bytes shorter."""
    host = fleet(net, 1)[0]
    host.namespace.run(
        "ip link add vpn0 mtu 1420 type veth peer name vpn1; ip addr add 10.97.0.1/24 dev vpn0; "
        "ip link set vpn1 up; ip link set vpn0 up"
    )
    peers = [{"name": "h1", "address": "10.97.0.1"}, {"name": "h2", "address": "10.97.0.2"}]
    assert host.task(peers, ipam_config=SUBNET)["network"]["MTU"] == 1370
    shown = json.loads(host.namespace.run("ip -j -d link show type vxlan"))[0]
    assert shown["linkinfo"]["info_data"]["local"] == "10.97.0.1"
    way = host.namespace.run("ip route get 10.97.0.2")
    assert "dev vpn0" in way, "so what it sends to the peer leaves by the VPN"


needs_wireguard = pytest.mark.skipif(
    not link_kinds.supported("wireguard"), reason="this kernel has no WireGuard"
)


def vault(net):
    """Three hosts, and what all of them do for an encrypted network: ``(hosts, run)``."""
    hosts = fleet(net, 3)
    facts = {}

    def run(some=hosts, **params):
        """What a task of a play does: with the facts of the task before."""
        peers = peers_of(some, dict(facts))
        options = dict(ipam_config=SUBNET, driver_options={"encrypted": True}, **params)
        results = {host.name: host.task(peers, **options) for host in some}
        facts.update({name: one["facts"] for name, one in results.items()})
        return results

    return hosts, run


@needs_wireguard
def test_what_an_encrypted_network_sends_nobody_reads(net):
    hosts, run = vault(net)
    first = run()
    assert all(one["changed"] for one in first.values())
    assert {one["network"]["MTU"] for one in first.values()} == {1440}, "1500 less 60"
    assert "of h2, h3 are not known yet" in first["h1"]["warnings"][0]
    second = run()
    assert all(one["changed"] and not one["warnings"] for one in second.values())
    assert not any(one["changed"] for one in run().values())
    (key,) = os.listdir(os.path.join(hosts[0].places[0], "network-keys"))
    path = os.path.join(hosts[0].places[0], "network-keys", key)
    assert os.stat(path).st_mode & 0o777 == 0o600
    containers = [host.container("abc"[number]) for number, host in enumerate(hosts)]
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3)) as wire:
        wire.bind(("p1", 0))
        for _inside, address in containers[1:]:
            large = "x" * 9000
            said = containers[0][0].call(net.ask, address, 80, "tcp", large, 3)
            assert said.startswith("10.200.0.2 XXX")
        wire.setblocking(False)
        seen = []
        with contextlib.suppress(BlockingIOError):
            while True:
                seen.append(wire.recv(65536))
    port = (51820).to_bytes(2, "big")
    assert sum(frame[36:38] == port for frame in seen) > 10
    assert not any(b"xxxx" in frame or b"XXXX" in frame for frame in seen)
    link = "pyx-" + key[:11]
    hosts[0].namespace.run(f"ip link set {link} down; ip link set {link} name gone0")
    assert run()["h1"]["changed"] and "gone0" not in hosts[0].namespace.run("ip -br link")
    assert containers[0][0].call(net.ask, containers[1][1], 80).endswith("HELLO")
    # a host sends from its own share alone
    link = hosts[1].namespace.run("ip -br link show type wireguard").split()[0]
    hosts[1].namespace.run(f"ip addr add 10.200.2.99/32 dev {link}")

    def pretend():
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            sock.bind(("10.200.2.99", 0))
            sock.sendto(b"false", (containers[0][1], 9000))
        return True

    def true():
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            sock.sendto(b"true", (containers[0][1], 9000))
        return True

    def catch():
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            sock.bind((containers[0][1], 9000))
            sock.settimeout(20)
            assert hosts[1].namespace.call(pretend) and containers[1][0].call(true)
            return sock.recv(100).decode()

    assert containers[0][0].call(catch) == "true"
    # what was lost comes back, by a task
    assert run() and run(), "the names of containers are handed on"
    assert not hosts[0].task(None)["changed"]
    hosts[0].namespace.run("ip link del $(ip -br link show type wireguard | cut -d' ' -f 1)")
    assert run()["h1"]["changed"] and not run()["h1"]["changed"]
    assert containers[0][0].call(reach, containers[1][1], 80) == "10.200.0.2 HELLO"


@needs_wireguard
def test_keys_of_an_encrypted_network_are_made_anew_in_one_run(net):
    hosts, run = vault(net)
    run()
    before = run()
    containers = [host.container("abc"[number]) for number, host in enumerate(hosts)]
    assert run() and run(), "the names of containers are handed on"
    assert not any(one["changed"] for one in run(key_max_age="48h").values())
    for host in hosts:
        place = os.path.join(host.places[0], "network-keys")
        old = os.stat(place).st_mtime - 49 * 3600
        os.utime(os.path.join(place, os.listdir(place)[0]), (old, old))
    after = run(key_max_age="48h")
    assert all(one["changed"] for one in after.values())
    assert all(one["changed"] for one in run(key_max_age="48h").values()), "they are handed on"
    assert not any(one["changed"] for one in run(key_max_age="48h").values())
    assert {one["facts"]["key"] for one in before.values()}.isdisjoint(
        one["facts"]["key"] for one in after.values()
    )
    for inside, own in containers:
        for _other, address in containers:
            assert inside.call(reach, address, 80) == f"{own} HELLO"
    # one leaves: what is of it goes, its key too
    left = run(hosts[:2])
    assert all(one["changed"] for one in left.values())
    shown = hosts[0].namespace.run("ip route")
    assert "10.200.2.0" not in shown and "10.200.1.0" in shown
    hosts[2].task(None, driver=None, state="absent", force=True)
    assert os.listdir(os.path.join(hosts[2].places[0], "network-keys")) == []
    assert hosts[2].namespace.run("ip -br link show type wireguard") == ""
    # and without encryption it is one of VXLAN
    for host in hosts[:2]:
        host.task(None, driver_options={})
    assert containers[0][0].call(reach, containers[1][1], 80) == "10.200.0.2 HELLO"
    assert os.listdir(os.path.join(hosts[0].places[0], "network-keys")) == []


@pytest.mark.parametrize("count", [50])
def test_what_is_written_for_many_hosts(count):
    peers = {
        f"host{n:02}": {"address": f"10.98.{n // 200}.{n % 200 + 1}", "share": ""}
        for n in range(count)
    }
    known = {}
    for own in peers:
        settled = overlay.settle(
            {"peers": peers, "name": own, "vni": 7, "port": 4789}, None, "10.200.0.0/16", "fleet"
        )
        assert known in ({}, settled["peers"]), "all hosts come to the same"
        known = settled["peers"]
        listed = overlay.entries(settled)
        assert len(listed) == count - 1
        assert len({one.mac for one in listed}) == len({one.share for one in listed}) == count - 1
        assert own not in [one.address for one in listed]
        assert settled["peers"][own]["share"] not in [one.share for one in listed]
    with contextlib.suppress(StopIteration):
        assert len({peer["share"] for peer in known.values()}) == count


KILLS = scaled(3)


def test_killed_at_any_moment_the_next_task_ends_well(net):
    """A network is made, a host joins and moves, names come, the network goes, each by tasks that are killed."""
    hosts = fleet(net, 3)
    for host in hosts:
        other = host.address.replace(".98.", ".97.")
        host.namespace.run(f"ip addr add {other}/24 dev eth0")
    two, three = peers_of(hosts[:2]), peers_of(hosts)
    moved = [dict(one, address=one["address"].replace(".98.", ".97.")) for one in two]
    named = [two[0], dict(two[1], containers={"web": ["10.200.1.2"]})]
    cases = [
        (None, {"state": "absent"}, three, {"ipam_config": SUBNET}),
        (two, {"ipam_config": SUBNET}, three, {}),
        (two, {"ipam_config": SUBNET}, moved, {}),
        ([two[0], dict(two[1], containers={})], {"ipam_config": SUBNET}, named, {}),
        (named, {"ipam_config": SUBNET}, None, {"state": "absent"}),
    ]

    def state():
        with hosts[0].engine() as engine:
            known = remote_names.of(networks.listing(engine)) == remote_names.read(engine.paths)
        return known, run("ip -o link").count(" pyx-"), run("ip route").count("onlink")

    for peers_before, before, peers, params in cases:
        length = 0.0
        for number in range(KILLS + 1):
            hosts[0].task(peers_before, **before)
            began = time.monotonic()
            answer = hosts[0].namespace.start(hosts[0]._task, peers, params)
            pid = net.pids.pop()
            if number:
                time.sleep(length * random.uniform(0, 1))
                os.kill(pid, signal.SIGKILL)
            answer.read()
            length = length or time.monotonic() - began
            os.waitpid(pid, 0)
            hosts[0].task(peers, **params)
            assert not hosts[0].task(peers, **params)["changed"]
            gone = "state" in params
            listed = [True, 0, 0] if gone else [True, 1, len(peers) - 1]
            assert hosts[0].namespace.call(state) == listed, (params, number)
