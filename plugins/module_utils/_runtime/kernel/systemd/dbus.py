# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Method calls over D-Bus, as far as systemd's interface needs them: no bus's names, no signals, no file descriptors.

D-Bus Specification 0.42, "Message Protocol" and "Marshaling". Values are written by a signature and Python's plain types: a struct
is a tuple, an array a list, "ay" bytes, a dictionary ``a{..}`` a list of pairs, a variant ``(signature, value)``.
"""

from __future__ import annotations

import struct

from ...errors import HostError, NotFound, Unsupported, reason

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

FIXED = {
    "y": "<B",
    "b": "<I",
    "n": "<h",
    "q": "<H",
    "i": "<i",
    "u": "<I",
    "x": "<q",
    "t": "<Q",
    "d": "<d",
}
ALIGN = {
    "y": 1,
    "n": 2,
    "q": 2,
    "b": 4,
    "i": 4,
    "u": 4,
    "a": 4,
    "s": 4,
    "o": 4,
    "g": 1,
    "v": 1,
    "x": 8,
    "t": 8,
    "d": 8,
    "(": 8,
    "{": 8,
}
CALL, RETURN, ERROR = 1, 2, 3
PATH, INTERFACE, MEMBER, ERROR_NAME, REPLY_SERIAL, DESTINATION, SIGNATURE = 1, 2, 3, 4, 5, 6, 8
PATIENCE = 30.0  # seconds that an answer may take


def split(signature: str) -> list[str]:
    """A signature's complete types: "sa(ss)u" -> ["s", "a(ss)", "u"]."""
    parts, start, depth = [], 0, 0
    for at, char in enumerate(signature):
        depth += (char in "({") - (char in ")}")
        if depth == 0 and char != "a":
            parts.append(signature[start : at + 1])
            start = at + 1
    return parts


def pad(data: bytearray, to: int) -> None:
    data.extend(bytes(-len(data) % to))


def write(data: bytearray, kind: str, value: Any) -> None:
    """Append ``value`` of the one complete type ``kind`` to ``data`` (bytearray)."""
    pad(data, ALIGN[kind[0]])
    if kind[0] in FIXED:
        data += struct.pack(FIXED[kind[0]], value)
    elif kind in ("s", "o"):
        text = value.encode()
        data += struct.pack("<I", len(text)) + text + b"\0"
    elif kind == "g":
        data += bytes((len(value),)) + value.encode() + b"\0"
    elif kind == "v":
        write(data, "g", value[0])
        write(data, value[0], value[1])
    elif kind[0] == "a":
        length_at = len(data)
        data += bytes(4)
        pad(data, ALIGN[kind[1]])
        start = len(data)
        for item in value:
            write(data, kind[1:], item)
        struct.pack_into("<I", data, length_at, len(data) - start)
    else:
        for part, item in zip(split(kind[1:-1]), value):
            write(data, part, item)


class Reader:
    """Values out of a message, one after another."""

    def __init__(self, data: bytes, order: str) -> None:
        self.data, self.order, self.at = data, order, 0

    def fixed(self, code: str) -> Any:
        size = struct.calcsize(code[1:])
        self.at += -self.at % size
        value = struct.unpack_from(self.order + code[1:], self.data, self.at)[0]
        self.at += size
        return value

    def text(self, length: int) -> str:
        value = self.data[self.at : self.at + length].decode("utf-8", "replace")
        self.at += length + 1
        return value

    def read(self, kind: str) -> Any:
        self.at += -self.at % ALIGN[kind[0]]
        if kind == "b":
            return bool(self.fixed("<I"))
        if kind in FIXED:
            return self.fixed(FIXED[kind])
        if kind in ("s", "o"):
            return self.text(self.fixed("<I"))
        if kind == "g":
            return self.text(self.fixed("<B"))
        if kind == "v":
            return self.read(self.read("g"))
        if kind[0] == "a":
            end = self.fixed("<I")
            self.at += -self.at % ALIGN[kind[1]]
            end, items = self.at + end, []
            while self.at < end:
                items.append(self.read(kind[1:]))
            return bytes(items) if kind == "ay" else items
        return tuple(self.read(part) for part in split(kind[1:-1]))


