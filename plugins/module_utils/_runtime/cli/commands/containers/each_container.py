# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What commands do with each of the containers that they name."""

from __future__ import annotations

import contextlib

from .... import containers
from ....errors import NotFound
from ....reconcile import Plan

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from ....containers.records.catalog import Record
    from ...session import Session


ALIVE = ("running", "paused", "restarting")


def each_container(
    session: Session,
    names: Iterable[str],
    work: Callable[[Record, str, Plan], None],
    may_lack: bool = False,
    before: Callable[[Record, str], None] | None = None,
) -> None:
    """Do ``work(record, status, plan)`` for each container, carry out its plan, and print its name
    as it was given, as Docker does.

    :param may_lack: one that does not exist is mentioned, no error.
    :param before: ``before(record, status)``, called without the container's lock.
    """

    def one(name: str) -> None:
        if before is not None:
            found = containers.find(session.engine, name)
            before(found, containers.status(session.engine.paths, found["id"])["status"])
        with contextlib.ExitStack() as stack:
            try:
                record = stack.enter_context(containers.held(session.engine, name))
            except NotFound as error:
                if not may_lack:
                    raise
                session.mention(str(error))
                return
            plan = Plan(f"container {record['name']}")
            work(record, containers.status(session.engine.paths, record["id"])["status"], plan)
            session.carry_out(plan)
        session.say(name)

    session.each(names, one)


def bring_up(session: Session, record: Record, state: str) -> None:
    """Start what a container depends on, before it is started itself, and wait for it.

    :param state: its status. Nothing is done for one that runs.
    """
    if state in ALIVE:
        return
    for other in containers.missing(session.engine, record["definition"]):
        session.record(
            True, [f"start container {other['name']}, which {record['name']} depends on"]
        )
    if session.check:
        return
    warnings: list[str] = []
    containers.bring_up(session.engine, record["name"], record["definition"], warnings=warnings)
    session.warnings += warnings
    for warning in warnings:
        session.warn(warning)
