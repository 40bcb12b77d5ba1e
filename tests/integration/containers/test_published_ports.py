# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Published ports: on which addresses of the host, and how they change while the container runs. Every test's work is done in a network
namespace of its own, which stands for the host."""

from __future__ import annotations

import os
import socket

import pytest
from pycontainer import containers, networks
from pycontainer.containers.client import monitor_client
from pycontainer.containers.records import catalog
from pycontainer.errors import Conflict, EngineError, InvalidInput
from pycontainer.kernel.processes import procfs
from pycontainer.reconcile import carry_out
from support import waiting
from support.own_network import do, get, in_own_network, network, refused, web

FAMILIES = ["0.0.0.0", "::"]


@in_own_network
def test_published_port_and_its_change_while_it_runs(engine):
    first = do(engine, **web(hostname="one", published_ports=["127.0.0.1:8081:80"]))
    assert get(8081) == "one" and first["container"]["NetworkSettings"]["Ports"] == {
        "80/tcp": [{"HostIp": "127.0.0.1", "HostPort": "8081"}]
    }
    assert not do(engine, **web(hostname="one", published_ports=["127.0.0.1:8081:80"]))["changed"]
    second = do(engine, published_ports=["8082:80"])
    assert (
        second["container"]["State"]["Pid"] == first["container"]["State"]["Pid"]
        and get(8082) == "one"
        and refused(8081)
    )
    assert get(8082, second["container"]["NetworkSettings"]["Gateway"]) == "one"
    third = do(engine, published_ports=[])
    assert (
        refused(8082)
        and third["container"]["NetworkSettings"]["Ports"] == {}
        and engine.db.all("SELECT * FROM ports") == []
    )


@in_own_network
def test_a_change_to_a_port_that_another_process_has_changes_nothing(engine):
    do(engine, **web(published_ports=["127.0.0.1:8091:80"]))
    served = get(8091)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 8092))
        taken.listen(1)
        for _again in range(2):  # what was not done is still to be done
            with pytest.raises(EngineError, match="8092/tcp is taken by process"):
                do(engine, **web(published_ports=["127.0.0.1:8091:80", "127.0.0.1:8092:80"]))
        assert get(8091) == served
        assert not do(engine, **web(published_ports=["127.0.0.1:8091:80"]))["changed"]
    assert (
        do(engine, **web(published_ports=["127.0.0.1:8092:80"]))["changed"]
        and get(8092) == served
        and refused(8091)
    )


@in_own_network
def test_ports_stay_where_the_monitor_is_killed_during_a_health_check(engine):
    """The process that does the check has nothing that the next monitor needs."""
    check = {"test": ["CMD", "sleep", "1000"], "interval": "10ms", "timeout": "900s"}
    ports = ["127.0.0.1:8081:80"]
    do(engine, **web(hostname="one", published_ports=ports, healthcheck=check))
    assert get(8081) == "one"
    ident = containers.find(engine, "web")["id"]
    pid = containers.status(engine.paths, ident)["pid"]
    waiting.eventually(lambda: len(monitor_client.processes(engine.paths, ident)) > 1)
    monitor = procfs.stat(pid)["parent"]
    os.kill(monitor, 9)
    waiting.eventually(lambda: procfs.start_time(monitor) is None)
    waiting.eventually(lambda: containers.status(engine.paths, ident)["monitored"])
    assert get(8081) == "one"


@in_own_network
def test_a_port_is_published_by_the_first_change_of_a_quiet_container(engine):
    """Its monitor has read nothing before of what was asked for."""
    do(engine, **web(hostname="quiet"))
    do(engine, published_ports=["127.0.0.1:8081:80"])
    assert get(8081) == "quiet"


@in_own_network
def test_ports_that_are_chosen_stay(engine):
    first = do(
        engine,
        **web(published_ports=["80", "9000-9010:81"], exposed_ports=["82"], publish_all_ports=True),
    )
    ports = first["container"]["NetworkSettings"]["Ports"]
    number = int(ports["80/tcp"][0]["HostPort"])
    assert (
        get(number)
        and ports["81/tcp"][0]["HostPort"] == "9000"
        and set(ports) == {"80/tcp", "81/tcp", "82/tcp"}
    )
    assert do(engine, state="restarted")["container"]["NetworkSettings"]["Ports"] == ports
    assert (
        do(engine, env={"A": "1"})["container"]["NetworkSettings"]["Ports"]["81/tcp"][0]["HostPort"]
        == "9000"
    )


@in_own_network
def test_one_port_of_a_container_under_several_of_the_host(engine):
    first = do(engine, **web(published_ports=["8080:80", "80", "127.0.0.1::80", "9000-9010:80"]))
    numbers = first["container"]["NetworkSettings"]["Ports"]["80/tcp"]
    assert len({entry["HostPort"] for entry in numbers}) == 4
    second = do(engine, exposed_ports=["81"])  # the ports are reserved anew, and stay
    assert second["container"]["NetworkSettings"]["Ports"]["80/tcp"] == numbers
    third = do(engine, published_ports=["8081:80", "80", "127.0.0.1::80", "9000-9010:80"])
    kept = third["container"]["NetworkSettings"]["Ports"]["80/tcp"]
    assert [entry for entry in kept if entry not in numbers] == [
        {"HostIp": address, "HostPort": "8081"} for address in FAMILIES
    ]


@in_own_network
def test_a_port_without_an_address_is_published_on_both_families(engine):
    first = do(engine, **web(hostname="one", published_ports=["8080:80"]))
    shown = {"80/tcp": [{"HostIp": ip, "HostPort": "8080"} for ip in FAMILIES]}
    assert first["container"]["NetworkSettings"]["Ports"] == shown
    assert first["container"]["HostConfig"]["PortBindings"] == shown
    assert get(8080) == get(8080, "::1") == "one"
    again = web(hostname="one", published_ports=["8080:80"])
    assert not do(engine, **again)["changed"] and not do(engine, True, **again)["changed"]
    alone = web(hostname="one", published_ports=["0.0.0.0:8080:80"])
    checked = do(engine, True, **alone)
    done = do(engine, **alone)
    assert checked["changed"] and checked["diff"] == done["diff"]
    assert done["container"]["State"]["Pid"] == first["container"]["State"]["Pid"]
    assert get(8080) == "one" and refused(8080, "::1")
    assert not do(engine, **alone)["changed"]
    assert do(engine, **again)["changed"] and get(8080, "::1") == "one"
    with socket.socket(socket.AF_INET6) as taken:
        taken.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        taken.bind(("::", 8081))
        taken.listen()
        with pytest.raises(Conflict, match=r"port \[::\]:8081/tcp is taken by process"):
            do(engine, published_ports=["8081:80"])
        do(engine, published_ports=["0.0.0.0:8081:80"])
        with pytest.raises(Conflict, match=r"port \[::\]:8081/tcp is taken by process"):
            do(engine, True, published_ports=["8081:80"], env={"A": "1"})


@in_own_network
def test_a_host_without_ipv6_publishes_on_ipv4_alone(engine):
    with open("/proc/sys/net/ipv6/conf/all/disable_ipv6", "w") as file:
        file.write("1")
    first = do(engine, **web(hostname="one", published_ports=["8080:80"]))
    shown = [{"HostIp": "0.0.0.0", "HostPort": "8080"}]
    assert first["container"]["NetworkSettings"]["Ports"]["80/tcp"] == shown
    assert get(8080) == "one" and first.get("warnings", []) == []
    with open("/proc/sys/net/ipv6/conf/all/disable_ipv6", "w") as file:
        file.write("0")
    second = do(engine, published_ports=["8080:80"], labels={"a": "b"})
    assert second["container"]["NetworkSettings"]["Ports"]["80/tcp"] == shown, "it stays"


@in_own_network
def test_what_an_older_version_published_on_ipv4_stays_until_it_is_replaced(engine):
    first = do(engine, **web(published_ports=["0.0.0.0:8080:80"]))
    record = containers.find(engine, "web")
    (port,) = record["definition"]["published_ports"]
    del port["ipv4"]  # as it was written
    catalog.set_definition(engine, record["id"], record["definition"])
    for said in ("8080:80", "0.0.0.0:8080:80"):
        assert not do(engine, **web(published_ports=[said]))["changed"]
    network(engine, "front", "10.77.1.0/24")
    second = do(engine, **web(published_ports=["8080:80"], networks=["front"]))
    assert set(second["diff"]["after"]) == {"networks"}
    four = {"80/tcp": [{"HostIp": "0.0.0.0", "HostPort": "8080"}]}
    assert second["container"]["NetworkSettings"]["Ports"] == four
    assert second["container"]["State"]["Pid"] == first["container"]["State"]["Pid"]
    third = do(engine, **web(published_ports=["8080:80"], env={"A": "1"}))
    assert "published_ports" not in third["diff"]["after"]
    found = third["container"]["NetworkSettings"]["Ports"]["80/tcp"]
    assert [entry["HostIp"] for entry in found] == FAMILIES


@in_own_network
def test_the_address_that_a_network_publishes_on(engine):
    option = "com.docker.network.bridge.host_binding_ipv4"

    def make(name, subnet, address):
        params = {"name": name, "driver_options": {option: address}}
        params["ipam_config"] = [{"subnet": subnet}]
        return carry_out(networks.plan(engine, {"state": "present", **params}), False)

    make("local", "10.77.1.0/24", "127.0.0.1")
    make("six", "10.77.2.0/24", "::1")
    make("all", "10.77.3.0/24", "0.0.0.0")
    for name, number, shown in (
        ("local", "8081", ["127.0.0.1"]),
        ("six", "8082", ["::1"]),
        ("all", "8083", FAMILIES),
    ):
        params = web(networks=[name], published_ports=[f"{number}:80"])
        found = do(engine, name=name, **params)["container"]["NetworkSettings"]["Ports"]["80/tcp"]
        assert [entry["HostIp"] for entry in found] == shown
        assert not do(engine, name=name, **params)["changed"]
    assert make("local", "10.77.1.0/24", "127.0.0.2")["changed"]
    assert not do(engine, name="local", **web(published_ports=["8081:80"]))["changed"]
    params = web(default_host_ip="127.0.0.3", published_ports=["8081:80"])
    for changed in (True, False):
        done = do(engine, name="local", **params)
        found = done["container"]["NetworkSettings"]["Ports"]["80/tcp"]
        assert [entry["HostIp"] for entry in found] == ["127.0.0.3"]
        assert done["changed"] is changed
    with pytest.raises(InvalidInput, match="host_binding_ipv4.*an IPv4 or IPv6 address"):
        make("local", "10.77.1.0/24", "localhost")
