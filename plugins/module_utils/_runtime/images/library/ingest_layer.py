# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Store one layer in one pass: store and hash its blob, inflate it, hash that, and unpack it.

``ingest.py`` runs this for several layers at once, each in a process of its own.
"""

from __future__ import annotations

import contextlib
import hashlib

from ... import errors
from ...kernel.files import writeback
from ...layers import formats
from ...layers.compression import compressed_streams, read_ahead
from ...store import tree_removal

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from typing import Any, TypedDict

    from ...engine import Engine
    from ...layers.open_ends import Ends
    from .ingest import Layer

    class Brought(TypedDict):
        """The result for a layer: the digest of its blob, and its open ends if it was unpacked."""

        digest: str
        ends: Ends | None


def title(layer: Layer, what: str) -> str:
    """Return a layer's name for errors."""
    return f"layer {(layer.digest or layer.diff_id)[:19]} of {what}"


def bring(
    engine: Engine, what: str, layer: Layer, place: str | None, kind: str, threads: int = 0
) -> Brought:
    """Store the blob of ``layer`` (an ``ingest.Layer``) unless it is there, and unpack the layer to
    ``place``, if one is given.

    :param kind: the form, of ``layers/formats.py``.
    :param threads: how many threads read ahead, at most 2: they keep more than one processor busy.
    :returns: ``{"digest": of the blob, "ends": what ``formats.fill`` returned or None}``,
        JSON-able.
    :raises RegistryError: when the content differs from what the manifest and the configuration
        state.
    """
    try:
        return _bring(engine, what, layer, place, kind, threads)
    # the kept beginning does not belong to this blob, or the disk has damaged it
    except _FalseStart:
        if place:
            tree_removal.remove(place)
        return _bring(engine, what, layer, place, kind, threads)


class _FalseStart(Exception):
    """The content is wrong, and a part of it was kept from an earlier transfer."""


def _bring(
    engine: Engine, what: str, layer: Layer, place: str | None, kind: str, threads: int
) -> Brought:
    name = title(layer, what)
    kept = layer.digest if layer.digest and engine.blobs.has(layer.digest, layer.size) else None
    algorithm = layer.diff_id.partition(":")[0]
    checked = hashlib.new(algorithm)
    with contextlib.ExitStack() as stack:
        writer = None if kept else stack.enter_context(_writer(engine, layer))
        if writer is not None and writer.resumed:
            stack.enter_context(_suspected())
        if layer.digest:
            arrived = (
                compressed_streams.pieces(stack.enter_context(engine.blobs.open(kept)))
                if kept
                else _arriving(layer, writer)
            )
            if threads > 1:
                arrived = stack.enter_context(read_ahead.ahead(arrived))
            plain = compressed_streams.decompress(arrived, name)
        else:
            plain = _compressing(_hashed(layer.open(), checked), writer)
        if threads:
            plain = stack.enter_context(read_ahead.ahead(plain))
        if layer.digest:
            plain = _hashed(plain, checked)
        ends = formats.fill(kind, place, plain, name) if place else None
        for _piece in plain:
            pass
        if f"{algorithm}:{checked.hexdigest()}" != layer.diff_id:
            raise errors.RegistryError(
                f"{name}: its content is not what the image configuration promises "
                f"({layer.diff_id})"
            )
        digest = kept or _commit(writer, layer, name)
    return {"digest": digest, "ends": ends}


def _writer(engine: Engine, layer: Layer) -> Any:
    """Return a context manager that writes the blob of a layer."""
    if layer.resumes and layer.digest is not None and layer.size is not None:
        return engine.blobs.arrival(layer.digest, layer.size)
    return engine.blobs.writer((layer.digest or "sha256:").partition(":")[0], durable=False)


@contextlib.contextmanager
def _suspected() -> Iterator[None]:
    """Turn errors that the kept beginning may cause into :class:`_FalseStart`."""
    try:
        yield
    except errors.Interrupted:
        raise
    except errors.RegistryError as error:
        raise _FalseStart() from error


def _commit(writer: Any, layer: Layer, name: str) -> str:
    if layer.digest and writer.digest != layer.digest:
        raise errors.RegistryError(f"{name}: what arrived has the digest {writer.digest}")
    if layer.size is not None and writer.size != layer.size:  # a store's blobs are held against it
        raise errors.RegistryError(
            f"{name} has {writer.size} bytes and not the {layer.size} that its manifest promises"
        )
    return writer.commit()


def _arriving(layer: Layer, writer: Any) -> Iterator[bytes]:
    """Yield the pieces of a blob and write them: first those that were kept; never more than the
    manifest states.
    """
    yield from writer.replay()
    begun = writeback.Writeback(writer.file.fileno())
    for chunk in layer.open(writer.size) if layer.resumes else layer.open():
        if layer.size is not None and writer.size + len(chunk) > layer.size:
            raise errors.RegistryError(
                f"layer {layer.digest} is larger than the {layer.size} bytes that its manifest "
                "promises"
            )
        writer.write(chunk)
        begun.grown(writer.size)
        yield chunk


def _hashed(chunks: Iterable[bytes], checksum: Any) -> Iterator[bytes]:
    for chunk in chunks:
        checksum.update(chunk)
        yield chunk


def _compressing(chunks: Iterable[bytes], writer: Any) -> Iterator[bytes]:
    """Pass uncompressed pieces on and write their gzip form into the blob."""
    passed = []

    def tee() -> Iterator[bytes]:
        for chunk in chunks:
            passed.append(chunk)
            yield chunk

    for output in compressed_streams.compress(tee()):
        writer.write(output)
        while passed:
            yield passed.pop(0)
    while passed:
        yield passed.pop(0)
