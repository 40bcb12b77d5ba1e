# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A container's life: stop, signals, restarts, health, pause, exec, the log, ports."""

from __future__ import annotations

import json
import os
import time

import pytest
from pycontainer.containers.client import monitor_client, zygote_client
from pycontainer.containers.records import run_state, status
from pycontainer.containers.view import logs
from pycontainer.errors import Conflict, ContainerFailed
from pycontainer.kernel import cgroups
from support import waiting

TRAP = "trap 'echo bye; exit 4' TERM; echo up; while :; do sleep 0.05; done"


def test_an_end_while_somebody_looks_is_not_an_unseen_one(boxes, eventually, monkeypatch):
    """The monitor writes the exit and is gone after the state was read, before it is looked for."""
    box = boxes.shell(TRAP)
    box.start()
    eventually(lambda: box.log() == "up\n")
    monitored, looks = run_state.monitored, []

    def looked_for(paths, ident):
        looks.append(ident)
        if len(looks) == 1:
            assert box.stop() == 4
            eventually(lambda: not monitored(paths, ident))
        return monitored(paths, ident)

    monkeypatch.setattr(run_state, "monitored", looked_for)
    found = status.now(box.paths, box.ident)
    assert (found["status"], found["exit_code"], found["error"]) == ("exited", 4, "")


def test_stop_by_signal_then_by_force(boxes, eventually):
    polite, deaf = (
        boxes.shell(TRAP),
        boxes.shell("trap '' TERM; echo up; while :; do sleep 0.05; done"),
    )
    for box in (polite, deaf):
        box.start()
        eventually(lambda box=box: box.log() == "up\n")
    assert polite.stop() == 4 and polite.log() == "up\nbye\n"
    began = time.monotonic()
    assert deaf.stop(timeout=0.5) == 137
    assert 0.4 < time.monotonic() - began < 9  # 10 seconds is what it gets without one
    assert polite.stop() is None  # it does not run
    for box in (polite, deaf):
        assert not [
            path
            for path in cgroups.base_paths().values()
            if os.path.exists(os.path.join(path, box.ident))
        ]


def test_many_start_and_stop_in_one_call(boxes):
    made = [boxes("/bin/sleep", "100") for _ in range(8)]
    for box in made:
        box.write()
    bad = boxes("/bin/nope")
    bad.write()
    answers = zygote_client.start(boxes.paths, [box.ident for box in made + [bad]], at_once=4)
    assert all(answers[box.ident]["pid"] > 0 for box in made)
    assert "no such file" in answers[bad.ident]["error"]
    assert zygote_client.start(boxes.paths, [made[0].ident])[made[0].ident]["running"] is True
    assert set(
        monitor_client.stop(boxes.paths, [box.ident for box in made], timeout=0.3).values()
    ) == {137}


@pytest.mark.parametrize(
    "policy, code, runs",
    [
        ({"policy": "no", "retries": None}, 1, 1),
        ({"policy": "on-failure", "retries": 2}, 1, 3),
        ({"policy": "on-failure", "retries": None}, 0, 1),
    ],
)
def test_restart_policy_that_ends(boxes, policy, code, runs):
    box = boxes.shell("echo run; exit %d" % code)
    box.run["restart"] = policy
    box.start()
    assert box.wait() == code
    assert box.log().count("run") == runs and box.state["restarts"] == runs - 1


def test_restart_always_backs_off_and_ends_by_a_stop(boxes, eventually):
    box = boxes.shell("echo run; exit 0")
    box.run["restart"] = {"policy": "always", "retries": None}
    box.start()
    eventually(lambda: box.state["restarts"] >= 3)
    assert box.state["restarts"] < 6
    box.stop()
    assert box.state["status"] == "exited"
    count = box.log().count("run")
    time.sleep(1.2)
    assert box.log().count("run") == count


