# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""``supervise``, the main process of a container's systemd unit, and ``generate systemd``."""

from __future__ import annotations

import os
import select
import signal
import threading
import time

from .... import containers
from ....containers.client import monitor_client, systemd_notify
from ....containers.lifecycle import dependencies, waits
from ....containers.records import status
from ....containers.view import systemd_unit
from ....errors import ContainerFailed, EngineError, NotFound
from ....reconcile import Plan
from ...grammar import whole

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ....containers.records.catalog import Record
    from ...grammar import Given
    from ...session import Session

PASSED = ("SIGTERM", "SIGINT", "SIGHUP", "SIGQUIT", "SIGUSR1", "SIGUSR2", "SIGWINCH")
LOOK = 0.2  # seconds between two looks at a health that is waited for


def supervise(session: Session, given: Given) -> None:
    """Start a container where it does not run, and stay until it has ended.

    Signals go to its process 1. The exit code is the container's, and 0 where somebody has stopped
    it by a command or a task.
    """
    session.need_terminal("supervise", "start does it")
    systemd = systemd_notify.Systemd()
    record = containers.find(session.engine, given.words[0])
    mode = record["definition"].get("sdnotify", "conmon")
    paths = session.engine.paths
    program = systemd_notify.Program(paths, record["id"]) if mode == "container" else None
    if not status.lives(paths, record["id"]):
        containers.lock_and_start(session.engine, record)
    watching = _Watching(session, record, mode, systemd, program)
    for name in PASSED:
        signal.signal(getattr(signal, name), watching.pass_on)
    try:
        while watching.run():
            pass
    except ContainerFailed as error:
        session.complain(error)
        return
    systemd.tell("STOPPING=1")
    session.rc = watching.exit_code


class _Watching:
    """The time between a container's start and its end.

    :param mode: ``sdnotify``. :param program: what listens to its program, in mode container.
    """

    def __init__(
        self,
        session: Session,
        record: Record,
        mode: str,
        systemd: systemd_notify.Systemd,
        program: systemd_notify.Program | None,
    ) -> None:
        self.engine, self.record, self.mode = session.engine, record, mode
        self.systemd, self.program = systemd, program
        self.ready, self.exit_code = mode == "ignore", 0
        self.watch = waits.Watch(None, dependencies.PATIENCE)
        self.next_sign = 0.0

    def pass_on(self, number: int, _frame: object) -> None:
        """Send a signal that this process gets to the container."""
        try:
            monitor_client.kill(self.engine.paths, self.record["id"], number)
        except EngineError:  # it has just ended
            pass

    def run(self) -> bool:
        """Wait for the container's end. Return whether it, or one that was made anew in its place,
        runs again: it was restarted or replaced by a command or a task.

        :raises ContainerFailed: it will not be healthy.
        """
        self._await_end()
        try:
            with containers.held(self.engine, self.record["name"]) as now:  # after who is at it
                if status.lives(self.engine.paths, now["id"]):
                    self.record = now
                    if self.program is not None:
                        self.program = systemd_notify.Program(self.engine.paths, now["id"])
                    return True
                if now["wanted"] != "stopped":
                    self.exit_code = status.exit_code(status.now(self.engine.paths, now["id"]))
        except NotFound:  # it was removed
            pass
        return False

    def _await_end(self) -> None:
        ended, writing = os.pipe2(os.O_CLOEXEC)
        paths, ident = self.engine.paths, self.record["id"]

        def wait() -> None:
            try:
                monitor_client.wait(paths, [ident])
            finally:
                os.close(writing)

        threading.Thread(target=wait, daemon=True).start()
        poll = select.poll()
        poll.register(ended, select.POLLHUP)
        if self.program is not None:
            poll.register(self.program.socket, select.POLLIN)
        while True:
            self._become_ready()
            timeout = self._sign_of_life()
            for fd, _event in poll.poll(None if timeout is None else timeout * 1000):
                if fd == ended:
                    os.close(ended)
                    return
                if self.program is not None:
                    self.systemd.tell(*self.program.heard())

    def _become_ready(self) -> None:
        """Tell systemd that it is ready, once it is; its program says so itself in mode container."""
        if self.ready or self.mode == "container":
            return
        if self.mode == "healthy":
            state = status.now(self.engine.paths, self.record["id"])
            if not self.watch.is_healthy(state):
                why = self.watch.why_hopeless(state)
                if why:
                    raise ContainerFailed(f"container {self.record['name']} {why}")
                return
        self.ready = True
        self.systemd.tell("READY=1")

    def _sign_of_life(self) -> float | None:
        """Keep systemd's watchdog quiet as long as the container is not unhealthy; returns the seconds
        until the next look, None for none.
        """
        if not self.ready and self.mode == "healthy":
            return LOOK
        if self.systemd.watchdog is None or self.mode == "container":
            return None
        left = self.next_sign - time.monotonic()
        if left <= 0:
            health = status.now(self.engine.paths, self.record["id"])["health"]
            if health is None or health["status"] != "unhealthy":
                self.systemd.tell("WATCHDOG=1")
            left = self.systemd.watchdog / 3
            self.next_sign = time.monotonic() + left
        return left


def generate_systemd(session: Session, given: Given) -> None:
    """``generate systemd NAME``: print a unit, or write it into the current directory."""
    numbers = {
        key: None if value is None else whole(value, flag, 0)
        for key, flag, value in (
            ("time", "--time", given.time),
            ("restart_sec", "--restart-sec", given.restart_sec),
            ("start_timeout", "--start-timeout", given.start_timeout),
        )
    }
    asked = systemd_unit.settings(
        {
            "restart_policy": given.restart_policy,
            "container_prefix": given.container_prefix,
            "separator": given.separator,
            "after": given.after,
            "wants": given.wants,
            "requires": given.requires,
            **numbers,
        },
        "generate systemd",
    )
    record = containers.find(session.engine, given.words[0])
    text = systemd_unit.text(record["name"], record["definition"], asked, session.engine.paths)
    warning = systemd_unit.warning(record["name"], record["definition"])
    if warning:
        session.warn(warning)
    if not given.files:
        session.say(*text.splitlines())
        return
    path = os.path.abspath(systemd_unit.name(record["name"], asked))
    plan = Plan(f"unit {path}")
    before = systemd_unit.read(path)
    if before != text:
        plan.add("unit", before, text, f"write {path}", lambda: systemd_unit.write(path, text))
    session.carry_out(plan)
    session.say(path)
