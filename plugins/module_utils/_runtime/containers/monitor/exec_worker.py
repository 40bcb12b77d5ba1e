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

from ...errors import EngineError, required
from ...kernel import cgroups
from ...kernel.isolation import capabilities
from ...kernel.processes import pidfd
from ...oci.launch import join
from ...oci.spec.process import Program
from ..client import messages
from ..records import state
from ..spec import run_file
from . import defects

TYPE_CHECKING = False
if TYPE_CHECKING:
    import socket
    from typing import Any

    from ...store.paths import Paths
    from ..records.state import RunState

    Limits = dict[int, tuple[int, int]]  # rlimits to give back: {number: (soft, hard)}


def process(
    bundle: run_file.Bundle,
    now: RunState,
    argv: list[str],
    stdio: tuple[int | None, ...] = (None, None, None),
    options: messages.ExecRequest | None = None,
    limits: Limits | None = None,
) -> join.Process:
    """Make ready a further process of a container; it is not started yet.

    :param now: the container's state. :param argv: the program and its arguments.
    :param stdio: three descriptors; None stands for the container's /dev/null. Not used with a
        terminal.
    :param options: user, cwd, env, tty, privileged of the request; what it lacks is the
        container's.
    :param limits: rlimits to give back, ``{number: (soft, hard)}``.
    """
    asked: dict[str, Any] = dict(options or {})
    privileged, user = asked.get("privileged"), asked.get("user")
    wanted = dict(bundle.process, args=list(argv), terminal=bool(asked.get("tty")))
    if asked.get("cwd"):
        wanted["cwd"] = asked["cwd"]
    added = asked.get("env") or {}
    wanted["env"] = [
        *(wanted.get("env") or ()),
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
        program.capabilities.update(effective=everything, permitted=everything, bounding=everything)
    return join.Process(
        bundle.ident,
        (now["pid"], now["pid_start"]),
        cgroups.Group.open(now["cgroup"]),
        program,
        stdio,
        bundle.state(bundle.ident, bundle.directory, now["pid"], "running"),
    )


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
    try:
        bundle = run_file.Bundle(paths, request["id"])
        now = state.read(paths, request["id"])
        command = process(bundle, now, request["argv"], given, request, limits)
        command.start()
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
        {"pid": command.pid, "warnings": command.warnings},
        [] if terminal is None else [terminal],
    )
    if request.get("detach"):
        return
    if terminal is not None:
        os.close(terminal)
    code, signal = _attend(required(command.pidfd, "the command's process"), connection)
    with contextlib.suppress(messages.Gone):
        messages.send(connection, {"rc": code if signal is None else 128 + signal})


def _attend(process_fd: int, connection: socket.socket) -> tuple[int | None, int | None]:
    """Wait for a command's end; returns ``(exit code, signal)``, one of them None.

    Over the connection come signals for it, and its terminal when the caller leaves that. The end
    of the connection changes nothing.
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
