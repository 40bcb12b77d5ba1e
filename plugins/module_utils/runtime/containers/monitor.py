# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A container's monitor: the parent of its process 1. One small process a container, forked from the zygote.

It records exits durably, applies the restart policy, checks health, writes and rotates the log, relays published ports and
answers on the control socket. It depends on no other process, and the container not on it: a monitor that was killed is
followed by one that adopts the container, which differs only in that it is not the parent.

While it only waits it has touched next to nothing of the memory that it shares with the zygote: what is rare is read from
run.json and state.json when it is needed, and a container's start is a worker's (begin.py).

Control messages (wire.py), each with one answer:
    {"op": "stop", "timeout": s or null, "signal": n or null}   answered when the container has ended: {"exit_code"}
    {"op": "kill", "signal": n}                                 {}
    {"op": "wait"}                                              answered when the container has ended for good: {"exit_code"}
    {"op": "reload"}                                            run.json is read again: {}
    {"op": "resize", "rows", "columns"}                         the terminal's size: {}
    {"op": "attach", "replay": bool} with a stream socket       output is copied to it (with replay from the start of the run on), what it sends is
                                                                input: {}
"""

from __future__ import annotations

import _socket
import contextlib
import json
import os
import select
import time

from ..errors import EngineError, NotFound
from ..kernel import cgroups, constants, pidfd, syscalls
from ..oci import terminal
from ..store import paths as stores
from . import begin, dormant, health, launch, logs, ports, runfile, signals, state, stdio, wire

BACKOFF, LONGEST_BACKOFF, STABLE = 0.1, 60.0, 10.0  # seconds, Docker's
# Where a container's directory is gone although it runs: it is watched to its end, and that is all.
_NOTHING = {"log": {"driver": "none"}, "restart": {"policy": "no"}, "network": {}, "stop": {"signal": "SIGTERM", "timeout": 10}}


class Monitor:
    """One container's. ``handlers``: fd -> function(events); ``timers``: name -> (when, action).

    :param bed: the dormant.Bed to sleep in, None for none. :param epoll: that of its life before it slept.
    """

    def __init__(self, paths, limits, bed=None, epoll=None):
        self.paths, self.limits = paths, limits
        self.epoll = select.epoll() if epoll is None else epoll
        self.rest = dormant.Rest(bed)
        self.handlers, self.timers, self.outputs, self.attached = {}, {}, {}, {}
        self.waiting, self.stopping = [], []
        self.ident = self.lock = self.control = self.pidfd = self.terminal = None
        self.relay = self.health = self._run = self._state = self._group = self._log = None
        self.backoff, self.asked_to_stop, self.done = BACKOFF, False, False

    # ------------------------------------------------------------------------------------------- what is read when needed

    @property
    def run(self):
        """run.json."""
        if self._run is None:
            try:
                self._run = runfile.read_run(self.paths, self.ident)
            except (NotFound, ValueError):
                self._run = _NOTHING
        return self._run

    @property
    def state(self):
        """state.json, which nobody else writes while this monitor lives."""
        if self._state is None:
            self._state = state.read(self.paths, self.ident)
        return self._state

    @property
    def group(self):
        if self._group is None and self.state["cgroup"]:
            self._group = cgroups.Group.open(self.state["cgroup"])
        return self._group

    @property
    def log(self):
        if self._log is None:
            self._log = logs.Writer(logs.path(self.paths, self.ident), self.run["log"])
        return self._log

    def save(self, durable=False):
        with contextlib.suppress(FileNotFoundError):  # the container's directory is gone
            state.write(self.paths, self.ident, self.state, durable)

    # ------------------------------------------------------------------------------------------------------- event loop

    def watch(self, fd, handler, events=select.EPOLLIN):
        self.handlers[fd] = handler
        with contextlib.suppress(FileExistsError):  # it slept meanwhile
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
            wait = self._next_timer()
            happened = self.epoll.poll(self.rest.limit(wait))
            if happened:
                self.rest.disturb()
            else:
                self.rest.lie_down(self)
            for fd, events in happened:
                handler = self.handlers.get(fd)
                if handler is not None:
                    handler(events)
                elif self.relay is not None:
                    self.relay.handle(fd, events)

    def _next_timer(self):
        """Run what is due; seconds until the next timer, None without one, 0 when all is done."""
        while self.timers and not self.done:
            name, (when, action) = min(self.timers.items(), key=lambda item: item[1][0])
            left = when - time.monotonic()
            if left > 0:
                return left
            del self.timers[name]
            action()
        return 0 if self.done else None

    # ------------------------------------------------------------------------------------------------ sleep (dormant.py)

    def settled(self):
        """What a monitor that only waits for its container has open, and must be told to go on: ``(descriptors, words)``.

        None where there is more to it: a timer, a caller, a connection that it relays.
        """
        relay = [] if self.relay is None else self.relay.resting()
        if self.pidfd is None or self.attached or relay is None or set(self.timers) - {"relay"}:
            return None
        held = [self.control.fileno(), self.pidfd] + list(self.outputs.values())
        if set(self.handlers) != set(held):
            return None
        unfinished = {} if self._log is None else self._log.unfinished()
        words = {"id": self.ident, "data": self.paths.data, "run": self.paths.run, "limits": list(self.limits.items()), "lock": self.lock,
                 "control": held[0], "process": self.pidfd, "outputs": held[2:], "relay": relay, "backoff": self.backoff,
                 "unfinished": {stream: data.decode("latin-1") for stream, data in unfinished.items()}}
        return held + [self.lock] + relay, words

    def go_on(self, words):
        """With what ``settled`` said before it slept."""
        self.ident, self.lock, self.backoff = words["id"], words["lock"], words["backoff"]
        self.control = _socket.socket(fileno=words["control"])
        self.watch(words["control"], self._accept)
        self._follow(words["process"], words["outputs"])
        if words["unfinished"]:
            self.log.resume({stream: data.encode("latin-1") for stream, data in words["unfinished"].items()})
        if words["relay"]:
            self._open_relay(words["relay"])

    # --------------------------------------------------------------------------------------------- by the worker's hand

    def begin(self, work):
        """Fork a worker for ``work(worker)`` and take what it hands over. Returns whether there is anything to watch."""
        mine, its = _socket.socketpair(_socket.AF_UNIX, _socket.SOCK_SEQPACKET)
        worker = os.fork()
        if worker == 0:
            mine.close()
            work(begin.Worker(self.paths, its, self.limits))
            os._exit(0)
        its.close()
        word, fds = begin.take(mine)
        if word[:1] == b"P":
            self.ident = word[1:].decode()
            self._run = None
            mine.send(self._open_relay().encode())
            word, fds = begin.take(mine)
        mine.close()
        if word[:1] != b"":
            os.waitpid(worker, 0)
            self._take_over(word, fds)
        return word[:1] != b""

    def _take_over(self, word, fds):
        if self.ident is None:
            self.ident = word[1:].decode()
        if self.control is None:
            self.lock, control = fds[:2]
            del fds[:2]
            self.control = _socket.socket(fileno=control)
            self.watch(control, self._accept)
        self._state = self._group = None
        if word[:1] == b"B":
            self.after("restart", 0, self._restart)
        elif word[:1] == b"F":
            self.asked_to_stop = bool(self.state.get("stopping"))
            self.finish(None, None, self.state["error"])
        else:
            self._follow(fds[0], fds[1:])
            if word[:1] == b"H":
                self._check_health()

    def _follow(self, process, outputs):
        """Watch what a running container has."""
        self.pidfd = process
        self.watch(process, self._exited)
        self.terminal = outputs[0] if len(outputs) == 1 else None
        if self.terminal is not None:
            os.set_blocking(self.terminal, False)
        for name, fd in zip(stdio.OUTPUTS, outputs):
            self.outputs[name] = fd
            self.watch(fd, lambda _events, fd=fd, name=name: self._output(fd, name))

    # ----------------------------------------------------------------------------------------------------- ports, health

    def _open_relay(self, sockets=None):
        """Serve the published ports; returns "" or the sentence why that can't be. ``sockets``: descriptors that listen on them already."""
        network = self.run["network"]
        if not network.get("ports") or not network.get("attachments") or self.relay is not None:
            return ""
        relay = ports.Relay(self.epoll, network["ports"], network["attachments"][0]["address"])
        try:
            relay.open(sockets)
        except EngineError as error:
            return str(error)
        self.relay = relay
        self._age_relay()
        return ""

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
            self.health = None
        if self.run.get("health"):
            self.health = health.Check(self, self.run["health"])
            self.health.begin()
        else:
            self.state["health"] = None

    # ------------------------------------------------------------------------------------------------------------ output

    def _output(self, fd, name):
        try:
            data = os.read(fd, 1 << 16)
        except BlockingIOError:
            return
        except OSError:  # EIO: the terminal has no other side any more
            data = b""
        if data:
            self._take(name, data)
        else:
            self.forget(fd)

    def _take(self, name, data):
        self.rest.heard()
        self.log.feed(name, data)
        for connection in list(self.attached.values()):
            try:
                connection.sendall(data)
            except OSError:
                self._detach(connection)

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
        with contextlib.suppress(OSError):
            if target is None:
                target = os.open(os.path.join(self.paths.container_run(self.ident), "stdin"),
                                 os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOFOLLOW)
            os.write(target, data)
        if target is not None and target != self.terminal:
            os.close(target)

    # --------------------------------------------------------------------------------------------------------------- exit

    def _exited(self, _events):
        code, signal, error = self._reap()
        self.finish(code, signal, error)

    def _reap(self):
        """``(exit code, signal, error)`` of process 1, which has ended."""
        try:
            result = pidfd.reap(self.pidfd)
        except ChildProcessError:  # adopted: somebody else's child
            result = signals.exit_of(self.pidfd, self.state["pid"], self.state["pid_start"])
            if result is None:
                return None, None, begin.UNSEEN
        code, signal = result
        return (code, None, "") if signal is None else (128 + signal, signal, "")

    def finish(self, code, signal, error=""):
        """Process 1 has ended: clear away what it had, write it down, and start again where the policy says so."""
        if self.pidfd is not None:
            self.forget(self.pidfd)
            os.close(self.pidfd)
            self.pidfd = None
        if self.health is not None:
            self.health.stop()
            self.health = None
        self.timers.pop("kill", None)
        self.state["oom_killed"] = self._end_group()
        self._end_output()
        self._close_relay()
        launch.disconnect(self.ident, self.state["network"])
        if time.time() - (self.state["started_at"] or 0) >= STABLE:
            self.backoff = BACKOFF
        again = self._restart_due(code)
        self.state.update(status="restarting" if again else "exited", pid=0, pid_start=0, exit_code=code, signal=signal, error=error,
                          finished_at=time.time(), network=None, stopping=False)
        self.save(durable=True)
        if again:
            self.after("restart", self.backoff, self._restart)
            self.backoff = min(self.backoff * 2, LONGEST_BACKOFF)
        else:
            self._end()

    def _end_group(self):
        """Kill what process 1 left, remove the cgroup; returns whether the kernel killed for want of memory.

        A group that can't be removed, because a process hangs in the kernel, stays in the state for the next start or clean-up.
        """
        killed = False
        if self.group is not None:
            with contextlib.suppress(EngineError, OSError):
                killed = bool(self.group.oom_kills())
            with contextlib.suppress(EngineError, OSError):
                self.group.remove()
                self.state["cgroup"] = {}
            self._group = None
        return killed

    def _end_output(self):
        for name, fd in list(self.outputs.items()):
            with contextlib.suppress(OSError):
                stdio.drain(fd, lambda data, name=name: self._take(name, data))
            self.forget(fd)
            os.close(fd)
        self.outputs, self.terminal = {}, None
        if self._log is not None:
            self.log.flush()

    def _restart_due(self, code):
        policy = self.run["restart"]
        if self.asked_to_stop or policy["policy"] == "no":
            return False
        if policy["policy"] == "on-failure":
            return code != 0 and (not policy.get("retries") or self.state["restarts"] < policy["retries"])
        return True

    def _restart(self):
        command = self.state.get("command")
        if not self.begin(lambda worker: worker.restart(self.ident, command)):
            self._state = None
            self.finish(self.state["exit_code"], None, self.state["error"])

    def _end(self):
        """Nothing is left to do: let go of the container before anybody hears of it, so that the next call finds it free."""
        os.close(self.lock)
        self._answer(self.stopping)
        self._answer(self.waiting)
        for connection in list(self.attached.values()):
            self._detach(connection)
        self.done = True
        if self.run.get("auto_remove") and self.state.get("command"):
            signals.run_detached(list(self.state["command"]) + ["rm", "--volumes", self.ident])

    # ------------------------------------------------------------------------------------------------------------ control

    def _accept(self, _events):
        fd, _address = self.control._accept()  # pylint: disable=protected-access # what socket.socket.accept() is made of
        connection = wire.socket.socket(fileno=fd)
        if wire.from_root(connection):
            self.watch(fd, lambda _events: self._serve(connection))
        else:
            connection.close()

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
        if self.pidfd is None:  # it has just ended
            return {"exit_code": self.state["exit_code"]}
        self.stopping.append(connection)
        self.state["stopping"] = True
        self.save()
        stop = self.run["stop"]
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
        if message["signal"] in (constants.SIGKILL, signals.number(self.run["stop"]["signal"])):
            self.asked_to_stop = True
        pidfd.send(self.pidfd, message["signal"])
        if message["signal"] == constants.SIGKILL:
            self._thaw()
        return {}

    def op_reload(self, _connection, _message, _fds):
        before, self._run = self.run, None
        now = self.run
        if self._log is not None and now["log"] != before["log"]:
            self.log.configure(now["log"])
        if now.get("health") != before.get("health") and self.pidfd is not None:
            self._check_health()
        answer = {}
        if now["network"] != before["network"] and self.pidfd is not None:
            self._close_relay()
            problem = self._open_relay()
            answer = {"error": problem} if problem else {}
            self.state["network"] = now["network"]
        self.save()
        return answer

    def op_resize(self, _connection, message, _fds):
        if self.terminal is None:
            return {"error": "container %s has no terminal" % self.ident}
        terminal.set_size(self.terminal, message["rows"], message["columns"])
        return {}

    def op_attach(self, _connection, message, fds):
        connection = wire.socket.socket(fileno=fds[0])
        connection.settimeout(10)  # who takes nothing for so long is let go, rather than the container held up
        if message.get("replay"):
            with contextlib.suppress(OSError):
                for entry in logs.read(self.paths, self.ident, since=logs.stamp(int(self.state["started_at"] * 1e9))):
                    connection.sendall(entry["log"].encode())
                connection.sendall(b"".join(self.log.unfinished().values()))
        self.attached[fds[0]] = connection
        self.watch(fds[0], lambda _events: self._input(connection))
        return {}


