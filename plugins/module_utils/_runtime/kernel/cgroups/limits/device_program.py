# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The device rules of cgroup version 2, as a BPF program.

The kernel runs it at each open(2) and mknod(2) of a device.

Type BPF_PROG_TYPE_CGROUP_DEVICE (4.15): its argument is
``struct bpf_cgroup_dev_ctx { __u32 access << 16 | type, major, minor }``, its result 1 for
"allowed". bpf(2), linux/bpf.h, Documentation/bpf/standardization/instruction-set.rst.
"""

from __future__ import annotations

import errno
import os
import struct

from ....errors import Unsupported, reason
from ...calls import syscalls
from . import device_rules

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from .device_rules import Rule

PROG_LOAD, PROG_ATTACH, PROG_DETACH, GET_FD_BY_ID, PROG_QUERY = 5, 8, 9, 13, 16
TYPE_CGROUP_DEVICE, ATTACH_CGROUP_DEVICE = 15, 6
ALLOW_MULTI, REPLACE = 2, 4
KINDS = {"b": 1, "c": 2}
MAX_PROGRAMS = 64
RLIMIT_MEMLOCK = 8

# Operation codes: class | operation | source (K: the immediate value, X: a register).
LOAD_WORD = 0x61
MOV_X, MOV_K, AND_K, RSH_K = 0xBF, 0xB7, 0x57, 0x77
JEQ_K, JNE_K, EXIT = 0x15, 0x55, 0x95
RESULT, CONTEXT, KIND, ACCESS, MAJOR, MINOR = range(6)  # registers r0 to r5


def instruction(
    code: int, target: int = 0, value: int = 0, source: int = 0, offset: int = 0
) -> bytes:
    """Return one ``struct bpf_insn``; a jump's ``offset`` counts the instructions that it skips."""
    return struct.pack("=BBhi", code, source << 4 | target, offset, value)


def verdict(allowed: bool) -> list[bytes]:
    """Return the instructions that end the program with an answer."""
    return [instruction(MOV_K, RESULT, int(allowed)), instruction(EXIT)]


def rule_body(rule: Rule) -> list[bytes]:
    """Return what a rule does with a device that it names.

    ACCESS holds the bits that are still to be judged. A rule that allows takes its bits out, and
    permits when none is left; one that denies refuses when any of its bits is left.
    """
    if rule.allow:
        body = [
            instruction(AND_K, ACCESS, device_rules.ALL & ~rule.access),
            instruction(JNE_K, ACCESS, 0, offset=2),
        ]
    else:
        body = [
            instruction(MOV_X, RESULT, source=ACCESS),
            instruction(AND_K, RESULT, rule.access),
            instruction(JEQ_K, RESULT, 0, offset=2),
        ]
    return body + verdict(rule.allow)


def rule_code(rule: Rule) -> list[bytes]:
    """Return a rule: the tests whether it names the device, and its body."""
    tests = [(KIND, KINDS[rule.kind])]
    tests += [
        (register, value)
        for register, value in ((MAJOR, rule.major), (MINOR, rule.minor))
        if value is not None
    ]
    body = rule_body(rule)
    skips = [len(body) + len(tests) - index - 1 for index in range(len(tests))]
    return [
        instruction(JNE_K, register, value, offset=skip)
        for (register, value), skip in zip(tests, skips)
    ] + body


def assemble(rules: Sequence[Rule]) -> bytes:
    """Return the program for the list of ``device_rules.normalise``.

    The last rule is asked first, as it beats those before it.
    """
    code = [
        instruction(LOAD_WORD, KIND, source=CONTEXT),
        instruction(MOV_X, ACCESS, source=KIND),
        instruction(AND_K, KIND, 0xFFFF),
        instruction(RSH_K, ACCESS, 16),
        instruction(LOAD_WORD, MAJOR, source=CONTEXT, offset=4),
        instruction(LOAD_WORD, MINOR, source=CONTEXT, offset=8),
    ]
    for rule in reversed(rules[1:]):
        code += rule_code(rule)
    return b"".join(code + verdict(rules[0].allow))


def load(program: bytes) -> int:
    """Load a program; return its file descriptor.

    Kernels before 5.11 count it against RLIMIT_MEMLOCK, so that is raised where this process may;
    newer ones don't look.

    :raises Unsupported: a kernel without BPF for cgroups.
    """
    try:
        syscalls.prlimit(0, RLIMIT_MEMLOCK, -1, -1)
    except OSError:
        pass
    license_name = b"GPL\0"
    attributes = struct.pack(
        "=IIQQIIQII",
        TYPE_CGROUP_DEVICE,
        len(program) // 8,
        syscalls.address_of(program),
        syscalls.address_of(license_name),
        0,
        0,
        0,
        0,
        0,
    )
    try:
        fd: int = syscalls.bpf(PROG_LOAD, attributes)
        return fd
    except OSError as error:
        if error.errno in (errno.EINVAL, errno.ENOSYS, errno.EPERM):
            raise Unsupported(
                "devices: on cgroup v2 device rules need BPF programs for cgroups "
                "(CONFIG_CGROUP_BPF, CAP_SYS_ADMIN), and this host doesn't take one: "
                f"{reason(error, named=True)}"
            ) from error
        raise


def attached(cgroup: int) -> tuple[int, ...]:
    """Return the ids of the device programs that the cgroup, a descriptor, itself has."""
    ids = bytearray(4 * MAX_PROGRAMS)
    attributes = bytearray(
        struct.pack(
            "=IIIIQI4x", cgroup, ATTACH_CGROUP_DEVICE, 0, 0, syscalls.address_of(ids), MAX_PROGRAMS
        )
    )
    syscalls.bpf(PROG_QUERY, attributes)
    count = struct.unpack_from("=I", attributes, 24)[0]
    return struct.unpack_from(f"={count}I", ids)


def set_v2(path: str, rules: Sequence[Rule]) -> None:
    """Make ``rules`` those of the v2 cgroup at ``path``, in place of those of an earlier call.

    Where several are attached all must allow, so that at no moment more is allowed than the old or
    the new rules do.

    :raises Unsupported: a kernel without BPF for cgroups. :raises OSError: another refusal.
    """
    cgroup = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        program = load(assemble(rules))
        try:
            old = [
                syscalls.bpf(GET_FD_BY_ID, struct.pack("=III", ident, 0, 0))
                for ident in attached(cgroup)
            ]
            try:
                exchange(cgroup, program, old)
            finally:
                for fd in old:
                    os.close(fd)
        finally:
            os.close(program)
    finally:
        os.close(cgroup)


def exchange(cgroup: int, program: int, old: list[int]) -> None:
    """Attach ``program`` and detach ``old``, which are descriptors.

    It is one step where ``old`` is one program and the kernel can (5.6).
    """
    if len(old) == 1:
        try:
            syscalls.bpf(
                PROG_ATTACH,
                struct.pack(
                    "=IIIII", cgroup, program, ATTACH_CGROUP_DEVICE, ALLOW_MULTI | REPLACE, old[0]
                ),
            )
            return
        except OSError as error:
            if error.errno not in (errno.EINVAL, errno.E2BIG, errno.ENOENT):
                raise
    syscalls.bpf(
        PROG_ATTACH, struct.pack("=IIII", cgroup, program, ATTACH_CGROUP_DEVICE, ALLOW_MULTI)
    )
    for fd in old:
        syscalls.bpf(PROG_DETACH, struct.pack("=III", cgroup, fd, ATTACH_CGROUP_DEVICE))
