# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""seccomp: every action, operator and architecture, checked by interpreting the program, and against libseccomp."""

from __future__ import annotations

import pathlib
import random
import sys

import pytest
from pycontainer.errors import InvalidInput
from pycontainer.kernel.isolation import capabilities
from pycontainer.kernel.seccomp import compiler, default_profile, syscall_numbers

sys.path.insert(0, str(pathlib.Path(__file__).parent))

import bpf  # noqa: E402
import libseccomp  # noqa: E402

X86_64, I386, AARCH64, ARM = 0xC000003E, 0x40000003, 0xC00000B7, 0x40000028
ENTRIES = {"x86_64": X86_64, "x86": I386, "x32": X86_64}
ALLOW, KILL_PROCESS, EPERM, ENOSYS = 0x7FFF0000, 0x80000000, 0x50001, 0x50026
ALL_X86 = ["SCMP_ARCH_X86_64", "SCMP_ARCH_X86", "SCMP_ARCH_X32"]


def profile(*syscalls, default="SCMP_ACT_ERRNO", architectures=ALL_X86, **more):
    return dict(
        {"defaultAction": default, "architectures": architectures, "syscalls": list(syscalls)},
        **more,
    )


def rule(names, action="SCMP_ACT_ALLOW", *args, **more):
    made = {"names": names.split(), "action": action}
    if args:
        made["args"] = [
            dict(zip(("index", "op", "value", "valueTwo"), (index, "SCMP_CMP_" + op, *values)))
            for index, op, *values in args
        ]
    return dict(made, **more)


def decide(program, name, *args, table="x86_64"):
    return bpf.run(program, syscall_numbers.numbers(table)[name], ENTRIES[table], args)


@pytest.mark.parametrize(
    "action, errno_ret, value",
    [
        ("SCMP_ACT_KILL", None, 0),
        ("SCMP_ACT_KILL_THREAD", None, 0),
        ("SCMP_ACT_KILL_PROCESS", None, 0x80000000),
        ("SCMP_ACT_TRAP", None, 0x30000),
        ("SCMP_ACT_ERRNO", None, 0x50001),
        ("SCMP_ACT_ERRNO", 38, 0x50026),
        ("SCMP_ACT_ERRNO", 0, 0x50000),
        ("SCMP_ACT_NOTIFY", None, 0x7FC00000),
        ("SCMP_ACT_TRACE", 5, 0x7FF00005),
        ("SCMP_ACT_LOG", None, 0x7FFC0000),
    ],
)
def test_actions(action, errno_ret, value):
    """Each action of the specification is the kernel's number."""
    more = {} if errno_ret is None else {"errnoRet": errno_ret}
    program = compiler.compile(
        profile(rule("read", action, **more), default="SCMP_ACT_ALLOW"), "x86_64"
    )
    for table in ENTRIES:
        assert decide(program, "read", table=table) == value
        assert decide(program, "write", table=table) == ALLOW


OPERATORS = {
    "NE": lambda argument, value, _two: argument != value,
    "LT": lambda argument, value, _two: argument < value,
    "LE": lambda argument, value, _two: argument <= value,
    "EQ": lambda argument, value, _two: argument == value,
    "GE": lambda argument, value, _two: argument >= value,
    "GT": lambda argument, value, _two: argument > value,
    "MASKED_EQ": lambda argument, mask, two: argument & mask == two & mask,
}
EDGES = [
    0,
    1,
    5,
    0x7FFFFFFF,
    0x80000000,
    0xFFFFFFFF,
    0x100000000,
    0x100000005,
    0x1FFFFFFFF,
    0x7FFFFFFFFFFFFFFF,
    2**63,
    2**64 - 1,
]


@pytest.mark.parametrize("op", OPERATORS)
def test_operators(op):
    """64-bit comparisons are right at every edge of their halves; 32-bit registers are compared by the lower half."""
    for value in EDGES:
        for two in EDGES[::4] if op == "MASKED_EQ" else [0]:
            program = compiler.compile(
                profile(rule("mmap", "SCMP_ACT_ALLOW", (3, op, value, two))), "x86_64"
            )
            for argument in EDGES:
                args = (7, 7, 7, argument)
                expected = ALLOW if OPERATORS[op](argument, value, two) else EPERM
                assert decide(program, "mmap", *args) == expected, (op, value, two, argument)
                low = [number & 0xFFFFFFFF for number in (argument, value, two)]
                expected = ALLOW if OPERATORS[op](*low) else EPERM
                assert decide(program, "mmap", *args, table="x86") == expected, (
                    op,
                    value,
                    two,
                    argument,
                )


