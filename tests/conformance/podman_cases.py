# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""podman on the runtime: one function a case, run by its name."""

from __future__ import annotations

import json
import os
import pathlib
import subprocess
import sys
import time

from cases import CommandLine, collector, lines, main

IMAGE = "localhost/conformance:1"
LIMITS = (
    "nofile=10000:10000",
    "nproc=10000:10000",
)  # podman would raise both, and a machine may not let it
CASES, case = collector()
CONF = """\
[containers]
netns = "none"
log_driver = "k8s-file"
init_path = "/usr/bin/catatonit"
[engine]
cgroup_manager = "cgroupfs"
events_logger = "file"
runtime_supports_nocgroup = ["crun", "pycontainer-oci"]
runtime = "%s"
infra_image = "%s"
[network]
network_backend = "netavark"
"""


class Engine(CommandLine):
    def __init__(self, scratch, runtime):
        self.scratch, self.runtime = scratch, runtime
        self.command = [
            "podman",
            "--root",
            scratch + "/root",
            "--runroot",
            scratch + "/run",
            "--tmpdir",
            scratch + "/tmp",
            "--runtime",
            runtime,
        ]
        self.environment = {"CONTAINERS_CONF": scratch + "/containers.conf", "TMPDIR": scratch}

    def up(self, image):
        pathlib.Path(self.scratch, "containers.conf").write_text(CONF % (self.runtime, IMAGE))
        self.call("import", "--quiet", "--change", 'CMD ["sleep", "1000"]', image, IMAGE)

    def call(self, *words, **options):
        if words[0] in ("run", "create"):
            for limit in LIMITS:
                if not any(str(word).startswith(limit.split("=")[0]) for word in words):
                    words = (words[0], "--ulimit", limit, *words[1:])
        return super().call(*words, **options)

    def silent(self, *words):
        subprocess.run(
            [*self.command, *map(str, words)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            timeout=120,
            check=False,
            env=dict(os.environ, **self.environment),
        )

    def processes(self):
        return ()

    def clear(self):
        self.silent("pod", "rm", "-af", "-t", "0")
        self.silent("rm", "-af", "-t", "0")

    def down(self):
        self.clear()

    def field(self, name, path):
        return self.call("inspect", "--format", "{{.%s}}" % path, name)


@case
def run_output(podman):
    assert podman.call("run", "--rm", IMAGE, "echo", "hello there") == "hello there"


@case
def run_exit_code(podman):
    podman.call("run", "--rm", IMAGE, "sh", "-c", "exit 7", code=7)


@case
def run_no_such_command(podman):
    podman.call("run", "--rm", IMAGE, "/not/here", code=127)


@case
def run_not_executable(podman):
    podman.call("run", "--rm", IMAGE, "/etc/passwd", code=126)


@case
def run_stdin(podman):
    assert podman.call("run", "--rm", "-i", IMAGE, "cat", stdin="one\ntwo\n") == "one\ntwo"


@case
def run_terminal(podman):
    output = podman.call(
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
def run_detached_logs(podman):
    podman.call("run", "-d", "--name", "c", IMAGE, "sh", "-c", "echo out; echo err >&2")
    assert podman.call("wait", "c") == "0"
    assert sorted(podman.call("logs", "c").split()) == ["err", "out"]


@case
def create_start(podman):
    podman.call("create", "--name", "c", IMAGE, "echo", "started")
    assert podman.field("c", "State.Status") == "created"
    assert podman.call("start", "--attach", "c") == "started"
    assert podman.field("c", "State.ExitCode") == "0"


@case
def init_then_start(podman):
    podman.call("create", "--name", "c", IMAGE)
    podman.call("init", "c")
    assert podman.field("c", "State.Status") == "initialized"
    podman.call("start", "c")
    assert podman.field("c", "State.Status") == "running"


@case
def restart(podman):
    podman.call("run", "-d", "--name", "c", IMAGE)
    before = podman.field("c", "State.Pid")
    podman.call("restart", "-t", "0", "c")
    assert (
        podman.field("c", "State.Status") == "running" and podman.field("c", "State.Pid") != before
    )


@case
def exec_output(podman):
    podman.call("run", "-d", "--name", "c", IMAGE)
    assert podman.call("exec", "c", "echo", "inside") == "inside"
    podman.call("exec", "c", "sh", "-c", "exit 9", code=9)
    podman.call("exec", "c", "/not/here", code=127)


@case
def exec_user_env_workdir(podman):
    podman.call("run", "-d", "--name", "c", IMAGE)
    assert (
        podman.call(
            "exec",
            "--user",
            "1000:1000",
            "--env",
            "FOO=bar",
            "--workdir",
            "/tmp",
            "c",
            "sh",
            "-c",
            "id -u; echo $FOO; pwd",
        )
        == "1000\nbar\n/tmp"
    )


@case
def exec_terminal(podman):
    podman.call("run", "-d", "--name", "c", IMAGE)
    output = podman.call("exec", "-t", "c", "sh", "-c", "tty; test -t 0 && echo yes", terminal=True)
    assert "/dev/pts/" in output and "yes" in output


@case
def exec_stdin(podman):
    podman.call("run", "-d", "--name", "c", IMAGE)
    assert podman.call("exec", "-i", "c", "cat", stdin="through\n") == "through"


@case
def exec_detached(podman):
    podman.call("run", "-d", "--name", "c", IMAGE)
    podman.call("exec", "-d", "c", "sh", "-c", "echo done > /tmp/mark; sleep 100")
    podman.until(lambda output: output == "done", "exec", "c", "cat", "/tmp/mark")


@case
def exec_privileged(podman):
    podman.call("run", "-d", "--name", "c", "--cap-drop", "all", IMAGE)
    assert (
        lines(podman.call("exec", "c", "cat", "/proc/self/status"))["CapEff"] == "0000000000000000"
    )
    assert (
        lines(podman.call("exec", "--privileged", "c", "cat", "/proc/self/status"))["CapEff"]
        != "0000000000000000"
    )


@case
def exec_dies_with_container(podman):
    podman.call("run", "-d", "--name", "c", IMAGE)
    podman.call("exec", "-d", "c", "sleep", "54321")
    podman.call("kill", "c")
    podman.call("wait", "c")
    for path in pathlib.Path("/proc").glob("[0-9]*/cmdline"):
        try:
            assert b"54321" not in path.read_bytes().split(b"\0"), path
        except OSError:
            pass


@case
def stop_by_signal(podman):
    podman.call(
        "run",
        "-d",
        "--name",
        "c",
        IMAGE,
        "sh",
        "-c",
        "trap 'echo bye; exit 5' TERM; echo ready; while true; do sleep 0.1; done",
    )
    podman.until(lambda output: "ready" in output, "logs", "c")
    podman.call("stop", "-t", "20", "c")
    assert podman.field("c", "State.ExitCode") == "5" and "bye" in podman.call("logs", "c")


@case
def stop_by_force(podman):
    podman.call(
        "run", "-d", "--name", "c", IMAGE, "sh", "-c", "trap '' TERM; while true; do sleep 1; done"
    )
    podman.call("stop", "-t", "1", "c")
    assert podman.field("c", "State.ExitCode") == "137"


@case
def kill_signal(podman):
    podman.call(
        "run",
        "-d",
        "--name",
        "c",
        IMAGE,
        "sh",
        "-c",
        "trap 'echo got' USR1; echo ready; while true; do sleep 0.1; done",
    )
    podman.until(lambda output: "ready" in output, "logs", "c")
    podman.call("kill", "-s", "USR1", "c")
    podman.until(lambda output: "got" in output, "logs", "c")
    podman.call("kill", "c")
    assert podman.call("wait", "c") == "137"


@case
def pause_unpause(podman):
    podman.call(
        "run",
        "-d",
        "--name",
        "c",
        IMAGE,
        "sh",
        "-c",
        "while true; do echo x >> /tmp/ticks; sleep 0.05; done",
    )
    podman.call("pause", "c")
    assert podman.field("c", "State.Status") == "paused"
    podman.call("exec", "c", "true", code=255)
    podman.call("unpause", "c")
    assert podman.field("c", "State.Status") == "running"
    assert podman.call("exec", "c", "echo", "awake") == "awake"


@case
def remove_paused(podman):
    podman.call("run", "-d", "--name", "c", IMAGE)
    podman.call("pause", "c")
    podman.call("rm", "-f", "-t", "0", "c")
    assert podman.call("ps", "-aq") == ""


@case
def update_limits(podman):
    podman.call("run", "-d", "--name", "c", "--memory", "64m", IMAGE)
    podman.call(
        "update",
        "--memory",
        "128m",
        "--memory-swap",
        "128m",
        "--cpu-shares",
        "300",
        "--pids-limit",
        "50",
        "c",
        code=None,
    )
    podman.call("update", "--memory", "100m", "c")
    assert cgroup_value(podman, "memory", "memory.limit_in_bytes", "memory.max") == str(100 << 20)


def cgroup_value(podman, controller, v1, v2):
    """A value from a container's cgroup as the host sees it."""
    pid = podman.field("c", "State.Pid")
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
def limits(podman):
    podman.call(
        "run",
        "-d",
        "--name",
        "c",
        "--memory",
        "64m",
        "--cpus",
        "0.5",
        "--cpu-shares",
        "512",
        "--pids-limit",
        "77",
        "--cpuset-cpus",
        "0",
        IMAGE,
    )
    assert cgroup_value(podman, "memory", "memory.limit_in_bytes", "memory.max") == str(64 << 20)
    assert cgroup_value(podman, "pids", "pids.max", "pids.max") == "77"
    assert cgroup_value(podman, "cpuset", "cpuset.cpus", "cpuset.cpus") == "0"
    assert cgroup_value(podman, "cpu", "cpu.cfs_quota_us", "cpu.max").split()[0] == "50000"


@case
def out_of_memory(podman):
    podman.call("run", "-d", "--name", "c", "--memory", "32m", IMAGE, "sh", "-c", "tail /dev/zero")
    podman.call("wait", "c", code=None)
    assert podman.field("c", "State.ExitCode") == "137"


@case
def remove_running(podman):
    podman.call("run", "-d", "--name", "c", IMAGE)
    podman.call("rm", "c", code=2)
    podman.call("rm", "-f", "-t", "0", "c")
    assert podman.call("ps", "-aq") == ""


@case
def healthcheck(podman):
    podman.call(
        "run",
        "-d",
        "--name",
        "c",
        "--health-cmd",
        "test -e /tmp/fine",
        "--health-interval",
        "disable",
        IMAGE,
    )
    podman.call("healthcheck", "run", "c", code=1)
    podman.call("exec", "c", "touch", "/tmp/fine")
    podman.call("healthcheck", "run", "c")


@case
def userns_auto(podman):
    own_ranges(podman)
    output = podman.call(
        "run", "--rm", "--userns=auto:size=1000", IMAGE, "cat", "/proc/self/uid_map"
    )
    assert output.split() == ["0", "200000", "1000"]


def own_ranges(podman):
    """Ranges of ids for the user ``containers``, seen in this mount namespace only."""
    for path in ("/etc/subuid", "/etc/subgid"):
        ranges = pathlib.Path(podman.scratch, os.path.basename(path))
        ranges.write_text("containers:200000:100000\n")
        subprocess.run(["mount", "--bind", str(ranges), path], check=True)


@case
def userns_auto_write_and_exec(podman):
    own_ranges(podman)
    podman.call("run", "-d", "--name", "c", "--userns=auto:size=1000", IMAGE)
    assert (
        podman.call("exec", "c", "sh", "-c", "id -u; touch /tmp/x && stat -c %u /tmp/x") == "0\n0"
    )
    pid = podman.field("c", "State.Pid")
    assert os.stat(f"/proc/{pid}").st_uid == 200000


@case
def userns_map(podman):
    output = podman.call(
        "run",
        "--rm",
        "--uidmap",
        "0:100000:5000",
        "--gidmap",
        "0:100000:5000",
        IMAGE,
        "sh",
        "-c",
        "cat /proc/self/uid_map; ls -ld /etc | awk '{print $3}'",
    )
    assert output.split() == ["0", "100000", "5000", "root"]


@case
def userns_volume(podman):
    own_ranges(podman)
    podman.call(
        "run",
        "--rm",
        "--userns=auto:size=1000",
        "-v",
        "vol:/data",
        IMAGE,
        "sh",
        "-c",
        "touch /data/x && stat -c %u /data/x",
    )
    podman.call("volume", "rm", "vol")


@case
def pid_host(podman):
    output = podman.call(
        "run", "--rm", "--pid", "host", IMAGE, "sh", "-c", "echo $$; readlink /proc/self/ns/pid"
    )
    assert os.readlink("/proc/self/ns/pid") in output


@case
def pid_host_stop(podman):
    podman.call(
        "run", "-d", "--name", "c", "--pid", "host", IMAGE, "sh", "-c", "sleep 4567 & sleep 4568"
    )
    podman.call("stop", "-t", "1", "c")
    time.sleep(0.5)
    for path in pathlib.Path("/proc").glob("[0-9]*/cmdline"):
        try:
            assert b"4567" not in path.read_bytes().split(b"\0"), path
        except OSError:
            pass


@case
def other_host_namespaces(podman):
    output = podman.call(
        "run",
        "--rm",
        "--ipc",
        "host",
        "--uts",
        "host",
        "--network",
        "host",
        "--cgroupns",
        "host",
        IMAGE,
        "readlink",
        "/proc/self/ns/ipc",
        "/proc/self/ns/uts",
        "/proc/self/ns/net",
        "/proc/self/ns/cgroup",
        code=None,
    )
    for kind in ("ipc", "uts", "net", "cgroup"):
        seen = podman.call(
            "run",
            "--rm",
            "--ipc",
            "host",
            "--uts",
            "host",
            "--network",
            "host",
            "--cgroupns",
            "host",
            IMAGE,
            "readlink",
            "/proc/self/ns/" + kind,
        )
        assert seen == os.readlink("/proc/self/ns/" + kind), output


@case
def join_container(podman):
    podman.call("run", "-d", "--name", "a", IMAGE)
    podman.call(
        "run",
        "-d",
        "--name",
        "b",
        "--network",
        "container:a",
        "--pid",
        "container:a",
        "--ipc",
        "container:a",
        IMAGE,
    )
    for kind in ("net", "pid", "ipc"):
        assert podman.call("exec", "a", "readlink", "/proc/self/ns/" + kind) == podman.call(
            "exec", "b", "readlink", "/proc/self/ns/" + kind
        )


@case
def bridge_network(podman):
    podman.call("network", "create", "--disable-dns", "testnet")
    try:
        podman.call("run", "-d", "--name", "c", "--network", "testnet", IMAGE)
        assert "eth0" in podman.call("exec", "c", "ip", "addr")
        podman.call("rm", "-f", "-t", "0", "c")
    finally:
        podman.call("network", "rm", "-f", "testnet")


@case
def read_only(podman):
    podman.call("run", "--rm", "--read-only", IMAGE, "sh", "-c", "touch /x", code=1)
    podman.call("run", "--rm", "--read-only", IMAGE, "touch", "/tmp/x", "/run/x", "/dev/shm/x")


@case
def tmpfs(podman):
    output = podman.call(
        "run",
        "--rm",
        "--tmpfs",
        "/scratch:rw,size=1m,mode=1770,noexec",
        IMAGE,
        "sh",
        "-c",
        "grep ' /scratch ' /proc/mounts; stat -c %a /scratch",
    )
    assert (
        "tmpfs" in output
        and "noexec" in output
        and "size=1024k" in output
        and output.endswith("1770")
    )


@case
def tmpfs_copies_up(podman):
    assert "passwd" in podman.call("run", "--rm", "--tmpfs", "/etc:rw", IMAGE, "ls", "/etc")


@case
def volume(podman):
    top = pathlib.Path(podman.scratch, "vol")
    top.mkdir(exist_ok=True)
    podman.call("run", "--rm", "-v", f"{top}:/data", IMAGE, "sh", "-c", "echo written > /data/file")
    assert (top / "file").read_text() == "written\n"
    podman.call(
        "run", "--rm", "-v", f"{top}:/data:ro", IMAGE, "sh", "-c", "echo no > /data/file", code=1
    )


@case
def volume_options(podman):
    top = pathlib.Path(podman.scratch, "vol")
    top.mkdir(exist_ok=True)
    output = podman.call(
        "run",
        "--rm",
        "-v",
        f"{top}:/data:nosuid,nodev,noexec,rslave",
        IMAGE,
        "grep",
        " /data ",
        "/proc/self/mountinfo",
    )
    assert all(option in output for option in ("nosuid", "nodev", "noexec"))


@case
def volume_on_file(podman):
    file = pathlib.Path(podman.scratch, "single")
    file.write_text("one file\n")
    assert (
        podman.call("run", "--rm", "-v", f"{file}:/etc/passwd:ro", IMAGE, "cat", "/etc/passwd")
        == "one file"
    )


@case
def device(podman):
    assert (
        podman.call(
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
def device_rules(podman):
    podman.call(
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
    podman.call(
        "run",
        "--rm",
        "--cap-add",
        "mknod",
        IMAGE,
        "sh",
        "-c",
        "mknod /dev/mykmsg c 1 11 && exec 3< /dev/mykmsg",
        code=1,
    )


@case
def ulimit(podman):
    assert (
        podman.call(
            "run",
            "--rm",
            "--ulimit",
            "nofile=321:432",
            "--ulimit",
            "core=0:0",
            IMAGE,
            "sh",
            "-c",
            "ulimit -Sn; ulimit -Hn; ulimit -c",
        )
        == "321\n432\n0"
    )


@case
def init(podman):
    podman.call("run", "-d", "--name", "c", "--init", IMAGE, "sleep", "1000")
    assert "catatonit" in podman.call(
        "exec", "c", "cat", "/proc/1/cmdline"
    ) or "init" in podman.call("exec", "c", "cat", "/proc/1/cmdline")
    podman.call("stop", "-t", "10", "c")
    assert podman.field("c", "State.ExitCode") == "143"


@case
def privileged(podman):
    status = lines(podman.call("run", "--rm", "--privileged", IMAGE, "cat", "/proc/self/status"))
    own = lines(pathlib.Path("/proc/self/status").read_text())
    assert status["CapEff"] == own["CapEff"] and status["Seccomp"] == "0"
    podman.call(
        "run", "--rm", "--privileged", IMAGE, "sh", "-c", "mkdir /m && mount -t tmpfs tmpfs /m"
    )
    podman.call("run", "--rm", "--privileged", IMAGE, "test", "-e", "/dev/vda", code=None)


@case
def default_security(podman):
    status = lines(podman.call("run", "--rm", IMAGE, "cat", "/proc/self/status"))
    assert (
        status["Seccomp"] == "2"
        and status["CapInh"] == "0000000000000000"
        and status["CapEff"] == status["CapBnd"]
    )
    podman.call("run", "--rm", IMAGE, "mount", "-t", "tmpfs", "tmpfs", "/tmp", code=1)
    podman.call("run", "--rm", IMAGE, "sh", "-c", "echo 1 > /proc/sys/kernel/sysrq", code=1)
    assert podman.call("run", "--rm", IMAGE, "cat", "/proc/timer_list") == ""


@case
def seccomp_unconfined(podman):
    assert (
        lines(
            podman.call(
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
def seccomp_profile(podman):
    profile = pathlib.Path(podman.scratch, "profile.json")
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
    output = podman.call(
        "run", "--rm", "--security-opt", f"seccomp={profile}", IMAGE, "mkdir", "/new", code=1
    )
    assert "File exists" in output


@case
def capabilities(podman):
    status = lines(
        podman.call(
            "run",
            "--rm",
            "--cap-drop",
            "all",
            "--cap-add",
            "chown,net_raw",
            IMAGE,
            "cat",
            "/proc/self/status",
        )
    )
    assert int(status["CapEff"], 16) == 1 << 0 | 1 << 13
    status = lines(
        podman.call(
            "run", "--rm", "--user", "1000", "--cap-add", "chown", IMAGE, "cat", "/proc/self/status"
        )
    )
    assert int(status["CapEff"], 16) == 1 and int(status["CapAmb"], 16) == 1


@case
def no_new_privileges(podman):
    assert (
        lines(
            podman.call(
                "run",
                "--rm",
                "--security-opt",
                "no-new-privileges",
                IMAGE,
                "cat",
                "/proc/self/status",
            )
        )["NoNewPrivs"]
        == "1"
    )


@case
def mask_unmask(podman):
    assert (
        podman.call(
            "run", "--rm", "--security-opt", "mask=/etc/passwd", IMAGE, "cat", "/etc/passwd"
        )
        == ""
    )
    podman.call(
        "run",
        "--rm",
        "--security-opt",
        "unmask=ALL",
        IMAGE,
        "test",
        "-s",
        "/proc/timer_list",
        code=None,
    )


@case
def sysctl(podman):
    output = podman.call(
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
def user_and_groups(podman):
    assert (
        podman.call(
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
    assert podman.call("run", "--rm", "--user", "nobody", IMAGE, "id", "-u") == "65534"


@case
def hostname_env_workdir(podman):
    assert (
        podman.call(
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
    assert podman.call("run", "--rm", "--workdir", "/made/new", IMAGE, "pwd", code=None) is not None


@case
def shm_size(podman):
    assert "size=2048k" in podman.call(
        "run", "--rm", "--shm-size", "2m", IMAGE, "grep", "/dev/shm", "/proc/mounts"
    )


@case
def oom_score(podman):
    assert (
        podman.call(
            "run", "--rm", "--oom-score-adj", "500", IMAGE, "cat", "/proc/self/oom_score_adj"
        )
        == "500"
    )


@case
def umask(podman):
    assert podman.call("run", "--rm", "--umask", "0077", IMAGE, "sh", "-c", "umask") == "0077"


@case
def cgroup_parent(podman):
    podman.call("run", "-d", "--name", "c", "--cgroup-parent", "/libpod_conf", IMAGE)
    pid = podman.field("c", "State.Pid")
    assert "/libpod_conf/" in pathlib.Path("/proc", pid, "cgroup").read_text()


@case
def cgroups_disabled(podman):
    podman.call("run", "--rm", "--cgroups", "disabled", "--pids-limit", "0", IMAGE, "true")


@case
def cgroupns_private(podman):
    output = podman.call("run", "--rm", "--cgroupns", "private", IMAGE, "cat", "/proc/self/cgroup")
    assert all(line.endswith(":/") for line in output.splitlines())


@case
def secret(podman):
    file = pathlib.Path(podman.scratch, "secret")
    file.write_text("classified")
    podman.call("secret", "create", "s1", file)
    try:
        assert (
            podman.call("run", "--rm", "--secret", "s1", IMAGE, "cat", "/run/secrets/s1")
            == "classified"
        )
    finally:
        podman.call("secret", "rm", "s1")


@case
def attach(podman):
    podman.call("run", "-d", "--name", "c", IMAGE, "sh", "-c", "sleep 2; echo late")
    assert podman.call("attach", "--no-stdin", "c") == "late"


@case
def top_and_stats(podman):
    podman.call("run", "-d", "--name", "c", IMAGE)
    assert "sleep" in podman.call("top", "c")
    assert "c" in podman.call("stats", "--no-stream", "c")


@case
def copy(podman):
    podman.call("run", "-d", "--name", "c", IMAGE)
    file = pathlib.Path(podman.scratch, "copied")
    file.write_text("carried\n")
    podman.call("cp", file, "c:/tmp/there")
    assert podman.call("exec", "c", "cat", "/tmp/there") == "carried"
    podman.call("cp", "c:/etc/group", podman.scratch + "/back")
    assert "root" in pathlib.Path(podman.scratch, "back").read_text()


@case
def copy_while_paused(podman):
    podman.call("run", "-d", "--name", "c", IMAGE)
    podman.call("pause", "c")
    podman.call("cp", "c:/etc/group", podman.scratch + "/back2")
    podman.call("unpause", "c")


@case
def commit(podman):
    podman.call("run", "-d", "--name", "c", IMAGE)
    podman.call("exec", "c", "touch", "/marked")
    podman.call("commit", "-q", "c", "localhost/committed:1")
    podman.call("run", "--rm", "localhost/committed:1", "test", "-e", "/marked")
    podman.call("rmi", "-f", "localhost/committed:1")


@case
def rootfs(podman):
    top = pathlib.Path(podman.scratch, "plain")
    if not top.exists():
        (top / "bin").mkdir(parents=True)
        subprocess.run(["cp", "/bin/busybox", str(top / "bin" / "busybox")], check=True)
    assert (
        podman.call("run", "--rm", "--rootfs", top, "/bin/busybox", "echo", "plain root")
        == "plain root"
    )


@case
def rootfs_overlay(podman):
    rootfs(podman)
    podman.call(
        "run", "--rm", "--rootfs", podman.scratch + "/plain:O", "/bin/busybox", "touch", "/made"
    )
    assert not pathlib.Path(podman.scratch, "plain", "made").exists()


@case
def preserve_fds(podman):
    limits = [word for limit in LIMITS for word in ("--ulimit", limit)]
    command = " ".join(
        [
            *podman.command,
            "run",
            *limits,
            "--rm",
            "--preserve-fds",
            "1",
            IMAGE,
            "sh",
            "-c",
            "'cat <&3'",
        ]
    )
    done = subprocess.run(
        ["sh", "-c", f"echo handed | {command} 3<&0"],
        stdout=subprocess.PIPE,
        text=True,
        timeout=60,
        check=True,
        env=dict(os.environ, **podman.environment),
    )
    assert done.stdout == "handed\n", done.stdout


@case
def hooks(podman):
    directory = pathlib.Path(podman.scratch, "hooks.d")
    directory.mkdir(exist_ok=True)
    hook = pathlib.Path(podman.scratch, "hook.sh")
    seen = pathlib.Path(podman.scratch, "seen")
    seen.unlink(missing_ok=True)
    hook.write_text(f"#!/bin/sh\ncat >> {seen}\necho >> {seen}\n")
    hook.chmod(0o755)
    stages = ["prestart", "createRuntime", "createContainer", "poststart", "poststop"]
    (directory / "h.json").write_text(
        json.dumps(
            {
                "version": "1.0.0",
                "hook": {"path": str(hook)},
                "when": {"always": True},
                "stages": stages,
            }
        )
    )
    podman.command += ["--hooks-dir", str(directory)]
    podman.call("run", "--name", "c", IMAGE, "true")
    podman.call("rm", "c")
    states = [json.loads(line)["status"] for line in seen.read_text().splitlines() if line]
    assert len(states) == 5 and states[-1] == "stopped", states


@case
def annotations_and_labels(podman):
    podman.call("run", "-d", "--name", "c", "--annotation", "a=b", "--label", "l=m", IMAGE)
    assert podman.field("c", "Config.Annotations") and "l:m" in podman.field("c", "Config.Labels")


@case
def pod(podman):
    podman.call("pod", "create", "--name", "p", "--infra=false")
    podman.call("run", "-d", "--pod", "p", "--name", "a", IMAGE)
    podman.call("run", "-d", "--pod", "p", "--name", "b", "--ipc", "container:a", IMAGE)
    assert podman.call("exec", "a", "readlink", "/proc/self/ns/ipc") == podman.call(
        "exec", "b", "readlink", "/proc/self/ns/ipc"
    )
    podman.call("pod", "pause", "p")
    podman.call("pod", "unpause", "p")
    podman.call("pod", "stop", "-t", "0", "p")
    podman.call("pod", "start", "p")
    podman.call("pod", "rm", "-f", "-t", "0", "p")


@case
def many(podman):
    names = ["m%d" % number for number in range(8)]
    for name in names:
        podman.call("create", "--name", name, IMAGE)
    podman.call("start", *names)
    assert len(podman.call("ps", "-q").split()) == 8
    podman.call("stop", "-t", "0", *names)
    podman.call("rm", *names)


@case
def restart_policy(podman):
    podman.call(
        "run",
        "-d",
        "--name",
        "c",
        "--restart",
        "on-failure:2",
        IMAGE,
        "sh",
        "-c",
        "echo again; exit 1",
    )
    podman.until(lambda output: output.count("again") == 3, "logs", "c")


@case
def time_zone(podman):
    assert podman.call("run", "--rm", "--tz", "UTC", IMAGE, "date", "+%Z", code=None) is not None


@case
def personality(podman):
    podman.call("run", "--rm", "--personality", "LINUX32", IMAGE, "uname", "-m", code=None)


@case
def runtime_info(podman):
    information = json.loads(podman.call("info", "--format", "{{json .Host.OCIRuntime}}"))
    assert information["path"] == podman.runtime and information["version"]


@case
def device_cgroup_rule_and_readonly_paths(podman):
    output = podman.call(
        "run",
        "--rm",
        "--read-only",
        "--cap-drop",
        "all",
        IMAGE,
        "sh",
        "-c",
        "grep -c . /proc/self/mountinfo; ls /sys/firmware | wc -l",
    )
    assert output.splitlines()[-1] == "0"


if __name__ == "__main__":
    sys.exit(main(Engine, CASES))
