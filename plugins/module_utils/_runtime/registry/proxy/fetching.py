# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Fetch blobs from an upstream registry into the storage, while clients read them.

A blob is fetched once, however many clients ask for it. The fetch continues when they leave. The
blob enters the storage only when its digest is right; until then the clients get the bytes as they
come, all but the last one.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import threading

from ...errors import EngineError, reason

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from ..content.content_store import Storage


PIECE = 256 << 10
PATIENCE = (
    120.0  # seconds that a reader waits for the next byte; the upstream's own time-outs are shorter
)


class Fetch:
    """One blob.

    :ivar size: bytes that it is to have.
    :ivar there: bytes that are in the file.
    :ivar error: a sentence, or None.
    """

    def __init__(self, path: str, size: int) -> None:
        self.path, self.size, self.there, self.done = path, size, 0, False
        self.error: str | None = None
        self.changed = threading.Condition()

    def run(self, pieces: Iterable[bytes], digest: str) -> bool:
        """Write the ``pieces``. Return whether they were the blob."""
        found = hashlib.new(digest.partition(":")[0])
        try:
            with open(self.path, "r+b", buffering=0) as file:
                for piece in pieces:
                    view = memoryview(piece)
                    while view:
                        view = view[file.write(view) :]
                    found.update(piece)
                    self._tell(len(piece))
                if found.hexdigest() != digest.partition(":")[2]:
                    raise EngineError(
                        f"the upstream registry sent something else than blob {digest}"
                    )
                os.fsync(file.fileno())
        except (EngineError, OSError) as error:
            self.end(reason(error))
            return False
        return True

    def _tell(self, count: int) -> None:
        with self.changed:
            self.there += count
            self.changed.notify_all()

    def end(self, error: str | None = None) -> None:
        """Record that nothing more comes."""
        with self.changed:
            self.error, self.done = error, True
            self.changed.notify_all()

    def read(self, fd: int, offset: int, count: int) -> Iterator[bytes]:
        """Yield ``count`` bytes from ``offset``, as they arrive. Close ``fd``, a descriptor of the
        file.

        :raises ConnectionError: where they fail to arrive.
        """
        try:
            while count:
                with self.changed:
                    if not self.changed.wait_for(
                        lambda: self.done or min(self.there, self.size - 1) > offset, PATIENCE
                    ):
                        raise ConnectionError("the upstream registry sends nothing")
                    whole = self.done and self.error is None
                    ready = min(
                        (self.there if whole else min(self.there, self.size - 1)) - offset,
                        count,
                        PIECE,
                    )
                if ready <= 0:
                    raise ConnectionError(self.error or "the upstream registry sent too little")
                piece = os.pread(fd, ready, offset)
                if not piece:
                    raise ConnectionError("what was fetched is gone")
                offset, count = offset + len(piece), count - len(piece)
                yield piece
        finally:
            os.close(fd)


class Fetches:
    """All fetches that are in progress."""

    def __init__(self, storage: Storage, log: Callable[[str], None]) -> None:
        self.storage, self.log = storage, log
        self._lock = threading.Lock()
        self._running: dict[tuple[str, str], Fetch] = {}  # by repository and digest

    def begin(
        self, name: str, digest: str, size: int, pieces: Callable[[], Iterable[bytes]]
    ) -> tuple[Fetch, int] | None:
        """Return the fetch of a blob and a descriptor of its file. Start it unless it is in
        progress.

        :param pieces: called for the blob's pieces.
        :returns: None where the blob has arrived meanwhile.
        """
        with self._lock:
            fetch = self._running.get((name, digest))
            if fetch is None:
                if self.storage.has_blob(name, digest):
                    return None
                fetch = Fetch(self.storage.temporary(), size)
                fd = os.open(fetch.path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
                self._running[name, digest] = fetch
                threading.Thread(
                    target=self._run, args=(fetch, name, digest, pieces), daemon=True
                ).start()
                return fetch, fd
            try:
                return fetch, os.open(fetch.path, os.O_RDONLY | os.O_CLOEXEC)
            except FileNotFoundError:  # it ended just now
                return None

    def _run(
        self, fetch: Fetch, name: str, digest: str, pieces: Callable[[], Iterable[bytes]]
    ) -> None:
        try:
            if fetch.run(pieces(), digest):
                self.storage.adopt(fetch.path, name, digest)
                fetch.end()
            else:
                self.log(f"blob {digest} of {name} could not be fetched: {fetch.error}")
        except Exception as error:  # whatever it is, readers must not wait for ever
            self.log(f"blob {digest} of {name} could not be stored: {reason(error)}")
            fetch.end("it could not be stored")
        finally:
            with self._lock:
                self._running.pop((name, digest), None)
            with contextlib.suppress(FileNotFoundError):
                os.unlink(fetch.path)
