# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Starting: what has to be there on the host first, then the monitors; stopping, pausing, waiting for health."""

from __future__ import annotations

import os
import time

from .. import networks, volumes
from ..errors import ContainerFailed, HostError, InvalidInput
from ..kernel import syscalls
from . import catalog, control, documents

TAIL = 20  # lines of a failed container's log that its error carries


def start(engine, records):
    """Start containers, all at once. Returns ``{id: None or the exception}``; ``wanted`` becomes running."""
    results, ready = {}, []
    names = sorted({entry["network"] for record in records for entry in documents.read_run(engine, record["id"])["network"]["attachments"]})
    if names:
        networks.ensure_links(engine, names)
    for record in records:
        try:
            prepare(engine, record)
            ready.append(record)
        except HostError as error:
            results[record["id"]] = error
    started = control.start(engine, [record["id"] for record in ready]) if ready else {}
    for record in ready:
        error = started.get(record["id"])
        results[record["id"]] = failure(engine, record, error) if error else None
        if not error:
            catalog.set_wanted(engine, record["id"], "running")
    return results


def start_one(engine, record):
    """Start one container. :raises ContainerFailed: with its last lines; HostError."""
    error = start(engine, [record])[record["id"]]
    if error is not None:
        raise error


def failure(engine, record, error):
    """The error of a start as the user gets it: which container, why, its last lines."""
    if isinstance(error, HostError):
        return error
    state = control.status(engine, record["id"])
    return ContainerFailed("container %s did not start: %s" % (record["name"], error), state.get("exit_code"), tail(engine, record))


def tail(engine, record):
    return control.tail(engine, record["id"], TAIL)


def prepare(engine, record):
    """Mounts of the host that a start needs: volumes with driver options, the shareable /dev/shm."""
    for name in sorted(set(documents.anonymous(engine, record["id"]).values())):
        volumes.attach(engine, name)
    if record["definition"].get("ipc_mode") == "shareable":
        _shared_memory(engine, record)


def _shared_memory(engine, record):
    path = os.path.join(engine.paths.container_run(record["id"]), "shm")
    os.makedirs(path, 0o700, exist_ok=True)
    if not os.path.ismount(path):
        options = "mode=1777,size=%d" % record["definition"].get("shm_size", 64 << 20)
        try:
            syscalls.mount("shm", path, "tmpfs", 2 | 4 | 8, options)  # MS_NOSUID | MS_NODEV | MS_NOEXEC
        except OSError as error:
            raise HostError("container %s: can't mount its shared memory: %s" % (record["name"], error.strerror)) from None


def stop(engine, record, force=False, timeout=None):
    """Stop a container, by its stop signal and after its timeout by SIGKILL; it stays stopped, also after a reboot."""
    catalog.set_wanted(engine, record["id"], "stopped")
    if force:
        control.kill(engine, record["id"])
    else:
        control.stop(engine, record["id"], timeout)


def pause(engine, record):
    control.pause(engine, record["id"])
    catalog.set_wanted(engine, record["id"], "paused")


def unpause(engine, record):
    control.unpause(engine, record["id"])
    catalog.set_wanted(engine, record["id"], "running")


def wait_healthy(engine, record, timeout):
    """Wait until the health check says "healthy".

    :raises ContainerFailed: it ended, it is unhealthy, or ``timeout`` (seconds; 0 or less: none) is over; with its last lines.
    """
    if documents.read_run(engine, record["id"])["health"] is None:
        raise InvalidInput("state", "healthy", "another state: container %s has no health check" % record["name"])
    until = time.monotonic() + timeout if timeout > 0 else None
    pause_time = 0.02
    while True:
        state = control.status(engine, record["id"])
        health = (state.get("health") or {}).get("status")
        if state["status"] == "running" and health == "healthy":
            return
        if state["status"] in ("exited", "dead"):
            raise ContainerFailed("container %s ended with exit code %s before it was healthy" % (record["name"], state["exit_code"]),
                                  state["exit_code"], tail(engine, record))
        if health == "unhealthy":
            raise ContainerFailed("container %s is unhealthy: %s" % (record["name"], last_check(state)), None, tail(engine, record))
        if until is not None and time.monotonic() > until:
            raise ContainerFailed("container %s is not healthy after %g seconds: %s" % (record["name"], timeout, last_check(state)), None, tail(engine, record))
        time.sleep(pause_time)
        pause_time = min(pause_time * 1.5, 0.5)


def last_check(state):
    log = (state.get("health") or {}).get("log") or []
    return "the last check ended with %s: %s" % (log[-1]["exit_code"], log[-1]["output"].strip()[-200:]) if log else "no check has ended yet"


def boot(engine):
    """Bring back what should run: containers that ran and whose restart policy is not "no". Returns as :func:`start`."""
    records = [record for record in catalog.every(engine) if record["wanted"] in ("running", "paused")
               and record["definition"].get("restart_policy", "no") != "no" and control.status(engine, record["id"])["status"] not in control.LIVING]
    paused = {record["id"] for record in records if record["wanted"] == "paused"}
    results = start(engine, order(records))
    for record in records:
        if record["id"] in paused and results[record["id"]] is None:
            pause(engine, record)
    return results


def order(records):
    """Containers whose namespaces others join come first."""
    names = {record["name"]: record for record in records}
    names.update({record["id"]: record for record in records})
    done = []

    def add(record, chain):
        if record in done or record["id"] in chain:
            return
        for option in ("network_mode", "pid_mode", "ipc_mode"):
            kind, _, other = (record["definition"].get(option) or "").partition(":")
            if kind == "container" and other in names:
                add(names[other], chain | {record["id"]})
        done.append(record)

    for record in records:
        add(record, frozenset())
    return done
