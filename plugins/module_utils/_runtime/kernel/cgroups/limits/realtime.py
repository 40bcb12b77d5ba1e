# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Real-time budgets of cgroup v1: what a group has must fit into what the group above has (sched-rt-group.rst).

A new group has none, so below the one that containers without a path of their own share nothing could be given. That one gets
what the containers in it ask for, together. Groups that somebody else made are left as they are.
"""

from __future__ import annotations

import os

from ..hierarchy import files, lifecycle, tree

PERIOD, RUNTIME = "/cpu.rt_period_us", "/cpu.rt_runtime_us"
WHOLE = 1000000  # µs, the kernel's own period


def make_room(path, runtime, period):
    """Let the group above ``path`` have what its groups have and this one is to get.

    :param path: of the container's group in the cpu hierarchy. :param runtime, period: µs; period None: as it is.
    """
    above = os.path.dirname(path)
    if above.endswith(tree.SHARED) and runtime and runtime > 0:
        wanted = total(above, path) + part(runtime, period or files.read_or(path + PERIOD))
        if wanted > share(above):
            give(above, wanted)


def give_back(path):
    """``path`` is to be removed: the group above it, which was given something, has no more than its other groups have."""
    above = os.path.dirname(path)
    if above.endswith(tree.SHARED) and give(path, 0):  # the kernel counts it for a while yet
        give(above, total(above))


def give(group, wanted):
    """:param wanted: µs of each ``WHOLE``. :returns: whether the kernel takes it; what it refuses, a container's own limit will say."""
    try:
        files.write(group + PERIOD, str(WHOLE))
        files.write(group + RUNTIME, str(wanted))
    except (
        OSError
    ):  # more than the whole machine has, processes that use it, or another call was faster
        return False
    return True


def total(above, without=None):
    return sum(share(group) for group in lifecycle.children(above) if group != without)


def share(group):
    return part(files.read_or(group + RUNTIME), files.read_or(group + PERIOD))


def part(runtime, period):
    """The part of a CPU's time as µs of each ``WHOLE``, rounded up; 0 where there is no budget."""
    try:
        return max(-(-int(runtime) * WHOLE // int(period)), 0)
    except (ValueError, ZeroDivisionError):
        return 0