def test_kill_of_a_container_that_should_always_run(boxes, eventually):
    box = boxes("/bin/sleep", "100")
    box.run["restart"] = {"policy": "unless-stopped", "retries": None}
    first = box.start()
    os.kill(first, 9)  # from outside: nobody asked for its end
    eventually(lambda: box.state["restarts"] == 1 and box.state["status"] == "running")
    monitor_client.kill(box.paths, box.ident, "SIGKILL")  # somebody did
    box.wait()
    assert box.state["status"] == "exited"


def test_pause(boxes):
    box = boxes.shell("i=0; while :; do i=$((i+1)); echo $i; sleep 0.02; done")
    box.start()
    monitor_client.pause(box.paths, box.ident)
    assert box.state["status"] == "paused"
    time.sleep(0.1)
    before = box.log()
    time.sleep(0.3)
    assert box.log() == before
    with pytest.raises(ContainerFailed, match="paused"):
        box.execute("/bin/true")
    monitor_client.unpause(box.paths, box.ident)
    assert box.state["status"] == "running"
    monitor_client.pause(box.paths, box.ident)
    assert box.stop(timeout=5) == 143 or box.state["exit_code"] == 137  # a frozen one is let go


def test_health(boxes, eventually):
    box = boxes("/bin/sleep", "100")
    box.run["health"] = {
        "test": ["CMD-SHELL", "echo looking; test -e /well"],
        "interval": 0.1,
        "timeout": 1,
        "retries": 2,
    }
    box.start()
    assert box.state["health"]["status"] == "starting"
    eventually(lambda: box.state["health"]["status"] == "unhealthy")
    assert box.state["health"]["failing_streak"] >= 2
    assert (
        box.state["health"]["log"][-1]["exit_code"] == 1
        and box.state["health"]["log"][-1]["output"] == "looking\n"
    )
    box.execute("/bin/touch", "/well")
    eventually(lambda: box.state["health"]["status"] == "healthy")
    assert box.state["health"]["failing_streak"] == 0
    eventually(lambda: len(box.state["health"]["log"]) == 5)
    box.run["health"] = {
        "test": ["CMD", "/bin/sleep", "10"],
        "interval": 0.1,
        "timeout": 0.2,
        "retries": 1,
    }
    box.write()
    monitor_client.reload(box.paths, box.ident)
    eventually(lambda: box.state["health"]["status"] == "unhealthy")
    assert "exceeded timeout" in box.state["health"]["log"][-1]["output"]
    eventually(lambda: box.execute("/bin/ps")["stdout"].count(b"sleep 10\n") <= 1)


def unwell(box, **more):
    """Have the box's check fail at once, and again and again."""
    check = {"test": ["CMD", "/bin/false"], "interval": 0.1, "timeout": 5, "retries": 2}
    box.run["health"] = {**check, **more}
    box.start()


def test_what_is_done_to_an_unhealthy_container(boxes, eventually):
    killed = boxes("/bin/sh", "-c", "trap '' TERM; while :; do sleep 1; done")
    unwell(killed, on_failure="kill")
    assert killed.wait() == 137 and killed.state["status"] == "exited"
    again = boxes("/bin/sleep", "100")
    again.run["restart"] = {"policy": "always", "retries": None}
    unwell(again, on_failure="kill")
    eventually(lambda: again.state["restarts"] >= 2)
    again.stop(timeout=0)
    stopped = boxes("/bin/sh", "-c", "trap 'exit 7' TERM; while :; do sleep 0.1; done")
    stopped.run["restart"] = {"policy": "always", "retries": None}
    unwell(stopped, on_failure="stop")
    assert stopped.wait() == 7 and stopped.state["restarts"] == 0
    comes = boxes("/bin/sh", "-c", "trap 'exit 7' TERM; echo up; while :; do sleep 0.1; done")
    unwell(comes, on_failure="restart")
    eventually(lambda: comes.state["restarts"] >= 2 and comes.state["status"] == "running")
    assert comes.stop(timeout=5) == 7 and comes.state["status"] == "exited"
    left = boxes("/bin/sleep", "100")
    unwell(left)
    eventually(lambda: left.state["health"]["failing_streak"] >= 4)
    assert left.state["status"] == "running" and left.state["restarts"] == 0


