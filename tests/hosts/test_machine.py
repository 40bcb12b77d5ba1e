# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The short part on a virtual machine: systemd, cgroup v2, limits that the kernel enforces, and a reboot.

``make test-vm`` runs the whole integration suite on one.
"""

from __future__ import annotations

import pytest
from support.fleet.machines import wait

ROOT = "/srv/root"
GROUP = "/sys/fs/cgroup/pycontainer/$(pycontainer inspect --format '{{.Id}}' web)"
TASKS = [
    {"include_role": {"name": "pycontainer.engine.host"}},
    {
        "pycontainer.engine.image": {
            "name": "test/web:1",
            "source": "import",
            "path": ROOT,
            "config": {"command": ["httpd", "-f", "-p", "80", "-h", "/www"]},
        }
    },
    {"pycontainer.engine.registry": {"listen": ["127.0.0.1:5000"]}},
    {
        "pycontainer.engine.container": {
            "containers": [
                {
                    "name": "web",
                    "image": "test/web:1",
                    "memory": "32m",
                    "cpus": 0.5,
                    "pids_limit": 40,
                    "restart_policy": "unless-stopped",
                    "stop_timeout": 2,
                    "devices": ["/dev/ttyS0:/dev/out:w"],
                    "volumes": ["web-data:/data"],
                    "published_ports": ["8080:80"],
                    "state": "started",
                },
                {
                    "name": "once",
                    "image": "test/web:1",
                    "network_mode": "none",
                    "command": ["sh", "-c", "trap 'exit 7' TERM; while :; do sleep 1; done"],
                },
            ]
        }
    },
]
FETCH = "for try in 1 2 3 4 5 6 7 8 9 10; do busybox wget -q -O - http://127.0.0.1:%s/ 2> /dev/null && exit; sleep 0.5; done; exit 1"
WEB = FETCH % 8080
CATALOG = FETCH % "5000/v2"


@pytest.fixture(scope="module")
def prepared(machine):
    """The machine with a root file system of busybox at ROOT."""
    machine.ssh(
        "mkdir -p {0}/bin {0}/www {0}/data {0}/tmp {0}/etc {0}/proc {0}/sys {0}/dev; cp "
        "/bin/busybox {0}/bin; echo hello > {0}/www/index.html; "
        "for name in sh httpd cat sleep dd mknod timeout; do ln -s busybox {0}/bin/$name; done".format(
            ROOT
        )
    ).check_returncode()
    return machine


def in_web(machine, script):
    return machine.ssh(f"pycontainer exec web sh -c '{script}' 2>&1")


def test_containers_under_systemd_and_cgroup_v2(play, prepared):
    assert play(prepared, TASKS).changed == {prepared.name: 4}
    assert prepared.ssh(WEB).stdout == "hello\n"
    limits = prepared.ssh(f"cd {GROUP} && cat memory.max cpu.max pids.max").stdout.split()
    assert limits == [str(32 << 20), "50000", "100000", "40"]


def test_second_run_changes_nothing_and_a_limit_changes_in_place(play, prepared):
    before = prepared.ssh("pycontainer inspect --format '{{.State.Pid}}' web").stdout
    tasks = [
        {"pycontainer.engine.container": {"name": "web", "pids_limit": 30}},
        {
            "pycontainer.engine.container_exec": {
                "container": "web",
                "argv": ["cat", "/www/index.html"],
            }
        },
    ]
    played = play(prepared, TASKS + tasks)
    assert (
        played.changed == {prepared.name: 2}
        and played.results(prepared.name)[-1]["stdout"] == "hello"
    )  # the limit, and container_exec
    assert (
        prepared.ssh(
            "cat %s/pids.max; pycontainer inspect --format '{{.State.Pid}}' web" % GROUP
        ).stdout
        == "30\n" + before
    )


def test_limits_are_enforced(prepared):
    assert in_web(prepared, "dd if=/dev/zero of=/dev/null bs=100M count=1").returncode == 137
    throttled = lambda: int(prepared.ssh(f"sed -n 's/^nr_throttled //p' {GROUP}/cpu.stat").stdout)
    before = throttled()
    in_web(prepared, 'timeout 2 sh -c "while :; do :; done"')
    assert throttled() > before
    assert prepared.ssh(
        "pycontainer stats --no-stream --format '{{.MemUsage}} {{.Name}}' web"
    ).stdout.endswith(" / 32MiB web\n")
    # They live until the shell fails, however slow the machine forks, and end with it.
    forks = in_web(
        prepared,
        'trap "kill 0" EXIT; n=0; while [ $n -lt 40 ]; do sleep 300 & n=$((n+1)); done; echo all',
    )
    assert "can't fork" in forks.stdout and "all" not in forks.stdout, forks.stdout


def test_devices_are_those_allowed(prepared):
    assert in_web(prepared, "echo written > /dev/out").returncode == 0
    for refused in ("cat /dev/out", "mknod /tmp/kmsg c 1 11; echo x > /tmp/kmsg"):
        assert "peration not permitted" in in_web(prepared, refused).stdout


def test_sessions_and_units_come_and_go_without_it(prepared):
    before = prepared.ssh("pycontainer inspect --format '{{.State.Pid}}' web").stdout
    assert before.strip().isdigit()
    prepared.ssh(
        "systemctl daemon-reload; systemctl restart pycontainer-boot.service; "
        "systemd-run sh -c 'systemctl kill --kill-who=all --signal=KILL ssh.service; systemctl "
        "restart ssh.service; touch /run/restarted'",
        seconds=20,
    )
    wait(lambda: prepared.ssh("test -e /run/restarted").returncode == 0, 60, "sshd's return")
    assert prepared.ssh("pycontainer inspect --format '{{.State.Pid}}' web").stdout == before
    assert prepared.ssh(WEB).stdout == "hello\n"


def test_reboot_brings_back_what_should_run(prepared):
    prepared.ssh("echo kept > /var/lib/pycontainer/volumes/web-data/_data/file; sync")
    prepared.reboot()
    assert prepared.ssh(WEB).stdout == "hello\n", prepared.ssh(
        "systemctl status pycontainer-boot.service; pycontainer ps -a"
    ).stdout
    assert prepared.ssh(CATALOG).stdout == "{}", prepared.ssh(
        "systemctl status pycontainer-boot.service"
    ).stdout
    assert prepared.ssh("pycontainer ps --format '{{.Names}}'").stdout == "web\n"
    assert (
        prepared.ssh("pycontainer inspect --format '{{.State.ExitCode}}' once").stdout == "7\n"
    ), "it was not stopped by its signal"
    assert prepared.ssh(
        f"pycontainer exec web cat /data/file; cat {GROUP}/memory.max"
    ).stdout == "kept\n%d\n" % (32 << 20)
    assert prepared.ssh("systemctl is-system-running --wait").stdout == "running\n"
