# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""linux.seccomp in effect: actions, errnos, arguments, flags, and SCMP_ACT_NOTIFY with an agent. runtime-spec config-linux.md "Seccomp".

That profiles are compiled as libseccomp compiles them is asserted in tests/unit/kernel/seccomp/test_seccomp.py.
"""

from __future__ import annotations

import array
import errno
import fcntl
import json
import os
import select
import socket
import struct
import threading

import pytest

NOTIF_RECV, NOTIF_SEND = (
    0xC0502100,
    0xC0182101,
)  # linux/seccomp.h, of struct seccomp_notif (80 bytes) and seccomp_notif_resp (24)
MKDIR = ["mkdir", "mkdirat"]


class Agent(threading.Thread):
    """Takes one listener and answers every call it is asked about with an errno."""

    def __init__(self, path, answer=errno.ENOMEDIUM):
        super().__init__(daemon=True)
        self.server = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.server.bind(path)
        self.server.listen()
        self.answer, self.told, self.asked, self.fds, self.closed = answer, None, 0, [], False

    def run(self):
        connection, dummy = self.server.accept()
        data, ancillary, dummy, dummy = connection.recvmsg(1 << 16, socket.CMSG_LEN(64))
        for dummy, dummy, content in ancillary:
            self.fds += array.array("i", content[: len(content) // 4 * 4])
        while True:
            more = connection.recv(1 << 16)
            if not more:
                break
            data += more
        self.closed, self.told = True, json.loads(data)
        poll = select.poll()
        poll.register(self.fds[0], select.POLLIN)
        while (
            not poll.poll()[0][1] & select.POLLHUP
        ):  # nobody is left to ask; before Linux 6.11 the next call would wait for ever
            request = bytearray(80)
            try:
                fcntl.ioctl(self.fds[0], NOTIF_RECV, request)
                fcntl.ioctl(
                    self.fds[0],
                    NOTIF_SEND,
                    struct.pack("=QqiI", struct.unpack_from("=Q", request)[0], 0, -self.answer, 0),
                )
            except OSError:
                return
            self.asked += 1


@pytest.fixture
def agent(tmp_path):
    made = Agent(str(tmp_path / "agent"))
    made.start()
    return made


def profile(action, names=None, **more):
    return {
        "defaultAction": "SCMP_ACT_ALLOW",
        "syscalls": [dict({"names": names or MKDIR, "action": action}, **more)],
    }


@pytest.mark.parametrize("new_privileges", (False, True))
@pytest.mark.parametrize(
    "more, expected",
    (
        ({}, "Operation not permitted"),
        ({"errnoRet": errno.ENXIO}, "No such device or address"),
        ({"errnoRet": 0}, ""),
    ),
)
def test_errno(bundle, more, expected, new_privileges):
    bundle.process["noNewPrivileges"] = not new_privileges
    bundle.linux["seccomp"] = profile("SCMP_ACT_ERRNO", **more)
    result = bundle.shell("mkdir /tmp/d")
    assert (expected in result.err if expected else result.code == 0) and not os.path.exists(
        bundle.root + "/tmp/d"
    ), result


def test_default_errno(bundle):
    names = "execve arch_prctl set_tid_address brk mmap mprotect munmap fstat read write exit exit_group prctl rt_sigaction rt_sigprocmask".split()
    bundle.linux["seccomp"] = {
        "defaultAction": "SCMP_ACT_ERRNO",
        "defaultErrnoRet": errno.ENXIO,
        "syscalls": [
            {
                "names": names
                + [
                    "capset",
                    "setgroups",
                    "setresuid",
                    "setresgid",
                    "umask",
                    "access",
                    "stat",
                    "newfstatat",
                    "faccessat",
                    "openat",
                    "ioctl",
                ],
                "action": "SCMP_ACT_ALLOW",
            }
        ],
    }
    result = bundle.run("mkdir", "/tmp/d")
    assert "No such device or address" in result.err, result


@pytest.mark.parametrize(
    "action", ("SCMP_ACT_KILL", "SCMP_ACT_KILL_THREAD", "SCMP_ACT_KILL_PROCESS", "SCMP_ACT_TRAP")
)
def test_death(bundle, action):
    bundle.process["rlimits"] = [{"type": "RLIMIT_CORE", "soft": 0, "hard": 0}]
    bundle.linux["seccomp"] = profile(action)
    assert bundle.run("mkdir", "/tmp/d").code == 128 + 31  # SIGSYS


@pytest.mark.parametrize(
    "action, made", (("SCMP_ACT_ALLOW", True), ("SCMP_ACT_LOG", True), ("SCMP_ACT_TRACE", False))
)
def test_what_is_let_through(bundle, action, made):
    bundle.linux["seccomp"] = profile(action)
    bundle.run("mkdir", "/tmp/d")
    assert os.path.isdir(bundle.root + "/tmp/d") == made  # without a tracer TRACE is ENOSYS


@pytest.mark.parametrize(
    "arguments, umask, refused",
    [
        ([{"index": 0, "value": 0o77, "op": "SCMP_CMP_EQ"}], "077", True),
        ([{"index": 0, "value": 0o77, "op": "SCMP_CMP_EQ"}], "027", False),
        ([{"index": 0, "value": 0o77, "op": "SCMP_CMP_NE"}], "027", True),
        ([{"index": 0, "value": 0o27, "op": "SCMP_CMP_GT"}], "077", True),
        ([{"index": 0, "value": 0o77, "op": "SCMP_CMP_GT"}], "077", False),
        ([{"index": 0, "value": 0o77, "op": "SCMP_CMP_GE"}], "077", True),
        ([{"index": 0, "value": 0o77, "op": "SCMP_CMP_LT"}], "027", True),
        ([{"index": 0, "value": 0o27, "op": "SCMP_CMP_LE"}], "027", True),
        ([{"index": 0, "value": 0o70, "valueTwo": 0o20, "op": "SCMP_CMP_MASKED_EQ"}], "027", True),
        ([{"index": 0, "value": 0o70, "valueTwo": 0o70, "op": "SCMP_CMP_MASKED_EQ"}], "027", False),
    ],
)
def test_arguments_of_calls(bundle, arguments, umask, refused):
    bundle.linux["seccomp"] = profile("SCMP_ACT_KILL", ["umask"], args=arguments)
    bundle.process["noNewPrivileges"] = (
        True  # so that the runtime's own umask(2) is before the filter
    )
    assert bundle.shell(f"umask {umask}").code == (159 if refused else 0)


def test_unknown_names_are_left_out(bundle):
    bundle.linux["seccomp"] = profile("SCMP_ACT_ERRNO", ["frobnicate"] + MKDIR)
    assert "not permitted" in bundle.run("mkdir", "/tmp/d").err


@pytest.mark.parametrize(
    "flags",
    (
        [],
        ["SECCOMP_FILTER_FLAG_TSYNC"],
        ["SECCOMP_FILTER_FLAG_LOG", "SECCOMP_FILTER_FLAG_SPEC_ALLOW", "SECCOMP_FILTER_FLAG_TSYNC"],
    ),
)
def test_flags(bundle, flags):
    bundle.linux["seccomp"] = dict(profile("SCMP_ACT_ERRNO"), flags=flags)
    assert "not permitted" in bundle.run("mkdir", "/tmp/d").err


@pytest.mark.parametrize(
    "change, words",
    [
        ({"defaultAction": "SCMP_ACT_FROB"}, ("SCMP_ACT_FROB",)),
        ({"defaultAction": None}, ("defaultAction",)),
        ({"flags": ["FROB"]}, ("flags", "FROB")),
        ({"architectures": ["SCMP_ARCH_FROB"]}, ("SCMP_ARCH_FROB",)),
        ({"syscalls": [{"names": MKDIR, "action": "SCMP_ACT_FROB"}]}, ("SCMP_ACT_FROB",)),
        ({"syscalls": [{"names": [], "action": "SCMP_ACT_ALLOW"}]}, ("names",)),
        (
            {"syscalls": [{"names": MKDIR, "action": "SCMP_ACT_KILL", "errnoRet": 2}]},
            ("errnoRet", "SCMP_ACT_KILL"),
        ),
        (
            {
                "syscalls": [
                    {
                        "names": MKDIR,
                        "action": "SCMP_ACT_ERRNO",
                        "args": [{"index": 6, "value": 0, "op": "SCMP_CMP_EQ"}],
                    }
                ]
            },
            ("index", "6"),
        ),
        (
            {
                "syscalls": [
                    {
                        "names": MKDIR,
                        "action": "SCMP_ACT_ERRNO",
                        "args": [{"index": 0, "value": 0, "op": "SCMP_CMP_FROB"}],
                    }
                ]
            },
            ("op", "FROB"),
        ),
        ({"defaultAction": "SCMP_ACT_NOTIFY"}, ("SCMP_ACT_NOTIFY",)),
        ({"listenerMetadata": "x"}, ("listenerMetadata",)),
        (
            {"listenerPath": "/x", "syscalls": [{"names": ["write"], "action": "SCMP_ACT_NOTIFY"}]},
            ("SCMP_ACT_NOTIFY cannot be used for the write syscall",),
        ),
        (
            {
                "listenerPath": "/x",
                "syscalls": [{"names": ["sendmsg"], "action": "SCMP_ACT_NOTIFY"}],
            },
            ("SCMP_ACT_NOTIFY cannot be used for the sendmsg syscall",),
        ),
    ],
)
def test_profiles_that_are_none_are_refused(bundle, change, words):
    bundle.linux["seccomp"] = dict(profile("SCMP_ACT_ERRNO"), **change)
    bundle.refused(*words)


# ------------------------------------------------------------------------------------------------------------- an agent


def test_a_flag_for_agents_without_one_means_nothing(bundle):
    bundle.linux["seccomp"] = dict(
        profile("SCMP_ACT_ERRNO"), flags=["SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV"]
    )
    assert bundle.shell("echo ran; mkdir /tmp/d && echo made").lines == ["ran"]


@pytest.mark.parametrize("new_privileges", (False, True))
@pytest.mark.parametrize(
    "flags", (None, ["SECCOMP_FILTER_FLAG_TSYNC"], ["SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV"])
)
def test_an_agent_decides(bundle, agent, tmp_path, new_privileges, flags):
    bundle.process["noNewPrivileges"] = not new_privileges
    bundle.config["annotations"] = {"key": "value"}
    bundle.linux["seccomp"] = dict(
        profile("SCMP_ACT_NOTIFY"),
        listenerPath=str(tmp_path / "agent"),
        listenerMetadata="some=thing",
    )
    if flags:
        bundle.linux["seccomp"]["flags"] = flags
    result = bundle.shell("mkdir /tmp/d; ls /proc/self/fd")
    assert "No medium found" in result.err and agent.asked == 1, result
    assert result.lines == ["0", "1", "2", "3"], "the program has no descriptor of the listener"
    assert agent.closed and len(agent.fds) == 1
    state = agent.told["state"]
    assert (
        agent.told["ociVersion"] == "0.2.0"
        and agent.told["fds"] == ["seccompFd"]
        and agent.told["metadata"] == "some=thing"
    )
    assert (
        agent.told["pid"] == state["pid"] > 1
        and state["id"].startswith("oci-test-")
        and state["bundle"] == bundle.directory
    )
    assert state["annotations"] == {"key": "value"} and state["status"] == "creating"


@pytest.mark.parametrize("new_privileges", (False, True))
def test_calls_that_the_runtime_makes_itself_may_be_the_agents(bundle, tmp_path, new_privileges):
    agent = Agent(str(tmp_path / "agent"), answer=0)
    agent.start()
    bundle.process["noNewPrivileges"] = not new_privileges
    bundle.linux["seccomp"] = dict(
        profile("SCMP_ACT_NOTIFY", ["umask", "capset", "prctl", "setgroups"]),
        listenerPath=str(tmp_path / "agent"),
    )
    result = bundle.run("true")
    assert result.code == 0, result


def test_without_notify_the_agent_need_not_be_there(bundle):
    bundle.linux["seccomp"] = dict(
        profile("SCMP_ACT_ERRNO"), listenerPath="/not/there", listenerMetadata="x"
    )
    assert "not permitted" in bundle.run("mkdir", "/tmp/d").err


def test_without_notify_the_agent_is_told_all_the_same(bundle, agent, tmp_path):
    bundle.linux["seccomp"] = dict(profile("SCMP_ACT_ERRNO"), listenerPath=str(tmp_path / "agent"))
    assert "not permitted" in bundle.run("mkdir", "/tmp/d").err
    assert len(agent.fds) == 1 and agent.asked == 0


def test_nobody_listens_when_no_path_is_given(bundle):
    bundle.linux["seccomp"] = profile("SCMP_ACT_NOTIFY")
    assert "Function not implemented" in bundle.run("mkdir", "/tmp/d").err


@pytest.mark.parametrize("path", ("/not/there/agent", "@nobody-listens-here"))
def test_without_its_agent_a_container_does_not_start(bundle, path):
    bundle.linux["seccomp"] = dict(profile("SCMP_ACT_NOTIFY"), listenerPath=path)
    bundle.refused("failed to connect with seccomp agent", path)


def test_hooks_inside_have_no_descriptor_of_the_listener(bundle, agent, tmp_path):
    bundle.linux["seccomp"] = dict(profile("SCMP_ACT_NOTIFY"), listenerPath=str(tmp_path / "agent"))
    bundle.config["hooks"] = {
        "startContainer": [{"path": "/bin/sh", "args": ["sh", "-c", "ls /proc/self/fd > /tmp/fds"]}]
    }
    result = bundle.run("cat", "/tmp/fds")
    assert result.lines == ["0", "1", "2", "3"], result
