# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Starting: what has to be there on the host first, then the monitors; stopping, pausing, waiting for health."""

from __future__ import annotations

import contextlib
import os
import re
import time

from ... import networks, volumes
from ...deploy import install
from ...errors import Conflict, ContainerFailed, EngineError, HostError, InvalidInput, NotFound
from ...kernel.calls import syscalls
from ..client import monitor_client, signals
from ..records import catalog, image
from ..spec import files, shared_namespaces, user_namespaces
from ..view import running

ENDS = 5  # of a container that is waited for until it is given up: some two seconds (monitor.BACKOFF) and what its program takes
HELD = 200  # locks of containers, each a descriptor, that are held at once


def start(engine, records, at_once=None, stdin=None, checkpoint=None):
    """Start containers, several at once. Returns ``{id: None or the exception}``; ``wanted`` becomes running.

    :param at_once: how many; None: as control.start sees fit. :param stdin: :param checkpoint: see control.start.
    """
    install.ensure(engine)
    results = {}
    names = sorted(
        {
            entry["network"]
            for record in records
            for entry in files.read_run(engine, record["id"])["network"]["attachments"]
        }
    )
    if names:
        networks.ensure_links(engine, names)
    for level in levels(engine, records):
        results.update(_start_level(engine, level, at_once, stdin, checkpoint))
    return results


def _start_level(engine, records, at_once, stdin, checkpoint):
    results, ready = {}, []
    for record in records:
        try:
            prepare(engine, record)
            ready.append(record)
        except HostError as error:
            results[record["id"]] = error
    answers = (
        monitor_client.start(
            engine.paths,
            [record["id"] for record in ready],
            install.command_line(engine),
            at_once,
            stdin,
            checkpoint,
        )
        if ready
        else {}
    )
    for record in ready:
        answer = answers[record["id"]]
        results[record["id"]] = failure(engine, record, answer) if "error" in answer else None
        if "error" not in answer:
            catalog.set_wanted(engine, record["id"], "running")
    return results


def start_each(engine, records, at_once=None):
    """As :func:`start`, for containers whose locks the caller does not hold. One that another task has removed meanwhile is left to that, without an error."""
    results = {record["id"]: None for record in records}
    for level in levels(engine, records):
        for first in range(0, len(level), HELD):
            some = level[first : first + HELD]
            with contextlib.ExitStack() as stack:
                for name in sorted({record["name"] for record in some}):
                    stack.enter_context(engine.locks.hold("container", name))
                results.update(
                    start(
                        engine,
                        [
                            record
                            for record in some
                            if catalog.by_id(engine, record["id"]) is not None
                        ],
                        at_once,
                    )
                )
    return results


def start_held(engine, record, stdin=None):
    """As :func:`start_one`, for a container whose lock the caller does not hold. :raises NotFound: another task has removed it meanwhile."""
    with catalog.held(engine, record["id"]) as now:
        start_one(engine, now, stdin)


def start_one(engine, record, stdin=None, checkpoint=None):
    """Start one container, from a checkpoint (checkpoints.ready) where one is given. :raises ContainerFailed: with its last lines; HostError."""
    error = start(engine, [record], stdin=stdin, checkpoint=checkpoint)[record["id"]]
    if error is not None:
        raise error


def shown_name(record):
    """The name that a container is to have, also while it stands beside the one that it replaces."""
    return re.sub(r"\.new-[0-9a-f]{8}$", "", record["name"])


def failure(engine, record, answer):
    """The error of a start as the user gets it: which container, by the name that it is to have, why, its last lines."""
    sentence = f"container {shown_name(record)} did not start: {answer['error']}"
    return ContainerFailed(sentence, answer.get("exit_code"), running.tail(engine, record["id"]))


def prepare(engine, record):
    """What a start needs of the host: the image's layers, volumes with driver options, the AppArmor profile, the shareable /dev/shm."""
    if not all(image.is_there(layer) for layer in files.read_run(engine, record["id"])["layers"]):
        _repair(engine, record)
    for name in sorted(set(files.mounted_volumes(engine, record["id"]).values())):
        volumes.attach(engine, name)
    files.confine(engine, record)
    if record["definition"].get("ipc_mode") == "shareable":
        _shared_memory(engine, record)


def _repair(engine, record):
    try:
        image.repair(engine, record["image"])
    except EngineError as error:
        raise HostError(f"container {record['name']} can't start: {error}") from None


def _shared_memory(engine, record):
    path = os.path.join(engine.paths.container_run(record["id"]), "shm")
    os.makedirs(path, 0o700, exist_ok=True)
    if not os.path.ismount(path):
        options = "mode=1777,size=%d,uid=%d,gid=%d" % (
            record["definition"].get("shm_size", 64 << 20),
            *user_namespaces.host_root(engine, record),
        )
        label = files.read_config(engine, record["id"])["linux"].get("mountLabel")
        options += f',context="{label}"' if label else ""
        try:
            syscalls.mount(
                "shm", path, "tmpfs", 2 | 4 | 8, options
            )  # MS_NOSUID | MS_NODEV | MS_NOEXEC
        except OSError as error:
            raise HostError(
                f"container {record['name']}: can't mount its shared memory: {error.strerror}"
            ) from None


