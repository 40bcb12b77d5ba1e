# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The engine's nf_tables ruleset: table ``ip pycontainer``.

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
import socket
import struct
import zlib

from ..errors import HostError
from ..kernel.net import netlink, nftables, rules
from ..store.files import Damaged, read_json
from .publish import ABSENT, ANY, ONE, OWN, TABLE, elements

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from typing import Any

    from ..engine import Engine
    from ..kernel.net.netlink import Message
    from .definition import Definition
    from .publish import Elements

BRIDGES, INTERNAL, WITHIN, SUBNETS = "bridges", "internal", "within", "subnets"
_NAME, _ADDRESS, _PROTOCOL, _PORT = (
    nftables.INTERFACE_NAME,
    nftables.IPV4_ADDRESS,
    nftables.INET_PROTOCOL,
    nftables.INET_SERVICE,
)

# name, key types, key bytes, data types, data bytes, intervals
SETS = (
    (BRIDGES, (_NAME,), 16, (), 0, False),
    (INTERNAL, (_NAME,), 16, (), 0, False),  # bridges of networks that nothing enters or leaves
    (WITHIN, (_NAME, _NAME), 32, (), 0, False),  # every bridge with itself
    (SUBNETS, (_ADDRESS,), 4, (), 0, True),  # of the networks that masquerade
    (ANY, (_PROTOCOL, _PORT), 8, (_ADDRESS, _PORT), 8, False),
    (ONE, (_ADDRESS, _PROTOCOL, _PORT), 12, (_ADDRESS, _PORT), 8, False),
    (OWN, (_ADDRESS, _PROTOCOL, _PORT), 12, (), 0, False),
)


def _accept(*parts: list[bytes]) -> list[bytes]:
    return rules.rule(*parts, rules.verdict(nftables.ACCEPT))


def _drop(*parts: list[bytes]) -> list[bytes]:
    return rules.rule(*parts, rules.verdict(nftables.DROP))


_TRANSLATE = [
    rules.rule(rules.to_this_host(), rules.destination_from(ONE, with_address=True)),
    rules.rule(rules.to_this_host(), rules.destination_from(ANY)),
]

# name, type, hook, priority, rules
CHAINS = (
    (
        "guard",
        "filter",
        nftables.PREROUTING,
        -300,
        [
            _drop(rules.incoming_not("lo"), rules.to_loopback()),
            _drop(rules.incoming_in(BRIDGES), rules.source_from_elsewhere()),
        ],
    ),  # a container that claims another network's address
    # With br_netfilter a container's call of its own port would have to leave by the bridge port
    # that it came in by, which bridges do not do; hairpin mode would do it, and give containers
    # back every broadcast of theirs.
    (
        "prerouting",
        "nat",
        nftables.PREROUTING,
        -100,
        [rules.rule(rules.source_and_port_in(OWN), rules.verdict(nftables.RETURN))] + _TRANSLATE,
    ),
    (
        "output",
        "nat",
        nftables.OUTPUT,
        -100,
        [rules.rule(rules.to_loopback(), rules.verdict(nftables.RETURN))] + _TRANSLATE,
    ),
    (
        "postrouting",
        "nat",
        nftables.POSTROUTING,
        100,
        [
            rules.rule(
                rules.source_in(SUBNETS),
                rules.outgoing_in(BRIDGES, invert=True),
                rules.masquerade(),
            ),
            # a container that calls a published port of its own network: the answer must come back
            # through the host
            rules.rule(
                rules.source_in(SUBNETS),
                rules.outgoing_in(BRIDGES),
                rules.redirected(),
                rules.masquerade(),
            ),
        ],
    ),
    (
        "forward",
        "filter",
        nftables.FORWARD,
        0,
        [
            _accept(
                rules.both_in(WITHIN)
            ),  # bridged frames come by here too where br_netfilter is loaded
            _drop(rules.incoming_in(INTERNAL)),
            _drop(rules.outgoing_in(INTERNAL)),
            _accept(rules.established()),
            _accept(rules.redirected()),
            _drop(rules.outgoing_in(BRIDGES)),
        ],
    ),
)  # from other networks and other hosts to what is not published