def test_a_startup_check_comes_before_the_health_check(boxes, eventually):
    box = boxes("/bin/sleep", "100")
    startup = {
        "test": ["CMD-SHELL", "echo coming; test -e /up && echo x >> /ups"],
        "interval": 0.1,
        "timeout": 5,
        "retries": 0,
        "success": 3,
    }
    box.run["health"] = {
        "test": ["CMD-SHELL", "echo well"],
        "interval": 0.1,
        "timeout": 5,
        "retries": 1,
        "startup": startup,
    }
    box.start()
    eventually(lambda: len(box.state["health"]["log"]) >= 3)
    health = box.state["health"]
    assert (health["status"], health["failing_streak"]) == ("starting", 0)
    assert {entry["output"] for entry in health["log"]} == {"coming\n"}
    box.execute("/bin/touch", "/up")
    eventually(lambda: box.state["health"]["status"] == "healthy")
    eventually(lambda: {entry["output"] for entry in box.state["health"]["log"]} == {"well\n"})
    assert box.execute("/bin/cat", "/ups")["stdout"].count(b"x") == 3
    assert box.state["restarts"] == 0
    failing = boxes("/bin/sleep", "100")
    failing.run["health"] = {**box.run["health"], "startup": {**startup, "retries": 2}}
    failing.run["stop"] = {"signal": "SIGKILL", "timeout": 1}
    failing.start()
    eventually(lambda: failing.state["restarts"] >= 1 and failing.state["status"] == "running")
    assert failing.state["health"]["status"] == "starting"


def test_exec(boxes):
    box = boxes("/bin/sleep", "100")
    box.start()
    assert box.execute("/bin/echo", "a b") == {
        "rc": 0,
        "stdout": b"a b\n",
        "stderr": b"",
        "timed_out": False,
    }
    assert box.execute("sh", "-c", "cat; echo e >&2; exit 9", stdin=b"in") == {
        "rc": 9,
        "stdout": b"in",
        "stderr": b"e\n",
        "timed_out": False,
    }
    done = box.execute(
        "sh",
        "-c",
        "id -u; pwd; echo $X $A $HOME; hostname; readlink /proc/self/ns/pid",
        user="user",
        cwd="/tmp",
        env={"X": "y"},
    )
    assert done["stdout"].split()[:6] == [b"1000", b"/tmp", b"y", b"1", b"/home/user", b"box"]
    assert done["stdout"].split()[6].decode() == os.readlink("/proc/%d/ns/pid" % box.state["pid"])
    assert box.execute("sh", "-c", "kill -15 $$")["rc"] == 143
    assert box.execute("sleep", "10", timeout=0.3)["timed_out"] is True
    assert b"\n" in box.execute("tty", tty=True)["stdout"]
    big = b"x" * 3000000
    assert box.execute("cat", stdin=big)["stdout"] == big
    for argv, code, words in (
        (["nope"], 127, "not found"),
        (["/etc/passwd"], 126, "permission denied"),
    ):
        with pytest.raises(ContainerFailed, match=words) as caught:
            box.execute(*argv)
        assert caught.value.exit_code == code
    with pytest.raises(ContainerFailed, match="not-there"):
        box.execute("/bin/true", cwd="/not-there")
    assert box.execute("sh", "-c", "sleep 0.2; touch /detached", detach=True)["pid"] > 0
    box.stop(timeout=0)
    with pytest.raises(ContainerFailed, match="is not running"):
        box.execute("/bin/true")


