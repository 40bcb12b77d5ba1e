# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""``events``: what a container uses, every few seconds, and that it ran out of memory; each a line of JSON in runc's form."""

from __future__ import annotations

import select
import time

from .... import json_text, units
from ....errors import Conflict, EngineError, InvalidInput
from ....kernel.processes import procfs
from ..main import write
from ..states import open_container

NETWORK = (
    ("RxBytes", "RxPackets", "RxErrors", "RxDropped"),
    ("TxBytes", "TxPackets", "TxErrors", "TxDropped"),
)


def events(call, _log):
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


def oom_watch(group):
    """None where the host accounts no memory: there is nothing to be told of then."""
    try:
        return group.oom_watch()
    except EngineError:
        return None


def follow(container, group, process, watch, interval):
    """Until process 1 has ended, or the group is gone."""
    poll = select.poll()
    for fd in filter(None, (process, watch)):
        poll.register(fd, select.POLLIN)
    next_time, ended = time.monotonic() + interval, False
    while not ended:
        ready = [fd for fd, _events in poll.poll(max(next_time - time.monotonic(), 0) * 1000)]
        ended = process in ready or (watch is not None and watch.gone())
        for dummy in range(watch.read() if watch is not None else 0):
            _print("oom", container, None)
        if not ended and time.monotonic() >= next_time:
            next_time += interval
            _print("stats", container, figures(group, container.pid))


def _print(kind, container, data):
    entry = {"type": kind, "id": container.ident}
    if data is not None:
        entry["data"] = data
    write(json_text.dump(entry) + "\n")


def figures(group, pid):
    """What the container's group accounts, and the traffic of its network namespace."""
    return dict(group.accounts(), network_interfaces=interfaces(pid))


def interfaces(pid):
    """Its links but loopback: /proc/PID/net/dev (proc_pid_net(5)) by runc's names."""
    try:
        lines = procfs.read("/proc/%d/net/dev" % pid).splitlines()[2:]
    except OSError:
        lines = []
    found = []
    for line in lines:
        name, dummy, numbers = line.partition(":")
        counts = [int(word) for word in numbers.split()]
        if name.strip() != "lo":
            found.append(
                dict(
                    zip(NETWORK[0], counts), Name=name.strip(), **dict(zip(NETWORK[1], counts[8:]))
                )
            )
    return found
