# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a container may send on its bridge: nf_tables table ``bridge pycontainer``.

A frame passes when its port, its MAC address and its IPv4 or IPv6 address belong together, in one
look-up for any number of containers. ARP and neighbour advertisements pass for the container's own
addresses, router advertisements, redirects, tagged frames and other protocols never. The rules
never change; a container's start and end change elements. A port without elements sends nothing.

The monitors import this file, so it needs nothing but ``kernel/net``.
"""

from __future__ import annotations

import contextlib
import errno
import socket
import zlib

from ...errors import HostError, reason
from ...kernel.net import frames, netlink, nftables, rules

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from typing import Any

    from ...kernel.net.netlink import Message

TABLE = "pycontainer"
BRIDGE = 7  # NFPROTO_BRIDGE
PORT = "pyv-"  # how the names of containers' links begin
FREE, IPV4, IPV6 = "free", "hosts4", "hosts6"
ETHER_ADDRESS, IPV6_ADDRESS = 9, 8  # nft's numbers of data types
SETS = (
    (FREE, (nftables.INTERFACE_NAME,), 16),  # ports of networks that allow spoofing
    (IPV4, (nftables.INTERFACE_NAME, ETHER_ADDRESS, nftables.IPV4_ADDRESS), frames.KEY_IPV4),
    (IPV6, (nftables.INTERFACE_NAME, ETHER_ADDRESS, IPV6_ADDRESS), frames.KEY_IPV6),
)
FIRST = -300  # before anybody else's rules
ABSENT = (errno.ENOENT, errno.EPROTONOSUPPORT, errno.EOPNOTSUPP, errno.EINVAL, errno.EAFNOSUPPORT)
MISSING = (
    "this host's kernel has no nf_tables for bridges: what containers send is not checked, so one "
    "can pretend to be its neighbour"
)


def _rule(verdict: int, *parts: list[bytes]) -> list[bytes]:
    return rules.rule(*parts, rules.verdict(verdict))


# name, hook, rules
CHAINS: tuple[tuple[str, int, list[list[bytes]]], ...] = (
    (
        "senders",
        nftables.PREROUTING,
        [
            _rule(nftables.ACCEPT, frames.port_begins(PORT, invert=True)),
            _rule(nftables.ACCEPT, frames.port_in(FREE)),
            _rule(nftables.ACCEPT, frames.kind(frames.IPV4), frames.ipv4_sender_in(IPV4)),
            _rule(nftables.ACCEPT, frames.kind(frames.ARP), frames.arp_sender_in(IPV4)),
            # what is left now is IPv6 by a sender that is known, or goes
            _rule(nftables.DROP, frames.kind(frames.IPV4)),
            _rule(nftables.DROP, frames.kind(frames.ARP)),
            _rule(nftables.DROP, frames.ipv6_sender_in(IPV6, invert=True)),
            _rule(nftables.DROP, frames.icmpv6(frames.ROUTER)),
            _rule(nftables.DROP, frames.icmpv6(frames.REDIRECT)),
            _rule(
                nftables.DROP,
                frames.icmpv6(frames.ADVERTISEMENT),
                frames.advertised_in(IPV6, invert=True),
            ),
            # before it has an address a host asks whether another has it, and joins groups
            _rule(nftables.ACCEPT, frames.from_nowhere(), frames.icmpv6(frames.SOLICITATION)),
            _rule(nftables.ACCEPT, frames.from_nowhere(), frames.icmpv6(frames.MEMBERSHIP)),
            _rule(nftables.DROP, frames.from_nowhere()),
            _rule(nftables.ACCEPT, frames.kind(frames.IPV6)),
            rules.verdict(nftables.DROP),
        ],
    ),
)


def ensure(
    bridges: Iterable[str], attachments: Callable[[], Iterable[Mapping[str, Any]]]
) -> list[str]:
    """See that the rules are there; where they are not, make them with the elements of containers.

    :param bridges: the names of all. :param attachments: called where the rules are made: those of all containers.
    :returns: sentences to warn the user with. :raises HostError: the kernel refuses.
    """
    messages = _ruleset()
    try:
        with nftables.Connection() as connection:
            if _intact(connection, messages):
                return []
            _learn_no_group_senders(bridges)
            kept = _kept(connection)
            wanted: dict[str, set[bytes]] = {name: set(keys) for name, keys in kept.items()}
            for attachment in attachments():
                for name, keys in elements(attachment).items():
                    wanted[name].update(keys)
            batch = [
                nftables.new_table(TABLE),
                nftables.delete_table(TABLE),
                nftables.new_table(TABLE),
                *messages,
                nftables.new_chain(TABLE, _mark(messages)),
            ]
            for name, known in wanted.items():
                batch += nftables.add_elements(
                    TABLE, name, [nftables.element(key) for key in known]
                )
            connection.commit(_here(batch))
    except OSError as error:
        if error.errno in ABSENT:
            return [MISSING]
        raise HostError(
            f"the rules about what containers send can't be set: {reason(error)}"
        ) from None
    return []


def intact() -> bool:
    """Tell whether the rules are there and whole."""
    try:
        with nftables.Connection() as connection:
            return _intact(connection, _ruleset())
    except OSError:
        return False


def admitted(attachment: Mapping[str, Any]) -> bool:
    """Tell whether the rules know the senders of an attachment."""
    try:
        with nftables.Connection() as connection:
            return all(
                set(keys) <= set(connection.elements(TABLE, name, family=BRIDGE))
                for name, keys in elements(attachment).items()
                if keys
            )
    except OSError as error:
        return error.errno != errno.ENOENT


def remove() -> None:
    """Take the table away; nothing where there is none."""
    with contextlib.suppress(OSError), nftables.Connection() as connection:
        # The first, so that the second finds one.
        connection.commit(_here([nftables.new_table(TABLE), nftables.delete_table(TABLE)]))


def _learn_no_group_senders(bridges: Iterable[str]) -> None:
    """Do for the bridges that are there already what ``links`` does for a new one."""
    with netlink.Socket() as sock:
        for name in bridges:
            link = netlink.link(sock, name)
            if link is not None and link["kind"] == "bridge":
                sock.request([frames.learn_no_group_senders(link["index"])], tolerate=ABSENT)


def admit(attachment: Mapping[str, Any]) -> None:
    """Let a container send from its own addresses; twice is no error.

    Without the rules (no nf_tables, or flushed) there is nothing to be let through.

    :raises HostError: the kernel refuses.
    """
    batch: list[Message] = []
    for name, keys in elements(attachment).items():
        batch += nftables.add_elements(TABLE, name, [nftables.element(key) for key in keys])
    _change(batch, attachment)


def dismiss(attachment: Mapping[str, Any]) -> None:
    """Take back what :func:`admit` did; what is gone already is no error."""
    for name, keys in elements(attachment).items():
        for key in keys:
            _change(nftables.delete_elements(TABLE, name, [nftables.element(key)]), attachment)


def _change(batch: list[Message], attachment: Mapping[str, Any]) -> None:
    if not batch:
        return
    try:
        with nftables.Connection() as connection:
            connection.commit(_here(batch))
    except OSError as error:
        if error.errno not in ABSENT:
            raise HostError(
                f"network {attachment['network']}: the rules about what its containers send can't "
                f"be changed: {reason(error)}"
            ) from None


def elements(attachment: Mapping[str, Any]) -> dict[str, list[bytes]]:
    """Return the elements of one attachment: ``{set: [key]}``; none where it has no port."""
    found: dict[str, list[bytes]] = {FREE: [], IPV4: [], IPV6: []}
    if not attachment.get("bridge"):
        return found
    port, mac = attachment["ifname"], attachment["mac"]
    if attachment.get("spoofing"):
        found[FREE].append(rules.interface_name(port))
        return found
    for text in addresses_of(attachment):
        address = text.partition("/")[0]
        if ":" in address:
            packed = socket.inet_pton(socket.AF_INET6, address)
            found[IPV6].append(frames.key(port, mac, packed))
        else:
            packed = socket.inet_pton(socket.AF_INET, address)
            found[IPV4].append(frames.key(port, mac, packed))
    if found[IPV6]:
        found[IPV6].append(frames.key(port, mac, frames.link_local(mac)))
        found[IPV6].append(frames.key(port, mac, bytes(16)))
    return found


def addresses_of(attachment: Mapping[str, Any]) -> list[str]:
    """Return an attachment's addresses, with prefixes, IPv4 and IPv6."""
    return [text for text in (attachment["address"], attachment.get("address6")) if text]


