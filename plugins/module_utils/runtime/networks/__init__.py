# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Networks: bridges with a subnet each, containers' addresses on them, published ports.

The files ``attach`` (join a container's namespace to a bridge) and ``publish`` (a container's ports in the firewall) are
imported by the monitors, which carry neither database nor ipaddress: so the names below are looked up when first used.
"""

from __future__ import annotations

import importlib

_HOME = {
    "DEFAULT": ".definition",
    "check_name": ".definition",
    "get": ".catalog",
    "ensure_default": ".catalog",
    "listing": ".catalog",
    "users": ".catalog",
    "plan": ".task",
    "inspect": ".inspection",
    "allocate": ".addresses",
    "check_address": ".addresses",
    "release": ".addresses",
    "check_ports": ".ports",
    "reserve_ports": ".ports",
    "release_ports": ".ports",
    "ensure_links": ".links",
    "resolv_conf": ".resolv",
    "hosts": ".resolv",
}
_LEAN = ("attach", "publish")
__all__ = list(_HOME) + list(_LEAN)


def __getattr__(name):
    if name in _LEAN:
        return importlib.import_module("." + name, __name__)
    if name not in _HOME:
        raise AttributeError("module %s has no attribute %s" % (__name__, name))
    return getattr(importlib.import_module(_HOME[name], __name__), name)
