# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""rlimits of a container's process: raised while it has the host's rights, set as its last step but
its user and rights.

So what it does until then needs no more descriptors, memory or time of the processor than it may
have: a program gets along with eight descriptors, its making does not.
"""

from __future__ import annotations

from ...kernel.calls import syscalls
from ..spec.program import RLIMITS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..spec.program import Limits, Program, Warn

UNLIMITED = -1
NOFILE = RLIMITS.index("NOFILE")
ROOM = 1024  # descriptors that a start may need for itself


def raise_own() -> Limits:
    """Let this process have some more files open than its caller may have left open.

    Returns what to give back to a program.
    """
    soft, hard = syscalls.prlimit(0, NOFILE)
    enough = soft + ROOM if hard == UNLIMITED else min(soft + ROOM, hard)
    if enough == soft:
        return {}
    syscalls.prlimit(0, NOFILE, enough, hard)
    return {NOFILE: (soft, hard)}


def allow(program: Program, warn: Warn) -> None:
    """Raise the hard limits that are below those asked for; what ``set_all`` sets needs no rights
    afterwards.

    Raising needs CAP_SYS_RESOURCE; without it the highest that is allowed is taken, and said.
    """
    wanted = dict(program.original_limits)  # as they were before this engine raised its own
    for resource, soft, hard in program.limits:
        soft, hard = (UNLIMITED if value >= 2**64 - 1 else value for value in (soft, hard))
        present, most = syscalls.prlimit(0, resource)
        if most != UNLIMITED and (hard == UNLIMITED or hard > most):
            try:
                syscalls.prlimit(0, resource, present, hard)
            except PermissionError:
                most = program.original_limits.get(resource, (present, most))[1]
                soft, lower = (
                    most if value == UNLIMITED or value > most else value for value in (soft, hard)
                )
                warn(
                    "rlimit %s: hard limit %s needs CAP_SYS_RESOURCE, which this host's root does "
                    "not have; it is %d"
                    % (RLIMITS[resource], "unlimited" if hard == UNLIMITED else hard, lower)
                )
                hard = lower
        wanted[resource] = soft, hard
    program.final_limits = wanted


def set_all(program: Program) -> None:
    """Set what ``allow`` has made possible."""
    for resource, (soft, hard) in program.final_limits.items():
        syscalls.prlimit(0, resource, soft, hard)
