# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Freeze and thaw a group (freezer-subsystem.rst; cgroup-v2.rst, "cgroup.freeze").

``unified`` is the group's directory in the version 2 tree, ``freezer`` that of the version 1
freezer controller; each may be missing.
"""

from __future__ import annotations

import errno
import os
import time

from ....errors import HostError, Unsupported
from . import cgroup_files, layout

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import TypeVar

    T = TypeVar("T")

PATIENCE = 10.0  # seconds
# Of a group that is removed; the latter between open(2) and write(2).
GONE = (errno.ENOENT, errno.ENODEV)


def until(condition: Callable[[], T], seconds: float = PATIENCE) -> T:
    """Ask again and again until the answer is true or the time is over; return the last answer.

    The pause between two questions grows from 0.2 ms to 20 ms.
    """
    end, pause = time.monotonic() + seconds, 0.0002
    while True:
        answer = condition()
        if answer or time.monotonic() > end:
            return answer
        time.sleep(pause)
        pause = min(pause * 1.5, 0.02)


def freeze(unified: str | None, freezer: str | None) -> None:
    """Stop all processes of a group, by the v2 file where there is one (5.2), else by v1.

    Processes frozen by v2 can still be killed.

    :raises Unsupported: neither is here.
    :raises HostError: the processes don't stop within 10 s; the group is thawed again.
    """
    if unified and os.path.exists(unified + "/cgroup.freeze"):
        events = unified + "/cgroup.events"
        cgroup_files.write(unified + "/cgroup.freeze", "1")
        done = until(lambda: "frozen 1" in cgroup_files.read_or(events))
    elif freezer:
        directory, tries = freezer, iter(range(1, 1 << 30))
        done = until(lambda: freeze_once(directory, next(tries)))
    elif layout.without_groups():
        raise Unsupported(layout.no_group("pause"))
    else:
        raise Unsupported(
            "pause: this host has no freezer among its cgroups (cgroup v2 since Linux 5.2, or the "
            "v1 freezer controller)"
        )
    if not done:
        thaw(unified, freezer)
        raise HostError(
            f"cgroup {unified or freezer} can't be frozen: some of its processes don't stop"
        )


def freeze_once(freezer: str, count: int = 1) -> bool:
    """Write FROZEN to a v1 group once more; return whether it is frozen.

    A group stays FREEZING while processes are forked in it or traced: writing the state again takes
    those in. A process that waits in the kernel for a frozen one (a parent in vfork(2)) is freed by
    a short thaw at each fortieth ``count``.
    """
    if count % 40 == 0:
        cgroup_files.write(freezer + "/freezer.state", "THAWED")
        time.sleep(0.001)
    cgroup_files.write(freezer + "/freezer.state", "FROZEN")
    return cgroup_files.read(freezer + "/freezer.state") == "FROZEN"


def thaw(unified: str | None, freezer: str | None) -> None:
    """Let the processes go on. A group that is gone is no error."""
    for directory, name, value in (
        (unified, "cgroup.freeze", "0"),
        (freezer, "freezer.state", "THAWED"),
    ):
        try:
            if directory:
                cgroup_files.write(f"{directory}/{name}", value)
        except OSError as error:
            if error.errno not in GONE:
                raise


def frozen(unified: str | None, freezer: str | None) -> bool:
    """Return whether the group is frozen, or about to be."""
    if unified and "frozen 1" in cgroup_files.read_or(unified + "/cgroup.events"):
        return True
    return bool(freezer) and cgroup_files.read_or(f"{freezer}/freezer.state") in (
        "FROZEN",
        "FREEZING",
    )
