# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A small program between this interpreter and a container's program, so that the container never sees the interpreter's file.

A program ``#!/proc/self/exe``, or a link to that, is executed from the file that runs at that moment; a container could so get
hold of the host's Python, and overwrite it later (CVE-2019-5736). Executing the interpreter again from a read-only view of its file
(seal.py) costs as long as all else of a start. Instead the last step is made from another file: the container's process first
executes this one, some hundred bytes in a sealed file in memory, with the rights, user and limits of the program; it takes the
channel from the program, installs the seccomp filter and executes the program. What /proc/self/exe is then can't be written to.

That leaves the time before, in which the process is the interpreter. It is the first in its process namespace and not dumpable, so
nobody of the container can look then. Only CAP_SYS_PTRACE could, of a process that is in its namespace already (one given by its path), or
that comes to a created container by exec, unless it has a user namespace: there the interpreter is sealed all the same.
``possible`` says where this and the rest holds.

Assembled from tests/unit/process/stepping-<machine>.s (a test compares them).
"""

from __future__ import annotations

import binascii
import os
import struct

from ..kernel import elf
from ..kernel.constants import MACHINE

NAME = "runc_cloned:/proc/self/exe"  # runc's: what watches a host for programs executed from memory, or for descriptors left open, knows that one
_CODE = {  # base64
    "x86_64": (
        "TI0liQAAAEiJ40Ux7UGLPCRqAl5qAVpqSFgPBYXAeEFB/8VJi0QkCIXAdB1JjUwkEFFQagFfQYt0JARIieK4PQEAAA8FhcB1GEH/xUiLewhIjXMQSIsLSI1U"
        "yxBqO1gPBffYQcHlEMHgCEQJ6IPIWFBIieZBizwkagNaagFYDwW/gAAAALjnAAAADwX0Dx8A"
    ),
    "aarch64": (
        "kwUAEPQDAJEVAIBSYAJAuUEAgNIiAIDSKAOA0gEAANSAAvg3NQCAUmMGQPkjAQC0ZEIAkeMTv6kgAIDSYQZAueIDAJGoIoDSAQAA1CABADVVAIBSgwJA+YAG"
        "QPmBQgCRgg4Di0JAAJGoG4DSAQAA1OADAEsAXBhTAEAVKgMLgFIAAAMq4A8f+OEDAJFgAkC5YgCA0ggIgNIBAADUABCA0sgLgNIBAADUAAAAAB8gA9U="
    ),
}
_CALLS = ("execveat", "fcntl", "execve")  # what a filter that is installed before must let through: its own two, and the program's


def image(machine=MACHINE, channel=0, filter_flags=0, program=b""):
    """The program as an ELF file. :param channel: descriptor; :param program: a seccomp filter to install, b"" for none."""
    data = struct.pack("=IIQ", channel, filter_flags, len(program) // 8) if channel else b""
    return elf.image(binascii.a2b_base64(_CODE[machine]) + data + program, machine)


def possible(program, seen=False):
    """Whether the step serves for a program.Program; else the interpreter has to be sealed.

    :param seen: others may look into its process, being in the same process namespace.
    """
    if MACHINE not in _CODE or program.label or program.listener or seen:
        return False  # a label holds for the next execve(2) only; a listener would be asked about the step's calls
    if program.filter and not program.no_new_privileges:
        from ..kernel import seccomp

        return all(seccomp.decide(program.filter, name) == seccomp.ALLOW for name in _CALLS)
    return True


def prepare(program, channel):
    """Make the file; called before the container's root is entered. :param channel: the descriptor that the process reports by."""
    later = program.filter if program.filter and program.no_new_privileges else b""
    program.step_fd = elf.descriptor(NAME, image(MACHINE, channel, program.filter_flags if later else 0, later))
    program.step_channel = channel
    program.kept.add(program.step_fd)


def go(program, path):
    """Execute the program at ``path`` by it. :raises OSError: the step itself can't be executed."""
    os.set_inheritable(program.step_channel, True)
    os.execve(program.step_fd, [path] + program.arguments, program.environment)
