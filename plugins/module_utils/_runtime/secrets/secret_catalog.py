# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The secrets and configs of a host: one file for each, and the containers that name them.

A secret is its file, ``secrets/secret/<name>.json`` of the store, with its data in it: no table has
a row of it, so no copy of the database has the data, and there is nothing to recover.

Nothing is kept that tells whether some guessed data are a secret's: two are compared by opening the
one that is there.
"""

from __future__ import annotations

import base64
import contextlib
import datetime
import glob
import os
import re

from .. import units
from ..errors import Conflict, InvalidInput, NotFound
from ..events import journal
from ..store.atomic_files import Damaged, make_private, read_json, sync_directory, write_json
from ..store.database import decode, now
from . import sealing

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any, TypedDict

    from ..engine import Engine

    class Entry(TypedDict):
        """A secret's or config's file, without its data."""

        id: str  # 25 hexadecimal digits
        name: str
        labels: dict[str, str]
        version: int  # 1, and one more for each change of the data
        created: float  # seconds since the epoch
        updated: float
        sealed: str  # how its data are kept: sealing.py
        keep: int | None  # of a version: how many are kept beside and with it, -1 for all

    class Stored(Entry):
        """A file with its data in it."""

        data: str  # base64


SECRET, CONFIG = "secret", "config"
OPTION = {SECRET: "secrets", CONFIG: "configs"}  # of a container
NAME = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9_.-]{0,127}")
LARGEST = 512_000  # bytes of data, as podman has it
SUFFIX, _REST = ".json", ".tmp."
_FIELDS = {"id", "name", "labels", "version", "created", "updated", "sealed", "data"}
FILTERS = ("dangling", "id", "label", "name")


def check_name(name: object, option: str = "name") -> str:
    """Check a name, which becomes a file's, and return it. :raises InvalidInput: it can't be one."""
    if not isinstance(name, str) or not NAME.fullmatch(name):
        raise InvalidInput(
            option, name, "1 to 128 letters, digits, '_', '.', '-', the first a letter or digit"
        )
    return name


def directory(engine: Engine, kind: str) -> str:
    """Return where the files of a kind are."""
    return os.path.join(engine.paths.secrets, kind)


def path(engine: Engine, kind: str, name: str) -> str:
    """Return where one is."""
    return os.path.join(directory(engine, kind), name + SUFFIX)


def _stored(engine: Engine, kind: str, name: str) -> Stored | None:
    place = path(engine, kind, name)
    found: Stored | None = read_json(place)
    if found is None and not os.path.exists(place):
        return None
    if not isinstance(found, dict) or not _FIELDS <= found.keys() or found["name"] != name:
        raise Damaged(f"{place} is damaged; remove {kind} {name} and make it again")
    return found


def get(engine: Engine, kind: str, name: str) -> Entry | None:
    """Return what is known of a secret or config beside its data; None where there is none."""
    return _stored(engine, kind, name)


def exists(engine: Engine, kind: str, name: str) -> bool:
    """Tell whether there is one of this name."""
    return os.path.exists(path(engine, kind, name))


def require(engine: Engine, kind: str, name: str) -> Stored:
    """Return one by its name. :raises NotFound: there is none."""
    found = _stored(engine, kind, name)
    if found is None:
        raise NotFound(f"{kind} {name} does not exist")
    return found


def read(engine: Engine, kind: str, name: str) -> bytes:
    """Return the data of one.

    :raises NotFound: there is none. :raises HostError: it can't be decrypted.
    """
    found = require(engine, kind, name)
    try:
        sealed = base64.b64decode(found["data"], validate=True)
    except (TypeError, ValueError):
        place = path(engine, kind, name)
        raise Damaged(f"{place} is damaged; remove {kind} {name} and make it again") from None
    return sealing.unseal(engine, f"{kind} {name}", found["version"], found["sealed"], sealed)


def write(
    engine: Engine,
    kind: str,
    name: str,
    data: bytes,
    labels: Mapping[str, str] | None = None,
    keep: int | None = None,
) -> str:
    """Make one, or give one that is there other data.

    :param labels: None leaves those that it has.
    :param keep: of a version: how many are to be kept.
    :returns: why the data of a secret are not encrypted on disk, or "".
    :raises HostError: they can't be encrypted as the host is to; what is there stays.
    """
    with engine.locks.hold(kind, name):
        before = _stored(engine, kind, name)
        version = before["version"] + 1 if before else 1
        method, sealed, why = (
            sealing.seal(engine, f"{kind} {name}", version, data)
            if kind == SECRET
            else (sealing.NONE, data, "")
        )
        had = before["labels"] if before else {}
        entry: Stored = {
            "id": before["id"] if before else os.urandom(13).hex()[:25],
            "name": name,
            "labels": dict(had if labels is None else labels),
            "version": version,
            "created": before["created"] if before else now(),
            "updated": now(),
            "sealed": method,
            "keep": keep if keep is not None or before is None else before.get("keep"),
            "data": base64.b64encode(sealed).decode(),
        }
        _put(engine, kind, entry)
    _tell(engine, kind, "update" if before else "create", entry)
    return why


def update_labels(engine: Engine, kind: str, name: str, labels: Mapping[str, str]) -> None:
    """Replace the labels of one; its data stay."""
    with engine.locks.hold(kind, name):
        entry = require(engine, kind, name)
        entry["labels"] = dict(labels)
        _put(engine, kind, entry)
    _tell(engine, kind, "update", entry)


def _put(engine: Engine, kind: str, entry: Stored) -> None:
    place = path(engine, kind, entry["name"])
    make_private(os.path.dirname(place))
    _clear_rests(place)
    write_json(place, entry)


def _clear_rests(place: str) -> None:
    """Remove what killed tasks have left of a file that was about to be written."""
    for rest in glob.glob(glob.escape(place) + _REST + "*"):
        with contextlib.suppress(FileNotFoundError):
            os.unlink(rest)


def rests(engine: Engine, kind: str) -> list[tuple[str, str]]:
    """Return what killed tasks have left of files: ``[(name, path)]``."""
    found = sorted(glob.glob(os.path.join(glob.escape(directory(engine, kind)), "*" + _REST + "*")))
    return [(os.path.basename(rest).partition(SUFFIX + _REST)[0], rest) for rest in found]


def clear_rests(engine: Engine, kind: str, name: str) -> None:
    """Remove what killed tasks have left of one; nobody writes it meanwhile."""
    with engine.locks.hold(kind, name):
        _clear_rests(path(engine, kind, name))


def remove(engine: Engine, kind: str, name: str) -> None:
    """Remove one. :raises NotFound: there is none. :raises Conflict: a container names it."""
    with engine.locks.hold(kind, name):
        place = path(engine, kind, name)
        if not os.path.exists(place):
            raise NotFound(f"{kind} {name} does not exist")
        check_unused(engine, kind, name)
        entry: Mapping[str, Any] = {"id": name, "name": name}
        with contextlib.suppress(Damaged):
            entry = require(engine, kind, name)
        _clear_rests(place)
        os.unlink(place)
        sync_directory(os.path.dirname(place))
    _tell(engine, kind, "remove", entry)


def _tell(engine: Engine, kind: str, action: str, entry: Mapping[str, Any]) -> None:
    journal.write(engine.paths, (kind, action, entry["id"], {"name": entry["name"]}))


def check_unused(engine: Engine, kind: str, name: str) -> None:
    """Check that no container names it. :raises Conflict: one does."""
    found = users(engine, kind).get(name)
    if found:
        raise Conflict(
            f"{kind} {name} is used by container {', '.join(found)}; remove that first, or make "
            f"it anew without the {kind}"
        )


def is_plain(engine: Engine, name: str) -> bool:
    """Tell whether the data of a secret are not encrypted on disk. A damaged one counts as such."""
    try:
        entry = get(engine, SECRET, name)
    except Damaged:
        return True
    return entry is not None and entry["sealed"] == sealing.NONE


def users(engine: Engine, kind: str) -> dict[str, list[str]]:
    """Return ``{name: [names of the containers that name it, running or not]}``."""
    found: dict[str, list[str]] = {}
    for row in engine.db.all("SELECT name, definition FROM containers ORDER BY name"):
        sources = {entry["source"] for entry in decode(row["definition"]).get(OPTION[kind], ())}
        for source in sources:
            found.setdefault(source, []).append(row["name"])
    return found


def versions(engine: Engine, kind: str, series: str) -> list[str]:
    """Return the names of the versions of one that there are, the oldest first."""
    pattern = re.compile(re.escape(series) + r"_v([1-9]\d{0,8})")
    matches = [pattern.fullmatch(name) for name in names(engine, kind)]
    numbers = sorted(int(match[1]) for match in matches if match is not None)
    return [f"{series}_v{number}" for number in numbers]


def is_left_over(engine: Engine, kind: str, name: str) -> bool:
    """Tell whether it is a version that the newest one's task would not have kept."""
    series, mark, _number = name.rpartition("_v")
    beside = versions(engine, kind, series) if mark else []
    if name not in beside:
        return False
    try:
        newest = get(engine, kind, beside[-1])
    except Damaged:
        return False
    keep = newest.get("keep") if newest is not None else None
    return keep is not None and keep >= 0 and name not in beside[-max(keep, 1) :]


