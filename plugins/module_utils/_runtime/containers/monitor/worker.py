# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""How a monitor comes to its container: started, restarted or adopted by a worker that it forks, and that ends then.

The worker reads the documents, makes the kernel objects, clones process 1 as the monitor's child (CLONE_PARENT) and writes
the state down. The monitor is handed descriptors alone, so that nearly all of its memory stays the zygote's: a process that
only waits costs 0.6 MB, one that did all this 2.5 MB. Over the channel between the two (SOCK_SEQPACKET):
    worker: "P"            open the published ports, please    monitor: "" or the sentence why not
    worker: "R" + fds      it runs: lock, control socket, pidfd, then stdout and stderr or the terminal
    worker: "B" + fds      it is to be restarted: lock, control socket
    worker's end           there is nothing to watch
"""

from __future__ import annotations

import _socket
import contextlib
import os
import time

from ...errors import ContainerFailed, EngineError, NotFound
from ...kernel.calls import constants, fds
from ...kernel.processes import pidfd, procfs
from ...oci.spec.document import read_error
from ..access import execute
from ..client import messages, stdio
from ..lifecycle import cleanup
from ..records import state
from ..spec import run_file
from . import engine_launch

MOST = 6  # descriptors that are handed over
UNSEEN = "the container ended while it had no monitor, and this kernel does not tell its exit code (it does from Linux 6.15 on)"
INTERRUPTED = "the container's start was interrupted: its monitor was killed"


def take(channel):
    """In the monitor: the worker's next word, ``(letter, descriptors)``; ``(b"", [])`` at its end."""
    try:
        return fds.receive(channel, 512, MOST)
    except ConnectionResetError:
        return b"", []


def give(channel, word, descriptors):
    fds.send(channel, word, descriptors)


