# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""run's flags, seen from inside the container and in the kernel's files."""

from __future__ import annotations

import json
import os
import time

from pycontainer import containers
from pycontainer.cli.run_flags import RUN_FLAGS
from pycontainer.kernel import cgroups


def one(text):
    return dict(line.partition("=")[::2] for line in text.splitlines())


def script(docker, name, text):
    return docker("exec", name, "sh", "-c", text)


def test_nearly_every_flag_at_once(docker, tmp_path, monkeypatch):
    (tmp_path / "host").mkdir()
    (tmp_path / "host" / "x").write_text("host")
    (tmp_path / "env").write_text("# comment\nFILE=a b\nTAKEN\nOVER=file\n")
    (tmp_path / "labels").write_text("from=file\n")
    monkeypatch.setenv("TAKEN", "taken")
    monkeypatch.setenv("HERE", "here")
    flags = [
        "--name",
        "all",
        "-e",
        "A=b=c",
        "--env=OVER=flag",
        "-e",
        "HERE",
        "-e",
        "NOWHERE",
        "--env-file",
        str(tmp_path / "env"),
        "-l",
        "one=1",
        "--label",
        "two",
        "--label-file",
        str(tmp_path / "labels"),
        "-u",
        "www:www",
        "--group-add",
        "extra",
        "-w",
        "/srv",
        "-h",
        "box",
        "--domainname",
        "example.org",
        "--network",
        "none",
        "--add-host",
        "db:10.0.0.2",
        "--dns",
        "10.9.9.9",
        "--dns-opt",
        "ndots:3",
        "--dns-search",
        "example.net",
        "-v",
        "data:/data",
        "-v",
        f"{tmp_path / 'host'}:/host:ro",
        "-v",
        "/anonymous",
        "--mount",
        f"type=bind,src={tmp_path / 'host'},dst=/bound,readonly",
        "--mount",
        "type=tmpfs,target=/t1,tmpfs-size=1m,tmpfs-mode=1770",
        "--tmpfs",
        "/t2:size=2m,mode=0700",
        "--device",
        "/dev/kmsg:/dev/kmsg2:r",
        "--device-cgroup-rule",
        "c 42:* r",
        "--shm-size",
        "3m",
        "--read-only",
        "-m",
        "64m",
        "--memory-reservation",
        "32m",
        "--memory-swap",
        "128m",
        "--cpus",
        "0.5",
        "-c",
        "512",
        "--cpuset-cpus",
        "0",
        "--pids-limit",
        "77",
        "--ulimit",
        "nofile=64:128",
        "--sysctl",
        "net.ipv4.ip_default_ttl=99",
        "--sysctl",
        "kernel.shmmni=100",
        "--cap-drop",
        "ALL",
        "--cap-add",
        "CHOWN",
        "--security-opt",
        "no-new-privileges",
        "--security-opt",
        "seccomp=unconfined",
        "--oom-score-adj",
        "123",
        "--umask",
        "027",
        "--init",
        "--stop-signal",
        "USR1",
        "--stop-timeout",
        "0",
        "--health-cmd",
        "true",
        "--health-interval",
        "1m",
        "--health-timeout",
        "5s",
        "--health-retries",
        "2",
        "--health-start-period",
        "1s",
        "--health-start-interval",
        "2s",
        "--log-opt",
        "max-size=1m",
        "--log-opt",
        "max-file=2",
        "--log-driver",
        "json-file",
        "--restart",
        "on-failure:5",
        "--ipc",
        "shareable",
        "--cgroupns",
        "private",
        "--expose",
        "90",
        "--entrypoint",
        "sh",
        "--pull",
        "never",
        "-q",
    ]
    docker("run", "-d", *flags, "box:1", "-c", "id -u; id -g; id -G; pwd; exec sleep 1000")
    record = containers.find(docker.engine, "all")
    for _attempt in range(300):
        if len(docker("logs", "all").splitlines()) == 4:
            break
        time.sleep(0.1)
    assert docker("logs", "all").splitlines() == ["33", "33", "33 77", "/srv"]
    pid = docker("inspect", "-f", "{{.State.Pid}}", "all")
    env = one(script(docker, "all", "env"))
    assert {
        name: env.get(name) for name in ("A", "OVER", "HERE", "NOWHERE", "FILE", "TAKEN", "FROM")
    } == {
        "A": "b=c",
        "OVER": "flag",
        "HERE": "here",
        "NOWHERE": None,
        "FILE": "a b",
        "TAKEN": "taken",
        "FROM": "image",
    }
    assert script(docker, "all", "hostname; cat /proc/sys/kernel/domainname") == "box\nexample.org"
    hosts = script(docker, "all", "cat /etc/hosts")
    assert "10.0.0.2\tdb" in hosts.replace(" ", "\t")
    assert script(docker, "all", "cat /etc/resolv.conf").split() == [
        "nameserver",
        "10.9.9.9",
        "search",
        "example.net",
        "options",
        "ndots:3",
    ]
    assert (
        script(
            docker,
            "all",
            "cat /host/x /bound/x; ls /data; touch /host/y 2>/dev/null || echo no; touch /bound/y "
            "2>/dev/null || echo no; "
            "touch /etc/y 2>/dev/null || echo no",
        )
        == "hosthostno\nno\nno"
    )
    mounts = {
        line.split()[1]: line.split()[3]
        for line in script(docker, "all", "cat /proc/mounts").splitlines()
    }
    assert (
        "size=1024k" in mounts["/t1"]
        and "size=2048k" in mounts["/t2"]
        and "size=3072k" in mounts["/dev/shm"]
        and "/anonymous" in mounts
    )
    assert script(docker, "all", "stat -c '%a %n' /t1 /t2") == "1770 /t1\n700 /t2"
    assert (
        docker(
            "exec",
            "-u",
            "0",
            "all",
            "sh",
            "-c",
            "stat -c %t:%T /dev/kmsg2; (echo x > /dev/kmsg2) 2>/dev/null || echo no",
        )
        == "1:b\nno"
    )
    status = dict(line.split(":", 1) for line in open(f"/proc/{pid}/status").read().splitlines())
    assert (
        status["CapBnd"].strip() == "0000000000000001"
        and status["NoNewPrivs"].strip() == "1"
        and status["Seccomp"].strip() == "0"
    )
    assert (
        script(
            docker,
            "all",
            "ulimit -n; ulimit -Hn; cat /proc/sys/net/ipv4/ip_default_ttl /proc/sys/kernel/shmmni",
        )
        == "64\n128\n99\n100"
    )
    assert open(f"/proc/{pid}/oom_score_adj").read().strip() == "123"
    assert status["Umask"].strip() == "0027" == script(docker, "all", "umask")
    assert (
        script(docker, "all", "cat /proc/1/cmdline | tr '\\0' ' '") != "sh -c"
    )  # --init is process 1
    limits = cgroups.Group.open(
        containers.status(docker.engine.paths, record["id"])["cgroup"]
    ).stats()
    assert limits["memory"]["limit"] == 64 << 20 and limits["pids"]["limit"] == 77
    document = json.loads(docker("inspect", "all"))[0]
    config, host = document["Config"], document["HostConfig"]
    assert (
        config["Labels"] == {"one": "1", "two": "", "from": "file"}
        and config["StopSignal"] == "SIGUSR1"
        and config["Entrypoint"] == ["sh"]
    )
    assert config["Healthcheck"] == {
        "Test": ["CMD-SHELL", "true"],
        "Interval": 60 * 10**9,
        "Timeout": 5 * 10**9,
        "Retries": 2,
        "StartPeriod": 10**9,
        "StartInterval": 2 * 10**9,
    }
    assert sorted(config["ExposedPorts"]) == ["80/tcp", "90/tcp"]
    assert (host["NanoCpus"], host["CpuShares"], host["CpusetCpus"], host["MemoryReservation"]) == (
        500000000,
        512,
        "0",
        32 << 20,
    )
    assert host["RestartPolicy"] == {"Name": "on-failure", "MaximumRetryCount": 5} and host[
        "LogConfig"
    ]["Config"] == {"max-size": "1048576", "max-file": "2"}
    assert (
        host["IpcMode"] == "shareable"
        and host["ReadonlyRootfs"]
        and host["DeviceCgroupRules"] == ["c 42:* r"]
        and host["Init"]
    )
    other = docker(
        "run",
        "-d",
        "--network",
        "container:all",
        "--ipc",
        "container:all",
        "--pid",
        "container:all",
        "--stop-timeout",
        "0",
        "box:1",
    )
    for kind in ("net", "ipc", "pid"):
        assert script(docker, other, "readlink /proc/self/ns/" + kind) == os.readlink(
            f"/proc/{pid}/ns/{kind}"
        )


