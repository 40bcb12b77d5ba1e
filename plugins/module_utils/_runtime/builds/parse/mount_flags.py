# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""``RUN --mount=...``: read and checked. Source: the Dockerfile reference, "RUN --mount"."""

from __future__ import annotations

import re

from ... import units
from ...errors import InvalidInput
from .lines import BadFile

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any


TYPES = {
    "bind": ("target", "source", "from", "readwrite"),
    "cache": ("target", "id", "source", "from", "readonly", "sharing", "mode", "uid", "gid"),
    "tmpfs": ("target", "size", "readonly"),
    "secret": ("target", "id", "required", "mode", "uid", "gid", "env"),
    "ssh": ("target", "id", "required", "mode", "uid", "gid"),
}
_ALIASES = {
    "dst": "target",
    "destination": "target",
    "src": "source",
    "rw": "readwrite",
    "ro": "readonly",
}
_SWITCHES = ("readwrite", "readonly", "required")
_TRUE, _FALSE = ("1", "t", "true"), ("0", "f", "false")


class Mount:
    """One ``--mount``. What was not given is None.

    :ivar type: bind, cache, tmpfs, secret or ssh.
    :ivar origin: of ``from``.
    :ivar size: bytes.
    :ivar mode, uid, gid: numbers.
    :ivar sharing: shared, private or locked. :ivar env: the variable that a secret becomes.
    """

    type: str
    target: str | None
    source: str | None
    origin: str | None
    readwrite: bool | None
    readonly: bool | None
    id: str | None
    sharing: str | None
    mode: int | None
    uid: int | None
    gid: int | None
    size: int | None
    required: bool | None
    env: str | None

    def __init__(self, kind: str, values: dict[str, Any]) -> None:
        self.type = kind
        for names in TYPES.values():
            for name in names:
                setattr(self, name.replace("from", "origin"), values.get(name))


def fields(text: str, line: int) -> dict[str, str]:
    """Split one ``--mount`` into ``{field: value}``, unexpanded.

    :raises BadFile: for a part that is no field.
    """
    found = {}
    for part in _parts(text):
        key, equals, value = part.partition("=")
        key = _ALIASES.get(key.lower(), key.lower())
        if key in _SWITCHES and not equals:
            value = "true"
        elif not equals:
            raise BadFile(line, f"RUN --mount: {part!r} must have the form key=value")
        found[key] = value
    return found


def _parts(text: str) -> list[str]:
    """Split at commas that are not inside double quotes, as CSV."""
    return [
        part[1:-1].replace('""', '"') if part[:1] == '"' else part
        for part in re.findall(r'"(?:[^"]|"")*"|[^,]+', text)
    ]


def parse(text: str, line: int, expand: Callable[[str], str]) -> Mount:
    """Read one ``--mount``.

    :param expand: what expands variables in its values.
    :raises BadFile: for one that is not accepted.
    """
    try:
        return _checked({key: expand(value) for key, value in fields(text, line).items()})
    except InvalidInput as error:
        raise BadFile(line, str(error)) from None


def _checked(found: dict[str, Any]) -> Mount:
    kind = found.pop("type", "bind").lower()
    if kind not in TYPES:
        raise InvalidInput("RUN --mount: type", kind, ", ".join(TYPES))
    for name in _SWITCHES:
        if name in found:
            if found[name].lower() not in _TRUE + _FALSE:
                raise InvalidInput("RUN --mount: " + name, found[name], "true or false")
            found[name] = found[name].lower() in _TRUE
    if kind == "secret" and "source" in found:
        if "id" in found:
            raise InvalidInput(
                "RUN --mount: source", found["source"], "nothing beside id, which says the same"
            )
        found["id"] = found.pop("source")
    if (
        kind in ("bind", "secret", "ssh") and "readonly" in found
    ):  # which they are, but for a bind with readwrite
        read_only = found.pop("readonly")
        if kind == "bind":
            found["readwrite"] = not read_only
        elif not read_only:
            raise InvalidInput(f"RUN --mount: type={kind}: readonly", "false", "true")
    if kind in ("cache", "tmpfs") and "readwrite" in found:
        found["readonly"] = not found.pop("readwrite")
    unknown = sorted(set(found) - set(TYPES[kind]))
    if unknown:
        raise InvalidInput(f"RUN --mount: type={kind}", unknown[0], ", ".join(TYPES[kind]))
    for name in ("uid", "gid"):
        if name in found:
            if not re.fullmatch("[0-9]{1,10}", found[name]):
                raise InvalidInput("RUN --mount: " + name, found[name], "a number")
            found[name] = int(found[name])
    if "mode" in found:
        if not re.fullmatch("[0-7]{1,5}", found["mode"]):
            raise InvalidInput("RUN --mount: mode", found["mode"], "an octal number")
        found["mode"] = int(found["mode"], 8)
    if "size" in found:
        found["size"] = units.size(found["size"], "RUN --mount: size")
    found["sharing"] = found.get("sharing", "shared").lower()
    if found["sharing"] not in ("shared", "private", "locked"):
        raise InvalidInput("RUN --mount: sharing", found["sharing"], "shared, private, locked")
    _targets(kind, found)
    return Mount(kind, found)


def _targets(kind: str, found: dict[str, Any]) -> None:
    if kind == "secret":
        if not found.get("id") and not found.get("target"):
            raise InvalidInput("RUN --mount: type=secret", None, "id or target")
        found["id"] = found.get("id") or (found.get("target") or "").rpartition("/")[2]
        if "env" in found:
            found["env"] = found["env"] or found["id"]
        else:
            found.setdefault("target", "/run/secrets/" + found["id"].rpartition("/")[2])
    elif kind == "ssh":
        found.setdefault("id", "default")
    elif not found.get("target"):
        raise InvalidInput("RUN --mount: target", None, "a path in the container")
