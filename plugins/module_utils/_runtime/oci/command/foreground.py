# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Attend to a container's process until it ends: pass signals on, copy its terminal, reap what it
leaves behind.
"""

from __future__ import annotations

import _signal
import _struct as struct
import errno
import os

from ...kernel.calls import constants as c
from ...kernel.calls import syscalls
from ...kernel.processes import pidfd as pidfds

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..features.sd_notify import Relay
    from .console import Copying

# Signals that are not passed on.
_KEPT = frozenset(
    (
        _signal.SIGKILL,
        _signal.SIGSTOP,
        _signal.SIGCHLD,
        _signal.SIGWINCH,
        _signal.SIGPIPE,
        _signal.SIGURG,
        _signal.SIGTSTP,
        _signal.SIGTTIN,
        _signal.SIGTTOU,
        32,
        33,
    )
)
_FORWARDED = frozenset(range(1, 65)) - _KEPT
_FAULTS = frozenset(
    (
        _signal.SIGSEGV,
        _signal.SIGBUS,
        _signal.SIGFPE,
        _signal.SIGILL,
        _signal.SIGABRT,
        _signal.SIGTRAP,
        _signal.SIGSYS,
    )
)
_WATCHED = (_FORWARDED | {_signal.SIGCHLD, _signal.SIGWINCH}) - _FAULTS


def prepare(subreaper: bool) -> None:
    """Before the process is made: lose no signal, and (``subreaper``) become who reaps what it
    leaves behind.
    """
    _signal.pthread_sigmask(_signal.SIG_BLOCK, _WATCHED)
    if subreaper:
        syscalls.prctl(c.PR_SET_CHILD_SUBREAPER, 1)


def attend(pid: int, pidfd: int | None, terminal: int | None, relay: Relay | None = None) -> int:
    """Wait for the process; return its exit code, 128 + n after signal n.

    :param terminal: the master of its terminal, or None.
    :param relay: what passes its readiness on, or None.
    """
    signals = syscalls.signalfd(_WATCHED)
    copying: Copying | None = None
    if terminal is not None:
        from . import console  # here: most processes have none

        copying = console.Copying(terminal)
    try:
        while True:
            code = _reap(pid)
            if code is not None:
                if copying is not None:
                    copying.drain()
                return code
            import select  # here: its loading is saved where the program has ended by now

            poll = select.poll()
            poll.register(signals, select.POLLIN)
            if copying is not None:
                copying.register(poll)
            ready = None if relay is None else relay.fd
            if ready is not None:
                poll.register(ready, select.POLLIN)
            for fd, _event in poll.poll():
                if relay is not None and fd == ready:
                    relay.take(os.getpid())
                elif fd == signals:
                    _signals(signals, pidfd, copying)
                elif copying is not None:
                    copying.serve(fd)
    finally:
        if copying is not None:
            copying.close()


def _signals(signals: int, pidfd: int | None, copying: Copying | None) -> None:
    """Pass on the signals that have come."""
    while True:
        try:
            data = os.read(signals, 128)
        except BlockingIOError:
            return
        number = struct.unpack_from("I", data)[0]  # ssi_signo, signalfd(2)
        if number == _signal.SIGWINCH and copying is not None:
            copying.resize()
        elif number in _FORWARDED and pidfd is not None:
            pidfds.send(pidfd, number)


def _reap(pid: int) -> int | None:
    """Reap whoever has ended; return the exit code once it was ``pid``."""
    while True:
        try:
            ended, status = os.waitpid(-1, os.WNOHANG)
        except OSError as error:
            if error.errno != errno.ECHILD:
                raise
            return None
        if ended == 0:
            return None
        if ended == pid:
            return 128 + os.WTERMSIG(status) if os.WIFSIGNALED(status) else os.WEXITSTATUS(status)
