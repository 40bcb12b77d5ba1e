# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Detect, decompress and compress streams, piece by piece.

The format is detected from a stream's first bytes, because media types can be wrong. The standard
library reads gzip, xz and bzip2. ISA-L (Python's ``isal`` or the C library) inflates gzip twice as
fast and is used where it is installed. zstd is read by Python 3.14's ``compression.zstd``,
``backports.zstd``, ``zstandard``, the C library or the command ``zstd``, in this order. Every
output piece is bounded, so a decompression bomb can't fill the memory.

Compression of images always uses zlib. Other libraries produce other bytes, and the digest of an
image that is built or loaded must not depend on what a host has installed.
"""

from __future__ import annotations

import shutil
import zlib

from ...errors import RegistryError, Unsupported, required
from . import native

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from typing import Any, BinaryIO, Protocol

    class Inflater(Protocol):
        """A decompressor of one gzip member, with the interface of ``zlib.decompressobj``."""

        @property
        def eof(self) -> bool: ...
        @property
        def unused_data(self) -> bytes: ...
        @property
        def unconsumed_tail(self) -> bytes: ...
        def decompress(self, data: bytes, limit: int, /) -> bytes: ...

    class Decompressor(Protocol):
        """A decompressor of one stream, with the interface of ``lzma.LZMADecompressor``."""

        @property
        def eof(self) -> bool: ...
        @property
        def needs_input(self) -> bool: ...
        @property
        def unused_data(self) -> bytes: ...
        def decompress(self, data: bytes, limit: int, /) -> bytes: ...

    Failure = type[Exception]

PIECE = 1 << 20  # largest output piece, bytes
READ = 1 << 18
SAMPLE = 1 << 20  # bytes that tell whether a stream is worth compressing
_PATH = "/usr/sbin:/usr/bin:/sbin:/bin"

# Output beyond the first number of bytes may be at most the second number times the input. Deflate
# expands at most 1032 times; the other formats have no bound.
GRACE, GROWTH = 1 << 30, 1100


def kind_of(start: bytes) -> str:
    """Return ``gzip``, ``zstd``, ``xz``, ``bzip2`` or ``""``, by a stream's first bytes."""
    if start[:2] == b"\x1f\x8b":
        return "gzip"
    # a zstd frame, or a skippable frame, with which zstd:chunked layers may begin (RFC 8878, 3.1)
    if start[:4] == b"\x28\xb5\x2f\xfd" or (
        start[1:4] == b"\x2a\x4d\x18" and 0x50 <= start[0] <= 0x5F
    ):
        return "zstd"
    if start[:6] == b"\xfd7zXZ\x00":
        return "xz"
    return "bzip2" if start[:3] == b"BZh" else ""


def pieces(file: BinaryIO, size: int = READ) -> Iterator[bytes]:
    """Yield a binary file's content in pieces of up to ``size`` bytes."""
    while True:
        piece = file.read(size)
        if not piece:
            return
        yield piece


def decompress(chunks: Iterable[bytes], what: str = "the archive") -> Iterator[bytes]:
    """Yield the uncompressed pieces of a stream, which may be compressed or not.

    :param what: names the stream in errors.
    :raises RegistryError: while the pieces are read, when the stream is damaged or cut short.
    :raises Unsupported: while the pieces are read, when it is zstd and nothing here reads zstd.
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
    return _bounded(_inflated(kind, _counted(stream, taken), what), taken, what)


def _counted(stream: Iterable[bytes], taken: list[int]) -> Iterator[bytes]:
    for chunk in stream:
        taken[0] += len(chunk)
        yield chunk


def _bounded(stream: Iterable[bytes], taken: list[int], what: str) -> Iterator[bytes]:
    """Pass pieces on while the output stays in proportion to the input.

    A decompression bomb fails here, before it fills the disk.
    """
    total = 0
    for piece in stream:
        total += len(piece)
        if total > GRACE and total > GROWTH * taken[0]:
            raise RegistryError(
                f"{what} grows to more than {GROWTH} times its size when it is unpacked; that is "
                "refused"
            )
        yield piece


def _inflated(kind: str, stream: Iterator[bytes], what: str) -> Iterator[bytes]:
    if kind == "gzip":
        return _members(stream, *_gzip_factory(), what)
    if kind == "zstd":
        return _zstd(stream, what)
    if kind == "xz":
        import lzma  # with its C library: few layers are xz

        return _objects(
            stream, lambda: lzma.LZMADecompressor(memlimit=1 << 28), lzma.LZMAError, what
        )
    import bz2  # as lzma

    return _objects(stream, bz2.BZ2Decompressor, OSError, what)


def _prepend(start: bytes, chunks: Iterable[bytes]) -> Iterator[bytes]:
    if start:
        yield start
    yield from chunks


def gzip_is_quick() -> bool:
    """Return whether a library faster than zlib inflates gzip here."""
    return _gzip_factory()[0] is not zlib.error


def zstd_is_read() -> bool:
    """Return whether zstd can be read here."""
    return _zstd_library() is not None or shutil.which("zstd", path=_PATH) is not None


def _gzip_factory() -> tuple[Failure, Callable[[], Inflater]]:
    """Return the exception for damage, and a function that makes a decompressor for one member."""
    window = 31  # gzip header and trailer, whose checksum is verified; 32 KiB
    try:
        from isal import isal_zlib  # optional
    except ImportError:
        factory = native.inflater(PIECE)
        if factory is not None:
            return native.Damaged, factory
        return zlib.error, lambda: zlib.decompressobj(window)
    return isal_zlib.error, lambda: isal_zlib.decompressobj(window)


def _members(
    stream: Iterable[bytes], failure: Failure, factory: Callable[[], Inflater], what: str
) -> Iterator[bytes]:
    """Yield the content of any number of gzip members (RFC 1952, 2.2; stargz layers have
    thousands).
    """
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
        while not fresh:  # what was held back because of the bound comes out with an empty input
            output = inflater.decompress(b"", PIECE)
            if output:
                yield output
            if inflater.eof:
                fresh = True
            elif not output:
                raise RegistryError(f"{what} is cut short: its gzip stream does not end")
    except failure as error:
        raise RegistryError(f"{what} is damaged: {error}") from None


def _objects(
    stream: Iterable[bytes], factory: Callable[[], Decompressor], failure: Failure, what: str
) -> Iterator[bytes]:
    """Yield the content of any number of xz, bzip2 or zstd streams, by decompressor objects."""
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


def _zstd(stream: Iterator[bytes], what: str) -> Iterator[bytes]:
    library = _zstd_library()
    if library is None:
        return _zstd_command(stream, what)
    failure, factory = library
    return _objects(stream, factory, failure, what)


def _zstd_library() -> tuple[Failure, Callable[[], Decompressor]] | None:
    """Return the exception for damage and a function that makes decompressors, or None."""
    for name in ("compression.zstd", "backports.zstd"):  # of Python 3.14; optional
        try:
            module: Any = __import__(name, fromlist=["ZstdDecompressor"])
        except ImportError:
            continue
        return module.ZstdError, module.ZstdDecompressor
    try:
        import zstandard  # optional
    except ImportError:
        factory = native.unzstd(PIECE)
        return None if factory is None else (native.Damaged, factory)
    return zstandard.ZstdError, lambda: _Zstandard(zstandard)


class _Zstandard:
    """``zstandard``'s decompressor with the standard library's interface.

    Input is fed in small parts to bound the output.
    """

    needs_input = True

    def __init__(self, library: Any) -> None:
        self._object = library.ZstdDecompressor(max_window_size=1 << native.WINDOW).decompressobj()
        self.eof, self.unused_data = False, b""

    def decompress(self, data: bytes, _limit: int) -> bytes:
        output = []
        for offset in range(0, len(data), 1 << 14):
            output.append(self._object.decompress(data[offset : offset + (1 << 14)]))
            if getattr(self._object, "eof", False):
                self.eof = True
                self.unused_data = self._object.unused_data + data[offset + (1 << 14) :]
                break
        return b"".join(output)


def _zstd_command(stream: Iterable[bytes], what: str) -> Iterator[bytes]:
    import subprocess  # heavy, and used where no library reads zstd alone
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
    pipes = (process.stdin, process.stdout, process.stderr)
    stdin, stdout, stderr = (required(pipe, "a pipe of zstd") for pipe in pipes)
    failures = []

    def feed() -> None:
        try:
            for chunk in stream:
                stdin.write(chunk)
            stdin.close()
        except BrokenPipeError:
            pass  # it has said why on stderr
        except BaseException as error:  # noqa: B902 - handed over to the reading side
            failures.append(error)
            stdin.close()

    feeder = threading.Thread(target=feed, daemon=True)
    feeder.start()
    try:
        yield from iter(lambda: stdout.read(PIECE), b"")
        feeder.join()
        complaint = stderr.read().decode("utf-8", "replace").strip()
        if failures:
            raise failures[0]
        if process.wait() != 0:
            raise RegistryError(
                f"{what} is damaged: "
                f"{complaint or f'zstd ended with exit code {process.returncode}'}"
            )
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()
        for file in (stdout, stderr):
            file.close()


def compress(chunks: Iterable[bytes], level: int = 1) -> Iterator[bytes]:
    """Yield the gzip pieces of a stream of pieces.

    The same input gives the same bytes: the header has no name and no time.
    """
    deflater = zlib.compressobj(level, zlib.DEFLATED, 31)
    for chunk in chunks:
        output = deflater.compress(chunk)
        if output:
            yield output
    yield deflater.flush()


def compress_if_worth(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """Compress as :func:`compress` does, at level 0 where the beginning does not get smaller.

    Archives in archives, pictures and random keys don't.
    """
    chunks, start, size = iter(chunks), [], 0
    for chunk in chunks:
        start.append(chunk)
        size += len(chunk)
        if size >= SAMPLE:
            break
    sample = b"".join(start)
    level = 1 if len(zlib.compress(sample, 1)) < len(sample) * 0.95 else 0
    return compress(_prepend(sample, chunks), level)


def compress_zstd(chunks: Iterable[bytes], level: int = 3) -> Iterator[bytes]:
    """Return the zstd pieces of a stream of pieces. Another version of the library gives others.

    :raises Unsupported: where the library is missing.
    """
    found = native.zstd(chunks, level, PIECE)
    if found is None:
        raise Unsupported("zstd can't be written here: the host lacks the library libzstd.so.1")
    return found
