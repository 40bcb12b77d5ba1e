# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who watches the monitors, and what becomes of them when the directory of this boot is emptied under them."""

from __future__ import annotations

import contextlib
import os
import resource
import select
import shutil

import pytest
from pycontainer.containers.client import messages, monitor_client, zygote_client
from pycontainer.containers.monitor import zygote
from pycontainer.containers.records import run_state
from pycontainer.kernel.processes import procfs
from support import unwatched

from .test_crash import COUNT, kill_monitor, named, parent
from .test_dormant import asleep, size

SERVING = "echo up; while :; do sleep 0.05; done"


def children(pid):
    """The states of a process's children, ended ones that nobody has waited for among them."""
    found = [procfs.stat(int(entry)) for entry in os.listdir("/proc") if entry.isdigit()]
    return [stat["state"] for stat in found if stat and stat["parent"] == pid]


def restarted(box, pid):
    now = run_state.read(box.paths, box.ident)
    return (
        now["status"] == "running"
        and now["pid"] not in (0, pid)
        and run_state.monitored(box.paths, box.ident)
    )


@pytest.mark.parametrize("policy", ["always", "on-failure"])
def test_policy_without_monitor_and_process(boxes, eventually, policy):
    """kill -9 of both, in any order: no command is needed for the container to be back."""
    box = boxes.shell(COUNT)
    box.run["restart"] = {"policy": policy, "retries": None}
    pid = box.start()
    for _again in range(2):
        monitor = (
            parent(pid)
            if parent(pid) in named(box.paths, "pyc-monitor")
            else named(box.paths, "pyc-monitor")[0]
        )
        for victim in (monitor, pid):
            os.kill(victim, 9)
        eventually(lambda pid=pid: restarted(box, pid))
        pid = run_state.read(box.paths, box.ident)["pid"]


@pytest.mark.parametrize("stays", [(), ("container",)], ids=["with it", "container stays"])
def test_policy_without_monitor_process_and_zygote(boxes, eventually, stays):
    """kill -9 of all at once, again and again: the guard of the zygote takes its place."""
    box = boxes.shell(COUNT)
    box.run["restart"] = {"policy": "always", "retries": None}
    pid = box.start()
    for _again in range(2):
        zygote, guard = guarded(boxes, eventually)
        for victim in (zygote, parent(pid), *(() if stays else (pid,))):
            os.kill(victim, 9)
        if stays:
            eventually(lambda: procfs.start_time(zygote) is None)
            eventually(lambda: run_state.monitored(box.paths, box.ident))
            assert run_state.read(box.paths, box.ident)["pid"] == pid
            os.kill(pid, 9)
        eventually(lambda pid=pid: restarted(box, pid))
        pid = run_state.read(box.paths, box.ident)["pid"]
        # The same process: nobody else has started one.
        eventually(lambda guard=guard: named(boxes.paths, "pyc-zygote") == [guard])


def guarded(boxes, eventually):
    """The zygote and its guard, alone: a child of the zygote has its name for a moment."""

    def alone():
        found = [named(boxes.paths, name) for name in ("pyc-zygote", "pyc-guard")]
        return found if [len(pids) for pids in found] == [1, 1] else None

    return [pid for (pid,) in eventually(alone)]


