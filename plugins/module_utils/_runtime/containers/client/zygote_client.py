# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The zygote from its clients' side: starts, adoptions, ``exec``. Where no zygote runs, one is
started.

A container's start is one request here; what becomes of it is workers/start_worker.py's.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import select
import time
import zlib

from ...deploy import daemon, fingerprint
from ...errors import HostError, reason
from ...oci.launch import steps
from ...store.paths import RUN
from ..records import run_state
from . import messages

TYPE_CHECKING = False
if TYPE_CHECKING:
    import socket
    from collections.abc import Iterable, Sequence
    from typing import Any

    from ...store.paths import Paths

PATIENCE = 15.0  # seconds that a new zygote may take
# Seconds between tries to start a container that another call is starting or ending.
PAUSES = (0.0, *(0.01 * 2**number for number in range(9)))


# ----------------------------------------------------------------------------------------- requests


def start(
    paths: Paths,
    idents: Iterable[str],
    command: Sequence[str] | None = None,
    at_once: int | None = None,
    stdin: int | None = None,
    checkpoint: messages.Checkpoint | None = None,
) -> dict[str, messages.StartAnswer]:
    """Start created or ended containers; returns ``{id: answer}``.

    :param command: argv of the host's ``pycontainer``, which removes containers with auto_remove
        at their end.
    :param at_once: how many at the same time; None: twice the CPUs.
    :param stdin: a descriptor to be the standard input of this run, of a container without a
        terminal, in place of its FIFO.
    :param checkpoint: what to go on from (checkpoints.ready).
    """
    wanted = list(idents)
    answers: dict[str, messages.StartAnswer] = {}
    todo, descriptors = wanted, () if stdin is None else (stdin,)
    traced = os.environ.get(steps.VARIABLE) == "1"
    for pause in PAUSES:
        asked: list[messages.Message] = [
            {
                "op": "start",
                "id": ident,
                "command": None if command is None else list(command),
                "checkpoint": checkpoint,
                "trace": traced,
            }
            for ident in todo
        ]
        found = requests(paths, asked, at_once or 2 * (os.cpu_count() or 1), descriptors)
        for ident, answer in zip(todo, found):
            settled = _running(paths, ident) if answer.get("monitored") else answer
            if settled is not None:
                answers[ident] = settled
        todo = [ident for ident in todo if ident not in answers]
        if not todo:
            break
        time.sleep(pause)
    for ident in todo:
        answers[ident] = {
            "error": f"container {ident}: another call is starting or ending it and does not get done"
        }
    return answers


def _running(paths: Paths, ident: str) -> messages.StartAnswer | None:
    """Answer for a container that has a monitor already: it runs, or waits to be restarted.

    None while another call is still about to start or to end it.
    """
    now = run_state.read(paths, ident)
    if now["status"] not in ("running", "restarting") or not run_state.monitored(paths, ident):
        return None
    return {"pid": now["pid"], "warnings": now["warnings"], "running": True}


def adopt(paths: Paths, ident: str) -> bool:
    """Give a container whose monitor was killed another; returns whether it has one.

    :raises HostError: there is no zygote, and none can be started.
    """
    answer = requests(paths, [{"op": "adopt", "id": ident}], 1)[0]
    return bool(answer.get("monitored")) or answer.get("status") in ("running", "restarting")


