# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every test of this directory runs in a child process with a network namespace of its own, which stands for the host.

So the machine's own links and rules are never touched, and all that a test makes goes with its process. A test takes the
fixture ``net``, makes namespaces for containers and other hosts with it, and sends real traffic between them.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import time
import traceback

import pytest
from support import waiting

CLONE_NEWNET = 0x40000000
PR_SET_PDEATHSIG = 1
LAN_HOST, LAN_PEER = "10.9.0.1", "10.9.0.2"
LAN_HOST6, LAN_PEER6 = "2001:db8:9::1", "2001:db8:9::2"


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem):
    arguments = {name: pyfuncitem.funcargs[name] for name in pyfuncitem._fixtureinfo.argnames}
    reader, writer = os.pipe()
    parent = os.getpid()
    child = os.fork()
    if child == 0:
        os.close(reader)
        verdict = "died"
        try:
            die_with(parent)
            verdict = judge(pyfuncitem.obj, arguments)
        finally:
            for net in arguments.values():
                if isinstance(net, Net):
                    net.close()
            os.write(writer, verdict.encode()[:60000])
            os._exit(0)
    os.close(writer)
    with os.fdopen(reader, "rb") as file:
        verdict = file.read().decode()
    os.waitpid(child, 0)
    if verdict.startswith("skip:"):
        pytest.skip(verdict[5:])
    if verdict != "passed":
        pytest.fail(verdict or "the test's process died", pytrace=False)
    return True


def judge(test, arguments):
    from pycontainer.kernel.calls import syscalls

    try:
        syscalls.unshare(CLONE_NEWNET)
        run("ip link set lo up")
        test(**arguments)
    except pytest.skip.Exception as reason:
        return f"skip:{reason}"
    except BaseException:
        return traceback.format_exc()
    return "passed"


def die_with(parent):
    from pycontainer.kernel.calls import syscalls

    syscalls.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(1)


def run(command, check=True):
    """Run shell commands in this namespace, return their output."""
    done = subprocess.run(
        ["sh", "-ec", command],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        check=False,
        timeout=30,
    )
    if check and done.returncode:
        raise AssertionError(f"{command}: {done.stdout.decode()}")
    return done.stdout.decode()


class Namespace:
    """A network namespace, kept by a process that does nothing."""

    def __init__(self, net, pid=None):
        from pycontainer.kernel.calls import syscalls

        self.net = net
        if pid is not None:
            self.pid, self.fd = pid, os.open("/proc/%d/ns/net" % pid, os.O_RDONLY | os.O_CLOEXEC)
            return
        reader, writer = os.pipe()
        parent = os.getpid()
        self.pid = os.fork()
        if self.pid == 0:
            die_with(parent)
            syscalls.unshare(CLONE_NEWNET)
            os.write(writer, b"!")
            while True:
                signal.pause()
        net.pids.append(self.pid)
        os.read(reader, 1)
        os.close(reader)
        os.close(writer)
        self.fd = os.open("/proc/%d/ns/net" % self.pid, os.O_RDONLY | os.O_CLOEXEC)

    def call(self, function, *arguments):
        """The JSON-able result of a function that runs in the namespace; an OSError comes back as its name."""
        return json.loads(self.start(function, *arguments).read())

    def start(self, function, *arguments):
        from pycontainer.kernel.calls import syscalls

        reader, writer = os.pipe()
        parent = os.getpid()
        pid = os.fork()
        if pid == 0:
            os.close(reader)
            try:
                die_with(parent)
                syscalls.setns(self.fd, CLONE_NEWNET)
                with os.fdopen(writer, "w") as file:
                    try:
                        answer = (
                            function(*arguments)
                            if not getattr(function, "serves", False)
                            else function(file, *arguments)
                        )
                    except OSError as error:
                        answer = type(error).__name__
                    file.write(json.dumps(answer))
            finally:
                os._exit(0)
        os.close(writer)
        self.net.pids.append(pid)
        return os.fdopen(reader)

    def run(self, command):
        return self.call(run, command)

    def serve(self, tcp=(), udp=()):
        """Start servers on all addresses: each answers with the caller's address and what it sent, in capitals.

        They are of both families, and write an IPv4 address as one.
        """
        file = self.start(servers, list(tcp), list(udp))
        assert file.readline() == "ready\n"
        self.net.files.append(file)


def servers(ready, tcp, udp):
    import select

    poll, listeners = select.poll(), {}
    for kind, ports in ((socket.SOCK_STREAM, tcp), (socket.SOCK_DGRAM, udp)):
        for port in ports:
            sock = socket.socket(socket.AF_INET6, kind)
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            sock.bind(("::", port))
            if kind == socket.SOCK_STREAM:
                sock.listen(50)
            listeners[sock.fileno()] = sock
            poll.register(sock, select.POLLIN)
    ready.write("ready\n")
    ready.flush()
    while True:
        for fd, _events in poll.poll():
            sock = listeners[fd]
            if sock.type == socket.SOCK_DGRAM:
                data, peer = sock.recvfrom(65536)
                sock.sendto(caller(peer) + b" " + data.upper(), peer)
                continue
            connection, peer = sock.accept()
            with connection:
                connection.settimeout(20)
                with contextlib.suppress(OSError):
                    connection.sendall(caller(peer) + b" " + connection.recv(65536).upper())


servers.serves = True


