# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whom a monitor answers: requests at its control socket, and who is attached to the container's
output and input.

The requests are client/messages.py's; each ``op_...`` here answers one.
"""

from __future__ import annotations

import contextlib
import os
import socket

from ...errors import EngineError, reason
from ...oci.launch import terminal
from ..client import messages
from ..view import logs
from . import kill

TYPE_CHECKING = False
if TYPE_CHECKING:
    import _socket
    from collections.abc import Callable
    from typing import Any, Protocol

    from ...kernel import cgroups
    from ...store.paths import Paths
    from ..client.messages import Answer
    from ..records.run_state import RunState
    from ..spec.run_file import RunFile
    from .log_writer import Writer
    from .port_relay import Lent

    class Served(Protocol):
        """What clients ask of the monitor of a container."""

        paths: Paths
        ident: str
        pidfd: int | None
        terminal: int | None
        asked_to_stop: bool

        @property
        def state(self) -> RunState: ...

        @property
        def run(self) -> RunFile: ...

        @property
        def group(self) -> cgroups.Group | None: ...

        @property
        def log(self) -> Writer: ...

        def watch(self, fd: int, handler: Callable[[int], None]) -> None: ...

        def forget(self, fd: int) -> None: ...

        def after(self, name: str, seconds: float, action: Callable[[], None]) -> None: ...

        def begin_stop(self) -> bool: ...

        def await_drained(self) -> None: ...

        def reload(self) -> str: ...

        def lent_ports(self) -> list[Lent]: ...

        def take_ports(self, sockets: list[Lent]) -> None: ...

        def let_go_ports(self) -> None: ...

        def relayed(self) -> int: ...

        def tell(self, action: str, **more: object) -> None: ...

        def write_input(self, data: bytes) -> None: ...


# Seconds after which who is attached and takes nothing is let go, rather than the container held up.
PATIENCE = 10


class Clients:
    """A monitor's: who waits for a container to end, who is attached to it. Made for the first that
    comes.

    :param monitor: event loop, state, and what a message can ask of it.
    """

    def __init__(self, monitor: Served) -> None:
        self.monitor = monitor
        self.waiting: list[socket.socket] = []
        self.stopping: list[socket.socket] = []
        self.attached: dict[int, socket.socket] = {}

    def accept(self, listener: _socket.socket) -> None:
        """Take a connection to the control socket, and serve who runs as root."""
        # What socket.socket.accept() is made of.
        fd, _address = listener._accept()  # type: ignore[attr-defined] # pylint: disable=protected-access
        connection = socket.socket(fileno=fd)
        if messages.from_root(connection):
            self.monitor.watch(fd, lambda _events: self._serve(connection))
        else:
            connection.close()

    def feed(self, data: bytes) -> None:
        """Pass output on to those who are attached."""
        for connection in list(self.attached.values()):
            try:
                connection.sendall(data)
            except OSError:
                self._detach(connection)

    def ended(self) -> None:
        """Tell all that the container has ended for good."""
        self._answer(self.stopping)
        self._answer(self.waiting)
        for connection in list(self.attached.values()):
            self._detach(connection)

    # ------------------------------------------------------------------------------------- requests

    def _serve(self, connection: socket.socket) -> None:
        fds: list[int] = []
        try:
            message, fds = messages.receive(connection)
            operation = getattr(self, "op_" + message["op"], None)
            answer = (
                {"error": f"unknown operation {message['op']!r}"}
                if operation is None
                else operation(connection, message, fds)
            )
        except messages.Gone:
            self._drop(connection)
            return
        except EngineError as error:
            answer = {"error": str(error)}
        except (OSError, KeyError, TypeError, ValueError) as error:
            answer = {"error": f"{type(error).__name__}: {reason(error)}"}
        finally:
            for fd in fds:
                if fd not in self.attached:
                    os.close(fd)
        if answer is not None:
            with contextlib.suppress(messages.Gone, OSError):
                messages.send(connection, answer)

    def _drop(self, connection: socket.socket) -> None:
        self.monitor.forget(connection.fileno())
        for group in (self.stopping, self.waiting):
            if connection in group:
                group.remove(connection)
        connection.close()

    def _answer(self, connections: list[socket.socket]) -> None:
        for connection in connections:
            with contextlib.suppress(messages.Gone, OSError):
                messages.send(connection, {"exit_code": self.monitor.state["exit_code"]})
        connections.clear()

    def op_wait(
        self, connection: socket.socket, _message: dict[str, Any], _fds: list[int]
    ) -> Answer | None:
        self.waiting.append(connection)
        return None

    def op_stop(
        self, connection: socket.socket, message: dict[str, Any], _fds: list[int]
    ) -> Answer | None:
        """End it; answered when it has ended. From now on it is not restarted, even if it ends of
        itself.
        """
        monitor = self.monitor
        if not monitor.begin_stop() or monitor.pidfd is None:
            return {"exit_code": monitor.state["exit_code"]}
        self.stopping.append(connection)
        kill.end(monitor, message.get("timeout"), message.get("signal"))
        return None

    def op_expect_end(
        self, _connection: socket.socket, _message: dict[str, Any], _fds: list[int]
    ) -> Answer | None:
        self.monitor.begin_stop()
        self.monitor.await_drained()
        return {}

    def op_kill(
        self, _connection: socket.socket, message: dict[str, Any], _fds: list[int]
    ) -> Answer | None:
        monitor = self.monitor
        if monitor.pidfd is None:
            return {"error": f"container {monitor.ident} is not running"}
        kill.kill(monitor, message["signal"])
        return {}

    def op_reload(
        self, _connection: socket.socket, _message: dict[str, Any], _fds: list[int]
    ) -> Answer | None:
        problem = self.monitor.reload()
        return {"error": problem} if problem else {}

    def op_lend_ports(
        self, connection: socket.socket, message: dict[str, Any], _fds: list[int]
    ) -> Answer | None:
        listed = self.monitor.lent_ports()[message["skip"] :]
        some = listed[: messages.MOST_DESCRIPTORS]
        answer = {"ports": [key for key, _fd in some], "left": len(listed) - len(some)}
        messages.send(connection, answer, [fd for _key, fd in some])
        return None

    def op_take_ports(
        self, _connection: socket.socket, message: dict[str, Any], fds: list[int]
    ) -> Answer | None:
        keys = [tuple(port) for port in message["ports"]]
        self.monitor.take_ports(list(zip(keys, fds)))
        return {}

    def op_let_go_ports(
        self, _connection: socket.socket, _message: dict[str, Any], _fds: list[int]
    ) -> Answer | None:
        self.monitor.let_go_ports()
        return {}

    def op_relayed(
        self, _connection: socket.socket, _message: dict[str, Any], _fds: list[int]
    ) -> Answer | None:
        return {"connections": self.monitor.relayed()}

    def op_resize(
        self, _connection: socket.socket, message: dict[str, Any], _fds: list[int]
    ) -> Answer | None:
        if self.monitor.terminal is None:
            return {"error": f"container {self.monitor.ident} has no terminal"}
        terminal.set_size(self.monitor.terminal, message["rows"], message["columns"])
        self.monitor.tell("resize", height=message["rows"], width=message["columns"])
        return {}

    # ------------------------------------------------------------------------------------- attached

    def op_attach(
        self, _connection: socket.socket, message: dict[str, Any], fds: list[int]
    ) -> Answer | None:
        monitor = self.monitor
        connection = socket.socket(fileno=fds[0])
        connection.settimeout(PATIENCE)
        if message.get("replay"):
            with contextlib.suppress(OSError):
                since = logs.stamp(int((monitor.state["started_at"] or 0) * 1e9))
                for entry in logs.read(monitor.paths, monitor.ident, since=since):
                    connection.sendall(entry["log"].encode())
                connection.sendall(b"".join(monitor.log.unfinished().values()))
        self.attached[fds[0]] = connection
        monitor.watch(fds[0], lambda _events: self._input(connection))
        return {}

    def _input(self, connection: socket.socket) -> None:
        try:
            data = connection.recv(4096)
        except OSError:
            data = b""
        if data:
            self.monitor.write_input(data)
        else:
            self._detach(connection)

    def _detach(self, connection: socket.socket) -> None:
        """Forget a client that has gone; what it typed before is passed on."""
        fd = connection.fileno()
        self.monitor.forget(fd)
        self.attached.pop(fd, None)
        with contextlib.suppress(OSError):
            connection.shutdown(socket.SHUT_RD)  # what comes now comes too late
        connection.setblocking(False)
        with contextlib.suppress(OSError):
            while data := connection.recv(4096):
                self.monitor.write_input(data)
        connection.close()
