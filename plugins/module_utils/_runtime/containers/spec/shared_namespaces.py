# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Namespaces that a container has in common with another one: ``network_mode``, ``pid_mode``,
``ipc_mode`` container:<name>.
"""

from __future__ import annotations

import contextlib
import os

from ...errors import Conflict, InvalidInput, NotFound
from ...store.atomic_files import Damaged, read_json
from ..records import catalog
from . import own_annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection

    from ...engine import Engine
    from ...oci.spec.config_types import Config
    from ...options.rows import Definition
    from ..records.catalog import Record

OPTIONS = {"network": "network_mode", "pid": "pid_mode", "ipc": "ipc_mode"}


def names(engine: Engine, definition: Definition) -> list[str]:
    """Return the names of the containers that a definition joins; what is not there as it is said."""
    modes = [definition.get(option) or "" for option in OPTIONS.values()]
    return [
        _name(engine, mode.partition(":")[2]) for mode in modes if mode.startswith("container:")
    ]


def _name(engine: Engine, said: str) -> str:
    """Return the name of a container that was said by its name, its id or the beginning of it."""
    found = _find(engine, said)
    return said if found is None else found["name"]


def _find(engine: Engine, said: str) -> Record | None:
    try:
        return catalog.find(engine, said)
    except (Conflict, NotFound):
        return None


def respelled(engine: Engine, now: Definition, wanted: Definition) -> Definition:
    """Return ``now`` with each container that it joins named as in ``wanted``: by name or by id is
    no difference.
    """
    result = dict(now)
    for option in OPTIONS.values():
        has, mode = result.get(option) or "", wanted.get(option) or ""
        if has != mode and has.startswith("container:") and mode.startswith("container:"):
            one, other = (_find(engine, text.partition(":")[2]) for text in (has, mode))
            if one is not None and other is not None and one["id"] == other["id"]:
                result[option] = mode
    return result


def resolve(
    engine: Engine,
    definition: Definition,
    own_name: str | None = None,
    coming: Collection[str] = (),
) -> dict[str, str]:
    """Return the containers that a definition joins: ``{"network" | "pid" | "ipc": id}``.

    :param own_name: of the container itself.
    :param coming: names of containers that are about to be made: left out of the result.
    :raises NotFound: the other container does not exist.
    :raises InvalidInput: it is the container itself.
    :raises Conflict: what is to be joined is not its own to share.
    """
    found = {}
    for kind, option in OPTIONS.items():
        mode = definition.get(option) or ""
        if not mode.startswith("container:"):
            continue
        name = mode.partition(":")[2]
        if _name(engine, name) == own_name:
            raise InvalidInput(option, mode, "another container")
        if name in coming and catalog.get(engine, name) is None:
            continue
        try:
            other = catalog.find(engine, name)
        except NotFound:
            raise NotFound(f"{option}: container {name} does not exist") from None
        _check_shared(option, kind, other)
        found[kind] = other["id"]
    return found


def _check_shared(option: str, kind: str, other: Record) -> None:
    mode = other["definition"].get(OPTIONS[kind]) or ""
    if mode.startswith("container:") or mode == "host":
        raise Conflict(
            f"{option}: container {other['name']} has its own {kind} from {mode}; name that"
        )
    if kind == "ipc" and mode != "shareable":
        raise Conflict(
            f"ipc_mode: container {other['name']} keeps its IPC namespace to itself; it needs "
            "ipc_mode shareable"
        )


def users(engine: Engine, record: Record) -> list[tuple[str, str]]:
    """Return the containers that have a namespace of this one: ``[(name, option)]``."""
    found = []
    for other in catalog.every(engine):
        if names(engine, other["definition"]):
            found += [
                (other["name"], OPTIONS[kind])
                for kind, ident in recorded(engine, other["id"]).items()
                if ident == record["id"] and kind in OPTIONS
            ]
    return found


def all_users(engine: Engine, record: Record) -> list[Record]:
    """Return the containers that end with the namespaces of this one, or lose them: those that have
    one of its, and those that have one of theirs, in the order in which they can start.
    """
    found: list[Record] = []
    left = [record]
    while left:
        for name, _option in users(engine, left.pop(0)):
            other = catalog.get(engine, name)
            if other is not None and other not in found and other != record:
                found.append(other)
                left.append(other)
    return found


def recorded(engine: Engine, ident: str) -> dict[str, str]:
    """Return the joins as they were resolved when the container was made, by its documents."""
    config: Config = {}
    with contextlib.suppress(Damaged):
        config = read_json(os.path.join(engine.paths.container(ident), "config.json"), {})
    return {kind: other for kind, other in own_annotations.joins(config).items() if kind in OPTIONS}
