# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Links that share another link's wire: macvlan and ipvlan, made straight into a namespace.

A container's start makes them, so this file is as lean as ``netlink.py``. Source: linux/if_link.h.
"""

from __future__ import annotations

import struct

from .netlink import (
    IFLA_ADDRESS,
    IFLA_IFALIAS,
    IFLA_IFNAME,
    IFLA_INFO_DATA,
    IFLA_INFO_KIND,
    IFLA_LINKINFO,
    IFLA_MTU,
    IFLA_NET_NS_FD,
    NLM_F_CREATE,
    NLM_F_EXCL,
    RTM_NEWLINK,
    attribute,
    hardware,
    link_message,
    nested,
    text,
    u32,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .netlink import Message

IFLA_LINK = 5
MACVLAN_MODE, IPVLAN_MODE, IPVLAN_FLAGS = 1, 1, 2
MACVLAN_MODES = {"private": 1, "vepa": 2, "bridge": 4, "passthru": 8}
IPVLAN_MODES = {"l2": 0, "l3": 1, "l3s": 2}
IPVLAN_FLAG = {"bridge": 0, "private": 1, "vepa": 2}


def new_macvlan(name: str, parent: int, namespace: int, mode: str, mac: str, mtu: int) -> Message:
    """Message: a macvlan link in the namespace of an open descriptor.

    :param parent: index of the link here that it sends by. :param mode: a key of MACVLAN_MODES.
    """
    data = u32(MACVLAN_MODE, MACVLAN_MODES[mode])
    extra = attribute(IFLA_ADDRESS, hardware(mac))
    return _child("macvlan", name, parent, namespace, mtu, data, extra)


def new_ipvlan(name: str, parent: int, namespace: int, mode: str, flag: str, mtu: int) -> Message:
    """Message: an ipvlan link in the namespace of an open descriptor; it has its parent's MAC.

    :param mode: a key of IPVLAN_MODES. :param flag: a key of IPVLAN_FLAG.
    """
    data = attribute(IPVLAN_MODE, struct.pack("=H", IPVLAN_MODES[mode]))
    data += attribute(IPVLAN_FLAGS, struct.pack("=H", IPVLAN_FLAG[flag]))
    return _child("ipvlan", name, parent, namespace, mtu, data, b"")


def rename(name: str, alias: str) -> Message:
    """Message: give a link an alias, which none can have while it is made."""
    return RTM_NEWLINK, 0, link_message() + text(IFLA_IFNAME, name) + text(IFLA_IFALIAS, alias)


def _child(
    kind: str, name: str, parent: int, namespace: int, mtu: int, data: bytes, extra: bytes
) -> Message:
    info = nested(IFLA_LINKINFO, text(IFLA_INFO_KIND, kind), nested(IFLA_INFO_DATA, data))
    body = (
        link_message()
        + text(IFLA_IFNAME, name)
        + u32(IFLA_LINK, parent)
        + u32(IFLA_NET_NS_FD, namespace)
        + u32(IFLA_MTU, mtu)
        + extra
        + info
    )
    return RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, body
