# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Networks and published ports by commands, in a child with a network namespace of its own that stands for the host."""

from __future__ import annotations

import http.client
import json
import os
import subprocess
import time
import traceback

import pytest
from pycontainer import containers
from pycontainer import networks as stored_networks
from pycontainer.engine import Engine
from pycontainer.networks import task as networks_task
from pycontainer.reconcile import carry_out

CLONE_NEWNET = 0x40000000
SERVE = ["sh", "-c", "mkdir -p /www && echo page > /www/index.html && exec httpd -f -p 80 -h /www"]


def in_own_network(docker, test):
    """Run ``test(docker)`` in a forked child after unshare(2), on the fixture's store, opened anew."""
    reader, writer = os.pipe()
    docker.engine.db.close()
    if not (child := os.fork()):
        verdict = b"died"
        try:
            verdict = _child(docker, test)
        finally:
            os.write(writer, verdict[-60000:])
            os._exit(0)
    os.close(writer)
    with os.fdopen(reader, "rb") as file:
        verdict = file.read().decode()
    os.waitpid(child, 0)
    if verdict:
        pytest.fail(verdict, pytrace=False)


def _child(docker, test):
    from pycontainer.deploy import daemon
    from pycontainer.kernel.calls import syscalls

    syscalls.unshare(CLONE_NEWNET)
    daemon.booted_by_systemd = lambda: (
        False
    )  # systemd would start the zygote in the machine's own network
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    with Engine(docker.engine.paths.data, docker.engine.paths.run) as own:
        docker.engine = own
        try:
            test(docker)
        except BaseException:
            return traceback.format_exc().encode()
        finally:
            for record in containers.every(own):
                containers.remove(own, record, force=True)
    return b""


def get(port, host="127.0.0.1"):
    for _attempt in range(100):
        try:
            connection = http.client.HTTPConnection(host, port, timeout=5)
            connection.request("GET", "/")
            return connection.getresponse().read().decode().strip()
        except OSError:
            time.sleep(0.05)
    raise AssertionError(f"port {port} does not answer")


def test_networks(docker):
    in_own_network(docker, networks)


def networks(docker):
    first = docker.task(
        "network", "create", "--subnet", "10.199.7.0/24", "-l", "tier=front", "front"
    )
    assert first["changed"] and len(first["stdout"]) == 64
    assert docker("network", "create", "front", rc=1) == "network front exists already"
    docker("network", "create", "--internal", "back")
    run = ("run", "-d", "--stop-timeout", "0")
    docker(
        *run,
        "--name",
        "web",
        "--network",
        "front",
        "--ip",
        "10.199.7.9",
        "--mac-address",
        "02:42:0a:c7:07:09",
        "-p",
        "127.0.0.1:8081:80",
        "box:1",
        *SERVE,
    )
    docker(
        *run,
        "--name",
        "two",
        "--network",
        "name=front,ip=10.199.7.10",
        "--network",
        "back",
        "box:1",
    )
    assert get(8081) == "page"
    assert (
        docker("port", "web") == "80/tcp -> 127.0.0.1:8081"
        and docker("port", "web", "80") == "127.0.0.1:8081"
    )
    assert "127.0.0.1:8081->80/tcp" in docker("ps")
    assert (
        docker(
            "inspect",
            "-f",
            "{{range .NetworkSettings.Networks}}{{.IPAddress}} {{.MacAddress}}{{end}}",
            "web",
        )
        == "10.199.7.9 02:42:0a:c7:07:09"
    )
    assert docker(
        "inspect", "-f", "{{range $name, $_ := .NetworkSettings.Networks}}{{$name}} {{end}}", "two"
    ).split() == ["back", "front"]
    assert docker("exec", "two", "wget", "-qO-", "http://10.199.7.9/") == "page"
    assert docker("network", "ls").splitlines()[0].split("   ")[0] == "NETWORK ID"
    assert docker("network", "ls", "-f", "label=tier", "--format", "{{.Name}}") == "front"
    assert docker("ps", "-f", "network=back", "--format", "{{.Names}}") == "two"
    assert sorted(
        row["Name"]
        for row in json.loads(docker("network", "inspect", "front"))[0]["Containers"].values()
    ) == ["two", "web"]
    assert "front" in docker("network", "rm", "front", rc=1)
    options = ["--disable-dns", "--interface-name", "pcl0", "--subnet", "10.199.9.0/24"]
    docker("network", "create", *options, "--route", "10.98.0.0/16,10.199.9.7", "lone")
    lone = json.loads(docker("network", "inspect", "lone"))[0]
    assert (lone["DisableDNS"], lone["Bridge"], lone["Scope"]) == (True, "pcl0", "local")
    assert [route["gateway"] for route in lone["Routes"]] == ["10.199.9.7"]
    # connect and disconnect, as it runs
    pid = docker("inspect", "-f", "{{.State.Pid}}", "web")
    assert (
        docker.task("network", "connect", "--ip", "10.199.7.77", "front", "web")["rc"] == 1
    )  # it is on it already
    assert docker.task("network", "connect", "back", "web")["changed"] and "eth1" in docker(
        "exec", "web", "ip", "addr"
    )
    shown = "{{range .NetworkSettings.Networks}}{{.GwPriority}} {{json .Links}};{{end}}"
    assert docker("inspect", "-f", shown, "web") == "0 null;0 null;"
    docker("network", "disconnect", "back", "web")
    docker("network", "connect", "--link", "two:db", "--gw-priority", "3", "back", "web")
    assert docker("inspect", "-f", shown, "web") == '3 ["two:db"];0 null;'
    assert "gw_priority" in docker("network", "connect", "--gw-priority", "x", "lone", "web", rc=1)
    assert docker.task("network", "disconnect", "back", "web")["changed"] and "eth1" not in docker(
        "exec", "web", "ip", "addr"
    )
    assert "is not on network" in docker("network", "disconnect", "back", "web", rc=1)
    assert (
        docker("network", "disconnect", "front", "two") == ""
        and docker("ps", "-f", "network=front", "--format", "{{.Names}}") == "web"
    )
    assert docker("inspect", "-f", "{{.State.Pid}}", "web") == pid
    # all exposed ports
    docker(*run, "--name", "all", "-P", "--expose", "90/udp", "box:1", *SERVE)
    published = dict(line.split(" -> ") for line in docker("port", "all").splitlines())
    assert (
        sorted(published) == ["80/tcp", "90/udp"]
        and get(int(published["80/tcp"].rpartition(":")[2])) == "page"
    )
    assert "8081" in docker(*run, "-p", "8081:80", "box:1", rc=125)
    # prune and remove
    docker("rm", "-f", "two", "all", "web")
    result = docker.task("network", "prune", "-f")
    assert result["changed"] and result["stdout_lines"][:4] == [
        "Deleted Networks:",
        "back",
        "front",
        "lone",
    ]
    assert not docker.task("network", "prune", "-f")["changed"]


