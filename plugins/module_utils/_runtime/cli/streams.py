# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What flows between a container and whoever called: logs, a command's output, a terminal."""

from __future__ import annotations

import contextlib
import datetime
import os
import signal
import sys
import threading

from .. import units
from ..containers.access import attach, detach_keys, exec_client
from ..containers.client import monitor_client, stdio
from ..containers.records import status
from ..containers.spec import container_files
from ..containers.view import logs
from ..errors import Conflict, EngineError, InvalidInput
from .grammar import UsageError


def execute(session, record, argv, settings, given):
    """Run a command in a container; its output is the session's. Returns its exit code."""
    if session.terminal and not given.detach:
        keys = detach_keys.parse(given.detach_keys)
        try:
            return exec_client.interactive(
                session.engine.paths,
                record["id"],
                argv,
                tty=given.tty,
                stdin=given.interactive,
                keys=keys,
                **settings,
            )
        except detach_keys.Detached:
            return left(session)
    paths = session.engine.paths
    if given.detach:
        exec_client.start(paths, record["id"], argv, tty=given.tty, **settings)
        return 0
    outcome = exec_client.run(paths, record["id"], argv, tty=given.tty, **settings)
    session.lines += (
        outcome["stdout"].decode("utf-8", "replace").splitlines()
    )  # a program's output stays as it is
    session.errors += outcome["stderr"].decode("utf-8", "replace").splitlines()
    return outcome["rc"]


def print_log(session, record, timestamps=False, follow=False, apart=False, **which):
    """The log's lines, at a terminal each to the stream that it came from; ``which``: ``tail``, ``since``, ``until`` of logs.read.

    :param apart: so in a task, too, where they stand in their order otherwise.
    """
    ident = record["id"]
    entries = logs.read(
        session.engine.paths,
        ident,
        follow=follow,
        running=lambda: status.lives(session.engine.paths, ident),
        **which,
    )
    pieces, errors = [], []
    for entry in entries:
        text = (entry["time"] + " " if timestamps else "") + entry["log"]
        if not session.terminal:
            (errors if apart and entry["stream"] == "stderr" else pieces).append(text)
        else:
            stream = sys.stderr if entry["stream"] == "stderr" else sys.stdout
            stream.write(text)
            stream.flush()
    session.lines += "".join(pieces).splitlines()
    session.errors += "".join(errors).splitlines()


def left(session):
    """The person has typed the detach keys: said as Docker does. The exit code."""
    session.mention("read escape sequence")
    return 0


def started(session, record, start, interactive, given):
    """Start a container by ``start(stdin)``, show what it writes and wait for its end; the session gets its exit code.

    :param interactive: this process's standard input is the container's, to its end. :param given: ``--detach-keys`` and ``--sig-proxy`` are read.
    :raises detach_keys.Detached: when the detach keys were typed, while it runs.
    """
    keys = detach_keys.parse(given.detach_keys)
    since = logs_from()
    if container_files.with_terminal(session.engine, record["id"]):
        start(None)
        session.rc = attached(session, record, interactive, keys)
        return
    if interactive:
        _with_input(session, record, start)
    else:
        start(None)
    _followed(session, record, since, given.sig_proxy)


def joined(session, record, interactive, given):
    """Show what a running container without a terminal writes from now on, and wait for its end; the session gets its exit code.

    :param interactive: it gets what this process reads from its standard input, whose end is not its own input's.
    """
    since = logs_from()
    if interactive:
        try:
            writer = attach.open_input(session.engine, record["id"])
            threading.Thread(target=attach.feed, args=(writer,), daemon=True).start()
        except Conflict as error:
            session.mention(f"Nothing is passed on to container {record['name']}: {error}")
    _followed(session, record, since, given.sig_proxy)


def _followed(session, record, since, sig_proxy):
    with _signals_passed_on(session, record["id"]) if sig_proxy else contextlib.nullcontext():
        print_log(session, record, since=since, follow=True, apart=True)
        session.rc = _exit_code(session, record["id"])


def _exit_code(session, ident):
    """The exit code of a container, when it has ended."""
    return monitor_client.wait(session.engine.paths, [ident])[ident]


@contextlib.contextmanager
def _signals_passed_on(session, ident):
    """In the block, at a terminal, what would end this process is sent to the container, whose end is then this one's, too."""

    def pass_on(number, _frame):
        with contextlib.suppress(EngineError):
            monitor_client.kill(session.engine.paths, ident, number)

    numbers = (
        (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT) if session.terminal else ()
    )
    before = {number: signal.signal(number, pass_on) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _with_input(session, record, start):
    """Start with a pipe as standard input, and feed it from this process's own, which the container itself never gets hold of."""
    reader, writer = stdio.pipe(session.engine.paths, record["id"])
    try:
        start(reader)
    except BaseException:
        os.close(writer)
        raise
    finally:
        os.close(reader)
    threading.Thread(target=attach.feed, args=(writer,), daemon=True).start()


def logs_from():
    """Now, as the log writes times."""
    return datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def attached(session, record, interactive, keys):
    """Join this process's terminal to a started container's, and wait for its end; its exit code.

    :raises detach_keys.Detached: when ``keys`` were typed.
    """
    try:
        attach.attach(session.engine, record["id"], interactive, keys)
    except Conflict:  # it has ended already
        print_log(session, record)
    return _exit_code(session, record["id"])


def moment(text, flag):
    """A time as RFC 3339 text in UTC: itself, seconds since the epoch, or ``10m`` ago. :raises UsageError: when it is neither."""
    try:
        seconds = units.moment(text, flag)
    except InvalidInput:
        raise UsageError(
            f"flag {flag} takes a time such as 2026-01-31T12:00:00Z, seconds since the epoch, or "
            f"10m, not {text!r}"
        ) from None
    return datetime.datetime.fromtimestamp(seconds, datetime.timezone.utc).strftime(
        "%Y-%m-%dT%H:%M:%S.%fZ"
    )


def memory_of_host():
    """Bytes of memory of the host, the limit of a container that has none."""
    return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