def caller(peer):
    return peer[0].removeprefix("::ffff:").encode()


def ask(address, port, protocol="tcp", text="hello", timeout=20):
    """Send a text to a server and return its answer, or the name of the error."""
    try:
        with socket.socket(
            socket.AF_INET6 if ":" in address else socket.AF_INET,
            socket.SOCK_STREAM if protocol == "tcp" else socket.SOCK_DGRAM,
        ) as sock:
            sock.settimeout(timeout)
            sock.connect((address, port))
            sock.sendall(text.encode())
            return sock.recv(65536).decode()
    except OSError as error:
        return type(error).__name__ if type(error) is not OSError else str(error.errno)


class Container:
    """A namespace that is attached as a container's is, with servers in it."""

    def __init__(
        self,
        net,
        engine,
        ident,
        network="bridge",
        ports=(),
        tcp=(80,),
        udp=(53,),
        wanted_ip=None,
        wanted_ip6=None,
    ):
        from pycontainer import networks
        from pycontainer.networks import container_links, publish

        self.ident, self.namespace = ident * 64, Namespace(net)
        self.ports = networks.reserve_ports(engine, self.ident, list(ports))
        self.attachment = networks.allocate(
            engine, network, self.ident, wanted_ip, wanted_ip6=wanted_ip6
        )
        self.address = self.attachment["address"].partition("/")[0]
        self.address6 = self.attachment.get("address6", "").partition("/")[0]
        self.targets = container_links.targets([self.attachment])
        self.warnings = networks.ensure_links(engine, [network])
        container_links.connect(self.namespace.fd, self.attachment, "eth0")
        self.namespace.serve(tcp, udp)
        self.relay = None
        if ports:
            self.relay = self.start_relay(net)
            self.published = publish.publish(self.ident, self.targets, self.ports)

    def ask(self, *arguments, **options):
        return self.namespace.call(lambda: ask(*arguments, **options))

    def start_relay(self, net):
        """What the monitor does: a process of the host with the relay in its event loop. Returns its pid."""
        file = net.host().start(relay, self.ports, self.targets)
        net.files.append(file)
        assert file.readline() == "ready\n"
        return net.pids[-1]


def relay(ready, ports, addresses):
    import select

    from pycontainer.containers.monitor.port_relay import Relay

    epoll = select.epoll()
    running = Relay(epoll)
    running.serve(ports, addresses)
    ready.write("ready\n")
    ready.flush()
    while True:
        for fd, events in epoll.poll(1):
            running.handle(fd, events)
        running.expire(time.monotonic())


relay.serves = True


class Net:
    """What the tests make worlds with."""

    ask = staticmethod(ask)
    run = staticmethod(run)

    def __init__(self, scratch):
        self.scratch, self.pids, self.files, self.engines = scratch, [], [], []

    def engine(self, **options):
        from pycontainer import networks
        from pycontainer.engine import Engine

        engine = Engine(self.scratch[0], self.scratch[1], **options)
        engine.__enter__()
        self.engines.append(engine)
        if not options:
            networks.ensure_default(engine)
        return engine

    def namespace(self):
        return Namespace(self)

    def host(self):
        """The host's own namespace, e.g. for servers in it."""
        return Namespace(self, os.getpid())

    def container(self, *arguments, **options):
        return Container(self, *arguments, **options)

    def lan(self):
        """Another host on a LAN: it routes to containers' subnets by way of this one, as an attacker would."""
        peer = Namespace(self)
        run(
            "ip link add up0 type veth peer name eth0 netns %d; ip addr add %s/24 dev up0; ip "
            "link set up0 up" % (peer.pid, LAN_HOST)
        )
        peer.run(
            f"ip addr add {LAN_PEER}/24 dev eth0; ip link set eth0 up; ip link set lo up; ip "
            f"route add 172.16.0.0/12 via {LAN_HOST}"
        )
        for command in (run, peer.run):  # an address works at once
            command(
                "for f in /proc/sys/net/ipv6/conf/*/accept_dad; do test ! -e $f || echo 0 > $f; done"
            )
        if os.path.exists("/proc/sys/net/ipv6"):
            run(f"ip addr add {LAN_HOST6}/64 dev up0 nodad")
            peer.run(
                f"ip addr add {LAN_PEER6}/64 dev eth0 nodad; ip route add fc00::/7 via {LAN_HOST6}"
            )
            run(f"ip route add default via {LAN_PEER6}")
        run(f"ip route add default via {LAN_PEER}")
        peer.serve(tcp=[9000], udp=[9000])
        peer.ask = lambda *arguments, **options: peer.call(lambda: ask(*arguments, **options))
        return peer

    @staticmethod
    def rules():
        return json.loads(run("nft -j list ruleset"))["nftables"]

    def close(self):
        for engine in self.engines:
            engine.db.close()
        for pid in self.pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
            with contextlib.suppress(ChildProcessError):
                os.waitpid(pid, 0)


@pytest.fixture
def net(scratch):
    return Net(scratch)


@pytest.fixture
def port():
    """A published port, ready for run.json."""

    def make(host_port, container_port=80, protocol="tcp", host_ip="0.0.0.0"):
        return {
            "host_ip": host_ip,
            "host_port": host_port,
            "container_port": container_port,
            "protocol": protocol,
        }

    return make


@pytest.fixture
def wait():
    return waiting.until
