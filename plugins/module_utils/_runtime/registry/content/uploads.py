# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Upload sessions: blobs are hashed as they arrive (distribution-spec v1.1, "Pushing Blobs").

A session lives in the server's memory and its bytes in ``uploads/``. Both end with the server. So a
client begins anew after the server was killed, and a partial upload never becomes a blob.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import threading
import time
import uuid

from .answers import Refusal, digest_invalid

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import BinaryIO, Protocol

    class Body(Protocol):
        """A request's body, as in ``http.wire``."""

        def pieces(self, buffer: memoryview) -> Iterator[int]: ...

    from .content_store import Storage


IDLE = 3600.0  # seconds without a byte after which a session is dropped
SESSIONS = 4096  # at once
WAIT = 10.0  # seconds that a request waits for one before it on the same session, e.g. on a connection that broke
BUFFER = 256 << 10


def unknown(ident: str) -> Refusal:
    return Refusal(
        404, "BLOB_UPLOAD_UNKNOWN", "this repository has no such upload", {"uuid": ident}
    )


class Upload:
    """One session.

    :ivar ident: what its location ends with.
    :ivar repository: where the blob is to be.
    :ivar size: bytes so far.
    """

    def __init__(self, ident: str, repository: str, path: str, algorithm: str) -> None:
        self.ident, self.repository, self.path, self.algorithm = ident, repository, path, algorithm
        self.size, self.hash = 0, hashlib.new(algorithm)
        self.touched, self.lock, self.gone = time.monotonic(), threading.Lock(), False

    @property
    def location(self) -> str:
        return f"/v2/{self.repository}/blobs/uploads/{self.ident}"

    def headers(self) -> dict[str, str]:
        """Return the headers that say where to continue, as in every answer about a session. By
        custom, ``0-0`` stands for an empty one.
        """
        return {
            "Location": self.location,
            "Range": f"0-{max(0, self.size - 1)}",
            "Docker-Upload-UUID": self.ident,
        }

    def append(self, body: Body) -> None:
        """Append a request's body. What arrived before a broken connection stays: the client asks
        for the size and continues.
        """
        fd, buffer = (
            os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600),
            memoryview(bytearray(BUFFER)),
        )
        try:
            os.ftruncate(fd, self.size)  # a write that failed may have left more than was counted
            for count in body.pieces(buffer):
                view = buffer[:count]
                while view:
                    view = view[os.pwrite(fd, view, self.size + count - len(view)) :]
                self.hash.update(buffer[:count])
                self.size += count
                self.touched = time.monotonic()
        finally:
            os.close(fd)

    def verify(self, digest: str) -> None:
        """Sync the content and compare it with ``digest``. :raises Refusal: DIGEST_INVALID."""
        algorithm, dummy, encoded = digest.partition(":")
        fd = os.open(
            self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600
        )  # an empty blob has no file yet
        with os.fdopen(fd, "rb") as file:
            found = self.hash if algorithm == self.algorithm else _hash(file, algorithm)
            if found.hexdigest() != encoded:
                raise digest_invalid(
                    digest, f"the content has the digest {algorithm}:{found.hexdigest()}"
                )
            os.fsync(fd)


def _hash(file: BinaryIO, algorithm: str) -> hashlib._Hash:
    found = hashlib.new(algorithm)
    for piece in iter(lambda: file.read(BUFFER), b""):
        found.update(piece)
    return found


class Uploads:
    """All sessions of a server."""

    def __init__(self, storage: Storage) -> None:
        self.storage, self._lock = storage, threading.Lock()
        self._sessions: dict[str, Upload] = {}

    def create(self, repository: str, algorithm: str = "sha256") -> Upload:
        """Begin a session. :raises Refusal: TOOMANYREQUESTS."""
        ident = str(uuid.uuid4())
        upload = Upload(ident, repository, self.storage.path("uploads", ident), algorithm)
        with self._lock:
            if len(self._sessions) >= SESSIONS:
                raise Refusal(
                    429,
                    "TOOMANYREQUESTS",
                    "too many uploads have been begun and not ended",
                    headers={"Retry-After": "60"},
                )
            self._sessions[ident] = upload
        return upload

    @contextlib.contextmanager
    def hold(self, repository: str, ident: str) -> Iterator[Upload]:
        """Hold a session for this request alone. :raises Refusal: where there is none, or another
        request holds it.
        """
        upload = self._sessions.get(ident)
        if upload is None or upload.repository != repository:
            raise unknown(ident)
        if not upload.lock.acquire(timeout=WAIT):
            raise Refusal(
                409,
                "BLOB_UPLOAD_INVALID",
                "another request is sending to this upload",
                headers=upload.headers(),
            )
        try:
            if upload.gone:
                raise unknown(ident)
            yield upload
        except OSError as error:
            if error.errno in (errno.ENOSPC, errno.EDQUOT):
                self.drop(upload)  # make room at once; the client can't go on anyway
            raise
        finally:
            upload.lock.release()

    def finish(self, upload: Upload, digest: str) -> None:
        """Make a session's content a blob of its repository. The session ends in any case."""
        try:
            upload.verify(digest)
            self.storage.adopt(upload.path, upload.repository, digest)
        finally:
            self.drop(upload)

    def drop(self, upload: Upload) -> None:
        upload.gone = True
        with self._lock:
            self._sessions.pop(upload.ident, None)
        with contextlib.suppress(FileNotFoundError):
            os.unlink(upload.path)

    def expire(self) -> None:
        """Remove sessions without requests for long."""
        limit = time.monotonic() - IDLE
        with self._lock:
            old = [upload for upload in self._sessions.values() if upload.touched < limit]
        for upload in old:
            if upload.lock.acquire(blocking=False):
                try:
                    self.drop(upload)
                finally:
                    upload.lock.release()