def test_rules_add_up():
    """Arguments of a rule are all needed; one that is named twice makes two rules; without arguments beats with."""
    program = compiler.compile(
        profile(
            rule("dup2", "SCMP_ACT_ALLOW", (0, "EQ", 1), (1, "EQ", 2)),
            rule("dup3", "SCMP_ACT_ALLOW", (0, "EQ", 1), (0, "EQ", 2)),
            rule("read", "SCMP_ACT_LOG", (0, "EQ", 1)),
            rule("read", "SCMP_ACT_ALLOW"),
            rule("write", "SCMP_ACT_ALLOW", (0, "EQ", 1)),
            rule("write", "SCMP_ACT_ERRNO", errnoRet=1),  # the default action: says nothing
            rule("open no_such_call", "SCMP_ACT_ALLOW"),
        ),
        "x86_64",
    )
    assert [decide(program, "dup2", *args) for args in ((1, 2), (1, 3), (0, 2))] == [
        ALLOW,
        EPERM,
        EPERM,
    ]
    assert [decide(program, "dup3", first) for first in (1, 2, 3)] == [ALLOW, ALLOW, EPERM]
    assert decide(program, "read", 1) == ALLOW
    assert [decide(program, "write", first) for first in (1, 2)] == [ALLOW, EPERM]
    assert decide(program, "open") == ALLOW


def test_entries():
    """A call of an architecture that is not listed kills; a skipped call (-1) gets the default; numbers do not mix."""
    program = compiler.compile(profile(rule("read", "SCMP_ACT_ALLOW"), architectures=[]), "x86_64")
    assert bpf.run(program, 0, X86_64) == ALLOW
    assert bpf.run(program, 3, I386) == KILL_PROCESS
    assert bpf.run(program, 0x40000000, X86_64) == KILL_PROCESS
    assert bpf.run(program, -1, X86_64) == EPERM
    program = compiler.compile(profile(rule("read ioctl", "SCMP_ACT_ALLOW")), "x86_64")
    assert bpf.run(program, 3, I386) == ALLOW
    assert bpf.run(program, 0, I386) == EPERM
    assert bpf.run(program, 0x40000000, X86_64) == ALLOW
    assert (
        bpf.run(program, 0x40000000 + 16, X86_64) == EPERM
    )  # ioctl's native number: x32 has another
    assert bpf.run(program, 0x40000000 + 514, X86_64) == ALLOW
    assert bpf.run(program, 0, AARCH64) == KILL_PROCESS


def test_arm():
    """On arm64 the same profile filters 64-bit and 32-bit programs."""
    program = compiler.compile(
        profile(
            rule("read set_tls", "SCMP_ACT_ALLOW"),
            architectures=["SCMP_ARCH_AARCH64", "SCMP_ARCH_ARM"],
        ),
        "aarch64",
    )
    assert bpf.run(program, 63, AARCH64) == ALLOW
    assert bpf.run(program, 3, ARM) == ALLOW
    assert bpf.run(program, 0xF0005, ARM) == ALLOW
    assert bpf.run(program, 62, AARCH64) == ENOSYS - 37
    assert bpf.run(program, 64, AARCH64) == ENOSYS
    assert bpf.run(program, 0, X86_64) == KILL_PROCESS


def test_newer_calls():
    """What is above all that a profile names does not exist for the program; a permissive default stays one."""
    program = compiler.compile(profile(rule("read statx", "SCMP_ACT_ALLOW")), "x86_64")
    assert decide(program, "io_pgetevents") == ENOSYS
    assert decide(program, "pkey_free") == EPERM
    assert bpf.run(program, 5000, X86_64) == ENOSYS
    program = compiler.compile(
        profile(rule("read", "SCMP_ACT_ERRNO"), default="SCMP_ACT_ALLOW"), "x86_64"
    )
    assert bpf.run(program, 5000, X86_64) == ALLOW


def test_long_jumps():
    """A program far above 255 instructions still decides right; one above the kernel's limit is refused before it is tried."""
    rules = [
        rule("mmap", "SCMP_ACT_ERRNO", (2, "EQ", value << 32 | value), errnoRet=value % 4000)
        for value in range(2, 300)
    ]
    rules += [
        rule(name, "SCMP_ACT_ALLOW", (0, "EQ", number))
        for name, number in syscall_numbers.numbers("x86_64").items()
        if name != "mmap"
    ]
    program = compiler.compile(profile(*rules, architectures=[]), "x86_64")
    assert 2500 < len(program) // 8 <= 4096
    assert all(
        decide(program, "mmap", 0, 0, value << 32 | value) == 0x50000 | value
        for value in range(2, 300)
    )
    assert decide(program, "mmap", 0, 0, 300 << 32 | 299) == EPERM
    for name, number in syscall_numbers.numbers("x86_64").items():
        if name != "mmap":
            assert decide(program, name, number) == ALLOW
            assert decide(program, name, number + 1) == EPERM
    with pytest.raises(InvalidInput, match="at most 4096"):
        compiler.compile(profile(*rules), "x86_64")


