# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The server's side of a start: a worker, forked by a monitor, starts, restarts or adopts a
container, and ends.

The worker reads the documents, makes the kernel objects, clones process 1 as the monitor's child
(CLONE_PARENT) and writes the state down. The monitor gets nothing but descriptors, so that nearly
all of its memory stays the zygote's: a process that only waits costs 0.6 MB, one that did all this
2.5 MB. Over the channel between the two (SOCK_SEQPACKET) go words of one letter and the container's
id:

    PORTS                 open the published ports, please     answered with "" or why not
    RUNS, CHECKED         it runs, without or with health checks: lock, control socket, pidfd of
                          process 1, then stdout and stderr or the terminal
    DRAINS                as these, of one that is adopted while its last connections end
    RESTART               it is to be restarted: lock, control socket
    ENDED                 it has ended while nobody watched, finish it: lock, control socket
    the worker's end      there is nothing to watch

At a restart the monitor has lock and control socket already, and they do not come again.
"""

from __future__ import annotations

import _socket
import contextlib
import os
import time

from ...errors import ContainerFailed, EngineError, NotFound, reason, required
from ...kernel.calls import constants, fds
from ...kernel.processes import pidfd, procfs
from ...store import atomic_files
from ..client import messages, stdio
from ..lifecycle import cleanup
from ..records import run_events, run_state
from ..spec import run_file
from . import defects, engine_launch, exec_worker

TYPE_CHECKING = False
if TYPE_CHECKING:
    import socket
    from collections.abc import Sequence
    from typing import Any

    from ...oci.launch.launch import Launch
    from ...store.paths import Paths
    from ..records.run_state import RunState
    from ..spec.run_file import RunFile

PORTS, RUNS, CHECKED, RESTART, ENDED = b"P", b"R", b"H", b"B", b"F"
DRAINS = b"D"
MOST = 6  # descriptors that are handed over
LONGEST_ANSWER = 65536
UNSEEN = (
    "the container ended while it had no monitor, and this kernel does not tell its exit code "
    "(it does from Linux 6.15 on)"
)
INTERRUPTED = "the container's start was interrupted: its monitor was killed"


def take(channel: _socket.socket) -> tuple[bytes, str, list[int]]:
    """In the monitor, take the worker's next word: ``(letter, id, descriptors)``; b"" at its end."""
    try:
        data, found = fds.receive(channel, 512, MOST)
    except ConnectionResetError:
        return b"", "", []
    return data[:1], data[1:].decode(), found


