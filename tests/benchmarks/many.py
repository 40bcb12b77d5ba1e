# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A thousand containers on one host: what the last hundred costs beside the first, and memory beside Docker's.

    .venv/bin/python tests/benchmarks/many.py [--batches 10] [--size 100] [--docker 50] [--network bridge]

Tasks are whole ``ansible-playbook`` runs over the containers of one batch, minus ``ping``. ``ps`` and ``stats`` show all that
are there. Memory is the proportional set size of all processes of the engine, once the monitors are asleep; Docker's is that of
dockerd and containerd, and of one shim for each container.
"""

from __future__ import annotations

import argparse
import pathlib
import shutil
import tempfile
import time

import tasks
from common import isolated, peers

ANSIBLE = str(tasks.ROOT / ".venv/bin/ansible-playbook")
COMMAND = ("/usr/bin/python3", "-I", "-S", "/var/lib/pycontainer/runtime/current/start.py")
CALM = 3  # looks at memory, a second apart, that must be alike
PATIENCE = 120  # seconds until the monitors are asleep


def memory(prefixes):
    """``(processes, MB)`` of those whose command name begins with one of ``prefixes``, in proportional set size."""
    count, total = 0, 0
    for entry in pathlib.Path("/proc").iterdir():
        try:
            if entry.name.isdigit() and (entry / "comm").read_text().startswith(prefixes):
                lines = (entry / "smaps_rollup").read_text().splitlines()
                total += sum(int(line.split()[1]) for line in lines if line.startswith("Pss:"))
                count += 1
        except OSError:
            continue
    return count, total / 1000


def calm(prefixes):
    """The same, once it is falling no more."""
    seen, end = [memory(prefixes)], time.monotonic() + PATIENCE
    while time.monotonic() < end and (len(seen) < CALM or seen[-1][1] < 0.98 * seen[-CALM][1]):
        time.sleep(1)
        seen.append(memory(prefixes))
    return seen[-1]


def seconds(*command):
    begin = time.perf_counter()
    peers.run(*command)
    return time.perf_counter() - begin


def book(directory, names, state, network):
    common = {"state": state, "image": peers.IMAGE, "command": ["sleep", "36000"]}
    if state == "stopped":
        common["force_kill"] = True
    common["network_mode"] = network
    return tasks.playbook(
        directory,
        f"{state}-{names[0]}",
        {
            "pycontainer.engine.container": {
                "containers": [dict(common, name=name) for name in names]
            }
        },
    )


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--batches", type=int, default=10)
    parser.add_argument("--size", type=int, default=100)
    parser.add_argument("--docker", type=int, default=50, help="Docker's containers; 0 for none")
    parser.add_argument("--network", default="bridge")
    options = parser.parse_args()
    tasks.SCRATCH.mkdir(parents=True, exist_ok=True)
    directory = tempfile.mkdtemp(dir=isolated.enter(tasks.SCRATCH))
    root = tasks.rootfs(directory)
    try:
        own(directory, root, options)
        if options.docker:
            docker(directory, root, options)
    finally:
        shutil.rmtree(directory, ignore_errors=True)


def own(directory, root, options):
    peer = peers.Pycontainer()
    peer.up(directory, root)
    ping = tasks.playbook(directory, "ping", {"ansible.builtin.ping": {}})
    tasks.timed(ANSIBLE, ping, None)
    floor = min(tasks.timed(ANSIBLE, ping, None) for _ in range(3))
    batches = [
        ["many-%d" % (batch * options.size + number) for number in range(options.size)]
        for batch in range(options.batches)
    ]
    print(
        f"network {options.network}; seconds for {options.size} containers, ping's {floor:.2f} "
        "taken away; ps and stats of all that run"
    )
    print("%8s%10s%12s%8s%8s" % ("run", "start", "unchanged", "ps", "stats"))
    for number, names in enumerate(batches, 1):
        path = book(directory, names, "started", options.network)
        start = tasks.timed(ANSIBLE, path, True) - floor
        again = tasks.timed(ANSIBLE, path, False) - floor
        listed = seconds(*COMMAND, "ps", "-a")
        figures = seconds(*COMMAND, "stats", "--no-stream")
        row = (number * options.size, start, again, listed, figures)
        print("%8d%10.2f%12.2f%8.2f%8.2f" % row, flush=True)
    count, size = calm("pyc-")
    running = options.size * options.batches
    print(f"memory: {size:.1f} MB in {count} processes, {1000 * size / running:.0f} kB a container")
    print("%8s%10s" % ("run", "stop"))
    for number, names in enumerate(batches):
        path = book(directory, names, "stopped", options.network)
        stop = tasks.timed(ANSIBLE, path, True) - floor
        print("%8d%10.2f" % (running - number * options.size, stop), flush=True)
    everyone = [name for names in batches for name in names]
    peers.run(*COMMAND, "rm", *everyone)


def docker(directory, root, options):
    peer = peers.Docker()
    reason = peer.available()
    if reason:
        print(f"left out: docker: {reason}")
        return
    peer.up(directory, root)
    try:
        client = ("docker", "-H", peer.host)
        for _ in range(options.docker):
            peers.run(*client, "run", "-d", peers.IMAGE, "sleep", "36000")
        once = memory(("dockerd", "containerd\n"))[1]
        count, shims = memory("containerd-shim")
        running = options.size * options.batches
        each = shims / max(1, count)
        print(
            f"docker: dockerd and containerd {once:.0f} MB with {options.docker} containers, "
            f"{each:.2f} MB a shim; {once + each * running:.0f} MB for {running}"
        )
        found = peers.run(*client, "ps", "-q").split()
        peers.run(*client, "rm", "-f", *found)
    finally:
        peer.down()


if __name__ == "__main__":
    main()