def _ruleset() -> list[Message]:
    """Return the messages that make sets, chains and rules in an empty table."""
    messages = [
        nftables.new_set(TABLE, name, number, key, length, data, data_length, interval)
        for number, (name, key, length, data, data_length, interval) in enumerate(SETS, 1)
    ]
    for name, kind, hook, priority, listed in CHAINS:
        messages.append(nftables.new_chain(TABLE, name, kind, hook, priority))
        messages += [nftables.new_rule(TABLE, name, rule) for rule in listed]
    return messages


def _mark(messages: Iterable[Message]) -> str:
    """Return the name of an empty chain that says which version of the ruleset is installed."""
    return f"rules-{zlib.crc32(b''.join((body for _kind, _flags, body in messages))):08x}"


def ensure(engine: Engine, networks: Sequence[Definition]) -> list[str]:
    """Make the ruleset what the database says.

    :param networks: all of them.
    :returns: sentences to warn the user with: what can't work on this host.
    """
    try:
        connection = nftables.Connection()
    except OSError:
        return [NO_NFTABLES]
    with connection:
        if not connection.available():
            return [NO_NFTABLES]
        messages = _ruleset()
        if _intact(connection, messages):
            _synchronise(connection, networks)
        else:
            try:
                _install(engine, connection, messages, networks)
            except netlink.Refused as error:
                if error.errno not in ABSENT:
                    raise HostError(
                        "the rules of networks can't be set: the kernel's nf_tables refuses "
                        f"them: {error.strerror}"
                    ) from None
                return [INCOMPLETE_NFTABLES % error.strerror]
        return foreign(connection, [config["bridge"] for config in networks])


def remove() -> None:
    """Take the table away, with all that is in it; nothing where there is none."""
    try:
        connection = nftables.Connection()
    except OSError:
        return
    with connection:
        if connection.available():
            # The first, so that the second finds one.
            connection.commit([nftables.new_table(TABLE), nftables.delete_table(TABLE)])


NO_NFTABLES = (
    "this host's kernel has no nf_tables: published ports are served by a relay, and containers "
    "can't reach other hosts because their addresses can't be masqueraded"
)


INCOMPLETE_NFTABLES = (
    "this host's kernel refuses the rules of networks (%s; nf_tables without a module such as "
    "nft_fib or nft_masq): published ports are "
    "served by a relay, and containers can't reach other hosts because their addresses can't be "
    "masqueraded"
)


def _intact(connection: nftables.Connection, messages: Iterable[Message]) -> bool:
    if not connection.has_chain(TABLE, _mark(messages)):
        return False
    return connection.count_rules(TABLE) == {
        name: len(listed) for name, _kind, _hook, _priority, listed in CHAINS
    }


def _install(
    engine: Engine,
    connection: nftables.Connection,
    messages: Sequence[Message],
    networks: Sequence[Definition],
) -> None:
    """Replace the whole table in one atomic step; published ports stay published."""
    batch = [
        nftables.new_table(TABLE),
        nftables.delete_table(TABLE),
        nftables.new_table(TABLE),
        *messages,
        nftables.new_chain(TABLE, _mark(messages)),
    ]
    for name, wanted in _network_elements(networks).items():
        batch += nftables.add_elements(TABLE, name, wanted)
    for name, entries in _published(engine, connection).items():
        batch += nftables.add_elements(
            TABLE, name, [nftables.element(key, data) for key, data in entries.items()]
        )
    connection.commit(batch)


def _synchronise(connection: nftables.Connection, networks: Sequence[Definition]) -> None:
    batch: list[Message] = []
    for name, wanted in _network_elements(networks).items():
        if connection.packed_elements(TABLE, name) != set(wanted):
            batch.append(nftables.flush_elements(TABLE, name))
            batch += nftables.add_elements(TABLE, name, wanted)
    if batch:
        connection.commit(batch)


