# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Making, entering, freezing, killing and removing groups."""

from __future__ import annotations

import json
import os
import secrets
import threading
import time

import pytest
from pycontainer.errors import Conflict, HostError, InvalidInput, NotFound
from pycontainer.kernel import cgroups
from pycontainer.kernel.cgroups.hierarchy import freezer, layout, removal

COUNT = """
import sys, time
with open(sys.argv[1], "w") as file:
    number = 0
    while True:
        number += 1
        file.seek(0); file.write("%10d" % number); file.flush()
        time.sleep(0.005)
"""
FORKS = """
import os, time
def bear():
    while True:
        if os.fork() == 0:
            time.sleep(0.01)
            if os.fork():
                os._exit(0)
            time.sleep(60)
        time.sleep(0.02)
        try:
            os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            pass
print("up", flush=True)
bear()
"""
SLEEP = "import time; print('up', flush=True); time.sleep(60)"


def directories(group):
    return [path for path in group.paths.values() if os.path.isdir(path)]


def test_it_is_in_every_hierarchy_and_quickly_made(group):
    assert len(directories(group)) == len(layout.current().hierarchies) == len(group.paths)
    times = []
    for dummy in range(7):
        began = time.perf_counter()
        other = cgroups.create("test-" + secrets.token_hex(4))
        times.append(time.perf_counter() - began)
        other.remove()
    emulated = (
        20
        if "QEMU" in open("/proc/cpuinfo").read()
        or os.path.exists("/sys/class/dmi/id/product_name")
        and "Standard PC" in open("/sys/class/dmi/id/product_name").read()
        else 1
    )
    assert min(times) < 0.0015 * emulated


def test_processes_are_attached_everywhere(group, run_in):
    process = run_in(SLEEP)
    process.stdout.readline()
    assert layout.of_process(process.pid) == group.paths
    assert group.procs() == [process.pid]


def test_through_the_door(group):
    """A process forked into the group, of whichever versions, and nothing left open."""
    from pycontainer.kernel.calls import syscalls

    before = sorted(os.listdir("/proc/self/fd"))
    door = group.door()
    pid, pidfd = syscalls.clone3(0, cgroup_fd=door.unified)
    if pid == 0:
        try:
            door.enter()
            time.sleep(60)
        finally:
            os._exit(0)
    door.close()
    try:
        assert freezer.until(lambda: layout.of_process(pid) == group.paths)
        assert group.procs() == [pid]
    finally:
        os.kill(pid, 9)
        os.waitpid(pid, 0)
        os.close(pidfd)
    assert sorted(os.listdir("/proc/self/fd")) == before
    group.remove()
    with pytest.raises(HostError, match="can't be entered"):
        group.door()
    assert sorted(os.listdir("/proc/self/fd")) == before
    assert cgroups.Group({}).door() is None


def test_freeze_and_thaw(group, run_in, tmp_path):
    counter = tmp_path / "count"
    process = run_in(COUNT, counter)
    freezer.until(lambda: counter.exists() and counter.read_text().strip() > "3")
    assert not group.frozen()
    group.freeze()
    assert group.frozen()
    before = counter.read_text()
    time.sleep(0.1)
    assert counter.read_text() == before
    assert cgroups.Group.open(group.paths).frozen()
    group.thaw()
    assert not group.frozen()
    assert freezer.until(lambda: counter.read_text() != before)
    assert process.poll() is None


def test_v1_freezer(group, run_in, tmp_path):
    """The way of hosts without cgroup.freeze."""
    if "freezer" not in group.v1:
        pytest.skip("no v1 freezer here")
    counter = tmp_path / "count"
    run_in(COUNT, counter)
    freezer.until(counter.exists)
    freezer.freeze(None, group.v1["freezer"])
    assert freezer.frozen(None, group.v1["freezer"]) and group.frozen()
    before = counter.read_text()
    time.sleep(0.1)
    assert counter.read_text() == before
    group.thaw()
    assert freezer.until(lambda: counter.read_text() != before)


@pytest.mark.parametrize("version", [1, 2])
def test_freezing_what_forks(group, run_in, version):
    """Processes that appear while the group is being frozen are frozen, too."""
    unified, v1 = (None, group.v1.get("freezer")) if version == 1 else (group.unified, None)
    if not unified and not v1:
        pytest.skip("no freezer of version %d here" % version)
    run_in(FORKS).stdout.readline()
    assert freezer.until(lambda: len(group.procs()) > 5)
    freezer.freeze(unified, v1)
    assert freezer.frozen(unified, v1)
    before = sorted(group.procs())
    time.sleep(0.1)
    assert sorted(group.procs()) == before
    freezer.thaw(unified, v1)
    assert freezer.until(lambda: sorted(group.procs()) != before)


