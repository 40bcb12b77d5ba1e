# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Send signals to a container's process 1: ``kill`` sends the one that it is given, ``stop`` ends it."""

from __future__ import annotations

import contextlib

from ...errors import EngineError
from ...kernel.calls import constants
from ...kernel.processes import pidfd, signal_names

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .control_socket import Served


def kill(monitor: Served, number: int) -> None:
    """Send process 1 a signal, for ``kill``.

    The stop signal and SIGKILL count as a stop: the container is not restarted.
    """
    if number in (constants.SIGKILL, signal_names.checked_number(monitor.run["stop"]["signal"])):
        monitor.asked_to_stop = True
    _send(monitor, number)
    if number == constants.SIGKILL:
        _thaw(monitor)


def end(monitor: Served, timeout: float | None = None, number: int | None = None) -> None:
    """End process 1 by a signal, and by SIGKILL when the time is over.

    :param timeout: in seconds, -1 for none; None: the container's.
    :param number: of the signal; None or 0: the container's.
    """
    stop = monitor.run["stop"]
    timeout = stop["timeout"] if timeout is None else timeout
    number = number or signal_names.checked_number(stop["signal"])
    _send(monitor, constants.SIGKILL if timeout == 0 else number)
    _thaw(monitor)
    if timeout == 0:
        monitor.after("kill", 1.0, lambda: _kill_group(monitor))
    elif timeout > 0:
        monitor.after("kill", timeout, lambda: _kill_process(monitor))


def _send(monitor: Served, number: int) -> None:
    if monitor.pidfd is not None:
        monitor.tell("kill", signal=number)
        pidfd.send(monitor.pidfd, number)


def _kill_process(monitor: Served) -> None:
    _send(monitor, constants.SIGKILL)
    _thaw(monitor)
    monitor.after("kill", 1.0, lambda: _kill_group(monitor))


def _kill_group(monitor: Served) -> None:
    """Kill all processes of the control group, again every few seconds until it is empty."""
    group = monitor.group
    if group is not None:
        with contextlib.suppress(EngineError, OSError):
            group.kill()
    monitor.after("kill", 5.0, lambda: _kill_group(monitor))


def _thaw(monitor: Served) -> None:
    """Let frozen processes go on: they take no signal before."""
    group = monitor.group
    if group is not None:
        with contextlib.suppress(EngineError, OSError):
            group.thaw()
