# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""``events``: print what a container uses, every few seconds, and that it ran out of memory, as
lines of JSON in runc's form.
"""

from __future__ import annotations

import select
import time

from .... import json_text, units
from ....errors import Conflict, EngineError, InvalidInput
from ....kernel.processes import procfs
from ..arguments import Command
from ..output import write
from ..states import open_container

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from ....kernel.cgroups import Group
    from ....kernel.cgroups.usage.oom_watch import Watch
    from ..arguments import Call
    from ..output import Log
    from ..states import Container

COMMAND = Command(
    "print resource usage and out-of-memory events of a container",
    "ID",
    1,
    1,
    ("stats", "interval="),
)

NETWORK = (
    ("RxBytes", "RxPackets", "RxErrors", "RxDropped"),
    ("TxBytes", "TxPackets", "TxErrors", "TxDropped"),
)


def events(call: Call, _log: Log) -> None:
    interval = units.duration(call["interval"] or "5s", "--interval")
    if interval <= 0:
        raise InvalidInput("--interval", call["interval"], "a time above 0, such as 5s")
    container = open_container(call.options["root"], call.arguments[0])
    process = container.process()
    if process is None:
        raise Conflict(f"container {container.ident}: container not running")
    group = container.group()
    watch = None if call["stats"] else oom_watch(group)
    _print("stats", container, figures(group, container.pid))
    if not call["stats"]:
        follow(container, group, process, watch, interval)


def oom_watch(group: Group) -> Watch | None:
    """Return what tells that memory runs out; None where the host accounts no memory."""
    try:
        return group.oom_watch()
    except EngineError:
        return None


def follow(
    container: Container, group: Group, process: int, watch: Watch | None, interval: float
) -> None:
    """Print events until process 1 has ended, or the group is gone.

    :param process: a pidfd of process 1. :param interval: seconds between figures.
    """
    poll = select.poll()
    poll.register(process, select.POLLIN)
    if watch is not None:
        poll.register(watch, select.POLLIN)
    next_time, ended = time.monotonic() + interval, False
    while not ended:
        ready = [fd for fd, _events in poll.poll(max(next_time - time.monotonic(), 0) * 1000)]
        ended = process in ready or (watch is not None and watch.gone())
        for _event in range(watch.read() if watch is not None else 0):
            _print("oom", container, None)
        if not ended and time.monotonic() >= next_time:
            next_time += interval
            _print("stats", container, figures(group, container.pid))


def _print(kind: str, container: Container, data: dict[str, Any] | None) -> None:
    entry: dict[str, Any] = {"type": kind, "id": container.ident}
    if data is not None:
        entry["data"] = data
    write(json_text.dump(entry) + "\n")


def figures(group: Group, pid: int) -> dict[str, Any]:
    """Return what the container's group accounts, and the traffic of its network namespace."""
    return dict(group.accounts(), network_interfaces=interfaces(pid))


def interfaces(pid: int) -> list[dict[str, Any]]:
    """Return the figures of a process's links but loopback: /proc/PID/net/dev (proc_pid_net(5)) by
    runc's names.
    """
    try:
        lines = procfs.read(f"/proc/{pid}/net/dev").splitlines()[2:]
    except OSError:
        lines = []
    found = []
    for line in lines:
        name, _colon, numbers = line.partition(":")
        counts = [int(word) for word in numbers.split()]
        if name.strip() != "lo":
            figures_of_link: dict[str, Any] = dict(zip(NETWORK[0], counts))
            figures_of_link.update(zip(NETWORK[1], counts[8:]), Name=name.strip())
            found.append(figures_of_link)
    return found
