# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""linux.cgroupsPath: where a container's group is made, what is refused, and what goes with it."""

from __future__ import annotations

import io
import json
import os
import secrets
import subprocess
import sys

import pycontainer
import pytest
from pycontainer.errors import Conflict, HostError, InvalidInput, NotFound, Unsupported
from pycontainer.kernel import cgroups
from pycontainer.kernel.cgroups import location
from pycontainer.kernel.cgroups.hierarchy import cgroup_files, directories, freezer, layout
from pycontainer.kernel.systemd import systemd_units
from support.scale import scaled

SLEEP = "import time; print('up', flush=True); time.sleep(60)"


@pytest.fixture
def top():
    """A name at the top of the hierarchies; whatever a failed test leaves below it is taken away."""
    name = "pyc-test-" + secrets.token_hex(4)
    yield name
    for hierarchy in layout.current().hierarchies:
        cgroups.Group.open({hierarchy.mount: f"{hierarchy.mount}/{name}"}).remove()


@pytest.fixture
def start():
    started = []

    def run(group, **options):
        started.append(
            subprocess.Popen(
                [sys.executable, "-I", "-S", "-c", SLEEP],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                preexec_fn=lambda: group.attach(0, **options),
            )
        )
        started[-1].stdout.readline()
        return started[-1]

    yield run
    for process in started:
        process.kill()
        process.communicate(timeout=20)


def places(name):
    return {
        hierarchy.mount: f"{hierarchy.mount}/{name}" for hierarchy in layout.current().hierarchies
    }


def left(name):
    return [path for path in places(name).values() if os.path.exists(path)]


@pytest.mark.parametrize(
    "form", ["/%s", "%s", "/%s/a/b", "%s/a", "//%s//a/", "../../%s", "/%s/x/../a", "%s:prefix:name"]
)
def test_forms_of_a_path(top, start, form):
    path = form % top
    group = cgroups.create_at(path, "c1")
    assert group.paths == places(os.path.normpath("/" + path.lstrip("/"))[1:])
    process = start(group)
    assert layout.of_process(process.pid) == group.paths
    again = cgroups.reopen(json.loads(json.dumps(group.record())))
    again.remove()
    assert process.wait(20) == -9
    assert not left(top) and not left(top + ":prefix:name")
    again.remove()


def test_the_same_path_is_the_same_place_wherever_the_caller_is(group, run_in, top):
    code = (
        "import sys, types; package = types.ModuleType('pycontainer'); package.__path__ = "
        "[sys.argv[1]]; sys.modules['pycontainer'] = package; "
        "from pycontainer.kernel import cgroups; print(cgroups.create_at(sys.argv[2], 'c').paths)"
    )
    output, errors = run_in(code, pycontainer.__path__[0], top + "/x").communicate(timeout=60)
    assert output.strip() == str(places(top + "/x")), errors


def test_without_a_path():
    ident = "t-" + secrets.token_hex(4)
    group = cgroups.create_at("", ident)
    try:
        assert group.paths == places("pycontainer-oci/" + ident)
    finally:
        group.remove()
    assert not left("pycontainer-oci/" + ident)


@pytest.fixture
def shared(top, monkeypatch):
    """The parent of groups without a path, which other tests use at this moment, under a name of its own."""
    monkeypatch.setattr(directories, "SHARED", "/" + top)
    return top


def test_the_parent_of_those_without_a_path_goes_with_the_last(shared):
    first, second = cgroups.create_at(None, "one"), cgroups.create_at("", "two")
    cgroups.reopen(json.loads(json.dumps(first.record()))).remove()
    assert len(left(shared)) == len(second.paths)
    cgroups.reopen(json.loads(json.dumps(second.record()))).remove()
    assert not left(shared)


