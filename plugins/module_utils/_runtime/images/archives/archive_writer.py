# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Write images into archives and layouts that docker, podman, skopeo and umoci read.

Manifests, configurations and layers are written byte for byte as the store has them, so every
digest stays the same (image-spec, image-layout.md; ``docker save``). The same images give the same
bytes. So an existing archive can be compared with what would be written. Forms:

- docker-archive: a tar with both manifest.json for ``docker load`` and an OCI layout, as Docker 25
  and newer write it
- oci-archive: an OCI layout in a tar
- oci-dir: an OCI layout in a directory
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os

from ...errors import HostError, InvalidInput, reason
from ...layers.compression import compressed_streams
from ...layers.tar import reader, writer
from ...reconcile import Plan
from ...store import atomic_files
from ...untrusted import files as foreign
from ...untrusted import trees
from ..library import image_events, records, repair
from ..model import manifest, reference

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from typing import Any

    from ...engine import Engine
    from ..library.records import ImageRecord

    Document = dict[str, Any]
    Chosen = tuple[ImageRecord, list[str]]  # an image and its full references


FORMS = ("docker-archive", "oci-archive", "oci-dir")
LAYOUT = b'{"imageLayoutVersion":"1.0.0"}'
CONTAINERD_NAME, REF_NAME = "io.containerd.image.name", "org.opencontainers.image.ref.name"


def chosen(
    engine: Engine, texts: Sequence[str], every_tag: bool = False, option: str = "names"
) -> list[Chosen]:
    """Return ``[(record, [full references])]`` of the images to save, each once, in the given
    order.

    :param every_tag: a name without tag stands for all tags of its repository, as for ``docker
        save``.
    :raises NotFound: when one is missing.
    :raises InvalidInput: where none is named.
    """
    if not texts:
        raise InvalidInput(option, None, "at least one image")
    found: dict[str, Chosen] = {}
    for text in texts:
        for record, full in _named(engine, text, every_tag):
            names = found.setdefault(record["id"], (record, []))[1]
            if full is not None and full not in names:
                names.append(full)
    return list(found.values())


def _named(engine: Engine, text: str, every_tag: bool) -> list[tuple[ImageRecord, str | None]]:
    """Return ``[(record, full reference or None)]`` for one text."""
    record, parsed = records.find(engine, text), records.resolve(engine, text)[1]
    if parsed is not None:
        parsed = reference.parse(text, default_tag=None)
    if every_tag and parsed is not None and not parsed.tag and not parsed.digest:
        rows = engine.db.all(
            "SELECT reference, image FROM tags WHERE reference >= ? AND reference < ? ORDER BY "
            "reference",
            parsed.full_repository + ":",
            parsed.full_repository + ";",
        )
        if rows:
            return [(records.get(engine, row["image"]), row["reference"]) for row in rows]
    if record is None:
        raise records.absent(text)
    tagged = (
        parsed.with_tag(parsed.tag or "latest").tagged
        if parsed is not None and not parsed.digest
        else None
    )
    return [(record, tagged if tagged in records.tags_of(engine, record["id"]) else None)]


def plan_save(
    engine: Engine,
    images: Sequence[Chosen],
    path: str,
    form: str = "docker-archive",
    gzip: bool = False,
    force: bool = False,
) -> Plan:
    """Plan that the archive or layout at ``path`` holds ``images`` (from :func:`chosen`), and
    nothing else.

    Damaged images are repaired. Facts: ``images``.

    :param gzip: compress the archive as a whole; most layers in it are compressed already.
    :param force: write it in any case.
    :raises InvalidInput: when ``path`` is something else.
    """
    check_form(form, gzip)
    _check_place(path, form)
    plan = Plan(
        f"archive {path}",
        lambda: {"images": [records.describe(engine, record) for record, _names in images]},
    )
    lost = [record for record, _names in images if repair.add_whole(plan, engine, record)]
    return _add_archive(plan, engine, images, path, form, gzip, force or bool(lost))


def tell_saved(engine: Engine, images: Sequence[Chosen]) -> None:
    """Write the events that these images were saved."""
    for record, names in images:
        image_events.tell(engine, "save", record["id"], names)


def _add_archive(
    plan: Plan,
    engine: Engine,
    images: Sequence[Chosen],
    path: str,
    form: str,
    gzip: bool,
    force: bool,
) -> Plan:
    def write() -> None:
        if form == "oci-dir":
            write_layout(engine, path, images)
        else:
            write_archive(path, save_pieces(engine, images, form, gzip))
        tell_saved(engine, images)

    if force or not (
        _layout_is(engine, path, images)
        if form == "oci-dir"
        else _archive_is(engine, path, images, form, gzip)
    ):
        titles = ", ".join(
            records.familiar(names[0]) if names else record["id"][:19] for record, names in images
        )
        plan.add(
            "archive",
            "another content" if os.path.lexists(path) else None,
            titles,
            f"save image {titles} to {path}",
            write,
        )
    return plan


