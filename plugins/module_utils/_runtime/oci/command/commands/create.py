# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""``create``: make a container and its process, which waits to be started."""

from __future__ import annotations

from ....kernel.calls import constants as c
from ....kernel.isolation import namespaces
from .. import bundle_launch
from ..arguments import Command

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ...launch.launch import Launch
    from ..arguments import Call
    from ..output import Log

OPTIONS = (
    "bundle|b=",
    "console-socket=",
    "pid-file=",
    "no-pivot",
    "no-new-keyring",
    "preserve-fds=#",
    "config|f=",
    "no-subreaper",
    "pidfd-socket=",
)
COMMAND = Command(
    "make a container and its process, which waits to be started", "ID", 1, 1, OPTIONS
)


def create(call: Call, log: Log) -> None:
    made, _site = bundle_launch.make(call, call.arguments[0], wait=True)
    log_steps(made, log)


def log_steps(made: Launch, log: Log) -> None:
    """Log the warnings of a container's making, and with ``--debug`` its steps, called as runc
    calls them.
    """
    for text in made.warnings:
        log.warning(text)
    if not log.debugging:
        return
    how = ": a sealed step in memory" if made.program.steps else ", mounted read-only"
    log.debug(f"runc exeseal: using /proc/self/exe clone{how}")
    if made.program.filter:
        flags = made.program.filter_flags & ~(
            c.SECCOMP_FILTER_FLAG_TSYNC | c.SECCOMP_FILTER_FLAG_TSYNC_ESRCH
        )
        log.debug(f"seccomp filter flags: {flags}")
    new = ", ".join(kind for kind in namespaces.TYPES if made.document.private(kind)) or "none"
    joined = ", ".join(made.joined) or "none"
    log.debug(
        f"nsexec container setup: process {made.pid} has its namespaces: new {new}, joined {joined}"
    )
    log.debug(f"child process in init(): its root is made of {made.site.root_place}")
    log.debug("init: closing the pipe to signal completion")
