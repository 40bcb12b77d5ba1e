# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The relay in an event loop: its clients in the host's namespace, its servers in the container's."""

from __future__ import annotations

import contextlib
import os
import resource
import select
import socket
import threading
import time

import pytest
from pycontainer.containers.monitor.port_relay import Relay
from pycontainer.errors import Conflict, HostError
from support import waiting

SERVER = "10.8.0.2"


class Loop:
    """A monitor's event loop in a thread, with a relay in it."""

    def __init__(self, ports, addresses=(SERVER,)):
        self.epoll, self.stop, self.rounds = select.epoll(), False, 0
        self.relay = Relay(self.epoll)
        self.relay.serve(ports, list(addresses))
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def run(self):
        while not self.stop:
            for fd, events in self.epoll.poll(0.05):
                self.rounds += 1
                self.relay.handle(fd, events)
            self.relay.expire(time.monotonic())

    @contextlib.contextmanager
    def paused(self):
        """The relay is this thread's."""
        self.stop = True
        self.thread.join()
        yield
        self.stop, self.thread = False, threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def close(self):
        self.stop = True
        self.thread.join()
        self.relay.close()


@pytest.fixture
def world(net):
    """Called in the test: a container's namespace at 10.8.0.2 behind a link, as if there were no firewall rules at all."""

    def make():
        container = net.namespace()
        net.run(
            "ip link add v0 type veth peer name eth0 netns %d; ip addr add 10.8.0.1/24 dev v0; ip "
            "link set v0 up" % container.pid
        )
        container.run(f"ip addr add {SERVER}/24 dev eth0; ip link set eth0 up; ip link set lo up")
        return container

    return make


def tcp_server(ready, behaviour, count=1):
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("0.0.0.0", 80))
        listener.listen(100)
        ready.write("ready\n")
        ready.flush()
        return [behaviour(listener.accept()[0]) for dummy in range(count)]


tcp_server.serves = True


def serve(container, behaviour, count=1):
    file = container.start(tcp_server, behaviour, count)
    assert file.readline() == "ready\n"
    return file


def quiet(loop, most=0):
    """Whether it comes to rest: for some tenths of a second nothing happens, or ``most`` events."""

    def rests():
        rounds = loop.rounds
        time.sleep(0.3)
        return loop.rounds - rounds <= most

    return waiting.until(rests)


def connect(number=8080, address="127.0.0.1"):
    sock = socket.create_connection((address, number), timeout=20)
    return sock


def everything(sock):
    found = []
    while True:
        data = sock.recv(65536)
        if not data:
            return b"".join(found)
        found.append(data)


def test_half_close_and_large_transfers_both_ways(net, world, port):
    container, data = world(), os.urandom(3 << 20)

    def behaviour(connection):
        received = everything(connection)  # ends by the client's half-close
        connection.sendall(received[::-1])
        connection.close()
        return len(received)

    answer, loop = serve(container, behaviour), Loop([port(8080)])
    with connect() as client:
        writer = threading.Thread(
            target=lambda: (client.sendall(data), client.shutdown(socket.SHUT_WR))
        )
        writer.start()
        assert everything(client) == data[::-1]
        writer.join()
    assert answer.read() == f"[{len(data)}]"
    waiting.eventually(lambda: loop.relay.connections == 0 and len(loop.relay.sources) == 1)
    assert quiet(loop), "events without end"
    loop.close()


def test_server_closes_its_half_first(net, world, port):
    def behaviour(connection):
        connection.sendall(b"bye")
        connection.shutdown(socket.SHUT_WR)
        return everything(connection).decode()

    answer, loop = serve(world(), behaviour), Loop([port(8080)])
    with connect() as client:
        assert everything(client) == b"bye"
        assert quiet(loop)
        client.sendall(b"and on")
    assert answer.read() == '["and on"]'
    loop.close()


def test_a_slow_reader_holds_the_writer_back(net, world, port):
    def behaviour(connection):
        connection.settimeout(1)
        sent = 0
        try:
            while sent < 200 << 20:
                sent += connection.send(bytes(1 << 16))
        except socket.timeout:
            pass
        return sent

    answer, loop = serve(world(), behaviour), Loop([port(8080)])
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with connect() as client:
        sent = int(answer.read().strip("[]"))
        assert 0 < sent < 64 << 20
        assert quiet(loop, 4)
        received = 0
        while True:
            data = client.recv(1 << 20)
            if not data:
                break
            received += len(data)
        assert received == sent
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 8 << 10
    loop.close()


