# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where a volume's content is saved to and restored from: an archive on the host, or a registry.

Both are asked for the digest of the content that they hold (``tree_archive.digest_of``), which is
that of the directory where they hold the same.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import tempfile

from .. import images
from ..errors import HostError, InvalidInput, NotFound, RegistryError, reason
from ..layers.compression import compressed_streams
from ..store import atomic_files
from ..untrusted import files as foreign
from . import tree_archive

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from contextlib import AbstractContextManager
    from typing import Any, BinaryIO, Union

    from ..engine import Engine

    # a with block that yields the descriptor of the directory to be saved
    Reading = Callable[[], AbstractContextManager[int]]
    Place = Union["File", "Artifact"]

ARTIFACT = "application/vnd.pycontainer.volume.v1"
LAYER = "application/vnd.oci.image.layer.v1.tar+gzip"
CONTENT = "org.pycontainer.volume.content"  # annotation: the digest of the content
SUFFIXES = {".gz": "gzip", ".tgz": "gzip", ".zst": "zstd", ".tzst": "zstd"}


def place_of(engine: Engine, params: Mapping[str, Any]) -> Place | None:
    """Return what ``path`` or ``artifact`` of a task name; None where neither is given.

    :raises InvalidInput: for both, or for one that can't be.
    """
    path, artifact = params.get("path"), params.get("artifact")
    if path is not None and artifact is not None:
        raise InvalidInput("artifact", artifact, "either path, or artifact")
    if path is not None:
        return File(path)
    return None if artifact is None else Artifact(engine, artifact, params)


class File:
    """A tar archive on the host, compressed as its name says.

    :ivar title: what to call it in sentences.
    """

    def __init__(self, path: str) -> None:
        self.path = self.title = os.path.abspath(path)
        if os.path.isdir(path):
            raise InvalidInput("path", path, "a file, not a directory")
        self.compression = SUFFIXES.get(os.path.splitext(path)[1], "")

    def check_writable(self) -> None:
        """:raises InvalidInput: where no file can be."""
        parent = os.path.dirname(self.path)
        if not os.path.isdir(parent):
            raise InvalidInput(
                "path", self.path, f"a path in a directory that exists; there is no {parent}"
            )

    def is_there(self) -> bool:
        return os.path.lexists(self.path)

    def digest(self) -> str | None:
        """Return the digest of the content that it has.

        :raises NotFound, InvalidInput: there is none, or it can't be read.
        :raises RegistryError: it is no archive, or damaged.
        """
        return tree_archive.digest_of(tree_archive.describe_archive(self.pieces(), self.title))

    def holds(self, digest: str) -> bool:
        """Tell whether it is there, has the content and is compressed as its name says."""
        try:
            with self._open() as file:
                start = file.read(6)
            return compressed_streams.kind_of(start) == self.compression and self.digest() == digest
        except (NotFound, InvalidInput, RegistryError):
            return False  # none, or another file

    def _open(self) -> BinaryIO:
        try:
            return os.fdopen(foreign.open_regular(self.path, links=True), "rb")
        except FileNotFoundError:
            raise NotFound(f"the archive {self.path} does not exist") from None
        except OSError as error:
            raise InvalidInput(
                "path", self.path, f"a file that can be read ({reason(error, named=True)})"
            ) from None
        except foreign.Unacceptable as error:
            if error.missing:
                raise NotFound(f"the archive {self.path} does not exist") from None
            raise InvalidInput("path", self.path, f"a file that can be read ({error})") from None

    def pieces(self) -> Iterator[bytes]:
        """Yield the uncompressed pieces of the archive."""
        with self._open() as file:
            yield from compressed_streams.decompress(compressed_streams.pieces(file), self.title)

    def save(self, reading: Reading) -> None:
        """Write the archive, which appears only when it is whole."""
        try:
            with reading() as fd, atomic_files.appearing(self.path) as file:
                for piece in _compressed(self.compression, tree_archive.pieces(fd)):
                    file.write(piece)
        except OSError as error:
            raise HostError(
                f"{self.path} could not be written: {reason(error, named=True)}"
            ) from None


def _compressed(kind: str, pieces: Iterator[bytes]) -> Iterator[bytes]:
    if kind == "gzip":
        return compressed_streams.compress(pieces)
    return compressed_streams.compress_zstd(pieces) if kind == "zstd" else pieces


