# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What running containers are asked and told, for one engine: monitors, logs and exec with the store's paths filled in."""

from __future__ import annotations

import os
import socket
import time

from ...errors import Conflict
from ..access import execute as executing
from ..client import monitor_client
from . import logs as logging
from . import stats as metering

LIVING = (
    "running",
    "paused",
    "starting",
    "restarting",
)  # statuses of a container that has processes, or will again
UNSEEN = 255  # the exit code of a container that a power cut ended, or that had no monitor
TAIL = 20  # lines of a failed container's log that its error carries


def status(engine, ident):
    """What is true of a container now: state.json's keys, ``status`` checked against the kernel."""
    return monitor_client.status(engine.paths, ident)


def exit_code(state):
    """The exit code to show of a container: 255 for an end that nobody has seen, as Docker; 0 for one that has not ended."""
    if state.get("exit_code") is None:
        return (
            UNSEEN
            if state["status"] in ("exited", "restarting") and state.get("started_at") is not None
            else 0
        )
    return state["exit_code"]


def lives(engine, ident):
    return status(engine, ident)["status"] in LIVING


def kill(engine, ident, signal="SIGKILL"):
    """Send a signal to process 1. :raises Conflict: when it does not run."""
    monitor_client.kill(engine.paths, ident, signal)


def end(engine, ident, timeout=None, signal=None):
    """Have a container end, by SIGKILL after ``timeout`` seconds (None: its own); one that does not run is fine."""
    monitor_client.stop(engine.paths, [ident], timeout, signal)


def wait(engine, ident, timeout=None):
    """Wait until a container has ended; its exit code, as of :func:`exit_code`."""
    code = monitor_client.wait(engine.paths, [ident], timeout)[ident]
    return exit_code(status(engine, ident)) if code is None else code


def logs(engine, ident, **how):
    """The log's entries, oldest first, each ``{"log", "stream", "time"}``; ``how`` as in logs.read."""
    return logging.read(engine.paths, ident, **how)


def tail(engine, ident, lines=TAIL):
    """The last lines of a container's log as one text."""
    return "".join(entry["log"] for entry in logging.read(engine.paths, ident, tail=lines))


def execute(engine, ident, argv, **how):
    """Run a command in a container: see execute.run."""
    return executing.run(engine.paths, ident, argv, **how)


def interactive(engine, ident, argv, **how):
    """Run a command in a container with this process's terminal: see execute.interactive."""
    return executing.interactive(engine.paths, ident, argv, **how)


def attach(engine, ident, stdin=True, keys=b""):
    """Join this process's terminal to that of a container, from what it has written so far on, until it ends.

    :raises detach_keys.Detached: when ``keys`` were typed.
    """
    own, theirs = socket.socketpair()
    with theirs:
        monitor_client.attach(engine.paths, ident, theirs.fileno(), replay=True)
    executing.bridge(
        own.detach(),
        None,
        stdin,
        lambda _terminal, rows, columns: monitor_client.resize(engine.paths, ident, rows, columns),
        keys,
    )


def open_input(engine, ident):
    """A descriptor to write to a container's standard input. :raises Conflict: where that is none that others can write to."""
    try:
        fd = os.open(
            os.path.join(engine.paths.container_run(ident), "stdin"),
            os.O_WRONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOFOLLOW,
        )
    except OSError:  # it has no such FIFO, or does not read it
        raise Conflict(
            "its standard input is closed, or that of the command that started it"
        ) from None
    os.set_blocking(fd, True)
    return fd


def stats(engine, ident):
    """What a container uses (kernel/cgroups/usage/counters.py), with ``network``: ``{"received", "sent"}`` in bytes; None when it does not run."""
    meter = metering.Meter(engine)
    try:
        return meter.read(ident)
    finally:
        meter.close()


def top(engine, ident):
    """The processes of a container, from the host's /proc alone: no program of the image is run (CVE-2022-1227).

    :returns: ``[{"UID", "PID", "PPID", "STIME", "TIME", "CMD"}]``. :raises Conflict: when it does not run.
    """
    with open("/proc/stat") as file:
        booted = next(int(line.split()[1]) for line in file if line.startswith("btime"))
    rows = [_process(pid, booted) for pid in sorted(monitor_client.processes(engine.paths, ident))]
    return [row for row in rows if row is not None]


def _process(pid, booted):
    tick = os.sysconf("SC_CLK_TCK")
    try:
        uid = os.stat("/proc/%d" % pid).st_uid
        with open("/proc/%d/stat" % pid) as file:
            head, dummy, rest = file.read().rpartition(")")
        with open("/proc/%d/cmdline" % pid, "rb") as file:
            words = file.read().rstrip(b"\0").replace(b"\0", b" ").decode("utf-8", "replace")
    except (FileNotFoundError, ProcessLookupError):
        return None
    fields = rest.split()
    seconds = (int(fields[11]) + int(fields[12])) // tick
    return {
        "UID": str(uid),
        "PID": str(pid),
        "PPID": fields[1],
        "STIME": time.strftime("%H:%M", time.localtime(booted + int(fields[19]) / tick)),
        "TIME": "%02d:%02d:%02d" % (seconds // 3600, seconds // 60 % 60, seconds % 60),
        "CMD": words or f"[{head.partition('(')[2]}]",
    }
