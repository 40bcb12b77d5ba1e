# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A container's log on its host: lines of JSON as Docker's json-file, rotated by size
(view/logs.py reads them).

Files that are not the newest may be compressed, by a process of its own: that takes a while.
"""

from __future__ import annotations

import json
import os

from ...errors import reason
from ..view import logs

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from ..records.log_document import Log

    Work = Callable[[], None]
    Apart = Callable[[Work, Work], Work]


DRIVERS = ("json-file", "local")  # those that keep the log here, and nowhere else


def compress(location: str) -> None:
    """Compress a file, in the background of who asks. A crash leaves the file as it was."""
    import gzip  # here: who only writes a log does without
    import shutil

    temporary = f"{location}.tmp"
    with open(location, "rb") as source:
        with gzip.open(temporary, "wb", 5) as target:
            shutil.copyfileobj(source, target, 1 << 16)
        os.chmod(temporary, 0o600)
        if os.stat(location).st_ino != os.fstat(source.fileno()).st_ino:
            os.unlink(temporary)  # rotated by another monitor meanwhile
            return
        os.rename(temporary, location + logs.COMPRESSED)
        os.unlink(location)


class Files:
    """The log's files, and their one writer.

    :param location: path of the newest. :param options: run.json's ``log``.
    :param apart: ``apart(work, done)`` does work in a process of its own and calls ``done()`` at its
        end; it returns a function that waits for that. Without it, what is rotated is compressed at
        once.
    """

    def __init__(self, location: str, options: Log, apart: Apart | None = None) -> None:
        self.location, self._apart = location, apart
        self._fd: int | None = None
        self._size = 0
        self._compressing: Work | None = None  # waits for its end
        self.max_size, self.max_file = options.get("max_size"), max(1, options.get("max_file") or 1)
        self.compress = bool(options.get("compress")) and self.max_file > 1
        attributes = options.get("attributes")
        self._more = f'"attrs":{json.dumps(attributes)},' if attributes else ""

    def open(self) -> None:
        """Be ready to write at once."""
        if self._fd is None:
            try:
                self._append(b"")
            except OSError:
                pass  # said when there is something to write

    def write(self, stream: str, entries: list[bytes], when: int) -> tuple[int, str]:
        """Write entries. :param when: nanoseconds since the epoch.

        :returns: how many could not be written, and why.
        """
        tail = f'","stream":"{stream}",{self._more}"time":"{logs.stamp(when)}"}}\n'
        lines = []
        for entry in entries:
            text = json.dumps(entry.decode("utf-8", "replace"))
            lines.append(('{"log":' + text[:-1] + tail).encode())
        left = len(lines)
        try:
            for batch in self._batches(lines):
                self._append(b"".join(batch))
                left -= len(batch)
        except OSError as error:
            # The disk is full, or the directory gone: these lines are lost, the container is not.
            self.close()
            return left, reason(error, named=True)
        return 0, ""

    def _batches(self, lines: list[bytes]) -> list[list[bytes]]:
        """Put together what is written at once: all, or as much as a file may hold; a line is never
        cut.
        """
        if not self.max_size:
            return [lines]
        batches: list[list[bytes]] = [[]]
        size = 0
        for line in lines:
            if batches[-1] and size + len(line) > self.max_size:
                batches.append([])
                size = 0
            batches[-1].append(line)
            size += len(line)
        return batches

    def _append(self, data: bytes) -> None:
        fd = self._opened()
        if self.max_size and self._size and self._size + len(data) > self.max_size:
            fd = self._rotate(fd)
        view, begin = memoryview(data), self._size
        try:
            while view:
                written = os.write(fd, view)
                self._size += written
                view = view[written:]
        except OSError:
            if self._size > begin:  # half a line would spoil the next one
                os.ftruncate(fd, begin)
            raise

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
        if self._compressing is not None:  # lines come faster than a file is compressed
            self._compressing()
        self.close()
        for number in range(self.max_file - 1, 0, -1):
            for suffix in ("", logs.COMPRESSED):
                older = f"{self.location}.{number - 1}{suffix}" if number > 1 else self.location
                if number == 1 and suffix:
                    break
                self._move(older, f"{self.location}.{number}", suffix)
        if self.compress:
            self._compress()
        return self._opened()

    def _move(self, older: str, place: str, suffix: str) -> None:
        """Have a file take the place of the one that was rotated before it."""
        try:
            os.rename(older, place + suffix)
        except FileNotFoundError:
            return
        other = place + ("" if suffix else logs.COMPRESSED)
        try:
            os.unlink(other)  # of the same number, when compression was turned on or off
        except FileNotFoundError:
            pass

    def _compress(self) -> None:
        """Compress the newest of the rotated files."""
        rotated = f"{self.location}.1"
        if self._apart is None:
            compress(rotated)
        else:
            self._compressing = self._apart(lambda: compress(rotated), self._compressed)

    def _compressed(self) -> None:
        self._compressing = None

    def close(self) -> None:
        if self._fd is not None:
            os.close(self._fd)
            self._fd = None
