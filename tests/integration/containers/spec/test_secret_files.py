# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Secrets and configs in containers: files in memory, with owner and mode, replaced while it runs, in nothing that is kept."""

from __future__ import annotations

import base64
import contextlib
import json
import os
import stat
import subprocess
import threading
import time

import pytest
from pycontainer import containers
from pycontainer.containers import task
from pycontainer.containers.access import exec_client
from pycontainer.containers.lifecycle import cleanup, start
from pycontainer.containers.records import catalog, run_state, status
from pycontainer.errors import Conflict, EngineError, HostError, InvalidInput, NotFound
from pycontainer.events import journal_reader
from pycontainer.kernel import cgroups
from pycontainer.kernel.processes import procfs
from pycontainer.reconcile import carry_out
from pycontainer.secrets import secret_catalog
from pycontainer.secrets import task as secret_task
from pycontainer.store import settings
from support import unwatched, waiting
from support.scale import FACTOR

from ..lifecycle import test_crash
from ..monitor.test_crash import named

MARK = "hunter2-of-the-tests"


@pytest.fixture
def plain(engine):
    """The engine, with its secrets not encrypted: the tests ask nothing of this machine's systemd."""
    settings.write(engine.paths.config, {"secrets_key": "none"})
    return engine


def secret(engine, check=False, kind="secret", **params):
    return carry_out(
        getattr(secret_task, kind)(engine, {"name": "db", "state": "present", **params}), check
    )


def do(engine, check=False, **params):
    base = {"name": "web", "image": "box:1", "network_mode": "none", "stop_timeout": 0}
    return carry_out(task.container(engine, {**base, **params}), check)


def sh(engine, script, user=None):
    ident = containers.find(engine, "web")["id"]
    found = exec_client.run(engine.paths, ident, ["sh", "-c", script], user=user)
    assert found["rc"] == 0, found
    return found["stdout"].decode().strip()


def started_at(engine):
    return status.now(engine.paths, containers.find(engine, "web")["id"])["started_at"]


def places_with(directory, text):
    """The files below a directory that have a text in them."""
    done = subprocess.run(
        ["grep", "-rlF", "-D", "skip", text, directory], capture_output=True, text=True, check=False
    )
    return done.stdout.split()


@pytest.mark.parametrize("userns", ["host", "auto"])
def test_a_secret_is_a_file_in_memory_with_owner_and_mode(plain, image, userns):
    secret(plain, data=MARK)
    secret(plain, kind="config", name="conf", data="level=1\n")
    asked = {
        "userns_mode": userns,
        "secrets": ["db", {"source": "db", "target": "key", "uid": 33, "gid": "33", "mode": 0o400}],
        "configs": [{"source": "conf", "target": "/etc/app/app.conf"}, "conf"],
    }
    try:
        done = do(plain, state="started", **asked)
        assert sh(plain, "cat /run/secrets/db") == MARK
        assert sh(plain, "stat -c '%a %u %g' /run/secrets/db") == "444 0 0"
        assert sh(plain, "stat -c '%a %u %g' /run/secrets/key") == "400 33 33"
        assert sh(plain, "cat /run/secrets/key", user="www") == MARK
        assert sh(plain, "cat /etc/app/app.conf /conf") == "level=1\nlevel=1"
        assert sh(plain, "stat -f -c %T /run/secrets") == "tmpfs"
        assert sh(plain, "echo x > /run/secrets/db 2>/dev/null || echo refused") == "refused"
        ident = containers.find(plain, "web")["id"]
        assert [entry["Name"] for entry in done["container"]["Config"]["Secrets"]] == ["db", "db"]
        assert done["container"]["Mounts"] == []
        assert MARK not in json.dumps(done)
        assert places_with(plain.paths.container(ident), MARK) == []
        again = do(plain, state="started", **asked)
        assert not again["changed"]
    finally:
        do(plain, state="absent")
    assert not os.path.exists(plain.paths.container_run(ident))
    assert ident not in open("/proc/self/mountinfo").read()


