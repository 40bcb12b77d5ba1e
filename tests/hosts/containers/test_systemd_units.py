# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A container's own unit of systemd: enabled, restarted, its program killed, and started by a boot."""

from __future__ import annotations

import time

from hosts.role.test_role_host import BOX, role

DIRECTORY = "/etc/systemd/system"
UNIT = DIRECTORY + "/container-web.service"
SERVES = (
    "trap 'echo stopped >> /data/log; exit 0' USR1; echo started >> /data/log; "
    "while :; do busybox sleep 0.1; done"
)


def result_of(played):
    """The result of the one task."""
    return played.results("h1")[0]


def container(name, **more):
    task = {"name": name, "image": "test/box:1", "network_mode": "none", "state": "present"}
    return {"pycontainer.engine.container": {**task, **more}}


IMAGE = {
    "pycontainer.engine.image": {"name": "test/box:1", "source": "import", "path": "/srv/root"}
}
DB = container("db", command=["busybox", "sleep", "1000"], stop_timeout=1)
HEALTH = {"test": ["CMD", "busybox", "true"], "interval": "100ms"}
WEB = container(
    "web",
    depends_on=["db"],
    volumes=["kept:/data"],
    stop_signal="SIGUSR1",
    command=["sh", "-c", SERVES],
    healthcheck=HEALTH,
    sdnotify="healthy",
    generate_systemd={"path": DIRECTORY, "restart_sec": 0},
)


def shown(host, *names):
    asked = [part for name in names for part in ("-p", name)]
    lines = host.execute("h1", "systemctl", "show", "container-web", *asked).stdout.splitlines()
    return dict(line.partition("=")[::2] for line in lines)


def until(look, wanted, seconds=60):
    end = time.monotonic() + seconds
    found = look()
    while found != wanted and time.monotonic() < end:
        time.sleep(0.1)
        found = look()
    assert found == wanted


def running(host):
    return sorted(host.execute("h1", "pycontainer", "ps", "--format", "{{.Names}}").stdout.split())


def pid(host):
    return host.execute("h1", "pycontainer", "inspect", "-f", "{{.State.Pid}}", "web").stdout


def test_a_unit_is_the_one_that_starts_its_container(play, systemd_host):
    host = systemd_host
    assert host.execute("h1", "sh", "-ec", BOX).returncode == 0
    play(host, role())
    play(host, [IMAGE, DB])
    checked = result_of(play(host, [WEB], "--check", "--diff"))
    assert f"write the unit {UNIT}" in checked["actions"]
    assert "ExecStart=" in checked["diff"]["after"]["unit"]
    play(host, [WEB])
    assert play(host, [WEB]).changed == {"h1": 0}
    verified = host.execute("h1", "systemd-analyze", "verify", UNIT)
    assert (verified.returncode, verified.stdout.strip()) == (0, "")
    text = host.execute("h1", "cat", UNIT).stdout
    printed = host.execute("h1", "pycontainer", "generate", "systemd", "--restart-sec", "0", "web")
    assert printed.stdout == text

    started = host.execute("h1", "systemctl", "enable", "--now", "container-web")
    assert started.returncode == 0, (
        started.stdout
        + host.execute("h1", "journalctl", "-u", "container-web", "--no-pager").stdout
    )
    assert shown(host, "ActiveState", "SubState") == {
        "ActiveState": "active",
        "SubState": "running",
    }
    assert running(host) == ["db", "web"], "what it depends on is started first"
    health = host.execute("h1", "pycontainer", "inspect", "-f", "{{.State.Health.Status}}", "web")
    assert health.stdout == "healthy\n", "it is ready when it is healthy"

    first, main = pid(host), shown(host, "MainPID")
    assert host.execute("h1", "systemctl", "restart", "container-web").returncode == 0
    second = pid(host)
    assert second != first and shown(host, "MainPID") != main
    main = shown(host, "MainPID")
    assert host.execute("h1", "pycontainer", "restart", "web").returncode == 0
    third = pid(host)
    assert third != second and shown(host, "MainPID", "NRestarts") == {**main, "NRestarts": "0"}

    assert host.execute("h1", "kill", "-KILL", third.strip()).returncode == 0
    until(lambda: shown(host, "NRestarts", "SubState"), {"NRestarts": "1", "SubState": "running"})
    assert pid(host) not in ("0\n", third)

    assert host.execute("h1", "systemctl", "kill", "-s", "KILL", "container-web").returncode == 0
    until(lambda: shown(host, "NRestarts", "SubState"), {"NRestarts": "2", "SubState": "running"})
    assert running(host) == ["db", "web"]

    assert host.execute("h1", "pycontainer", "stop", "web").returncode == 0
    until(
        lambda: shown(host, "ActiveState", "Result"),
        {"ActiveState": "inactive", "Result": "success"},
    )

    host.execute("h1", "systemctl", "start", "container-web")
    play(host, [container("web", restart_policy="always", generate_systemd={"path": DIRECTORY})])
    host.execute("h1", "sh", "-c", "> /var/lib/pycontainer/volumes/kept/_data/log")
    host.reboot("h1")
    until(lambda: shown(host, "ActiveState"), {"ActiveState": "active"})
    log = host.execute("h1", "cat", "/var/lib/pycontainer/volumes/kept/_data/log").stdout
    assert log == "stopped\nstarted\n", "it ends by its own signal, and is started once"

    gone = container("web", state="absent", generate_systemd={"path": DIRECTORY})
    assert f"remove the unit {UNIT}" in result_of(play(host, [gone]))["actions"]
    assert shown(host, "LoadState") == {"LoadState": "not-found"}
    assert play(host, [gone]).changed == {"h1": 0}
    play(
        host,
        [container("db", state="absent"), role(state="absent", force=True, delete_data=True)[0]],
    )
