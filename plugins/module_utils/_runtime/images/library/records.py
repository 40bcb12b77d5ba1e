# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Find images of the store by name or id; name, remove and describe them, as ``docker inspect``
does.
"""

from __future__ import annotations

import contextlib

from ...errors import Conflict, EngineError, HostError, InvalidInput, NotFound
from ...store.database import decode, now
from ...untrusted.text import printable
from ..model import manifest, reference
from . import garbage, layer_store

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from typing import Any, TypedDict

    from ...engine import Engine
    from ...store.database import Row, Transaction

    Document = dict[str, Any]

    class ImageRow(TypedDict):
        """A row of ``images``; see :class:`ImageRecord`."""

        id: str
        manifest: str
        size: int
        added: float

    class _Optional(TypedDict, total=False):
        damaged: str

    class ImageRecord(_Optional):
        """An image of the store, or one that will be stored.

        ``id``: digest of its configuration. ``manifest``: digest of its manifest; "" where it is
        not known yet. ``config``: its OCI configuration. ``layers``: DiffIDs, lowest first.
        ``size``: bytes of the layers' files. ``added``: when it was stored, in seconds since the
        epoch; None for one that is not stored. ``damaged``: a sentence, where its configuration
        can't be read.
        """

        id: str
        manifest: str
        config: Document
        layers: list[str]
        size: int
        added: float | None


def find(engine: Engine, name_or_id: str) -> ImageRecord | None:
    """Return the image with a reference, an id or the beginning of an id, or None.

    :returns: ``{"id", "manifest", "config": OCI configuration, "layers": [DiffIDs, lowest first],
        "size", "added"}``.
    :raises InvalidInput: when the text is neither (option ``name``).
    :raises Conflict: when several ids begin so.
    """
    row = find_row(engine, name_or_id)
    if row is None:
        return None
    try:
        return _record(engine, row)
    except (NotFound, HostError):
        if engine.db.one("SELECT 1 FROM images WHERE id = ?", row["id"]) is None:
            return None  # another task has removed it just now
        raise HostError(
            f"image {name_of(engine, row['id'])} is damaged: its configuration {row['id'][:19]} "
            f"is {'not what it was' if engine.blobs.has(row['id']) else 'gone'}; pycontainer "
            "system check --repair mends it"
        ) from None


def find_even_damaged(engine: Engine, ident: str) -> ImageRecord | None:
    """Return the same as :func:`find`, for a list of all images.

    An image whose configuration can't be read has an empty one, no layers, and the sentence as
    ``damaged``.
    """
    try:
        return find(engine, ident)
    except HostError as error:
        row = find_row(engine, ident)
        if row is None:
            return None
        return {**_of_row(row, {"config": {}}, []), "damaged": str(error)}


def get(engine: Engine, name_or_id: str) -> ImageRecord:
    """Return the same as :func:`find`.

    :raises NotFound: when there is none.
    """
    record = find(engine, name_or_id)
    if record is None:
        raise absent(name_or_id)
    return record


def _record(engine: Engine, row: ImageRow) -> ImageRecord:
    config = manifest.parse_config(engine.blobs.read(row["id"]), row["id"])
    return _of_row(row, config, config["rootfs"]["diff_ids"])


def _of_row(row: ImageRow, config: Document, layers: list[str]) -> ImageRecord:
    return {
        "id": row["id"],
        "manifest": row["manifest"],
        "config": config,
        "layers": layers,
        "size": row["size"],
        "added": row["added"],
    }


def coming(ident: str, config: Document, digest: str = "") -> ImageRecord:
    """Return the record of an image that is not in the store yet.

    :param digest: of its manifest, where it is known.
    """
    return {
        "id": ident,
        "manifest": digest,
        "config": config,
        "layers": (config.get("rootfs") or {}).get("diff_ids") or [],
        "size": 0,
        "added": None,
    }


def find_row(engine: Engine, text: str) -> ImageRow | None:
    """Return the row of ``images`` with a reference, an id or the beginning of an id, or None.

    Errors are those of :func:`find`.
    """
    return resolve(engine, text)[0]


def resolve(engine: Engine, text: str) -> tuple[ImageRow | None, reference.Reference | None]:
    """Resolve a user's word for an image: ``(row of images or None, Reference or None)``.

    The :class:`Reference` is None where the word is an id: then no registry can be asked. An id,
    whole or as long as listings show it, is looked up before a name of the same letters. So nobody
    can hijack another image's id with a name. Shorter beginnings come after names, as with Docker:
    ``ada`` and ``cafe`` are words. Errors are those of :func:`find`.
    """
    if not isinstance(text, str) or not reference.looks_like_id(text):
        parsed = reference.parse(text)
        return by_reference(engine, parsed), parsed
    if reference.is_id(text):
        return _by_id(engine, text), None
    parsed = reference.parse(text)
    if len(text) >= reference.SHORT_ID:
        row = _by_id(engine, text)
        return (row, None) if row is not None else (by_reference(engine, parsed), parsed)
    row = by_reference(engine, parsed)
    if row is not None:
        return row, parsed
    row = _by_id(engine, text)
    return row, parsed if row is None else None


def absent(text: str) -> NotFound:
    """Return the NotFound error for a user's word for an image."""
    if isinstance(text, str) and reference.is_id(text):
        return NotFound(f"there is no image with the ID {text} on this host")
    return NotFound(f"there is no image {printable(text)} on this host")