def _ruleset() -> list[Message]:
    messages = [
        nftables.new_set(TABLE, name, number, key, length)
        for number, (name, key, length) in enumerate(SETS, 1)
    ]
    for name, hook, listed in CHAINS:
        messages.append(nftables.new_chain(TABLE, name, "filter", hook, FIRST))
        messages += [nftables.new_rule(TABLE, name, rule) for rule in listed]
    return messages


def _here(messages: Iterable[Message]) -> list[Message]:
    """Return messages of the family ip as such of the family bridge (struct nfgenmsg)."""
    return [(kind, flags, bytes([BRIDGE]) + body[1:]) for kind, flags, body in messages]


def _mark(messages: Iterable[Message]) -> str:
    """Return the name of an empty chain that says which version of the rules is installed."""
    return f"rules-{zlib.crc32(b''.join(body for _kind, _flags, body in messages)):08x}"


def _intact(connection: nftables.Connection, messages: list[Message]) -> bool:
    if not connection.has_chain(TABLE, _mark(messages), family=BRIDGE):
        return False
    counts = connection.count_rules(TABLE, family=BRIDGE)
    return counts == {name: len(listed) for name, _hook, listed in CHAINS}


def _kept(connection: nftables.Connection) -> dict[str, set[bytes]]:
    """Return the elements that are there, also those of other engines on this kernel."""
    found: dict[str, set[bytes]] = {FREE: set(), IPV4: set(), IPV6: set()}
    for name, keys in found.items():
        try:
            keys.update(connection.elements(TABLE, name, family=BRIDGE))
        except netlink.Refused as error:
            if error.errno not in ABSENT:
                raise
    return found