def test_what_a_container_names_must_be_there_and_what_is_named_stays(plain, image):
    with pytest.raises(NotFound, match="secrets: secret db does not exist"):
        do(plain, state="started", secrets=["db"])
    secret(plain, data=MARK)
    try:
        do(plain, state="present", secrets=["db"])
        with pytest.raises(Conflict, match="secret db is used by container web"):
            secret(plain, state="absent")
        os.unlink(os.path.join(plain.paths.secrets, "secret", "db.json"))
        with pytest.raises(NotFound, match="secrets: secret db does not exist"):
            do(plain, state="started")
        with pytest.raises(HostError, match="container web: secret db does not exist"):
            start.lock_and_start(plain, containers.find(plain, "web"))
    finally:
        do(plain, state="absent")


def test_memory_is_free_when_the_container_ends(plain, image):
    secret(plain, data=MARK)
    try:
        do(plain, state="started", secrets=["db"], command=["sleep", "1000"])
        top = plain.paths.secrets_run(containers.find(plain, "web")["id"])
        assert os.path.ismount(top)
        do(plain, state="stopped")
        assert not os.path.ismount(top)
        do(plain, state="started")
        assert sh(plain, "cat /run/secrets/db") == MARK
    finally:
        do(plain, state="absent")


def kept_with(engine, text):
    """The files of the store and of this boot with a text, or its base64, in them; but secrets."""
    found = []
    for wanted in (text, base64.b64encode(text.encode()).decode().rstrip("=")):
        for top in (engine.paths.data, os.path.dirname(engine.paths.running)):
            found += places_with(top, wanted)
    return [path for path in found if not path.startswith(engine.paths.secrets)]


@pytest.mark.parametrize("userns", ["host", "auto"])
def test_a_secret_in_the_environment_is_on_no_disk(plain, image, userns):
    """It is in the process, in what exec starts, and in a tmpfs that the container can't see."""
    secret(plain, data=MARK)
    asked = {
        "userns_mode": userns,
        "secrets": ["db,type=env,target=PW", {"source": "db", "type": "env"}],
        "command": ["sh", "-c", "echo $PW$db > /dev/shm/seen; exec sleep 1000"],
        "restart_policy": "always",
        "env": {"A": "b"},
    }
    try:
        foretold = do(plain, check=True, state="started", **asked)
        done = do(plain, state="started", **asked)
        ident = containers.find(plain, "web")["id"]
        assert wait_for(plain, "/dev/shm/seen") == MARK * 2
        assert sh(plain, "echo $PW $A; unset PW db; env | grep -c hunter || true") == f"{MARK} b\n0"
        assert sh(plain, "grep -rl hunter2.of.the /run /etc 2>/dev/null || echo none") == "none"
        told = [
            foretold,
            done,
            containers.inspect(plain, containers.find(plain, "web")),
            list(journal_reader.read(plain.paths)),
        ]
        assert MARK not in json.dumps(told)
        assert done["container"]["Config"]["Secrets"][0] == {
            "Name": "db",
            "Target": "PW",
            "Type": "env",
            "OnChange": "nothing",
        }
        memory = f"{plain.paths.secrets_run(ident)}/environment"
        assert kept_with(plain, MARK) == [memory]
        assert stat.S_IMODE(os.stat(memory).st_mode) == 0o600
        assert not do(plain, state="started", **asked)["changed"]
        # new data: at the next start, which the restart policy makes without the engine's database
        done = secret(plain, data="other")
        assert done["containers"][0]["then"].startswith("process 1 has the new variable from its")
        assert sh(plain, "cat /dev/shm/seen; echo $PW") == MARK * 2 + "\nother"
        now = status.now(plain.paths, ident)
        os.kill(now["pid"], 9)
        while status.now(plain.paths, ident)["restarts"] == now["restarts"]:
            time.sleep(0.02)
        assert wait_until(plain, "grep -q '^otherother$' /dev/shm/seen")
        do(plain, state="stopped")
        assert not os.path.exists(memory)
    finally:
        do(plain, state="absent")


