# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""``run`` and ``create``: a container from an image and flags."""

from __future__ import annotations

import random

from .. import containers
from ..errors import Conflict
from ..reconcile import Plan
from . import streams
from .grammar import UsageError
from .run_flags import RUN_FLAGS, options

FIRST = ("amber", "bold", "brisk", "calm", "clever", "dapper", "eager", "fond", "gentle", "happy", "jolly", "keen", "kind", "lively", "mellow", "neat",
         "noble", "patient", "proud", "quiet", "quick", "ready", "serene", "steady", "sunny", "swift", "tidy", "vivid", "warm", "witty")
SECOND = ("anchor", "badger", "beacon", "birch", "brook", "cedar", "comet", "dolphin", "ember", "falcon", "fjord", "garnet", "harbor", "heron", "island",
          "juniper", "lagoon", "lantern", "maple", "meadow", "orchid", "otter", "pebble", "quartz", "raven", "sparrow", "summit", "thistle", "walnut", "willow")


def run(session, given):
    """``run IMAGE [COMMAND...]``: start it; wait for its end unless ``-d``."""
    if not given.detach and (given.tty or given.interactive):
        session.need_terminal("run -i or -t without -d", "give -d, or run it on the host")
        if not given.tty:
            raise UsageError("pycontainer run -i needs -t or -d; to feed a command from a pipe, start the container with -d and use exec -i")
    # one that is waited for removes itself only when its output has been read
    plan, name = _plan(session, given, "present", dict(auto_remove=False) if given.rm and not given.detach else {})
    session.carry_out(plan)
    if session.check:
        return
    record = containers.find(session.engine, name)
    if given.detach:
        _start(session, record)
        session.say(record["id"])
        return
    try:
        _start(session, record)
        session.rc = streams.attached(session, record, given.interactive) if given.tty else streams.until_end(session, record)
    finally:
        if given.rm:
            containers.remove(session.engine, containers.find(session.engine, record["id"]), force=True, keep_volumes=False)


def create(session, given):
    """``create IMAGE [COMMAND...]``: print its id."""
    plan, name = _plan(session, given, "present", {})
    session.carry_out(plan)
    if not session.check:
        session.say(containers.find(session.engine, name)["id"])


def _plan(session, given, state, more):
    """The plan of a new container, and its name. :raises Conflict: when the name is taken, for ``run`` makes a new one every time."""
    definition = options(given, RUN_FLAGS)
    name = definition.pop("name", None) or _fresh_name(session.engine)
    if _exists(session.engine, name):
        raise Conflict("the name %s is in use by a container; remove or rename it, or choose another name" % name)
    definition.update(more, name=name, image=given.words[0], state=state)
    return containers.plan(session.engine, definition), name


def _start(session, record):
    plan = Plan("container %s" % record["name"])
    plan.add("running", False, True, "start container %s" % record["name"], lambda: containers.start_one(session.engine, record))
    session.carry_out(plan)


def _exists(engine, name):
    return any(record["name"] == name for record in containers.every(engine))


def _fresh_name(engine):
    taken = {record["name"] for record in containers.every(engine)}
    while True:
        name = "%s_%s" % (random.choice(FIRST), random.choice(SECOND))
        if name in taken:
            name += str(random.randrange(10, 10000))
        if name not in taken:
            return name
