# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Make a layer's compressed blob again of its archive, to the byte, where it was zlib that made it.

deflate leaves the compressor free, so a blob of Go's or of another gzip can't be made again by
zlib; one of this engine or of Python's can. The sender tries, and names the level and the header.
:func:`sample` tells whether two hosts' zlibs are of one mind.
"""

from __future__ import annotations

import hashlib
import zlib

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from typing import TypedDict

    class Settings(TypedDict):
        """How a blob was made: zlib's level, None for not at all; its gzip header, hexadecimal."""

        level: int | None
        header: str


LEVELS = (
    1,
    6,
    9,
    2,
    3,
    4,
    5,
    7,
    8,
)  # the likely ones first; level 0 depends on how its input is cut
TRIAL = 1 << 20  # bytes of the archive that are tried with each level
MAX_HEADER = 1 << 12
_EXTRA, _NAME, _COMMENT, _CHECK = 4, 8, 16, 2  # flags of RFC 1952, 2.3.1


def sample() -> str:
    """Return a short text that is the same where zlib compresses alike."""
    text = b"".join(
        b"%d:%x/%d\n" % (number, number * number % 9973, number % 7) for number in range(12000)
    )
    return hashlib.sha256(b"".join(zlib.compress(text, level) for level in (1, 6, 9))).hexdigest()[
        :16
    ]


def header_length(start: bytes) -> int:
    """Return the bytes of the gzip header that ``start`` begins with; 0 where it does not, or is
    not all in it.
    """
    if start[:3] != b"\x1f\x8b\x08" or len(start) < 10:
        return 0
    flags, end = start[3], 10
    if flags & _EXTRA:
        end += 2 + int.from_bytes(start[end : end + 2], "little")
    for flag in (_NAME, _COMMENT):
        if flags & flag:
            end = start.find(b"\0", end) + 1
            if not end:
                return 0
    end += 2 if flags & _CHECK else 0
    return end if end < len(start) else 0


def guess(blob: bytes, plain: bytes) -> Settings | None:
    """Find the settings with which the beginning of ``plain`` becomes that of ``blob``; return None
    where there are none.

    :param blob: the first bytes of a gzip blob, some more than what ``plain`` becomes.
    :param plain: the first bytes of its archive.
    """
    length = header_length(blob[:MAX_HEADER])
    if not length:
        return None
    for level in LEVELS:
        output = zlib.compressobj(level, zlib.DEFLATED, -15).compress(plain[:TRIAL])
        if blob.startswith(output, length):
            return {"level": level, "header": blob[:length].hex()}
    return None


class Compressor:
    """A blob as :func:`guess` says that it was made.

    :ivar header: its first bytes.
    """

    def __init__(self, settings: Settings) -> None:
        self.header = bytes.fromhex(settings["header"])
        self._deflater, self._check, self._size = (
            zlib.compressobj(settings["level"] or 0, zlib.DEFLATED, -15),
            0,
            0,
        )

    def add(self, piece: bytes) -> bytes:
        """Return what comes out for a piece of the archive."""
        self._check, self._size = zlib.crc32(piece, self._check), self._size + len(piece)
        return self._deflater.compress(piece)

    def end(self) -> bytes:
        return (
            self._deflater.flush()
            + self._check.to_bytes(4, "little")
            + (self._size & 0xFFFFFFFF).to_bytes(4, "little")
        )


def compressed(plain: Iterable[bytes], settings: Settings) -> Iterator[bytes]:
    """Make a blob of the pieces of its archive. With the level None, it is the archive itself."""
    if settings["level"] is None:
        yield from plain
        return
    compressor = Compressor(settings)
    yield compressor.header
    for piece in plain:
        output = compressor.add(piece)
        if output:
            yield output
    yield compressor.end()
