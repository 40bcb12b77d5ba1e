# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The host's command for a user who is not root: containers, images, builds, networks, registries of his own."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import socket
import time
import urllib.request

import pytest
from pycontainer.store import paths

from .conftest import FIRST, UID

SERVE = "mkdir /tmp/www; echo hello > /tmp/www/index.html; exec httpd -f -p 80 -h /tmp/www"


def free_port():
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return sock.getsockname()[1]


def fetched(port, seconds=20):
    """What a web server on this host's loopback answers, as soon as it does."""
    end = time.monotonic() + seconds
    while True:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=5) as answer:
                return answer.read().decode()
        except OSError:
            if time.monotonic() > end:
                raise
            time.sleep(0.05)


@pytest.fixture
def web(user):
    """A container that serves on a port of the host; returns its port."""
    port = free_port()
    user(
        "run",
        "-d",
        "--name",
        "web",
        "-v",
        "stuff:/srv/data",
        "-p",
        f"127.0.0.1:{port}:80",
        "box",
        "sh",
        "-c",
        SERVE,
    )
    yield port
    user("rm", "-f", "web")
    user("volume", "rm", "stuff")


def test_a_containers_life(user, web):
    assert fetched(web) == "hello\n"
    assert re.search(r"box .* Up .*web\n", user("ps"))
    assert user("exec", "web", "sh", "-c", "id -u; hostname; cat /proc/1/comm").split()[::2] == [
        "0",
        "httpd",
    ]
    assert "httpd -f -p 80" in user("top", "web")
    assert (
        user(
            "exec",
            "-u",
            "www",
            "web",
            "sh",
            "-c",
            "touch /srv/data/mine; stat -c %u /srv/data/mine",
        )
        == "33\n"
    )
    kept = os.path.join(user.data, "volumes", "stuff", "_data", "mine")
    assert os.stat(kept).st_uid == FIRST + 33 - 1
    user("run", "--name", "said", "box", "sh", "-c", "echo to the log")
    assert user("logs", "said") == "to the log\n"
    user("rm", "said")
    user("stop", "-t", "2", "web")
    assert user("ps", "-q") == ""
    with pytest.raises(OSError):
        fetched(web, 0)
    user("start", "web")
    assert fetched(web) == "hello\n"


def test_everything_is_his_and_roots_store_is_not_touched(user, web):
    before = os.path.exists(paths.DATA) and os.stat(paths.DATA).st_mtime_ns
    assert os.stat(user.data).st_uid == UID
    pid = int(user("inspect", "-f", "{{.State.Pid}}", "web"))
    assert os.stat(f"/proc/{pid}").st_uid == UID
    assert (os.path.exists(paths.DATA) and os.stat(paths.DATA).st_mtime_ns) == before


def test_a_network_of_his_own_with_names(user):
    user("network", "create", "inner")
    try:
        user("run", "-d", "--name", "one", "--network", "inner", "box", "sh", "-c", SERVE)
        asked = "for i in $(seq 50); do wget -qO- http://one/ && exit; sleep 0.1; done; exit 1"
        assert user("run", "--rm", "--network", "inner", "box", "sh", "-c", asked).endswith(
            "hello\n"
        )
    finally:
        user("rm", "-f", "one")
        user("network", "rm", "inner")


def test_a_build(user):
    context = os.path.join(user.place, "context")
    os.makedirs(context, exist_ok=True)
    with open(os.path.join(context, "Containerfile"), "w") as file:
        file.write("FROM box\nRUN echo built > /it && chown 33 /it\nCOPY Containerfile /\n")
    user("build", "-t", "made", context)
    assert user(
        "run", "--rm", "made", "sh", "-c", "cat /it; stat -c %u /it /Containerfile"
    ).split() == ["built", "33", "0"]
    user("rmi", "made")


def test_a_user_namespace_for_each_container_is_refused(user):
    for flags in (("--userns", "auto"), ("--uidmap", "0:0:100", "--gidmap", "0:0:100")):
        said = user("run", *flags, "--name", "apart", "box", "true", rc=125)
        assert "an engine without root has one user namespace, for all its containers" in said
    assert "apart" not in user("ps", "-a")


