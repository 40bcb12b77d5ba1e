# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A container's group as a scope of systemd's, where systemd is process 1."""

from __future__ import annotations

import json
import os
import secrets
import subprocess

import pytest
from pycontainer.errors import Conflict, HostError
from pycontainer.kernel import cgroups
from pycontainer.kernel.cgroups.hierarchy import freezer, layout
from pycontainer.kernel.systemd import systemd_units

pytestmark = pytest.mark.skipif(
    not systemd_units.booted(), reason="this machine wasn't booted with systemd"
)
MIB = 1 << 20


@pytest.fixture
def name():
    return "t" + secrets.token_hex(4)


@pytest.fixture
def sleeper():
    started = []

    def start():
        started.append(subprocess.Popen(["sleep", "60"]))
        return started[-1]

    yield start
    for process in started:
        process.kill()
        process.wait(20)


@pytest.fixture
def scope(name):
    group = cgroups.create_at(
        "pyctest.slice:test:" + name,
        name,
        systemd=True,
        annotations={
            "org.systemd.property.TimeoutStopUSec": "uint64 3000000",
            "org.systemd.property.CollectMode": "'inactive-or-failed'",
        },
    )
    yield group
    group.thaw()
    group.remove()


def show(unit, *names):
    output = subprocess.run(
        ["systemctl", "show", "-p", ",".join(names), unit],
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    ).stdout
    return dict(line.split("=", 1) for line in output.splitlines())


def test_a_scope_with_its_limits(scope, name, sleeper):
    first, second = sleeper(), sleeper()
    resources = {
        "memory": {"limit": 64 * MIB},
        "pids": {"limit": 20},
        "cpu": {"quota": 50000, "period": 100000},
    }
    scope.apply(cgroups.with_default_devices(resources))
    scope.attach(first.pid)
    assert scope.unit == f"test-{name}.scope"
    assert layout.of_process(first.pid) == scope.paths
    found = show(
        scope.unit,
        "MemoryMax",
        "MemoryLimit",
        "TasksMax",
        "CPUQuotaPerSecUSec",
        "Delegate",
        "DevicePolicy",
        "Slice",
        "TimeoutStopUSec",
        "CollectMode",
        "ControlGroup",
    )
    assert str(64 * MIB) in (found["MemoryMax"], found["MemoryLimit"])
    assert (
        found["TasksMax"] == "20"
        and found["CPUQuotaPerSecUSec"] == "500ms"
        and found["Delegate"] == "yes"
    )
    assert (
        found["DevicePolicy"] == "strict"
        and found["Slice"] == "pyctest.slice"
        and found["TimeoutStopUSec"] == "3s"
    )
    assert (
        found["CollectMode"] == "inactive-or-failed"
        and found["ControlGroup"] == "/pyctest.slice/" + scope.unit
    )
    assert scope.stats()["memory"]["limit"] == 64 * MIB
    again = cgroups.reopen(json.loads(json.dumps(scope.record())))
    again.update({"memory": {"limit": 32 * MIB}})
    found = show(scope.unit, "MemoryMax", "MemoryLimit")
    assert str(32 * MIB) in (found["MemoryMax"], found["MemoryLimit"])
    again.attach(second.pid)
    assert sorted(again.procs()) == sorted((first.pid, second.pid))
    subprocess.run(["systemctl", "daemon-reload"], check=True)
    assert again.stats()["memory"]["limit"] == 32 * MIB and again.stats()["pids"]["limit"] == 20
    again.freeze()
    assert again.frozen()
    again.remove()
    assert first.wait(20) == second.wait(20) == -9
    assert not scope.exists and show(scope.unit, "LoadState")["LoadState"] == "not-found"
    again.remove()


def test_limits_after_it_was_started(scope, sleeper):
    process = sleeper()
    scope.attach(process.pid)
    scope.apply({"pids": {"limit": 9}})
    assert show(scope.unit, "TasksMax")["TasksMax"] == "9" and scope.stats()["pids"]["limit"] == 9


