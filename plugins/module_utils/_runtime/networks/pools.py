# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Choose a network's subnets, and see that they clash with nothing on the host.

The pools are the host's setting ``default_address_pools``, else Docker's: 172.17.0.0/16 to
172.31.0.0/16, then the 16 /20 of 192.168.0.0/16. Of IPv6 they are the 65,536 /64 of one unique local
prefix, whose 40 random bits the host draws once (RFC 4193, 3.2.2). What the host has is read from
the kernel.
"""

from __future__ import annotations

import ipaddress
import os
import socket

from ..errors import Conflict, Unsupported
from ..kernel.net import netlink
from ..store import settings
from ..store.atomic_files import write_whole
from .definition import version

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator

    from ..store.paths import Paths
    from .definition import Definition, Subnet

POOLS = (("172.16.0.0/12", 16), ("192.168.0.0/16", 20))  # each is cut into subnets of that prefix
FIRST = ipaddress.ip_network("172.17.0.0/16")  # 172.16.0.0/16 is what many a LAN has
ULA_BITS, SUBNET_PREFIX = 48, 64
MOST = 1 << 16  # subnets of one pool that are looked at
LARGEST_MTU = 1500
IPV6 = "/proc/sys/net/ipv6"


def require_ipv6() -> None:
    """:raises Unsupported: the host's kernel has no IPv6, or it is off."""
    try:
        with open(f"{IPV6}/conf/all/disable_ipv6") as file:
            off = file.read().strip() != "0"
    except OSError:
        raise Unsupported(
            "enable_ipv6: this host's kernel has no IPv6 (it is without the module ipv6, or was "
            "booted with ipv6.disable=1)"
        ) from None
    if off:
        raise Unsupported(
            "enable_ipv6: IPv6 is off on this host; turn it on with sysctl "
            "net.ipv6.conf.all.disable_ipv6=0"
        )


def occupied(own: Collection[str]) -> set[Subnet]:
    """Return the subnets that the host's routes and addresses cover.

    Default routes are left out, and what is of the network's own links.
    """
    found = []
    with netlink.Socket() as sock:
        mine = {link["index"] for link in netlink.links(sock) if link["name"] in own}
        for family in (socket.AF_INET, socket.AF_INET6):
            found += [
                "%s/%d" % (route["destination"], route["prefix"])
                for route in netlink.routes(sock, family)
                if route["prefix"] and route["link"] not in mine
            ]
            found += [
                "%s/%d" % (entry["address"], entry["prefix"])
                for entry in netlink.addresses(sock, family=family)
                if entry["index"] not in mine
            ]
    return {ipaddress.ip_network(text, strict=False) for text in found}


def choose(paths: Paths, family: int, own: Collection[str], networks: Iterable[Definition]) -> str:
    """Return the first pool that overlaps neither the host's routes nor ``networks``.

    :param family: 4 or 6. :param own: the names of the network's own links.
    :raises Conflict: all are taken.
    """
    taken = [
        subnet
        for subnet in occupied(own)
        | {ipaddress.ip_network(pool["subnet"]) for config in networks for pool in config["pools"]}
        if subnet.version == family
    ]
    bases = _bases(paths, family)
    for base, prefix in bases:
        for candidate in _subnets(ipaddress.ip_network(base), prefix):
            if not any(candidate.overlaps(other) for other in taken):
                return str(candidate)
    raise Conflict(
        f"no private IPv{family} subnet is free on this host: all of "
        f"{', '.join(base for base, _prefix in bases)} overlaps its routes or networks; name one "
        "with ipam_config.subnet, or other pools with the setting default_address_pools of the "
        "module host"
    )


def _bases(paths: Paths, family: int) -> list[tuple[str, int]]:
    """Return where subnets are taken from: ``(subnet, prefix of the pieces)``."""
    given = [
        (pool["base"], pool["size"])
        for pool in settings.read(paths.config)["default_address_pools"] or ()
        if version(pool["base"]) == family
    ]
    if given:
        return given
    return list(POOLS) if family == 4 else [(_unique_local(paths), SUBNET_PREFIX)]


def _subnets(base: Subnet, prefix: int) -> Iterator[Subnet]:
    """Yield the subnets that a pool is cut into; no more than somebody would wait for."""
    pieces: Iterator[Subnet] = iter(base.subnets(new_prefix=prefix))
    for _number, subnet in zip(range(MOST), pieces):
        if str(base) != POOLS[0][0] or subnet.network_address >= FIRST.network_address:  # type: ignore[operator]
            yield subnet


def _unique_local(paths: Paths) -> str:
    """Return the host's own unique local prefix, drawn when it is first asked for.

    Where the store is not there yet, as in check mode on a bare host, it is drawn and not kept.
    """
    place = os.path.join(paths.data, "unique-local-prefix")
    try:
        with open(place) as file:
            return str(ipaddress.IPv6Network(file.read(64).strip()))
    except (OSError, ValueError):
        pass
    drawn = ipaddress.IPv6Address(b"\xfd" + os.urandom(5) + bytes(10))
    text = f"{drawn}/{ULA_BITS}"
    if os.path.isdir(paths.data):
        write_whole(place, text + "\n", mode=0o600)
    return text


def check(subnet: str, own: Collection[str], networks: Iterable[Definition]) -> None:
    """Check a subnet that the user chose.

    :param own: the names of the network's own links.
    :raises Conflict: it overlaps another network, or the subnet of a link of the host.
    """
    clash = _clash(ipaddress.ip_network(subnet), own, networks)
    if clash:
        raise Conflict(f"ipam_config.subnet: {subnet} overlaps {clash}")


def free(subnet: str, own: Collection[str], networks: Iterable[Definition]) -> bool:
    """Tell whether :func:`check` would let a subnet pass."""
    return not _clash(ipaddress.ip_network(subnet), own, networks)


def _clash(wanted: Subnet, own: Collection[str], networks: Iterable[Definition]) -> str | None:
    """Return who has a part of a subnet, for a sentence."""
    for config in networks:
        for pool in config["pools"]:
            other = ipaddress.ip_network(pool["subnet"])
            if other.version == wanted.version and wanted.overlaps(other):
                return f"{other} of network {config['name']}"
    family = socket.AF_INET if wanted.version == 4 else socket.AF_INET6
    with netlink.Socket() as sock:
        names = {link["index"]: link["name"] for link in netlink.links(sock)}
        for entry in netlink.addresses(sock, family=family):
            connected = ipaddress.ip_network(
                "%s/%d" % (entry["address"], entry["prefix"]), strict=False
            )
            name = names.get(entry["index"], "")
            # the VXLAN link of a network has its bridge's address
            if name not in own and not name.startswith("pyx-") and wanted.overlaps(connected):
                return f"{connected} of this host's link {name}"
    return None


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
