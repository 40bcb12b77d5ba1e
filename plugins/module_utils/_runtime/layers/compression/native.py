# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Decompressors of C libraries that a host has anyway or may install, used where Python has no module of its own for them:

ISA-L (libisal.so.2, its igzip_lib.h) inflates gzip twice as fast as zlib; libzstd.so.1 (its zstd.h) lies wherever apt, dnf or systemd do.
Both let go of the interpreter's lock while they work. Objects have the form of the standard library's.
"""

from __future__ import annotations

from .members import Damaged, header_length

try:
    import _ctypes
except ImportError:  # a Python without ctypes goes without these, too
    _ctypes = None

WINDOW = (
    27  # log2 of the largest window that a zstd frame may ask for: 128 MiB, as the zstd command
)

# offsets in ISA-L's struct inflate_state on 64-bit machines, the same from 2.30 to 2.32
_STATE = 87368
_NEXT_OUT, _AVAIL_OUT, _NEXT_IN, _READ_IN, _AVAIL_IN, _READ_IN_LENGTH, _BLOCK_STATE, _CRC_FLAG = (
    0,
    8,
    16,
    24,
    32,
    36,
    21160,
    21172,
)
_FINISHED = 5  # ISAL_BLOCK_FINISH
_TRAILER = 6  # ISAL_GZIP_NO_HDR_VER: check the trailer. Headers are read here, since the library loses its way in one that comes in parts
_COMPLAINTS = {
    -1: "invalid block",
    -2: "invalid symbol",
    -3: "invalid look-back distance",
    -4: "invalid gzip header",
    -5: "unsupported compression method",
    -6: "incorrect checksum",
}


def _load(name):
    """A library by its soname, or None. ctypes itself is imported only where there is one."""
    if _ctypes is None:
        return None
    try:
        _ctypes.dlopen(name, 0)
    except OSError:
        return None
    import ctypes

    return ctypes.CDLL(name)


def inflater(size):
    """A function that makes gzip decompressors, which may give up to ``size`` bytes at once; None where ISA-L is not there or works otherwise."""
    library = _load("libisal.so.2")
    if library is None:
        return None
    import ctypes

    if ctypes.sizeof(ctypes.c_void_p) != 8 or not _works(library, ctypes):
        return None
    output = ctypes.create_string_buffer(size)
    return lambda: _Inflater(library, ctypes, output)


def _works(library, ctypes):
    """Whether the library has the layout that is assumed here: tried on two small members of known content."""
    import zlib

    content = bytes(range(256)) * 9
    deflater = zlib.compressobj(6, zlib.DEFLATED, 31)
    packed = deflater.compress(content) + deflater.flush()
    worker = _Inflater(library, ctypes, ctypes.create_string_buffer(1024))
    try:
        found, data = [], packed + packed[:3]
        while not worker.eof and len(found) < 9:
            found.append(worker.decompress(data, 1024))
            data = worker.unconsumed_tail
    except Damaged:
        return False
    return worker.eof and b"".join(found) == content and worker.unused_data == packed[:3]


class _Inflater:
    """One gzip member, with the attributes of zlib.decompressobj. :param output: a buffer that may be shared, for results are copied."""

    def __init__(self, library, ctypes, output):
        self._library, self._output = library, output
        self._state = ctypes.create_string_buffer(_STATE)
        self._address = ctypes.addressof(self._state)
        self._long, self._int = ctypes.c_uint64.from_address, ctypes.c_uint32.from_address
        self._pointer = ctypes.c_char_p
        self._cast, self._void = ctypes.cast, ctypes.c_void_p
        library.isal_inflate_init(self._void(self._address))
        self._int(self._address + _CRC_FLAG).value = _TRAILER
        self._header = b""  # the beginning of one; None when it is behind us
        self.eof, self.unused_data, self.unconsumed_tail = False, b"", b""

    def decompress(self, data, limit):
        """Up to ``limit`` bytes. :param data: bytes. :raises Damaged: where it is damaged."""
        data = bytes(data)
        if self._header is not None:
            self._header += data
            length = header_length(self._header)
            if length is None:
                self.unconsumed_tail = b""
                return b""
            data, self._header = self._header[length:], None
        address, limit = self._address, min(limit, len(self._output))
        self._long(address + _NEXT_IN).value = self._cast(self._pointer(data), self._void).value
        self._int(address + _AVAIL_IN).value = len(data)
        self._long(address + _NEXT_OUT).value = self._cast(self._output, self._void).value
        self._int(address + _AVAIL_OUT).value = limit
        code = self._library.isal_inflate(self._void(address))
        if code < 0:
            raise Damaged(_COMPLAINTS.get(code, "error %d" % code))
        left = self._int(address + _AVAIL_IN).value
        rest = data[len(data) - left :] if left else b""
        if self._int(address + _BLOCK_STATE).value == _FINISHED:
            bits = self._int(
                address + _READ_IN_LENGTH
            ).value  # what was read beyond the end, one byte behind the other
            taken = (self._long(address + _READ_IN).value >> bits % 8).to_bytes(8, "little")[
                : bits // 8
            ]
            self.eof, self.unused_data, self.unconsumed_tail = True, taken + rest, b""
        else:
            self.unconsumed_tail = rest
        return memoryview(self._output)[: limit - self._int(address + _AVAIL_OUT).value].tobytes()


def unzstd(size):
    """A function that makes zstd decompressors, which may give up to ``size`` bytes at once; None where libzstd is not there."""
    library = _load("libzstd.so.1")
    if library is None:
        return None
    import ctypes

    library.ZSTD_createDStream.restype = ctypes.c_void_p
    library.ZSTD_decompressStream.restype = ctypes.c_size_t
    library.ZSTD_getErrorName.restype = ctypes.c_char_p
    output = ctypes.create_string_buffer(size)

    class Buffer(ctypes.Structure):  # ZSTD_inBuffer and ZSTD_outBuffer
        _fields_ = [("at", ctypes.c_void_p), ("size", ctypes.c_size_t), ("pos", ctypes.c_size_t)]

    return lambda: _Unzstd(library, ctypes, Buffer, output)


class _Unzstd:
    """One zstd frame, with the attributes of compression.zstd.ZstdDecompressor."""

    _WINDOW_LOG_MAX = 100  # ZSTD_d_windowLogMax

    def __init__(self, library, ctypes, buffer, output):
        self._library, self._ctypes, self._buffer, self._output = library, ctypes, buffer, output
        self._stream = ctypes.c_void_p(library.ZSTD_createDStream())
        if not self._stream:
            raise MemoryError("zstd")
        library.ZSTD_DCtx_setParameter(self._stream, self._WINDOW_LOG_MAX, WINDOW)
        self._pending = b""
        self.eof, self.needs_input, self.unused_data = False, True, b""

    def __del__(self):
        self._library.ZSTD_freeDStream(self._stream)

    def decompress(self, data, limit):
        """Up to ``limit`` bytes. :param data: bytes. :raises Damaged: where it is damaged."""
        data = self._pending + data if self._pending else bytes(data)
        cast, void = self._ctypes.cast, self._ctypes.c_void_p
        source = self._buffer(cast(self._ctypes.c_char_p(data), void), len(data), 0)
        target = self._buffer(cast(self._output, void), min(limit, len(self._output)), 0)
        result = self._library.ZSTD_decompressStream(
            self._stream, self._ctypes.byref(target), self._ctypes.byref(source)
        )
        if self._library.ZSTD_isError(self._ctypes.c_size_t(result)):
            raise Damaged(self._library.ZSTD_getErrorName(self._ctypes.c_size_t(result)).decode())
        self._pending = data[source.pos :]
        if result == 0:
            self.eof, self.unused_data, self._pending = True, self._pending, b""
        self.needs_input = not self._pending and target.pos < target.size and not self.eof
        return memoryview(self._output)[: target.pos].tobytes()
