#!/usr/bin/env python3
# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Names of containers: look-ups a second, memory with many networks, and what they add to a start.

    sudo unshare --mount .venv/bin/python tests/benchmarks/names.py [--peers] [--networks 100]

It runs in a network namespace of its own. Who answers is asked in the network of a container, by
UDP, one question at a time and 16 at a time. A start is one of a container that exists, on the
default network and on one with names, in turns; with peers it is that of their commands. Figures
are medians. A busy machine makes them worse, so compare within one run.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import pathlib
import shutil
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
from pycontainer import images, networks  # noqa: E402
from pycontainer.containers import task  # noqa: E402
from pycontainer.containers.lifecycle import start, stop  # noqa: E402
from pycontainer.containers.records import catalog  # noqa: E402
from pycontainer.deploy import daemon  # noqa: E402
from pycontainer.engine import Engine  # noqa: E402
from pycontainer.kernel.calls import syscalls  # noqa: E402
from pycontainer.reconcile import carry_out  # noqa: E402

CLONE_NEWNET = 0x40000000
QUERY = b"\1\0\0\1\0\0\0\0\0\0\3box\0\0\1\0\1"
SLEEP = ("/bin/busybox", "sleep", "10000")


def find(name: str) -> int:
    """The pid of a process in this network namespace by its name; 0 where there is none."""
    home = os.readlink("/proc/self/ns/net")
    for entry in os.listdir("/proc"):
        with contextlib.suppress(OSError):
            place = pathlib.Path("/proc", entry)
            if entry.isdigit() and place.joinpath("comm").read_text() == name + "\n":
                if os.readlink(place / "ns/net") == home and place.joinpath("cmdline").read_bytes():
                    return int(entry)
    return 0


def memory(name: str) -> str:
    """Megabytes of a process: what it shares counted in parts, and what is its alone."""
    for _again in range(50):  # one that forks itself may be found before it is the one that stays
        time.sleep(0.1)
        pid = find(name)
        with contextlib.suppress(OSError, KeyError):
            text = pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text() if pid else ""
            found = {line.split()[0]: line.split()[1] for line in text.splitlines()[1:]}
            if not pid:
                return "no process"
            pss, own = (int(found[key]) / 1024 for key in ("Pss:", "Private_Dirty:"))
            return f"{pss:.2f} MB PSS, {own:.2f} its own"
    return "no process that stays"


def look_up(pid: int, server: str, at_once: int, seconds: float) -> str:
    """Ask for ``box`` in the network of a process."""
    home, there = (os.open(f"/proc/{one}/ns/net", os.O_RDONLY) for one in ("self", pid))
    syscalls.setns(there, CLONE_NEWNET)
    one = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    one.connect((server, 53))
    one.settimeout(5)
    syscalls.setns(home, CLONE_NEWNET)
    os.close(home)
    os.close(there)
    taken, count, begun = [], 0, time.perf_counter()
    end = begun + seconds
    while time.perf_counter() < end:
        first = time.perf_counter()
        for number in range(at_once):
            one.send(number.to_bytes(2, "big") + QUERY)
        for _number in range(at_once):
            answer = one.recv(512)
            if answer[3] & 0xF or not answer[7]:
                raise RuntimeError("the name was not answered")
        taken.append((time.perf_counter() - first) / at_once * 1e6)
        count += at_once
    one.close()
    rate = count / (time.perf_counter() - begun)
    return f"{rate:.0f} a second, {statistics.median(taken):.1f} us each"


def timed(function) -> float:
    """Milliseconds."""
    begun = time.perf_counter()
    function()
    return (time.perf_counter() - begun) * 1000


def say(who: str, what: str, figure: str) -> None:
    print(f"{who:12} {what:32} {figure}", flush=True)


def look_ups(who: str, pid: int, server: str, seconds: float) -> None:
    for at_once in (1, 16):
        say(who, f"look-ups, {at_once} at a time", look_up(pid, server, at_once, seconds))


def starts(who: str, plain: list[float], named: list[float]) -> None:
    without, those = statistics.median(plain), statistics.median(named)
    say(who, "a start without and with names", f"{without:.2f} and {those:.2f} ms")


