# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""exec: a further process in a container, by the command."""

from __future__ import annotations

import json
import os
import pathlib
import signal
import subprocess

import pytest
from support.waiting import until


@pytest.fixture
def box(runtime, bundle):
    """A running container ``c``; gives its runtime."""
    runtime.detached(bundle.save(noNewPrivileges=True), "c")
    return runtime


def test_output_and_exit_code(box):
    done = box("exec", "c", "sh", "-c", "echo out; echo err >&2; exit 4")
    assert (done.returncode, done.stdout, done.stderr) == (4, "out\n", "err\n")
    assert box("exec", "c", "sh", "-c", "kill -TERM $$").returncode == 128 + signal.SIGTERM


def test_it_is_in_the_containers_namespaces_and_cgroup(box):
    script = "for n in mnt pid uts ipc net; do readlink /proc/1/ns/$n; done; cat /proc/1/cgroup"
    assert box.ok("exec", "c", "sh", "-c", script) == box.ok(
        "exec", "c", "sh", "-c", script.replace("/1/", "/self/")
    )


def test_options(box):
    assert box.ok(
        "exec", "--user", "1000:1001", "-g", "1002", "c", "sh", "-c", "id -u; id -g; id -G"
    ).split() == ["1000", "1001", "1001", "1002"]
    out = box.ok(
        "exec", "--cwd", "/tmp", "-e", "A=b", "--env=C=d", "c", "sh", "-c", "pwd; echo $A $C"
    )
    assert out == "/tmp\nb d\n"
    status = box.ok(
        "exec",
        "--no-new-privs",
        "-c",
        "CAP_KILL",
        "--cap",
        "CAP_SYS_ADMIN",
        "c",
        "cat",
        "/proc/self/status",
    )
    fields = dict(line.split(":\t") for line in status.splitlines() if ":\t" in line)
    assert fields["NoNewPrivs"] == "1"
    assert "NoNewPrivs:\t0\n" in box.ok("exec", "c", "cat", "/proc/self/status")
    assert [fields[name] for name in ("CapEff", "CapPrm", "CapBnd", "CapInh", "CapAmb")] == [
        "0000000000200020"
    ] * 3 + ["0" * 16] * 2


def test_a_capability_that_is_inheritable_becomes_ambient(runtime, bundle):
    """Else a user other than root would not have what is added for him (capabilities(7), "execve")."""
    bundle.config["process"]["capabilities"] = {
        "inheritable": ["CAP_KILL", "CAP_CHOWN"],
        "bounding": ["CAP_KILL"],
    }
    runtime.detached(bundle.save(), "c")
    status = runtime.ok(
        "exec", "--cap", "CAP_KILL", "--user", "1000", "c", "cat", "/proc/self/status"
    )
    fields = dict(line.split(":\t") for line in status.splitlines() if ":\t" in line)
    assert [fields[name] for name in ("CapEff", "CapBnd", "CapInh", "CapAmb")] == [
        f"{mask:016x}" for mask in (0x20, 0x20, 0x20, 0x20)
    ]


def test_no_new_privileges_is_the_containers(runtime, bundle):
    """Root's permitted set would grow to the bounding set by execve(2) without it."""
    bundle.config["process"]["capabilities"] = {
        "bounding": ["CAP_KILL", "CAP_CHOWN"],
        "permitted": ["CAP_KILL"],
        "effective": ["CAP_KILL"],
    }
    runtime.detached(bundle.save(noNewPrivileges=True), "c")
    status = runtime.ok("exec", "c", "cat", "/proc/self/status")
    assert "NoNewPrivs:\t1\n" in status and "CapPrm:\t0000000000000020\n" in status


