# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The processes of a process namespace, for containers that have no cgroup to tell them by."""

from __future__ import annotations

import os

from . import namespaces


def members(pid: int) -> list[int]:
    """Return the processes in the process namespace of ``pid``, without those of namespaces below it.

    A process that shares this process's own namespace stands for itself alone.
    """
    try:
        wanted = namespaces.identity(pid, "pid")
        if wanted == namespaces.identity("self", "pid"):
            return [pid]
    except OSError:  # it has ended
        return []
    found = []
    for name in os.listdir("/proc"):
        if name.isdigit():
            try:
                if namespaces.identity(name, "pid") == wanted:
                    found.append(int(name))
            except OSError:  # ended, or another user's
                continue
    return found