def test_a_registry_of_his_own_on_loopback(user):
    port = free_port()
    content = os.path.join(user.home, "registry")
    served = user.begin("registry", "serve", "--listen", f"127.0.0.1:{port}", "--root", content)
    try:
        end = time.monotonic() + 30
        while time.monotonic() < end:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
                break
            assert served.poll() is None
            time.sleep(0.05)
        name = f"127.0.0.1:{port}/box:1"
        user("tag", "box", name)
        user("push", name)
        user("rmi", name)
        user("pull", name)
        assert user("run", "--rm", name, "echo", "pulled") == "pulled\n"
        user("rmi", name)
        assert "connection refused" in user("pull", f"127.0.0.1:{free_port()}/box", rc=1).lower()
    finally:
        served.send_signal(signal.SIGINT)
        served.wait(20)


def test_a_killed_keeper_is_mended(user, web):
    before = user.record()
    os.kill(before["pid"], signal.SIGKILL)
    assert fetched(web) == "hello\n"  # it does without
    assert "web" in user("ps")
    after = user.record()
    assert after["pid"] != before["pid"] and after["namespaces"] == before["namespaces"]
    assert user("exec", "web", "echo", "there") == "there\n"
    user("restart", "-t", "1", "web")
    assert fetched(web) == "hello\n"


def test_a_secret_and_a_commit(user, web):
    path = os.path.join(user.home, "word")
    with open(path, "w") as file:
        file.write("hidden")
    os.chown(path, UID, UID)
    user("secret", "create", "word", path)
    assert user("run", "--rm", "--secret", "word", "box", "cat", "/run/secrets/word") == "hidden"
    user("secret", "rm", "word")
    done = user.run_as([user.command, "commit", "web", "kept"])
    assert done.returncode == 0 and "not paused" in done.stderr
    assert user("run", "--rm", "kept", "cat", "/tmp/www/index.html") == "hello\n"
    user("rmi", "kept")


def test_what_he_can_not_have_is_one_sentence(user):
    assert re.fullmatch(
        r"Error: memory.limit: without root it needs .*`loginctl enable-linger`\n",
        user("run", "--rm", "-m", "64m", "box", "true", rc=125),
    )
    assert re.fullmatch(
        r"Error: published_ports: port 0.0.0.0:81/tcp needs root: .*ip_unprivileged_port_start.*\n",
        user("run", "--rm", "-p", "81:81", "box", "true", rc=125),
    )
    done = user.run_as([user.command, "run", "-d", "--name", "still", "box", "sleep", "100"])
    way = user.record()["outward"]
    assert done.returncode == 0 and ("reach nothing outside" in done.stderr) == ("reason" in way)
    assert "pause: without root it needs a cgroup" in user("pause", "still", rc=1)
    assert "stats: without root it needs a cgroup" in user("stats", "--no-stream", "still", rc=1)
    user("rm", "-f", "still")
    assert user("ps", "-aq") == ""


def test_who_has_no_further_ids_gets_a_sentence(other):
    said = other("ps", rc=125)
    assert re.fullmatch(
        r"Error: pycontainer.engine needs root .*/etc/subuid and /etc/subgid.*\n", said
    )
    assert os.listdir(other.home) == []


def test_with_a_cgroup_of_his_own(given):
    someone, manager = given
    someone("run", "-d", "--name", "grouped", "box", "sleep", "1000")
    group = someone.record()["cgroup"]
    unit = "/app.slice/pycontainer-keeper-[0-9a-f]+.service" if manager else ""
    assert re.fullmatch(f"/{someone.group}{unit}", group)
    assert "sleep 1000" in someone("top", "grouped")
    someone("pause", "grouped")
    assert "Paused" in someone("ps")
    someone("unpause", "grouped")
    assert "grouped" in someone("stats", "--no-stream")
    pid = someone("inspect", "-f", "{{.State.Pid}}", "grouped").strip()
    with open(f"/proc/{pid}/cgroup") as file:
        own = next(line for line in file if line.startswith("0::"))
    assert own.startswith(f"0::{group}/")
    someone("rm", "-f", "grouped")
    # this host's tree of version 2 may have no controllers: then a limit is refused with its name
    done = someone.run_as([someone.command, "run", "--rm", "-m", "64m", "box", "true"])
    assert done.returncode == 0 or re.search(
        r"memory.limit: without root it needs the memory controller", done.stderr
    )


def test_the_way_to_other_hosts(travelling):
    someone, program = travelling
    assert someone.record()["outward"] == {"program": program}
    asked = "for i in $(seq 50); do wget -qO- http://10.99.0.2/ && exit; sleep 0.1; done; exit 1"
    assert someone("run", "--rm", "box", "sh", "-c", asked) == "from afar\n"
