# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Docker's commands against an engine with a store of its own: in this process as the ad-hoc module runs them, and as the host's command."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess

import pytest

BUSYBOX = shutil.which("busybox")


@pytest.fixture(scope="session")
def rootfs(tmp_path_factory):
    """A root file system with all of busybox, users, and a directory for volumes to be filled from."""
    if (
        BUSYBOX is None
        or subprocess.run(["ldd", BUSYBOX], capture_output=True, check=False).returncode == 0
    ):
        pytest.skip("needs a statically linked busybox (Debian: busybox-static)")
    top = tmp_path_factory.mktemp("rootfs")
    top.chmod(0o755)
    for name in ("bin", "etc", "srv/data", "tmp", "proc", "sys", "dev", "root"):
        (top / name).mkdir(parents=True)
    shutil.copy2(BUSYBOX, top / "bin" / "busybox")
    for applet in subprocess.run(
        [BUSYBOX, "--list"], stdout=subprocess.PIPE, text=True, check=True
    ).stdout.split():
        if applet != "busybox":
            os.symlink("busybox", top / "bin" / applet)
    (top / "etc" / "passwd").write_text(
        "root:x:0:0:root:/root:/bin/sh\nwww:x:33:33:www:/srv:/bin/sh\n"
    )
    (top / "etc" / "group").write_text("root:x:0:\nwww:x:33:\nextra:x:77:\n")
    (top / "srv" / "data" / "file").write_text("from the image\n")
    return str(top)


class Commands:
    """Runs command lines against one engine."""

    def __init__(self, engine):
        self.engine = engine

    def task(self, *argv, check=False):
        """As the ad-hoc module: its result."""
        from pycontainer.cli import task
        from pycontainer.engine import Engine

        if check:
            with Engine(self.engine.paths.data, self.engine.paths.run, check=True) as engine:
                return task.pycontainer(engine, {"argv": list(argv), "cmd": None})
        return task.pycontainer(self.engine, {"argv": list(argv), "cmd": None})

    def __call__(self, *argv, rc=0):
        """As the ad-hoc module: its output."""
        result = self.task(*argv)
        if result["rc"] != rc:
            pytest.fail(
                f"{' '.join(argv)}: exit code {result['rc']}: "
                f"{result['stderr'] or result['stdout']}"
            )
        return result["stderr"] if rc else result["stdout"]

    def on_host(self, *argv, stdin=None, timeout=60):
        """As the command that is laid down on the host: ``(exit code, output, errors)``."""
        from pycontainer.deploy import install

        install.ensure(self.engine)
        done = subprocess.run(
            install.command_line(self.engine) + list(argv),
            input=stdin,
            stdin=subprocess.DEVNULL if stdin is None else None,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            timeout=timeout,
            check=False,
        )
        return done.returncode, done.stdout, done.stderr


def bridges():
    return {link for _index, link in socket.if_nameindex() if link.startswith("pyc")}


@pytest.fixture
def docker(engine, rootfs):
    """The commands, with an image ``box:1`` that sleeps. Containers are removed at the end, and the links and rules of networks."""
    from pycontainer import containers
    from pycontainer.networks import firewall
    from pycontainer.networks.traffic import isolation

    commands, before = Commands(engine), bridges()
    commands.rootfs = rootfs
    commands(
        "import",
        "-c",
        'CMD ["sleep","1000"]',
        "-c",
        "EXPOSE 80",
        "-c",
        "ENV FROM=image",
        rootfs,
        "box:1",
    )
    yield commands
    for record in containers.every(engine):
        containers.remove(engine, record, force=True)
    for link in bridges() - before:
        subprocess.run(["ip", "link", "delete", link], check=True)
    if not before:
        firewall.remove()
        isolation.remove()


@pytest.fixture
def snapshot(docker):
    """A function that gives all that the store holds: rows, files with their times, and what runs."""
    from pycontainer import containers

    def take():
        engine, found = docker.engine, {}
        for name in [
            row["name"]
            for row in engine.db.all("SELECT name FROM sqlite_master WHERE type = 'table'")
        ]:
            found[name] = [
                tuple(row.values()) for row in engine.db.all(f"SELECT * FROM {name} ORDER BY 1")
            ]
        for top, _names, files in os.walk(engine.paths.data):
            for name in files:
                if not name.startswith("state.db"):
                    status = os.lstat(os.path.join(top, name))
                    found[os.path.join(top, name)] = (
                        status.st_ino,
                        status.st_mtime_ns,
                        status.st_size,
                    )
        found["running"] = {
            record["id"]: (
                containers.status(engine.paths, record["id"])["status"],
                containers.status(engine.paths, record["id"])["pid"],
            )
            for record in containers.every(engine)
        }
        return found

    return take
