# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Health checks as Docker does them: a command in the container, again and again, and what its exit codes come to.

Within ``start_period`` a failure does not count, and checks come every ``start_interval``; the first success ends it.
``retries`` failures in a row make the container unhealthy, one success makes it healthy again.
"""

from __future__ import annotations

import contextlib
import os
import time

from ..errors import EngineError
from ..kernel import constants, pidfd
from . import join

OUTPUT = 4096  # bytes of a check's output that are kept, Docker's
KEPT = 5  # results that are kept


class Check:
    """The checks of one running container.

    :param monitor: its monitor.Monitor: event loop, state and bundle. :param options: run.json's ``health``.
    """

    def __init__(self, monitor, options):
        self.monitor, self.options = monitor, options
        test = list(options["test"])
        self.argv = ["/bin/sh", "-c", test[1]] if test[0] == "CMD-SHELL" else test[1:] if test[0] == "CMD" else test
        self.interval, self.timeout = options.get("interval") or 30, options.get("timeout") or 30
        self.start_period, self.start_interval = options.get("start_period") or 0, options.get("start_interval") or 5
        self.retries = options.get("retries") or 3
        self.pidfd = self.output = None
        self.began = self.text = None
        self.started = monitor.state["started_at"] or time.time()

    def begin(self):
        if not self.monitor.state.get("health"):
            self.monitor.state["health"] = {"status": "starting", "failing_streak": 0, "log": []}
        self._later()

    def stop(self):
        """No more checks; the one under way is killed."""
        for name in ("health", "health timeout"):
            self.monitor.timers.pop(name, None)
        if self.pidfd is not None:
            pidfd.send(self.pidfd, constants.SIGKILL)
            with contextlib.suppress(OSError):
                os.waitid(os.P_PIDFD, self.pidfd, os.WEXITED)
            self._close()

    def _starting(self):
        return self.monitor.state["health"]["status"] == "starting" and time.time() - self.started < self.start_period

    def _later(self):
        self.monitor.after("health", min(self.start_interval, self.interval) if self._starting() else self.interval, self._run)

    def _run(self):
        if self.monitor.group.frozen():  # paused: nothing could answer
            self._later()
            return
        self.began, self.text = time.time(), b""
        reader, writer = os.pipe2(os.O_CLOEXEC)
        try:
            process = join.Process(self.monitor.bundle, self.monitor.state, self.argv, (None, writer, writer), limits=self.monitor.limits)
            process.start()
        except (EngineError, OSError) as error:
            os.close(reader)
            self._record(getattr(error, "exit_code", None) or -1, str(error))
            return
        finally:
            os.close(writer)
        os.set_blocking(reader, False)
        self.pidfd, self.output = process.pidfd, reader
        self.monitor.watch(reader, self._read)
        self.monitor.watch(self.pidfd, self._ended)
        self.monitor.after("health timeout", self.timeout, self._too_long)

    def _read(self, _events):
        try:
            data = os.read(self.output, 1 << 16)
        except BlockingIOError:
            return
        if not data:
            self.monitor.forget(self.output)
        self.text = (self.text + data)[:OUTPUT]

    def _ended(self, _events):
        code, signal = pidfd.reap(self.pidfd)
        with contextlib.suppress(BlockingIOError):
            self._read(0)
        self._close()
        self._record(code if signal is None else 128 + signal, self.text.decode("utf-8", "replace"))

    def _too_long(self):
        pidfd.send(self.pidfd, constants.SIGKILL)
        os.waitid(os.P_PIDFD, self.pidfd, os.WEXITED)
        self._close()
        self._record(-1, "Health check exceeded timeout (%gs): %s" % (self.timeout, self.text.decode("utf-8", "replace")))

    def _close(self):
        self.monitor.timers.pop("health timeout", None)
        for fd in (self.pidfd, self.output):
            self.monitor.forget(fd)
            os.close(fd)
        self.pidfd = self.output = None

    def _record(self, code, output):
        health = self.monitor.state["health"]
        starting = self._starting()
        health["log"] = (health["log"] + [{"start": self.began, "end": time.time(), "exit_code": code, "output": output[:OUTPUT]}])[-KEPT:]
        if code == 0:
            health.update(status="healthy", failing_streak=0)
        elif not starting:
            health["failing_streak"] += 1
            if health["failing_streak"] >= self.retries:
                health["status"] = "unhealthy"
        self.monitor.save()
        self._later()