def test_a_group_is_made_while_the_last_goes(shared):
    """Four processes make and remove groups without a pause: the parent comes and goes all the time, and nobody fails."""
    code = (
        "import sys, types; package = types.ModuleType('pycontainer'); package.__path__ = "
        "[sys.argv[1]]; sys.modules['pycontainer'] = package\n"
        "from pycontainer.kernel import cgroups\n"
        "from pycontainer.kernel.cgroups.hierarchy import directories\n"
        "directories.SHARED = sys.argv[2]\n"
        "for number in range(int(sys.argv[4])): cgroups.create_at(None, sys.argv[3]).remove()"
    )
    makers = [
        subprocess.Popen(
            [
                sys.executable,
                "-c",
                code,
                pycontainer.__path__[0],
                "/" + shared,
                str(number),
                str(scaled(50)),
            ],
            stderr=subprocess.PIPE,
            text=True,
        )
        for number in range(4)
    ]
    assert [maker.communicate(timeout=120)[1] for maker in makers] == [""] * 4
    assert not left(shared)


@pytest.mark.parametrize("path", ["/", "//", "/a/..", "a\0b", "/a\nb"])
def test_no_such_path(path):
    with pytest.raises(InvalidInput, match="linux.cgroupsPath"):
        cgroups.create_at(path, "c1")


def test_what_was_there_stays(top):
    for path in places(top + "/there").values():
        os.makedirs(path)
    group = cgroups.create_at(f"/{top}/there", "c1")
    for path in group.paths.values():
        os.mkdir(path + "/inner")
    group.remove()
    assert len(left(top + "/there")) == len(group.paths) and not left(top + "/there/inner")


def test_a_parent_that_another_uses_stays_until_then(top):
    first, second = cgroups.create_at(f"/{top}/one", "c1"), cgroups.create_at(f"/{top}/two", "c2")
    first.remove()
    assert second.exists and len(left(top)) == len(second.paths)
    second.remove()


def test_a_group_in_use_is_shared(top, start):
    group = cgroups.create_at("/" + top, "c1")
    first = start(group)
    assert not group.apply({})
    second = cgroups.create_at("/" + top, "c2")
    key, sentence = second.apply({})[0]
    assert key == "cgroupsPath" and "container's cgroup is not empty" in sentence
    other = start(second)
    assert layout.of_process(first.pid) == layout.of_process(other.pid) == group.paths
    other.kill()
    other.wait()
    cgroups.reopen(json.loads(json.dumps(second.record()))).remove()
    assert first.poll() is None and len(left(top)) == len(group.paths)
    group.remove()
    assert first.wait(20) == -9 and not left(top)


def test_a_process_below_counts(top, start):
    start(cgroups.create_at(f"/{top}/inner", "c1"))
    assert "not empty" in cgroups.create_at("/" + top, "c2").apply({})[0][1]


def test_in_use_in_the_last_hierarchy_alone(top, start):
    *others, last = layout.current().hierarchies
    if not others:
        pytest.skip("one hierarchy")
    used = cgroups.Group({last.mount: directories.make_at(last, "/" + top, "x", [])})
    process = start(used)
    group = cgroups.create_at(f"/{top}/x", "c2")
    assert group.shared and group.found == {used.paths[last.mount]}
    group.remove()
    assert process.poll() is None and left(top + "/x") == list(used.paths.values())


def test_a_refusal_leaves_nothing(top, monkeypatch):
    def refuse(_group):
        raise Conflict("no")

    monkeypatch.setattr(location, "refuse_frozen", refuse)
    with pytest.raises(Conflict):
        cgroups.create_at(f"/{top}/a/b", "c1")
    assert not left(top)


@pytest.mark.parametrize("where", ["", "/below"])
def test_a_frozen_group_is_refused(top, where):
    made = cgroups.create_at("/" + top, "c1")
    try:
        made.freeze()
        with pytest.raises(Conflict, match="container's cgroup unexpectedly frozen"):
            cgroups.create_at("/" + top + where, "c2")
        assert made.frozen() and len(left(top)) == len(made.paths) and not left(top + "/below")
    finally:
        made.thaw()


