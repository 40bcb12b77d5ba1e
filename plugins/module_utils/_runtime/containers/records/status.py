# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is true of a container now: state.json, checked against the kernel."""

from __future__ import annotations

import time

from ...kernel import cgroups
from ...kernel.processes import procfs
from . import run_state

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ...store.paths import Paths
    from .run_state import RunState

    class Status(RunState):
        """A RunState whose ``status`` is true. It may also be "paused", which state.json never has.

        ``monitored``: whether a monitor lives. ``pid`` is 0 where process 1 has ended.
        """

        monitored: bool


LIVING = ("running", "paused", "starting", "restarting")  # it has processes, or will again
BEGUN = ("running", "starting")  # its process 1 has been made
# Seconds between looks whether a monitor has written down an end, which takes it a moment.
PAUSES = (0.0, *(0.001 * 2**number for number in range(11)))
GLANCES = PAUSES[:8]  # of who only shows it: 127 ms, and a monitor that hangs holds up no list
PATIENCE = 15.0  # seconds that a start may take to become running or exited
UNSEEN = 255  # the exit code shown of an end that nobody saw: a power cut, or no monitor


def now(paths: Paths, ident: str, pauses: tuple[float, ...] = PAUSES) -> Status:
    """Return what is true of a container at this moment.

    ``status`` is created, starting, running, paused, restarting or exited. A container that a
    reboot ended is "exited". One whose end is not written down in time is "running" with pid 0.
    """
    found, before = _read(paths, ident), None
    while found != before:  # a monitor that ends writes the exit, and then is gone
        if run_state.alive(found):
            if found["status"] == "running" and _is_frozen(found):
                found["status"] = "paused"
            return found
        if found["status"] not in run_state.UNDER_WAY:
            break
        found, before = _read(paths, ident), found
    found.update({"pid": 0, "pid_start": 0})
    if found["status"] in BEGUN and found["monitored"]:
        found = _as_it_ends(paths, ident, found, pauses)
    if found["status"] in run_state.UNDER_WAY and not found["monitored"]:
        found.update({"status": "exited", "error": found["error"] or _why_it_ended(found)})
    return found


def shown(paths: Paths, ident: str) -> Status:
    """As :func:`now`, for a list: it hardly waits for the monitor of a container that has ended."""
    return now(paths, ident, GLANCES)


def settled(paths: Paths, ident: str) -> Status:
    """As :func:`now`, after the end of a start that is under way: the task that began it may be gone."""
    found = now(paths, ident)
    end = time.monotonic() + PATIENCE
    while found["status"] == "starting" and time.monotonic() < end:
        time.sleep(0.01)
        found = now(paths, ident)
    return found


def _read(paths: Paths, ident: str) -> Status:
    found = run_state.read(paths, ident)
    return {**found, "monitored": run_state.monitored(paths, ident)}


def _as_it_ends(paths: Paths, ident: str, found: Status, pauses: tuple[float, ...]) -> Status:
    """Wait until the monitor has written down that process 1 has ended: this is not "running"."""
    for pause in pauses:
        time.sleep(pause)
        now = _read(paths, ident)
        if run_state.alive(now):
            return now
        now.update({"pid": 0, "pid_start": 0})
        if now["status"] not in BEGUN or not now["monitored"]:
            return now
    return found


def _is_frozen(found: RunState) -> bool:
    return bool(found["cgroup"]) and cgroups.Group.open(found["cgroup"]).frozen()


def _why_it_ended(found: RunState) -> str:
    if found["boot"] != procfs.boot_id():
        return "the host was restarted"
    return "its monitor was killed, and it ended"


def lives(paths: Paths, ident: str) -> bool:
    """Tell whether a container has processes, or is about to have them again."""
    return now(paths, ident)["status"] in LIVING


def exit_code(found: RunState) -> int:
    """Return the exit code to show: 255 for an end that nobody saw, as Docker; 0 before an end."""
    if found["exit_code"] is not None:
        return found["exit_code"]
    ended = found["status"] in ("exited", "restarting") and found["started_at"] is not None
    return UNSEEN if ended else 0