def wait_until(engine, script):
    ident = containers.find(engine, "web")["id"]
    for _try in range(500):
        with contextlib.suppress(EngineError):
            if exec_client.run(engine.paths, ident, ["sh", "-c", script])["rc"] == 0:
                return True
        time.sleep(0.02)
    return False


def test_what_no_variable_can_have(plain, image):
    secret(plain, data=base64.b64encode(b"a\0b").decode(), data_is_b64=True)
    try:
        with pytest.raises(HostError, match="secret db has a zero byte, which no variable can"):
            do(plain, state="started", secrets=["db,type=env"])
    finally:
        do(plain, state="absent")


TRAPPING = [
    "sh",
    "-c",
    "trap 'cat /run/secrets/db > /tmp/seen' HUP; touch /tmp/ready; while :; do sleep .05; done",
]


def test_a_changed_secret_reaches_who_runs(plain, image):
    secret(plain, data="one")
    asked = {
        "secrets": [{"source": "db", "on_change": "hup"}],
        "command": TRAPPING,
        "state": "started",
    }
    try:
        do(plain, **asked)
        before = started_at(plain)
        wait_for(plain, "/tmp/ready")
        foretold = secret(plain, check=True, data="two")
        done = secret(plain, data="two")
        assert (
            done["actions"]
            == foretold["actions"]
            == [
                "change the data of secret db",
                "replace secret db in container web: send it SIGHUP",
            ]
        )
        assert done["containers"] == [{"name": "web", "then": "send it SIGHUP"}]
        assert done["diff"]["before"]["data"] == "as before"
        assert wait_for(plain, "/tmp/seen") == "two"
        assert started_at(plain) == before
        assert not secret(plain, data="two")["changed"]
    finally:
        do(plain, state="absent")


def test_what_is_done_at_a_change_changes_while_it_runs(plain, image):
    secret(plain, data="one")
    asked = {"command": TRAPPING, "state": "started"}
    try:
        do(plain, **asked, secrets=["db"])
        before = started_at(plain)
        wait_for(plain, "/tmp/ready")
        done = do(plain, **asked, secrets=["db,on_change=hup"], on_change="live")
        assert done["changed"] and started_at(plain) == before
        assert done["container"]["Config"]["Secrets"][0]["OnChange"] == "SIGHUP"
        assert not do(plain, **asked, secrets=["db,on_change=hup"])["changed"]
        assert secret(plain, data="two")["containers"][0]["then"] == "send it SIGHUP"
        assert wait_for(plain, "/tmp/seen") == "two"
        do(plain, **asked, secrets=["db,on_change=hup,mode=0400"])
        assert started_at(plain) > before
    finally:
        do(plain, state="absent")


def wait_for(engine, path):
    for _try in range(200):
        found = sh(engine, f"test -e {path} && cat {path} && echo end || true")
        if found.endswith("end"):
            return found[:-3].strip()
        time.sleep(0.02)
    raise AssertionError(f"{path} does not come")


def test_a_reader_sees_the_old_or_the_new(plain, image):
    one, two = "1" * 200_000, "2" * 200_000
    secret(plain, data=one)
    try:
        do(plain, state="started", secrets=["db"])
        for data in (two, one, two):
            secret(plain, data=data)
            assert (
                sh(plain, "stat -c %s /run/secrets/db; head -c1 /run/secrets/db")
                == f"200000\n{data[0]}"
            )
        before = started_at(plain)
        assert do(plain, state="started", secrets=["db"])["changed"] is False
        assert started_at(plain) == before
    finally:
        do(plain, state="absent")