@pytest.fixture
def lower():
    """A limit on open files that is lower than it may be, as everywhere."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(before[0], before[1] // 2), before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, before)


def test_guard(boxes, eventually, lower):
    """It sleeps, is followed by another when it is killed, and ends when the zygote is ended on purpose, or followed by another."""
    allowed = boxes.shell("ulimit -n").output()
    zygote, guard = guarded(boxes, eventually)
    eventually(lambda: asleep(guard, "pyc-guard"))
    assert size(guard) < 64
    limits = resource.prlimit(zygote, resource.RLIMIT_NOFILE)
    os.kill(guard, 9)
    eventually(lambda: guarded(boxes, eventually)[1] != guard)
    zygote, guard = guarded(boxes, eventually)
    os.kill(zygote, 9)
    eventually(lambda: named(boxes.paths, "pyc-zygote") == [guard])
    assert resource.prlimit(guard, resource.RLIMIT_NOFILE) == limits
    # and gives containers what the first has found, not what it has set
    assert boxes.shell("ulimit -n").output() == allowed
    zygote, guard = guarded(boxes, eventually)
    zygote_client.retire(boxes.paths)
    eventually(lambda: procfs.start_time(guard) is None)
    assert named(boxes.paths, "pyc-zygote") == []


def test_a_killed_monitor_is_followed_by_another(boxes, eventually):
    ends, stays = boxes.shell("while [ ! -e /go ]; do sleep 0.05; done"), boxes.shell(COUNT)
    ends.start()
    monitor = parent(stays.start())
    os.kill(monitor, 9)
    eventually(lambda: run_state.monitored(stays.paths, stays.ident))
    assert run_state.read(stays.paths, stays.ident)["restarts"] == 0
    ends.execute("touch", "/go")
    eventually(lambda: run_state.read(ends.paths, ends.ident)["status"] == "exited")
    zygote, _guard = guarded(boxes, eventually)
    eventually(lambda: "Z" not in children(zygote))


def emptied(box):
    shutil.rmtree(box.paths.run)


def test_run_directory_is_gone(boxes, eventually):
    """The container goes on, is reached, is started again, and nothing piles up."""
    box = boxes.shell(COUNT)
    box.run["restart"] = {"policy": "always", "retries": None}
    pid = box.start()
    monitor = parent(pid)
    emptied(box)
    assert box.state["monitored"] and box.state["pid"] == pid
    monitor_client.reload(box.paths, box.ident)
    assert parent(pid) == monitor
    for _again in range(3):
        os.kill(pid, 9)
        eventually(lambda pid=pid: restarted(box, pid))
        pid = run_state.read(box.paths, box.ident)["pid"]
        assert parent(pid) == monitor
        eventually(lambda: "Z" not in children(monitor))
    assert (
        os.stat(box.paths.run).st_mode & 0o777
        == os.stat(box.paths.running).st_mode & 0o777
        == 0o700
    )
    box.paths.make()  # as every command does
    assert box.execute("true")["rc"] == 0
    assert box.stop(timeout=0) == 137


def test_output_that_has_lost_its_name(boxes, eventually):
    """A new monitor reads on where the container writes."""
    box = boxes.shell(COUNT)
    pid = box.start()
    eventually(lambda: "5\n" in box.log())
    emptied(box)
    box.paths.make()
    unwatched.kill(box.paths.run)
    os.kill(named(box.paths, "pyc-monitor")[0], 9)
    eventually(lambda: not run_state.monitored(box.paths, box.ident))
    zygote_client.start(box.paths, [box.ident])
    before = len(box.log())
    eventually(lambda: len(box.log()) > before + 100)
    assert box.state["pid"] == pid


def test_a_start_that_fails_again_and_again(boxes, eventually):
    """Its pauses grow, whenever it ran last, and its workers are waited for."""
    box = boxes.shell(SERVING)
    box.run["restart"] = {"policy": "always", "retries": None}
    pid = box.start()
    monitor = parent(pid)
    long_ago = dict(run_state.read(box.paths, box.ident), started_at=1)
    os.rename(os.path.join(box.directory, "config.json"), os.path.join(box.directory, "away"))
    run_state.write(box.paths, box.ident, long_ago)
    os.kill(pid, 9)
    ends = {}

    def failures():
        now = run_state.read(box.paths, box.ident)
        if now["error"]:
            ends.setdefault(now["restarts"], now["finished_at"])
        return max(ends, default=0)

    eventually(lambda: failures() >= 4)
    assert (
        ends[4] - ends[min(ends)] >= sum((0, 0.2, 0.4, 0.8)[min(ends) :]) - 0.1
    )  # it never waits less
    eventually(lambda: "Z" not in children(monitor))
    os.rename(os.path.join(box.directory, "away"), os.path.join(box.directory, "config.json"))
    eventually(lambda: restarted(box, pid))


def test_the_zygote_comes_back_to_its_place(boxes):
    """Unless there is another one, or nothing to watch over."""
    place = zygote._listen(boxes.paths, "zygote-00.sock")
    assert zygote._in_place(boxes.paths, "zygote-00.sock", *place) == place
    emptied(boxes)
    again = zygote._in_place(boxes.paths, "zygote-00.sock", *place)
    messages.connect(boxes.paths.run, "zygote-00.sock").close()
    emptied(boxes)
    boxes.paths.make()
    with contextlib.closing(messages.listen(boxes.paths.run, "zygote-01.sock")):
        assert zygote._in_place(boxes.paths, "zygote-00.sock", *again) is None
    os.unlink(os.path.join(boxes.paths.run, "zygote-01.sock"))
    again[0].close()


def test_who_looks_after_containers_holds_nobody_up_when_the_zygote_is_killed(boxes, eventually):
    """It asks the zygote, and had its socket, too: it waited for itself, and every command for it."""
    box = boxes("/bin/sleep", "100")
    box.start()
    kill_monitor(box, eventually)
    name = "zygote-of-this-test.sock"
    reader, writer = os.pipe()
    zygote_process = os.fork()
    if zygote_process == 0:
        try:
            watch = zygote.Watch(box.paths, name, soon=True)
            watch.server = messages.listen(box.paths.run, name)
            watch.look()
            messages.receive(watch.server.accept()[0])  # it has asked, and waits
            watch.look()
            os.close(writer)
        finally:
            os._exit(0)
    os.close(writer)
    os.waitpid(zygote_process, 0)
    assert select.select([reader], [], [], 20)[0] and os.read(reader, 1) == b""  # nobody is left
    os.close(reader)
    with pytest.raises(messages.Gone):
        messages.connect(box.paths.run, name)
    os.unlink(os.path.join(box.paths.run, name))
