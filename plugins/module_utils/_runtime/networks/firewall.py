# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The engine's nf_tables ruleset: the tables ``ip pycontainer`` and, where a network has IPv6,
``ip6 pycontainer``.

The rules never change; which networks and published ports there are is told by the elements of sets
and maps. All of it is derived from the database and the running containers, and put back when
something has flushed it. Loopback addresses are never translated and ``route_localnet`` stays off:
a port published on 127.0.0.1 is served by the monitor's relay alone and can't be reached from
another host, whatever becomes of these rules (CVE-2025-54388).
"""

from __future__ import annotations

import contextlib
import errno
import os
import zlib

from ..errors import HostError, reason
from ..kernel.net import netlink, nftables, rules
from ..store.atomic_files import Damaged, read_json
from . import container_links
from .definition import ISOLATED, ROUTED, UNPROTECTED, apart, gateway_mode, pools_of
from .drivers import overlay_network as overlay
from .firewalls import other_firewalls
from .publish import ABSENT, ANY, ONE, OPEN, OWN, RELAYED, RELAYED_ON, TABLE, elements
from .traffic import forwarded

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence
    from typing import Any

    from ..engine import Engine
    from ..kernel.net.netlink import Message
    from ..kernel.net.rules import Family
    from ..store.paths import Paths
    from .definition import Definition

BRIDGES, INTERNAL, WITHIN, SUBNETS = "bridges", "internal", "within", "subnets"
APART = "apart"
TUNNELS, PEERS = "tunnels", "peers"
ROUTED_BRIDGES, UNPROTECTED_BRIDGES = "routed", "unprotected"
CLOSED, SHIELDED, METADATA = "closed", "shielded", "metadata"
REFUSED = "refused"
LAST = 300  # a priority behind other firewalls, so that what they drop is not counted
# Where clouds tell machines about themselves, credentials included: AWS (EC2, ECS, EKS) and who has
# taken its address over (Azure, Google, OpenStack ...), Alibaba, Oracle.
METADATA_ADDRESSES = {
    4: ("169.254.169.254", "169.254.170.2", "169.254.170.23", "100.100.100.200", "192.0.0.192"),
    6: ("fd00:ec2::254", "fd00:ec2::23", "fd20:ce::254"),
}
FAMILIES = {4: rules.IPV4, 6: rules.IPV6}
_NAME, _PROTOCOL, _PORT = (nftables.INTERFACE_NAME, nftables.INET_PROTOCOL, nftables.INET_SERVICE)


class Set:
    """A set, or a map where there are data, or counters; lengths in bytes."""

    def __init__(
        self,
        name: str,
        key_types: tuple[int, ...],
        key_length: int,
        data_types: tuple[int, ...] = (),
        data_length: int = 0,
        interval: bool = False,
        counters: bool = False,
    ) -> None:
        self.name, self.interval, self.counters = name, interval, counters
        self.key_types, self.key_length = key_types, key_length
        self.data_types, self.data_length = data_types, data_length


class Chain:
    """A chain with its rules, each a list of expressions; without a kind one that rules lead to."""

    def __init__(
        self, name: str, kind: str | None, hook: int, priority: int, listed: list[list[bytes]]
    ) -> None:
        self.name, self.kind, self.hook, self.priority = name, kind, hook, priority
        self.rules = listed


def sets(family: Family) -> list[Set]:
    """Return the sets and maps of a family's table."""
    address, other = nftables.IPV4_ADDRESS, nftables.IPV6_ADDRESS
    if family is rules.IPV6:
        address, other = other, address
    size = family.length  # the other family's is 20 less that
    return [
        Set(BRIDGES, (_NAME,), 16),
        Set(INTERNAL, (_NAME,), 16),  # bridges of networks that nothing enters or leaves
        Set(APART, (_NAME,), 16),  # bridges whose containers do not reach each other
        Set(CLOSED, (_NAME,), 16),  # bridges of networks that don't reach the host's services
        Set(SHIELDED, (_NAME,), 16),  # bridges of networks that don't reach METADATA
        Set(ROUTED_BRIDGES, (_NAME,), 16),  # bridges whose containers are reached without NAT
        Set(UNPROTECTED_BRIDGES, (_NAME,), 16),  # bridges that other hosts may send anything to
        Set(METADATA, (address,), size),
        Set(WITHIN, (_NAME, _NAME), 32),  # every bridge with itself
        Set(forwarded.SAME, (_NAME, _NAME), 32),  # the same, also where containers are apart
        *[Set(name, (_NAME,), 16, counters=True) for name in forwarded.MAPS],
        Set(SUBNETS, (address,), size, interval=True),  # of the networks that masquerade
        # overlays of this host, and who may send to them: UDP port . id of VXLAN, as an address
        Set(TUNNELS, (_PORT, nftables.IPV4_ADDRESS), 8),
        Set(PEERS, (address, _PORT, nftables.IPV4_ADDRESS), size + 8),
        Set(ANY, (_PROTOCOL, _PORT), 8, (address, _PORT), size + 4),
        Set(ONE, (address, _PROTOCOL, _PORT), size + 8, (address, _PORT), size + 4),
        Set(RELAYED, (_PROTOCOL, _PORT), 8, (other, _PORT), 24 - size),
        Set(RELAYED_ON, (address, _PROTOCOL, _PORT), size + 8, (other, _PORT), 24 - size),
        Set(OWN, (address, _PROTOCOL, _PORT), size + 8),
        Set(OPEN, (address, _PROTOCOL, _PORT), size + 8),
    ]


