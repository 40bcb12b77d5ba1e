# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Real-time budgets of cgroup v1 (sched-rt-group.rst).

What a group has must fit into what the group above has.
A new group has none, so below the groups that the engine's containers share, and the OCI command's
without a path of their own, nothing could be given. These get what the containers in them ask for,
together. Groups that somebody else
made are left as they are.
"""

from __future__ import annotations

import os

from ..hierarchy import cgroup_files, directories, removal

PERIOD, RUNTIME = "/cpu.rt_period_us", "/cpu.rt_runtime_us"
WHOLE = 1000000  # µs, the kernel's own period


def make_room(path: str, runtime: int, period: int | None) -> None:
    """Give the group above ``path`` what its groups have and this one is to get.

    :param path: of the container's group in the cpu hierarchy.
    :param runtime, period: µs; period None: as it is.
    """
    above = os.path.dirname(path)
    if directories.is_common(above) and runtime > 0:
        wanted = total(above, path) + part(runtime, period or cgroup_files.read_or(path + PERIOD))
        if wanted > share(above):
            give(above, wanted)


def give_back(path: str) -> None:
    """Leave the group above ``path``, which goes, no more than its other groups have."""
    above = os.path.dirname(path)
    # The kernel counts the group for a while yet, so its own budget goes first.
    if directories.is_common(above) and give(path, 0):
        give(above, total(above))


def give(group: str, wanted: int) -> bool:
    """Give a group ``wanted`` µs of each ``WHOLE``; return whether the kernel takes it.

    It refuses more than the whole machine has, and less than what processes use; another call may
    have been faster. A container's own limit will say so.
    """
    try:
        cgroup_files.write(group + PERIOD, str(WHOLE))
        cgroup_files.write(group + RUNTIME, str(wanted))
    except OSError:
        return False
    return True


def total(above: str, without: str | None = None) -> int:
    """Return the sum of what the groups directly below ``above`` have, in µs of each ``WHOLE``."""
    return sum(share(group) for group in removal.children(above) if group != without)


def share(group: str) -> int:
    """Return what a group has, in µs of each ``WHOLE``."""
    return part(cgroup_files.read_or(group + RUNTIME), cgroup_files.read_or(group + PERIOD))


def part(runtime: int | str, period: int | str) -> int:
    """Return a budget in µs of each ``WHOLE``, rounded up; 0 where there is none."""
    try:
        return max(-(-int(runtime) * WHOLE // int(period)), 0)
    except (ValueError, ZeroDivisionError):
        return 0
