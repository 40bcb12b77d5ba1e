# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Hear what is taken away of nf_tables' tables of one name, and what other firewalls change that forward.

The kernel tells each change to the group NFNLGRP_NFTABLES; it costs nothing while nothing changes. Lean like
``netlink.py``. Sources: linux/netfilter/nfnetlink.h, linux/netfilter/nf_tables.h.
"""

from __future__ import annotations

import errno

from . import netlink, nftables

GROUP = 7  # NFNLGRP_NFTABLES
SOL_NETLINK, ADD_MEMBERSHIP = 270, 1  # netlink(7)
NEWCHAIN, NEWRULE, DELTABLE, DELCHAIN, DELRULE = 3, 6, 2, 5, 8
NAMES = {DELTABLE: (1, None), DELCHAIN: (1, 3), DELRULE: (1, 2)}  # attributes: table's, chain's
MORE = {NEWCHAIN: (1, 3), NEWRULE: (1, 2), DELCHAIN: (1, 3), DELRULE: (1, 2)}
# Where iptables and firewalld say what is forwarded: table, chain.
OTHERS = (("filter", "FORWARD"), ("firewalld", "filter_FORWARD"))

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Optional

    Place = tuple[int, Optional[str]]  # family; a chain's name, None for the whole table


class Changes(netlink.Socket):
    """What is taken away of the tables ``table`` of this network namespace.

    :raises OSError: the kernel has no nf_tables.
    """

    def __init__(self, table: str) -> None:
        super().__init__(netlink.NETLINK_NETFILTER)
        self.table = table
        self.others = False  # whether another firewall's chain has changed
        self.socket.setblocking(False)
        try:
            self.socket.setsockopt(SOL_NETLINK, ADD_MEMBERSHIP, GROUP)
        except OSError:
            self.close()
            raise

    def taken(self) -> set[Place]:
        """Return the tables and chains that something was taken of, as far as that was told by now.

        Where the kernel had more to tell than the socket holds, these are all tables.
        """
        found: set[Place] = set()
        while True:
            try:
                for kind, _flags, _sequence, body in self._frames():
                    subsystem, change = kind >> 8, kind & 0xFF
                    if subsystem == nftables.SUBSYSTEM and (change in NAMES or change in MORE):
                        self._note(found, change, body)
            except BlockingIOError:
                return found
            except OSError as error:
                if error.errno != errno.ENOBUFS:
                    raise
                found.update((family, None) for family in (*nftables.FAMILIES, 7))
                self.others = True

    def _note(self, found: set[Place], change: int, body: bytes) -> None:
        details = netlink.attributes(body[4:])
        if change in MORE:
            place = tuple(_string(details.get(kind)) for kind in MORE[change])
            self.others |= place in OTHERS
        if change not in NAMES:
            return
        table, chain = NAMES[change]
        if _string(details.get(table)) == self.table:
            found.add((body[0], _string(details.get(chain)) if chain is not None else None))


def _string(payload: bytes | None) -> str:
    return (payload or b"").rstrip(b"\0").decode("utf-8", "replace")


def gone(table: str, places: set[Place]) -> bool:
    """Tell whether one of ``places`` is without rules now; one that was made anew is not."""
    with nftables.Connection() as connection:
        for family in {family for family, _chain in places}:
            try:
                rules = connection.count_rules(table, family)
            except OSError as error:
                if error.errno not in (errno.ENOENT, errno.EOPNOTSUPP, errno.EAFNOSUPPORT):
                    raise
                rules = {}
            if not rules or any(
                chain and chain not in rules for own, chain in places if own == family
            ):
                return True
    return False
