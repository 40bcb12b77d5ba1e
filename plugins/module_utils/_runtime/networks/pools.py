# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Choose a network's subnet, and see that it clashes with nothing on the host.

The pools are Docker's: 172.17.0.0/16 to 172.31.0.0/16, then the 16 /20 of 192.168.0.0/16. What the
host has is read from the kernel.
"""

from __future__ import annotations

import ipaddress

from ..errors import Conflict
from ..kernel.net import netlink

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from .definition import Definition, Subnet

POOLS = ["172.%d.0.0/16" % number for number in range(17, 32)] + [
    "192.168.%d.0/20" % number for number in range(0, 256, 16)
]
LARGEST_MTU = 1500


def occupied(bridge: str) -> set[Subnet]:
    """Return the subnets that the host's routes and addresses cover.

    Default routes are left out, and what is of the link ``bridge``.
    """
    with netlink.Socket() as sock:
        link = netlink.link(sock, bridge)
        own = link["index"] if link else None
        found = [
            "%s/%d" % (route["destination"], route["prefix"])
            for route in netlink.routes(sock)
            if route["prefix"] and route["link"] != own
        ]
        found += [
            "%s/%d" % (entry["address"], entry["prefix"])
            for entry in netlink.addresses(sock)
            if entry["index"] != own
        ]
    return {ipaddress.ip_network(text, strict=False) for text in found}


def choose(bridge: str, networks: Iterable[Definition]) -> str:
    """Return the first pool that overlaps neither the host's routes nor ``networks``.

    :raises Conflict: all are taken.
    """
    taken = occupied(bridge) | {ipaddress.ip_network(config["subnet"]) for config in networks}
    for text in POOLS:
        pool = ipaddress.ip_network(text)
        if not any(pool.overlaps(other) for other in taken):
            return text
    raise Conflict(
        "no private subnet is free on this host: all of 172.17.0.0/16 to 172.31.0.0/16 and "
        "192.168.0.0/16 overlap its routes "
        "or networks; name one with ipam_config.subnet"
    )


def check(subnet: str, bridge: str, networks: Iterable[Definition]) -> None:
    """Check a subnet that the user chose.

    :raises Conflict: it overlaps another network, or the subnet of a link of the host.
    """
    wanted = ipaddress.ip_network(subnet)
    for config in networks:
        if wanted.overlaps(ipaddress.ip_network(config["subnet"])):
            raise Conflict(
                f"ipam_config.subnet: {subnet} overlaps {config['subnet']} of network "
                f"{config['name']}"
            )
    with netlink.Socket() as sock:
        names = {link["index"]: link["name"] for link in netlink.links(sock)}
        for entry in netlink.addresses(sock):
            connected = ipaddress.ip_network(
                "%s/%d" % (entry["address"], entry["prefix"]), strict=False
            )
            name = names.get(entry["index"], "")
            if name != bridge and wanted.overlaps(connected):
                raise Conflict(
                    f"ipam_config.subnet: {subnet} overlaps {connected} of this host's link {name}"
                )


def uplink_mtu() -> int:
    """Return the MTU for a new network, in bytes.

    It is that of the link of the default route; 1500 at most, or where there is none.
    """
    with netlink.Socket() as sock:
        defaults = [
            route
            for route in netlink.routes(sock)
            if not route["prefix"] and route["link"] and route["table"] == netlink.RT_TABLE_MAIN
        ]
        if not defaults:
            return LARGEST_MTU
        link = netlink.link(sock, index=min(defaults, key=lambda route: route["priority"])["link"])
        return min(link["mtu"], LARGEST_MTU) if link else LARGEST_MTU
