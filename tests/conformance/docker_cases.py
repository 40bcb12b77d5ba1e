# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""docker on the runtime: a daemon with a data root of its own whose default runtime is the one under test."""

from __future__ import annotations

import ctypes
import json
import os
import pathlib
import signal
import subprocess
import sys
import time

from cases import CommandLine, collector, lines, main

IMAGE = "conformance:1"
CASES, case = collector()


def subreaper():
    """containerd's shims leave their parent: they stay below the daemon, and so what is not the daemon's can be told (prctl(2))."""
    ctypes.CDLL(None).prctl(36, 1, 0, 0, 0)


class Engine(CommandLine):
    def __init__(self, scratch, runtime):
        self.scratch, self.runtime = scratch, runtime
        self.command = ["docker", "-H", f"unix://{scratch}/docker.sock"]
        self.environment = {"HOME": scratch}
        self.daemon = None

    def up(self, image):
        wrapper = pathlib.Path(self.scratch, "runtime")
        wrapper.write_text(f'#!/bin/sh\nexec {self.runtime} "$@"\n')
        wrapper.chmod(0o755)
        with open(self.scratch + "/dockerd.log", "w") as log:
            self.daemon = subprocess.Popen(
                [
                    "dockerd",
                    "--data-root",
                    self.scratch + "/data",
                    "--exec-root",
                    self.scratch + "/exec",
                    "-p",
                    self.scratch + "/pid",
                    "-H",
                    self.command[2],
                    "--bridge",
                    "none",
                    "--iptables=false",
                    "--add-runtime",
                    f"tested={wrapper}",
                    "--default-runtime",
                    "tested",
                ],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                preexec_fn=subreaper,
            )
        self.until(
            lambda output: "Server" in output and "Cannot connect" not in output,
            "version",
            seconds=60,
        )
        with subprocess.Popen(["xz", "-dc", str(image)], stdout=subprocess.PIPE) as unpacked:
            subprocess.run(
                [*self.command, "import", "--change", 'CMD ["sleep", "1000"]', "-", IMAGE],
                stdin=unpacked.stdout,
                check=True,
                stdout=subprocess.DEVNULL,
                env=dict(os.environ, **self.environment),
            )

    def processes(self):
        return (self.daemon.pid,)

    def clear(self):
        names = self.silent("ps", "-aq").split()
        if names:
            self.silent("rm", "-f", *names)

    def silent(self, *words):
        return subprocess.run(
            [*self.command, *words],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            timeout=120,
            check=False,
            env=dict(os.environ, **self.environment),
        ).stdout

    def down(self):
        self.clear()
        self.daemon.send_signal(signal.SIGTERM)
        try:
            self.daemon.wait(30)
        except subprocess.TimeoutExpired:
            self.daemon.kill()
            self.daemon.wait()

    def call(self, *words, **options):
        if words[0] in ("run", "create") and not any(
            str(word).startswith("--net") for word in words
        ):
            words = (words[0], "--network", "none", *words[1:])
        return super().call(*words, **options)

    def field(self, name, path):
        return self.call("inspect", "--format", "{{.%s}}" % path, name)


@case
def run_output(docker):
    assert docker.call("run", "--rm", IMAGE, "echo", "hello there") == "hello there"


@case
def run_exit_codes(docker):
    docker.call("run", "--rm", IMAGE, "sh", "-c", "exit 7", code=7)
    docker.call("run", "--rm", IMAGE, "/not/here", code=127)
    docker.call("run", "--rm", IMAGE, "/etc/passwd", code=126)


@case
def run_stdin(docker):
    assert docker.call("run", "--rm", "-i", IMAGE, "cat", stdin="one\ntwo\n") == "one\ntwo"


@case
def run_terminal(docker):
    output = docker.call(
        "run",
        "--rm",
        "-t",
        IMAGE,
        "sh",
        "-c",
        "tty; test -t 0 && test -t 1 && echo both",
        terminal=True,
    )
    assert "/dev/pts/0" in output and "both" in output


@case
def run_detached_logs(docker):
    docker.call("run", "-d", "--name", "c1", IMAGE, "sh", "-c", "echo out; echo err >&2")
    assert docker.call("wait", "c1") == "0"
    assert sorted(docker.call("logs", "c1").split()) == ["err", "out"]