def test_the_flags_of_a_host_close_container(docker):
    docker(
        "run",
        "-d",
        "--name",
        "open",
        "--privileged",
        "--network",
        "host",
        "--pid",
        "host",
        "--uts",
        "host",
        "--cgroupns",
        "host",
        "--ipc",
        "host",
        "--security-opt",
        "systempaths=unconfined",
        "--oom-kill-disable=false",
        "--log-driver",
        "none",
        "--no-healthcheck",
        "--stop-timeout",
        "0",
        "--cgroup-parent",
        "/pycontainer-test-parent",
        "box:1",
    )
    pid = docker("inspect", "-f", "{{.State.Pid}}", "open")
    try:
        for kind in ("net", "pid", "uts", "ipc", "cgroup"):
            assert os.readlink(f"/proc/{pid}/ns/{kind}") == os.readlink("/proc/self/ns/" + kind), (
                kind
            )
        assert "/pycontainer-test-parent/" in open(f"/proc/{pid}/cgroup").read()
        assert "can't be read" in docker("logs", "open", rc=1)
        assert docker("exec", "--privileged", "open", "true") == ""
    finally:
        docker("rm", "-f", "open")
        _remove_groups("pycontainer-test-parent")


def test_the_flags_of_a_user_namespace(docker):
    docker(
        "run",
        "-d",
        "--name",
        "own",
        "--network",
        "none",
        "--uidmap",
        "0:1700000000:65536",
        "--gidmap",
        "0:1700100000:65536",
        "--stop-timeout",
        "0",
        "box:1",
    )
    docker(
        "run",
        "-d",
        "--name",
        "auto",
        "--network",
        "none",
        "--userns",
        "auto:size=2000",
        "--stop-timeout",
        "0",
        "box:1",
    )
    docker(
        "run",
        "-d",
        "--name",
        "host",
        "--network",
        "none",
        "--userns",
        "host",
        "--stop-timeout",
        "0",
        "box:1",
    )
    maps = {
        name: open(f"/proc/{docker('inspect', '-f', '{{.State.Pid}}', name)}/gid_map")
        .read()
        .split()
        for name in ("own", "auto", "host")
    }
    assert (
        maps["own"] == ["0", "1700100000", "65536"]
        and maps["auto"][2] == "2000"
        and maps["host"] == open("/proc/self/gid_map").read().split()
    )
    assert (
        docker("inspect", "-f", "{{json .Security.HostUser}} {{.HostConfig.UsernsMode}}", "own")
        == "false private"
    )


