# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Kernel bugs are out of reach (CVE-2022-0185, CVE-2023-0386, CVE-2026-31431): each call that a default container may not
make, made in one, through every entry of the kernel. The capabilities are all there, so that it is the filter that says no;
and without the filter none of them says EPERM, so that the table itself is true. kernel/test_rights.py has the filter alone."""

from __future__ import annotations

import errno

import pytest
from pycontainer.kernel.calls.constants import MACHINE
from pycontainer.kernel.isolation import capabilities
from pycontainer.kernel.seccomp import syscall_numbers

BAD, NEWUSER, NEWNS = 2**64 - 1, 0x10000000, 0x00020000
REFUSED = {  # call -> arguments that do no harm where it is allowed
    "add_key": (0, 0, 0, 0, 0),
    "keyctl": (BAD - 2, 0, 0),
    "request_key": (0, 0, 0, 0),
    "bpf": (99, 0, 0),
    "userfaultfd": (0xFFFF,),
    "perf_event_open": (0, 0, BAD, BAD, 0),
    "io_uring_setup": (0, 0),
    "io_uring_enter": (BAD, 0, 0, 0, 0, 0),
    "io_uring_register": (BAD, 0, 0, 0),
    "unshare": (NEWUSER | 0xFF000000000,),
    "setns": (BAD, 0),
    "mount": (0, 0, 0, 0, 0),
    "umount2": (0, 0),
    "pivot_root": (0, 0),
    "fsopen": (0, 0),
    "fsconfig": (BAD, 0, 0, 0, 0),
    "fsmount": (BAD, 0, 0),
    "fspick": (BAD, 0, 0),
    "open_tree": (BAD, 0, 0),
    "move_mount": (BAD, 0, 0, 0, 0),
    "mount_setattr": (BAD, 0, 0, 0, 0),
    "open_by_handle_at": (BAD, 0, 0),
    "quotactl": (0, 0, 0, 0),
    "quotactl_fd": (BAD, 0, 0, 0),
    "swapon": (0, 0),
    "swapoff": (0,),
    "reboot": (0, 0, 0, 0),
    "kexec_load": (0, 0x10, 0, 0xFF),
    "init_module": (0, 0, 0),
    "finit_module": (BAD, 0, 0),
    "delete_module": (0, 0),
    "settimeofday": (1, 0),
    "clock_settime": (99, 0),
    "acct": (1,),
    "move_pages": (BAD, 0, 0, 0, 0, 0),
    "mbind": (1, 0, 99, 0, 0, 0),
    "set_mempolicy": (99, 0, 0),
    "pidfd_getfd": (BAD, 0, 0),
    "kexec_file_load": (BAD, BAD, 0, 0, 0xFF),
    "fanotify_init": (0xFFFFFFFF, 0),
    "lookup_dcookie": (0, 0, 0),
    "process_madvise": None,
    "listns": None,
    "statmount": None,
}
I386_ONLY = {"clock_settime64": (99, 0), "umount": (0,), "stime": (0,)}
SOCKETS = {"AF_ALG": (38, 5, 0), "AF_VSOCK": (40, 1, 0)}
SOCKETCALL = {
    "AF_ALG": (1, 38, 5, 0),
    "AF_VSOCK": (1, 40, 1, 0),
}  # SYS_SOCKET, and what calls.c puts where the kernel finds it
MASKED = {"clone": (NEWUSER | 0x40000000000, 0, 0, 0, 0), "personality": (0x0040000,)}
ALLOWED = {
    "getpid": (),
    "openat": (BAD, 0, 0),
    "close_range": (1000, 1001, 0),
    "personality": (0xFFFFFFFF,),
    "socket": (1, 1, 0),
    "prctl": (23, 0, 0, 0, 0),
}
UNKNOWN = {"clone3": (0, 0)}  # a C library falls back to clone(2), whose flags the filter can see


def wanted(architecture, entry):
    """``{argument of programs/calls.c: (name, errno that is expected)}``."""
    numbers, found = syscall_numbers.numbers(architecture), {}
    table = {
        name: values
        for name, values in dict(REFUSED, **(I386_ONLY if entry == "i" else {})).items()
        if values is not None
    }
    for name, values in list(table.items()) + list(MASKED.items()):
        if name in numbers and not (entry == "i" and name == "clone"):
            found[word(entry, numbers[name], values)] = (name, errno.EPERM)
    for name, values in SOCKETS.items():
        for upper in (0, 1 << 32) if entry == "n" else (0,):
            found[word(entry, numbers["socket"], (values[0] | upper,) + values[1:])] = (
                name,
                errno.EPERM,
            )
    for name, values in UNKNOWN.items():
        found[word(entry, numbers[name], values)] = (name, errno.ENOSYS)
    if entry == "i":
        found.update(
            (word("s", numbers["socketcall"], values), (name + " by socketcall", errno.ENOSYS))
            for name, values in SOCKETCALL.items()
        )
        found[word(entry, numbers["clone"], (NEWUSER | NEWNS | 0x11, 0, 0, 0, 0))] = (
            "clone",
            errno.EPERM,
        )
    return found


def word(entry, number, values):
    return "%s,%d%s" % (entry, number, "".join(",%d" % value for value in values))


def ask(boxes, program, words, seccomp=True):
    """``{word: errno}`` of calls in a container that has every capability."""
    box = boxes(boxes.program(program("calls")), *words)
    for kind in ("bounding", "effective", "permitted"):
        box.config["process"]["capabilities"][kind] = [
            name
            for name in capabilities.NAMES
            if capabilities.mask([name]) & capabilities.available()
        ]
    if not seccomp:
        box.config["linux"].pop("seccomp")
    answers = dict(line.split() for line in box.output().splitlines())
    return {key: -int(value) for key, value in answers.items()}


@pytest.mark.skipif(MACHINE not in ("x86_64", "aarch64"), reason="no filters for this architecture")
@pytest.mark.parametrize("entry", ["n", "i", "x"], ids=["native", "i386", "x32"])
def test_calls_that_a_default_container_can_not_make(boxes, program, entry):
    if entry != "n" and MACHINE != "x86_64":
        pytest.skip("entries of x86")
    architecture = {"n": MACHINE, "i": "x86", "x": "x86_64"}[entry]
    expected = wanted(architecture, entry)
    allowed = {
        word(entry, syscall_numbers.numbers(architecture)[name], values): name
        for name, values in ALLOWED.items()
    }
    free = ask(boxes, program, list(expected) + list(allowed), seccomp=False)
    found = ask(boxes, program, list(expected) + list(allowed))
    own = [key for key, name in allowed.items() if name == "getpid"][0]
    if free[own]:
        assert entry != "n" and set(found.values()) <= {errno.EPERM, errno.ENOSYS, free[own]}, (
            "an entry that this kernel lacks stays shut"
        )
        return
    wrong = {
        name: errno.errorcode.get(found[key], found[key])
        for key, (name, code) in expected.items()
        if code is not None and found[key] != code
    }
    assert not wrong
    assert {allowed[key]: found[key] for key in allowed} == {
        allowed[key]: free[key] for key in allowed
    }
    silent = [
        name
        for key, (name, code) in expected.items()
        if code == errno.EPERM and free[key] == errno.EPERM
    ]
    assert not silent, "these say EPERM without a filter too, so they show nothing"
