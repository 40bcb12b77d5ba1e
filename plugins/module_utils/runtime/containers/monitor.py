# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A container's monitor: the parent of its process 1. One small process a container, forked from the zygote.

It records exits durably, applies the restart policy, checks health, writes and rotates the log, relays published ports and
answers on the control socket. It depends on no other process, and the container not on it: a monitor that was killed is
followed by one that adopts the container (``adopt``), which differs only in that it is not the parent.

Control messages (wire.py), each with one answer:
    {"op": "stop", "timeout": s or null, "signal": n or null}   answered when the container has ended: {"exit_code"}
    {"op": "kill", "signal": n}                                 {}
    {"op": "wait"}                                              answered when the container has ended for good: {"exit_code"}
    {"op": "reload"}                                            run.json is read again: {}
    {"op": "resize", "rows", "columns"}                         the terminal's size: {}
    {"op": "attach"} with a stream socket's descriptor          output is copied to it, what it sends is input: {}
"""

from __future__ import annotations

import contextlib
import os
import select
import socket
import time

from ..errors import EngineError
from ..kernel import cgroups, constants, pidfd, procfs, syscalls
from . import cleanup, health, launch, logs, ports, runfile, signals, state, stdio, wire

BACKOFF, LONGEST_BACKOFF, STABLE = 0.1, 60.0, 10.0  # seconds, Docker's
UNSEEN = "the container ended while it had no monitor, and this kernel does not tell its exit code (it does from Linux 6.15 on)"
INTERRUPTED = "the container's start was interrupted: its monitor was killed"


class Monitor:
    def __init__(self, bundle, lock, command=None, original_limits=None):
        self.bundle, self.lock, self.command, self.limits = bundle, lock, command, original_limits
        self.paths, self.ident = bundle.paths, bundle.ident
        self.state = dict(state.read(self.paths, self.ident), boot=procfs.boot_id())
        self.epoll = select.epoll()
        self.handlers, self.timers = {}, {}
        self.pidfd = self.group = self.terminal = self.relay = self.health = None
        self.outputs, self.attached, self.waiting, self.stopping = {}, {}, [], []
        self.log = logs.Writer(os.path.join(bundle.directory, logs.NAME), bundle.run["log"])
        self.backoff, self.asked_to_stop, self.done = BACKOFF, False, False
        self.control = wire.listen(bundle.run_directory, "control.sock")
        self.watch(self.control.fileno(), self._accept)

    # ------------------------------------------------------------------------------------------------------- event loop

    def watch(self, fd, handler, events=select.EPOLLIN):
        self.handlers[fd] = handler
        self.epoll.register(fd, events)

    def forget(self, fd):
        if self.handlers.pop(fd, None) is not None:
            self.epoll.unregister(fd)

    def after(self, name, seconds, action):
        """Call ``action()`` once, in so many seconds; a timer of the same name is replaced."""
        self.timers[name] = (time.monotonic() + seconds, action)

    def loop(self):
        """Until the container has ended and no restart is due."""
        while not self.done:
            now = time.monotonic()
            for name, (when, action) in list(self.timers.items()):
                if when <= now and self.timers.get(name) == (when, action):
                    del self.timers[name]
                    action()
            if self.done:
                break
            wait = min([when for when, _action in self.timers.values()], default=None)
            for fd, events in self.epoll.poll(None if wait is None else max(0.0, wait - time.monotonic())):
                handler = self.handlers.get(fd)
                if handler is not None:
                    handler(events)
                elif self.relay is not None:
                    self.relay.handle(fd, events)

    # ------------------------------------------------------------------------------------------------------ start, adopt

    def start(self):
        """Start the container. :raises EngineError: when it does not come to its program; the state says so then."""
        self.state.update(status="starting", pid=0, exit_code=None, signal=None, oom_killed=False, error="", warnings=[], finished_at=None,
                          health=None, network=None, command=self.command)
        attempt = launch.Start(self.bundle, self.limits)
        try:
            self._open_relay()
            attempt.run(self._announce)
        except EngineError as error:
            self._close_relay()
            self.state.update(status="exited", pid=0, error=str(error), exit_code=getattr(error, "exit_code", None) or 128,
                              finished_at=time.time(), cgroup={}, network=None)
            self.save(durable=True)
            raise
        self.pidfd, self.group, self.terminal = attempt.pidfd, attempt.group, attempt.terminal
        self.state.update(status="running", started_at=time.time(), network=attempt.network, warnings=attempt.warnings)
        self._follow()

    def _announce(self, attempt):
        """The pid is known: from now on a killed monitor leaves something to adopt or to clean up."""
        self.state.update(pid=attempt.pid, pid_start=procfs.start_time(attempt.pid) or 0, cgroup=attempt.group.paths, network=self.bundle.run["network"])
        self.save()

    def adopt(self):
        """Take over a running container whose monitor is gone. Returns whether it still runs."""
        self.asked_to_stop = bool(self.state.get("stopping"))
        self.command = self.command or self.state.get("command")
        self.group = cgroups.Group.open(self.state["cgroup"])
        self.pidfd = pidfd.open_process(self.state["pid"], self.state["pid_start"])
        if self.pidfd is None:
            return False
        self.state.update(status="running", started_at=self.state["started_at"] or time.time())
        with contextlib.suppress(EngineError):
            self._open_relay()
        self._follow()
        return True

    def _follow(self):
        """Watch what a running container has."""
        self.watch(self.pidfd, self._exited)
        for name in stdio.OUTPUTS if self.terminal is None else ():
            fd = self.outputs[name] = stdio.open_output(self.bundle.run_directory, name)
            self.watch(fd, lambda _events, fd=fd, name=name: self._output(fd, name))
        if self.terminal is not None:
            os.set_blocking(self.terminal, False)
            self.outputs["stdout"] = self.terminal
            self.watch(self.terminal, lambda _events: self._output(self.terminal, "stdout"))
        self.after("stable", STABLE, self._stable)
        self._check_health()
        self.save()

    def _stable(self):
        self.backoff = BACKOFF

    def _open_relay(self):
        network = self.bundle.run["network"]
        if network.get("ports") and network.get("attachments") and self.relay is None:
            self.relay = ports.Relay(self.epoll, network["ports"], network["attachments"][0]["address"])
            try:
                self.relay.open()
            except BaseException:
                self.relay = None
                raise
            self._age_relay()

    def _age_relay(self):
        if self.relay is not None:
            self.relay.expire(time.monotonic())
            self.after("relay", 5.0, self._age_relay)

    def _close_relay(self):
        if self.relay is not None:
            self.relay.close()
            self.relay = None
            self.timers.pop("relay", None)

    def _check_health(self):
        if self.health is not None:
            self.health.stop()
        self.health = health.Check(self, self.bundle.run["health"]) if self.bundle.run.get("health") else None
        if self.health is None:
            self.state["health"] = None
        else:
            self.health.begin()

    # ------------------------------------------------------------------------------------------------------------ output

    def _output(self, fd, name):
        try:
            data = os.read(fd, 1 << 16)
        except BlockingIOError:
            return
        except OSError:  # EIO: the terminal has no other side any more
            self.forget(fd)
            return
        if not data:
            self.forget(fd)
            return
        self._take(name, data)

    def _take(self, name, data):
        self.log.feed(name, data)
        for connection in list(self.attached.values()):
            try:
                connection.sendall(data)
            except OSError:
                self._detach(connection)

    def _attach(self, fd):
        connection = socket.socket(fileno=fd)
        connection.settimeout(10)  # who takes nothing for so long is let go, rather than the container held up
        self.attached[fd] = connection
        self.watch(fd, lambda _events: self._input(connection))

    def _detach(self, connection):
        fd = connection.fileno()
        self.forget(fd)
        self.attached.pop(fd, None)
        connection.close()

    def _input(self, connection):
        try:
            data = connection.recv(4096)
        except OSError:
            data = b""
        if not data:
            self._detach(connection)
            return
        target = self.terminal
        if target is None:
            with contextlib.suppress(OSError):
                target = os.open(os.path.join(self.bundle.run_directory, "stdin"), os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOFOLLOW)
        if target is not None:
            with contextlib.suppress(OSError):
                os.write(target, data)
            if target != self.terminal:
                os.close(target)

    # --------------------------------------------------------------------------------------------------------------- exit

    def _exited(self, _events):
        code, signal, error = self._reap()
        self.forget(self.pidfd)
        os.close(self.pidfd)
        self.pidfd = None
        self.finish(code, signal, error)

    def _reap(self):
        """``(exit code, signal, error)`` of process 1, which has ended."""
        try:
            result = pidfd.reap(self.pidfd)
        except ChildProcessError:  # adopted: somebody else's child
            result = signals.exit_of(self.pidfd)
            if result is None:
                return None, None, UNSEEN
        code, signal = result
        return (code, None, "") if signal is None else (128 + signal, signal, "")

    def finish(self, code, signal, error=""):
        """Process 1 has ended: clear away what it had, write it down, and start again where the policy says so."""
        if self.health is not None:
            self.health.stop()
            self.health = None
        self.state["oom_killed"] = self._oom_killed()
        if self.group is not None:
            with contextlib.suppress(EngineError, OSError):
                self.group.kill()
        for name, fd in list(self.outputs.items()):
            with contextlib.suppress(OSError):
                stdio.drain(fd, lambda data, name=name: self._take(name, data))
            self.forget(fd)
            os.close(fd)
        self.outputs, self.terminal = {}, None
        self.log.flush()
        for name in ("stable", "kill"):
            self.timers.pop(name, None)
        self._close_relay()
        launch.disconnect(self.ident, self.state["network"])
        self._remove_group()
        again = self._restart_due(code)
        self.state.update(status="restarting" if again else "exited", pid=0, pid_start=0, exit_code=code, signal=signal, error=error,
                          finished_at=time.time(), cgroup={} if self.group is None else self.state["cgroup"], network=None, stopping=False)
        self.save(durable=True)
        self._answer(self.stopping)
        if again:
            self.after("restart", self.backoff, self._restart)
            self.backoff = min(self.backoff * 2, LONGEST_BACKOFF)
        else:
            self._end()

    def _oom_killed(self):
        try:
            return bool(self.group is not None and self.group.oom_kills())
        except (EngineError, OSError):
            return False

    def _remove_group(self):
        if self.group is not None:
            try:
                self.group.remove()
                self.group = None
            except (EngineError, OSError):
                pass  # a process hangs in the kernel; the next start or clean-up tries again

    def _restart_due(self, code):
        policy = self.bundle.run["restart"]
        if self.asked_to_stop or policy["policy"] == "no":
            return False
        if policy["policy"] == "on-failure":
            return code != 0 and (not policy.get("retries") or self.state["restarts"] < policy["retries"])
        return True

    def _restart(self):
        self.state["restarts"] += 1
        try:
            self.start()
        except EngineError as error:
            self.finish(self.state["exit_code"], None, str(error))

    def _end(self):
        self._answer(self.waiting)
        for connection in list(self.attached.values()):
            self._detach(connection)
        self.done = True
        if self.bundle.run.get("auto_remove") and self.command:
            signals.run_detached(list(self.command) + ["rm", "--volumes", self.ident])

    def save(self, durable=False):
        state.write(self.paths, self.ident, self.state, durable)

    # ------------------------------------------------------------------------------------------------------------ control

    def _accept(self, _events):
        connection, _address = self.control.accept()
        if not wire.from_root(connection):
            connection.close()
            return
        self.watch(connection.fileno(), lambda _events: self._serve(connection))

    def _serve(self, connection):
        fds = []
        try:
            message, fds = wire.receive(connection)
            operation = getattr(self, "op_" + message["op"], None)
            answer = {"error": "unknown operation %r" % message["op"]} if operation is None else operation(connection, message, fds)
        except wire.Gone:
            self._drop(connection)
            return
        except EngineError as error:
            answer = {"error": str(error)}
        except (OSError, KeyError, TypeError, ValueError) as error:
            answer = {"error": "%s: %s" % (type(error).__name__, error)}
        finally:
            for fd in fds:
                if fd not in self.attached:
                    os.close(fd)
        if answer is not None:
            with contextlib.suppress(wire.Gone, OSError):
                wire.send(connection, answer)

    def _drop(self, connection):
        self.forget(connection.fileno())
        for group in (self.stopping, self.waiting):
            if connection in group:
                group.remove(connection)
        connection.close()

    def _answer(self, connections):
        for connection in connections:
            with contextlib.suppress(wire.Gone, OSError):
                wire.send(connection, {"exit_code": self.state["exit_code"]})
        connections.clear()

    def op_wait(self, connection, _message, _fds):
        self.waiting.append(connection)

    def op_stop(self, connection, message, _fds):
        """Answered when it has ended. From now on it is not restarted, even if it ends of itself."""
        self.asked_to_stop = True
        if "restart" in self.timers:
            del self.timers["restart"]
            self.state["status"] = "exited"
            self.save(durable=True)
            self._end()
            return {"exit_code": self.state["exit_code"]}
        self.stopping.append(connection)
        self.state["stopping"] = True
        self.save()
        stop = self.bundle.run["stop"]
        timeout = stop["timeout"] if message.get("timeout") is None else message["timeout"]
        number = message.get("signal") or signals.number(stop["signal"])
        pidfd.send(self.pidfd, constants.SIGKILL if timeout == 0 else number)
        self._thaw()
        if timeout >= 0:
            self.after("kill", timeout, self._kill)
        return None

    def _kill(self):
        pidfd.send(self.pidfd, constants.SIGKILL)
        self._thaw()
        self.after("kill", 1.0, self._kill_all)

    def _kill_all(self):
        with contextlib.suppress(EngineError, OSError):
            self.group.kill()
        self.after("kill", 5.0, self._kill_all)

    def _thaw(self):
        """A frozen process takes no signal."""
        with contextlib.suppress(EngineError, OSError):
            self.group.thaw()

    def op_kill(self, _connection, message, _fds):
        if self.pidfd is None:
            return {"error": "container %s is not running" % self.ident}
        if message["signal"] in (constants.SIGKILL, signals.number(self.bundle.run["stop"]["signal"])):
            self.asked_to_stop = True
        pidfd.send(self.pidfd, message["signal"])
        if message["signal"] == constants.SIGKILL:
            self._thaw()
        return {}

    def op_reload(self, _connection, _message, _fds):
        before = self.bundle.run
        self.bundle.reload()
        now = self.bundle.run
        if now["log"] != before["log"]:
            self.log.configure(now["log"])
        if now["health"] != before["health"] and self.pidfd is not None:
            self._check_health()
        if now["network"] != before["network"] and self.pidfd is not None:
            self._close_relay()
            self._open_relay()
            self.state["network"] = now["network"]
        self.save()
        return {}

    def op_resize(self, _connection, message, _fds):
        if self.terminal is None:
            return {"error": "container %s has no terminal" % self.ident}
        stdio.set_size(self.terminal, message["rows"], message["columns"])
        return {}

    def op_attach(self, _connection, _message, fds):
        self._attach(fds[0])
        return {}


# ------------------------------------------------------------------------------------------------------------------ entry


def main(paths, message, reply, original_limits=None):
    """A monitor's life, in a process of its own; returns when it is over.

    :param message: ``{"op": "start" | "adopt", "id", "command"}``.
    :param reply: called once with the answer: ``{"pid"}`` or ``{"error", "exit_code"}``.
    """
    ident = message["id"]
    os.makedirs(paths.container_run(ident), 0o700, exist_ok=True)
    lock = state.take_lock(paths, ident)
    if lock is None:
        reply({"error": "container %s has a monitor already" % ident, "monitored": True})
        return
    try:
        monitor = Monitor(runfile.Bundle(paths, ident), lock, message.get("command"), original_limits)
        answer = monitor_start(monitor) if message["op"] == "start" else monitor_adopt(monitor)
    except EngineError as error:
        reply({"error": str(error), "exit_code": getattr(error, "exit_code", None)})
        return
    except OSError as error:
        reply({"error": runfile.read_error(error)})
        return
    reply(answer)
    syscalls.prctl(constants.PR_SET_NAME, b"pyc-monitor\0")
    monitor.loop()


def monitor_start(monitor):
    if state.alive(monitor.state) or monitor.state["cgroup"]:
        cleanup.cleanup(monitor.paths, monitor.ident, monitor.state)
    monitor.state["restarts"] = 0
    monitor.start()
    return {"pid": monitor.state["pid"], "warnings": monitor.state["warnings"]}


def monitor_adopt(monitor):
    status = monitor.state["status"]
    if status == "restarting":
        monitor.after("restart", 0, monitor._restart)
    elif status in ("starting", "running"):
        if not monitor.adopt():
            monitor.finish(None, None, UNSEEN if status == "running" else INTERRUPTED)
    else:
        monitor.done = True
    return {"pid": monitor.state["pid"], "status": monitor.state["status"]}
