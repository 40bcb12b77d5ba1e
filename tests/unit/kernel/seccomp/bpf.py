# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A classic BPF interpreter, as small as seccomp programs allow: what would the kernel decide?"""

from __future__ import annotations

import struct


def run(program, number, arch, args=()):
    """The value that the program (bytes) returns for a system call: its number, AUDIT_ARCH_* and arguments."""
    values = [value & (2**64 - 1) for value in list(args) + [0] * (6 - len(args))]
    data = struct.pack("=IIQ6Q", number & 0xFFFFFFFF, arch, 0, *values)
    at, accumulator = 0, 0
    while True:
        code, if_true, if_false, value = struct.unpack_from("=HBBI", program, at * 8)
        at += 1
        if code == 0x20:  # load a word
            accumulator = struct.unpack_from("=I", data, value)[0]
        elif code == 0x54:
            accumulator &= value
        elif code == 0x05:
            at += value
        elif code == 0x06:
            return value
        else:
            taken = {
                0x15: accumulator == value,
                0x25: accumulator > value,
                0x35: accumulator >= value,
                0x45: bool(accumulator & value),
            }[code]
            at += if_true if taken else if_false
