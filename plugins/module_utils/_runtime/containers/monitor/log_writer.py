# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A container's log as its monitor writes it: what the container writes becomes entries, and these
go to files, to the process that takes them elsewhere, or to both (log_drivers).

What a container writes without a line feed is kept until one comes, but never more than 16 KiB:
then it becomes an entry without one, as in Docker.
"""

from __future__ import annotations

import time

from ..log_drivers import log_files

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Protocol

    from ..log_drivers import forwarder
    from ..log_drivers.forwarder import Forwarder
    from ..records.log_document import Log

    class Host(forwarder.Host, Protocol):
        """What a log needs of its monitor."""

        def apart(self, work: log_files.Work, done: log_files.Work) -> log_files.Work: ...


LONGEST = 16384  # bytes of one entry, Docker's


class Writer:
    """The log's one writer.

    :param location: path of the newest file. :param options: run.json's ``log``.
    :param host: the monitor, None for a log without one.
    """

    def __init__(self, location: str, options: Log, host: Host | None = None) -> None:
        self.location, self.host = location, host
        self._rest: dict[str, bytes] = {}
        self._files: log_files.Files | None = None
        self._forwarder: Forwarder | None = None
        self.configure(options)

    def configure(self, options: Log) -> None:
        """Take new options; they hold from the next line on."""
        self.close()
        self.keep, self._files = options["driver"] != "none", None
        if not self.keep:
            return
        elsewhere = options["driver"] not in log_files.DRIVERS
        apart = elsewhere or options.get("buffer") is not None
        if apart and self.host is not None:
            from ..log_drivers import forwarder  # few logs need it

            self._forwarder = forwarder.Forwarder(self.host, self.location)
        if not apart or (elsewhere and options.get("cache", True)):
            compress = None if self.host is None else self.host.apart
            self._files = log_files.Files(self.location, options, compress)

    def open(self) -> None:
        """Be ready to write at once."""
        if self._files is not None:
            self._files.open()

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
            self._write(stream, [self._rest.pop(stream)], last=True)

    def unfinished(self) -> dict[str, bytes]:
        """Return what has no line feed yet and is not in the file, by stream: a prompt, say."""
        return self._rest

    def resume(self, unfinished: dict[str, bytes]) -> None:
        """Go on with what an earlier writer returned from ``unfinished``."""
        self._rest = unfinished

    def _write(self, stream: str, entries: list[bytes], last: bool = False) -> None:
        now = time.time_ns()
        if self._files is not None:
            lost, why = self._files.write(stream, entries, now)
            if lost and self.host is not None:
                self.host.log_lost(lost, why)
        if self._forwarder is not None:
            self._forwarder.take(stream, entries, now, last)

    def full(self) -> bool:
        """Tell whether the container is to wait until the log has taken what it wrote."""
        return self._forwarder is not None and self._forwarder.full()

    def close(self) -> None:
        """End it: what a driver does not take in time is lost, and counted."""
        if self._files is not None:
            self._files.close()
        if self._forwarder is not None:
            self._forwarder.close()
            self._forwarder = None