def test_v1_freezer_alone(top):
    freezer = layout.current().v1.get("freezer")
    if not freezer:
        pytest.skip("no v1 freezer here")
    path = f"{freezer.mount}/{top}"
    os.mkdir(path)
    with open(path + "/freezer.state", "w") as file:
        file.write("FROZEN")
    with pytest.raises(Conflict, match="unexpectedly frozen"):
        cgroups.create_at("/" + top, "c1")
    assert left(top) == [path]


def test_a_group_that_is_completed_later(top, start):
    group = cgroups.create_at("/" + top, "c1", later=True)
    assert {layout.current().by_mount[mount].version for mount in group.paths} <= {2}
    assert bool(group.later) == (cgroups.mode() != "v2")
    group.door().close()
    group.complete()
    assert group.paths == places(top) and not group.later and not group.shared
    group.complete()
    process = start(group)
    cgroups.reopen(group.record()).remove()
    assert process.wait(20) == -9 and not left(top)


def test_a_completion_that_fails_leaves_what_is_anothers(top, start):
    """Of two groups that were there before one is frozen; in the other is somebody's process."""
    found = layout.current().v1
    if not {"freezer", "pids"} <= set(found):
        pytest.skip("no v1 freezer and pids here")
    frozen, used = (f"{found[name].mount}/{top}" for name in ("freezer", "pids"))
    for path in (frozen, used):
        os.mkdir(path)
    process = start(cgroups.Group({found["pids"].mount: used}))
    with open(frozen + "/freezer.state", "w") as file:
        file.write("FROZEN")
    group = cgroups.create_at("/" + top, "c1", later=True)
    with pytest.raises(Conflict, match="unexpectedly frozen"):
        group.complete()
    assert group.later and not set(group.paths.values()) & {frozen, used}
    group.remove()
    assert process.poll() is None and sorted(left(top)) == sorted((frozen, used))


def test_a_frozen_container_is_removed(top, start):
    group = cgroups.create_at("/" + top, "c1")
    process = start(group)
    freezer.freeze(group.unified, group.v1.get("freezer"))
    if "freezer" in group.v1:
        freezer.freeze(None, group.v1["freezer"])
    cgroups.reopen(group.record()).remove()
    assert process.wait(20) == -9 and not left(top)


def test_groups_that_the_container_made_go_too(top, start):
    group = cgroups.create_at("/" + top, "c1")
    for path in group.paths.values():
        os.makedirs(path + "/a/b")
    process = start(cgroups.Group({mount: path + "/a/b" for mount, path in group.paths.items()}))
    group.remove()
    assert process.wait(20) == -9 and not left(top)


def test_joining_a_group_below(top, start):
    group = cgroups.create_at("/" + top, "c1")
    for path in group.paths.values():
        os.mkdir(path + "/inner")
    cgroups.Group({mount: path + "/inner" for mount, path in group.paths.items()})
    for hierarchy in layout.current().hierarchies:
        if "cpuset" in hierarchy.controllers:
            assert open(group.paths[hierarchy.mount] + "/inner/cpuset.cpus").read().strip()
    process = start(group, below="inner")
    assert layout.of_process(process.pid) == {
        mount: path + "/inner" for mount, path in group.paths.items()
    }
    with pytest.raises(NotFound, match="adding pid .*/other/cgroup.procs: no such file"):
        group.attach(process.pid, below="/other")
    for path in ("..", f"../{top}-x", "inner/../../x"):
        with pytest.raises(
            InvalidInput, match=f" {path} is not a sub cgroup path, `..` components are not allowed"
        ):
            group.attach(process.pid, below=path)
    with pytest.raises(InvalidInput, match="unknown controller warp"):
        group.attach(process.pid, below={"warp": "/inner"})
    if "pids" in group.v1:
        second = start(group, below={"pids": "/inner"})
        found = layout.of_process(second.pid)
        mount = next(mount for mount, path in group.paths.items() if path == group.v1["pids"])
        assert found.pop(mount) == group.v1["pids"] + "/inner"
        assert found == {other: path for other, path in group.paths.items() if other != mount}