@case
def create_start_restart(docker):
    docker.call("create", "--name", "c1", IMAGE)
    docker.call("start", "c1")
    before = docker.field("c1", "State.Pid")
    docker.call("restart", "-t", "0", "c1")
    assert (
        docker.field("c1", "State.Status") == "running"
        and docker.field("c1", "State.Pid") != before
    )


@case
def exec_output(docker):
    docker.call("run", "-d", "--name", "c1", IMAGE)
    assert docker.call("exec", "c1", "echo", "inside") == "inside"
    docker.call("exec", "c1", "sh", "-c", "exit 9", code=9)
    docker.call("exec", "c1", "/not/here", code=126)


@case
def exec_user_env_workdir(docker):
    docker.call("run", "-d", "--name", "c1", IMAGE)
    assert (
        docker.call(
            "exec",
            "--user",
            "1000:1000",
            "--env",
            "FOO=bar",
            "--workdir",
            "/tmp",
            "c1",
            "sh",
            "-c",
            "id -u; echo $FOO; pwd",
        )
        == "1000\nbar\n/tmp"
    )


@case
def exec_terminal_and_stdin(docker):
    docker.call("run", "-d", "--name", "c1", IMAGE)
    output = docker.call(
        "exec", "-t", "c1", "sh", "-c", "tty; test -t 0 && echo yes", terminal=True
    )
    assert "/dev/pts/" in output and "yes" in output
    assert docker.call("exec", "-i", "c1", "cat", stdin="through\n") == "through"


@case
def exec_detached(docker):
    docker.call("run", "-d", "--name", "c1", IMAGE)
    docker.call("exec", "-d", "c1", "sh", "-c", "echo done > /tmp/mark; sleep 100")
    docker.until(lambda output: output == "done", "exec", "c1", "cat", "/tmp/mark")


@case
def exec_privileged(docker):
    docker.call("run", "-d", "--name", "c1", "--cap-drop", "all", IMAGE)
    assert (
        lines(docker.call("exec", "--privileged", "c1", "cat", "/proc/self/status"))["CapEff"]
        != "0000000000000000"
    )


@case
def stop_by_signal(docker):
    docker.call(
        "run",
        "-d",
        "--name",
        "c1",
        IMAGE,
        "sh",
        "-c",
        "trap 'echo bye; exit 5' TERM; echo ready; while true; do sleep 0.1; done",
    )
    docker.until(lambda output: "ready" in output, "logs", "c1")
    docker.call("stop", "-t", "20", "c1")
    assert docker.field("c1", "State.ExitCode") == "5" and "bye" in docker.call("logs", "c1")


@case
def stop_by_force(docker):
    docker.call(
        "run", "-d", "--name", "c1", IMAGE, "sh", "-c", "trap '' TERM; while true; do sleep 1; done"
    )
    docker.call("stop", "-t", "1", "c1")
    assert docker.field("c1", "State.ExitCode") == "137"


@case
def kill_signal(docker):
    docker.call(
        "run",
        "-d",
        "--name",
        "c1",
        IMAGE,
        "sh",
        "-c",
        "trap 'echo got' USR1; echo ready; while true; do sleep 0.1; done",
    )
    docker.until(lambda output: "ready" in output, "logs", "c1")
    docker.call("kill", "-s", "USR1", "c1")
    docker.until(lambda output: "got" in output, "logs", "c1")
    docker.call("kill", "c1")
    docker.until(
        lambda output: output == "exited", "inspect", "--format", "{{.State.Status}}", "c1"
    )


@case
def pause_unpause(docker):
    docker.call("run", "-d", "--name", "c1", IMAGE)
    docker.call("pause", "c1")
    assert docker.field("c1", "State.Status") == "paused"
    docker.call("unpause", "c1")
    assert docker.call("exec", "c1", "echo", "awake") == "awake"


@case
def remove_paused(docker):
    docker.call("run", "-d", "--name", "c1", IMAGE)
    docker.call("pause", "c1")
    docker.call("rm", "-f", "c1")
    assert docker.call("ps", "-aq") == ""


@case
def update_limits(docker):
    docker.call("run", "-d", "--name", "c1", "--memory", "64m", IMAGE)
    docker.call(
        "update",
        "--memory",
        "128m",
        "--memory-swap",
        "-1",
        "--cpu-shares",
        "300",
        "--pids-limit",
        "50",
        "c1",
    )
    assert cgroup_value(docker, "memory", "memory.limit_in_bytes", "memory.max") == str(128 << 20)
    assert cgroup_value(docker, "pids", "pids.max", "pids.max") == "50"


