# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The registry's server: sockets, threads, TLS and its orderly end. What is answered is in ``api.py``.

One thread for each connection, at most ``CONNECTIONS``; when one more comes, a connection that waits for its client's next
request is closed for it. Every wait on a client has an end, so slow clients cost a thread for a while and no more.
"""

from __future__ import annotations

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

from ..errors import InvalidInput
from . import collect
from . import listen as addresses
from .answers import Refusal
from .api import Api
from .auth import Users
from .storage import Storage
from .uploads import Uploads
from .wire import Connection, read_request

CONNECTIONS = 128
IDLE = 75.0  # seconds from the end of an answer to the end of the next request's head
STALL = 60.0  # seconds without a byte either way
GRACE = 10.0  # seconds that requests get to end when the server is asked to
DRAIN = 65536  # bytes of a body that nobody asked for which are read, so that the connection can be used again
SIGNALS = (signal.SIGTERM, signal.SIGINT)
GONE = (ConnectionError, TimeoutError, socket.timeout, ssl.SSLError)  # socket.timeout is no TimeoutError before Python 3.10


class Certificate:
    """The TLS context of a certificate and key; read again when the files have changed.

    :raises InvalidInput: when they can't be read or don't belong together.
    """

    def __init__(self, certificate, key, log):
        self.paths, self.log = (certificate, key or certificate), log
        self._stamp, self._context = self._load()

    def _status(self):
        return [(status.st_mtime_ns, status.st_ino) for status in map(os.stat, self.paths)]

    def _load(self):
        try:
            stamp = self._status()
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.minimum_version = ssl.TLSVersion.TLSv1_2
            context.load_cert_chain(*self.paths, password="")  # an encrypted key is refused, not asked for on the terminal
        except (OSError, ssl.SSLError) as error:
            raise InvalidInput("tls_cert", self.paths[0], "a certificate (PEM) and its unencrypted key in tls_key (%s)" % error) from None
        return stamp, context

    def wrap(self, sock):
        with contextlib.suppress(OSError):
            if self._status() != self._stamp:
                try:
                    self._stamp, self._context = self._load()
                except InvalidInput as error:
                    self.log("the certificate in use stays: %s" % error)
                    self._stamp = self._status()
        return self._context.wrap_socket(sock, server_side=True, do_handshake_on_connect=False)


class Server:
    """A registry that serves the content in ``root``.

    :param listen: list of ``(address, port)``. :param tls_cert: PEM file, or None for plain HTTP. :param users: file of users
        (auth.py), or None to let everybody do everything. :param log: called with a line for what an administrator should see.
    :param access_log: called with a line for each request, or None. :param proxy: the registry that it is a cache of, as ``proxy.Upstream``'s
        configuration with ``ttl`` (seconds, 0 for ever), or None.
    :raises EngineError: when the content, a file or an address can't be used; nothing is left open then.
    """

    def __init__(self, root, listen, tls_cert=None, tls_key=None, users=None, log=None, access_log=None, proxy=None):
        self.log, self.access_log = log or _to_stderr, access_log
        self._certificate = Certificate(tls_cert, tls_key, self.log) if tls_cert else None
        self._users = Users(users, self.log) if users else None
        self._lock, self._clients, self._stopping = threading.Condition(), {}, False
        with contextlib.ExitStack() as opened:
            self._listeners = [opened.enter_context(addresses.bind(*where)) for where in listen]
            self.storage = Storage(root)
            opened.pop_all()
        self.uploads = Uploads(self.storage)
        self._proxy = proxy
        self._api = self._make_api(proxy)
        self._wake, self._waker = os.pipe()
        self._threads = []

    def _make_api(self, proxy):
        if not proxy:
            return Api(self.storage, self.uploads)
        from .proxy import ProxyApi  # a client: most registries need none

        return ProxyApi(self.storage, self.uploads, proxy, self.log)

    @property
    def addresses(self):
        """``[(address, port)]`` that it really listens on."""
        return [listener.getsockname()[:2] for listener in self._listeners]

    def start(self):
        """Begin to serve, in threads of this process."""
        threading.stack_size(512 << 10)
        for function in (self._accept, self._watch, self._collect):
            thread = threading.Thread(target=function, daemon=True)
            thread.start()
            self._threads.append(thread)

    def stop(self, grace=GRACE):
        """Take no more requests, wait for those under way (at most ``grace`` seconds), and end."""
        with self._lock:
            self._stopping = True
            self._lock.notify_all()
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

    def _accept(self):
        with contextlib.ExitStack() as closing, selectors.DefaultSelector() as selector:
            for listener in self._listeners:
                closing.enter_context(listener)
                listener.setblocking(False)
                selector.register(listener, selectors.EVENT_READ)
            selector.register(self._wake, selectors.EVENT_READ)
            while not self._stopping:
                for key, _events in selector.select():
                    if key.fileobj != self._wake:
                        self._take(key.fileobj)

    def _take(self, listener):
        if not self._make_room():
            return
        try:
            sock, address = listener.accept()
        except BlockingIOError:
            return
        except OSError as error:  # the client is gone again, or this process has no file descriptor left
            if error.errno in (errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.ENOBUFS):
                self.log("a connection can't be taken: %s" % error.strerror)
                time.sleep(0.2)
            return
        sock.settimeout(STALL)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection = Connection(sock, address, IDLE)
        with self._lock:
            self._clients[connection] = True
        try:
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()
        except RuntimeError as error:  # the host's limit of threads
            self.log("a connection can't be served: %s" % error)
            self._forget(connection)

    def _make_room(self):
        """Wait until there is room for one more connection, closing one that is idle; False when the server ends."""
        with self._lock:
            while len(self._clients) >= CONNECTIONS and not self._stopping:
                idle = [connection for connection in self._clients if connection.idle]
                if idle:
                    longest = min(idle, key=lambda connection: connection.deadline)
                    longest.idle = False
                    _cut(longest)
                self._lock.wait(0.5)
            return not self._stopping

    def _forget(self, connection):
        with self._lock:
            self._clients.pop(connection, None)
            self._lock.notify_all()
        connection.close()

    def _watch(self):
        """End the connections whose time is over, and uploads that nobody continues."""
        turn = 0
        while not self._stopping:
            with self._lock:
                self._lock.wait(1.0)
                now = time.monotonic()
                for connection in self._clients:
                    if connection.deadline < now:
                        _cut(connection)
            turn += 1
            if turn % 60 == 0:
                self.uploads.expire()

    def _collect(self):
        """Now and then remove the blobs that no manifest names."""
        while True:
            with self._lock:
                if self._lock.wait_for(lambda: self._stopping, collect.EVERY):
                    return
            try:
                if self._proxy and self._proxy.get("ttl"):
                    from . import proxy

                    proxy.expire(self.storage, self._proxy["ttl"])
                collect.collect(self.storage, collect.KEEP)
            except OSError as error:
                self.log("collecting what no manifest names: %s" % error)

    def _serve(self, connection):
        try:
            if self._certificate:
                if connection.socket.recv(1, socket.MSG_PEEK) not in (b"\x16", b""):  # a TLS record of a handshake begins so
                    refusal = Refusal(400, "UNSUPPORTED", "this registry speaks HTTPS, and was sent plain HTTP")
                    connection.answer(None, refusal.response(), False)
                    _linger(connection)
                    return
                connection.socket = self._certificate.wrap(connection.socket)
                connection.socket.do_handshake()
            connection.open()
            while not self._stopping and self._next(connection):
                pass
        except GONE:
            pass
        except OSError as error:
            if error.errno not in (errno.EBADF, errno.ENOTCONN, errno.EPIPE):
                self.log("%s: %s" % (connection.address[0], error))
        except Exception:  # noqa: BLE001: a defect ends this connection, not the registry
            self.log(traceback.format_exc())
        finally:
            self._forget(connection)

    # --- requests ---

    def _next(self, connection):
        """Serve one request; False when the connection is not to be used again."""
        connection.deadline, connection.idle = time.monotonic() + IDLE, True
        request = None
        try:
            request = read_request(connection)
            connection.idle = False
            if request is None:
                return False
        except Refusal as refusal:
            connection.answer(None, refusal.response(), False)
            _linger(connection)
            return False
        began = time.monotonic()
        connection.deadline = float("inf")  # the body and the answer have limits of their own
        response, reusable = self._answer(request)
        try:
            keep = reusable and request.keep_alive and not self._stopping and _drained(request)
            connection.answer(request, response, keep)
        finally:
            response.close()
        if self.access_log:
            self.access_log('%s "%s %s" %d %d %.3fs' % (
                connection.address[0], request.method, request.path, response.status, response.length, time.monotonic() - began))
        if not keep and request.body.pending:
            _linger(connection)
        return keep

    def _answer(self, request):
        """``(response, whether the connection can be used again)``."""
        try:
            if self._users is not None:
                self._users.require(request)
            return self._api.answer(request), True
        except Refusal as refusal:
            return refusal.response(), not refusal.close
        except GONE:
            raise
        except OSError as error:
            self.log("%s %s: %s" % (request.method, request.path, error))
            if error.errno in (errno.ENOSPC, errno.EDQUOT):
                return Refusal(507, "UNKNOWN", "the registry's disk is full").response(), True
            return Refusal(500, "UNKNOWN", "the registry's host refused a step; its log says which").response(), True
        except Exception:  # noqa: BLE001: the client is told, the log has the details
            self.log("%s %s: %s" % (request.method, request.path, traceback.format_exc()))
            return Refusal(500, "UNKNOWN", "the registry failed; its log says how", close=True).response(), False


def _drained(request):
    """Read what is left of a small body; False when there is too much of it, or nobody knows how much."""
    body = request.body
    if not body.pending:
        return True
    if body.length is None or body.left > DRAIN or (body.expected and not body.started):
        return False
    for _count in body.pieces(memoryview(bytearray(8192))):
        pass
    return True


def _cut(connection):
    """End a connection from another thread: whoever reads or writes there gets an error. Below TLS, which has no locks."""
    with contextlib.suppress(OSError):
        socket.socket.shutdown(connection.socket, socket.SHUT_RDWR)


def _linger(connection, seconds=3.0, limit=64 << 20):
    """Close so that a client which is still sending can read the answer: unread bytes would have TCP reset it."""
    with contextlib.suppress(OSError):
        socket.socket.shutdown(connection.socket, socket.SHUT_WR)
        connection.deadline = time.monotonic() + seconds
        connection.socket.settimeout(seconds)
        while limit > 0 and time.monotonic() < connection.deadline:
            piece = socket.socket.recv(connection.socket, 65536)
            if not piece:
                break
            limit -= len(piece)


def _to_stderr(line):
    sys.stderr.write("%s %s\n" % (time.strftime("%Y-%m-%dT%H:%M:%S%z"), line.rstrip()))
    sys.stderr.flush()


def serve(root, listen, tls_cert=None, tls_key=None, users=None, log=None, access_log=_to_stderr, started=None, proxy=None):
    """Serve the registry in ``root`` until SIGTERM or SIGINT; what ``pycontainer registry serve`` does.

    :param listen: list of ``ADDRESS:PORT``; port 0 lets the kernel choose. The others are :class:`Server`'s.
    :param started: called with the addresses, as texts, when it listens.
    :returns: 0. :raises EngineError: when it can't be served.
    """
    before = signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)  # the server's threads inherit it: the signal is this thread's
    try:
        server = Server(root, [addresses.parse(text, lowest=0) for text in listen], tls_cert, tls_key, users, log, access_log, proxy)
        server.start()
        where = [addresses.show(*address) for address in server.addresses]
        server.log("serving %s on %s" % (server.storage.root, ", ".join(where)))
        if started:
            started(where)
        signal.sigwait(SIGNALS)
        server.stop()
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
    return 0
