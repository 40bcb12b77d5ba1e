# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The small process 1 of containers with ``init``: it runs the program, passes signals on to it and reaps orphans.

A host may have no tini, and a Python interpreter as process 1 would put the host's code into the container. So it is a
static program of some hundred bytes, assembled from tests/unit/process/initial-<machine>.s (a test compares them): all
signals blocked, fork, the child in a process group of its own that gets the terminal, then rt_sigtimedwait in a loop. It
ends with the program's exit code, or 128 + n after signal n. It lies in a sealed file in memory, so that no container can
change it for another, and needs no path in the image.
"""

from __future__ import annotations

import binascii

from ..errors import Unsupported
from ..kernel import elf
from ..kernel.constants import MACHINE

_CODE = {  # base64
    "x86_64": (
        "TIskJEyNbCQQTo105BBIgewAAQAASMcEJP////9qDlhqAl9IieZIjVQkCGoIQVoPBWo5WA8FhcB0aQ+IqQAAAEGJx7iAAAAASInnSI10JBAx0moIQVoPBYP4"
        "EXQQhcB44onGRIn/aj5YDwXr1mo9WIPP/0iNdCQQagFaRTHSDwWFwH6/RDn4deSLRCQQiceD5390BYPvgOsDD7b8uOcAAAAPBWonWA8FiUQkEDH/MfZqbVgP"
        "BWoQWDH/vhBUAABIjVQkEA8Fag5YagJfSI10JAgx0moIQVoPBWo7WEmLfQBJjXUITInyDwVqf1+D+P50q//P66c="
    ),
    "aarch64": (
        "8wNA+fRDAJGVDhOL/wME0QAAgJLgAwD5QACA0uEDAJHiIwCRAwGA0ugQgNIBAADUIAKA0gEAgNICAIDSAwCA0gQAgNKIG4DSAQAA1GAEALQgB/i39gMAquAD"
        "AJHhQwCRAgCA0gMBgNIoEYDSAQAA1B9EAPHgAABUAP//t+EDAKrgAxaqKBCA0gEAANTz//8XAACAkuFDAJEiAIDSAwCA0ogggNIBAADUHwAA8W39/1QfABbr"
        "4f7/VOETQLkgGAByYAAAVAAAAhECAAAUIDwIU8gLgNIBAADUiBWA0gEAANTgEwC5AACA0gEAgNJIE4DSAQAA1AAAgNIBgopS4kMAkagDgNIBAADUQACA0uEj"
        "AJECAIDSAwGA0ugQgNIBAADUgAJA+YEiAJHiAxWqqBuA0gEAANQfCACx4A+A0sEPgNIAAIGa4///Fw=="
    ),
}


def image(machine=MACHINE):
    """The program as an ELF file: one segment, read and execute. :raises Unsupported: on a machine it is not written for."""
    if machine not in _CODE:
        raise Unsupported("init: not available on %s; it is on %s" % (machine, ", ".join(sorted(_CODE))))
    return elf.image(binascii.a2b_base64(_CODE[machine]), machine)


def descriptor():
    """A descriptor to execute it by. :raises OSError: where the host forbids executable files in memory (vm.memfd_noexec=2)."""
    return elf.descriptor("init", image())
