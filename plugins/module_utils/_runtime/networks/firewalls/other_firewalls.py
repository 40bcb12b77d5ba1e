# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""See to it that other firewalls of the host forward what is of our links, or tell who drops it.

iptables, with ufw and Docker above it, gets rules (``forward_chains``, ``legacy_iptables``), and
firewalld our links into its zone ``trusted``. A chain that an administrator has written in nft's
own language is his: he is told.
"""

from __future__ import annotations

import contextlib

from ...kernel.net import nftables
from . import forward_chains, legacy_iptables

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection

    from .forward_chains import Shut

FAMILIES = {4: nftables.FAMILY_IPV4, 6: nftables.FAMILY_IPV6}
REMEDY = (
    "unless its rules accept them, containers reach no other hosts and their published ports are "
    "reached from this host only; "
    "let it accept what comes from and goes to the links whose names begin with pyc"
)
LEGACY = "chain FORWARD of iptables-legacy"


def let_through(
    connection: nftables.Connection, links: Collection[str], versions: Collection[int]
) -> list[str]:
    """Have other firewalls forward what is of our links, where they can be told.

    :param links: names of bridges and overlays' links. :param versions: of 4 and 6.
    :returns: sentences to warn the user with: who drops it all the same.
    """
    if not links:
        withdraw(versions)
        return []
    return _look(connection, links, versions, mend=True)


def dropped(
    connection: nftables.Connection, links: Collection[str], versions: Collection[int]
) -> list[str]:
    """Return who drops what is of our links now, a sentence each; nothing is changed."""
    return _look(connection, links, versions, mend=False) if links else []


def _look(
    connection: nftables.Connection, links: Collection[str], versions: Collection[int], mend: bool
) -> list[str]:
    warnings = []
    for chain in _shut(connection, versions):
        if chain.table == forward_chains.FIREWALLD:
            warnings += _firewalld(chain, links, mend)
        elif not chain.names(links):
            warnings += _nf_tables(connection, chain, links, mend)
    for legacy in legacy_iptables.chains(versions):
        if legacy.shut and legacy.lacking(links):
            if not mend or not legacy_iptables.accept(legacy, links):
                warnings.append(f"the {LEGACY} drops packets: {REMEDY}")
    return warnings


def _nf_tables(
    connection: nftables.Connection, chain: Shut, links: Collection[str], mend: bool
) -> list[str]:
    because = ""
    if chain.iptables:
        if not mend and not chain.lacking(links)[0]:
            return []
        wrong = forward_chains.accept(connection, chain, links) if mend else ""
        if wrong is None:
            return []
        because = f" (a rule of ours was refused: {wrong})" if wrong else ""
    policy = " by its policy" if chain.by_policy else ""
    return [f"the {chain.shown} drops forwarded packets{policy}{because}: {REMEDY}"]


def _shut(connection: nftables.Connection, versions: Collection[int]) -> list[Shut]:
    families = [nftables.FAMILY_INET, *(FAMILIES[version] for version in versions)]
    return forward_chains.shut(connection, families)


def _firewalld(chain: Shut, links: Collection[str], mend: bool) -> list[str]:
    unknown = untrusted(chain, links)
    if not unknown:
        return []
    wrong = "" if not mend else None
    if mend:
        from . import firewalld  # D-Bus, for hosts that have it

        wrong = firewalld.trust(unknown)
    if wrong is None:
        return []
    return [
        "firewalld rejects what comes from links that no zone has"
        + (f", and can't be told of them ({wrong})" if wrong else "")
        + f": containers reach no other hosts; for each link ({', '.join(unknown)}) run: "
        "firewall-cmd --permanent --zone=trusted --add-interface=LINK, then firewall-cmd --reload"
    ]


def untrusted(chain: Shut, links: Collection[str]) -> list[str]:
    """Return the links that no rule of firewalld names: no zone has them."""
    return [
        name for name in links if not any(name.encode() + b"\0" in rule.raw for rule in chain.rules)
    ]


def closed_to(links: Collection[str], versions: Collection[int]) -> list[str]:
    """Return the chains that do not let our links pass and can be told to, as they are named."""
    found = []
    with contextlib.suppress(OSError), nftables.Connection() as connection:
        for chain in _shut(connection, versions) if links else ():
            if chain.table == forward_chains.FIREWALLD:
                from . import firewalld  # D-Bus, for hosts that have it

                if untrusted(chain, links) and firewalld.answers():
                    found.append("zone trusted of firewalld")
            elif chain.iptables and not chain.names(links) and chain.lacking(links)[0]:
                found.append(chain.shown)
    for legacy in legacy_iptables.chains(versions) if links else ():
        if legacy.shut and legacy.lacking(links):
            found.append(LEGACY)
    return found


def withdraw(versions: Collection[int] = (4, 6)) -> None:
    """Take our rules out of other firewalls' chains."""
    with contextlib.suppress(OSError), nftables.Connection() as connection:
        forward_chains.withdraw(connection, [FAMILIES[version] for version in versions])
    legacy_iptables.withdraw(versions)


def forget(links: Collection[str]) -> None:
    """Take links that are gone out of firewalld's zone, where a rule of it names one."""
    with contextlib.suppress(OSError), nftables.Connection() as connection:
        named = [
            name
            for name in links
            if any(
                name.encode() + b"\0" in rule
                for rule in connection.rules(nftables.FAMILY_INET, forward_chains.FIREWALLD)
            )
        ]
        if named:
            from . import firewalld  # as above

            firewalld.forget(named)
