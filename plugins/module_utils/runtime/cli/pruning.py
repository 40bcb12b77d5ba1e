# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""``prune`` of containers, images, volumes, networks, and of all these together."""

from __future__ import annotations

from .. import containers, images, networks, volumes
from ..errors import InvalidInput
from ..reconcile import Plan
from . import tables
from .observing import filters, layer_size

ENDED = ("created", "exited", "dead")


def _report(session, title, names, space=None):
    """Docker's words: what went, and how much it was (``space``: bytes)."""
    if names:
        session.say("Deleted %s:" % title, *names)
        session.say("")
    if space is not None:
        session.say("Total reclaimed space: " + tables.size(space))


def _containers(session, chosen):
    """Remove what does not run; bytes that it had written."""
    engine, plan = session.engine, Plan("containers that don't run")
    doomed = [record for record in containers.listing(engine, True, chosen) if containers.status(engine, record["id"])["status"] in ENDED]
    space = sum(layer_size(engine, record["id"]) for record in doomed)
    for record in doomed:
        plan.add(record["name"], "present", "absent", "remove container %s" % record["name"],
                 lambda record=record: containers.remove(engine, record, keep_volumes=True))
    session.carry_out(plan)
    _report(session, "Containers", [record["id"] for record in doomed])
    return space


def containers_(session, given):
    chosen = filters(given.filter)
    if session.confirmed("all containers that don't run", given.force):
        session.say("Total reclaimed space: " + tables.size(_containers(session, chosen)))


def _images(session, everything):
    plan = images.plan_prune(session.engine, everything)
    names = [change.before for change in plan.changes]
    facts = session.carry_out(plan)
    _report(session, "Images", names)
    return facts["space_reclaimed"]


def images_(session, given):
    if session.confirmed("all images that no container uses" if given.all else "all dangling images", given.force):
        session.say("Total reclaimed space: " + tables.size(_images(session, given.all)))


def _volumes(session, everything, chosen):
    from ..host.info import used

    plan = volumes.prune(session.engine, everything, chosen)
    names = [change.name for change in plan.changes]
    space = sum(used(volumes.path(session.engine, name)) for name in names)
    session.carry_out(plan)
    _report(session, "Volumes", names)
    return space


def volumes_(session, given):
    chosen = {key: values if key == "label" else values[-1] for key, values in filters(given.filter).items()}
    if session.confirmed("all %svolumes that no container uses" % ("" if given.all else "anonymous "), given.force):
        session.say("Total reclaimed space: " + tables.size(_volumes(session, given.all, chosen)))


def _networks(session, chosen):
    engine = session.engine
    names = [config["name"] for config in networks.listing(engine, dict(chosen, dangling="true", type="custom"))]
    for name in names:
        session.carry_out(networks.plan(engine, {"name": name, "state": "absent"}))
    _report(session, "Networks", names)


def networks_(session, given):
    chosen = filters(given.filter)
    for key in chosen:
        if key not in ("label", "name"):
            raise InvalidInput("--filter", key, "label, name")
    if session.confirmed("all networks that no container is on", given.force):
        _networks(session, chosen)


def builds_(session, given):
    from ..builds import caches

    if session.confirmed("all files that RUN --mount=type=cache has kept", given.force):
        plan = caches.plan_prune(session.engine)
        facts = session.carry_out(plan)
        _report(session, "build caches", [name.rpartition(" ")[0] for name in facts["caches"]], facts["space_reclaimed"])


def system(session, given):
    """In this order, for containers keep the others in use."""
    what = ["all containers that don't run", "all networks that no container is on",
            "all images that no container uses" if given.all else "all dangling images"]
    if not session.confirmed(", ".join(what + ["all anonymous volumes that no container uses"] * given.volumes), given.force):
        return
    space = _containers(session, {})
    _networks(session, {})
    if given.volumes:
        space += _volumes(session, False, {})
    space += _images(session, given.all)
    session.say("Total reclaimed space: " + tables.size(space))
