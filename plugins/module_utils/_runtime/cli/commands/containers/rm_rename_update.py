# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""``rm``, ``rename`` and ``update``."""

from __future__ import annotations

from .... import containers
from ....errors import Conflict
from ....events import change_history
from ....reconcile import Plan
from ...grammar import UsageError
from ...run_flags import UPDATE_FLAGS, by_flag, options
from .each_container import ALIVE, each_container

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ....containers.records.catalog import Record
    from ....engine import Engine
    from ...grammar import Given
    from ...session import Session


def rm(session: Session, given: Given) -> None:
    def work(record: Record, state: str, plan: Plan) -> None:
        if state in ALIVE and not given.force:
            raise Conflict(f"container {record['name']} runs; stop it first, or remove it with -f")
        users = {other["name"] for other in containers.dependants(session.engine, record)}
        if session.check:  # those that the command names are still there
            users -= set(given.words)
        # One that its end removes is nobody's to refuse.
        if users and not given.force and not record["definition"].get("auto_remove"):
            raise Conflict(
                f"container {record['name']} is needed by {', '.join(sorted(users))} (depends_on); "
                "remove that first, or this one with -f"
            )
        plan.add(
            "state",
            "present",
            "absent",
            f"remove container {record['name']}",
            lambda: containers.remove(
                session.engine, record, force=given.force, keep_volumes=not given.volumes
            ),
        )
        for kind in ("container", "new container"):
            session.foretell_other(kind, record["name"], gone=True)

    turns = containers.to_stop_by_name(session.engine, given.words)
    names = [
        name
        for turn in turns
        for name in turn
        if containers.get(session.engine, name) or not session.removes_coming("container", name)
    ]
    each_container(session, names, work, given.force)


def rename(session: Session, given: Given) -> None:
    record, name = (
        containers.find(session.engine, given.words[0]),
        containers.check_name(given.words[1]),
    )
    plan = Plan(f"container {record['name']}")
    if record["name"] != name:
        if containers.get(session.engine, name) is not None:
            raise Conflict(f"the name {name} is in use by a container")
        plan.add(
            "name",
            record["name"],
            name,
            f"rename container {record['name']} to {name}",
            lambda: _rename(session.engine, record, name),
        )
    session.carry_out(plan)
    change_history.renamed(session.engine, plan.subject, f"container {name}")


def _rename(engine: Engine, record: Record, name: str) -> None:
    with containers.held(engine, record["id"]) as now:
        containers.rename(engine, now, name)


def update(session: Session, given: Given) -> None:
    changed = options(given, UPDATE_FLAGS)
    if "restart_policy" in changed:
        changed.setdefault("restart_retries", 0)
    if not changed:
        raise UsageError(
            "pycontainer update: name at least one thing to change; accepted: "
            f"{', '.join(('--' + flag.key.replace('_', '-') for flag in UPDATE_FLAGS))}"
        )

    def one(name: str) -> None:
        record = containers.find(session.engine, name)
        with by_flag(UPDATE_FLAGS):
            plan = containers.plan(
                session.engine, dict(changed, name=record["name"], state="present")
            )
        session.carry_out(plan)
        session.say(name)

    session.each(given.words, one)
