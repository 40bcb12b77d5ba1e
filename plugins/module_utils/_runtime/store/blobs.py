# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Content-addressed blobs: manifests, configs and layer archives, byte for byte as they came.

A blob is written into the store's ``tmp`` directory and hashed on the way. It gets its name only
when its digest is correct, so a partial or wrong blob is never visible. A transfer that broke off
can be resumed (partials.py).
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import tempfile

from ..errors import HostError, Interrupted, NotFound
from .atomic_files import make_private, sync_directory
from .partials import Partials, name_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import BinaryIO, Union

    from .paths import Paths

    Data = Union[bytes, bytearray, memoryview]

PIECE = 1 << 18  # bytes that are read at once
LENGTHS = {
    "sha256": 64,
    "sha512": 128,
}  # hexadecimal digits by algorithm (image-spec, descriptor.md#digests)


def valid_digest(digest: str) -> bool:
    """Return whether ``digest`` is ``algorithm:hex`` in an algorithm that the store takes."""
    algorithm, dummy, encoded = digest.partition(":")
    return LENGTHS.get(algorithm) == len(encoded) and re.fullmatch("[0-9a-f]+", encoded) is not None


class Blobs:
    """The blobs of one store."""

    def __init__(self, paths: Paths) -> None:
        self.paths = paths
        self.partials = Partials(paths)

    def has(self, digest: str, size: int | None = None) -> bool:
        """Return whether a blob is present, with ``size`` bytes where that is given.

        A blob that a power cut has truncated counts as missing.
        """
        if not valid_digest(digest):
            return False
        try:
            found = os.stat(self.paths.blob(digest)).st_size
        except FileNotFoundError:
            return False
        return size is None or found == size

    def size(self, digest: str) -> int:
        """Return the bytes of a blob.

        :raises NotFound: when it is missing.
        """
        try:
            return os.stat(self.paths.blob(digest)).st_size
        except FileNotFoundError:
            raise NotFound(f"blob {digest} is not in the store") from None

    def open(self, digest: str) -> BinaryIO:
        """Open a blob as a binary file.

        :raises NotFound: when it is missing.
        """
        try:
            return open(self.paths.blob(digest), "rb")
        except FileNotFoundError:
            raise NotFound(f"blob {digest} is not in the store") from None

    def read(self, digest: str) -> bytes:
        """Return the bytes of a small blob (a manifest, a config); check its digest."""
        with self.open(digest) as file:
            data = file.read()
        algorithm, dummy, encoded = digest.partition(":")
        if hashlib.new(algorithm, data).hexdigest() != encoded:
            raise HostError(
                f"blob {digest} in the store is damaged: its content has another digest"
            )
        return data

    def pieces(self, digest: str) -> Iterator[bytes]:
        """Yield a blob's content piece by piece; check its digest at the end.

        :raises HostError: when the digest is wrong.
        """
        algorithm, dummy, encoded = digest.partition(":")
        checksum = hashlib.new(algorithm)
        with self.open(digest) as file:
            while True:
                piece = file.read(PIECE)
                if not piece:
                    break
                checksum.update(piece)
                yield piece
        if checksum.hexdigest() != encoded:
            raise HostError(
                f"blob {digest} in the store is damaged: its content has another digest"
            )

    def put(self, data: bytes, durable: bool = True) -> str:
        """Store ``data`` (bytes) and return its sha256 digest."""
        with self.writer(durable=durable) as writer:
            writer.write(data)
            return writer.commit()

    @contextlib.contextmanager
    def writer(self, algorithm: str = "sha256", durable: bool = True) -> Iterator[Writer]:
        """Yield a :class:`Writer`. What is not committed when the block ends is removed."""
        writer = Writer(self.paths, algorithm, durable)
        try:
            yield writer
        finally:
            writer.close()

    @contextlib.contextmanager
    def arrival(self, digest: str, size: int) -> Iterator[Writer]:
        """Yield a :class:`Writer` of a blob that is transferred from elsewhere; it is not durable
        yet.

        :meth:`Writer.replay` yields what an earlier transfer left. Where the block ends with
            Interrupted or by a signal (SIGTERM, SIGINT), what was written is kept for the next try.
        """
        writer = Writer(
            self.paths,
            digest.partition(":")[0],
            False,
            name_of(digest) + "-",
            lambda path: self.partials.take(digest, size, path),
        )
        try:
            yield writer
        except BaseException as error:
            if isinstance(error, Interrupted) or not isinstance(error, Exception):
                self.partials.keep(writer.path, digest)
            raise
        finally:
            writer.close()

    def remove(self, digest: str) -> None:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self.paths.blob(digest))


class Writer:
    """One blob being written: call ``write`` as often as needed, then ``commit``.

    :param mark: a part of its file's name.
    :param resume: called with the file's path; puts the kept beginning there, and returns whether
        there was one.
    :ivar resumed: bytes of that beginning. Read them all by :meth:`replay` before the first
        ``write``.
    """

    def __init__(
        self,
        paths: Paths,
        algorithm: str,
        durable: bool,
        mark: str = "",
        resume: Callable[[str], bool] | None = None,
    ) -> None:
        self._paths, self._durable, self._algorithm = paths, durable, algorithm
        fd, self.path = tempfile.mkstemp(prefix=f"blob-{os.getpid()}-{mark}", dir=paths.tmp)
        self._hash = hashlib.new(algorithm)
        self.size = self.resumed = 0
        if resume is not None and resume(self.path):
            os.close(fd)
            fd = os.open(self.path, os.O_RDWR | os.O_CLOEXEC)
            self.resumed = os.fstat(fd).st_size
        self.file = os.fdopen(fd, "r+b", buffering=0)

    def replay(self) -> Iterator[bytes]:
        """Yield the pieces of the kept beginning and hash them; the next ``write`` appends."""
        while self.size < self.resumed:
            piece = self.file.read(min(PIECE, self.resumed - self.size))
            if not piece:
                raise HostError("the beginning of a blob became shorter while it was read")
            self._hash.update(piece)
            self.size += len(piece)
            yield piece

    def write(self, data: Data) -> None:
        view = memoryview(data)
        self._hash.update(view)
        self.size += len(view)
        while view:
            view = view[self.file.write(view) :]

    @property
    def digest(self) -> str:
        return f"{self._algorithm}:{self._hash.hexdigest()}"

    def commit(self, expected: str | None = None) -> str:
        """Give the blob its name and return its digest.

        :param expected: the digest that it must have.
        :raises HostError: when it has another; nothing is kept then.
        """
        digest = self.digest
        if expected is not None and expected != digest:
            raise HostError(f"content has digest {digest} where {expected} was promised")
        if self._durable:
            os.fsync(self.file.fileno())
        final = self._paths.blob(digest)
        make_private(os.path.dirname(final))
        os.rename(self.path, final)
        if self._durable:
            sync_directory(os.path.dirname(final))
        return digest

    def close(self) -> None:
        self.file.close()
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self.path)
