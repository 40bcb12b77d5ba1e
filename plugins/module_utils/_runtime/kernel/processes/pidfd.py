# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Processes by descriptor: a pid may be another process's by the time it is used, a pidfd never is. Linux 5.3."""

from __future__ import annotations

import os

from ..calls import syscalls
from . import procfs


def open_process(pid: int, start: int | None) -> int | None:
    """A pidfd of the process ``pid`` that started at ``start`` (procfs.start_time), or None when that one is gone."""
    if pid <= 0:
        return None
    try:
        fd = syscalls.pidfd_open(pid)
    except ProcessLookupError:
        return None
    except OSError:  # EINVAL before 6.9, ENOENT since: the number is that of a thread by now
        return None
    if procfs.start_time(pid) != start:  # read after the descriptor pins the pid
        os.close(fd)
        return None
    return fd


def ended(fd: int, timeout: float | None = 0.0) -> bool:
    """Whether the process has ended, waiting for that at most ``timeout`` seconds (None: without end). It need not be a child."""
    import select  # here: most starts do without

    poll = select.poll()
    poll.register(fd, select.POLLIN)
    return bool(poll.poll(None if timeout is None else int(timeout * 1000)))


def send(fd: int, signal: int) -> bool:
    """Send a signal number; False when the process is gone."""
    try:
        syscalls.pidfd_send_signal(fd, signal)
    except ProcessLookupError:
        return False
    return True


def reap(fd: int) -> tuple[int | None, int | None]:
    """Wait for a child's end: ``(exit code, signal)`` of which one is None.

    A pidfd says that before the child can be reaped where somebody traces it (CRIU, a debugger), who lets go of it first.
    """
    result = os.waitid(os.P_PIDFD, fd, os.WEXITED)
    if result is None:  # with WNOHANG only
        raise ChildProcessError("no end of the process to be read")
    return (result.si_status, None) if result.si_code == os.CLD_EXITED else (None, result.si_status)
