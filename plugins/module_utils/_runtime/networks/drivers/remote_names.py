# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The names of containers on other hosts: a file that tasks write and the resolver reads.

``overlay-names.json`` in the engine's data: ``{network: {name: [address]}}``, names in lower case.
"""

from __future__ import annotations

import os

from ...errors import EngineError
from ...store.atomic_files import read_json, write_json

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import Any

    from ...store.paths import Paths

FILE = "overlay-names.json"


def place(paths: Paths) -> str:
    """Return the file's path."""
    return os.path.join(paths.data, FILE)


def read(paths: Paths) -> dict[str, dict[str, list[str]]]:
    """Return what the file says; {} where there is none, or it can't be read."""
    try:
        found: dict[str, dict[str, list[str]]] = read_json(place(paths), {})
    except (OSError, ValueError, EngineError):
        return {}
    return found


def of(networks: Iterable[Mapping[str, Any]]) -> dict[str, dict[str, list[str]]]:
    """Return the names of other hosts' containers. :param networks: definitions of all networks."""
    found: dict[str, dict[str, list[str]]] = {}
    for config in networks:
        for peer in (config.get("overlay") or {"peers": {}})["peers"].values():
            for name, addresses in peer.get("containers", {}).items():
                known = found.setdefault(config["name"], {}).setdefault(name.lower(), [])
                known += [address for address in addresses if address not in known]
    return found


def lost(paths: Paths, networks: Iterable[Mapping[str, Any]]) -> bool:
    """Tell whether the file says something else than the definitions: a task was killed before it wrote."""
    return of(networks) != read(paths)


def write(paths: Paths, networks: Iterable[Mapping[str, Any]]) -> None:
    """Bring the file up to date; nothing is written where it says the same."""
    wanted = of(networks)
    if wanted != read(paths):
        write_json(place(paths), wanted)
