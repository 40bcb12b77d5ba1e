# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""``network ls``, ``create``, ``rm``, ``connect`` and ``disconnect``."""

from __future__ import annotations

import ipaddress

from .... import containers, networks
from ....containers.lifecycle import live_changes
from ....containers.records.status import LIVING
from ....errors import Conflict, InvalidInput, NotFound
from ... import run_flags, tables
from ...filters import filtering, filters
from ...grammar import pairs

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from ....containers.options.network_options import Attachment
    from ....containers.records.catalog import Record
    from ...grammar import Given
    from ...session import Session


NETWORK_COLUMNS = [("NETWORK ID", "ID"), ("NAME", "Name"), ("DRIVER", "Driver"), ("SCOPE", "Scope")]


def network_ls(session: Session, given: Given) -> None:
    with filtering():
        found = networks.listing(session.engine, filters(given.filter))
    rows = [
        {
            "ID": config["id"] if given.no_trunc else config["id"][:12],
            "Name": config["name"],
            "Driver": config["driver"],
            "Scope": networks.scope(config),
            "Subnet": ",".join(pool["subnet"] for pool in config["pools"]),
            "IPv4": config["ipv4"],
            "IPv6": config["ipv6"],
            "Internal": config["internal"],
            "Labels": ",".join("%s=%s" % pair for pair in sorted(config["labels"].items())),
        }
        for config in found
    ]
    session.listing(
        tables.formatted(rows, NETWORK_COLUMNS, given.format, "ID" if given.quiet else None)
    )


def network_create(session: Session, given: Given) -> None:
    if networks.named(session.engine, given.words[0]) is not None:
        raise Conflict(f"network {given.words[0]} exists already")
    facts = session.carry_out(
        networks.plan(
            session.engine,
            {
                "name": given.words[0],
                "state": "present",
                "peers": _peers(given.peer) or None,
                "ipam_config": _ipam(given) or None,
                **run_flags.named(given, given.command.flags),
            },
        )
    )
    session.foretell_other("network", given.words[0])
    session.say(facts["network"]["Id"])


def _peers(given: list[str]) -> list[dict[str, str]]:
    found = []
    for text in given:
        name, equals, address = text.rpartition("=")
        found.append({"name": name, "address": address} if equals else {"address": text})
    return found


def _ipam(given: Given) -> list[dict[str, Any]]:
    """Sort what is said of subnets to the subnet that it is in, as Docker does it."""
    entries: list[dict[str, Any]] = [{"subnet": subnet} for subnet in given.subnet]
    said = [("gateway", "--gateway", text, text) for text in given.gateway]
    said += [("iprange", "--ip-range", text, text) for text in given.ip_range]
    for pair in given.aux_address:
        name, _equals, text = pair.partition("=")
        said.append((f"aux_addresses.{name}", "--aux-address", text, pair))
    for key, flag, text, whole in said:
        entry = next((one for one in entries if _within(text, one["subnet"])), None)
        if entry is None:
            raise InvalidInput(flag, whole, "what is in a subnet that --subnet names")
        name, dot, alias = key.partition(".")
        if dot:
            entry.setdefault(name, {})[alias] = text
        elif name in entry:
            raise InvalidInput(
                flag, whole, f"one for each subnet; {entry['subnet']} has {entry[name]}"
            )
        else:
            entry[name] = text
    return entries


def _within(text: str, subnet: str) -> bool:
    """Tell whether an address or range is in a subnet; what is no address is in none."""
    try:
        inner, outer = (ipaddress.ip_network(one, strict=False) for one in (text, subnet))
    except ValueError:
        return False
    return inner.version == outer.version and inner[0] in outer and inner[-1] in outer


DOCTOR_COLUMNS = [
    ("OBJECT", "Object"),
    ("CHECK", "Check"),
    ("WRONG", "Wrong"),
    ("FIGURES", "Figures"),
]


