# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A layer's archive without the contents of its files. Who has the contents makes the same archive
of it again, byte for byte.

Of an archive that was rebuilt with other times and some changed files, nearly all contents are on a
host that has the version before. What it lacks are the headers, a hundredth of the archive, and the
changed contents. (The idea is tar-split's; here the headers are parsed by the receiver too, so that
nothing has to say where a content goes.) What can be told from the rest is left out: the zeros that
fill a content up to a block, and checksums. That makes the plain bytes, as they are called here, a
third smaller when they are compressed.

The form that travels, ``pack`` and ``unpack``: a line of JSON, ``{"layers": [{"diff_id", "plain":
bytes, "contents": number}]}``, then for each layer its plain bytes, compressed, and :data:`SHORT`
bytes of the SHA-256 of each content, in order.
"""

from __future__ import annotations

import base64
import hashlib
import json
import zlib

from ..errors import RegistryError, Unsupported
from ..layers.compression import compressed_streams
from ..layers.tar import reader
from ..untrusted import json_reader

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from typing import BinaryIO


SHORT = 5  # bytes; that two contents are taken for each other is one in 10^12, the layer's digest shows it, and it is sent whole
PIECE = 1 << 18
LARGEST = 1 << 26  # bytes of a request or an answer: an image may have some 100,000 parts

_MARK = b"\xffsummed\xff"  # in the place of a header's checksum that is written as all current archivers do
_SUM = slice(148, 156)


class _Apart(reader.Stream):
    """An archive that is read. What is no file's content goes to ``plain``."""

    def __init__(
        self, chunks: Iterable[bytes], what: str, plain: Callable[[bytes], object]
    ) -> None:
        super().__init__(chunks, what)
        self._plain = plain

    def read(self, count: int) -> bytes:
        data = super().read(count)
        self._plain(self._unsummed(data) if len(data) == reader.BLOCK else data)
        return data

    def _unsummed(self, block: bytes) -> bytes:
        """Return a header's block, or what has the length of one, without its checksum."""
        if block[_SUM] == _MARK:
            raise Unsupported(
                f"{self.what} has a block that can't be told from a header without checksum"
            )
        return block[:148] + _MARK + block[156:] if block[_SUM] == _checksum(block) else block

    def skip(self, count: int) -> None:
        self.pour(count, self._fill)

    def _fill(self, view: memoryview) -> None:
        if any(view):
            raise Unsupported(f"{self.what} has something else than zeros between its entries")

    def drain(self) -> None:
        while self.read(PIECE):
            pass


def _checksum(block: bytes) -> bytes:
    """Return a header's checksum as archivers write it: six octal digits, NUL and a space."""
    return b"%06o\0 " % (sum(block) - sum(block[_SUM]) + 8 * 32)


def take_apart(
    chunks: Iterable[bytes], plain: Callable[[bytes], object], what: str
) -> Iterator[tuple[int, int, bytes]]:
    """Read an archive to its end.

    :param chunks: its pieces, uncompressed.
    :param plain: called with each piece of what is no content.
    :returns: a generator of ``(offset in the archive, size, SHA-256)`` of each content that is not
        empty, in order.
    :raises RegistryError: where the archive is damaged.
    :raises Unsupported: for one that could not be put together again.
    """
    stream = _Apart(chunks, what, plain)
    for entry in reader.entries(stream):
        start, checksum = stream.offset, hashlib.sha256()
        entry.write_to(checksum.update)
        if stream.offset > start:
            yield start, stream.offset - start, checksum.digest()
    stream.drain()


class _Together(reader.Stream):
    """The plain bytes of an archive, read as if the contents were between them."""

    def __init__(self, chunks: Iterable[bytes], what: str) -> None:
        super().__init__(chunks, what)
        self._passed: list[bytes] = []
        self._length, self._content = 0, 0

    def _keep(self, data: bytes) -> None:
        self._passed.append(bytes(data))
        self._length += len(data)

    def read(self, count: int) -> bytes:
        data = super().read(count)
        if len(data) == reader.BLOCK and data[_SUM] == _MARK:
            data = data[:148] + _checksum(data) + data[156:]
        self._keep(data)
        return data

    def skip(self, count: int) -> None:
        self._keep(bytes(count))

    def pour(self, count: int, _sink: object) -> None:
        self._content = count

    def content(self, entry: reader.Entry) -> int:
        """Return the bytes of the content of ``entry``, which comes next."""
        self._content = 0
        entry.write_to(_nowhere)
        return self._content

    def passed(self, least: int = 0) -> list[bytes]:
        """Return what was read since the last call, as a list of at most one piece; an empty one
        while that is less than ``least``.
        """
        if self._length <= least:
            return []
        data, self._passed, self._length = b"".join(self._passed), [], 0
        return [data]