def cgroup_value(docker, controller, v1, v2):
    """A value from a container's cgroup as the host sees it."""
    pid = docker.field("c1", "State.Pid")
    paths = {}
    for line in pathlib.Path("/proc", pid, "cgroup").read_text().splitlines():
        _number, names, path = line.split(":", 2)
        paths.update(dict.fromkeys(names.split(","), path))
    if controller in paths:
        return (
            pathlib.Path(f"/sys/fs/cgroup/{controller}{paths[controller]}/{v1}").read_text().strip()
        )
    return pathlib.Path(f"/sys/fs/cgroup{paths['']}/{v2}").read_text().strip()


@case
def limits(docker):
    docker.call(
        "run",
        "-d",
        "--name",
        "c1",
        "--memory",
        "64m",
        "--cpus",
        "0.5",
        "--pids-limit",
        "77",
        "--cpuset-cpus",
        "0",
        IMAGE,
    )
    assert cgroup_value(docker, "memory", "memory.limit_in_bytes", "memory.max") == str(64 << 20)
    assert cgroup_value(docker, "pids", "pids.max", "pids.max") == "77"
    assert cgroup_value(docker, "cpuset", "cpuset.cpus", "cpuset.cpus") == "0"
    assert cgroup_value(docker, "cpu", "cpu.cfs_quota_us", "cpu.max").split()[0] == "50000"


@case
def out_of_memory(docker):
    docker.call("run", "-d", "--name", "c1", "--memory", "32m", IMAGE, "tail", "/dev/zero")
    docker.call("wait", "c1")
    assert (
        docker.field("c1", "State.OOMKilled") == "true"
        and docker.field("c1", "State.ExitCode") == "137"
    )


@case
def remove_running(docker):
    docker.call("run", "-d", "--name", "c1", IMAGE)
    docker.call("rm", "c1", code=1)
    docker.call("rm", "-f", "c1")
    assert docker.call("ps", "-aq") == ""


@case
def health(docker):
    docker.call(
        "run",
        "-d",
        "--name",
        "c1",
        "--health-cmd",
        "test -e /tmp/fine",
        "--health-interval",
        "300ms",
        "--health-retries",
        "1",
        IMAGE,
    )
    docker.until(
        lambda output: output == "unhealthy",
        "inspect",
        "--format",
        "{{.State.Health.Status}}",
        "c1",
    )
    docker.call("exec", "c1", "touch", "/tmp/fine")
    docker.until(
        lambda output: output == "healthy", "inspect", "--format", "{{.State.Health.Status}}", "c1"
    )


@case
def pid_host(docker):
    assert docker.call(
        "run", "--rm", "--pid", "host", IMAGE, "readlink", "/proc/self/ns/pid"
    ) == os.readlink("/proc/self/ns/pid")


@case
def network_host(docker):
    assert docker.call(
        "run", "--rm", "--network", "host", IMAGE, "readlink", "/proc/self/ns/net"
    ) == os.readlink("/proc/self/ns/net")


@case
def join_container(docker):
    docker.call("run", "-d", "--name", "a1", "--ipc", "shareable", IMAGE)
    docker.call(
        "run",
        "-d",
        "--name",
        "b1",
        "--network",
        "container:a1",
        "--pid",
        "container:a1",
        "--ipc",
        "container:a1",
        IMAGE,
    )
    for kind in ("net", "pid", "ipc"):
        assert docker.call("exec", "a1", "readlink", "/proc/self/ns/" + kind) == docker.call(
            "exec", "b1", "readlink", "/proc/self/ns/" + kind
        )


@case
def read_only_and_tmpfs(docker):
    docker.call("run", "--rm", "--read-only", IMAGE, "touch", "/x", code=1)
    output = docker.call(
        "run",
        "--rm",
        "--read-only",
        "--tmpfs",
        "/scratch:size=1m",
        IMAGE,
        "sh",
        "-c",
        "touch /scratch/x && grep ' /scratch ' /proc/mounts",
    )
    assert "size=1024k" in output


