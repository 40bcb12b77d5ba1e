# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""``start``, ``stop``, ``restart``, ``kill``, ``pause`` and ``unpause``."""

from __future__ import annotations

import contextlib
import functools

from .... import containers
from ....containers.access import detach_keys
from ....containers.client import monitor_client
from ....containers.records import run_events
from ....containers.spec import container_files
from ....errors import Conflict, EngineError, NotFound
from ....kernel.processes import signal_names
from ....reconcile import Plan
from ... import streams
from ...grammar import UsageError, whole
from .each_container import ALIVE, bring_up, each_container

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from ....containers.records.catalog import Record
    from ...grammar import Given
    from ...session import Session


def start(session: Session, given: Given) -> None:
    if given.checkpoint_dir and not given.checkpoint:
        raise UsageError("pycontainer start --checkpoint-dir goes with --checkpoint")
    if given.checkpoint:
        _start_from(session, given)
        return
    if given.attach or given.interactive:
        _start_attached(session, given)
        return

    def work(record: Record, state: str, plan: Plan) -> None:
        if state not in ALIVE:
            plan.add(
                "status",
                state,
                "running",
                f"start container {record['name']}",
                lambda: containers.start_one(session.engine, record),
            )

    each_container(session, given.words, work, before=functools.partial(bring_up, session))


def _start_from(session: Session, given: Given) -> None:
    """``start --checkpoint``: one container goes on where it was."""
    if given.attach or given.interactive or len(given.words) > 1:
        raise UsageError(
            "pycontainer start --checkpoint takes one container, and no -a or -i: attach joins it "
            "afterwards"
        )

    def work(record: Record, state: str, plan: Plan) -> None:
        if state in ALIVE:
            raise Conflict(
                f"container {record['name']} is running: a checkpoint is for the start of one "
                "that is not"
            )
        # Not at the top: large, and for --checkpoint alone.
        from ....containers.access import checkpoints

        checkpoint = checkpoints.ready(
            session.engine, record, given.checkpoint, given.checkpoint_dir
        )
        plan.add(
            "status",
            state,
            "running",
            f"start container {record['name']} from checkpoint {given.checkpoint}",
            lambda: containers.start_one(session.engine, record, checkpoint=checkpoint),
        )

    each_container(session, given.words, work, before=functools.partial(bring_up, session))


def _start_attached(session: Session, given: Given) -> None:
    """``start -a``: as ``run`` without ``-d``; only one, for it ends with that one's exit code."""
    if len(given.words) > 1:
        raise UsageError(f"pycontainer start -a takes one container, got {len(given.words)}")
    record = containers.find(session.engine, given.words[0])
    if containers.status(session.engine.paths, record["id"])["status"] in ALIVE:
        raise Conflict(f"container {record['name']} runs already; pycontainer attach joins it")
    if given.interactive or container_files.with_terminal(session.engine, record["id"]):
        session.need_terminal(
            "start -i, or -a of a container with a terminal", "leave the flags out"
        )
    detach_keys.parse(given.detach_keys)  # refused before it is started
    plan = Plan(f"container {record['name']}")
    plan.add(
        "status",
        "exited",
        "running",
        f"start container {record['name']}",
        lambda: streams.started(
            session,
            record,
            lambda stdin: containers.lock_and_start(session.engine, record, stdin),
            given.interactive,
            given,
        ),
    )
    try:
        session.carry_out(plan)
    except detach_keys.Detached:
        session.rc = streams.left(session, record)


def stop(session: Session, given: Given) -> None:
    """Stop containers: all at once, but what others depend on after those."""
    timeout = _seconds(given)
    for names in containers.to_stop_by_name(session.engine, given.words):
        _stop_together(session, names, timeout, given.signal)


