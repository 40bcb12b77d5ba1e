# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The default filter: its facts, its gates, and profiles in Docker's own form."""

from __future__ import annotations

import hashlib
import pathlib
import sys

import pytest
from pycontainer.errors import InvalidInput
from pycontainer.kernel.isolation import capabilities
from pycontainer.kernel.seccomp import compiler, default_profile, syscall_numbers

sys.path.insert(0, str(pathlib.Path(__file__).parent))

import bpf  # noqa: E402

X86_64, AARCH64 = 0xC000003E, 0xC00000B7
ALLOW, EPERM, ENOSYS = 0x7FFF0000, 0x50001, 0x50026


def decide(name, *args, given=capabilities.DOCKER_DEFAULT, kernel=(6, 18)):
    program = compiler.compile(default_profile.default_profile(given, kernel, "x86_64"), "x86_64")
    return bpf.run(program, syscall_numbers.numbers("x86_64")[name], X86_64, args)


def test_unconditional_names():
    """The names that are always allowed are the 361 of moby's default.json of 2026-05 but riscv_hwprobe and socketcall; a change here is one of policy."""
    names = sorted(default_profile._ALLOWED.split() + ["socketcall"])
    assert len(names) == len(set(names)) == 360
    assert (
        hashlib.sha256(" ".join(names).encode()).hexdigest()
        == "b934bf5b3eb9bdf61f6e7f16932b7cf9a6befbb31b5a9e6b487c93fbd4ead65c"
    )


ENTRIES = {
    "x86_64": {"x86_64": X86_64, "x86": 0x40000003, "x32": X86_64},
    "aarch64": {"aarch64": AARCH64, "arm": 0x40000028},
}


@pytest.mark.parametrize(
    "machine, entry",
    [(machine, entry) for machine, entries in ENTRIES.items() for entry in entries],
)
def test_no_entry_opens_the_two_families(machine, entry):
    """AF_ALG and AF_VSOCK by every entry that the machine has; what has its arguments in memory does not exist, but for a 32-bit image."""
    numbers = syscall_numbers.numbers(entry)
    for image in ("", "amd64", "arm64", "386", "arm"):
        program = compiler.compile(
            default_profile.default_profile((), (6, 18), machine, image), machine
        )
        for family in (38, 40, 39):
            assert bpf.run(program, numbers["socket"], ENTRIES[machine][entry], (family, 5)) == (
                ALLOW if family == 39 else EPERM
            )
        if "socketcall" in numbers:
            assert bpf.run(program, numbers["socketcall"], ENTRIES[machine][entry], (1, 0)) == (
                ALLOW if image == "386" else ENOSYS
            )


@pytest.mark.parametrize(
    "name",
    (
        "io_uring_setup io_uring_enter userfaultfd keyctl add_key request_key bpf mount unshare "
        "setns kexec_load"
    ).split(),
)
def test_refused(name):
    """Calls that reach much of the kernel are refused by default."""
    assert decide(name) == EPERM


def test_every_call_has_one_gate():
    """Each capability adds its calls and nothing else."""
    program = compiler.compile(default_profile.default_profile((), (6, 18), "x86_64"), "x86_64")
    for capability in capabilities.NAMES:
        more = compiler.compile(
            default_profile.default_profile((capability,), (6, 18), "x86_64"), "x86_64"
        )
        added = {
            name
            for name, number in syscall_numbers.numbers("x86_64").items()
            if bpf.run(program, number, X86_64, (0xFFFFFFFF,))
            != bpf.run(more, number, X86_64, (0xFFFFFFFF,))
        }
        expected = set(default_profile._OF_CAPABILITY.get(capability, "").split()) & set(
            syscall_numbers.numbers("x86_64")
        )
        assert added == expected - {"ptrace", "process_vm_readv", "process_vm_writev"}, capability


def test_size():
    """The kernel runs the program at every call: it stays small."""
    assert (
        len(
            compiler.compile(
                default_profile.default_profile(capabilities.DOCKER_DEFAULT, (6, 18), "x86_64"),
                "x86_64",
            )
        )
        // 8
        <= 412
    )


def test_kernel_gate():
    """ptrace could get around a filter before Linux 4.8."""
    assert decide("ptrace") == ALLOW
    assert decide("ptrace", kernel=(4, 7)) == EPERM
    assert decide("ptrace", kernel=(4, 7), given=("CAP_SYS_PTRACE",)) == ALLOW


def test_clone():
    """No new namespaces without CAP_SYS_ADMIN, and clone3 sends the C library back to clone."""
    assert decide("clone", 0x11) == ALLOW
    assert decide("clone", 0x80 | 0x11) == ALLOW
    for flag in (0x20000, 0x2000000, 0x4000000, 0x8000000, 0x10000000, 0x20000000, 0x40000000):
        assert decide("clone", flag | 0x11) == EPERM
    assert decide("clone3") == ENOSYS
    assert (
        decide("clone", 0x10000000, given=("CAP_SYS_ADMIN",))
        == decide("clone3", given=("CAP_SYS_ADMIN",))
        == ALLOW
    )


