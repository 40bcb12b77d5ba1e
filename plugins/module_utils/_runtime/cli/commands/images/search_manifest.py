# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""``search`` and ``manifest``: what registries have, and names for images of several platforms."""

from __future__ import annotations

import base64
import json
import os

from .... import images
from ....errors import Conflict, InvalidInput, NotFound
from ....images.client import search as registry_search
from ....images.model import manifest, reference
from ....images.plans import indexes
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
    from collections.abc import Sequence
    from typing import Any, Literal, TypedDict

    from ....engine import Engine
    from ...grammar import Given
    from ...session import Session

    class Kept(TypedDict):
        """An index that ``manifest create`` made. ``images``: their names. ``platforms``: what the
        index says otherwise of an image's platform, by its name.
        """

        name: str
        images: list[str]
        platforms: dict[str, dict[str, Any]]


COLUMNS = [
    ("NAME", "Name"),
    ("DESCRIPTION", "Description"),
    ("STARS", "StarCount"),
    ("OFFICIAL", "IsOfficial"),
]
MOST = 100  # rows of a search, as Docker has it
WIDTH = 45  # characters of a description
LONGEST = 128  # characters of a variant, version or feature


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
        chosen = [(images.get(session.engine, name), said) for name, said in _said(kept)]
        data, kind = indexes.build(session.engine, chosen)
        document = json_reader.load(data, "the index that was built")
    else:
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
    parsed = images.tagged(given.words[0], "INDEX")
    with session.locked("index", parsed.name):
        before = _kept(session.engine, parsed)
        if before is not None and not given.amend:
            raise Conflict(f"there is an index {parsed.familiar} already; --amend adds to it")
        names = list(before["images"] if before else [])
        names += [name for name in dict.fromkeys(given.words[1:]) if name not in names]
        platforms = before["platforms"] if before else {}
        after: Kept = {"name": parsed.name, "images": names, "platforms": platforms}
        plan = _plan(session.engine, parsed, "make", before, after)
        plan.warnings += _alike(session.engine, after)
        session.carry_out(plan)
    session.say(f"Created manifest list {parsed.name}")


def _alike(engine: Engine, kept: Kept) -> list[str]:
    """Return a sentence where two images of an index are for the same platform."""
    found = indexes.alike(
        (name, indexes.platform_of(images.get(engine, name)["config"], said))
        for name, said in _said(kept)
    )
    if found is None:
        return []
    first, other, shown = found
    return [
        f"{first} and {other} are both for {shown}: the index can be pushed when manifest annotate "
        "says otherwise of one of them"
    ]


def annotate(session: Session, given: Given) -> None:
    """``manifest annotate INDEX IMAGE``: say in an index what platform one of its images is for."""
    changes = _changes(given)
    parsed = images.tagged(given.words[0], "INDEX")
    with session.locked("index", parsed.name):
        before = _required(session.engine, parsed)
        name = _member(session.engine, before, given.words[1])
        said = before["platforms"].get(name, {})
        if "os.features" in changes:  # further ones, as Docker has it
            config = images.get(session.engine, name)["config"]
            has = indexes.platform_of(config, said).get("os.features", ())
            changes["os.features"] = list(dict.fromkeys([*has, *changes["os.features"]]))
        platforms = {**before["platforms"], name: {**said, **changes}}
        after: Kept = {**before, "platforms": platforms}
        session.carry_out(_plan(session.engine, parsed, f"annotate {name} in", before, after))


def _changes(given: Given) -> dict[str, Any]:
    """Return the fields of a platform that ``manifest annotate`` is to set."""
    flags = (
        ("architecture", "--arch", given.arch, manifest.ARCHITECTURES),
        ("os", "--os", given.os, manifest.SYSTEMS),
        ("variant", "--variant", given.variant, ()),
        ("os.version", "--os-version", given.os_version, ()),
    )
    found: dict[str, Any] = {
        field: _word(flag, value, accepted)
        for field, flag, value, accepted in flags
        if value is not None
    }
    if given.os_features:
        parts = [part for text in given.os_features for part in text.split(",")]
        found["os.features"] = [_word("--os-features", part) for part in parts]
    if not found:
        raise UsageError(
            "pycontainer manifest annotate takes at least one of --arch, --os, --os-features, "
            "--os-version and --variant"
        )
    return found


