# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the host has forwarded for a network, and what it has dropped of that: counters of nf_tables.

Each network has four of them in each family, in the table that ``firewall`` makes. Maps lead from
its bridge to them, so a packet costs two look-ups for any number of networks. They begin at 0 when
the table is made, and again when somebody has flushed it.
"""

from __future__ import annotations

import contextlib

from ...kernel.net import nftables, rules

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

TABLE = "pycontainer"
SAME = "bridged"  # each bridge with itself: what a bridge carries is not forwarded
RECEIVED, SENT = "received", "sent"
RECEIVED_DROPPED, SENT_DROPPED = "received_dropped", "sent_dropped"
MAPS = (RECEIVED, SENT, RECEIVED_DROPPED, SENT_DROPPED)  # as the network sees it
FAMILIES = {4: ("IPv4", nftables.FAMILY_IPV4), 6: ("IPv6", nftables.FAMILY_IPV6)}


def passed() -> list[list[bytes]]:
    """Return the rules of a chain that sees what all of the engine's others let pass."""
    return [
        rules.rule(rules.both_in(SAME), rules.verdict(nftables.RETURN)),
        rules.counted_incoming(SENT),
        rules.counted_outgoing(RECEIVED),
    ]


def refused() -> list[list[bytes]]:
    """Return the rules of a chain that drops what comes to it."""
    return [
        rules.counted_incoming(SENT_DROPPED),
        rules.counted_outgoing(RECEIVED_DROPPED),
        rules.verdict(nftables.DROP),
    ]


def counter(bridge: str, way: str) -> str:
    """Return the name of a counter. :param way: one of MAPS."""
    return f"{bridge}.{way}"


def elements(bridges: Iterable[str]) -> dict[str, list[bytes]]:
    """Return the elements of the maps and of SAME: ``{name: [packed]}``."""
    found: dict[str, list[bytes]] = {name: [] for name in (*MAPS, SAME)}
    for bridge in bridges:
        key = rules.interface_name(bridge)
        found[SAME].append(nftables.element(key + key))
        for way in MAPS:
            found[way].append(nftables.element(key, counter=counter(bridge, way)))
    return found


def figures(bridge: str) -> dict[str, dict[str, int]]:
    """Return what has been counted of a bridge: ``{"IPv4": {"received_packets", ...}, "IPv6": ...}``.

    A family without counters is left out.
    """
    found: dict[str, dict[str, int]] = {}
    with contextlib.suppress(OSError), nftables.Connection() as connection:
        for shown, family in FAMILIES.values():
            there = connection.counters(TABLE, family)
            counted = {way: there.get(counter(bridge, way)) for way in MAPS}
            if all(counted.values()):
                found[shown] = {
                    f"{way}_{unit}": value
                    for way, values in counted.items()
                    for unit, value in zip(("packets", "bytes"), values or ())
                }
    return found