def _remove_groups(name):
    for line in open("/proc/self/mountinfo"):
        fields = line.split()
        if fields[fields.index("-") + 1] in ("cgroup", "cgroup2") and os.path.isdir(
            os.path.join(fields[4], name)
        ):
            os.rmdir(os.path.join(fields[4], name))


def test_an_empty_entrypoint_and_an_image_by_its_id(docker):
    ident = docker("images", "-q")
    assert docker("run", "--rm", "--network", "none", "--entrypoint", "", ident, "echo", "x") == "x"
    assert (
        docker("run", "--rm", "--network", "none", "--entrypoint", "echo", "box:1", "a b", "-n")
        == "a b -n"
    )


def test_a_volume_driver(docker):
    run = ("run", "--rm", "--network", "none", "--volume-driver")
    assert docker(*run, "local", "-v", "driven:/d", "box:1", "sh", "-c", "echo x > /d/f") == ""
    assert docker("volume", "ls", "-q") == "driven"
    code, _, err = docker.on_host(*run, "nfs", "-v", "other:/d", "box:1", "true")
    assert code == 125 and "--volume-driver: 'nfs' is not valid; accepted: local" in err
    assert docker("volume", "ls", "-q") == "driven"
    docker("volume", "rm", "driven")


def test_relative_paths_are_the_hosts_own(docker, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("relative\n")
    (tmp_path / "profile").write_text('{"defaultAction": "SCMP_ACT_ALLOW"}')
    monkeypatch.chdir(tmp_path)
    assert docker.on_host(
        "run",
        "--rm",
        "--network",
        "none",
        "-v",
        "./file:/file",
        "--security-opt",
        "seccomp=profile",
        "box:1",
        "cat",
        "/file",
    )[:2] == (0, "relative\n")
    assert "absolute path" in docker(
        "run", "--rm", "--network", "none", "--security-opt", "seccomp=profile", "box:1", rc=125
    )


def test_names_of_runtimes(docker):
    words = ["--network", "none", "box:1", "echo", "on"]
    assert docker("run", "--rm", "--runtime", "runc", *words) == "on"
    said = docker("run", "--rm", "--runtime", "/usr/bin/kata", *words, rc=125)
    assert "/usr/bin/kata" in said and "runtime" in said


def test_no_flag_is_forgotten_by_these_tests():
    """A flag that is added to run is to be seen here, or named as one that is tested elsewhere."""
    elsewhere = {
        "--publish",
        "--publish-all",
        "--ip",
        "--mac-address",
        "--rm",
        "--interactive",
        "--tty",
        "--cidfile",
        "--platform",
        "--network-alias",
        "--link",
        "--ip6",
        "--systemd",
        "--gpus",
        "--config",
        "--secret",
        "--volumes-from",
        "--storage-opt",
        "--health-on-failure",
        "--health-startup-cmd",
        "--health-startup-interval",
        "--health-startup-retries",
        "--health-startup-success",
        "--health-startup-timeout",
        "--env-host",
        "--env-merge",
        "--unsetenv",
        "--unsetenv-all",
        "--http-proxy",
        "--annotation",
        "--tz",
        "--depends-on",
        "--sdnotify",
        "--passwd-entry",
        "--group-entry",
        "--chrootdirs",
    }
    unseen = {
        "--cpu-period",
        "--cpu-quota",
        "--cpuset-mems",
        "--blkio-weight",
        "--memory-swappiness",
        "--device-read-bps",
        "--device-write-bps",
        "--device-read-iops",
        "--device-write-iops",
        "--cpu-rt-period",
        "--cpu-rt-runtime",
        "--blkio-weight-device",
    }  # what the container module's tests see; here only that they arrive
    here = open(__file__).read()
    for flag in RUN_FLAGS:
        assert (
            flag.names[0] in here
            or any(f'"{name}"' in here for name in flag.names)
            or set(flag.names) & (elsewhere | unseen)
        ), flag.names