def names(engine: Engine, kind: str) -> list[str]:
    """Return the names of all of a kind, sorted."""
    try:
        entries = os.listdir(directory(engine, kind))
    except FileNotFoundError:
        return []
    found = [entry[: -len(SUFFIX)] for entry in entries if entry.endswith(SUFFIX)]
    return sorted(name for name in found if NAME.fullmatch(name))


def listing(
    engine: Engine, kind: str, filters: Mapping[str, Any] | None = None
) -> list[dict[str, Any]]:
    """Return what :func:`inspect` says of those that ``filters`` select, by name.

    :param filters: each a value, or a list of which one must match (of labels: all). ``dangling``:
        whether no container names it. ``id``: its beginning. ``label``: ``key`` or ``key=value``.
        ``name``: part of it, or a regular expression.
    :raises InvalidInput: for an unknown filter or an impossible value.
    """
    chosen = {
        key: list(values) if isinstance(values, (list, tuple)) else [values]
        for key, values in (filters or {}).items()
    }
    unknown = set(chosen) - set(FILTERS)
    if unknown:
        raise InvalidInput("filters", sorted(unknown)[0], ", ".join(FILTERS))
    patterns = [units.pattern(value, "filters.name") for value in chosen.get("name", ())]
    dangling = [units.truth(value, "filters.dangling") for value in chosen.get("dangling", ())]
    who = users(engine, kind)
    found = []
    for name in names(engine, kind):
        with contextlib.suppress(NotFound):  # removed meanwhile
            document = _document(engine, kind, name, who.get(name, []))
            if (
                (not patterns or any(pattern.search(name) for pattern in patterns))
                and (not dangling or (not document["Users"]) in dangling)
                and _has_id(document, chosen.get("id", ()))
                and _has_labels(document["Spec"]["Labels"], chosen.get("label", ()))
            ):
                found.append(document)
    return found


