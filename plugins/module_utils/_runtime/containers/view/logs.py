# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""``logs``: read a container's log, json-file lines as Docker writes them
(log_drivers/log_files.py does).
"""

from __future__ import annotations

import json
import os
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator
    from gzip import GzipFile
    from io import BufferedReader
    from typing import IO, TypedDict

    from ...store.paths import Paths
    from ..spec.run_file import RunFile

    class _Entry(TypedDict):
        log: str
        stream: str
        time: str

    class Entry(_Entry, total=False):
        """A line of the log. ``stream``: stdout or stderr. ``time``: see :func:`stamp`.

        ``attrs``: labels, variables and tag, where they are asked for.
        """

        attrs: dict[str, str]


NAME = "log.json"
COMPRESSED = ".gz"  # of a file that is not the newest
TAIL = 20  # lines of a failed container's log that its error carries
STREAMS = ("stdout", "stderr")
_BLOCK = 1 << 16


def path(paths: Paths, ident: str) -> str:
    """Return the path of the newest file of a container's log."""
    return os.path.join(paths.container(ident), NAME)


def stamp(nanoseconds: int) -> str:
    """Write a time since the epoch as RFC 3339 text with nanoseconds, UTC."""
    seconds, fraction = divmod(nanoseconds, 1000000000)
    return f"{time.strftime('%Y-%m-%dT%H:%M:%S', time.gmtime(seconds))}.{fraction:09d}Z"


def files(paths: Paths, ident: str) -> list[str]:
    """Return the paths of the log's files that are there, oldest first."""
    newest = path(paths, ident)
    found: list[str] = []
    number = 1
    while True:
        name = f"{newest}.{number}"
        # The plain one first: both are there for a moment when it has been compressed.
        there = [each for each in (name, name + COMPRESSED) if os.path.exists(each)]
        if not there:
            break
        found.insert(0, there[0])
        number += 1
    return found + ([newest] if os.path.exists(newest) else [])


def unreadable(run: RunFile) -> str:
    """Return why a container's log can't be read here, as a part of a sentence; "" where it can."""
    log = run.get("log")
    if log is None:
        return ""
    if log["driver"] == "none":
        return "its log_driver is none"
    if not log.get("cache", True):
        return f"its log goes to {log['driver']} alone: log_options has cache-disabled"
    return ""


def tail(paths: Paths, ident: str, lines: int = TAIL) -> str:
    """Return the last lines of a container's log as one text."""
    return "".join(entry["log"] for entry in read(paths, ident, tail=lines))


def read(
    paths: Paths,
    ident: str,
    tail: int | None = None,
    since: str | None = None,
    until: str | None = None,
    follow: bool = False,
    streams: Collection[str] = STREAMS,
    running: Callable[[], bool] | None = None,
) -> Iterator[Entry]:
    """Read the log's entries, oldest first.

    :param tail: only the last so many lines.
    :param since: :param until: RFC 3339 text in UTC, as in the entries; inclusive.
    :param follow: go on with what is written, until ``running()`` is false and all has been read.
    """

    def chosen(entry: Entry) -> bool:
        return (
            entry["stream"] in streams
            and (since is None or entry["time"] >= since)
            and (until is None or entry["time"] <= until)
        )

    # The follower first, so that nothing is missed in between.
    follower = _Follower(path(paths, ident)) if follow else None
    found = files(paths, ident)
    if tail is not None:
        yield from _last(found, tail, chosen, follower)
    else:
        for name in found:
            yield from filter(chosen, _entries(name, follower))
    pause = 0.01
    while follower is not None:
        going = running is None or running()
        entries = follower.more()
        yield from filter(chosen, entries)
        if not entries:
            if not going:
                return
            time.sleep(pause)
        pause = 0.01 if entries else min(pause * 1.5, 0.1)


def _decode(line: bytes) -> Entry | None:
    """Parse a line; None for one that a crash left half-written, or a foreign one."""
    try:
        entry: Entry = json.loads(line)
    except ValueError:
        return None
    return entry if isinstance(entry, dict) and "log" in entry else None


