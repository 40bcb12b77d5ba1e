# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where a build works: directories in the store's ``tmp``, overlay mounts over the layers so far, layers made from what came of it.

Hashing is done at once, since the next step's key needs it; compressing goes on in forked processes beside the next steps.
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
from ...kernel.mounts import mounts, overlay
from ...layers import difference
from ...layers.compression import compressed_streams
from ...store import trees
from ..parse.expansion import Trouble

SMALL = 1 << 18  # bytes of an archive that is compressed at once
_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC


class Work:
    """Use as a context manager: at its end nothing is left but what the store has taken over.

    :ivar fresh: the Layers that were made. :ivar blobs: digests that came into being.
    """

    def __init__(self, engine):
        self.engine = engine
        self.directories, self.fresh, self.blobs, self.running = [], [], [], {}

    def __enter__(self):
        return self

    def __exit__(self, *_exception):
        for pid, (pipe, _layer, _step) in self.running.items():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
            os.close(pipe)
            os.waitpid(pid, 0)
        for path in self.directories:
            trees.remove(path)

    def directory(self):
        """A new empty directory on the store's file system."""
        path = layer_store.temporary(self.engine, "layer")
        os.mkdir(path, 0o700)
        self.directories.append(path)
        return path

    def upper(self, paths):
        """``(upper, work)``: directories for a writable layer over ``paths`` (topmost first), with the attributes of their root."""
        upper, status = self.directory(), overlay.root_status(paths[0]) if paths else None
        os.chown(upper, status.st_uid if status else 0, status.st_gid if status else 0)
        os.chmod(upper, stat.S_IMODE(status.st_mode) if status else 0o755)
        return upper, self.directory()

    def lower(self, paths):
        """``paths``, or an empty directory where there are none: overlayfs needs one."""
        if paths:
            return paths
        empty = self.directory()
        os.chmod(empty, 0o755)
        return [empty]

    @contextlib.contextmanager
    def root(self, paths, upper, work):
        """A descriptor of the layers with the writable one on top."""
        fd = overlay.overlay(paths, upper, work) if paths else os.open(upper, _DIRECTORY)
        try:
            yield fd
        finally:
            os.close(fd)

    @contextlib.contextmanager
    def view(self, paths):
        """A descriptor of the layers, read-only."""
        fd = overlay.overlay(paths) if paths else mounts.new_fs("tmpfs", {"mode": "755"})
        try:
            yield fd
        finally:
            os.close(fd)

    # --------------------------------------------------------------------------------------------------------- layers

    def layer(self, upper, paths, epoch, step="a step"):
        """The Layer that ``upper`` has become over ``paths``, or None where nothing changed."""
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
        known = built.known(self.engine, diff_id) or next(
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

    def _clean(self, upper, paths, epoch):
        try:
            if not paths:
                return difference.clean(upper, None, epoch)
            with self.view(paths) as lower:
                return difference.clean(upper, lower, epoch)
        except difference.TooDeep as error:
            raise Trouble(str(error)) from None

    def _compress(self, upper, diff_id):
        checksum = hashlib.sha256()

        def hashed():
            for piece in difference.archive(upper):
                checksum.update(piece)
                yield piece

        with self.engine.blobs.writer(durable=False) as writer:
            for piece in compressed_streams.compress_if_worth(hashed()):
                writer.write(piece)
            if "sha256:" + checksum.hexdigest() != diff_id:
                raise HostError("the files of a build step changed after it had ended")
            return writer.commit()

    def _start(self, layer, step):
        """Compress in a process of its own, as many at once as there are processors."""
        while len(self.running) >= max(1, os.cpu_count() or 1):
            self._finish(next(iter(self.running)))
        read, write = os.pipe()
        pid = fork.child(lambda: self._compress_for(layer, read, write), with_parent=True)
        os.close(write)
        self.running[pid] = read, layer, step

    def _compress_for(self, layer, read, write):
        """In the process of its own."""
        os.close(read)
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        try:
            answer = {"digest": self._compress(layer.path, layer.diff_id)}
        except BaseException as error:  # noqa: B902 - the build raises it
            answer = {"error": reason(error)}
        os.write(write, json.dumps(answer).encode())

    def _finish(self, pid):
        pipe, layer, step = self.running.pop(pid)
        with os.fdopen(pipe, "rb") as file:
            data = file.read()
        os.waitpid(pid, 0)
        answer = (
            json.loads(data)
            if data
            else {"error": "the process that compressed a layer was killed"}
        )
        if "error" in answer:
            raise HostError(f"{step}: its layer could not be stored: {answer['error']}")
        layer.digest = answer["digest"]
        self.blobs.append(layer.digest)

    def abandon(self):
        """As :meth:`settle`, but what can't be compressed any more is left as it is, without a digest."""
        while self.running:
            with contextlib.suppress(HostError):
                self._finish(next(iter(self.running)))

    def settle(self):
        """Wait until every layer is compressed."""
        while self.running:
            self._finish(next(iter(self.running)))


def _attributes(status):
    return status.st_mode, status.st_uid, status.st_gid
