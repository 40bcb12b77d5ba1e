# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A monitor that has had nothing to do for a while sleeps without Python: 0.01 MB in place of 1 MB.

It executes a program of a hundred bytes (devel/machine_code/sleep-<machine>.s), which waits on the
monitor's epoll and then executes the interpreter again. Process and descriptors stay the same: it
is still the container's parent, and holds its lock, its FIFOs and its published ports. What comes
in meanwhile waits. All else that a monitor knows is in run.json and state.json, but for the few
words that it passes on to itself.

Waking takes some 30 ms and makes it a process of 6 MB, since it shares no memory with the zygote
any more. So a monitor whose container writes every few seconds never sleeps, and one that was woken
waits longer before it sleeps again.
"""

from __future__ import annotations

import fcntl
import json
import os
import time

from ...kernel.calls import constants as c
from ...kernel.programs import elf

TYPE_CHECKING = False
if TYPE_CHECKING:
    import select
    from typing import Any, Protocol

    class Sleeper(Protocol):
        """What a monitor's event loop tells before it sleeps."""

        epoll: select.epoll

        def settled(self) -> tuple[list[int], dict[str, Any]] | None:
            """Return what it must find again, and be told; None where it can't sleep now."""


# Seconds of rest before it sleeps: where the container has not written a word yet, where it has, and
# at most; after each waking so many times as long.
SILENT, QUIET, LONGEST, GROWTH = 3.0, 20.0, 900.0, 4

_CODE = {  # hexadecimal
    "x86_64": (
        "4c8b24244c8d6c24084e8d74e4104883ec40b89d0000006a0f5f498b75000f05498b55080fb63a4889e66a015a4983caffb8e80000000f0583f8fc74e3498b7d"
        "10498d75184c89f26a3b580f056a7f5fb8e70000000f05"
    ),
    "aarch64": (
        "f30340f9f4230091950e138bb5220091ff0301d1e81480d2e00180d2810240f9010000d4890640f920014039e1030091220080d203008092040080d2050180d2"
        "c80280d2010000d41f1000b1c0feff54800a40f981620091e20315aaa81b80d2010000d4e00f80d2c80b80d2010000d4"
    ),
}


def image(machine: str = c.MACHINE) -> bytes | None:
    """Return the waiting program as an ELF file; None on a machine that it is not written for."""
    return elf.image(bytes.fromhex(_CODE[machine]), machine) if machine in _CODE else None


class Bed:
    """What a monitor needs to sleep and to be woken: made by the zygote and inherited.

    :param command: the arguments of the interpreter that runs zygote_main.py, up to the runtime's
        directory and that of its library.
    :param program: the waiting program, as an ELF file.
    :param interpreter: a descriptor of the interpreter, None for this process's.
    :param name: the sleeping process's.
    """

    def __init__(
        self,
        command: list[str],
        program: bytes,
        interpreter: int | None = None,
        name: str = "pyc-monitor",
    ) -> None:
        self.command, self.name = command, name
        self.program = elf.descriptor(name, program)
        # The sealed view of it (oci/launch/sealed_interpreter.py): what is forked from a monitor
        # enters containers.
        self.interpreter = (
            os.open("/proc/self/exe", os.O_RDONLY | os.O_CLOEXEC)
            if interpreter is None
            else interpreter
        )

    @classmethod
    def make(
        cls, command: list[str], interpreter: int | None = None, name: str = "pyc-monitor"
    ) -> Bed | None:
        """Make a Bed; None where monitors can't sleep.

        That is on another machine, or where the host forbids executable files in memory.
        """
        program = image()
        try:
            return cls(command, program, interpreter, name) if program is not None else None
        except OSError:
            return None

    def lie_down(
        self, epoll: int, held: list[int], words: dict[str, Any], verb: str = "wake"
    ) -> None:
        """Execute the waiting program; returns only where that fails.

        :param epoll: the descriptor of the process's epoll.
        :param held: the others that it must find again.
        :param words: what it must be told, as JSON can say it.
        :param verb: what zygote_main.py is to do with them.
        """
        low = fcntl.fcntl(epoll, fcntl.F_DUPFD_CLOEXEC, 3)
        held = held + [low, self.interpreter]
        try:
            for fd in held:
                os.set_inheritable(fd, True)
            told = json.dumps(dict(words, epoll=low, interpreter=self.interpreter, held=held))
            if low < 128:  # it is told as one byte of text
                os.execve(
                    self.program,
                    [
                        self.name,
                        chr(low),
                        f"/proc/self/fd/{self.interpreter}",
                        *self.command,
                        verb,
                        told,
                    ],
                    dict(os.environ, PYCONTAINER_SEALED="1"),
                )
        except OSError:
            for fd in held:
                os.set_inheritable(fd, False)

    def hold_copy(self) -> list[int]:
        """Lock the files that it wakes with: deploy/install.py removes no copy whose lock is held."""
        try:
            fd = os.open(
                os.path.join(os.path.dirname(self.command[-2]), "lock"), os.O_RDONLY | os.O_CLOEXEC
            )
        except FileNotFoundError:  # run from a checkout
            return []
        fcntl.flock(fd, fcntl.LOCK_SH)
        return [fd]


class Rest:
    """When a monitor sleeps. :param bed: its Bed, None for never."""

    def __init__(self, bed: Bed | None) -> None:
        self.bed, self.since, self.wanted, self.times = bed, time.monotonic(), SILENT, 0

    def limit(self, wait: float | None) -> float | None:
        """Return how long to wait for events: ``wait`` seconds, None without end, or until it is
        time to sleep.
        """
        if self.bed is None:
            return wait if wait is None else min(wait, LONGEST)
        left = max(0.0, self.since + self.wanted - time.monotonic())
        return left if wait is None else min(wait, left) if wait else wait

    def disturb(self) -> None:
        """Note that something has happened."""
        self.since = time.monotonic()

    def heard(self) -> None:
        """Note that the container has written something."""
        self.wanted = max(self.wanted, QUIET)

    def woken(self, times: int) -> None:
        """Note how many times it has been woken."""
        self.times, self.wanted = times, min(LONGEST, QUIET * GROWTH ** (times - 1))

    def lie_down(self, monitor: Sleeper) -> None:
        """Sleep, if it is time and there is nothing else to do; else the next time is as far off."""
        if self.bed is None or time.monotonic() < self.since + self.wanted:
            return
        settled = monitor.settled()
        if settled is not None:
            self.bed.lie_down(
                monitor.epoll.fileno(),
                settled[0] + self.bed.hold_copy(),
                dict(settled[1], woken=self.times + 1),
            )
        self.disturb()