def plan_archive(plan: Any, names: Sequence[str], path: str) -> None:
    """Add to an image's plan that the archive at ``path`` holds it under ``names``.

    It is written once the image is in the store.

    :param names: an ID among them is none that it gets.
    :param plan: a ``plans.present.ImagePlan``.
    """
    engine = plan.engine
    references = [reference.parse(name).full_tag for name in names if not reference.is_id(name)]
    _check_place(path, "docker-archive")
    if plan.coming is None and not plan.unknown and not repair.lost(engine, plan.image):
        _add_archive(
            plan, engine, [(plan.record(), references)], path, "docker-archive", False, False
        )
        return
    title = records.familiar(references[0]) if references else names[0][:19]
    plan.add(
        "archive",
        "another content" if os.path.lexists(path) else None,
        title,
        f"save image {title} to {path}",
        lambda: plan_save(engine, [(plan.record(), references)], path).apply(),
    )


def check_form(form: str, gzip: bool, option: str = "format") -> None:
    """Check the form of an archive.

    :raises InvalidInput: when it is unknown, or can't be compressed.
    """
    if form not in FORMS:
        raise InvalidInput(option, form, ", ".join(FORMS))
    if gzip and form == "oci-dir":
        raise InvalidInput("gzip", True, "no compression of a directory")


def _check_place(path: str, form: str) -> None:
    parent = os.path.dirname(path) or "."
    if not os.path.isdir(parent):
        raise InvalidInput("path", path, f"a path in a directory that exists; there is no {parent}")
    if form != "oci-dir":
        if os.path.isdir(path):
            raise InvalidInput("path", path, f"a file, not a directory, for the format {form}")
    elif os.path.lexists(path) and not os.path.isdir(path):
        raise InvalidInput("path", path, "a directory, not a file, for the format oci-dir")
    elif (
        os.path.isdir(path)
        and set(os.listdir(path)) - {"oci-layout.partial"}
        and not os.path.isfile(os.path.join(path, "oci-layout"))
    ):
        raise InvalidInput("path", path, "an empty directory or an OCI layout, which this is not")


def _digests(engine: Engine, record: ImageRecord) -> list[str]:
    """Return the digests of all blobs of an image: manifest, configuration, layers."""
    document = manifest.parse(engine.blobs.read(record["manifest"]), record["id"])
    return [record["manifest"], record["id"]] + [layer["digest"] for layer in document["layers"]]


# --------------------------------------------------------------------------------------------------
# ---------- documents


def documents(engine: Engine, images: Sequence[Chosen], form: str) -> list[tuple[str, bytes]]:
    """Return the small files of an archive or layout: ``[(name, bytes)]``."""
    found = [
        (
            "index.json",
            _json(
                {
                    "schemaVersion": 2,
                    "mediaType": manifest.OCI_INDEX,
                    "manifests": _descriptors(engine, images),
                }
            ),
        )
    ]
    if form == "docker-archive":
        found.append(("manifest.json", _json([_docker_entry(engine, *image) for image in images])))
    return found + [("oci-layout", LAYOUT)]


def _json(value: Any) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()


def _descriptors(engine: Engine, images: Sequence[Chosen]) -> list[Document]:
    tags = [full.rpartition(":")[2] for _record, names in images for full in names]
    found = []
    for record, names in images:
        kind = manifest.parse(engine.blobs.read(record["manifest"]), record["id"])["mediaType"]
        item = {
            "mediaType": kind,
            "digest": record["manifest"],
            "size": engine.blobs.size(record["manifest"]),
        }
        for full in names:
            tag = full.rpartition(":")[2]
            found.append(
                dict(
                    item,
                    annotations={
                        CONTAINERD_NAME: full,
                        REF_NAME: tag if tags.count(tag) == 1 else records.familiar(full),
                    },
                )
            )
        found += [] if names else [item]
    return found


def _docker_entry(engine: Engine, record: ImageRecord, names: list[str]) -> Document:
    layers = _digests(engine, record)[2:]
    return {
        "Config": blob_name(record["id"]),
        "RepoTags": [records.familiar(full) for full in names] or None,
        "Layers": [blob_name(digest) for digest in layers],
    }


def blob_name(digest: str) -> str:
    return "blobs/" + digest.replace(":", "/")


def _blobs(engine: Engine, images: Sequence[Chosen]) -> list[str]:
    """Return the digests of all blobs, each once, sorted."""
    return sorted({digest for record, _names in images for digest in _digests(engine, record)})


# --------------------------------------------------------------------------------------------------
# ----------- archives


class _Member:
    """The status of a member for tarwrite.header. It has no times, so that the same images give the
    same bytes.
    """

    st_uid, st_gid, st_rdev, st_mtime_ns = 0, 0, 0, 0

    def __init__(self, mode: int) -> None:
        self.st_mode = mode


_FILE, _DIRECTORY = _Member(0o644), _Member(0o755)


