# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Names for containers that are given none: two words, as ``brisk_otter``."""

from __future__ import annotations

import random

from .. import containers

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..engine import Engine


FIRST = (
    "amber",
    "bold",
    "brisk",
    "calm",
    "clever",
    "dapper",
    "eager",
    "fond",
    "gentle",
    "happy",
    "jolly",
    "keen",
    "kind",
    "lively",
    "mellow",
    "neat",
    "noble",
    "patient",
    "proud",
    "quiet",
    "quick",
    "ready",
    "serene",
    "steady",
    "sunny",
    "swift",
    "tidy",
    "vivid",
    "warm",
    "witty",
)
SECOND = (
    "anchor",
    "badger",
    "beacon",
    "birch",
    "brook",
    "cedar",
    "comet",
    "dolphin",
    "ember",
    "falcon",
    "fjord",
    "garnet",
    "harbor",
    "heron",
    "island",
    "juniper",
    "lagoon",
    "lantern",
    "maple",
    "meadow",
    "orchid",
    "otter",
    "pebble",
    "quartz",
    "raven",
    "sparrow",
    "summit",
    "thistle",
    "walnut",
    "willow",
)


def fresh(engine: Engine) -> str:
    """Return a name that no container has."""
    taken = {record["name"] for record in containers.every(engine)}
    while True:
        name = f"{random.choice(FIRST)}_{random.choice(SECOND)}"
        if name in taken:
            name += str(random.randrange(10, 10000))
        if name not in taken:
            return name
