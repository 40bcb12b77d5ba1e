# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The relay: published ports served by plain sockets in the monitor, beside the firewall's address
translation.

Its listening sockets reserve the ports against other processes, and it serves whom the translation
does not: this host's own connections to 127.0.0.0/8, and everybody on a host without nf_tables or
whose rules were flushed. It runs in the host's network namespace and reaches the container over its
bridge. Nothing blocks, and nobody's memory grows: a side is read only while the other side takes
what it gets.
"""

from __future__ import annotations

import contextlib
import errno
import os
import select
import socket
import struct
import time

from ...errors import Conflict, HostError, reason
from ...kernel.net import listeners, netlink
from ...rootless import keeper_client

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, Union

    from ...errors import EngineError
    from ...networks.publish import Port

    Address = tuple[str, str, int]  # protocol, host_ip, host_port
    Target = tuple[str, int]  # the container's address and port
    Lent = tuple[Address, int]  # what a listening socket is known by, and its descriptor
    Resting = list[Any]  # protocol, host_ip, host_port, container_ip, container_port, descriptor
    _Listener = Union["_TcpListener", "_UdpListener"]
    _Source = Union["_TcpListener", "_UdpListener", "_Side", "_UdpClient"]

CHUNK = 1 << 16
BACKLOG = 128
UDP_IDLE = 60.0  # seconds without a datagram after which a client is forgotten
RETRY = 1.0  # seconds until accepting is tried again without descriptors
IP_PKTINFO = 8  # ip(7); Python names it from 3.14 on
SPARE_DESCRIPTORS = 256  # of the process's limit, for what else the monitor does
IPPROTO_SCTP, SCTP_NODELAY = 132, 3  # sctp(7); Python names the first where its libc does


class Relay:
    """The published ports of one container.

    A listening socket belongs to the address that it is bound to (``address``), whatever else
    changes: the place of a port in a list says nothing.

    :param epoll: the owner of the event loop passes what it reports to :meth:`handle`.
    """

    def __init__(self, epoll: select.epoll) -> None:
        self.epoll = epoll
        self.buffer = memoryview(bytearray(CHUNK))
        self.sources: dict[int, _Source] = {}  # what handles the events of a descriptor
        self.listeners: list[_Listener] = []
        self.leaving: list[_Listener] = []  # another relay has their sockets
        self.connections = 0
        self.most = max(16, (os.sysconf("SC_OPEN_MAX") - SPARE_DESCRIPTORS) // 2)
        self.full, self.paused = False, 0.0

    def serve(self, ports: list[Port], addresses: list[str]) -> None:
        """Listen on these ports, and on no other; what is served already and stays goes on
        undisturbed.

        :param addresses: the container's, one of each family at most; a ``/prefix`` is ignored. A
            port leads to that of its own family, else to the other one.
        :raises Conflict: another process has one. :raises HostError: another refusal. The same is
            served as before then.
        """
        wanted = {address(port): port for port in _possible(ports)}
        places = {key: _target(port, addresses) for key, port in wanted.items()}
        kept = {
            listener.address: listener for listener in self.listeners if listener.address in wanted
        }
        going = [listener for listener in self.listeners if listener.address not in wanted]
        new = {key: port for key, port in wanted.items() if key not in kept}
        ways = {(protocol, number) for protocol, _ip, number in new}
        first = [
            listener for listener in going if listener.address[::2] in ways
        ]  # 0.0.0.0 stands in the way of 127.0.0.1
        self.listeners = list(kept.values())
        for listener in first:
            listener.close()
        try:
            for key, port in new.items():
                self.listeners.append(_KINDS[port["protocol"]](self, key, places[key]))
        except OSError as error:
            self._take_back(kept, [listener for listener in going if listener not in first], first)
            raise _refusal(port, error) from None
        for listener in going:
            if listener not in first:
                listener.close()
        for key, listener in kept.items():
            listener.lead_to(places[key])

    def _take_back(
        self, kept: dict[Address, _Listener], staying: list[_Listener], closed: list[_Listener]
    ) -> None:
        """Close what is new and open what was closed."""
        for listener in self.listeners:
            if listener.address not in kept:
                listener.close()
        self.listeners = list(kept.values()) + staying
        for listener in closed:
            with contextlib.suppress(OSError):  # taken in this very moment
                self.listeners.append(type(listener)(self, listener.address, listener.target))

    def go_on(self, sockets: list[Resting]) -> None:
        """Serve with sockets that listen already. :param sockets: what ``resting`` returned."""
        for protocol, host_ip, host_port, container_ip, container_port, fd in sockets:
            self.listeners.append(
                _KINDS[protocol](
                    self, (protocol, host_ip, host_port), (container_ip, container_port), fd
                )
            )

    def lent(self) -> list[Lent]:
        """Return the listening sockets, for another relay that is to serve them, too."""
        return [(listener.address, listener.socket.fileno()) for listener in self.listeners]

    def take(self, sockets: list[Lent], ports: list[Port], addresses: list[str]) -> None:
        """Serve with another relay's listening sockets, beside it: nobody is refused meanwhile.

        :param sockets: their descriptors stay the caller's. What is served already stays as it is.
        :param ports: :param addresses: see :meth:`serve`; a socket of no such port is left.
        """
        wanted = {address(port): port for port in _possible(ports)}
        has = {listener.address for listener in self.listeners}
        for key, fd in sockets:
            if key in wanted and key not in has:
                target = _target(wanted[key], addresses)
                own = os.dup(fd)
                self.listeners.append(_KINDS[key[0]](self, key, target, own))

    def let_go(self) -> None:
        """Leave the listening sockets to another relay; connections under way go on."""
        self.leaving += self.listeners
        for listener in self.listeners:
            listener.leave()
        self.listeners = []

    def handle(self, fd: int, events: int) -> bool:
        """Work on one reported event.

        :returns: whether the descriptor is the relay's; one that it has just closed is not.
        """
        source = self.sources.get(fd)
        if source is None:
            return False
        source.handle(events)
        return True

    def expire(self, now: float) -> None:
        """Forget idle UDP clients, and try again to accept connections after running out of
        descriptors.

        :param now: time.monotonic(). To be called every few seconds; more often does no harm.
        """
        for listener in (*self.listeners, *self.leaving):
            listener.expire(now)
        if self.full and now - self.paused >= RETRY:
            self.resume()

    def resting(self) -> list[Resting] | None:
        """Return what ``go_on`` needs; None while it serves somebody."""
        found = [
            [*listener.address, *listener.target, listener.socket.fileno()]
            for listener in self.listeners
        ]
        return (
            found if {entry[-1] for entry in found} == set(self.sources) and not self.full else None
        )

    def close(self) -> None:
        """Close everything; connections under way are cut."""
        going, self.listeners, self.leaving = self.listeners + self.leaving, [], []
        for listener in going:
            listener.close()

    def watch(self, fd: int, source: _Source, mask: int) -> None:
        self.sources[fd] = source
        with contextlib.suppress(FileExistsError):  # the monitor slept meanwhile
            self.epoll.register(fd, mask)

    def unwatch(self, fd: int, watched: bool = True) -> None:
        """Take a descriptor out of the epoll, which is to be closed.

        A child that is being forked may hold the socket open, and the epoll would go on reporting
        it.
        """
        del self.sources[fd]
        if watched:
            self.epoll.unregister(fd)

    def pause(self) -> None:
        """Stop accepting: level-triggered events would come without end."""
        self.full, self.paused = True, time.monotonic()
        for listener in self.listeners:
            listener.listen(False)

    def resume(self) -> None:
        """Accept again, where there is room."""
        if self.full and self.connections < self.most:
            self.full = False
            for listener in self.listeners:
                listener.listen(True)


def address(port: Port) -> Address:
    """Return what a listening socket of a port is known by: ``(protocol, host_ip, host_port)``."""
    return port["protocol"], port.get("host_ip") or "0.0.0.0", port["host_port"]


def _possible(ports: list[Port]) -> list[Port]:
    """Return the ports that can be listened on: those of the host.

    A port on all addresses of both families stays on IPv4 alone when the host is booted without
    IPv6.
    """
    ports = [port for port in ports if not port.get("routed")]
    try:
        socket.socket(socket.AF_INET6, socket.SOCK_DGRAM).close()
        return ports
    except OSError:
        both = [{**port, "host_ip": "0.0.0.0"} for port in ports]
        return [
            port
            for port, other in zip(ports, both)
            if port.get("host_ip") != "::" or other not in ports
        ]


def _refusal(port: Port, error: OSError) -> EngineError:
    protocol, host_ip, host_port = address(port)
    shown = f"[{host_ip}]" if ":" in host_ip else host_ip
    shown += f":{host_port}/{protocol}"
    if error.errno == errno.EADDRINUSE:
        found = listeners.holder(protocol, host_ip, host_port)
        who = f"process {found[0]} (pid {found[1]})" if found else "another process"
        return Conflict(f"published_ports: port {shown} is taken by {who}")
    return HostError(f"published_ports: can't listen on {shown}: {reason(error, named=True)}")


def _target(port: Port, addresses: list[str]) -> Target:
    """Return where in a container a port leads to."""
    family = netlink.family_of(address(port)[1])
    listed = [text.partition("/")[0] for text in addresses]
    same = [text for text in listed if netlink.family_of(text) == family]
    return (same or listed)[0], port["container_port"]


def _socket(
    ip: str, protocol: str, new: Callable[[int, int, int], socket.socket] = socket.socket
) -> socket.socket:
    """Make a socket of an address's family; one of IPv6 has nothing to do with IPv4.

    :param new: makes it; one that listens is of the host's network (keeper_client.new_socket).
    """
    kind = socket.SOCK_DGRAM if protocol == "udp" else socket.SOCK_STREAM
    family = netlink.family_of(ip)
    made = new(
        family,
        kind | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC,
        IPPROTO_SCTP if protocol == "sctp" else 0,
    )
    if family == socket.AF_INET6:
        made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
    return made


def _listening(bound: Address) -> socket.socket:
    try:
        return _socket(bound[1], bound[0], keeper_client.new_socket)
    except HostError as error:  # nobody gives it
        raise OSError(errno.EHOSTDOWN, str(error)) from None


class _TcpListener:
    """A TCP port, or one of SCTP, whose messages are passed on as a stream. ``connections``: the open ones that came by it."""

    def __init__(self, relay: Relay, bound: Address, target: Target, fd: int | None = None) -> None:
        self.relay, self.address, self.target = relay, bound, target
        self.connections: set[_Connection] = set()
        self.socket = _listening(bound) if fd is None else socket.socket(fileno=fd)
        if fd is None:
            self._bind()
        relay.watch(self.socket.fileno(), self, select.EPOLLIN)

    def _bind(self) -> None:
        try:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            self.socket.bind(self.address[1:])
            self.socket.listen(BACKLOG)
        except OSError:
            self.socket.close()
            raise

    def listen(self, on: bool) -> None:
        self.relay.epoll.modify(self.socket.fileno(), select.EPOLLIN if on else 0)

    def handle(self, _events: int) -> None:
        if self.relay.connections >= self.relay.most:
            self.relay.pause()
            return
        server = None
        try:
            # first: who is accepted must be served
            server = _socket(self.target[0], self.address[0])
            client, _address = self.socket.accept()
        except OSError as error:
            if server is not None:
                server.close()
            if error.errno in (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM):
                self.relay.pause()
            return  # else: the client is gone again
        client.setblocking(False)
        _Connection(self.relay, client, server, self)

    def lead_to(self, target: Target) -> None:
        """Connect who comes to this place; who was led to another one is cut off."""
        if target != self.target:
            self.target = target
            self._cut()

    def _cut(self) -> None:
        for connection in list(self.connections):
            connection.close()

    def expire(self, now: float) -> None:
        """A listener has nothing that ages."""

    def leave(self) -> None:
        """Accept no more. Who is served stays so."""
        self.relay.unwatch(self.socket.fileno())
        self.socket.close()

    def close(self) -> None:
        self._cut()
        if self.socket.fileno() >= 0:
            self.leave()


class _Side:
    """One of a connection's two sockets.

    :ivar pending: bytes that it has not taken yet. :ivar ended: it sends no more.
    :ivar mask: the events that it is watched for, 0 for none.
    """

    __slots__ = ("connection", "socket", "fd", "peer", "pending", "ended", "connecting", "mask")

    def __init__(self, connection: _Connection, sock: socket.socket) -> None:
        self.connection, self.socket, self.fd = connection, sock, sock.fileno()
        self.peer: _Side = self  # until the connection says which
        self.pending, self.ended, self.connecting, self.mask = b"", False, False, 0

    def handle(self, events: int) -> None:
        self.connection.handle(self, events)

    def close(self) -> None:
        self.connection.close()


class _Connection:
    """A client's TCP connection and the one to the container that serves it."""

    __slots__ = ("relay", "listener", "sides", "open")

    def __init__(
        self, relay: Relay, client: socket.socket, server: socket.socket, listener: _TcpListener
    ) -> None:
        self.relay, self.listener, self.open = relay, listener, True
        listener.connections.add(self)
        self.sides = (_Side(self, client), _Side(self, server))
        self.sides[0].peer, self.sides[1].peer = self.sides[1], self.sides[0]
        relay.connections += 1
        for side in self.sides:
            if listener.address[0] == "sctp":
                side.socket.setsockopt(IPPROTO_SCTP, SCTP_NODELAY, 1)
            else:
                side.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            side.socket.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
            relay.sources[side.fd] = side
        number = server.connect_ex(listener.target)
        self.sides[1].connecting = number == errno.EINPROGRESS
        if number not in (0, errno.EINPROGRESS):
            self.abort()
        else:
            self.update()

    def handle(self, side: _Side, events: int) -> None:
        try:
            if side.connecting:
                number = side.socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
                if number:
                    raise OSError(number, os.strerror(number))
                side.connecting = not events & select.EPOLLOUT
            else:
                if events & (select.EPOLLOUT | select.EPOLLERR) and side.pending:
                    self.write(side)
                if (
                    events & (select.EPOLLIN | select.EPOLLHUP | select.EPOLLERR)
                    and not side.ended
                    and not side.peer.pending
                ):
                    self.read(side)
        except BlockingIOError:
            pass
        except OSError:
            self.abort()
            return
        self.update()

    def read(self, side: _Side) -> None:
        count = side.socket.recv_into(self.relay.buffer)
        if count == 0:
            side.ended = True
            side.peer.socket.shutdown(
                socket.SHUT_WR
            )  # all was passed on before: nothing is read while something is pending
            return
        try:
            sent = side.peer.socket.send(self.relay.buffer[:count])
        except BlockingIOError:
            sent = 0
        side.peer.pending = bytes(self.relay.buffer[sent:count])

    @staticmethod
    def write(side: _Side) -> None:
        side.pending = side.pending[side.socket.send(side.pending) :]

    def update(self) -> None:
        """Ask for the events that there is something to do for, and for none where there is not.

        A descriptor is taken out of the epoll then: it would report a hang-up again and again.
        """
        if all(side.ended for side in self.sides) and not any(side.pending for side in self.sides):
            self.close()
            return
        for side in self.sides:
            mask = select.EPOLLOUT if side.connecting or side.pending else 0
            if not (side.connecting or side.peer.connecting or side.ended or side.peer.pending):
                mask |= select.EPOLLIN
            if mask == side.mask:
                continue
            if side.mask and mask:
                self.relay.epoll.modify(side.fd, mask)
            elif mask:
                self.relay.epoll.register(side.fd, mask)
            else:
                self.relay.epoll.unregister(side.fd)
            side.mask = mask

    def abort(self) -> None:
        """End both with a reset, as the one that failed did."""
        for side in self.sides:
            side.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("=ii", 1, 0))
        self.close()

    def close(self) -> None:
        if not self.open:
            return
        self.open = False
        self.listener.connections.discard(self)
        self.relay.connections -= 1
        for side in self.sides:
            self.relay.unwatch(side.fd, bool(side.mask))
            side.socket.close()
        self.relay.resume()


