# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the links of a container have carried, by network, as the container sees it.

A bridge's attachment is counted at the host's end of its pair, which a container can't change; a
link of a parent in the container's namespace.
"""

from __future__ import annotations

import contextlib

from ...kernel.net import netlink
from .. import container_links
from ..traffic import link_figures

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import Any


def counters(attachments: Iterable[Mapping[str, Any]], pid: int) -> dict[str, dict[str, int]]:
    """Return the figures of each attachment: ``{network: {"received_bytes", "sent_packets" ...}}``.

    Each of received and sent has ``packets``, ``bytes``, ``errors`` and ``dropped``. A network whose
    link is not there is left out.

    :param pid: a process of the container.
    """
    found: dict[str, dict[str, int]] = {}
    listed = list(attachments)
    with contextlib.suppress(OSError), netlink.Socket() as sock:
        for attachment in listed:
            if not attachment.get("parent"):
                figures = link_figures.of_link(sock, attachment["ifname"], reverse=True)
                if figures:
                    found[attachment["network"]] = figures
    for attachment in listed:
        if attachment.get("parent"):
            figures = _inside(pid, attachment["ifname"])
            if figures:
                found[attachment["network"]] = figures
    return found


def _inside(pid: int, alias: str) -> dict[str, int]:
    """Return the figures of the link of a container that has an alias; {} where there is none."""
    with contextlib.suppress(OSError), container_links.socket_of(pid) as sock:
        for content in sock.dump(netlink.RTM_GETLINK, netlink.link_message()):
            name = netlink.attributes(content[16:]).get(netlink.IFLA_IFALIAS, b"")
            if name.rstrip(b"\0").decode("utf-8", "replace") == alias:
                return link_figures.figures(content)
    return {}
