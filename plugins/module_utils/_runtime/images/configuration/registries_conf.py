# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Read the host's configuration of registries: registries.conf, version 2
(containers-registries.conf(5)).

The file is ``/etc/pycontainer/registries.conf``, or where that is missing
``/etc/containers/registries.conf`` with the ``*.conf`` of ``registries.conf.d`` beside it. Its
``[[registry]]`` tables count: prefix, location, insecure, blocked, mirrors. A name without a
registry is Docker's here, so search lists and short names are ignored.
"""

from __future__ import annotations

import os

from ...errors import EngineError, InvalidInput, Untrusted
from ...untrusted import files
from ..model import reference
from . import toml

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, TypedDict

    Mirror = TypedDict("Mirror", {"location": str, "insecure": bool, "pull-from-mirror": str})
    Table = TypedDict(
        "Table",
        {
            "prefix": str,
            "location": str,
            "insecure": bool,
            "blocked": bool,
            "mirror-by-digest-only": bool,
            "mirror": list[Mirror],
        },
    )
    from ..model.reference import Reference


SHARED = "/etc/containers/registries.conf"
MAX_SIZE = 1 << 20
REGISTRY = {
    "prefix": str,
    "location": str,
    "insecure": bool,
    "blocked": bool,
    "mirror-by-digest-only": bool,
    "mirror": list,
}
MIRROR = {"location": str, "insecure": bool, "pull-from-mirror": str}
WHEN = ("", "all", "digest-only", "tag-only")


class Place:
    """Where an image may be fetched from.

    :ivar reference: what it is called there.
    :ivar insecure: whether plain HTTP or an unverified certificate will do.
    :ivar mirror: whether it stands in for another registry.
    """

    def __init__(self, wanted: Reference, insecure: bool = False, mirror: bool = False) -> None:
        self.reference, self.insecure, self.mirror = wanted, insecure, mirror


class Hosts:
    """The tables in force.

    :ivar path: the file that was read, or None.
    :ivar registries: its ``[[registry]]`` tables, checked.
    """

    def __init__(self, path: str | None, registries: list[Table]) -> None:
        self.path, self.registries = path, registries

    def entry(self, wanted: Reference) -> Table | None:
        """Return the table with the longest prefix that fits, or None."""
        fitting = [
            (len(item["prefix"]), item) for item in self.registries if _fits(item["prefix"], wanted)
        ]
        return max(fitting, key=lambda pair: pair[0])[1] if fitting else None

    def admit(self, wanted: Reference) -> bool:
        """Return whether a registry may be insecure. :raises Untrusted: where it is blocked."""
        found = self.entry(wanted)
        if found is not None and found["blocked"]:
            raise Untrusted(
                f"{wanted.familiar} is not accepted on this host: {self.path} blocks "
                f"{found['prefix']}"
            )
        return found is not None and found["insecure"]

    def places(self, wanted: Reference) -> list[Place]:
        """List the places to pull from, first one first. :raises Untrusted: as :meth:`admit`."""
        insecure, found = self.admit(wanted), self.entry(wanted)
        if found is None:
            return [Place(wanted)]
        mirrors = [
            Place(_moved(wanted, found["prefix"], item["location"]), item["insecure"], True)
            for item in found["mirror"]
            if _wants(item["pull-from-mirror"], found["mirror-by-digest-only"], wanted)
        ]
        return mirrors + [Place(_moved(wanted, found["prefix"], found["location"]), insecure)]


def _fits(prefix: str, wanted: Reference) -> bool:
    if prefix.startswith("*."):
        return wanted.registry.rpartition(":")[0].endswith(prefix[1:]) or wanted.registry.endswith(
            prefix[1:]
        )
    full = wanted.name
    return full == prefix or (
        full.startswith(prefix) and full[len(prefix)] in "/:@" and not _in_port(prefix, full)
    )


def _in_port(prefix: str, full: str) -> bool:
    """Tell whether the match ends before a port: ``example.com`` is no prefix of
    ``example.com:5000/a``.
    """
    return "/" not in prefix and full[len(prefix)] == ":"


def _wants(when: str, by_digest_only: bool, wanted: Reference) -> bool:
    when = "digest-only" if by_digest_only else when
    return when in ("", "all") or (when == "digest-only") == (wanted.digest is not None)


def _moved(wanted: Reference, prefix: str, location: str) -> Reference:
    """Return what an image below ``prefix`` is called below ``location``."""
    if not location or location == prefix:
        return wanted
    if prefix.startswith("*."):
        return _reference(f"{location}/{wanted.repository}", wanted)
    full = wanted.full_repository
    if not (full + "/").startswith(prefix + "/"):  # the prefix goes as far as the tag or digest
        return _reference(location, wanted)
    return _reference(location + full[len(prefix) :], wanted)


def _reference(full: str, wanted: Reference) -> Reference:
    registry, slash, repository = full.partition("/")
    if not slash or not repository or not reference.is_host(registry):
        raise InvalidInput(
            "location", full, "HOST[:PORT] with a path, if any, and no scheme before it"
        )
    return reference.Reference(registry, repository, wanted.tag, wanted.digest)


def mirror(text: str, wanted: Reference) -> Place:
    """Read an entry of a task's ``mirrors``: ``HOST[:PORT][/PATH]``. :raises InvalidInput: where it
    is none.
    """
    accepted = "HOST[:PORT], with the path below which the mirror has the registry's repositories, if any: mirror.example.com:5000/hub"
    try:
        parsed = reference.parse(f"{text}/{wanted.repository}", "mirrors", default_tag=None)
    except EngineError:
        raise InvalidInput("mirrors", text, accepted) from None
    if not text or parsed.registry != text.partition("/")[0] or text.endswith("/"):
        raise InvalidInput("mirrors", text, accepted)
    return Place(
        reference.Reference(parsed.registry, parsed.repository, wanted.tag, wanted.digest),
        False,
        True,
    )


# --- the files ---


def load(own: str, shared: str = SHARED) -> Hosts:
    """Read this host's tables.

    :param own: path of the engine's own file.
    :raises InvalidInput: where a file is not what it should be.
    """
    paths = (
        [own]
        if os.path.exists(own)
        else [path for path in [shared] if os.path.exists(path)] + _drop_ins(shared + ".d")
    )
    tables = {}
    for path in paths:
        for item in _read(path):
            tables[item["prefix"]] = item  # a later file replaces the table of the same prefix
    return Hosts(paths[0] if paths else None, list(tables.values()))


def _drop_ins(directory: str) -> list[str]:
    try:
        return [
            os.path.join(directory, name)
            for name in sorted(os.listdir(directory))
            if name.endswith(".conf")
        ]
    except OSError:
        return []


def _read(path: str) -> list[Table]:
    try:
        document = toml.loads(files.read(path, MAX_SIZE, links=True).decode("utf-8"))
    except files.Unacceptable as error:
        raise InvalidInput(path, str(error), "a file that can be read") from None
    except ValueError as error:
        raise InvalidInput(
            path, str(error), "a file in the form of containers-registries.conf(5), version 2"
        ) from None
    registries = document.get("registry", [])
    if isinstance(document.get("registries"), dict) or not isinstance(registries, list):
        raise InvalidInput(
            path,
            "its form of version 1",
            "the form of version 2, with [[registry]] tables (containers-registries.conf(5))",
        )
    return [_checked(path, item) for item in registries]


def _checked(path: str, item: Any) -> Table:
    _check_fields(path, "[[registry]]", item, REGISTRY)
    for entry in item.get("mirror", []):
        _check_fields(path, "[[registry.mirror]]", entry, MIRROR)
        if not entry.get("location") or entry.get("pull-from-mirror", "") not in WHEN:
            raise InvalidInput(
                path,
                entry,
                "a [[registry.mirror]] with a location and pull-from-mirror all, digest-only or "
                "tag-only",
            )
    prefix, location = item.get("prefix") or item.get("location"), item.get("location", "")
    if not prefix or (not location and not prefix.startswith("*.")):
        location = prefix or ""
    if not prefix:
        raise InvalidInput(path, item, "a [[registry]] with a prefix or a location")
    return {
        "prefix": prefix.rstrip("/"),
        "location": location.rstrip("/"),
        "insecure": item.get("insecure", False),
        "blocked": item.get("blocked", False),
        "mirror-by-digest-only": item.get("mirror-by-digest-only", False),
        "mirror": [
            {
                "location": entry["location"].rstrip("/"),
                "insecure": entry.get("insecure", False),
                "pull-from-mirror": entry.get("pull-from-mirror", ""),
            }
            for entry in item.get("mirror", [])
        ],
    }


def _check_fields(path: str, where: str, item: Any, known: dict[str, type]) -> None:
    if not isinstance(item, dict):
        raise InvalidInput(path, item, where + " as a table")
    for field, value in item.items():
        if field not in known or not isinstance(value, known[field]):
            raise InvalidInput(
                path,
                f"{field} = {value!r} in {where}",
                "the fields "
                + ", ".join(
                    "%s (%s)" % (name, {str: "text", bool: "true or false", list: "tables"}[kind])
                    for name, kind in known.items()
                ),
            )
