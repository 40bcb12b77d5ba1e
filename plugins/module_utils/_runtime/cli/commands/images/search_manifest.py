# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""``search`` and ``manifest``: what registries have, and names for images of several platforms."""

from __future__ import annotations

import base64
import contextlib
import json
import os

from .... import images
from ....errors import Conflict, InvalidInput, NotFound
from ....images.client import search as registry_search
from ....images.model import manifest, reference
from ....reconcile import Plan
from ....store.atomic_files import read_json, write_json
from ....units import truth
from ....untrusted import json_reader
from ... import tables
from ...filters import filters
from ...grammar import UsageError, whole
from .pull_push import registries_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from ....engine import Engine
    from ...grammar import Given
    from ...session import Session


COLUMNS = [
    ("NAME", "Name"),
    ("DESCRIPTION", "Description"),
    ("STARS", "StarCount"),
    ("OFFICIAL", "IsOfficial"),
]
MOST = 100  # rows of a search, as Docker has it
WIDTH = 45  # characters of a description


def search(session: Session, given: Given) -> None:
    """``search [HOST/]TERM``: on Docker Hub, or on the registry that the term begins with."""
    limit = whole(given.limit, "--limit", 1) if given.limit else 25
    if limit > MOST:
        raise UsageError(f"flag --limit takes a number from 1 to {MOST}, not {given.limit!r}")
    chosen = filters(given.filter)
    for key in chosen:
        if key not in ("stars", "is-official"):
            raise InvalidInput("--filter", key, "stars, is-official")
    stars = max([whole(value, "--filter stars") for value in chosen.get("stars", ())], default=0)
    official = [truth(value, "--filter is-official") for value in chosen.get("is-official", ())]
    registry, term = reference.split_registry(given.words[0])
    hub = registry == reference.DEFAULT_REGISTRY
    asked = reference.parse(f"{registry_search.HUB if hub else registry}/search", "TERM")
    if hub and not term:
        raise InvalidInput("TERM", given.words[0], "a part of a repository's name")
    client = registries_of(given).client(asked, session.engine)
    rows = [
        {
            **row,
            "Name": row["Name"] if hub else f"{registry}/{row['Name']}",
            "Description": _line(row["Description"], given.no_trunc),
            "IsOfficial": "[OK]" if row["IsOfficial"] else "",
        }
        for row in registry_search.repositories(client, term, limit)
        if row["StarCount"] >= stars and all(row["IsOfficial"] is wanted for wanted in official)
    ]
    session.listing(tables.formatted(rows, COLUMNS, given.format))


def _line(text: str, entire: bool) -> str:
    text = " ".join(text.split())
    return text if entire or len(text) <= WIDTH else text[: WIDTH - 1] + "\u2026"


def inspect(session: Session, given: Given) -> None:
    """``manifest inspect NAME``: the index that ``manifest create`` made, else what the registry
    has.
    """
    parsed = images.parse(given.words[0])
    kept = None if parsed.digest else _kept(session.engine, parsed)
    if kept is not None:
        document = _index(session.engine, kept)
        session.say(*json.dumps(document, indent=3).split("\n"))
        return
    source = registries_of(given).source(parsed, session.engine)
    data, kind = source.manifest(parsed.wanted)
    document = manifest.parse(data, parsed.familiar, kind)
    if not given.verbose:
        session.say(*json.dumps(document, indent=3).split("\n"))
        return
    described = {
        "Ref": parsed.name,
        "Descriptor": {
            "mediaType": document.get("mediaType") or kind,
            "digest": manifest.digest_of(data),
            "size": len(data),
        },
        "Raw": base64.b64encode(data).decode(),
        "Manifest": document,
    }
    session.say(*json.dumps(described, indent=3).split("\n"))


def create(session: Session, given: Given) -> None:
    """``manifest create INDEX IMAGE...``: name images of this host, each for another platform."""
    from ....images.plans import indexes  # the one command that needs it

    parsed = images.tagged(given.words[0], "INDEX")
    before = _kept(session.engine, parsed)
    if before is not None and not given.amend:
        raise Conflict(f"there is an index {parsed.familiar} already; --amend adds to it")
    names = list(before["images"] if before else []) + [
        name for name in given.words[1:] if name not in (before["images"] if before else [])
    ]
    indexes.check([(name, images.get(session.engine, name)) for name in names])
    _change(session, parsed, "make", lambda: _keep(session.engine, parsed, names), names)
    session.say(f"Created manifest list {parsed.name}")


def push(session: Session, given: Given) -> None:
    """``manifest push INDEX``: push its images and it."""
    parsed = images.tagged(given.words[0], "INDEX")
    kept = _required(session.engine, parsed)
    first, others = kept["images"][0], kept["images"][1:]
    plan = images.plan_local(session.engine, first)
    images.plan_push(plan, [parsed.name], registries_of(given), index=others)
    session.carry_out(plan)
    if not session.check:
        digest = registries_of(given).client(parsed, session.engine).digest(parsed.wanted)
        session.say(digest or "")
    if given.purge:
        _change(session, parsed, "forget", lambda: os.unlink(_place(session.engine, parsed)))


def rm(session: Session, given: Given) -> None:
    """``manifest rm INDEX...``: forget what ``manifest create`` made."""

    def one(name: str) -> None:
        parsed = images.tagged(name, "INDEX")
        _required(session.engine, parsed)
        _change(session, parsed, "forget", lambda: os.unlink(_place(session.engine, parsed)))

    session.each(given.words, one)


def _change(
    session: Session,
    parsed: images.Reference,
    verb: str,
    apply: Callable[[], object],
    after: list[str] | None = None,
) -> None:
    plan = Plan(f"index {parsed.familiar}")
    before = (_kept(session.engine, parsed) or {}).get("images")
    if before != after:
        plan.add("images", before, after, f"{verb} index {parsed.familiar}", apply)
    session.carry_out(plan)


def _place(engine: Engine, parsed: images.Reference) -> str:
    name = manifest.digest_of(parsed.name.encode()).partition(":")[2][:32]
    return os.path.join(engine.paths.data, "indexes", name + ".json")


def _kept(engine: Engine, parsed: images.Reference) -> dict[str, Any] | None:
    with contextlib.suppress(FileNotFoundError):
        found: dict[str, Any] | None = read_json(_place(engine, parsed), None)
        return found
    return None


def _required(engine: Engine, parsed: images.Reference) -> dict[str, Any]:
    kept = _kept(engine, parsed)
    if kept is None:
        raise NotFound(f"there is no index {parsed.familiar}; manifest create makes one")
    return kept


def _keep(engine: Engine, parsed: images.Reference, names: list[str]) -> None:
    os.makedirs(os.path.dirname(_place(engine, parsed)), mode=0o700, exist_ok=True)
    write_json(_place(engine, parsed), {"name": parsed.name, "images": names})


def _index(engine: Engine, kept: dict[str, Any]) -> dict[str, Any]:
    from ....images.plans import indexes

    data, _kind = indexes.build(engine, [images.get(engine, name) for name in kept["images"]])
    return json_reader.load(data, "the index that was built")
