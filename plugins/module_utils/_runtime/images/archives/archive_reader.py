# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Read image archives: ``docker save``'s and OCI layouts (image-spec, image-layout.md).

They are a tar, compressed or not, or a directory. :func:`contents` lists the images in one by
reading its small documents only.
"""

from __future__ import annotations

import collections
import contextlib
import errno
import hashlib
import os
import tempfile

from ...errors import HostError, InvalidInput, RegistryError, Unsupported, reason
from ...layers.compression import compressed_streams
from ...layers.disk_reserve import Room
from ...layers.tar import reader
from ...store.blobs import valid_digest
from ...untrusted import files, json_reader
from ..model import manifest, reference

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from typing import Any, BinaryIO, Optional

    from ...engine import Engine
    from ..model.manifest import Platform

    # DiffID, digest of the blob or None, name of the member, its size
    ArchivedLayer = tuple[str, Optional[str], str, int]


MAX_DEPTH = 2  # of indexes in one another
REF_NAMES = (
    "io.containerd.image.name",
    "org.opencontainers.image.ref.name",
)  # the first is a full reference, the second may be a tag alone


class Image:
    """An image in an archive.

    :ivar config: bytes of its configuration.
    :ivar manifest: bytes of its manifest, or None (docker save before 25).
    :ivar layers: ``[(DiffID, digest or None, name of the member, size)]``, lowest first.
    :ivar names: its names in the archive.
    """

    def __init__(
        self,
        config: bytes,
        manifest_data: bytes | None,
        layers: list[ArchivedLayer],
        names: list[str],
    ) -> None:
        self.config, self.manifest, self.layers, self.names = config, manifest_data, layers, names

    @property
    def id(self) -> str:
        return manifest.digest_of(self.config)


class Place(collections.namedtuple("Place", "beneath name identity")):
    """Where a file with members is, so that other processes can open it again too.

    :ivar beneath: the layout's directory; None where ``name`` is the path of an archive.
    :ivar identity: identifies the file, to detect that it was replaced.
    """

    @classmethod
    def of(cls, beneath: str | None, name: str, fd: int) -> Place:
        return cls(beneath, name, _identity(fd))

    def open(self) -> int:
        """Return a descriptor.

        :raises RegistryError: when it is no regular file, or was replaced.
        """
        try:
            fd = files.open_regular(self.name, self.beneath, links=True)
        except files.Unacceptable as error:
            raise RegistryError(f"{self.beneath or self.name} is damaged: {error}") from None
        if _identity(fd) != self.identity:
            os.close(fd)
            raise RegistryError(
                f"{os.path.join(self.beneath or '', self.name)} was replaced while it was read"
            )
        return fd


def _identity(fd: int) -> tuple[int, int, int]:
    status = os.fstat(fd)
    return status.st_dev, status.st_ino, status.st_size


@contextlib.contextmanager
def opened(path: str, spool: str | None) -> Iterator[Members]:
    """Yield an archive's members: a :class:`Members`.

    :param spool: directory for an unnamed file into which a compressed archive is decompressed.
    :raises InvalidInput: when ``path`` is neither an archive nor a layout.
    """
    if os.path.isdir(path):
        yield Directory(path)
        return
    try:
        file = os.fdopen(files.open_regular(path, links=True), "rb")
    except files.Unacceptable as error:
        raise InvalidInput("path", path, f"an existing archive or OCI layout ({error})") from None
    with file:
        start = file.read(8)
        file.seek(0)
        if not compressed_streams.kind_of(start):
            yield Members(file, path)
            return
        with _laid_out(file, path, spool) as plain:
            yield Members(plain, path)


def _laid_out(file: BinaryIO, path: str, spool: str | None) -> BinaryIO:
    """Decompress ``file`` into an unnamed file and return that.

    :raises HostError: where there is no room for it.
    """
    try:
        with contextlib.ExitStack() as stack:
            plain = stack.enter_context(tempfile.TemporaryFile(dir=spool))
            room = Room(plain.fileno())
            for piece in compressed_streams.decompress(compressed_streams.pieces(file), path):
                room.write(len(piece))
                plain.write(piece)
            plain.seek(0)
            stack.pop_all()
            return plain
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise HostError(
                f"no space left in {spool or tempfile.gettempdir()} for what is compressed in "
                f"{path}; nothing of it was kept"
            ) from None
        raise HostError(f"{path} could not be laid out: {reason(error, named=True)}") from None


class Members:
    """The members of a tar archive that can be read in any order."""

    def __init__(self, file: BinaryIO, path: str) -> None:
        self.path, self._file, self._place = path, file, Place.of(None, path, file.fileno())
        self._index = self._read_index()

    def _read_index(self) -> dict[str, tuple[int, int]]:
        index, links = {}, {}
        stream = reader.FileStream(
            self._file.fileno(), 0, os.fstat(self._file.fileno()).st_size, self.path
        )
        for entry in reader.entries(stream):
            name = _plain(os.fsdecode(entry.name))
            if entry.kind == reader.REGULAR and entry.sparse is None:
                index[name] = stream.offset, entry.stored
            elif entry.kind in (reader.SYMLINK, reader.LINK):  # docker save links equal layers
                base = os.path.dirname(name) if entry.kind == reader.SYMLINK else ""
                links[name] = os.path.normpath(os.path.join(base, _plain(os.fsdecode(entry.link))))
        for name, target in links.items():
            if target in index:
                index.setdefault(name, index[target])
        return index

    def __contains__(self, name: object) -> bool:
        return name in self._index

    def size(self, name: str) -> int:
        return self._index[name][1]

    def place(self, name: str) -> tuple[Place, int]:
        """Return ``(Place, offset)`` of a member's content."""
        return self._place, self._index[name][0]

    def read(self, name: str, limit: int) -> bytes:
        """Return a small member's bytes.

        :raises RegistryError: when it is missing or larger than ``limit``.
        """
        if name not in self:
            raise RegistryError(f"{self.path} is damaged: it lacks {name}")
        if self.size(name) > limit:
            raise RegistryError(
                f"{self.path}: {name} has {self.size(name)} bytes; at most {limit} are accepted"
            )
        return b"".join(self.pieces(name))

    def pieces(self, name: str) -> Iterator[bytes]:
        """Yield a member's content in pieces. Several readers can be at work, also in forked
        processes.
        """
        offset, left = self._index[name]
        while left:
            piece = os.pread(self._file.fileno(), min(left, compressed_streams.READ), offset)
            if not piece:
                raise RegistryError(f"{self.path} is cut short inside {name}")
            offset += len(piece)
            left -= len(piece)
            yield piece


