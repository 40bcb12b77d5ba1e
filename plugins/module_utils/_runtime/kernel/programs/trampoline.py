# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A small program between this interpreter and a container's program, so that the container never sees the interpreter's file.

A program ``#!/proc/self/exe``, or a link to that, is executed from the file that runs at that moment. A container could so get
hold of the host's Python, and overwrite it later (CVE-2019-5736). To execute the interpreter again from a read-only view of its
file (oci/launch/sealed_interpreter.py) takes as long as the rest of a start. So the last step is made from another file: the
container's process first executes this one, some hundred bytes in a sealed file in memory, with the rights, user and limits of
the program. It takes the channel from the program and executes the program; what /proc/self/exe is then can't be written to.

Before that the process is the interpreter. It is the first in its process namespace and not dumpable, so nobody of the container
can look into it. A process with CAP_SYS_PTRACE could, if it is in that namespace already (one given by its path, or the host's) or
comes to a created container by exec, unless the container has a user namespace: there the interpreter is sealed.
``possible`` says where the step serves.

The small program itself is dumpable, and whoever has the same user and rights may trace it. So it holds nothing that the program
does not have, and the seccomp filter is installed before it, also where no_new_privs would let it be installed last.

Assembled from devel/machine_code/trampoline-<machine>.s (a test compares them).
"""

from __future__ import annotations

import _struct as struct
import fcntl
import os

from ...errors import required
from ..calls.constants import MACHINE
from . import elf

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Protocol

    class Program(Protocol):
        """What is asked of a container's program, and what is written into it."""

        arguments: list[bytes]
        environment: dict[bytes, bytes]
        filter: bytes | None  # compiled seccomp filter
        kept: set[int]  # descriptors that are not closed
        step_channel: int | None
        step_fd: int | None

        @property
        def label(self) -> object: ...

        @property
        def listener(self) -> object: ...


NAME = "runc_cloned:/proc/self/exe"  # runc's: what watches a host for programs executed from memory, or for descriptors left open, knows that one
_CODE = {  # hexadecimal
    "x86_64": (
        "4c8d25610000004889e34531ed418b3c246a025e6a015a6a48580f0585c0781841ffc5488b7b08488d7310488b0b488d54cb106a3b580f05f7d841c1e510c1e0"
        "084409e883c858504889e6418b3c246a035a6a01580f05bf80000000b8e70000000f05f40f1f4000"
    ),
    "aarch64": (
        "13040010f403009115008052600240b9410080d2220080d2280380d2010000d42001f83735008052830240f9800640f981420091820e038b42400091a81b80d2"
        "010000d4e003004b005c18530040152a030b80520000032ae00f1ff8e1030091600240b9620080d2080880d2010000d4001080d2c80b80d2010000d400000000"
    ),
}
# What a filter must let through, with the arguments that are known: the channel is handed on, the step executed, the channel closed,
# the program executed.
_CALLS = (
    ("fcntl", (3, fcntl.F_SETFD, 0)),
    ("execveat", ()),
    ("fcntl", (3, fcntl.F_SETFD, fcntl.FD_CLOEXEC)),
    ("execve", ()),
)


def image(machine: str = MACHINE, channel: int = 0) -> bytes:
    """The program as an ELF file. :param channel: descriptor."""
    data = struct.pack("=I", channel) if channel else b""
    return elf.image(bytes.fromhex(_CODE[machine]) + data, machine)


def possible(program: Program, seen: bool = False) -> bool:
    """Whether the step serves for a program; else the interpreter has to be sealed.

    :param seen: others may look into its process, being in the same process namespace.
    """
    if MACHINE not in _CODE or program.label or program.listener or seen:
        return False  # a label holds for the next execve(2) only; a listener would be asked about the step's calls
    if program.filter:
        from ..seccomp import compiler  # here: most starts find the answer without it

        return all(
            compiler.decide(program.filter, name, arguments) == compiler.ALLOW
            for name, arguments in _CALLS
        )
    return True


def prepare(program: Program, channel: int) -> None:
    """Make the file; called before the container's root is entered. :param channel: the descriptor that the process reports by."""
    program.step_fd = elf.descriptor(NAME, image(MACHINE, channel))
    program.step_channel = channel
    program.kept.add(program.step_fd)


def go(program: Program, path: bytes) -> None:
    """Execute the program at ``path`` by it. :raises OSError: the step itself can't be executed."""
    channel = required(program.step_channel, "the channel of the step")
    fcntl.fcntl(
        channel, fcntl.F_SETFD, 0
    )  # os.set_inheritable() takes ioctl(2), which a filter may refuse
    os.execve(
        required(program.step_fd, "the step"), [path] + program.arguments, program.environment
    )
