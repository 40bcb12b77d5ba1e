# Copyright (c) 2026, the pycontainer.engine authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An image in an archive or layout on the controller: its layers as they are sent whole, their recipes, and the contents that a host lacks.

What takes long is made once (``cache.py``): the archive laid out where it is compressed as a whole, a recipe of each layer,
the compressed form of a layer that the archive has uncompressed, the packed contents that many hosts lack alike.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import struct

from ansible_collections.pycontainer.engine.plugins.module_utils._runtime.delivery import (
    recipe,
    recompress,
)
from ansible_collections.pycontainer.engine.plugins.module_utils._runtime.deploy import fingerprint
from ansible_collections.pycontainer.engine.plugins.module_utils._runtime.errors import (
    RegistryError,
)
from ansible_collections.pycontainer.engine.plugins.module_utils._runtime.images.archives import (
    archive_reader,
)
from ansible_collections.pycontainer.engine.plugins.module_utils._runtime.images.model import (
    manifest,
)
from ansible_collections.pycontainer.engine.plugins.module_utils._runtime.layers.compression import (
    compressed_streams,
)
from ansible_collections.pycontainer.engine.plugins.module_utils._runtime.untrusted import (
    files,
    json_reader,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from typing import Any, BinaryIO

    from ansible_collections.pycontainer.engine.plugins.plugin_utils._delivery.cache import Cache


WINDOW = 1 << 22  # bytes of xz's dictionary for recipes: 50 MiB of memory
SMALL = 8 << 20  # bytes of contents that are worth the effort of xz
_RECORD = struct.Struct("<QQ32s")  # of a content: its offset in the archive, its size, its SHA-256
_FOOT = struct.Struct("<Q")  # length of the JSON before it, at the end of a recipe's file


class Layer:
    """One layer of the image.

    :ivar digest: of the blob, as the manifest names it; None where the archive has no manifest.
    :ivar size: bytes in the archive.
    :ivar place: ``(archive_reader.Place, offset)``.
    :ivar kind: how it is compressed there.
    """

    def __init__(self, diff_id: str, digest: str | None, size: int, place: Any) -> None:
        self.diff_id, self.digest, self.size, self.place = diff_id, digest, size, place
        self.kind = compressed_streams.kind_of(b"".join(pieces(place[0], place[1], min(8, size))))

    @property
    def what(self) -> str:
        return f"layer {(self.digest or self.diff_id)[:19]}"

    def pieces(self) -> Iterator[bytes]:
        """Read it as it is in the archive, in pieces."""
        return pieces(self.place[0], self.place[1], self.size)

    def plain(self) -> Iterator[bytes]:
        """Read its archive in pieces. :raises Unsupported: for zstd where nothing here reads it."""
        return compressed_streams.decompress(self.pieces(), self.what)

    def version(self) -> list[int]:
        """Return what tells its file from one that was written since."""
        fd = self.place[0].open()
        try:
            status = os.fstat(fd)
            return [
                status.st_dev,
                status.st_ino,
                status.st_size,
                status.st_mtime_ns,
                status.st_ctime_ns,
            ]
        finally:
            os.close(fd)

    def check(self) -> None:
        """:raises RegistryError: where its content is not what the manifest, or without one the
        configuration, promises.
        """
        wanted = self.digest or self.diff_id
        found = hashlib.new(wanted.partition(":")[0])
        for piece in self.pieces() if self.digest else self.plain():
            found.update(piece)
        if found.hexdigest() != _hex(wanted):
            raise RegistryError(
                f"{self.what} of the archive is damaged: its content has another digest"
            )


def pieces(place: Any, offset: int, size: int) -> Iterator[bytes]:
    """Read a part of a file, piece by piece.

    :param place: an ``archive_reader.Place``, or the path of a file of the cache.
    :raises RegistryError: where it is cut short, or not the file that it was.
    """
    fd = (
        place.open()
        if isinstance(place, archive_reader.Place)
        else os.open(place, os.O_RDONLY | os.O_CLOEXEC)
    )
    try:
        while size:
            piece = os.pread(fd, min(size, compressed_streams.READ), offset)
            if not piece:
                raise RegistryError(
                    f"{place.name if isinstance(place, archive_reader.Place) else place} became shorter "
                    "while it was read"
                )
            offset, size = offset + len(piece), size - len(piece)
            yield piece
    finally:
        os.close(fd)


class Recipe:
    """What :func:`delivery_recipe.take_apart` found in a layer.

    :ivar plain: compressed. :ivar contents: ``[(offset, size, SHA-256)]``. :ivar again: how the blob is made of the archive, or None.
    :ivar size: bytes of the archive.
    """

    def __init__(self, path: str) -> None:
        with open(path, "rb") as file:
            end = file.seek(os.fstat(file.fileno()).st_size - _FOOT.size)
            length = _FOOT.unpack(file.read(_FOOT.size))[0]
            file.seek(end - length)
            head = json.loads(file.read(length))
            file.seek(0)
            self.plain = file.read(head["plain"])
            records = file.read(head["contents"] * _RECORD.size)
        self.contents = list(_RECORD.iter_unpack(records))
        self.again, self.size = head["again"], head["size"]

    @property
    def digests(self) -> list[bytes]:
        return [digest for _offset, _size, digest in self.contents]


class Source:
    """The archive or layout at ``path``, as a context manager.

    :ivar config: bytes of the image's configuration; ``manifest``: of its manifest, None in
        docker's older archives.
    :ivar layers: lowest first.
    """

    def __init__(self, path: str, cache: Cache) -> None:
        self.path, self.cache = path, cache
        self.config: Any = None
        self.manifest: bytes | None = None
        self.layers: list[Layer] = []
        self._stack = contextlib.ExitStack()
        self._members: Any = None
        self._plain = ""
        self._checked: set[Layer] = set()

    def __enter__(self) -> Source:
        """:raises InvalidInput: where there is nothing that could be an archive."""
        self._plain = self._laid_out()
        self._members = self._stack.enter_context(archive_reader.opened(self._plain, None))
        self._members.path = self.path  # in errors, the one that the user knows
        return self

    def __exit__(self, *_exception: object) -> None:
        self._stack.close()

    def _laid_out(self) -> str:
        """Return the path of the archive itself, or where it is compressed, of what it was
        decompressed to.
        """
        if not os.path.isfile(self.path):
            return self.path
        with os.fdopen(files.open_regular(self.path, links=True), "rb") as file:
            kind, status = compressed_streams.kind_of(file.read(8)), os.fstat(file.fileno())
        if not kind:
            return self.path
        key = hashlib.sha256(
            repr((os.path.realpath(self.path), status.st_mtime_ns, status.st_size)).encode()
        ).hexdigest()
        return self.cache.made("archive-" + key, self._lay_out)

    def _lay_out(self, target: BinaryIO) -> None:
        with os.fdopen(files.open_regular(self.path, links=True), "rb") as file:
            for piece in compressed_streams.decompress(compressed_streams.pieces(file), self.path):
                target.write(piece)

    def has_platforms(self) -> bool:
        """Tell whether the choice of an image depends on the platform: there is an index in the
        layout.
        """
        if "index.json" not in self._members:
            return False
        try:
            index = json_reader.load(
                self._members.read("index.json", manifest.MAX_MANIFEST),
                "index.json",
                error=RegistryError,
            )
            return any(
                item.get("mediaType") in manifest.INDEXES for item in index.get("manifests", ())
            )
        except (RegistryError, AttributeError, TypeError):
            return False  # contents() says what is wrong

    def choose(self, wanted: str, text: str, platform: tuple[str, str, str]) -> Source:
        """Take the image that is meant, as ``archive_reader.choose`` does.

        :param platform: as of ``manifest.parse_platform``.
        """
        image = archive_reader.choose(
            archive_reader.contents(self._members, platform), wanted, text, self.path
        )[0][0]
        self.config, self.manifest = image.config, image.manifest
        self.layers = [
            Layer(diff_id, digest, size, self._members.place(name))
            for diff_id, digest, name, size in image.layers
        ]
        return self

    @property
    def id(self) -> str:
        return manifest.digest_of(self.config)

    def _check(self, layer: Layer) -> None:
        """Hold a layer's digest against all of it before anything of it is sent; once for each
        version of the archive.
        """
        if layer not in self._checked:
            version = (
                layer.version() if self._plain == self.path else self._plain
            )  # each use changes the times of a file of the cache
            key = hashlib.sha256(
                repr((version, layer.place[1], layer.size, layer.digest or layer.diff_id)).encode()
            ).hexdigest()
            self.cache.made("checked-" + key, lambda _file: layer.check())
            self._checked.add(layer)

    # --- a layer whole ---

    def blob(self, layer: Layer) -> tuple[Any, int, int]:
        """Return ``(Place or path, offset, size)`` of what is sent of a whole layer. One that the
        archive has uncompressed and no manifest names is compressed.

        :raises RegistryError: where it is damaged.
        """
        self._check(layer)
        if layer.digest or layer.kind:
            return layer.place + (layer.size,)
        path = self.cache.made(
            f"blob-{_hex(layer.diff_id)}",
            lambda file: _write_all(file, compressed_streams.compress(layer.plain())),
        )
        return path, 0, os.stat(path).st_size

    # --- a layer's recipe ---

    def recipe(self, layer: Layer) -> Recipe:
        """Return a layer's recipe.

        :raises RegistryError: where the layer is damaged.
        :raises Unsupported: where none can be made of it.
        """
        self._check(layer)
        name = f"recipe-{fingerprint.name()}-{_hex(layer.digest or layer.diff_id)}"  # host and controller must read archives alike
        return Recipe(self.cache.made(name, lambda file: _write_recipe(file, layer)))

    # --- contents ---

    def pack(self, layers: list[Layer], lacking: set[bytes]) -> tuple[str, int, int]:
        """Pack the contents that a host lacks, in the order in which the layers name them first.

        :param layers: those that the host rebuilds.
        :param lacking: short digests.
        :returns: the path, how many they are, and their bytes uncompressed.
        """
        wanted, seen = [], set()  # [(layer, [(offset, size)])]
        for layer in layers:
            ranges = []
            for offset, size, digest in self.recipe(layer).contents:
                short = digest[: recipe.SHORT]
                if short in lacking and short not in seen:
                    seen.add(short)
                    ranges.append((offset, size))
            wanted.append((layer, ranges))
        key = hashlib.sha256(
            repr([(layer.diff_id, ranges) for layer, ranges in wanted]).encode()
        ).hexdigest()
        total = sum(size for _layer, ranges in wanted for _offset, size in ranges)
        contents = (piece for layer, ranges in wanted for piece in _cut(layer.plain(), ranges))
        packed = _xz(contents) if total <= SMALL else compressed_streams.compress(contents, 6)
        return (
            self.cache.made("pack-" + key, lambda file: _write_all(file, packed)),
            len(seen),
            total,
        )


def _hex(digest: str) -> str:
    return digest.partition(":")[2]


def _write_all(file: BinaryIO, chunks: Iterable[bytes]) -> None:
    for chunk in chunks:
        file.write(chunk)


def _xz(chunks: Iterable[bytes]) -> Iterator[bytes]:
    import lzma

    compressor = lzma.LZMACompressor(preset=6)
    for chunk in chunks:
        yield compressor.compress(chunk)
    yield compressor.flush()


def _cut(chunks: Iterable[bytes], ranges: list[tuple[int, int]]) -> Iterator[bytes]:
    """Return the bytes of ``ranges`` (offsets and sizes, in order) of a stream of pieces, which is
    read no further than needed.
    """
    position, waiting = 0, iter(ranges)
    current = next(waiting, None)
    for chunk in chunks if current else ():
        while current and current[0] < position + len(chunk):
            offset, size = current
            start = offset - position
            piece = chunk[start : start + size]
            yield piece
            current = (
                (offset + len(piece), size - len(piece))
                if len(piece) < size
                else next(waiting, None)
            )
        if not current:
            return
        position += len(chunk)


def _write_recipe(file: BinaryIO, layer: Layer) -> None:
    import lzma

    checked, plain = (
        hashlib.new(layer.diff_id.partition(":")[0]),
        lzma.LZMACompressor(filters=[{"id": lzma.FILTER_LZMA2, "preset": 6, "dict_size": WINDOW}]),
    )
    trial = _Trial(layer)
    total = [0]

    def watched() -> Iterator[bytes]:
        for piece in layer.plain():
            checked.update(piece)
            trial.add(piece)
            total[0] += len(piece)
            yield piece

    records = [
        _RECORD.pack(*item)
        for item in recipe.take_apart(
            watched(), lambda data: file.write(plain.compress(data)), layer.what
        )
    ]
    if f"{layer.diff_id.partition(':')[0]}:{checked.hexdigest()}" != layer.diff_id:
        raise RegistryError(
            f"{layer.what} of the archive is damaged: its content is not what the image "
            "configuration promises"
        )
    file.write(plain.flush())
    head = {
        "plain": file.tell(),
        "contents": len(records),
        "again": trial.result(),
        "size": total[0],
    }
    _write_all(file, records)
    text = json.dumps(head).encode()
    file.write(text + _FOOT.pack(len(text)))


class _Trial:
    """Find out how a layer's blob is made of its archive, while that passes by."""

    def __init__(self, layer: Layer) -> None:
        self._layer, self._settings, self._compressor = layer, None, None
        self._made = hashlib.new((layer.digest or "sha256:").partition(":")[0])
        if layer.digest and not layer.kind:
            self._settings = {"level": None}
        elif layer.digest and layer.kind == "gzip":
            with contextlib.suppress(RegistryError):
                plain = b"".join(_cut(layer.plain(), [(0, recompress.TRIAL)]))
                blob = b"".join(
                    _cut(layer.pieces(), [(0, recompress.TRIAL + recompress.MAX_HEADER)])
                )
                self._settings = recompress.guess(blob, plain)
        if self._settings and self._settings["level"]:
            self._compressor = recompress.Compressor(self._settings)
            self._made.update(self._compressor.header)

    def add(self, piece: bytes) -> None:
        if self._compressor is not None:
            self._made.update(self._compressor.add(piece))

    def result(self) -> dict[str, Any] | None:
        """Return the settings, where the whole blob came out the same; else None."""
        if self._compressor is not None:
            self._made.update(self._compressor.end())
            if self._made.hexdigest() != _hex(self._layer.digest):
                return None
        return self._settings
