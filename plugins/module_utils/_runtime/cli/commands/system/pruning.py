# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""``prune`` of containers, images, volumes, networks, and of all these together."""

from __future__ import annotations

from .... import units
from ....errors import InvalidInput
from ....host import prune_plans
from ... import tables
from ...filters import filtering, filters

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any

    from ....engine import Engine
    from ....reconcile import Plan
    from ...grammar import Given
    from ...session import Session


def _report(session: Session, title: str, names: Sequence[str], space: int | None = None) -> None:
    """Say in Docker's words what went, and how much it was (``space``: bytes)."""
    if names:
        session.say(f"Deleted {title}:", *names)
        session.say("")
    if space is not None:
        session.say("Total reclaimed space: " + tables.size(space))


def _carry_out(session: Session, plan: Plan, title: str, key: str) -> int:
    """Do it and name what went. :returns: bytes that were freed."""
    facts = session.carry_out(plan)
    _report(session, title, facts[key])
    return facts.get(key + "_space_reclaimed", 0)


def _plan(make: Callable[..., Plan], engine: Engine, given: Given, *more: Any) -> Plan:
    """Plan by ``--filter``, which an error about filters names."""
    with filtering():
        return make(engine, filters(given.filter), *more)


def containers_(session: Session, given: Given) -> None:
    plan = _plan(prune_plans.plan_containers, session.engine, given)
    if session.confirmed("all containers that don't run", given.force):
        session.say(
            "Total reclaimed space: "
            + tables.size(_carry_out(session, plan, "Containers", "containers"))
        )


def images_(session: Session, given: Given) -> None:
    plan = _plan(prune_plans.plan_images, session.engine, given, given.all)
    if session.confirmed(
        "all images that no container uses" if given.all else "all dangling images", given.force
    ):
        session.say(
            "Total reclaimed space: " + tables.size(_carry_out(session, plan, "Images", "images"))
        )


def volumes_(session: Session, given: Given) -> None:
    plan = _plan(prune_plans.plan_volumes, session.engine, given, given.all)
    if session.confirmed(
        f"all {'' if given.all else 'anonymous '}volumes that no container uses", given.force
    ):
        session.say(
            "Total reclaimed space: " + tables.size(_carry_out(session, plan, "Volumes", "volumes"))
        )


def networks_(session: Session, given: Given) -> None:
    plan = _plan(prune_plans.plan_networks, session.engine, given)
    if session.confirmed("all networks that no container is on", given.force):
        _carry_out(session, plan, "Networks", "networks")


def builds_(session: Session, given: Given) -> None:
    if given.keep_storage is not None:
        units.size(given.keep_storage, "--keep-storage")
    plan = _plan(
        prune_plans.plan_builder_cache, session.engine, given, given.all, given.keep_storage
    )
    what = "all files that RUN --mount=type=cache has kept"
    if given.all:
        what += ", all dangling images"
    if session.confirmed(what, given.force):
        facts = session.carry_out(plan)
        names = [name.rpartition(" ")[0] or name for name in facts["builder_cache_caches_deleted"]]
        _report(session, "build caches", names, facts["builder_cache_space_reclaimed"])


def system(session: Session, given: Given) -> None:
    """Prune in this order, for containers keep the others in use.

    Of the filters, volumes heed those for labels.
    """
    engine, chosen = session.engine, filters(given.filter)
    for key in chosen:
        if key not in prune_plans.OWN:
            raise InvalidInput("--filter", key, ", ".join(prune_plans.OWN))
    what = [
        "all containers that don't run",
        "all networks that no container is on",
        "all images that no container uses" if given.all else "all dangling images",
    ]
    if not session.confirmed(
        ", ".join(what + ["all anonymous volumes that no container uses"] * given.volumes),
        given.force,
    ):
        return
    space = _carry_out(
        session, _plan(prune_plans.plan_containers, engine, given), "Containers", "containers"
    )
    _carry_out(session, _plan(prune_plans.plan_networks, engine, given), "Networks", "networks")
    if given.volumes:
        labels = {key: values for key, values in chosen.items() if key != "until"}
        space += _carry_out(session, prune_plans.plan_volumes(engine, labels), "Volumes", "volumes")
    space += _carry_out(
        session, _plan(prune_plans.plan_images, engine, given, given.all), "Images", "images"
    )
    session.say("Total reclaimed space: " + tables.size(space))
