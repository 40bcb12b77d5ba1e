# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""``volume ls``, ``create``, ``export``, ``import`` and ``rm``."""

from __future__ import annotations

import contextlib
import os
import secrets

from .... import volumes
from ....errors import NotFound
from ....volumes import content, tree_archive
from ....volumes import task as volume_task
from ... import streams, tables
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
                "anonymous": not given.words,
            },
        )
    )
    session.foretell_other("volume", name)
    session.say(name)


def volume_export(session: Session, given: Given) -> None:
    name = given.words[0]
    if given.output is None:
        with content.reading(session.engine, name, False) as fd:
            streams.archive_to_stdout(session, "volume export", tree_archive.pieces(fd))
        return
    _moved(session, name, "saved", given.output)


def volume_import(session: Session, given: Given) -> None:
    name, source = given.words
    if volumes.get(session.engine, name) is None:
        raise NotFound(f"volume {name} does not exist")
    with contextlib.ExitStack() as stack:
        if source == "-":
            spool = streams.archive_from_stdin(session, "volume import VOLUME -", "a file")
            source = stack.enter_context(spool)
        _moved(session, name, "restored", source)


def _moved(session: Session, name: str, state: str, path: str) -> None:
    """Save or restore a volume."""
    asked = {"name": name, "state": state, "path": os.path.abspath(path)}
    session.carry_out(volume_task.volume(session.engine, asked), live=True)


def volume_rm(session: Session, given: Given) -> None:
    def one(name: str) -> None:
        if volumes.get(session.engine, name) is None:
            if session.removes_coming("volume", name):
                return
            if given.force:
                session.say(name)
                return
            raise NotFound(f"volume {name} does not exist")
        session.carry_out(volume_task.volume(session.engine, {"name": name, "state": "absent"}))
        session.foretell_other("volume", name, gone=True)
        session.say(name)

    session.each(given.words, one)
