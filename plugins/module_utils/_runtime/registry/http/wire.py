# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""HTTP/1.1 on one connection: requests in, answers out (RFC 9110, RFC 9112).

Request bodies are read as they are used, with a length or chunked, and never held whole. A request
whose end is ambiguous is refused (RFC 9112 section 6.3): a proxy in front could read it in another
way.
"""

from __future__ import annotations

import abc
import contextlib
import http
import io
import time
from urllib.parse import parse_qsl, unquote

from ...errors import required
from ..content.answers import Refusal

TYPE_CHECKING = False
if TYPE_CHECKING:
    import socket
    from collections.abc import Iterator
    from typing import BinaryIO

    from ..content.answers import Response


LINE = 16384  # bytes of the longest line that is read: upload locations and Accept headers stay far below
HEADERS = 100
HEAD = 65536  # bytes of all header lines
PIECE = 1 << 20  # bytes between two looks at the clock
PATIENCE = 300.0  # seconds that a piece may take: slower than about 3 KiB/s is not a transfer
SLOW = 5.0  # seconds after which one that is slower than that makes room for others
SLOW_PIECE = 30.0  # the same for a piece that is sent at once


def bad(message: str) -> Refusal:
    """Return the answer to an invalid HTTP request. Nothing after it on this connection can be
    trusted.
    """
    return Refusal(400, "UNSUPPORTED", message, close=True)


class Request:
    """One request's head, and its ``body`` to be read.

    :ivar headers: by lower-case names; the values of a repeated field are joined by commas (RFC
        9110 section 5.3).
    :ivar query: names and values as decoded.
    """

    def __init__(
        self, method: str, target: str, version: str, headers: dict[str, str], body: Body
    ) -> None:
        self.method, self.version, self.headers, self.body = method, version, headers, body
        path, dummy, query = target.partition("?")
        self.path = unquote(path, errors="replace")
        self.query = parse_qsl(query, keep_blank_values=True, errors="replace")

    def argument(self, name: str, default: str | None = None) -> str | None:
        """Return the first value of a query argument."""
        return next((value for key, value in self.query if key == name), default)

    @property
    def keep_alive(self) -> bool:
        wish = self.headers.get("connection", "").lower()
        return "close" not in wish if self.version == "HTTP/1.1" else "keep-alive" in wish


def read_request(connection: Connection) -> Request | None:
    """Read the next request on a connection; return None where the client has closed it.

    :raises Refusal: for what is not HTTP.
    :raises OSError: where the connection breaks or times out.
    """
    line = connection.line()
    if line == "":  # one empty line before a request is to be ignored (RFC 9112 section 2.2)
        line = connection.line()
    if line is None:
        return None
    words = line.split(" ")
    if len(words) != 3 or words[2] not in ("HTTP/1.1", "HTTP/1.0") or not words[1].startswith("/"):
        raise bad("the request line is not METHOD /path HTTP/1.1")
    headers = _headers(connection)
    body = _body(connection, headers, words[2])
    return Request(words[0], words[1], words[2], headers, body)


def _headers(connection: Connection) -> dict[str, str]:
    headers: dict[str, str] = {}
    size = 0
    for _count in range(HEADERS + 1):
        line = connection.line()
        if line is None:
            raise ConnectionError("closed within a request")
        if line == "":
            return headers
        size += len(line)
        if size > HEAD:
            raise Refusal(431, "UNSUPPORTED", f"header lines of more than {HEAD} bytes", close=True)
        name, colon, value = line.partition(":")
        if not colon or not name or name != name.strip():
            raise bad("a header line is not Name: value")
        name, value = name.lower(), value.strip()
        headers[name] = headers[name] + ", " + value if name in headers else value
    raise Refusal(431, "UNSUPPORTED", f"more than {HEADERS} header lines", close=True)


def _body(connection: Connection, headers: dict[str, str], version: str) -> Body:
    length, coding = headers.get("content-length"), headers.get("transfer-encoding")
    if coding is not None:
        if length is not None or version != "HTTP/1.1":
            raise bad("Transfer-Encoding together with Content-Length, or in HTTP/1.0")
        if coding.lower() != "chunked":
            raise Refusal(501, "UNSUPPORTED", "Transfer-Encoding other than chunked", close=True)
        body: Body = ChunkedBody(connection)
    else:
        if length is not None and not (length.isascii() and length.isdigit()):
            raise bad("Content-Length is not a number")
        body = LengthBody(connection, int(length or 0))
    if headers.get("expect", "").lower() == "100-continue" and version == "HTTP/1.1":
        body.expected = True
    return body


class Body(abc.ABC):
    """A request's body, read with :meth:`pieces`. ``length`` is None where the client did not say
    it.
    """

    length: int | None = None
    left = 0  # bytes that are to come: of it, or of its chunk
    expected = False  # the client waits for "100 Continue" before it sends

    def __init__(self, connection: Connection) -> None:
        self.connection, self.finished, self.started = connection, False, False

    @abc.abstractmethod
    def _fill(self, buffer: memoryview) -> int:
        """Read a piece into ``buffer`` and return its bytes; 0 at the end."""

    def pieces(self, buffer: memoryview) -> Iterator[int]:
        """Fill ``buffer`` again and again. Yield the number of bytes in it each time."""
        if self.expected and not self.started and not self.finished:
            self.connection.send(b"HTTP/1.1 100 Continue\r\n\r\n")
        self.started = True
        pace = self.connection
        pace.begin(SLOW)
        while not self.finished:
            count = self._fill(buffer)
            if not count:
                break
            pace.piece_size += count
            yield count
            if pace.piece_size >= PIECE:
                pace.begin(SLOW)
            elif pace.piece_began and time.monotonic() > pace.piece_began + PATIENCE:
                raise TimeoutError("the request's body comes too slowly")
        pace.piece_began = None

    def read(self, limit: int) -> bytes:
        """Read the whole body. :raises Refusal: where it has more than ``limit`` bytes."""
        refusal = Refusal(413, "SIZE_INVALID", f"the body has more than {limit} bytes")
        if self.length is not None and self.length > limit:
            raise refusal
        data, buffer = bytearray(), memoryview(bytearray(65536))
        for count in self.pieces(buffer):
            data += buffer[:count]
            if len(data) > limit:
                raise refusal
        return bytes(data)

    @property
    def pending(self) -> bool:
        """Tell whether a part of the body may still arrive, so that the next request can't be read
        yet.

        This is also so where the client was not told to send it: it may do so all the same (RFC
        9110 section 10.1.1).
        """
        return not self.finished


class LengthBody(Body):
    def __init__(self, connection: Connection, length: int) -> None:
        super().__init__(connection)
        self.length, self.left = length, length
        self.finished = not length

    def _fill(self, buffer: memoryview) -> int:
        count = self.connection.fill(buffer[: min(len(buffer), self.left)])
        self.left -= count
        self.finished = not self.left
        return count


class ChunkedBody(Body):
    def _fill(self, buffer: memoryview) -> int:
        if not self.left and not self._next():
            return 0
        count = self.connection.fill(buffer[: min(len(buffer), self.left)])
        self.left -= count
        if not self.left and self.connection.line() != "":
            raise bad("a chunk does not end where its size says")
        return count

    def _next(self) -> bool:
        """Read the next chunk's size. Return False at the last one, after its trailer."""
        size = (self.connection.line() or "").partition(";")[0].strip()
        if not 0 < len(size) <= 16 or set(size.lower()) - set("0123456789abcdef"):
            raise bad("a chunk's size is not a hexadecimal number")
        self.left = int(size, 16)
        if not self.left:
            _headers(self.connection)
            self.finished = True
        return bool(self.left)


