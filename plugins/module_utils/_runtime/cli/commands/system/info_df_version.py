# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""``info``, ``system df`` and ``version``."""

from __future__ import annotations

import json
import platform

from .... import containers, images, registry, volumes
from ....deploy.fingerprint import VERSION
from ....host import disk_use
from ....host import info as host
from ... import tables, templates

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from ...grammar import Given
    from ...session import Session


DF_COLUMNS = [("TYPE", "Type"), ("TOTAL", "TotalCount"), ("ACTIVE", "Active"), ("SIZE", "Size")]


def info(session: Session, given: Given) -> None:
    facts = host.info(session.engine)
    facts.update(facts.pop("host_info"))  # whose keys a template of Docker's users names
    if given.format is not None:
        session.say(
            *(
                json.dumps(facts, sort_keys=True)
                if given.format == "json"
                else templates.fill(given.format, facts)
            ).split("\n")
        )
        return
    for part in ("counts", "host"):
        session.say(
            *[
                f"{key.replace('_', ' ').capitalize()}: {value}"
                for key, value in facts[part].items()
            ]
        )
    session.say(
        "Policy: " + _policy(facts["policy"]),
        "Registries: " + (facts["registries"]["error"] or facts["registries"]["path"] or "no file"),
    )
    session.say(
        "Missing:" if facts["missing"] else "Missing: nothing",
        *[" " + line for line in facts["missing"]],
    )


def _policy(policy: dict[str, Any]) -> str:
    if not policy["found"]:
        return "none, every image is accepted"
    return policy["error"] or (
        f"{policy['path']}, by default {' and '.join((item['type'] for item in policy['default']))}"
    )


def df(session: Session, given: Given) -> None:
    engine = session.engine
    used = disk_use.disk(engine)
    records = containers.every(engine)
    running = [
        record
        for record in records
        if containers.status(engine.paths, record["id"])["status"] in ("running", "paused")
    ]
    every_image, every_volume = images.listing(engine, everything=True), volumes.listing(engine)
    in_use = {record["image"] for record in records}
    rows = [
        (
            "Images",
            len(every_image),
            len([image for image in every_image if image["Id"] in in_use]),
            used["layers"] + used["blobs"],
        ),
        ("Containers", len(records), len(running), used["containers"]),
        (
            "Volumes",
            len(every_volume),
            len([volume for volume in every_volume if volume["users"]]),
            used["volumes"],
        ),
        (
            "Registries",
            len(registry.services(engine)),
            len([row for row in registry.services(engine) if row["state"] == "started"]),
            used["registries"],
        ),
    ]
    session.listing(
        tables.formatted(
            [
                {"Type": kind, "TotalCount": total, "Active": active, "Size": tables.size(size)}
                for kind, total, active, size in rows
            ],
            DF_COLUMNS,
            given.format,
        )
    )


def version(session: Session, given: Given) -> None:
    facts = {
        "Version": VERSION,
        "KernelVersion": platform.release(),
        "PythonVersion": platform.python_version(),
        "Os": "linux",
        "Arch": platform.machine(),
    }
    if given.format is not None:
        session.listing(tables.formatted([facts], [], given.format))
        return
    session.say(*[f"{key + ':':16}{value}" for key, value in facts.items()])
