# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Checkpoints: a container goes on where it was, with its volume, limits, log, address and ports; where CRIU is missing, all is refused."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import urllib.request

import pytest
from pycontainer.containers.access import checkpoints
from pycontainer.containers.task import container_checkpoint
from pycontainer.errors import Conflict, NotFound
from pycontainer.oci.checkpoint import criu
from pycontainer.reconcile import carry_out
from support.waiting import eventually as until

COUNT = "i=0; while :; do i=$((i+1)); echo $i > /data/new && mv /data/new /data/count; test $((i % 50)) != 0 || echo at $i; sleep 0.02; done"
SERVE = "echo $$ > /srv/pid; exec httpd -f -p 80 -h /srv"


@pytest.fixture(scope="module")
def working():
    program = shutil.which("criu", path=os.environ["PATH"] + ":/usr/sbin")
    if (
        program is None
        or subprocess.run(
            [program, "check"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False
        ).returncode
    ):
        pytest.skip("CRIU does not work here (criu check)")


def inspected(docker, name):
    return json.loads(docker("inspect", name))[0]


@pytest.fixture
def counting(docker, tmp_path):
    """Run a container ``web`` that counts: a function of further flags, which returns what tells how far it is."""
    (tmp_path / "data").mkdir()

    def begin(*flags):
        docker(
            "run",
            "-d",
            "--name",
            "web",
            "--stop-timeout",
            "0",
            "-v",
            f"{tmp_path / 'data'}:/data",
            *flags,
            "box:1",
            "sh",
            "-c",
            COUNT,
        )
        count = tmp_path / "data" / "count"

        def number():
            return int(count.read_text()) if count.exists() else 0

        until(lambda: number() > 3)
        return number

    return begin


def test_goes_on(working, docker, counting):
    number = counting(
        "--network",
        "none",
        "--restart",
        "always",
        "-m",
        "64m",
        "--pids-limit",
        "40",
        "-v",
        "kept:/kept",
        "--read-only",
    )
    docker("exec", "web", "sh", "-c", "echo word > /kept/file; echo word > /dev/shm/file")
    first = docker.task("checkpoint", "create", "web", "one")
    assert first["changed"] and first["stdout"] == "one"
    before = number()
    state = inspected(docker, "web")["State"]
    assert (state["Status"], state["ExitCode"]) == ("exited", 137), (
        state
    )  # ended, and not restarted
    assert docker("checkpoint", "ls", "web").splitlines() == ["CHECKPOINT NAME", "one"]
    assert (
        docker.task("start", "--checkpoint", "one", "web", check=True)["changed"]
        and inspected(docker, "web")["State"]["Status"] == "exited"
    )

    again = docker.task("start", "--checkpoint", "one", "web")
    assert again["changed"] and not again["rc"], again["stderr"]
    until(lambda: number() > before)
    assert number() < before + 1000
    assert docker("exec", "web", "cat", "/kept/file", "/dev/shm/file").split() == ["word", "word"]
    assert docker("exec", "web", "sh", "-c", "touch /x || echo refused").endswith("refused")
    document = inspected(docker, "web")
    place = "/sys/fs/cgroup/pids" if os.path.isdir("/sys/fs/cgroup/pids") else "/sys/fs/cgroup"
    assert open(f"{place}/pycontainer/{document['Id']}/pids.max").read() == "40\n"
    assert document["State"]["Pid"] > 0 and document["State"]["Status"] == "running"
    seen = docker("logs", "web").count("at ")
    until(lambda: docker("logs", "web").count("at ") > seen)  # its output is the monitor's again
    assert "is running" in docker("start", "--checkpoint", "one", "web", rc=1)

    os.kill(
        document["State"]["Pid"], 9
    )  # the monitor is its parent: it sees the end, and the policy holds again
    until(
        lambda: (
            inspected(docker, "web")["RestartCount"] == 1
            and inspected(docker, "web")["State"]["Status"] == "running"
        )
    )
    docker("stop", "web")
    docker("start", "--checkpoint", "one", "web")  # a checkpoint serves again and again
    docker("rm", "-f", "web")


def test_names_and_places(working, docker, counting, tmp_path):
    number = counting("--network", "none")
    docker(
        "checkpoint",
        "create",
        "--leave-running",
        "--checkpoint-dir",
        str(tmp_path / "kept"),
        "web",
        "a",
    )
    before = number()
    until(lambda: number() > before)
    assert inspected(docker, "web")["State"]["Status"] == "running"
    assert (
        docker("checkpoint", "ls", "-q", "web") == ""
        and docker("checkpoint", "ls", "-q", "--checkpoint-dir", str(tmp_path / "kept"), "web")
        == "a"
    )
    assert os.listdir(tmp_path / "kept") == ["a"]
    assert "exists already" in docker(
        "checkpoint", "create", "--checkpoint-dir", str(tmp_path / "kept"), "web", "a", rc=1
    )
    assert "an absolute path" in docker(
        "checkpoint", "create", "--checkpoint-dir", "kept", "web", "b", rc=1
    )
    for name in ("", "../x", ".x", "a/b"):
        assert "letters, digits" in docker("checkpoint", "create", "web", name, rc=1)
    docker("pause", "web")
    docker("checkpoint", "create", "--leave-running", "web", "b")
    assert inspected(docker, "web")["State"]["Status"] == "paused"
    docker("unpause", "web")
    docker("stop", "web")
    assert "not running" in docker("checkpoint", "create", "web", "c", rc=1)
    assert "checkpoint c of container web does not exist" in docker(
        "start", "--checkpoint", "c", "web", rc=1
    )
    assert "goes with --checkpoint" in docker("start", "--checkpoint-dir", "/x", "web", rc=125)
    assert (
        docker.task("checkpoint", "rm", "web", "b")["changed"]
        and docker("checkpoint", "ls", "-q", "web") == ""
    )
    assert "does not exist" in docker("checkpoint", "rm", "web", "b", rc=1)
    docker("start", "--checkpoint", "a", "--checkpoint-dir", str(tmp_path / "kept"), "web")
    until(lambda: number() > before)
    docker("rm", "-f", "web")
    assert os.listdir(tmp_path / "kept") == ["a"]


def test_a_shell_that_redirects_its_own_command(working, docker, tmp_path):
    """Its standard output is another descriptor for the while."""
    (tmp_path / "data").mkdir()
    docker(
        "run",
        "-d",
        "--name",
        "web",
        "--stop-timeout",
        "0",
        "--network",
        "none",
        "-v",
        f"{tmp_path / 'data'}:/data",
        "box:1",
        "sh",
        "-c",
        "{ while :; do echo line; sleep 0.02; done; } > /data/lines",
    )
    lines = tmp_path / "data" / "lines"
    until(lambda: lines.exists() and lines.stat().st_size > 50)
    docker("checkpoint", "create", "web", "one")
    before = lines.stat().st_size
    docker("start", "--checkpoint", "one", "web")
    until(lambda: lines.stat().st_size > before)
    docker("rm", "-f", "web")


def test_network(working, docker, tmp_path):
    """Address and published ports are the container's, so it has them again; its listening socket comes back."""
    docker(
        "run",
        "-d",
        "--name",
        "web",
        "--stop-timeout",
        "0",
        "-p",
        "127.0.0.1:18473:80",
        "box:1",
        "sh",
        "-c",
        SERVE,
    )

    def answers():
        try:
            with urllib.request.urlopen("http://127.0.0.1:18473/pid", timeout=5) as answer:
                return answer.read() == b"1\n"
        except OSError:
            return False

    until(answers)
    before = inspected(docker, "web")["NetworkSettings"]
    docker("checkpoint", "create", "web", "one")
    assert not answers()
    docker("start", "--checkpoint", "one", "web")
    until(answers)
    assert inspected(docker, "web")["NetworkSettings"]["IPAddress"] == before["IPAddress"]
    docker("rm", "-f", "web")


def test_what_fails(working, docker, counting, tmp_path):
    """A start that CRIU refuses leaves the container ended, and startable."""
    number = counting("--network", "none")
    docker("checkpoint", "create", "web", "one")
    directory = os.path.join(
        docker.engine.paths.container(inspected(docker, "web")["Id"]), "checkpoints"
    )
    os.unlink(os.path.join(directory, "one", "pstree.img"))
    line = docker("start", "--checkpoint", "one", "web", rc=1)
    assert (
        "container web did not start: it can't be restored: CRIU: " in line
        and "restore.log" in line
    )
    state = inspected(docker, "web")["State"]
    assert state["Status"] == "exited" and "can't be restored" in state["Error"]
    docker("start", "web")
    until(lambda: number() > 3)
    talk = "nc -l -p 99 -e sleep 1000 & while ! nc 127.0.0.1 99 -e sleep 1000; do sleep 0.1; done"
    docker("exec", "-d", "web", "sh", "-c", talk)
    until(lambda: " 01 " in docker("exec", "web", "cat", "/proc/net/tcp"))
    docker("checkpoint", "create", "--tcp-established", "--leave-running", "web", "two")
    assert inspected(docker, "web")["State"]["Status"] == "running"
    docker("kill", "web")
    docker("rm", "-f", "web")


def test_a_killed_task_leaves_nothing(working, docker, counting):
    """What a task that was killed had begun to write is gone with the next call."""
    counting("--network", "none")
    ident = inspected(docker, "web")["Id"]
    path = os.path.join(docker.engine.paths.container(ident), "checkpoints", ".new-one")
    os.makedirs(path)
    docker.engine.db.run(
        "INSERT INTO operations (kind, detail, pid, started, boot, at) VALUES "
        "('checkpoint-container', ?, 1, 1, 'another', 0)",
        json.dumps({"id": ident, "path": path}),
    )
    docker.engine.recover()
    assert not os.path.exists(path)
    assert docker("checkpoint", "ls", "-q", "web") == ""
    docker("rm", "-f", "web")


@pytest.mark.parametrize("step", ("scandir", "rename", "wait"))
def test_a_task_that_is_killed_when_all_is_written(working, docker, counting, monkeypatch, step):
    """Whether the container has ended or runs on: nothing that it did is lost, and the same task again comes to its end."""
    number = counting("--network", "none")
    docker.engine.db.close()
    if not (pid := os.fork()):
        place, name = {
            "scandir": (checkpoints.os, "scandir"),
            "rename": (checkpoints.os, "rename"),
            "wait": (checkpoints.monitor_client, "wait"),
        }[step]
        real = getattr(place, name)

        def killed(*words):
            if name == "rename":
                real(*words)
            os.kill(os.getpid(), 9)

        monkeypatch.setattr(place, name, killed)
        docker.task("checkpoint", "create", "web", "one")
        os._exit(1)
    assert os.WTERMSIG(os.waitpid(pid, 0)[1]) == 9
    docker.engine.recover()
    kept = docker("checkpoint", "ls", "-q", "web")
    assert kept == ("" if step == "scandir" else "one")
    before = number()
    if step == "scandir":  # nothing was written for good, so it runs on
        until(lambda: number() > before)
        docker("checkpoint", "create", "web", "one")
    elif inspected(docker, "web")["State"]["Status"] == "running":
        docker("kill", "web")
    until(lambda: inspected(docker, "web")["State"]["Status"] == "exited")
    before = number()
    docker("start", "--checkpoint", "one", "web")
    until(lambda: number() > before)
    docker("rm", "-f", "web")


def test_module(working, docker, counting):
    """The module's task: planned, done once, and again nothing."""

    def task(check=False, **params):
        result = carry_out(
            container_checkpoint(
                docker.engine, dict({"container": "web", "checkpoint": "one"}, **params)
            ),
            check,
        )
        return (
            result["changed"],
            result["actions"],
            [entry["Name"] for entry in result["checkpoints"]],
        )

    number = counting("--network", "none")
    written = ["write down what container web does, as checkpoint one"]
    assert (
        task(check=True) == (True, written, [])
        and task() == (True, written, ["one"])
        and task() == (False, [], ["one"])
    )
    before = number()
    assert inspected(docker, "web")["State"]["Status"] == "exited"
    started = ["start container web from checkpoint one"]
    assert task(check=True, state="restored") == (True, started, ["one"]) and task(
        state="restored"
    ) == (True, started, ["one"])
    assert task(state="restored") == (False, [], ["one"])
    until(lambda: number() > before)
    removed = ["remove checkpoint one of container web"]
    assert task(check=True, state="absent") == (True, removed, ["one"]) and task(
        state="absent"
    ) == (True, removed, [])
    assert task(state="absent") == (False, [], [])
    docker("stop", "web")
    with pytest.raises(NotFound, match="checkpoint one of container web does not exist"):
        task(state="restored")
    with pytest.raises(Conflict, match="not running"):
        task()
    docker("rm", "-f", "web")


def test_a_container_that_mounts_an_image(docker, counting):
    """CRIU or none, it is refused before anything is changed."""
    number = counting("--network", "none", "--mount", "type=image,source=box:1,target=/tools")
    for check in (False, True):
        result = docker.task("checkpoint", "create", "web", "one", check=check)
        said = "container web can't be checkpointed: it mounts an image at /tools, which"
        assert result["stderr"].startswith(said) and not result["changed"]
    before = number()
    until(lambda: number() > before)
    assert docker("checkpoint", "ls", "-q", "web") == ""
    docker("rm", "-f", "web")


def test_without_criu(docker, counting, monkeypatch):
    number = counting("--network", "none")
    monkeypatch.setenv("PATH", "/nowhere")
    monkeypatch.setattr(criu, "PATH", "/nowhere/either")
    for check in (False, True):
        result = docker.task("checkpoint", "create", "web", "one", check=check)
        assert "CRIU is not installed" in result["stderr"] and not result["changed"]
    before = number()
    until(lambda: number() > before)
    assert docker("checkpoint", "ls", "-q", "web") == ""
    docker("rm", "-f", "web")
