# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""List images, with Docker's filters."""

from __future__ import annotations

from ... import units
from ...errors import InvalidInput
from ...untrusted import patterns
from . import records

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

    from ...engine import Engine
    from .records import ImageRecord

    Document = dict[str, Any]


FILTERS = ("before", "dangling", "label", "label!", "reference", "since", "until")
PRUNE_FILTERS = ("dangling", "label", "label!", "until")
_PATTERNS = "a pattern with *, ? and [...], such as shop/*:1.*"


def listing(
    engine: Engine, filters: Document | None = None, everything: bool = False
) -> list[Document]:
    """Return all images in ``inspect``'s form, newest first.

    :param filters: ``{name: value or list of values}``, all optional:

    - ``dangling``: whether they have no name.
    - ``reference``: shell patterns. One must match the familiar name with or without its tag.
    - ``label``: ``key`` or ``key=value``; all must match. ``label!``: none may match.
    - ``before``, ``since``: an image; list those that are older or younger.
    - ``until``: a time or an age; list those that are older.

    :param everything: list also nameless images that other images are built from.
    :raises InvalidInput: for another filter or value.
    :raises NotFound: for an image in ``before`` or ``since`` that is missing.
    """
    chosen = check_filters(engine, filters)
    found = [
        record
        for record in (
            records.find_even_damaged(engine, row["id"])
            for row in engine.db.all("SELECT id FROM images")
        )
        if record is not None
    ]
    shown = [
        records.describe(engine, record)
        for record in found
        if everything
        or not (
            records.users_of(engine, record["id"])
            if chosen.get("dangling")
            else _intermediate(engine, record, found)
        )
    ]
    return sorted(
        [image for image in shown if matches(image, chosen)],
        key=lambda image: image["Created"],
        reverse=True,
    )


def check_filters(
    engine: Engine, filters: Document | None, known: Sequence[str] = FILTERS
) -> Document:
    """Return filters in their normal form, for :func:`matches`.

    :param known: the filters that are accepted.
    :raises InvalidInput: for others.
    """
    checked: Document = {}
    for key, value in (filters or {}).items():
        if key not in known:
            raise InvalidInput("filters", key, ", ".join(known))
        values = [str(item) for item in (value if isinstance(value, (list, tuple)) else [value])]
        if not values:
            continue
        if key == "dangling":
            checked[key] = units.truth(values[-1], "filters.dangling")
        elif key in ("before", "since"):
            checked[key] = _created(records.get(engine, values[-1]), values[-1], key)
        elif key == "until":
            checked[key] = units.moment(values[-1], "filters.until")
        else:
            checked[key] = values
    return checked


def _created(record: ImageRecord, text: str, key: str) -> float:
    try:
        return units.moment(record["config"].get("created"), "created")
    except InvalidInput:
        raise InvalidInput(
            "filters." + key, text, "an image that says when it was created"
        ) from None


def matches(image: Document, chosen: Document) -> bool:
    """Return whether an image in ``inspect``'s form matches filters from ``check_filters``."""
    if "dangling" in chosen and chosen["dangling"] == bool(image["RepoTags"]):
        return False
    if "reference" in chosen and not any(_named(image, pattern) for pattern in chosen["reference"]):
        return False
    return _labelled(image["Config"].get("Labels") or {}, chosen) and _aged(image, chosen)


def _labelled(labels: Mapping[str, str], chosen: Document) -> bool:
    def has(wanted: str) -> bool:
        key, equals, value = wanted.partition("=")
        return key in labels and (not equals or labels[key] == value)

    return all(has(wanted) for wanted in chosen.get("label", ())) and not any(
        has(wanted) for wanted in chosen.get("label!", ())
    )


def _aged(image: Document, chosen: Document) -> bool:
    if not {"before", "since", "until"} & set(chosen):
        return True
    try:
        created = units.moment(image["Created"], "created")
    except InvalidInput:
        return False
    return (
        ("before" not in chosen or created < chosen["before"])
        and ("since" not in chosen or created > chosen["since"])
        and ("until" not in chosen or created < chosen["until"])
    )


def _named(image: Document, pattern: str) -> bool:
    names = image["RepoTags"] + [name.rpartition(":")[0] for name in image["RepoTags"]]
    names += image["RepoDigests"] + [name.partition("@")[0] for name in image["RepoDigests"]]
    return any(fits(name, pattern) for name in names)


def fits(name: str, pattern: str) -> bool:
    """Return whether a name matches a pattern of Go's path.Match: ``*`` and ``?`` match anything
    but ``/``.

    :raises InvalidInput: for a pattern that is not closed, or has a reversed range.
    """
    try:
        return patterns.path(pattern, closing=False).fits(name)
    except patterns.Malformed:
        raise InvalidInput("filters.reference", pattern, _PATTERNS) from None


def _intermediate(engine: Engine, record: ImageRecord, others: list[ImageRecord]) -> bool:
    """Return whether an image is nameless and another one is built from it or begins with all of
    its layers.
    """
    count = len(record["layers"])
    if record.get("damaged"):  # which layers it has is not known
        return False
    return not records.tags_of(engine, record["id"]) and bool(
        records.users_of(engine, record["id"])
        or any(
            len(other["layers"]) > count and other["layers"][:count] == record["layers"]
            for other in others
        )
    )
