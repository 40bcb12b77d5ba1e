# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""gzip members (RFC 1952) without their checksums, for streams whose content is checked by a digest all the same.

CRC-32 is a twentieth of zlib's time, and says nothing that SHA-256 does not say better.
"""

from __future__ import annotations

import zlib

_MAX_HEADER = 1 << 17
_TRAILER = 8  # bytes: CRC-32 and length


class Damaged(Exception):
    """A stream is not what it should be."""


def header_length(data):
    """The length of the gzip header that ``data`` begins with (RFC 1952, 2.3); None when it is not all there. :raises Damaged: for none."""
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
    if flags & 2:  # FHCRC
        end += 2
    return end if len(data) >= end else None


class Unchecked:
    """One gzip member by zlib, with the attributes of zlib.decompressobj; its trailer is passed over."""

    def __init__(self):
        self._header, self._inflater, self._trailer = b"", None, _TRAILER
        self.eof, self.unused_data, self.unconsumed_tail = False, b"", b""

    def decompress(self, data, limit):
        """Up to ``limit`` bytes. :raises Damaged, zlib.error: where it is damaged."""
        if self._inflater is None:
            self._header += data
            length = header_length(self._header)
            if length is None:
                self.unconsumed_tail = b""
                return b""
            data, self._header, self._inflater = self._header[length:], b"", zlib.decompressobj(-15)
        output = b""
        if not self._inflater.eof:
            output = self._inflater.decompress(data, limit)
            self.unconsumed_tail = self._inflater.unconsumed_tail
            if not self._inflater.eof:
                return output
            data = self._inflater.unused_data
        self.unconsumed_tail, self.unused_data = b"", data[self._trailer :]
        self._trailer -= min(self._trailer, len(data))
        self.eof = not self._trailer
        return output
