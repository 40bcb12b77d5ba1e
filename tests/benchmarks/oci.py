# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The issue's three measures of the runtime, in one run on one machine that has nothing else to do:

a cold process          `pycontainer-oci run` of /bin/true from a bundle, beside runc and crun, in turns: `runc spec`'s, and one
                        with the document of an engine's container (user namespace, Docker's seccomp profile)
in the engine           starts of many containers in one call, for each, beside `crun run --detach` of the same document
an idle container       PSS of its monitor, many of them, awake and asleep, beside conmon's

/usr/bin/python3 tests/benchmarks/oci.py [--rounds 40] [--many 50]
"""

from __future__ import annotations

import argparse
import json
import os
import pathlib
import shutil
import statistics
import tempfile
import time

import engine as engines
import tasks
from common import isolated, peers

ASLEEP = 8.0  # seconds after which a monitor that has nothing to do sleeps


def cold(commands, rounds):
    """``{name: [(wall, CPU) in milliseconds]}`` of commands that take turns, one round before them not counted."""
    found = {name: [] for name in commands}
    for number in range(rounds + 1):
        for name, command in commands.items():
            times = run(command)
            if number:
                found[name].append(times)
    return found


def run(command):
    """``(wall, CPU)`` of a command with what it waited for, in milliseconds; it says nothing. :raises RuntimeError: it fails."""
    begin = time.perf_counter()
    quiet = [(os.POSIX_SPAWN_OPEN, number, os.devnull, os.O_RDWR, 0) for number in (0, 1, 2)]
    dummy, status, usage = os.wait4(
        os.posix_spawn(command[0], [str(word) for word in command], os.environ, file_actions=quiet),
        0,
    )
    wall = (time.perf_counter() - begin) * 1000
    if status:
        raise RuntimeError("%s: status %d" % (" ".join(map(str, command)), status))
    return wall, (usage.ru_utime + usage.ru_stime) * 1000


def like_the_engines(engine, directory, root):
    """A bundle with the document of a container of the engine's, but for what is bind-mounted, that crun of Debian 12 takes too."""
    from pycontainer import containers
    from pycontainer.containers.lifecycle import start

    containers.plan(
        engine,
        {
            "name": "pattern",
            "image": engines.IMAGE,
            "command": ["true"],
            "network_mode": "none",
            "state": "present",
        },
    ).apply()
    record = containers.find(engine, "pattern")
    start.start(engine, [record])  # only then it has its ids
    config = json.loads(
        pathlib.Path(engine.paths.container(record["id"]), "config.json").read_text()
    )
    containers.remove(engine, record, force=True)
    config.update(
        ociVersion="1.0.2",
        root={"path": "rootfs"},
        annotations={},
        mounts=[
            mount
            for mount in config["mounts"]
            if "rbind" not in mount.get("options", ()) and mount.get("type") != "bind"
        ],
    )
    config["process"]["args"] = ["/bin/true"]
    config["linux"].pop("cgroupsPath", None)
    bundle = pathlib.Path(directory, "like")
    shutil.copytree(root, bundle / "rootfs", symlinks=True)
    owner = "%d:%d" % tuple(
        config["linux"][kind][0]["hostID"] for kind in ("uidMappings", "gidMappings")
    )
    peers.run("chown", "-R", owner, bundle)
    (bundle / "config.json").write_text(json.dumps(config))
    os.chmod(directory, 0o755)
    return bundle


def detached(crun, directory, bundle, rounds):
    """Milliseconds of `crun run --detach` of a bundle, each; None without crun."""
    times = []
    for dummy in range(rounds if crun else 0):
        times.append(
            run([crun, "--root", directory, "run", "--detach", "--bundle", bundle, "bench"])[0]
        )
        peers.run(crun, "--root", directory, "delete", "--force", "bench")
    return statistics.median(times) if times else None


def starts(engine, many):
    """``(milliseconds for each, in one call; kB of a monitor's PSS when they have just started; when they sleep)``."""
    from pycontainer import containers
    from pycontainer.containers.lifecycle import start

    names = ["start-%d" % number for number in range(many)]
    for name in names:
        containers.plan(
            engine,
            {
                "name": name,
                "image": engines.IMAGE,
                "command": ["sleep", "3600"],
                "network_mode": "none",
                "state": "present",
            },
        ).apply()
    records = [containers.find(engine, name) for name in names]
    each = []
    for _round in range(5):
        begin = time.perf_counter()
        errors = [error for error in start.start(engine, records).values() if error]
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
        peers.run(
            podman.wrapper,
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
            engines.IMAGE,
            "sleep",
            "3600",
        )
    size = engines.pss(engines.processes("conmon"))
    podman.down()
    return size


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=40)
    parser.add_argument("--many", type=int, default=50)
    options = parser.parse_args()
    tasks.SCRATCH.mkdir(parents=True, exist_ok=True)
    directory = tempfile.mkdtemp(dir=isolated.enter(tasks.SCRATCH))
    if os.path.ismount(
        "/sys/fs/cgroup/unified"
    ):  # crun takes no hybrid host whose v2 tree has controllers; nobody gets it then
        peers.run("umount", "/sys/fs/cgroup/unified")
    root = tasks.rootfs(directory)
    engines.load_runtime()
    from pycontainer import images
    from pycontainer.deploy import install
    from pycontainer.engine import Engine

    with Engine() as engine:
        images.plan_import(engine, engines.IMAGE, str(root)).apply()
        copy = install.ensure(engine)
        ours = os.path.join(copy.path, "pycontainer-oci")
        bundle = engines.runc_bundle(directory, root)
        runtimes = {
            "pycontainer-oci": ours,
            "runc": shutil.which("runc"),
            "crun": shutil.which("crun"),
        }
        like = like_the_engines(engine, directory, root)
        for what, place in (("runc spec's", bundle), ("an engine's", like)):
            found = cold(
                {
                    name: (
                        path,
                        "--root",
                        pathlib.Path(directory, name),
                        "run",
                        "--bundle",
                        place,
                        "bench",
                    )
                    for name, path in runtimes.items()
                    if path
                },
                options.rounds,
            )
            for name, times in found.items():
                wall, processor = ([time[number] for time in times] for number in (0, 1))
                others = [time[0] for time in found["runc"]]
                print(
                    f"cold run of /bin/true, {what} document: {name:16} "
                    f"{statistics.median(wall):5.1f} ms median, {min(wall):5.1f} best "
                    f"({statistics.median(wall) / statistics.median(others):.2f}, "
                    f"{min(wall) / min(others):.2f} of runc); CPU "
                    f"{statistics.median(processor):5.1f} median, {min(processor):5.1f} best",
                    flush=True,
                )
        each, awake, asleep = starts(engine, options.many)
        other = detached(runtimes["crun"], pathlib.Path(directory, "crun"), like, options.rounds)
        print(
            "start in the engine, %d in one call: %.1f ms each%s"
            % (
                options.many,
                each,
                "; crun's process for such a container %.1f (%.2f)" % (other, each / other)
                if other
                else "",
            ),
            flush=True,
        )
    print(
        "an idle container's monitor, PSS of %d: %.0f kB just started, %.0f kB asleep; conmon "
        "%.0f kB" % (options.many, awake, asleep, conmon(directory, root, options.many))
    )


if __name__ == "__main__":
    main()