@case
def volumes(docker):
    top = pathlib.Path(docker.scratch, "vol")
    top.mkdir(exist_ok=True)
    docker.call("run", "--rm", "-v", f"{top}:/data", IMAGE, "sh", "-c", "echo written > /data/file")
    assert (top / "file").read_text() == "written\n"
    docker.call(
        "run", "--rm", "-v", f"{top}:/data:ro", IMAGE, "sh", "-c", "echo no > /data/file", code=1
    )
    docker.call("run", "--rm", "-v", "named:/etc", IMAGE, "test", "-e", "/etc/passwd")
    docker.call("volume", "rm", "named")


@case
def device(docker):
    assert (
        docker.call(
            "run",
            "--rm",
            "--device",
            "/dev/fuse:/dev/renamed:rw",
            IMAGE,
            "stat",
            "-c",
            "%F %t:%T",
            "/dev/renamed",
        )
        == "character special file a:e5"
    )


@case
def device_rules(docker):
    docker.call(
        "run",
        "--rm",
        "--device",
        "/dev/kmsg:/dev/kmsg:r",
        "--cap-add",
        "syslog",
        IMAGE,
        "sh",
        "-c",
        "exec 3< /dev/kmsg",
    )
    docker.call(
        "run", "--rm", IMAGE, "sh", "-c", "mknod /dev/mykmsg c 1 11 && exec 3< /dev/mykmsg", code=1
    )


@case
def ulimit(docker):
    assert (
        docker.call(
            "run",
            "--rm",
            "--ulimit",
            "nofile=321:432",
            "--ulimit",
            "core=0",
            IMAGE,
            "sh",
            "-c",
            "ulimit -Sn; ulimit -Hn; ulimit -c",
        )
        == "321\n432\n0"
    )


@case
def init(docker):
    docker.call("run", "-d", "--name", "c1", "--init", IMAGE, "sleep", "1000")
    assert "init" in docker.call("exec", "c1", "cat", "/proc/1/cmdline")
    docker.call("stop", "-t", "10", "c1")
    assert docker.field("c1", "State.ExitCode") == "143"


@case
def privileged(docker):
    status = lines(docker.call("run", "--rm", "--privileged", IMAGE, "cat", "/proc/self/status"))
    assert status["Seccomp"] == "0" and int(status["CapEff"], 16) >> 21 & 1
    docker.call(
        "run", "--rm", "--privileged", IMAGE, "sh", "-c", "mkdir /m && mount -t tmpfs tmpfs /m"
    )


@case
def default_security(docker):
    status = lines(docker.call("run", "--rm", IMAGE, "cat", "/proc/self/status"))
    assert status["Seccomp"] == "2" and status["CapEff"] == status["CapBnd"] == "00000000a80425fb"
    docker.call("run", "--rm", IMAGE, "mount", "-t", "tmpfs", "tmpfs", "/tmp", code=1)
    docker.call("run", "--rm", IMAGE, "sh", "-c", "echo 1 > /proc/sys/kernel/sysrq", code=1)
    assert docker.call("run", "--rm", IMAGE, "cat", "/proc/timer_list") == ""


@case
def seccomp_profile(docker):
    profile = pathlib.Path(docker.scratch, "profile.json")
    profile.write_text(
        json.dumps(
            {
                "defaultAction": "SCMP_ACT_ALLOW",
                "syscalls": [
                    {"names": ["mkdir", "mkdirat"], "action": "SCMP_ACT_ERRNO", "errnoRet": 17}
                ],
            }
        )
    )
    assert "File exists" in docker.call(
        "run", "--rm", "--security-opt", f"seccomp={profile}", IMAGE, "mkdir", "/new", code=1
    )
    assert (
        lines(
            docker.call(
                "run",
                "--rm",
                "--security-opt",
                "seccomp=unconfined",
                IMAGE,
                "cat",
                "/proc/self/status",
            )
        )["Seccomp"]
        == "0"
    )


@case
def capabilities(docker):
    status = lines(
        docker.call(
            "run",
            "--rm",
            "--cap-drop",
            "all",
            "--cap-add",
            "chown",
            "--security-opt",
            "no-new-privileges",
            IMAGE,
            "cat",
            "/proc/self/status",
        )
    )
    assert int(status["CapEff"], 16) == 1 and status["NoNewPrivs"] == "1"


@case
def sysctl(docker):
    output = docker.call(
        "run",
        "--rm",
        "--sysctl",
        "net.ipv4.ip_forward=1",
        "--sysctl",
        "kernel.msgmax=4096",
        IMAGE,
        "cat",
        "/proc/sys/net/ipv4/ip_forward",
        "/proc/sys/kernel/msgmax",
    )
    assert output.split() == ["1", "4096"]


