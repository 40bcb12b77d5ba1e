# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a link has carried. Source: struct rtnl_link_stats64, linux/if_link.h."""

from __future__ import annotations

import struct

from ...kernel.net import netlink

IFLA_STATS64 = 23
OWN = ("received", "sent")  # the order of a link's figures: what came in, what went out
KINDS = ("packets", "bytes", "errors", "dropped")


def of_link(sock: netlink.Socket, name: str, reverse: bool = False) -> dict[str, int]:
    """Return a link's figures by its name, as :func:`figures` has them; {} where there is none."""
    try:
        question = netlink.link_message() + netlink.text(netlink.IFLA_IFNAME, name)
        return figures(sock.get(netlink.RTM_GETLINK, question), reverse)
    except OSError:
        return {}


def figures(content: bytes, reverse: bool = False) -> dict[str, int]:
    """Return the figures of an answer about a link: ``{"received_packets", "sent_bytes" ...}``.

    :param reverse: whether it is the other end of what is asked about.
    """
    raw = netlink.attributes(content[16:]).get(IFLA_STATS64)
    if raw is None:
        return {}
    values = struct.unpack_from("=8Q", raw)
    ways = OWN[::-1] if reverse else OWN
    return {
        f"{way}_{kind}": values[2 * number + side]
        for number, kind in enumerate(KINDS)
        for side, way in enumerate(ways)
    }