def test_given_to_a_user(top):
    group = cgroups.create_at("/" + top, "c1")
    group.chown(12345)
    owners = {
        name: os.stat(path + name).st_uid
        for path in group.paths.values()
        for name in ("", "/cgroup.procs")
    }
    if cgroups.mode() != "v2":
        assert set(owners.values()) == {0}
        return
    assert (
        set(owners.values())
        == {12345}
        == {os.stat(group.unified + "/cgroup.subtree_control").st_uid}
    )
    assert (
        os.stat(group.unified + "/cgroup.events").st_uid
        == os.stat(group.unified + "/cgroup.type").st_uid
        == 0
    )


def test_pids_limit_as_root_of_a_container(top, start):
    """Every resource goes to a group at any place."""
    group = cgroups.create_at(f"/{top}/deep/er", "c1")
    if cgroups.check({"pids": {"limit": 7}}, f"/{top}/deep"):
        pytest.skip("no pids controller")
    group.apply(cgroups.with_default_devices({"pids": {"limit": 7}}))
    start(group)
    assert group.stats()["pids"] == {"current": 1, "limit": 7}


def test_what_is_planned_is_told_before_it_is_made(top):
    """What a killed maker leaves can be taken back by that: no group that was there before, and none that somebody else uses by now."""
    above, first = f"/{top}/a/b", layout.current().hierarchies[0].mount
    os.makedirs(first + above)
    before, plans = places(top + "/a/b/c/d"), []

    def plan(record):
        plans.append(json.loads(json.dumps(record)))
        assert not any(os.path.exists(path) for path in before.values())

    for later in (False, True):
        group = cgroups.create_at(above + "/c/d", "c1", later=later, announce=plan)
        group.complete()
        assert sorted(plans[-1]["made"]) == sorted(group.made) and plans[-1]["paths"] == group.paths
        cgroups.reopen(plans[-1]).remove()
        assert (
            left(top) == [first + "/" + top]
            and os.path.isdir(first + above)
            and not os.path.exists(first + above + "/c")
        )
    group = cgroups.create_at(above + "/c/d", "c1", announce=plan)
    other = cgroups.create_at(above + "/c/other", "c2")
    cgroups.reopen(plans[-1]).remove()
    assert not group.exists and other.exists
    other.remove()
    cgroups.create_at(None, "pyc-test-" + top, announce=plans.append).remove()
    assert len(plans) == 3  # one of its own name is known by that


def test_what_is_planned_beside_a_scope(top, monkeypatch):
    """The hierarchies that systemd leaves alone: here all of them, its answers being made up."""
    monkeypatch.setattr(systemd_units, "user", lambda: False)
    monkeypatch.setattr(systemd_units, "connect", lambda: io.BytesIO())
    monkeypatch.setattr(systemd_units, "state", lambda _connection, _unit: "inactive")
    monkeypatch.setattr(systemd_units, "start_scope", lambda _connection, _unit, _properties: None)
    plans = []
    group = cgroups.create_at(
        f"{top.replace('-', '')}.slice:test:c", "c1", systemd=True, announce=plans.append
    )
    group.let_go()
    assert group.exists and len(plans) == 1 and plans[0]["made"] == group.made
    cgroups.reopen(plans[0]).remove()
    assert not any(os.path.exists(path) for path in group.made)


