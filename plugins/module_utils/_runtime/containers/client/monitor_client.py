# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Running containers from the outside: start, stop, signals, pause, waiting, what is true of them now.

``paths`` is a store.paths.Paths. Nothing here needs the database. Many containers are handled at once where that helps.
"""

from __future__ import annotations

import os
import select
import time

from ...errors import Conflict, ContainerFailed, HostError
from ...kernel import cgroups
from ...kernel.processes import procfs
from ..lifecycle import cleanup as leftovers
from ..records import state
from . import messages as wire
from . import signals, zygote_client

PAUSES = (0.0,) + tuple(
    0.01 * 2**number for number in range(9)
)  # seconds between tries to reach a monitor that has only just begun, or is about to end


def start(paths, idents, command=None, at_once=None, stdin=None, checkpoint=None):
    """Start created or ended containers.

    :param command: argv of the host's ``pycontainer``, for the removal of containers with auto_remove at their end.
    :param at_once: how many at the same time; twice the CPUs by default.
    :param stdin: a descriptor to be the standard input of this run, of a container without a terminal, in place of its FIFO.
    :param checkpoint: what to go on from (checkpoints.ready).
    :returns: ``{id: {"pid", "warnings"} | {"error": sentence, "exit_code"}}``; a running one is ``{"pid", "running": True}``.
    """
    answers, todo = {}, list(idents)
    for pause in PAUSES:
        messages = [
            {"op": "start", "id": ident, "command": command, "checkpoint": checkpoint}
            for ident in todo
        ]
        found = zygote_client.requests(
            paths, messages, at_once or 2 * (os.cpu_count() or 1), () if stdin is None else (stdin,)
        )
        answers.update(
            (ident, _running(paths, ident) if answer.get("monitored") else answer)
            for ident, answer in zip(todo, found)
        )
        todo = [ident for ident in todo if answers[ident] is None]
        if not todo:
            break
        time.sleep(pause)
    return {
        ident: answers[ident]
        or {
            "error": f"container {ident}: another call is starting or ending it and does not get done"
        }
        for ident in idents
    }


def _running(paths, ident):
    """A monitor is there already: it runs, or waits to restart it. None while somebody is still about to start or to end it."""
    now = state.read(paths, ident)
    if now["status"] not in ("running", "restarting") or not state.monitored(paths, ident):
        return None
    return {"pid": now["pid"], "warnings": now["warnings"], "running": True}


def start_one(paths, ident, command=None):
    """Start one container and return its pid. :raises ContainerFailed: with the sentence why not."""
    answer = start(paths, [ident], command)[ident]
    if "error" in answer:
        raise ContainerFailed(answer["error"], exit_code=answer.get("exit_code"))
    return answer["pid"]


# ------------------------------------------------------------------------------------------------------ by the monitor


def _tell(paths, ident, message, descriptors=()):
    """One message to a container's monitor, which is made where it was killed; its answer.

    :raises Conflict: when the container does not run. :raises HostError: what the monitor says it could not do.
    """
    for pause in PAUSES:
        try:
            answer = wire.ask(paths.container(ident), state.SOCKET, message, descriptors)
        except wire.Gone:
            if not _adopt(paths, ident):
                raise Conflict(f"container {ident} is not running") from None
            time.sleep(pause)
            continue
        if "error" in answer:
            raise HostError(answer["error"])
        return answer
    raise HostError(f"container {ident}: its monitor does not answer")


def stop(paths, idents, timeout=None, signal=None):
    """Stop containers, all at the same time, and wait until they have ended. Whoever is stopped is not restarted by its policy.

    :param timeout: seconds until SIGKILL, 0 at once, -1 never; the container's own where None. :param signal: name or number.
    :returns: ``{id: exit code}``; None for one that did not run.
    """
    message = {
        "op": "stop",
        "timeout": timeout,
        "signal": None if signal is None else signals.number(signal),
    }
    return _gather(paths, idents, message)


def wait(paths, idents, timeout=None):
    """Wait until containers have ended and will not be restarted: ``{id: exit code}``.

    :raises HostError: after ``timeout`` seconds.
    """
    return _gather(paths, idents, {"op": "wait"}, timeout)


def _gather(paths, idents, message, timeout=None):
    """Ask several monitors what takes its time; a monitor that is killed meanwhile is followed by another."""
    results, connections = {}, {}
    poll = select.poll()
    end = None if timeout is None else time.monotonic() + timeout
    todo = list(idents)
    try:
        while todo or connections:
            for ident in todo:
                connection = _open(paths, ident, message)
                if connection is None:
                    results[ident] = (
                        state.read(paths, ident)["exit_code"] if message["op"] == "wait" else None
                    )
                else:
                    connections[connection.fileno()] = (ident, connection)
                    poll.register(connection, select.POLLIN)
            todo = []
            if not connections:
                break
            events = poll.poll(None if end is None else max(0.0, end - time.monotonic()) * 1000)
            if not events:
                raise HostError(
                    f"container {', '.join((ident for ident, _c in connections.values()))} has "
                    f"not ended after {timeout:g} seconds"
                )
            for fd, _event in events:
                ident, connection = connections.pop(fd)
                poll.unregister(fd)
                try:
                    answer = wire.receive(connection)[0]
                    if "error" in answer:
                        raise HostError(answer["error"])
                    results[ident] = answer["exit_code"]
                except wire.Gone:
                    todo.append(ident)
                finally:
                    connection.close()
    finally:
        for _ident, connection in connections.values():
            connection.close()
    return results


def _open(paths, ident, message):
    """A connection with the message sent, or None where the container does not run."""
    for pause in PAUSES:
        try:
            connection = wire.connect(paths.container(ident), state.SOCKET)
            wire.send(connection, message)
            return connection
        except wire.Gone:
            if not _adopt(paths, ident):
                return None
            time.sleep(pause)
    raise HostError(f"container {ident}: its monitor does not answer")


def kill(paths, ident, signal="SIGKILL"):
    """Send a signal (name or number) to process 1. :raises Conflict: when the container does not run."""
    _tell(paths, ident, {"op": "kill", "signal": signals.number(signal)})


def expect_end(paths, ident):
    """Tell the monitor that the container is about to be ended, and is not to be restarted then. :raises Conflict: when it does not run."""
    _tell(paths, ident, {"op": "expect_end"})


def reload(paths, ident):
    """Have the monitor read run.json again; without effect on a container that does not run: it reads it when it starts."""
    try:
        _tell(paths, ident, {"op": "reload"})
    except Conflict:
        pass


def resize(paths, ident, rows, columns):
    _tell(paths, ident, {"op": "resize", "rows": rows, "columns": columns})


def attach(paths, ident, descriptor, replay=False):
    """Copy the output to a stream socket, and what it sends to the input.

    :param replay: begin with what this run has written so far.
    """
    _tell(paths, ident, {"op": "attach", "replay": replay}, [descriptor])


# -------------------------------------------------------------------------------------------------------- by the cgroup


def _group(paths, ident):
    now = state.read(paths, ident)
    if not state.alive(now):
        raise Conflict(f"container {ident} is not running")
    return cgroups.Group.open(now["cgroup"])


def pause(paths, ident):
    """Freeze all processes. :raises Conflict: when it does not run."""
    _group(paths, ident).freeze()


def unpause(paths, ident):
    _group(paths, ident).thaw()


def update_resources(paths, ident, resources):
    """Change limits as it runs: OCI linux.resources with what changes. Without effect on one that does not run."""
    try:
        group = _group(paths, ident)
    except Conflict:
        return
    group.apply(resources)


def processes(paths, ident):
    """The host's pids of its processes."""
    return _group(paths, ident).procs()


