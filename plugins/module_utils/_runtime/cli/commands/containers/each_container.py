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
) -> None:
    """Do ``work(record, status, plan)`` for each container, carry out its plan, and print its name
    as it was given, as Docker does.

    :param may_lack: one that does not exist is mentioned, no error.
    """

    def one(name: str) -> None:
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
