# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""kill -9 of everything that may be killed: the container runs on, its log goes on, its end is recorded, nothing is left."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import time

import pytest
from pycontainer.containers.client import monitor_client, zygote_client
from pycontainer.containers.lifecycle import cleanup
from pycontainer.containers.records import run_state
from pycontainer.kernel import cgroups
from pycontainer.kernel.processes import procfs
from support import unwatched
from support.scale import scaled

COUNT = "i=0; while :; do i=$((i+1)); echo $i; sleep 0.02; done"


def parent(pid):
    return procfs.stat(pid)["parent"]


def named(paths, name):
    """The engine's processes of these directories with that name."""
    found = []
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            try:
                with open(f"/proc/{entry}/cmdline") as file, open(f"/proc/{entry}/comm") as comm:
                    if paths.run in file.read() and comm.read().strip() == name:
                        found.append(int(entry))
            except OSError:
                pass
    return found


def kill_monitor(box, eventually):
    """With the zygote, which would see to it that another follows (test_watch.py)."""
    monitor = parent(box.state["pid"])
    assert monitor in named(box.paths, "pyc-monitor")
    unwatched.kill(box.paths.run)
    os.kill(monitor, 9)
    eventually(lambda: not run_state.monitored(box.paths, box.ident))


def left(ident):
    return [
        path for path in cgroups.base_paths().values() if os.path.exists(os.path.join(path, ident))
    ]


def test_container_outlives_its_monitor_and_is_adopted(boxes, eventually):
    box = boxes.shell(COUNT)
    pid = box.start()
    eventually(lambda: "5\n" in box.log())
    os.kill(pid, signal.SIGSTOP)
    time.sleep(
        0.5
    )  # what the monitor has read it has written: a line between the two would go with it
    kill_monitor(box, eventually)
    os.kill(pid, signal.SIGCONT)
    now = box.state
    assert (now["status"], now["pid"], now["monitored"]) == ("running", pid, False)
    time.sleep(0.2)  # what it writes meanwhile waits in the FIFO
    assert monitor_client.adopt_orphans(box.paths) == [box.ident]
    assert box.state["monitored"] is True
    eventually(lambda: "40\n" in box.log())
    numbers = [int(line) for line in box.log().split()]
    assert numbers == list(range(1, len(numbers) + 1))  # nothing is missing, nothing twice
    assert box.stop(timeout=5) in (
        143,
        137,
        None,
    )  # None: before Linux 6.15, where init was the first to reap it
    assert box.state["status"] == "exited" and left(box.ident) == []


def test_exit_code_of_an_adopted_container(boxes, eventually):
    box = boxes.shell("while [ ! -e /end ]; do sleep 0.05; done; exit 6")
    box.start()
    kill_monitor(box, eventually)
    assert box.execute("/bin/touch", "/other")["rc"] == 0  # exec needs no monitor
    monitor_client.adopt_orphans(box.paths)
    box.execute("/bin/touch", "/end")
    code = box.wait()
    if procfs.kernel_version() >= (6, 15):
        assert code == 6
    else:
        assert code is None and "no monitor" in box.state["error"]
    assert left(box.ident) == []


def test_end_without_a_monitor_is_found_later(boxes, eventually):
    box = boxes("/bin/sleep", "100")
    pid = box.start()
    kill_monitor(box, eventually)
    os.kill(pid, 9)
    eventually(lambda: procfs.start_time(pid) is None)
    assert box.state["status"] == "exited" and box.state["error"]
    monitor_client.adopt_orphans(box.paths)
    eventually(
        lambda: (
            run_state.read(box.paths, box.ident)["status"] == "exited"
            and not run_state.monitored(box.paths, box.ident)
        )
    )
    assert left(box.ident) == []
    assert box.start() > 0


def test_always_is_kept_after_a_monitors_death(boxes, eventually):
    box = boxes("/bin/sleep", "100")
    box.run["restart"] = {"policy": "always", "retries": None}
    pid = box.start()
    kill_monitor(box, eventually)
    os.kill(pid, 9)
    eventually(lambda: procfs.start_time(pid) is None)
    monitor_client.adopt_orphans(box.paths)
    eventually(lambda: box.state["status"] == "running" and box.state["pid"] not in (0, pid))


def test_start_of_one_that_lost_its_monitor_only_adopts_it(boxes, eventually):
    box = boxes("/bin/sleep", "100")
    pid = box.start()
    kill_monitor(box, eventually)
    answer = zygote_client.start(boxes.paths, [box.ident])[box.ident]
    assert (answer["pid"], answer["running"]) == (pid, True)
    assert box.state["monitored"] and box.state["pid"] == pid


def test_stop_and_wait_need_no_living_monitor(boxes, eventually):
    box = boxes.shell("trap 'exit 4' TERM; echo up; while :; do sleep 0.05; done")
    box.start()
    eventually(lambda: box.log() == "up\n")
    kill_monitor(box, eventually)
    assert box.stop(timeout=5) in (4, None)
    assert box.state["status"] == "exited"


