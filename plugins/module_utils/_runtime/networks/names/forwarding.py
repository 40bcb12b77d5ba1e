# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Names of others: asked of the container's DNS servers, or of the host's.

The container's own (option ``dns_servers``) are asked from its network namespace, so that they see
what it is and it gets no further than it could by itself. The host's are asked from the host's, so
that those on its loopback addresses answer too, systemd-resolved's split DNS among them; and for no
container that is on internal networks alone (CVE-2024-29018).
"""

from __future__ import annotations

import contextlib
import os
import select
import socket
import struct

from ...kernel.isolation import namespaces
from . import dns_wire
from .loopback_port import ADDRESS, PORT

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Protocol

    Reply = Callable[[bytes], None]

    class Loop(Protocol):
        """What waits (resolver.py)."""

        def watch(self, fd: int, handler: Callable[[int], None], events: int = ...) -> None: ...

        def forget(self, fd: int) -> None: ...

        def after(self, seconds: float, action: Callable[[], None]) -> int: ...

        def cancel(self, seconds: float, number: int) -> None: ...

        def now(self) -> float: ...


HOST_FILE = "/etc/resolv.conf"
LARGEST_FILE = 1 << 16
MOST_SERVERS = 3  # MAXNS, resolv.conf(5)
PATIENCE = 1.5  # seconds until the next server is asked as well
LAST = 3.5  # seconds that the last one has
SLOW = 30.0  # seconds in which one that did not answer is asked after the others


class HostServers:
    """The host's DNS servers; the file is read again when it is another one."""

    def __init__(self, path: str = HOST_FILE) -> None:
        self.path = path
        self._seen: tuple[int, int, int] | None = None
        self._found: list[str] = []

    def get(self) -> list[str]:
        """Return their addresses, at most three, [] where the host has none."""
        try:
            status = os.stat(self.path)
            seen = (status.st_ino, status.st_mtime_ns, status.st_size)
            if seen != self._seen:
                with open(self.path, "rb") as file:
                    self._found = servers_of(file.read(LARGEST_FILE))
                self._seen = seen
        except OSError:
            self._found, self._seen = [], None
        return self._found


def servers_of(text: bytes) -> list[str]:
    """Return the addresses of the lines ``nameserver`` of a resolv.conf."""
    found = []
    for line in text.splitlines():
        words = line.split()
        if len(words) > 1 and words[0] == b"nameserver":
            address = words[1].decode("ascii", "replace")
            with contextlib.suppress(OSError, ValueError):
                family = socket.AF_INET6 if ":" in address else socket.AF_INET
                socket.inet_pton(family, address.partition("%")[0])
                found.append(address)
    return found[:MOST_SERVERS]


class Upstream:
    """Asks servers, for all containers.

    :ivar slow: ``{server: until when it is asked last}``.
    """

    def __init__(self, loop: Loop) -> None:
        self.loop, self.slow = loop, dict[tuple[str, bool], float]()
        self.host = HostServers()

    def question(
        self,
        data: bytes,
        end: int,
        servers: Sequence[str],
        netns: int | None,
        stream: bool,
        reply: Reply,
    ) -> Question:
        """Return a question to servers, which its ``next`` sends off.

        :param data: a query. :param end: where its question ends.
        :param netns: a descriptor of the network namespace to ask from; None for this process's.
        :param stream: whether by TCP. :param reply: called once, with the answer, or b"" for none.
        """
        now, inside = self.loop.now(), netns is not None
        own = [one for one in servers if not inside or one != ADDRESS]
        own.sort(key=lambda one: self.slow.get((one, inside), 0) > now)
        return Question(self, data, end, own, netns, stream, reply)


