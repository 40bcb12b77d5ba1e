# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Capabilities given up and filters installed: what is left to the process, as the kernel itself says."""

from __future__ import annotations

import errno
import os
import pathlib
import shutil
import subprocess
import sys

import pytest
from pycontainer.kernel.calls import constants as c
from pycontainer.kernel.calls import syscalls
from pycontainer.kernel.isolation import capabilities
from pycontainer.kernel.mounts import userns
from pycontainer.kernel.processes import procfs
from pycontainer.kernel.seccomp import compiler, default_profile, syscall_numbers

sys.path.insert(0, str(pathlib.Path(__file__).parent))

import child  # noqa: E402

DOCKER = capabilities.mask(capabilities.DOCKER_DEFAULT)
MAP = [(0, 1_500_000_000, 1)]


def sets(pid="self"):
    """The capability sets as the kernel shows them."""
    status = procfs.status(os.getpid()) if pid == "self" else pid
    return {name: int(status["Cap" + name], 16) for name in ("Inh", "Prm", "Eff", "Bnd", "Amb")}


def sets_after_exec():
    """The same in a program that this process executes."""
    text = subprocess.run(
        ["/bin/cat", "/proc/self/status"], stdout=subprocess.PIPE, check=True, text=True
    ).stdout
    return sets(
        {
            key: value.strip()
            for key, _colon, value in (line.partition(":") for line in text.splitlines())
        }
    )


def test_root_with_docker_default():
    """Root has exactly the 14, before and after execve; inheritable and ambient are empty (CVE-2022-24769)."""

    def inside():
        capabilities.switch_user_and_apply(0, 0, [0], DOCKER, DOCKER, 0, DOCKER, 0)
        return sets(), sets_after_exec()

    expected = {"Inh": 0, "Prm": DOCKER, "Eff": DOCKER, "Bnd": DOCKER, "Amb": 0}
    assert child.run(inside, 0) == [expected, expected]


def test_user_with_docker_default():
    """Another user has them until execve and none after it; ids and groups are those that were asked for."""

    def inside():
        capabilities.switch_user_and_apply(1000, 1001, [1001, 29], DOCKER, DOCKER, 0, DOCKER, 0)
        assert (os.getresuid(), os.getresgid(), sorted(os.getgroups())) == (
            (1000,) * 3,
            (1001,) * 3,
            [29, 1001],
        )
        return sets(), sets_after_exec()

    before, after = child.run(inside, 0)
    assert before == {"Inh": 0, "Prm": DOCKER, "Eff": DOCKER, "Bnd": DOCKER, "Amb": 0}
    assert after == {"Inh": 0, "Prm": 0, "Eff": 0, "Bnd": DOCKER, "Amb": 0}


def test_ambient():
    """An ambient capability stays with another user through execve."""
    one = capabilities.mask(["CAP_NET_BIND_SERVICE"])

    def inside():
        capabilities.switch_user_and_apply(1000, 1000, [1000], one, one, one, one, one)
        return sets_after_exec()

    assert child.run(inside, 0) == {"Inh": one, "Prm": one, "Eff": one, "Bnd": one, "Amb": one}


def test_nothing():
    """All can be given up, for good."""

    def inside():
        capabilities.apply(0, 0, 0, 0, 0)
        assert child.errno_of(os.chroot, "/") == errno.EPERM
        return sets(), child.errno_of(syscalls.capset, 1, 1, 0), sets_after_exec()

    nothing = {"Inh": 0, "Prm": 0, "Eff": 0, "Bnd": 0, "Amb": 0}
    assert child.run(inside, 0) == [nothing, errno.EPERM, nothing]


def test_nobody_may_trace_what_has_become_a_user():
    """A change of ids makes a process dumpable again where fs.suid_dumpable is 1."""
    setting = pathlib.Path("/proc/sys/fs/suid_dumpable")

    def inside():
        syscalls.prctl(c.PR_SET_DUMPABLE, 0)
        capabilities.switch_user_and_apply(1000, 1000, [], 0, 0, 0, 0, 0)
        return syscalls.prctl(c.PR_GET_DUMPABLE)

    before = setting.read_text()
    setting.write_text("1")
    try:
        assert child.run(inside, 0) == 0
    finally:
        setting.write_text(before)


# ------------------------------------------------------------------------------------------------------------------ seccomp

