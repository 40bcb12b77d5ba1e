# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Processes that are known by how long they sleep: whoever started them, in whatever namespace they are."""

from __future__ import annotations

import contextlib
import os

# Everywhere that a shell can send something: the background, sessions of their own, away from their parents.
LINE = "sleep {0} & setsid sleep {0} & (setsid sh -c 'sleep {0} & sleep {0}' &) ; sleep {0}"
COUNT = 5


def sleeping(seconds):
    """The processes of this machine that sleep for so long."""
    found = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        with contextlib.suppress(OSError), open(f"/proc/{pid}/cmdline", "rb") as file:
            if file.read() == b"sleep\0%d\0" % seconds:
                found.append(int(pid))
    return found
