# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Decompressors of C libraries that a host often has, and zstd's compressor.

They are used where Python has no module of its own for the format. ISA-L (libisal.so.2) inflates
gzip twice as fast as zlib. libzstd.so.1 is present wherever apt, dnf or systemd is.
``devel/make_ffi.py`` declares their interfaces. Both release the interpreter's lock while they
work. The objects have the standard library's interface.
"""

from __future__ import annotations

import zlib

from . import library_ffi

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from typing import Any

ffi = library_ffi.ffi  # None where cffi's compiled half is missing
WINDOW = (
    27  # log2 of the largest window that a zstd frame may ask for: 128 MiB, as the command zstd
)

_MAX_HEADER = 1 << 17  # bytes of a gzip header
_COMPLAINTS = {
    -1: "invalid block",
    -2: "invalid symbol",
    -3: "invalid look-back distance",
    -4: "invalid gzip header",
    -5: "unsupported compression method",
    -6: "incorrect checksum",
}


class Damaged(Exception):
    """A stream is damaged."""


_loaded: dict[
    str, Any
] = {}  # for good: a library that is closed takes the code of its objects away


def _load(name: str) -> Any:
    """Return a library by its soname, or None."""
    if ffi is None:
        return None
    if name not in _loaded:
        try:
            _loaded[name] = ffi.dlopen(name)
        except OSError:
            return None
    return _loaded[name]


def _header_length(data: bytes) -> int | None:
    """Return the length of the gzip header that ``data`` begins with (RFC 1952, 2.3).

    :returns: None when the header is incomplete.
    :raises Damaged: when it is no gzip header, or its checksum is wrong.
    """
    if len(data) < 10:
        return None
    if data[:3] != b"\x1f\x8b\x08" or data[3] & 0xE0:
        raise Damaged("invalid gzip header")
    flags, end = data[3], 10
    if flags & 4:  # FEXTRA
        end += 2 + int.from_bytes(data[10:12], "little")
    for flag in (8, 16):  # FNAME, FCOMMENT
        if flags & flag:
            end = data.find(b"\0", end) + 1
            if not end and len(data) > _MAX_HEADER:
                raise Damaged("invalid gzip header")
            if not end:
                return None
    if not flags & 2:  # FHCRC
        return end if len(data) >= end else None
    if len(data) < end + 2:
        return None
    if int.from_bytes(data[end : end + 2], "little") != zlib.crc32(data[:end]) & 0xFFFF:
        raise Damaged("incorrect checksum of the gzip header")
    return end + 2


def inflater(size: int) -> Callable[[], Inflater] | None:
    """Return a function that makes gzip decompressors.

    :param size: bytes that one call may return at most.
    :returns: None where ISA-L is missing or does not have the declared interface.
    """
    library = _load("libisal.so.2")
    if library is None or not _works(library):
        return None
    output = ffi.new("uint8_t[]", size)
    return lambda: Inflater(library, output)


def _works(library: Any) -> bool:
    """Return whether the library has the declared interface: try it on members of known content."""
    content = bytes(range(256)) * 9
    deflater = zlib.compressobj(6, zlib.DEFLATED, 31)
    packed = deflater.compress(content) + deflater.flush()
    worker = Inflater(library, ffi.new("uint8_t[]", 1024))
    try:
        found: list[bytes] = []
        data = packed + packed[:3]
        while not worker.eof and len(found) < 9:
            found.append(worker.decompress(data, 1024))
            data = worker.unconsumed_tail
    except Damaged:
        return False
    return worker.eof and b"".join(found) == content and worker.unused_data == packed[:3]


class Inflater:
    """A decompressor of one gzip member, with the attributes of ``zlib.decompressobj``.

    The header is parsed here, because the library fails on a header that arrives in parts. The
    library checks the trailer: CRC-32 and length.

    :param output: a buffer. Members may share it, because results are copied.
    """

    def __init__(self, library: Any, output: Any) -> None:
        self._library, self._output = library, output
        self._state = ffi.new("struct inflate_state *")
        library.isal_inflate_init(self._state)
        self._state.crc_flag = library.ISAL_GZIP_NO_HDR_VER
        self._header: bytes | None = b""  # the beginning of one; None when it is behind us
        self.eof, self.unused_data, self.unconsumed_tail = False, b"", b""

    def decompress(self, data: bytes, limit: int) -> bytes:
        """Return up to ``limit`` bytes.

        :raises Damaged: where the member is damaged.
        """
        if self._header is not None:
            self._header += data
            length = _header_length(self._header)
            if length is None:
                self.unconsumed_tail = b""
                return b""
            data, self._header = self._header[length:], None
        state, limit = self._state, min(limit, len(self._output))
        source = ffi.from_buffer("uint8_t[]", data)
        state.next_in, state.avail_in = source, len(data)
        state.next_out, state.avail_out = self._output, limit
        code = self._library.isal_inflate(state)
        if code < 0:
            raise Damaged(_COMPLAINTS.get(code, f"error {code}"))
        rest = data[len(data) - state.avail_in :] if state.avail_in else b""
        if state.block_state == self._library.ISAL_BLOCK_FINISH:
            self.eof, self.unused_data, self.unconsumed_tail = True, self._read_ahead() + rest, b""
        else:
            self.unconsumed_tail = rest
        return bytes(ffi.buffer(self._output, limit - state.avail_out))

    def _read_ahead(self) -> bytes:
        """Return the whole bytes that the library holds from behind the member's end."""
        bits = self._state.read_in_length
        behind: int = self._state.read_in >> bits % 8
        return behind.to_bytes(8, "little")[: bits // 8]


def unzstd(size: int) -> Callable[[], Unzstd] | None:
    """Return a function that makes zstd decompressors.

    :param size: bytes that one call may return at most.
    :returns: None where libzstd is missing.
    """
    library = _load("libzstd.so.1")
    if library is None:
        return None
    output = ffi.new("uint8_t[]", size)
    return lambda: Unzstd(library, output)


class Unzstd:
    """A decompressor of one zstd frame, with the attributes of
    ``compression.zstd.ZstdDecompressor``.

    :param output: a buffer. Frames may share it, because results are copied.
    """

    def __init__(self, library: Any, output: Any) -> None:
        self._library, self._output = library, output
        stream = library.ZSTD_createDStream()
        if not stream:
            raise MemoryError("zstd")
        self._stream = ffi.gc(stream, library.ZSTD_freeDStream)
        library.ZSTD_DCtx_setParameter(stream, library.ZSTD_d_windowLogMax, WINDOW)
        self._source, self._target = (
            ffi.new("struct ZSTD_inBuffer *"),
            ffi.new("struct ZSTD_outBuffer *"),
        )
        self._pending = b""
        self.eof, self.needs_input, self.unused_data = False, True, b""

    def decompress(self, data: bytes, limit: int) -> bytes:
        """Return up to ``limit`` bytes.

        :raises Damaged: where the frame is damaged.
        """
        data = self._pending + data if self._pending else data
        source, target = self._source, self._target
        content = ffi.from_buffer("uint8_t[]", data)
        source.src, source.size, source.pos = content, len(data), 0
        target.dst, target.size, target.pos = self._output, min(limit, len(self._output)), 0
        result = self._library.ZSTD_decompressStream(self._stream, target, source)
        if self._library.ZSTD_isError(result):
            raise Damaged(ffi.string(self._library.ZSTD_getErrorName(result)).decode())
        self._pending = data[source.pos :]
        if result == 0:
            self.eof, self.unused_data, self._pending = True, self._pending, b""
        self.needs_input = not self._pending and target.pos < target.size and not self.eof
        return bytes(ffi.buffer(self._output, target.pos))


def zstd(chunks: Iterable[bytes], level: int, size: int) -> Iterator[bytes] | None:
    """Return the pieces of a zstd frame of all ``chunks``.

    :param size: bytes of a piece at most.
    :returns: None where libzstd is missing.
    """
    library = _load("libzstd.so.1")
    if library is None or not hasattr(library, "ZSTD_compressStream2"):
        return None
    return _zstd(library, chunks, level, size)


def _zstd(library: Any, chunks: Iterable[bytes], level: int, size: int) -> Iterator[bytes]:
    made = library.ZSTD_createCStream()
    if not made:
        raise MemoryError("zstd")
    stream = ffi.gc(made, library.ZSTD_freeCStream)
    library.ZSTD_CCtx_setParameter(stream, library.ZSTD_c_compressionLevel, level)
    library.ZSTD_CCtx_setParameter(stream, library.ZSTD_c_checksumFlag, 1)
    output = ffi.new("uint8_t[]", size)
    source, target = ffi.new("struct ZSTD_inBuffer *"), ffi.new("struct ZSTD_outBuffer *")

    def worked(data: bytes, mode: int) -> Iterator[bytes]:
        content = ffi.from_buffer("uint8_t[]", data)
        source.src, source.size, source.pos = content, len(data), 0
        while True:
            target.dst, target.size, target.pos = output, size, 0
            left = library.ZSTD_compressStream2(stream, target, source, mode)
            if library.ZSTD_isError(left):
                raise MemoryError(ffi.string(library.ZSTD_getErrorName(left)).decode())
            if target.pos:
                yield bytes(ffi.buffer(output, target.pos))
            if source.pos == source.size and (mode != library.ZSTD_e_end or not left):
                return

    for chunk in chunks:
        yield from worked(chunk, library.ZSTD_e_continue)
    yield from worked(b"", library.ZSTD_e_end)
