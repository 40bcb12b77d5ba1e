# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""``stats``: what many containers use, again and again. Everything that a steady reading needs
stays open in between.
"""

from __future__ import annotations

import os
import resource

from ... import networks
from ...errors import Unsupported
from ...kernel import cgroups
from ...kernel.cgroups.hierarchy import layout
from ..records import run_state as states

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from ...engine import Engine
    from ..records.run_state import RunState

FILES = 20  # that one container keeps open, at most
SPARE = 64  # for everything else in this process


def room(limit: int) -> int:
    """Return how many containers' files fit below a limit of open files."""
    return max(limit - SPARE, 0) // FILES if limit != resource.RLIM_INFINITY else 1 << 30


def more_room() -> int:
    """Raise this process's limit as far as it may be; returns as :func:`room`."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return room(hard)


class Meter:
    """Figures of an engine's containers. ``close`` it.

    A container costs about 16 reads each time, and its state file is read only when it was started
    anew. Those for which the process may not have more files open (RLIMIT_NOFILE) are opened each
    time.
    """

    def __init__(self, engine: Engine) -> None:
        if layout.without_groups():
            raise Unsupported(layout.no_group("stats"))
        self.paths = engine.paths
        self.open: dict[str, _Open] = {}
        self.most = room(resource.getrlimit(resource.RLIMIT_NOFILE)[0])

    def read(self, ident: str) -> dict[str, Any] | None:
        """Read what a container uses (kernel/cgroups/usage), with ``network``; None when it does
        not run.

        ``network`` is ``{"received", "sent"}`` in bytes; ``networks`` has the figures of each
        attachment (networks/diagnosis/link_counters.py).
        """
        entry = self.open.get(ident)
        found = entry.read() if entry else None
        if found is None:
            self.forget(ident)
            now = states.read(self.paths, ident)
            if not states.alive(now) or not now["cgroup"]:
                return None
            entry = self.open[ident] = _Open(now)
            found = entry.read()
            if len(self.open) > self.most:
                self.most = max(self.most, more_room())
            if len(self.open) > self.most:
                self.forget(ident)
        return found

    def forget(self, ident: str) -> None:
        """Close what is open for a container."""
        entry = self.open.pop(ident, None)
        if entry:
            entry.close()

    def close(self) -> None:
        """Close all that is open."""
        for ident in list(self.open):
            self.forget(ident)


class _Open:
    """One run of a container."""

    def __init__(self, state: RunState) -> None:
        self.pid = state["pid"]
        self.attachments = state["network"]["attachments"] if state["network"] else []
        self.reader = cgroups.Group.open(state["cgroup"]).reader()
        try:
            self.links = os.open(f"/proc/{state['pid']}/net/dev", os.O_RDONLY | os.O_CLOEXEC)
        except OSError:
            self.links = -1  # it ended meanwhile

    def read(self) -> dict[str, Any] | None:
        """Read the figures; None when the group has no process any more, or is not the one that was
        opened.
        """
        found = self.reader.read()
        if self.reader.gone or not found.get("pids", {"current": 1})["current"]:
            return None
        return dict(
            found, network=self._traffic(), networks=networks.counters(self.attachments, self.pid)
        )

    def _traffic(self) -> dict[str, int]:
        text = os.pread(self.links, 65536, 0).decode("ascii", "replace") if self.links >= 0 else ""
        return traffic(text)

    def close(self) -> None:
        self.reader.close()
        if self.links >= 0:
            os.close(self.links)


def traffic(text: str) -> dict[str, int]:
    """Sum the bytes over all links but loopback: ``{"received", "sent"}``.

    :param text: of /proc/PID/net/dev (proc_pid_net(5)).
    """
    received = sent = 0
    for line in text.splitlines()[2:]:
        name, dummy, numbers = line.partition(":")
        if name.strip() != "lo":
            words = numbers.split()
            received, sent = received + int(words[0]), sent + int(words[8])
    return {"received": received, "sent": sent}


def once(engine: Engine, ident: str) -> dict[str, Any] | None:
    """Read what a container uses now, as :meth:`Meter.read`; None when it does not run."""
    meter = Meter(engine)
    try:
        return meter.read(ident)
    finally:
        meter.close()
