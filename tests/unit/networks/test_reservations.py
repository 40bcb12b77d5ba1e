# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Addresses and ports: who has which, without a kernel's help where none is needed."""

from __future__ import annotations

import ipaddress
import os
import socket
import time
import types

import pytest
from pycontainer import networks
from pycontainer.errors import Conflict, InvalidInput, NotFound, Unsupported
from pycontainer.networks import catalog, container_links, pools, ports
from pycontainer.store.database import Database
from pycontainer.store.paths import Paths

A, B, C = "a" * 64, "b" * 64, "c" * 64


@pytest.fixture
def host():
    """What these functions need of an engine: its database, here with networks ``web`` (/29) and ``inner``."""
    engine = types.SimpleNamespace(db=Database(":memory:"))
    for name, subnet, internal in (("web", "10.55.0.0/29", False), ("inner", "10.56.0.0/24", True)):
        start = subnet.rpartition(".")[0]
        catalog.add(
            engine,
            {
                "name": name,
                "id": name.encode().hex().ljust(64, "0"),
                "driver": "bridge",
                "bridge": "pyc-" + name,
                "pools": [
                    {
                        "subnet": subnet,
                        "gateway": start + ".1",
                        "ip_range": None,
                        "aux_addresses": {"x": start + ".3"} if name == "web" else {},
                        "automatic": False,
                    }
                ],
                "ipv4": True,
                "ipv6": False,
                "internal": internal,
                "attachable": False,
                "masquerade": True,
                "mtu": 1500,
                "labels": {"tier": name},
                "driver_options": {},
            },
        )
    engine.db.run("INSERT INTO containers VALUES (?, 'first', '{}', NULL, 'created', 0)", A)
    yield engine
    engine.db.close()


def test_attachment(host):
    found = networks.allocate(host, "web", A)
    assert found == {
        "network": "web",
        "bridge": "pyc-web",
        "ifname": found["ifname"],
        "address": "10.55.0.2/29",
        "gateway": "10.55.0.1",
        "mac": "02:42:0a:37:00:02",
        "mtu": 1500,
    }
    assert len(found["ifname"]) <= 15 and found["ifname"].startswith("pyv-")
    assert networks.allocate(host, "web", A) == found
    assert networks.allocate(host, "inner", A)["gateway"] is None
    assert networks.allocate(host, "inner", A)["ifname"] != found["ifname"]


def test_addresses_leave_out_gateway_broadcast_and_reserved(host):
    given = [networks.allocate(host, "web", ident * 64)["address"] for ident in "abcd"]
    assert given == ["10.55.0.2/29", "10.55.0.4/29", "10.55.0.5/29", "10.55.0.6/29"]
    with pytest.raises(Conflict, match="no free address"):
        networks.allocate(host, "web", "e" * 64)
    networks.release(host, "b" * 64)
    assert networks.allocate(host, "web", "e" * 64)["address"] == "10.55.0.4/29"


def test_wanted_address(host):
    assert networks.allocate(host, "web", A, "10.55.0.5")["address"] == "10.55.0.5/29"
    with pytest.raises(Conflict, match="10.55.0.5 on network web is container first's"):
        networks.allocate(host, "web", B, "10.55.0.5")
    assert networks.allocate(host, "web", A, "10.55.0.6")["address"] == "10.55.0.6/29", "it moves"
    assert networks.allocate(host, "web", A, "")["address"] == "10.55.0.6/29", (
        "any: keeps what it has"
    )
    assert networks.allocate(host, "web", B, "10.55.0.5")["address"] == "10.55.0.5/29"
    assert networks.allocate(host, "web", C, "10.55.0.6", replaces=A)["address"] == "10.55.0.6/29"
    assert [user["id"] for user in networks.users(host, "web")] == [B, C]


def test_checks_say_what_allocate_would(host):
    networks.allocate(host, "web", A, "10.55.0.5", "02:00:00:00:00:07")
    networks.check_address(host, "web", A, "10.55.0.5", "02:00:00:00:00:07")
    networks.check_address(host, "web", "", "", "")
    for ip, mac in (("10.55.0.5", None), (None, "02:00:00:00:00:07")):
        with pytest.raises(Conflict):
            networks.check_address(host, "web", "", ip, mac)
    for ident in "bcd":
        networks.allocate(host, "web", ident * 64)
    with pytest.raises(Conflict, match="no free address"):
        networks.check_address(host, "web", "")
    networks.check_address(host, "web", A)