class Connection:
    """One connection to ``address``, the path of a socket; ``bus`` when a message bus is behind it, not the service itself.

    :param user: this process's, as who listens there numbers it.
    :raises Unsupported: nobody listens there, or this user isn't let in.
    """

    def __init__(self, address: str, destination: str, bus: bool, user: int) -> None:
        import _socket  # here: only runtimes that are told to use systemd come by

        self.destination, self.serial, self.buffer = destination, 0, b""
        self.socket = _socket.socket(_socket.AF_UNIX, _socket.SOCK_STREAM | _socket.SOCK_CLOEXEC, 0)
        try:
            self.socket.settimeout(PATIENCE)
            self.socket.connect(address)
            # BEGIN in the same breath, as systemd's own clients do: one that it reads together with a call makes it overlook the call
            self.socket.sendall(
                b"\0AUTH EXTERNAL %s\r\nBEGIN\r\n" % str(user).encode().hex().encode()
            )
            if not self.line().startswith(b"OK "):
                raise Unsupported(f"systemd: {address} doesn't let this user in")
            self.bus = bus
            if bus:
                self.call(
                    "/org/freedesktop/DBus",
                    "org.freedesktop.DBus",
                    "Hello",
                    destination="org.freedesktop.DBus",
                )
        except OSError as error:
            self.close()
            raise Unsupported(
                f"systemd: {address} can't be reached: {reason(error, named=True)}"
            ) from error
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        self.socket.close()

    def call(
        self,
        path: str,
        interface: str,
        member: str,
        signature: str = "",
        arguments: Iterable[Any] = (),
        destination: str | None = None,
    ) -> list[Any]:
        """Call a method; returns the list of what it answers.

        :raises NotFound: no such object or unit. :raises HostError: another error, or no answer within 30 s.
        """
        self.serial += 1
        self.socket.sendall(
            message(
                self.serial,
                path,
                interface,
                member,
                signature,
                arguments,
                destination or (self.destination if self.bus else ""),
            )
        )
        while True:
            kind, fields, body = self.receive()
            if fields.get(REPLY_SERIAL) != self.serial:
                continue  # a signal
            if kind == RETURN:
                return body
            name, said = fields.get(ERROR_NAME, ""), body[0] if body else ""
            wrong = NotFound if name.endswith((".NoSuchUnit", ".UnknownObject")) else HostError
            raise wrong(f"systemd: {member} failed: {said} ({name.rpartition('.')[2]})")

    def receive(self) -> tuple[int, dict[int, Any], list[Any]]:
        """The next message: ``(type, fields, values)``."""
        head = self.take(16)
        order = "<" if head[:1] == b"l" else ">"
        length, fields_length = (
            struct.unpack_from(order + "I", head, 4)[0],
            struct.unpack_from(order + "I", head, 12)[0],
        )
        rest = self.take(fields_length + -fields_length % 8 + length)
        reader = Reader(head + rest[:fields_length], order)
        reader.at = 12
        fields = dict(reader.read("a(yv)"))
        body = Reader(rest[fields_length + -fields_length % 8 :], order)
        return head[1], fields, [body.read(kind) for kind in split(fields.get(SIGNATURE, ""))]

    def line(self) -> bytes:
        """The next line, b"" where none comes. What comes with it, as a service's first signal may, is the first message."""
        while b"\n" not in self.buffer and len(self.buffer) < 4096:
            more = self.socket.recv(4096)
            if not more:
                return b""
            self.buffer += more
        line, _end, self.buffer = self.buffer.partition(b"\n")
        return line

    def take(self, count: int) -> bytes:
        while len(self.buffer) < count:
            try:
                more = self.socket.recv(65536)
            except OSError as error:
                raise HostError(f"systemd: no answer: {reason(error, named=True)}") from error
            if not more:
                raise HostError("systemd: it closed the connection")
            self.buffer += more
        data, self.buffer = self.buffer[:count], self.buffer[count:]
        return data


def message(
    serial: int,
    path: str,
    interface: str,
    member: str,
    signature: str,
    arguments: Iterable[Any],
    destination: str,
) -> bytes:
    """A method call as bytes, little-endian."""
    body = bytearray()
    for kind, value in zip(split(signature), arguments):
        write(body, kind, value)
    fields = [(PATH, ("o", path)), (INTERFACE, ("s", interface)), (MEMBER, ("s", member))]
    if destination:
        fields.append((DESTINATION, ("s", destination)))
    if signature:
        fields.append((SIGNATURE, ("g", signature)))
    data = bytearray(struct.pack("<cBBBII", b"l", CALL, 0, 1, len(body), serial))
    write(data, "a(yv)", fields)
    pad(data, 8)
    return bytes(data + body)
