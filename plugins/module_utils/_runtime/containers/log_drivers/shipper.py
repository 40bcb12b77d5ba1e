# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The process that takes a container's log to its driver, forked by the monitor (forwarder.py).

It alone waits. Where a driver fails, it connects again. In mode blocking an entry is given up after
some seconds, and while a peer is away one attempt is made each second. In mode non-blocking it goes
on until the peer takes the entry: meanwhile the monitor's buffer fills, and it is there that entries
are dropped. When the monitor ends, what has come is delivered, for some seconds.
"""

from __future__ import annotations

import _socket
import select
import signal
import time

from ...errors import EngineError, reason
from . import log_files
from .log_packets import DONE, HEAD, STREAMS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Protocol

    from ..spec.run_file import RunFile

    class Driver(Protocol):
        """Where entries go. Its methods raise OSError, whatever the peer does.

        ``patience``: seconds for which an entry is tried again in mode blocking.
        """

        patience: float

        def connect(self) -> None: ...

        def send(self, entry: Entry) -> None: ...

        def close(self) -> None: ...


class Entry:
    """What the container wrote.

    :ivar when: nanoseconds since the epoch. :ivar text: without its line feed.
    :ivar goes_on: whether the line has more entries.
    """

    __slots__ = ("stream", "when", "text", "goes_on")

    def __init__(self, stream: str, when: int, text: bytes, goes_on: bool) -> None:
        self.stream, self.when, self.text, self.goes_on = stream, when, text, goes_on


PAUSES = (0.0, 0.1, 0.5, 1.0)  # seconds between attempts; the last goes on
LAST = 10.0  # seconds for what has come when the monitor has ended
OFTEN = 64  # entries after which the monitor is told
LARGEST = 1 << 16


def main(channel: _socket.socket, run: RunFile, location: str) -> None:
    """Take entries from the monitor until that ends. :param run: run.json."""
    with open("/proc/self/comm", "w") as comm:
        comm.write("pyc-log")
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    Shipper(channel, driver_of(run, location), run["log"].get("buffer") is None).serve()


def driver_of(run: RunFile, location: str = "") -> Driver:
    """Return the driver of a container, which has not connected yet."""
    name = run["log"]["driver"]
    if name == "journald":
        from . import journald

        return journald.Journald(run)
    if name == "syslog":
        from . import syslog

        return syslog.Syslog(run)
    if name == "gelf":
        from . import gelf

        return gelf.Gelf(run)
    if name == "fluentd":
        from . import fluentd

        return fluentd.Fluentd(run)
    return _Kept(run, location)


class _Kept:
    """Files on this host, in mode non-blocking."""

    patience = 0.0

    def __init__(self, run: RunFile, location: str) -> None:
        self.files = log_files.Files(location, run["log"])

    def connect(self) -> None:
        """There is nothing to connect to."""

    def send(self, entry: Entry) -> None:
        text = entry.text if entry.goes_on else entry.text + b"\n"
        _lost, why = self.files.write(entry.stream, [text], entry.when)
        if why:
            raise OSError(why)

    def close(self) -> None:
        self.files.close()


class Shipper:
    """One log's. :param driver: where to. :param gives_up: whether mode is blocking."""

    def __init__(self, channel: _socket.socket, driver: Driver, gives_up: bool) -> None:
        self.channel, self.driver, self.gives_up = channel, driver, gives_up
        self.connected = False
        self.delivered = self.lost = self.told = 0
        self.error = ""
        self.failing: float | None = None  # since when
        self.next_try = 0.0
        self.until: float | None = None  # the end, once the monitor has ended

    def serve(self) -> None:
        while True:
            if self.delivered + self.lost - self.told >= OFTEN or not self._waiting():
                self._tell()
            try:
                packet = self.channel.recv(LARGEST)
            except (
                ConnectionResetError
            ):  # told once, of a monitor that was killed: the rest follows
                continue
            if not packet:
                break
            self._deliver(entry_of(packet))
        self.driver.close()

    def _waiting(self) -> bool:
        return bool(select.select([self.channel], [], [], 0)[0])

    def _tell(self) -> None:
        said = DONE.pack(self.delivered, self.lost) + self.error.encode()[:900]
        try:
            self.channel.send(said, _socket.MSG_DONTWAIT | _socket.MSG_NOSIGNAL)
            self.told = self.delivered + self.lost
        except OSError:  # the monitor has ended, or is told later
            pass

    def _deliver(self, entry: Entry) -> None:
        attempts = 0
        while True:
            if time.monotonic() >= self.next_try:
                try:
                    self._try(entry)
                    return
                except (OSError, EngineError, ValueError) as error:
                    self._failed(error)
            if self._is_over():
                self.lost += 1
                return
            self._pause(PAUSES[min(attempts, len(PAUSES) - 1)])
            attempts += 1

    def _try(self, entry: Entry) -> None:
        if not self.connected:
            self.driver.connect()
            self.connected = True
        self.driver.send(entry)
        self.delivered += 1
        self.failing, self.error = None, ""

    def _failed(self, error: Exception) -> None:
        self.driver.close()
        self.connected = False
        self.error = reason(error)
        now = time.monotonic()
        if self.failing is None:
            self.failing = now
        elif self.gives_up and now - self.failing >= self.driver.patience:
            self.next_try = now + PAUSES[-1]

    def _is_over(self) -> bool:
        """Tell whether the entry is given up."""
        now = time.monotonic()
        if self.until is not None:
            return now >= self.until
        if self.failing is None or not self.gives_up:
            return False
        return self.next_try > now

    def _pause(self, seconds: float) -> None:
        """Wait, and notice when the monitor ends."""
        self._tell()
        poll = select.poll()
        poll.register(self.channel, 0)  # POLLHUP is always told
        if self.until is not None:
            time.sleep(seconds)
        elif poll.poll(seconds * 1000):
            self.until = time.monotonic() + LAST


def entry_of(packet: bytes) -> Entry:
    """Parse a packet of the monitor's."""
    index, goes_on, when = HEAD.unpack_from(packet)
    text = packet[HEAD.size :]
    whole = text[:-1] if text.endswith(b"\n") else text
    return Entry(STREAMS[index], when, whole, bool(goes_on))
