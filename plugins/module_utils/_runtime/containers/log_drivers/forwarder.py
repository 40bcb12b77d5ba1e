# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A monitor's side of a log driver that may have to wait: entries go to a process of their own
(shipper.py), so that nothing but that process ever waits for a journal, a server or a disk.
"""

from __future__ import annotations

import _socket
import collections
import os
import select
import time

from .log_packets import DONE, HEAD, STREAMS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Protocol

    from ..spec.run_file import RunFile

    class Host(Protocol):
        """What a forwarder needs of the monitor."""

        ident: str
        epoll: select.epoll

        @property
        def run(self) -> RunFile: ...

        def watch(self, fd: int, handler: Callable[[int], None]) -> None: ...

        def forget(self, fd: int) -> None: ...

        def after(self, name: str, seconds: float, action: Callable[[], None]) -> None: ...

        def forget_timer(self, name: str) -> None: ...

        def alone(self, kept: int, work: Callable[[], None]) -> int: ...

        def log_lost(self, count: int, why: str) -> None: ...

        def log_ready(self) -> None: ...


ENOUGH = 1 << 16  # bytes that wait in mode blocking before the container does
PATIENCE = 3.0  # seconds that a container's end waits for what was not delivered yet
PAUSE = 1.0  # seconds before a process that was killed is followed by another


class Forwarder:
    """One log's. :param host: its monitor. :param location: path of the newest file, for drivers
    that write files.
    """

    def __init__(self, host: Host, location: str) -> None:
        self.host, self.location = host, location
        self.most = host.run["log"].get("buffer")
        self.queue: collections.deque[bytes] = collections.deque()
        self.size = 0
        self.pid = 0
        self.error = ""
        self._sent = self._delivered = self._lost = 0
        self._socket: _socket.socket | None = None
        self._begin()

    def _begin(self) -> None:
        if self._socket is not None:
            return
        mine, its = _socket.socketpair(_socket.AF_UNIX, _socket.SOCK_SEQPACKET)
        mine.setsockopt(_socket.SOL_SOCKET, _socket.SO_SNDBUF, ENOUGH // 2)
        run, location = self.host.run, self.location

        def work() -> None:
            from . import shipper  # in the process that needs it

            shipper.main(its, run, location)

        self.pid = self.host.alone(its.fileno(), work)
        its.close()
        mine.setblocking(False)
        self._socket, self._sent, self._delivered, self._lost = mine, 0, 0, 0
        self.host.watch(mine.fileno(), self._happened)
        self._push()

    # ------------------------------------------------------------------------------------------ out

    def take(self, stream: str, entries: list[bytes], when: int, last: bool) -> None:
        """Take entries. In mode non-blocking, what is beyond the buffer is dropped, as in Docker.

        :param when: nanoseconds since the epoch. :param last: whether a line without a line feed is
            whole, since nothing more comes.
        """
        dropped = 0
        for entry in entries:
            goes_on = not last and not entry.endswith(b"\n")
            if self.most is not None and self.queue and self.size + len(entry) > self.most:
                dropped += 1
                continue
            self.queue.append(HEAD.pack(STREAMS.index(stream), goes_on, when) + entry)
            self.size += len(entry)
        if dropped:
            self.host.log_lost(dropped, self.error or "more than max-buffer-size was waiting")
        self._push()

    def full(self) -> bool:
        """Tell whether the container is to wait: never in mode non-blocking."""
        return self.most is None and self.size >= ENOUGH

    def _push(self) -> None:
        """Send what the socket takes, and be told when it takes more."""
        if self._socket is None:
            return
        while self.queue:
            try:
                self._socket.send(self.queue[0])
            except OSError:  # it takes no more now, or its end is told by _happened
                break
            self._sent += 1
            self.size -= len(self.queue.popleft()) - HEAD.size
        more = select.EPOLLOUT if self.queue else 0
        self.host.epoll.modify(self._socket.fileno(), select.EPOLLIN | more)

    # ------------------------------------------------------------------------------------------- in

    def _happened(self, _events: int) -> None:
        if not self._read():
            self._again()
            return
        self._push()
        if not self.full():
            self.host.log_ready()

    def _read(self) -> bool:
        """Read what the process says; False where it has ended."""
        while self._socket is not None:
            try:
                answer = self._socket.recv(1024)
            except BlockingIOError:
                return True
            except OSError:
                return False
            if not answer:
                return False
            self._delivered, lost = DONE.unpack_from(answer)
            self.error = answer[DONE.size :].decode("utf-8", "replace")
            if lost > self._lost:
                self.host.log_lost(lost - self._lost, self.error)
                self._lost = lost
        return False

    def _again(self) -> None:
        """Begin again with another process: this one was killed, and with it what it had."""
        self._end()
        self.host.after("log-forwarder", PAUSE, self._begin)

    def _end(self) -> None:
        if self._socket is None:
            return
        self.host.forget(self._socket.fileno())
        self._socket.close()
        self._socket = None
        try:
            os.kill(self.pid, 9)
        except ProcessLookupError:
            pass
        os.waitpid(self.pid, 0)
        left = self._sent - self._delivered - self._lost
        if left > 0:
            self.host.log_lost(left, self.error or "the process that writes the log was killed")

    # ------------------------------------------------------------------------------------------ end

    def settle(self) -> None:
        """Wait until all is delivered, for PATIENCE at most."""
        until = time.monotonic() + PATIENCE
        if self._socket is None and self.queue:  # no time to wait for another process
            self._begin()
        while self._socket is not None and (left := until - time.monotonic()) > 0:
            if not self.queue and self._delivered + self._lost >= self._sent:
                return
            fd = self._socket.fileno()
            select.select([fd], [fd] if self.queue else [], [], left)
            if not self._read():
                return
            self._push()

    def close(self) -> None:
        """End for good: what was not delivered is lost, and counted."""
        self.settle()
        self._end()
        self.host.forget_timer("log-forwarder")
        if self.queue:
            self.host.log_lost(len(self.queue), self.error or "it was not taken in time")
            self.queue.clear()
            self.size = 0