@pytest.mark.parametrize("userns", ["host", "auto"])
def test_a_file_elsewhere_is_replaced_while_it_runs(plain, image, userns):
    secret(plain, kind="config", name="conf", data="1")
    try:
        do(plain, state="started", userns_mode=userns, configs=["conf", "conf,target=/etc/app/x"])
        before = started_at(plain)
        for data in "234":
            done = secret(plain, kind="config", name="conf", data=data)
            assert done["containers"] == [{"name": "web", "then": "nothing more"}]
            assert sh(plain, "cat /conf /etc/app/x") == data * 2
            assert sh(plain, "echo x > /conf 2>/dev/null || echo refused") == "refused"
            assert sh(plain, "ls -l /conf").split()[2:4] == ["root", "root"]
        seen = sh(plain, "cat /proc/self/mountinfo")
        assert " /at/0 /conf ro,nosuid,nodev,noexec" in seen
        if procfs.kernel_version() >= (6, 5):
            assert seen.count(" /conf ") == 1
        assert started_at(plain) == before
        do(plain, state="restarted", userns_mode=userns)
        assert sh(plain, "cat /conf") == "4"
    finally:
        do(plain, state="absent")


def test_a_restart_for_who_asks_for_one(plain, image):
    secret(plain, kind="config", name="conf", data="1")
    try:
        do(
            plain,
            state="started",
            configs=[{"source": "conf", "target": "/app.conf", "on_change": "restart"}],
        )
        before = started_at(plain)
        done = secret(plain, kind="config", name="conf", data="2")
        assert done["containers"] == [{"name": "web", "then": "restart it"}]
        assert sh(plain, "cat /app.conf") == "2"
        assert started_at(plain) > before
    finally:
        do(plain, state="absent")


@pytest.mark.parametrize(
    ("entry", "sentence"),
    [
        ({"source": "db", "target": "a/b"}, "secrets.target: 'a/b' is not valid"),
        ("db,type=disk", "secrets.type: 'disk' is not valid; accepted: mount or env"),
        ("db,type=env,mode=0400", "secrets.mode: '0400' is not valid; accepted: nothing with"),
        ("db,type=env,target=/db", "secrets.target: '/db' is not valid; accepted: a variable's"),
        ("db,type=env,target=A", "secrets.target: 'A' is not valid; accepted: a variable that env"),
        ("db,type=env,on_change=HUP", "secrets.on_change: 'SIGHUP' is not valid; accepted: noth"),
        ({"source": "db", "mode": "999"}, "secrets.mode: '999' is not valid"),
        ({"source": "db", "color": "red"}, "secrets: 'color' is not valid"),
        ({"source": "db", "on_change": "shout"}, "secrets.on_change: 'shout' is not valid"),
        ({"source": "../db"}, "secrets.source: '../db' is not valid"),
    ],
)
def test_wrong_entries_are_refused_by_name(plain, image, entry, sentence):
    with pytest.raises(InvalidInput) as error:
        do(plain, secrets=[entry], env={"A": "b"})
    assert str(error.value).startswith(sentence)


def test_names_are_listed_whatever_lies_beside_them(plain):
    secret(plain, data="x")
    open(os.path.join(plain.paths.secrets, "secret", "db.json.tmp.1.2"), "w").close()
    assert secret_catalog.names(plain, "secret") == ["db"]


def kill_all(engine):
    """Kill all that the engine has running, and its containers."""
    unwatched.kill(engine.paths.run)
    pids = named(engine.paths, "pyc-monitor")
    for place in cgroups.base_paths().values():
        for ident in os.listdir(engine.paths.containers):
            with (
                contextlib.suppress(FileNotFoundError),
                open(os.path.join(place, ident, "cgroup.procs")) as file,
            ):
                pids += map(int, file.read().split())
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, 9)
    waiting.eventually(lambda: not any(map(procfs.start_time, pids)))


def shown(engine, data):
    """Whether the container has the data, in a file, in a variable and in a file elsewhere."""
    return sh(engine, "cat /run/secrets/db; echo $PW; cat /conf") == f"{data}{data}\n{data[-5:]}"


