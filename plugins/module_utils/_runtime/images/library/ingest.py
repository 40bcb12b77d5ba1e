# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Store an image: blobs and unpacked layers first, one sync, then its rows in one transaction.

Pull, load and import differ only in the source of a layer's archive. Layers are stored, hashed,
decompressed and unpacked in one pass, several at once in forked processes. Until the last step the
image is not visible. The operations table records what to remove if that step never comes.
"""

from __future__ import annotations

import contextlib
import copy
import errno
import functools
import os

from ... import errors, units
from ...kernel.files import writeback
from ...kernel.mounts import overlay
from ...layers import formats, workers
from ...layers.compression import compressed_streams
from ...progress import board
from ..model import manifest
from . import garbage, ingest_layer, layer_store, records

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
    from typing import TypedDict

    from ...engine import Engine
    from .ingest_layer import Brought
    from .layer_store import LayerRow

    class Stored(TypedDict):
        """A layer's blob."""

        digest: str
        size: int  # bytes
        compression: str  # "", gzip or zstd

    BuildManifest = Callable[[list[Stored]], bytes]


class Layer:
    """One layer to store.

    :ivar diff_id: digest of its uncompressed archive.
    :ivar digest, size: of the blob, as in the manifest; None where the blob is made here.
    :ivar open: called without arguments for the pieces of the blob or, where ``digest`` is None, of
        the uncompressed archive.
    :ivar resumes: ``open`` takes the offset to begin at, so that a transfer that broke off can
        resume.
    """

    def __init__(
        self,
        diff_id: str,
        open_: Callable[..., Iterable[bytes]],
        digest: str | None = None,
        size: int | None = None,
        resumes: bool = False,
    ) -> None:
        self.diff_id, self.open = diff_id, open_
        self.digest, self.size, self.resumes = digest, size, resumes


@contextlib.contextmanager
def explained(engine: Engine, what: str, kept: str = "nothing of it was kept") -> Iterator[None]:
    """Turn the file system's errors inside the block into a sentence about ``what``.

    :param kept: says what happens to its parts when the disk is full.
    """
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            engine.blobs.partials.sweep(0)
            raise errors.HostError(
                f"no space left in {engine.paths.data} for {what}; {kept}"
            ) from None
        raise errors.HostError(f"{what} could not be stored: {errors.reason(error)}") from None


PULL = board.DOWNLOADING, board.PULLED  # how layers come, in the words of progress/board.py
LOAD = board.LOADING, board.LOADED


def take(
    engine: Engine,
    what: str,
    config: bytes,
    layer_list: Sequence[Layer],
    *,
    manifest_data: bytes | None = None,
    build_manifest: BuildManifest | None = None,
    references: Sequence[str] = (),
    digests: Sequence[tuple[str, str]] = (),
    manner: tuple[str, str] = PULL,
) -> str:
    """Store an image and give it its names.

    :param what: its name, for errors.
    :param config: bytes of the image configuration.
    :param layer_list: :class:`Layer` objects, lowest first.
    :param manifest_data: the manifest's bytes; or
    :param build_manifest: called with the layers' blobs to make them.
    :param references: full references to give it.
    :param digests: ``(repository, digest)`` pairs known for it.
    :param manner: PULL or LOAD, for the progress display.
    :returns: the image id.
    """
    intake = _Intake(engine, what, config, layer_list, manner)
    names = intake.blob_names(manifest_data)
    unnamed = build_manifest is not None  # blobs have no name before they are made
    with (
        explained(engine, what),
        writeback.durable(engine.paths.data) as sync,
        engine.operations.record(
            "pull", name=what, blobs=names, layers=intake.diff_ids, unnamed=unnamed
        ) as entry,
    ):
        try:
            with contextlib.ExitStack() as stack:
                intake.lock(stack)
                intake.fetch()
                digest = intake.store_documents(manifest_data, build_manifest)
                sync()
                superseded = intake.commit(digest, references, digests)
            if superseded:
                garbage.collect(engine, superseded)
        except BaseException:
            # Layers that were moved to their places before the disk had no room for their rows.
            garbage.sweep(engine)
            garbage.collect(engine, names + intake.made, everything=unnamed, ended=entry)
            raise
        finally:
            garbage.remove_trees([path for path in intake.directories if os.path.exists(path)])
    return intake.ident