def test_the_callers_cpus_are_not_the_containers(runtime, bundle):
    every = os.sched_getaffinity(0)
    if len(every) < 2:
        pytest.skip("needs two CPUs")

    def confined():
        os.sched_setaffinity(0, {min(every)})

    def allowed(text):
        return [
            line.split()[1] for line in text.splitlines() if line.startswith("Cpus_allowed_list")
        ]

    whole = allowed(pathlib.Path("/proc/self/status").read_text())
    bundle.shell("cat /proc/self/status; exec sleep 1000")
    with open(bundle.path / "output", "w") as output:
        assert (
            runtime(
                "run",
                "--detach",
                "--bundle",
                bundle.path,
                "c",
                stdout=output,
                stderr=output,
                preexec_fn=confined,
            ).returncode
            == 0
        )
    assert until(lambda: allowed((bundle.path / "output").read_text())) == whole
    assert (
        allowed(runtime.ok("exec", "c", "cat", "/proc/self/status", preexec_fn=confined)) == whole
    )
    (bundle.path / "process.json").write_text(
        json.dumps(
            {
                "args": ["cat", "/proc/self/status"],
                "cwd": "/",
                "env": ["PATH=/bin"],
                "execCPUAffinity": {"initial": str(max(every))},
            }
        )
    )
    assert allowed(runtime.ok("exec", "--process", bundle.path / "process.json", "c")) == [
        str(max(every))
    ]


@pytest.mark.parametrize(
    "words, document, seen",
    [
        (
            ("exec", "--process"),
            {"args": ["echo", "hello"], "cwd": "/", "env": ["PATH=/bin"]},
            "hello\n",
        ),
        (("update", "--resources"), {"pids": {"limit": 21}}, ""),
    ],
)
def test_a_document_from_a_pipe(box, words, document, seen):
    """As in ``--process <(command)``; what is no document is one sentence."""
    for text in (json.dumps(document), "no JSON"):
        reader, writer = os.pipe()
        os.write(writer, text.encode())
        os.close(writer)
        try:
            done = box(*words, f"/dev/fd/{reader}", "c", pass_fds=(reader,))
        finally:
            os.close(reader)
        if text == "no JSON":
            assert done.returncode and words[1] in done.stderr and done.stderr.count("\n") == 1
        else:
            assert (done.returncode, done.stdout) == (0, seen), done.stderr
    assert words[1] in box.fails(*words, "/nope", "c")


def test_the_callers_signals_are_not_the_containers(runtime, bundle):
    """Which are ignored and which are blocked a program keeps from whoever starts it (signal(7))."""

    def deaf():
        for number in (signal.SIGHUP, signal.SIGCHLD, signal.SIGRTMIN + 3):
            signal.signal(number, signal.SIG_IGN)
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGUSR1})

    def left(text):
        found = dict(line.split(":\t") for line in text.splitlines() if line.startswith("Sig"))
        return [
            int(found[name], 16) & ~(0b11 << 31) for name in ("SigBlk", "SigIgn", "SigCgt")
        ]  # 32 and 33 are the C library's own

    none = [0, 0, 0]
    assert (
        left(
            runtime.ok(
                "run",
                "--bundle",
                bundle.save(args=["cat", "/proc/self/status"]).path,
                "of-run",
                preexec_fn=deaf,
            )
        )
        == none
    )
    runtime.detached(bundle.save(args=["sleep", "1000"]), "of-exec")
    assert left(runtime.ok("exec", "of-exec", "cat", "/proc/self/status", preexec_fn=deaf)) == none


def test_what_is_no_value(box):
    for words in (
        ("--user", "nobody"),
        ("--user", "4294967295"),
        ("--user", "-1"),
        ("--user", "1:"),
        ("--env", "A"),
        ("--additional-gids", "x"),
    ):
        done = box("exec", *words, "c", "id")
        assert done.returncode == 255 and words[0] in done.stderr, words


def test_a_capability_that_is_unknown_is_passed_over_with_a_word(box):
    done = box("exec", "--cap", "CAP_FLY", "c", "id", "-u")
    assert (done.returncode, done.stdout) == (0, "0\n") and "CAP_FLY" in done.stderr


