# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The zygote from its clients' side: a connection to it, and where none runs, one is started."""

from __future__ import annotations

import fcntl
import os
import select
import time
import zlib

from ...deploy import daemon, fingerprint
from ...errors import HostError
from ...store.paths import RUN
from . import messages as wire

PATIENCE = 15.0  # seconds that a new zygote may take


def socket_name():
    """One name for each engine: a zygote of other files is never asked."""
    return f"zygote-{fingerprint.name().rpartition('-')[2]}.sock"


def command(paths, name):
    """The zygote's command line. It runs from the copy laid down on the host, since a module's own files go when the task ends."""
    from ...deploy import install

    copy = install.ensure_at(paths)
    host = copy.host
    return [
        host["interpreter"],
        "-I",
        "-S",
        os.path.join(copy.package, "containers", "monitor", "zygote_main.py"),
        copy.package,
        host["libraries"]["_cffi_backend"],
        paths.data,
        paths.run,
        name,
    ]


def connect(paths):
    """A connection to the zygote of this runtime. :raises HostError: when none can be started."""
    name = socket_name()
    try:
        return wire.connect(paths.run, name)
    except wire.Gone:
        pass
    lock = os.open(
        os.path.join(paths.locks, "zygote"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600
    )
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        try:
            return wire.connect(paths.run, name)  # another caller has started it meanwhile
        except wire.Gone:
            return _start(paths, name)
    finally:
        os.close(lock)


def _last_line(path):
    """What a process said last: of a traceback, the error."""
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read()[-4096:].strip().rpartition("\n")[2] or "it said nothing"
    except OSError as error:
        return error.strerror


def _start(paths, name):
    retire(paths)
    log = os.path.join(paths.run, "zygote.log")
    daemon.start(_process_name(paths, name), command(paths, name), stdout_path=log)
    end, pause = time.monotonic() + PATIENCE, 0.002
    while True:
        try:
            return wire.connect(paths.run, name)
        except wire.Gone:
            if time.monotonic() > end:
                raise HostError(
                    f"the process that starts containers did not come up: {_last_line(log)} ({log})"
                ) from None
        time.sleep(pause)
        pause = min(pause * 1.3, 0.05)


def _process_name(paths, name):
    """A name of this engine's own: an init system knows the process by it."""
    return name[: -len(".sock")] + (
        "" if paths.run == RUN else f"-{zlib.crc32(paths.run.encode()):08x}"
    )


def retire(paths):
    """End the zygotes of this engine; what they have started runs on."""
    for entry in os.listdir(paths.run):
        if entry.startswith("zygote-") and entry.endswith(".sock"):
            try:
                wire.ask(paths.run, entry, {"op": "retire"})
            except wire.Gone:
                pass
            try:
                os.unlink(os.path.join(paths.run, entry))
            except FileNotFoundError:
                pass


def request(paths, message):
    """One message to the zygote, its answer. :raises HostError: when the process that should answer is killed."""
    return requests(paths, [message], 1)[0]


def requests(paths, messages, at_once, descriptors=()):
    """Many messages, at most so many at once; the answers in the same order. A killed worker's is ``{"error"}``.

    :param descriptors: go with each of them.
    """
    answers, waiting, under_way = [None] * len(messages), list(enumerate(messages)), {}
    poll = select.poll()
    waiting.reverse()
    while waiting or under_way:
        while waiting and len(under_way) < at_once:
            index, message = waiting.pop()
            connection = connect(paths)
            under_way[connection.fileno()] = (index, connection)
            poll.register(connection, select.POLLIN)
            try:
                wire.send(connection, message, descriptors)
            except wire.Gone:
                pass  # said by the poll as well
        for fd, _events in poll.poll():
            index, connection = under_way.pop(fd)
            poll.unregister(fd)
            try:
                answers[index] = wire.receive(connection)[0]
            except wire.Gone:
                answers[index] = {
                    "error": (
                        f"container {messages[index].get('id')}: its monitor was killed while it "
                        "worked"
                    ),
                    "killed": True,
                }
            connection.close()
    return answers
