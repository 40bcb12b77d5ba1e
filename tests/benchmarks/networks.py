#!/usr/bin/env python3
# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Networks: how attaching and published ports grow with their number, and throughput beside docker and podman.

    sudo .venv/bin/python tests/benchmarks/networks.py [--peers] [--containers 200]

It runs in network namespaces of its own. Attaching is all that a start does about the network: an address, the look at
bridges and rules, the link, a published port. Peers are docker and podman where they are installed; their daemons live in
those namespaces, too. The store is in memory, so that the disk does not hide what grows. Figures are medians.
A busy machine makes them worse, so compare within one run.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import pathlib
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).parents[1]))
sys.path.insert(0, str(pathlib.Path(__file__).parent))
import conftest  # noqa: E402, F401  # makes the engine importable as pycontainer
from common import peers  # noqa: E402
from pycontainer import networks  # noqa: E402
from pycontainer.engine import Engine  # noqa: E402
from pycontainer.kernel.calls import syscalls  # noqa: E402
from pycontainer.networks import container_links, publish, task  # noqa: E402
from pycontainer.reconcile import carry_out  # noqa: E402

CLONE_NEWNET, PR_SET_PDEATHSIG = 0x40000000, 1
SECONDS, CHUNK = 2.0, bytes(1 << 17)


def namespace() -> tuple[int, int]:
    """A process in a network namespace of its own, and a descriptor of it."""
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        syscalls.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        syscalls.unshare(CLONE_NEWNET)
        os.write(writer, b"!")
        signal.pause()
    os.read(reader, 1)
    os.close(reader)
    os.close(writer)
    return pid, os.open(f"/proc/{pid}/ns/net", os.O_RDONLY | os.O_CLOEXEC)


def inside(netns: int, function, *arguments):
    """Fork a process that calls a function in a namespace; its pid and what it writes."""
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        syscalls.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        syscalls.setns(netns, CLONE_NEWNET)
        with os.fdopen(writer, "w") as file:
            function(file, *arguments)
        os._exit(0)
    os.close(writer)
    return pid, os.fdopen(reader)


def receive(ready, family: int, port: int) -> None:
    """Take one connection after the other, and all that comes by it."""
    with socket.socket(family) as server:
        server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        server.bind(("", port))
        server.listen(20)
        ready.write("ready\n")
        ready.flush()
        buffer = bytearray(1 << 18)
        while True:
            with contextlib.suppress(OSError), server.accept()[0] as connection:
                while connection.recv_into(buffer):
                    pass


def stream(said, address: str, port: int) -> None:
    """Send as much as goes in some seconds; write Gbit/s."""
    with socket.create_connection((address, port), 5) as connection:
        connection.settimeout(None)
        sent, start = 0, time.monotonic()
        while time.monotonic() - start < SECONDS:
            sent += connection.send(CHUNK)
        said.write(f"{sent * 8 / (time.monotonic() - start) / 1e9:.1f}")


def connects(said, address: str, port: int, count: int = 300) -> None:
    """Connect again and again; write the median in microseconds."""
    times = []
    for _time in range(count):
        start = time.perf_counter()
        socket.create_connection((address, port), 5).close()
        times.append(time.perf_counter() - start)
    said.write(f"{statistics.median(times) * 1e6:.0f}")


def told(started) -> str:
    pid, file = started
    answer = file.read()
    os.waitpid(pid, 0)
    return answer


