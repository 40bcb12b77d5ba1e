# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""linux.netDevices: links of the host that are moved into a container's network namespace.
runtime-spec config-linux.md "Network Devices".

A link loses its addresses with its namespace, so the permanent ones of global scope are given to it
again there; its MTU and hardware address stay. What becomes of it when the namespace ends is the
kernel's business (network_namespaces(7)).
"""

from __future__ import annotations

import os
import struct

from ...errors import ContainerFailed, Unsupported, reason
from ...kernel.isolation import namespaces
from ...kernel.net import netlink

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from ..spec.document import Document

_IFA_FLAGS, _PERMANENT = 8, 0x80  # linux/if_addr.h
_KEPT = (netlink.IFA_ADDRESS, netlink.IFA_LOCAL, netlink.IFA_BROADCAST)
_GIVEN_FLAGS = (
    0x2 | 0x100 | 0x200 | 0x400
)  # NODAD, MANAGETEMPADDR, NOPREFIXROUTE, MCAUTOJOIN: what a user sets


def read(document: Document) -> dict[str, str]:
    """Read ``{name on the host: name in the container}``.

    :raises Unsupported: naming what can't be.
    """
    found: dict[str, str] = {}
    for name, entry in (document.linux.get("netDevices") or {}).items():
        found[name] = (entry or {}).get("name") or name
        for one in (name, found[name]):
            if (
                not 0 < len(os.fsencode(one)) < 16
                or one in (".", "..")
                or any(sign in "/:" or sign.isspace() for sign in one)
            ):
                raise Unsupported(
                    f"config.json: linux.netDevices: invalid network device name {one!r}"
                )
    if found and "network" not in document.namespaces:
        raise Unsupported(
            "config.json: linux.netDevices: unable to move network devices without a NET namespace"
        )
    return found


def move(devices: Mapping[str, str], pid: int, joined: int | None = None) -> None:
    """Move links into the network namespace of a process.

    :raises ContainerFailed: naming the one that can't be moved.
    :param joined: a descriptor of that namespace where it is one that the process joins: it may not
        have come to that yet.
    """
    target = os.dup(joined) if joined is not None else namespaces.open_namespace(pid, "network")
    try:
        with netlink.Socket() as here, _socket_in(target) as there:
            for name, new in devices.items():
                try:
                    _move(here, there, target, name, new)
                except OSError as error:
                    raise ContainerFailed(
                        f"linux.netDevices: network device {name} can't be moved to the container "
                        f"as {new}: {reason(error, named=True)}"
                    ) from None
    finally:
        os.close(target)


def _socket_in(target: int) -> netlink.Socket:
    home = namespaces.open_namespace("self", "network")
    try:
        namespaces.join(target, "network")
        try:
            return netlink.Socket()
        finally:
            namespaces.join(home, "network")
    finally:
        os.close(home)


def _move(here: netlink.Socket, there: netlink.Socket, target: int, name: str, new: str) -> None:
    link = netlink.link(here, name)
    if link is None:
        raise OSError(19, "there is no such device on the host")
    before = {one["index"]: one["name"] for one in netlink.links(there)}
    if new in before.values():
        raise OSError(17, "there is one of that name")
    addresses = _addresses(here, link["index"])
    here.request([netlink.set_link(name, up=False)])
    try:
        body = (
            netlink.link_message(link["index"])
            + netlink.text(netlink.IFLA_IFNAME, new)
            + netlink.u32(netlink.IFLA_NET_NS_FD, target)
        )
        here.request([(netlink.RTM_NEWLINK, 0, body)])
    except OSError:
        if link["up"]:
            here.request([netlink.set_link(name, up=True)])
        raise
    moved = next(one for one in netlink.links(there) if one["index"] not in before)
    there.request(
        [
            (
                netlink.RTM_NEWADDR,
                netlink.NLM_F_CREATE | netlink.NLM_F_REPLACE,
                head + struct.pack("=i", moved["index"]) + tail,
            )
            for head, tail in addresses
        ]
        + [netlink.set_link(moved["name"], up=True)]
    )


def _addresses(sock: netlink.Socket, index: int) -> list[tuple[bytes, bytes]]:
    """Return the addresses to keep of a link: the parts of their messages before and after the
    link's index (struct ifaddrmsg).
    """
    found: list[tuple[bytes, bytes]] = []
    for content in sock.dump(netlink.RTM_GETADDR, struct.pack("=BBBBi", 0, 0, 0, 0, index)):
        family, prefix, flags, scope, owner = struct.unpack_from("=BBBBi", content)
        details = netlink.attributes(content[8:])
        if _IFA_FLAGS in details:
            flags = struct.unpack("=I", details[_IFA_FLAGS])[0]
        if owner == index and scope == 0 and flags & _PERMANENT:
            tail = b"".join(
                netlink.attribute(kind, details[kind]) for kind in _KEPT if kind in details
            )
            found.append(
                (
                    struct.pack("=BBBB", family, prefix, 0, scope),
                    tail + netlink.u32(_IFA_FLAGS, flags & _GIVEN_FLAGS),
                )
            )
    return found
