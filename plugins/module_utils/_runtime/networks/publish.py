# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Published ports as elements of nf_tables maps: what a container's start and end change of the
rules.

The monitor imports this file, so it needs nothing but ``kernel/net``. The rules that look into the
maps are in ``firewall.py``.
"""

from __future__ import annotations

import errno
import socket
import struct

from ..errors import HostError, reason
from ..kernel.net import conntrack, netlink, nftables

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from typing import Optional, TypedDict

    from ..kernel.net.netlink import Message

    Place = tuple[int, str]  # family, name of a set or map
    Elements = dict[Place, dict[bytes, Optional[bytes]]]  # -> key -> data, None in a set

    class _Routed(TypedDict, total=False):
        routed: bool  # not of the host: it is open at the container's own address

    class Port(_Routed):
        """A published port, as run.json and state.json have it."""

        host_ip: str  # "0.0.0.0": every address of the host of IPv4, "::": of IPv6
        host_port: int  # 0 where it is routed
        container_port: int
        protocol: str  # "tcp", "udp" or "sctp"


TABLE = "pycontainer"
ANY = "published"  # a map, keyed by protocol . port
ONE = "published_on"  # a map, keyed by address . protocol . port
# The same two for the ports that the relay alone serves, since the container has no address of the
# family: where a network's containers do not reach the host, they reach these. Their data are the
# container's address of the other family and its port.
RELAYED, RELAYED_ON = "relayed", "relayed_on"
# A set, keyed by container's address . protocol . port: what a container itself calls is left to
# the relay.
OWN = "own_ports"
# A set, keyed by container's address . protocol . port: what others reach at the address itself.
OPEN = "open_ports"
PASSED = (RELAYED, RELAYED_ON)
PROTOCOLS = {"tcp": socket.IPPROTO_TCP, "udp": socket.IPPROTO_UDP, "sctp": 132}
FAMILIES: dict[int, int] = {
    socket.AF_INET: nftables.FAMILY_IPV4,
    socket.AF_INET6: nftables.FAMILY_IPV6,
}
EVERY = ("0.0.0.0", "::")
ABSENT = (
    errno.ENOENT,
    errno.EPROTONOSUPPORT,
    errno.EOPNOTSUPP,
)  # no table, no nfnetlink, no nf_tables


def publish(container_id: str, addresses: Sequence[str], ports: Sequence[Port]) -> bool:
    """Send what comes for ``ports`` to a container.

    Ports published on 127/8 or ::1 alone are left out: only the relay serves those, so that they
    never are reachable from outside. Those of a family that the container has not are the relay's
    too, and only told to the rules. An element that leads elsewhere is a dead container's:
    ``ports.reserve_ports`` has seen to that.

    :param container_id: for the error's text.
    :param addresses: the container's, one of each family at most, with or without a ``/prefix``.
    :returns: whether the rules are there. Without them (no nf_tables, or flushed) the relay alone
        serves the ports.
    :raises HostError: the kernel refuses.
    """
    wanted = elements(addresses, ports)
    if not wanted:
        return True
    there = True
    try:
        with nftables.Connection() as connection:
            for family in sorted({family for family, _name in wanted}):
                some = _of(wanted, family)
                # A family without a table closes nothing that the relay would have to be let in by.
                there &= _put(connection, some) or all(name in PASSED for _family, name in some)
        for port in ports:
            target = target_of(port, addresses)
            if port["protocol"] == "udp" and target and port["host_port"]:
                conntrack.forget_udp(port["host_port"], target)
    except OSError as error:
        if error.errno in ABSENT:
            return False
        raise HostError(
            f"published_ports: can't publish the ports of container {container_id}: {reason(error)}"
        ) from None
    return there


def _of(wanted: Elements, family: int) -> Elements:
    return {place: entries for place, entries in wanted.items() if place[0] == family}


def _put(connection: nftables.Connection, wanted: Elements) -> bool:
    """Add elements of one family; returns whether its table is there."""
    try:
        connection.commit(_adding(wanted))
    except netlink.Refused as error:
        if error.errno in ABSENT:
            return False
        if error.errno not in (errno.EEXIST, errno.EBUSY):
            raise
        connection.commit(_removing(_present(connection, wanted)) + _adding(wanted))
    return True


def unpublish(container_id: str, addresses: Sequence[str], ports: Iterable[Port]) -> None:
    """Take back what :func:`publish` did.

    What is gone already, or leads to another container by now, is left alone.

    :raises HostError: the kernel refuses.
    """
    wanted = elements(addresses, ports)
    if not wanted:
        return
    try:
        with nftables.Connection() as connection:
            for family in sorted({family for family, _name in wanted}):
                try:
                    found = _present(connection, _of(wanted, family), same=True)
                    if any(found.values()):
                        connection.commit(_removing(found))
                except OSError as error:
                    # EINVAL: nfnetlink's word outside of a batch for "no nf_tables"
                    if error.errno not in (*ABSENT, errno.EINVAL):
                        raise
    except OSError as error:
        if error.errno not in (*ABSENT, errno.EINVAL):
            raise HostError(
                f"published_ports: can't take back the ports of container {container_id}: "
                f"{reason(error)}"
            ) from None


def target_of(port: Port, addresses: Sequence[str]) -> str:
    """Return the address of a container that rules lead a port to, without prefix; "" for none."""
    family = netlink.family_of(port.get("host_ip") or EVERY[0])
    found = (address.partition("/")[0] for address in addresses)
    return next((address for address in found if netlink.family_of(address) == family), "")


def is_loopback(address: str) -> bool:
    """Tell whether an address leads to the host itself alone."""
    return address.startswith("127.") or address == "::1"


def elements(addresses: Sequence[str], ports: Iterable[Port]) -> Elements:
    """Return the elements for ports of the container with ``addresses``; {} without any."""
    found: Elements = {}
    for port in ports:
        host_ip, target = port.get("host_ip") or EVERY[0], target_of(port, addresses)
        if is_loopback(host_ip) or not addresses:
            continue
        family = FAMILIES[netlink.family_of(host_ip)]
        if port.get("routed"):
            if target:
                inside = struct.pack("!B3xH2x", PROTOCOLS[port["protocol"]], port["container_port"])
                found.setdefault((family, OPEN), {})[netlink.packed(target) + inside] = None
            continue
        key = struct.pack("!B3xH2x", PROTOCOLS[port["protocol"]], port["host_port"])
        container = netlink.packed((target or addresses[0]).partition("/")[0])
        data = container + struct.pack("!H2x", port["container_port"])
        if target:
            found.setdefault((family, OWN), {})[container + key] = None
        if host_ip in EVERY:
            found.setdefault((family, ANY if target else RELAYED), {})[key] = data
        else:
            name = ONE if target else RELAYED_ON
            found.setdefault((family, name), {})[netlink.packed(host_ip) + key] = data
    return found


def _present(connection: nftables.Connection, wanted: Elements, same: bool = False) -> Elements:
    """Return those of ``wanted`` whose key is in the map now; with ``same``, with equal data."""
    found: Elements = {}
    for (family, name), entries in wanted.items():
        current = connection.elements(TABLE, name, family) if entries else {}
        found[family, name] = {
            key: current[key]
            for key, data in entries.items()
            if key in current and (not same or current[key] == data)
        }
    return found


def _adding(wanted: Elements) -> list[Message]:
    return [
        message
        for (family, name), entries in wanted.items()
        for message in nftables.add_elements(
            TABLE, name, [nftables.element(key, data) for key, data in entries.items()], family
        )
    ]


def _removing(found: Elements) -> list[Message]:
    return [
        message
        for (family, name), entries in found.items()
        for message in nftables.delete_elements(
            TABLE, name, [nftables.element(key) for key in entries], family
        )
    ]
