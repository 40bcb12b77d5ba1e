# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The engine without Ansible, side by side with runc and podman in one run: starts, whole commands, memory of idle containers.

.venv/bin/python tests/benchmarks/engine.py [--rounds 5] [--many 50]
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import pathlib
import shutil
import statistics
import sys
import tempfile
import time

import tasks
from common import isolated, peers

RUNTIME = tasks.ROOT / "plugins" / "module_utils" / "_runtime"
IMAGE = peers.IMAGE


def load_runtime():
    spec = importlib.util.spec_from_file_location(
        "pycontainer", RUNTIME / "__init__.py", submodule_search_locations=[str(RUNTIME)]
    )
    package = importlib.util.module_from_spec(spec)
    sys.modules["pycontainer"] = package
    spec.loader.exec_module(package)
    importlib.import_module("pycontainer.nouns")  # registers them with the engine


def median(call, rounds):
    """Milliseconds of ``call()``: the median of the rounds, one before them not counted."""
    call()
    times = []
    for _round in range(rounds):
        begin = time.perf_counter()
        call()
        times.append((time.perf_counter() - begin) * 1000)
    return statistics.median(times)


def pss(pids):
    """Mean proportional set size in kB (proc_pid_smaps_rollup(5))."""
    sizes = []
    for pid in pids:
        for line in pathlib.Path("/proc/%d/smaps_rollup" % pid).read_text().splitlines():
            if line.startswith("Pss:"):
                sizes.append(int(line.split()[1]))
    return statistics.mean(sizes)


def processes(name):
    found = []
    for entry in pathlib.Path("/proc").iterdir():
        try:
            if entry.name.isdigit() and (entry / "comm").read_text().strip() == name:
                found.append(int(entry.name))
        except OSError:
            continue
    return found


def own_starts(engine, many, mode):
    """Milliseconds for each of ``many`` containers: started one after another, and all in one call."""
    from pycontainer import containers
    from pycontainer.containers.lifecycle import start

    names = ["start-%d" % number for number in range(many)]
    for name in names:
        containers.plan(
            engine,
            {
                "name": name,
                "image": IMAGE,
                "command": ["sleep", "3600"],
                "network_mode": mode,
                "state": "present",
            },
        ).apply()
    records = [containers.find(engine, name) for name in names]
    begin = time.perf_counter()
    for record in records:
        containers.start_one(engine, record)
    single = (time.perf_counter() - begin) * 1000 / many
    for record in records:
        containers.stop(engine, record, force=True)
    begin = time.perf_counter()
    errors = [error for error in start.start(engine, records).values() if error]
    together = (time.perf_counter() - begin) * 1000 / many
    if errors:
        raise errors[0]
    memory = pss(processes("pyc-monitor"))
    for record in records:
        containers.remove(engine, record, force=True)
    return single, together, memory


def runc_bundle(directory, root):
    bundle = pathlib.Path(directory, "bundle")
    bundle.mkdir()
    shutil.copytree(root, bundle / "rootfs", symlinks=True)
    peers.run("runc", "spec", "--bundle", bundle)
    config = json.loads((bundle / "config.json").read_text())
    config["process"].update(terminal=False, args=["/bin/true"])
    config["process"].pop("rlimits", None)
    (bundle / "config.json").write_text(json.dumps(config))
    return bundle


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--many", type=int, default=50)
    options = parser.parse_args()
    tasks.SCRATCH.mkdir(parents=True, exist_ok=True)
    directory = tempfile.mkdtemp(dir=isolated.enter(tasks.SCRATCH))
    root = tasks.rootfs(directory)
    load_runtime()
    from pycontainer import images
    from pycontainer.deploy import install
    from pycontainer.engine import Engine

    with Engine() as engine:
        images.plan_import(engine, IMAGE, str(root)).apply()
        install.ensure(engine)
        command = install.command(engine) + ["run", "--rm", "--network", "none", IMAGE, "true"]
        for mode in ("none", "bridge"):
            single, together, memory = own_starts(engine, options.many, mode)
            print(
                "start, network %s: %.1f ms each one by one, %.1f ms each in one call of %d; "
                "monitor %.0f kB PSS" % (mode, single, together, options.many, memory)
            )
    podman = peers.Podman()
    podman.up(directory, root)
    bundle = runc_bundle(directory, root)
    wrapper = str(podman.wrapper)
    figures = {
        "runc run (bundle, no overlay)": median(
            lambda: peers.run("runc", "run", "--bundle", bundle, "bench"), options.rounds
        ),
        "pycontainer run --rm --network none": median(lambda: peers.run(*command), options.rounds),
        "podman run --rm --network none": median(
            lambda: peers.run(
                wrapper,
                "run",
                "--rm",
                "--network",
                "none",
                "--ulimit",
                "nofile=10000:10000",
                "--ulimit",
                "nproc=10000:10000",
                IMAGE,
                "true",
            ),
            options.rounds,
        ),
    }
    own = figures["pycontainer run --rm --network none"]
    for name, milliseconds in figures.items():
        print(f"{name:40} {milliseconds:6.0f} ms ({milliseconds / own:.2f}x)")
    for number in range(10):
        peers.run(
            wrapper,
            "run",
            "-d",
            "--network",
            "none",
            "--ulimit",
            "nofile=10000:10000",
            "--ulimit",
            "nproc=10000:10000",
            "--name",
            "idle-%d" % number,
            IMAGE,
            "sleep",
            "3600",
        )
    print(f"conmon: {pss(processes('conmon')):.0f} kB PSS")
    podman.down()


if __name__ == "__main__":
    main()
