# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""``diff``, ``commit`` and ``export``: what a container has made of its image."""

from __future__ import annotations

import os

from .... import containers
from ....builds.stage import change
from ....containers.records import run_events
from ....layers.tar import writer
from ... import streams

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ...grammar import Given
    from ...session import Session


def diff(session: Session, given: Given) -> None:
    record = containers.find(session.engine, given.words[0])
    session.say(
        *[f"{row['Kind']} {row['Path']}" for row in containers.diff(session.engine, record)]
    )


def commit(session: Session, given: Given) -> None:
    record = containers.find(session.engine, given.words[0])
    names = [given.words[1]] if len(given.words) > 1 else []
    plan = containers.plan_commit(
        session.engine,
        record,
        names,
        given.author,
        given.message,
        change.by(given.change, "--change"),
        given.pause and not given.no_pause,
    )
    session.say(session.carry_out(plan, live=True)["image"]["Id"])


def export(session: Session, given: Given) -> None:
    record = containers.find(session.engine, given.words[0])
    if given.output is None:
        with containers.root_view(session.engine, record) as root:
            streams.archive_to_stdout(session, "export", writer.tree(root))
        run_events.tell_of(session.engine.paths, record["id"], "export")
        return
    path = os.path.abspath(given.output)
    session.carry_out(containers.plan_export(session.engine, record, path))