class Worker:
    """The worker's side, in a process of its own.

    :param channel: to the monitor. :param limits: rlimits to give back to containers, ``{number: (soft, hard)}``.
    """

    def __init__(self, paths, channel, limits):
        self.paths, self.channel, self.limits = paths, channel, limits
        self.ident = self.state = self.command = self.stdin = self.checkpoint = None

    def serve(self, connection):
        """A request of the zygote's client, answered on ``connection``."""
        try:
            message, descriptors = messages.receive(connection)
        except messages.Gone:
            return
        if message["op"] == "retire":
            messages.send(connection, {"pid": self._retire()})
        elif message["op"] == "exec":
            self.channel.close()  # no monitor is needed
            execute.serve(self.paths, message, descriptors, connection, self.limits)
        else:
            self.stdin = descriptors[0] if descriptors else None
            answer = self._answer(message)
            with contextlib.suppress(messages.Gone):
                messages.send(connection, answer)

    @staticmethod
    def _retire():
        """End the zygote, which is the monitor's parent unless it has ended already; its pid, or 0."""
        zygote = procfs.stat(os.getppid())["parent"]
        if (procfs.stat(zygote) or {"name": ""})["name"] != "pyc-zygote":
            return 0
        os.kill(zygote, constants.SIGKILL)
        return zygote

    def _answer(self, message):
        self.ident, self.command, self.checkpoint = (
            message["id"],
            message.get("command"),
            message.get("checkpoint"),
        )
        try:
            if not os.path.isdir(self.paths.container(self.ident)):
                raise NotFound(
                    f"container {self.ident} has not been created: its directory is missing"
                )
            self._make_run_directory()
            lock = state.take_lock(self.paths, self.ident)
            if lock is None:
                return {"error": f"container {self.ident} has a monitor already", "monitored": True}
            self.state = state.read(self.paths, self.ident)
            with contextlib.closing(
                messages.listen(self.paths.container(self.ident), state.SOCKET)
            ) as control:
                held = [lock, control.fileno()]
                return self._start(held) if message["op"] == "start" else self._adopt(held)
        except EngineError as error:
            return {"error": str(error), "exit_code": getattr(error, "exit_code", None)}
        except OSError as error:
            return {"error": read_error(error)}
        except Exception as error:  # pylint: disable=broad-except # a defect
            return {"error": execute.defect(self.paths, error)}

    def _make_run_directory(self):
        directory = self.paths.container_run(self.ident)
        if not os.path.isdir(directory):
            self.paths.make()  # all that is of this boot may have been removed under a container that goes on
            os.makedirs(directory, 0o700, exist_ok=True)

    # ------------------------------------------------------------------------------------------------------------ start

    def _start(self, held):
        if self.state["status"] == "running" and state.alive(self.state):
            return dict(
                self._adopt(held), running=True, warnings=self.state["warnings"]
            )  # only its monitor is gone
        cleanup.cleanup(self.paths, self.ident, self.state)
        self.state["restarts"] = 0
        self.start(held)
        return {"pid": self.state["pid"], "warnings": self.state["warnings"]}

    def restart(self, ident, command):
        """For a monitor that has lock and control socket. An error is in state.json then, and the end of the channel."""
        self.ident, self.command, self.state = ident, command, state.read(self.paths, ident)
        self.state["restarts"] += 1
        with contextlib.suppress(EngineError):
            self._make_run_directory()
            self.start([])

    def start(self, held):
        """Start it and hand it over. :raises EngineError: when it does not come to its program; the state says so then."""
        self.state.update(
            status="starting",
            pid=0,
            boot=procfs.boot_id(),
            exit_code=None,
            signal=None,
            oom_killed=False,
            error="",
            warnings=[],
            finished_at=None,
            health=None,
            network=None,
            stopping=False,
            command=self.command,
        )
        attempt = None
        try:
            bundle = run_file.Bundle(self.paths, self.ident)
            self._open_ports(bundle.run)
            attempt = self._attempt(bundle)
            outputs = self._open_outputs(
                bundle.run
            )  # before it starts: what is in a FIFO that nobody has open is lost
            attempt.run()
            if not self._has_monitor():
                attempt.undo()
                raise ContainerFailed(INTERRUPTED)
        except Exception as error:  # pylint: disable=broad-except # a defect, or documents that somebody has written over
            failure = (
                error
                if isinstance(error, EngineError)
                else ContainerFailed(
                    read_error(error)
                    if isinstance(error, OSError)
                    else execute.defect(self.paths, error)
                )
            )
            self.state.update(
                status="exited",
                pid=0,
                error=str(failure),
                exit_code=getattr(failure, "exit_code", None) or 128,
                finished_at=time.time(),
                cgroup={},
                network=None,
            )
            self._save(durable=True)
            raise failure from None
        self.state.update(
            attempt.facts(), status="running", started_at=time.time(), warnings=attempt.warnings
        )
        self._hand_over(
            held,
            attempt.pidfd,
            outputs if attempt.terminal is None else [attempt.terminal],
            bundle.run,
        )

    def _attempt(self, bundle):
        if self.checkpoint is None:
            return engine_launch.Start(bundle, self._announce, self.limits, self.stdin)
        from . import (
            restored,  # here: few starts are from a checkpoint, and a monitor's memory is the zygote's
        )

        return restored.Start(self.checkpoint, bundle, self._announce, self.limits, self.stdin)

    def _has_monitor(self):
        """Whether the process that forked this one still lives; else nobody would watch what was started."""
        try:
            return self.channel.recv(1, _socket.MSG_PEEK | _socket.MSG_DONTWAIT) != b""
        except BlockingIOError:
            return True
        except ConnectionResetError:
            return False

    def _open_outputs(self, run, pid=None):
        """The monitor's ends of the FIFOs. :param pid: the process 1 that has the other ends already."""
        directory = self.paths.container_run(self.ident)
        lost = {} if pid is None else stdio.without_name(directory, pid)
        stdio.make(directory, run.get("interactive"))
        return [
            lost[name] if name in lost else stdio.open_output(directory, name)
            for name in stdio.OUTPUTS
        ]

    def _open_ports(self, run):
        """The monitor opens them, before anything is made: a port that is taken is a clean error."""
        if run["network"].get("ports") and run["network"].get("attachments"):
            self.channel.send(b"P" + self.ident.encode())
            answer = self.channel.recv(65536)
            if answer:
                raise ContainerFailed(answer.decode())

    def _announce(self, facts):
        """The pid is known: from now on a killed monitor leaves something to adopt or to clean up."""
        self.state.update(facts, pid_start=procfs.start_time(facts["pid"]) or 0)
        self._save()

    # ------------------------------------------------------------------------------------------------------------ adopt

    def _adopt(self, held):
        status = self.state["status"]
        if status in ("starting", "running"):
            process = pidfd.open_process(self.state["pid"], self.state["pid_start"])
            if process is not None:
                run = run_file.read_run(self.paths, self.ident)
                self.state.update(
                    status="running", started_at=self.state["started_at"] or time.time()
                )
                with contextlib.suppress(EngineError):
                    self._open_ports(run)
                self._hand_over(held, process, self._open_outputs(run, self.state["pid"]), run)
            else:
                self.state["error"] = INTERRUPTED if status == "starting" else UNSEEN
                self._save()
                give(
                    self.channel, b"F" + self.ident.encode(), held
                )  # the monitor finishes what the dead one could not
                return {"pid": 0, "status": "exited"}
        elif status == "restarting":
            give(self.channel, b"B" + self.ident.encode(), held)
        return {"pid": self.state["pid"], "status": self.state["status"]}

    def _hand_over(self, held, process, outputs, run):
        self.state["health"] = (
            {"status": "starting", "failing_streak": 0, "log": []}
            if run.get("health") and not self.state["health"]
            else self.state["health"]
            if run.get("health")
            else None
        )
        self._save()
        give(
            self.channel,
            (b"H" if run.get("health") else b"R") + self.ident.encode(),
            held + [process] + outputs,
        )

    def _save(self, durable=False):
        state.write(self.paths, self.ident, self.state, durable)
