# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Addresses and ports: who has which, without a kernel's help where none is needed."""

from __future__ import annotations

import socket
import types

import pytest
from pycontainer import networks
from pycontainer.errors import Conflict, InvalidInput, NotFound, Unsupported
from pycontainer.networks import catalog, pools
from pycontainer.store.database import Database

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
                "subnet": subnet,
                "gateway": start + ".1",
                "ip_range": None,
                "aux_addresses": {"x": start + ".3"} if name == "web" else {},
                "internal": internal,
                "masquerade": True,
                "mtu": 1500,
                "labels": {"tier": name},
                "driver_options": {},
                "automatic": False,
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
            Conflict, match=r"port 0.0.0.0:%d/tcp is taken by another process" % number
        ):
            networks.check_ports(host, A, [port(number)])
        networks.check_ports(host, A, [port(number, "udp")])


def test_chosen_ports(host, free):
    asked = [port(0), port(None, "udp", None), port(free)]
    given = networks.reserve_ports(host, A, asked)
    assert [entry["container_port"] for entry in given] == [80, 80, 80]
    assert given[2]["host_port"] == free and given[0]["host_port"] != free
    assert all(1024 < entry["host_port"] < 65536 for entry in given)
    assert [entry["host_ip"] for entry in given] == ["0.0.0.0"] * 3
    assert len(host.db.all("SELECT * FROM ports")) == 3


@pytest.mark.parametrize(
    "bad, error",
    [
        (port(80, "sctp"), InvalidInput),
        (port(80, host_ip="::"), Unsupported),
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


def test_the_same_port_twice(host, free):
    with pytest.raises(InvalidInput, match="once"):
        networks.check_ports(host, A, [port(free), port(free, inner=81)])


def test_pools_are_private_and_do_not_overlap():
    import ipaddress

    subnets = [ipaddress.ip_network(text) for text in pools.POOLS]
    assert len(subnets) == 31 and all(subnet.is_private for subnet in subnets)
    assert not any(one.overlaps(other) for one in subnets for other in subnets if one is not other)