# ------------------------------------------------------------------------------------------------------------ the truth


def status(paths, ident):
    """What is true now: state.json, with ``status`` checked against the kernel and ``monitored``.

    ``status``: created, starting, running, paused, restarting or exited. What a reboot ended is "exited".
    """
    now = state.read(paths, ident)
    now["monitored"] = state.monitored(paths, ident)
    if state.alive(now):
        if (
            now["status"] == "running"
            and now["cgroup"]
            and cgroups.Group.open(now["cgroup"]).frozen()
        ):
            now["status"] = "paused"
        return now
    now.update(pid=0, pid_start=0)
    if now["status"] == "running" and now["monitored"]:
        again = state.read(paths, ident)  # it may be writing the exit at this moment
        if again["status"] != "running":
            return dict(again, monitored=True)
    if now["status"] in ("running", "starting", "restarting") and not now["monitored"]:
        now.update(status="exited", error=now["error"] or _why(now))
    return now


def _why(now):
    return (
        "the host was restarted"
        if now["boot"] != procfs.boot_id()
        else "its monitor was killed, and it ended"
    )


def running(paths, ident):
    """Whether it has processes, or is about to have them again."""
    return status(paths, ident)["status"] in ("running", "paused", "starting", "restarting")


def _adopt(paths, ident):
    """See that a container with anything left to watch has a monitor. Returns whether it has one."""
    if state.monitored(paths, ident):
        time.sleep(0.002)  # it is there, but not listening yet, or just ending
        return True
    if not state.forsaken(paths, ident):
        return False
    answer = zygote_client.request(paths, {"op": "adopt", "id": ident})
    return bool(answer.get("monitored")) or answer.get("status") in ("running", "restarting")


def adopt_orphans(paths):
    """Give every container of this boot whose monitor was killed a new one: the ids of these. Any call does this first."""
    found = []
    try:
        idents = os.listdir(paths.running)
    except FileNotFoundError:
        return found
    for ident in idents:
        if not state.monitored(paths, ident) and _adopt(paths, ident):
            found.append(ident)
    return found


def cleanup(paths, ident):
    """Take down all that the kernel holds of a container that does not run, and its run directory. Idempotent."""
    lock = state.take_lock(paths, ident) if os.path.isdir(paths.container(ident)) else None
    if lock is None and state.monitored(paths, ident):
        raise Conflict(f"container {ident} is running")
    try:
        leftovers.cleanup(paths, ident)
        leftovers.remove_run_directory(paths, ident)
    finally:
        if lock is not None:
            os.close(lock)