def test_changes_of_a_quota_reach_systemd_whole(scope, sleeper):
    scope.attach(sleeper().pid)
    record = {"cpu": {"quota": 500000, "period": 1000000, "shares": 100}}
    scope.apply(record)
    for change, expected in (
        ({"period": 900000}, ["560ms", "900ms"]),
        ({"quota": 600000}, ["670ms", "900ms"]),
        ({"quota": -1}, ["infinity", "900ms"]),
        ({"quota": 30000, "period": 100000}, ["300ms", "100ms"]),
        ({"shares": 200}, ["300ms", "100ms"]),
    ):
        record, writes = cgroups.merge(record, {"cpu": change})
        scope.apply(writes)
        found = show(scope.unit, "CPUQuotaPerSecUSec", "CPUQuotaPeriodUSec")
        assert [found["CPUQuotaPerSecUSec"], found["CPUQuotaPeriodUSec"]] == expected, change
        path = scope.v1.get("cpu", scope.unified)
        if "cpu" in scope.v1:
            words = [
                open(f"{path}/cpu.cfs_{name}_us").read().strip() for name in ("quota", "period")
            ]
        else:
            words = open(path + "/cpu.max").read().split()
        assert words == [
            str(record["cpu"]["quota"]) if record["cpu"]["quota"] > 0 else words[0],
            str(record["cpu"]["period"]),
        ]
        assert words[0] in ("max", "-1") or int(words[0]) > 0


def test_devices_stay_what_they_were_when_systemd_reloads(scope, sleeper):
    process = sleeper()
    scope.apply(cgroups.with_default_devices({"devices": [{"allow": False, "access": "rwm"}]}))
    scope.attach(process.pid)
    subprocess.run(["systemctl", "daemon-reload"], check=True)
    if "devices" in scope.v1:
        with open(scope.v1["devices"] + "/devices.list") as file:
            assert "a *:* rwm" not in file.read()
    else:
        from pycontainer.kernel.cgroups.limits import device_program

        fd = os.open(scope.unified, os.O_RDONLY)
        try:
            assert len(device_program.attached(fd)) == 2  # systemd's and ours
        finally:
            os.close(fd)


def test_a_unit_that_is_there_is_refused(scope, name, sleeper):
    process = sleeper()
    scope.attach(process.pid)
    with pytest.raises(Conflict, match="container's cgroup is not empty"):
        cgroups.create_at("pyctest.slice:test:" + name, name, systemd=True)
    assert process.poll() is None


def test_what_systemd_refuses_leaves_nothing(name):
    with pytest.raises(HostError, match="NoSuchThing"):
        cgroups.create_at(
            "pyctest.slice:test:" + name,
            name,
            systemd=True,
            annotations={"org.systemd.property.NoSuchThing": "'x'"},
        )
    places = [
        hierarchy.mount + f"/pyctest.slice/test-{name}.scope"
        for hierarchy in layout.current().hierarchies
    ]
    assert not [path for path in places if os.path.exists(path)] and not children()


def children():
    with open("/proc/self/task/%d/children" % os.getpid()) as file:
        return file.read().split()


def test_it_is_there_before_its_first_process(scope, sleeper):
    assert all(os.path.isdir(path) for path in scope.paths.values()) and len(
        scope.procs()
    ) == 1 == len(children())
    assert scope.door() is None
    process = sleeper()
    scope.attach(process.pid)
    assert scope.procs() == [process.pid] and children() == [str(process.pid)]


def test_the_holder_ends_with_its_maker(name):
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        group = cgroups.create_at("pyctest.slice:test:" + name, name, systemd=True)
        os.write(writer, json.dumps(group.record()).encode())
        os.kill(os.getpid(), 9)
    os.close(writer)
    with open(reader) as file:
        group = cgroups.reopen(json.loads(file.read()))
    os.waitpid(pid, 0)
    assert freezer.until(lambda: not group.procs())
    group.remove()
    assert not group.exists


def test_without_a_path(name, sleeper):
    group = cgroups.create_at("", name, systemd=True)
    try:
        group.attach(sleeper().pid)
        assert show(f"pycontainer-{name}.scope", "Slice")["Slice"] == "system.slice"
    finally:
        group.remove()


def test_when_all_its_processes_have_ended(scope, sleeper):
    process = sleeper()
    scope.attach(process.pid)
    process.kill()
    process.wait(20)
    scope.remove()
    assert not scope.exists