@pytest.mark.parametrize(
    "wrong",
    [
        {"defaultAction": "ALLOW"},
        {"defaultAction": "SCMP_ACT_NOTIFY"},
        {"defaultAction": None},
        {"defaultErrnoRet": 65536},
        {"defaultErrnoRet": "EPERM"},
        {"architectures": ["x86"]},
        {"syscalls": [rule("read", "SCMP_ACT_DENY")]},
        {"syscalls": [{"action": "SCMP_ACT_ALLOW"}]},
        {"syscalls": [rule("read", "SCMP_ACT_ALLOW", (6, "EQ", 0))]},
        {"syscalls": [rule("read", "SCMP_ACT_ALLOW", (0, "IS", 0))]},
        {"syscalls": [rule("read", "SCMP_ACT_ALLOW", (0, "EQ", 2**64))]},
        {"syscalls": [rule("read", "SCMP_ACT_ALLOW", (0, "EQ", -1))]},
    ],
)
def test_wrong_profiles(wrong):
    """What a profile can't say is refused, with the accepted values."""
    with pytest.raises(InvalidInput):
        compiler.compile(dict(profile(), **wrong), "x86_64")


def test_flags():
    """Flags by name; none at all means what other runtimes do."""
    assert compiler.flags({}) == 4
    assert compiler.flags({"flags": []}) == 0
    assert compiler.flags({"flags": ["SECCOMP_FILTER_FLAG_LOG", "SECCOMP_FILTER_FLAG_TSYNC"]}) == 3
    with pytest.raises(InvalidInput):
        compiler.flags({"flags": ["SECCOMP_FILTER_FLAG_NEW_LISTENER"]})


# ------------------------------------------------------------------------------------------------------------- libseccomp

needs_libseccomp = pytest.mark.skipif(
    bool(libseccomp.missing()), reason=libseccomp.missing() or "-"
)


def assert_same(document, arguments, skip=()):
    """Our program and libseccomp's decide alike for every call that libseccomp may know, up to the newest it does."""
    ours, theirs = compiler.compile(document, "x86_64"), libseccomp.compile(document)
    for table, arch in ENTRIES.items():
        for name, number in syscall_numbers.numbers(table).items():
            if (
                name in skip
                or number & ~compiler.X32_BIT > 448
                and table != "x32"
                or 448 < number & ~compiler.X32_BIT < 512
            ):
                continue
            for args in arguments:
                mine, other = bpf.run(ours, number, arch, args), bpf.run(theirs, number, arch, args)
                if mine != ENOSYS or other == ENOSYS:
                    assert mine == other, (table, name, args, hex(mine), hex(other))


@needs_libseccomp
@pytest.mark.parametrize(
    "given",
    [
        capabilities.DOCKER_DEFAULT,
        (),
        capabilities.NAMES,
        ("CAP_SYS_ADMIN",),
        ("CAP_SYS_PTRACE", "CAP_BPF"),
    ],
)
def test_default_profile_as_libseccomp_compiles_it(given):
    """The default profile means to us what it means to other runtimes, native, by the i386 entry and by the x32 entry."""
    edges = [0, 8, 11, 17, 36, 38, 39, 40, 41, 0x20000, 0x20008, 0x10000000, 0x7E020000, 0xFFFFFFFF]
    document = default_profile.default_profile(given, (6, 18), "x86_64")
    # libseccomp 2.5 has no number for these on x32, or serves them by socketcall and ipc on i386
    assert_same(
        document, [(edge, 0) for edge in edges], skip={"riscv_flush_icache", "uretprobe", "uprobe"}
    )


@needs_libseccomp
def test_random_profiles_as_libseccomp_compiles_them():
    """Rules of all kinds, a call in one rule only, decide as with libseccomp."""
    generator = random.Random(20261124)
    calls = [
        name
        for name, number in syscall_numbers.numbers("x86_64").items()
        if number < 330 and name in syscall_numbers.numbers("x86")
    ]
    multiplexed = {
        name
        for name in calls
        if name.startswith(("sem", "shm", "msg"))
        or syscall_numbers.numbers("x86")[name] in range(359, 374)
    }
    calls = sorted(set(calls) - multiplexed)
    for _round in range(12):
        picked = generator.sample(calls, 40)
        rules = []
        for name in picked:
            action, code = generator.choice(
                [
                    ("SCMP_ACT_ALLOW", None),
                    ("SCMP_ACT_LOG", None),
                    ("SCMP_ACT_ERRNO", 22),
                    ("SCMP_ACT_KILL_PROCESS", None),
                ]
            )
            positions = generator.sample(range(6), generator.choice([0, 0, 1, 2]))
            comparisons = [
                (
                    at,
                    generator.choice(sorted(OPERATORS)),
                    generator.choice(EDGES[:6]),
                    generator.choice(EDGES[:6]),
                )
                for at in positions
            ]
            comparisons = [
                (at, op, value, two & value if op == "MASKED_EQ" else 0)
                for at, op, value, two in comparisons
            ]
            rules.append(
                rule(name, action, *comparisons, **({} if code is None else {"errnoRet": code}))
            )
        document = profile(*rules)
        samples = [
            tuple(generator.choice(EDGES[:6]) for _argument in range(6)) for _sample in range(12)
        ]
        assert_same(document, samples)