class _UdpListener:
    """A UDP port. Each client has a socket of its own towards the container, so that answers find
    their way back.
    """

    def __init__(self, relay: Relay, bound: Address, target: Target, fd: int | None = None) -> None:
        self.relay, self.address, self.target = relay, bound, target
        # By the client's address and the one that it sent to; the longest idle first.
        self.clients: dict[tuple[Any, bytes], _UdpClient] = {}
        self.socket = _listening(bound) if fd is None else socket.socket(fileno=fd)
        if fd is None:
            self._bind()
        relay.watch(self.socket.fileno(), self, select.EPOLLIN)

    def _bind(self) -> None:
        try:
            if netlink.family_of(self.address[1]) == socket.AF_INET:
                self.socket.setsockopt(socket.SOL_IP, IP_PKTINFO, 1)
            else:
                self.socket.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_RECVPKTINFO, 1)
            self.socket.bind(self.address[1:])
        except OSError:
            self.socket.close()
            raise

    def listen(self, on: bool) -> None:
        """Datagrams are taken always: a full relay forgets its longest idle client."""

    def handle(self, _events: int) -> None:
        try:
            data, control, _flags, address = self.socket.recvmsg(CHUNK, socket.CMSG_SPACE(20))
        except OSError:
            return  # an ICMP error for an earlier answer
        local = bytes(4)
        for level, kind, content in control:
            if (level, kind) == (socket.SOL_IP, IP_PKTINFO):
                local = content[4:8]
            elif (level, kind) == (socket.IPPROTO_IPV6, socket.IPV6_PKTINFO):
                local = content[:16]
        client = self.clients.pop((address, local), None)
        if client is None:
            if len(self.clients) >= self.relay.most // 2:
                self.clients[next(iter(self.clients))].close()
            try:
                client = _UdpClient(self, address, local)
            except OSError:
                return  # no descriptor or no route: a datagram may get lost
        self.clients[address, local] = client
        client.send(data)

    def answer(self, client: _UdpClient, data: bytes) -> None:
        """Send from the address that the client had sent to: with 0.0.0.0 the kernel might choose
        another one.
        """
        if len(client.local) == 4:
            source = (socket.SOL_IP, IP_PKTINFO, struct.pack("=i4s4s", 0, client.local, bytes(4)))
        else:
            source = (
                socket.IPPROTO_IPV6,
                socket.IPV6_PKTINFO,
                struct.pack("=16si", client.local, 0),
            )
        with contextlib.suppress(OSError):
            self.socket.sendmsg([data], [source], 0, client.address)

    def lead_to(self, target: Target) -> None:
        """Send what comes to this place."""
        if target != self.target:
            self.target = target
            self._forget()

    def _forget(self) -> None:
        for client in list(self.clients.values()):
            client.close()

    def expire(self, now: float) -> None:
        for client in list(self.clients.values()):
            if now - client.last >= UDP_IDLE:
                client.close()

    def leave(self) -> None:
        """Take no more datagrams. What is still answered goes out by the same socket."""
        self.relay.unwatch(self.socket.fileno())

    def close(self) -> None:
        self._forget()
        if self.socket.fileno() in self.relay.sources:
            self.leave()
        self.socket.close()


