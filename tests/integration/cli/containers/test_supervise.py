# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""``supervise`` and ``generate systemd`` without systemd: what its main process tells it, and ends with."""

from __future__ import annotations

import os
import signal
import socket
import subprocess

import pytest
from pycontainer import containers
from pycontainer.containers.view import systemd_unit
from pycontainer.deploy import install

TRAPS = ["sh", "-c", "trap 'exit 7' TERM; while :; do sleep .05; done"]


class Manager:
    """Hears what a service says, as systemd does, and starts ``supervise``."""

    def __init__(self, engine, directory):
        self.engine, self.started = engine, []
        self.address = str(directory / "manager")
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(self.address)
        self.socket.settimeout(60)

    def hear(self):
        return self.socket.recv(4096).decode().split("\n")

    def start(self, name, **environment):
        install.ensure(self.engine)
        self.started.append(
            subprocess.Popen(
                [*install.command_line(self.engine), "supervise", name],
                env={**os.environ, "NOTIFY_SOCKET": self.address, **environment},
                stdin=subprocess.DEVNULL,
            )
        )
        return self.started[-1]


@pytest.fixture
def manager(docker, tmp_path):
    made = Manager(docker.engine, tmp_path)
    yield made
    for process in made.started:
        process.kill()
        process.wait()
    made.socket.close()


def test_a_program_says_itself_when_it_is_ready(docker, manager):
    docker("create", "--name", "web", "--network", "none", "--sdnotify=container", "box:1", *TRAPS)
    process = manager.start("web", WATCHDOG_USEC="1000")
    place = containers.find(docker.engine, "web")["id"]
    inside = None
    while inside is None:  # until it runs
        assert process.poll() is None
        now = containers.status(docker.engine.paths, place)
        path = f"/proc/{now['pid']}/root/run/notify/notify.sock"
        inside = path if now["status"] == "running" and os.path.exists(path) else None
    said = docker("exec", "web", "sh", "-c", "echo $NOTIFY_SOCKET").strip()
    assert said == "/run/notify/notify.sock"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as program:
        program.sendto(b"MAINPID=1\nFDSTORE=1\nREADY=yes\nEXTEND_TIMEOUT_USEC=x", inside)
        program.sendto(b"READY=1\nSTATUS=up \x1b[2J\nWATCHDOG=1", inside)
    assert manager.hear() == ["READY=1", "STATUS=up \\x1b[2J", "WATCHDOG=1"]
    process.send_signal(signal.SIGTERM)
    assert process.wait(60) == 7, "the signal goes to the container, whose exit code is the unit's"


def test_a_restarted_or_replaced_one_is_still_supervised(docker, manager):
    docker("create", "--name", "web", "--network", "none", "--stop-timeout", "0", "box:1")
    process = manager.start("web", WATCHDOG_USEC="600000")
    assert [manager.hear(), manager.hear()] == [["READY=1"], ["WATCHDOG=1"]]
    docker("restart", "web")
    assert [manager.hear() for dummy in range(3)] == [["WATCHDOG=1"]] * 3
    docker("stop", "web")
    process.wait(60)
    assert process.returncode == 0, "somebody has stopped it"


def test_units_are_printed_and_written(docker, tmp_path, monkeypatch):
    command = tmp_path / "pycontainer"
    command.write_text("#!/bin/sh\n")
    command.chmod(0o755)
    monkeypatch.setattr(systemd_unit, "COMMAND_PATH", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    odd = tmp_path / 'a "b" 100%'
    odd.mkdir()
    docker("create", "--name", "db", "--network", "none", "box:1")
    docker(
        *("create", "--name", "web", "--network", "none", "--depends-on", "db"),
        *("-v", f"{odd}:/data", "--stop-timeout", "20", "box:1"),
    )
    text = docker(
        *("generate", "systemd", "--after", "a.service", "--requires", "b.service"),
        *("--restart-policy", "always", "--container-prefix", "", "web"),
    )
    lines = text.splitlines()
    assert lines[0] == "# Written by pycontainer.engine for container web"
    assert "Wants=network-online.target db.service" in lines and "Requires=b.service" in lines
    assert "TimeoutStopSec=80" in lines and "Restart=always" in lines and "Type=notify" in lines
    mounts = next(line for line in lines if line.startswith("RequiresMountsFor="))
    assert mounts.endswith(f'{tmp_path}/a \\"b\\" 100%%"')
    assert docker.task("generate", "systemd", "-f", "web", check=True)["changed"]
    written = docker.task("generate", "systemd", "-f", "web")
    assert written["changed"] and (tmp_path / "container-web.service").is_file()
    assert not docker.task("generate", "systemd", "-f", "web")["changed"]
    for flags, sentence in (
        (["--restart-policy", "often"], "restart_policy: 'often' is not valid"),
        (["--after", "a b"], "after: 'a b' is not valid"),
        (["--time", "x"], "--time"),
        (["--container-prefix", "../x"], "container_prefix: '../x' is not valid"),
    ):
        result = docker.task("generate", "systemd", *flags, "web")
        assert result["rc"] and sentence in result["stderr"], result
    monkeypatch.setattr(systemd_unit, "COMMAND_PATH", str(odd))
    assert "which is not on this host" in docker("generate", "systemd", "web", rc=1)