class Worker:
    """A worker, in a process of its own.

    :param channel: to the monitor.
    :param limits: rlimits to give back to containers, ``{number: (soft, hard)}``.
    """

    def __init__(
        self, paths: Paths, channel: _socket.socket, limits: dict[int, tuple[int, int]]
    ) -> None:
        self.paths, self.channel, self.limits = paths, channel, limits
        self.ident = ""
        self.state: RunState = run_state.blank()
        self.command: list[str] | None = None
        self.stdin: int | None = None
        self.checkpoint: messages.Checkpoint | None = None
        self.traced = False  # whether the steps of a start are written to the zygote's log

    # ------------------------------------------------------------------------------------- requests

    def serve(self, connection: socket.socket) -> None:
        """Do what a request of the zygote's client asks for; it is answered on ``connection``."""
        try:
            request, descriptors = messages.receive(connection)
        except messages.Gone:
            return
        if request["op"] == "retire":
            messages.send(connection, {"pid": self._retire()})
        elif request["op"] == "exec":
            self.channel.close()  # no monitor is needed
            exec_worker.serve(self.paths, request, descriptors, connection, self.limits)
        else:
            self.stdin = descriptors[0] if descriptors else None
            answer = self._answer(request)
            with contextlib.suppress(messages.Gone):
                messages.send(connection, answer)

    @staticmethod
    def _retire() -> int:
        """End the zygote, which is the monitor's parent unless it has ended already; its pid, or 0."""
        monitor = procfs.stat(os.getppid())
        zygote = monitor["parent"] if monitor is not None else 0
        found = procfs.stat(zygote)
        if found is None or found["name"] != "pyc-zygote":
            return 0
        os.kill(zygote, constants.SIGKILL)
        return zygote

    def _answer(self, request: dict[str, Any]) -> messages.Answer:
        """Start or adopt the container of a request; returns the answer, never raises."""
        self.ident = request["id"]
        self.command, self.checkpoint = request.get("command"), request.get("checkpoint")
        self.traced = bool(request.get("trace"))
        try:
            return self._become_its_worker(request["op"] == "start")
        except EngineError as error:
            return {"error": str(error), "exit_code": getattr(error, "exit_code", None)}
        except OSError as error:
            return {"error": reason(error)}
        except Exception as error:  # pylint: disable=broad-except # a defect
            return {"error": defects.sentence(self.paths, error)}

    def _become_its_worker(self, wants_start: bool) -> messages.Answer:
        """Take the container's lock and listen at its control socket; then start or adopt it."""
        directory = self.paths.container(self.ident)
        if not os.path.isdir(directory):
            raise NotFound(f"container {self.ident} has not been created: its directory is missing")
        self._make_run_directory()
        lock = run_state.take_lock(self.paths, self.ident)
        if lock is None:
            return {"error": f"container {self.ident} has a monitor already", "monitored": True}
        atomic_files.sweep(directory)
        self.state = run_state.read(self.paths, self.ident)
        with contextlib.closing(messages.listen(directory, run_state.SOCKET)) as control:
            held = [lock, control.fileno()]
            return self._start(held) if wants_start else self._adopt(held)

    def _make_run_directory(self) -> None:
        directory = self.paths.container_run(self.ident)
        if not os.path.isdir(directory):
            # All that is of this boot may have been removed under a container that goes on.
            self.paths.make()
            os.makedirs(directory, 0o700, exist_ok=True)

    # ---------------------------------------------------------------------------------------- start

    def _start(self, held: list[int]) -> messages.Answer:
        if self.state["status"] == "running" and run_state.alive(self.state):
            # Only its monitor is gone.
            return {**self._adopt(held), "running": True, "warnings": self.state["warnings"]}
        cleanup.cleanup(self.paths, self.ident, self.state)
        self.state["restarts"] = 0
        self.start(held)
        return {"pid": self.state["pid"], "warnings": self.state["warnings"]}

    def restart(self, ident: str, command: list[str] | None) -> None:
        """Start a container again whose monitor has lock and control socket.

        An error is in state.json then, and the monitor sees the end of the channel.
        """
        self.ident, self.command, self.state = ident, command, run_state.read(self.paths, ident)
        self.state["restarts"] += 1
        with contextlib.suppress(EngineError):
            self._make_run_directory()
            self.start([])

    def start(self, held: list[int]) -> None:
        """Start the container and hand it over to the monitor.

        :param held: lock and control socket, where the monitor has not got them.
        :raises EngineError: it does not come to its program; the state says so then.
        """
        self._begin_state()
        try:
            bundle = run_file.Bundle(self.paths, self.ident)
            self._open_ports(bundle.run)
            site = engine_launch.EngineSite(bundle, self._announce, self.stdin)
            launch = self._launch(site)
            # Before it runs: what is in a FIFO that nobody has open is lost.
            outputs = self._open_outputs(bundle.run)
            launch.run()
            if not self._has_monitor():
                launch.undo()
                raise ContainerFailed(INTERRUPTED)
        except Exception as error:  # pylint: disable=broad-except # a defect, or documents that somebody has written over
            raise self._failed(error) from None
        self.state.update(site.facts(launch))  # type: ignore[typeddict-item]
        self.state.update(
            {"status": "running", "started_at": time.time(), "warnings": launch.warnings}
        )
        network = self.state["network"]
        run_events.started(self.paths, bundle.run, network["attachments"] if network else ())
        streams = outputs if launch.terminal is None else [launch.terminal]
        self._hand_over(held, required(launch.pidfd, "process 1"), streams, bundle.run)

    def _begin_state(self) -> None:
        """What is written down with the pid: a start is under way, and nothing of the last run
        holds.
        """
        self.state.update(
            {
                "status": "starting",
                "pid": 0,
                "boot": procfs.boot_id(),
                "exit_code": None,
                "signal": None,
                "oom_killed": False,
                "error": "",
                "warnings": [],
                "finished_at": None,
                "health": None,
                "network": None,
                "stopping": False,
                "command": self.command,
            }
        )

    def _launch(self, site: engine_launch.EngineSite) -> Launch:
        origin = None
        if self.checkpoint is not None:
            # Not at the top: few starts are from a checkpoint, and a monitor's memory is the zygote's.
            from . import restored

            origin = restored.origin(self.checkpoint, site)
        return engine_launch.prepare(site, self.limits, origin, self.traced)

    def _announce(self, facts: dict[str, Any]) -> None:
        """Write the pid down: from now on a killed monitor leaves something to adopt or to clean
        up.
        """
        self.state.update(facts)  # type: ignore[typeddict-item]
        self.state["pid_start"] = procfs.start_time(facts["pid"]) or 0
        self._save()

    def _failed(self, error: Exception) -> EngineError:
        """Write down why the start failed; returns the error to raise."""
        if isinstance(error, EngineError):
            failure = error
        elif isinstance(error, OSError):
            failure = ContainerFailed(reason(error))
        else:
            failure = ContainerFailed(defects.sentence(self.paths, error))
        self.state.update(
            {
                "status": "exited",
                "pid": 0,
                "error": str(failure),
                "exit_code": getattr(failure, "exit_code", None) or 128,
                "finished_at": time.time(),
                "cgroup": {},
                "network": None,
            }
        )
        self._save(durable=True)
        return failure

    def _has_monitor(self) -> bool:
        """Tell whether the process that forked this one lives; else nobody would watch the
        container.
        """
        try:
            return self.channel.recv(1, _socket.MSG_PEEK | _socket.MSG_DONTWAIT) != b""
        except BlockingIOError:
            return True
        except ConnectionResetError:
            return False

    def _open_outputs(self, run: RunFile, pid: int | None = None) -> list[int]:
        """Open the monitor's ends of the FIFOs.

        :param pid: the process 1 that has the other ends already.
        """
        directory = self.paths.container_run(self.ident)
        lost = {} if pid is None else stdio.open_unlinked(directory, pid)
        stdio.make(directory, run.get("interactive", False))
        return [
            lost[name] if name in lost else stdio.open_output(directory, name)
            for name in stdio.OUTPUTS
        ]

    def _open_ports(self, run: RunFile) -> None:
        """Have the monitor open the ports, before anything is made: one that is taken is a clean
        error.
        """
        if run["network"].get("ports") and run["network"].get("attachments"):
            self._say(PORTS)
            answer = self.channel.recv(LONGEST_ANSWER)
            if answer:
                raise ContainerFailed(answer.decode())

    # ---------------------------------------------------------------------------------------- adopt

    def _adopt(self, held: list[int]) -> messages.Answer:
        """Hand a container whose monitor was killed over to this one's, as it is found."""
        status = self.state["status"]
        if status in ("starting", "running"):
            process = pidfd.open_process(self.state["pid"], self.state["pid_start"])
            if process is None:  # the monitor finishes what the dead one could not
                self.state["error"] = INTERRUPTED if status == "starting" else UNSEEN
                self._save()
                self._say(ENDED, held)
                return {"pid": 0, "status": "exited"}
            self._adopt_running(held, process)
        elif status == "restarting":
            self._say(RESTART, held)
        return {"pid": self.state["pid"], "status": self.state["status"]}

    def _adopt_running(self, held: list[int], process: int) -> None:
        run = run_file.read(self.paths, self.ident)
        self.state.update(
            {"status": "running", "started_at": self.state["started_at"] or time.time()}
        )
        with contextlib.suppress(EngineError):
            self._open_ports(run)
        outputs = self._open_outputs(run, self.state["pid"])
        self._hand_over(held, process, outputs, run, adopted=True)

    # ------------------------------------------------------------------------------------ hand over

    def _hand_over(
        self, held: list[int], process: int, outputs: list[int], run: RunFile, adopted: bool = False
    ) -> None:
        checked = run.get("health")
        if not checked:
            self.state["health"] = None
        elif not self.state["health"]:
            self.state["health"] = {"status": "starting", "failing_streak": 0, "log": []}
        self._save()
        drains = adopted and "drain" in run
        word = DRAINS if drains else CHECKED if checked else RUNS
        self._say(word, [*held, process, *outputs])

    def _say(self, word: bytes, descriptors: Sequence[int] = ()) -> None:
        """Say a word to the monitor, with descriptors."""
        fds.send(self.channel, word + self.ident.encode(), descriptors)

    def _save(self, durable: bool = False) -> None:
        run_state.write(self.paths, self.ident, self.state, durable)
