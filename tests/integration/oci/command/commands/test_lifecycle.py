# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""create, start, run, state, kill, delete, list: a container's life by the command."""

from __future__ import annotations

import json
import os
import pathlib
import signal
import subprocess

import pytest
from integration.oci.command.conftest import Bundle
from pycontainer.kernel import cgroups
from pycontainer.kernel.processes import procfs
from support.waiting import until


def test_run_gives_output_and_exit_code_and_leaves_nothing(runtime, bundle):
    bundle.shell("echo hello; echo oops >&2; exit 3")
    done = runtime("run", "--bundle", bundle.path, "c")
    assert (done.returncode, done.stdout, done.stderr) == (3, "hello\n", "oops\n")
    assert os.listdir(runtime.root) == []
    assert not [
        path
        for path in (mount + "/pycontainer-oci/c" for mount in cgroups.base_paths())
        if os.path.exists(path)
    ]


def test_keep_leaves_a_stopped_container(runtime, bundle):
    bundle.shell("exit 0")
    runtime.ok("run", "--keep", "-b", bundle.path, "c")
    assert runtime.state("c")["status"] == "stopped"
    assert "already exists" in runtime.fails("run", "-b", bundle.path, "c")
    runtime.ok("delete", "c")
    runtime.ok("run", "-b", bundle.path, "c")


def test_death_by_a_signal_is_128_and_its_number(runtime, bundle):
    bundle.shell("sh -c 'kill -9 $$'; exit $?")
    assert runtime("run", "-b", bundle.path, "c").returncode == 137


