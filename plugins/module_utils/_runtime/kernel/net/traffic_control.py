# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Limit the rate of a link by a token bucket, and that of what comes in by way of an ifb link.

A link's queue shapes what leaves the host by it. What enters is sent over an ifb link, whose queue
shapes it. Lean like ``netlink.py``, since a container's start does it. Sources: tc(8), tc-tbf(8),
linux/pkt_sched.h, linux/pkt_cls.h, linux/tc_act/tc_mirred.h.
"""

from __future__ import annotations

import errno
import socket
import struct

from . import netlink
from .netlink import NLM_F_CREATE, NLM_F_EXCL, NLM_F_REPLACE, attribute, nested, text, u32

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .netlink import Message

RTM_NEWQDISC, RTM_DELQDISC, RTM_GETQDISC, RTM_NEWTFILTER = 36, 37, 38, 44
TCA_KIND, TCA_OPTIONS = 1, 2
ROOT, INGRESS, INGRESS_HANDLE = 0xFFFFFFFF, 0xFFFFFFF1, 0xFFFF0000
TBF_PARMS, TBF_RATE64, TBF_BURST = 1, 4, 6
LINKLAYER_ETHERNET = 1
U32_SEL, U32_ACT = 5, 7
ACT_KIND, ACT_OPTIONS = 1, 2
MIRRED_PARMS, EGRESS_REDIRECT, ACTION_STOLEN = 2, 1, 4
EVERY_PROTOCOL = socket.htons(3)  # ETH_P_ALL
U32_TERMINAL = 1
SMALLEST_BURST = 1 << 16  # bytes: the largest segment that a link with offloads hands down
LATENCY = 0.05  # seconds that a packet may wait for its turn
TICKS = 15.625  # of the packet scheduler in a microsecond (PSCHED_SHIFT 6: 64 ns each)


def shape(index: int, rate: int) -> Message:
    """Message: let what leaves by a link have ``rate`` bits a second at most."""
    size = rate // 8
    burst = max(SMALLEST_BURST, size // 100)
    ticks = min(int(burst / size * 1_000_000 * TICKS), 0xFFFFFFFF)
    limit = min(int(size * LATENCY) + burst, 0x7FFFFFFF)
    spec = struct.pack("=BBHhHI", 0, LINKLAYER_ETHERNET, 0, -1, 0, min(size, 0xFFFFFFFF))
    parms = spec + struct.pack("=BBHhHI", 0, 0, 0, 0, 0, 0)  # no peak rate
    parms += struct.pack("=III", limit, ticks, 0)
    options = [attribute(TBF_PARMS, parms), u32(TBF_BURST, burst)]
    if size > 0xFFFFFFFF:
        options.append(attribute(TBF_RATE64, struct.pack("=Q", size)))
    body = _place(index, 0x10000, ROOT) + text(TCA_KIND, "tbf") + nested(TCA_OPTIONS, *options)
    return RTM_NEWQDISC, NLM_F_CREATE | NLM_F_REPLACE, body


def unshape(index: int) -> Message:
    """Message: take a link's limit away; ENOENT or EINVAL where it has none."""
    return RTM_DELQDISC, 0, _place(index, 0, ROOT)


def divert(index: int, to: int) -> list[Message]:
    """Messages: send all that comes in by a link over the link ``to``."""
    action = struct.pack("=IIiii", 0, 0, ACTION_STOLEN, 0, 0) + struct.pack(
        "=iI", EGRESS_REDIRECT, to
    )
    mirred = nested(
        1, text(ACT_KIND, "mirred"), nested(ACT_OPTIONS, attribute(MIRRED_PARMS, action))
    )
    everything = struct.pack("=BBBxHHhhI", U32_TERMINAL, 0, 1, 0, 0, 0, 0, 0)
    everything += struct.pack("=IIii", 0, 0, 0, 0)
    options = nested(TCA_OPTIONS, attribute(U32_SEL, everything), nested(U32_ACT, mirred))
    return [
        (
            RTM_NEWQDISC,
            NLM_F_CREATE | NLM_F_EXCL,
            _place(index, INGRESS_HANDLE, INGRESS) + text(TCA_KIND, "ingress"),
        ),
        (
            RTM_NEWTFILTER,
            NLM_F_CREATE | NLM_F_EXCL,
            _place(index, 0, INGRESS_HANDLE, 1 << 16 | EVERY_PROTOCOL)
            + text(TCA_KIND, "u32")
            + options,
        ),
    ]


def undivert(index: int) -> Message:
    """Message: let what comes in by a link come in itself; an error where :func:`divert` was not."""
    return RTM_DELQDISC, 0, _place(index, INGRESS_HANDLE, INGRESS)


def new_ifb(name: str) -> Message:
    """Message: make an ifb link, up. EOPNOTSUPP where the kernel has none."""
    info = nested(netlink.IFLA_LINKINFO, text(netlink.IFLA_INFO_KIND, "ifb"))
    body = netlink.link_message(0, netlink.IFF_UP, netlink.IFF_UP)
    return (
        netlink.RTM_NEWLINK,
        NLM_F_CREATE | NLM_F_EXCL,
        body + text(netlink.IFLA_IFNAME, name) + info,
    )


ABSENT = (errno.ENOENT, errno.EINVAL)  # what unshape and undivert are refused with


def rates(sock: netlink.Socket) -> dict[int, int]:
    """Return the limits of links: ``{index: bits a second}``; those of other queues are left out."""
    found: dict[int, int] = {}
    for content in sock.dump(RTM_GETQDISC, _place(0, 0, 0)):
        index, _handle, parent = struct.unpack_from("=iII", content, 4)
        details = netlink.attributes(content[20:])
        if details.get(TCA_KIND) != b"tbf\0" or parent != ROOT:
            continue
        options = netlink.attributes(details[TCA_OPTIONS])
        size = struct.unpack_from("=I", options[TBF_PARMS], 8)[0]
        if TBF_RATE64 in options:
            size = struct.unpack("=Q", options[TBF_RATE64])[0]
        found[index] = size * 8
    return found


def _place(index: int, handle: int, parent: int, info: int = 0) -> bytes:
    """struct tcmsg."""
    return struct.pack("=BxxxiIII", 0, index, handle, parent, info)