def _stop_together(
    session: Session, names: list[str], timeout: int | None, signal: str | None
) -> None:
    alive: dict[str, Record] = {}
    errors: dict[str, EngineError] = {}
    done: list[bool] = []

    def look(name: str) -> None:
        record = containers.find(session.engine, name)
        state = containers.status(session.engine.paths, record["id"])["status"]
        plan = Plan(f"container {record['name']}")
        if state in ALIVE:
            alive[record["id"]] = record
            what = f"stop container {record['name']}"
            plan.add("status", state, "exited", what, lambda: apply(record))
        plans.append((name, plan))

    def apply(record: Record) -> None:
        if not done:
            done.append(True)
            errors.update(containers.stop_together(session.engine, list(alive), timeout, signal))
        if record["id"] in errors:
            raise errors[record["id"]]

    def carry_out(named_plan: tuple[str, Plan]) -> None:
        name, plan = named_plan
        session.carry_out(plan)
        session.say(name)

    plans: list[tuple[str, Plan]] = []
    session.each(names, look)
    session.each(plans, carry_out)


def restart(session: Session, given: Given) -> None:
    timeout = _seconds(given)
    joined: dict[str, list[Record]] = {}  # by the id of the container whose namespaces they have
    done: set[str] = set()  # ids of those that were restarted with another one

    def apply(record: Record, state: str) -> None:
        if state in ALIVE:
            containers.stop(session.engine, record, timeout=timeout, signal=given.signal)
        containers.start_one(session.engine, record)
        run_events.tell_of(session.engine.paths, record["id"], "restart")

    def work(record: Record, state: str, plan: Plan) -> None:
        if record["id"] in done:
            return
        joined[record["id"]] = [
            other
            for other in containers.namespace_users(session.engine, record)
            if containers.status(session.engine.paths, other["id"])["status"] in ALIVE
        ]
        plan.add(
            "restarted",
            False,
            True,
            f"restart container {record['name']}",
            lambda: apply(record, state),
        )

    def dependants(record: Record) -> None:
        with_it = joined.pop(record["id"], [])
        others = containers.dependants(session.engine, record, to_restart=True)
        for other in with_it + [other for other in others if other not in with_it]:
            if other["id"] in done:
                continue
            done.add(other["id"])
            how = "has a namespace of" if other in with_it else "depends on"
            session.record(
                True, [f"restart container {other['name']}, which {how} {record['name']}"]
            )
            if not session.check:
                told: list[str] = []
                containers.restart_dependant(session.engine, other, told)
                for sentence in told:
                    session.complain(sentence)

    each_container(
        session,
        _joined_first(session, given.words),
        work,
        before=functools.partial(bring_up, session),
        after=dependants,
    )


def _joined_first(session: Session, names: Sequence[str]) -> list[str]:
    """Put those whose namespaces others have before these, so that each is restarted once."""
    users: set[str] = set()
    idents: dict[str, str] = {}
    for name in names:
        with contextlib.suppress(NotFound, Conflict):  # its own turn says so
            record = containers.find(session.engine, name)
            idents[name] = record["id"]
            users |= {other["id"] for other in containers.namespace_users(session.engine, record)}
    return sorted(names, key=lambda name: idents.get(name) in users)


def _seconds(given: Given) -> int | None:
    return None if given.time is None else whole(given.time, "--time", -1)


def kill(session: Session, given: Given) -> None:
    signal = given.signal or "KILL"
    signal_names.checked_number(signal)

    def work(record: Record, state: str, plan: Plan) -> None:
        if state not in ALIVE:
            raise Conflict(f"container {record['name']} is not running (it is {state})")
        plan.add(
            "signal",
            None,
            signal,
            f"send {signal} to container {record['name']}",
            lambda: monitor_client.kill(session.engine.paths, record["id"], signal),
        )

    each_container(session, given.words, work)


def pause(session: Session, given: Given) -> None:
    def work(record: Record, state: str, plan: Plan) -> None:
        if state not in ("running", "paused"):
            raise Conflict(
                f"container {record['name']} is not running (it is {state}): nothing to pause"
            )
        if state == "running":
            plan.add(
                "status",
                state,
                "paused",
                f"pause container {record['name']}",
                lambda: containers.pause(session.engine, record),
            )

    each_container(session, given.words, work)


def unpause(session: Session, given: Given) -> None:
    def work(record: Record, state: str, plan: Plan) -> None:
        if state not in ("running", "paused"):
            raise Conflict(
                f"container {record['name']} is not running (it is {state}): nothing to unpause"
            )
        if state == "paused":
            plan.add(
                "status",
                state,
                "running",
                f"unpause container {record['name']}",
                lambda: containers.unpause(session.engine, record),
            )

    each_container(session, given.words, work)