@pytest.mark.parametrize(
    "address", ["10.55.1.2", "10.55.0.0", "10.55.0.7", "10.55.0.1", "10.55.0.3", "x", "fd00::1"]
)
def test_bad_addresses(host, address):
    with pytest.raises(InvalidInput):
        networks.allocate(host, "web", A, address)
    assert networks.users(host, "web") == []


def test_mac(host):
    assert networks.allocate(host, "web", A, mac="02:00:00:00:00:07")["mac"] == "02:00:00:00:00:07"
    assert networks.allocate(host, "web", A)["mac"] == "02:00:00:00:00:07"
    with pytest.raises(Conflict, match="mac_address"):
        networks.allocate(host, "web", B, mac="02:00:00:00:00:07")
    for mac in ("01:00:00:00:00:07", "00:00:00:00:00:00", "2:0:0:0:0:7", "02-00-00-00-00-07"):
        with pytest.raises(InvalidInput):
            networks.allocate(host, "web", B, mac=mac)


def test_unknown_network(host):
    with pytest.raises(NotFound, match="network nope does not exist"):
        networks.allocate(host, "nope", A)


def test_found_by_name_and_id(host):
    config = networks.get(host, "web")
    assert networks.get(host, config["id"]) == networks.get(host, config["id"][:6]) == config
    assert networks.get(host, config["id"][:3]) is None and networks.get(host, "we") is None


def test_listing(host):
    networks.allocate(host, "web", A)

    def names(**filters):
        return [config["name"] for config in networks.listing(host, filters)]

    assert names() == ["inner", "web"]
    assert (
        names(name="inn")
        == names(label="tier=inner")
        == names(dangling=True)
        == names(dangling="true")
        == ["inner"]
    )
    assert names(dangling=False) == names(label=["tier", "tier=web"]) == ["web"]
    assert names(type="builtin") == names(driver="overlay") == []
    with pytest.raises(InvalidInput, match="filters"):
        names(colour="red")
    with pytest.raises(InvalidInput, match="^filters.dangling: 'maybe'"):
        names(dangling="maybe")


def port(number, protocol="tcp", host_ip="0.0.0.0", inner=80):
    return {"host_ip": host_ip, "host_port": number, "container_port": inner, "protocol": protocol}


