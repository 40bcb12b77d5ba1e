# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The registry's server: sockets, threads, TLS and its orderly end. ``api.py`` makes the answers.

Each connection has one thread. There are at most ``CONNECTIONS``, and ``PER_ADDRESS`` for one
client's address. Further connections wait without a thread; those of the address with the fewest
are served first.

When there is no room, idle connections are closed: those that wait for their client's next request,
have shown no credentials where the registry has users, or are too slow. They are taken from the
address with the most. So a client that can't log in, or sends slowly, keeps nobody out. Every wait
on a client is bounded.
"""

from __future__ import annotations

import collections
import contextlib
import errno
import os
import selectors
import signal
import socket
import ssl
import sys
import threading
import time
import traceback

from ...errors import InvalidInput, reason, unexpected
from ...untrusted import files
from ...untrusted.text import entry, printable
from ..content import collect
from ..content.answers import Refusal
from ..content.content_store import Storage
from ..content.uploads import Uploads
from . import listen as addresses
from .api import Api
from .registry_users import Users
from .wire import Connection, read_request

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from ..content.answers import Response
    from .wire import Body, Request

    Log = Callable[[str], None]
    MakeApi = Callable[[Storage, Uploads, Log], Api]


CONNECTIONS = 128
PER_ADDRESS = 96
WAITING = 128  # connections that were taken and wait for room
FRESH = 1.0  # seconds in which a connection is not closed for another one: so long clients may take to say what they want
HANDSHAKE = 10.0  # seconds that TLS may take
IDLE = 75.0  # seconds from the end of an answer to the end of the next request's head
STALL = 60.0  # seconds without a byte either way
GRACE = 10.0  # seconds that requests get to end when the server is asked to
DRAIN = 65536  # bytes of a body that nobody asked for which are read, so that the connection can be used again
DRAINING = 5.0  # seconds that may take
SIGNALS = (signal.SIGTERM, signal.SIGINT)
GONE = (
    ConnectionError,
    TimeoutError,
    socket.timeout,
    ssl.SSLError,
)  # socket.timeout is no TimeoutError before Python 3.10


class Certificate:
    """The TLS context of a certificate and key. It is read again when the files have changed.

    :raises InvalidInput: where they can't be read or don't belong together.
    """

    def __init__(self, certificate: str, key: str | None, log: Log | None) -> None:
        self.paths, self.log = (certificate, key or certificate), log or _to_stderr
        self._stamp, self._context = self._load()

    def _status(self) -> list[tuple[int, int]]:
        return [(status.st_mtime_ns, status.st_ino) for status in map(os.stat, self.paths)]

    def _load(self) -> tuple[list[tuple[int, int]], ssl.SSLContext]:
        try:
            stamp = self._status()
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.minimum_version = ssl.TLSVersion.TLSv1_2
            for path in self.paths:
                os.close(files.open_regular(path, links=True))
            context.load_cert_chain(
                *self.paths, password=""
            )  # an encrypted key is refused, not asked for on the terminal
        except (OSError, files.Unacceptable, ssl.SSLError) as error:
            raise InvalidInput(
                "tls_cert",
                self.paths[0],
                f"a certificate (PEM) and its unencrypted key in tls_key ({reason(error)})",
            ) from None
        return stamp, context

    def wrap(self, sock: socket.socket) -> ssl.SSLSocket:
        with contextlib.suppress(OSError):
            if self._status() != self._stamp:
                try:
                    self._stamp, self._context = self._load()
                except InvalidInput as error:
                    self.log(f"the certificate in use stays: {error}")
                    self._stamp = self._status()
        return self._context.wrap_socket(sock, server_side=True, do_handshake_on_connect=False)


class Server:
    """A registry that serves the content in ``root``.

    :param listen: addresses and ports.
    :param tls_cert: PEM file, or None for plain HTTP.
    :param users: file of users (registry_users.py), or None to let everybody do everything.
    :param log: called with a line for what an administrator should see.
    :param access_log: called with a line for each request.
    :param make_api: makes what answers the requests; by default an :class:`Api`.
    :raises EngineError: where the content, a file or an address can't be used; nothing is left open
        then.
    """

    def __init__(
        self,
        root: str,
        listen: list[tuple[str, int]],
        *,
        tls_cert: str | None = None,
        tls_key: str | None = None,
        users: str | None = None,
        log: Log | None = None,
        access_log: Log | None = None,
        make_api: MakeApi | None = None,
    ) -> None:
        write = log or _to_stderr
        self.log, self.access_log = (lambda text: write(entry(text))), access_log
        self._certificate = Certificate(tls_cert, tls_key, self.log) if tls_cert else None
        self._users = Users(users, self.log) if users else None
        self._lock = threading.Condition(threading.RLock())
        self._clients: dict[Connection, bool] = {}
        self._waiting: list[Connection] = []
        self._stopping = False
        with contextlib.ExitStack() as opened:
            self._listeners = [opened.enter_context(addresses.bind(*where)) for where in listen]
            self.storage = Storage(root)
            opened.pop_all()
        self.uploads = Uploads(self.storage)
        self._api = (make_api or _plain)(self.storage, self.uploads, self.log)
        self._wake, self._waker = os.pipe()
        self._threads: list[threading.Thread] = []

    @property
    def addresses(self) -> list[tuple[str, int]]:
        """The addresses and ports that it really listens on."""
        return [listener.getsockname()[:2] for listener in self._listeners]

    def start(self) -> None:
        """Begin to serve, in threads of this process."""
        threading.stack_size(512 << 10)
        for function in (self._accept, self._watch, self._collect):
            thread = threading.Thread(target=function, daemon=True)
            thread.start()
            self._threads.append(thread)

    def stop(self, grace: float = GRACE) -> None:
        """Take no more requests, wait for those under way (at most ``grace`` seconds), and end."""
        with self._lock:
            self._stopping = True
            self._lock.notify_all()
            for connection in self._waiting:
                connection.close()
            self._waiting.clear()
            for connection in self._clients:
                if connection.idle:
                    _cut(connection)
        os.write(self._waker, b"x")
        end = time.monotonic() + grace
        with self._lock:
            while self._clients and time.monotonic() < end:
                self._lock.wait(0.1)
            for connection in self._clients:
                _cut(connection)
            self._lock.wait_for(lambda: not self._clients, 1.0)
        for thread in self._threads:
            thread.join(5.0)
        for fd in (self._wake, self._waker):
            os.close(fd)
        self._api.close()
        self.storage.close()

    # --- connections ---

    def _accept(self) -> None:
        with contextlib.ExitStack() as closing, selectors.DefaultSelector() as selector:
            for listener in self._listeners:
                closing.enter_context(listener)
                listener.setblocking(False)
                selector.register(listener, selectors.EVENT_READ, listener)
            selector.register(self._wake, selectors.EVENT_READ)
            while not self._stopping:
                for key, _events in selector.select():
                    if key.data is not None:
                        try:
                            self._take(key.data)
                        except Exception as error:  # the next client is another one
                            self.log(f"a connection can't be taken: {_failure(error)}")

    def _take(self, listener: socket.socket) -> None:
        try:
            sock, address = listener.accept()
        except BlockingIOError:
            return
        except (
            OSError
        ) as error:  # the client is gone again, or this process has no file descriptor left
            if error.errno in (errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.ENOBUFS):
                self.log(f"a connection can't be taken: {reason(error, named=True)}")
                time.sleep(0.2)
            return
        sock.settimeout(STALL)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection = Connection(sock, address, IDLE)
        with self._lock:
            self._waiting.append(connection)
            self._admit()
            self._lock.notify_all()
            if len(self._waiting) > WAITING:
                counts = collections.Counter(other.host for other in self._waiting)
                unlucky = max(
                    self._waiting, key=lambda other: counts[other.host]
                )  # the oldest of those
                self._waiting.remove(unlucky)
                unlucky.close()

    def _admit(self) -> None:
        """Serve as many of the waiting connections as there is room for, and make room for the
        others. The lock is held.
        """
        counts = collections.Counter(connection.host for connection in self._clients)
        while self._waiting and not self._stopping:
            connection = min(self._waiting, key=lambda other: counts[other.host])
            if len(self._clients) >= CONNECTIONS or counts[connection.host] >= PER_ADDRESS:
                break
            self._waiting.remove(connection)
            self._clients[connection] = True
            connection.since = time.monotonic()
            counts[connection.host] += 1
            try:
                threading.Thread(target=self._serve, args=(connection,), daemon=True).start()
            except RuntimeError as error:  # the host's limit of threads
                self.log(f"a connection can't be served: {error}")
                self._clients.pop(connection)
                connection.close()
        if self._waiting and not self._stopping:
            self._make_room()

    def _make_room(self) -> None:
        """Close an idle connection for each waiting one that has none closed for it yet. The lock
        is held.
        """
        now = time.monotonic()
        staying = [connection for connection in self._clients if not connection.cut]
        dispensable = [
            connection
            for connection in staying
            if connection.idle and now - connection.since > FRESH or connection.slow(now)
        ]
        counts, room = (
            collections.Counter(connection.host for connection in staying),
            CONNECTIONS - len(staying),
        )
        for connection in sorted(self._waiting, key=lambda other: counts[other.host]):
            crowded = counts[connection.host] >= PER_ADDRESS
            if crowded or room <= 0:
                candidates = [
                    other for other in dispensable if other.host == connection.host or not crowded
                ]
                if not candidates:
                    continue
                victim = max(candidates, key=lambda other: (counts[other.host], now - other.since))
                dispensable.remove(victim)
                counts[victim.host] -= 1
                room += 1
                victim.cut = True
                _cut(victim)
            counts[connection.host] += 1
            room -= 1

    def _keep(self, connection: Connection, idle: bool = False) -> None:
        """Protect the connection from being closed for another one: its request is being served.

        :raises ConnectionError: where it was closed just before.
        """
        with self._lock:
            if connection.cut:
                raise ConnectionError("closed for another client")
            connection.idle = idle

    def _forget(self, connection: Connection) -> None:
        connection.close()
        with self._lock:
            self._clients.pop(connection, None)
            self._lock.notify_all()
            self._admit()

    def _watch(self) -> None:
        """End connections whose time is over, and uploads that were abandoned."""
        expired = time.monotonic()
        while not self._stopping:
            with self._lock:
                self._lock.wait(min(FRESH, 0.2) if self._waiting else 1.0)
                now = time.monotonic()
                for connection in self._clients:
                    if connection.deadline < now:
                        _cut(connection)
                self._admit()  # others may be closed for them by now
            if now - expired > 60.0:
                expired = now
                try:
                    self.uploads.expire()
                except Exception as error:  # connections have to be watched all the same
                    self.log(f"removing uploads that nobody continues: {_failure(error)}")

    def _collect(self) -> None:
        """Remove the blobs that no manifest names, now and then."""
        while True:
            with self._lock:
                if self._lock.wait_for(lambda: self._stopping, collect.EVERY):
                    return
            try:
                self._api.expire()
                collect.collect(self.storage, collect.KEEP)
            except Exception as error:  # the next time may go better
                self.log(f"collecting what no manifest names: {_failure(error)}")

    def _serve(self, connection: Connection) -> None:
        try:
            if self._certificate:
                connection.deadline = time.monotonic() + HANDSHAKE
                if connection.socket.recv(1, socket.MSG_PEEK) not in (
                    b"\x16",
                    b"",
                ):  # a TLS record of a handshake begins so
                    refusal = Refusal(
                        400, "UNSUPPORTED", "this registry speaks HTTPS, and was sent plain HTTP"
                    )
                    connection.answer(None, refusal.response(), False)
                    _linger(connection)
                    return
                connection.socket = self._certificate.wrap(connection.socket)
                self._keep(connection, idle=True)  # while it was wrapped, nobody could cut it
                connection.socket.do_handshake()
            connection.open()
            while not self._stopping and self._next(connection):
                pass
        except GONE:
            pass
        except OSError as error:
            if error.errno not in (errno.EBADF, errno.ENOTCONN, errno.EPIPE):
                self.log(f"{connection.address[0]}: {reason(error)}")
        except Exception as error:  # a defect ends this connection, not the registry
            self.log(f"{connection.address[0]}: {_failure(error)}")
        finally:
            self._forget(connection)

    # --- requests ---

    def _next(self, connection: Connection) -> bool:
        """Serve one request. Return False where the connection can't be used again."""
        connection.since = time.monotonic()
        connection.deadline, connection.idle = connection.since + IDLE, True
        connection.piece_began = None
        request = None
        try:
            request = read_request(connection)
            if request is None:
                return False
        except Refusal as refusal:
            connection.answer(None, refusal.response(), False)
            _linger(connection)
            return False
        except (ValueError, RecursionError, MemoryError, LookupError) as error:
            self.log(f"{connection.address[0]}: a request can't be read: {_failure(error)}")
            said = "the registry failed; its log says how"
            failure = Refusal(500, "UNKNOWN", said, close=True)
            connection.answer(None, failure.response(), False)
            _linger(connection)
            return False
        began = time.monotonic()
        response, reusable = self._answer(request, connection)
        try:
            keep = reusable and request.keep_alive and not self._stopping and _drainable(request)
            connection.answer(request, response, keep)
        finally:
            response.close()
        connection.since, connection.idle = time.monotonic(), True
        if self.access_log:
            self.access_log(
                f'{connection.address[0]} "{_shown(request)}" {response.status} '
                f"{response.length} {time.monotonic() - began:.3f}s"
            )
        if keep:
            _drain(connection, request.body)
        elif request.body.pending:
            _linger(connection)
        return keep

    def _answer(self, request: Request, connection: Connection) -> tuple[Response, bool]:
        """Return the response, and whether the connection can be used again."""
        try:
            if self._users is not None:
                try:
                    self._users.require(request, connection.host, lambda: connection.cut)
                except (
                    Refusal
                ) as refusal:  # whoever can't log in has nothing to send that is worth reading
                    return refusal.response(), not request.body.pending
            self._keep(connection)
            connection.deadline = float("inf")  # the body and the answer have limits of their own
            return self._api.answer(request), True
        except Refusal as refusal:
            return refusal.response(), not refusal.close
        except GONE:
            raise
        except OSError as error:
            self.log(f"{_shown(request)}: {unexpected(error, 'its client was told')}")
            if error.errno in (errno.ENOSPC, errno.EDQUOT):
                return Refusal(507, "UNKNOWN", "the registry's disk is full").response(), True
            return Refusal(
                500, "UNKNOWN", "the registry's host refused a step; its log says which"
            ).response(), True
        except Exception as error:  # the client is told, the log has the details
            self.log(f"{_shown(request)}: {_failure(error)}")
            return Refusal(
                500, "UNKNOWN", "the registry failed; its log says how"
            ).response(), not request.body.pending


