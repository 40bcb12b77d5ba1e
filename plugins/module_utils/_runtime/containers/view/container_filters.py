# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""``ps``: the list of containers, and Docker's filters of it."""

from __future__ import annotations

import re

from ... import images as store
from ... import units
from ...errors import EngineError, InvalidInput
from ..records import catalog, status
from ..records import container_image as images
from ..spec import container_files
from . import inspect_container

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any

    from ...engine import Engine
    from ..records.catalog import Record
    from ..records.run_state import Network
    from ..records.status import Status

    Test = Callable[[Record, Status], bool]  # whether a container is selected

FILTERS = (
    "id",
    "name",
    "label",
    "status",
    "ancestor",
    "before",
    "since",
    "volume",
    "network",
    "publish",
    "expose",
    "health",
    "exited",
)
STATES = ("created", "restarting", "running", "paused", "exited", "dead", "removing")
HEALTH = ("starting", "healthy", "unhealthy", "none")
_PORTS = re.compile(r"(\d+)(?:-(\d+))?(?:/(tcp|udp))?")


def listing(
    engine: Engine, everything: bool = True, filters: Mapping[str, Any] | None = None
) -> list[Record]:
    """List the containers that ``filters`` select, youngest first.

    :param everything: also those that don't run; naming a ``status`` or ``exited`` filter asks for
        them, too.
    :param filters: ``{name: value or list of values}``; several values of one filter are
        alternatives, but for ``label``.
    :raises InvalidInput: there is no such filter, or no such value of it.
    """
    wanted = {
        key: [str(item) for item in (value if isinstance(value, (list, tuple)) else [value])]
        for key, value in (filters or {}).items()
    }
    tests = {key: [_test(engine, key, value) for value in values] for key, values in wanted.items()}
    everything = everything or "status" in wanted or "exited" in wanted
    found = []
    for record in catalog.every(engine):
        state = status.shown(engine.paths, record["id"])
        if (everything or state["status"] in status.LIVING) and _fits(record, state, tests):
            found.append(record)
    return found


def _fits(record: Record, state: Status, tests: dict[str, list[Test]]) -> bool:
    try:
        return all(
            (all if key == "label" else any)(test(record, state) for test in some)
            for key, some in tests.items()
        )
    except (EngineError, KeyError):  # its documents, or its image's, are damaged
        return False


def _test(engine: Engine, key: str, value: str) -> Test:
    """Make one value of a filter a test of a container. :raises InvalidInput: it can't be one."""
    if key not in FILTERS:
        raise InvalidInput("filters", key, ", ".join(FILTERS))
    if key in ("before", "since"):
        created = catalog.find(engine, value)["created"]
        return lambda record, _state: (
            record["created"] < created if key == "before" else record["created"] > created
        )
    if key == "exited" and not re.fullmatch("-?[0-9]+", value):
        raise InvalidInput("filters.exited", value, "an exit code")
    for name, accepted in (("status", STATES), ("health", HEALTH)):
        if key == name and value not in accepted:
            raise InvalidInput("filters." + key, value, ", ".join(accepted))
    if key in ("publish", "expose"):
        ports = _ports(key, value)
        return lambda record, _state: (
            not ports.isdisjoint(
                _published(engine, record) if key == "publish" else _exposed(engine, record)
            )
        )
    expression: re.Pattern[str] = units.pattern(value if key == "name" else "", "filters.name")
    image = _image(engine, value) if key == "ancestor" else None
    return {
        "id": lambda record, _state: record["id"].startswith(value),
        "name": lambda record, _state: bool(
            expression.search(record["name"]) or expression.search("/" + record["name"])
        ),
        "label": lambda record, _state: _labelled(
            inspect_container.labels(record, images.config(engine, record["image"])), value
        ),
        "status": lambda _record, state: state["status"] == value,
        "ancestor": lambda record, _state: record["image"] == image or _of_image(record, value),
        "volume": lambda record, _state: _mounts(engine, record, value),
        "network": lambda record, _state: (
            value in [entry["network"] for entry in _network(engine, record)["attachments"]]
        ),
        "health": lambda _record, state: (
            ((state.get("health") or {}).get("status") or "none") == value
        ),
        "exited": lambda _record, state: (
            state["status"] == "exited" and str(status.exit_code(state)) == value
        ),
    }[key]


def _ports(key: str, text: str) -> set[tuple[int, str]]:
    """Parse ``80``, ``53/udp`` or ``8000-8010/tcp`` as a set of ``(number, protocol)``."""
    match = _PORTS.fullmatch(text)
    if match is None or not 1 <= int(match[1]) <= int(match[2] or match[1]) <= 65535:
        raise InvalidInput(
            "filters." + key,
            text,
            "a port or a range of ports, with /tcp or /udp, such as 80 or 8000-8010/tcp",
        )
    return {
        (number, match[3] or "tcp")
        for number in range(int(match[1]), int(match[2] or match[1]) + 1)
    }


def _network(engine: Engine, record: Record) -> Network:
    return container_files.read_run(engine, record["id"])["network"]


def _published(engine: Engine, record: Record) -> set[tuple[int, str]]:
    return {(port["host_port"], port["protocol"]) for port in _network(engine, record)["ports"]}


def _exposed(engine: Engine, record: Record) -> set[tuple[int, str]]:
    return {
        (int(number), protocol)
        for number, _slash, protocol in (
            port.partition("/")
            for port in inspect_container.exposed(
                record["definition"], images.config(engine, record["image"])
            )
        )
    }


def _labelled(labels: dict[str, str], value: str) -> bool:
    key, equals, text = value.partition("=")
    return key in labels and (not equals or labels[key] == text)


def _image(engine: Engine, value: str) -> str | None:
    """Return the id of the image that has this name or id now; None where there is none."""
    try:
        return (store.find(engine, value) or {}).get("id")
    except EngineError:
        # No name at all, or its documents are damaged: what the container was made of is compared as
        # it is written.
        return None


def _of_image(record: Record, value: str) -> bool:
    digest = value if value.startswith("sha256:") else "sha256:" + value
    reference = record["definition"].get("image") or ""
    return value in (reference, reference.rpartition(":")[0]) or (
        len(value) >= 4 and (record["image"] or "").startswith(digest)
    )


def _mounts(engine: Engine, record: Record, value: str) -> bool:
    mounted = container_files.mounted_volumes(engine, record["id"])
    return value in mounted or value in mounted.values()
