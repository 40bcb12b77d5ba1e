# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""``kill``: send a signal to a container's process, or to all of its processes."""

from __future__ import annotations

import os

from ....errors import Conflict, EngineError, InvalidInput
from ....kernel.processes import pidfd, signal_names
from ...spec.document import Document
from ..arguments import Command
from ..states import open_container

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..arguments import Call
    from ..output import Log
    from ..states import Container

COMMAND = Command(
    "send a signal, SIGTERM by default, to a container's process", "ID [SIGNAL]", 1, 2, ("all|a",)
)
SIGKILL, SIGTERM = 9, 15


def kill(call: Call, _log: Log) -> None:
    container = open_container(call.options["root"], call.arguments[0])
    number = signal_number(call.arguments[1]) if len(call.arguments) > 1 else SIGTERM
    if call["all"]:
        signal_all(container, number)
        return
    if (
        number == SIGKILL
        and container.data.get("cgroup")
        and _shares_processes(container)
        and container.group().procs()
    ):
        signal_all(container, number)  # the kernel takes none of the others along with process 1
        return
    process = container.process()
    if process is None or not pidfd.send(process, number):
        raise Conflict(f"container {container.ident}: container not running")
    if number == SIGKILL and container.group().frozen():
        container.group().thaw()  # a frozen process of cgroup v1 dies when it is let go


def signal_number(text: str) -> int:
    """Return the number of a signal by its name or number; 0, which only asks, for "0".

    :raises InvalidInput:
    """
    number = 0 if text == "0" else signal_names.number(text)
    if number is None:
        raise InvalidInput(
            "signal",
            text,
            "a signal's number up to 64, 0 to ask only, or its name, such as SIGTERM or TERM",
        )
    return number


def _shares_processes(container: Container) -> bool:
    """Return whether it has no process namespace of its own, but a group that is its alone."""
    try:
        return not Document(container.config()).private("pid") and not container.data["cgroup"].get(
            "shared"
        )
    except (EngineError, OSError):
        return False


def signal_all(container: Container, number: int) -> None:
    """Send a signal to each process in the container's cgroup; that there is none is no error."""
    group = container.group()
    if not group.paths:  # --cgroup-manager disabled: who else belongs to it is not known
        process = container.process()
        if process is not None:
            pidfd.send(process, number)
        return
    if number == SIGKILL:
        group.kill()
        return
    for pid in group.procs():
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            pass