def _failure(error: Exception) -> str:
    """Return what went wrong for the log, with the traceback."""
    return f"{unexpected(error, 'the traceback follows')}\n{traceback.format_exc()}"


def _shown(request: Request) -> str:
    """Return the request in a form that is safe in a log: its text is foreign."""
    return "%s %s" % (
        printable(request.method, 20),
        printable(request.path, 500).replace('"', '\\"'),
    )


def _drainable(request: Request) -> bool:
    """Tell whether the rest of a body is small enough to be read after the answer. Not where its
    length is unknown.
    """
    body = request.body
    return not body.pending or not (
        body.length is None or body.left > DRAIN or (body.expected and not body.started)
    )


def _drain(connection: Connection, body: Body) -> None:
    """Read what is left of a body, so that the connection can be used again."""
    if body.pending:
        connection.deadline = time.monotonic() + DRAINING
        for _count in body.pieces(memoryview(bytearray(8192))):
            pass


def _cut(connection: Connection) -> None:
    """End a connection from another thread: its reader or writer gets an error. This is done below
    TLS, which has no locks.
    """
    with contextlib.suppress(OSError):
        socket.socket.shutdown(connection.socket, socket.SHUT_RDWR)


def _linger(connection: Connection, seconds: float = 3.0, limit: int = 64 << 20) -> None:
    """Close so that a client which is still sending can read the answer. Unread bytes would make
    TCP reset the connection.
    """
    with contextlib.suppress(OSError):
        socket.socket.shutdown(connection.socket, socket.SHUT_WR)
        connection.idle = True
        connection.deadline = time.monotonic() + seconds
        connection.socket.settimeout(seconds)
        while limit > 0 and time.monotonic() < connection.deadline:
            piece = socket.socket.recv(connection.socket, 65536)
            if not piece:
                break
            limit -= len(piece)