class Directory(Members):
    """An OCI layout, or the files of ``docker save``, in a directory.

    Its content is foreign: a symbolic link in place of a member would expose any file of this
    machine.
    """

    def __init__(self, path: str) -> None:  # pylint: disable=super-init-not-called
        self.path = self._top = path

    def _open(self, name: str) -> BinaryIO:
        """Open a member as a binary file.

        :raises RegistryError: when it is no regular file of this directory.
        """
        try:
            return os.fdopen(files.open_regular(name, self._top), "rb")
        except files.Unacceptable as error:
            raise RegistryError(
                f"{self.path} is damaged: {f'it lacks {name}' if error.missing else error}"
            ) from None

    def __contains__(self, name: object) -> bool:
        try:
            os.close(files.open_regular(str(name), self._top))
        except files.Unacceptable as error:
            if not error.missing:
                raise RegistryError(f"{self.path} is damaged: {error}") from None
            return False
        return True

    def size(self, name: str) -> int:
        with self._open(name) as file:
            return os.fstat(file.fileno()).st_size

    def place(self, name: str) -> tuple[Place, int]:
        with self._open(name) as file:
            return Place.of(self._top, name, file.fileno()), 0

    def pieces(self, name: str) -> Iterator[bytes]:
        with self._open(name) as file:
            yield from compressed_streams.pieces(file)


def _plain(name: str) -> str:
    return os.path.normpath(name).lstrip("/")


def _texts(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(item, str) for item in value)


def contents(members: Members, platform: Platform) -> list[Image]:
    """List the :class:`Image` objects in an archive.

    Of an index, the image for ``platform`` is listed.

    :raises InvalidInput: when it holds no image.
    :raises RegistryError: when it is damaged.
    """
    found = []
    if "manifest.json" in members:
        found = _docker(members)
    if "index.json" in members and "oci-layout" in members:
        found = _merge(found, _layout_beside(found, members, platform))
    if not found and ("manifest.json" in members or "index.json" in members):
        raise InvalidInput(
            "path",
            members.path,
            "an archive of docker save or an OCI layout with an image in it (this one names none)",
        )
    if not found:
        raise InvalidInput(
            "path",
            members.path,
            "an archive of docker save or an OCI layout (it has neither manifest.json nor "
            "index.json); "
            "a root file system is taken by source: import",
        )
    return found


def transport_of(members: Members) -> str:
    """Return the host policy's name for the kind of an archive (containers-transports(5))."""
    if "manifest.json" in members:
        return "docker-archive"
    return "oci" if isinstance(members, Directory) else "oci-archive"


def _layout_beside(docker: list[Image], members: Members, platform: Platform) -> list[Image]:
    """Return the images of an archive's layout.

    Where it has none for ``platform``, the images of manifest.json, if that is there, are used.
    """
    try:
        return _layout(members, platform)
    except manifest.OtherPlatform:
        if not docker:
            raise
        return []


