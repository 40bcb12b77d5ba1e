# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""How a process that is not our child has ended."""

from __future__ import annotations

import fcntl
import struct
import time

PIDFD_GET_INFO = 0xC040FF0B  # _IOWR(0xFF, 11, 64 bytes), linux/pidfd.h; Linux 6.13
PIDFD_INFO_EXIT = 1 << 3  # Linux 6.15; filled in once the process has been reaped
_INFO = "QQ11Ii"


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
