# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The mounts that a container has of other ones: ``volumes_from``.

They are found when a container is made, and stand in its definition as ``inherited``, in the normal
form of ``mounts`` with the names of volumes that are anonymous. So it keeps them whatever becomes of
the other one.
"""

from __future__ import annotations

from ...errors import Conflict, InvalidInput, NotFound
from ...options.forms import ordered
from ..records import catalog
from ..records import container_image as images
from . import container_files

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence
    from typing import Any

    from ...engine import Engine
    from ...options.rows import Definition
    from ..options.storage import Mount
    from ..records.catalog import Record

    # What a container will be that is made anew: its definition, and the config of its image.
    Remade = tuple[Definition, dict[str, Any]]

KEY = "inherited"
_OF_NEW_VOLUMES = ("create_mountpoint", "labels", "volume_options")


def names(engine: Engine, definition: Definition) -> list[str]:
    """Return the names of the containers that a definition has mounts of; what is not there as it
    is said.
    """
    found = []
    for said in definition.get("volumes_from") or ():
        name = said.partition(":")[0]
        try:
            name = catalog.find(engine, name)["name"]
        except (Conflict, NotFound):
            pass
        found.append(name)
    return found


def resolve(
    engine: Engine,
    said: Sequence[str],
    own_name: str,
    coming: Collection[str] = (),
    remade: Mapping[str, Remade] | None = None,
) -> list[Mount]:
    """Return the mounts of ``volumes_from``. Of two at one place the later wins, as in Docker.

    :param said: the option. :param own_name: of the container itself.
    :param coming: names of containers that are about to be made: those have no mounts yet.
    :param remade: what containers will be that are about to be made anew, by their names.
    :raises NotFound, Conflict: the other container does not exist, or is not the only one.
    :raises InvalidInput: it is the container itself.
    """
    found: dict[str, Mount] = {}
    for text in said:
        name, _colon, modes = text.partition(":")
        try:
            other = catalog.find(engine, name)
        except NotFound:
            if name in coming:
                continue
            raise NotFound(f"volumes_from: container {name} does not exist") from None
        if other["name"] == own_name:
            raise InvalidInput("volumes_from", text, "another container")
        for entry in _given(engine, other, (remade or {}).get(other["name"])):
            found[entry["target"]] = _inherited(entry, modes.split(","))
    return ordered(found.values())


def _given(engine: Engine, record: Record, remade: Remade | None) -> list[Mount]:
    """Return the mounts that a container gives others, with its anonymous volumes by name: all but
    memory and images, which are its own.
    """
    definition, image = remade or (record["definition"], images.config(engine, record["image"]))
    named = container_files.mounted_volumes(engine, record["id"])
    found: list[Mount] = []
    for entry in container_files.wanted_volumes(definition, image):
        if entry["type"] == "volume" and not entry["source"]:
            entry = {**entry, "source": named.get(entry["target"], "")}
        if entry["type"] not in ("tmpfs", "image"):
            found.append(entry)
    return found


def _inherited(entry: Mount, modes: Sequence[str]) -> Mount:
    """Return a mount as another container gets it. What is about a new volume is not for it."""
    found: Any = {key: value for key, value in entry.items() if key not in _OF_NEW_VOLUMES}
    found["no_copy"] = entry["type"] == "volume"
    found["read_only"] = entry["read_only"] or "ro" in modes
    labelled = [mode for mode in modes if mode in ("z", "Z")]
    if labelled:
        found["relabel"] = labelled[-1]
    mount: Mount = found
    return mount
