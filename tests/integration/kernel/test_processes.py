# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""clone3, namespaces and the small calls of a start, on the real kernel."""

from __future__ import annotations

import errno
import os
import pathlib
import signal
import socket
import subprocess
import sys
import threading
import time

import pytest
from pycontainer.errors import Unsupported
from pycontainer.kernel.calls import constants as c
from pycontainer.kernel.calls import syscalls
from pycontainer.kernel.isolation import namespaces
from pycontainer.kernel.mounts import userns
from pycontainer.kernel.processes import pidfd, procfs

sys.path.insert(0, str(pathlib.Path(__file__).parent))

import child  # noqa: E402

EVERY = (
    c.CLONE_NEWNS
    | c.CLONE_NEWPID
    | c.CLONE_NEWNET
    | c.CLONE_NEWUTS
    | c.CLONE_NEWIPC
    | c.CLONE_NEWCGROUP
)


def test_clone3():
    """One call makes a child in all namespaces; it is process 1 there, and the interpreter works in it."""

    def inside():
        syscalls.sethostname("inside")
        syscalls.setdomainname("domain")
        assert (
            os.uname().nodename == "inside"
            and procfs.read("/proc/sys/kernel/domainname").strip() == "domain"
        )
        assert [name for _number, name in socket.if_nameindex()] == ["lo"]
        results = []
        thread = threading.Thread(
            target=results.append, args=(threading.current_thread() is threading.main_thread(),)
        )
        thread.start()
        thread.join()
        assert (
            subprocess.run(["/bin/echo", "x"], stdout=subprocess.PIPE, check=True).stdout == b"x\n"
        )
        return os.getpid(), results

    assert child.run(inside, EVERY) == [1, [True]]
    assert os.uname().nodename != "inside"


def test_clone3_runs_fork_hooks():
    """What was registered with os.register_at_fork runs, as with os.fork."""
    script = (
        f"import os, sys; sys.path.insert(0, {str(pathlib.Path(__file__).parents[3] / 'plugins/module_utils')!r}); from _runtime.kernel.calls import syscalls\n"
        "say = lambda text: lambda: os.write(1, text)\n"
        "os.register_at_fork(before=say(b'before '), after_in_child=say(b'child '), after_in_parent=lambda: None)\n"
        "pid, fd = syscalls.clone3(0)\n"
        "os._exit(0) if pid == 0 else os.waitpid(pid, 0)\n"
        "try: syscalls.clone3(0x20200)\n"
        "except OSError as error: print(error.errno)\n"
    )
    output = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    ).stdout
    assert output == "before child before %d\n" % errno.EINVAL


def test_clone3_alone():
    """A process that never had another thread need not tell the interpreter of its fork; it needs no ctypes, and both can fork again."""
    script = (
        "import os, sys; sys.path.insert(0, %r); from _runtime.kernel.calls import syscalls\n"
        "pid, fd = syscalls.clone3(0x20000, alone=True)\n"
        "if pid == 0:\n"
        "    inner, inner_fd = syscalls.clone3(0, alone=True)\n"
        "    if inner == 0: os._exit(3)\n"
        "    code = os.waitstatus_to_exitcode(os.waitpid(inner, 0)[1])\n"
        "    if os.fork() == 0: os._exit(0)\n"
        "    os.wait(); os._exit(code + 1 + fd)\n"
        "print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), os.readlink('/proc/self/fd/%%d' "
        "%% fd), '_ctypes' in sys.modules)\n"
        "try: syscalls.clone3(0x20200, alone=True)\n"
        "except OSError as error: print(error.errno)\n"
    ) % str(pathlib.Path(__file__).parents[3] / "plugins/module_utils")
    output = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=60
    ).stdout
    code, place, has_ctypes, number = output.split()
    assert (code, has_ctypes, int(number)) == ("3", "False", errno.EINVAL) and "pidfd" in place


def test_clone3_signals_and_many():
    """Children are waited for by their descriptors; a hundred of them leave nothing."""
    before = sorted(os.listdir("/proc/self/fd"))
    for code in range(100):
        pid, fd = syscalls.clone3(0)
        if pid == 0:
            os._exit(code)
        assert not os.get_inheritable(fd)
        assert pidfd.ended(fd, 10)
        assert pidfd.reap(fd) == (code, None)
        os.close(fd)
    pid, fd = syscalls.clone3(0)
    if pid == 0:
        signal.pause()
    assert pidfd.send(fd, c.SIGKILL) and pidfd.ended(fd, 10)
    assert pidfd.reap(fd) == (None, 9)
    os.close(fd)
    assert sorted(os.listdir("/proc/self/fd")) == before


def test_clone_into_cgroup():
    """On cgroup v2 a child starts inside a group, without a write."""
    mounts = [mount["point"] for mount in procfs.mounts() if mount["type"] == "cgroup2"]
    if not mounts:
        pytest.skip("no cgroup2 is mounted")
    directory = os.path.join(mounts[0], "pycontainer-test-%d" % os.getpid())
    os.mkdir(directory)
    fd = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        assert child.run(lambda: procfs.cgroups()[""], 0, cgroup_fd=fd).endswith(
            os.path.basename(directory)
        )
    finally:
        os.close(fd)
        os.rmdir(directory)