def _accept(*parts: list[bytes]) -> list[bytes]:
    return rules.rule(*parts, rules.verdict(nftables.ACCEPT))


def _drop(*parts: list[bytes]) -> list[bytes]:
    return rules.rule(*parts, rules.verdict(nftables.DROP))


def _refuse(*parts: list[bytes]) -> list[bytes]:
    """Return a rule that drops and counts what is dropped."""
    return rules.rule(*parts, rules.goto(REFUSED))


def _return(*parts: list[bytes]) -> list[bytes]:
    return rules.rule(*parts, rules.verdict(nftables.RETURN))


def chains(family: Family) -> list[Chain]:
    """Return the chains of a family's table."""
    translate = [
        rules.rule(rules.to_this_host(), family.destination_from(ONE, with_address=True)),
        rules.rule(rules.to_this_host(), family.destination_from(ANY)),
    ]
    guard = [
        _drop(rules.incoming_not("lo"), family.to_loopback()),
        # a container that claims another network's address
        _drop(rules.incoming_in(BRIDGES), rules.source_from_elsewhere()),
        _drop(rules.incoming_in(SHIELDED), family.destination_in(METADATA)),
    ]
    if family is rules.IPV6:
        # Who has no address yet asks from this one whether his is taken (RFC 4862, 5.4.2).
        guard.insert(1, _return(family.source_is(bytes(16))))
    return [
        Chain("guard", "filter", nftables.PREROUTING, -300, guard),
        # With br_netfilter a container's call of its own port would have to leave by the bridge
        # port that it came in by, which bridges do not do; hairpin mode would do it, and give
        # containers back every broadcast of theirs.
        Chain(
            "prerouting",
            "nat",
            nftables.PREROUTING,
            -100,
            [
                _return(family.source_and_port_in(OWN)),
                # The same holds for a neighbour's port where ports of a bridge are kept apart.
                _return(rules.incoming_in(APART)),
                *translate,
            ],
        ),
        Chain("output", "nat", nftables.OUTPUT, -100, [_return(family.to_loopback()), *translate]),
        Chain(
            "postrouting",
            "nat",
            nftables.POSTROUTING,
            100,
            [
                rules.rule(
                    family.source_in(SUBNETS),
                    rules.outgoing_in(BRIDGES, invert=True),
                    rules.masquerade(),
                ),
                # a container that calls a published port of its own network: the answer must come
                # back through the host
                rules.rule(
                    family.source_in(SUBNETS),
                    rules.outgoing_in(BRIDGES),
                    rules.redirected(),
                    rules.masquerade(),
                ),
            ],
        ),
        Chain(
            "input",
            "filter",
            nftables.INPUT,
            0,
            [
                _drop(family.stranger_on_tunnel(TUNNELS, PEERS)),
                _accept(rules.incoming_in(CLOSED, invert=True)),
                _accept(rules.established()),
                _accept(family.control_messages()),
                # a container that calls its own published port is served by the relay
                _accept(family.source_and_port_in(OWN)),
                # and so is a neighbour's where ports of a bridge are kept apart
                _accept(family.destination_and_port_mapped(ONE, with_address=True)),
                _accept(family.destination_and_port_mapped(ANY)),
                # the relay stands in where the container has no address of the family
                _accept(family.destination_and_port_mapped(RELAYED_ON, with_address=True)),
                _accept(family.destination_and_port_mapped(RELAYED)),
                family.reset(),
                family.reject(),
            ],
        ),
        Chain(REFUSED, None, 0, 0, forwarded.refused()),
        Chain(
            "forward",
            "filter",
            nftables.FORWARD,
            0,
            [
                # bridged frames come by here too where br_netfilter is loaded
                _accept(rules.both_in(WITHIN)),
                _refuse(rules.incoming_in(INTERNAL)),
                _refuse(rules.outgoing_in(INTERNAL)),
                _accept(rules.established()),
                _accept(rules.redirected()),
                _accept(family.destination_and_port_in(OPEN)),
                _accept(rules.outgoing_in(ROUTED_BRIDGES), family.control_messages()),
                _accept(
                    rules.incoming_in(BRIDGES, invert=True), rules.outgoing_in(UNPROTECTED_BRIDGES)
                ),
                # from other networks and other hosts to what is not published
                _refuse(rules.outgoing_in(BRIDGES)),
            ],
        ),
        Chain("passed", "filter", nftables.FORWARD, LAST, forwarded.passed()),
    ]


