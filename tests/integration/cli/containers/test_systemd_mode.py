# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""systemd as a container's process 1: it comes up, its units and its journal work, it is stopped by its own signal."""

from __future__ import annotations

import os
import pathlib
import shutil
import subprocess

import pytest
from support.fleet import roots


@pytest.fixture(scope="module")
def debian(tmp_path_factory):
    """A Debian root with systemd: a directory, or an archive of this machine's own files where it has booted so."""
    if shutil.which("mmdebstrap") is not None:
        return str(roots.root(packages=[]))
    if not os.path.exists("/run/systemd/system"):
        pytest.skip("needs mmdebstrap, or a machine with systemd")
    path = tmp_path_factory.mktemp("root") / "root.tar"
    left_out = ("tmp/*", "var/tmp/*", "run/*", "srv/*", "var/lib/pycontainer", "var/cache/*")
    subprocess.run(
        ["tar", "--one-file-system", *(f"--exclude=./{name}" for name in left_out), "-C", "/"]
        + ["-cf", path, "."],
        check=True,
    )
    return str(path)


def test_it_boots(docker, debian):
    """By default and as the host's root, side by side."""
    from pycontainer.containers import task
    from pycontainer.reconcile import carry_out

    docker("import", "-c", 'CMD ["/sbin/init"]', debian, "debian:12")
    common = {"image": "debian:12", "network_mode": "none", "state": "healthy", "tty": True}
    names = {"init": {}, "root": {"userns_mode": "host"}}
    wanted = [
        dict(common, name=name, healthy_wait_timeout=120, **more) for name, more in names.items()
    ]
    try:
        done = task.container(docker.engine, {"containers": wanted})
        for result in done["results"]:
            looked_at(docker, result["name"], result["container"])
        again = task.container(docker.engine, {"containers": wanted})
        assert not again["changed"]
        assert not carry_out(task.container(docker.engine, wanted[0]), False)["changed"]
        groups = [group for each in done["results"] for group in boot_groups(each["container"])]
        docker("stop", "-t", "60", *names)
        for name in names:
            assert docker("inspect", "--format", "{{.State.ExitCode}}", name) in ("0", "130")
        assert not any(pathlib.Path(group).exists() for group in groups)
    finally:
        docker("rm", "-f", *names)


def test_it_boots_as_with_docker(docker, debian):
    """Privileged, with the host's groups: what scenarios of Molecule for Docker's driver ask for."""
    docker("import", "-c", 'CMD ["/lib/systemd/systemd"]', debian, "plain:12")
    if not os.path.exists("/sys/fs/cgroup/cgroup.controllers"):
        # It would make directories in that file system in memory, and mount it read-only.
        pytest.skip("on cgroup v1 systemd would change the machine's own /sys/fs/cgroup")
    wanted = "--privileged --cgroupns host -v /sys/fs/cgroup:/sys/fs/cgroup:rw --network none -t"
    docker("run", "-d", "--name", "hosts", *wanted.split(), "plain:12")
    try:
        ask = "until systemctl is-system-running | grep -x running; do sleep 0.2; done"
        assert docker("exec", "hosts", "timeout", "120", "sh", "-c", ask) == "running"
        docker("exec", "hosts", "systemd-run", "--wait", "true")
    finally:
        docker("rm", "-f", "hosts")


def looked_at(docker, name, shown):
    """See that systemd is up in a container, with its units and its journal."""

    def inside(*words):
        return docker("exec", name, *words)

    assert shown["Config"]["SystemdMode"] and shown["Config"]["StopSignal"] == "SIGRTMIN+3"
    state = inside("sh", "-c", "systemctl is-system-running || systemctl --failed --no-legend")
    assert state == "running", state
    assert "Reached target" in inside("journalctl", "--no-pager", "-b")
    assert inside("systemctl", "show", "-P", "ActiveState", "dbus.service") == "active"
    assert inside("systemd-detect-virt") == "container-other"
    inside("systemd-run", "--wait", "--unit", "once", "sh", "-c", "echo from the unit")
    assert "from the unit" in inside("journalctl", "--no-pager", "-u", "once")
    assert inside("cat", "/etc/machine-id") != ""
    assert "/init.scope" in inside("cat", "/proc/1/cgroup")
    assert inside("stat", "-f", "-c", "%T", "/run/lock") == "tmpfs"
    # Its groups are below the container's own, and go with it.
    assert any(shown["Id"] in group for group in boot_groups(shown))


def boot_groups(shown):
    """The directories of process 1's group, of version 2 or of systemd's hierarchy."""
    from pycontainer.kernel.cgroups.hierarchy import layout

    now, places = layout.current(), layout.of_process(shown["State"]["Pid"])
    wanted = [now.unified, now.v1.get("name=systemd")]
    return [places[found.mount] for found in wanted if found and found.mount in places]


def test_what_is_no_systemd(docker):
    docker("run", "-d", "--name", "plain", "--network", "none", "box:1", "sleep", "1000")
    assert docker("inspect", "--format", "{{.Config.SystemdMode}}", "plain") == "false"
    assert docker("exec", "plain", "sh", "-c", "echo $container") == ""
    docker("run", "-d", "--systemd", "always", "--name", "on", "--network", "none", "box:1")
    assert docker("exec", "on", "sh", "-c", "echo $container") == "oci"
    docker("exec", "on", "sh", "-c", "mkdir /sys/fs/cgroup/made && touch /run/lock/file")
    said = docker("run", "--systemd", "always", "--init", "box:1", rc=125)
    assert "systemd: 'always' is not valid; accepted: true or false, with init" in said


def test_one_that_ends_is_told(docker, debian):
    from pycontainer import errors
    from pycontainer.containers import task
    from pycontainer.reconcile import carry_out

    command = ["sh", "-c", "echo it went wrong; sleep 1; exit 7"]
    params = {"name": "bad", "image": "box:1", "network_mode": "none", "command": command}
    plan = task.container(docker.engine, dict(params, systemd="always", state="healthy"))
    with pytest.raises(errors.ContainerFailed, match="ended with exit code 7 before") as caught:
        carry_out(plan, False)
    assert "it went wrong" in caught.value.logs