def _by_id(engine: Engine, text: str) -> ImageRow | None:
    prefix = text if text.startswith("sha256:") else "sha256:" + text
    found = engine.db.all(
        "SELECT * FROM images WHERE id >= ? AND id < ? LIMIT 2", prefix, prefix + "g"
    )
    if len(found) > 1:
        raise Conflict(f"several images' ids begin with {text}; give more of it")
    return _row(found[0]) if found else None


def by_reference(engine: Engine, parsed: reference.Reference) -> ImageRow | None:
    """Return the row of ``images`` with a :class:`Reference`, or None.

    A digest wins over a tag.
    """
    if parsed.digest:
        row = engine.db.one(
            "SELECT images.* FROM images JOIN digests ON digests.image = images.id WHERE "
            "repository = ? AND digest = ?",
            parsed.full_repository,
            parsed.digest,
        )
    else:
        row = engine.db.one(
            "SELECT images.* FROM images JOIN tags ON tags.image = images.id WHERE reference = ?",
            parsed.tagged,
        )
    return _row(row) if row is not None else None


def _row(row: Mapping[str, Any]) -> ImageRow:
    return {
        "id": row["id"],
        "manifest": row["manifest"],
        "size": row["size"],
        "added": row["added"],
    }


def row_of(engine: Engine, ident: str) -> ImageRow:
    """Return the row of the image ``ident`` (whole id).

    :raises NotFound: when another task has removed it meanwhile.
    """
    row = row_or_none(engine, ident)
    if row is None:
        raise absent(ident)
    return row


def all_rows(engine: Engine) -> list[ImageRow]:
    """Return the rows of all images, the oldest first."""
    return [_row(row) for row in engine.db.all("SELECT * FROM images ORDER BY added")]


def row_or_none(engine: Engine, ident: str) -> ImageRow | None:
    """Return the row of the image ``ident`` (whole id), or None."""
    row = engine.db.one("SELECT * FROM images WHERE id = ?", ident)
    return _row(row) if row is not None else None


def tags_of(engine: Engine, ident: str) -> list[str]:
    """Return the full references of an image, sorted."""
    return [
        row["reference"]
        for row in engine.db.all(
            "SELECT reference FROM tags WHERE image = ? ORDER BY reference", ident
        )
    ]


