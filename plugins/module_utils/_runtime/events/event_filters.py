# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Select events by ``--filter``, as dockerd does (its daemon/events/filter.go tells the rules).

Several values of one filter are alternatives; several labels must all be there. Containers,
networks, volumes and the daemon are found by the beginning of a name or id, images by their whole
name, with or without the tag.
"""

from __future__ import annotations

from ..errors import InvalidInput

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from .journal_reader import Event

TYPES = ("builder", "config", "container", "image", "network", "secret", "volume")
# ``health_status`` means each of its states, ``exec_create`` each command.
WITH_MORE = ("health_status", "exec_create", "exec_start")


def check(given: Mapping[str, Sequence[str]], option: str = "filters") -> dict[str, list[str]]:
    """Return filters as they are.

    :raises InvalidInput: for one that is not known, or a type that no event has.
    """
    for key, values in given.items():
        if key not in TESTS:
            raise InvalidInput(option, key, ", ".join(sorted(TESTS)))
        for value in values if key == "type" else ():
            if value not in (*TYPES, "daemon", "plugin", "service", "node"):
                raise InvalidInput(f"{option} type", value, ", ".join(TYPES))
    return {key: list(values) for key, values in given.items()}


def matches(event: Event, chosen: Mapping[str, Sequence[str]]) -> bool:
    """Tell whether an event is what ``chosen``, checked filters, select."""
    return all(TESTS[key](event, values) for key, values in chosen.items())


def _event(event: Event, values: Sequence[str]) -> bool:
    action = event["Action"]
    return any(
        action == value or (value in WITH_MORE and action.startswith(value + ":"))
        for value in values
    )


def _label(event: Event, values: Sequence[str]) -> bool:
    attributes = event["Actor"]["Attributes"]
    for value in values:
        key, equals, wanted = value.partition("=")
        if key not in attributes or (equals and attributes[key] != wanted):
            return False
    return True


def _image(event: Event, values: Sequence[str]) -> bool:
    name = event["Actor"]["Attributes"].get("name" if event["Type"] == "image" else "image", "")
    known = {event["Actor"]["ID"], name}
    known |= {_without_tag(text) for text in known}
    return any(value in known for value in values if value)


def _without_tag(text: str) -> str:
    if text.startswith("sha256:"):
        return text
    start, colon, tag = text.partition("@")[0].rpartition(":")
    return start if colon and "/" not in tag else text


def _named(kind: str) -> Callable[[Event, Sequence[str]], bool]:
    def test(event: Event, values: Sequence[str]) -> bool:
        if event["Type"] != kind:
            return False
        actor = event["Actor"]
        names = (actor["ID"], actor["Attributes"].get("name", ""))
        return any(name.startswith(value) for name in names for value in values)

    return test


TESTS: dict[str, Callable[[Event, Sequence[str]], bool]] = {
    "config": _named("config"),
    "container": _named("container"),
    "daemon": _named("daemon"),
    "event": _event,
    "image": _image,
    "label": _label,
    "network": _named("network"),
    "node": _named("node"),
    "plugin": _named("plugin"),
    "scope": lambda event, values: event["scope"] in values,
    "secret": _named("secret"),
    "service": _named("service"),
    "type": lambda event, values: event["Type"] in values,
    "volume": _named("volume"),
}