def test_join():
    """A process's namespaces are joined by its pidfd in one step, and one after the other as on kernels before 5.8."""
    pid, fd = syscalls.clone3(EVERY)
    if pid == 0:
        syscalls.sethostname("target")
        signal.pause()
    try:
        types = ["mount", "pid", "network", "uts", "ipc", "cgroup"]
        wanted = {name: list(namespaces.identity(pid, name)) for name in types}
        while procfs.stat(pid)["state"] != "S":
            time.sleep(0.01)
        for join in (namespaces.join_process, namespaces._join_each):

            def inside(join=join):
                join(fd, pid, types)
                found = {
                    name: namespaces.identity("self", name)
                    for name in types
                    if name not in ("pid", "mount")
                }
                inner, inner_fd = syscalls.clone3(0)
                if inner == 0:
                    os._exit(os.getpid())
                return (
                    found,
                    pidfd.ended(inner_fd, 10) and pidfd.reap(inner_fd)[0],
                    os.uname().nodename,
                )

            host = os.open("/proc", os.O_PATH)
            found, inner, name = child.run(inside)
            os.close(host)
            assert found == {name: wanted[name] for name in found}
            assert inner > 1 and name == "target"
        network = namespaces.open_namespace(pid, "network")
        assert child.errno_of(namespaces.join, network, "uts") == errno.EINVAL
        os.close(network)
    finally:
        pidfd.send(fd, c.SIGKILL)
        pidfd.ended(fd, 10)
        pidfd.reap(fd)
        os.close(fd)


def test_time_namespace():
    """Children get other clocks; this process keeps its own, and so do the children after it."""
    if not namespaces.supported("time"):
        pytest.skip("no time namespaces (Linux 5.6)")

    def inside():
        fd = namespaces.new_time({"monotonic": (86400, 0), "boottime": (172800, 500)})
        try:
            ahead = child.run(time.monotonic, 0)
        finally:
            namespaces.restore_time(fd)
        return ahead, time.monotonic(), child.run(time.monotonic, 0)

    ahead, now, then = child.run(
        inside, 0
    )  # what fails there can't leave this process with children of another time
    assert 86300 < ahead - now < 86500
    assert abs(then - now) < 60


def test_time_namespace_with_threads():
    """The way back is refused to a process of several threads, so the way there is too, while nothing has changed."""
    if not namespaces.supported("time"):
        pytest.skip("no time namespaces (Linux 5.6)")
    before = os.readlink("/proc/self/ns/time_for_children")
    ended = threading.Event()
    thread = threading.Thread(target=ended.wait)
    thread.start()
    try:
        with pytest.raises(Unsupported, match="2 threads"):
            namespaces.new_time({"monotonic": (1, 0)})
    finally:
        ended.set()
        thread.join()
    assert os.readlink("/proc/self/ns/time_for_children") == before


def test_small_calls():
    """Each wrapper does what its name says."""

    def inside():
        syscalls.prlimit(0, 7, 100, 200)
        assert "100                  200" in procfs.read("/proc/self/limits")
        syscalls.sched_setattr(0, 3, nice=5)
        assert (
            os.sched_getscheduler(0) == os.SCHED_BATCH and os.getpriority(os.PRIO_PROCESS, 0) == 5
        )
        syscalls.ioprio_set(0, 3, 0)
        assert syscalls.personality(0xFFFFFFFF) == 0
        syscalls.personality(8)
        assert syscalls.personality(0xFFFFFFFF) == 8
        assert syscalls.keyctl_join_session() > 0
        syscalls.keyctl_join_session("named")
        procfs.set_oom_score_adj(500)
        assert procfs.read("/proc/self/oom_score_adj") == "500\n"
        syscalls.prctl(c.PR_SET_NAME, b"renamed\0")
        assert procfs.stat(os.getpid())["name"] == "renamed"
        syscalls.prctl(c.PR_SET_NO_NEW_PRIVS, 1)
        assert procfs.status(os.getpid())["NoNewPrivs"] == "1"
        signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR1])
        fd = syscalls.signalfd([signal.SIGUSR1])
        os.kill(os.getpid(), signal.SIGUSR1)
        assert os.read(fd, 128)[0] == signal.SIGUSR1
        fd = syscalls.eventfd(3)
        assert int.from_bytes(os.read(fd, 8), "little") == 3
        copy = os.open("/dev/null", os.O_RDONLY)
        syscalls.close_range(copy, copy)
        assert child.errno_of(os.fstat, copy) == errno.EBADF
        syscalls.syncfs(os.open("/", os.O_RDONLY))
        assert child.errno_of(syscalls.set_mempolicy, 0, []) in (0, errno.ENOSYS)

    child.run(inside, c.CLONE_NEWNS)


def test_rename(tmp_path):
    """renameat2 does not replace, and swaps."""
    (tmp_path / "a").write_text("a")
    (tmp_path / "b").write_text("b")
    fd = os.open(tmp_path, os.O_RDONLY)
    assert child.errno_of(syscalls.renameat2, fd, "a", fd, "b", c.RENAME_NOREPLACE) == errno.EEXIST
    syscalls.renameat2(fd, "a", fd, "b", c.RENAME_EXCHANGE)
    os.close(fd)
    assert (tmp_path / "a").read_text() == "b"


def test_paths_with_nul():
    """A path is never cut at a NUL."""
    with pytest.raises(ValueError):
        syscalls.openat2(c.AT_FDCWD, "/etc\0/passwd", os.O_RDONLY)


def test_a_child_that_waits_ends_though_another_one_holds_its_pipe():
    """As when two threads of a task make user namespaces at once: each one's child has the other's descriptors."""
    first, second = userns._WaitingChild(), userns._WaitingChild()
    first.__enter__()
    second.__enter__()
    ending = threading.Thread(target=first.__exit__, daemon=True)
    ending.start()
    ending.join(30)
    hangs = ending.is_alive()
    second.__exit__()
    assert not hangs