def digests_of(engine: Engine, ident: str) -> list[str]:
    """Return the ``repository@digest`` names by which registries know an image, sorted."""
    return [
        f"{row['repository']}@{row['digest']}"
        for row in engine.db.all(
            "SELECT repository, digest FROM digests WHERE image = ? ORDER BY repository, digest",
            ident,
        )
    ]


def containers_of(engine: Engine, ident: str) -> list[str]:
    """Return the names of the containers that use an image."""
    return [
        row["name"]
        for row in engine.db.all(
            f"SELECT * FROM containers WHERE {_USING} ORDER BY name", *_using(ident)
        )
        if _uses(row, ident)
    ]


# A container has an image to run on, and others that its mounts show.
_USING = "image = ? OR definition LIKE ?"


def _using(ident: str) -> tuple[str, str]:
    return ident, f'%"{ident}"%'


def _uses(row: Row, ident: str) -> bool:
    """Tell whether a container's row that ``_USING`` selects has the image indeed."""
    return row["image"] == ident or any(
        isinstance(entry, dict) and entry.get("image") == ident
        for entry in decode(row["definition"]).get("mounts", ())
    )


def familiar(full: str) -> str:
    """Return a full reference, with tag or digest, as Docker shows it."""
    repository, separator, rest = full.partition("@")
    if not separator:
        repository, separator, rest = full.rpartition(":")
    return reference.familiar_repository(repository) + separator + rest


def save(
    engine: Engine,
    connection: Transaction,
    ident: str,
    manifest_digest: str,
    size: int,
    references: Sequence[str] = (),
    digests: Iterable[tuple[str, str]] = (),
) -> list[str]:
    """Write an image's row and names, inside a transaction.

    A name that another image had moves to this one.

    :param references: full ``repository:tag``.
    :param digests: ``(repository, digest)``.
    :returns: digests that only the image's former manifest needed, for ``garbage.collect`` after
        the transaction.
    """
    row = connection.execute("SELECT * FROM images WHERE id = ?", (ident,)).fetchone()
    superseded = (
        blobs_of(engine, row) if row is not None and row["manifest"] != manifest_digest else []
    )
    connection.execute(
        "INSERT INTO images (id, manifest, size, added) VALUES (?, ?, ?, ?) "
        "ON CONFLICT (id) DO UPDATE SET manifest = excluded.manifest, size = excluded.size",
        (ident, manifest_digest, size, now()),
    )
    name(connection, ident, references, digests)
    return superseded


def name(
    connection: Transaction,
    ident: str,
    references: Iterable[str] = (),
    digests: Iterable[tuple[str, str]] = (),
) -> None:
    """Write the names alone, as :func:`save` does."""
    for full in references:
        _name(connection, full, ident)
    for repository, digest in digests:
        connection.execute(
            "INSERT INTO digests (repository, digest, image) VALUES (?, ?, ?) "
            "ON CONFLICT (repository, digest) DO UPDATE SET image = excluded.image",
            (repository, digest, ident),
        )


def tag(engine: Engine, name_or_id: str, full: str) -> None:
    """Give an image the full reference ``full``; another image that has it loses it."""
    record = get(engine, name_or_id)
    with engine.db.transaction() as connection:
        check_there(connection, record["id"])
        _name(connection, full, record["id"])


def _name(connection: Transaction, full: str, ident: str) -> None:
    """Write one name. Every name enters the store here.

    :raises InvalidInput: for one that is not in its full form, or could be read as an id.
    """
    if reference.parse(full).tagged != full:
        raise InvalidInput("name", full, "a name with registry, repository and tag")
    connection.execute(
        "INSERT INTO tags (reference, image) VALUES (?, ?) ON CONFLICT (reference) DO UPDATE SET "
        "image = excluded.image",
        (full, ident),
    )


def check_there(connection: Transaction, ident: str) -> None:
    """Check, inside a transaction, that the image still exists.

    :raises NotFound: when another task has removed it meanwhile.
    """
    if connection.execute("SELECT 1 FROM images WHERE id = ?", (ident,)).fetchone() is None:
        raise NotFound(f"there is no image {ident} on this host")