def test_kill_takes_what_forks(group, run_in):
    run_in(FORKS).stdout.readline()
    assert freezer.until(lambda: len(group.procs()) > 5)
    group.kill()
    assert freezer.until(lambda: not group.procs())


def test_kill_without_cgroup_kill(group, run_in):
    """The way of kernels before 5.14, of hosts with v1 alone, and of mixtures."""
    alone = cgroups.Group.open(group.paths)
    run_in(FORKS).stdout.readline()
    assert freezer.until(lambda: len(group.procs()) > 5)
    assert freezer.until(lambda: removal.kill_once(alone), 5)
    assert group.procs() == []


def test_kill_where_there_is_v1_alone(group, run_in, tmp_path, monkeypatch):
    """It writes nowhere else: not to a file below this process's working directory either."""
    mounts = [
        mount
        for mount, hierarchy in layout.current().by_mount.items()
        if hierarchy.version == 1 and "freezer" in hierarchy.controllers
    ]
    if not mounts:
        pytest.skip("no v1 freezer here")
    (tmp_path / "None").mkdir()
    (tmp_path / "None" / "cgroup.kill").write_text("")
    monkeypatch.chdir(tmp_path)
    process = run_in(SLEEP)
    process.stdout.readline()
    cgroups.Group.open({mounts[0]: group.paths[mounts[0]]}).kill()
    assert process.wait(20) == -9 and (tmp_path / "None" / "cgroup.kill").read_text() == ""


def test_groups_of_any_depth_are_looked_through_and_removed(group):
    """A container that may make groups of its own is not bound to a few."""
    mount, deepest = next(iter(group.paths.items()))
    for _level in range(1100):
        deepest += "/a"
        os.mkdir(deepest)
    deep = cgroups.Group.open({mount: group.paths[mount]})
    assert deep.procs() == []
    deep.remove()
    assert not os.path.exists(group.paths[mount])
    os.mkdir(group.paths[mount])


def test_kill_reaches_the_frozen(group, run_in):
    process = run_in(SLEEP)
    process.stdout.readline()
    group.freeze()
    if "freezer" in group.v1:
        freezer.freeze(None, group.v1["freezer"])
    group.kill()
    assert process.wait(20) == -9


def test_remove_kills_thaws_and_takes_nested_groups(group, run_in):
    process = run_in(SLEEP)
    process.stdout.readline()
    for path in group.paths.values():
        os.makedirs(path + "/a/b")
    inner = cgroups.Group.open({mount: path + "/a/b" for mount, path in group.paths.items()})
    for mount, path in inner.paths.items():
        if "cpuset" in layout.current().by_mount[mount].controllers:
            assert open(path + "/cpuset.cpus").read().strip()
    other = run_in(SLEEP, where=inner)
    other.stdout.readline()
    assert sorted(group.procs()) == sorted([process.pid, other.pid])
    group.freeze()
    began = time.monotonic()
    group.remove()
    assert time.monotonic() - began < 8
    assert directories(group) == [] and not group.exists
    assert process.wait(5) == other.wait(5) == -9
    group.remove()  # nothing to do is no error


def test_a_left_over_group_is_made_anew(group):
    if not cgroups.check({"pids": {"limit": 3}}):
        group.apply({"pids": {"limit": 3}})
    name = next(iter(group.paths.values())).rpartition("/")[2]
    os.mkdir(next(iter(group.paths.values())) + "/below")
    again = cgroups.create(name)
    assert again.paths == group.paths
    assert "pids" not in again.stats() or again.stats()["pids"]["limit"] is None
    assert not os.path.exists(next(iter(group.paths.values())) + "/below")


def test_a_group_in_use_is_not_made_anew(group, run_in):
    process = run_in(SLEEP)
    process.stdout.readline()
    name = next(iter(group.paths.values())).rpartition("/")[2]
    with pytest.raises(Conflict, match="has processes"):
        cgroups.create(name)
    assert process.poll() is None
    assert len(directories(group)) == len(group.paths)


