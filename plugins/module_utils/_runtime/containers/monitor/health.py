# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Health checks as Docker does them: a command in the container, again and again, and what its exit
codes come to.

Within ``start_period`` a failure does not count, and checks come every ``start_interval``; the
first success ends it. ``retries`` failures in a row make the container unhealthy, one success makes
it healthy again.

As Podman does, a command of its own may be run first, until the container has come up, and one that
is unhealthy may be ended.
"""

from __future__ import annotations

import json
import os
import select
import time

from ...errors import EngineError, reason, required
from ...kernel.calls import constants, fds, fork
from ...kernel.processes import pidfd
from ..client import stdio
from ..spec import run_file
from ..workers import exec_worker

TYPE_CHECKING = False
if TYPE_CHECKING:
    import _socket
    from collections.abc import Callable, Sequence
    from typing import Protocol

    from ...kernel import cgroups
    from ...store.paths import Paths
    from ..records.run_state import Health, RunState
    from ..spec.run_file import HealthCheck, Startup
    from ..workers.exec_worker import Limits

    class Watched(Protocol):
        """What checks need of the monitor of their container."""

        paths: Paths
        ident: str
        limits: Limits
        lock: int
        control: _socket.socket | None
        timers: dict[str, tuple[float, Callable[[], None]]]

        @property
        def state(self) -> RunState: ...

        @property
        def group(self) -> cgroups.Group | None: ...

        def save(self) -> None: ...

        def end_unwell(self, action: str) -> None: ...

        def tell(self, action: str, **more: object) -> None: ...

        def watch(self, fd: int, handler: Callable[[int], None]) -> None: ...

        def forget(self, fd: int) -> None: ...

        def after(self, name: str, seconds: float, action: Callable[[], None]) -> None: ...


OUTPUT = 4096  # bytes of a check's output that are kept, Docker's
KEPT = 5  # results that are kept
A_DAY = 86400  # seconds of waiting at a time: poll(2) takes at most 2 ** 31 milliseconds, 25 days


def arguments(test: list[str], shell: Sequence[str] | None = None) -> list[str]:
    """Return the command of a health check's ``test``.

    :param shell: the words of the image's SHELL.
    """
    if test[0] == "CMD-SHELL":
        return [*(shell or ("/bin/sh", "-c")), test[1]]
    return list(test[1:] if test[0] == "CMD" else test)


def follow(health: Health, code: int, counts: bool, retries: int) -> None:
    """Bring status and streak up to date with a check's exit code.

    :param counts: whether a failure counts: the start period is over.
    """
    if code == 0:
        health.update({"status": "healthy", "failing_streak": 0})
    elif counts:
        health["failing_streak"] += 1
        if health["failing_streak"] >= retries:
            health["status"] = "unhealthy"


class Check:
    """The checks of one running container.

    :param monitor: its monitor: event loop and state. :param options: run.json's ``health``.
    """

    def __init__(self, monitor: Watched, options: HealthCheck) -> None:
        self.monitor, self.options = monitor, options
        self.interval, self.timeout = options.get("interval") or 30, options.get("timeout") or 30
        self.start_period, self.start_interval = (
            options.get("start_period") or 0,
            options.get("start_interval") or 5,
        )
        self.retries = options.get("retries") or 3
        # Until it has succeeded; one whose checks have said something has come up.
        self.startup = options.get("startup") if self._health["status"] == "starting" else None
        self.come_up = self.failed = 0  # in a row
        self.worker = self.output = -1  # pid and pipe of the check under way
        self.began, self.text = 0.0, b""
        self.started = monitor.state["started_at"] or time.time()

    def begin(self) -> None:
        """Begin with the checks; the first is due after an interval."""
        self._later()

    def stop(self) -> None:
        """No more checks; nobody waits for the one under way."""
        self.monitor.timers.pop("health", None)
        if self.worker != -1:
            os.kill(self.worker, constants.SIGKILL)
            self._close()

    def _starting(self) -> bool:
        return (
            self._health["status"] == "starting" and time.time() - self.started < self.start_period
        )

    @property
    def _health(self) -> Health:
        health = self.monitor.state["health"]
        if health is None:
            health = {"status": "starting", "failing_streak": 0, "log": []}
            self.monitor.state["health"] = health
        return health

    def _later(self) -> None:
        if self.startup is not None:
            self.monitor.after("health", self.startup["interval"], self._run)
            return
        self.monitor.after(
            "health",
            min(self.start_interval, self.interval) if self._starting() else self.interval,
            self._run,
        )

    def _run(self) -> None:
        """Fork a worker that does the check, which keeps this process small; a pipe brings its
        answer.
        """
        group = self.monitor.group
        if group is not None and group.frozen():  # paused: nothing could answer
            self._later()
            return
        self.began, self.text = time.time(), b""
        self.output, writer = os.pipe2(os.O_CLOEXEC)
        self.worker = fork.child(lambda: self._work(writer))
        os.close(writer)
        self.monitor.watch(self.output, self._read)

    def _work(self, writer: int) -> None:
        """Do the check, in the worker."""
        monitor = self.monitor
        # Or a monitor that is killed meanwhile would seem to live on, and nobody could have its ports.
        fds.close_all_but([writer])
        check, timeout = self.options["test"], self.timeout
        if self.startup is not None:
            check, timeout = self.startup["test"], self.startup["timeout"]
        words = arguments(check, self.options.get("shell"))
        work(monitor.paths, monitor.ident, monitor.state, words, timeout, writer, monitor.limits)

    def _read(self, _events: int) -> None:
        data = os.read(self.output, 1 << 16)
        if data:
            self.text += data
            return
        self._close()
        try:
            answer = json.loads(self.text)
        except ValueError:
            answer = {"code": -1, "output": "the process that did the check was killed"}
        self._record(answer["code"], answer["output"])

    def _close(self) -> None:
        self.monitor.forget(self.output)
        os.close(self.output)
        os.waitpid(self.worker, 0)
        self.worker = self.output = -1

    def _record(self, code: int, output: str) -> None:
        health = self._health
        before, action = health["status"], ""
        if self.startup is not None:
            action = self._follow_startup(self.startup, code)
        else:
            follow(health, code, not self._starting(), self.retries)
            if code != 0 and health["status"] == "unhealthy":
                action = self.options.get("on_failure", "")
        health["log"] = (
            health["log"]
            + [{"start": self.began, "end": time.time(), "exit_code": code, "output": output}]
        )[-KEPT:]
        self.monitor.save()
        if health["status"] != before:
            self.monitor.tell(f"health_status: {health['status']}")
        self._later()
        if action:
            self.monitor.end_unwell(action)

    def _follow_startup(self, startup: Startup, code: int) -> str:
        """Bring the counts up to date; returns "restart" where it has failed too often."""
        if code != 0:
            self.come_up, self.failed = 0, self.failed + 1
            return "restart" if 0 < startup["retries"] <= self.failed else ""
        self.come_up, self.failed = self.come_up + 1, 0
        if self.come_up >= startup["success"]:
            self.startup = None
        return ""


def work(
    paths: Paths,
    ident: str,
    state: RunState,
    words: list[str],
    timeout: float,
    writer: int,
    limits: Limits,
) -> None:
    """Do one check in a process of its own; writes ``{"code", "output"}`` as JSON to ``writer``.

    :param words: its command. :param writer: a descriptor. A code of -1 says that the check did not
        come to an exit code.
    """
    reader, inner = stdio.pipe(paths, ident)
    try:
        process = exec_worker.process(
            run_file.Bundle(paths, ident), state, words, (None, inner, inner), limits=limits
        )
        process.start()
    except (EngineError, OSError) as error:
        _tell(writer, getattr(error, "exit_code", None) or -1, reason(error))
        return
    os.close(inner)
    os.set_blocking(reader, False)
    running = required(process.pidfd, "the process of a health check")
    text, ended = _collect(reader, running, timeout)
    if not ended:
        pidfd.send(running, constants.SIGKILL)
        _tell(writer, -1, f"Health check exceeded timeout ({timeout:g}s): {text}")
        return
    code, signal = pidfd.reap(running)
    _tell(writer, code if code is not None else 128 + (signal or 0), text)


def _collect(reader: int, process: int, timeout: float) -> tuple[str, bool]:
    """Return ``(output, whether the process ended in time)``."""
    poll, end, data = select.poll(), time.monotonic() + timeout, b""
    poll.register(reader, select.POLLIN)
    poll.register(process, select.POLLIN)
    ended = False
    while not ended:
        left = end - time.monotonic()
        events = poll.poll(min(max(0.0, left), A_DAY) * 1000)
        if not events and left <= A_DAY:
            break
        ended = any(fd == process for fd, _event in events)
        if any(fd == reader for fd, _event in events):
            try:
                chunk = os.read(reader, 1 << 16)
            except BlockingIOError:
                continue
            if not chunk:
                poll.unregister(reader)
            data = (data + chunk)[:OUTPUT]
    return data.decode("utf-8", "replace"), ended


def _tell(writer: int, code: int, output: str) -> None:
    os.write(writer, json.dumps({"code": code, "output": output[:OUTPUT]}).encode())
