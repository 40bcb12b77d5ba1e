# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The process that answers names: one event loop, with two sockets in each container's namespace.

Clients (containers/client/names_client.py) say words of one letter and a container's id over its
UNIX socket, and are answered with ``+``, or ``-`` and a sentence:

    J    it starts: with descriptors of its network namespace and its process 1
    U    its run.json has changed

It keeps nothing that is not in run.json and state.json. A new process finds all again
(:meth:`Resolver.recover`), and ends the one before, of which the lock file tells. It ends by itself
when no container on a network with names runs.
"""

from __future__ import annotations

import _signal
import contextlib
import fcntl
import itertools
import os
import select
import socket
import struct
import time

from ...errors import reason
from ...kernel.calls import constants as c
from ...kernel.calls import fds, syscalls
from ...kernel.processes import pidfd, procfs
from . import dns_wire, forwarding, loopback_port, name_table

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Optional

    from ...store.paths import Paths
    from .name_table import Member

    Reply = Callable[[bytes], None]

PROCESS = b"pyc-names\0"
JOIN, UPDATE = b"J", b"U"
IDLE = 2.0  # seconds without a container after which it ends
AT_ONCE = 16  # datagrams of a container before the next one's turn
MOST_WAITING = 256  # queries of a container that others are asked at a time
MOST_CONNECTIONS = 32  # of a container, by TCP
MOST_KEPT = 512  # answers of a container that are kept ready
MOST_TURNS = 16  # orders of one answer with several addresses
QUIET = 10.0  # seconds that a TCP connection may rest, RFC 7766
LONGEST_WORD = 256


class Loop:
    """Descriptors, and timers of few different lengths."""

    def __init__(self) -> None:
        self.epoll = select.epoll()
        self.handlers: dict[int, Callable[[int], None]] = {}
        self.done = False
        self._timers: dict[float, dict[int, tuple[float, Callable[[], None]]]] = {}
        self._numbers = itertools.count()
        self.now = time.monotonic

    def watch(self, fd: int, handler: Callable[[int], None], events: int = select.EPOLLIN) -> None:
        """Call ``handler(events)`` whenever something happens to a descriptor."""
        self.handlers[fd] = handler
        self.epoll.register(fd, events)

    def forget(self, fd: int) -> None:
        """Watch a descriptor no more."""
        if self.handlers.pop(fd, None) is not None:
            self.epoll.unregister(fd)

    def after(self, seconds: float, action: Callable[[], None]) -> int:
        """Call ``action()`` in so many seconds; returns what to cancel it by."""
        number = next(self._numbers)
        self._timers.setdefault(seconds, {})[number] = (self.now() + seconds, action)
        return number

    def cancel(self, seconds: float, number: int) -> None:
        """Do not call what :meth:`after` returned the number of."""
        self._timers[seconds].pop(number, None)

    def _next_timer(self) -> float:
        """Run what is due; returns the seconds until the next."""
        now, soonest = self.now(), 60.0
        for timers in list(self._timers.values()):
            while timers:
                number, (when, action) = next(iter(timers.items()))
                if when > now:
                    soonest = min(soonest, when - now)
                    break
                del timers[number]
                action()
        return 0.0 if self.done else soonest

    def serve(self) -> None:
        """Wait and act until it is done."""
        poll, handlers = self.epoll.poll, self.handlers
        while not self.done:
            for fd, events in poll(self._next_timer(), 64):
                handler = handlers.get(fd)
                if handler is not None:
                    handler(events)


class Asker:
    """A container that may ask: its sockets at 127.0.0.11, and what it has asked.

    :ivar made: answers of ours: functions that return the next one, without its number.
    :ivar kept: the same by the whole query without its number.
    :ivar waiting: queries that others are asked.
    """

    def __init__(
        self, member: Member, netns: int, process: int, sockets: loopback_port.Sockets
    ) -> None:
        self.member, self.netns, self.process = member, netns, process
        self.udp, self.tcp = sockets
        self.made: dict[tuple[bytes, int, bool], Callable[[], bytes]] = {}
        self.kept: dict[bytes, Callable[[], bytes]] = {}
        self.generation = -1
        self.waiting: set[forwarding.Question] = set()
        self.connections: dict[int, Connection] = {}

    def renew(self, generation: int) -> None:
        """Forget answers that were made of other names than there are now."""
        if generation != self.generation:
            self.made.clear()
            self.kept.clear()
            self.generation = generation


class Connection:
    """A container's TCP connection: queries, each behind its length."""

    def __init__(self, resolver: Resolver, asker: Asker, stream: socket.socket) -> None:
        self.resolver, self.asker, self.stream = resolver, asker, stream
        self.buffer, self.open, self.heard = bytearray(), True, time.monotonic()
        asker.connections[stream.fileno()] = self
        resolver.loop.watch(stream.fileno(), self.readable)
        self.timer = resolver.loop.after(QUIET, self._rest)

    def readable(self, _events: int) -> None:
        try:
            piece = self.stream.recv(1 << 16)
        except BlockingIOError:
            return
        except OSError:
            piece = b""
        if not piece:
            self.close()
            return
        self.heard = time.monotonic()
        self.buffer += piece
        while self.open and len(self.buffer) >= 2:
            end = 2 + int.from_bytes(self.buffer[:2], "big")
            if len(self.buffer) < end:
                break
            data = bytes(self.buffer[2:end])
            del self.buffer[:end]
            self.resolver.answer(self.asker, data, self.send, True)

    def send(self, data: bytes) -> None:
        """Send an answer; who does not read what he asked for is left."""
        if not self.open:
            return
        data = struct.pack("!H", len(data)) + data
        try:
            if self.stream.send(data) == len(data):
                return
        except OSError:
            pass
        self.close()

    def _rest(self) -> None:
        if self.open:
            if time.monotonic() - self.heard >= QUIET:
                self.close()
            else:
                self.timer = self.resolver.loop.after(QUIET, self._rest)

    def close(self) -> None:
        """Close the connection."""
        if self.open:
            self.open = False
            del self.asker.connections[self.stream.fileno()]
            self.resolver.loop.cancel(QUIET, self.timer)
            self.resolver.loop.forget(self.stream.fileno())
            self.stream.close()


