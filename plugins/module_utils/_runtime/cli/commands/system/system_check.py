# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""``system check``: what the store has lost or is damaged in it, and its repair."""

from __future__ import annotations

import contextlib

from .... import containers, images
from ....errors import EngineError
from ....host import check as checking
from ....host import rebuild

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ....engine import Engine
    from ...grammar import Given
    from ...session import Session


def check(session: Session, given: Given) -> None:
    """Say what is wrong with the store; with ``--repair`` mend it.

    The database first, then what it and the host disagree about, then images.
    """
    if session.engine.lost and not _rebuilt(session, given.repair):
        return
    strays = checking.strays(session.engine)
    for stray in strays:
        session.say(stray.sentence)
        if given.repair:
            session.each([stray], lambda each: session.carry_out(each.plan()))
    if strays and not given.repair:
        session.rc = 1
    _check_images(session, given, bool(strays) or bool(session.engine.lost))


def _rebuilt(session: Session, repair: bool) -> bool:
    """Tell whether the database is there (again)."""
    if not repair:
        session.complain(session.engine.lost)
        return False
    session.say(session.engine.lost.partition(";")[0])
    if session.check:
        session.record(True, ["build the database again"])
        return False
    session.say(*rebuild.rebuild(session.engine))
    session.record(True, ["build the database again"])
    session.engine.reopen()
    return True


def _check_images(session: Session, given: Given, already: bool) -> None:
    """Make again what images have lost, but for layers that running containers stand on."""
    found = images.damaged(session.engine, not given.quick)
    users = _users(session.engine) if found and given.repair else {}
    for damage in found:
        names = sorted({name for diff_id in damage.present for name in users.get(diff_id, ())})
        if not given.repair:
            session.say(*damage.sentences)
            session.rc = 1
        elif names:
            session.complain(
                f"{damage.sentences[0]}; stop {', '.join(names)} first, which "
                f"stand{'s' if len(names) == 1 else ''} on it"
            )
        else:
            session.each(
                [damage], lambda each: session.carry_out(images.plan_repair(session.engine, each))
            )
            session.say(*damage.sentences)
    if not found and not already:
        session.say("No damage found")


def _users(engine: Engine) -> dict[str, list[str]]:
    """Return ``{DiffID: [names of the running containers that stand on the layer]}``."""
    users: dict[str, list[str]] = {}
    for record in containers.every(engine):
        if containers.status(engine.paths, record["id"])["status"] in ("running", "paused"):
            with contextlib.suppress(EngineError):  # an image that has lost its documents
                for diff_id in images.get(engine, record["image"])["layers"]:
                    users.setdefault(diff_id, []).append(record["name"])
    return users