def untag(engine: Engine, full: str) -> None:
    """Remove the name ``full``. With the last tag of a repository its digests are removed too."""
    repository = full.rpartition(":")[0]
    with engine.db.freeing(), engine.db.transaction() as connection:
        row = connection.execute("SELECT image FROM tags WHERE reference = ?", (full,)).fetchone()
        connection.execute("DELETE FROM tags WHERE reference = ?", (full,))
        rest = (
            connection.execute(
                "SELECT reference FROM tags WHERE image = ?", (row["image"],)
            ).fetchall()
            if row
            else []
        )
        if row and repository not in [name["reference"].rpartition(":")[0] for name in rest]:
            connection.execute(
                "DELETE FROM digests WHERE image = ? AND repository = ?", (row["image"], repository)
            )


def remove(
    engine: Engine, ident: str, force: bool = False, last: str | None = None, prune: bool = True
) -> int:
    """Remove the image ``ident`` (whole id) with all its names, its blobs and the layers of no
    other image.

    :param force: where containers use it, remove its names and leave the rest until they are gone.
    :param last: the full reference that was its last when this was planned. If it has got another
        since, only this one is removed.
    :param prune: whether nameless images that only it was built from are removed too.
    :returns: bytes that were freed.
    :raises Conflict: when a container uses it and not ``force``.
    """
    check_unused(engine, ident, force)
    row = row_or_none(engine, ident)
    if row is None:
        return 0
    candidates = blobs_of(engine, row)
    empty(engine, row)
    with engine.operations.record("remove-image", image=ident, candidates=candidates):
        with engine.db.transaction() as connection:
            if last is not None:
                connection.execute(
                    "DELETE FROM tags WHERE reference = ? AND image = ?", (last, ident)
                )
                if tags_of(engine, ident):
                    return 0
            connection.execute("DELETE FROM tags WHERE image = ?", (ident,))
            connection.execute("DELETE FROM digests WHERE image = ?", (ident,))
            used = any(
                _uses(row, ident)
                for row in connection.execute(
                    f"SELECT * FROM containers WHERE {_USING}", _using(ident)
                ).fetchall()
            )
            if used and not force:
                check_unused(
                    engine, ident, force
                )  # one that came just now; its error rolls all of this back
            intermediate = (
                []
                if used
                else connection.execute(
                    "SELECT used FROM uses WHERE image = ?", (ident,)
                ).fetchall()
            )
            if not used:
                connection.execute("DELETE FROM images WHERE id = ?", (ident,))
        freed = garbage.collect(engine, candidates)
    for base in intermediate if prune else ():
        if is_leftover(engine, base["used"]):
            freed += remove(engine, base["used"])
    return freed


def empty(engine: Engine, row: ImageRow) -> None:
    """Remove the contents of an image that is to go, where the disk is full and the reserve is used
    up: its removal takes room.
    """
    if not engine.db.make_room() and not containers_of(engine, row["id"]):
        layers = set(blobs_of(engine, row)) - {row["id"], row["manifest"]}
        garbage.empty(engine, row["id"], layers)


def is_leftover(engine: Engine, ident: str) -> bool:
    """Return whether an image has no name, no container, and no image that was built from it."""
    return not (tags_of(engine, ident) or containers_of(engine, ident) or users_of(engine, ident))


def removed_with(engine: Engine, ident: str) -> list[str]:
    """Return the ids of the images that go when this one is removed: its own, and those of nameless
    images that only these were built from.
    """
    found, waiting = [ident], [ident]
    while waiting:
        gone = waiting.pop()
        for row in engine.db.all("SELECT used FROM uses WHERE image = ? ORDER BY used", gone):
            base = row["used"]
            if (
                base not in found
                and not (tags_of(engine, base) or containers_of(engine, base))
                and set(users_of(engine, base)) <= set(found)
            ):
                found.append(base)
                waiting.append(base)
    return found