def _ruleset(family: Family) -> tuple[list[Message], dict[str, int]]:
    """Return the messages that make sets, chains and rules in an empty table, and how many rules
    each chain has then.
    """
    messages = [
        nftables.new_set(
            TABLE,
            one.name,
            number,
            one.key_types,
            one.key_length,
            one.data_types,
            one.data_length,
            one.interval,
            family.number,
            one.counters,
        )
        for number, one in enumerate(sets(family), 1)
    ]
    made = chains(family)
    for chain in made:
        messages.append(
            nftables.new_chain(
                TABLE, chain.name, chain.kind, chain.hook, chain.priority, family.number
            )
        )
        messages += [
            nftables.new_rule(TABLE, chain.name, rule, family.number) for rule in chain.rules
        ]
    return messages, {chain.name: len(chain.rules) for chain in made}


def _mark(messages: Iterable[Message]) -> str:
    """Return the name of an empty chain that says which version of the ruleset is installed."""
    return f"rules-{zlib.crc32(b''.join((body for _kind, _flags, body in messages))):08x}"


def ensure(engine: Engine, networks: Sequence[Definition]) -> list[str]:
    """Make the ruleset what the database says.

    :param networks: all of them.
    :returns: sentences to warn the user with: what can't work on this host.
    """
    networks = _bridged(networks)
    try:
        connection = nftables.Connection()
    except OSError:
        return [NO_NFTABLES]
    with connection:
        if not connection.available():
            return [NO_NFTABLES]
        for version in _versions(networks):
            refused = _ensure(engine, connection, version, networks)
            if refused:
                return [refused]
        return other_firewalls.let_through(connection, links_of(networks), _versions(networks))


def _bridged(networks: Iterable[Definition]) -> list[Definition]:
    """Return the networks whose packets pass by the rules: those with a bridge."""
    return [config for config in networks if config["bridge"]]


def uses_ipv6(networks: Iterable[Definition]) -> bool:
    """Tell whether there are rules of IPv6: a network has it, or an overlay's hosts speak it."""
    return any(config["ipv6"] or 6 in overlay.families(config["overlay"]) for config in networks)


def _versions(networks: Iterable[Definition]) -> list[int]:
    """Return the families that have a table."""
    return [4, 6] if uses_ipv6(networks) else [4]


def _ensure(
    engine: Engine, connection: nftables.Connection, version: int, networks: Sequence[Definition]
) -> str | None:
    """Make the ruleset of one family; returns why that can't be."""
    messages, counts = _ruleset(FAMILIES[version])
    if _intact(connection, messages, counts, FAMILIES[version]):
        _synchronise(connection, version, networks)
        remember(engine.paths, _name(FAMILIES[version]))
        return None
    try:
        _install(engine, connection, messages, version, networks)
    except netlink.Refused as error:
        if error.errno not in ABSENT:
            raise HostError(
                "the rules of networks can't be set: the kernel's nf_tables refuses "
                f"them: {reason(error)}"
            ) from None
        return INCOMPLETE_NFTABLES % (f"IPv{version}", reason(error))
    remember(engine.paths, _name(FAMILIES[version]))
    return None


def missing(paths: Paths, networks: Sequence[Definition]) -> list[str]:
    """Return which tables were made in this boot and are not whole now, as ``ip pycontainer``.

    :param networks: all of them.
    """
    found = []
    networks = _bridged(networks)
    with contextlib.suppress(OSError), nftables.Connection() as connection:
        for family in (FAMILIES[version] for version in _versions(networks)):
            name = _name(family)
            if remembered(paths, name) and not _intact(connection, *_ruleset(family), family):
                found.append(name)
    return found


def _name(family: Family) -> str:
    """Return a table's name as nft writes it."""
    return f"{nftables.FAMILIES[family.number]} {TABLE}"


