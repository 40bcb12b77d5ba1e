# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The module's plans: a registry as a service of the host, its processes, crashes and recovery."""

from __future__ import annotations

import base64
import contextlib
import http.client
import json
import os
import signal
import socket
import subprocess
import time
import types

import pytest
from pycontainer import reconcile
from pycontainer.engine import Engine
from pycontainer.errors import Conflict, HostError, InvalidInput
from pycontainer.registry import boot, services, task
from pycontainer.registry.content.content_store import Storage
from pycontainer.registry.http import listen
from pycontainer.registry.service import recovery, service, supervisor

DEFAULTS = {
    "name": "registry",
    "state": "started",
    "listen": None,
    "path": None,
    "tls_cert": None,
    "tls_key": None,
    "users": None,
    "delete_storage": False,
    "proxy": None,
}


def free_port():
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return sock.getsockname()[1]


class Host:
    """An engine and a task of the module at a time."""

    def __init__(self, scratch):
        self.scratch, self.port = scratch, free_port()
        self.listen = ["127.0.0.1:%d" % self.port]

    def engine(self, check=False):
        return Engine(data=self.scratch[0], run=self.scratch[1], check=check)

    def task(self, check=False, **options):
        options.setdefault("listen", self.listen)
        with self.engine(check) as engine:
            return reconcile.carry_out(task.plan(engine, dict(DEFAULTS, **options)), check)

    def twice(self, **options):
        """The task as a check, for real, and again: the check and the real run say the same, and the second changes nothing."""
        foreseen = self.task(check=True, **options)
        result = self.task(**options)
        assert (foreseen["changed"], foreseen["actions"], foreseen["diff"]) == (
            result["changed"],
            result["actions"],
            result["diff"],
        )
        again = self.task(**options)
        assert not again["changed"] and again["actions"] == []
        return result

    def process(self, role, name="registry"):
        with self.engine() as engine:
            found = service.start_of(engine, name, role)
            return found and found[0]

    def answers(self, port=None, tls=False):
        return listen.answers("127.0.0.1", port or self.port, tls, timeout=2.0)

    def wait(self, what, seconds=10.0):
        end = time.monotonic() + seconds
        while not what():
            assert time.monotonic() < end, f"waited {seconds} seconds"
            time.sleep(0.02)


@pytest.fixture
def host(scratch):
    host = Host(scratch)
    yield host
    with host.engine() as engine:
        for row in service.rows(engine):
            service.remove(engine, row["name"])


def test_a_registry_comes_runs_stops_and_goes(host):
    assert host.twice()["actions"] == ["create and start registry registry"]
    assert host.answers()
    registry = host.task()["registry"]
    assert (
        registry["state"] == "started"
        and registry["listen"] == host.listen
        and registry["pid"] == host.process("supervisor")
    )
    assert host.twice(state="stopped")["actions"] == ["stop registry registry"]
    assert not host.answers() and host.process("server") is None
    assert host.twice()["actions"] == ["start registry registry"]
    path = host.task()["registry"]["path"]
    assert host.twice(state="absent")["actions"] == ["remove registry registry"]
    assert not host.answers() and os.path.exists(path)
    assert host.twice(state="absent", delete_storage=True)["diff"]["before"] == {"storage": path}
    assert not os.path.exists(path)


def test_check_mode_on_an_empty_host_leaves_it_empty(host):
    result = host.task(check=True)
    assert result["changed"] and result["registry"]["state"] == "stopped"
    assert not os.path.exists(host.scratch[0]) and os.listdir(host.scratch[1]) == []


def test_what_a_task_does_not_name_stays(host):
    host.task(users=[{"name": "ann", "password": "secret"}])
    assert not host.task(listen=None)["changed"]
    assert host.task(state="stopped", listen=None)["registry"]["listen"] == host.listen
    assert host.task(listen=None)["registry"]["users"] == ["ann"]


def test_changed_addresses(host):
    host.task()
    pid = host.process("supervisor")
    other = free_port()
    assert host.twice(listen=["127.0.0.1:%d" % other, "127.0.0.2:%d" % host.port])["diff"][
        "before"
    ] == {"listen": host.listen}
    assert host.answers(other) and not host.answers() and host.process("supervisor") != pid


