# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Replacement with drain_timeout: nobody is refused, and who is connected stays so. A client that counts sees it."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys

import pytest
from integration.containers.lifecycle import test_crash
from pycontainer import containers, networks
from pycontainer.containers.access import exec_client
from pycontainer.containers.client import monitor_client
from pycontainer.containers.records import catalog
from pycontainer.engine import Engine
from pycontainer.errors import ContainerFailed, HostError, InvalidInput
from pycontainer.kernel.net import connections
from pycontainer.kernel.processes import procfs
from pycontainer.networks import ports
from support import waiting
from support.own_network import do, get, in_own_network, network

# Asks for a page until its standard input ends, and prints how often each answer came, errors too.
CLIENT = """
import collections, json, select, socket, sys
counts = collections.Counter()
while not select.select([sys.stdin], [], [], 0)[0]:
    try:
        with socket.create_connection((sys.argv[1], int(sys.argv[2])), 5) as made:
            made.sendall(b"GET / HTTP/1.0\\r\\n\\r\\n")
            answer = b""
            while piece := made.recv(4096):
                answer += piece
        counts[answer.rpartition(b"\\n\\r\\n")[2].decode().strip() or "nothing"] += 1
    except OSError as error:
        counts[type(error).__name__] += 1
    print(flush=True)
print(json.dumps(counts))
"""
SERVE = (
    "mkdir -p /www; hostname > /www/index.html; %s httpd -p 80 -h /www; exec nc -ll -p 81 -e cat"
)
PORTS = ["8080:80", "8081:81"]


def server(name, before="", **more):
    """A container with pages at port 80 that say ``name``, and an echo at port 81."""
    command = ["sh", "-c", SERVE % before]
    return dict({"command": command, "hostname": name, "published_ports": PORTS}, **more)


