# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Read the journal, and follow it: who waits is woken by the kernel (inotify(7)), not by a clock."""

from __future__ import annotations

import contextlib
import json
import os
import select
import time

from ..kernel.calls import syscalls
from ..store.atomic_files import make_private
from . import journal

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any, TypedDict

    from ..store.paths import Paths

    class Actor(TypedDict):
        """What an event is of: its id (a volume's or image's name), and what describes it."""

        ID: str
        Attributes: dict[str, str]

    class _Event(TypedDict):
        Type: str
        Action: str
        Actor: Actor
        scope: str
        time: int  # seconds since the epoch
        timeNano: int

    class Event(_Event, total=False):
        """An event in the form of Docker's API; the last three are of containers and images."""

        status: str
        id: str
        # ``from``: a container's image. No name of Python's, so it is not written down here.


IN_MODIFY, IN_CREATE, IN_MOVED_TO = 0x2, 0x100, 0x80  # inotify(7)
PIECE = 1 << 16
BILLION = 1_000_000_000


class _File:
    """A file of the journal, read from the beginning or from its end; a record at a time."""

    def __init__(self, path: str, from_end: bool = False) -> None:
        self.fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
        self.inode = os.fstat(self.fd).st_ino
        self.rest = b""
        if from_end:
            os.lseek(self.fd, 0, os.SEEK_END)

    def records(self) -> Iterator[dict[str, Any]]:
        """Yield what is there by now. What is no whole record is left out."""
        while data := os.read(self.fd, PIECE):
            *texts, self.rest = (self.rest + data).split(journal.MARK)
            if self.rest.endswith(b"\n"):
                texts.append(self.rest)
                self.rest = b""
            for text in texts:
                with contextlib.suppress(ValueError, RecursionError):
                    record = json.loads(text)
                    if isinstance(record, dict) and isinstance(record.get("timeNano"), int):
                        yield record

    def close(self) -> None:
        os.close(self.fd)


def read(paths: Paths, since: int | None = None, until: int | None = None) -> Iterator[Event]:
    """Yield the events that the journal has, in their order.

    :param since: :param until: nanoseconds since the epoch, both included; None for no bound.
    """
    files = [file for file in map(_opened, _places(paths)) if file is not None]
    try:
        for file in files:
            for record in file.records():
                if (since or 0) <= record["timeNano"] <= (until or record["timeNano"]):
                    yield complete(record)
    finally:
        for file in files:
            file.close()


def follow(
    paths: Paths, since: int | None = None, until: int | None = None, reader: int | None = None
) -> Iterator[Event]:
    """Yield the events from ``since`` on (None: from now), and then each as it comes.

    :param until: nanoseconds since the epoch at which it ends; None: never.
    :param reader: a descriptor, usually of standard output: it ends when nobody reads there any
        more, which only the kernel can tell while nothing happens.
    """
    make_private(paths.events)
    watch = syscalls.inotify_init()
    files: list[_File] = []
    try:
        syscalls.inotify_add_watch(watch, paths.events, IN_MODIFY | IN_CREATE | IN_MOVED_TO)
        for path in _places(paths):
            file = _opened(path, from_end=since is None)
            files += [] if file is None else [file]
        while True:
            for record in _new(paths, files):
                if (since or 0) <= record["timeNano"] <= (until or record["timeNano"]):
                    yield complete(record)
            if not _wait(watch, until, reader):
                return
    finally:
        for file in files:
            file.close()
        os.close(watch)


def _places(paths: Paths) -> list[str]:
    return [os.path.join(paths.events, name) for name in (journal.OLDER, journal.NAME)]


def _opened(path: str, from_end: bool = False) -> _File | None:
    try:
        return _File(path, from_end)
    except OSError:
        return None


def _new(paths: Paths, files: list[_File]) -> Iterator[dict[str, Any]]:
    """Yield what has come since; files that were begun meanwhile are opened.

    The one before stays open: a writer may have opened it before it was renamed.
    """
    for file in list(files):
        yield from file.records()
    while True:
        known = {file.inode for file in files}
        fresh = [file for file in map(_opened, _places(paths)) if file is not None]
        for file in fresh:
            if file.inode in known:
                file.close()
        fresh = [file for file in fresh if file.inode not in known]
        for file in fresh:
            files.append(file)
            yield from file.records()
        while len(files) > 2:
            oldest = files.pop(0)
            yield from oldest.records()
            oldest.close()
        if not fresh:
            return


def _wait(watch: int, until: int | None, reader: int | None) -> bool:
    """Wait until something was written; returns whether to go on."""
    poll = select.poll()
    poll.register(watch, select.POLLIN)
    if reader is not None:
        poll.register(reader, 0)  # POLLERR and POLLHUP are told in any case (poll(2))
    while True:
        left = None if until is None else (until - time.time_ns()) / BILLION
        if left is not None and left <= 0:
            return False
        found = dict(poll.poll(None if left is None else min(left, 86400) * 1000 + 1))
        if reader is not None and reader in found:
            return False
        if watch in found:
            with contextlib.suppress(BlockingIOError):
                os.read(watch, PIECE)
            return True


def complete(record: dict[str, Any]) -> Event:
    """Make an event in Docker's form of a record of the journal."""
    actor = record.get("Actor") or {}
    attributes = {str(key): str(value) for key, value in (actor.get("Attributes") or {}).items()}
    kind, action, ident = (
        str(record.get("Type", "")),
        str(record.get("Action", "")),
        str(actor.get("ID", "")),
    )
    event: dict[str, Any] = {}
    if kind in ("container", "image"):
        event.update(status=action, id=ident)
    if kind == "container":
        event["from"] = attributes.get("image", "")
    event.update(
        Type=kind,
        Action=action,
        Actor={"ID": ident, "Attributes": attributes},
        scope="local",
        time=record["timeNano"] // BILLION,
        timeNano=record["timeNano"],
    )
    return event  # type: ignore[return-value]
