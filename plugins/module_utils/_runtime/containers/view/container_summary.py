# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A container in the short form of a list: Docker's words for its state, and an entry of
``GET /containers/json`` (Docker Engine API, ContainerList).
"""

from __future__ import annotations

from ...units import ago
from ..records import status
from . import inspect_container

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from ...engine import Engine
    from ..records.catalog import Record


def summary(engine: Engine, record: Record) -> dict[str, Any]:
    """Return what a list of containers says of one, also of one that is damaged.

    :raises NotFound: it has been removed meanwhile.
    """
    document = inspect_container.inspect_even_damaged(engine, record)
    return {
        "Id": record["id"],
        "Names": ["/" + record["name"]],
        "Image": record["definition"].get("image") or record["image"],
        "ImageID": record["image"],
        "Command": " ".join(filter(None, [document["Path"], *document["Args"]])),
        "Created": int(record["created"]),
        "Ports": _ports(document["NetworkSettings"]["Ports"]),
        "Labels": document["Config"]["Labels"],
        "State": document["State"]["Status"],
        "Status": status_words(engine, record),
        "HostConfig": {"NetworkMode": document["HostConfig"]["NetworkMode"]},
        "NetworkSettings": {"Networks": document["NetworkSettings"]["Networks"]},
        "Mounts": document["Mounts"],
    }


def _ports(ports: dict[str, list[dict[str, str]] | None]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    for name, bindings in ports.items():
        number, _slash, protocol = name.partition("/")
        inner = {"PrivatePort": int(number), "Type": protocol}
        found += [
            {"IP": binding["HostIp"], **inner, "PublicPort": int(binding["HostPort"])}
            for binding in bindings or ()
            if binding["HostPort"]  # else it is routed
        ] or [inner]
    return found


def status_words(engine: Engine, record: Record) -> str:
    """Return the STATUS column: ``Up 3 minutes (healthy)``, ``Exited (0) 2 hours ago``."""
    now = status.shown(engine.paths, record["id"])
    state: dict[str, Any] = dict(now)
    name, ended = state["status"], state["finished_at"] or record["created"]
    if name in ("running", "paused"):
        text = "Up " + ago(state["started_at"])
        health = (state.get("health") or {}).get("status")
        if name == "paused":
            return text + " (Paused)"
        return text + (
            " (%s)" % ("health: starting" if health == "starting" else health) if health else ""
        )
    if name == "restarting":
        return f"Restarting ({status.exit_code(now)}) {ago(ended)} ago"
    if name == "exited" and state["started_at"] is not None:
        return f"Exited ({status.exit_code(now)}) {ago(ended)} ago"
    return "Created" if name == "exited" else name.capitalize()
