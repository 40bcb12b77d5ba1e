# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Compressed streams: told apart by their first bytes (media types lie), decompressed and compressed piece by piece.

gzip, xz and bzip2 are the standard library's; gzip is inflated by ISA-L (Python's ``isal`` or the C library) where that
is installed, twice as fast. zstd is read by Python 3.14's ``compression.zstd``, by ``backports.zstd``, ``zstandard``, the C
library or the ``zstd`` command, whichever there is. Every output piece is bounded, so a small bomb does not fill the memory.

Compression is always zlib's: other libraries write other bytes, and the digest of an image that is built or loaded must not
depend on what a host has installed.
"""

from __future__ import annotations

import shutil
import zlib

from ...errors import RegistryError, Unsupported
from . import members, native

PIECE = 1 << 20  # largest output piece, bytes
READ = 1 << 18
SAMPLE = 1 << 20  # bytes that tell whether a stream is worth compressing
_PATH = "/usr/sbin:/usr/bin:/sbin:/bin"
GRACE, GROWTH = (
    1 << 30,
    1100,
)  # from so many bytes on, no more than so many times the input: deflate's most is 1032, others have no bound


def kind_of(start):
    """``gzip``, ``zstd``, ``xz``, ``bzip2`` or ``""``, by a stream's first bytes."""
    if start[:2] == b"\x1f\x8b":
        return "gzip"
    # a zstd frame, or a skippable one, with which zstd:chunked layers may begin (RFC 8878, 3.1)
    if start[:4] == b"\x28\xb5\x2f\xfd" or (
        start[1:4] == b"\x2a\x4d\x18" and 0x50 <= start[0] <= 0x5F
    ):
        return "zstd"
    if start[:6] == b"\xfd7zXZ\x00":
        return "xz"
    return "bzip2" if start[:3] == b"BZh" else ""


def pieces(file, size=READ):
    """A binary file's content, piece by piece."""
    while True:
        piece = file.read(size)
        if not piece:
            return
        yield piece


def decompress(chunks, what="the archive", digested=False):
    """The uncompressed pieces of a stream of pieces, whatever it is compressed with, or not.

    :param what: what it is, for errors. :param digested: whether a digest of what comes out is checked anyway, so that gzip's own need not be.
    :raises RegistryError: when it is damaged or cut short.
    :raises Unsupported: for zstd where nothing here reads it.
    """
    chunks = iter(chunks)
    start = b""
    for chunk in chunks:
        start += chunk
        if len(start) >= 6:
            break
    kind = kind_of(start)
    stream = _prepend(start, chunks)
    if not kind:
        return stream
    taken = [0]
    return _bounded(_inflated(kind, _counted(stream, taken), what, digested), taken, what)


def _counted(stream, taken):
    for chunk in stream:
        taken[0] += len(chunk)
        yield chunk


def _bounded(stream, taken, what):
    """Pass pieces on as long as what comes out is in proportion to what went in: a bomb ends here, not when the disk is full."""
    total = 0
    for piece in stream:
        total += len(piece)
        if total > GRACE and total > GROWTH * taken[0]:
            raise RegistryError(
                "%s grows to more than %d times its size when it is unpacked; that is refused"
                % (what, GROWTH)
            )
        yield piece


def _inflated(kind, stream, what, digested):
    if kind == "gzip":
        return _members(stream, _gzip_factory(digested), what)
    if kind == "zstd":
        return _zstd(stream, what)
    if kind == "xz":
        import lzma

        return _objects(
            stream, lambda: lzma.LZMADecompressor(memlimit=1 << 28), lzma.LZMAError, what
        )
    import bz2

    return _objects(stream, bz2.BZ2Decompressor, OSError, what)


def _prepend(start, chunks):
    if start:
        yield start
    yield from chunks


def gzip_is_quick():
    """Whether something better than zlib inflates here."""
    return _gzip_factory()[0] is not zlib.error


def zstd_is_read():
    """Whether zstd can be read here."""
    return _zstd_library() is not None or shutil.which("zstd", path=_PATH) is not None


def _gzip_factory(digested=False):
    """The exception for damage, and a function that makes decompressors for one member."""
    try:
        from isal import isal_zlib as library
    except ImportError:
        factory = native.inflater(PIECE)
        if factory is not None:
            return members.Damaged, factory
        if digested:
            return (zlib.error, members.Damaged), members.Unchecked
        library = zlib
    return library.error, lambda: library.decompressobj(
        31
    )  # 31: gzip header and trailer, 32 KiB window


