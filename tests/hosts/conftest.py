# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Fixtures of the tests over SSH."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import pathlib
import shutil
import sys

import pytest
from support.fleet import machines, namespaces, roots

BIN = pathlib.Path(
    sys.executable
).parent  # of the environment that the tests run in, with Ansible in it
CALLBACKS = pathlib.Path(__file__).resolve().parent / "callback"


@contextlib.contextmanager
def fleet_of(count, name, engine=False, binds=(), **options):
    """Namespace hosts for the length of a block. :param engine: whether they have the engine, as if a task had brought it."""
    binds = {**dict(binds), **({RUNTIME: ENGINE + "/pycontainer"} if engine else {})}
    fleet = namespaces.Fleet(name, binds=binds, **options)
    try:
        fleet.up(count)
        if engine:
            lay_down(fleet)
        yield fleet
    finally:
        fleet.down()


RUNTIME = roots.CHECKOUT / "plugins" / "module_utils" / "_runtime"
ENGINE = "/srv/engine"
LAY_DOWN = f"""
import sys
sys.path.insert(0, {ENGINE!r})
from pycontainer.deploy import install
from pycontainer.store.paths import Paths
paths = Paths()
paths.make()
install.ensure_at(paths)
"""


def lay_down(fleet):
    """Put the engine on all hosts of a fleet: bytecode is made on the first one, or was by another fleet's of this run."""
    kept = os.path.join(
        os.environ.get("PYCONTAINER_TEST_SHARED", fleet.directory), f"engine-{fleet.root.name}"
    )
    data = [fleet.directory / host / "data" for host in fleet.hosts()]
    with open(kept + ".lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not os.path.exists(kept):
            made = fleet.execute(fleet.hosts()[0], "/usr/bin/python3", "-c", LAY_DOWN)
            assert made.returncode == 0, made.stdout
            shutil.copytree(data.pop(0) / STORE, kept + ".partial", symlinks=True)
            os.rename(kept + ".partial", kept)
    for place in data:
        shutil.copytree(kept, place / STORE, symlinks=True, dirs_exist_ok=True)


STORE = "var/lib/pycontainer"


@pytest.fixture(scope="module")
def fleet():
    """Three namespace hosts h1..h3 without an init system, cgroups as this machine has them."""
    with fleet_of(3, "light") as made:
        yield made


@pytest.fixture(scope="module")
def systemd_host():
    """One namespace host h1 with systemd as process 1."""
    with fleet_of(1, "systemd", init="systemd") as made:
        yield made


@pytest.fixture(scope="module")
def openrc_host():
    """One namespace host h1 with OpenRC."""
    with fleet_of(
        1, "openrc", init="openrc", root=roots.root(packages=roots.LIBRARIES + ["openrc"])
    ) as made:
        yield made


@pytest.fixture(scope="module")
def sysvinit_host():
    """One namespace host h1 whose init runs what is linked into /etc/rc2.d, and into /etc/rc6.d at a reboot."""
    with fleet_of(1, "sysvinit", init="sysvinit") as made:
        yield made


@pytest.fixture(scope="module")
def machine():
    """A virtual machine with systemd and cgroup v2, fresh from its kept state."""
    if not shutil.which("qemu-system-x86_64"):
        pytest.skip("qemu-system-x86 is not installed")
    made = machines.Machine(f"vm{int(os.environ.get('PYCONTAINER_TEST_WORKER', '0'))}9")
    try:
        yield made.up()
    finally:
        made.down()


@pytest.fixture(scope="session")
def collections(tmp_path_factory):
    """A directory for ANSIBLE_COLLECTIONS_PATH with this collection as a user has it: meta, plugins, roles, playbooks alone.

    What changes in the checkout while the tests run does not change it.
    """
    top = tmp_path_factory.mktemp("collections")
    collection = top / "ansible_collections" / "pycontainer" / "engine"
    for name in ("meta", "plugins", "roles", "playbooks"):
        shutil.copytree(
            roots.CHECKOUT / name, collection / name, ignore=shutil.ignore_patterns("__pycache__")
        )
    shutil.copy(roots.CHECKOUT / "galaxy.yml", collection)
    return top


class Play:
    """What a playbook did.

    ``output``: what Ansible printed; ``hosts``: {host: {"ok", "changed", "failures", "unreachable", "skipped" ...: number}};
    ``tasks``: [{"name", "hosts": {host: result}}], skipped ones without a result.
    """

    def __init__(self, output, document):
        self.output, self.hosts, self.tasks = output, document["hosts"], document["tasks"]

    def results(self, host):
        """The results of all tasks on a host, in order."""
        return [task["hosts"][host] for task in self.tasks if host in task["hosts"]]

    @property
    def changed(self):
        """{host: number of tasks that changed something}."""
        return {host: stats["changed"] for host, stats in self.hosts.items()}

    @property
    def errors(self):
        """{host: [messages]} of the hosts where a task failed."""
        return {
            host: [
                result.get("msg")
                for result in self.results(host)
                if result.get("failed") or result.get("unreachable")
            ]
            for host, stats in self.hosts.items()
            if stats["failures"] or stats["unreachable"]
        }


@pytest.fixture
def run_book(collections, tmp_path):
    """``run_book(fleet or machine, playbook, *options)``: run a playbook over SSH on all hosts; returns a :class:`Play`.

    :param may_fail: else a task that fails fails the test.
    :param beside: a name of its own for a run beside others.
    """

    def run(where, book, *options, may_fail=False, beside=""):
        whole = tmp_path / f"whole{beside}.json"
        whole.unlink(missing_ok=True)
        environment = {
            "ANSIBLE_FORKS": "10",
            "ANSIBLE_PIPELINING": "True",
            "WHOLE_FILE": str(whole),
            "ANSIBLE_COLLECTIONS_PATH": str(collections),
            "ANSIBLE_CALLBACK_PLUGINS": str(CALLBACKS),
            "ANSIBLE_CALLBACKS_ENABLED": "whole",
        }
        done = where.run(
            BIN / "ansible-playbook", book, *options, environment=environment, cwd=tmp_path
        )
        assert whole.exists(), done.stdout
        played = Play(done.stdout, json.loads(whole.read_text()))
        assert may_fail or not played.errors, done.stdout
        return played

    return run


@pytest.fixture
def play(run_book, tmp_path):
    """``play(fleet or machine, tasks, *options)``: run tasks, given as Ansible's dictionaries, as :func:`run_book` does."""

    def run(where, tasks, *options, may_fail=False, beside=""):
        book = tmp_path / f"play{beside}.json"
        book.write_text(json.dumps([{"hosts": "all", "gather_facts": False, "tasks": tasks}]))
        return run_book(where, book, *options, may_fail=may_fail, beside=beside)

    return run