def _network_elements(networks: Sequence[Definition]) -> dict[str, list[bytes]]:
    """Return ``{set name: [packed elements]}`` for the networks, intervals by address."""
    found: dict[str, list[bytes]] = {BRIDGES: [], INTERNAL: [], WITHIN: [], SUBNETS: []}
    for config in sorted(
        networks, key=lambda config: socket.inet_aton(config["subnet"].partition("/")[0])
    ):
        name = rules.interface_name(config["bridge"])
        found[BRIDGES].append(nftables.element(name))
        found[WITHIN].append(nftables.element(name + name))
        if config["internal"]:
            found[INTERNAL].append(nftables.element(name))
        elif config["masquerade"]:
            address, dummy, prefix = config["subnet"].partition("/")
            first = struct.unpack("!I", socket.inet_aton(address))[0]
            end = first + (1 << (32 - int(prefix)))
            found[SUBNETS] += nftables.interval(struct.pack("!I", first), struct.pack("!I", end))
    return found


def _published(engine: Engine, connection: nftables.Connection) -> Elements:
    """Return the port maps' elements.

    They are those that are there, and, where the table was flushed, what the running containers'
    states say.
    """
    found: Elements = {ANY: {}, ONE: {}, OWN: {}}
    for row in engine.db.all("SELECT DISTINCT container FROM ports"):
        state: dict[str, Any] = {}
        with contextlib.suppress(Damaged):
            state = read_json(
                os.path.join(engine.paths.container(row["container"]), "state.json"), {}
            )
        network = state.get("network") or {}
        attachment = next(
            (one for one in network.get("attachments", ()) if one.get("gateway")), None
        )
        if state.get("status") == "running" and attachment is not None:
            for name, entries in elements(attachment["address"], network.get("ports", ())).items():
                found[name].update(entries)
    for name in found:
        try:
            found[name].update(connection.elements(TABLE, name))
        except netlink.Refused as error:
            if error.errno != errno.ENOENT:
                raise
    return found


def foreign(connection: nftables.Connection, bridges: list[str]) -> list[str]:
    """Return warnings about other people's rules that stop forwarded packets whatever ours accept.

    Rules that name a bridge of ours know of us.
    """
    warnings = []
    for chain in connection.chains():
        if chain["hook"] != nftables.FORWARD or chain["table"] == TABLE:
            continue
        if chain["policy"] != nftables.DROP and chain["table"] != "firewalld":
            continue
        if any(
            name.encode() in rule
            for name in bridges + [PREFIX]
            for rule in connection.rules(chain["family"], chain["table"])
        ):
            continue
        if chain["table"] == "firewalld":
            warnings.append(
                "firewalld rejects what comes from links that no zone has: containers reach no "
                f"other hosts; for each bridge ({', '.join(bridges)}) run: firewall-cmd "
                "--permanent --zone=trusted --add-interface=BRIDGE, then firewall-cmd --reload"
            )
        else:
            warnings.append(
                f"the chain {chain['name']} of nf_tables table "
                f"{nftables.FAMILIES[chain['family']]} {chain['table']} drops forwarded packets "
                f"by its policy: {REMEDY}"
            )
    if _legacy_drops(bridges):
        warnings.append(
            f"the FORWARD chain of iptables-legacy drops packets by its policy: {REMEDY}"
        )
    return warnings


PREFIX = "pyc"  # of our own bridges' names, for rules with a wildcard
REMEDY = (
    "unless its rules accept them, containers reach no other hosts and their published ports are "
    "reached from this host only; "
    "let it accept what comes from and goes to the links whose names begin with pyc"
)


def _legacy_drops(bridges: list[str]) -> bool:
    """Tell whether the old iptables has a FORWARD policy DROP.

    Its command is asked only where the table is in use.
    """
    try:
        with open("/proc/net/ip_tables_names") as file:
            if "filter" not in file.read().split():
                return False
        import subprocess  # 5 ms, for few hosts

        answer = subprocess.run(
            ["iptables-legacy", "-S", "FORWARD"],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            check=False,
        )
    except OSError:
        return False
    return b"-P FORWARD DROP" in answer.stdout and not any(
        name.encode() in answer.stdout for name in bridges + [PREFIX]
    )
