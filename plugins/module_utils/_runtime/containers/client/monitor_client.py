# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Running containers from outside: stop, signals, pause, limits, waiting, a monitor for who lost
it.

What a container's monitor has to do is asked at its control socket (monitor/control_socket.py). What the
kernel does for a cgroup needs no monitor.
"""

from __future__ import annotations

import os
import select
import time

from ...errors import Conflict, HostError
from ...kernel import cgroups
from ...kernel.isolation import pid_namespaces
from ...kernel.processes import signal_names
from ..records import run_state, status
from . import messages, zygote_client

TYPE_CHECKING = False
if TYPE_CHECKING:
    import socket
    from collections.abc import Iterable, Sequence
    from typing import Any

    from ...store.paths import Paths

# Seconds between tries to reach a monitor that has only just begun, or is about to end.
PAUSES = (0.0, *(0.01 * 2**number for number in range(9)))


# ----------------------------------------------------------------------------------- by the monitor


def stop(
    paths: Paths,
    idents: Iterable[str],
    timeout: float | None = None,
    signal: str | int | None = None,
) -> dict[str, int | None]:
    """Stop containers, all at the same time, and wait until they have ended.

    What is stopped is not restarted by its policy.

    :param timeout: seconds until SIGKILL, 0 at once, -1 never; None: the container's own.
    :param signal: name or number; None: the container's own.
    :returns: ``{id: exit code}``; None for one that did not run.
    """
    number = None if signal is None else signal_names.checked_number(signal)
    return _Gathering(paths, {"op": "stop", "timeout": timeout, "signal": number}).run(idents)


def wait(paths: Paths, idents: Iterable[str], timeout: float | None = None) -> dict[str, int]:
    """Wait until containers have ended and will not be restarted.

    :param timeout: in seconds, None for no limit.
    :returns: ``{id: exit code to show}``, see status.exit_code.
    :raises HostError: the time is over.
    """
    codes = _Gathering(paths, {"op": "wait"}).run(idents, timeout)
    return {
        ident: status.exit_code(status.now(paths, ident)) if code is None else code
        for ident, code in codes.items()
    }


class _Gathering:
    """Asks several monitors what takes its time. One that is killed is followed by another.

    :param message: the same for all; each answer has ``exit_code``.
    """

    def __init__(self, paths: Paths, message: messages.Message) -> None:
        self.paths, self.message = paths, message
        self.results: dict[str, int | None] = {}
        self.connections: dict[int, tuple[str, socket.socket]] = {}
        self.poll = select.poll()

    def run(self, idents: Iterable[str], timeout: float | None = None) -> dict[str, int | None]:
        end = None if timeout is None else time.monotonic() + timeout
        todo = list(idents)
        try:
            while todo or self.connections:
                for ident in todo:
                    self._ask(ident)
                if not self.connections:
                    break
                left = None if end is None else max(0.0, end - time.monotonic()) * 1000
                events = self.poll.poll(left)
                if not events:
                    waited = ", ".join(ident for ident, _connection in self.connections.values())
                    raise HostError(f"container {waited} has not ended after {timeout:g} seconds")
                todo = [ident for fd, _event in events for ident in self._hear(fd)]
        finally:
            for _ident, connection in self.connections.values():
                connection.close()
        return self.results

    def _ask(self, ident: str) -> None:
        connection = self._connect(ident)
        if connection is None:  # it does not run
            waiting = self.message["op"] == "wait"
            self.results[ident] = (
                run_state.read(self.paths, ident)["exit_code"] if waiting else None
            )
            return
        self.connections[connection.fileno()] = (ident, connection)
        self.poll.register(connection, select.POLLIN)

    def _connect(self, ident: str) -> socket.socket | None:
        for pause in PAUSES:
            try:
                connection = messages.connect(self.paths.container(ident), run_state.SOCKET)
                messages.send(connection, self.message)
                return connection
            except messages.Gone:
                if not _adopt(self.paths, ident):
                    return None
                time.sleep(pause)
        raise HostError(f"container {ident}: its monitor does not answer")

    def _hear(self, fd: int) -> Sequence[str]:
        """Take an answer; returns whom to ask again, because the monitor was killed."""
        ident, connection = self.connections.pop(fd)
        self.poll.unregister(fd)
        try:
            answer = messages.receive(connection)[0]
        except messages.Gone:
            return [ident]
        finally:
            connection.close()
        if "error" in answer:
            raise HostError(answer["error"])
        self.results[ident] = answer["exit_code"]
        return []


def _tell(
    paths: Paths, ident: str, message: messages.Message, descriptors: Sequence[int] = ()
) -> None:
    """Send one message to a container's monitor, which is made where it was killed.

    :raises Conflict: the container does not run.
    :raises HostError: what the monitor says it could not do.
    """
    _ask(paths, ident, message, descriptors)


def _ask(
    paths: Paths, ident: str, message: messages.Message, descriptors: Sequence[int] = ()
) -> tuple[messages.Answer, list[int]]:
    """As :func:`_tell`; returns the answer, and the descriptors that came with it."""
    for pause in PAUSES:
        try:
            answer, found = messages.ask_for(
                paths.container(ident), run_state.SOCKET, message, descriptors
            )
        except messages.Gone:
            if not _adopt(paths, ident):
                raise Conflict(f"container {ident} is not running") from None
            time.sleep(pause)
            continue
        if "error" in answer:
            raise HostError(answer["error"])
        return answer, found
    raise HostError(f"container {ident}: its monitor does not answer")


def kill(paths: Paths, ident: str, signal: str | int = "SIGKILL") -> None:
    """Send a signal (name or number) to process 1. :raises Conflict: the container does not run."""
    _tell(paths, ident, {"op": "kill", "signal": signal_names.checked_number(signal)})


def expect_end(paths: Paths, ident: str) -> None:
    """Announce that the container is about to be ended, and is not to be restarted then.

    :raises Conflict: it does not run.
    """
    _tell(paths, ident, {"op": "expect_end"})


def reload(paths: Paths, ident: str) -> None:
    """Have the monitor read run.json again. One that does not run reads it at its start.

    :raises HostError: its ports can't be served.
    """
    try:
        _tell(paths, ident, {"op": "reload"})
    except Conflict:
        pass


def share_ports(paths: Paths, old: str, new: str) -> None:
    """Have a container's monitor serve its published ports with the sockets of another's.

    Both accept from then on. What is shared already stays so.

    :raises Conflict: one of them does not run.
    :raises HostError: the monitor is of a version that does not lend its sockets.
    """
    skip, left = 0, 1
    while left:
        answer, sockets = _ask(paths, old, {"op": "lend_ports", "skip": skip})
        try:
            _tell(paths, new, {"op": "take_ports", "ports": answer["ports"]}, sockets)
        finally:
            for fd in sockets:
                os.close(fd)
        skip, left = skip + len(answer["ports"]), answer["left"]


def let_go_ports(paths: Paths, ident: str) -> None:
    """Have a container accept no more at published ports that another one has now.

    :raises Conflict: it does not run. :raises HostError: as :func:`share_ports`.
    """
    _tell(paths, ident, {"op": "let_go_ports"})


def relayed(paths: Paths, ident: str) -> int:
    """Return how many connections a container's monitor passes on; 0 where it does not run."""
    try:
        answer, _sockets = _ask(paths, ident, {"op": "relayed"})
    except Conflict:
        return 0
    count: int = answer["connections"]
    return count


