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

from ..errors import HostError
from ..kernel.net import conntrack, netlink, nftables

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Optional, TypedDict

    from ..kernel.net.netlink import Message

    Elements = dict[str, dict[bytes, Optional[bytes]]]  # set or map -> key -> data, None in a set

    class Port(TypedDict):
        """A published port, as run.json and state.json have it."""

        host_ip: str  # "0.0.0.0": every address of the host
        host_port: int
        container_port: int
        protocol: str  # "tcp" or "udp"


TABLE = "pycontainer"
ANY = "published"  # a map, keyed by protocol . port
ONE = "published_on"  # a map, keyed by address . protocol . port
# A set, keyed by container's address . protocol . port: what a container itself calls is left to
# the relay.
OWN = "own_ports"
PROTOCOLS = {"tcp": socket.IPPROTO_TCP, "udp": socket.IPPROTO_UDP}
ABSENT = (
    errno.ENOENT,
    errno.EPROTONOSUPPORT,
    errno.EOPNOTSUPP,
)  # no table, no nfnetlink, no nf_tables


def publish(container_id: str, address: str, ports: Iterable[Port]) -> bool:
    """Send what comes for ``ports`` to a container.

    Ports published on 127/8 alone are left out: only the relay serves those, so that they never are
    reachable from outside. An element that leads elsewhere is a dead container's:
    ``ports.reserve_ports`` has seen to that.

    :param container_id: for the error's text.
    :param address: the container's IPv4 address, with or without a ``/prefix``.
    :returns: whether the rules are there. Without them (no nf_tables, or flushed) the relay alone
        serves the ports.
    :raises HostError: the kernel refuses.
    """
    wanted = elements(address, ports)
    if not any(wanted.values()):
        return True
    try:
        with nftables.Connection() as connection:
            try:
                connection.commit(_adding(wanted))
            except netlink.Refused as error:
                if error.errno not in (errno.EEXIST, errno.EBUSY):
                    raise
                connection.commit(_removing(_present(connection, wanted)) + _adding(wanted))
        for port in ports:
            if port["protocol"] == "udp":
                conntrack.forget_udp(port["host_port"], address.partition("/")[0])
    except OSError as error:
        if error.errno in ABSENT:
            return False
        raise HostError(
            f"published_ports: can't publish the ports of container {container_id}: "
            f"{error.strerror}"
        ) from None
    return True


def unpublish(container_id: str, address: str, ports: Iterable[Port]) -> None:
    """Take back what :func:`publish` did.

    What is gone already, or leads to another container by now, is left alone.

    :raises HostError: the kernel refuses.
    """
    wanted = elements(address, ports)
    try:
        with nftables.Connection() as connection:
            found = _present(connection, wanted, same=True)
            if any(found.values()):
                connection.commit(_removing(found))
    except OSError as error:
        # EINVAL: nfnetlink's word outside of a batch for "no nf_tables"
        if error.errno not in (*ABSENT, errno.EINVAL):
            raise HostError(
                f"published_ports: can't take back the ports of container {container_id}: "
                f"{error.strerror}"
            ) from None


def elements(address: str, ports: Iterable[Port]) -> Elements:
    """Return the elements for ports of the container at ``address``."""
    found: Elements = {ANY: {}, ONE: {}, OWN: {}}
    container = netlink.packed(address.partition("/")[0])
    for port in ports:
        host_ip = port.get("host_ip") or "0.0.0.0"
        if host_ip.startswith("127."):
            continue
        key = struct.pack("!B3xH2x", PROTOCOLS[port["protocol"]], port["host_port"])
        data = container + struct.pack("!H2x", port["container_port"])
        found[OWN][container + key] = None
        if host_ip == "0.0.0.0":
            found[ANY][key] = data
        else:
            found[ONE][netlink.packed(host_ip) + key] = data
    return found


def _present(connection: nftables.Connection, wanted: Elements, same: bool = False) -> Elements:
    """Return those of ``wanted`` whose key is in the map now; with ``same``, with equal data."""
    found: Elements = {}
    for name, entries in wanted.items():
        current = connection.elements(TABLE, name) if entries else {}
        found[name] = {
            key: current[key]
            for key, data in entries.items()
            if key in current and (not same or current[key] == data)
        }
    return found


def _adding(wanted: Elements) -> list[Message]:
    return [
        message
        for name, entries in wanted.items()
        for message in nftables.add_elements(
            TABLE, name, [nftables.element(key, data) for key, data in entries.items()]
        )
    ]


def _removing(found: Elements) -> list[Message]:
    return [
        message
        for name, entries in found.items()
        for message in nftables.delete_elements(
            TABLE, name, [nftables.element(key) for key in entries]
        )
    ]
