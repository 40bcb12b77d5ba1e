# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""``start``, ``stop``, ``restart``, ``kill``, ``pause`` and ``unpause``."""

from __future__ import annotations

import functools

from .... import containers
from ....containers.access import detach_keys
from ....containers.client import monitor_client
from ....containers.spec import container_files
from ....errors import Conflict
from ....kernel.processes import signal_names
from ....reconcile import Plan
from ... import streams
from ...grammar import UsageError, whole
from .each_container import ALIVE, bring_up, each_container

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

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

    def work(record: Record, state: str, plan: Plan, apply: Callable[[], None]) -> None:
        if state in ALIVE:
            plan.add("status", state, "exited", f"stop container {record['name']}", apply)

    def do(idents: list[str]) -> dict[str, Exception]:
        return containers.stop_together(session.engine, idents, timeout, given.signal)

    for names in containers.to_stop_by_name(session.engine, given.words):
        _together(session, names, work, do)


def restart(session: Session, given: Given) -> None:
    """Restart containers: all at once, but those that depend on others or have a namespace of theirs
    after these, once, named or not.
    """
    timeout = _seconds(given)
    restarted: set[str] = set()  # by id

    def work(record: Record, state: str, plan: Plan, apply: Callable[[], None]) -> None:
        bring_up(session, record, state)
        plan.add("restarted", False, True, f"restart container {record['name']}", apply)

    def do(idents: list[str]) -> dict[str, Exception]:
        return containers.restart_together(session.engine, idents, timeout, given.signal)

    for names, along in containers.to_restart_by_name(session.engine, given.words):
        restarted |= _together(session, names, work, do)
        for other, record, why in along:
            if record["id"] in restarted and other["id"] not in restarted:
                restarted.add(other["id"])
                session.record(
                    True, [f"restart container {other['name']}, which {why} {record['name']}"]
                )
                _restart_along(session, other)


def _restart_along(session: Session, record: Record) -> None:
    if not session.check:
        told: list[str] = []
        containers.restart_dependant(session.engine, record, told)
        for sentence in told:
            session.complain(sentence)


def _together(
    session: Session,
    names: list[str],
    work: Callable[[Record, str, Plan, Callable[[], None]], None],
    do: Callable[[list[str]], dict[str, Exception]],
) -> set[str]:
    """Do one thing with several containers at once, each with a plan and an error of its own.

    :param work: ``work(record, status, plan, apply)`` adds ``apply`` to the plan of one that is to
        be changed. :param do: ``do(ids)`` changes all of these, and returns their errors by id.
    :returns: the ids of those that were changed.
    """
    changing: list[str] = []
    errors: dict[str, Exception] = {}
    done: set[str] = set()

    def look(name: str) -> None:
        record = containers.find(session.engine, name)
        plan = Plan(f"container {record['name']}")
        if record["id"] not in changing:  # it may be named twice
            state = containers.status(session.engine.paths, record["id"])["status"]
            work(record, state, plan, lambda: apply(record["id"]))
            if plan.changed:
                changing.append(record["id"])
        plans.append((name, record["id"], plan))

    def apply(ident: str) -> None:
        if changing:
            errors.update(do(list(changing)))
            changing.clear()
        if ident in errors:
            raise errors[ident]

    def carry_out(planned: tuple[str, str, Plan]) -> None:
        name, ident, plan = planned
        session.carry_out(plan)
        if plan.changed:
            done.add(ident)
        session.say(name)

    plans: list[tuple[str, str, Plan]] = []
    session.each(names, look)
    session.each(plans, carry_out)
    return done


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
