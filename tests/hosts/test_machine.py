# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The short part on a virtual machine: systemd, cgroup v2, limits that the kernel enforces, and a reboot.

``make test-vm`` runs the whole integration suite on one.
"""

from __future__ import annotations

import pytest

ROOT = "/srv/root"
TASKS = [
    {"include_role": {"name": "pycontainer.engine.host"}},
    {"pycontainer.engine.image": {"name": "test/web:1", "source": "import", "path": ROOT,
                                  "config": {"command": ["httpd", "-f", "-p", "80", "-h", "/www"]}}},
    {"pycontainer.engine.container": {
        "name": "web", "image": "test/web:1", "memory": "32m", "cpus": 0.5, "pids_limit": 40, "restart_policy": "unless-stopped",
        "volumes": ["web-data:/data"], "published_ports": ["8080:80"], "state": "started"}}]
FETCH = "for try in 1 2 3 4 5 6 7 8 9 10; do busybox wget -q -O - http://127.0.0.1:8080/ 2> /dev/null && exit; sleep 0.5; done; exit 1"


@pytest.fixture(scope="module")
def prepared(machine):
    """The machine with a root file system of busybox at ROOT."""
    machine.ssh("mkdir -p {0}/bin {0}/www {0}/data {0}/tmp {0}/etc {0}/proc {0}/sys {0}/dev; cp /bin/busybox {0}/bin; echo hello > {0}/www/index.html; "
                "for name in sh httpd cat sleep dd; do ln -s busybox {0}/bin/$name; done".format(ROOT)).check_returncode()
    return machine


def test_container_under_systemd_and_cgroup_v2(play, prepared):
    assert play(prepared, TASKS).changed == {"vm9": 3}
    assert prepared.ssh(FETCH).stdout == "hello\n"
    limits = prepared.ssh("cd /sys/fs/cgroup/pycontainer/????????????*/ && cat memory.max cpu.max pids.max").stdout.split()
    assert limits == [str(32 << 20), "50000", "100000", "40"]


def test_second_run_changes_nothing(play, prepared):
    assert play(prepared, TASKS).changed == {"vm9": 0}


def test_memory_limit_is_enforced(prepared):
    done = prepared.ssh("pycontainer exec web sh -c 'dd if=/dev/zero of=/dev/null bs=100M count=1'")
    assert done.returncode == 137, done.stdout


def test_session_and_units_come_and_go_without_it(prepared):
    before = prepared.ssh("pycontainer inspect --format '{{.State.Pid}}' web").stdout
    assert before.strip().isdigit()
    prepared.ssh("systemctl daemon-reload; systemctl restart pycontainer-boot.service; loginctl terminate-user root", seconds=20)
    assert prepared.ssh("pycontainer inspect --format '{{.State.Pid}}' web").stdout == before
    assert prepared.ssh(FETCH).stdout == "hello\n"


def test_reboot_brings_back_what_should_run(prepared):
    prepared.ssh("echo kept > /var/lib/pycontainer/volumes/web-data/_data/file; sync")
    prepared.reboot()
    assert prepared.ssh(FETCH).stdout == "hello\n", prepared.ssh("systemctl status pycontainer-boot.service; pycontainer ps -a").stdout
    assert prepared.ssh("pycontainer exec web cat /data/file").stdout == "kept\n"
    assert prepared.ssh("systemctl is-system-running --wait").stdout == "running\n"