@pytest.mark.timeout(600)
@pytest.mark.parametrize("what", ["start", "change"])
def test_all_killed_at_each_step(engine, image, tmp_path, what):
    """What is secret is on no disk in clear, what was in memory goes, and the next task makes up for it."""
    key = tmp_path / "key"
    key.write_bytes(os.urandom(32))
    key.chmod(0o600)
    settings.write(engine.paths.config, {"secrets_key": str(key)})
    asked = {"secrets": ["db", "db,type=env,target=PW"], "configs": ["conf"], "state": "started"}
    changed = f"{MARK}, another one"

    def give(now, data):
        done = [
            secret(now, data=data),
            secret(now, kind="config", name="conf", data=data[-5:]),  # which is kept in clear
        ]
        return {"changed": any(each["changed"] for each in done)}

    def prepare(now):
        do(now, state="absent")
        secret(now, state="absent")
        secret(now, kind="config", name="conf", state="absent")
        give(now, MARK)
        if what == "change":
            do(now, **asked)

    def act(now, _params):
        return do(now, **asked) if what == "start" else give(now, changed)

    def killed():
        kill_all(engine)
        assert places_with(engine.paths.data, "hunter2") == []
        assert places_with(engine.paths.data, base64.b64encode(b"hunter2-of").decode()[:12]) == []
        for path in kept_with(engine, "hunter2"):
            assert os.path.ismount(path.partition("/secrets/")[0] + "/secrets"), path

    def check(now):
        if what == "change":
            ident = containers.find(now, "web")["id"]
            top = now.paths.secrets_run(ident)
            assert waiting.until(lambda: not os.path.ismount(top))
            assert status.now(now.paths, ident)["status"] == "exited"
            do(now, **asked)
        assert shown(now, MARK if what == "start" else changed)

    stride = max(1, round(6 / FACTOR))
    test_crash.every_step(engine, None, prepare, check, None, killed, act, stride)
    do(engine, state="absent")
    with open("/proc/self/mountinfo") as file:
        assert engine.paths.run not in file.read()
    assert os.listdir(engine.paths.running) == []


def test_a_start_waits_until_the_last_run_is_cleared_away(plain, image):
    """Another monitor does that where the one before was killed; it takes the memory of that run."""
    secret(plain, data=MARK)
    asked = {"secrets": ["db", "db,type=env,target=PW"], "state": "started"}
    do(plain, **asked)
    record = containers.find(plain, "web")
    ident = record["id"]
    try:
        kill_all(plain)
        lock = run_state.take_lock(plain.paths, ident)

        def clear():
            cleanup.cleanup(plain.paths, ident)
            cleanup.forget_secrets(plain.paths, ident)
            state = run_state.read(plain.paths, ident)
            run_state.write(plain.paths, ident, {**state, "status": "exited", "pid": 0})
            os.close(lock)

        other = threading.Timer(0.3, clear)
        other.start()
        with catalog.held(plain, ident) as now:
            start.start_one(plain, now)
        other.join()
        assert sh(plain, "cat /run/secrets/db; echo $PW") == MARK * 2
    finally:
        do(plain, state="absent")


@pytest.mark.timeout(300)
def test_a_change_that_is_killed_reaches_who_runs(plain, image):
    """At each of its steps: the next call of any kind gives it to the containers."""
    asked = {"configs": ["conf,target=/etc/app/x", "conf"], "state": "started"}

    def config(now, data):
        return secret(now, kind="config", name="conf", data=data)

    def prepare(now):
        config(now, "1")
        do(now, **asked)

    def check(now):
        assert sh(now, "cat /conf /etc/app/x") == "22"

    def act(now, _params):
        return config(now, "2")

    try:
        test_crash.every_step(plain, None, prepare, check, act=act)
    finally:
        do(plain, state="absent")
