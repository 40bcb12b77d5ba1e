# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A container's monitor: the parent of its process 1. One small process a container, forked from the zygote.

It records exits durably, applies the restart policy, checks health, writes and rotates the log, relays published ports and
answers on the control socket (clients.py). It depends on no other process, and the container not on it: a monitor that
was killed is followed by one that adopts the container, which differs only in that it is not the parent.

While it only waits it has touched next to nothing of the memory that it shares with the zygote: what is rare is read from
run.json and state.json when it is needed, and a container's start is a worker's (worker.py).
"""

from __future__ import annotations

import _socket
import contextlib
import json
import os
import select
import sys
import time

from ...errors import EngineError, NotFound
from ...kernel import cgroups
from ...kernel.calls import constants, fork, syscalls
from ...kernel.processes import pidfd
from ...store import paths as stores
from ..client import signals, stdio
from ..records import state
from ..spec import run_file
from ..view import logs
from . import clients, engine_launch, health, loop, port_relay, sleep
from . import worker as begin

BACKOFF, LONGEST_BACKOFF, STABLE = 0.1, 60.0, 10.0  # seconds, Docker's
# Where a container's directory is gone although it runs: it is watched to its end, and that is all.
_NOTHING = {
    "log": {"driver": "none"},
    "restart": {"policy": "no"},
    "network": {},
    "stop": {"signal": "SIGTERM", "timeout": 10},
}


class Monitor(loop.Loop):
    """One container's.

    :param bed: the dormant.Bed to sleep in, None for none. :param epoll: that of its life before it slept.
    """

    def __init__(self, paths, limits, bed=None, epoll=None):
        super().__init__(sleep.Rest(bed), epoll)
        self.paths, self.limits, self.outputs = paths, limits, {}
        self.ident = self.lock = self.control = self.pidfd = self.terminal = self.clients = None
        self.relay = self.health = self._run = self._state = self._group = self._log = None
        self.backoff, self.asked_to_stop = BACKOFF, False

    # ------------------------------------------------------------------------------------------- what is read when needed

    @property
    def run(self):
        """run.json."""
        if self._run is None:
            try:
                self._run = run_file.read_run(self.paths, self.ident)
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
        with contextlib.suppress(
            OSError
        ):  # the container's directory is gone, or the disk is full; the monitor goes on
            state.write(self.paths, self.ident, self.state, durable)

    # ------------------------------------------------------------------------------------------------ sleep (sleep.py)

    def settled(self):
        """What a monitor that only waits for its container has open, and must be told to go on: ``(descriptors, words)``.

        None where there is more to it: a timer, a caller, a connection that it relays.
        """
        relay = [] if self.relay is None else self.relay.resting()
        if self.pidfd is None or relay is None or set(self.timers) - {"relay"}:
            return None
        held = [self.control.fileno(), self.pidfd] + list(self.outputs.values())
        if set(self.handlers) != set(held):
            return None
        unfinished = {} if self._log is None else self._log.unfinished()
        words = {
            "id": self.ident,
            "data": self.paths.data,
            "run": self.paths.run,
            "limits": list(self.limits.items()),
            "lock": self.lock,
            "control": held[0],
            "process": self.pidfd,
            "outputs": held[2:],
            "relay": relay,
            "backoff": self.backoff,
            "stopping": self.asked_to_stop,
            "unfinished": {stream: data.decode("latin-1") for stream, data in unfinished.items()},
        }
        return held + [self.lock] + [entry[-1] for entry in relay], words

    def go_on(self, words):
        """With what ``settled`` said before it slept."""
        self.ident, self.lock, self.backoff, self.asked_to_stop = (
            words["id"],
            words["lock"],
            words["backoff"],
            words["stopping"],
        )
        self.control = _socket.socket(fileno=words["control"])
        self.watch(words["control"], self._accept)
        self._follow(words["process"], words["outputs"])
        if words["unfinished"]:
            self.log.resume(
                {stream: data.encode("latin-1") for stream, data in words["unfinished"].items()}
            )
        if words["relay"]:
            self.relay = port_relay.Relay(self.epoll)
            self.relay.go_on(words["relay"])
            self._age_relay()

    # --------------------------------------------------------------------------------------------- by the worker's hand

    def begin(self, work):
        """Fork a worker for ``work(worker)`` and take what it hands over. Returns whether there is anything to watch."""
        mine, its = _socket.socketpair(_socket.AF_UNIX, _socket.SOCK_SEQPACKET)
        # In another container's user namespace process 1 can only be the worker's child; it becomes this process's at the worker's end.
        syscalls.prctl(constants.PR_SET_CHILD_SUBREAPER, 1)
        worker = fork.child(lambda: self._in_worker(work, mine, its), failed=complain)
        its.close()
        word, fds = begin.take(mine)
        if word[:1] == b"P":
            self.ident = word[1:].decode()
            self._run = None
            mine.send(self._serve_ports().encode())
            word, fds = begin.take(mine)
        mine.close()
        if word[:1] != b"" or self.control is not None:  # else it is on its own now, as for an exec
            os.waitpid(worker, 0)
        if word[:1] != b"":
            self._take_over(word, fds)
        syscalls.prctl(constants.PR_SET_CHILD_SUBREAPER, 0)
        return word[:1] != b""

    def _in_worker(self, work, mine, its):
        mine.close()
        work(begin.Worker(self.paths, its, self.limits))

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

    def _serve_ports(self):
        """Serve the published ports that run.json has, and no others; returns "" or the sentence why that can't be."""
        network = self.run["network"]
        if not network.get("ports") or not network.get("attachments"):
            self._close_relay()
            return ""
        relay = self.relay or port_relay.Relay(self.epoll)
        try:
            relay.serve(network["ports"], network["attachments"][0]["address"])
        except EngineError as error:
            return str(error)
        self.relay = relay
        self._age_relay()
        return ""

    def unclaimed(self, fd, events):
        if self.relay is not None:
            self.relay.handle(fd, events)

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
        self.log.open()  # before it is read: what a monitor has read when it is killed is lost
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
        if self.clients is not None:
            self.clients.feed(data)

    def write_input(self, data):
        """What somebody who is attached has sent."""
        target = self.terminal
        with contextlib.suppress(OSError):
            if target is None:
                target = os.open(
                    os.path.join(self.paths.container_run(self.ident), "stdin"),
                    os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOFOLLOW,
                )
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
            if time.time() - (self.state["started_at"] or 0) >= STABLE:
                self.backoff = BACKOFF
        if self.health is not None:
            self.health.stop()
            self.health = None
        self.timers.pop("kill", None)
        self.state["oom_killed"] = self._end_group()
        self._end_output()
        self._close_relay()
        engine_launch.disconnect(self.ident, self.state["network"])
        again = self._restart_due(code)
        self.state.update(
            status="restarting" if again else "exited",
            pid=0,
            pid_start=0,
            exit_code=code,
            signal=signal,
            error=error,
            finished_at=time.time(),
            network=None,
            stopping=False,
        )
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
            return code != 0 and (
                not policy.get("retries") or self.state["restarts"] < policy["retries"]
            )
        return True

    def _restart(self):
        command = self.state.get("command")
        if not self.begin(lambda worker: worker.restart(self.ident, command)):
            self._state = None
            self.finish(self.state["exit_code"], None, self.state["error"])

    def _end(self):
        """Nothing is left to do: let go of the container before anybody hears of it, so that the next call finds it free."""
        os.close(self.lock)
        if self.clients is not None:
            self.clients.ended()
        self.done = True
        if self.run.get("auto_remove") and self.state.get("command"):
            from ..access import auto_remove

            auto_remove.remove(self.paths, self.ident, self.state["command"])

    # ------------------------------------------------------------------------------------------------- what clients ask for

    def _accept(self, _events):
        if self.clients is None:
            self.clients = clients.Clients(self)
        self.clients.accept(self.control)

    def begin_stop(self):
        """It is to end, and not to be restarted. Returns whether there is a process 1 to be signalled."""
        self.asked_to_stop = True
        if "restart" in self.timers:
            del self.timers["restart"]
            self.state["status"] = "exited"
            self.save(durable=True)
            self._end()
            return False
        if self.pidfd is None:  # it has just ended
            return False
        self.state["stopping"] = True
        self.save()
        return True

    def reload(self):
        """Read run.json again; returns "" or the sentence why its ports can't be served."""
        before, self._run = self.run, None
        now, problem = self.run, ""
        if self._log is not None and now["log"] != before["log"]:
            self.log.configure(now["log"])
        # beside what is in effect: run.json of before may never have been read
        if self.pidfd is not None and now.get("health") != (
            self.health.options if self.health is not None else None
        ):
            self._check_health()
        if self.pidfd is not None and now["network"] != self.state["network"]:
            problem = self._serve_ports()
            if not problem:
                self.state["network"] = now["network"]
        self.save()
        return problem


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
        os.close(
            connection.fileno()
        )  # socket.close() would touch more of the memory that is shared with the zygote
        monitor.serve()


def complain(error):
    """Into the zygote's log: what no caller was there to be told."""
    import traceback

    from ...untrusted.text import entry

    sys.stderr.write(
        "%s pid %d: %s\n"
        % (
            time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
            os.getpid(),
            entry(
                "".join(traceback.format_exception(type(error), error, error.__traceback__)), None
            ),
        )
    )
    sys.stderr.flush()


def wake(words, command):
    """The life of a monitor that slept, in a new interpreter.

    :param words: JSON of ``settled``, with what sleep.py has added. :param command: the arguments that zygote_main.py was executed with, without it.
    """
    words = json.loads(words)
    syscalls.prctl(constants.PR_SET_DUMPABLE, 0)
    syscalls.prctl(constants.PR_SET_NAME, b"pyc-monitor\0")
    for fd in words["held"]:
        os.set_inheritable(fd, False)
    bed, epoll = sleep.Bed.make(command, words["interpreter"]), select.epoll.fromfd(words["epoll"])
    monitor = Monitor(stores.Paths(words["data"], words["run"]), dict(words["limits"]), bed, epoll)
    monitor.rest.woken(words["woken"])
    monitor.go_on(words)
    monitor.serve()
    os._exit(0)
