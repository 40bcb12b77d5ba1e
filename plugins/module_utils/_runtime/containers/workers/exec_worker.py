# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A further process in a running container: what ``exec`` asks for (access/exec_client.py), and
health checks.

The zygote forks a worker for each, since what enters a container must be small and must not be
readable from inside.
"""

from __future__ import annotations

import contextlib
import os
import select

from ...errors import ContainerFailed, EngineError, HostError, required
from ...kernel import cgroups
from ...kernel.calls import constants
from ...kernel.isolation import capabilities
from ...kernel.processes import pidfd, procfs
from ...oci.launch import join
from ...oci.spec.program import Program
from ...rootless import keeper_client
from ..access import file_stream
from ..client import messages
from ..records import run_events, run_state
from ..spec import run_file
from . import defects

TYPE_CHECKING = False
if TYPE_CHECKING:
    import socket
    from typing import Any

    from ...oci.spec.config_types import Process
    from ...store.paths import Paths
    from ..records.run_state import RunState

    Limits = dict[int, tuple[int, int]]  # rlimits to give back: {number: (soft, hard)}


def process(
    bundle: run_file.Bundle,
    now: RunState,
    argv: list[str],
    stdio: tuple[int | None, ...] = (None, None, None),
    options: messages.ExecRequest | None = None,
    limits: Limits | None = None,
    group: cgroups.Group | None = None,
) -> join.Process:
    """Make ready a further process of a container; it is not started yet.

    :param now: the container's state. :param argv: the program and its arguments.
    :param stdio: three descriptors; None stands for the container's /dev/null. Not used with a
        terminal.
    :param options: user, cwd, env, tty, privileged of the request; what it lacks is the
        container's.
    :param limits: rlimits to give back, ``{number: (soft, hard)}``.
    :param group: where it goes; None: the container's.
    """
    asked: dict[str, Any] = dict(options or {})
    privileged, user = asked.get("privileged"), asked.get("user")
    wanted: Process = {**bundle.process, "args": list(argv), "terminal": bool(asked.get("tty"))}
    if asked.get("cwd"):
        wanted["cwd"] = asked["cwd"]
    added = asked.get("env") or {}
    wanted["env"] = [
        *(_for_temporary_files(bundle) if asked.get("bound") else ()),
        *bundle.environment(),
        *(f"{key}={value}" for key, value in added.items()),
    ]
    if privileged:
        wanted.pop("apparmorProfile", None)
    program = Program(
        wanted,
        bundle.linux,
        bundle.user if user is None else user,
        bundle.groups,
        original_limits=limits,
    )
    if privileged:
        everything = capabilities.available()
        program.capabilities.update(
            {"effective": everything, "permitted": everything, "bounding": everything}
        )
    found = join.Process(
        bundle.ident,
        (now["pid"], now["pid_start"]),
        cgroups.Group.open(now["cgroup"]) if group is None else group,
        program,
        stdio,
        bundle.state(bundle.ident, bundle.directory, now["pid"], "running"),
    )
    found.last = keeper_client.active()  # no way leads back to the host's process namespace
    return found


def _for_temporary_files(bundle: run_file.Bundle) -> list[str]:
    """Return ``["TMPDIR=..."]`` for a container whose root is read-only, and /tmp with it.

    Every module of Ansible unpacks itself into a temporary directory.
    """
    if not (bundle.config.get("root") or {}).get("readonly"):
        return []
    writable = {
        mount["destination"]
        for mount in bundle.config.get("mounts") or ()
        if "ro" not in (mount.get("options") or ())
    }
    if writable & {"/tmp", "/var/tmp"} or "/dev/shm" not in writable:
        return []
    return ["TMPDIR=/dev/shm"]


def serve(
    paths: Paths,
    request: messages.ExecRequest,
    descriptors: list[int],
    connection: socket.socket,
    limits: Limits | None = None,
) -> None:
    """Run the command of a request: the worker's whole life.

    Answers ``{"pid", "warnings"}`` with the terminal, waits for the end, answers ``{"rc"}``. Where
    it can't be started, the answer is ``{"error", "exit_code"}``.
    """
    streams = iter(descriptors)
    given = tuple(next(streams) if wanted else None for wanted in request["stdio"])
    bounds: Bounds | None = None
    try:
        bundle = run_file.Bundle(paths, request["id"])
        now = run_state.read(paths, request["id"])
        if request.get("bound"):
            bounds = (
                Bounds(cgroups.Group.open(now["cgroup"]), request["id"])
                if now["cgroup"]
                else SessionBounds()
            )
        command = process(
            bundle,
            now,
            request["argv"],
            given,
            request,
            limits,
            None if bounds is None else bounds.joined,
        )
        _set_work(command, request.get("transfer"))
        told = _Told(paths, bundle.run, request)
        try:
            command.start()
            if bounds is not None:
                bounds.leader = command.pid
        except BaseException:
            if bounds is not None:
                bounds.leave()
            raise
        told.begun()
    except EngineError as error:
        answer = {"error": str(error), "exit_code": getattr(error, "exit_code", None)}
        messages.send(connection, answer)
        return
    except Exception as error:  # pylint: disable=broad-except # a defect
        messages.send(connection, {"error": defects.sentence(paths, error)})
        return
    for fd in descriptors:
        os.close(fd)
    terminal = command.terminal
    messages.send(
        connection,
        {"pid": command.pid, "warnings": command.warnings, "exec_id": told.ident},
        [] if terminal is None else [terminal],
    )
    if request.get("detach"):
        return
    if terminal is not None:
        os.close(terminal)
    process_fd = required(command.pidfd, "the command's process")
    code, signal = _attend(process_fd, connection, bounds)
    rc = code if signal is None else 128 + signal
    told.ended(rc)
    with contextlib.suppress(messages.Gone):
        messages.send(connection, {"rc": rc})
    if bounds is not None:
        bounds.leave()


class _Told:
    """The events of a command that has begun: one that can't be started changes nothing.

    That of a transfer has none: what moves the file tells of it.
    """

    def __init__(self, paths: Paths, run: run_file.RunFile, request: messages.ExecRequest) -> None:
        self.paths, self.run = paths, run
        self.ident = "" if request.get("transfer") else os.urandom(32).hex()
        self.words = " ".join(request["argv"])

    def begun(self) -> None:
        if self.ident:
            for action in ("exec_create", "exec_start"):
                run_events.tell(self.paths, self.run, f"{action}: {self.words}", execID=self.ident)

    def ended(self, rc: int | None) -> None:
        if self.ident:
            run_events.tell(self.paths, self.run, "exec_die", execID=self.ident, exitCode=rc)


def _set_work(command: join.Process, transfer: Any) -> None:
    """Have the process move a file, where it is not to execute a program."""
    if transfer is not None:
        command.instead = lambda begun: file_stream.perform(transfer, begun)


class Bounds:
    """A control group of a command's own, below the container's: what is started in it can be
    ended, wherever its processes have gone.

    :ivar leader: the command's process id, once it has one.

    What a command leaves running at its regular end stays in it; who comes after removes the empty
    ones.

    :ivar joined: the container's group with this one in it, for the command to go into.
    :raises ContainerFailed: the container is paused. :raises HostError: no group can be made.
    """

    PREFIX = "pycontainer-task-"
    leader = 0

    def __init__(self, group: cgroups.Group, ident: str) -> None:
        if not group.exists:
            raise ContainerFailed(f"container {ident} is not running")
        if group.frozen():
            raise ContainerFailed(f"container {ident} is paused")
        made = group.below(f"{self.PREFIX}{os.getpid()}")
        if made is None:
            raise HostError("the command's control group can't be made in that of the container")
        self.own, self.joined = made

    def end(self) -> None:
        """Kill all that is in it."""
        with contextlib.suppress(HostError, OSError):
            self.own.remove()

    def leave(self) -> None:
        """Remove it, or leave to it what still runs."""
        path = next(iter(self.own.paths.values()))
        try:
            os.rmdir(path)
        except OSError:
            self._remove_those_of_others(os.path.dirname(path))

    def _remove_those_of_others(self, directory: str) -> None:
        with contextlib.suppress(OSError):
            for name in os.listdir(directory):
                pid = name.partition(self.PREFIX)[2]
                if pid.isdigit() and not os.path.isdir(f"/proc/{pid}"):
                    with contextlib.suppress(OSError):
                        os.rmdir(f"{directory}/{name}")


class SessionBounds(Bounds):
    """The same by the command's session, in a container without a cgroup: what has begun a session of its own is left."""

    def __init__(self) -> None:  # pylint: disable=super-init-not-called
        self.own = self.joined = cgroups.Group({})

    def end(self) -> None:
        for name in os.listdir("/proc"):
            status = procfs.stat(name) if name.isdigit() else None
            if status is not None and status["session"] == self.leader:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(int(name), constants.SIGKILL)

    def leave(self) -> None:
        pass


def _attend(
    process_fd: int, connection: socket.socket, bounds: Bounds | None
) -> tuple[int | None, int | None]:
    """Wait for a command's end; returns ``(exit code, signal)``, one of them None.

    Over the connection come signals for it, and its terminal when the caller leaves that. The end
    of the connection changes nothing, or ends all that is in ``bounds``.
    """
    poll = select.poll()
    poll.register(process_fd, select.POLLIN)
    poll.register(connection, select.POLLIN)
    left: int | None = None
    while True:
        for fd, _events in poll.poll():
            if fd == process_fd:
                return pidfd.reap(process_fd)
            if fd == left:  # what it writes to a terminal that nobody looks at
                if not _read_away(fd):
                    poll.unregister(fd)
                continue
            try:
                message, fds = messages.receive(connection)
            except messages.Gone:
                poll.unregister(connection)
                if bounds is not None:
                    bounds.end()
                continue
            if fds:
                left = fds[0]
                poll.register(left, select.POLLIN)
            else:
                pidfd.send(process_fd, message["signal"])


def _read_away(fd: int) -> bool:
    try:
        return bool(os.read(fd, 1 << 16))
    except OSError:
        return False
