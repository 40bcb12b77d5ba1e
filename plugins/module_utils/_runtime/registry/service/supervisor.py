# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The process of a registry service: it forks the server, and forks it again when that ends.

It reads ``config.json`` in the service's run directory and keeps there:

  lock              held (flock) by the supervisor and its server; while it is held, the service lives
  supervisor.json   {"pid", "start"} of the supervisor
  server.json       the same of the server: the process to signal
  status.json       {"nonce", "listening": [...]} or {"nonce", "error", "kind"}: result of the last start
  log               errors, at most a megabyte and one older file

When only the supervisor is killed, the server continues; the next task replaces both. This file
imports nothing heavy. The server process loads what it needs, so the supervisor costs a bare
interpreter.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import signal
import time
import traceback

from ...errors import EngineError, reason
from ...kernel.calls import fork
from ...rootless import keeper_client
from ...store import locks
from ...store.atomic_files import read_json, write_json
from ...store.operations import start_time

TYPE_CHECKING = False
if TYPE_CHECKING:
    pass


FIRST_DELAY, LONGEST_DELAY = (
    0.1,
    30.0,
)  # seconds until the server is started again; doubled each time
GOOD_TIME = 10.0  # seconds that a server must have run to be started again at once
END = 12.0  # seconds that a server gets to end: its own grace and some
LOG_SIZE = 1 << 20
SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGCHLD)


class Log:
    """A log file of bounded size: lines are few, so each opens it anew."""

    def __init__(self, path: str) -> None:
        self.path = path

    def __call__(self, text: str) -> None:
        with contextlib.suppress(OSError):  # a full disk must not end the registry
            with open(self.path, "a", encoding="utf-8", errors="backslashreplace") as file:
                file.write("%s %s\n" % (time.strftime("%Y-%m-%dT%H:%M:%S%z"), text.rstrip()))
                full = file.tell() > LOG_SIZE
            if full:
                os.replace(self.path, self.path + ".1")


def is_held(directory: str) -> bool:
    """Tell whether the service with this run directory lives."""
    return locks.held(os.path.join(directory, "lock"))


def take_lock(directory: str) -> int | None:
    """Take the lock and return its descriptor; None where another supervisor holds it. Those who
    only ask hold it for a moment.
    """
    fd = os.open(os.path.join(directory, "lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    for _attempt in range(50):
        with contextlib.suppress(BlockingIOError):
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return fd
        time.sleep(0.02)
    os.close(fd)
    return None


def write_process(directory: str, name: str) -> None:
    write_json(
        os.path.join(directory, name),
        {"pid": os.getpid(), "start": start_time(os.getpid())},
        durable=False,
    )


def supervise(path: str) -> int:
    """Run the service whose ``config.json`` is at ``path`` until SIGTERM. Return an exit code."""
    directory = os.path.dirname(os.path.abspath(path))
    log = Log(os.path.join(directory, "log"))
    keeper_client.resume(os.path.dirname(os.path.dirname(directory)))
    if take_lock(directory) is None:
        log("another supervisor runs this registry already")
        return 1
    signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
    write_process(directory, "supervisor.json")
    delay = FIRST_DELAY
    while True:
        began, server = time.monotonic(), start_server(path, directory, log)
        ended, status = watch(server)
        if ended:
            return 0
        if time.monotonic() - began > GOOD_TIME:
            delay = FIRST_DELAY
        log(f"the server ended ({describe(status)}); it is started again in {delay:.1f} seconds")
        if signal.sigtimedwait((signal.SIGTERM, signal.SIGINT), delay):
            return 0
        delay = min(delay * 2, LONGEST_DELAY)


def describe(status: int) -> str:
    return (
        f"signal {os.WTERMSIG(status)}"
        if os.WIFSIGNALED(status)
        else f"exit code {os.WEXITSTATUS(status)}"
    )


def watch(server: int) -> tuple[bool, int]:
    """Wait for the server's end, or for being asked to end. Return whether this service is to end,
    and the wait status.
    """
    deadline = None
    while True:
        pid, status = os.waitpid(server, os.WNOHANG)
        if pid:
            return deadline is not None, status
        left = None if deadline is None else max(0.0, deadline - time.monotonic())
        got = signal.sigwaitinfo(SIGNALS) if left is None else signal.sigtimedwait(SIGNALS, left)
        if got is None:
            os.kill(server, signal.SIGKILL)
            deadline = time.monotonic() + 60.0
        elif got.si_signo != signal.SIGCHLD and deadline is None:
            os.kill(server, signal.SIGTERM)
            deadline = time.monotonic() + END


def start_server(path: str, directory: str, log: Log) -> int:
    """Fork the server and return its process id. This process has no threads, so a fork is enough."""
    return fork.child(
        lambda: run_server(path, directory, log), failed=lambda _error: log(traceback.format_exc())
    )


def run_server(path: str, directory: str, log: Log) -> int:
    write_process(directory, "server.json")
    signal.pthread_sigmask(signal.SIG_UNBLOCK, (signal.SIGCHLD,))
    config = read_json(path)
    status = os.path.join(directory, "status.json")
    try:
        from ..http import server

        make_api = None
        if config.get("proxy"):
            from ..proxy import proxy  # with a client: most registries need none

            make_api = proxy.maker(config["proxy"])
        return server.serve(
            config["path"],
            config["listen"],
            tls_cert=config["tls_cert"],
            tls_key=config["tls_key"],
            users=config["users"],
            log=log,
            access_log=None,
            make_api=make_api,
            started=lambda where: write_json(
                status, {"nonce": config["nonce"], "listening": where}, durable=False
            ),
        )
    except (EngineError, OSError) as error:
        log(reason(error))
        write_json(
            status,
            {"nonce": config["nonce"], "error": reason(error), "kind": type(error).__name__},
            durable=False,
        )
        return 3


def main(arguments: list[str]) -> int:
    """Run the service of ``start.py registry-service CONFIG``, which a task starts."""
    return supervise(arguments[0])