def requests(
    paths: Paths, wanted: Sequence[messages.Message], at_once: int, descriptors: Sequence[int] = ()
) -> list[Any]:
    """Send many requests, at most so many at once; returns the answers in the same order.

    The answer of a worker that was killed is ``{"error"}``.

    :param descriptors: go with each of them. :raises HostError: no zygote can be started.
    """
    answers: list[Any] = [None] * len(wanted)
    waiting = list(enumerate(wanted))
    under_way: dict[int, tuple[int, socket.socket]] = {}
    poll = select.poll()
    waiting.reverse()
    while waiting or under_way:
        while waiting and len(under_way) < at_once:
            index, message = waiting.pop()
            connection = connect(paths)
            under_way[connection.fileno()] = (index, connection)
            poll.register(connection, select.POLLIN)
            try:
                messages.send(connection, message, descriptors)
            except messages.Gone:
                pass  # said by the poll as well
        for fd, _events in poll.poll():
            index, connection = under_way.pop(fd)
            poll.unregister(fd)
            try:
                answers[index] = messages.receive(connection)[0]
            except messages.Gone:
                answers[index] = _killed(wanted[index])
            connection.close()
    return answers


def _killed(message: messages.Message) -> dict[str, str]:
    return {"error": f"container {message.get('id')}: its monitor was killed while it worked"}


# ----------------------------------------------------------------------------------- the connection


def connect(paths: Paths) -> socket.socket:
    """Connect to the zygote of this runtime. :raises HostError: none can be started."""
    name = socket_name()
    try:
        return messages.connect(paths.run, name)
    except messages.Gone:
        pass
    lock = os.open(
        os.path.join(paths.locks, "zygote"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600
    )
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        try:
            return messages.connect(paths.run, name)  # another caller has started it meanwhile
        except messages.Gone:
            return _start_zygote(paths, name)
    finally:
        os.close(lock)


def socket_name() -> str:
    """Return the file name of the socket, one for each engine: a zygote of other files is never
    asked.
    """
    return f"zygote-{fingerprint.name().rpartition('-')[2]}.sock"


def _start_zygote(paths: Paths, name: str) -> socket.socket:
    retire(paths)
    log = os.path.join(paths.run, "zygote.log")
    daemon.start(_process_name(paths, name), command(paths, name), stdout_path=log)
    end, pause = time.monotonic() + PATIENCE, 0.002
    while True:
        try:
            return messages.connect(paths.run, name)
        except messages.Gone:
            if time.monotonic() > end:
                raise HostError(
                    f"the process that starts containers did not come up: {_last_line(log)} ({log})"
                ) from None
        time.sleep(pause)
        pause = min(pause * 1.3, 0.05)


def command(paths: Paths, name: str) -> list[str]:
    """Return the zygote's command line.

    It runs from the copy laid down on the host: a module's own files go when the task ends.
    """
    from ...deploy import install  # large, and only for who starts one

    copy = install.ensure_at(paths)
    host = copy.host
    return [
        host["interpreter"],
        "-I",
        "-S",
        os.path.join(copy.package, "containers/monitor/zygote_main.py"),
        copy.package,
        host["libraries"]["_cffi_backend"],
        paths.data,
        paths.run,
        name,
    ]


def _process_name(paths: Paths, name: str) -> str:
    """Return a name of this engine's own: an init system knows the process by it."""
    own = "" if paths.run == RUN else f"-{zlib.crc32(paths.run.encode()):08x}"
    return name[: -len(".sock")] + own


def _last_line(path: str) -> str:
    """Return what a process said last: of a traceback, the error."""
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read()[-4096:].strip().rpartition("\n")[2] or "it said nothing"
    except OSError as error:
        return reason(error)


def retire(paths: Paths) -> None:
    """End the zygotes of this engine; what they have started runs on."""
    for entry in _sockets(paths):
        with contextlib.suppress(messages.Gone), messages.connect(paths.run, entry) as asked:
            # First: the guard of one that still has its name would follow it.
            with contextlib.suppress(FileNotFoundError):
                os.unlink(os.path.join(paths.run, entry))
            messages.send(asked, {"op": "retire"})
            messages.receive(asked)
        with contextlib.suppress(FileNotFoundError):
            os.unlink(os.path.join(paths.run, entry))


def _sockets(paths: Paths) -> list[str]:
    return [
        entry
        for entry in os.listdir(paths.run)
        if entry.startswith("zygote-") and entry.endswith(".sock")
    ]
