# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which kinds of links the kernel can make, asked in a network namespace that goes with the question.

The kernel loads a module of that name where it finds one (rtnl-link-NAME).
"""

from __future__ import annotations

import errno
import os

from ...kernel.calls import constants as c
from ...kernel.calls import fork, syscalls
from ...kernel.net import netlink, traffic_control


def supported(kind: str) -> bool:
    """Tell whether the kernel knows a kind of link, such as ``ipvlan`` or ``wireguard``."""
    child = fork.child(lambda: _try(kind))
    return os.waitpid(child, 0)[1] == 0


def limits_rates() -> bool:
    """Tell whether the kernel has what limits a link's rate: tbf, ingress, u32, mirred, ifb."""
    child = fork.child(_try_limits)
    return os.waitpid(child, 0)[1] == 0


def _try_limits() -> int:
    syscalls.unshare(c.CLONE_NEWNET)
    try:
        with netlink.Socket() as sock:
            sock.request([traffic_control.new_ifb("probe")])
            link = netlink.link(sock, "probe")
            index = link["index"] if link else 0
            sock.request(
                [traffic_control.shape(index, 1_000_000), *traffic_control.divert(index, index)]
            )
    except OSError:
        return 1
    return 0


def _try(kind: str) -> int:
    """Ask in a new namespace; 0 for yes. Of a kind that is known, what is missing is refused."""
    syscalls.unshare(c.CLONE_NEWNET)
    info = netlink.nested(netlink.IFLA_LINKINFO, netlink.text(netlink.IFLA_INFO_KIND, kind))
    body = netlink.link_message() + netlink.text(netlink.IFLA_IFNAME, "probe") + info
    try:
        with netlink.Socket() as sock:
            sock.request([(netlink.RTM_NEWLINK, netlink.NLM_F_CREATE | netlink.NLM_F_EXCL, body)])
    except OSError as error:
        return int(error.errno == errno.EOPNOTSUPP)
    return 0
