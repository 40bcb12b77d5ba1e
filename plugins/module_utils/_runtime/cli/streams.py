# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What flows between a container and whoever called: logs, a command's output, a terminal."""

from __future__ import annotations

import contextlib
import datetime
import os
import shutil
import signal
import sys
import tempfile
import threading

from .. import images
from ..containers.access import attach, detach_keys, exec_client
from ..containers.client import monitor_client, stdio
from ..containers.records import run_events, status
from ..containers.spec import container_files
from ..containers.view import logs
from ..errors import Conflict, EngineError
from .grammar import UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator
    from typing import Any

    from ..containers.records.catalog import Record
    from .grammar import Given
    from .session import Session

OUTPUTS = ("stdout", "stderr")
STREAMS = ("stdin", *OUTPUTS)


def execute(
    session: Session, record: Record, argv: list[str], settings: dict[str, Any], given: Given
) -> int:
    """Run a command in a container; its output is the session's. :returns: its exit code."""
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
            return left(session, record, "exec_detach")
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


def print_log(
    session: Session,
    record: Record,
    timestamps: bool = False,
    follow: bool = False,
    apart: bool = False,
    streams: Collection[str] = OUTPUTS,
    details: bool = False,
    **which: Any,
) -> None:
    """Show a log, at a terminal each line to the stream that it came from.

    :param apart: so in a task, too, where they stand in their order otherwise.
    :param streams: ``stdout``, ``stderr``, or both.
    :param details: show what the driver was told to write beside each line, in Docker's form.
    :param which: ``tail``, ``since``, ``until``.
    """
    ident = record["id"]
    entries = logs.read(
        session.engine.paths,
        ident,
        follow=follow,
        running=lambda: status.lives(session.engine.paths, ident),
        **which,
    )
    pieces: list[str] = []
    errors: list[str] = []
    for entry in entries:
        if entry["stream"] not in streams:
            continue
        text = (
            (entry["time"] + " " if timestamps else "")
            + (_details(entry) if details else "")
            + entry["log"]
        )
        if not session.terminal:
            (errors if apart and entry["stream"] == "stderr" else pieces).append(text)
        else:
            stream = sys.stderr if entry["stream"] == "stderr" else sys.stdout
            stream.write(text)
            stream.flush()
    session.lines += "".join(pieces).splitlines()
    session.errors += "".join(errors).splitlines()
    lost = status.now(session.engine.paths, ident).get("log")
    if lost:
        session.mention(
            f"{lost['dropped']} lines of the log of container {record['name']} were dropped since "
            f"its start: {lost['error']}"
        )


def _details(entry: logs.Entry) -> str:
    """Return ``name=value,other=value`` and a blank, with everything else escaped as in addresses."""
    from urllib.parse import quote_plus  # few ask for it

    said = sorted(entry.get("attrs", {}).items())
    return ",".join(f"{quote_plus(name)}={quote_plus(value)}" for name, value in said) + " "


def left(session: Session, record: Record, action: str = "detach") -> int:
    """Say, as Docker does, that the person has typed the detach keys. :returns: the exit code.

    :param action: of the event: detach or exec_detach.
    """
    run_events.tell_of(session.engine.paths, record["id"], action)
    session.mention("read escape sequence")
    return 0


def started(
    session: Session,
    record: Record,
    start: Callable[["int | None"], object],
    interactive: bool,
    given: Given,
) -> None:
    """Start a container, show what it writes and wait for its end; the session gets its exit code.

    :param start: starts it, with a descriptor as standard input or None.
    :param interactive: this process's standard input is the container's, to its end.
    :param given: ``--detach-keys``, ``--sig-proxy`` and run's ``--attach`` are read.
    :raises detach_keys.Detached: when the detach keys were typed, while it runs.
    """
    keys = detach_keys.parse(given.detach_keys)
    run_events.tell_of(session.engine.paths, record["id"], "attach")
    since = logs_from()
    if container_files.with_terminal(session.engine, record["id"]):
        start(None)
        session.rc = attached(session, record, interactive, keys)
        return
    if interactive:
        _with_input(session, record, start)
    else:
        start(None)
    _followed(session, record, since, given.sig_proxy, wanted(given))


