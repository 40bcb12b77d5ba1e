# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Wait until a container is healthy, or it is clear that it will not be; wait until it has ended."""

from __future__ import annotations

import collections
import time

from ...errors import ContainerFailed, EngineError, InvalidInput, NotFound
from ...kernel.net import connections
from ...untrusted.text import printable
from ..access import exec_client
from ..client import monitor_client
from ..records import catalog, network_names, status
from ..spec import container_files
from ..view import logs

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ...engine import Engine
    from ..records.catalog import Record
    from ..records.run_state import RunState

# Ends of a container until it is given up: some two seconds (monitor.BACKOFF) and what its program takes.
ENDS = 5
MOST_OUTPUT = 16 << 20  # characters of an ended container's output that are kept, its last ones
BOOTED = ("running", "degraded")  # what systemd says when it is up, see systemctl(1)


def wait_healthy(engine: Engine, record: Record, timeout: float, fresh: bool = False) -> None:
    """Wait until the health check says "healthy".

    :param timeout: in seconds; 0 or less: none.
    :param fresh: its start belongs to what is waited for: all its ends since then count.
    :raises InvalidInput: it has no health check.
    :raises ContainerFailed: it ended for good or ``ENDS`` times, it is unhealthy, or the time is
        over; with its last exit code and its last lines.
    :raises NotFound: another task has removed it meanwhile.
    """
    with catalog.reading(engine, record):
        checked = container_files.read_run(engine, record["id"])["health"] is not None
    if not checked and container_files.with_systemd(engine, record):
        _wait_booted(engine, record, timeout)
        return
    if not checked:
        raise InvalidInput(
            "state", "healthy", f"another state: container {record['name']} has no health check"
        )
    until = time.monotonic() + timeout if timeout > 0 else None
    pause, watch = 0.02, Watch(0 if fresh else None, timeout)
    while True:
        state = status.now(engine.paths, record["id"])
        if watch.is_healthy(state):
            return
        late = until is not None and time.monotonic() > until
        why = watch.why_hopeless(state) or (watch.why_late(state) if late else "")
        if why:
            raise ContainerFailed(
                f"container {network_names.shown_name(record)} {why}",
                watch.code,
                logs.tail(engine.paths, record["id"]),
            )
        if catalog.by_id(engine, record["id"]) is None:
            raise NotFound(
                f"container {network_names.shown_name(record)} does not exist: another task has removed it "
                "meanwhile"
            )
        time.sleep(pause)
        pause = min(pause * 1.5, 0.25)


def wait_listening(engine: Engine, record: Record, ports: set[int], timeout: float) -> None:
    """Wait until a container that was just started listens on TCP ports of its own.

    :param timeout: in seconds; 0 or less: none.
    :raises ContainerFailed: it ended for good or ``ENDS`` times, or the time is over.
    """
    until = time.monotonic() + timeout if timeout > 0 else None
    pause = 0.01
    while True:
        state = status.now(engine.paths, record["id"])
        missing = sorted(ports - connections.listening(state["pid"])) if state["pid"] else [0]
        if not missing:
            return
        why = ""
        if state["status"] not in status.LIVING or state["restarts"] + 1 >= ENDS:
            why = "ended before it listened on its published ports"
        elif until is not None and time.monotonic() > until:
            listed = ", ".join(f"{port}/tcp" for port in missing if port)
            why = (
                f"does not listen on {listed or 'its published ports'} after {timeout:g} seconds, "
                "where the old one does"
            )
        if why:
            raise ContainerFailed(
                f"container {network_names.shown_name(record)} {why}",
                state["exit_code"],
                logs.tail(engine.paths, record["id"]),
            )
        time.sleep(pause)
        pause = min(pause * 1.5, 0.1)


def wait_drained(engine: Engine, ident: str, ports: set[int], timeout: float) -> int:
    """Wait until nobody is connected to a container that gets no new connections.

    :param ports: those of its own that were published.
    :returns: how many still are when the time is over.
    """
    until = time.monotonic() + timeout
    relayed, quiet = 1, 0
    while True:
        pid = status.now(engine.paths, ident)["pid"]
        if not pid:
            return 0
        relayed = (
            monitor_client.relayed(engine.paths, ident) if relayed else 0
        )  # there come no more
        count = max(connections.inbound(pid, ports), relayed)
        quiet = 0 if count else quiet + 1
        left = until - time.monotonic()
        if quiet == 2 or left <= 0:  # twice: one may have been on its way
            return count
        time.sleep(min(0.05, left))


