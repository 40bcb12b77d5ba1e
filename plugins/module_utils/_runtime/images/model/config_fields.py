# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Check the fields of an image configuration once, when it is read (image-spec, config.md; Docker's
image-spec v1.3).

The fields that other code relies on are checked here: a listing of images must not fail on one.
null counts as missing, and unknown fields are ignored.
"""

from __future__ import annotations

import datetime
import re

from ...errors import RegistryError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any

    Document = dict[str, Any]
    # for each field, a predicate for its value, and the accepted form in words
    Table = Mapping[str, tuple[Callable[[Any], bool], str]]


_TIME = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.\d{1,9})?(?:Z|[+-]\d\d:\d\d)", re.ASCII)


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _is_list_of_texts(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(item, str) for item in value)


def _is_map(value: Any) -> bool:
    return isinstance(value, dict) and all(isinstance(item, str) for item in value.values())


def _is_object(value: Any) -> bool:
    return isinstance(value, dict)


def _is_whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_bool(value: Any) -> bool:
    return isinstance(value, bool)


def _is_time(value: Any) -> bool:
    match = _TIME.fullmatch(value) if isinstance(value, str) else None
    try:
        return (
            value == ""
            or match is not None
            and bool(datetime.datetime.fromisoformat(match.group(1)))
        )
    except ValueError:
        return False


def _is_history(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(entry, dict) for entry in value)


TEXT, TEXTS, MAP = (
    (_is_text, "a text"),
    (_is_list_of_texts, "a list of texts"),
    (_is_map, "an object of texts"),
)
OBJECT, WHOLE, BOOL = (
    (_is_object, "an object"),
    (_is_whole, "a whole number"),
    (_is_bool, "true or false"),
)
TIME, HISTORY = (
    (_is_time, "a time such as 2024-01-31T12:00:00Z"),
    (_is_history, "a list of objects"),
)

DOCUMENT = {
    "created": TIME,
    "author": TEXT,
    "architecture": TEXT,
    "os": TEXT,
    "variant": TEXT,
    "os.version": TEXT,
    "os.features": TEXTS,
    "config": OBJECT,
    "history": HISTORY,
}
ENTRY = {
    "created": TIME,
    "created_by": TEXT,
    "author": TEXT,
    "comment": TEXT,
    "empty_layer": BOOL,
}  # of history
CONFIG = {
    "User": TEXT,
    "ExposedPorts": OBJECT,
    "Env": TEXTS,
    "Entrypoint": TEXTS,
    "Cmd": TEXTS,
    "Volumes": OBJECT,
    "WorkingDir": TEXT,
    "Labels": MAP,
    "StopSignal": TEXT,
    "Shell": TEXTS,
    "OnBuild": TEXTS,
    "Healthcheck": OBJECT,
    "ArgsEscaped": BOOL,
}
HEALTH = {
    "Test": TEXTS,
    "Interval": WHOLE,
    "Timeout": WHOLE,
    "StartPeriod": WHOLE,
    "StartInterval": WHOLE,
    "Retries": WHOLE,
}
WORDS = (
    "Entrypoint",
    "Cmd",
    "Shell",
)  # old images have one word as a text, which Docker takes, too


def check(document: Document, what: str) -> None:
    """Check a configuration's fields.

    :param document: a parsed configuration; commands given as one text become lists in it.
    :raises RegistryError: for a field of another type.
    """
    _check(document, DOCUMENT, "", what)
    config = document.get("config") or {}
    for name in WORDS:
        if isinstance(config.get(name), str):
            config[name] = [config[name]]
    _check(config, CONFIG, "config.", what)
    _check(config.get("Healthcheck") or {}, HEALTH, "config.Healthcheck.", what)
    for number, entry in enumerate(document.get("history") or []):
        _check(entry, ENTRY, f"history[{number}].", what)


def _check(values: Document, table: Table, prefix: str, what: str) -> None:
    for name, (fits, accepted) in table.items():
        value = values.get(name)
        if value is not None and not fits(value):
            raise RegistryError(
                "%s: %s%s of the image configuration is not %s: %.80s"
                % (what, prefix, name, accepted, ascii(value))
            )
