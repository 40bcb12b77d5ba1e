# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Options about secrets and configs: which ones a container gets, and where they are inside.

The normal form of an entry is ``{"source", "target", "uid", "gid", "mode", "on_change"}``. A target
is an absolute path. That of podman's ``type=env`` is ``{"source", "target", "type", "on_change"}``,
and its target a variable's name.
"""

from __future__ import annotations

import re

from ...errors import InvalidInput
from ...options.forms import absolute, line, set_of, text, whole
from ...options.rows import SET, Flag, Option, Shown
from . import storage

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any, TypedDict, Union

    from ...options.forms import Parser
    from ...options.rows import Definition

    class Reference(TypedDict):
        """An entry of ``secrets`` or ``configs`` in normal form."""

        source: str  # the secret's name
        target: str  # a file's name in DIRECTORY, or an absolute path
        uid: int  # of the container
        gid: int
        mode: str  # four octal digits
        on_change: str  # nothing, restart or a signal's name

    class Variable(TypedDict):
        """An entry of ``secrets`` that is a variable of the environment."""

        source: str
        target: str
        type: str  # ENV
        on_change: str  # nothing or restart

    Named = Union[Reference, Variable]


DIRECTORY = "/run/secrets"
KIND = {"secrets": "secret", "configs": "config"}  # as the noun secrets has them
KEYS = ("source", "target", "uid", "gid", "mode", "on_change", "type")
OF_FILES = ("uid", "gid", "mode")
FILE, ENV = "mount", "env"  # types, as podman has them
# Other names: of docker service's and podman's flags.
ALSO = {"src": "source", "destination": "target", "dst": "target", "name": "source"}
NAME = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9_.-]{0,127}")
VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,127}")
NOTHING, RESTART = "nothing", "restart"
LIVE_ON_FILES = "live on files"  # what a change costs where the files stay as they are
MODE = "0444"
_ID = whole(0, 2**32 - 2)
_FORM = "a name, name,target=...,uid=...,gid=...,mode=... or a map with " + ", ".join(KEYS)


def _said(value: Any, name: str) -> dict[str, Any]:
    """Return what an entry says, by the keys of the normal form."""
    if isinstance(value, dict):
        pairs = [(str(key), item) for key, item in value.items() if item is not None]
    else:
        parts = [part.partition("=") for part in text(value, name).split(",")]
        pairs = [(key if equals else "", item if equals else key) for key, equals, item in parts]
        if pairs[0][0] == "":
            pairs[0] = ("source", pairs[0][1])
    found: dict[str, Any] = {}
    for key, item in pairs:
        key = ALSO.get(key, key)
        if key not in KEYS:
            raise InvalidInput(name, key or item, _FORM)
        found[key] = item
    return found


def _mode(value: Any, name: str) -> str:
    """A number is meant as it is, as YAML reads 0440; a text is octal."""
    if isinstance(value, int) and not isinstance(value, bool):
        value = f"{value:04o}" if 0 <= value <= 0o7777 else value
    return storage.file_mode(value, name)


def _on_change(value: Any, name: str) -> str:
    from ...kernel.processes import signal_names  # only where somebody says it

    word = line(value, name)
    if word.lower() in (NOTHING, RESTART):
        return word.lower()
    number = signal_names.number(word)
    if number is None:
        raise InvalidInput(name, value, "nothing, restart or a signal's name, such as SIGHUP")
    return signal_names.name(number) or str(number)


def _variable(said: dict[str, Any], source: str, name: str) -> Variable:
    """Return an entry of the type ENV."""
    for key in OF_FILES:
        if key in said:
            raise InvalidInput(
                f"{name}.{key}", said[key], "nothing with type=env, which is no file"
            )
    target = line(said.get("target", source), name + ".target")
    if not VARIABLE.fullmatch(target):
        raise InvalidInput(
            name + ".target",
            target,
            "a variable's name: 1 to 128 letters, digits, '_', '.', '-', the first a letter or '_'",
        )
    then = _on_change(said.get("on_change", NOTHING), name + ".on_change")
    if then not in (NOTHING, RESTART):
        raise InvalidInput(
            name + ".on_change",
            then,
            "nothing or restart with type=env: the environment of a process stays as it was",
        )
    return {"source": source, "target": target, "type": ENV, "on_change": then}


def _reference(beneath: str, types: tuple[str, ...] = (FILE,)) -> Parser:
    """Make the parser of an entry. ``beneath``: what a target without a slash is in."""

    def parse(value: Any, name: str) -> Named:
        said = _said(value, name)
        source = line(said.get("source", ""), name + ".source")
        if not NAME.fullmatch(source):
            raise InvalidInput(
                name + ".source", source or None, "the name of one that is on the host"
            )
        kind = said.get("type", FILE)
        if kind not in types:
            raise InvalidInput(name + ".type", kind, " or ".join(types))
        if kind == ENV:
            return _variable(said, source, name)
        target = line(said.get("target", source), name + ".target")
        if not target.startswith("/"):
            if "/" in target or target in ("", ".", ".."):
                raise InvalidInput(
                    name + ".target", target, f"a file's name in {beneath}, or an absolute path"
                )
            target = f"{beneath.rstrip('/')}/{target}"
        target = absolute(target, name + ".target")
        if target in ("/", DIRECTORY):
            raise InvalidInput(name + ".target", target, "the path of a file")
        return {
            "source": source,
            "target": target,
            "uid": _ID(said.get("uid", 0), name + ".uid"),
            "gid": _ID(said.get("gid", 0), name + ".gid"),
            "mode": _mode(said.get("mode", MODE), name + ".mode"),
            "on_change": _on_change(said["on_change"], name + ".on_change")
            if "on_change" in said
            else NOTHING,
        }

    return parse


def references(definition: Definition) -> list[tuple[str, Named]]:
    """Return all that a container names, each with its option."""
    return [(option, entry) for option in KIND for entry in definition.get(option, ())]


def is_variable(entry: Named) -> bool:
    """Tell whether an entry is a variable, and no file."""
    return "type" in entry


def variables(definition: Definition) -> dict[str, str]:
    """Return ``{variable: name of the secret}`` of a container."""
    entries = definition.get("secrets", ())
    return {entry["target"]: entry["source"] for entry in entries if is_variable(entry)}


def places(definition: Definition) -> list[tuple[str, str, Reference]]:
    """Return ``(option, path in the container's tmpfs, entry)`` of all files that a container names.

    What is directly in DIRECTORY is in ``files``, where a rename replaces it; what is elsewhere is
    in ``at``, and mounted by itself.
    """
    found: list[tuple[str, str, Reference]] = []
    named: list[Any] = [pair for pair in references(definition) if not is_variable(pair[1])]
    entries = sorted(named, key=lambda pair: pair[1]["target"])
    for number, (option, entry) in enumerate(entries):
        name = inside(entry["target"])
        found.append((option, f"files/{name}" if name else f"at/{number}", entry))
    return found


def mounts(definition: Definition, top: str) -> dict[str, str]:
    """Return ``{destination: source}`` of the mounts that show them in a container.

    :param top: where its tmpfs is.
    """
    found: dict[str, str] = {}
    for _option, path, entry in places(definition):
        if path.startswith("files/"):
            found[DIRECTORY] = f"{top}/files"
        else:
            found[entry["target"]] = f"{top}/{path}"
    return found


def named(definition: Definition, kind: str, name: str) -> list[Named]:
    """Return a container's entries with one secret or config."""
    return [
        entry
        for option, entry in references(definition)
        if KIND[option] == kind and entry["source"] == name
    ]


def same_files(before: Iterable[Named], after: Iterable[Named]) -> bool:
    """Tell whether two values of an option differ in what is done when data change alone."""
    one, other = (
        {entry["target"]: {**entry, "on_change": ""} for entry in entries}
        for entries in (before, after)
    )
    return one == other


def inside(target: str) -> str:
    """Return the name of a file that is directly in DIRECTORY, "" for any other place."""
    directory, _slash, name = target.rpartition("/")
    return name if directory == DIRECTORY else ""


def check(definition: Definition) -> None:
    """Refuse two things at one place. :raises InvalidInput:"""
    has = references(definition)
    taken = {entry["target"]: "mounts" for entry in storage.mounts_of(definition)}
    taken.update({entry.partition(":")[0]: "tmpfs" for entry in definition.get("tmpfs", ())})
    taken.update(dict.fromkeys(definition.get("env", ()), "env"))  # no path is a variable's name
    for option, entry in has:
        place = entry["target"]
        other = taken.get(place) or (taken.get(DIRECTORY) if inside(place) else None)
        if other and is_variable(entry):
            raise InvalidInput(f"{option}.target", place, f"a variable that {other} does not set")
        if other:
            raise InvalidInput(
                f"{option}.target", place, f"a place of its own in the container ({other} has it)"
            )
        taken[place] = option


def _shown(entries: Iterable[Any]) -> list[dict[str, Any]]:
    return [
        {"Name": entry["source"], "Target": entry["target"], **_form(entry)}
        | {"OnChange": entry["on_change"]}
        for entry in entries
    ]


def _form(entry: Any) -> dict[str, Any]:
    if is_variable(entry):
        return {"Type": entry["type"]}
    return {"UID": entry["uid"], "GID": entry["gid"], "Mode": int(entry["mode"], 8)}


def _target(entry: Named) -> str:
    return entry["target"]


OPTIONS: tuple[Option, ...] = (
    Option(
        "secrets",
        "list",
        set_of(_reference(DIRECTORY, (FILE, ENV))),
        elements="raw",
        compare=SET,
        key=_target,
        change=LIVE_ON_FILES,
        place=("config.json mounts", "config.json annotations"),
        inspect=Shown("Config.Secrets", _shown),
        flag=Flag(
            "--secret",
            "Secret (name[,target=...,uid=...,gid=...,mode=...,on_change=...], or "
            "name,type=env[,target=VARIABLE])",
        ),
        description="""
        Secrets that the container gets as files in memory, which it can read and not write. They
        have to be there; M(pycontainer.engine.secret) makes them.

        An entry is a name, for the file C(/run/secrets/name), or podman's
        V(name,type=mount,target=...,uid=...,gid=...,mode=...), or a map with the keys of Compose:
        C(source), C(target) (a name in C(/run/secrets), or an absolute path), C(uid) and C(gid) (the
        container's, 0 by default), and C(mode) (V('0444') by default; a text is octal, a number is
        meant as YAML reads it).

        A secret that is changed is replaced in running containers. C(on_change) says what comes
        then: V(nothing) (the default), V(restart), or the name of a signal for its process 1, such
        as V(SIGHUP).

        With C(type), or C(type=env) in the text, V(env), as podman has it, it is a variable of the
        environment of its processes instead, C(target) its name. It is in no document on disk and
        not in C(inspect), but every process in the container can read it, and a new value
        reaches process 1 by a restart alone. A file is safer.
        """,
    ),
    Option(
        "configs",
        "list",
        set_of(_reference("/")),
        elements="raw",
        compare=SET,
        key=_target,
        change=LIVE_ON_FILES,
        place="config.json mounts",
        inspect=Shown("Config.Configs", _shown),
        flag=Flag("--config", "Config (name[,target=...,uid=...,gid=...,mode=...,on_change=...])"),
        description="""
        Configs that the container gets as files, as O(secrets) are. They have to be there;
        M(pycontainer.engine.config) makes them.

        Without a target the file is C(/name), as with Docker.
        """,
    ),
)