def main(paths, connection, limits, bed):
    """A monitor's life, in a process that the zygote has forked for a request; returns when it is over.

    :param connection: the client's; the worker answers on it. :param limits: rlimits to give back to containers.
    :param bed: the dormant.Bed.
    """
    comm = os.open("/proc/self/comm", os.O_WRONLY | os.O_CLOEXEC)
    os.write(comm, b"pyc-monitor")
    os.close(comm)
    monitor = Monitor(paths, limits, bed)
    if monitor.begin(lambda worker: worker.serve(connection)):
        os.close(connection.fileno())  # socket.close() would touch more of the memory that is shared with the zygote
        monitor.loop()


def wake(words, command):
    """The life of a monitor that slept, in a new interpreter.

    :param words: JSON of ``settled``, with what dormant.py has added. :param command: the arguments that zygote_main.py was executed with, without it.
    """
    words = json.loads(words)
    syscalls.prctl(constants.PR_SET_DUMPABLE, 0)
    syscalls.prctl(constants.PR_SET_NAME, b"pyc-monitor\0")
    for fd in words["held"]:
        os.set_inheritable(fd, False)
    monitor = Monitor(stores.Paths(words["data"], words["run"]), dict(words["limits"]), dormant.Bed.make(command, words["interpreter"]), select.epoll.fromfd(words["epoll"]))
    monitor.rest.woken(words["woken"])
    monitor.go_on(words)
    monitor.loop()
    os._exit(0)