def remember(paths: Paths, table: str) -> None:
    """Write down, for this boot, that a table has been made: that the kernel could."""
    if not remembered(paths, table):
        with contextlib.suppress(OSError), open(_note(paths, table), "w"):
            pass


def remembered(paths: Paths, table: str) -> bool:
    """Tell whether a table has been made in this boot."""
    return os.path.exists(_note(paths, table))


def _note(paths: Paths, table: str) -> str:
    return os.path.join(paths.run, "rules-" + table.partition(" ")[0])


def others(networks: Sequence[Definition]) -> list[str]:
    """Return which other firewalls drop what is of our links, a sentence each.

    :param networks: all of them.
    """
    networks = _bridged(networks)
    with contextlib.suppress(OSError), nftables.Connection() as connection:
        if connection.available():
            return other_firewalls.dropped(connection, links_of(networks), _versions(networks))
    return [NO_NFTABLES]


def closed_by_others(networks: Sequence[Definition]) -> list[str]:
    """Return which chains of other firewalls do not let our links pass, and can be told to.

    :param networks: all of them.
    """
    networks = _bridged(networks)
    return other_firewalls.closed_to(links_of(networks), _versions(networks))


def links_of(networks: Sequence[Definition]) -> list[str]:
    """Return the names of the links that packets of networks come by."""
    found = [config["bridge"] for config in networks]
    return found + [overlay.link_name(config["id"]) for config in networks if config["overlay"]]


def remove(versions: Collection[int] = (4, 6)) -> None:
    """Take tables away, with all that is in them, and our rules of other firewalls' chains.

    Nothing where there are none.
    """
    other_firewalls.withdraw(versions)
    try:
        connection = nftables.Connection()
    except OSError:
        return
    with connection:
        if connection.available():
            for version in versions:
                family = FAMILIES[version].number
                # The first, so that the second finds one.
                messages = [nftables.new_table(TABLE, family), nftables.delete_table(TABLE, family)]
                with contextlib.suppress(netlink.Refused):  # a kernel without the family
                    connection.commit(messages)


NO_NFTABLES = (
    "this host's kernel has no nf_tables: published ports are served by a relay, and containers "
    "can't reach other hosts because their addresses can't be masqueraded"
)


INCOMPLETE_NFTABLES = (
    "this host's kernel refuses the %s rules of networks (%s; nf_tables without a module such as "
    "nft_fib or nft_masq): published ports are "
    "served by a relay, and containers can't reach other hosts because their addresses can't be "
    "masqueraded"
)


def _intact(
    connection: nftables.Connection,
    messages: Iterable[Message],
    counts: Mapping[str, int],
    family: Family,
) -> bool:
    if not connection.has_chain(TABLE, _mark(messages), family.number):
        return False
    return connection.count_rules(TABLE, family.number) == counts


def _install(
    engine: Engine,
    connection: nftables.Connection,
    messages: Sequence[Message],
    version: int,
    networks: Sequence[Definition],
) -> None:
    """Replace a whole table in one atomic step; published ports stay published."""
    family = FAMILIES[version].number
    batch = [
        nftables.new_table(TABLE, family),
        nftables.delete_table(TABLE, family),
        nftables.new_table(TABLE, family),
        *messages,
        nftables.new_chain(TABLE, _mark(messages), family=family),
    ]
    batch += [nftables.new_counter(TABLE, name, family) for name in _counters(networks, version)]
    for name, wanted in _network_elements(networks, version).items():
        batch += nftables.add_elements(TABLE, name, wanted, family)
    for name, entries in _published(engine, connection, family).items():
        batch += nftables.add_elements(
            TABLE, name, [nftables.element(key, data) for key, data in entries.items()], family
        )
    connection.commit(batch)


def _synchronise(
    connection: nftables.Connection, version: int, networks: Sequence[Definition]
) -> None:
    family = FAMILIES[version].number
    counters, there = _counters(networks, version), set(connection.counters(TABLE, family))
    batch = [nftables.new_counter(TABLE, name, family) for name in counters if name not in there]
    for name, wanted in _network_elements(networks, version).items():
        if connection.packed_elements(TABLE, name, family) != set(wanted):
            batch.append(nftables.flush_elements(TABLE, name, family))
            batch += nftables.add_elements(TABLE, name, wanted, family)
    batch += [
        nftables.delete_counter(TABLE, name, family) for name in sorted(there - set(counters))
    ]
    if batch:
        connection.commit(batch)


def _bridges(networks: Sequence[Definition], version: int) -> list[str]:
    """Return the bridges of the networks of a family."""
    return [config["bridge"] for config in networks if pools_of(config, version)]


