# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""How much a container's link to a network may carry, by tc on the host's end of it.

What goes to the container leaves the host by its link and waits in that link's queue. What comes
from it is sent over an ifb link, which has a queue of its own. Both are the host's, so a container
changes neither. The monitors import this file, so it needs nothing but ``kernel/net``.
"""

from __future__ import annotations

import errno

from ...errors import HostError, reason
from ...kernel.net import netlink, traffic_control

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any, Optional, TypedDict

    # "in" is a keyword
    Bandwidth = TypedDict("Bandwidth", {"in": Optional[int], "out": Optional[int]})

NONE: Mapping[str, int | None] = {"in": None, "out": None}


def mirror(ifname: str) -> str:
    """Return the name of the ifb link that belongs to a container's link."""
    return "pyi-" + ifname.partition("-")[2]


def apply(attachment: Mapping[str, Any]) -> None:
    """Give an attachment's link the limits that it is to have, at once; none where it has none.

    :raises HostError: the kernel refuses.
    """
    wanted = attachment.get("bandwidth") or NONE
    try:
        with netlink.Socket() as sock:
            link = netlink.link(sock, attachment["ifname"])
            if link is None:
                return
            if wanted["in"]:
                sock.request([traffic_control.shape(link["index"], wanted["in"])])
            else:
                sock.request(
                    [traffic_control.unshape(link["index"])], tolerate=traffic_control.ABSENT
                )
            if wanted["out"]:
                _limit_sending(sock, link["index"], attachment["ifname"], wanted["out"])
            else:
                _free_sending(sock, link["index"], attachment["ifname"])
    except OSError as error:
        raise HostError(
            f"networks.bandwidth: network {attachment['network']}: can't limit what the link "
            f"{attachment['ifname']} carries: {reason(error)}"
        ) from None


def _limit_sending(sock: netlink.Socket, index: int, ifname: str, rate: int) -> None:
    """Limit what comes from the container: by the queue of an ifb link."""
    name = mirror(ifname)
    sock.request([traffic_control.new_ifb(name)], tolerate=(errno.EEXIST,))
    ifb = netlink.link(sock, name)
    if ifb is None:
        raise OSError(errno.ENODEV, f"the link {name} is gone")
    sock.request([netlink.set_link(name, up=True), traffic_control.shape(ifb["index"], rate)])
    # anew, since the ifb link may be another one by now
    sock.request([traffic_control.undivert(index)], tolerate=traffic_control.ABSENT)
    sock.request(traffic_control.divert(index, ifb["index"]))


def _free_sending(sock: netlink.Socket, index: int, ifname: str) -> None:
    if netlink.link(sock, mirror(ifname)) is not None:
        sock.request([traffic_control.undivert(index)], tolerate=traffic_control.ABSENT)
        remove(sock, ifname)


def remove(sock: netlink.Socket, ifname: str) -> None:
    """Remove the ifb link of a container's link; none is no error."""
    sock.request([netlink.delete_link(mirror(ifname))], tolerate=(errno.ENODEV,))


def in_order(sock: netlink.Socket, attachment: Mapping[str, Any]) -> bool:
    """Tell whether an attachment's link has its limits."""
    wanted = attachment.get("bandwidth") or NONE
    found = traffic_control.rates(sock)
    link = netlink.link(sock, attachment["ifname"])
    ifb = netlink.link(sock, mirror(attachment["ifname"]))
    now = {
        "in": found.get(link["index"]) if link else None,
        "out": found.get(ifb["index"]) if ifb else None,
    }
    return all((wanted[way] or 0) // 8 == (now[way] or 0) // 8 for way in ("in", "out"))
