# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The names of other containers and of networks in a definition, where a task names them by an ID.

A definition is compared and kept by names. So a name and an ID of one object are no difference.
"""

from __future__ import annotations

from ... import networks
from ...errors import Conflict, NotFound
from ..options import network_options
from . import catalog

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection

    from ...engine import Engine
    from ...options.rows import Definition


def named(engine: Engine, definition: Definition, coming: Collection[str] = ()) -> Definition:
    """Return a definition with names in the place of IDs. What is not there stays as it is said.

    Containers of ``network_mode``, ``pid_mode`` and ``ipc_mode`` are not among it: they are compared
    by what is joined (``spec/shared_namespaces.py``).

    :param coming: names of containers that are about to be made.
    """

    def container(said: str) -> str:
        if said in coming:
            return said
        try:
            return str(catalog.find(engine, said)["name"])
        except (Conflict, NotFound):
            return said

    def linked(links: dict[str, str]) -> dict[str, str]:
        return {alias: container(said) for alias, said in links.items()}

    result = dict(definition)
    if result.get("volumes_from"):
        parts = [text.partition(":") for text in result["volumes_from"]]
        result["volumes_from"] = [container(said) + colon + modes for said, colon, modes in parts]
    if result.get("links"):
        result["links"] = linked(result["links"])
    if result.get("depends_on"):
        result["depends_on"] = {
            container(said): need for said, need in result["depends_on"].items()
        }
    if result.get("networks"):
        result["networks"] = [
            {
                **entry,
                "name": _network(engine, entry["name"]),
                **({"links": linked(entry["links"])} if entry.get("links") else {}),
            }
            for entry in result["networks"]
        ]
    if network_options.mode_of(result) == "bridge" and result.get("network_mode"):
        result["network_mode"] = _network(engine, result["network_mode"])
    return result


def _network(engine: Engine, said: str) -> str:
    config = networks.get(engine, said)
    return said if config is None else config["name"]