def test_socket():
    """AF_ALG and AF_VSOCK are refused, whatever is in the upper half of the register that the kernel does not look at."""
    for upper in (0, 1 << 32, 0xFFFFFFFF << 32):
        for family in range(64):
            assert decide("socket", upper | family) == (EPERM if family in (38, 40) else ALLOW), (
                upper,
                family,
            )


def test_personality():
    """Only what Linux programs ask for."""
    for persona in (0, 8, 0x20000, 0x20008, 0xFFFFFFFF):
        assert decide("personality", persona) == ALLOW
    for persona in (1, 0x40000, 0x40008, 0xFFFFFFFE, 1 << 32):
        assert decide("personality", persona) == EPERM


def test_arm64():
    """The same on arm64, with the calls of 32-bit arm."""
    program = compiler.compile(default_profile.default_profile((), (6, 1), "aarch64"), "aarch64")
    numbers = syscall_numbers.numbers("aarch64")
    assert bpf.run(program, numbers["openat"], AARCH64) == ALLOW
    assert bpf.run(program, numbers["unshare"], AARCH64) == EPERM
    assert bpf.run(program, syscall_numbers.numbers("arm")["set_tls"], 0x40000028) == ALLOW
    with pytest.raises(InvalidInput):
        default_profile.default_profile((), (6, 1), "s390x")


DOCKER = {
    "defaultAction": "SCMP_ACT_ERRNO",
    "defaultErrnoRet": 13,
    "archMap": [
        {"architecture": "SCMP_ARCH_X86_64", "subArchitectures": ["SCMP_ARCH_X86"]},
        {"architecture": "SCMP_ARCH_AARCH64", "subArchitectures": None},
    ],
    "syscalls": [
        {
            "names": ["read"],
            "action": "SCMP_ACT_ALLOW",
            "args": None,
            "includes": {},
            "excludes": {},
        },
        {
            "name": "mount",
            "action": "SCMP_ACT_ALLOW",
            "includes": {"caps": ["CAP_SYS_ADMIN", "CAP_MKNOD"]},
        },
        {"names": ["ptrace"], "action": "SCMP_ACT_ALLOW", "includes": {"minKernel": "5.10"}},
        {
            "names": ["clone3"],
            "action": "SCMP_ACT_ERRNO",
            "errnoRet": 38,
            "excludes": {"caps": ["CAP_SYS_ADMIN"], "arches": ["s390x"]},
        },
        {"names": ["arch_prctl"], "action": "SCMP_ACT_ALLOW", "includes": {"arches": ["amd64"]}},
    ],
}


def names_of(profile):
    return [name for entry in profile["syscalls"] for name in entry["names"]]


def test_from_docker():
    """archMap, includes and excludes are carried out for one container."""
    profile = default_profile.from_docker(DOCKER, (), (6, 1), "x86_64")
    assert profile["architectures"] == ["SCMP_ARCH_X86_64", "SCMP_ARCH_X86"]
    assert names_of(profile) == ["read", "ptrace", "clone3", "arch_prctl"]
    assert profile["syscalls"][2] == {
        "names": ["clone3"],
        "action": "SCMP_ACT_ERRNO",
        "errnoRet": 38,
    }
    assert compiler.compile(profile, "x86_64")
    profile = default_profile.from_docker(DOCKER, ("CAP_SYS_ADMIN", "CAP_MKNOD"), (5, 9), "aarch64")
    assert profile["architectures"] == ["SCMP_ARCH_AARCH64"]
    assert names_of(profile) == ["read", "mount"]
    assert names_of(default_profile.from_docker(DOCKER, ("CAP_SYS_ADMIN",), (5, 9), "aarch64")) == [
        "read"
    ]


def test_from_docker_takes_oci():
    """A profile that already has OCI's form stays what it is."""
    profile = default_profile.default_profile((), (6, 1), "x86_64")
    assert compiler.compile(
        default_profile.from_docker(profile, (), (6, 1), "x86_64"), "x86_64"
    ) == compiler.compile(profile, "x86_64")


@pytest.mark.parametrize(
    "wrong",
    [
        [],
        {},
        dict(DOCKER, architectures=["SCMP_ARCH_X86"]),
        dict(DOCKER, syscalls=[{"name": "a", "names": ["b"]}]),
    ],
)
def test_from_docker_refuses(wrong):
    """What is in neither form is refused."""
    with pytest.raises(InvalidInput):
        default_profile.from_docker(wrong, (), (6, 1), "x86_64")