def network_doctor(session: Session, given: Given) -> None:
    """Say what is wrong, a line for each; with ``--format`` all that was looked at.

    The exit code is 1 when something is wrong.
    """
    findings = networks.examine(session.engine, given.words)
    wrong = [finding for finding in findings if finding.wrong]
    if given.format:
        rows = [
            {
                "Object": one.object,
                "Check": one.check,
                "Ok": not one.wrong,
                "Wrong": one.wrong,
                "Figures": one.figures,
            }
            for one in findings
        ]
        session.listing(tables.formatted(rows, DOCTOR_COLUMNS, given.format))
    else:
        session.say(*[f"{one.object}: {one.wrong}" for one in wrong])
        session.say(
            *[f"{one.object}: {one.check}: {one.figures}" for one in findings if one.figures]
        )
        if not wrong:
            session.say(f"nothing is wrong: {len(findings)} things were looked at")
    session.rc = 1 if wrong else 0


def network_rm(session: Session, given: Given) -> None:
    def one(name: str) -> None:
        if networks.get(session.engine, name) is None:
            if session.removes_coming("network", name):
                return
            if given.force:
                session.mention(f"network {name} does not exist")
                return
        config = _network(session, name)
        session.carry_out(
            networks.plan(session.engine, {"name": config["name"], "state": "absent"})
        )
        session.foretell_other("network", config["name"], gone=True)
        session.say(name)

    session.each(given.words, one)


def network_repair(session: Session, given: Given) -> None:
    """Put back what the kernel has lost of networks; each step is told."""
    plan = networks.plan_repair(session.engine)
    session.carry_out(plan)
    for action in plan.actions:
        session.say(action)


def network_connect(session: Session, given: Given) -> None:
    config, record = (
        _network(session, given.words[0]),
        containers.find(session.engine, given.words[1]),
    )
    now = _networks_of(record)
    if config["name"] in [entry["name"] for entry in now]:
        raise Conflict(f"container {record['name']} is on network {config['name']} already")
    session.carry_out(
        containers.plan(
            session.engine,
            {
                "name": record["name"],
                "state": "present",
                "networks": [
                    *now,
                    {
                        "name": config["name"],
                        "ipv4_address": given.ip,
                        "ipv6_address": given.ip6,
                        "mac_address": given.mac_address,
                        "aliases": given.alias,
                        "links": given.link,
                        "gw_priority": given.gw_priority,
                        "driver_opts": pairs(given.driver_opt) or None,
                    },
                ],
                **({} if now else {"network_mode": config["name"]}),
            },
        )
    )


def network_disconnect(session: Session, given: Given) -> None:
    """Take a container off a network, the last one too.

    With ``--force`` what the network keeps for a container that is gone is given back, and one that
    runs is taken off a network that is gone.
    """
    engine, (name, other) = session.engine, given.words
    try:
        record = containers.find(engine, other)
    except NotFound:
        if not given.force:
            raise
        session.carry_out(networks.plan_release(engine, _network(session, name), other))
        return
    config = networks.get(engine, name)
    if config is not None:
        name = config["name"]
    elif not given.force and containers.status(engine.paths, record["id"])["status"] in LIVING:
        raise NotFound(
            f"network {name} does not exist; with --force container {record['name']} is taken off "
            "what is left of it"
        )
    now = _networks_of(record)
    left = [entry for entry in now if entry["name"] != name]
    if left == now:
        raise NotFound(f"container {record['name']} is not on network {name}")
    session.carry_out(
        containers.plan(
            engine,
            {
                "name": record["name"],
                "state": "present",
                "networks": left,
                "network_mode": left[0]["name"] if left else _on_none(record, name),
            },
        )
    )


def _on_none(record: Record, name: str) -> str:
    """Return the mode of a container that leaves its last network.

    :raises Conflict: it was told what makes sense on a network alone.
    """
    for option in ("links", "mac_address"):
        if record["definition"].get(option):
            raise Conflict(
                f"container {record['name']} has {option}, which is for a network, and {name} is its "
                "last one; connect it to another one first"
            )
    return "none"


def _network(session: Session, name: str) -> dict[str, Any]:
    config = networks.get(session.engine, name)
    if config is None:
        raise NotFound(f"network {name} does not exist")
    return config


def _networks_of(record: Record) -> list[Attachment]:
    found = live_changes.networks_of(record)
    if not found and record["definition"]["network_mode"] != "none":
        raise Conflict(
            f"container {record['name']} has network_mode {record['definition']['network_mode']}, "
            "and no networks of its own"
        )
    return found
