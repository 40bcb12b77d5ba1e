# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A Containerfile of six steps built by this engine, buildah and docker in one run: cold, and when all of it is in the cache.

    /usr/bin/python3 tests/benchmarks/builds.py [--rounds 5] [--engines docker,buildah] [--urgent]

Three RUN, two COPY (1,600 files of 45 MB; one of 18 MB) and metadata, over a small base. Everything lies on one journalled ext4. Within
a round the engines take turns; before each cold build the engine has the base image only, and the file system is synced. Printed are the
medians over the rounds of the command's wall and CPU seconds, a daemon's part included.
"""

from __future__ import annotations

import argparse
import os
import pathlib
import random
import shutil
import statistics
import subprocess
import sys
import tempfile

import tasks
from common import isolated, metering, peers
from engine import load_runtime

NAME, BASE = "localhost/built:1", peers.IMAGE
TEXT = (
    """FROM %s
RUN mkdir -p /srv && echo "$PATH" > /srv/path
COPY app /srv/app
RUN find /srv/app -name '*7.py' -exec chmod 600 {} + && rm -r /srv/app/d0
COPY binary /bin/program
RUN echo www:x:33: >> /etc/group && ln -s /srv/app /app
ENV APP=/app
EXPOSE 80
CMD ["/bin/program"]
"""
    % BASE
)


def make_context(directory):
    """1,600 files of 28 kB in 40 directories, and a large one; the same each time."""
    generator, top = random.Random(1), pathlib.Path(directory, "context")
    for number in range(1600):
        place = top / "app" / ("d%d" % (number % 40)) / ("file%d.py" % number)
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(
            "".join("value_%d = %d\n" % (line, generator.randrange(10**9)) for line in range(1200))
        )
    (top / "binary").write_bytes(generator.randbytes(9 << 20) + bytes(9 << 20))
    (top / "Dockerfile").write_text(TEXT)
    return str(top)


class Pycontainer:
    name, daemons = "pycontainer", ()

    def __init__(self, directory, rootfs):
        from pycontainer.deploy import install
        from pycontainer.engine import Engine

        self.place, self.rootfs = [f"{directory}/own{suffix}" for suffix in ("", "-run")], rootfs
        with Engine(*self.place) as engine:
            install.ensure(engine)
            self.argv = install.command_line(engine)
        self.drop()

    def drop(self):
        from pycontainer import images
        from pycontainer.engine import Engine

        subprocess.run(
            [*self.argv, "rmi", "-f", NAME],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            check=False,
        )
        with Engine(*self.place) as engine:
            images.plan_import(engine, BASE, self.rootfs).apply()

    def build(self, context):
        return [*self.argv, "build", "-q", "--network=none", "-t", NAME, context]

    def down(self):
        subprocess.run(
            [*self.argv, "rmi", "-f", NAME, BASE],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            check=False,
        )


class Buildah:
    name, daemons = "buildah", ()

    def __init__(self, directory, rootfs):
        self.argv = [
            "buildah",
            "--root",
            directory + "/buildah",
            "--runroot",
            directory + "/buildah-run",
        ]
        self.archive = peers.tar_of(rootfs, directory)
        self.drop()

    def drop(self):
        subprocess.run(
            [*self.argv, "rmi", "-af"],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            check=False,
        )
        container = peers.run(*self.argv, "from", "scratch").split()[-1]
        peers.run(*self.argv, "add", container, self.archive, "/")
        peers.run(*self.argv, "commit", "-q", container, BASE)
        peers.run(*self.argv, "rm", container)

    def build(self, context):
        return [
            *self.argv,
            "bud",
            "-q",
            "--layers",
            "--isolation=chroot",
            "--pull=never",
            "-t",
            NAME,
            context,
        ]

    def down(self):
        subprocess.run(
            [*self.argv, "rmi", "-af"],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            check=False,
        )


class Docker:
    name = "docker"

    def __init__(self, directory, rootfs):
        self.peer = peers.Docker()
        self.peer.up(directory, rootfs)
        self.argv, self.daemons = ["docker", "-H", self.peer.host], (self.peer.daemon.pid,)

    def drop(self):
        subprocess.run(
            [*self.argv, "rmi", "-f", NAME],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            check=False,
        )
        subprocess.run(
            [*self.argv, "image", "prune", "-f"],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            check=False,
        )

    def build(self, context):
        return [
            "env",
            "DOCKER_BUILDKIT=0",
            *self.argv,
            "build",
            "-q",
            "--network=none",
            "-t",
            NAME,
            context,
        ]

    def down(self):
        self.peer.down()


def part(engine, context):
    """Wall seconds of a cached build in a process that has the engine loaded: what a task adds to Ansible's own time."""
    from pycontainer.builds.parse import build_request
    from pycontainer.builds.plans import build_plan
    from pycontainer.engine import Engine

    program = (
        "import sys, time; sys.path.insert(0, %r)\nfrom engine import load_runtime; "
        "load_runtime()\n"
        "from pycontainer.builds.parse.build_request import BuildRequest\n"
        "from pycontainer.builds.plans import build_plan\nfrom pycontainer.engine import Engine\n"
        "with Engine(*%r) as engine:\n"
        "    begin = time.perf_counter()\n    found = build_plan.plan_from(engine, [%r], "
        "BuildRequest(network='none'), %r)\n"
        "    assert not found.changed, found.actions\n    print(time.perf_counter() - begin)\n"
    )
    assert build_plan and build_request and Engine
    return float(
        peers.run(
            sys.executable,
            "-c",
            program % (os.path.dirname(os.path.abspath(__file__)), engine.place, NAME, context),
        )
    )