class Connection:
    """A client's socket, buffered for reading.

    :ivar deadline: the moment (monotonic) until which what it does now must be over; the server's
        watch ends it then.
    :ivar idle: whether no request of somebody who may use the registry is being served, so that it
        may be closed for another client; ``since`` when.
    :ivar cut: whether it was.
    :ivar host: the client's address.
    """

    def __init__(self, sock: socket.socket, address: tuple[str, int], seconds: float) -> None:
        self.socket, self.address = sock, address
        self.host = address[0]
        self.since = time.monotonic()
        self.deadline, self.idle, self.cut = self.since + seconds, True, False
        self.file: io.BufferedReader | None = None
        self.piece_began: float | None = None
        self.piece_size, self._slow = 0, SLOW

    def begin(self, slow: float) -> None:
        """Begin a piece of a body. :param slow: seconds after which it is looked at whether it is
        slow.
        """
        self.piece_began, self.piece_size, self._slow = time.monotonic(), 0, slow

    def slow(self, now: float) -> bool:
        """Tell whether the body that is being transferred is too slow."""
        began = self.piece_began
        return (
            began is not None
            and now - began > self._slow
            and self.piece_size < (now - began) * PIECE / PATIENCE
        )

    def open(self) -> None:
        """Begin to read; after a TLS handshake, because the buffer belongs to the encrypted side."""
        self.file = io.BufferedReader(self.socket.makefile("rb", 0), 65536)

    def close(self) -> None:
        """Close socket and buffer: the socket stays open as long as the buffer that reads from it
        is.
        """
        for item in (self.file, self.socket):
            if item is not None:
                with contextlib.suppress(OSError):
                    item.close()

    @property
    def _reader(self) -> io.BufferedReader:
        """The buffer of a connection that was opened."""
        return required(self.file, "the buffer of a connection")

    def line(self) -> str | None:
        """Read a line without its end; return None at the end of the stream."""
        data = self._reader.readline(LINE + 1)
        if not data:
            return None
        if not data.endswith(b"\n"):
            raise (
                Refusal(
                    431,
                    "UNSUPPORTED",
                    f"a line of the request has more than {LINE} bytes",
                    close=True,
                )
                if len(data) > LINE
                else ConnectionError("closed within a line")
            )
        return data[: -2 if data.endswith(b"\r\n") else -1].decode("latin-1")

    def fill(self, view: memoryview) -> int:
        """Read at most ``len(view)`` bytes. :raises ConnectionError: at the end of the stream."""
        count = self._reader.readinto1(view)
        if not count:
            raise ConnectionError("closed within a body")
        return count

    def send(self, data: bytes) -> None:
        self.socket.sendall(data)

    def answer(self, request: Request | None, response: Response, keep_alive: bool) -> None:
        """Send ``response``. The body is left out where ``request`` is a HEAD."""
        headers = dict(response.headers)
        if response.status not in (204, 304):
            headers.setdefault("Content-Length", str(response.length))
        headers["Docker-Distribution-API-Version"] = "registry/2.0"
        headers["X-Content-Type-Options"] = "nosniff"
        headers["Connection"] = "keep-alive" if keep_alive else "close"
        lines = [f"HTTP/1.1 {response.status} {http.HTTPStatus(response.status).phrase}"]
        lines += ["%s: %s" % item for item in headers.items()]
        head = ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1", "replace")
        with_body = (request is None or request.method != "HEAD") and response.status not in (
            204,
            304,
        )
        self.send(head + (response.body if with_body else b""))
        if response.file is not None and with_body:
            self._send_file(response.file, response.offset, response.count)
        if response.pieces is not None and with_body:
            for piece in response.pieces:
                self.deadline = time.monotonic() + PATIENCE
                self.begin(SLOW_PIECE)
                self.send(piece)
                self.piece_began = None

    def _send_file(self, file: BinaryIO, offset: int, left: int) -> None:
        """Send ``left`` bytes from ``offset`` on, by sendfile(2), from page cache to socket; with TLS
        through a small buffer.
        """
        while left:
            self.deadline = time.monotonic() + PATIENCE
            self.begin(SLOW_PIECE)
            sent = self.socket.sendfile(file, offset, min(left, PIECE))
            if not sent:
                raise ConnectionError("a blob became shorter while it was sent")
            offset, left = offset + sent, left - sent
        self.piece_began = None
