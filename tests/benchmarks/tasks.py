# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whole Ansible tasks side by side with docker and podman through their collections, in one run.

    tests/benchmarks/tasks.py [--rounds 5] [--many 20] [--peers pycontainer,community.docker,containers.podman]

Every figure is the wall time of one ``ansible-playbook`` process with one task, minus that of a playbook with only ``ping``:
the engine's part. The peers take turns within a round; the medians over the rounds are printed, and the ratios to ours.
The peers' collections come with PyPI's ``ansible``, which `make bench` installs into an environment of its own.
"""

from __future__ import annotations

import argparse
import json
import pathlib
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

from common import isolated, peers

ROOT = pathlib.Path(__file__).resolve().parents[2]
SCRATCH = ROOT / ".cache" / "bench"


def playbook(directory, name, task):
    path = pathlib.Path(directory, name + ".json")
    play = {
        "hosts": "localhost",
        "connection": "local",
        "gather_facts": False,
        "vars": {"ansible_python_interpreter": "/usr/bin/python3", "ansible_pipelining": True},
        "tasks": [task],
    }
    path.write_text(json.dumps([play]))
    return path


def timed(ansible, path, changed):
    """Seconds of one run. :param changed: what the recap must say, None for either."""
    begin = time.perf_counter()
    done = subprocess.run(
        [ansible, path],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
    )
    seconds = time.perf_counter() - begin
    if done.returncode or (changed is not None and ("changed=1" in done.stdout) != changed):
        raise SystemExit(f"{path} did not do what was measured:\n{done.stdout}")
    return seconds


def rootfs(directory):
    root = pathlib.Path(directory, "rootfs")
    (root / "bin").mkdir(parents=True)
    shutil.copy("/bin/busybox", root / "bin/busybox")
    for name in ("sh", "sleep", "true"):
        (root / "bin" / name).symlink_to("busybox")
    return root


def cases(peer, directory, many):
    one, names = ["bench-one"], ["bench-%d" % number for number in range(many)]
    for title, group in (("one", one), ("%d" % many, names)):
        for step, state, changed in (
            ("start", "started", True),
            ("unchanged", "started", False),
            ("remove", "absent", True),
        ):
            name = f"{title}: {step}"
            yield (
                name,
                playbook(directory, f"{peer.name}-{title}-{step}", peer.task(group, state)),
                changed,
            )


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--many", type=int, default=20)
    parser.add_argument("--peers", default="pycontainer,community.docker,containers.podman")
    parser.add_argument("--ansible", default=str(ROOT / ".cache/bench-venv/bin/ansible-playbook"))
    options = parser.parse_args()
    SCRATCH.mkdir(parents=True, exist_ok=True)
    directory = tempfile.mkdtemp(dir=isolated.enter(SCRATCH))
    root = rootfs(directory)
    chosen = []
    try:
        for peer in (peers.Pycontainer(), peers.Docker(), peers.Podman()):
            if peer.name not in options.peers.split(","):
                continue
            reason = peer.available()
            if reason:
                print(f"left out: {peer.name}: {reason}")
                continue
            peer.up(directory, root)
            chosen.append(peer)
        report(measure(chosen, directory, options), options)
    finally:
        for peer in chosen:
            peer.down()
        shutil.rmtree(directory, ignore_errors=True)


def measure(chosen, directory, options):
    """``{case: {peer: [seconds of each round]}}``, with ``ping`` as a case of its own."""
    figures = {}
    ping = playbook(directory, "ping", {"ansible.builtin.ping": {}})
    timed(options.ansible, ping, None)
    steps = {peer.name: list(cases(peer, directory, options.many)) for peer in chosen}
    for number in range(options.rounds):
        figures.setdefault("ping", {}).setdefault("ansible", []).append(
            timed(options.ansible, ping, None)
        )
        for peer in chosen:
            for name, path, changed in steps[peer.name]:
                figures.setdefault(name, {}).setdefault(peer.name, []).append(
                    timed(options.ansible, path, changed)
                )
        sys.stderr.write("round %d of %d\n" % (number + 1, options.rounds))
    return figures


def report(figures, options):
    ping = statistics.median(figures.pop("ping")["ansible"])
    print(
        "ping: %.2f s; %d rounds, medians; the engine's part of a task (its time minus ping's), "
        "seconds" % (ping, options.rounds)
    )
    print("%-16s%s" % ("", "".join("%22s" % name for name in next(iter(figures.values())))))
    for case, by_peer in figures.items():
        parts = {name: statistics.median(seconds) - ping for name, seconds in by_peer.items()}
        own = max(parts.get("pycontainer", 0), 0.001)
        print(
            "%-16s%s"
            % (
                case,
                "".join("%22s" % ("%.3f (%.1fx)" % (part, part / own)) for part in parts.values()),
            )
        )


if __name__ == "__main__":
    main()