def _nowhere(_view: object) -> None:
    """Take a content that is elsewhere."""


def contents(plain: Iterable[bytes], what: str) -> Iterator[tuple[bytes, int]]:
    """List ``(name, size)`` of every content of an archive that is not empty, in order.

    :param plain: pieces of its plain bytes.
    """
    stream = _Together(plain, what)
    for entry in reader.entries(stream):
        size = stream.content(entry)
        stream.passed()
        if size:
            yield entry.name, size


def put_together(
    plain: Iterable[bytes], content: Callable[[int, int], Iterable[bytes]], what: str
) -> Iterator[bytes]:
    """Make an archive, in pieces.

    :param plain: pieces of its plain bytes.
    :param content: called with number and size for the pieces of a content.
    """
    stream, number = _Together(plain, what), 0
    for entry in reader.entries(stream):
        size = stream.content(entry)
        yield from stream.passed(0 if size else PIECE)
        if size:
            yield from content(number, size)
            number += 1
    while stream.read(PIECE):
        yield from stream.passed()
    yield from stream.passed()


def pack(layers: Sequence[tuple[str, bytes, Sequence[bytes]]]) -> Iterator[bytes]:
    """Write recipes as they travel, in pieces.

    :param layers: DiffIDs, compressed plain bytes, and the SHA-256 of each content.
    """
    head = [
        {"diff_id": diff_id, "plain": len(plain), "contents": len(digests)}
        for diff_id, plain, digests in layers
    ]
    yield json.dumps({"layers": head}).encode() + b"\n"
    for _diff_id, plain, digests in layers:
        yield plain
        yield b"".join(digest[:SHORT] for digest in digests)


def encode(data: bytes) -> str:
    """Write bytes into a JSON document."""
    return base64.b64encode(zlib.compress(data, 9)).decode()


def decode(text: str, most: int = LARGEST) -> bytes:
    """Read what :func:`encode` wrote, which may have ``most`` bytes. :raises RegistryError: for
    anything else.
    """
    try:
        inflating = zlib.decompressobj()
        data = inflating.decompress(base64.b64decode(text, validate=True), most)
    except (ValueError, TypeError, zlib.error):
        data = None
    if data is None or not inflating.eof:
        raise RegistryError(
            f"what the other side of the delivery sent is damaged or has more than {most} bytes"
        )
    return data


class Recipe:
    """One layer's recipe at its receiver.

    :ivar digests: the short ones, in order.
    """

    def __init__(self, diff_id: str, plain: bytes, digests: list[bytes]) -> None:
        self.diff_id, self._plain, self.digests = diff_id, plain, digests

    def plain(self) -> Iterator[bytes]:
        """Read the plain bytes in pieces."""
        return compressed_streams.decompress(
            [self._plain], f"what was sent of layer {self.diff_id[:19]}"
        )


def unpack(file: BinaryIO) -> dict[str, Recipe]:
    """Read what :func:`pack` wrote into ``file``, by DiffID. :raises RegistryError: where it is cut
    short.
    """
    found = {}
    for item in json_reader.load(
        file.readline(), "the head of what was sent", error=RegistryError, size=LARGEST
    )["layers"]:
        plain = file.read(item["plain"])
        short = file.read(item["contents"] * SHORT)
        if len(plain) < item["plain"] or len(short) < item["contents"] * SHORT:
            raise RegistryError(f"what was sent of layer {item['diff_id'][:19]} is cut short")
        digests = [short[start : start + SHORT] for start in range(0, len(short), SHORT)]
        found[item["diff_id"]] = Recipe(item["diff_id"], plain, digests)
    return found
