# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""``run`` and ``create``: a container from an image and flags."""

from __future__ import annotations

import contextlib
import os

from .... import containers
from ....containers.access import auto_remove, detach_keys
from ....errors import Conflict, ContainerFailed, InvalidInput, NotFound
from ....reconcile import Plan
from ... import container_names, streams
from ...grammar import UsageError, check_place
from ...run_flags import RUN_FLAGS, by_flag, options

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from ....containers.records.catalog import Record
    from ....engine import Engine
    from ...grammar import Given
    from ...session import Session


def run(session: Session, given: Given) -> None:
    """``run IMAGE [COMMAND...]``: start it; wait for its end unless ``-d``."""
    session.refused = 125
    attached = streams.wanted(given)
    if given.attach and given.detach:
        raise UsageError("run takes either --attach or --detach")
    if given.tty and given.attach and "stdout" not in attached:
        raise UsageError("run --tty without --attach stdout would show nothing")
    if not given.detach and (given.tty or given.interactive):
        session.need_terminal("run -i or -t without -d", "give -d, or run it on the host")
    session.need_tty(given)
    detach_keys.parse(given.detach_keys)  # refused before anything is made
    if given.rm and (given.restart or "no") != "no":
        raise InvalidInput("--rm", True, f"either --rm, or --restart {given.restart}")
    name = _made(session, given)
    if session.check:
        session.carry_out(_starting(name))
        return
    record = containers.find(session.engine, name)
    try:
        if given.detach:
            _start(session, record)
            session.say(record["id"])
        else:
            _attend(session, record, given)
    except ContainerFailed as error:
        if error.exit_code in (126, 127):  # its command can't be executed, or is not there
            session.refused = error.exit_code
        if given.rm and given.detach:
            _remove(session.engine, record)
        raise


def _attend(session: Session, record: Record, given: Given) -> None:
    """Start it, wait for its end, and remove it then with ``--rm``."""
    with (
        auto_remove.by_caller(session.engine.paths, record["id"])
        if given.rm
        else contextlib.nullcontext()
    ):
        ends = True
        try:
            streams.started(
                session,
                record,
                lambda stdin: _start(session, record, stdin),
                given.interactive and "stdin" in streams.wanted(given),
                given,
            )
        except detach_keys.Detached:
            ends, session.rc = False, streams.left(session, record)
        finally:
            if given.rm and ends:
                _remove(session.engine, record)


def _remove(engine: Engine, record: Record) -> None:
    with (
        contextlib.suppress(NotFound),
        containers.held(engine, record["id"]) as now,
    ):  # another task may have removed it
        containers.remove(engine, now, force=True)


def create(session: Session, given: Given) -> None:
    """``create IMAGE [COMMAND...]``: print its id."""
    name = _made(session, given)
    if not session.check:
        session.say(containers.find(session.engine, name)["id"])


def _made(session: Session, given: Given) -> str:
    """Make a new container.

    :returns: its name.
    :raises Conflict: when the name is taken, for each call makes one.
    """
    definition = options(given, RUN_FLAGS, session.terminal)
    if given.cidfile and os.path.exists(given.cidfile):
        raise Conflict(f"--cidfile: {given.cidfile} is there already")
    check_place(given.cidfile, "--cidfile")
    name = definition.pop("name", None) or container_names.fresh(session.engine)
    if containers.get(session.engine, name) is not None:
        raise Conflict(
            f"the name {name} is in use by a container; remove or rename it, or choose another name"
        )
    definition.update(name=name, image=given.words[0], state="present")
    with by_flag(RUN_FLAGS):
        plan = containers.plan(session.engine, definition)
    session.carry_out(
        plan,
        live=not given.quiet and any(action.startswith("pull image") for action in plan.actions),
    )
    session.foretell_other("container", name)
    if given.cidfile and not session.check:
        with open(given.cidfile, "x") as file:
            file.write(containers.find(session.engine, name)["id"])
    return name


def _start(session: Session, record: Record, stdin: int | None = None) -> None:
    session.carry_out(
        _starting(record["name"], lambda: containers.lock_and_start(session.engine, record, stdin))
    )


def _starting(name: str, apply: Callable[[], object] | None = None) -> Plan:
    plan = Plan(f"container {name}")
    plan.add("running", False, True, f"start container {name}", apply)
    return plan