def test_zygote_may_die(boxes, eventually):
    box = boxes.shell(COUNT)
    pid = box.start()
    unwatched.kill(box.paths.run)
    eventually(lambda: not named(box.paths, "pyc-zygote"))
    before = len(box.log())
    eventually(lambda: len(box.log()) > before)
    assert box.state["pid"] == pid and box.state["monitored"]
    other = boxes("/bin/true")
    other.start()  # makes a new one
    assert other.wait() == 0
    eventually(lambda: len(named(box.paths, "pyc-zygote")) == 1)
    zygote_client.retire(box.paths)
    eventually(lambda: not named(box.paths, "pyc-zygote"))
    assert box.state["pid"] == pid and box.state["monitored"]


def test_start_that_is_killed_anywhere(boxes, eventually):
    """Kill the monitor, its worker or both at random moments of a start; the next call finds nothing in its way."""
    zygote_client.connect(boxes.paths).close()
    chance = random.Random(5)
    for _attempt in range(scaled(25)):
        # Again and again: what a monitor has read when it is killed is lost.
        box = boxes.shell("while echo run; do sleep 0.1; done")
        box.write()
        connection = zygote_client.connect(boxes.paths)
        from pycontainer.containers.client import messages

        messages.send(connection, {"op": "start", "id": box.ident, "command": None})
        time.sleep(chance.uniform(0, 0.03))
        zygote = named(boxes.paths, "pyc-zygote")
        victims = [
            pid
            for pid in named(boxes.paths, "pyc-zygote") + named(boxes.paths, "pyc-monitor")
            if pid not in first_zygote(zygote)
        ]
        killed = victims if chance.random() < 0.5 else victims[:1]
        for pid in killed:
            try:
                os.kill(pid, 9)
            except ProcessLookupError:
                pass
        # On a busy machine a killed process 1 takes its time, and a start that finds it adopts it.
        eventually(lambda killed=killed: not any(map(procfs.start_time, killed)))
        connection.close()
        eventually(
            lambda box=box: (
                not run_state.monitored(boxes.paths, box.ident) or box.state["status"] == "running"
            )
        )
        answer = zygote_client.start(boxes.paths, [box.ident])[box.ident]
        assert "error" not in answer, answer
        # The start may have met the first one's worker at its very end, who leaves a container without
        # a monitor: any call of the engine gives it one.
        monitor_client.adopt_orphans(boxes.paths)
        eventually(lambda box=box: box.state["status"] == "running" and "run\n" in box.log())
        assert box.stop(timeout=0) in (137, None)
        assert left(box.ident) == []
        assert box.state["status"] == "exited"


def first_zygote(pids):
    """The zygote itself among its forks of the same name: the one whose parent is none of them."""
    return [pid for pid in pids if (procfs.stat(pid) or {"parent": pids[0]})["parent"] not in pids]


@pytest.mark.parametrize("victim", ["container", "monitor"])
def test_cleanup_is_idempotent(boxes, eventually, victim):
    box = boxes("/bin/sleep", "100")
    pid = box.start()
    kill_monitor(box, eventually)
    if victim == "container":
        os.kill(pid, 9)
    cleanup.take_down(box.paths, box.ident)
    cleanup.take_down(box.paths, box.ident)
    assert left(box.ident) == [] and procfs.start_time(pid) is None
    assert not os.path.exists(box.paths.container_run(box.ident))


def test_a_monitor_whose_state_is_gone_ends_its_container(boxes):
    """Somebody has removed what the monitor had written down: it knows no cgroup any more."""
    box = boxes("/bin/sleep", "100")
    pid = box.start()
    os.unlink(os.path.join(box.paths.container(box.ident), run_state.NAME))
    assert box.stop(timeout=5) in (137, 143)
    assert procfs.start_time(pid) is None
    cleanup.take_down(box.paths, box.ident)
    assert left(box.ident) == []


def test_what_a_killed_writer_has_left_goes_with_the_next_start(boxes):
    box = boxes("/bin/sleep", "100")
    ended = subprocess.Popen(["true"])  # nobody has waited for it
    os.waitid(os.P_PID, ended.pid, os.WEXITED | os.WNOWAIT)
    names = [f"state.json.tmp.{1 << 22}.1", f"control.sock.tmp.{1 << 22}"]
    names.append(f"state.json.tmp.{ended.pid}.1")
    for name in names:
        open(os.path.join(box.directory, name), "w").close()
    written = f"run.json.tmp.{os.getpid()}.1"
    open(os.path.join(box.directory, written), "w").close()
    box.start()
    ended.wait()
    left = [name for name in os.listdir(box.directory) if ".tmp." in name]
    assert left == [written]