def _word(flag: str, value: str, accepted: Sequence[str] = ()) -> str:
    if accepted and value not in accepted:
        raise InvalidInput(flag, value, ", ".join(accepted))
    if not value or len(value) > LONGEST or not value.isprintable() or " " in value:
        raise InvalidInput(flag, value, f"a word of up to {LONGEST} characters")
    return value


def _member(engine: Engine, kept: Kept, said: str) -> str:
    """Return an index's own name of an image. :raises NotFound: it has no such image."""
    if said in kept["images"]:
        return said
    ident = images.get(engine, said)["id"]
    for name in kept["images"]:
        if images.get(engine, name)["id"] == ident:
            return name
    shown = images.familiar(kept["name"])
    raise NotFound(f"index {shown} has no image {said}; it has {', '.join(kept['images'])}")


def push(session: Session, given: Given) -> None:
    """``manifest push INDEX``: push its images and it."""
    parsed = images.tagged(given.words[0], "INDEX")
    kept = _required(session.engine, parsed)
    for sentence in _alike(session.engine, kept):
        raise Conflict(sentence)
    plan = images.plan_local(session.engine, kept["images"][0])
    images.plan_push(
        plan,
        [parsed.name],
        registries_of(given),
        index=kept["images"][1:],
        platforms=[said for _name, said in _said(kept)],
    )
    session.carry_out(plan)
    if not session.check:
        digest = registries_of(given).client(parsed, session.engine).digest(parsed.wanted)
        session.say(digest or "")
    if given.purge:
        session.carry_out(_plan(session.engine, parsed, "forget", kept))


def rm(session: Session, given: Given) -> None:
    """``manifest rm INDEX...``: forget what ``manifest create`` made."""

    def one(name: str) -> None:
        parsed = images.tagged(name, "INDEX")
        kept = _required(session.engine, parsed)
        session.carry_out(_plan(session.engine, parsed, "forget", kept))

    session.each(given.words, one)


def _plan(
    engine: Engine,
    parsed: images.Reference,
    verb: str,
    before: Kept | None,
    after: Kept | None = None,
) -> Plan:
    """Plan what becomes of an index. :param after: what is kept of it; None: nothing."""
    place = _place(engine, parsed)

    def apply() -> None:
        if after is None:
            os.unlink(place)
            return
        os.makedirs(os.path.dirname(place), mode=0o700, exist_ok=True)
        write_json(place, after)

    plan = Plan(f"index {parsed.familiar}")
    if before != after:
        same = before is not None and after is not None and before["images"] == after["images"]
        field: Literal["platforms", "images"] = "platforms" if same else "images"
        old, new = (kept[field] if kept else None for kept in (before, after))
        plan.add(field, old, new, f"{verb} index {parsed.familiar}", apply)
    return plan


def _place(engine: Engine, parsed: images.Reference) -> str:
    name = manifest.digest_of(parsed.name.encode()).partition(":")[2][:32]
    return os.path.join(indexes.directory(engine), name + ".json")


def _kept(engine: Engine, parsed: images.Reference) -> Kept | None:
    found: Kept | None = read_json(_place(engine, parsed))
    return None if found is None else {**found, "platforms": found.get("platforms", {})}


def _required(engine: Engine, parsed: images.Reference) -> Kept:
    kept = _kept(engine, parsed)
    if kept is None:
        raise NotFound(f"there is no index {parsed.familiar}; manifest create makes one")
    return kept


def _said(kept: Kept) -> list[tuple[str, dict[str, Any]]]:
    """Return the names of an index's images, each with what it says otherwise of the platform."""
    return [(name, kept["platforms"].get(name, {})) for name in kept["images"]]