machine = pytest.mark.skipif(
    c.MACHINE not in ("x86_64", "aarch64"), reason="no filters for this architecture"
)


def call(name, *arguments):
    """The errno of a raw system call by number, 0 when it went through."""
    number = syscall_numbers.numbers(c.MACHINE)[name]
    padded = list(arguments) + [0] * (6 - len(arguments))
    signed = [value - 2**64 if value >= 2**63 else value for value in padded]
    return syscalls.ffi.errno if syscalls._lib.syscall(number, *signed) < 0 else 0


REFUSED = {  # call -> arguments with which an unfiltered process gets another errno than EPERM, or success
    "unshare": (c.CLONE_NEWUSER,),
    "keyctl": (0, -3 & (2**64 - 1), 0),
    "add_key": (0, 0, 0, 0, 0),
    "request_key": (0, 0, 0, 0),
    "io_uring_setup": (0, 0),
    "userfaultfd": (0xFFFF,),
    "bpf": (0, 0, 0),
    "mount": (0, 0, 0, 0, 0),
    "open_tree": (-1 & (2**64 - 1), 0, 0),
    "fsopen": (0, 0),
    "setns": (-1 & (2**64 - 1), 0),
    "perf_event_open": (0, 0, 0, 0, 0),
    "kexec_load": (0, 0, 0, 0),
    "swapon": (0, 0),
    "personality": (0x40000,),
    "socket": (38, 5, 0),
    "pivot_root": (0, 0),
    "open_by_handle_at": (-1 & (2**64 - 1), 0, 0),
    "quotactl": (0, 0, 0, 0),
    "settimeofday": (0, 0),
    "move_mount": (-1 & (2**64 - 1), 0, 0, 0, 0),
    "pidfd_getfd": (-1 & (2**64 - 1), 0, 0),
    "clone": (c.CLONE_NEWUSER | c.CLONE_NEWUTS | 0x40000000000, 0, 0, 0, 0),
}
ALLOWED = {
    "getpid": (),
    "personality": (0xFFFFFFFF,),
    "socket": (1, 1, 0),
    "prctl": (c.PR_CAPBSET_READ, 0, 0, 0, 0),
    "memfd_create": (0, 0xFFFF),
    "openat": (-1 & (2**64 - 1), 0, 0),
    "close_range": (1000, 1001, 0),
}


@machine
def test_default_filter_in_force():
    """Below the default filter each of these calls ends with EPERM, and none did without; clone3 and new calls do not exist."""

    def inside():
        free = {
            name: call(name, *arguments)
            for name, arguments in REFUSED.items()
            if name not in ("unshare", "clone", "personality")
        }
        allowed = {name: call(name, *arguments) for name, arguments in ALLOWED.items()}
        profile = default_profile.default_profile(
            capabilities.DOCKER_DEFAULT, procfs.kernel_version()
        )
        program = compiler.compile(profile)
        syscalls.prctl(c.PR_SET_NO_NEW_PRIVS, 1)
        compiler.install(program, compiler.flags(profile))
        assert procfs.status(os.getpid())["Seccomp"] == "2"
        filtered = {name: call(name, *arguments) for name, arguments in REFUSED.items()}
        after = {name: call(name, *arguments) for name, arguments in ALLOWED.items()}
        sly = [
            call("socket", upper | family, 5, 0)
            for upper in (0, 1 << 32, 2**64 - 2**32)
            for family in (38, 40)
        ]
        missing = [
            call("clone3", 0, 0),
            call("file_setattr"),
            0 if syscalls._lib.syscall(600, 0, 0, 0, 0, 0, 0) == 0 else syscalls.ffi.errno,
        ]
        return free, allowed, filtered, after, sly, missing

    free, allowed, filtered, after, sly, missing = child.run(inside, 0)
    assert set(filtered.values()) == {errno.EPERM}, {
        name: code for name, code in filtered.items() if code != errno.EPERM
    }
    assert [name for name, code in free.items() if code == errno.EPERM] == []
    assert after == allowed and errno.EPERM not in allowed.values()
    assert sly == [errno.EPERM] * 6
    assert missing == [errno.ENOSYS] * 3


