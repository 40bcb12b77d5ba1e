# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The small program between the interpreter and a container's program, run by itself; and where it does not serve."""

from __future__ import annotations

import fcntl
import os
import shutil
import socket
import subprocess
import types

import pytest
from pycontainer.kernel.calls.constants import MACHINE
from pycontainer.kernel.programs import trampoline
from pycontainer.kernel.seccomp import compiler

EMULATORS = {"x86_64": "qemu-x86_64", "aarch64": "qemu-aarch64"}


def run(machine, tmp_path, argv, channel):
    """Run the program: a CompletedProcess."""
    path = tmp_path / "step"
    path.write_bytes(trampoline.image(machine, channel.fileno()))
    path.chmod(0o755)
    executable = str(path)
    if machine != os.uname().machine:
        executable = shutil.which(EMULATORS[machine])
        if executable is None:
            pytest.skip(f"no emulator for {machine} on this machine")
        argv = [executable, "-0", argv[0], str(path), *argv[1:]]
    return subprocess.run(
        argv,
        executable=executable,
        pass_fds=[channel.fileno()],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={"A": "b"},
        check=False,
    )


@pytest.fixture(name="pair")
def fixture_pair():
    ends = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    yield ends
    for end in ends:
        end.close()


@pytest.mark.parametrize("machine", sorted(EMULATORS))
def test_it_executes_the_program_without_the_channel(machine, tmp_path, pair):
    done = run(
        machine,
        tmp_path,
        ["/bin/sh", "name", "-c", "echo $0 $A; ls /proc/self/fd", "first"],
        pair[1],
    )
    assert done.stdout.split() == ["first", "b", "0", "1", "2", "3"], done.stderr  # 3: ls's own
    pair[1].close()
    assert pair[0].recv(10) == b""


@pytest.mark.parametrize("machine", sorted(EMULATORS))
def test_it_tells_why_not(machine, tmp_path, pair):
    assert run(machine, tmp_path, ["/nope", "nope"], pair[1]).returncode == 128
    assert pair[0].recv(10) == b"X\x02\x01"  # ENOENT, of the last stage


def asked(**changes):
    values = dict(
        {"label": None, "listener": None, "filter": b"", "no_new_privileges": False}, **changes
    )
    return types.SimpleNamespace(**values)


def test_where_it_serves():
    def profile(default, *names, action="SCMP_ACT_ALLOW"):
        return compiler.compile(
            {
                "defaultAction": default,
                "syscalls": [{"names": list(names), "action": action}] if names else [],
            },
            MACHINE,
        )

    assert trampoline.possible(asked()) and not trampoline.possible(asked(), seen=True)
    assert not trampoline.possible(asked(label=("exec", "x"))) and not trampoline.possible(
        asked(listener="x")
    )
    assert trampoline.possible(asked(filter=profile("SCMP_ACT_ALLOW")))
    strict = profile("SCMP_ACT_ERRNO", "execve")
    assert not trampoline.possible(asked(filter=strict)) and not trampoline.possible(
        asked(filter=strict, no_new_privileges=True)
    )
    assert trampoline.possible(
        asked(filter=profile("SCMP_ACT_ERRNO", "execve", "execveat", "fcntl"))
    )
    assert not trampoline.possible(
        asked(filter=profile("SCMP_ACT_ALLOW", "fcntl", action="SCMP_ACT_LOG"))
    )
    set_flags = [{"index": 1, "value": fcntl.F_SETFD, "op": "SCMP_CMP_EQ"}]
    for arguments, serves in (
        (set_flags, True),
        ([dict(set_flags[0], value=fcntl.F_GETFD)], False),
    ):
        rules = [
            {"names": ["execve", "execveat"], "action": "SCMP_ACT_ALLOW"},
            {"names": ["fcntl"], "action": "SCMP_ACT_ALLOW", "args": arguments},
        ]
        assert (
            trampoline.possible(
                asked(
                    filter=compiler.compile(
                        {"defaultAction": "SCMP_ACT_ERRNO", "syscalls": rules}, MACHINE
                    )
                )
            )
            is serves
        )


def test_what_a_filter_decides():
    profile = {
        "defaultAction": "SCMP_ACT_ERRNO",
        "syscalls": [
            {"names": ["read"], "action": "SCMP_ACT_ALLOW"},
            {
                "names": ["personality"],
                "action": "SCMP_ACT_ALLOW",
                "args": [{"index": 0, "value": 8, "op": "SCMP_CMP_EQ"}],
            },
            {
                "names": ["socket"],
                "action": "SCMP_ACT_ALLOW",
                "args": [{"index": 0, "value": 40, "op": "SCMP_CMP_GT"}],
            },
            {
                "names": ["prctl"],
                "action": "SCMP_ACT_ALLOW",
                "args": [{"index": 0, "value": 0xF0, "valueTwo": 0x10, "op": "SCMP_CMP_MASKED_EQ"}],
            },
        ],
    }
    program = compiler.compile(profile, MACHINE)
    for name, arguments, allowed in (
        ("read", (), True),
        ("write", (), False),
        ("personality", (8,), True),
        ("personality", (1 << 32 | 8,), False),
        ("socket", (41,), True),
        ("socket", (40,), False),
        ("prctl", (0x1F,), True),
        ("prctl", (0x2F,), False),
    ):
        assert (compiler.decide(program, name, arguments) == compiler.ALLOW) is allowed, (
            name,
            arguments,
        )
