# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""``images``, ``tag`` and ``rmi``."""

from __future__ import annotations

from .... import images, units
from ....errors import Conflict
from ... import tables
from ...filters import filtering, filters
from ...grammar import UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from ....engine import Engine
    from ...grammar import Given
    from ...session import Session


COLUMNS = [
    ("REPOSITORY", "Repository"),
    ("TAG", "Tag"),
    ("IMAGE ID", "ID"),
    ("CREATED", "CreatedSince"),
    ("SIZE", "Size"),
]


def ls(session: Session, given: Given) -> None:
    chosen = filters(given.filter)
    if given.words:
        chosen.setdefault("reference", []).append(given.words[0])
    patterns = chosen.get("reference")
    with filtering():
        found = images.listing(session.engine, chosen, given.all)
    if given.tree:
        if given.quiet or given.format:
            raise UsageError("--tree goes with neither --quiet nor --format")
        session.say(*_tree(found, given.no_trunc))
        return
    rows = [
        row
        for image in found
        for row in _rows(session.engine, image, given.no_trunc)
        if patterns is None
        or any(images.fits(name, pattern) for pattern in patterns for name in _spellings(row))
    ]
    columns = COLUMNS[:2] + [("DIGEST", "Digest")] + COLUMNS[2:] if given.digests else COLUMNS
    session.listing(tables.formatted(rows, columns, given.format, "ID" if given.quiet else None))


def _tree(found: list[dict[str, Any]], entire: bool) -> list[str]:
    """Return the lines of images, each below the one whose layers it begins with, and has most of."""
    layers = {image["Id"]: tuple(image["RootFS"]["Layers"]) for image in found}
    below: dict[str | None, list[dict[str, Any]]] = {}
    by_layers: dict[tuple[str, ...], str] = {}
    for image in reversed(found):  # the oldest of those with the same layers first
        by_layers.setdefault(layers[image["Id"]], image["Id"])
    for image in found:
        own = layers[image["Id"]]
        bases = [by_layers.get(own[:count]) for count in range(len(own) - 1, 0, -1)]
        if own and by_layers[own] != image["Id"]:
            bases.insert(0, by_layers[own])
        below.setdefault(next(filter(None, bases), None), []).append(image)
    sizes = {image["Id"]: image["Size"] for image in found}
    rows: list[tuple[str, str, str, str]] = []

    def show(image: dict[str, Any], base: str | None, lead: str, mark: str) -> None:
        ident = image["Id"] if entire else image["Id"].partition(":")[2][:12]
        names = ", ".join(image["RepoTags"]) or "<none>"
        added = image["Size"] - sizes[base] if base else image["Size"]
        added_text = tables.size(max(0, added), 3)
        rows.append((lead + mark + names, ident, tables.size(image["Size"], 3), added_text))
        inner = lead + {"": "", "\u251c\u2500 ": "\u2502  ", "\u2514\u2500 ": "   "}[mark]
        children = below.get(image["Id"], [])
        for number, child in enumerate(children, 1):
            last = number == len(children)
            show(child, image["Id"], inner, "\u2514\u2500 " if last else "\u251c\u2500 ")

    for image in below.get(None, []):
        show(image, None, "", "")
    return list(tables.table(["IMAGE", "ID", "SIZE", "ADDED"], [list(row) for row in rows]))


def _spellings(row: dict[str, Any]) -> tuple[str, ...]:
    return (
        row["Repository"],
        f"{row['Repository']}:{row['Tag']}",
        f"{row['Repository']}@{row['Digest']}",
    )


def _rows(engine: Engine, image: dict[str, Any], whole: bool) -> list[dict[str, Any]]:
    """Return what ``images`` shows of an image: a row for each of its names."""
    digests = dict(item.split("@") for item in image["RepoDigests"])
    names = [name.rpartition(":")[::2] for name in image["RepoTags"]]
    names += [(repository, "<none>") for repository in digests if repository not in dict(names)]
    ident = image["Id"] if whole else image["Id"].partition(":")[2][:12]
    since = at = "N/A"
    seconds = tables.when(image["Created"])
    if seconds is not None:
        since, at = units.ago(seconds) + " ago", tables.moment(seconds)
    size = tables.size(image["Size"], 3)
    users = str(len(images.containers_of(engine, image["Id"])))
    return [
        {
            "Repository": repository,
            "Tag": tag,
            "Digest": digests.get(repository, "<none>"),
            "ID": ident,
            "CreatedSince": since,
            "CreatedAt": at,
            "Size": size,
            "VirtualSize": size,
            "SharedSize": "N/A",
            "UniqueSize": "N/A",
            "Containers": users,
        }
        for repository, tag in names or [("<none>", "<none>")]
    ]


def tag(session: Session, given: Given) -> None:
    name = given.words[0]
    plan = images.plan_foretold(session.engine, name) or images.plan_local(session.engine, name)
    images.plan_tags(plan, [given.words[1]], option="TARGET")
    facts = session.carry_out(plan)
    if session.check and plan.changed:
        session.foretell([given.words[1]], facts["image"])


def rm(session: Session, given: Given) -> None:
    def one(name: str) -> None:
        found = images.find_row(session.engine, name)
        if found is None:
            coming = images.plan_foretold(session.engine, name) if session.check else None
            if coming is not None and coming.reference is not None:
                session.record(True, [f"remove image {name}"])
                session.forget({name, coming.reference.familiar})
                session.say(f"Untagged: {coming.reference.familiar}")
                return
            if given.force:
                session.mention(str(images.absent(name)))
                return
            raise images.absent(name)
        names = [images.familiar(full) for full in images.tags_of(session.engine, found["id"])]
        plan = images.plan_absent(session.engine, name, given.force, not given.no_prune)
        if not plan.changed:
            raise Conflict(f"image {name} is used by a container; remove that first")
        session.carry_out(plan)
        whole = any(change.name == "image" for change in plan.changes)
        untagged = names if whole else [images.parse(name).familiar]
        session.forget(untagged)
        session.say(*[f"Untagged: {tag}" for tag in untagged])
        if (
            whole
            and images.find_row(session.engine, found["id"]) is None
            or session.check
            and whole
        ):
            session.say(f"Deleted: {found['id']}")

    session.each(given.words, one)
