# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""DNS messages: what is read of a query and of an answer, and the answers that are made here.

Nothing is decoded beyond the question and the OPT record: what is forwarded goes on as it is.
Sources: RFC 1035 (section 4), RFC 6891 (EDNS), RFC 2308 (NXDOMAIN and no data), RFC 7766 (TCP).
"""

from __future__ import annotations

import struct

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    Record = tuple[int, bytes]  # type, data

A, PTR, AAAA, OPT, ANY = 1, 12, 28, 41, 255
IN = 1
NOERROR, FORMERR, SERVFAIL, NXDOMAIN, NOTIMP, REFUSED, BADVERS = 0, 1, 2, 3, 4, 5, 16
RESPONSE, AUTHORITATIVE, TRUNCATED, RECURSION_DESIRED, RECURSION_AVAILABLE = (
    0x8000,
    0x0400,
    0x0200,
    0x0100,
    0x0080,
)
OPCODE = 0x7800
HEADER = struct.Struct("!6H")
SMALLEST = 512  # bytes that every client takes over UDP
OURS = 4096  # bytes of a datagram that we take, said in EDNS
LONGEST_NAME, LONGEST_LABEL = 255, 63
TTL = 0  # seconds: the next moment another container may have the name, or nobody
_RECORD = struct.Struct("!HHHIH")  # a pointer to the question's name, type, class, TTL, length
_OPT = struct.Struct("!BHHIH")
_POINTER = 0xC00C
MOST_ADDITIONAL = 16  # records of a query that are looked through for its OPT


class Malformed(Exception):
    """It is no query that can be answered. ``code``: what to answer, None for nothing at all."""

    def __init__(self, code: int | None) -> None:
        super().__init__()
        self.code = code


class Query:
    """A query.

    :ivar name: the name asked for: lower case, labels with dots between them, no dot at the end.
    :ivar kind, klass: QTYPE and QCLASS. :ivar end: where the question ends in ``data``.
    :ivar limit: bytes of an answer over UDP. :ivar edns: whether it has an OPT record.
    :ivar plain: whether an equal one may come again: without a cookie of the moment.
    """

    __slots__ = ("data", "name", "kind", "klass", "end", "limit", "edns", "plain")

    def __init__(self, data: bytes) -> None:
        """:raises Malformed:"""
        if len(data) < HEADER.size:
            raise Malformed(None)
        _ident, flags, questions, answers, authorities, additional = HEADER.unpack_from(data)
        if flags & RESPONSE:
            raise Malformed(None)
        self.data, self.limit, self.edns, self.plain = data, SMALLEST, False, True
        self.name, self.kind, self.klass, self.end = b"", 0, 0, HEADER.size
        if flags & OPCODE:
            raise Malformed(NOTIMP)
        if questions != 1:
            raise Malformed(FORMERR)
        self.name, offset = read_name(data, HEADER.size)
        if len(data) < offset + 4:
            raise Malformed(FORMERR)
        self.kind, self.klass = struct.unpack_from("!HH", data, offset)
        self.end = offset + 4
        if additional and not answers and not authorities:
            self._read_opt(data, additional)

    def _read_opt(self, data: bytes, count: int) -> None:
        offset = self.end
        for _record in range(min(count, MOST_ADDITIONAL)):
            start = offset
            offset = skip_name(data, offset)
            if len(data) < offset + 10:
                raise Malformed(FORMERR)
            kind, size, lifetime, length = struct.unpack_from("!HHIH", data, offset)
            offset += 10 + length
            if len(data) < offset:
                raise Malformed(FORMERR)
            if kind == OPT:
                if data[start] or self.edns:  # of the root's name alone, and once
                    raise Malformed(FORMERR)
                self.edns, self.limit, self.plain = True, max(SMALLEST, size), not length
                if lifetime >> 16 & 0xFF:
                    raise Malformed(BADVERS)


def read_name(data: bytes, offset: int) -> tuple[bytes, int]:
    """Read an uncompressed name: ``(name, offset after it)``. :raises Malformed: FORMERR."""
    labels: list[bytes] = []
    size = 1
    try:
        while True:
            length = data[offset]
            offset += 1
            if not length:
                return b".".join(labels).lower(), offset
            size += length + 1
            label = data[offset : offset + length]
            if length > LONGEST_LABEL or size > LONGEST_NAME or len(label) < length:
                raise Malformed(FORMERR)
            labels.append(label)
            offset += length
    except IndexError:
        raise Malformed(FORMERR) from None


def skip_name(data: bytes, offset: int) -> int:
    """Return the offset after a name, which may be compressed. :raises Malformed: FORMERR."""
    end = len(data)
    while offset < end:
        length = data[offset]
        if length >= 0xC0:
            return offset + 2
        if length > LONGEST_LABEL:
            break
        offset += 1 + length
        if not length:
            return offset
    raise Malformed(FORMERR)


def name_data(text: str) -> bytes | None:
    """Return a name as it stands in a message; None for what is no name of the DNS."""
    found = b""
    for label in text.encode("utf-8", "replace").split(b"."):
        if not 0 < len(label) <= LONGEST_LABEL:
            return None
        found += bytes((len(label),)) + label
    return found + b"\0" if len(found) < LONGEST_NAME else None


def answer(
    query: Query, records: Sequence[Record] = (), code: int = NOERROR, limit: int | None = None
) -> bytes:
    """Make an answer of our own.

    :param records: their name is the query's.
    :param limit: bytes that it may have, None for the query's. What does not fit is left out, and
        the answer says so.
    """
    limit = query.limit if limit is None else limit
    room = limit - query.end - (_OPT.size if query.edns else 0)
    body, count, cut = b"", 0, 0
    for kind, data in records:
        if room < len(body) + _RECORD.size + 2 + len(data):
            cut = TRUNCATED
            break
        body += struct.pack("!H", _POINTER) + struct.pack("!HHIH", kind, IN, TTL, len(data)) + data
        count += 1
    return _header(query, code, cut, count) + body + (_opt(code) if query.edns else b"")


def _header(query: Query, code: int, more: int, count: int) -> bytes:
    ident, flags = struct.unpack_from("!HH", query.data)
    flags = flags & (OPCODE | RECURSION_DESIRED) | RESPONSE | RECURSION_AVAILABLE | more
    if code in (NOERROR, NXDOMAIN):
        flags |= AUTHORITATIVE
    asked = query.data[HEADER.size : query.end]
    return (
        HEADER.pack(ident, flags | code & 0xF, 1 if asked else 0, count, 0, 1 if query.edns else 0)
        + asked
    )


def _opt(code: int) -> bytes:
    return _OPT.pack(0, OPT, OURS, code >> 4 << 24, 0)


def failure(data: bytes, code: int) -> bytes:
    """Return the answer to a query that could not be read: its header alone."""
    ident, flags = struct.unpack_from("!HH", data)
    flags = flags & (OPCODE | RECURSION_DESIRED) | RESPONSE | RECURSION_AVAILABLE | code & 0xF
    if code == BADVERS:
        return HEADER.pack(ident, flags, 0, 0, 0, 1) + _opt(code)
    return HEADER.pack(ident, flags, 0, 0, 0, 0)


def fits(data: bytes, ident: bytes, question: bytes) -> bool:
    """Tell whether a message is the answer to what was asked of another server.

    :param ident: the two bytes that the query had. :param question: its question's bytes.
    """
    return (
        len(data) >= HEADER.size + len(question)
        and data[:2] == ident
        and data[2] & 0x80 != 0
        and data[4:6] == b"\0\1"
        and data[HEADER.size : HEADER.size + len(question)].lower() == question.lower()
    )


def truncated(data: bytes, end: int) -> bytes:
    """Return another server's answer without its records, said to be cut. :param end: of the
    question.
    """
    ident, flags = struct.unpack_from("!HH", data)
    return HEADER.pack(ident, flags | TRUNCATED, 1, 0, 0, 0) + data[HEADER.size : end]


def code_of(data: bytes) -> int:
    """Return an answer's RCODE, without the bits that EDNS adds."""
    return data[3] & 0xF


def address_of(name: bytes) -> bytes | None:
    """Return the packed address that a name of ``in-addr.arpa`` or ``ip6.arpa`` is of, or None."""
    labels = name.split(b".")
    try:
        if labels[-2:] == [b"in-addr", b"arpa"] and len(labels) == 6:
            if all(label.isdigit() and len(label) <= 3 for label in labels[:4]):
                return bytes(int(label) for label in reversed(labels[:4]))
        if labels[-2:] == [b"ip6", b"arpa"] and len(labels) == 34:
            if all(len(label) == 1 for label in labels[:32]):
                return bytes.fromhex(b"".join(reversed(labels[:32])).decode("ascii"))
    except ValueError:  # no bytes: 256 and above, or no hexadecimal digit
        pass
    return None