def test_exec_has_the_containers_limits_and_rights(boxes):
    box = boxes("/bin/sleep", "100")
    box.config["linux"]["resources"]["pids"] = {"limit": 5}
    box.start()
    status = box.execute(
        "sh",
        "-c",
        "grep -E 'Cap(Eff|Inh|Bnd)|Seccomp:' /proc/self/status; cat /proc/self/cgroup | grep -c "
        "/pycontainer; ls -l /proc/$$/fd",
    )["stdout"].decode()
    assert (
        status.count("00000000a80425fb") == 2
        and "CapInh:\t0000000000000000" in status
        and "Seccomp:\t2" in status
    )
    assert [line.split()[-3] for line in status.split("\n") if "->" in line] == ["0", "1", "2"]
    assert (
        b"can't fork"
        in box.execute("sh", "-c", "for i in 1 2 3 4 5 6 7 8; do sleep 1 & done; wait")["stderr"]
    )
    privileged = box.execute("sh", "-c", "grep CapEff /proc/self/status", privileged=True)["stdout"]
    assert b"a80425fb" not in privileged


def test_exec_can_not_be_looked_into(boxes):
    """CVE-2016-9962: a process of the container tries to trace and read each process that joins, until its program runs."""
    box = boxes.shell(
        "while :; do for p in /proc/[0-9]*; do [ $p = /proc/1 ] || "
        "{ ls -l $p/fd $p/cwd $p/root $p/exe 2>/dev/null | grep -- '->'; }; done; done"
    )
    box.start()
    for _attempt in range(20):
        box.execute("/bin/true")
    box.stop(timeout=0)
    for line in box.log().split("\n"):
        target = line.partition("-> ")[2]
        assert not target.startswith(
            (boxes.paths.data, boxes.paths.run, "/usr/bin/python", "/usr/lib/python")
        ), line
        assert "python" not in target, line


def test_log_entries_rotation_and_reading(boxes):
    box = boxes.shell(
        "i=0; while [ $i -lt 3000 ]; do i=$((i+1)); echo "
        "line-$i-xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx; "
        "done; printf %s no-line-feed; head -c 40000 /dev/zero | tr '\\0' y"
    )
    box.run["log"] = {"driver": "json-file", "max_size": 100000, "max_file": 3}
    box.start()
    box.wait()
    names = sorted(name for name in os.listdir(box.directory) if name.startswith("log.json"))
    assert names == ["log.json", "log.json.1", "log.json.2"]
    assert all(os.path.getsize(os.path.join(box.directory, name)) <= 100000 for name in names)
    entries = list(logs.read(box.paths, box.ident))
    lines = [entry["log"] for entry in entries if entry["log"].startswith("line-")]
    numbers = [int(line.split("-")[1]) for line in lines]
    assert numbers == list(range(numbers[0], 3001))
    assert [len(entry["log"]) for entry in entries[-3:]] == [16384, 16384, 40012 - 2 * 16384]
    assert json.loads(open(os.path.join(box.directory, "log.json")).readline()).keys() == {
        "log",
        "stream",
        "time",
    }
    assert [entry["log"] for entry in logs.read(box.paths, box.ident, tail=3)][:2] == lines[-2:]


def test_a_monitor_compresses_older_files_and_reaps_who_did(boxes):
    box = boxes.shell("i=0; while [ $i -lt 3000 ]; do i=$((i+1)); echo $i; done; exec sleep 100")
    box.run["log"] = {
        "driver": "local",
        "max_size": 20000,
        "max_file": 40,
        "compress": True,
        "attributes": {"tag": "box"},
    }
    box.start()
    waiting.eventually(lambda: box.log().endswith("\n3000\n"))
    monitor = _parent(box.state["pid"])
    waiting.eventually(lambda: not _children(monitor, but=box.state["pid"]))
    names = [name for name in os.listdir(box.directory) if name.startswith("log.json.")]
    assert len(names) > 5 and all(name.endswith(".gz") for name in names)
    entries = list(logs.read(box.paths, box.ident))
    assert [entry["log"] for entry in entries] == [f"{number}\n" for number in range(1, 3001)]
    assert entries[-1]["attrs"] == {"tag": "box"}
    box.stop(timeout=0)


def _parent(pid):
    with open(f"/proc/{pid}/stat") as file:
        return int(file.read().rpartition(")")[2].split()[1])


def _children(pid, but):
    with open(f"/proc/{pid}/task/{pid}/children") as file:
        return [child for child in file.read().split() if int(child) != but]