def measure(chosen, context, rounds):
    """``{engine: ([Taken of cold builds], [Taken of cached ones])}`` and the seconds of the engine's own part when all is cached."""
    figures, parts = {engine.name: ([], []) for engine in chosen}, []
    for number in range(rounds + 1):
        for engine in chosen:
            engine.drop()
            os.sync()
            cold, cached = (
                metering.measure(engine.build(context), engine.daemons) for _time in range(2)
            )
            if number:  # the first warms up
                figures[engine.name][0].append(cold)
                figures[engine.name][1].append(cached)
                if isinstance(engine, Pycontainer):
                    parts.append(part(engine, context))
        sys.stderr.write("round %d of %d\n" % (number, rounds))
    return figures, parts


def report(figures, parts):
    print("%-14s%10s%10s%10s%10s%10s" % ("build", "cold s", "ratio", "CPU s", "cached s", "CPU s"))
    own = statistics.median(taken.wall for taken in figures["pycontainer"][0])
    for name, (cold, cached) in figures.items():
        wall = statistics.median(one.wall for one in cold)
        print(
            "%-14s%10.2f%10s%10.2f%10.2f%10.2f"
            % (
                name,
                wall,
                "%.2fx" % (wall / own),
                statistics.median(one.cpu for one in cold),
                statistics.median(one.wall for one in cached),
                statistics.median(one.cpu for one in cached),
            )
        )
    print(f"cached, in the engine: {statistics.median(parts):.3f} s")


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--engines", default="buildah,docker", help="peers that take part")
    parser.add_argument(
        "--urgent",
        action="store_true",
        help="everything before other work on the machine (nice -20)",
    )
    options = parser.parse_args()
    tasks.SCRATCH.mkdir(parents=True, exist_ok=True)
    directory = tempfile.mkdtemp(dir=isolated.enter(tasks.SCRATCH))
    if (
        options.urgent
    ):  # no real-time priority: a cgroup without a share of that takes no such process
        os.nice(-20)
    load_runtime()
    rootfs, context = tasks.rootfs(directory), make_context(directory)
    (rootfs / "etc").mkdir()
    for program in ("mkdir", "find", "chmod", "rm", "ln"):
        (rootfs / "bin" / program).symlink_to("busybox")
    chosen = []
    try:
        chosen.append(Pycontainer(directory, rootfs))
        for name, program, make in (("buildah", "buildah", Buildah), ("docker", "dockerd", Docker)):
            if name in options.engines.split(","):
                if shutil.which(program):
                    chosen.append(make(directory, rootfs))
                else:
                    print(f"left out: {program} is not installed")
        report(*measure(chosen, context, options.rounds))
    finally:
        for engine in chosen:
            engine.down()
        shutil.rmtree(directory, ignore_errors=True)


if __name__ == "__main__":
    main()