def _merge(docker: list[Image], layout: list[Image]) -> list[Image]:
    """Merge the two forms of the same images that Docker 25 and newer write.

    The layout has the manifest, the other form the names.
    """
    if not docker:
        return layout
    by_id = {image.id: image for image in layout}
    for image in docker:
        same = by_id.get(image.id)
        if same is not None:
            image.manifest, image.layers = same.manifest, same.layers
    return docker


def _docker(members: Members) -> list[Image]:
    images: dict[str, Image] = {}
    listed = json_reader.load(
        members.read("manifest.json", manifest.MAX_MANIFEST),
        f"manifest.json of {members.path}",
        None,
        RegistryError,
    )
    for item in listed if isinstance(listed, list) else []:
        if (
            not isinstance(item, dict)
            or not _texts([item.get("Config")])
            or not _texts(item.get("Layers") or [])
        ):
            raise RegistryError(
                f"{members.path} is damaged: manifest.json has an entry without Config and Layers"
            )
        if not _texts(item.get("RepoTags") or []):
            raise RegistryError(
                f"{members.path} is damaged: manifest.json has RepoTags that are not a list of "
                "texts"
            )
        config_name, *layer_names = [
            _plain(name) for name in [item["Config"]] + (item.get("Layers") or [])
        ]
        data = members.read(config_name, manifest.MAX_CONFIG)
        diff_ids = manifest.parse_config(data, members.path, len(layer_names))["rootfs"]["diff_ids"]
        for name in layer_names:
            if name not in members:
                raise RegistryError(f"{members.path} is damaged: it lacks {name}")
        layers: list[ArchivedLayer] = [
            (diff_id, None, name, members.size(name))
            for diff_id, name in zip(diff_ids, layer_names)
        ]
        image = Image(data, None, layers, [])
        same = images.setdefault(image.id, image)  # some write an entry for each name
        same.names += [name for name in item.get("RepoTags") or [] if name not in same.names]
    return list(images.values())


def _blob_name(digest: str) -> str:
    return "blobs/" + digest.replace(":", "/")


def _blob(members: Members, digest: str, limit: int) -> bytes:
    data = members.read(_blob_name(digest), limit)
    algorithm, dummy, encoded = digest.partition(":")
    if hashlib.new(algorithm, data).hexdigest() != encoded:
        raise RegistryError(
            f"{members.path} is damaged: the content of {digest} has another digest"
        )
    return data


def _layout(members: Members, platform: Platform) -> list[Image]:
    index = json_reader.load(
        members.read("index.json", manifest.MAX_MANIFEST),
        f"index.json of {members.path}",
        None,
        RegistryError,
    )
    images: list[Image] = []
    listed = (index.get("manifests") or []) if isinstance(index, dict) else None
    if not isinstance(listed, list):
        raise RegistryError(f"{members.path} is damaged: index.json has no list of manifests")
    for digest, names in _entries(members, listed, platform):
        image = _layout_image(members, digest, platform, names)
        if image is None:
            continue
        wanted = image.id, image.manifest
        same = next((other for other in images if (other.id, other.manifest) == wanted), None)
        if same is not None:  # an entry for each name
            same.names += [name for name in image.names if name not in same.names]
        else:
            images.append(image)
    return images


def _entries(
    members: Members, listed: list[Any], platform: Platform
) -> Iterator[tuple[str, list[str]]]:
    """Yield ``[(digest, names)]`` of the entries of index.json.

    Entries that are no manifest are skipped (image-layout.md, "index.json"). Of several with one
    name and a platform each, the one for ``platform`` is chosen.
    """
    found: dict[Any, list[tuple[dict[str, Any], list[str]]]] = {}
    for number, item in enumerate(listed):
        digest = item.get("digest") if isinstance(item, dict) else None
        if not isinstance(digest, str) or not valid_digest(digest):
            raise RegistryError(
                f"{members.path} is damaged: index.json has an entry without a digest"
            )
        annotations = item.get("annotations") or {}
        if not isinstance(annotations, dict) or not _texts(
            [annotations.get(key, "") for key in REF_NAMES]
        ):
            raise RegistryError(
                f"{members.path} is damaged: index.json has annotations that are not texts"
            )
        kind, its = item.get("mediaType"), item.get("platform")
        if kind is not None and kind not in manifest.INDEXES + manifest.MANIFESTS:
            continue
        if its is not None and not (
            isinstance(its, dict)
            and all(
                isinstance(its.get(key) or "", str) for key in ("os", "architecture", "variant")
            )
        ):
            raise RegistryError(
                f"{members.path} is damaged: index.json has a platform that is none"
            )
        names = [annotations[key] for key in REF_NAMES if key in annotations]
        found.setdefault(names[0] if names else number, []).append(
            (dict(item, mediaType=kind or manifest.OCI_MANIFEST), names)
        )
    for name, group in found.items():
        if len(group) > 1 and any(item.get("platform") for item, _names in group):
            chosen = manifest.choose(
                {"manifests": [item for item, _names in group]},
                platform,
                f"{name} in {members.path}",
            )
            group = [pair for pair in group if pair[0] is chosen]
        yield from ((item["digest"], names) for item, names in group)


