# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Containers for Ansible's tasks to run in, on this machine, and Ansible beside them."""

from __future__ import annotations

import json
import os
import pathlib
import shutil
import subprocess
import sys
import sysconfig
import tempfile

import pytest
from support import leaks

BIN = pathlib.Path(sys.executable).parent
PYTHON = os.path.realpath("/usr/bin/python3")
# What a container sees of this machine, so that it has Python: the image itself has none.
PROGRAMS = ["-v", "/usr:/usr:ro"]


@pytest.fixture(scope="module")
def root_with_python(tmp_path_factory):
    """A root that has this machine's programs once /usr is mounted, and busybox before that."""
    busybox = shutil.which("busybox")
    if (
        busybox is None
        or subprocess.run(["ldd", busybox], capture_output=True, check=False).returncode == 0
    ):
        pytest.skip("needs a statically linked busybox (Debian: busybox-static)")
    if not os.path.islink("/bin"):
        pytest.skip("needs a machine whose programs are all below /usr")
    top = tmp_path_factory.mktemp("root")
    top.chmod(0o755)
    for name in ("etc", "tmp", "proc", "sys", "dev", "root", "home/app", "usr", "opt", "var/tmp"):
        (top / name).mkdir(parents=True)
    for name in ("tmp", "var/tmp"):
        (top / name).chmod(0o1777)
    for name in ("bin", "sbin", "lib", "lib64"):
        (top / name).symlink_to("usr/" + name)
    shutil.copy2(busybox, top / "opt" / "busybox")
    os.chown(top / "home" / "app", 1000, 1000)
    (top / "etc" / "passwd").write_text(
        "root:x:0:0:root:/root:/bin/sh\napp:x:1000:1000:app:/home/app:/bin/sh\n"
    )
    (top / "etc" / "group").write_text("root:x:0:\napp:x:1000:\n")
    return str(top)


class Ansible:
    """Runs Ansible against the containers of one engine; ``boxes`` are the hosts of its inventory.

    :param directory: for its files.
    """

    def __init__(self, engine, directory, boxes):
        self.engine, self.directory, self.boxes = engine, directory, boxes

    def inventory(self, **more):
        """Write the inventory; returns its path. :param more: further hosts, in the group ``others``."""
        path = self.directory / "hosts.json"
        common = {
            "ansible_pycontainer_data_root": self.engine.paths.data,
            "ansible_pycontainer_run_root": self.engine.paths.run,
            "ansible_python_interpreter": PYTHON,
        }
        boxes = {
            "vars": {"ansible_connection": "pycontainer.engine.container"},
            "hosts": self.boxes,
        }
        document = {"vars": common, "children": {"boxes": boxes, "others": {"hosts": more}}}
        path.write_text(json.dumps({"all": document}))
        return path

    def environment(self, **more):
        """Return the environment of Ansible's commands."""
        return dict(
            os.environ,
            ANSIBLE_COLLECTIONS_PATH=sysconfig.get_path("purelib"),
            ANSIBLE_LOCAL_TEMP=str(self.directory / "local"),
            ANSIBLE_STDOUT_CALLBACK="minimal",
            ANSIBLE_FORKS="10",
            ANSIBLE_NOCOLOR="1",
            PATH=f"{BIN}:{os.environ['PATH']}",
            **more,
        )

    def command(self, program, *words, **hosts):
        """Return the words of a command, on the inventory with these further hosts."""
        return [str(BIN / program), "-i", str(self.inventory(**hosts)), *map(str, words)]

    def run(self, program, *words, rc=0, hosts=None, **environment):
        """Run one of Ansible's commands; returns its output."""
        done = subprocess.run(
            self.command(program, *words, **(hosts or {})),
            env=self.environment(**environment),
            cwd=self.directory,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=300,
            check=False,
        )
        assert rc is None or done.returncode == rc, done.stdout
        return done.stdout

    def play(self, text, *words, **options):
        """Run a playbook of this text; returns the output."""
        path = self.directory / "book.yml"
        path.write_text(text)
        return self.run("ansible-playbook", path, *words, **options)


@pytest.fixture(scope="module")
def ansible(root_with_python, tmp_path_factory):
    """Ansible with these containers: ``web``, ``shut`` (read-only root), ``open`` (the host's user
    namespace), ``bare`` (no shell, no Python), ``stopped`` and ``paused``.
    """
    from pycontainer import containers
    from pycontainer.cli import task
    from pycontainer.deploy import install
    from pycontainer.engine import Engine

    place = tempfile.mkdtemp(
        prefix="pycontainer-test-", dir=os.environ.get("PYCONTAINER_TEST_DIR", "/var/tmp")
    )
    run = tempfile.mkdtemp(prefix="pct-", dir="/run")
    with Engine(f"{place}/data", run) as engine:

        def docker(*words):
            result = task.pycontainer(engine, {"argv": list(words), "cmd": None})
            assert result["rc"] == 0, result
            return result["stdout"]

        install.ensure(engine)
        sleep = 'CMD ["/opt/busybox","sleep","100000"]'
        docker("import", "-c", sleep, "-c", "WORKDIR /tmp", root_with_python, "py:1")
        start = ("run", "-d", "--network", "none")
        docker(*start, "--name", "web", *PROGRAMS, "py:1")
        docker(*start, "--name", "shut", "--read-only", *PROGRAMS, "py:1")
        docker(*start, "--name", "open", "--userns", "host", *PROGRAMS, "py:1")
        docker(*start, "--name", "bare", "py:1")
        docker("create", "--name", "stopped", "py:1")
        docker(*start, "--name", "paused", "py:1")
        docker("pause", "paused")
        boxes = {name: {} for name in ("web", "shut", "open", "bare", "stopped", "paused")}
        made = Ansible(engine, tmp_path_factory.mktemp("ansible"), boxes)
        made.docker = docker
        try:
            yield made
        finally:
            for record in containers.every(engine):
                containers.remove(engine, record, force=True)
            leaks.remove(engine.paths.data, engine.paths.run)
            os.rmdir(place)