@pytest.fixture
def free():
    """The number of a port that nobody has."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return sock.getsockname()[1]


def test_ports_conflict_with_other_containers(host, free):
    networks.reserve_ports(host, A, [port(free)])
    networks.reserve_ports(host, A, [port(free)])
    networks.reserve_ports(host, B, [port(free, "udp")])
    for other in (port(free), port(free, host_ip="127.0.0.1")):
        with pytest.raises(Conflict, match="is taken by container first"):
            networks.check_ports(host, B, [other])
    networks.check_ports(host, B, [port(free)], replaces=A)
    networks.reserve_ports(host, C, [port(free)], replaces=A)
    with pytest.raises(Conflict):
        networks.check_ports(host, A, [port(free)])
    networks.release_ports(host, C)
    networks.check_ports(host, A, [port(free)])


def test_ports_on_different_addresses_do_not_conflict(host, free):
    networks.reserve_ports(host, A, [port(free, host_ip="127.0.0.1")])
    networks.reserve_ports(host, B, [port(free, host_ip="127.0.0.2")])
    with pytest.raises(Conflict):
        networks.reserve_ports(host, C, [port(free)])


def test_ports_of_other_processes(host):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen(1)
        number = taken.getsockname()[1]
        with pytest.raises(
            Conflict,
            match=r"port 0.0.0.0:%d/tcp is taken by process \S+ \(pid %d\)" % (number, os.getpid()),
        ):
            networks.check_ports(host, A, [port(number)])
        networks.check_ports(host, A, [port(number, "udp")])


@pytest.mark.parametrize("protocol", ["tcp", "udp"])
def test_two_tasks_that_ask_at_once_are_not_in_each_others_way(host, free, protocol):
    """Each binds the port to learn whether it is free, which the other took for a process that has it."""
    asked = [port(free, protocol)]
    other = os.fork()
    if other == 0:
        try:
            while os.getppid() != 1:
                ports._binds(asked[0])
                time.sleep(0.0002)
        finally:
            os._exit(1)
    try:
        for _again in range(3000):
            assert ports.check_ports(host, A, asked)[0]["host_port"] == free
    finally:
        os.kill(other, 9)
        os.waitpid(other, 0)


def test_chosen_ports(host, free):
    asked = [port(0), port(None, "udp"), port(free)]
    given = networks.reserve_ports(host, A, asked)
    assert [entry["container_port"] for entry in given] == [80, 80, 80]
    assert given[2]["host_port"] == free and given[0]["host_port"] != free
    assert all(1024 < entry["host_port"] < 65536 for entry in given)
    assert [entry["host_ip"] for entry in given] == ["0.0.0.0"] * 3
    assert len(host.db.all("SELECT * FROM ports")) == 3


def test_without_an_address_it_is_both_families_under_one_number(host, free, monkeypatch):
    asked = [port(free, host_ip=None), port(0, "udp", "")]
    monkeypatch.setattr(ports, "has_ipv6", lambda: True)
    given = networks.reserve_ports(host, A, asked)
    assert [entry["host_ip"] for entry in given] == ["0.0.0.0", "::"] * 2
    assert {entry["host_port"] for entry in given[:2]} == {free}
    assert len({entry["host_port"] for entry in given[2:]}) == 1
    assert networks.reserve_ports(host, A, given) == given
    for address in ("::", "0.0.0.0", "::1", ""):
        with pytest.raises(Conflict, match=f":{free}/tcp is taken by container first"):
            networks.check_ports(host, B, [port(free, host_ip=address)])
    monkeypatch.setattr(ports, "has_ipv6", lambda: False)
    given = networks.reserve_ports(host, A, asked)
    assert [entry["host_ip"] for entry in given] == ["0.0.0.0", "0.0.0.0"]


def test_a_number_is_free_only_where_both_families_have_it(host, monkeypatch):
    monkeypatch.setattr(ports, "has_ipv6", lambda: True)
    with socket.socket(socket.AF_INET6) as taken:
        taken.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        taken.bind(("::", 0))
        taken.listen()
        number = taken.getsockname()[1]
        with pytest.raises(Conflict, match=rf"port \[::\]:{number}/tcp is taken by process"):
            networks.check_ports(host, A, [port(number, host_ip="")])
        networks.check_ports(host, A, [port(number)])


@pytest.mark.parametrize(
    "bad, error",
    [
        (port(80, "dccp"), InvalidInput),
        (port(8077, host_ip="2001:db8::9"), InvalidInput),
        (port(80, host_ip="web"), InvalidInput),
        (port(70000), InvalidInput),
        (port(80, inner=0), InvalidInput),
        (port(8077, host_ip="203.0.113.9"), InvalidInput),
    ],
)
def test_bad_ports(host, bad, error):
    with pytest.raises(error, match="published_ports"):
        networks.reserve_ports(host, A, [bad])
    assert host.db.all("SELECT * FROM ports") == []


def test_sctp(host, free):
    """A kernel without it is told in one sentence."""
    try:
        socket.socket(socket.AF_INET, socket.SOCK_STREAM, 132).close()
    except OSError:
        with pytest.raises(Unsupported, match="this host's kernel has no SCTP"):
            networks.check_ports(host, A, [port(free, "sctp")])
    else:
        (found,) = networks.reserve_ports(host, A, [port(free, "sctp")])
        assert found["protocol"] == "sctp"


def test_the_same_port_twice(host, free):
    with pytest.raises(InvalidInput, match="once"):
        networks.check_ports(host, A, [port(free), port(free, inner=81)])


def test_ports_of_the_two_families_do_not_conflict(host, free):
    networks.reserve_ports(host, A, [port(free)])
    networks.reserve_ports(host, B, [port(free, host_ip="::")])
    with pytest.raises(Conflict, match=r"port \[::1\]:%d/tcp is taken by container b" % free):
        networks.check_ports(host, C, [port(free, host_ip="0:0::1")])


@pytest.fixture
def dual(host):
    """A network with two subnets of IPv4 and one of IPv6."""
    config = networks.get(host, "web")
    pool = dict(config["pools"][0], aux_addresses={})
    config = {
        **config,
        "name": "dual",
        "id": "d" * 64,
        "ipv6": True,
        "pools": [
            dict(pool, subnet="10.57.0.0/30", gateway="10.57.0.1"),
            dict(pool, subnet="10.58.0.0/24", gateway="10.58.0.1"),
            dict(
                pool,
                subnet="fd00:1::/64",
                gateway="fd00:1::1",
                ip_range="fd00:1::8:0/112",
                aux_addresses={"x": "fd00:1::8:0"},
            ),
        ],
    }
    catalog.add(host, config)
    return host


def test_an_address_of_each_family(dual):
    found = networks.allocate(dual, "dual", A)
    assert (found["address"], found["gateway"]) == ("10.57.0.2/30", "10.57.0.1")
    assert (found["address6"], found["gateway6"]) == ("fd00:1::8:1/64", "fd00:1::1")
    assert container_links.addresses(found) == ["10.57.0.2/30", "fd00:1::8:1/64"]
    assert container_links.targets([found]) == ["10.57.0.2", "fd00:1::8:1"]
    other = networks.allocate(dual, "dual", B)
    assert (other["address"], other["gateway"]) == ("10.58.0.2/24", "10.58.0.1"), (
        "the first is full"
    )
    assert networks.allocate(dual, "dual", A) == found
    assert [user["addresses"] for user in networks.users(dual, "dual")] == [
        ["10.58.0.2", "fd00:1::8:2"],
        ["10.57.0.2", "fd00:1::8:1"],
    ]
    moved = networks.allocate(dual, "dual", A, wanted_ip6="fd00:1:0::0:7")
    assert container_links.addresses(moved) == ["10.57.0.2/30", "fd00:1::7/64"]
    with pytest.raises(
        Conflict, match="ipv6_address: fd00:1::7 on network dual is container first"
    ):
        networks.allocate(dual, "dual", C, wanted_ip6="fd00:1::7")
    networks.release(dual, A)
    assert [user["id"] for user in networks.users(dual, "dual")] == [B]


@pytest.mark.parametrize("address", ["fd00:2::7", "fd00:1::", "fd00:1::1", "10.58.0.9", "x"])
def test_bad_addresses_of_ipv6(dual, address):
    with pytest.raises(InvalidInput, match="^ipv6_address"):
        networks.allocate(dual, "dual", A, wanted_ip6=address)
    with pytest.raises(InvalidInput, match="^ipv6_address: .* network web has no IPv6"):
        networks.allocate(dual, "web", A, wanted_ip6="fd00:1::7")


def test_where_ports_lead_to():
    both = {
        "address": "10.1.0.2/24",
        "gateway": None,
        "address6": "fd00::2/64",
        "gateway6": "fd00::1",
    }
    four = {"address": "10.2.0.2/24", "gateway": "10.2.0.1"}
    six = {"address": "", "gateway": None, "address6": "fd01::2/64", "gateway6": None}
    assert container_links.targets([]) == []
    assert container_links.targets([both, four]) == ["10.2.0.2", "fd00::2"], (
        "where there is a gateway"
    )
    assert container_links.targets([six, both]) == ["10.1.0.2", "fd00::2"]
    assert container_links.targets([six]) == ["fd01::2"]


def test_pools_are_private_and_do_not_overlap():
    subnets = [
        subnet
        for base, prefix in pools.POOLS
        for subnet in pools._subnets(ipaddress.ip_network(base), prefix)
    ]
    assert len(subnets) == 31 and all(subnet.is_private for subnet in subnets)
    assert str(subnets[0]) == "172.17.0.0/16"
    assert not any(one.overlaps(other) for one in subnets for other in subnets if one is not other)


def test_the_unique_local_prefix_is_kept(tmp_path):
    paths = Paths(str(tmp_path / "data"), str(tmp_path / "run"))
    drawn = pools._unique_local(paths)
    assert ipaddress.ip_network(drawn).subnet_of(ipaddress.ip_network("fd00::/8"))
    assert ipaddress.ip_network(drawn).prefixlen == 48
    assert pools._unique_local(paths) != drawn, "there is no store yet"
    os.mkdir(paths.data)
    kept = pools._unique_local(paths)
    assert pools._unique_local(paths) == kept
