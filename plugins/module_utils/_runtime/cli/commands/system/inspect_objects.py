# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""``inspect`` of containers, images, volumes and networks."""

from __future__ import annotations

import json

from .... import containers, images, networks, volumes
from ....errors import NotFound
from ... import templates
from ...grammar import UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from ....engine import Engine
    from ...grammar import Given
    from ...session import Session


def _container(engine: Engine, name: str, size: bool = False) -> dict[str, Any]:
    record = containers.find(engine, name)
    return dict(
        containers.inspect(engine, record),
        **(dict(zip(("SizeRw", "SizeRootFs"), containers.sizes(engine, record))) if size else {}),
    )


def _network(engine: Engine, name: str) -> dict[str, Any]:
    config = networks.get(engine, name)
    if config is None:
        raise NotFound(f"network {name} does not exist")
    return networks.inspect(engine, config["name"])


KINDS = {
    "container": _container,
    "image": images.inspect,
    "volume": volumes.inspect,
    "network": _network,
}


def inspect(session: Session, given: Given) -> None:
    """Look in Docker's order: a container, an image, a volume, a network of that name."""
    if given.type is not None and given.type not in KINDS:
        raise UsageError(f"--type {given.type!r}: accepted are {', '.join(KINDS)}")
    _inspect(session, given, [given.type] if given.type else list(KINDS))


def inspect_containers(session: Session, given: Given) -> None:
    _inspect(session, given, ["container"])


def inspect_images(session: Session, given: Given) -> None:
    _inspect(session, given, ["image"])


def inspect_volumes(session: Session, given: Given) -> None:
    _inspect(session, given, ["volume"])


def inspect_networks(session: Session, given: Given) -> None:
    _inspect(session, given, ["network"])


def _inspect(session: Session, given: Given, kinds: Sequence[str]) -> None:
    found: list[dict[str, Any]] = []
    size = bool(given.values.get("size"))
    session.each(given.words, lambda name: found.append(_look(session.engine, name, kinds, size)))
    if given.format in (None, "json"):
        session.say(*json.dumps(found, indent=4).split("\n"))
    else:
        session.say(
            *[
                line
                for document in found
                for line in templates.fill(given.format, document).split("\n")
            ]
        )


def _look(engine: Engine, name: str, kinds: Sequence[str], size: bool) -> dict[str, Any]:
    for kind in kinds:
        try:
            return (
                _container(engine, name, size) if kind == "container" else KINDS[kind](engine, name)
            )
        except NotFound:
            continue
    raise NotFound(f"there is no {' or '.join(kinds)} {name} on this host")