class _Intake:
    """One image that is being stored.

    :ivar ident: its id.
    :ivar stored: all layers' blobs.
    :ivar unpacked: ``layers.Unpacked`` of the new ones.
    :ivar made: digests of blobs that were created.
    :ivar directories: temporary ones, to be removed if they still exist.
    """

    def __init__(
        self,
        engine: Engine,
        what: str,
        config: bytes,
        layer_list: Sequence[Layer],
        manner: tuple[str, str],
    ) -> None:
        self.engine, self.what, self.layers, self.manner = engine, what, layer_list, manner
        self.config, self.ident = config, manifest.digest_of(config)
        self.diff_ids = [layer.diff_id for layer in layer_list]
        self.stored: list[Stored] = []
        self.unpacked: list[layer_store.Unpacked] = []
        self.made: list[str] = []
        self.directories: list[str] = []

    def _look(self) -> tuple[dict[int, tuple[Layer, bool]], list[LayerRow | None]]:
        """Return ``{index: (layer, whether to unpack it)}`` of the layers to do, and the rows of
        the unpacked ones.
        """
        present = layer_store.rows(self.engine, self.diff_ids)
        tasks = {}
        for index, layer in enumerate(self.layers):
            row = present[index]
            digest = layer.digest or (row["blob"] if row is not None else None)
            if row is None or not digest or not self.engine.blobs.has(digest, layer.size):
                tasks[index] = layer, row is None
        return tasks, present

    def blob_names(self, manifest_data: bytes | None) -> list[str]:
        """Return the digests of the image's blobs that are known before the blobs are made."""
        names = [self.ident, *(layer.digest for layer in self.layers if layer.digest)]
        return [*names, manifest.digest_of(manifest_data)] if manifest_data else names

    def lock(self, stack: contextlib.ExitStack) -> None:
        """Hold the locks of the missing layers.

        Every task takes them in the same order, so that two never wait for each other.
        """
        self.engine.blobs.partials.sweep()
        missing = {layer.diff_id for layer, _wanted in self._look()[0].values()}
        for diff_id in sorted(missing):
            stack.enter_context(self.engine.locks.hold("layer", diff_id))

    def store_documents(
        self, manifest_data: bytes | None, build_manifest: BuildManifest | None
    ) -> str:
        """Store configuration and manifest; return the manifest's digest."""
        if build_manifest is not None:
            manifest_data = build_manifest(self.stored)
        data = errors.required(manifest_data, "the manifest")
        digest = self.engine.blobs.put(data, durable=False)
        self.engine.blobs.put(self.config, durable=False)
        return digest

    def commit(
        self, digest: str, references: Sequence[str], digests: Sequence[tuple[str, str]]
    ) -> list[str]:
        """Move layers to their places and write the rows, in one transaction.

        :returns: as of :func:`records.save`.
        """
        with self.engine.db.transaction() as connection:
            self.directories += layer_store.commit(self.engine, connection, self.unpacked)
            rows = layer_store.rows(self.engine, self.diff_ids)
            size = sum(row["size"] for row in rows if row is not None)
            return records.save(
                self.engine, connection, self.ident, digest, size, references, digests
            )

    def fetch(self) -> None:
        """Store and unpack the missing layers."""
        tasks, present = self._look()  # again: who held the locks may have brought it
        tasks = dict(sorted(tasks.items(), key=lambda item: -(item[1][0].size or 0)))
        _check_space(self.engine, self.what, [layer for layer, _wanted in tasks.values()])
        kind, shown = layer_store.kind(self.engine), self._announce(tasks)
        jobs: list[Callable[[], Brought]] = []
        directories: dict[int, str] = {}
        # the largest first, so that none is left to one processor at the end
        for index, (layer, wanted) in tasks.items():
            if wanted:
                directories[index] = layer_store.temporary(self.engine, "layer")
            jobs.append(
                functools.partial(
                    self._bring,
                    layer,
                    directories.get(index),
                    kind,
                    _threads(layer, tasks.values()),
                    shown[index],
                )
            )
        self.directories = list(directories.values())
        results = dict(zip(tasks, self._run(jobs)))
        self.made = [result["digest"] for result in results.values()]
        self._note_stored(results, present)
        self._close(results, directories, present)

    def _run(self, jobs: Sequence[Callable[[], Brought]]) -> list[Brought]:
        return workers.run(
            jobs, self.engine.paths.tmp, functools.partial(garbage.remove_left, self.engine)
        )

    def _announce(self, tasks: Collection[int]) -> dict[int, board.Item]:
        """Announce the layers to the progress display.

        :returns: ``{index: reporter of the layer's progress}``.
        """
        said = {}
        for index, layer in enumerate(self.layers):
            phase = board.WAITING if index in tasks else board.PRESENT
            said[index] = self.engine.progress.item(
                (layer.digest or layer.diff_id).partition(":")[2][:12], layer.size or 0, phase
            )
        return said

    def _bring(
        self, layer: Layer, directory: str | None, kind: str, threads: int, item: board.Item
    ) -> Brought:
        kept = layer.digest is not None and self.engine.blobs.has(layer.digest, layer.size)
        item.phase(board.EXTRACTING if kept else self.manner[0])
        watched = copy.copy(layer)
        watched.open = lambda *offset: item.counted(layer.open(*offset), board.EXTRACTING, *offset)
        result = ingest_layer.bring(self.engine, self.what, watched, directory, kind, threads)
        item.phase(self.manner[1])
        return result

    def _note_stored(self, results: Mapping[int, Brought], present: list[LayerRow | None]) -> None:
        by_diff = {
            self.layers[index].diff_id: result["digest"] for index, result in results.items()
        }
        for index, layer in enumerate(self.layers):
            row = present[index]
            digest = (
                layer.digest or by_diff.get(layer.diff_id) or (row["blob"] if row else "") or ""
            )
            with self.engine.blobs.open(digest) as file:
                kind = compressed_streams.kind_of(file.read(8))
            self.stored.append(
                {"digest": digest, "size": self.engine.blobs.size(digest), "compression": kind}
            )

    def _close(
        self,
        results: Mapping[int, Brought],
        directories: Mapping[int, str],
        present: list[LayerRow | None],
    ) -> None:
        """Close the layers' open ends, lowest layer first, and set each new layer's key."""
        paths = [
            layer_store.path_of(self.engine, row["number"]) if row is not None else None
            for row in present
        ]
        chains = manifest.chain_ids(self.diff_ids)
        opened: list[int] = []
        with contextlib.ExitStack() as stack:
            for index, layer in enumerate(self.layers):
                if index not in directories:
                    continue
                result, key, place = results[index], layer.diff_id, directories[index]
                ends = result["ends"]
                if ends is None:
                    continue  # it was not laid out
                if ends["passed"] or ends["links"]:
                    key = layer_store.chain_key(chains[index])
                    for path in filter(None, paths[len(opened) : index]):
                        opened.append(stack.enter_context(overlay.opened(path)))
                    what = ingest_layer.title(layer, self.what)
                    formats.close(place, opened[::-1], ends, what)
                paths[index] = place
                self.unpacked.append(
                    layer_store.Unpacked(key, place, result["digest"], ends["size"])
                )


def _threads(layer: Layer, all_of_them: Collection[tuple[Layer, bool]]) -> int:
    """Return how many threads a layer gets besides its own.

    It gets some where it has at least one processor's share of the bytes.
    """
    whole = sum(other.size or 0 for other, _wanted in all_of_them)
    share = (layer.size or 0) / whole if whole else 1 / len(all_of_them)
    return min(2, int(share * workers.processors()))


def _check_space(engine: Engine, what: str, missing: Iterable[Layer]) -> None:
    """Check the free space before anything is fetched.

    :raises HostError: when the blobs, and as much again unpacked, can't fit.
    """
    wanted = sum(2 * (layer.size or 0) for layer in missing)
    status = os.statvfs(engine.paths.data)
    if wanted > status.f_bavail * status.f_frsize and engine.blobs.partials.sweep(0):
        status = os.statvfs(engine.paths.data)
    if wanted > status.f_bavail * status.f_frsize:
        raise errors.HostError(
            f"no space left in {engine.paths.data} for {what}: it needs at least "
            f"{units.show_size(wanted)} and there is "
            f"{units.show_size(status.f_bavail * status.f_frsize)}"
        )
