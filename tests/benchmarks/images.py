# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Pulls of one image from a registry on this machine, side by side with docker and podman, in one run.

    /usr/bin/python3 tests/benchmarks/images.py [--rounds 5] [--quick] [--engines pycontainer,podman] [--realtime]

The image has six layers, 15,000 entries and 440 MB (sample_image.py). All engines' data lie on one journalled ext4. Within a round the
engines take turns; before each pull the engine's image is removed and the file system synced. Printed are the medians over the rounds of
the whole command's wall and CPU seconds (a daemon's part included, the registry's not) and, from rounds of their own, the peak of the
memory of all its processes (PSS, which counts what processes share once); beside them the floor (floor.py) and how near we are.
"""

from __future__ import annotations

import argparse
import json
import os
import pathlib
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

import tasks
from common import floor, isolated, metering, peers, sample_image
from engine import load_runtime

PORT = 5000
REFERENCE = "127.0.0.1:%d/bench/sample:1" % PORT
OWN = "pycontainer"


class Registry:
    """A CNCF distribution registry inside the benchmark's network, filled with the sample image."""

    def __init__(self, directory, layout):
        config = pathlib.Path(directory, "registry.yml")
        config.write_text(
            "version: 0.1\nlog: {level: error, accesslog: {disabled: true}}\n"
            "storage: {filesystem: {rootdirectory: %s/registry}}\nhttp: {addr: 127.0.0.1:%d}\n"
            % (directory, PORT)
        )
        self.process = subprocess.Popen(
            ["docker-registry", "serve", str(config)],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        for _attempt in range(50):
            time.sleep(0.1)
            try:
                peers.run(
                    "skopeo",
                    "copy",
                    "-q",
                    "--preserve-digests",
                    "--dest-tls-verify=false",
                    f"oci:{layout}:t",
                    "docker://" + REFERENCE,
                )
                return
            except RuntimeError as error:
                failure = error
        raise failure

    def end(self):
        self.process.terminate()
        self.process.wait()


class Pycontainer:
    """This collection's command, with a store of its own.

    :param layers: how layers are stored. :param isal: whether it may use ISA-L, else the standard library alone.
    """

    daemons = ()

    def __init__(self, directory, layers="directory", isal=False):
        from pycontainer.deploy import install
        from pycontainer.engine import Engine

        self.name = OWN + ("+erofs" if layers != "directory" else "") + ("+isal" if isal else "")
        self.place = [f"{directory}/{self.name}{suffix}" for suffix in ("", "-run")]
        self.isal = isal
        with Engine(*self.place) as engine:
            pathlib.Path(engine.paths.config).write_text(json.dumps({"layers": layers}))
            install.ensure(engine)
            self.argv = install.command_line(engine)
        if not isal:  # a Python that has no ctypes finds no C libraries
            start = "import sys, runpy; sys.modules['_ctypes'] = None; sys.argv.pop(0); runpy.run_path(sys.argv[0], run_name='__main__')"
            at = next(index for index, word in enumerate(self.argv) if word.endswith("start.py"))
            self.argv[at:at] = ["-c", start]

    def pull(self):
        return [*self.argv, "pull", REFERENCE]

    def drop(self):
        subprocess.run(
            [*self.argv, "rmi", REFERENCE],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            check=False,
        )

    def down(self):
        self.drop()

    def part(self):
        """Wall seconds of the pull alone, in a process that has the engine loaded already."""
        from pycontainer.layers.compression import native

        read, write = os.pipe()
        child = os.fork()
        if child == 0:
            try:
                if not self.isal:
                    native.ffi = None
                os.write(write, b"%f" % self._pulled())
                os._exit(0)
            finally:
                os._exit(1)
        os.close(write)
        with os.fdopen(read, "rb") as file:
            seconds = float(file.read() or "nan")
        os.waitpid(child, 0)
        return seconds

    def _pulled(self):
        from pycontainer import images
        from pycontainer.engine import Engine

        with Engine(*self.place) as engine:
            plan = images.plan_present(engine, REFERENCE, "always", None, images.registries_of({}))
            begin = time.perf_counter()
            plan.apply()
            return time.perf_counter() - begin


class Podman:
    name, daemons = "podman", ()

    def __init__(self, directory):
        self.peer = peers.Podman()
        self.peer.up(directory)

    def pull(self):
        return [self.peer.wrapper, "pull", "-q", "--tls-verify=false", REFERENCE]

    def drop(self):
        subprocess.run(
            [str(self.peer.wrapper), "rmi", "-af"],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            check=False,
        )

    def down(self):
        self.peer.down()


class Docker:
    name = "docker"

    def __init__(self, directory):
        self.peer = peers.Docker()
        self.peer.up(directory)
        self.daemons = (self.peer.daemon.pid,)

    def pull(self):
        return ["docker", "-H", self.peer.host, "pull", "-q", REFERENCE]

    def drop(self):
        subprocess.run(
            ["docker", "-H", self.peer.host, "rmi", "-f", REFERENCE],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            check=False,
        )

    def down(self):
        self.peer.down()


def own(directory, isal):
    """This collection's engine in each of the ways that this machine can do."""
    from pycontainer.kernel.mounts import erofs

    made = []
    for layers in ("directory", "erofs"):
        if layers == "erofs" and erofs.why_not(directory):
            continue
        made += [
            Pycontainer(directory, layers, quick) for quick in ((False, True) if isal else (False,))
        ]
    return made


def engines(directory, wanted, isal):
    """The engines that can take part, and why the others can't."""
    made, left_out = own(directory, isal), []
    for name, peer, make in (("podman", peers.Podman, Podman), ("docker", peers.Docker, Docker)):
        reason = peer().available()
        if reason:
            left_out.append(f"{name}: {reason}")
        elif not wanted or name in wanted:
            made.append(make(directory))
    return made, left_out


def pull_once(engine, memory=False):
    engine.drop()
    os.sync()
    return metering.measure(engine.pull(), engine.daemons, memory)


def measure(chosen, options):
    """``{engine: [Taken of each round]}``, ``{engine: peak bytes}`` and ``{own engine: [seconds of the engine's part]}``."""
    figures, peaks, parts = (
        {engine.name: [] for engine in chosen},
        {engine.name: 0 for engine in chosen},
        {},
    )
    for engine in chosen:
        pull_once(engine)  # warms the page cache and the registry
    for number in range(options.rounds):
        for engine in chosen:
            figures[engine.name].append(pull_once(engine))
            if isinstance(engine, Pycontainer):
                engine.drop()
                os.sync()
                parts.setdefault(engine.name, []).append(engine.part())
        sys.stderr.write("round %d of %d\n" % (number + 1, options.rounds))
    for _number in range(1 if options.quick else 3):
        for engine in chosen:
            peaks[engine.name] = max(peaks[engine.name], pull_once(engine, memory=True).peak)
    return figures, peaks, parts


def report(figures, peaks, parts, bottom, image):
    print(
        "image: %(layers)d layers, %(entries)d entries, " % image
        + "%.0f MB, %.0f MB as gzip; %d processors"
        % (image["plain"] / 1e6, image["gzip"] / 1e6, os.cpu_count())
    )
    own = statistics.median(taken.wall for taken in figures[OWN])
    own_cpu = statistics.median(taken.cpu for taken in figures[OWN])
    print(
        "%-24s%8s%8s%8s%8s%8s%10s%9s"
        % ("pull", "wall s", "least", "ratio", "CPU s", "ratio", "peak MiB", "part s")
    )
    for name, taken in figures.items():
        wall = statistics.median(one.wall for one in taken)
        cpu = statistics.median(one.cpu for one in taken)
        print(
            "%-24s%8.2f%8.2f%8s%8.2f%8s%10.0f%9s"
            % (
                name,
                wall,
                min(one.wall for one in taken),
                "%.2fx" % (wall / own),
                cpu,
                "%.2fx" % (cpu / own_cpu),
                peaks[name] / (1 << 20),
                "%.2f" % statistics.median(parts[name]) if name in parts else "",
            )
        )
    for name, took in bottom.items():
        against = OWN if name == "zlib" else OWN + "+isal"
        if against in figures:
            wall = statistics.median(taken.wall for taken in figures[against])
            print(
                "floor, %s: %.2f s = (inflate %.2f + hash %.2f + write %.2f) / %d + sync %.2f; %s "
                "needs %.2f times that"
                % (
                    name,
                    took["wall"],
                    took["inflate"],
                    took["hash"],
                    took["write"],
                    os.cpu_count(),
                    took["sync"],
                    against,
                    wall / took["wall"],
                )
            )


def lowest(layout, directory, isal):
    """The floor with each way to inflate."""
    from pycontainer.layers.compression import native

    found = {}
    for name, factory in {
        "zlib": lambda: floor.zlib.decompressobj(31),
        "isal": isal and native.inflater(1 << 18),
    }.items():
        if factory:
            where = os.path.join(directory, "floor")
            os.mkdir(where)
            found[name] = floor.measure(layout, where, factory)
    return found


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--quick", action="store_true", help="two rounds, for a look")
    parser.add_argument("--engines", default="", help="peers that take part; all by default")
    parser.add_argument(
        "--realtime",
        action="store_true",
        help="everything with real-time priority, where others work on the machine",
    )
    options = parser.parse_args()
    if options.quick:
        options.rounds = 2
    tasks.SCRATCH.mkdir(parents=True, exist_ok=True)
    layout = sample_image.make(tasks.SCRATCH)
    directory = tempfile.mkdtemp(dir=isolated.enter(tasks.SCRATCH))
    if options.realtime:
        os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(1))
    load_runtime()
    from pycontainer.layers.compression import compressed_streams

    registry, chosen, isal = Registry(directory, layout), [], compressed_streams.gzip_is_quick()
    try:
        chosen, left_out = engines(
            directory, options.engines.split(",") if options.engines else [], isal
        )
        for reason in left_out:
            print("left out: " + reason)
        figures, peaks, parts = measure(chosen, options)
        report(
            figures, peaks, parts, lowest(layout, directory, isal), sample_image.describe(layout)
        )
    finally:
        for engine in chosen:
            engine.down()
        registry.end()
        shutil.rmtree(directory, ignore_errors=True)


if __name__ == "__main__":
    main()