def test_resets_are_passed_on(net, world, port):
    import struct

    def behaviour(connection):
        connection.recv(10)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("=ii", 1, 0))
        connection.close()

    container = world()
    serve(container, behaviour)
    loop = Loop([port(8080), port(8081, 81)])
    with connect() as client:
        client.sendall(b"x")
        with pytest.raises(ConnectionResetError):
            client.recv(10)
    with pytest.raises(ConnectionResetError), connect(8081) as client:  # nobody listens there
        client.recv(10)
    waiting.eventually(lambda: loop.relay.connections == 0)
    loop.close()


def test_many_connections_and_a_limit_on_them(net, world, port):
    serve(world(), lambda connection: connection.sendall(b"x"), 60)
    loop = Loop([port(8080)])
    loop.relay.most = 5
    clients = [connect() for dummy in range(30)]
    assert [client.recv(1) for client in clients[:5]] == [b"x"] * 5
    waiting.eventually(lambda: loop.relay.full)
    assert quiet(loop, 2) and loop.relay.connections == 5
    for client in clients:
        assert client.recv(1) in (b"x", b"")
        client.close()
    loop.close()


def test_without_descriptors_it_waits(net, world, port):
    serve(world(), lambda connection: connection.sendall(b"x"))
    loop = Loop([port(8080)])

    def late():
        time.sleep(0.3)
        with connect() as client:
            return client.recv(1).decode()

    answer = net.host().start(late)
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    lowest_free = os.dup(0)
    os.close(lowest_free)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (lowest_free, hard))
        waiting.eventually(lambda: loop.relay.full)
        assert loop.relay.connections == 0
        rounds = loop.rounds
        time.sleep(0.5)
        assert loop.rounds - rounds < 50, "it tries again at times only"
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert answer.read() == '"x"'
    loop.close()


def udp_server(ready):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind(("0.0.0.0", 53))
        ready.write("ready\n")
        ready.flush()
        while True:
            data, peer = sock.recvfrom(65536)
            if data == b"from":
                data = str(peer[1]).encode()
            sock.sendto(data, peer)


udp_server.serves = True


def test_udp(net, world, port):
    container = world()
    net.files.append(container.start(udp_server))
    assert net.files[-1].readline() == "ready\n"
    loop = Loop([port(5353, 53, "udp")])
    clients = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for dummy in range(3)]
    ports = set()
    for number, client in enumerate(clients):
        client.settimeout(20)
        client.connect(
            (["10.8.0.1", "127.0.0.1", "127.0.0.2"][number], 5353)
        )  # connected: takes answers from this very address alone
        client.send(b"from")
        ports.add(client.recv(100))
        client.send(bytes(1200))
        assert client.recv(2000) == bytes(1200)
        client.send(b"from")
        assert client.recv(100) in ports
    assert len(ports) == 3 and len(loop.relay.listeners[0].clients) == 3
    loop.stop = True
    loop.thread.join()
    loop.relay.expire(time.monotonic() + 59)
    assert len(loop.relay.listeners[0].clients) == 3
    loop.relay.expire(time.monotonic() + 61)
    assert len(loop.relay.listeners[0].clients) == 0 and len(loop.relay.sources) == 1
    loop.relay.close()


def test_udp_to_a_closed_port_and_too_many_clients(net, world, port):
    container = world()
    loop = Loop([port(5353, 99, "udp")])
    loop.relay.most = 8
    for dummy in range(3):
        for _client in range(5):
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
                client.sendto(b"x", ("127.0.0.1", 5353))
        assert quiet(loop)
    assert len(loop.relay.listeners[0].clients) <= 4
    loop.close()
    assert container.pid


def test_taken_ports_leave_nothing_open(net, port):
    epoll, before = select.epoll(), None
    with socket.socket() as taken:
        taken.bind(("0.0.0.0", 8081))
        taken.listen(1)
        before = sorted(os.listdir("/proc/self/fd"))
        relay = Relay(epoll)
        taken_by = r"port 0.0.0.0:8081/tcp is taken by process .* \(pid %d\)" % os.getpid()
        with pytest.raises(Conflict, match=taken_by):
            relay.serve([port(8080), port(5353, 53, "udp"), port(8081)], [SERVER])
        assert sorted(os.listdir("/proc/self/fd")) == before and relay.sources == {}
        with pytest.raises(HostError, match="can't listen on 203.0.113.1:8080/tcp"):
            Relay(epoll).serve([port(8080, host_ip="203.0.113.1")], [SERVER])
    assert relay.handle(12345, select.EPOLLIN) is False


def listening(relay):
    return {listener.address: listener.socket.getsockname() for listener in relay.listeners}


