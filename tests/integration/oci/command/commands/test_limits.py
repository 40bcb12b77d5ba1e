# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""pause, resume, update, events: what the command does with a container's cgroup."""

from __future__ import annotations

import json
import subprocess

import pytest
from pycontainer.kernel import cgroups
from support.waiting import until


def group_of(runtime, ident):
    with open(f"{runtime.root}/{ident}/status") as file:
        return cgroups.reopen(json.load(file)["cgroup"])


def limit(group, controller, v1, v2):
    """A limit's file, as text."""
    path = f"{group.v1[controller]}/{v1}" if controller in group.v1 else f"{group.unified}/{v2}"
    with open(path) as file:
        return file.read().strip()


def need(*controllers):
    missing = [
        key for key, sentence in cgroups.check({name: {"limit": 1 << 30} for name in controllers})
    ]
    if missing:
        pytest.skip(f"no controller for {', '.join(missing)} here")


def test_pause_and_resume(runtime, bundle):
    bundle.shell("i=0; while :; do i=$((i+1)); echo $i > /tmp/count; sleep 0.02; done")
    runtime.detached(bundle, "c")
    count = bundle.rootfs / "tmp" / "count"
    assert until(count.exists)
    runtime.ok("pause", "c")
    assert runtime.state("c")["status"] == "paused"
    assert "paused" in runtime.fails("pause", "c") and "not stopped" in runtime.fails("delete", "c")
    before = count.read_text()
    runtime.ok("list")
    assert count.read_text() == before
    runtime.ok("resume", "c")
    assert runtime.state("c")["status"] == "running" and "running, not paused" in runtime.fails(
        "resume", "c"
    )
    assert until(lambda: count.read_text() != before)


def test_a_paused_container_is_killed_and_deleted(runtime, bundle):
    for name, words in (("a", ("kill", "a", "KILL")), ("b", ("delete", "--force", "b"))):
        runtime.detached(bundle, name)
        runtime.ok("pause", name)
        runtime.ok(*words)
    assert until(lambda: runtime.state("a")["status"] == "stopped")


def test_limits_of_the_document(runtime, bundle):
    need("memory", "pids")
    bundle.config["linux"]["resources"] = {"memory": {"limit": 64 << 20}, "pids": {"limit": 33}}
    bundle.save()
    runtime.detached(bundle, "c")
    group = group_of(runtime, "c")
    assert (
        limit(group, "memory", "memory.limit_in_bytes", "memory.max") == str(64 << 20)
        and limit(group, "pids", "pids.max", "pids.max") == "33"
    )


def test_cgroups_path(runtime, bundle):
    bundle.config["linux"]["cgroupsPath"] = "/pycontainer-oci-test/inner"
    bundle.save()
    runtime.detached(bundle, "c")
    group = group_of(runtime, "c")
    assert all(path.endswith("/pycontainer-oci-test/inner") for path in group.paths.values())
    runtime.ok("delete", "-f", "c")
    assert not group.exists


def test_update_by_options_and_by_file(runtime, bundle):
    need("memory", "pids")
    runtime.detached(bundle, "c")
    group = group_of(runtime, "c")
    runtime.ok("update", "--memory", "64m", "--pids-limit=20", "c")
    assert (
        limit(group, "memory", "memory.limit_in_bytes", "memory.max") == str(64 << 20)
        and limit(group, "pids", "pids.max", "pids.max") == "20"
    )
    (bundle.path / "resources").write_text(json.dumps({"pids": {"limit": 21}}))
    runtime.ok("update", "-r", bundle.path / "resources", "c")
    assert limit(group, "pids", "pids.max", "pids.max") == "21"
    done = subprocess.run(
        runtime.argv("update", "--resources", "-", "c"),
        input=json.dumps({"memory": {"limit": 65 << 20}}),
        text=True,
        check=True,
    )
    assert done.returncode == 0 and limit(
        group, "memory", "memory.limit_in_bytes", "memory.max"
    ) == str(65 << 20)
    with open(runtime.root + "/c/config.json") as file:
        assert json.load(file)["linux"]["resources"] == {
            "memory": {"limit": 65 << 20},
            "pids": {"limit": 21},
        }