def save_pieces(
    engine: Engine, images: Sequence[Chosen], form: str = "docker-archive", gzip: bool = False
) -> Iterator[bytes]:
    """Return the pieces of an archive of ``images``.

    :raises HostError: when a blob is damaged.
    """
    pieces = _archive(engine, images, form)
    return compressed_streams.compress(pieces) if gzip else pieces


def _archive(engine: Engine, images: Sequence[Chosen], form: str) -> Iterator[bytes]:
    blobs = _blobs(engine, images)
    for name in ["blobs/"] + sorted({f"blobs/{digest.partition(':')[0]}/" for digest in blobs}):
        yield writer.header(name.encode(), reader.DIRECTORY, _DIRECTORY)
    for digest in blobs:
        size = engine.blobs.size(digest)
        yield writer.header(blob_name(digest).encode(), reader.REGULAR, _FILE, size=size)
        yield from engine.blobs.pieces(digest)
        yield b"\0" * (-size % reader.BLOCK)
    for name, data in documents(engine, images, form):
        yield (
            writer.header(name.encode(), reader.REGULAR, _FILE, size=len(data))
            + data
            + b"\0" * (-len(data) % reader.BLOCK)
        )
    yield b"\0" * (2 * reader.BLOCK)


def write_archive(path: str, pieces: Iterable[bytes]) -> None:
    """Write the pieces to a file that appears only when it is whole."""
    try:
        with atomic_files.appearing(path) as file:
            for piece in pieces:
                file.write(piece)
    except OSError as error:
        raise HostError(f"{path} could not be written: {reason(error, named=True)}") from None


def _archive_is(engine: Engine, path: str, images: Sequence[Chosen], form: str, gzip: bool) -> bool:
    """Return whether the file at ``path`` has byte for byte what would be written."""
    if not os.path.isfile(path):
        return False
    try:
        with os.fdopen(foreign.open_regular(path, links=True), "rb") as file:
            return all(
                file.read(len(piece)) == bytes(piece)
                for piece in save_pieces(engine, images, form, gzip)
            ) and not file.read(1)
    except OSError as error:
        raise InvalidInput(
            "path", path, f"a file that can be read ({reason(error, named=True)})"
        ) from None
    except foreign.Unacceptable as error:
        raise InvalidInput("path", path, f"a file that can be read ({error})") from None


# --------------------------------------------------------------------------------------------------
# ------------ layouts


def _layout_is(engine: Engine, path: str, images: Sequence[Chosen]) -> bool:
    try:
        small = all(
            foreign.read(name, len(data), path) == data
            for name, data in documents(engine, images, "oci-dir")
        )
        blobs = {blob_name(digest): engine.blobs.size(digest) for digest in _blobs(engine, images)}
        return (
            small
            and _blob_files(path) == blobs
            and all(_blob_is(path, digest) for digest in _blobs(engine, images))
        )
    except (FileNotFoundError, foreign.Unacceptable):  # what is there is no layout, or another one
        return False


def _blob_is(path: str, digest: str) -> bool:
    """Return whether a layout has the blob, with the content that its digest names."""
    algorithm, dummy, encoded = digest.partition(":")
    checksum = hashlib.new(algorithm)
    try:
        with os.fdopen(foreign.open_regular(blob_name(digest), path), "rb") as file:
            for piece in compressed_streams.pieces(file):
                checksum.update(piece)
    except foreign.Unacceptable:  # there is none, or something else in its place
        return False
    return checksum.hexdigest() == encoded


def _blob_files(path: str) -> dict[str, int]:
    """Return ``{name: size}`` of the blobs of a layout."""
    top = os.path.join(path, "blobs")
    if not os.path.isdir(top) or os.path.islink(top):
        return {}
    return {
        "blobs/" + entry.path: entry.status.st_size
        for entry in trees.walk(top)
        if not entry.is_directory()
    }


def write_layout(engine: Engine, path: str, images: Sequence[Chosen]) -> None:
    """Write a layout in an order that an interrupted write can continue.

    First the file that marks it as a layout, then blobs, then the index. Blobs that no image of it
    needs are removed last.
    """
    blobs = {blob_name(digest): digest for digest in _blobs(engine, images)}
    try:
        os.makedirs(path, 0o755, exist_ok=True)
        _write_small(path, "oci-layout", LAYOUT)
        for name, digest in blobs.items():
            target = os.path.join(path, name)
            os.makedirs(os.path.dirname(target), 0o755, exist_ok=True)
            if not _blob_is(path, digest):
                with atomic_files.appearing(target, 0o644) as file:
                    for piece in engine.blobs.pieces(digest):
                        file.write(piece)
        for name, data in documents(engine, images, "oci-dir"):
            _write_small(path, name, data)
        for name in set(_blob_files(path)) - set(blobs):
            with contextlib.suppress(FileNotFoundError):
                os.unlink(os.path.join(path, name))
    except OSError as error:
        raise HostError(f"{path} could not be written: {reason(error, named=True)}") from None


def _write_small(path: str, name: str, data: bytes) -> None:
    with atomic_files.appearing(os.path.join(path, name)) as file:
        os.fchmod(file.fileno(), 0o644)
        file.write(data)
