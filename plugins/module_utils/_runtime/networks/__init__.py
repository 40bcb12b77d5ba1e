# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Networks: bridges with a subnet each, containers' addresses on them, published ports.

The files ``container_links`` (join a container's namespace to a bridge) and ``publish`` (a container's ports
in the firewall) are imported by the monitors, and the chapter ``names`` by a process forked from the
zygote, which carry neither database nor ipaddress: so the names below are looked up when first used. Networks use the kernel (``kernel/net``) and the store,
and no other noun.
"""

from __future__ import annotations

from .. import lazy

_HOMES = {
    "DEFAULT": "definition",
    "DRIVERS": "definition",
    "check_name": "definition",
    "scope": "definition",
    "get": "catalog",
    "named": "catalog",
    "ensure_default": "catalog",
    "listing": "catalog",
    "users": "catalog",
    "of_container": "catalog",
    "plan": "task",
    "plan_repair": "task",
    "plan_release": "task",
    "inspect": "inspection",
    "endpoint_id": "inspection",
    "allocate": "addresses",
    "check_address": "addresses",
    "require_library": "links",
    "release": "addresses",
    "binding_address": "ports",
    "check_ports": "ports",
    "reserve_ports": "ports",
    "release_ports": "ports",
    "routing": "ports",
    "ensure_links": "links",
    "limits_rates": "drivers.link_kinds",
    "counters": "diagnosis.link_counters",
    "examine": "diagnosis.doctor",
    "resolv_conf": "resolv",
    "hosts": "resolv",
    "has_names": "resolv",
}
__all__ = list(_HOMES) + ["container_links", "publish"]
FILES = {
    "firewalls.other_firewalls": "the zygote's children look whether another firewall drops what is of networks",
    "names.name_service": "the zygote forks the process that answers names, and clients ask after it",
}

__getattr__ = lazy.door(__name__, _HOMES)
