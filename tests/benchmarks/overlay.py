#!/usr/bin/env python3
# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Overlay networks: throughput and latency between containers of two hosts, plain and encrypted, beside the hosts' own link.

    sudo .venv/bin/python tests/benchmarks/overlay.py [--rounds 5]

Two network namespaces stand for the hosts. The encrypted one needs WireGuard (Linux 5.6): where the kernel lacks it, that
is said. The virtual machine's kernel has it:

    tests/hosts.sh vm suite --keep tests/integration/networks/test_overlay.py
    tests/hosts.sh vm ssh python3 /srv/engine/tests/benchmarks/overlay.py; tests/hosts.sh vm down

Both ends share the machine's processors, so only the ratios say something. Figures are medians.
"""

from __future__ import annotations

import argparse
import os
import pathlib
import socket
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).parents[1]))
sys.path.insert(0, str(pathlib.Path(__file__).parent))
import conftest  # noqa: E402, F401  # makes the engine importable as pycontainer
from common import traffic  # noqa: E402
from pycontainer import networks  # noqa: E402
from pycontainer.engine import Engine  # noqa: E402
from pycontainer.kernel.calls import syscalls  # noqa: E402
from pycontainer.networks import container_links, task  # noqa: E402
from pycontainer.networks.drivers import link_kinds  # noqa: E402
from pycontainer.reconcile import carry_out  # noqa: E402

ADDRESSES = ("10.98.0.1", "10.98.0.2")
KINDS = {"plain": "vxlan", "encrypted": "wireguard"}
PORT = 9000


class Host:
    """A namespace that stands for a host, and its engine."""

    def __init__(self, scratch: str, number: int) -> None:
        self.name, self.number = f"h{number}", number
        self.pid, self.netns = traffic.namespace()
        self.places = [f"{scratch}/{self.name}/{what}" for what in ("data", "run")]
        for place in self.places:
            os.makedirs(place)

    def task(self, kind: str, facts: dict) -> None:
        """Do what a task of a play does, with the facts of the task before; note the new ones."""
        peers = [
            {"name": f"h{number}", "address": address, **facts.get((kind, f"h{number}"), {})}
            for number, address in enumerate(ADDRESSES, 1)
        ]
        asked = {
            "name": kind,
            "state": "present",
            "driver": "overlay",
            "driver_options": {"encrypted": kind == "encrypted"},
            "ipam_config": [{"subnet": f"10.20{list(KINDS).index(kind)}.0.0/16"}],
            "peers": peers,
        }
        with Engine(*self.places) as engine:
            carry_out(task.plan(engine, asked), False)
            now = task.overlay_facts(engine)["pycontainer_overlays"][kind]
        known = {"share": now["share"]}
        if now.get("key"):
            known["public_key"] = now["key"]
        facts[kind, self.name] = known

    def container(self, kind: str) -> tuple[int, int, str]:
        """Attach a namespace as a container's; its process, its namespace and its address."""
        pid, netns = traffic.namespace()
        with Engine(*self.places) as engine:
            place = networks.allocate(engine, kind, f"{self.number}" * 64)
            networks.ensure_links(engine, [kind])
            container_links.connect(netns, place, "eth0")
        return pid, netns, place["address"].partition("/")[0]


def within(host: Host, function, *arguments):
    """Call a function with a host's namespace around it."""
    own = os.open("/proc/self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
    try:
        syscalls.setns(host.netns, traffic.CLONE_NEWNET)
        return function(*arguments)
    finally:
        syscalls.setns(own, traffic.CLONE_NEWNET)
        os.close(own)


def measured(sender: int, receiver: int, address: str, rounds: int) -> tuple[float, float]:
    """Return Gbit/s of one stream, and microseconds of a round trip, from one namespace to another."""
    with traffic.Listeners(receiver, socket.AF_INET, PORT):
        return (
            traffic.median(sender, rounds, traffic.stream, address, PORT),
            traffic.median(sender, rounds, traffic.round_trips, address, PORT),
        )


def compare(scratch: str, rounds: int) -> dict[str, tuple[float, float]]:
    """Measure the hosts' link and each kind of overlay; print what is lacking."""
    first, second = (Host(scratch, number) for number in (1, 2))
    traffic.run(
        f"ip link add one type veth peer name two; ip link set one netns {first.pid}; ip link set two netns {second.pid}; "
        + "; ".join(
            f"nsenter -t {host.pid} -n sh -c 'ip link set lo up; ip addr add {address}/24 dev {link}; ip link set {link} up'"
            for host, address, link in zip((first, second), ADDRESSES, ("one", "two"))
        )
    )
    found = {"the hosts' link": measured(first.netns, second.netns, ADDRESSES[1], rounds)}
    started = [first.pid, second.pid]
    for kind, needed in KINDS.items():
        if not link_kinds.supported(needed):
            print(f"{kind} overlay: skipped, this kernel has no links of the kind {needed}")
            continue
        facts: dict = {}
        for _run in range(2):  # the second hands on shares and keys
            for host in (first, second):
                within(host, host.task, kind, facts)
        ends = [within(host, host.container, kind) for host in (first, second)]
        started += [pid for pid, _netns, _address in ends]
        found[f"{kind} overlay"] = measured(ends[0][1], ends[1][1], ends[1][2], rounds)
    traffic.end(*started)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    syscalls.unshare(traffic.CLONE_NEWNET)
    traffic.run("ip link set lo up")
    print(f"load of the machine: {os.getloadavg()[0]:.1f}")
    with tempfile.TemporaryDirectory(dir="/dev/shm") as scratch:
        found = compare(scratch, options.rounds)
    for what, (gigabits, trip) in found.items():
        print(f"{what}: {gigabits:.2f} Gbit/s, round trip {trip:.1f} µs")
    if len(found) == 3:
        plain, encrypted = (found[f"{kind} overlay"] for kind in KINDS)
        print(
            f"encrypted to plain: {encrypted[0] / plain[0]:.2f} times the throughput, "
            f"{encrypted[1] / plain[1]:.2f} times the round trip"
        )


if __name__ == "__main__":
    main()
