# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The issue's three measures of the runtime, in one run on one machine that has nothing else to do:

    a cold process          `pycontainer-oci run` of /bin/true from a bundle, beside runc and crun, in turns
    in the engine           starts of many containers in one call, for each, beside crun's own process
    an idle container       PSS of its monitor, many of them, awake and asleep, beside conmon's

    /usr/bin/python3 tests/benchmarks/oci.py [--rounds 40] [--many 50]
"""

from __future__ import annotations

import argparse
import os
import pathlib
import shutil
import statistics
import tempfile
import time

import engine as engines
import isolated
import peers
import tasks

ASLEEP = 8.0  # seconds after which a monitor that has nothing to do sleeps


def cold(commands, rounds):
    """``{name: [milliseconds]}`` of commands that take turns, one round before them not counted."""
    found = {name: [] for name in commands}
    for number in range(rounds + 1):
        for name, command in commands.items():
            begin = time.perf_counter()
            peers.run(*command)
            if number:
                found[name].append((time.perf_counter() - begin) * 1000)
    return found


def starts(engine, many):
    """``(milliseconds for each, in one call; kB of a monitor's PSS when they have just started; when they sleep)``."""
    from pycontainer import containers

    names = ["start-%d" % number for number in range(many)]
    for name in names:
        containers.plan(engine, {"name": name, "image": engines.IMAGE, "command": ["sleep", "3600"], "network_mode": "none", "state": "present"}).apply()
    records = [containers.find(engine, name) for name in names]
    each = []
    for _round in range(5):
        begin = time.perf_counter()
        errors = [error for error in containers.start(engine, records).values() if error]
        each.append((time.perf_counter() - begin) * 1000 / many)
        if errors:
            raise errors[0]
        if _round < 4:
            for record in records:
                containers.stop(engine, record, force=True)
    awake = engines.pss(engines.processes("pyc-monitor"))
    time.sleep(ASLEEP)
    asleep = engines.pss(engines.processes("pyc-monitor"))
    for record in records:
        containers.remove(engine, record, force=True)
    return statistics.median(each), awake, asleep


def conmon(directory, root, many):
    """kB of PSS of an idle container's conmon."""
    podman = peers.Podman()
    podman.up(directory, root)
    for number in range(many):
        peers.run(podman.wrapper, "run", "-d", "--network", "none", "--ulimit", "nofile=10000:10000", "--ulimit", "nproc=10000:10000",
                  "--name", "idle-%d" % number, engines.IMAGE, "sleep", "3600")
    size = engines.pss(engines.processes("conmon"))
    podman.down()
    return size


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=40)
    parser.add_argument("--many", type=int, default=50)
    options = parser.parse_args()
    tasks.SCRATCH.mkdir(parents=True, exist_ok=True)
    directory = tempfile.mkdtemp(dir=isolated.enter(tasks.SCRATCH))
    if os.path.ismount("/sys/fs/cgroup/unified"):  # crun takes no hybrid host whose v2 tree has controllers; nobody gets it then
        peers.run("umount", "/sys/fs/cgroup/unified")
    root = tasks.rootfs(directory)
    engines.load_runtime()
    from pycontainer import images, install
    from pycontainer.engine import Engine

    with Engine() as engine:
        images.plan_import(engine, engines.IMAGE, str(root)).apply()
        copy = install.ensure(engine)
        ours = os.path.join(copy.path, "pycontainer-oci")
        bundle = engines.runc_bundle(directory, root)
        runtimes = {"pycontainer-oci": ours, "runc": shutil.which("runc"), "crun": shutil.which("crun")}
        found = cold({name: (path, "--root", pathlib.Path(directory, name), "run", "--bundle", bundle, "bench")
                      for name, path in runtimes.items() if path}, options.rounds)
        for name, times in found.items():
            print("cold run of /bin/true: %-16s %5.1f ms median, %5.1f best (%.2f of runc)" % (
                name, statistics.median(times), min(times), statistics.median(times) / statistics.median(found["runc"])), flush=True)
        each, awake, asleep = starts(engine, options.many)
        print("start in the engine, %d in one call: %.1f ms each (%.2f of crun's process)" % (
            options.many, each, each / statistics.median(found["crun"]) if "crun" in found else 0), flush=True)
    print("an idle container's monitor, PSS of %d: %.0f kB just started, %.0f kB asleep; conmon %.0f kB" % (
        options.many, awake, asleep, conmon(directory, root, options.many)))


if __name__ == "__main__":
    main()