def test_log_is_followed_across_rotation(boxes):
    box = boxes.shell("i=0; while [ $i -lt 300 ]; do i=$((i+1)); echo $i; sleep 0.005; done")
    box.run["log"] = {"driver": "json-file", "max_size": 5000, "max_file": 10}
    box.start()
    seen = [
        entry["log"]
        for entry in logs.read(
            box.paths, box.ident, follow=True, running=lambda: status.lives(box.paths, box.ident)
        )
    ]
    assert seen == ["%d\n" % number for number in range(1, 301)]


def test_flood_keeps_monitor_and_disk_small(boxes):
    box = boxes.shell(
        "yes xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx | head -c "
        "30000000"
    )
    box.run["log"] = {"driver": "json-file", "max_size": 1 << 20, "max_file": 2}
    box.start()
    pid = int(next(open("/proc/%d/stat" % box.state["pid"])).rpartition(")")[2].split()[1])
    most = 0
    while box.state["status"] == "running":
        try:
            most = max(
                most,
                int(
                    next(
                        line for line in open("/proc/%d/status" % pid) if line.startswith("VmRSS")
                    ).split()[1]
                ),
            )
        except (OSError, StopIteration):
            break
        time.sleep(0.05)
    box.wait(240)
    assert 0 < most < 20000  # kB
    assert (
        sum(
            os.path.getsize(os.path.join(box.directory, name))
            for name in os.listdir(box.directory)
            if name.startswith("log")
        )
        <= 2 << 20
    )


def test_no_log_when_none_is_wanted(boxes):
    box = boxes.shell("yes | head -c 1000000")
    box.run["log"] = {"driver": "none", "max_size": None, "max_file": 1}
    box.start()
    assert box.wait() == 0
    assert not os.path.exists(os.path.join(box.directory, "log.json"))


def test_limits_change_as_it_runs(boxes):
    box = boxes("/bin/sleep", "100")
    box.config["linux"]["resources"]["memory"] = {"limit": 64 << 20}
    box.start()
    monitor_client.update_resources(
        box.paths, box.ident, {"memory": {"limit": 32 << 20}, "pids": {"limit": 9}}
    )
    stats = cgroups.Group.open(box.state["cgroup"]).stats()
    assert stats["memory"]["limit"] == 32 << 20 and stats["pids"]["limit"] == 9
    assert monitor_client.processes(box.paths, box.ident) == [box.state["pid"]]


def test_what_does_not_run_is_said(boxes):
    box = boxes("/bin/true")
    box.write()
    for call in (monitor_client.pause, monitor_client.kill):
        with pytest.raises(Conflict, match="is not running"):
            call(box.paths, box.ident)
    assert monitor_client.stop(box.paths, [box.ident]) == {box.ident: None}
    assert status.now(box.paths, box.ident)["status"] == "created"
    assert run_state.alive(run_state.read(box.paths, box.ident)) is False


def test_state_of_another_boot(boxes):
    box = boxes("/bin/sleep", "100")
    box.start()
    now = run_state.read(box.paths, box.ident)
    other = boxes("/bin/true")
    other.write()
    run_state.write(box.paths, other.ident, dict(now, boot="another"))
    assert status.now(box.paths, other.ident)["status"] == "exited"
    assert monitor_client.adopt_orphans(box.paths) == []
    assert monitor_client.stop(box.paths, [other.ident]) == {other.ident: None}
    assert box.state["status"] == "running"


def test_auto_remove_calls_the_command(boxes, eventually, tmp_path):
    box = boxes("/bin/true")
    box.run["auto_remove"] = True
    box.write()
    script = tmp_path / "command"
    script.write_text(f'#!/bin/sh\necho "$@" > {tmp_path / "said"}\n')
    script.chmod(0o755)
    zygote_client.start(box.paths, [box.ident], command=[str(script)])
    eventually(
        lambda: (
            (tmp_path / "said").exists()
            and (tmp_path / "said").read_text() == f"rm --volumes {box.ident}\n"
        )
    )