def stop(engine, record, force=False, timeout=None, signal=None):
    """Stop a container, by its stop signal (or ``signal``) and after its timeout by SIGKILL; it stays stopped, also after a reboot."""
    if signal is not None:
        signals.number(signal)
    full = (
        engine.db.is_tight()
    )  # then it ends first: what it writes would take the room that is given up for the database
    if full:
        running.end(engine, record["id"], 0 if force else timeout, signal)
    with engine.db.freeing():
        catalog.set_wanted(engine, record["id"], "stopped")
    if not full:
        running.end(engine, record["id"], 0 if force else timeout, signal)


def pause(engine, record):
    monitor_client.pause(engine.paths, record["id"])
    catalog.set_wanted(engine, record["id"], "paused")


def unpause(engine, record):
    monitor_client.unpause(engine.paths, record["id"])
    catalog.set_wanted(engine, record["id"], "running")


def wait_healthy(engine, record, timeout, fresh=False):
    """Wait until the health check says "healthy".

    :param fresh: its start belongs to what is waited for: all its ends since then count.
    :raises ContainerFailed: it ended for good or ``ENDS`` times, it is unhealthy, or ``timeout`` (seconds; 0 or less: none) is over; with
        its last exit code and its last lines.
    """
    with catalog.reading(engine, record):
        checked = files.read_run(engine, record["id"])["health"] is not None
    if not checked:
        raise InvalidInput(
            "state", "healthy", f"another state: container {record['name']} has no health check"
        )
    name = shown_name(record)
    until = time.monotonic() + timeout if timeout > 0 else None
    pause_time, before, code = 0.02, 0 if fresh else None, None

    def failed(sentence):
        return ContainerFailed(
            f"container {name} {sentence}", code, running.tail(engine, record["id"])
        )

    while True:
        state = running.status(engine, record["id"])
        before = state["restarts"] if before is None else before
        if state["status"] in ("exited", "restarting"):
            code = running.exit_code(state)
        health = (state.get("health") or {}).get("status")
        if state["status"] == "running" and health == "healthy":
            return
        if state["status"] in ("exited", "dead"):
            raise failed(f"ended with exit code {code} before it was healthy")
        if state["status"] == "restarting" and state["restarts"] - before + 1 >= ENDS:
            raise failed(
                "ended %d times before it was healthy, the last time with exit code %s"
                % (state["restarts"] - before + 1, code)
            )
        if health == "unhealthy":
            raise failed("is unhealthy: " + last_check(state))
        if until is not None and time.monotonic() > until:
            ends = state["restarts"] - before
            raise failed(
                "is not healthy after %g seconds: %s%s"
                % (
                    timeout,
                    "it ended %d times meanwhile, the last time with exit code %s; " % (ends, code)
                    if ends
                    else "",
                    last_check(state),
                )
            )
        if catalog.by_id(engine, record["id"]) is None:
            raise NotFound(
                f"container {name} does not exist: another task has removed it meanwhile"
            )
        time.sleep(pause_time)
        pause_time = min(pause_time * 1.5, 0.25)


def last_check(state):
    log = (state.get("health") or {}).get("log") or []
    return (
        f"the last check ended with {log[-1]['exit_code']}: {log[-1]['output'].strip()[-200:]}"
        if log
        else "no check has ended yet"
    )


def boot(engine):
    """Bring back what should run: containers that ran and whose restart policy is always or unless-stopped. Returns as :func:`start`.

    A reboot is no failure of the container: as Docker's documentation has it, on-failure starts nothing then.
    """
    records = [
        record
        for record in catalog.every(engine)
        if record["wanted"] in ("running", "paused")
        and record["definition"].get("restart_policy") in ("always", "unless-stopped")
        and not running.lives(engine, record["id"])
    ]
    paused = {record["id"] for record in records if record["wanted"] == "paused"}
    results = start_each(engine, records)
    for record in records:
        if record["id"] in paused and results[record["id"]] is None:
            with contextlib.suppress(Conflict, NotFound), catalog.held(engine, record["id"]) as now:
                pause(engine, now)
    return results


def shutdown(engine):
    """Stop what runs, all at once, each by its own signal and time; for what is wanted stays, a boot brings it back. Returns the records."""
    records = [record for record in catalog.every(engine) if running.lives(engine, record["id"])]
    monitor_client.stop(engine.paths, [record["id"] for record in records])
    return records


def levels(engine, records):
    """Containers in the order of their starts: lists, each of containers that join namespaces of earlier lists' only."""
    names = {record["name"]: record for record in records}
    depth = {}

    def of(record, chain):
        if record["id"] not in depth:
            others = [
                names[other]
                for other in shared_namespaces.names(engine, record["definition"])
                if other in names and other not in chain
            ]
            depth[record["id"]] = 1 + max(
                [of(other, chain + (record["name"],)) for other in others], default=-1
            )
        return depth[record["id"]]

    found = {}
    for record in records:
        found.setdefault(of(record, ()), []).append(record)
    return [found[key] for key in sorted(found)]