class Resolver:
    """Answers the names of all containers.

    :param server: the listening UNIX socket for :data:`JOIN` and :data:`UPDATE`.
    """

    def __init__(self, paths: Paths, server: socket.socket) -> None:
        self.paths, self.server = paths, server
        self.loop = Loop()
        self.table = name_table.Table(paths)
        self.upstream = forwarding.Upstream(self.loop)
        self.askers: dict[str, Asker] = {}
        self.watched: dict[str, int] = {}  # pidfd of those that are found, but do not ask
        self.clients: dict[int, socket.socket] = {}
        self.loop.watch(server.fileno(), self._accept)
        self.loop.after(IDLE, self._look)

    # ----------------------------------------------------------------------------- who there is

    def recover(self) -> None:
        """Find the containers of the host, and open the sockets of those that run."""
        with contextlib.suppress(OSError):
            for ident in os.listdir(self.paths.containers):
                with contextlib.suppress(OSError):
                    self._find(ident)

    def _find(self, ident: str) -> None:
        """Read a container's files, whatever it was known as.

        :raises OSError: its sockets can't be opened.
        """
        member = name_table.read(self.paths, ident)
        if member is None:
            return
        known = self.askers.get(ident)
        if known is not None:
            known.member = member
            self.table.put(member, True)
            return
        found = name_table.running(self.paths, ident) if member.names else None
        process = None if found is None else pidfd.open_process(*found)
        if found is None or process is None:
            if member.names or ident in self.table.members:
                self.table.put(member, ident in self.watched)
            return
        netns = os.open(f"/proc/{found[0]}/ns/net", os.O_RDONLY | os.O_CLOEXEC)
        self._enter(member, netns, process)

    def _enter(self, member: Member, netns: int, process: int) -> None:
        """Take up a container that runs; the descriptors are this object's from now on."""
        self._leave(member.ident)
        if not member.served:
            os.close(netns)
            self.watched[member.ident] = process
        else:
            try:
                sockets = loopback_port.listen(netns)
            except OSError:
                os.close(netns)
                os.close(process)
                raise
            asker = Asker(member, netns, process, sockets)
            self.askers[member.ident] = asker
            self.loop.watch(asker.udp.fileno(), lambda _events: self._datagrams(asker))
            self.loop.watch(asker.tcp.fileno(), lambda _events: self._connections(asker))
        self.loop.watch(process, lambda _events: self._ended(member.ident, process))
        self.table.put(member, True)

    def _ended(self, ident: str, process: int) -> None:
        self._leave(ident)
        self.table.ended(ident)

    def _leave(self, ident: str) -> None:
        process = self.watched.pop(ident, None)
        asker = self.askers.pop(ident, None)
        if asker is not None:
            for connection in list(asker.connections.values()):
                connection.close()
            for question in list(asker.waiting):
                question.cancel()
            for one in (asker.udp, asker.tcp):
                self.loop.forget(one.fileno())
                one.close()
            os.close(asker.netns)
            process = asker.process
        if process is not None:
            self.loop.forget(process)
            os.close(process)

    def _look(self) -> None:
        """End when nobody is left, or the engine is gone from the host."""
        self.table.forget_removed()
        if not self.askers and not self.watched and not self.clients:
            self.loop.done = True
        elif not os.path.isdir(self.paths.containers):
            self.loop.done = True
        else:
            self.loop.after(IDLE, self._look)

    # ------------------------------------------------------------------------------ what is asked

    def _datagrams(self, asker: Asker) -> None:
        udp, kept = asker.udp, asker.kept
        asker.renew(self.table.generation)
        try:
            for _again in range(AT_ONCE):
                data, address = udp.recvfrom(dns_wire.OURS)
                ready = kept.get(data[2:])
                if ready is not None:
                    udp.sendto(data[:2] + ready(), address)
                else:
                    self._datagram(asker, data, address)
        except BlockingIOError:
            pass
        except OSError:  # of an answer that did not arrive: the client is gone
            pass

    def _datagram(self, asker: Asker, data: bytes, address: tuple[str, int]) -> None:
        def reply(answer: bytes) -> None:
            with contextlib.suppress(OSError):
                asker.udp.sendto(answer, address)

        self.answer(asker, data, reply, False)

    def _connections(self, asker: Asker) -> None:
        try:
            stream, _address = asker.tcp.accept()
        except OSError:
            return
        if len(asker.connections) >= MOST_CONNECTIONS:
            stream.close()
            return
        stream.setblocking(False)
        Connection(self, asker, stream)

    def answer(self, asker: Asker, data: bytes, reply: Reply, stream: bool) -> None:
        """Answer a query, now or later.

        :param reply: called with the answer, if there is one. :param stream: whether it came by TCP.
        """
        try:
            query = dns_wire.Query(data)
        except dns_wire.Malformed as error:
            if error.code is not None:
                reply(dns_wire.failure(data, error.code))
            return
        asker.renew(self.table.generation)
        limit = 0xFFFF if stream else query.limit
        key = data[2:4] + data[12 : query.end], limit, query.edns
        ready = asker.made.get(key)
        if ready is None:
            answers = self._own(asker, query, limit)
            if answers is None:
                self._forward(asker, query, reply, stream)
                return
            ready = itertools.cycle([answer[2:] for answer in answers]).__next__
            if len(asker.made) < MOST_KEPT:
                asker.made[key] = ready
        if not stream and query.plain and len(asker.kept) < MOST_KEPT:
            asker.kept[data[2:]] = ready
        reply(data[:2] + ready())

    def _own(self, asker: Asker, query: dns_wire.Query, limit: int) -> list[bytes] | None:
        """Return the answer to a name that is ours, in each order; None for one that is not."""
        if query.klass != dns_wire.IN:
            return None
        if query.kind == dns_wire.PTR:
            address = dns_wire.address_of(query.name)
            if address is not None:
                return self._reverse(asker, query, address, limit)
        name = query.name.decode("latin-1")
        if name == "localhost":  # RFC 6761
            addresses: Optional[list[bytes]] = [b"\x7f\0\0\1", bytes(15) + b"\1"]
        else:
            addresses = self.table.find(asker.member, name)
        if addresses is None:
            return None
        if not addresses:
            return [dns_wire.answer(query, (), dns_wire.NXDOMAIN, limit)]
        records = [
            (dns_wire.A if len(address) == 4 else dns_wire.AAAA, address) for address in addresses
        ]
        asked = [one for one in records if query.kind in (one[0], dns_wire.ANY)]
        count = max(1, min(len(asked), MOST_TURNS))
        step = max(1, len(asked) // count)
        return [
            dns_wire.answer(query, asked[turn * step :] + asked[: turn * step], limit=limit)
            for turn in range(count)
        ]

    def _reverse(
        self, asker: Asker, query: dns_wire.Query, address: bytes, limit: int
    ) -> list[bytes] | None:
        owner = self.table.owner(asker.member, address)
        if owner is None:
            return None
        data = dns_wire.name_data(owner)
        if data is None:
            return [dns_wire.answer(query, (), dns_wire.NXDOMAIN, limit)]
        return [dns_wire.answer(query, [(dns_wire.PTR, data)], limit=limit)]

    def _forward(self, asker: Asker, query: dns_wire.Query, reply: Reply, stream: bool) -> None:
        member, data = asker.member, query.data
        if member.ndots and query.kind in (dns_wire.A, dns_wire.AAAA) and b"." not in query.name:
            # The client has been told to try a search domain.
            reply(dns_wire.answer(query, (), dns_wire.NXDOMAIN))
            return
        if member.servers:
            servers, netns = member.servers, asker.netns
        else:
            servers, netns = self.upstream.host.get() if member.outside else [], None
        if not servers or len(asker.waiting) >= MOST_WAITING:
            reply(dns_wire.answer(query, (), dns_wire.SERVFAIL))
            return

        def answered(answer: bytes) -> None:
            asker.waiting.discard(question)
            if not answer:
                answer = dns_wire.answer(query, (), dns_wire.SERVFAIL)
            elif not stream and len(answer) > query.limit:
                answer = dns_wire.truncated(answer, query.end)
            reply(answer)

        question = self.upstream.question(data, query.end, servers, netns, stream, answered)
        asker.waiting.add(question)
        question.next()

    # -------------------------------------------------------------------------------- its clients

    def _accept(self, _events: int) -> None:
        try:
            client, _address = self.server.accept()
        except OSError:
            return
        fd = client.fileno()
        self.clients[fd] = client
        self.loop.watch(fd, lambda _events: self._hear(fd))

    def _hear(self, fd: int) -> None:
        client = self.clients[fd]
        descriptors: list[int] = []
        try:
            data, descriptors = fds.receive(client, LONGEST_WORD, 2)
        except OSError:
            data = b""
        if not data:
            self.loop.forget(fd)
            del self.clients[fd]
            client.close()
            return
        sentence = self._obey(data[:1], data[1:].decode("ascii", "replace"), descriptors)
        with contextlib.suppress(OSError):
            fds.send(client, b"-" + sentence.encode() if sentence else b"+")

    def _obey(self, word: bytes, ident: str, descriptors: list[int]) -> str:
        """Do what a client asks for; returns "" or the sentence why it can't be done."""
        try:
            if word == UPDATE:
                self._find(ident)
            elif word == JOIN and len(descriptors) == 2:
                member = name_table.read(self.paths, ident)
                if member is not None:
                    netns, process = descriptors
                    descriptors = []
                    self._enter(member, netns, process)
        except OSError as error:
            return f"names can't be answered in the container: {reason(error)}"
        finally:
            for one in descriptors:
                os.close(one)
        return ""


def take_over(path: str) -> None:
    """Become who answers, and end the process that was.

    The file stays open, and locked, as long as this process lives: a lock of fcntl(2), since that
    tells whose it is.
    """
    while True:
        fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.lockf(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            _end_holder(fd)
            fcntl.lockf(fd, fcntl.LOCK_EX)
        with contextlib.suppress(FileNotFoundError):
            if os.stat(path).st_ino == os.fstat(fd).st_ino:
                return
        os.close(fd)  # the one before has ended by itself, and taken the file away


def _end_holder(fd: int) -> None:
    request = struct.pack("hhqqi", fcntl.F_WRLCK, os.SEEK_SET, 0, 0, 0)
    kind, _whence, _start, _length, pid = struct.unpack(
        "hhqqi", fcntl.fcntl(fd, fcntl.F_GETLK, request)
    )
    found = procfs.stat(pid) if kind != fcntl.F_UNLCK and pid > 0 else None
    if found is not None and found["name"].encode() + b"\0" == PROCESS:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, _signal.SIGKILL)


def main(paths: Paths, server: socket.socket, lock: str) -> None:
    """Answer names until no container is left that has any.

    :param server: see :class:`Resolver`. :param lock: path of the lock file; it goes at the end.
    """
    syscalls.prctl(c.PR_SET_NAME, PROCESS)
    take_over(lock)
    server.setblocking(False)
    resolver = Resolver(paths, server)
    resolver.recover()
    resolver.loop.serve()
    with contextlib.suppress(OSError):
        os.unlink(lock)
