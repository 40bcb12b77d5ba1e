# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A task is killed at every one of its steps in turn, and given again: it ends in the asked-for state, and nothing is left over.

The steps are what the engine does to disk, database and kernel: a child process counts them and kills itself at the n-th,
for every n until it gets through.
"""

from __future__ import annotations

import glob
import os
import signal

import pytest
from pycontainer import containers, networks, volumes
from pycontainer.containers import task
from pycontainer.containers.access import exec_client
from pycontainer.containers.client import monitor_client, names_client, zygote_client
from pycontainer.containers.lifecycle import cleanup
from pycontainer.containers.view import stats as metering
from pycontainer.engine import Engine
from pycontainer.reconcile import Plan, carry_out
from pycontainer.store import atomic_files, database, tree_removal

FIRST = {
    "name": "web",
    "image": "box:1",
    "network_mode": "none",
    "stop_timeout": 0,
    "volumes": ["/anonymous", "data:/srv/data"],
}


def do(engine, params):
    outcome = task.container(engine, params)
    return carry_out(outcome, False) if isinstance(outcome, Plan) else outcome


def killed_at(paths, params, step, begin=None, act=do):
    """Carry the task out in a child that kills itself when it is about to take its step number ``step``; whether that happened.

    :param begin: the name of the step that is the first; None: whichever comes first.
    :param act: what carries it out.
    """
    child = os.fork()
    if child == 0:
        try:
            _count_steps(step, begin)
            with Engine(paths.data, paths.run) as engine:
                act(engine, params)
            os._exit(0)
        except BaseException:
            import traceback

            traceback.print_exc()
        finally:
            os._exit(1)
    _pid, status = os.waitpid(child, 0)
    assert os.WIFSIGNALED(status) or os.WEXITSTATUS(status) == 0, "the task failed of itself"
    return os.WIFSIGNALED(status)


def _count_steps(limit, begin):
    taken = [0]

    def step(name):
        if taken[0] or begin in (None, name):
            taken[0] += 1
        if taken[0] == limit:
            os.kill(os.getpid(), signal.SIGKILL)

    def counted(owner, name):
        original = getattr(owner, name)

        def wrapper(*args, **kwargs):
            step(name)
            return original(*args, **kwargs)

        setattr(owner, name, wrapper)

    for owner, names in (
        (database.Database, ("transaction",)),
        (atomic_files, ("write_whole", "write_json")),
        (tree_removal, ("remove",)),
        (os, ("mkdir", "rename", "rmdir")),
        (zygote_client, ("start",)),
        (monitor_client, ("stop", "_ask")),
        (names_client, ("update",)),
        (networks.publish, ("publish", "unpublish")),
        (cleanup, ("take_down",)),
    ):
        for name in names:
            counted(owner, name)


def check_clean(engine):
    """Rows, directories and cgroups are of the same containers and volumes."""
    idents = {record["id"] for record in containers.every(engine)}
    assert (
        set(os.listdir(engine.paths.containers)) == idents
        and set(os.listdir(engine.paths.running)) <= idents
    )
    assert set(os.listdir(engine.paths.volumes)) == {row["name"] for row in volumes.listing(engine)}
    assert not [
        row["name"] for row in volumes.listing(engine, {"dangling": True}) if row["anonymous"]
    ]
    assert engine.operations.abandoned() == []
    everything = {
        os.path.basename(path)
        for path in glob.glob("/sys/fs/cgroup/**/pycontainer/*", recursive=True)
    }
    assert not {
        name for name in everything if len(name) == 64 and name not in idents and name in SEEN
    }
    SEEN.update(idents)


SEEN = set()  # ids that this test made: other suites may run beside it


def every_step(engine, params, prepare, check, begin=None, between=lambda: None, act=do, stride=1):
    """:param prepare: makes the state before. :param check: asserts the state afterwards.
    :param begin, act: see :func:`killed_at`. :param between: called after the kill, before the next run.
    :param stride: take each of so many steps.
    """
    for step in range(1, 200, stride):
        prepare(engine)
        SEEN.update(record["id"] for record in containers.every(engine))
        engine.db.close()  # a forked child can not use it while it is open here
        killed = killed_at(engine.paths, params, step, begin, act)
        between()
        with Engine(engine.paths.data, engine.paths.run) as again:
            act(again, params)
            check(again)
            assert not act(again, params)["changed"], (
                "the second run after a kill at step %d" % step
            )
            check_clean(again)
        if not killed:
            assert step > 5, "the steps are not counted"
            return
    pytest.fail("it never got through")


def nothing(engine):
    for record in containers.every(engine):
        containers.remove(engine, record, force=True)
    for row in volumes.listing(engine):
        volumes.remove(engine, row["name"])


def runs(engine):
    record = containers.find(engine, "web")
    assert containers.status(engine.paths, record["id"])["status"] == "running"
    found = exec_client.run(engine.paths, record["id"], ["cat", "/srv/data/file"])
    assert found["stdout"] == b"from the image\n"
    return record


@pytest.fixture(autouse=True)
def cleaned(engine, image):
    yield
    nothing(engine)


@pytest.mark.timeout(300)
def test_create_and_start(engine):
    every_step(engine, FIRST, nothing, runs)


@pytest.mark.timeout(300)
def test_replace(engine):
    wanted = dict(FIRST, env={"A": "2"})

    def before(now):
        nothing(now)
        do(now, FIRST)
        exec_client.run(now.paths, containers.find(now, "web")["id"], ["touch", "/anonymous/kept"])

    def check(now):
        record = runs(now)
        assert record["definition"]["env"] == {"A": "2"} and [
            entry["name"] for entry in containers.every(now)
        ] == ["web"]
        assert exec_client.run(now.paths, record["id"], ["ls", "/anonymous"])["stdout"] == b"kept\n"

    every_step(engine, wanted, before, check)


def test_a_replacement_whose_undoing_is_killed_leaves_nothing(engine):
    do(engine, FIRST)
    engine.db.close()
    assert killed_at(engine.paths, dict(FIRST, env={"A": "2"}), 1, "start")
    assert len(os.listdir(engine.paths.containers)) == 2
    assert killed_at(engine.paths, None, 1, "take_down", lambda *_: None)
    with Engine(engine.paths.data, engine.paths.run) as now:
        assert [entry["name"] for entry in containers.every(now)] == ["web"]
        check_clean(now)
        runs(now)


@pytest.mark.timeout(300)
def test_restart_for_a_change(engine):
    def before(now):
        nothing(now)
        do(now, FIRST)
        exec_client.run(now.paths, containers.find(now, "web")["id"], ["touch", "/kept"])

    def check(now):
        record = runs(now)
        printed = exec_client.run(now.paths, record["id"], ["sh", "-c", "echo $A; ls /kept"])
        assert printed["stdout"] == b"2\n/kept\n"
        assert record["definition"]["env"] == {"A": "2"}

    wanted = {"name": "web", "env": {"A": "2"}, "state": "present", "on_change": "restart"}
    every_step(engine, wanted, before, check)


@pytest.mark.timeout(300)
def test_stop_for_a_change(engine):
    """A kill leaves it as it was, or as it is to be."""

    def before(now):
        nothing(now)
        do(now, dict(FIRST, env={"A": "1"}))

    def what(now):
        record = containers.find(now, "web")
        state = containers.status(now.paths, record["id"])["status"]
        with open(os.path.join(now.paths.container(record["id"]), "config.json")) as file:
            assert f'"A={record["definition"]["env"]["A"]}"' in file.read()
        return state, record["wanted"], record["definition"]["env"]["A"]

    def killed():
        with Engine(engine.paths.data, engine.paths.run) as now:
            assert what(now) in (
                ("running", "running", "1"),
                ("running", "running", "2"),
                ("exited", "stopped", "2"),
            )

    def check(now):
        assert what(now) == ("exited", "stopped", "2")

    wanted = {"name": "web", "env": {"A": "2"}, "state": "stopped", "on_change": "restart"}
    every_step(engine, wanted, before, check, between=killed)


@pytest.mark.timeout(300)
def test_remove(engine):
    def before(now):
        nothing(now)
        do(now, FIRST)

    def check(now):
        assert containers.every(now) == [] and [row["name"] for row in volumes.listing(now)] == [
            "data"
        ]

    every_step(engine, {"name": "web", "state": "absent", "keep_volumes": False}, before, check)


@pytest.mark.timeout(300)
def test_live_change(engine):
    def before(now):
        nothing(now)
        do(now, dict(FIRST, memory="64m"))

    def check(now):
        record = runs(now)
        assert metering.once(now, record["id"])["memory"]["limit"] == 32 << 20 and record[
            "definition"
        ]["labels"] == {"a": "b"}

    every_step(engine, {"name": "web", "memory": "32m", "labels": {"a": "b"}}, before, check)
