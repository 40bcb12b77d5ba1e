# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A container's log as its monitor writes it: json-file lines as Docker's, rotated by size
(view/logs.py reads them).

What a container writes without a line feed is kept until one comes, but never more than 16 KiB:
then it becomes an entry without one, as in Docker.
"""

from __future__ import annotations

import json
import os
import time

from ..view import logs

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..spec.run_file import Log

LONGEST = 16384  # bytes of one entry, Docker's


class Writer:
    """The log's one writer.

    :param location: path of the newest file. :param options: run.json's ``log``.
    """

    def __init__(self, location: str, options: Log) -> None:
        self.location = location
        self._fd: int | None = None
        self._size = 0
        self._rest: dict[str, bytes] = {}
        self.configure(options)

    def configure(self, options: Log) -> None:
        """Take new options; they hold from the next line on."""
        self.close()
        self.keep = options["driver"] != "none"
        self.max_size, self.max_file = options.get("max_size"), max(1, options.get("max_file") or 1)

    def open(self) -> None:
        """Be ready to write at once."""
        if self.keep and self._fd is None:
            try:
                self._append(b"")
            except OSError:
                pass  # said when there is something to write

    def feed(self, stream: str, data: bytes) -> None:
        """Take bytes as the container wrote them. :param stream: stdout or stderr."""
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

    def flush(self) -> None:
        """Write what has no line feed yet: nothing more will come."""
        for stream in list(self._rest):
            self._write(stream, [self._rest.pop(stream)])

    def unfinished(self) -> dict[str, bytes]:
        """Return what has no line feed yet and is not in the file, by stream: a prompt, say."""
        return self._rest

    def resume(self, unfinished: dict[str, bytes]) -> None:
        """Go on with what an earlier writer returned from ``unfinished``."""
        self._rest = unfinished

    def _write(self, stream: str, entries: list[bytes]) -> None:
        tail = f'","stream":"{stream}","time":"{logs.stamp(time.time_ns())}"}}\n'
        lines = []
        for entry in entries:
            text = json.dumps(entry.decode("utf-8", "replace"))
            lines.append(('{"log":' + text[:-1] + tail).encode())
        try:
            for batch in self._batches(lines):
                self._append(batch)
        except OSError:
            # The disk is full, or the directory gone: these lines are lost, the container is not.
            self.close()

    def _batches(self, lines: list[bytes]) -> list[bytes]:
        """Join what is written at once: all, or as much as a file may hold; a line is never cut."""
        if not self.max_size:
            return [b"".join(lines)]
        batches: list[list[bytes]] = [[]]
        size = 0
        for line in lines:
            if batches[-1] and size + len(line) > self.max_size:
                batches.append([])
                size = 0
            batches[-1].append(line)
            size += len(line)
        return [b"".join(batch) for batch in batches]

    def _append(self, data: bytes) -> None:
        fd = self._opened()
        if self.max_size and self._size and self._size + len(data) > self.max_size:
            fd = self._rotate(fd)
        view = memoryview(data)
        while view:
            written = os.write(fd, view)
            self._size += written
            view = view[written:]

    def _opened(self) -> int:
        """Return the descriptor of the newest file, which is made where it is missing."""
        if self._fd is None:
            self._fd = os.open(
                self.location,
                os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW,
                0o600,
            )
            self._size = os.fstat(self._fd).st_size
        return self._fd

    def _rotate(self, fd: int) -> int:
        """Begin a new file; returns its descriptor."""
        if self.max_file == 1:
            os.ftruncate(fd, 0)
            self._size = 0
            return fd
        self.close()
        for number in range(self.max_file - 1, 0, -1):
            older = f"{self.location}.{number - 1}" if number > 1 else self.location
            try:
                os.rename(older, f"{self.location}.{number}")
            except FileNotFoundError:
                pass
        return self._opened()

    def close(self) -> None:
        if self._fd is not None:
            os.close(self._fd)
            self._fd = None
