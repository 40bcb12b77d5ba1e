# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A process of a container attended to by the command that started it, until it ends: signals are passed on, its terminal is copied."""

from __future__ import annotations

import _signal
import _struct as struct
import errno
import os

from ...kernel.calls import constants as c
from ...kernel.calls import syscalls
from ...kernel.processes import pidfd as pidfds

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
)  # not passed on
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


def prepare(subreaper):
    """Before the process is made: no signal is lost, and whom it leaves behind is this process's to reap."""
    _signal.pthread_sigmask(_signal.SIG_BLOCK, _WATCHED)
    if subreaper:
        syscalls.prctl(c.PR_SET_CHILD_SUBREAPER, 1)


def attend(pid, pidfd, terminal, relay=None):
    """Wait for the process. Returns its exit code, 128 + n after signal n.

    :param terminal: the master of its terminal, or None. :param relay: a notify.Relay, or None.
    """
    signals = syscalls.signalfd(_WATCHED)
    if terminal is not None:
        from . import console

        copying = console.Copying(terminal)
    else:
        copying = None
    try:
        while True:
            code = _reap(pid)
            if code is not None:
                if copying is not None:
                    copying.drain()
                return code
            import select  # here: a program may have ended by now

            poll = select.poll()
            poll.register(signals, select.POLLIN)
            if copying is not None:
                copying.register(poll)
            ready = None if relay is None else relay.fd
            if ready is not None:
                poll.register(ready, select.POLLIN)
            for fd, _event in poll.poll():
                if fd == ready:
                    relay.take(os.getpid())
                elif fd == signals:
                    _signals(signals, pidfd, copying)
                else:
                    copying.serve(fd)
    finally:
        if copying is not None:
            copying.close()


def _signals(signals, pidfd, copying):
    while True:
        try:
            data = os.read(signals, 128)
        except BlockingIOError:
            return
        number = struct.unpack_from("I", data)[0]  # ssi_signo, signalfd(2)
        if number == _signal.SIGWINCH and copying is not None:
            copying.resize()
        elif number in _FORWARDED:
            pidfds.send(pidfd, number)


def _reap(pid):
    """Reap whoever has ended; the exit code once it was ``pid``."""
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