def test_the_last_network_is_left(docker):
    in_own_network(docker, the_last)


def the_last(docker):
    for name, subnet in (("front", "10.199.7.0/24"), ("back", "10.199.6.0/24")):
        docker("network", "create", "--subnet", subnet, name)
    run = ("run", "-d", "--stop-timeout", "0", "--network", "front")
    docker(*run, "--name", "web", "--ip", "10.199.7.9", "-p", "8081:80", "box:1", *SERVE)
    docker(*run, "--name", "other", "box:1")
    shown = "{{.State.Pid}} {{.HostConfig.NetworkMode}} {{json .NetworkSettings.Ports}}"
    pid = docker("inspect", "-f", shown, "web").split()[0]
    assert get(8081) == "page"
    left = docker.task("network", "disconnect", "front", "web")
    assert left["changed"] and "no port is published" in left["warnings"][0]
    assert docker("inspect", "-f", shown, "web") == f"{pid} none {{}}"
    assert "eth0" not in docker("exec", "web", "ip", "link")
    assert "10.199.7.9" not in docker("exec", "web", "cat", "/etc/hosts")
    with pytest.raises(OSError):
        http.client.HTTPConnection("127.0.0.1", 8081, timeout=5).request("GET", "/")
    assert "bad address" in docker("exec", "other", "ping", "-c1", "web", rc=1)
    docker("restart", "web")  # it comes back without a network
    assert "eth0" not in docker("exec", "web", "ip", "link")
    docker("network", "connect", "back", "web")
    assert get(8081) == "page" and "10.199.6." in docker("exec", "web", "cat", "/etc/hosts")
    docker("network", "connect", "back", "other")
    docker("exec", "other", "ping", "-c1", "web")  # its name is answered again
    # a container that was made without a network
    alone = ("run", "-d", "--name", "alone", "--network", "none", "--stop-timeout", "0")
    said = docker.task(*alone, "-p", "8082:80", "box:1", *SERVE)["warnings"]
    assert "no port is published, since with network_mode none" in said[0]
    mac = "02:42:0a:c7:06:77"
    docker("network", "connect", "--alias", "al", "--mac-address", mac, "back", "alone")
    assert mac in docker("exec", "alone", "ip", "link")
    docker("exec", "alone", "ping", "-c1", "web")
    assert get(8082) == "page"
    docker("exec", "other", "ping", "-c1", "al")
    assert docker("inspect", "-f", "{{.HostConfig.NetworkMode}}", "alone") == "back"
    # what is for a network alone
    docker("run", "-d", "--name", "mac", "--mac-address", "02:42:0a:c7:07:19", "box:1")
    said = docker("network", "disconnect", "bridge", "mac", rc=1)
    assert said.startswith("container mac has mac_address, which is for a network")