def test_create_start_kill_delete(runtime, bundle):
    bundle.config["annotations"] = {"org.example.key": "value"}
    bundle.shell("echo started > /tmp/started; sleep 1000")
    runtime.ok(
        "create",
        "--bundle",
        bundle.path,
        "--pid-file",
        bundle.path / "pid",
        "c",
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    state = runtime.state("c")
    assert {key: state[key] for key in ("id", "status", "bundle", "annotations", "owner")} == {
        "id": "c",
        "status": "created",
        "bundle": str(bundle.path),
        "annotations": {"org.example.key": "value"},
        "owner": "root",
    }
    assert state["ociVersion"].startswith("1.") and state["rootfs"] == str(bundle.rootfs)
    assert str(state["pid"]) == (bundle.path / "pid").read_text()
    assert not (bundle.rootfs / "tmp" / "started").exists()
    runtime.ok("start", "c")
    assert until((bundle.rootfs / "tmp" / "started").exists)
    assert runtime.state("c")["status"] == "running" and runtime.state("c")["pid"] == state["pid"]
    assert "running, not created" in runtime.fails("start", "c")
    assert "not stopped" in runtime.fails("delete", "c")
    runtime.ok("kill", "c", "KILL")
    assert until(lambda: runtime.state("c")["status"] == "stopped")
    assert runtime.state("c")["pid"] == 0
    assert "not running" in runtime.fails("kill", "c")
    runtime.ok("delete", "c")
    assert "does not exist" in runtime.fails("state", "c")


def test_the_created_process_is_the_callers_grandchild_and_create_leaves_no_other(runtime, bundle):
    bundle.save()
    runtime.ok(
        "create", "--bundle", bundle.path, "c", stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    pid = runtime.state("c")["pid"]
    group = cgroups.reopen(
        json.loads((bundle.path.parent / "root" / "c" / "status").read_text())["cgroup"]
    )
    assert group.procs() == [pid]
    assert procfs.stat(pid)["parent"] != os.getpid()


def test_delete_of_a_created_container(runtime, bundle):
    runtime.ok(
        "create", "--bundle", bundle.path, "c", stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    pid = runtime.state("c")["pid"]
    runtime.ok("delete", "c")
    assert procfs.start_time(pid) is None


def test_delete_force(runtime, bundle):
    runtime.ok("delete", "--force", "nobody")
    assert "does not exist" in runtime.fails("delete", "nobody")
    runtime.detached(bundle, "c")
    runtime.ok("delete", "--force", "c")
    assert os.listdir(runtime.root) == []


def test_delete_by_a_regular_expression(runtime, bundle):
    for name in ("web-1", "web-2", "db"):
        runtime.detached(bundle, name)
    runtime.ok("delete", "--force", "--regex", "^web-")
    assert os.listdir(runtime.root) == ["db"]


@pytest.mark.parametrize("ident", ["", ".hidden", ".", "..", "a/b", "a b", "ä", "x" * 256])
def test_ids_that_are_none(runtime, bundle, ident):
    assert "container id" in runtime.fails("create", "--bundle", bundle.path, ident)
    assert not os.path.exists(runtime.root) or os.listdir(runtime.root) == []


def test_what_fails_leaves_nothing(runtime, bundle):
    for change, words in (
        ({"args": ["/nope"]}, "no such file"),
        ({"args": ["nope"]}, "executable file not found in $PATH"),
        ({"args": ["/etc"]}, "permission denied"),
        ({"args": ["true"], "cwd": "/bin/true"}, "working directory"),
    ):
        for command in ("create", "run"):
            bundle.config["process"]["cwd"] = "/"
            bundle.save(**change)
            assert words in runtime.fails(command, "--bundle", bundle.path, "c")
            assert os.listdir(runtime.root) == []
            assert not [
                mount
                for mount in cgroups.base_paths()
                if os.path.exists(mount + "/pycontainer-oci/c")
            ]


def test_what_execve_refuses_is_told_by_start(runtime, bundle):
    (bundle.rootfs / "bin" / "text").write_text("no program")
    (bundle.rootfs / "bin" / "text").chmod(0o755)
    bundle.save(args=["/bin/text"])
    runtime.ok(
        "create", "--bundle", bundle.path, "c", stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    done = runtime("start", "c")
    assert (
        done.returncode == 1
        and done.stderr.startswith("exec /bin/text: ")
        and "exec format error" in done.stderr
    )
    assert until(lambda: runtime.state("c")["status"] == "stopped")


@pytest.mark.parametrize("missing", ("interpreter", "file"))
def test_what_execve_refuses_is_told_by_run(runtime, bundle, missing):
    """The file being there, the words are those of its own process, and nothing else is said."""
    if missing == "interpreter":
        (bundle.rootfs / "bin" / "text").write_text("#!/none\n")
        (bundle.rootfs / "bin" / "text").chmod(0o755)
    bundle.save(args=["/bin/text"])
    done = runtime("run", "--bundle", bundle.path, "c")
    assert done.returncode == 1
    assert done.stderr == (
        "exec /bin/text: no such file or directory\n"
        if missing == "interpreter"
        else "pycontainer-oci: exec /bin/text: no such file or directory\n"
    )


def test_a_program_that_only_its_capabilities_let_the_user_execute(runtime, bundle):
    path = bundle.rootfs / "bin" / "id"
    path.unlink()
    path.write_bytes((bundle.rootfs / "bin" / "busybox").read_bytes())
    path.chmod(0o700)
    bundle.save(args=["/bin/id", "-u"], user={"uid": 1000, "gid": 1000})
    assert "permission denied" in runtime.fails("run", "--bundle", bundle.path, "c")
    bundle.save(
        capabilities={
            kind: ["CAP_DAC_OVERRIDE"]
            for kind in ("bounding", "permitted", "effective", "inheritable", "ambient")
        }
    )
    assert runtime.ok("run", "--bundle", bundle.path, "c", stderr=None) == "1000\n"


def test_bad_bundles(runtime, bundle):
    assert "config.json" in runtime.fails("run", "--bundle", bundle.path / "nothing", "c")
    (bundle.path / "config.json").write_text("{")
    assert "JSON" in runtime.fails("run", "--bundle", bundle.path, "c")
    (bundle.path / "config.json").write_text("{}")
    assert "process" in runtime.fails("run", "--bundle", bundle.path, "c")
    bundle.config["root"]["path"] = "nowhere"
    bundle.save()
    assert "nowhere" in runtime.fails("run", "--bundle", bundle.path, "c")


def test_of_creates_at_once_one_wins(runtime, bundle):
    calls = [
        subprocess.Popen(
            runtime.argv("create", "--bundle", bundle.path, "c"),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        for dummy in range(6)
    ]
    assert sorted(call.wait() for call in calls) == [0, 1, 1, 1, 1, 1]
    runtime.ok("start", "c")


def test_signals_are_passed_on_by_run(runtime, bundle):
    bundle.shell("trap 'echo got; exit 7' USR1; touch /tmp/ready; while :; do sleep 0.05; done")
    call = subprocess.Popen(
        runtime.argv("run", "--bundle", bundle.path, "c"),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert until((bundle.rootfs / "tmp" / "ready").exists)
    call.send_signal(signal.SIGUSR1)
    assert call.communicate(timeout=60)[0] == "got\n"
    assert call.returncode == 7


def test_standard_input(runtime, bundle):
    bundle.save(args=["cat"])
    done = subprocess.run(
        runtime.argv("run", "--bundle", bundle.path, "c"),
        input=b"some text",
        stdout=subprocess.PIPE,
        timeout=60,
        check=True,
    )
    assert done.stdout == b"some text"


def test_kill_takes_names_and_numbers(runtime, bundle):
    bundle.shell("trap 'echo got; exit 5' USR2; touch /tmp/ready; while :; do sleep 0.05; done")
    for number, name in enumerate(("USR2", "SIGUSR2", "sigusr2", "12")):
        runtime.detached(bundle, "c%d" % number)
        assert until((bundle.rootfs / "tmp" / "ready").exists)
        runtime.ok("kill", "c%d" % number, name)
        assert until(lambda: runtime.state("c%d" % number)["status"] == "stopped")  # pylint: disable=cell-var-from-loop
        (bundle.rootfs / "tmp" / "ready").unlink()
    for name in ("65", "NOPE", "-1", "SIG"):
        assert "signal" in runtime.fails("kill", "--", "c0", name)


def test_what_can_still_be_asked_of_a_stopped_container(runtime, bundle):
    bundle.save(args=["true"])
    runtime.detached(bundle, "c")
    assert until(lambda: runtime.state("c")["status"] == "stopped")
    runtime.ok("kill", "--all", "c", "0")
    assert runtime.ok("ps", "c").count("\n") == 1  # the heading
    assert json.loads(runtime.ok("ps", "--format", "json", "c")) == []


def test_no_pivot_leaves_no_proc_of_the_host_to_see(runtime, bundle):
    bundle.config["linux"]["maskedPaths"] = ["/proc/meminfo"]
    bundle.config["process"]["capabilities"] = {
        kind: ["CAP_SETFCAP"] for kind in ("bounding", "effective", "permitted")
    }  # to map uid 0
    bundle.shell("unshare -mrpf mount -t proc none /proc")
    done = runtime("run", "--no-pivot", "--bundle", bundle.path, "c")
    assert done.returncode == 1 and "permission denied" in done.stderr.lower(), done.stderr


def test_kill_all_reaches_every_process(runtime, bundle):
    bundle.config["linux"]["namespaces"] = [{"type": "mount"}]  # the host's process namespace
    bundle.shell("sleep 1000 & sleep 1000 & touch /tmp/ready; wait")
    runtime.detached(bundle, "c")
    assert until((bundle.rootfs / "tmp" / "ready").exists)
    pids = json.loads(runtime.ok("ps", "--format", "json", "c"))
    assert until(lambda: len(json.loads(runtime.ok("ps", "--format", "json", "c"))) == 3)
    runtime.ok("kill", "--all", "c", "KILL")
    assert until(lambda: not [pid for pid in pids if procfs.start_time(pid)])


@pytest.mark.parametrize("ended", [False, True])
def test_kill_takes_those_that_share_the_hosts_processes_along(runtime, bundle, ended):
    """In a namespace of their own the kernel would; process 1 may be gone already."""
    bundle.config["linux"]["namespaces"] = [{"type": "mount"}]
    bundle.shell("sleep 1000 & sleep 1000 & touch /tmp/ready; wait")
    runtime.detached(bundle, "c")
    assert until((bundle.rootfs / "tmp" / "ready").exists)
    assert until(lambda: len(json.loads(runtime.ok("ps", "--format", "json", "c"))) == 3)
    pids = json.loads(runtime.ok("ps", "--format", "json", "c"))
    if ended:
        runtime.ok("kill", "c", "HUP")
        assert until(lambda: runtime.state("c")["status"] == "stopped")
    runtime.ok("kill", "c", "KILL")
    assert until(lambda: not [pid for pid in pids if procfs.start_time(pid)])
    assert until(lambda: "not running" in runtime("kill", "c", "KILL").stderr)


def test_list_and_ps(runtime, bundle):
    assert "option --root: there is no directory" in runtime.fails("list")
    os.mkdir(runtime.root)
    assert runtime.ok("list", "--format", "json") == "null\n"
    runtime.detached(bundle, "a")
    runtime.ok(
        "create", "--bundle", bundle.path, "b", stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    assert runtime.ok("list", "-q") == "a\nb\n"
    assert [
        (entry["id"], entry["status"]) for entry in json.loads(runtime.ok("list", "-f", "json"))
    ] == [("a", "running"), ("b", "created")]
    table = runtime.ok("list").splitlines()
    assert (
        table[0].split() == ["ID", "PID", "STATUS", "BUNDLE", "CREATED", "OWNER"]
        and table[1].split()[2] == "running"
    )
    pid = runtime.state("a")["pid"]
    assert json.loads(runtime.ok("ps", "--format=json", "a")) == [pid]
    assert runtime.ok("ps", "a", "-e", "-o", "pid,args").split() == [
        "PID",
        "COMMAND",
        str(pid),
        "sleep",
        "1000",
    ]
    assert "accepted: table or json" in runtime.fails("list", "--format", "yaml")


def test_errors_go_to_the_log_as_engines_read_them(runtime, bundle):
    log = bundle.path / "log"
    runtime.fails("--log", log, "--log-format", "json", "state", "nobody")
    entry = json.loads(log.read_text())
    assert (
        entry["level"] == "error"
        and "nobody does not exist" in entry["msg"]
        and entry["time"].startswith("20")
    )
    log.unlink()
    runtime.fails("--log", log, "state", "nobody")
    assert 'level=error msg="container nobody does not exist' in log.read_text()


def test_debug_tells_the_steps(runtime, bundle):
    bundle.save(args=["true"])
    done = runtime("--debug", "run", "--bundle", bundle.path, "c")
    assert (
        done.returncode == 0
        and 'level=debug msg="nsexec container setup: process' in done.stderr
        and ", mount, joined none" in done.stderr
    ), done.stderr
    bundle.config["linux"]["seccomp"] = {
        "defaultAction": "SCMP_ACT_ALLOW",
        "flags": ["SECCOMP_FILTER_FLAG_LOG", "SECCOMP_FILTER_FLAG_TSYNC"],
    }
    runtime.ok(
        "--debug",
        "--log",
        bundle.save().path / "log",
        "--log-format",
        "json",
        "run",
        "--bundle",
        bundle.path,
        "c",
    )
    entries = [json.loads(line) for line in (bundle.path / "log").read_text().splitlines()]
    assert {entry["level"] for entry in entries} == {"debug"} and "seccomp filter flags: 2" in [
        entry["msg"] for entry in entries
    ]


def test_descriptors(runtime, bundle):
    bundle.save(args=["ls", "/proc/self/fd"])
    reading, writing = os.pipe()
    os.dup2(reading, 3)
    os.dup2(writing, 4)
    assert runtime("run", "--bundle", bundle.path, "c", pass_fds=(3, 4)).stdout.split() == [
        "0",
        "1",
        "2",
        "3",
    ]  # 3: ls's own
    assert runtime(
        "run", "--preserve-fds", "2", "--bundle", bundle.path, "c", pass_fds=(3, 4)
    ).stdout.split() == ["0", "1", "2", "3", "4", "5"]
    bundle.save(args=["env"])
    out = runtime.ok(
        "run", "--bundle", bundle.path, "c", pass_fds=(3,), env={"LISTEN_FDS": "1", "SECRET": "x"}
    )
    assert "LISTEN_FDS=1\n" in out and "LISTEN_PID=1\n" in out and "SECRET" not in out
    out = runtime.ok(
        "run", "--bundle", bundle.path, "c", env={"LISTEN_FDS": "1"}
    )  # of which none is open
    assert "LISTEN_PID=1\n" in out
    bundle.save(args=["ls", "/proc/self/fd"])
    assert runtime(
        "run", "--preserve-fds", "300", "--bundle", bundle.path, "c", pass_fds=(4,)
    ).stdout.split() == ["0", "1", "2", "3", "4"]


def test_unknown_system_calls(runtime, bundle):
    bundle.config["linux"]["seccomp"] = {
        "defaultAction": "SCMP_ACT_ALLOW",
        "syscalls": [{"names": ["mkdir", "frobnicate"], "action": "SCMP_ACT_ERRNO"}],
    }
    bundle.save(args=["true"])
    runtime.ok("run", "--bundle", bundle.path, "c")
    bundle.config["annotations"] = {"run.oci.seccomp_fail_unknown_syscall": "1"}
    bundle.save()
    assert "frobnicate" in runtime.fails("run", "--bundle", bundle.path, "c")


@pytest.mark.parametrize("no_new_privileges", (False, True))
def test_hooks_of_the_start_are_filtered_too(runtime, bundle, no_new_privileges):
    bundle.config["linux"]["seccomp"] = {
        "defaultAction": "SCMP_ACT_ALLOW",
        "syscalls": [{"names": ["mkdir", "mkdirat"], "action": "SCMP_ACT_KILL"}],
    }
    bundle.config["hooks"] = {
        "startContainer": [{"path": "/bin/sh", "args": ["sh", "-c", "mkdir /tmp/d"]}]
    }
    bundle.save(args=["true"], noNewPrivileges=no_new_privileges)
    assert "startContainer hook #0: /bin/sh: signal: bad system call" in runtime.fails(
        "run", "--bundle", bundle.path, "c"
    )


def test_groups_of_the_caller(runtime, bundle):
    bundle.save(args=["id", "-G"])
    groups = os.getgroups()
    try:
        os.setgroups([7, 8])
        bundle.config["annotations"] = {"run.oci.keep_original_groups": "1"}
        bundle.save()
        assert set(runtime.ok("run", "--bundle", bundle.path, "c").split()) == {"0", "7", "8"}
        bundle.config["annotations"] = {}
        bundle.save()
        assert runtime.ok("run", "--bundle", bundle.path, "c").split() == ["0"]
    finally:
        os.setgroups(groups)


def test_groups_of_the_caller_in_a_user_namespace(runtime, bundle, tmp_path):
    """They are left untouched, as crun does: what the namespace does not map is 65534 inside and still opens files."""
    bundle.config["annotations"] = {"run.oci.keep_original_groups": "1"}
    bundle.config["linux"]["namespaces"].append({"type": "user"})
    bundle.config["linux"].update(
        {
            kind: [{"containerID": 0, "hostID": 100000, "size": 1000}]
            for kind in ("uidMappings", "gidMappings")
        }
    )
    for path in (bundle.path, *bundle.path.parents):
        if path != tmp_path.parents[-1]:
            os.chmod(path, os.stat(path).st_mode | 0o111)
    secret = tmp_path / "secret"
    secret.write_text("kept\n")
    os.chown(secret, 0, 7)
    secret.chmod(0o040)
    bundle.config["mounts"].append(
        {"destination": "/tmp", "type": "bind", "source": str(tmp_path), "options": ["bind"]}
    )
    bundle.shell("id -G; cat /tmp/secret")
    groups = os.getgroups()
    try:
        os.setgroups([7])
        assert runtime.ok("run", "--bundle", bundle.path, "c") == "0 65534\nkept\n"
    finally:
        os.setgroups(groups)


@pytest.mark.skipif(not os.path.isdir("/sys/fs/cgroup/freezer"), reason="needs cgroup v1's freezer")
def test_delete_of_a_process_that_was_frozen_elsewhere(runtime, bundle):
    runtime.detached(bundle, "c")
    elsewhere = pathlib.Path("/sys/fs/cgroup/freezer/pycontainer-test-frozen")
    elsewhere.mkdir()
    try:
        (elsewhere / "cgroup.procs").write_text(str(runtime.state("c")["pid"]))
        (elsewhere / "freezer.state").write_text("FROZEN")
        assert runtime.ok("delete", "--force", "c") == ""
    finally:
        (elsewhere / "freezer.state").write_text("THAWED")
        assert until(lambda: not (elsewhere / "cgroup.procs").read_text())
        elsewhere.rmdir()


def test_the_loopback_is_up(runtime, bundle):
    bundle.save(args=["ip", "addr", "show", "lo"])
    assert "127.0.0.1" in runtime.ok("run", "--bundle", bundle.path, "c")


def test_mounts_of_a_container_do_not_reach_a_shared_mount_of_the_host(runtime, tmp_path):
    shared = tmp_path / "shared"
    shared.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "shared", shared], check=True)
    try:
        subprocess.run(["mount", "--make-shared", shared], check=True)
        bundle = Bundle(shared / "bundle")
        runtime.detached(bundle, "c")
        with open("/proc/self/mountinfo") as file:
            assert [line.split()[4] for line in file if str(shared) in line] == [str(shared)]
        runtime.ok("delete", "--force", "c")
    finally:
        subprocess.run(["umount", "--recursive", shared], check=True)


@pytest.mark.parametrize("word", ["TERM", "INT"])
def test_a_created_process_ends_when_it_is_asked_to(runtime, bundle, word):
    runtime.ok(
        "create", "--bundle", bundle.path, "c", stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    runtime.ok("kill", "c", word)
    assert until(lambda: runtime.state("c")["status"] == "stopped")
    assert "stopped, not created" in runtime.fails("start", "c")


def test_a_created_process_that_is_killed_is_no_longer_startable(runtime, bundle):
    runtime.ok(
        "create", "--bundle", bundle.path, "c", stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    runtime.ok("kill", "c", "KILL")
    assert until(lambda: runtime.state("c")["status"] == "stopped")
    assert "stopped, not created" in runtime.fails("start", "c")
    runtime.ok("delete", "c")


def test_a_process_that_is_killed_just_before_its_program_is_waited_for(runtime, bundle):
    bundle.config["hooks"] = {"startContainer": [{"path": "/bin/sleep", "args": ["sleep", "1000"]}]}
    bundle.save(args=["true"])
    run = subprocess.Popen(
        runtime.argv("run", "--bundle", bundle.path, "c"),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        assert until(
            lambda: (
                children(run.pid)
                and [procfs.read("/proc/%d/comm" % pid) for pid in children(children(run.pid)[0])]
                == ["sleep\n"]
            )
        )
        os.kill(children(run.pid)[0], 9)
        assert run.wait(60) == 137
    finally:
        run.kill()
        run.wait()


def children(pid):
    return [int(word) for word in procfs.read("/proc/%d/task/%d/children" % (pid, pid)).split()]


def test_what_a_killed_create_leaves_can_be_deleted(runtime, bundle):
    os.makedirs(os.path.join(runtime.root, "c"))
    assert runtime.state("c")["status"] == "stopped"
    assert "already exists" in runtime.fails("create", "--bundle", bundle.path, "c")
    runtime.ok("delete", "c")


def test_a_status_that_can_not_be_read_hinders_nobody(runtime, bundle, tmp_path):
    """Neither the list of the others, nor the end of the one."""
    runtime.ok(
        "create",
        "--bundle",
        bundle.path,
        "lost",
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    runtime.ok(
        "create",
        "--bundle",
        bundle.path,
        "kept",
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    pid = runtime.state("lost")["pid"]
    for content in ("", "{", "[]", "[" * 5000, '{"pid": "x"}', '{"a": 1}'):
        pathlib.Path(runtime.root, "lost", "status").write_text(content)
        assert runtime.ok("list", "--quiet") == "kept\n"
        assert "status can't be read" in runtime.fails("state", "lost")
    runtime.ok("delete", "--force", "lost")
    assert not os.path.exists(os.path.join(runtime.root, "lost")) and until(
        lambda: not os.path.exists("/proc/%d" % pid)
    )


def test_poststop_hooks_of_a_container_whose_status_is_lost(runtime, bundle, tmp_path):
    """They run all the same; the bundle, which the status named, is not known any more."""
    hook = {"path": "/bin/sh", "args": ["sh", "-c", f"cat > {tmp_path}/state"]}
    bundle.config["hooks"] = {"poststop": [hook]}
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    runtime.ok("create", "--bundle", bundle.save().path, "lost", **quiet)
    pathlib.Path(runtime.root, "lost", "status").write_text("")
    runtime.ok("delete", "--force", "lost")
    state = json.loads((tmp_path / "state").read_text())
    assert (state["id"], state["status"], state["bundle"]) == ("lost", "stopped", "")
    assert os.listdir(runtime.root) == []


def test_a_status_of_any_size(runtime, bundle):
    bundle.config["annotations"] = {"key%d" % number: "x" * 100_000 for number in range(15)}
    runtime.detached(bundle.save(), "c")
    assert runtime.state("c")["annotations"] == bundle.config["annotations"]
    runtime.ok("delete", "--force", "c")


def test_a_created_container_can_be_paused(runtime, bundle):
    runtime.ok(
        "create", "--bundle", bundle.path, "c", stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    runtime.ok("pause", "c")
    assert runtime.state("c")[
        "status"
    ] == "paused" and "it is paused, not created" in runtime.fails("start", "c")
    runtime.ok("resume", "c")
    assert runtime.state("c")["status"] == "created"
    runtime.ok("start", "c")
    assert runtime.state("c")["status"] == "running"


@pytest.mark.parametrize(
    "text, words",
    [
        ("[" * 3000 + "]" * 3000, "nested more than 64"),
        ('{"a": %s}' % ("9" * 5000), "a number of 5000 digits"),
        ("{", "not JSON"),
        ("null", "null is not valid"),
        (
            '{"ociVersion": "1.0.2", "process": {"args": ["a\\u0000b"]}}',
            r"process.args[0] holds a NUL character",
        ),
        ('{"a": "\\ud800"}', "not text in UTF-8"),
    ],
)
def test_documents_that_are_none(runtime, bundle, text, words):
    (bundle.path / "config.json").write_text(text)
    assert words in runtime.fails("create", "--bundle", bundle.path, "c")


def test_what_is_no_document_or_no_place(runtime, bundle):
    for change in (
        {
            "process": dict(
                bundle.config["process"], rlimits=[{"type": "RLIMIT_CORE", "soft": -1, "hard": 5}]
            )
        },
        {"linux": dict(bundle.config["linux"], seccomp={})},
    ):
        (bundle.path / "config.json").write_text(json.dumps(dict(bundle.config, **change)))
        assert (
            "rlimits[0].soft: -1 is not valid"
            if "process" in change
            else "seccomp.defaultAction: it is missing"
        ) in runtime.fails("create", "--bundle", bundle.path, "c")
    (bundle.path / "config.json").unlink()
    os.mkfifo(bundle.path / "config.json")
    assert "is not a regular file" in runtime.fails("create", "--bundle", bundle.path, "c")
    runtime.root = "/proc"
    assert "option --root: /proc" in runtime.fails("list")
    runtime.root = str(bundle.path.parent / "root")


def test_ambient_capabilities_that_change_nothing_are_not_warned_of(runtime, bundle):
    """Those of buildah's documents: all that root is permitted anyway."""
    names = ["CAP_KILL", "CAP_CHOWN"]
    bundle.save(
        args=["true"],
        capabilities=dict.fromkeys(("bounding", "permitted", "effective", "ambient"), names),
    )
    assert runtime("run", "--bundle", bundle.path, "c").stderr == ""
    bundle.save(user={"uid": 1000, "gid": 1000})
    assert (
        runtime("run", "--bundle", bundle.path, "c").stderr.count("can't raise ambient capability")
        == 1
    )
