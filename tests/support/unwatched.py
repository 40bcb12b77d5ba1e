# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""An engine without the processes that watch over its monitors."""

from __future__ import annotations

import contextlib
import os
import time


def watchers(run):
    """The guards and zygotes of the engine with this directory, in the order in which they must be killed: ``[pid]``."""
    found = {"pyc-guard": [], "pyc-zygote": []}
    for entry in os.listdir("/proc"):
        with contextlib.suppress(OSError):
            if entry.isdigit():
                with open(f"/proc/{entry}/comm") as file:
                    name = file.read().strip()
                with open(f"/proc/{entry}/cmdline") as file:
                    line = file.read()
                # One that is just executed has the name of a file or a descriptor; a monitor may wake so, too.
                if "zygote_main.py" in line and name[:4] != "pyc-" and "\0wake\0" not in line:
                    name = "pyc-zygote"
                if run in line and name in found:
                    found[name].append(int(entry))
    return found["pyc-guard"] + found["pyc-zygote"]


def kill(run):
    """Kill them, until none is left: nobody gives a container another monitor before the next command.

    Two looks must find none: a zygote may be making its guard at this moment, and one that is just
    executed has its name a little later.
    """
    looks = 0
    while looks < 2:
        found = watchers(run)
        looks = 0 if found else looks + 1
        for pid in found:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, 9)
        time.sleep(0.01 if found else 0.1)
