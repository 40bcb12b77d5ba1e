# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Static programs of some hundred bytes, made in memory: machine code in an ELF file (elf(5)) that nobody can change.

They run where no Python may be (process 1 of a container) or where none should be (a monitor that only waits).
"""

from __future__ import annotations

import _struct as struct
import fcntl
import os

_MACHINES = {"x86_64": 62, "aarch64": 183}  # e_machine
_ADDRESS, _HEADERS = 0x400000, 64 + 56


def image(code: bytes, machine: str) -> bytes:
    """The ELF file of position-independent ``code``: one segment, read and execute, entered at its first byte."""
    size = _HEADERS + len(code)
    header = struct.pack(
        "<16sHHIQQQIHHHHHH",
        b"\x7fELF\x02\x01\x01",
        2,
        _MACHINES[machine],
        1,
        _ADDRESS + _HEADERS,
        64,
        0,
        0,
        64,
        56,
        1,
        0,
        0,
        0,
    )
    segment = struct.pack("<IIQQQQQQ", 1, 5, 0, _ADDRESS, _ADDRESS, size, size, 0x10000)
    return header + segment + code


def descriptor(name: str, data: bytes) -> int:
    """A descriptor of a sealed file in memory with ``data``, to be executed. :raises OSError: the host forbids such (vm.memfd_noexec=2)."""
    flags = os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING
    try:
        fd = os.memfd_create(name, flags | 0x10)  # MFD_EXEC, Linux 6.3
    except OSError:
        fd = os.memfd_create(name, flags)
    os.write(fd, data)
    fcntl.fcntl(
        fd,
        fcntl.F_ADD_SEALS,
        fcntl.F_SEAL_SEAL | fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_WRITE,
    )
    return fd
