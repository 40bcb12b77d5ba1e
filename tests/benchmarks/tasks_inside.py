# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Short tasks inside containers: ours on a remote host over SSH, docker's and podman's on this machine, in one run.

    tests/benchmarks/tasks_inside.py [--rounds 3] [--tasks 100] [--ansible .cache/bench-venv/bin/ansible-playbook]

Each figure is the wall time of a playbook with so many ``command: "true"`` tasks, minus that of one with none. The connections
take turns within a round; all have their defaults, and then all have pipelining. Medians and ratios are printed; with cgroup v1
also those of the processor time of all that takes part, hosts and daemons included, which a busy machine changes less.
Run it where nothing else has the network: ``unshare --net --mount``.
"""

from __future__ import annotations

import argparse
import json
import os
import pathlib
import shutil
import statistics
import sys
import tempfile
import time

from common import peers

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests"))
from support.fleet import namespaces  # noqa: E402

ACCOUNTS = pathlib.Path("/sys/fs/cgroup/cpuacct")
OWN = ACCOUNTS / f"pct-bench-{os.getpid()}"
SLEEP = ["/opt/busybox", "sleep", "100000"]


def make_root(top):
    """A root that has Python once /usr is mounted."""
    for name in ("etc", "tmp", "proc", "sys", "dev", "root", "usr", "opt", "run"):
        (top / name).mkdir(parents=True)
    for name in ("bin", "sbin", "lib", "lib64"):
        (top / name).symlink_to("usr/" + name)
    shutil.copy2(shutil.which("busybox"), top / "opt" / "busybox")
    (top / "etc/passwd").write_text("root:x:0:0:root:/root:/bin/sh\n")
    (top / "etc/group").write_text("root:x:0:\n")


def ours(fleet, scratch, root):
    """A container on the remote host; returns the variables of the connection into it."""
    archive = peers.tar_of(root, scratch)
    with open(archive, "rb") as file:
        fleet.execute("h1", "sh", "-c", "cat > /var/tmp/root.tar", stdin=file)
    book = scratch / "make.json"
    tasks = [
        {
            "pycontainer.engine.image": {
                "name": "bench:1",
                "source": "import",
                "path": "/var/tmp/root.tar",
            }
        },
        {
            "pycontainer.engine.container": {
                "name": "bench",
                "image": "bench:1",
                "command": SLEEP,
                "network_mode": "none",
                "volumes": ["/usr:/usr:ro"],
            }
        },
    ]
    book.write_text(json.dumps([{"hosts": "h1", "gather_facts": False, "tasks": tasks}]))
    done = fleet.run(ROOT / ".venv/bin/ansible-playbook", book, cwd=ROOT)
    if done.returncode:
        raise SystemExit(done.stdout)
    return {"ansible_connection": "pycontainer.engine.container", "ansible_pycontainer_host": "h1"}


def docker(scratch, root):
    """The same of docker, on this machine."""
    peer = peers.Docker()
    peer.up(scratch, root)
    start = ("run", "-d", "--network", "none", "-v", "/usr:/usr:ro", "--name", "bench")
    peers.run("docker", "-H", peer.host, *start, peers.IMAGE, *SLEEP)
    variables = {
        "ansible_connection": "community.docker.docker",
        "ansible_docker_extra_args": "-H " + peer.host,
    }
    return peer, variables


def podman(scratch, root):
    """The same of podman, on this machine."""
    peer = peers.Podman()
    peer.up(scratch, root)
    limits = ("--ulimit", "nofile=10000:10000", "--ulimit", "nproc=10000:10000")
    start = ("run", "-d", "--network", "none", "-v", "/usr:/usr:ro", "--name", "bench", *limits)
    peers.run(peer.wrapper, *start, peers.IMAGE, *SLEEP)
    variables = {
        "ansible_connection": "containers.podman.podman",
        "ansible_podman_executable": str(peer.wrapper),
    }
    return peer, variables


def timed(options, fleet, inventory, scratch, name, count, pipelining):
    """Seconds of a playbook with so many tasks: ``(wall, processor)``."""
    book = scratch / "tasks.json"
    tasks = [{"ansible.builtin.command": "true", "changed_when": False}] * count
    book.write_text(json.dumps([{"hosts": name, "gather_facts": False, "tasks": tasks}]))
    environment = {"ANSIBLE_PIPELINING": "True"} if pipelining else {}
    begin, spent = time.perf_counter(), processor_time(fleet)
    done = fleet.run(
        *(options.ansible, "-i", fleet.inventory, "-i", inventory, book),
        cwd=scratch,
        environment=environment,
    )
    if done.returncode:
        raise SystemExit(done.stdout[-3000:])
    return time.perf_counter() - begin, processor_time(fleet) - spent


def processor_time(fleet):
    """Seconds that this process's children, the host, docker's and podman's containers have used."""
    groups = (OWN, ACCOUNTS / fleet.group, ACCOUNTS / "docker", ACCOUNTS / "libpod_parent")
    return sum(
        int((group / "cpuacct.usage").read_text()) / 1e9 for group in groups if group.is_dir()
    )


def table(found, unit):
    """Print medians and ratios. :param found: {name: [seconds]}."""
    for name, seconds in found.items():
        median = statistics.median(seconds)
        ratio = median / (statistics.median(found["ours"]) or 1)
        print(f"  {name:8} {median:7.2f} s {unit}   {ratio:5.2f}", flush=True)


def main():
    """Measure, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--tasks", type=int, default=100)
    parser.add_argument("--ansible", default=ROOT / ".cache/bench-venv/bin/ansible-playbook")
    options = parser.parse_args()
    scratch = pathlib.Path(tempfile.mkdtemp(prefix="pycontainer-test-", dir="/var/tmp"))
    os.chmod(scratch, 0o755)
    fleet, running = namespaces.Fleet("bench"), []
    if ACCOUNTS.is_dir():
        OWN.mkdir()
        (OWN / "cgroup.procs").write_text(str(os.getpid()))
    try:
        fleet.up(1)
        make_root(scratch / "root")
        hosts = {"ours": ours(fleet, scratch, scratch / "root")}
        for make in (docker, podman):
            peer, hosts[make.__name__] = make(scratch, scratch / "root")
            running.append(peer)
        for variables in hosts.values():
            variables["ansible_host"] = "bench"
            variables["ansible_python_interpreter"] = "/usr/bin/python3"
        inventory = scratch / "more.json"
        inventory.write_text(json.dumps({"all": {"hosts": hosts}}))
        for pipelining in (False, True):
            wall, spent = {name: [] for name in hosts}, {name: [] for name in hosts}
            for _round in range(options.rounds):
                for name in hosts:
                    empty, full = [
                        timed(options, fleet, inventory, scratch, name, count, pipelining)
                        for count in (1, 1 + options.tasks)
                    ]
                    wall[name].append(full[0] - empty[0])
                    spent[name].append(full[1] - empty[1])
            print("all with pipelining" if pipelining else "all with their defaults")
            table(wall, "wall")
            if OWN.is_dir():
                table(spent, "processor")
    finally:
        for peer in running:
            if isinstance(peer, peers.Docker):
                peers.run("docker", "-H", peer.host, "rm", "-f", "bench")
            peer.down()
        fleet.down()
        shutil.rmtree(scratch, ignore_errors=True)
        if OWN.is_dir():
            (ACCOUNTS / "cgroup.procs").write_text(str(os.getpid()))
            OWN.rmdir()


if __name__ == "__main__":
    main()