@case
def user_and_groups(docker):
    assert (
        docker.call(
            "run",
            "--rm",
            "--user",
            "1000:1001",
            "--group-add",
            "1234",
            IMAGE,
            "sh",
            "-c",
            "id -u; id -g; id -G",
        )
        == "1000\n1001\n1001 1234"
    )


@case
def hostname_env_workdir(docker):
    assert (
        docker.call(
            "run",
            "--rm",
            "--hostname",
            "myhost",
            "--env",
            "A=b c",
            "--workdir",
            "/var/www",
            IMAGE,
            "sh",
            "-c",
            "hostname; echo $A; pwd",
        )
        == "myhost\nb c\n/var/www"
    )


@case
def shm_and_oom_score(docker):
    output = docker.call(
        "run",
        "--rm",
        "--shm-size",
        "2m",
        "--oom-score-adj",
        "500",
        IMAGE,
        "sh",
        "-c",
        "grep /dev/shm /proc/mounts; cat /proc/self/oom_score_adj",
    )
    assert "size=2048k" in output and output.endswith("500")


@case
def cgroup_parent_and_namespace(docker):
    docker.call(
        "run",
        "-d",
        "--name",
        "c1",
        "--cgroup-parent",
        "/docker-conf",
        "--cgroupns",
        "private",
        IMAGE,
    )
    assert (
        "/docker-conf/"
        in pathlib.Path("/proc", docker.field("c1", "State.Pid"), "cgroup").read_text()
    )
    assert all(
        line.endswith(":/")
        for line in docker.call("exec", "c1", "cat", "/proc/self/cgroup").splitlines()
    )


@case
def top_and_stats(docker):
    docker.call("run", "-d", "--name", "c1", IMAGE)
    assert "sleep" in docker.call("top", "c1")
    assert "%" in docker.call("stats", "--no-stream", "c1", code=0)


@case
def copy(docker):
    docker.call("run", "-d", "--name", "c1", IMAGE)
    file = pathlib.Path(docker.scratch, "copied")
    file.write_text("carried\n")
    docker.call("cp", file, "c1:/tmp/there")
    assert docker.call("exec", "c1", "cat", "/tmp/there") == "carried"


@case
def attach(docker):
    docker.call("run", "-d", "--name", "c1", IMAGE, "sh", "-c", "sleep 2; echo late")
    assert docker.call("attach", "--no-stdin", "c1") == "late"


@case
def restart_policy(docker):
    docker.call(
        "run",
        "-d",
        "--name",
        "c1",
        "--restart",
        "on-failure:2",
        IMAGE,
        "sh",
        "-c",
        "echo again; exit 1",
    )
    docker.until(lambda output: output.count("again") == 3, "logs", "c1")


@case
def many(docker):
    names = ["m%d" % number for number in range(8)]
    for name in names:
        docker.call("create", "--name", name, IMAGE)
    docker.call("start", *names)
    assert len(docker.call("ps", "-q").split()) == 8
    docker.call("stop", "-t", "0", *names)
    docker.call("rm", *names)


@case
def build(docker):
    context = pathlib.Path(docker.scratch, "context")
    context.mkdir(exist_ok=True)
    (context / "Dockerfile").write_text(f"FROM {IMAGE}\nRUN echo built > /mark\n")
    docker.call("build", "-q", "--network", "none", "-t", "built:1", context)
    assert docker.call("run", "--rm", "built:1", "cat", "/mark") == "built"


@case
def runtime_named(docker):
    assert docker.call("run", "--rm", "--runtime", "tested", IMAGE, "echo", "by name") == "by name"
    assert docker.call("info", "--format", "{{.DefaultRuntime}}") == "tested"


@case
def exec_dies_with_container(docker):
    docker.call("run", "-d", "--name", "c1", IMAGE)
    docker.call("exec", "-d", "c1", "sleep", "54322")
    docker.call("kill", "c1")
    docker.call("wait", "c1")
    time.sleep(0.3)
    for path in pathlib.Path("/proc").glob("[0-9]*/cmdline"):
        try:
            assert b"54322" not in path.read_bytes().split(b"\0"), path
        except OSError:
            pass


if __name__ == "__main__":
    sys.exit(main(Engine, CASES))