def wait_ended(engine: Engine, record: Record) -> tuple[int, str]:
    """Wait until a container has ended and is not started again.

    :returns: its exit code, and its output of this run or the last of it: stdout and stderr in the
        order in which they came.
    """
    since = logs.stamp(int((status.now(engine.paths, record["id"])["started_at"] or 0) * 1e9))
    code = monitor_client.wait(engine.paths, [record["id"]])[record["id"]]
    run = container_files.read_run(engine, record["id"])
    if logs.unreadable(run):
        return code, f"Result logged using `{run['log']['driver']}` driver"  # as docker_container
    kept, size = collections.deque[str](), 0
    for entry in logs.read(engine.paths, record["id"], since=since):
        kept.append(entry["log"])
        size += len(entry["log"])
        while size > MOST_OUTPUT and len(kept) > 1:
            size -= len(kept.popleft())
    return code, "".join(kept)


def last_lines(output: str) -> str:
    """Return the lines of an output that an error carries."""
    return "".join(output.splitlines(keepends=True)[-logs.TAIL :])


def _wait_booted(engine: Engine, record: Record, timeout: float) -> None:
    """Wait until systemd, the container's process 1, says that it is up; failed units are no matter.

    :raises ContainerFailed: it ended, is about to, or the time is over; with its last lines.
    """
    until = time.monotonic() + timeout if timeout > 0 else None
    said = ""
    while True:
        now = status.now(engine.paths, record["id"])
        if now["status"] == "running":
            try:
                said = _asked(engine, record)
            except EngineError as error:  # it has just ended, or has no systemctl
                said = str(error)
        if said in BOOTED:
            return
        why = ""
        if now["status"] not in status.LIVING:
            why = f"ended with exit code {status.exit_code(now)} before systemd was up"
        elif said in ("maintenance", "stopping"):
            why = f"is not up: systemd says {said}"
        elif until is not None and time.monotonic() > until:
            why = f"is not up after {timeout:g} seconds: systemd says {said or 'nothing'}"
        if why:
            raise ContainerFailed(
                f"container {network_names.shown_name(record)} {why}",
                status.exit_code(now) if now["status"] not in status.LIVING else None,
                logs.tail(engine.paths, record["id"]),
            )
        if catalog.by_id(engine, record["id"]) is None:
            raise NotFound(
                f"container {network_names.shown_name(record)} does not exist: another task has removed it "
                "meanwhile"
            )
        time.sleep(0.2)


def is_booted(engine: Engine, record: Record) -> bool:
    """Tell whether systemd, the container's process 1, says that it is up."""
    try:
        return _asked(engine, record) in BOOTED
    except EngineError:  # it is not there yet, or no longer
        return False


def _asked(engine: Engine, record: Record) -> str:
    """Return what ``systemctl is-system-running`` says, in one line."""
    done = exec_client.run(
        engine.paths, record["id"], ["systemctl", "is-system-running"], user="0", timeout=30
    )
    return printable(done["stdout"] or done["stderr"], 200).partition("\\n")[0]


class Watch:
    """What was seen of a container while it is waited for.

    :param before: its restarts at the beginning, None: those that are seen first.
    :ivar code: its last exit code, None where it has not ended.
    """

    def __init__(self, before: int | None, timeout: float) -> None:
        self.before, self.timeout = before, timeout
        self.code: int | None = None

    def is_healthy(self, state: RunState) -> bool:
        if self.before is None:
            self.before = state["restarts"]
        if state["status"] in ("exited", "restarting"):
            self.code = status.exit_code(state)
        return state["status"] == "running" and _health(state) == "healthy"

    def why_hopeless(self, state: RunState) -> str:
        """Say why it will not become healthy; "" where it may."""
        ends = self._restarts(state) + 1
        if state["status"] == "exited":
            return f"ended with exit code {self.code} before it was healthy"
        if state["status"] == "restarting" and ends >= ENDS:
            return f"ended {ends} times before it was healthy, the last time with exit code {self.code}"
        return f"is unhealthy: {_last_check(state)}" if _health(state) == "unhealthy" else ""

    def why_late(self, state: RunState) -> str:
        """Say what it is instead of healthy when the time is over."""
        ends = self._restarts(state)
        ended = (
            f"it ended {ends} times meanwhile, the last time with exit code {self.code}; "
            if ends
            else ""
        )
        return f"is not healthy after {self.timeout:g} seconds: {ended}{_last_check(state)}"

    def _restarts(self, state: RunState) -> int:
        return state["restarts"] - (self.before or 0)


def _health(state: RunState) -> str | None:
    return state["health"]["status"] if state["health"] else None


def _last_check(state: RunState) -> str:
    log = state["health"]["log"] if state["health"] else []
    if not log:
        return "no check has ended yet"
    return f"the last check ended with {log[-1]['exit_code']}: {log[-1]['output'].strip()[-200:]}"