def test_other_ports_leave_those_that_stay(net, world, port):
    """In any order of the lists; what can't be had leaves all as it was, and a full relay is closed like another."""
    serve(world(), lambda connection: connection.sendall(connection.recv(10)))
    loop = Loop([port(8081, 81), port(8080), port(5353, 53, "udp")])
    with connect() as client, socket.socket() as taken:
        taken.bind(("127.0.0.1", 8082))
        taken.listen(1)
        client.settimeout(20)
        with loop.paused():
            loop.relay.serve([port(8080), port(8083)], [SERVER])
            now = listening(loop.relay)
            assert now == {
                ("tcp", "0.0.0.0", 8080): ("0.0.0.0", 8080),
                ("tcp", "0.0.0.0", 8083): ("0.0.0.0", 8083),
            }
            with pytest.raises(Conflict, match="8082/tcp is taken"):
                loop.relay.serve([port(8084), port(8082)], [SERVER])
            assert listening(loop.relay) == now
        client.sendall(b"still")
        assert client.recv(10) == b"still"
    with loop.paused():
        loop.relay.serve(
            [port(8080, host_ip="127.0.0.1"), port(8085)], [SERVER]
        )  # 0.0.0.0 of before would be in its way
        assert set(listening(loop.relay)) == {("tcp", "127.0.0.1", 8080), ("tcp", "0.0.0.0", 8085)}
        loop.relay.pause()
    loop.close()


def test_another_relay_takes_over(net, world, port):
    """Both accept with the same sockets; who is connected stays with the first, which goes on when it has let go of them."""
    container, other = world(), "10.8.0.3"
    container.run(f"ip addr add {other}/24 dev eth0")

    def behaviour(connection):
        connection.recv(1)
        connection.sendall(connection.getsockname()[0].encode())
        return connection.getsockname()[0], connection

    serve(
        container,
        lambda connection: threading.Thread(target=behaviour, args=[connection]).start(),
        20,
    )
    net.files.append(container.start(udp_server))
    assert net.files[-1].readline() == "ready\n"
    ports = [port(8080), port(5353, 53, "udp"), port(8081, 81)]
    old, new = Loop(ports), Loop([])
    udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    udp.settimeout(20)
    udp.connect(("127.0.0.1", 5353))

    def ask(client):
        client.settimeout(20)
        client.sendall(b"x")
        return client.recv(100).decode()

    assert ask(udp) == "x"
    with connect() as held:
        waiting.eventually(lambda: old.relay.connections == 1)
        with old.paused(), new.paused():
            for _again in range(2):
                new.relay.take(old.relay.lent(), ports[:2], [other])
            assert set(listening(new.relay)) == {("tcp", "0.0.0.0", 8080), ("udp", "0.0.0.0", 5353)}
        assert all(ask(connect()) in (SERVER, other) for _again in range(5))
        with old.paused():
            old.relay.let_go()
            assert old.relay.lent() == []
        assert all(ask(connect()) == other for _again in range(3))
        with pytest.raises(ConnectionRefusedError):
            connect(8081)
        udp.send(b"x")  # the server answers from its first address, so this one is not heard
        waiting.eventually(lambda: len(new.relay.listeners[1].clients) == 1)
        assert ask(held) == SERVER
    waiting.eventually(lambda: old.relay.connections == 0)
    with old.paused():
        old.relay.expire(time.monotonic() + 61)
        assert old.relay.sources == {} and old.relay.resting() == []
    udp.close()
    old.close()
    assert ask(connect()) == other
    new.close()


def test_closing_cuts_connections(net, world, port):
    serve(world(), lambda connection: connection.recv(10) and None)
    loop = Loop([port(8080)])
    with connect() as client:
        waiting.eventually(lambda: loop.relay.connections == 1)
        before = len(os.listdir("/proc/self/fd"))
        loop.close()
        assert loop.relay.sources == {} and len(os.listdir("/proc/self/fd")) <= before - 3
        client.settimeout(20)
        try:
            assert client.recv(1) == b""
        except ConnectionResetError:
            pass


def test_only_light_modules():
    """A monitor carries these files: neither database nor pyroute2 nor ipaddress may come with them."""
    import subprocess
    import sys

    code = (
        "import sys; sys.path.insert(0, %r); import conftest; before = set(sys.modules);"
        "from pycontainer.containers.monitor import port_relay as ports; from "
        "pycontainer.networks import container_links, publish; "
        "print(*(set(sys.modules) - before))"
    )
    tests = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    found = set(
        subprocess.run([sys.executable, "-c", code % tests], stdout=subprocess.PIPE, check=True)
        .stdout.decode()
        .split()
    )
    lean = {"_cffi_backend", "_ctypes", "_socket", "socket", "array", "selectors", "select"}
    assert not {name for name in found if not name.startswith("pycontainer")} - lean
    assert not {"pycontainer.networks.catalog", "pycontainer.store.database"} & found