def test_errors_end_with_255(box):
    for words, said in (
        (["nope"], "executable file not found in $PATH"),
        (["/nope"], "no such file"),
        (["/etc"], "permission denied"),
        (["--cwd", "/nowhere", "true"], "working directory"),
    ):
        done = box("exec", *words[:-1], "c", words[-1])
        assert done.returncode == 255 and said in done.stderr and done.stderr.count("\n") == 1
    assert "a command" in box("exec", "c").stderr
    assert "does not exist" in box("exec", "nobody", "true").stderr


def test_a_process_file_with_detach_and_pid_file(box, bundle):
    process = {
        "args": ["sh", "-c", "echo $A > /tmp/a; sleep 1000"],
        "cwd": "/",
        "env": ["A=value", "PATH=/bin"],
        "user": {"uid": 5, "gid": 6},
    }
    (bundle.path / "process.json").write_text(json.dumps(process))
    (bundle.rootfs / "tmp").chmod(0o1777)
    box.ok(
        "exec",
        "--process",
        bundle.path / "process.json",
        "--detach",
        "--pid-file",
        bundle.path / "pid",
        "c",
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    assert until(
        lambda: (
            (bundle.rootfs / "tmp" / "a").exists()
            and (bundle.rootfs / "tmp" / "a").read_text() == "value\n"
        )
    )
    pid = int((bundle.path / "pid").read_text())
    assert pid in json.loads(box.ok("ps", "--format", "json", "c"))
    assert "Uid:\t5\t5\t5\t5" in open("/proc/%d/status" % pid).read()
    box.ok("delete", "--force", "c")
    assert not os.path.exists("/proc/%d/root/bin" % pid)


def test_signals_are_passed_on(box, bundle):
    script = "trap 'echo got; exit 7' USR1; touch /tmp/ready; while :; do sleep 0.05; done"
    call = subprocess.Popen(
        box.argv("exec", "c", "sh", "-c", script),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert until((bundle.rootfs / "tmp" / "ready").exists)
    call.send_signal(signal.SIGUSR1)
    assert call.communicate(timeout=60)[0] == "got\n" and call.returncode == 7


def test_standard_input(box):
    done = subprocess.run(
        box.argv("exec", "c", "cat"),
        input=b"some text",
        stdout=subprocess.PIPE,
        timeout=60,
        check=True,
    )
    assert done.stdout == b"some text"


def test_a_created_and_a_paused_and_a_stopped_container(box, bundle):
    box.ok("pause", "c")
    assert "paused" in box("exec", "c", "true").stderr
    call = subprocess.Popen(
        box.argv("exec", "--ignore-paused", "c", "true"), stdin=subprocess.DEVNULL
    )
    assert until(
        lambda: len(json.loads(box.ok("ps", "--format", "json", "c"))) == 2
    )  # it waits there
    box.ok("resume", "c")
    assert call.wait(60) == 0
    box.ok("kill", "c", "KILL")
    assert until(lambda: box.state("c")["status"] == "stopped")
    assert "stopped" in box("exec", "c", "true").stderr
    box.ok(
        "create", "--bundle", bundle.path, "d", stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    assert box.ok("exec", "d", "echo", "hi") == "hi\n"


def test_no_descriptor_of_the_host_is_open(box):
    assert box.ok("exec", "c", "ls", "/proc/self/fd").split() == ["0", "1", "2", "3"]  # 3: ls's own


@pytest.mark.parametrize(
    "place, said",
    [
        ("..", "bad sub cgroup path: .. is not a sub cgroup path"),
        ("cpu:../../x", "is not a sub cgroup path"),
        ("what:/", "unknown controller what"),
        ("none", "/none/cgroup.procs: no such file"),
        ("cpu,cpuacct:none", "/none/cgroup.procs: no such file"),
    ],
)
def test_cgroups_that_are_none_of_its_own(box, place, said):
    if said.startswith("/none") and place != "none" and not os.path.isdir("/sys/fs/cgroup/cpuacct"):
        pytest.skip("needs cgroup v1")
    assert said in box.fails("exec", "--cgroup", place, "c", "true")
