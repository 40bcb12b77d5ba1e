# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A container's monitor: the parent of its process 1. One small process a container, forked from
the zygote.

It records exits durably, applies the restart policy, checks health, writes and rotates the log,
relays published ports and answers on the control socket (control_socket.py). It depends on no other
process, and the container not on it: a monitor that was killed is followed by one that adopts the
container, which differs only in that it is not the parent.

While it only waits it has touched next to nothing of the memory that it shares with the zygote.
What is rare is read from run.json and state.json when it is needed, and a container's start is a
worker's (workers/start_worker.py).
"""

from __future__ import annotations

import _socket
import contextlib
import json
import os
import select
import time

from ...errors import EngineError, NotFound, required
from ...kernel import cgroups
from ...kernel.calls import constants, fds, fork, syscalls
from ...kernel.processes import exit_status, pidfd
from ...networks import container_links
from ...rootless import keeper_client
from ...store import paths as stores
from ..client import stdio
from ..lifecycle import cleanup
from ..records import run_events, run_state
from ..spec import network_links, run_file
from ..view import logs
from ..workers import defects
from ..workers import start_worker as workers
from . import control_socket, health, kill, log_writer, loop, port_relay, sleep

TYPE_CHECKING = False
if TYPE_CHECKING:
    import socket
    from collections.abc import Callable
    from typing import Any

    from ...store.paths import Paths
    from ..records.run_state import RunState
    from ..spec.run_file import RunFile
    from ..workers.exec_worker import Limits

PIECE = 1 << 16
BACKOFF, LONGEST_BACKOFF, STABLE = 0.1, 60.0, 10.0  # seconds, Docker's
# Where a container's directory is gone although it runs: it is watched to its end, and that is all.
_NOTHING: RunFile = {
    "id": "",
    "name": "",
    "layers": [],
    "log": {"driver": "none", "max_size": None, "max_file": 1},
    "restart": {"policy": "no", "retries": None},
    "network": {"mode": "none", "attachments": [], "ports": []},
    "health": None,
    "stop": {"signal": "SIGTERM", "timeout": 10},
    "init": False,
    "tty": False,
    "interactive": False,
    "auto_remove": False,
}


class Monitor(loop.Loop):
    """One container's.

    :param limits: rlimits to give back to containers, ``{number: (soft, hard)}``.
    :param bed: the sleep.Bed to sleep in, None for none.
    :param epoll: that of its life before it slept.
    :ivar outputs: the FIFOs or the terminal, ``{"stdout" | "stderr": descriptor}``.
    :ivar pidfd: of process 1; None while it does not run.
    :ivar asked_to_stop: whether it is not to be restarted.
    :ivar comes_again: whether a check has it restarted, whatever its policy.
    """

    def __init__(
        self,
        paths: Paths,
        limits: Limits,
        bed: sleep.Bed | None = None,
        epoll: select.epoll | None = None,
    ) -> None:
        super().__init__(sleep.Rest(bed), epoll)
        self.paths, self.limits = paths, limits
        self.ident, self.lock = "", -1
        self.outputs: dict[str, int] = {}
        self._held: dict[str, int] = {}  # outputs that are not read until the log has room
        self.control: _socket.socket | None = None
        self.pidfd: int | None = None
        self.terminal: int | None = None
        self.clients: control_socket.Clients | None = None
        self.relay: port_relay.Relay | None = None
        self.health: health.Check | None = None
        self._run: RunFile | None = None
        self._state: RunState | None = None
        self._group: cgroups.Group | None = None
        self._log: log_writer.Writer | None = None
        self.backoff, self.asked_to_stop, self.comes_again = BACKOFF, False, False

    # --------------------------------------------------------------------- what is read when needed

    @property
    def run(self) -> RunFile:
        """run.json."""
        if self._run is None:
            try:
                self._run = run_file.read(self.paths, self.ident)
            except (NotFound, ValueError):
                self._run = _NOTHING
        return self._run

    @property
    def state(self) -> RunState:
        """state.json, which nobody else writes while this monitor lives."""
        if self._state is None:
            self._state = run_state.read(self.paths, self.ident)
        return self._state

    @property
    def group(self) -> cgroups.Group | None:
        """The container's cgroup; None where the state names none, as when somebody has removed it."""
        if self._group is None and self.state["cgroup"]:
            self._group = cgroups.Group.open(self.state["cgroup"])
        return self._group

    @property
    def log(self) -> log_writer.Writer:
        """The writer of the container's log."""
        if self._log is None:
            self._log = log_writer.Writer(logs.path(self.paths, self.ident), self.run["log"], self)
        return self._log

    def save(self, durable: bool = False) -> None:
        """Write the state down. The monitor goes on where the directory is gone, or the disk full."""
        with contextlib.suppress(OSError):
            run_state.write_somewhere(self.paths, self.ident, self.state, durable)

    # ----------------------------------------------------------------------------- sleep (sleep.py)

    def settled(self) -> tuple[list[int], dict[str, Any]] | None:
        """Return what a monitor that only waits has open, and must be told to go on:
        ``(descriptors, words)``.

        None where there is more to it: a timer, a caller, a connection that it relays.
        """
        relay = [] if self.relay is None else self.relay.resting()
        if self.pidfd is None or self.control is None or relay is None:
            return None
        if set(self.timers) - {"relay"}:
            return None
        held = [self.control.fileno(), self.pidfd, *self.outputs.values()]
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
            "comes_again": self.comes_again,
            "unfinished": {stream: data.decode("latin-1") for stream, data in unfinished.items()},
        }
        return held + [self.lock] + [entry[-1] for entry in relay], words

    def go_on(self, words: dict[str, Any]) -> None:
        """Go on with the words that ``settled`` returned before it slept."""
        self.ident, self.lock = words["id"], words["lock"]
        self.backoff, self.asked_to_stop = words["backoff"], words["stopping"]
        self.comes_again = words.get("comes_again", False)
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

    # ----------------------------------------------------------------------------------- its worker

    def fork_worker(self, work: Callable[[workers.Worker], None]) -> bool:
        """Fork a worker for ``work(worker)`` and take what it hands over.

        :returns: whether there is anything to watch.
        """
        mine, its = _socket.socketpair(_socket.AF_UNIX, _socket.SOCK_SEQPACKET)
        # In another container's user namespace process 1 can only be the worker's child. It becomes
        # this process's at the worker's end.
        syscalls.prctl(constants.PR_SET_CHILD_SUBREAPER, 1)
        worker = fork.child(lambda: self._in_worker(work, mine, its), failed=defects.log)
        its.close()
        word, ident, fds = workers.take(mine)
        if word == workers.PORTS:
            self.ident, self._run = ident, None
            mine.send(self._serve_ports().encode())
            word, ident, fds = workers.take(mine)
        mine.close()
        if word or self.control is not None:  # else the worker is on its own now, as for an exec
            os.waitpid(worker, 0)
        if word:
            self._take_over(word, ident, fds)
        syscalls.prctl(constants.PR_SET_CHILD_SUBREAPER, 0)
        return bool(word)

    def _in_worker(
        self, work: Callable[[workers.Worker], None], mine: _socket.socket, its: _socket.socket
    ) -> None:
        mine.close()
        work(workers.Worker(self.paths, its, self.limits))

    def _take_over(self, word: bytes, ident: str, fds: list[int]) -> None:
        self.ident = ident
        if self.control is None:
            self.lock, control = fds[:2]
            del fds[:2]
            self.control = _socket.socket(fileno=control)
            self.watch(control, self._accept)
        self._state = self._group = None
        if word == workers.RESTART:
            self.after("restart", 0, self._restart)
        elif word == workers.ENDED:
            self.asked_to_stop = bool(self.state.get("stopping"))
            self.finish(None, None, self.state["error"])
        else:
            self._follow(fds[0], fds[1:])
            if word != workers.RUNS:
                self._check_health()
            if word == workers.DRAINS:
                self.await_drained()

    def _follow(self, process: int, outputs: list[int]) -> None:
        """Watch what a running container has: its process 1, its FIFOs or its terminal."""
        self.pidfd = process
        self.watch(process, self._exited)
        self.terminal = outputs[0] if len(outputs) == 1 else None
        if self.terminal is not None:
            os.set_blocking(self.terminal, False)
        for name, fd in zip(stdio.OUTPUTS, outputs):
            self.outputs[name] = fd
            self.watch(fd, self._reader_of(fd, name))

    # -------------------------------------------------------------------------------- ports, health

    def _serve_ports(self) -> str:
        """Serve the published ports that run.json has, and no others; returns "" or why that can't
        be.
        """
        network = self.run["network"]
        if not network.get("ports") or not network.get("attachments"):
            self._close_relay()
            return ""
        relay = self.relay or port_relay.Relay(self.epoll)
        try:
            relay.serve(network["ports"], container_links.targets(network["attachments"]))
        except EngineError as error:
            return str(error)
        self.relay = relay
        self._age_relay()
        return ""

    def lent_ports(self) -> list[port_relay.Lent]:
        """Return the sockets of the published ports, to be lent to who takes this one's place."""
        return [] if self.relay is None else self.relay.lent()

    def take_ports(self, sockets: list[port_relay.Lent]) -> None:
        """Serve the published ports that run.json has now with sockets that were lent."""
        self._run = None
        network = self.run["network"]
        if not network.get("ports") or not network.get("attachments"):
            return
        relay = self.relay or port_relay.Relay(self.epoll)
        relay.take(sockets, network["ports"], container_links.targets(network["attachments"]))
        self.relay = relay
        self._age_relay()

    def let_go_ports(self) -> None:
        """Leave the published ports to who has taken this one's place; what is served goes on.

        run.json has no ports any more.
        """
        if self.relay is not None:
            self.relay.let_go()
        self._run = None
        if self.state["network"] is not None:
            self.state["network"] = self.run["network"]
        self.save()

    def relayed(self) -> int:
        """Return how many connections the relay passes on."""
        return 0 if self.relay is None else self.relay.connections

    def unclaimed(self, fd: int, events: int) -> None:
        """Hand what has no handler to the relay: the sockets are its own."""
        if self.relay is not None:
            self.relay.handle(fd, events)

    def _age_relay(self) -> None:
        if self.relay is not None:
            self.relay.expire(time.monotonic())
            self.after("relay", 5.0, self._age_relay)

    def _close_relay(self) -> None:
        if self.relay is not None:
            self.relay.close()
            self.relay = None
            self.timers.pop("relay", None)

    def _check_health(self) -> None:
        """Begin with the checks that run.json has, and no others."""
        if self.health is not None:
            self.health.stop()
            self.health = None
        options = self.run.get("health")
        if options:
            self.health = health.Check(self, options)
            self.health.begin()
        else:
            self.state["health"] = None

    # --------------------------------------------------------------------------------------- output

    def _reader_of(self, fd: int, name: str) -> Callable[[int], None]:
        return lambda _events: self._output(fd, name)

    def _output(self, fd: int, name: str) -> None:
        self.log.open()  # before it is read: what a monitor has read when it is killed is lost
        if self.log.full():
            self._hold_output()
            return
        try:
            data = os.read(fd, PIECE)
        except BlockingIOError:
            return
        except OSError:  # EIO: the terminal has no other side any more
            data = b""
        if data:
            self._take(name, data)
        else:
            self.forget(fd)

    def _take(self, name: str, data: bytes) -> None:
        self.rest.heard()
        self.log.feed(name, data)
        if self.clients is not None:
            self.clients.feed(data)

    def apart(self, work: Callable[[], None], done: Callable[[], None]) -> Callable[[], None]:
        """Do work in a process of its own, and call ``done()`` at its end.

        :returns: a function that waits for that.
        """
        reader, writer = os.pipe2(os.O_CLOEXEC)
        pid = self.alone(writer, work)
        os.close(writer)

        def ended(_events: int = 0) -> None:
            self.forget(reader)
            os.close(reader)
            os.waitpid(pid, 0)
            done()

        def wait() -> None:
            select.select([reader], [], [])
            ended()

        self.watch(reader, ended)
        return wait

    def alone(self, kept: int, work: Callable[[], None]) -> int:
        """Do work in a process that has nothing of the container but one descriptor.

        With the lock, a monitor that is killed meanwhile would seem to live on. :returns: its pid.
        """

        def process() -> None:
            fds.close_all_but([kept])
            work()

        return fork.child(process, failed=defects.log)

    def _hold_output(self) -> None:
        """Have the container wait, by reading nothing more of what it writes."""
        self._held = {name: fd for name, fd in self.outputs.items() if fd in self.handlers}
        for fd in self._held.values():
            self.forget(fd)

    def log_ready(self) -> None:
        """Read on, where it was held up."""
        held, self._held = self._held, {}
        for name, fd in held.items():
            self.watch(fd, self._reader_of(fd, name))

    def log_lost(self, count: int, why: str) -> None:
        """Note that lines of the log are lost, which is written down a moment later."""
        before = self.state.get("log") or {"dropped": 0, "error": ""}
        self.state["log"] = {"dropped": before["dropped"] + count, "error": why or before["error"]}
        if "log" not in self.timers:
            self.after("log", 1.0, self.save)

    def write_input(self, data: bytes) -> None:
        """Pass on what somebody who is attached has sent."""
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

    # ----------------------------------------------------------------------------------------- exit

    def _exited(self, _events: int) -> None:
        code, signal, error = self._reap()
        self.finish(code, signal, error)

    def _reap(self) -> tuple[int | None, int | None, str]:
        """Return ``(exit code, signal, error)`` of process 1, which has ended."""
        process = required(self.pidfd, "process 1")
        try:
            code, signal = pidfd.reap(process)
        except ChildProcessError:  # adopted: somebody else's child
            result = exit_status.exit_of(process, self.state["pid"], self.state["pid_start"])
            if result is None:
                return None, None, workers.UNSEEN
            code, signal = result
        return (code, None, "") if signal is None else (128 + signal, signal, "")

    def finish(self, code: int | None, signal: int | None, error: str = "") -> None:
        """Clear away what process 1 had, write its end down, and restart it where the policy says
        so.
        """
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
        network_links.disconnect(self.ident, self.state["network"])
        again = self._restart_due(code)
        if not again:
            with contextlib.suppress(OSError):
                cleanup.forget_secrets(self.paths, self.ident)
            if self._log is not None:
                self._log.close()
        self.state["exit_code"] = code
        run_events.ended(self.paths, self.run, self.state)
        self.state.update(
            {
                "status": "restarting" if again else "exited",
                "pid": 0,
                "pid_start": 0,
                "signal": signal,
                "error": error,
                "finished_at": time.time(),
                "network": None,
                "stopping": False,
            }
        )
        self.save(durable=True)
        if again:
            self.after("restart", self.backoff, self._restart)
            self.backoff = min(self.backoff * 2, LONGEST_BACKOFF)
        else:
            self._end()

    def _end_group(self) -> bool:
        """Kill what process 1 left, and remove the cgroup; returns whether the kernel killed for
        want of memory.

        A group that can't be removed, because a process hangs in the kernel, stays in the state for
        the next start or clean-up.
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

    def _end_output(self) -> None:
        for name, fd in list(self.outputs.items()):
            with contextlib.suppress(OSError):
                stdio.drain(fd, lambda data: self._take(name, data))
            self.forget(fd)
            os.close(fd)
        self.outputs, self.terminal, self._held = {}, None, {}
        if self._log is not None:
            self.log.flush()

    def _restart_due(self, code: int | None) -> bool:
        policy, again = self.run["restart"], self.comes_again
        self.comes_again = False
        if self.asked_to_stop or (policy["policy"] == "no" and not again):
            return False
        if again:
            return True
        if policy["policy"] == "on-failure":
            retries = policy.get("retries")
            return code != 0 and (not retries or self.state["restarts"] < retries)
        return True

    def _restart(self) -> None:
        command = self.state.get("command")
        if not self.fork_worker(lambda worker: worker.restart(self.ident, command)):
            self._state = None
            self.finish(self.state["exit_code"], None, self.state["error"])

    def _end(self) -> None:
        """Let go of the container before anybody hears of its end: the next call is to find it
        free.
        """
        os.close(self.lock)
        if self.clients is not None:
            self.clients.ended()
        self.done = True
        command = self.state.get("command")
        if self.run.get("auto_remove") and command:
            from ..access import auto_remove  # not at the top: few containers need it

            auto_remove.remove(self.paths, self.ident, command)
        elif command and self._drained_alone():
            from ...kernel.processes import detached  # as above

            detached.run_detached(
                [*command, "rm", self.ident]
            )  # a call of the engine does the rest

    # ------------------------------------------------------------------------- what clients ask for

    def _accept(self, _events: int) -> None:
        self._served().accept(required(self.control, "the control socket"))

    def _served(self) -> control_socket.Clients:
        if self.clients is None:
            self.clients = control_socket.Clients(self)
        return self.clients

    def end_unwell(self, action: str) -> None:
        """Do what is to be done with a container that its checks say is not well.

        :param action: ``kill``, ``restart`` or ``stop``.
        """
        if self.pidfd is None or self.asked_to_stop or self.comes_again:
            return  # it ends already
        if action == "stop" and not self.begin_stop():
            return
        self.comes_again = action == "restart"
        kill.end(self, 0 if action == "kill" else None)

    def await_drained(self) -> None:
        """Have a container that another one has replaced end in time, whoever waits for that."""
        self._run = None
        drain = self.run.get("drain")
        if drain is not None:
            left = drain["until"] + run_file.DRAINED - time.monotonic()
            self.after("drain", left, self._end_drained)

    def _end_drained(self) -> None:
        asked = self.clients is not None and bool(self.clients.stopping)
        if not asked and "kill" not in self.timers and self.begin_stop():
            kill.end(self)

    def _drained_alone(self) -> bool:
        drain = self.run.get("drain")
        return drain is not None and time.monotonic() >= drain["until"] + run_file.DRAINED

    def tell(self, action: str, **more: object) -> None:
        """Write an event of the container into the journal; see run_events.tell."""
        run_events.tell(self.paths, self.run, action, **more)

    def begin_stop(self) -> bool:
        """Have it end, and not be restarted; returns whether there is a process 1 to be signalled."""
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

    def reload(self) -> str:
        """Read run.json again; returns "" or the sentence why its ports can't be served."""
        before, self._run = self.run, None
        now, problem = self.run, ""
        if self._log is not None and now["log"] != before["log"]:
            self.log.configure(now["log"])
            self.log_ready()
        # Compared with what is in effect: run.json of before may never have been read.
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


