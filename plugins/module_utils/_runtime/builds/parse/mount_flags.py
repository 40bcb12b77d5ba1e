# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""``RUN --mount=...``: read and checked. Source: the Dockerfile reference, "RUN --mount"."""

from __future__ import annotations

import re

from ... import units
from ...errors import InvalidInput
from .lines import BadFile

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
    """``type``, and its fields as attributes: None where not given; sizes in bytes, modes and ids numbers."""

    def __init__(self, kind, values):
        self.type = kind
        for names in TYPES.values():
            for name in names:
                setattr(self, name.replace("from", "origin"), values.get(name))


def fields(text, line):
    """``{field: value}`` of one ``--mount``, unexpanded. :raises BadFile:"""
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


def _parts(text):
    """Split at commas that are not inside double quotes, as CSV."""
    return [
        part[1:-1].replace('""', '"') if part[:1] == '"' else part
        for part in re.findall(r'"(?:[^"]|"")*"|[^,]+', text)
    ]


def parse(text, line, expand):
    """A Mount. :param expand: ``expand(text) -> text`` for its values. :raises BadFile:"""
    try:
        return _checked({key: expand(value) for key, value in fields(text, line).items()})
    except InvalidInput as error:
        raise BadFile(line, str(error)) from None


def _checked(found):
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


def _targets(kind, found):
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