class Artifact:
    """An OCI artifact in a registry, whose one layer is the archive.

    :ivar title: what to call it in sentences.
    """

    def __init__(self, engine: Engine, text: str, params: Mapping[str, Any]) -> None:
        self.engine = engine
        self.reference = images.parse(text, "artifact")
        self.title = self.reference.familiar
        self.registries = images.registries_of(dict(params))
        self._found: dict[str, Any] | None = None

    def check_writable(self) -> None:
        """:raises InvalidInput: where the name has a digest, which is not known yet."""
        if self.reference.digest:
            raise InvalidInput("artifact", self.title, "a name with a tag and without a digest")

    def is_there(self) -> bool:
        return self._document() is not None

    def _document(self) -> dict[str, Any] | None:
        if self._found is None:
            source = self.registries.source(self.reference, self.engine)
            self._found = images.find_artifact(source, self.reference.wanted, ARTIFACT, self.title)
        return self._found

    def digest(self) -> str | None:
        """Return the digest of the content that it has, as it says; None where it says none.

        :raises NotFound: the registry has no such artifact.
        """
        return self._manifest().get("annotations", {}).get(CONTENT)

    def _manifest(self) -> dict[str, Any]:
        found = self._document()
        if found is None:
            raise NotFound(f"the registry has no artifact {self.title}")
        return found

    def holds(self, digest: str) -> bool:
        """Tell whether the registry has an artifact of this name with the content."""
        found = self._document()
        return found is not None and found.get("annotations", {}).get(CONTENT) == digest

    def pieces(self) -> Iterator[bytes]:
        """Yield the uncompressed pieces of the archive."""
        source = self.registries.source(self.reference, self.engine)
        received = images.artifact_pieces(source, self._manifest(), self.title)
        yield from compressed_streams.decompress(received, self.title)
        for _piece in received:
            pass  # behind the archive's end; the digest is over all of it

    def save(self, reading: Reading) -> None:
        """Push the archive. Containers stand still only until it is on this host's disk."""
        with contextlib.ExitStack() as stack:
            spool = stack.enter_context(_Spool(self.engine.paths.tmp))
            try:
                with reading() as fd:
                    for piece in compressed_streams.compress(tree_archive.pieces(fd)):
                        spool.write(piece)
            except OSError as error:
                raise HostError(
                    f"the archive for {self.title} could not be written: "
                    f"{reason(error, named=True)}"
                ) from None
            content = tree_archive.describe_archive(
                compressed_streams.decompress(spool.pieces(0, spool.size)), self.title
            )
            images.push_artifact(
                self.registries.client(self.reference, self.engine).for_push(),
                self.reference.tag or "latest",
                ARTIFACT,
                spool,
                {"digest": spool.digest, "mediaType": LAYER, "title": "volume.tar.gz"},
                {CONTENT: tree_archive.digest_of(content)},
            )
        self._found = None


class _Spool:
    """A file without a name that is written once and read again, as a blob that is pushed."""

    def __init__(self, directory: str) -> None:
        self._file = tempfile.TemporaryFile(dir=directory, buffering=0)
        self._checksum = hashlib.sha256()
        self.size = 0

    def __enter__(self) -> _Spool:
        return self

    def __exit__(self, *_exception: object) -> None:
        self._file.close()

    @property
    def digest(self) -> str:
        return "sha256:" + self._checksum.hexdigest()

    def write(self, piece: bytes) -> None:
        self._checksum.update(piece)
        self.size += len(piece)
        view = memoryview(piece)
        while view:
            view = view[self._file.write(view) :]

    def pieces(self, offset: int, count: int) -> Iterator[bytes]:
        end = offset + count
        while offset < end:
            piece = os.pread(self._file.fileno(), min(1 << 18, end - offset), offset)
            offset += len(piece)
            yield piece


def same(reading: Reading, place: Place) -> bool:
    """Tell whether a place has the content of a directory. One that changes meanwhile differs."""
    if not place.is_there():
        return False
    try:
        with reading() as fd:
            return place.holds(tree_archive.digest_of(tree_archive.describe(fd)))
    except HostError:
        return False


def unpack(place: Place, directory: str) -> None:
    """Unpack what a place has into an empty directory, and make it durable.

    :raises EngineError: it is damaged, or does not fit.
    """
    tree_archive.unpack_into(place.pieces(), directory, place.title)
    os.sync()  # as in populate.py