def ours(scratch: str, rootfs: str, options: argparse.Namespace) -> None:
    daemon.booted_by_systemd = lambda: False
    with Engine(scratch + "/data", scratch + "/run") as engine:
        carry_out(images.plan_import(engine, "box:1", rootfs, {}), False)

        def box(name: str, network: str) -> int:
            params = {"name": name, "image": "box:1", "stop_timeout": 0, "command": list(SLEEP)}
            params["networks"] = [{"name": network}]
            if network != "bridge":
                subnet = f"10.77.{network[3:]}.0/24"  # the default pools have 32
                wanted = {"name": network, "ipam_config": [{"subnet": subnet}], "state": "present"}
                carry_out(networks.plan(engine, wanted), False)
            found = carry_out(task.container(engine, params), False)
            return found["container"]["State"]["Pid"]

        try:
            box("plain", "bridge")
            say("pycontainer", "memory with 0 networks", memory("pyc-names"))
            pid = box("box", "net0")
            look_ups("pycontainer", pid, "127.0.0.11", options.seconds)
            say("pycontainer", "memory with 1 network", memory("pyc-names"))
            times: dict[str, list[float]] = {"plain": [], "box": []}
            for _again in range(options.starts):
                for name, taken in times.items():
                    record = catalog.get(engine, name)
                    stop.stop(engine, record, True)
                    taken.append(timed(lambda record=record: start.start_one(engine, record)))
            starts("pycontainer", *times.values())
            for number in range(1, options.networks):
                box(f"more{number}", f"net{number}")
            say("pycontainer", f"memory with {options.networks} networks", memory("pyc-names"))
        finally:
            for record in catalog.every(engine):
                params = {"name": record["name"], "state": "absent", "force_kill": True}
                carry_out(task.container(engine, params), False)
            end = time.monotonic() + 10
            while find("pyc-names") and time.monotonic() < end:  # it ends with the last one
                time.sleep(0.1)


def peer(scratch: str, rootfs: str, name: str, options: argparse.Namespace) -> None:
    one = peers.Docker() if name == "docker" else peers.Podman()
    reason = one.available()
    if reason:
        print(f"{name}: {reason}")
        return
    one.up(scratch, rootfs)
    command = ["docker", "-H", one.host] if name == "docker" else [str(one.wrapper)]
    process = "dockerd" if name == "docker" else "aardvark-dns"
    made = []

    def box(box_name: str, network: str) -> int:
        if network not in ("bridge", "podman"):
            peers.run(*command, "network", "create", network)
        words = ["run", "-d", "--name", box_name, "--network", network]
        if name == "podman":  # as in peers.py: nothing may raise a limit on a restricted host
            words += ["--ulimit", "nofile=10000:10000", "--ulimit", "nproc=10000:10000"]
        peers.run(*command, *words, peers.IMAGE, *SLEEP)
        made.append((box_name, network))
        return int(peers.run(*command, "inspect", "-f", "{{.State.Pid}}", box_name))

    try:
        box("plain", "bridge" if name == "docker" else "podman")
        say(name, "memory with 0 networks", memory(process))
        pid = box("box", "net0")
        server = "127.0.0.11"
        if name == "podman":
            (shown,) = json.loads(peers.run(*command, "network", "inspect", "net0"))
            server = shown["subnets"][0]["gateway"]
        look_ups(name, pid, server, options.seconds)
        say(name, "memory with 1 network", memory(process))
        times: dict[str, list[float]] = {"plain": [], "box": []}
        for _again in range(min(options.starts, 10)):
            for box_name, taken in times.items():
                peers.run(*command, "stop", "-t", "0", box_name)
                taken.append(timed(lambda who=box_name: peers.run(*command, "start", who)))
        starts(name, *times.values())
        for number in range(1, min(options.networks, 25)):  # Docker's address pools end at 31
            box(f"more{number}", f"net{number}")
        count = min(options.networks, 25)
        say(name, f"memory with {count} networks", memory(process))
    finally:
        for box_name, _network in made:
            peers.run(*command, "rm", "-f", box_name)
        for _name, network in made:
            if network.startswith("net"):
                peers.run(*command, "network", "rm", network)
        one.down()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--peers", action="store_true", help="docker and podman, too")
    parser.add_argument("--networks", type=int, default=100)
    parser.add_argument("--starts", type=int, default=40)
    parser.add_argument("--seconds", type=float, default=3.0)
    options = parser.parse_args()
    syscalls.unshare(CLONE_NEWNET)
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    print(f"load of the machine: {os.getloadavg()[0]:.1f}")
    with tempfile.TemporaryDirectory(prefix="pct-", dir="/var/tmp") as scratch:
        root = pathlib.Path(scratch, "root")
        (root / "bin").mkdir(parents=True)
        shutil.copy("/bin/busybox", root / "bin")
        ours(scratch, str(root), options)
        for name in ("docker", "podman") if options.peers else ():
            try:
                peer(scratch, str(root), name, options)
            except (RuntimeError, OSError) as error:
                print(f"{name}: {error}")


if __name__ == "__main__":
    main()