def test_open_from_json(group):
    again = cgroups.Group.open(json.loads(json.dumps(group.paths)))
    assert again.exists and again.stats().keys() == group.stats().keys()
    gone = cgroups.Group.open({mount: path + "-gone" for mount, path in group.paths.items()})
    assert not gone.exists and gone.oom_kills() == 0 and gone.procs() == [] and not gone.frozen()
    gone.thaw()
    gone.remove()
    assert gone.stats() == {} or set(gone.stats()) <= {"io"}


def test_other_parents():
    name = secrets.token_hex(4)
    made = cgroups.create("inner", parent=f"/pyc-{name}/work")
    try:
        assert all(path.endswith(f"/pyc-{name}/work/inner") for path in directories(made))
        assert len(directories(made)) == len(made.paths)
        if not cgroups.check({"pids": {"limit": 5}}):
            made.apply({"pids": {"limit": 5}, "cpu": {"shares": 100}})
            assert made.stats()["pids"]["limit"] == 5
        assert not [
            path
            for path in made.v1.values()
            if os.path.exists(path + "/cpuset.cpus")
            and not open(path + "/cpuset.cpus").read().strip()
        ]
    finally:
        made.remove()
        for path in made.paths.values():
            os.rmdir(os.path.dirname(path))
            os.rmdir(os.path.dirname(os.path.dirname(path)))


def test_slices_are_nested_as_systemd_does():
    from pycontainer.kernel.cgroups.hierarchy.directories import parent_path

    assert parent_path("a-b-c.slice") == "/a.slice/a-b.slice/a-b-c.slice"
    assert parent_path("work.slice") == "/work.slice"
    assert parent_path(None) == cgroups.base() == "/pycontainer"


@pytest.mark.parametrize(
    "name, parent",
    [
        ("", None),
        ("a/b", None),
        ("..", None),
        ("a\n", None),
        ("a", "/"),
        ("a", "../x"),
        ("a", "/x/../y"),
    ],
)
def test_bad_names(name, parent):
    with pytest.raises(InvalidInput):
        cgroups.create(name, parent=parent)


def test_attaching_what_is_not_there(group):
    with pytest.raises(NotFound, match="has ended"):
        group.attach(2**22 - 1)
    group.remove()
    with pytest.raises(HostError):
        group.attach(0)


def test_joining_a_container_whose_init_made_groups_of_its_own(group, run_in):
    """v2: with controllers handed on, processes live in the leaves alone; one that joins goes to where process 1 is."""
    process = run_in(SLEEP)
    process.stdout.readline()
    if cgroups.mode() != "v2":
        pytest.skip("only where v2 has controllers")
    os.mkdir(group.unified + "/init")
    with open(group.unified + "/init/cgroup.procs", "w") as file:
        file.write(str(process.pid))
    with open(group.unified + "/cgroup.subtree_control", "w") as file:
        file.write("+pids +memory")
    pid = os.fork()
    if pid == 0:
        time.sleep(60)
        os._exit(0)
    try:
        with pytest.raises(HostError):
            group.attach(pid)
        group.attach(pid, like=process.pid)
        assert layout.of_process(pid)[layout.current().unified.mount] == group.unified + "/init"
    finally:
        os.kill(pid, 9)
        os.waitpid(pid, 0)


def test_many_at_once():
    """Made and removed from many threads at the same time, the base being new."""
    errors = []

    def work():
        try:
            for dummy in range(5):
                made = cgroups.create("test-" + secrets.token_hex(4))
                for path in made.v1.values():
                    if os.path.exists(path + "/cpuset.cpus"):
                        assert open(path + "/cpuset.cpus").read().strip()
                if (
                    made.unified
                    and "memory" in open(made.unified + "/cgroup.controllers").read().split()
                ):
                    assert os.path.exists(made.unified + "/memory.max")
                made.remove()
        except Exception as error:  # pylint: disable=broad-except
            errors.append(error)

    threads = [threading.Thread(target=work) for dummy in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []


def test_pressure_and_figures_have_their_units(group, run_in):
    run_in("for n in range(3000000): pass").wait(60)
    figures = group.stats()
    assert figures["cpu"]["total"] > 10_000_000
    assert (
        abs(figures["cpu"]["user"] + figures["cpu"]["system"] - figures["cpu"]["total"])
        <= 0.2 * figures["cpu"]["total"] + 50_000_000
    )
    if "pressure" in figures:
        assert figures["pressure"]["cpu"]["some"]["avg10"] >= 0
        assert isinstance(figures["pressure"]["memory"]["full"]["total"], int)