def _opened(name: str) -> IO[bytes] | GzipFile | None:
    """Open one file of the log, which may have been compressed since it was listed; None where it is
    gone.
    """
    for each in (name, name + COMPRESSED):
        try:
            if each.endswith(COMPRESSED):
                import gzip  # here: the monitor imports this file, and most logs have none

                return gzip.open(each, "rb")
            return open(each, "rb")
        except FileNotFoundError:
            continue
    return None


def _entries(name: str, follower: _Follower | None = None) -> Iterator[Entry]:
    """Read the entries of one file; a follower begins where this ended."""
    file = _opened(name)
    if file is None:  # rotated away meanwhile
        return
    with file:
        position = 0
        for line in file:
            if not line.endswith(b"\n"):
                break
            position += len(line)
            entry = _decode(line)
            if entry is not None:
                yield entry
        if follower is not None:
            follower.begin(os.fstat(file.fileno()).st_ino, position)


def _last(
    found: list[str], count: int, chosen: Callable[[Entry], bool], follower: _Follower | None
) -> list[Entry]:
    """Read the last ``count`` lines, backwards.

    Entries that a long line was split into count as the one line that they are.
    """
    result: list[Entry] = []
    lines = 0
    for name in reversed(found):
        for entry in _backwards(name, follower if name == found[-1] else None):
            if not chosen(entry):
                continue
            if not result or entry["log"].endswith("\n"):
                lines += 1
                if lines > count:
                    return list(reversed(result))
            result.append(entry)
    return list(reversed(result))


def _backwards(name: str, follower: _Follower | None) -> Iterator[Entry]:
    """Read the entries of one file, the last one first; a follower begins at its end."""
    if name.endswith(COMPRESSED):  # it can be read from its beginning alone
        yield from reversed(list(_entries(name)))
        return
    try:
        file = open(name, "rb")
    except FileNotFoundError:
        if not os.path.exists(name + COMPRESSED):
            return
        yield from reversed(list(_entries(name + COMPRESSED)))
        return
    with file:
        position = file.seek(0, os.SEEK_END)
        pieces, whole = b"", False
        while position > 0:
            step = min(_BLOCK, position)
            position -= step
            file.seek(position)
            block = file.read(step) + pieces
            if not whole:  # what follows the last line feed is not written out yet
                cut = block.rfind(b"\n") + 1
                if not cut:
                    pieces = block
                    continue
                if follower is not None:
                    follower.begin(os.fstat(file.fileno()).st_ino, position + cut)
                block, whole = block[:cut], True
            lines = block.split(b"\n")
            pieces = lines.pop(0)
            for line in reversed(lines):
                entry = _decode(line) if line else None
                if entry is not None:
                    yield entry
        entry = _decode(pieces) if whole and pieces else None
        if entry is not None:
            yield entry


class _Follower:
    """Reads on in the newest file, and in the one that takes its place."""

    def __init__(self, location: str) -> None:
        self.location = location
        self._file: BufferedReader | None = None
        self._start: dict[int, int] = {}

    def begin(self, inode: int, position: int) -> None:
        """Begin at a byte of a file: what is before it was read already."""
        self._start = {inode: position}

    def more(self) -> list[Entry]:
        """Read the entries that came since, up to some thousands."""
        found: list[Entry] = []
        file = self._file or self._open()
        if file is None:
            return found
        while len(found) < 4096:
            position = file.tell()
            line = file.readline()
            if not line.endswith(b"\n"):
                file.seek(position)
                if os.fstat(file.fileno()).st_size < position:
                    file.seek(0)  # emptied: a log of a single file begins anew
                elif not found and self._is_replaced(file):
                    # What was written just before it was.
                    found = [entry for entry in map(_decode, file) if entry is not None]
                    file.close()
                    self._file = None
                break
            entry = _decode(line)
            if entry is not None:
                found.append(entry)
        return found

    def _open(self) -> BufferedReader | None:
        try:
            file = open(self.location, "rb")
        except FileNotFoundError:
            return None
        file.seek(self._start.pop(os.fstat(file.fileno()).st_ino, 0))
        self._file = file
        return file

    def _is_replaced(self, file: BufferedReader) -> bool:
        try:
            return os.stat(self.location).st_ino != os.fstat(file.fileno()).st_ino
        except FileNotFoundError:
            return False