def growth(scratch: str, count: int, ipv6: bool) -> None:
    """Attach many containers to one network, each with a published port."""
    with Engine(f"{scratch}/data-{ipv6}", f"{scratch}/run-{ipv6}") as engine:
        said = {"name": "many", "state": "present", "enable_ipv6": ipv6}
        carry_out(task.plan(engine, said), False)
        spaces = [namespace() for _number in range(count)]
        times = []
        try:
            for number, (_pid, netns) in enumerate(spaces):
                port = {
                    "host_ip": "0.0.0.0",
                    "host_port": 20000 + number,
                    "container_port": 80,
                    "protocol": "tcp",
                }
                start = time.process_time()
                ident = f"{number:064x}"
                ports = networks.reserve_ports(engine, ident, [port])
                place = networks.allocate(engine, "many", ident)
                networks.ensure_links(engine, ["many"])
                container_links.connect(netns, place, "eth0")
                publish.publish(ident, container_links.targets([place]), ports)
                times.append((time.process_time() - start) * 1000)
            first, last = statistics.median(times[:10]), statistics.median(times[-10:])
            kind = "IPv4 and IPv6" if ipv6 else "IPv4"
            print(
                f"{kind}: attach {count} containers: the first ten {first:.2f} ms of CPU time each, "
                f"the last ten {last:.2f} ms ({last / first:.2f} times)"
            )
            pid, ready = inside(spaces[0][1], receive, socket.AF_INET, 80)
            ready.readline()
            lan, peer = other_host()
            with_all = told(inside(peer, connects, "10.9.0.1", 20000))
            for number in range(1, count):
                publish.unpublish(
                    f"{number:064x}",
                    container_links.targets([networks.allocate(engine, "many", f"{number:064x}")]),
                    [
                        {
                            "host_ip": "0.0.0.0",
                            "host_port": 20000 + number,
                            "container_port": 80,
                            "protocol": "tcp",
                        }
                    ],
                )
            alone = told(inside(peer, connects, "10.9.0.1", 20000))
            print(
                f"{kind}: connect to a published port from another host: {with_all} µs with {count} "
                f"published ports, {alone} µs with one"
            )
            end(pid, lan)
            forget_other_host(peer)
        finally:
            for pid, netns in spaces:
                os.kill(pid, signal.SIGKILL)
                os.waitpid(pid, 0)
                os.close(netns)
        carry_out(task.plan(engine, {"name": "many", "state": "absent", "force": True}), False)


def end(*pids: int) -> None:
    for pid in pids:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)


def other_host() -> tuple[int, int]:
    """A namespace on a link lan0: what :func:`namespace` returns."""
    pid, netns = namespace()
    run(
        f"ip link add lan0 type veth peer name eth0 netns {pid}; ip addr add 10.9.0.1/24 dev lan0; "
        f"ip addr add 2001:db8:9::1/64 dev lan0 nodad; ip link set lan0 up; nsenter -t {pid} -n sh -c "
        "'ip addr add 10.9.0.2/24 dev eth0; ip addr add 2001:db8:9::2/64 dev eth0 nodad; ip link set eth0 up'"
    )
    return pid, netns


def forget_other_host(netns: int) -> None:
    os.close(netns)
    with contextlib.suppress(subprocess.CalledProcessError):  # it may have gone with its namespace
        run("ip link del lan0")


def run(command: str) -> str:
    return subprocess.run(
        ["sh", "-ec", command], check=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    ).stdout.decode()


def throughput(name: str, pids: list[int], addresses: list[str], port: int) -> None:
    """Measure one stream straight to a container, from its neighbour and by a port of another host's.

    :param pids: processes of two containers; the first publishes ``port`` to 80 on all addresses.
    :param addresses: the first's.
    """
    spaces = [os.open(f"/proc/{pid}/ns/net", os.O_RDONLY | os.O_CLOEXEC) for pid in pids]
    for address in addresses:
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        pid, ready = inside(spaces[0], receive, family, 80)
        ready.readline()
        lan, peer = other_host()
        host = "2001:db8:9::1" if ":" in address else "10.9.0.1"
        time.sleep(1.5)
        figures = {
            "from a neighbour": told(inside(spaces[1], stream, address, 80)),
            "by a published port from another host": told(inside(peer, stream, host, port))
            or "none",
            "connect by it": told(inside(peer, connects, host, port)) + " µs",
        }
        print(
            f"{name} {'IPv6' if ':' in address else 'IPv4'}: "
            + ", ".join(f"{what} {figure}" for what, figure in figures.items())
            + " (Gbit/s)"
        )
        end(pid, lan)
        forget_other_host(peer)