class Client:
    def __init__(self, host, port):
        self.process = subprocess.Popen(
            [sys.executable, "-I", "-c", CLIENT, host, str(port)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.process.stdout.readline()  # it has asked once

    def counts(self):
        self.process.stdin.close()
        said = self.process.stdout.read().split("\n")
        self.process.wait()
        return json.loads([line for line in said if line][-1])


class Replacement:
    """A replacement in a process of its own; :meth:`result` waits for its end."""

    def __init__(self, engine, held=None, **params):
        """:param held: a connection that this process alone keeps."""
        engine.db.close()
        self.reader, writer = os.pipe()
        self.pid = os.fork()
        if self.pid == 0:
            if held is not None:
                held.close()
            try:
                with Engine(engine.paths.data, engine.paths.run) as own:
                    done = {
                        key: value for key, value in do(own, **params).items() if key != "container"
                    }
                os.write(writer, json.dumps(done).encode())
            except BaseException as error:
                os.write(writer, json.dumps({"failed": str(error)}).encode())
            finally:
                os._exit(0)
        os.close(writer)

    def result(self):
        with os.fdopen(self.reader, "rb") as file:
            found = json.loads(file.read())
        os.waitpid(self.pid, 0)
        return found


def connect(host, port):
    made = socket.create_connection((host, port), 5)
    made.settimeout(5)
    return made


def echoes(made):
    made.sendall(b"are you there\n")
    return made.recv(100) == b"are you there\n"


def listens(engine):
    record = containers.find(engine, "web")
    pid = containers.status(engine.paths, record["id"])["pid"]
    waiting.eventually(lambda: {80, 81} <= connections.listening(pid))
    return record["id"]


def names(engine):
    return sorted(record["name"] for record in catalog.every(engine))


@in_own_network
def test_nobody_is_refused(engine):
    first = do(engine, **server("one"))
    listens(engine)
    gateway = first["container"]["NetworkSettings"]["Gateway"]
    clients = [Client("127.0.0.1", 8080), Client(gateway, 8080), Client("::1", 8080)]
    wanted = server("two", "sleep 0.5;", drain_timeout=20)
    planned = do(engine, True, **wanted)
    done = do(engine, **wanted)
    assert done["actions"] == planned["actions"] and planned["warnings"] == done["warnings"] == []
    for client in clients:
        counts = client.counts()
        assert set(counts) == {"one", "two"}, counts
        assert counts["one"] > 10
    assert done["downtime"] == 0 and done["drained"]["cut"] == 0
    assert done["container"]["Id"] != first["container"]["Id"] and names(engine) == ["web"]
    assert get(8080) == get(8080, gateway) == "two" and not do(engine, **wanted)["changed"]
    assert os.listdir(engine.paths.containers) == [done["container"]["Id"]]
    assert len(engine.db.all("SELECT * FROM addresses")) == 1
    assert engine.db.all("SELECT * FROM operations") == []


@in_own_network
def test_who_is_connected_stays_so(engine):
    gateway = do(engine, **server("one"))["container"]["NetworkSettings"]["Gateway"]
    old = listens(engine)
    held = [connect("127.0.0.1", 8081), connect(gateway, 8081)]
    assert all(map(echoes, held))
    running = Replacement(engine, **server("two", drain_timeout=60))
    with Engine(engine.paths.data, engine.paths.run) as own:
        waiting.eventually(lambda: containers.find(own, "web")["id"] != old)
        waiting.eventually(lambda: get(8080) == get(8080, gateway) == "two")
        assert all(map(echoes, held)) and containers.status(own.paths, old)["status"] == "running"
        assert [name.partition("-")[0] for name in names(own)] == ["web", "web.draining"]
        held[0].shutdown(socket.SHUT_RDWR)  # the other process has them, too
        assert echoes(held[1])
        held[1].shutdown(socket.SHUT_RDWR)
    done = running.result()
    assert done["drained"]["cut"] == 0 and done["drained"]["seconds"] < 60, done
    held = [connect("127.0.0.1", 8081), connect(gateway, 8081)]
    assert all(map(echoes, held))
    done = do(engine, **server("three", drain_timeout=0.3))
    assert done["drained"]["cut"] == 2 and done["drained"]["seconds"] >= 0.3
    for made in held:
        assert made.recv(1) == b""
        made.close()


@in_own_network
def test_a_new_one_that_does_not_answer_changes_nothing(engine):
    do(engine, **server("one"))
    old = listens(engine)
    before = connect("127.0.0.1", 8081), networks.users(engine, "bridge")
    for more, said in (
        ({"command": ["sleep", "600"]}, "web does not listen on 80/tcp, 81/tcp after 0.5 seconds"),
        ({"command": ["sh", "-c", "sleep 0.5; exit 3"]}, "web ended before it listened"),
        ({"command": ["sh", "-c", "exit 3"]}, "web ended at once with exit code 3"),
    ):
        wait = 0.5 if more["command"][0] == "sleep" else 20
        with pytest.raises(ContainerFailed, match=said):
            do(engine, drain_timeout=5, healthy_wait_timeout=wait, **more)
        assert containers.find(engine, "web")["id"] == old and names(engine) == ["web"]
    assert echoes(before[0]) and networks.users(engine, "bridge") == before[1]
    assert get(8080) == "one" and os.listdir(engine.paths.containers) == [old]


@in_own_network
def test_ports_names_and_volumes_go_over(engine):
    """What is new is published at once, what goes is given back; others ask for the name and get the new one."""
    network(engine, "lan", "10.77.0.0/24")
    lan = {"networks": [{"name": "lan", "aliases": ["pages"]}], "auto_remove": True}
    do(engine, **server("one", volumes=["/kept"], **lan))
    exec_client.run(engine.paths, listens(engine), ["touch", "/kept/file"])
    do(engine, name="asker", networks=[{"name": "lan"}], command=["sleep", "600"])
    asker = containers.find(engine, "asker")["id"]
    ports = ["8080:81", "8082:80", "127.0.0.1:8083:80"]
    wanted = dict(server("two", volumes=["/kept"], **lan), published_ports=ports, drain_timeout=20)
    done = do(engine, **wanted)
    assert not done["warnings"] and names(engine) == ["asker", "web"]
    assert get(8082) == get(8083) == "two" and echoes(connect("127.0.0.1", 8080))
    with pytest.raises(OSError):
        connect("127.0.0.1", 8081)
    ident, address = done["container"]["Id"], "10.77.0.4"
    assert done["container"]["NetworkSettings"]["Networks"]["lan"]["IPAddress"] == address
    assert exec_client.run(engine.paths, ident, ["ls", "/kept"])["stdout"] == b"file\n"
    for name in ("web", "pages", "two"):
        page = exec_client.run(engine.paths, asker, ["wget", "-qO-", f"http://{name}/"])
        assert page["stdout"] == b"two\n", name
    assert {row["id"] for row in networks.users(engine, "lan")} == {ident, asker}


@in_own_network
def test_what_there_can_be_only_one_of_is_stopped_first(engine):
    network(engine, "lan", "10.77.0.0/24")
    fixed = [{"name": "lan", "ipv4_address": "10.77.0.9"}]
    do(engine, **server("one", networks=fixed))
    for more, why in (
        ({}, "in spite of drain_timeout: ipv4_address 10.77.0.9 on network lan is for one cont"),
        ({"networks": [], "network_mode": "none", "published_ports": []}, "network_mode none"),
    ):
        wanted = dict(env={"A": why}, drain_timeout=5, **more)
        for check in (True, False):
            done = do(engine, check, **wanted)
            assert len(done["warnings"]) == 1 and why in done["warnings"][0]
        assert done["downtime"] > 0 and "drained" not in done
    do(engine, **dict(server("two"), networks=[], network_mode="bridge"))
    done = do(engine, True, published_ports=["127.0.0.1:8080:80"], env={"A": "3"}, drain_timeout=5)
    assert "port 8080/tcp moves from 0.0.0.0 to 127.0.0.1" in done["warnings"][0]
    for more, said in (
        ({"drain_timeout": -1}, "drain_timeout.*-1.*seconds, 0 or more"),
        ({"state": "stopped"}, "state started, healthy.* not stopped"),
        ({"on_change": "restart"}, "on_change replace beside it"),
        ({"detach": False}, "detach true beside it"),
    ):
        with pytest.raises(InvalidInput, match=said):
            do(engine, **dict({"drain_timeout": 1}, **more))


@in_own_network
def test_nobody_waits_until_the_new_one_listens_by_sctp(engine):
    """It is said before anything is changed."""
    ports._is_free = lambda _port: True  # in the process of this test: the kernel may have no SCTP
    do(engine, **server("one"))
    published = ["8080:80", "9000:9000/sctp", "9001:9001/sctp"]
    wanted = dict(server("two", drain_timeout=5), published_ports=published)
    said = "container web: drain_timeout does not wait until the new one listens on 9000/sctp, "
    [warning] = do(engine, True, **wanted)["warnings"]
    assert warning.startswith(said + "9001/sctp; associations of the old one are waited for")


@in_own_network
def test_a_monitor_that_keeps_its_sockets(engine):
    """One of an older version: the old one is stopped at the switch, and the result says how long nothing answered."""

    def refuse(*_arguments):
        raise HostError("unknown operation 'lend_ports'")

    do(engine, **server("one"))
    listens(engine)
    monitor_client.share_ports = refuse  # in the process of this test
    done = do(engine, **server("two", drain_timeout=20))
    assert done["downtime"] > 0 and done["drained"]["cut"] == 0
    gateway = done["container"]["NetworkSettings"]["Gateway"]
    assert get(8080) == get(8080, gateway) == "two" and names(engine) == ["web"]


def killed_while_it_drains(engine, drain):
    """Return the old one's id, and a connection to it that lasts; its replacement was killed."""
    do(engine, **server("one"))
    old = listens(engine)
    held = connect("127.0.0.1", 8081)
    assert echoes(held)
    running = Replacement(engine, held, **server("two", drain_timeout=drain))
    with Engine(engine.paths.data, engine.paths.run) as own:
        waiting.eventually(lambda: containers.find(own, "web")["id"] != old)
        waiting.eventually(lambda: get(8080) == "two")
    os.kill(running.pid, signal.SIGKILL)
    os.waitpid(running.pid, 0)
    os.close(running.reader)
    return old, held


@in_own_network
def test_who_is_connected_has_the_time_of_a_task_that_was_killed(engine):
    """Any call sees to it, with no part in the old one's connections until these end."""
    old, held = killed_while_it_drains(engine, 600)
    for _call in range(2):
        with Engine(engine.paths.data, engine.paths.run) as own:
            assert [name.partition("-")[0] for name in names(own)] == ["web", "web.draining"]
            assert len(own.db.all("SELECT * FROM operations")) == 1
            assert (
                get(8080) == "two"
                and echoes(held)
                and containers.status(own.paths, old)["status"] == "running"
            )
    with Engine(engine.paths.data, engine.paths.run) as own:
        gateway = do(own, **server("two"))["container"]["NetworkSettings"]["Gateway"]
        assert get(8080, gateway) == "two" and not do(own, **server("two"))["changed"]
    held.close()

    def gone():
        with Engine(engine.paths.data, engine.paths.run) as own:
            return names(own) == ["web"] and not own.db.all("SELECT * FROM operations")

    waiting.eventually(gone)
    assert not os.path.exists(engine.paths.container(old)) and get(8080) == "two"


@in_own_network
def test_an_old_one_whose_task_was_killed_ends_with_no_call(engine):
    """Its monitor ends it after its time, and has it removed; one that adopted it, too."""
    for adopted in (False, True):
        old, held = killed_while_it_drains(engine, 1 + 2 * adopted)
        if adopted:
            monitor = procfs.stat(containers.status(engine.paths, old)["pid"])["parent"]
            os.kill(monitor, signal.SIGKILL)
        waiting.eventually(lambda: not os.path.exists(engine.paths.container(old)))
        held.close()
        with Engine(engine.paths.data, engine.paths.run) as own:
            assert names(own) == ["web"] and get(8080) == "two"
            assert own.db.all("SELECT * FROM operations") == []
            containers.remove(own, containers.find(own, "web"), force=True)


@pytest.mark.timeout(300)
@in_own_network
def test_a_kill_at_each_step_after_the_start(engine):
    """The ports are answered after it, and at the next run there is one container of the name."""
    before = dict(server("one"), name="web", image="box:1", stop_timeout=0)
    wanted = dict(before, hostname="two", drain_timeout=0)
    gateway = []

    def prepare(now):
        do(now, **before)
        listens(now)
        gateway[:] = [do(now, **before)["container"]["NetworkSettings"]["Gateway"]]

    def check(now):
        record = containers.find(now, "web")
        assert record["definition"]["hostname"] == "two" and names(now) == ["web"]
        for host in ("127.0.0.1", gateway[0]):
            assert get(8080, host) == "two" and echoes(connect(host, 8081)), host
        rows = now.db.all("SELECT DISTINCT container FROM ports")
        assert [row["container"] for row in rows] == [record["id"]]
        addresses = now.db.all("SELECT DISTINCT container FROM addresses")
        assert [row["container"] for row in addresses] == [record["id"]]

    def killed():
        assert get(8080) in ("one", "two") and get(8080, gateway[0]) in ("one", "two")

    test_crash.every_step(engine, wanted, prepare, check, "start", killed)