def users_of(engine: Engine, ident: str) -> list[str]:
    """Return the ids of the images that were built from this one."""
    return [
        row["image"]
        for row in engine.db.all("SELECT image FROM uses WHERE used = ? ORDER BY image", ident)
    ]


def check_unused(engine: Engine, ident: str, force: bool = False) -> None:
    """Check that no container uses the image.

    :raises Conflict: when one does and not ``force``.
    """
    users = containers_of(engine, ident)
    if users and not force:
        raise Conflict(
            f"image {name_of(engine, ident)} is used by the "
            f"container{'s' if len(users) > 1 else ''} {', '.join(users)}; remove "
            f"{'them' if len(users) > 1 else 'it'} first"
        )


def name_of(engine: Engine, ident: str) -> str:
    """Return an image's name for a sentence: its first name, else its short id."""
    names = tags_of(engine, ident)
    return familiar(names[0]) if names else ident[:19]


def blobs_of(engine: Engine, row: ImageRow) -> list[str]:
    """Return the digests of all blobs of an image's row. Unreadable documents are left out."""
    digests = [row["manifest"], row["id"]]
    with contextlib.suppress(EngineError):
        digests += [
            layer["digest"]
            for layer in manifest.parse(engine.blobs.read(row["manifest"]), row["id"])["layers"]
        ]
    return digests


def inspect(engine: Engine, name_or_id: str) -> Document:
    """Return an image as ``docker image inspect`` shows it.

    :raises NotFound: when there is none.
    """
    return describe(engine, get(engine, name_or_id))


def describe(
    engine: Engine,
    record: ImageRecord,
    tags: Sequence[str] | None = None,
    digests: Sequence[str] | None = None,
) -> Document:
    """Return the form of ``docker image inspect`` for a record, with the given names.

    The image need not be in the store yet.
    """
    config = record["config"]
    names = tags_of(engine, record["id"]) if tags is None else tags
    known = digests_of(engine, record["id"]) if digests is None else digests
    history = config.get("history") or [{}]
    result = {
        "Id": record["id"],
        "RepoTags": [familiar(name) for name in names],
        "RepoDigests": [familiar(name) for name in known],
        "Created": config.get("created") or "",
        "Author": config.get("author") or "",
        "Comment": history[-1].get("comment") or "",
        "Architecture": config.get("architecture") or "",
        "Variant": config.get("variant") or "",
        "Os": config.get("os") or "linux",
        "Size": record["size"],
        "Config": config["config"],
        "RootFS": {"Type": "layers", "Layers": record["layers"]},
        "ManifestDigest": record["manifest"],
    }
    found = (
        [row for row in layer_store.rows(engine, record["layers"]) if row is not None]
        if record.get("added")
        else []
    )
    if record.get("damaged"):
        result["Damaged"] = record["damaged"]
    if found:
        directories = [layer_store.path_of(engine, row["number"]) for row in reversed(found)]
        result["GraphDriver"] = {"Name": "overlay", "Data": {"LowerDir": ":".join(directories)}}
    return result


def dangling(engine: Engine, everything: bool = False) -> list[str]:
    """Return the ids of images to prune, with the images that only they were built from.

    :param everything: all that no container uses, else only nameless ones that no other was built
        from.
    """
    found = [
        row["id"]
        for row in engine.db.all("SELECT id FROM images ORDER BY added")
        if not containers_of(engine, row["id"])
    ]
    if not everything:
        return [ident for ident in found if is_leftover(engine, ident)]
    return [ident for ident in found if not _kept_by_container(engine, ident)]


def _kept_by_container(engine: Engine, ident: str) -> bool:
    """Return whether an image is the intermediate of one that a container uses."""
    return not tags_of(engine, ident) and any(
        containers_of(engine, user) or _kept_by_container(engine, user)
        for user in users_of(engine, ident)
    )
