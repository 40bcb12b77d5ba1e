# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The small process 1 of containers with ``init``: it runs the program, passes signals on to it and reaps orphans.

A host may have no tini, and a Python interpreter as process 1 would put the host's code into the container. So it is a
static program of some hundred bytes, assembled from devel/machine_code/init-<machine>.s (a test compares them): all
signals blocked, fork, the child in a process group of its own that gets the terminal, then rt_sigtimedwait in a loop. It
ends with the program's exit code, or 128 + n after signal n. It lies in a sealed file in memory, so that no container can
change it for another, and needs no path in the image.
"""

from __future__ import annotations

from ...errors import Unsupported
from ..calls.constants import MACHINE
from . import elf

_CODE = {  # hexadecimal
    "x86_64": (
        "4c8b24244c8d6c24104e8d74e4104881ec0001000048c70424ffffffff6a0e586a025f4889e6488d5424086a08415a0f056a39580f0585c074690f88a9000000"
        "4189c7b8800000004889e7488d74241031d26a08415a0f0583f811741085c078e289c64489ff6a3e580f05ebd66a3d5883cfff488d7424106a015a4531d20f05"
        "85c07ebf4439f875e48b44241089c783e77f740583ef80eb030fb6fcb8e70000000f056a27580f058944241031ff31f66a6d580f056a105831ffbe1054000048"
        "8d5424100f056a0e586a025f488d74240831d26a08415a0f056a3b58498b7d00498d75084c89f20f056a7f5f83f8fe74abffcfeba7"
    ),
    "aarch64": (
        "f30340f9f4430091950e138bff0304d100008092e00300f9400080d2e1030091e2230091030180d2e81080d2010000d4200280d2010080d2020080d2030080d2"
        "040080d2881b80d2010000d4600400b42007f8b7f60300aae0030091e1430091020080d2030180d2281180d2010000d41f4400f1e000005400ffffb7e10300aa"
        "e00316aa281080d2010000d4f3ffff1700008092e1430091220080d2030080d2882080d2010000d41f0000f16dfdff541f0016ebe1feff54e11340b920180072"
        "600000540000021102000014203c0853c80b80d2010000d4881580d2010000d4e01300b9000080d2010080d2481380d2010000d4000080d201828a52e2430091"
        "a80380d2010000d4400080d2e1230091020080d2030180d2e81080d2010000d4800240f981220091e20315aaa81b80d2010000d41f0800b1e00f80d2c10f80d2"
        "0000819ae3ffff17"
    ),
}


def image(machine: str = MACHINE) -> bytes:
    """The program as an ELF file. :raises Unsupported: it is not written for the machine."""
    if machine not in _CODE:
        raise Unsupported(f"init: not available on {machine}; it is on {', '.join(sorted(_CODE))}")
    return elf.image(bytes.fromhex(_CODE[machine]), machine)


def descriptor() -> int:
    """A descriptor to execute it by. :raises OSError: the host forbids executable files in memory (vm.memfd_noexec=2)."""
    return elf.descriptor("init", image())
