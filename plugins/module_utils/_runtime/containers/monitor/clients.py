# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whom a monitor answers: what comes in on its control socket, and who is attached to the container's output and input.

Control messages (containers/client/messages.py), each with one answer:
    {"op": "stop", "timeout": s or null, "signal": n or null}   answered when the container has ended: {"exit_code"}
    {"op": "expect_end"}                                        somebody is about to end it, and it is not to be restarted: {}
    {"op": "kill", "signal": n}                                 {}
    {"op": "wait"}                                              answered when the container has ended for good: {"exit_code"}
    {"op": "reload"}                                            run.json is read again: {}
    {"op": "resize", "rows", "columns"}                         the terminal's size: {}
    {"op": "attach", "replay": bool} with a stream socket       output is copied to it (with replay from the start of the run on), what it sends is
                                                                input: {}
"""

from __future__ import annotations

import contextlib
import os

from ...errors import EngineError
from ...kernel.calls import constants
from ...kernel.processes import pidfd
from ...oci.launch import terminal
from ..client import messages, signals
from ..view import logs


class Clients:
    """A monitor's: who waits for a container to end, who is attached to it. Made for the first that comes.

    :param monitor: its monitor.Monitor: event loop, state and what a message can ask of it.
    """

    def __init__(self, monitor):
        self.monitor = monitor
        self.waiting, self.stopping, self.attached = [], [], {}

    def accept(self, listener):
        """Somebody has connected to the control socket."""
        fd, _address = listener._accept()  # pylint: disable=protected-access # what socket.socket.accept() is made of
        connection = messages.socket.socket(fileno=fd)
        if messages.from_root(connection):
            self.monitor.watch(fd, lambda _events: self._serve(connection))
        else:
            connection.close()

    def feed(self, data):
        """Output, for those who are attached."""
        for connection in list(self.attached.values()):
            try:
                connection.sendall(data)
            except OSError:
                self._detach(connection)

    def ended(self):
        """The container has ended for good: all are told."""
        self._answer(self.stopping)
        self._answer(self.waiting)
        for connection in list(self.attached.values()):
            self._detach(connection)

    # ----------------------------------------------------------------------------------------------------------- messages

    def _serve(self, connection):
        fds = []
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
            answer = {"error": f"{type(error).__name__}: {error}"}
        finally:
            for fd in fds:
                if fd not in self.attached:
                    os.close(fd)
        if answer is not None:
            with contextlib.suppress(messages.Gone, OSError):
                messages.send(connection, answer)

    def _drop(self, connection):
        self.monitor.forget(connection.fileno())
        for group in (self.stopping, self.waiting):
            if connection in group:
                group.remove(connection)
        connection.close()

    def _answer(self, connections):
        for connection in connections:
            with contextlib.suppress(messages.Gone, OSError):
                messages.send(connection, {"exit_code": self.monitor.state["exit_code"]})
        connections.clear()

    def op_wait(self, connection, _message, _fds):
        self.waiting.append(connection)

    def op_stop(self, connection, message, _fds):
        """Answered when it has ended. From now on it is not restarted, even if it ends of itself."""
        monitor = self.monitor
        if not monitor.begin_stop():
            return {"exit_code": monitor.state["exit_code"]}
        self.stopping.append(connection)
        stop = monitor.run["stop"]
        timeout = stop["timeout"] if message.get("timeout") is None else message["timeout"]
        number = message.get("signal") or signals.number(stop["signal"])
        pidfd.send(monitor.pidfd, constants.SIGKILL if timeout == 0 else number)
        self._thaw()
        if timeout >= 0:
            monitor.after("kill", timeout, self._kill)
        return None

    def op_expect_end(self, _connection, _message, _fds):
        self.monitor.begin_stop()
        return {}

    def _kill(self):
        pidfd.send(self.monitor.pidfd, constants.SIGKILL)
        self._thaw()
        self.monitor.after("kill", 1.0, self._kill_all)

    def _kill_all(self):
        with contextlib.suppress(EngineError, OSError):
            self.monitor.group.kill()
        self.monitor.after("kill", 5.0, self._kill_all)

    def _thaw(self):
        """A frozen process takes no signal."""
        with contextlib.suppress(EngineError, OSError):
            self.monitor.group.thaw()

    def op_kill(self, _connection, message, _fds):
        monitor = self.monitor
        if monitor.pidfd is None:
            return {"error": f"container {monitor.ident} is not running"}
        if message["signal"] in (constants.SIGKILL, signals.number(monitor.run["stop"]["signal"])):
            monitor.asked_to_stop = True
        pidfd.send(monitor.pidfd, message["signal"])
        if message["signal"] == constants.SIGKILL:
            self._thaw()
        return {}

    def op_reload(self, _connection, _message, _fds):
        problem = self.monitor.reload()
        return {"error": problem} if problem else {}

    def op_resize(self, _connection, message, _fds):
        if self.monitor.terminal is None:
            return {"error": f"container {self.monitor.ident} has no terminal"}
        terminal.set_size(self.monitor.terminal, message["rows"], message["columns"])
        return {}

    # ----------------------------------------------------------------------------------------------------------- attached

    def op_attach(self, _connection, message, fds):
        monitor = self.monitor
        connection = messages.socket.socket(fileno=fds[0])
        connection.settimeout(
            10
        )  # who takes nothing for so long is let go, rather than the container held up
        if message.get("replay"):
            with contextlib.suppress(OSError):
                for entry in logs.read(
                    monitor.paths,
                    monitor.ident,
                    since=logs.stamp(int(monitor.state["started_at"] * 1e9)),
                ):
                    connection.sendall(entry["log"].encode())
                connection.sendall(b"".join(monitor.log.unfinished().values()))
        self.attached[fds[0]] = connection
        monitor.watch(fds[0], lambda _events: self._input(connection))
        return {}

    def _input(self, connection):
        try:
            data = connection.recv(4096)
        except OSError:
            data = b""
        if data:
            self.monitor.write_input(data)
        else:
            self._detach(connection)

    def _detach(self, connection):
        fd = connection.fileno()
        self.monitor.forget(fd)
        self.attached.pop(fd, None)
        connection.close()
