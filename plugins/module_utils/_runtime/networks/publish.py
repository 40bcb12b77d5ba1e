# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Published ports as elements of nf_tables maps: what a container's start and end change of the rules.

The monitor imports this file, so it needs nothing but ``kernel/nftables``. The rules that look into the maps are
``firewall.py``'s. A published port is a dictionary ``{"host_ip", "host_port", "container_port", "protocol"}``.
"""

from __future__ import annotations

import errno
import socket
import struct

from ..errors import HostError
from ..kernel.net import conntrack, netlink, nftables

TABLE = "pycontainer"
ANY, ONE = (
    "published",
    "published_on",
)  # maps, keyed by protocol . port, and by address . protocol . port
OWN = "own_ports"  # a set, container's address . protocol . port: what a container itself calls is left to the relay
PROTOCOLS = {"tcp": socket.IPPROTO_TCP, "udp": socket.IPPROTO_UDP}
ABSENT = (
    errno.ENOENT,
    errno.EPROTONOSUPPORT,
    errno.EOPNOTSUPP,
)  # no table, no nfnetlink, no nf_tables


def publish(container_id, address, ports):
    """Send what comes for ``ports`` to the container at ``address`` (IPv4, a ``/prefix`` is ignored).

    Ports published on 127/8 alone are left out: only the relay serves those, so that they never are reachable from
    outside. An element that leads elsewhere is a dead container's: ``ports.reserve_ports`` has seen to that.

    :param container_id: for the error's text.
    :returns: whether the rules are there; without them (no nf_tables, or flushed) the relay alone serves the ports.
    :raises HostError: when the kernel refuses.
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


def unpublish(container_id, address, ports):
    """Take back what :func:`publish` did; what is gone already, or leads to another container by now, is left alone.

    :raises HostError: when the kernel refuses.
    """
    wanted = elements(address, ports)
    try:
        with nftables.Connection() as connection:
            found = _present(connection, wanted, same=True)
            if any(found.values()):
                connection.commit(_removing(found))
    except OSError as error:
        if error.errno not in ABSENT + (
            errno.EINVAL,
        ):  # EINVAL: nfnetlink's word outside of a batch for "no nf_tables"
            raise HostError(
                f"published_ports: can't take back the ports of container {container_id}: "
                f"{error.strerror}"
            ) from None


def elements(address, ports):
    """``{set or map name: {key: data or None}}`` for ports of the container at ``address``."""
    found, container = {ANY: {}, ONE: {}, OWN: {}}, netlink.packed(address.partition("/")[0])
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


def _present(connection, wanted, same=False):
    """Those of ``wanted`` whose key is in the map now, with ``same`` only those with equal data."""
    found = {}
    for name, entries in wanted.items():
        current = connection.elements(TABLE, name) if entries else {}
        found[name] = {
            key: current[key]
            for key, data in entries.items()
            if key in current and (not same or current[key] == data)
        }
    return found


def _adding(wanted):
    return [
        message
        for name, entries in wanted.items()
        for message in nftables.add_elements(
            TABLE, name, [nftables.element(key, data) for key, data in entries.items()]
        )
    ]


def _removing(found):
    return [
        message
        for name, entries in found.items()
        for message in nftables.delete_elements(
            TABLE, name, [nftables.element(key) for key in entries]
        )
    ]
