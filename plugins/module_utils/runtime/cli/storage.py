# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The commands about volumes and networks."""

from __future__ import annotations

import secrets

from .. import networks, volumes
from ..errors import NotFound
from ..volumes import task as volume_task
from . import tables
from .containers import filters

VOLUME_COLUMNS = [("DRIVER", "Driver"), ("VOLUME NAME", "Name")]
NETWORK_COLUMNS = [("NETWORK ID", "ID"), ("NAME", "Name"), ("DRIVER", "Driver"), ("SUBNET", "Subnet"), ("SCOPE", "Scope")]


def pairs(items):
    """``key=value`` items as a map; a key alone has an empty value."""
    return dict(item.partition("=")[::2] for item in items)


def _single(items):
    """Filters of volumes: one value each, but labels."""
    return {key: values if key == "label" else values[-1] for key, values in filters(items).items()}


def volume_ls(session, given):
    rows = [{"Driver": "local", "Name": row["name"], "Labels": ",".join("%s=%s" % pair for pair in sorted(row["labels"].items())),
             "Mountpoint": volumes.path(session.engine, row["name"])} for row in volumes.listing(session.engine, _single(given.filter))]
    session.say(*tables.formatted(rows, VOLUME_COLUMNS, given.format, "Name" if given.quiet else None))


def volume_create(session, given):
    name = given.words[0] if given.words else secrets.token_hex(32)
    session.carry_out(volume_task.volume(session.engine, {
        "name": name, "state": "present", "driver": given.driver, "driver_options": pairs(given.opt) or None, "labels": pairs(given.label) or None}))
    session.say(name)


def volume_rm(session, given):
    def one(name):
        if volumes.get(session.engine, name) is None:
            if given.force:
                return
            raise NotFound("volume %s does not exist" % name)
        session.carry_out(volume_task.volume(session.engine, {"name": name, "state": "absent"}))
        session.say(name)
    session.each(given.words, one)


def volume_prune(session, given):
    plan = volumes.prune(session.engine, given.all)
    session.carry_out(plan)
    session.say(*[change.name for change in plan.changes])


def network_ls(session, given):
    rows = [{"ID": config["id"][:12], "Name": config["name"], "Driver": config["driver"], "Subnet": config["subnet"], "Scope": "local"}
            for config in networks.listing(session.engine, filters(given.filter))]
    session.say(*tables.formatted(rows, NETWORK_COLUMNS, given.format, "ID" if given.quiet else None))


def network_create(session, given):
    ipam = {key: value for key, value in (("subnet", given.subnet), ("gateway", given.gateway), ("iprange", given.ip_range)) if value}
    facts = session.carry_out(networks.plan(session.engine, {
        "name": given.words[0], "state": "present", "driver": given.driver, "driver_options": pairs(given.opt) or None, "labels": pairs(given.label) or None,
        "internal": given.internal or None, "ipam_config": [ipam] if ipam else None}))
    session.say(facts["network"]["Id"])


def network_rm(session, given):
    def one(name):
        config = networks.get(session.engine, name)
        if config is None:
            raise NotFound("network %s does not exist" % name)
        session.carry_out(networks.plan(session.engine, {"name": config["name"], "state": "absent"}))
        session.say(name)
    session.each(given.words, one)
