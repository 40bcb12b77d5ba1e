# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Signals reach the container's processes, all of them, and nobody else's: reused pids, frozen groups, a shared pid namespace."""

from __future__ import annotations

import json
import os
import subprocess
import time

import pytest
from pycontainer.containers.lifecycle import cleanup
from pycontainer.errors import EngineError
from pycontainer.kernel import cgroups
from pycontainer.kernel.processes import procfs
from support import unwatched


@pytest.fixture
def victim():
    process = subprocess.Popen(["sleep", "1000"])
    yield process
    process.kill()
    process.wait()


def test_a_reused_pid_is_somebody_else(boxes, victim, eventually):
    """The recorded process has ended, and its number belongs to another one of the host's now."""
    box = boxes("/bin/sleep", "1000")
    box.start()
    pid = box.pid
    if boxes.kind == "engine":
        from pycontainer.containers.client import monitor_client
        from pycontainer.containers.records import run_state

        monitor = procfs.stat(pid)["parent"]
        unwatched.kill(boxes.paths.run)  # they would give the container another monitor
        for killed in (monitor, pid):
            os.kill(killed, 9)
        eventually(lambda: procfs.start_time(pid) is None)
        record = run_state.read(boxes.paths, box.ident)
        for group in record["cgroup"].values():
            assert os.path.isdir(group)
        run_state.write(boxes.paths, box.ident, dict(record, pid=victim.pid))
        calls = [
            lambda: monitor_client.kill(boxes.paths, box.ident, "SIGKILL"),
            lambda: monitor_client.stop(boxes.paths, [box.ident], timeout=0),
            lambda: box.execute("/bin/true"),
            lambda: cleanup.take_down(boxes.paths, box.ident),
        ]
    else:
        os.kill(pid, 9)
        eventually(lambda: procfs.start_time(pid) is None)
        path = os.path.join(boxes.paths.run, "oci", box.ident, "status")
        with open(path) as file:
            status = json.load(file)
        with open(path, "w") as file:
            json.dump(dict(status, pid=victim.pid), file)
        calls = [
            lambda words=words: box.command(
                *words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
            )
            for words in (
                ["kill", box.ident, "KILL"],
                ["kill", "--all", box.ident, "KILL"],
                ["exec", box.ident, "/bin/true"],
                ["delete", "--force", box.ident],
            )
        ]
    for call in calls:
        try:
            call()
        except EngineError:
            pass
        time.sleep(0.05)
        assert victim.poll() is None


def group_of(box):
    if box.kind == "engine":
        return cgroups.Group.open(box.state["cgroup"])
    with open(os.path.join(box.boxes.paths.run, "oci", box.ident, "status")) as file:
        return cgroups.reopen(json.load(file)["cgroup"])


@pytest.mark.parametrize("how", ["by us", "by a hand in cgroup v1"])
def test_a_frozen_container_is_removed(boxes, how):
    """In cgroup v1 a frozen process takes no SIGKILL: it has to be thawed."""
    box = boxes("/bin/sh", "-c", "sleep 1000 & sleep 1001")
    box.start()
    group = group_of(box)
    if how == "by us":
        group.freeze()
    else:
        if not group.v1.get("freezer"):
            pytest.skip("this machine has no freezer of cgroup v1")
        for _attempt in range(200):
            procfs.write(group.v1["freezer"] + "/freezer.state", "FROZEN")
            if procfs.read(group.v1["freezer"] + "/freezer.state").strip() == "FROZEN":
                break
    began = time.monotonic()
    box.stop(timeout=0)
    assert time.monotonic() - began < 30
    if box.kind == "engine":
        assert box.state["status"] == "exited"


@pytest.mark.parametrize("way", ["stopped", "its first process ends"])
def test_everything_of_a_container_without_a_pid_namespace_ends(boxes, way, eventually):
    """Nothing in the kernel ends the others with process 1 then; daemons that changed session are in the cgroup all the same."""
    script = f"for n in 1 2 3; do (setsid sh -c 'sleep 987654 & sleep 987654' &) ; done; echo up; {'sleep 1000' if way == 'stopped' else 'sleep 1'}"
    box = boxes("/bin/sh", "-c", script)
    box.config["linux"]["namespaces"] = [
        entry for entry in box.config["linux"]["namespaces"] if entry["type"] != "pid"
    ]
    box.config["mounts"] = [
        dict(entry, type="bind", source="/proc", options=["rbind"])
        if entry["destination"] == "/proc"
        else entry
        for entry in box.config["mounts"]
    ]
    box.start()
    eventually(
        lambda: (
            len(group_of(box).procs()) >= 5
            or (way != "stopped" and box.state["status"] in ("stopped", "exited"))
        )
    )
    if way == "stopped":
        box.stop(timeout=0)
    else:
        box.wait()
        box.stop(timeout=0) if box.kind == "oci" else None

    def mine():
        return [pid for pid in os.listdir("/proc") if pid.isdigit() and box.ident in cgroup_of(pid)]

    eventually(lambda: not mine())


def cgroup_of(pid):
    try:
        with open(f"/proc/{pid}/cgroup") as file:
            return file.read()
    except OSError:
        return ""


def test_a_command_ends_with_its_container(boxes, eventually):
    box = boxes("/bin/sleep", "1000")
    box.start()
    if boxes.kind == "oci":
        box.execute("/bin/sh", "-c", "(setsid sleep 987653 > /dev/null 2>&1 &)")
    else:
        box.execute("/bin/sleep", "987653", detach=True)
    box.stop(timeout=0)
    eventually(
        lambda: (
            not [
                pid for pid in os.listdir("/proc") if pid.isdigit() and box.ident in cgroup_of(pid)
            ]
        )
    )