def resize(paths: Paths, ident: str, rows: int, columns: int) -> None:
    """Set the size of the container's terminal. :raises Conflict, HostError: it has none."""
    _tell(paths, ident, {"op": "resize", "rows": rows, "columns": columns})


def attach(paths: Paths, ident: str, descriptor: int, replay: bool = False) -> None:
    """Have the output copied to a stream socket, and what it sends to the input.

    :param replay: begin with what this run has written so far.
    :raises Conflict: the container does not run.
    """
    _tell(paths, ident, {"op": "attach", "replay": replay}, [descriptor])


# ------------------------------------------------------------------------------------ by the cgroup


def _group(paths: Paths, ident: str) -> cgroups.Group:
    now = run_state.read(paths, ident)
    if not run_state.alive(now):
        raise Conflict(f"container {ident} is not running")
    return cgroups.Group.open(now["cgroup"])


def pause(paths: Paths, ident: str) -> None:
    """Freeze all processes. :raises Conflict: it does not run."""
    _group(paths, ident).freeze()


def unpause(paths: Paths, ident: str) -> None:
    """Let all processes go on. :raises Conflict: it does not run."""
    _group(paths, ident).thaw()


def update_resources(paths: Paths, ident: str, resources: dict[str, Any]) -> None:
    """Change limits as it runs; without effect on a container that does not run.

    :param resources: OCI linux.resources with what changes.
    """
    try:
        group = _group(paths, ident)
    except Conflict:
        return
    group.apply(resources)


def processes(paths: Paths, ident: str) -> list[int]:
    """List the host's pids of its processes. :raises Conflict: it does not run."""
    group = _group(paths, ident)
    pids: list[int] = group.procs()
    if not group.paths:  # without root, and without a cgroup of the user's
        pids = pid_namespaces.members(run_state.read(paths, ident)["pid"])
    return pids


# ------------------------------------------------------------------------------------ lost monitors


def _adopt(paths: Paths, ident: str) -> bool:
    """See that a container with anything left to watch has a monitor; returns whether it has."""
    if run_state.monitored(paths, ident):
        time.sleep(0.002)  # it is there, but not listening yet, or just ending
        return True
    return run_state.forsaken(paths, ident) and zygote_client.adopt(paths, ident)


def settle(paths: Paths, ident: str) -> None:
    """See that the last run of a container is over, for who is about to start it.

    Where its monitor was killed with it, another one has to clear away first what that run had:
    it would take from the next one what that has by then, as its secrets.
    """
    for pause in PAUSES:
        if run_state.alive(run_state.read(paths, ident)):
            return
        if run_state.monitored(paths, ident):
            if status.now(paths, ident)["status"] in status.LIVING:
                return  # it is restarted by its policy
        elif not run_state.forsaken(paths, ident):
            return
        _adopt(paths, ident)
        time.sleep(pause)


def adopt_orphans(paths: Paths) -> list[str]:
    """Give every container of this boot whose monitor was killed a new one; returns their ids.

    Any call of the engine does this first.
    """
    try:
        idents = os.listdir(paths.running)
    except FileNotFoundError:
        return []
    return [
        ident for ident in idents if not run_state.monitored(paths, ident) and _adopt(paths, ident)
    ]
