# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Containers: what they are made from, their life, what they say about themselves.

The names below are for the command line and the other nouns. They are looked up when first used: the monitors import
files of this package and must stay small.
"""

from __future__ import annotations

import importlib

_HOME = {
    "find": "catalog.find", "get": "catalog.get", "every": "catalog.every", "listing": "listing.listing", "inspect": "inspection.inspect",
    "plan": "plan.plan_container", "start": "start.start", "start_one": "start.start_one", "stop": "start.stop", "pause": "start.pause",
    "unpause": "start.unpause", "wait_healthy": "start.wait_healthy", "boot": "start.boot", "remove": "remove.remove", "rename": "live.rename",
    "status": "control.status", "kill": "control.kill", "execute": "control.execute", "logs": "control.logs", "wait": "control.wait", "stats": "control.stats",
    "top": "control.top",
}
__all__ = list(_HOME)


def __getattr__(name):
    if name not in _HOME:
        raise AttributeError("module %s has no attribute %s" % (__name__, name))
    module, _, attribute = _HOME[name].partition(".")
    return getattr(importlib.import_module("." + module, __name__), attribute)