def status(port, user):
    """What the registry answers to a user with a password."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    connection.request(
        "GET", "/v2/", headers={"Authorization": "Basic " + base64.b64encode(user).decode()}
    )
    with connection.getresponse() as answer:
        return answer.status


def test_changed_users_need_no_restart(host):
    host.task(users=[{"name": "ann", "password": "secret"}])
    pid = host.process("server")
    result = host.twice(
        users=[{"name": "ann", "password": "other"}, {"name": "bob", "password": "bobs"}]
    )
    assert (
        result["diff"]["after"] == {"users": ["ann (new password)", "bob"]}
        and host.process("server") == pid
    )
    for secret in ("other", "bobs", "secret"):
        assert secret not in str(result)
    with host.engine() as engine:
        stored = str(service.rows(engine)) + str(service.running_config(engine, "registry"))
        assert "other" not in stored and "bobs" not in stored
    assert [status(host.port, user) for user in (b"ann:other", b"ann:secret", b"bob:bobs")] == [
        200,
        401,
        200,
    ]
    assert host.twice(users=[])["diff"]["after"] == {"users": []}
    assert host.task()["registry"]["users"] == []


def test_tls(host, tmp_path):
    cert, key = str(tmp_path / "c"), str(tmp_path / "k")
    subprocess.run(
        [
            "openssl",
            "req",
            "-x509",
            "-newkey",
            "rsa:2048",
            "-nodes",
            "-days",
            "2",
            "-subj",
            "/CN=x",
            "-out",
            cert,
            "-keyout",
            key,
        ],
        check=True,
        stderr=subprocess.DEVNULL,
    )
    host.twice(tls_cert=cert, tls_key=key)
    assert host.answers(tls=True) and not host.answers()
    assert host.twice(tls_cert="")["diff"]["after"] == {"tls_cert": None, "tls_key": None}
    assert host.answers()


# --- bad input ---


@pytest.mark.parametrize(
    "options, sentence",
    [
        ({"name": "a/b"}, "name: 'a/b' is not valid"),
        ({"listen": ["5000"]}, "listen: '5000' is not valid; accepted: ADDRESS:PORT"),
        ({"listen": []}, "listen: "),
        ({"listen": ["127.0.0.1:1", "localhost:1"]}, "listen: "),
        ({"path": "srv"}, "path: 'srv' is not valid; accepted: an absolute path"),
        ({"path": "/etc"}, "path: '/etc' is not valid"),
        ({"tls_key": "/k"}, "tls_key: "),
        ({"tls_cert": "/nowhere"}, "tls_cert: '/nowhere'"),
        ({"users": [{"name": "a:b", "password": "x"}]}, "users.name: 'a:b'"),
        ({"users": [{"name": "a", "password": ""}]}, "users.password"),
        (
            {"users": [{"name": "a", "password": "x"}, {"name": "a", "password": "y"}]},
            "each name once",
        ),
        ({"delete_storage": True}, "state=absent only"),
    ],
)
def test_bad_options_are_refused_before_anything_is_changed(host, options, sentence):
    for check in (True, False):
        with pytest.raises(InvalidInput) as error:
            host.task(check=check, **options)
        assert sentence in str(error.value)
    with host.engine() as engine:
        assert service.rows(engine) == [] and not os.path.exists(engine.paths.registries)


def test_a_taken_port(host):
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", host.port))
        sock.listen()
        for check in (True, False):
            with pytest.raises(
                Conflict, match="listen: 127.0.0.1:%d is taken by another process" % host.port
            ):
                host.task(check=check)
        assert host.task(state="stopped")["changed"]  # it need not listen


def test_a_published_port(host):
    with host.engine() as engine:
        engine.db.run("INSERT INTO ports VALUES ('tcp', '0.0.0.0', ?, 'abc')", host.port)
    with pytest.raises(Conflict, match="port %d is published by container abc" % host.port):
        host.task()


def test_two_registries(host, tmp_path):
    first = host.task()["registry"]
    with pytest.raises(Conflict, match="is taken by another process"):
        host.task(name="second")
    with pytest.raises(Conflict, match="is the storage of registry registry"):
        host.task(name="second", listen=["127.0.0.1:%d" % free_port()], path=first["path"] + "/")
    host.twice(name="second", listen=["127.0.0.1:%d" % free_port()])
    with host.engine() as engine:
        assert [(found["name"], found["state"]) for found in services(engine)] == [
            ("registry", "started"),
            ("second", "started"),
        ]
    assert (
        host.twice(name="second", state="absent", listen=None, delete_storage=True)["changed"]
        and host.answers()
    )


def test_a_start_that_fails_puts_back_what_was(host, tmp_path):
    host.task()
    storage = Storage(str(tmp_path / "busy"))
    try:
        with pytest.raises(Conflict, match="already served by another process"):
            host.task(path=str(tmp_path / "busy"))
        assert host.answers() and not host.task()["changed"]
        with pytest.raises(Conflict, match="already served"):
            host.task(
                name="new", path=str(tmp_path / "busy"), listen=["127.0.0.1:%d" % free_port()]
            )
    finally:
        storage.close()
    with host.engine() as engine:
        assert [row["name"] for row in service.rows(engine)] == ["registry"]


def test_a_stopped_registry_whose_start_fails_stays_stopped(host, tmp_path):
    host.task(state="stopped", path=str(tmp_path / "busy"))
    storage = Storage(str(tmp_path / "busy"))
    try:
        with pytest.raises(Conflict, match="already served by another process"):
            host.task()
        with host.engine() as engine:
            assert (
                not service.lives(engine, "registry")
                and service.get(engine, "registry")["wanted"] == "stopped"
            )
    finally:
        storage.close()
    assert host.task()["changed"]


# --- crashes ---


def test_a_dead_process_that_nobody_has_waited_for_does_not_count(host):
    child = os.fork()
    if child == 0:
        os._exit(0)
    os.waitid(os.P_PID, child, os.WEXITED | os.WNOWAIT)  # it is a zombie now
    with host.engine() as engine:
        directory = engine.paths.registry_run("registry")
        os.makedirs(directory)
        with (
            open("/proc/%d/stat" % child) as stat,
            open(os.path.join(directory, "supervisor.json"), "w") as file,
        ):
            json.dump(
                {"pid": child, "start": int(stat.read().rpartition(")")[2].split()[19])}, file
            )
        assert service.start_of(engine, "registry", "supervisor") is None
    os.waitpid(child, 0)


def test_a_killed_server_is_started_again(host):
    host.task()
    for _turn in range(2):
        pid = host.process("server")
        os.kill(pid, signal.SIGKILL)
        host.wait(lambda pid=pid: host.process("server") not in (None, pid) and host.answers())
    assert not host.task()["changed"]


def test_a_killed_supervisor_leaves_the_server_and_is_replaced(host):
    host.task()
    server = host.process("server")
    os.kill(host.process("supervisor"), signal.SIGKILL)
    host.wait(lambda: host.process("supervisor") is None)
    assert host.process("server") == server and host.answers()
    result = host.twice()
    assert result["diff"]["before"] == {"state": "started without its supervisor"} and host.process(
        "server"
    ) not in (None, server)


def test_all_killed(host):
    host.task()
    for role in ("supervisor", "server"):
        os.kill(host.process(role), signal.SIGKILL)
    host.wait(lambda: host.process("server") is None and not host.answers())
    assert host.twice()["actions"] == ["start registry registry"] and host.answers()


def test_a_server_that_does_not_answer_is_replaced(host, monkeypatch):
    host.task()
    pid = host.process("server")
    os.kill(pid, signal.SIGSTOP)
    monkeypatch.setattr(service.listen.answers, "__defaults__", (0.3,))
    monkeypatch.setattr(service.is_well, "__defaults__", (0.3,))
    monkeypatch.setattr(supervisor, "END", 0.5)
    try:
        assert host.task()["diff"]["before"] == {"state": "not answering"}
        assert host.answers() and host.process("server") != pid
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGCONT)


@pytest.mark.parametrize("moment", ["put", "start", "_write_config", "stop"])
def test_a_killed_task_can_be_repeated(host, moment):
    """The task is killed where it calls ``moment``: while a registry is made, and while it is changed."""
    other = ["127.0.0.1:%d" % free_port()]
    for options in ({}, {"listen": other}):
        killed(host, moment, **options)
        host.task(**options)
        assert not host.task(**options)["changed"]
    assert host.answers(listen.parse(other[0])[1]) and not host.answers()


def killed(host, moment, **options):
    """Run the task in a process that kills itself right after ``service.<moment>``, if it gets there."""
    pid = os.fork()
    if pid == 0:
        try:
            real = getattr(service, moment)

            def last(*arguments, **named):
                real(*arguments, **named)
                os.kill(os.getpid(), signal.SIGKILL)

            setattr(service, moment, last)
            host.task(**options)
        finally:
            os._exit(0)
    os.waitpid(pid, 0)


def test_a_task_that_was_killed_right_after_the_start(host, monkeypatch):
    """Before the service has its lock: the next task must end up with one service, with its own configuration."""
    killed(host, "_write_config")  # pays for laying the engine down
    pid = os.fork()
    if pid == 0:
        try:
            service._wait = lambda *_arguments: os.kill(os.getpid(), signal.SIGKILL)
            host.task()
        finally:
            os._exit(0)
    os.waitpid(pid, 0)
    host.task()
    assert host.answers() and not host.task()["changed"]


def test_a_removal_that_was_cut_off_is_finished(host):
    path = host.task()["registry"]["path"]
    killed(host, "stop", state="absent", delete_storage=True)
    with host.engine() as engine:  # opening it recovers
        assert (
            service.rows(engine) == []
            and not os.path.exists(path)
            and engine.operations.abandoned() == []
        )
    with host.engine() as engine:
        recovery.recover(
            engine, "remove-registry", {"name": "registry", "storage": path}
        )  # once more is no harm


def test_boot(host):
    host.task()
    host.task(name="off", state="stopped", listen=["127.0.0.1:%d" % free_port()])
    with host.engine() as engine:
        assert boot(engine) == []
    for role in ("supervisor", "server"):
        os.kill(host.process(role), signal.SIGKILL)
    host.wait(lambda: host.process("server") is None and host.process("supervisor") is None)
    directory = os.path.join(host.scratch[1], "registries")
    os.rename(directory, directory + ".gone")  # a boot has an empty /run
    with host.engine() as engine:
        assert boot(engine) == [("registry", None)]
    host.wait(host.answers)
    assert not host.task()["changed"] and host.process("server", "off") is None


def test_a_port_that_is_taken_at_boot_is_waited_for(host):
    host.task()
    with host.engine() as engine:
        service.stop(engine, "registry")
    with socket.socket() as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind(("127.0.0.1", host.port))
        sock.listen()
        with host.engine() as engine:
            boot(engine)
            host.wait(
                lambda: (
                    "is taken"
                    in (
                        service.read_json(
                            os.path.join(engine.paths.registry_run("registry"), "status.json")
                        )
                        or {}
                    ).get("error", "")
                )
            )
    host.wait(host.answers)


def test_the_log_is_bounded(tmp_path, monkeypatch):
    monkeypatch.setattr(supervisor, "LOG_SIZE", 1000)
    log = supervisor.Log(str(tmp_path / "log"))
    for number in range(200):
        log("line %d" % number)
    assert sum((tmp_path / name).stat().st_size for name in os.listdir(tmp_path)) < 2200
    assert "line 199" in (tmp_path / "log").read_text() + (tmp_path / "log.1").read_text()


def test_a_service_that_never_answers_is_an_error_with_the_logs_last_line(host, monkeypatch):
    passed = []

    def never(_config):
        passed.append(service.READY)
        return False

    monkeypatch.setattr(service, "_answers", never)
    monkeypatch.setattr(
        service,
        "time",
        types.SimpleNamespace(monotonic=lambda: time.monotonic() + sum(passed), sleep=time.sleep),
    )
    with pytest.raises(HostError, match="does not answer on .*; its log ends with: .*serving"):
        host.task()
    monkeypatch.undo()
    with host.engine() as engine:
        assert service.rows(engine) == [] and not service.lives(engine, "registry")


# --- a cache of another registry ---


def test_a_cache(host):
    """From an ordinary registry to a cache and back; what the proxy is shows, but for the password."""
    wanted = {
        "remote_url": "http://127.0.0.1:1",
        "username": "me",
        "password": "first",
        "ca_path": None,
        "insecure": False,
        "ttl": "1h",
    }
    assert host.twice()["registry"]["proxy"] is None
    result = host.twice(proxy=wanted)
    assert result["registry"]["proxy"] == {
        "remote_url": "http://127.0.0.1:1",
        "username": "me",
        "ca_path": None,
        "insecure": False,
        "ttl": 3600,
    }
    assert "first" not in json.dumps(result)
    assert not host.task()["changed"]  # a task that does not name it
    result = host.twice(proxy=dict(wanted, password="second"))
    assert (
        result["actions"] == ["change proxy of registry registry"]
        and "second" not in json.dumps(result)
        and "new password" in json.dumps(result)
    )
    connection = http.client.HTTPConnection("127.0.0.1", host.port, timeout=60)
    connection.request("GET", "/v2/a/b/manifests/1")
    assert connection.getresponse().status == 504
    assert host.twice(proxy=dict(dict.fromkeys(wanted), remote_url=""))["registry"]["proxy"] is None


@pytest.mark.parametrize(
    "change, option",
    [
        ({"remote_url": "ftp://x"}, "remote_url"),
        ({"remote_url": "", "username": "me"}, "username"),
        ({"username": None}, "username"),
        ({"ttl": "soon"}, "ttl"),
        ({"ca_path": "/nonexistent"}, "ca_path"),
    ],
)
def test_a_cache_that_can_not_be(host, change, option):
    wanted = dict({"remote_url": "http://127.0.0.1:1", "username": "me", "password": "x"}, **change)
    with pytest.raises(InvalidInput, match=f"^proxy.{option}: "):
        host.task(proxy=wanted)
    assert host.process("supervisor") is None