def _has_id(document: Mapping[str, Any], wanted: Sequence[Any]) -> bool:
    return not wanted or any(document["ID"].startswith(str(begin)) for begin in wanted)


def _has_labels(labels: Mapping[str, str], wanted: Sequence[Any]) -> bool:
    for key, equals, text in (str(label).partition("=") for label in wanted):
        if key not in labels or (equals and labels[key] != text):
            return False
    return True


def inspect(engine: Engine, kind: str, name: str) -> dict[str, Any]:
    """Return a secret or config in Docker's form, without a secret's data. A config has them.

    :param name: its name, or its id. :raises NotFound: there is none.
    """
    if not exists(engine, kind, name):
        name = by_id(engine, kind, name)
    return _document(engine, kind, name, users(engine, kind).get(name, []))


def by_id(engine: Engine, kind: str, text: str) -> str:
    """Return the name of the one whose id begins with a text. :raises NotFound: there is none."""
    if re.fullmatch("[0-9a-f]{8,25}", text):
        for name in names(engine, kind):
            entry = get(engine, kind, name)
            if entry is not None and entry["id"].startswith(text):
                return name
    raise NotFound(f"{kind} {text} does not exist")


def _document(engine: Engine, kind: str, name: str, using: list[str]) -> dict[str, Any]:
    entry = require(engine, kind, name)
    spec: dict[str, Any] = {"Name": name, "Labels": entry["labels"]}
    found = {
        "ID": entry["id"],
        "Version": {"Index": entry["version"]},
        "CreatedAt": _moment(entry["created"]),
        "UpdatedAt": _moment(entry["updated"]),
        "Spec": spec,
        "Users": using,
    }
    if kind == CONFIG:
        spec["Data"] = entry["data"]
    else:
        found["Encryption"] = entry["sealed"]
    return found


def _moment(seconds: float) -> str:
    moment = datetime.datetime.fromtimestamp(seconds, datetime.timezone.utc)
    return moment.isoformat(timespec="microseconds").replace("+00:00", "Z")