class _UdpClient:
    __slots__ = ("listener", "address", "local", "socket", "last")

    def __init__(self, listener: _UdpListener, address: tuple[Any, ...], local: bytes) -> None:
        self.listener, self.address, self.local, self.last = (
            listener,
            address,
            local,
            time.monotonic(),
        )
        self.socket = _socket(listener.target[0], "udp")
        try:
            self.socket.connect(listener.target)
        except OSError:
            self.socket.close()
            raise
        listener.relay.watch(self.socket.fileno(), self, select.EPOLLIN)

    def send(self, data: bytes) -> None:
        self.last = time.monotonic()
        try:
            self.socket.send(data)
        except OSError:
            pass  # a full queue, or the port unreachable that the last datagram met: datagrams may get lost

    def handle(self, _events: int) -> None:
        try:
            data = self.socket.recv(CHUNK)
        except OSError:
            return
        self.last = time.monotonic()
        clients = self.listener.clients
        clients[self.address, self.local] = clients.pop((self.address, self.local))
        self.listener.answer(self, data)

    def close(self) -> None:
        self.listener.clients.pop((self.address, self.local), None)
        self.listener.relay.unwatch(self.socket.fileno())
        self.socket.close()


_KINDS: dict[str, type[_TcpListener] | type[_UdpListener]] = {
    "tcp": _TcpListener,
    "udp": _UdpListener,
    "sctp": _TcpListener,
}
