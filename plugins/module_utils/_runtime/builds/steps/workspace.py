# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A build's working place: directories in the store's ``tmp``, overlay mounts over the layers so
far, and new layers.

Hashing is done at once, because the next step's key needs it. Compressing runs in forked processes
beside the next steps.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import signal
import stat

from ...errors import HostError, reason
from ...images.library import built, layer_store
from ...kernel.calls import fork
from ...kernel.mounts import overlay
from ...layers import difference
from ...layers.compression import compressed_streams
from ...store import tree_removal
from ..parse.expansion import Trouble
from ..trees.layers_view import open_layers

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from ...engine import Engine
    from ...images.library.built import Layer

SMALL = 1 << 18  # bytes of an archive that is compressed at once
_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC


class StepPlace:
    """The directories of one step.

    :ivar upper: for the files that it makes, over the layers so far.
    :ivar work: overlayfs's own.
    :ivar scratch: an empty one, for what is made beside them.
    """

    __slots__ = ("upper", "work", "scratch")

    def __init__(self, upper: str, work: str, scratch: str) -> None:
        self.upper, self.work, self.scratch = upper, work, scratch


class Workspace:
    """The working place of one build, as a context manager. At its end only what was stored is
    left.

    :ivar fresh: the layers that were made.
    :ivar blobs: digests of blobs that were created.
    """

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.fresh: list[Layer] = []
        self.blobs: list[str] = []
        self._directories: list[str] = []
        self._running: dict[int, tuple[int, Layer, str]] = {}  # by pid: pipe, layer, step's title

    def __enter__(self) -> Workspace:
        return self

    def __exit__(self, *_exception: object) -> None:
        for pid, (pipe, _layer, _step) in self._running.items():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
            os.close(pipe)
            os.waitpid(pid, 0)
        for path in self._directories:
            tree_removal.remove(path)

    def directory(self) -> str:
        """Create an empty directory on the store's file system."""
        path: str = layer_store.temporary(self.engine, "layer")
        os.mkdir(path, 0o700)
        self._directories.append(path)
        return path

    def step_place(self, paths: Sequence[str]) -> StepPlace:
        """Create the directories of a step over ``paths`` (topmost first). ``upper`` has the
        attributes of their root.
        """
        upper, status = self.directory(), overlay.root_status(paths[0]) if paths else None
        os.chown(upper, status.st_uid if status else 0, status.st_gid if status else 0)
        os.chmod(upper, stat.S_IMODE(status.st_mode) if status else 0o755)
        return StepPlace(upper, self.directory(), self.directory())

    def lower(self, paths: Sequence[str]) -> Sequence[str]:
        """Return ``paths``, or an empty directory where there are none: overlayfs needs one."""
        if paths:
            return paths
        empty = self.directory()
        os.chmod(empty, 0o755)
        return [empty]

    @contextlib.contextmanager
    def root(self, paths: Sequence[str], place: StepPlace) -> Iterator[int]:
        """Open the layers with a step's writable one on top: a descriptor for a ``with`` block."""
        if paths:
            fd = overlay.overlay(paths, place.upper, place.work)
        else:
            fd = os.open(place.upper, _DIRECTORY)
        try:
            yield fd
        finally:
            os.close(fd)

    @contextlib.contextmanager
    def view(self, paths: Sequence[str]) -> Iterator[int]:
        """Open the layers read-only, as a descriptor for a ``with`` block."""
        fd = open_layers(paths)
        try:
            yield fd
        finally:
            os.close(fd)

    # --------------------------------------------------------------------------------------- layers

    def layer(self, upper: str, paths: Sequence[str], epoch: int | None, step: str) -> Layer | None:
        """Make a layer of the content of ``upper`` over ``paths``; None where nothing changed.

        :param epoch: the latest time that is kept, in seconds, or None.
        :param step: what made it, for errors.
        """
        size = self._clean(upper, paths, epoch)
        checksum, total = hashlib.sha256(), 0
        for piece in difference.archive(upper):
            checksum.update(piece)
            total += len(piece)
        if not os.listdir(upper) and _attributes(os.stat(upper)) == (
            _attributes(overlay.root_status(paths[0])) if paths else (0o40755, 0, 0)
        ):
            return None
        diff_id = "sha256:" + checksum.hexdigest()
        known: Layer | None = built.known(self.engine, diff_id) or next(
            (layer for layer in self.fresh if layer.diff_id == diff_id), None
        )
        if known is not None:
            return known
        layer = built.Layer(diff_id, upper, None, size, fresh=True)
        self.fresh.append(layer)
        if total <= SMALL:
            layer.digest = self._compress(upper, diff_id)
            self.blobs.append(layer.digest)
        else:
            self._start(layer, step)
        return layer

    def _clean(self, upper: str, paths: Sequence[str], epoch: int | None) -> int:
        """Remove from ``upper`` what is no change.

        :returns: bytes of its files.
        """
        try:
            if not paths:
                return difference.clean(upper, None, epoch)
            with self.view(paths) as lower:
                return difference.clean(upper, lower, epoch)
        except difference.TooDeep as error:
            raise Trouble(str(error)) from None

    def _compress(self, upper: str, diff_id: str) -> str:
        """Store a layer's archive.

        :returns: the digest of its blob.
        """
        checksum = hashlib.sha256()

        def hashed() -> Iterator[bytes]:
            for piece in difference.archive(upper):
                checksum.update(piece)
                yield piece

        with self.engine.blobs.writer(durable=False) as writer:
            for piece in compressed_streams.compress_if_worth(hashed()):
                writer.write(piece)
            if "sha256:" + checksum.hexdigest() != diff_id:
                raise HostError("the files of a build step changed after it had ended")
            return writer.commit()

    def _start(self, layer: Layer, step: str) -> None:
        """Compress in a process of its own, as many at once as there are processors."""
        while len(self._running) >= max(1, os.cpu_count() or 1):
            self._finish(next(iter(self._running)))
        read, write = os.pipe()
        pid = fork.child(lambda: self._compress_for(layer, read, write), with_parent=True)
        os.close(write)
        self._running[pid] = read, layer, step

    def _compress_for(self, layer: Layer, read: int, write: int) -> None:
        """Compress, in a process of its own, and write the digest, or the error, to the pipe."""
        os.close(read)
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        try:
            answer = {"digest": self._compress(layer.path, layer.diff_id)}
        except BaseException as error:  # noqa: B902 - the build raises it
            answer = {"error": reason(error)}
        os.write(write, json.dumps(answer).encode())

    def _finish(self, pid: int) -> None:
        pipe, layer, step = self._running.pop(pid)
        with os.fdopen(pipe, "rb") as file:
            data = file.read()
        os.waitpid(pid, 0)
        answer = {"error": "the process that compressed a layer was killed"}
        if data:
            answer = json.loads(data)
        if "error" in answer:
            raise HostError(f"{step}: its layer could not be stored: {answer['error']}")
        layer.digest = answer["digest"]
        self.blobs.append(layer.digest)

    def settle(self) -> None:
        """Wait until every layer is compressed.

        :raises HostError: where one can't be.
        """
        while self._running:
            self._finish(next(iter(self._running)))

    def abandon(self) -> None:
        """Wait as :meth:`settle` does; a layer that can't be compressed gets no digest."""
        while self._running:
            with contextlib.suppress(HostError):
                self._finish(next(iter(self._running)))


def _attributes(status: os.stat_result) -> tuple[int, int, int]:
    return status.st_mode, status.st_uid, status.st_gid