PROBE = r"""
#include <errno.h>
#include <stdio.h>
static long entry(long number, long first, long second) {
    long result;
    __asm__ volatile ("int $0x80" : "=a"(result) : "a"(number), "b"(first), "c"(second), "d"(0) : "memory", "r8", "r9", "r10", "r11");
    return result;
}
static long x32(long number, long first) {
    long result;
    __asm__ volatile ("syscall" : "=a"(result) : "a"(number | 0x40000000), "D"(first), "S"(0), "d"(0) : "rcx", "r11", "memory");
    return result;
}
int main(void) {
    printf("%ld %ld %ld %ld ", entry(20, 0, 0) > 0 ? 0 : -1, entry(310, 0x10000000, 0), entry(359, 38, 5), entry(288, 0, 0));
    printf("%ld %ld %ld\n", x32(39, 0) > 0 ? 0 : -1, x32(272, 0x10000000), x32(41, 38));
    return 0;
}
"""


@machine
@pytest.mark.skipif(c.MACHINE != "x86_64", reason="entries of x86")
def test_other_entries(tmp_path):
    """The i386 and x32 entries of the kernel are filtered like the native one."""
    if not shutil.which("gcc"):
        pytest.skip("no C compiler")
    (tmp_path / "probe.c").write_text(PROBE)
    subprocess.run(["gcc", "-o", tmp_path / "probe", tmp_path / "probe.c"], check=True)

    def inside():
        run = lambda: [
            int(word)
            for word in subprocess.run(
                [tmp_path / "probe"], stdout=subprocess.PIPE, check=False
            ).stdout.split()
        ]
        free = run()
        syscalls.prctl(c.PR_SET_NO_NEW_PRIVS, 1)
        profile = default_profile.default_profile((), procfs.kernel_version())
        compiler.install(compiler.compile(profile), compiler.flags(profile))
        return free, run()

    free, filtered = child.run(inside, 0)
    refused = -errno.EPERM
    if not free:
        pytest.skip("this kernel has no i386 entry")
    assert filtered[:4] == [0, refused, refused, refused], (free, filtered)
    if free[4] == 0:  # with CONFIG_X86_X32
        assert filtered[4:] == [0, refused, refused], (free, filtered)


@machine
def test_actions_in_force():
    """KILL_PROCESS and TRAP end the process with SIGSYS, ERRNO gives its number, an unlisted architecture is not needed to run."""
    for action, expected in (("SCMP_ACT_KILL_PROCESS", 31), ("SCMP_ACT_TRAP", 31)):
        profile = {
            "defaultAction": "SCMP_ACT_ALLOW",
            "syscalls": [{"names": ["sethostname"], "action": action}],
        }
        pid, fd = syscalls.clone3(0)
        if pid == 0:
            syscalls.prlimit(0, 4, 0, 0)  # no core file
            compiler.install(compiler.compile(profile))
            call("sethostname", 0, 0)
            os._exit(0)
        result = os.waitid(os.P_PIDFD, fd, os.WEXITED)
        os.close(fd)
        assert result.si_status == expected, action
    profile = {
        "defaultAction": "SCMP_ACT_ALLOW",
        "syscalls": [{"names": ["sethostname"], "action": "SCMP_ACT_ERRNO", "errnoRet": 77}],
    }

    def inside():
        compiler.install(compiler.compile(profile), compiler.flags(profile))
        return call("sethostname", 0, 0), call("getpid")

    assert child.run(inside, 0) == [77, 0]


@machine
def test_listener():
    """SCMP_ACT_NOTIFY: the listener's descriptor comes from install()."""
    profile = {
        "defaultAction": "SCMP_ACT_ALLOW",
        "syscalls": [{"names": ["sethostname"], "action": "SCMP_ACT_NOTIFY"}],
    }

    def inside():
        fd = compiler.install(compiler.compile(profile), c.SECCOMP_FILTER_FLAG_NEW_LISTENER)
        return os.readlink("/proc/self/fd/%d" % fd), os.get_inheritable(fd)

    assert compiler.notifies(profile)
    assert child.run(inside, 0) == ["anon_inode:seccomp notify", False]


def test_what_a_user_namespace_may_mount():
    """proc is had only where it is shown whole."""

    def look():
        whole = userns.can_mount(("proc", "sysfs", "mqueue"), MAP, MAP)
        syscalls.mount("/proc/version", "/proc/uptime", None, c.MS_BIND)
        return (
            whole,
            userns.can_mount(("mqueue", "proc"), MAP, MAP),
            userns.can_mount(("mqueue",), MAP, MAP),
        )

    assert child.run(look) == [None, "proc", None]