class Question:
    """One query on its way.

    It has a random number of its own and comes from a random port, and what is no answer to it by
    address, number and question is not heard.
    """

    def __init__(
        self,
        upstream: Upstream,
        data: bytes,
        end: int,
        servers: list[str],
        netns: int | None,
        stream: bool,
        reply: Reply,
    ) -> None:
        self.upstream, self.loop, self.reply = upstream, upstream.loop, reply
        self.client, self.question = data[:2], data[dns_wire.HEADER.size : end]
        self.ident = os.urandom(2)
        self.data = self.ident + data[2:]
        self.servers, self.netns, self.stream = servers, netns, stream
        self.sockets: dict[int, tuple[socket.socket, str]] = {}
        self.received: dict[int, bytearray] = {}
        self.timers: list[tuple[float, int]] = []
        self.refusal = b""  # an answer that says that the server can't; another may
        self.done = False

    def next(self) -> None:
        """Ask the next server; the ones before may still answer."""
        while not self.done:
            if not self.servers:
                if not self.sockets:
                    self._finish(self.refusal)
                return
            server = self.servers.pop(0)
            if self._send(server):
                wait = PATIENCE if self.servers else LAST
                self.timers.append((wait, self.loop.after(wait, lambda: self._late(server))))
                return

    def _send(self, server: str) -> bool:
        try:
            one = self._socket(server)
        except (OSError, ValueError):  # no way there; a scope that is no name of a link
            return False
        fd = one.fileno()
        self.sockets[fd] = one, server
        if self.stream:
            self.loop.watch(fd, lambda _events: self._connected(fd), select.EPOLLOUT)
        else:
            try:
                one.send(self.data)
            except OSError:
                del self.sockets[fd]
                one.close()
                return False
            self.loop.watch(fd, lambda _events: self._datagram(fd))
        return True

    def _socket(self, server: str) -> socket.socket:
        kind = socket.SOCK_STREAM if self.stream else socket.SOCK_DGRAM
        address, _percent, scope = server.partition("%")
        with contextlib.nullcontext() if self.netns is None else namespaces.visiting(self.netns):
            if ":" in address:
                one = socket.socket(socket.AF_INET6, kind | socket.SOCK_NONBLOCK)
                where: tuple[str, int, int, int] | tuple[str, int] = (
                    address,
                    PORT,
                    0,
                    socket.if_nametoindex(scope) if scope else 0,
                )
            else:
                one = socket.socket(socket.AF_INET, kind | socket.SOCK_NONBLOCK)
                where = (address, PORT)
        try:
            one.connect(where)
        except BlockingIOError:
            pass
        except BaseException:
            one.close()
            raise
        return one

    def _late(self, server: str) -> None:
        if self.done:
            return
        key = server, self.netns is not None
        self.upstream.slow[key] = self.loop.now() + SLOW
        if self.servers:
            self.next()
        else:
            self._finish(self.refusal)

    def _datagram(self, fd: int) -> None:
        try:
            data = self.sockets[fd][0].recv(1 << 16)
        except BlockingIOError:
            return
        except OSError:  # nobody listens there
            self._failed(fd)
            return
        if dns_wire.fits(data, self.ident, self.question):
            self._take(fd, data)

    def _connected(self, fd: int) -> None:
        one = self.sockets[fd][0]
        try:
            one.send(struct.pack("!H", len(self.data)) + self.data)
        except OSError:
            self._failed(fd)
            return
        self.loop.forget(fd)
        self.received[fd] = bytearray()
        self.loop.watch(fd, lambda _events: self._piece(fd))

    def _piece(self, fd: int) -> None:
        try:
            piece = self.sockets[fd][0].recv(1 << 16)
        except BlockingIOError:
            return
        except OSError:
            piece = b""
        buffer = self.received[fd]
        buffer += piece
        if len(buffer) >= 2 and len(buffer) >= 2 + int.from_bytes(buffer[:2], "big"):
            data = bytes(buffer[2 : 2 + int.from_bytes(buffer[:2], "big")])
            if dns_wire.fits(data, self.ident, self.question):
                self._take(fd, data)
                return
            piece = b""
        if not piece:
            self._failed(fd)

    def _take(self, fd: int, data: bytes) -> None:
        server = self.sockets[fd][1]
        if dns_wire.code_of(data) in (dns_wire.SERVFAIL, dns_wire.REFUSED, dns_wire.NOTIMP):
            self.refusal = data
            self._failed(fd)
            return
        self.upstream.slow.pop((server, self.netns is not None), None)
        self._finish(data)

    def _failed(self, fd: int) -> None:
        self._close(fd)
        self.next()

    def _close(self, fd: int) -> None:
        one, _server = self.sockets.pop(fd)
        self.loop.forget(fd)
        one.close()

    def _finish(self, data: bytes) -> None:
        self.cancel()
        self.reply(self.client + data[2:] if data else b"")

    def cancel(self) -> None:
        """Ask no further."""
        self.done = True
        for wait, number in self.timers:
            self.loop.cancel(wait, number)
        for fd in list(self.sockets):
            self._close(fd)