def wanted(given: Given) -> list[str]:
    """Return the streams that ``--attach`` of ``run`` names; all without it.

    :raises UsageError: there is no such stream.
    """
    said = given.attach if isinstance(given.attach, list) else []  # start has a switch
    for name in said:
        if name.lower() not in STREAMS:
            raise UsageError(f"flag --attach takes stdin, stdout or stderr, not {name!r}")
    return [name.lower() for name in said] or list(STREAMS)


def joined(session: Session, record: Record, interactive: bool, given: Given) -> None:
    """Show what a running container without a terminal writes from now on, and wait for its end;
    the session gets its exit code.

    :param interactive: it gets what this process reads from its standard input, whose end is not
        its own input's.
    """
    run_events.tell_of(session.engine.paths, record["id"], "attach")
    since = logs_from()
    if interactive:
        try:
            writer = attach.open_input(session.engine, record["id"])
            threading.Thread(target=attach.feed, args=(writer,), daemon=True).start()
        except Conflict as error:
            session.mention(f"Nothing is passed on to container {record['name']}: {error}")
    _followed(session, record, since, given.sig_proxy)


def _followed(
    session: Session,
    record: Record,
    since: str,
    sig_proxy: bool,
    streams: Collection[str] = OUTPUTS,
) -> None:
    with _signals_passed_on(session, record["id"]) if sig_proxy else contextlib.nullcontext():
        print_log(session, record, since=since, follow=True, apart=True, streams=streams)
        session.rc = _exit_code(session, record["id"])


def _exit_code(session: Session, ident: str) -> int:
    """Wait for a container's end. :returns: its exit code."""
    return monitor_client.wait(session.engine.paths, [ident])[ident]


@contextlib.contextmanager
def _signals_passed_on(session: Session, ident: str) -> Iterator[None]:
    """In the ``with`` block, at a terminal, send what would end this process to the container,
    whose end is then this one's, too.
    """

    def pass_on(number: int, _frame: object) -> None:
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


def _with_input(session: Session, record: Record, start: Callable[["int | None"], object]) -> None:
    """Start with a pipe as standard input, and feed it from this process's own, which the container
    itself never gets hold of.
    """
    reader, writer = stdio.pipe(session.engine.paths, record["id"])
    try:
        start(reader)
    except BaseException:
        os.close(writer)
        raise
    finally:
        os.close(reader)
    threading.Thread(target=attach.feed, args=(writer,), daemon=True).start()


def logs_from() -> str:
    """Return now, as the log writes times."""
    return datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def attached(session: Session, record: Record, interactive: bool, keys: Any) -> int:
    """Join this process's terminal to a started container's, and wait for its end.

    :returns: its exit code.

    :raises detach_keys.Detached: when ``keys`` were typed.
    """
    try:
        attach.attach(session.engine, record["id"], interactive, keys)
    except Conflict:  # it has ended already
        print_log(session, record)
    return _exit_code(session, record["id"])


def archive_to_stdout(session: Session, command: str, pieces: Iterable[bytes]) -> None:
    """Write an archive to standard output.

    :raises UsageError: where that is a terminal, or a task has none.
    """
    if not session.terminal or sys.stdout.isatty():
        raise UsageError(
            f"pycontainer {command} needs -o FILE, or standard output that is no terminal"
        )
    for piece in pieces:
        sys.stdout.buffer.write(piece)
    sys.stdout.buffer.flush()


@contextlib.contextmanager
def archive_from_stdin(session: Session, command: str, instead: str) -> Iterator[str]:
    """Open standard input as a file for a ``with`` block: an archive is read more than once."""
    if not session.terminal or sys.stdin.isatty():
        raise UsageError(f"pycontainer {command} needs {instead}, or the archive at standard input")
    engine = session.engine
    with (
        engine.operations.record("unpack", name="standard input")
        if not engine.check
        else contextlib.nullcontext(),
        tempfile.NamedTemporaryFile(dir=engine.paths.tmp, prefix=f"stdin-{os.getpid()}-") as file,
    ):
        with images.explained(engine, "what comes at standard input"):
            shutil.copyfileobj(sys.stdin.buffer, file, 1 << 20)
            file.flush()
        yield file.name