def _to_stderr(line: str) -> None:
    sys.stderr.write("%s %s\n" % (time.strftime("%Y-%m-%dT%H:%M:%S%z"), line.rstrip()))
    sys.stderr.flush()


def _plain(storage: Storage, uploads: Uploads, _log: Log) -> Api:
    return Api(storage, uploads)


def serve(
    root: str,
    listen: list[str],
    *,
    tls_cert: str | None = None,
    tls_key: str | None = None,
    users: str | None = None,
    log: Log | None = None,
    access_log: Log | None = _to_stderr,
    started: Callable[[list[str]], None] | None = None,
    make_api: MakeApi | None = None,
) -> int:
    """Serve the registry in ``root`` until SIGTERM or SIGINT. ``pycontainer registry serve`` does
    this.

    :param listen: each ``ADDRESS:PORT``; port 0 lets the kernel choose. The others are
        :class:`Server`'s.
    :param started: called with the addresses, as texts, when it listens.
    :returns: an exit code, 0.
    :raises EngineError: where it can't be served.
    """
    before = signal.pthread_sigmask(
        signal.SIG_BLOCK, SIGNALS
    )  # the server's threads inherit it: the signal is this thread's
    try:
        server = Server(
            root,
            [addresses.parse(text, lowest=0) for text in listen],
            tls_cert=tls_cert,
            tls_key=tls_key,
            users=users,
            log=log,
            access_log=access_log,
            make_api=make_api,
        )
        server.start()
        where = [addresses.show(*address) for address in server.addresses]
        server.log(f"serving {server.storage.root} on {', '.join(where)}")
        if started:
            started(where)
        signal.sigwait(SIGNALS)
        server.stop()
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
    return 0