def main(paths: Paths, connection: socket.socket, limits: Limits, bed: sleep.Bed | None) -> None:
    """Live a monitor's life, in a process that the zygote has forked for a request.

    :param connection: the client's; the worker answers on it.
    :param limits: :param bed: see :class:`Monitor`.
    """
    comm = os.open("/proc/self/comm", os.O_WRONLY | os.O_CLOEXEC)
    os.write(comm, b"pyc-monitor")
    os.close(comm)
    monitor = Monitor(paths, limits, bed)
    if monitor.fork_worker(lambda worker: worker.serve(connection)):
        # socket.close() would touch more of the memory that is shared with the zygote.
        os.close(connection.fileno())
        monitor.serve()


def wake(text: str, command: list[str]) -> None:
    """Live the life of a monitor that slept, in a new interpreter.

    :param text: JSON of ``settled``, with what sleep.py has added.
    :param command: the arguments that zygote_main.py was executed with, without it.
    """
    words = json.loads(text)
    syscalls.prctl(constants.PR_SET_DUMPABLE, 0)
    syscalls.prctl(constants.PR_SET_NAME, b"pyc-monitor\0")
    for fd in words["held"]:
        os.set_inheritable(fd, False)
    if words["run"] != stores.RUN:
        keeper_client.resume(words["run"])
    bed, epoll = sleep.Bed.make(command, words["interpreter"]), select.epoll.fromfd(words["epoll"])
    monitor = Monitor(stores.Paths(words["data"], words["run"]), dict(words["limits"]), bed, epoll)
    monitor.rest.woken(words["woken"])
    monitor.go_on(words)
    monitor.serve()
    os._exit(0)