def ours(scratch: str) -> None:
    with Engine(f"{scratch}/data-t", f"{scratch}/run-t") as engine:
        carry_out(task.plan(engine, {"name": "t", "state": "present", "enable_ipv6": True}), False)
        spaces = [namespace() for _number in range(2)]
        places = []
        for number, (_pid, netns) in enumerate(spaces):
            places.append(networks.allocate(engine, "t", f"{number:064x}"))
            networks.ensure_links(engine, ["t"])
            container_links.connect(netns, places[-1], "eth0")
        ports = [
            {"host_ip": ip, "host_port": 8080, "container_port": 80, "protocol": "tcp"}
            for ip in ("0.0.0.0", "::")
        ]
        publish.publish("0" * 64, container_links.targets(places[:1]), ports)
        throughput(
            "pycontainer",
            [pid for pid, _netns in spaces],
            container_links.targets(places[:1]),
            8080,
        )
        end(*[pid for pid, _netns in spaces])
        carry_out(task.plan(engine, {"name": "t", "state": "absent", "force": True}), False)


def peer(scratch: str, name: str) -> None:
    """docker or podman: two containers on a network of both families."""
    docker = peers.Docker() if name == "docker" else None
    words = ["podman", "--root", f"{scratch}/podman", "--runroot", f"{scratch}/podman-run"]
    if docker is not None:
        docker.up(scratch)
        words = ["docker", "-H", docker.host]
    root = pathlib.Path(scratch, "root")
    (root / "bin").mkdir(parents=True, exist_ok=True)
    shutil.copy(shutil.which("busybox"), root / "bin/busybox")
    try:
        command = [*words, "import"]
        tar = subprocess.run(
            ["tar", "-C", root, "-cf", "-", "."], stdout=subprocess.PIPE, check=True
        )
        subprocess.run(
            [*command, "-", "bench:1"], input=tar.stdout, check=True, stdout=subprocess.DEVNULL
        )
        subprocess.run(
            [
                *words,
                "network",
                "create",
                "--ipv6",
                "--subnet",
                "172.30.9.0/24",
                "--subnet",
                "fd00:99::/64",
                "t",
            ],
            check=True,
            stdout=subprocess.DEVNULL,
        )
        pids, shown = [], []
        for number in range(2):
            more = ["-p", "8080:80"] if number == 0 else []
            subprocess.run(
                [
                    *words,
                    "run",
                    "-d",
                    "--name",
                    f"c{number}",
                    "--network",
                    "t",
                    *more,
                    "bench:1",
                    "/bin/busybox",
                    "sleep",
                    "600",
                ],
                check=True,
                stdout=subprocess.DEVNULL,
            )
            said = (
                subprocess.run(
                    [
                        *words,
                        "inspect",
                        "-f",
                        "{{.State.Pid}} {{range .NetworkSettings.Networks}}{{.IPAddress}} "
                        "{{.GlobalIPv6Address}}{{end}}",
                        f"c{number}",
                    ],
                    check=True,
                    stdout=subprocess.PIPE,
                )
                .stdout.decode()
                .split()
            )
            pids.append(int(said[0]))
            shown.append(said[1:])
        throughput(name, pids, shown[0], 8080)
    finally:
        subprocess.run(
            [*words, "rm", "-f", "c0", "c1"],
            check=False,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        if docker is not None:
            docker.down()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--peers", action="store_true", help="docker and podman, too")
    parser.add_argument("--containers", type=int, default=200)
    options = parser.parse_args()
    syscalls.unshare(CLONE_NEWNET)
    run("ip link set lo up")
    print(f"load of the machine: {os.getloadavg()[0]:.1f}")
    with tempfile.TemporaryDirectory(dir="/dev/shm") as scratch:
        for ipv6 in (False, True):
            growth(scratch, options.containers, ipv6)
        ours(scratch)
        for name in ("docker", "podman") if options.peers else ():
            if shutil.which("dockerd" if name == "docker" else name):
                peer(scratch, name)
            else:
                print(f"{name}: not installed")


if __name__ == "__main__":
    main()
