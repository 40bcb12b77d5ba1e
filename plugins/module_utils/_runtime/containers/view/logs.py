# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A container's log: json-file lines as Docker writes them, rotated by size; the monitor writes, everybody reads.

A line is ``{"log": text, "stream": "stdout" | "stderr", "time": RFC 3339 with nanoseconds, UTC}``. What a container writes
without a line feed is kept until one comes, but never more than 16 KiB: then it becomes an entry without one, as in Docker.
"""

from __future__ import annotations

import json
import os
import time

NAME = "log.json"
LONGEST = 16384  # bytes of one entry, Docker's
STREAMS = ("stdout", "stderr")
_BLOCK = 1 << 16


def path(paths, ident):
    return os.path.join(paths.container(ident), NAME)


def stamp(nanoseconds):
    """A time since the epoch as RFC 3339 text, UTC."""
    seconds, fraction = divmod(nanoseconds, 1000000000)
    return "%s.%09dZ" % (time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds)), fraction)


class Writer:
    """The log's one writer.

    :param location: path of the newest file. :param options: run.json's ``log``.
    """

    def __init__(self, location, options):
        self.location = location
        self._fd, self._size, self._rest = None, 0, {}
        self.configure(options)

    def configure(self, options):
        """Take new options; they hold from the next line on."""
        self.close()
        self.keep = options["driver"] != "none"
        self.max_size, self.max_file = options.get("max_size"), max(1, options.get("max_file") or 1)

    def open(self):
        """Be ready to write at once."""
        if self.keep and self._fd is None:
            try:
                self._append(b"")
            except OSError:
                pass  # said when there is something to write

    def feed(self, stream, data):
        """Take bytes as the container wrote them."""
        if not self.keep:
            return
        rest = self._rest.pop(stream, b"")
        if rest:
            data = rest + data
        entries, begin, length = [], 0, len(data)
        while begin < length:
            end = data.find(b"\n", begin, begin + LONGEST) + 1
            if not end:
                if length - begin < LONGEST:
                    self._rest[stream] = data[begin:]
                    break
                end = begin + LONGEST
                while end > begin + LONGEST - 4 and end < length and data[end] & 0xC0 == 0x80:
                    end -= 1  # not inside a character
            entries.append(data[begin:end])
            begin = end
        if entries:
            self._write(stream, entries)

    def flush(self):
        """Write what has no line feed yet: nothing more will come."""
        for stream in list(self._rest):
            self._write(stream, [self._rest.pop(stream)])

    def unfinished(self):
        """What was written without a line feed so far, and is not in the file yet, by stream: a prompt."""
        return self._rest

    def resume(self, unfinished):
        """Go on with what an earlier writer said of ``unfinished``."""
        self._rest = unfinished

    def _write(self, stream, entries):
        tail = '","stream":"%s","time":"%s"}\n' % (stream, stamp(time.time_ns()))
        lines = []
        for entry in entries:
            text = json.dumps(entry.decode("utf-8", "replace"))
            lines.append(('{"log":' + text[:-1] + tail).encode())
        try:
            for batch in self._batches(lines):
                self._append(batch)
        except OSError:
            self.close()  # the disk is full, or the directory gone: these lines are lost, the container is not

    def _batches(self, lines):
        """What is written at once: all, or as much as a file may hold; a line is never cut."""
        if not self.max_size:
            return [b"".join(lines)]
        batches, size = [[]], 0
        for line in lines:
            if batches[-1] and size + len(line) > self.max_size:
                batches.append([])
                size = 0
            batches[-1].append(line)
            size += len(line)
        return [b"".join(batch) for batch in batches]

    def _append(self, data):
        if self._fd is None:
            self._fd = os.open(
                self.location,
                os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW,
                0o600,
            )
            self._size = os.fstat(self._fd).st_size
        if self.max_size and self._size and self._size + len(data) > self.max_size:
            self._rotate()
        view = memoryview(data)
        while view:
            written = os.write(self._fd, view)
            self._size += written
            view = view[written:]

    def _rotate(self):
        if self.max_file == 1:
            os.ftruncate(self._fd, 0)
            self._size = 0
            return
        self.close()
        for number in range(self.max_file - 1, 0, -1):
            older = "%s.%d" % (self.location, number - 1) if number > 1 else self.location
            try:
                os.rename(older, "%s.%d" % (self.location, number))
            except FileNotFoundError:
                pass
        self._fd = os.open(
            self.location,
            os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW,
            0o600,
        )
        self._size = 0

    def close(self):
        if self._fd is not None:
            os.close(self._fd)
            self._fd = None


def files(paths, ident):
    """The log's files that are there, oldest first."""
    newest = path(paths, ident)
    found, number = [], 1
    while os.path.exists("%s.%d" % (newest, number)):
        found.insert(0, "%s.%d" % (newest, number))
        number += 1
    return found + ([newest] if os.path.exists(newest) else [])


def read(
    paths, ident, tail=None, since=None, until=None, follow=False, streams=STREAMS, running=None
):
    """The log's entries, oldest first, each ``{"log", "stream", "time"}``.

    :param tail: only the last so many lines. :param since: :param until: RFC 3339 text in UTC, as in the entries; inclusive.
    :param follow: go on with what is written, until ``running()`` is false and all has been read.
    """

    def chosen(entry):
        return (
            entry["stream"] in streams
            and (since is None or entry["time"] >= since)
            and (until is None or entry["time"] <= until)
        )

    follower = (
        _Follower(path(paths, ident)) if follow else None
    )  # opened first, so that nothing is missed in between
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


def _decode(line):
    """An entry; None for a line that a crash left half-written, or a foreign one."""
    try:
        entry = json.loads(line)
    except ValueError:
        return None
    return entry if isinstance(entry, dict) and "log" in entry else None


def _entries(name, follower=None):
    """The entries of one file; a follower begins where this ended."""
    try:
        file = open(name, "rb")
    except FileNotFoundError:  # rotated away meanwhile
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


def _last(found, count, chosen, follower):
    """The last ``count`` lines, read backwards. Entries that a long line was split into count as the one line that they are."""
    result, lines = [], 0
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


def _backwards(name, follower):
    try:
        file = open(name, "rb")
    except FileNotFoundError:
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

    def __init__(self, location):
        self.location, self._file, self._start = location, None, {}

    def begin(self, inode, position):
        """What was read already of a file."""
        self._start = {inode: position}

    def more(self):
        """The entries that came since, up to some thousands."""
        found = []
        if self._file is None and not self._open():
            return found
        while len(found) < 4096:
            position = self._file.tell()
            line = self._file.readline()
            if not line.endswith(b"\n"):
                self._file.seek(position)
                if os.fstat(self._file.fileno()).st_size < position:
                    self._file.seek(0)  # emptied: a log of a single file begins anew
                elif not found and self._replaced():
                    found = [
                        entry for entry in map(_decode, self._file) if entry is not None
                    ]  # written just before it was
                    self._file.close()
                    self._file = None
                break
            entry = _decode(line)
            if entry is not None:
                found.append(entry)
        return found

    def _open(self):
        try:
            self._file = open(self.location, "rb")
        except FileNotFoundError:
            return False
        self._file.seek(self._start.pop(os.fstat(self._file.fileno()).st_ino, 0))
        return True

    def _replaced(self):
        try:
            return os.stat(self.location).st_ino != os.fstat(self._file.fileno()).st_ino
        except FileNotFoundError:
            return False
