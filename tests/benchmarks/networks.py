#!/usr/bin/env python3
# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Networks: how attaching and published ports grow with their number, and throughput beside docker and podman.

    sudo unshare --mount .venv/bin/python tests/benchmarks/networks.py [--peers] [--containers 200] [--rounds 5]

It runs in network namespaces of its own. Attaching is all that a start does about the network: an address, the look at
bridges and rules, the link, a published port. Peers are docker and podman where they are installed; their daemons live in
those namespaces, too. The store is in memory, so that the disk does not hide what grows. Figures are medians.
A busy machine makes them worse, so compare within one run.
"""

from __future__ import annotations

import argparse
import contextlib
import functools
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
from common import peers, traffic  # noqa: E402
from pycontainer import images, networks  # noqa: E402
from pycontainer.containers import task as containers  # noqa: E402
from pycontainer.containers.records import catalog  # noqa: E402
from pycontainer.deploy import daemon  # noqa: E402
from pycontainer.engine import Engine  # noqa: E402
from pycontainer.kernel.calls import syscalls  # noqa: E402
from pycontainer.networks import container_links, publish, task  # noqa: E402
from pycontainer.reconcile import carry_out  # noqa: E402

SLEEP = ["/bin/busybox", "sleep", "600"]
UNITS = {"stream": "Gbit/s", "connects": "connect, µs", "round_trips": "datagram, µs"}
Figures = dict[tuple[str, str], float]


def growth(scratch: str, count: int, ipv6: bool) -> None:
    """Attach many containers to one network, each with a published port."""
    with Engine(f"{scratch}/data-{ipv6}", f"{scratch}/run-{ipv6}") as engine:
        said = {"name": "many", "state": "present", "enable_ipv6": ipv6}
        carry_out(task.plan(engine, said), False)
        spaces = [traffic.namespace() for _number in range(count)]
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
            pid, ready = traffic.inside(spaces[0][1], traffic.receive, socket.AF_INET, 80)
            ready.readline()
            lan, peer = other_host()
            with_all = traffic.told(traffic.inside(peer, traffic.connects, "10.9.0.1", 20000))
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
            alone = traffic.told(traffic.inside(peer, traffic.connects, "10.9.0.1", 20000))
            print(
                f"{kind}: connect to a published port from another host: {with_all} µs with {count} "
                f"published ports, {alone} µs with one"
            )
            traffic.end(pid, lan)
            forget_other_host(peer)
        finally:
            for pid, netns in spaces:
                os.kill(pid, signal.SIGKILL)
                os.waitpid(pid, 0)
                os.close(netns)
        carry_out(task.plan(engine, {"name": "many", "state": "absent", "force": True}), False)


def other_host() -> tuple[int, int]:
    """A namespace on a link lan0: what :func:`namespace` returns."""
    pid, netns = traffic.namespace()
    traffic.run(
        f"ip link add lan0 type veth peer name eth0 netns {pid}; ip addr add 10.9.0.1/24 dev lan0; "
        f"ip addr add 2001:db8:9::1/64 dev lan0 nodad; ip link set lan0 up; nsenter -t {pid} -n sh -c "
        "'ip addr add 10.9.0.2/24 dev eth0; ip addr add 2001:db8:9::2/64 dev eth0 nodad; ip link set eth0 up'"
    )
    return pid, netns


def forget_other_host(netns: int) -> None:
    os.close(netns)
    with contextlib.suppress(subprocess.CalledProcessError):  # it may have gone with its namespace
        traffic.run("ip link del lan0")


def throughput(pids: list[int], addresses: list[str]) -> Figures:
    """Measure streams to a container: from its neighbour, by a port from another host, and from this host by one of 127.0.0.1.

    :param pids: processes of two containers; the first publishes 8080 on all addresses and 8081 on 127.0.0.1, both to 80.
    :param addresses: the first's.
    """
    found: Figures = {}
    one, neighbour = (traffic.namespace_of(pid) for pid in pids)
    here = traffic.namespace_of("self")
    for address in addresses:
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        lan, peer = other_host()
        host = "2001:db8:9::1" if ":" in address else "10.9.0.1"
        time.sleep(1.5)
        ways = [
            ("from a neighbour", neighbour, address, 80),
            ("by a port from another host", peer, host, 8080),
        ]
        if family == socket.AF_INET:
            ways.append(("by a port of 127.0.0.1", here, "127.0.0.1", 8081))
        with traffic.Listeners(one, family, 80):
            for what, netns, target, port in ways:
                kind = f"IPv{6 if ':' in address else 4} {what}"
                measured = [traffic.stream, traffic.connects]
                if netns == neighbour:
                    measured.append(traffic.round_trips)
                for function in measured:
                    said = traffic.told(traffic.inside(netns, function, target, port))
                    found[kind, function.__name__] = float(said)
        traffic.end(lan)
        forget_other_host(peer)
    return found


def ours(scratch: str, rootfs: str) -> Figures:
    daemon.booted_by_systemd = lambda: False
    with Engine(f"{scratch}/data-t", f"{scratch}/run-t") as engine:
        carry_out(images.plan_import(engine, "box:1", rootfs, {}), False)
        carry_out(task.plan(engine, {"name": "t", "state": "present", "enable_ipv6": True}), False)
        try:
            pids, addresses = [], []
            for number in range(2):
                params = {"name": f"c{number}", "image": "box:1", "command": SLEEP}
                params["networks"] = [{"name": "t"}]
                if number == 0:
                    params["published_ports"] = ["8080:80", "127.0.0.1:8081:80"]
                found = carry_out(containers.container(engine, params), False)["container"]
                place = found["NetworkSettings"]["Networks"]["t"]
                pids.append(found["State"]["Pid"])
                addresses.append([place["IPAddress"], place["GlobalIPv6Address"]])
            return throughput(pids, addresses[0])
        finally:
            for record in catalog.every(engine):
                params = {"name": record["name"], "state": "absent", "force_kill": True}
                carry_out(containers.container(engine, params), False)
            carry_out(task.plan(engine, {"name": "t", "state": "absent"}), False)


def peer(scratch: str, rootfs: str, one: peers.Docker | peers.Podman) -> Figures:
    """Docker or Podman: two containers on a network of both families."""
    docker = isinstance(one, peers.Docker)
    one.up(scratch, rootfs)
    command = ["docker", "-H", one.host] if docker else [str(one.wrapper)]
    try:
        subnets = ("--subnet", "172.30.9.0/24", "--subnet", "fd00:99::/64")
        peers.run(*command, "network", "create", "--ipv6", *subnets, "t")
        pids, addresses = [], []
        for number in range(2):
            words = ["run", "-d", "--name", f"c{number}", "--network", "t"]
            if number == 0:
                words += ["-p", "8080:80", "-p", "127.0.0.1:8081:80"]
            if not docker:  # as in peers.py: nothing may raise a limit on a restricted host
                words += ["--ulimit", "nofile=10000:10000", "--ulimit", "nproc=10000:10000"]
            peers.run(*command, *words, peers.IMAGE, *SLEEP)
            said = peers.run(
                *command,
                "inspect",
                "-f",
                "{{.State.Pid}} {{range .NetworkSettings.Networks}}{{.IPAddress}} {{.GlobalIPv6Address}}{{end}}",
                f"c{number}",
            ).split()
            pids.append(int(said[0]))
            addresses.append(said[1:])
        return throughput(pids, addresses[0])
    finally:
        for number in range(2):
            peers.run(*command, "rm", "-f", f"c{number}")
        peers.run(*command, "network", "rm", "t")
        one.down()


def own_namespace() -> None:
    """Go into a new network namespace, where no engine has left rules."""
    syscalls.unshare(traffic.CLONE_NEWNET)
    traffic.run("ip link set lo up")


def compare(rounds: dict[str, list[Figures]]) -> None:
    """Print the medians of all engines, a line for each way."""
    print(f"{'':34} {'':16}" + "".join(f"{name:>14}" for name in rounds))
    for key in next(iter(rounds.values()))[0]:
        medians = [statistics.median(one[key] for one in found) for found in rounds.values()]
        print(f"{key[0]:34} {UNITS[key[1]]:16}" + "".join(f"{figure:14.1f}" for figure in medians))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--peers", action="store_true", help="docker and podman, too")
    parser.add_argument("--containers", type=int, default=200)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    own_namespace()
    print(f"load of the machine: {os.getloadavg()[0]:.1f}")
    with tempfile.TemporaryDirectory(prefix="pct-", dir="/dev/shm") as scratch:
        for ipv6 in (False, True):
            growth(scratch, options.containers, ipv6)
    with tempfile.TemporaryDirectory(prefix="pct-", dir="/var/tmp") as scratch:
        root = pathlib.Path(scratch, "root")
        (root / "bin").mkdir(parents=True)
        shutil.copy("/bin/busybox", root / "bin")
        engines = {"pycontainer": ours}
        for one in (peers.Docker(), peers.Podman()) if options.peers else ():
            reason = one.available()
            if reason:
                print(f"{one.name}: {reason}")
            else:
                engines[one.name.partition(".")[2]] = functools.partial(peer, one=one)
        rounds: dict[str, list[Figures]] = {name: [] for name in engines}
        for number in range(options.rounds):
            for name, function in engines.items():
                own_namespace()
                place = os.path.join(scratch, f"{name}{number}")
                os.mkdir(place)
                rounds[name].append(function(place, str(root)))
        compare(rounds)


if __name__ == "__main__":
    main()