def _counters(networks: Sequence[Definition], version: int) -> list[str]:
    """Return the names of the counters of a family's table."""
    return [
        forwarded.counter(bridge, way)
        for bridge in _bridges(networks, version)
        for way in forwarded.MAPS
    ]


def _network_elements(networks: Sequence[Definition], version: int) -> dict[str, list[bytes]]:
    """Return ``{set name: [packed elements]}`` for the networks of a family, intervals by address."""
    found: dict[str, list[bytes]] = {BRIDGES: [], INTERNAL: [], APART: [], WITHIN: [], SUBNETS: []}
    found.update({CLOSED: [], SHIELDED: [], TUNNELS: [], PEERS: []})
    found.update({ROUTED_BRIDGES: [], UNPROTECTED_BRIDGES: []})
    found.update(forwarded.elements(_bridges(networks, version)))
    found[METADATA] = [
        nftables.element(netlink.packed(address)) for address in METADATA_ADDRESSES[version]
    ]
    intervals: list[tuple[bytes, bytes]] = []
    for config in networks:
        if config["overlay"] and not config["overlay"].get("encrypted"):
            tunnel, senders = overlay.senders(config["overlay"], version)
            found[TUNNELS].append(nftables.element(tunnel))
            found[PEERS] += [nftables.element(sender) for sender in senders]
        pools = pools_of(config, version)
        if not pools:
            continue
        name = rules.interface_name(config["bridge"])
        mode = gateway_mode(config, version)
        if mode != ISOLATED:  # whose senders no route leads back to
            found[BRIDGES].append(nftables.element(name))
        if mode == ROUTED:
            found[ROUTED_BRIDGES].append(nftables.element(name))
        elif mode == UNPROTECTED:
            found[UNPROTECTED_BRIDGES].append(nftables.element(name))
        if apart(config):
            found[APART].append(nftables.element(name))
        else:
            found[WITHIN].append(nftables.element(name + name))
        if config["overlay"]:
            way = rules.interface_name(overlay.link_name(config["id"]))
            found[BRIDGES].append(nftables.element(way))
            found[WITHIN] += [nftables.element(name + way), nftables.element(way + name)]
            if not config["allow_host"]:
                found[CLOSED].append(nftables.element(way))
        if not config["allow_host"]:
            found[CLOSED].append(nftables.element(name))
        if not config["allow_metadata"]:
            found[SHIELDED].append(nftables.element(name))
        if config["internal"]:
            found[INTERNAL].append(nftables.element(name))
        elif config["masquerade"] and mode != ROUTED:
            intervals += [_interval(pool["subnet"]) for pool in pools]
    for first, end in _joined(intervals):
        found[SUBNETS] += nftables.interval(first, end)
    return found


def _interval(subnet: str) -> tuple[bytes, bytes]:
    """Return the first address of a subnet and the one after its last."""
    address, dummy, prefix = subnet.partition("/")
    raw = netlink.packed(address)
    end = int.from_bytes(raw, "big") + (1 << (8 * len(raw) - int(prefix)))
    return raw, end.to_bytes(len(raw), "big")


def _joined(intervals: Iterable[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
    """Return intervals by address, those that touch each other as one: older kernels want it so."""
    found: list[tuple[bytes, bytes]] = []
    for first, end in sorted(intervals):
        if found and found[-1][1] == first:
            found[-1] = (found[-1][0], end)
        else:
            found.append((first, end))
    return found


def _published(
    engine: Engine, connection: nftables.Connection, family: int
) -> dict[str, dict[bytes, bytes | None]]:
    """Return the port maps' elements of a family.

    They are those that are there, and, where the table was flushed, what the running containers'
    states say.
    """
    found: dict[str, dict[bytes, bytes | None]] = {
        name: {} for name in (ANY, ONE, OWN, OPEN, RELAYED, RELAYED_ON)
    }
    for row in engine.db.all("SELECT DISTINCT container FROM addresses"):
        state: dict[str, Any] = {}
        with contextlib.suppress(Damaged):
            state = read_json(
                os.path.join(engine.paths.container(row["container"]), "state.json"), {}
            )
        network = state.get("network") or {}
        if state.get("status") == "running":
            targets = container_links.targets(network.get("attachments", ()))
            for place, entries in elements(targets, network.get("ports", ())).items():
                if place[0] == family:
                    found[place[1]].update(entries)
    for name in found:
        try:
            found[name].update(connection.elements(TABLE, name, family))
        except netlink.Refused as error:
            if error.errno != errno.ENOENT:
                raise
    return found
