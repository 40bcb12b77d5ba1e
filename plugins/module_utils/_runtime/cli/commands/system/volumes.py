# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""``volume ls``, ``create`` and ``rm``."""

from __future__ import annotations

import secrets

from .... import volumes
from ....errors import NotFound
from ....volumes import task as volume_task
from ... import tables
from ...filters import filtering, filters
from ...grammar import pairs

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ...grammar import Given
    from ...session import Session


VOLUME_COLUMNS = [("DRIVER", "Driver"), ("VOLUME NAME", "Name")]


def volume_ls(session: Session, given: Given) -> None:
    with filtering():
        found = volumes.listing(session.engine, filters(given.filter))
    rows = [
        {
            "Driver": "local",
            "Name": row["name"],
            "Scope": "local",
            "Labels": ",".join("%s=%s" % pair for pair in sorted(row["labels"].items())),
            "Mountpoint": volumes.path(session.engine, row["name"]),
        }
        for row in found
    ]
    session.listing(
        tables.formatted(rows, VOLUME_COLUMNS, given.format, "Name" if given.quiet else None)
    )


def volume_create(session: Session, given: Given) -> None:
    name = given.words[0] if given.words else secrets.token_hex(32)
    session.carry_out(
        volume_task.volume(
            session.engine,
            {
                "name": name,
                "state": "present",
                "driver": given.driver,
                "driver_options": pairs(given.opt) or None,
                "labels": pairs(given.label) or None,
            },
        )
    )
    session.say(name)


def volume_rm(session: Session, given: Given) -> None:
    def one(name: str) -> None:
        if volumes.get(session.engine, name) is None:
            if given.force:
                session.say(name)
                return
            raise NotFound(f"volume {name} does not exist")
        session.carry_out(volume_task.volume(session.engine, {"name": name, "state": "absent"}))
        session.say(name)

    session.each(given.words, one)