def test_realtime_budgets_without_a_path_of_its_own(shared):
    """The group above is this project's: it has what the groups in it have together."""
    cpu = layout.current().v1.get("cpu")
    if not cpu or not os.path.exists(cpu.mount + "/cpu.rt_runtime_us"):
        pytest.skip("this kernel has no real-time budgets for groups")
    groups = [cgroups.create_at(None, "pyc-test-" + secrets.token_hex(4)) for _number in range(2)]
    try:
        groups[0].apply({"cpu": {"realtimeRuntime": 2000, "realtimePeriod": 100000}})
        groups[1].apply({"cpu": {"realtimeRuntime": 30000}})
        groups[0].apply({"cpu": {"realtimeRuntime": 3000}})
        assert [cgroup_files.read(group.v1["cpu"] + "/cpu.rt_runtime_us") for group in groups] == [
            "3000",
            "30000",
        ]
        with pytest.raises(HostError, match="cpu.realtimeRuntime"):
            groups[1].apply({"cpu": {"realtimeRuntime": 1000000}})
    finally:
        for group in groups:
            group.remove()
    assert not left(shared)


def test_realtime_budgets_where_the_groups_above_have_them(top):
    """An administrator prepares the group in one hierarchy; the container takes it as it is, and it stays."""
    cpu = layout.current().v1.get("cpu")
    if not cpu or not os.path.exists(cpu.mount + "/cpu.rt_runtime_us"):
        pytest.skip("this kernel has no real-time budgets for groups")
    path = cpu.mount
    for part in (top, "inner"):
        path = f"{path}/{part}"
        os.mkdir(path)
        for name, value in (("cpu.rt_period_us", "1000000"), ("cpu.rt_runtime_us", "900000")):
            with open(f"{path}/{name}", "w") as file:
                file.write(value)

    def budget():
        return [
            open(f"{path}/{name}").read().strip()
            for name in ("cpu.rt_period_us", "cpu.rt_runtime_us")
        ]

    group = cgroups.create_at(f"/{top}/inner", "c1")
    assert budget() == ["1000000", "900000"]
    for change, expected in (
        ({"realtimeRuntime": 500001}, ["1000000", "500001"]),
        ({"realtimePeriod": 800001, "realtimeRuntime": 500001}, ["800001", "500001"]),
        ({"realtimePeriod": 400001, "realtimeRuntime": 300001}, ["400001", "300001"]),
        ({"realtimePeriod": 900001, "realtimeRuntime": 600001}, ["900001", "600001"]),
    ):
        group.apply({"cpu": change})
        assert budget() == expected
    with pytest.raises(HostError, match="cpu.realtimeRuntime"):
        group.apply({"cpu": {"realtimeRuntime": 900001}})
    group.remove()
    assert left(top + "/inner") == [path]


def test_a_quota_within_that_of_the_group_above(top):
    """Lowering the period alone is refused then; with the quota it goes, in whatever order the kernel takes it."""
    cpu = layout.current().v1.get("cpu")
    if not cpu:
        pytest.skip("no v1 cpu controller")
    group = cgroups.create_at(f"/{top}/inner", "c1")
    with open(f"{cpu.mount}/{top}/cpu.cfs_quota_us", "w") as file:
        file.write("50000")
    group.apply({"cpu": {"quota": 40000, "period": 100000}})
    with pytest.raises(HostError, match="cpu.quota"):
        group.apply({"cpu": {"quota": 60000}})
    with pytest.raises(HostError, match="cpu.period"):
        group.apply({"cpu": {"period": 10000}})
    group.apply({"cpu": {"quota": 3000, "period": 10000}})
    group.apply({"cpu": {"quota": 500000, "period": 1000000}})
    assert open(group.v1["cpu"] + "/cpu.cfs_quota_us").read() == "500000\n"


def test_no_group_at_all():
    group = cgroups.create_at("/ignored", "c1", systemd=None)
    assert (
        group.paths == {}
        and not group.exists
        and group.door() is None
        and group.procs() == []
        and not group.frozen()
    )
    group.apply(cgroups.with_default_devices({}))
    with pytest.raises(Unsupported, match="pids.limit: the container has no cgroup"):
        group.apply({"pids": {"limit": 3}})
    group.attach(os.getpid())
    again = cgroups.reopen(json.loads(json.dumps(group.record())))
    again.thaw()
    again.kill()
    again.remove()
    assert again.accounts()["pids"] == {}