def test_disconnect_what_is_gone(docker):
    in_own_network(docker, what_is_gone)


def what_is_gone(docker):
    engine = docker.engine
    for name in ("front", "back"):
        docker("network", "create", name)
    docker("run", "-d", "--name", "web", "--network", "front", "--stop-timeout", "0", "box:1")
    docker("network", "connect", "back", "web")
    docker("create", "--name", "made", "--network", "front", "box:1")
    carry_out(
        networks_task.plan(engine, {"name": "front", "state": "absent", "force": True}), False
    )
    assert "network front does not exist" in docker("network", "disconnect", "front", "web", rc=1)
    docker("network", "disconnect", "-f", "front", "web")
    docker("network", "disconnect", "front", "made")  # it does not run
    names = "{{range $name, $_ := .NetworkSettings.Networks}}{{$name}} {{end}}"
    assert docker("inspect", "-f", names, "web").split() == ["back"]
    assert docker("inspect", "-f", names, "made").split() == ["none"]
    docker("exec", "web", "ip", "route", "get", "10.9.9.9")
    # a container that is gone, whose address and link are kept
    ident = "ab12" * 16
    place = stored_networks.allocate(engine, "back", ident)
    subprocess.run(["ip", "link", "add", place["ifname"], "type", "bridge"], check=True)
    gone = ("network", "disconnect", "--force", "back", ident[:12])
    assert "does not exist" in docker("network", "disconnect", "back", ident[:12], rc=1)
    with engine.operations.record("create-container", id=ident, volumes=[]):
        assert "is being made by another task" in docker(*gone, rc=1)
    for check in (True, False):
        done = docker.task(*gone, check=check)
        assert done["changed"] and done["rc"] == 0
        kept = place["address"].partition("/")[0] in docker("network", "inspect", "back")
        assert kept is check
    assert subprocess.run(["ip", "link", "show", place["ifname"]], capture_output=True).returncode
    assert "keeps nothing for it" in docker(*gone, rc=1)
    # a name that looks like the beginning of another network's id
    ident = docker("network", "inspect", "-f", "{{.Id}}", "back")
    other = docker("network", "create", ident[:12])
    assert other != ident
    docker("network", "rm", ident[:12])
    assert docker("network", "ls", "-q", "--no-trunc", "-f", "name=back") == ident


def test_ports_of_a_network_that_is_routed(docker):
    in_own_network(docker, routed)


def routed(docker):
    mode = "com.docker.network.bridge.gateway_mode_ipv4"
    docker("network", "create", "-o", f"{mode}=routed", "--subnet", "10.199.8.0/24", "edge")
    run = ("run", "-d", "--stop-timeout", "0", "--network", "edge")
    docker(*run, "--name", "web", "-p", "8081:80", "box:1", *SERVE)
    docker(*run, "--name", "two", "-p", "8081:80", "box:1")  # no port of the host is taken
    assert get(80, "10.199.8.2") == "page"
    ports = json.loads(docker("inspect", "web"))[0]["NetworkSettings"]["Ports"]
    assert ports == {"80/tcp": [{"HostIp": "0.0.0.0", "HostPort": ""}]}
    assert docker("port", "web") == "" and " 80/tcp " in docker("ps", "-f", "name=web")
    opened = lambda: (
        subprocess.run(
            ["nft", "list", "set", "ip", "pycontainer", "open_ports"],
            capture_output=True,
            text=True,
        ).stdout
    )
    assert "10.199.8.2 . tcp . 80" in opened()
    assert "127.0.0.1" in docker(*run, "-p", "127.0.0.1:8081:80", "box:1", rc=125)
    docker("rm", "-f", "two")
    assert "10.199.8.3" not in opened() and "10.199.8.2" in opened()
    # a change of the mode leads its ports elsewhere, as it runs
    engine = docker.engine
    params = {"name": "edge", "state": "present", "driver_options": {}}
    assert carry_out(networks_task.plan(engine, params), False)["changed"]
    assert get(8081) == "page" and "10.199.8.2" not in opened()
    assert docker("port", "web").startswith("80/tcp -> 0.0.0.0:8081")
    params["driver_options"] = {mode: "routed"}
    carry_out(networks_task.plan(engine, params), False)
    assert docker("port", "web") == "" and "10.199.8.2 . tcp . 80" in opened()
    subprocess.run(["nft", "flush", "ruleset"], check=True)
    docker("network", "repair")
    assert "10.199.8.2 . tcp . 80" in opened()
    docker("rm", "-f", "web")
    assert "10.199.8" not in opened()