def _members(stream, failure_factory, what):
    """gzip with any number of members (RFC 1952, 2.2; stargz layers have thousands)."""
    failure, factory = failure_factory
    inflater, data = factory(), b""
    fresh = True  # between two members
    try:
        for chunk in stream:
            data = data + chunk if data else chunk
            while data:
                if fresh and not data.strip(b"\0"):
                    data = b""  # padding after the last member
                    break
                output = inflater.decompress(data, PIECE)
                fresh = False
                data = inflater.unconsumed_tail
                if output:
                    yield output
                if inflater.eof:
                    data, inflater, fresh = inflater.unused_data, factory(), True
        while (
            not fresh
        ):  # what the inflater held back because of the bound comes out with an empty input
            output = inflater.decompress(b"", PIECE)
            if output:
                yield output
            if inflater.eof:
                fresh = True
            elif not output:
                raise RegistryError(f"{what} is cut short: its gzip stream does not end")
    except failure as error:
        raise RegistryError(f"{what} is damaged: {error}") from None


def _objects(stream, factory, failure, what):
    """xz and bzip2 by the standard library's decompressor objects, any number of streams."""
    worker, fresh = factory(), True
    try:
        for chunk in stream:
            while chunk or not (worker.needs_input or worker.eof):
                if fresh and not chunk.strip(b"\0"):
                    break
                output = worker.decompress(chunk, PIECE)
                chunk, fresh = b"", False
                if output:
                    yield output
                if worker.eof:
                    chunk, worker, fresh = worker.unused_data, factory(), True
    except (failure, EOFError) as error:
        raise RegistryError(f"{what} is damaged: {error}") from None
    if not fresh:
        raise RegistryError(f"{what} is cut short")


def _zstd(stream, what):
    library = _zstd_library()
    if library is not None:
        factory, failure = library
        return _objects(stream, factory, failure, what)
    return _zstd_command(stream, what)


def _zstd_library():
    for name in ("compression.zstd", "backports.zstd"):
        try:
            module = __import__(name, fromlist=["ZstdDecompressor"])
            return module.ZstdDecompressor, module.ZstdError
        except ImportError:
            continue
    try:
        import zstandard
    except ImportError:
        factory = native.unzstd(PIECE)
        return None if factory is None else (factory, members.Damaged)
    return lambda: _Zstandard(zstandard), zstandard.ZstdError


class _Zstandard:
    """``zstandard``'s decompressor in the standard library's form; input is fed in small parts to bound the output."""

    needs_input = True

    def __init__(self, library):
        self._object = library.ZstdDecompressor(max_window_size=1 << 27).decompressobj()
        self.eof, self.unused_data = False, b""

    def decompress(self, data, _limit):
        output = []
        for offset in range(0, len(data), 1 << 14):
            output.append(self._object.decompress(data[offset : offset + (1 << 14)]))
            if getattr(self._object, "eof", False):
                self.eof = True
                self.unused_data = self._object.unused_data + data[offset + (1 << 14) :]
                break
        return b"".join(output)


def _zstd_command(stream, what):
    import subprocess  # here alone: loading it takes long
    import threading

    try:
        process = subprocess.Popen(
            ["zstd", "-dcq", "--memory=128MB"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env={"PATH": _PATH},
        )
    except FileNotFoundError:
        raise Unsupported(
            f"{what} is compressed with zstd, which nothing here reads: install python3-zstandard "
            "or zstd on the host"
        ) from None
    failures = []

    def feed():
        try:
            for chunk in stream:
                process.stdin.write(chunk)
            process.stdin.close()
        except BrokenPipeError:
            pass  # it has said why on stderr
        except BaseException as error:  # noqa: B902 - handed over to the reading side
            failures.append(error)
            process.stdin.close()

    feeder = threading.Thread(target=feed, daemon=True)
    feeder.start()
    try:
        yield from pieces(process.stdout, PIECE)
        feeder.join()
        complaint = process.stderr.read().decode("utf-8", "replace").strip()
        if failures:
            raise failures[0]
        if process.wait() != 0:
            raise RegistryError(
                "%s is damaged: %s"
                % (what, complaint or "zstd ended with exit code %d" % process.returncode)
            )
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()
        for file in (process.stdout, process.stderr):
            file.close()


def compress(chunks, level=1):
    """gzip pieces of a stream of pieces; the same input gives the same bytes (no name, no time in the header)."""
    deflater = zlib.compressobj(level, zlib.DEFLATED, 31)
    for chunk in chunks:
        output = deflater.compress(chunk)
        if output:
            yield output
    yield deflater.flush()


def compress_if_worth(chunks):
    """As :func:`compress`, but without effort where the beginning does not get smaller: archives in archives, images, random keys."""
    chunks, start, size = iter(chunks), [], 0
    for chunk in chunks:
        start.append(chunk)
        size += len(chunk)
        if size >= SAMPLE:
            break
    sample = b"".join(start)
    level = 1 if len(zlib.compress(sample, 1)) < len(sample) * 0.95 else 0
    return compress(_prepend(sample, chunks), level)