def _layout_image(
    members: Members, digest: str, platform: Platform, names: list[str], depth: int = 0
) -> Image | None:
    data = _blob(members, digest, manifest.MAX_MANIFEST)
    document = manifest.parse(data, members.path)
    if manifest.is_index(document):
        if depth >= MAX_DEPTH:
            raise RegistryError(f"{members.path}: indexes within indexes within indexes")
        there = [
            item for item in document["manifests"] if _blob_name(item["digest"]) in members
        ]  # an archive may have some of its platforms alone
        chosen = manifest.choose(
            dict(document, manifests=there or document["manifests"]),
            platform,
            f"{names[0] if names else digest[:19]} in {members.path}",
        )
        return _layout_image(members, chosen["digest"], platform, names, depth + 1)
    try:
        manifest.check_runnable(document, members.path)
    except Unsupported:
        if document["config"]["mediaType"] not in manifest.CONFIGS:
            return None  # an artifact beside the images, such as a signature
        raise
    config = _blob(members, document["config"]["digest"], manifest.MAX_CONFIG)
    diff_ids = manifest.parse_config(config, members.path, len(document["layers"]))["rootfs"][
        "diff_ids"
    ]
    layers = [
        (diff_id, item["digest"], _blob_name(item["digest"]), item["size"])
        for diff_id, item in zip(diff_ids, document["layers"])
    ]
    for _diff_id, _digest, name, _size in layers:
        if name not in members:
            raise RegistryError(f"{members.path} is damaged: it lacks {name}")
    return Image(config, data, layers, names[:1])


def full_names(image: Image) -> list[str]:
    """Return the full references of an archive's image.

    A layout's name that is only a tag does not name a repository and is left out.
    """
    names = []
    for text in image.names:
        if ":" in text or "/" in text:
            names.append(reference.parse(text, "path").tagged)
    return [name for name in names if name]


def _proper_names(image: Image) -> list[str]:
    """Return the same as :func:`full_names`, for a caller who gives a name. Invalid names are
    skipped.
    """
    names = []
    for text in image.names:
        with contextlib.suppress(InvalidInput):
            names += full_names(Image(image.config, None, [], [text]))
    return names


def choose(images: list[Image], wanted: str, text: str, path: str) -> list[tuple[Image, list[str]]]:
    """Choose the image of an archive by name: the one with this name, else the archive's only one.

    :param wanted: the full name.
    :param text: the name as the user wrote it.
    :returns: ``[(image, [wanted])]``.
    :raises InvalidInput: when the archive has several images, none of this name.
    """
    called = [(image, _proper_names(image)) for image in images]
    chosen = [(image, [wanted]) for image, names in called if wanted in names]
    if not chosen and len(images) == 1:
        return [(images[0], [wanted])]
    if not chosen:
        there = [reference.parse(name).familiar for _image, names in called for name in names]
        raise InvalidInput(
            "name",
            text,
            f"an image that is in {path}: {', '.join(there) or 'its images have no names'}",
        )
    return chosen


def take(engine: Engine, members: Members, image: Image, names: Sequence[str]) -> str:
    """Store an image of an archive under full ``names``."""
    from ..library import ingest  # here alone: a controller that reads archives need not be Linux

    def plain(name: str) -> Iterator[bytes]:
        return compressed_streams.decompress(members.pieces(name), f"{name} in {members.path}")

    engine.progress.subject(
        f"Loading {reference.parse(names[0]).familiar if names else image.id[7:19]}"
    )
    what = f"{reference.parse(names[0]).familiar if names else image.id[:19]} from {members.path}"
    if image.manifest is not None:
        layers = [
            ingest.Layer(diff_id, lambda name=name: members.pieces(name), digest, size)
            for diff_id, digest, name, size in image.layers
        ]
        return ingest.take(
            engine,
            what,
            image.config,
            layers,
            manifest_data=image.manifest,
            references=names,
            manner=ingest.LOAD,
        )
    described = {"digest": image.id, "size": len(image.config)}
    layers = [
        ingest.Layer(diff_id, lambda name=name: plain(name))
        for diff_id, _digest, name, _size in image.layers
    ]
    return ingest.take(
        engine,
        what,
        image.config,
        layers,
        references=names,
        build_manifest=lambda stored: manifest.build(described, stored, docker=True),
        manner=ingest.LOAD,
    )
