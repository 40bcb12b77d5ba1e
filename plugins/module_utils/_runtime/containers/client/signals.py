# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Signals by name, the end of a process that is not our child, a command that is nobody's child.

Without the modules ``signal`` and ``subprocess``, which would make every monitor larger.
"""

from __future__ import annotations

import fcntl
import os
import struct
import time

from ...errors import InvalidInput
from ...kernel.calls import fds, fork
from ...kernel.processes import signal_names

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

PIDFD_GET_INFO = 0xC040FF0B  # _IOWR(0xFF, 11, 64 bytes), linux/pidfd.h; Linux 6.13
PIDFD_INFO_EXIT = 1 << 3  # Linux 6.15; filled in once the process has been reaped
_INFO = "QQ11Ii"


def number(name: str | int) -> int:
    """Return the number of ``SIGTERM``, ``TERM``, ``15`` or ``SIGRTMIN+3``.

    :raises InvalidInput: it is none.
    """
    found = signal_names.number(str(name))
    if found is not None:
        return found
    raise InvalidInput(
        "signal", name, "a signal's name or number, such as SIGTERM, 15 or SIGRTMIN+3"
    )


def exit_of(
    pidfd: int, pid: int, start: int, patience: float = 1.0
) -> tuple[int | None, int | None] | None:
    """Find out how a process that is not our child has ended: ``(exit code, signal)``, one of them
    None.

    Until its parent has reaped it, /proc/PID/stat has the status; afterwards the pidfd has it, from
    Linux 6.15 on. None where neither tells.

    :param pid: :param start: the process's id and start time, as in state.json.
    :param patience: seconds.
    """
    end = time.monotonic() + patience
    while True:
        status = _of_zombie(pid, start)
        if status is None:
            status = _of_pidfd(pidfd)
        if status is not None:
            return (None, status & 0x7F) if status & 0x7F else (status >> 8 & 0xFF, None)
        if time.monotonic() > end:
            return None
        time.sleep(0.002)


def _of_zombie(pid: int, start: int) -> int | None:
    """Return the wait status of a zombie (proc_pid_stat(5), field 52; its start time is field 22)."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            fields = file.read().rpartition(b")")[2].split()
    except OSError:
        return None
    return int(fields[49]) if fields[0] == b"Z" and int(fields[19]) == start else None


def _of_pidfd(pidfd: int) -> int | None:
    try:
        answer = fcntl.ioctl(pidfd, PIDFD_GET_INFO, struct.pack(_INFO, PIDFD_INFO_EXIT, *[0] * 13))
    except OSError:  # ENOTTY, EINVAL: an older kernel
        return None
    fields: tuple[int, ...] = struct.unpack(_INFO, answer)
    return fields[-1] if fields[0] & PIDFD_INFO_EXIT else None


def run_detached(argv: Sequence[str], wanted: Callable[[], bool] = lambda: True) -> None:
    """Execute a command of the host that nobody waits for; its standard streams are /dev/null.

    :param wanted: called in the new process: whether the command is to be executed at all.
    """

    def middle() -> None:
        fork.child(lambda: _become(argv, wanted))

    os.waitpid(fork.child(middle), 0)


def _become(argv: Sequence[str], wanted: Callable[[], bool]) -> None:
    os.setsid()
    null = os.open("/dev/null", os.O_RDWR)
    for fd in (0, 1, 2):
        os.dup2(null, fd)
    fds.close_range(3)  # now, not by execve: nobody is to connect to a socket of this process's
    if wanted():
        os.execv(argv[0], list(argv))
