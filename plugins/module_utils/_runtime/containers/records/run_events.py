# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A container's events: what run.json says of it for them, and the writing of each.

Names, attributes and order are dockerd's. The monitors import this file: it needs no database.
Containers that an older version made have no ``events`` in their run.json; theirs say their name.
"""

from __future__ import annotations

import contextlib
import os
import re
import time

from ...events import journal
from ...store import atomic_files

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from typing import Any, TypedDict

    from ...events.journal import Told
    from ...networks.container_links import Attachment
    from ...store.paths import Paths
    from .run_state import RunState

    Run = Mapping[str, Any]  # run.json (spec/run_file.py)

    class NetworkFacts(TypedDict):
        """What events say of a network beside its name."""

        id: str
        driver: str

    class VolumeFacts(TypedDict):
        """What events say of a volume and where a container has it."""

        name: str
        destination: str
        propagation: str
        read_only: bool

    class RunEvents(TypedDict):
        """What a container's events say of it, in its run.json. ``networks``: by name."""

        image: str
        labels: dict[str, str]
        networks: dict[str, NetworkFacts]
        volumes: list[VolumeFacts]


DOCUMENT = "run.json"
UNSEEN = 255  # exit code of an end that nobody saw
# What the names of two containers end with, of which one takes the other's place: see lifecycle/replace.py.
NEW, BESIDE, DRAINING = ".new-", ".beside-", ".draining-"
_TEMPORARY = re.compile(r"\.(new|beside|draining)-[0-9a-f]{8}$")
_ASIDE = re.compile(r"\.(beside|draining)-[0-9a-f]{8}$")


def shown_name(name: str) -> str:
    """Return the name that a container is to have, or had, while it stands beside another one."""
    return _TEMPORARY.sub("", name)


def is_aside(name: str) -> bool:
    """Tell whether a container stands beside the one that has the name, its ports and its aliases."""
    return _ASIDE.search(name) is not None


def tell(paths: Paths, run: Run, action: str, **more: object) -> None:
    """Write an event of a container. :param more: attributes beside its name, image and labels."""
    journal.write(paths, _told(run, action, **more))


def tell_of(paths: Paths, ident: str, action: str, **more: object) -> None:
    """Write an event of a container by its id, without its monitor; see :func:`tell`."""
    tell(paths, read(paths, ident) or {"id": ident}, action, **more)


def read(paths: Paths, ident: str) -> Run:
    """Return run.json as far as events need it; {} where it is missing or damaged."""
    with contextlib.suppress(atomic_files.Damaged):
        found: Run = atomic_files.read_json(os.path.join(paths.container(ident), DOCUMENT), {})
        return found
    return {}


def _told(run: Run, action: str, **more: object) -> Told:
    facts = run.get("events")
    attributes: dict[str, object] = dict(facts["labels"], image=facts["image"]) if facts else {}
    # One that takes the place of another is called as it will be.
    attributes["name"] = shown_name(run.get("name", ""))
    attributes.update(more)
    return "container", action, run.get("id", ""), attributes


def started(paths: Paths, run: Run, attachments: Sequence[Attachment]) -> None:
    """Write that a container has started, with the networks and volumes that it got."""
    journal.write(
        paths,
        *(network("connect", run, entry["network"]) for entry in attachments),
        *_volumes("mount", run),
        _told(run, "start"),
    )


def ended(paths: Paths, run: Run, state: RunState) -> None:
    """Write that a container has ended, by its state, which still has the networks that it was on."""
    code, began = state["exit_code"], state["started_at"]
    network_now = state["network"]
    told = [_told(run, "oom")] if state["oom_killed"] else []
    more: dict[str, object] = {"exitCode": UNSEEN if code is None else code}
    if began is not None:
        more["execDuration"] = max(0, int(time.time() - began))
    told.append(_told(run, "die", **more))
    if network_now is not None:
        attachments = network_now.get("attachments") or ()
        told += [network("disconnect", run, entry["network"]) for entry in attachments]
        told += _volumes("unmount", run)
    journal.write(paths, *told)


def network(action: str, run: Run, name: str) -> Told:
    """Return the event that a container was connected to a network, or disconnected."""
    facts = run.get("events")
    known = facts["networks"].get(name) if facts else None
    ident, driver = (known["id"], known["driver"]) if known else (name, "bridge")
    attributes = {"container": run.get("id", ""), "name": name, "type": driver}
    return "network", action, ident, attributes


def _volumes(action: str, run: Run) -> Iterator[Told]:
    facts = run.get("events")
    for volume in facts["volumes"] if facts else ():
        attributes: dict[str, Any] = {"container": run["id"], "driver": "local"}
        if action == "mount":
            attributes.update(
                {
                    "destination": volume["destination"],
                    "propagation": volume["propagation"],
                    "read/write": "false" if volume["read_only"] else "true",
                }
            )
        yield "volume", action, volume["name"], attributes
