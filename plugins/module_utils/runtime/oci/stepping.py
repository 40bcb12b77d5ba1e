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

import _struct as struct
import os

from ..kernel import elf
from ..kernel.constants import MACHINE

NAME = "runc_cloned:/proc/self/exe"  # runc's: what watches a host for programs executed from memory, or for descriptors left open, knows that one
_CODE = {  # hexadecimal
    "x86_64": (
        "4c8d25890000004889e34531ed418b3c246a025e6a015a6a48580f0585c0784141ffc5498b44240885c0741d498d4c241051506a015f418b7424044889e2b83d"
        "0100000f0585c0751841ffc5488b7b08488d7310488b0b488d54cb106a3b580f05f7d841c1e510c1e0084409e883c858504889e6418b3c246a035a6a01580f05"
        "bf80000000b8e70000000f05f40f1f00"
    ),
    "aarch64": (
        "93050010f403009115008052600240b9410080d2220080d2280380d2010000d48002f83735008052630640f9230100b464420091e313bfa9200080d2610640b9"
        "e2030091a82280d2010000d42001003555008052830240f9800640f981420091820e038b42400091a81b80d2010000d4e003004b005c18530040152a030b8052"
        "0000032ae00f1ff8e1030091600240b9620080d2080880d2010000d4001080d2c80b80d2010000d4000000001f2003d5"
    ),
}
_CALLS = ("execveat", "fcntl", "execve")  # what a filter that is installed before must let through: its own two, and the program's


def image(machine=MACHINE, channel=0, filter_flags=0, program=b""):
    """The program as an ELF file. :param channel: descriptor; :param program: a seccomp filter to install, b"" for none."""
    data = struct.pack("=IIQ", channel, filter_flags, len(program) // 8) if channel else b""
    return elf.image(bytes.fromhex(_CODE[machine]) + data + program, machine)


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