def test_updates_that_are_none(runtime, bundle):
    runtime.detached(bundle, "c")
    for words, said in (
        ((), "a limit"),
        (("--memory", "much"), "--memory"),
        (("--pids-limit", "x"), "--pids-limit"),
        (("-r", "/nope"), "--resources"),
        (("--l3-cache-schema", "L3:0=f"), "resctrl"),
    ):
        assert said in runtime.fails("update", *words, "c")


def test_events(runtime, bundle):
    need("pids")
    runtime.detached(bundle, "c")
    event = json.loads(runtime.ok("events", "--stats", "c"))
    assert (event["type"], event["id"], event["data"]["pids"]["current"]) == ("stats", "c", 1)
    assert event["data"]["cpu"]["usage"]["total"] > 0 and {
        "memory",
        "blkio",
        "hugetlb",
        "cpuset",
    } <= set(event["data"])
    assert event["data"]["network_interfaces"] == []
    call = subprocess.Popen(
        runtime.argv("events", "--interval", "50ms", "c"), stdout=subprocess.PIPE, text=True
    )
    assert [json.loads(call.stdout.readline())["type"] for dummy in range(3)] == ["stats"] * 3
    runtime.ok("delete", "-f", "c")
    call.stdout.read()
    assert call.wait(60) == 0


def test_out_of_memory_is_an_event(runtime, bundle):
    need("memory")
    bundle.config["linux"]["resources"] = {"memory": {"limit": 8 << 20, "swap": 8 << 20}}
    bundle.shell(
        "while ! test -e /tmp/go; do sleep 0.02; done; cat /dev/zero > /dev/big; sleep 1000"
    )
    bundle.config["linux"]["namespaces"] = [{"type": "mount"}, {"type": "pid"}]
    bundle.save()
    if cgroups.warnings(bundle.config["linux"]["resources"]):
        pytest.skip("no limit of swap here")
    runtime.detached(bundle, "c")
    call = subprocess.Popen(
        runtime.argv("events", "--interval", "1h", "c"), stdout=subprocess.PIPE, text=True
    )
    assert json.loads(call.stdout.readline())["type"] == "stats"
    (bundle.rootfs / "tmp" / "go").touch()
    assert json.loads(call.stdout.readline())["type"] == "oom"
    runtime.ok("delete", "-f", "c")
    assert call.wait(60) == 0


def test_no_cgroup(runtime, bundle):
    """crun's --cgroup-manager disabled."""
    disabled = ("--cgroup-manager", "disabled")
    with open("/proc/self/cgroup") as file:
        own = file.read()
    bundle.config["linux"]["cgroupsPath"] = "/pyc-test-disabled"
    bundle.shell("cat /proc/self/cgroup > /tmp/groups; ln /tmp/groups /tmp/all; exec sleep 1000")
    assert (
        runtime(
            *disabled,
            "run",
            "-d",
            "-b",
            bundle.path,
            "c",
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        ).returncode
        == 0
    )
    assert (
        until((bundle.rootfs / "tmp" / "all").exists)
        and (bundle.rootfs / "tmp" / "all").read_text() == own
    )
    pid = runtime.state("c")["pid"]
    assert json.loads(runtime.ok("ps", "--format", "json", "c")) == [pid]
    assert "no cgroup" in runtime.fails("update", "--pids-limit", "5", "c")
    runtime.ok("kill", "--all", "c", "KILL")
    assert until(lambda: runtime.state("c")["status"] == "stopped")
    runtime.ok("delete", "c")
    bundle.config["linux"]["resources"] = {"pids": {"limit": 5}}
    bundle.save()
    assert "no cgroup" in runtime.fails(*disabled, "run", "-d", "-b", bundle.path, "c")
    bundle.config["linux"]["resources"] = {"pids": {"limit": 0}}
    bundle.save(args=["true"])
    runtime.ok(*disabled, "run", "-b", bundle.path, "c")
