# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Chains of nf_tables that drop forwarded packets, and rules in iptables' chain that accept ours.

A chain is shut when its policy drops, or when one of its rules drops whatever comes by. Where
iptables made the chain (``FORWARD`` of a table ``filter``), rules that accept what comes from and
goes to our links are put before its end, after all that an administrator has written: what he
drops stays dropped. ``iptables -S`` shows them with the comment ``pycontainer``.

The zygote's children import this file: it needs nothing but ``kernel/net``.
"""

from __future__ import annotations

import contextlib
import errno

from ...errors import reason
from ...kernel.net import netlink, nftables, rules

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

    from ...kernel.net.netlink import Message

    Expression = tuple[str, dict[int, bytes]]  # name, attributes
    Acceptance = tuple[str, str]  # IN or OUT, a link's name or pattern

OWN_TABLE = "pycontainer"
COMMENT = "pycontainer"
IPTABLES_TABLE, IPTABLES_CHAIN = "filter", "FORWARD"
FIREWALLD = "firewalld"
IN, OUT = "in", "out"
OURS = "pyc"  # how the names of our own bridges begin, for rules with a wildcard
WILDCARDS = ("pyc-", "pyx-", "pyw-")  # bridges and the links of overlays
JUMP, GOTO = -3, -4
# What a rule may have and still meet every packet.
INDIFFERENT = ("counter", "log")
DEPTH = 8  # chains that call each other


def patterns(links: Iterable[str]) -> list[str]:
    """Return what stands for links in rules: ``pyc-*`` for all that are named so, else a name."""
    found = set()
    for name in links:
        wildcard = next((one for one in WILDCARDS if name.startswith(one)), None)
        found.add(f"{wildcard}*" if wildcard else name)
    return sorted(found)


class Rule:
    """One rule of another table. :param tagged: whether it has our comment."""

    def __init__(
        self, handle: int, chain: str, expressions: list[Expression], raw: bytes, tagged: bool
    ) -> None:
        self.handle, self.chain, self.expressions = handle, chain, expressions
        self.raw, self.tagged = raw, tagged

    @property
    def plain(self) -> list[Expression]:
        """What it matches and does, without what it only counts, logs or remarks."""
        return [one for one in self.expressions if not _remark(one)]

    def acceptance(self) -> Acceptance | None:
        """Return what the rule accepts, where it is all that comes from or goes to a link."""
        plain = self.plain
        if [name for name, _details in plain] != ["meta", "cmp", "immediate"]:
            return None
        key, compared = plain[0][1].get(2, b""), plain[1][1]
        if _verdict(plain[2]) != nftables.ACCEPT or compared.get(2) != _be32(rules.CMP_EQ):
            return None
        direction = {_be32(rules.META_IIFNAME): IN, _be32(rules.META_OIFNAME): OUT}.get(key)
        data = netlink.attributes(compared.get(3, b"")).get(nftables.DATA_VALUE, b"")
        name, nul, _rest = data.partition(b"\0")
        text = name.decode("utf-8", "replace")
        return (direction, text if nul else f"{text}*") if direction else None


def _remark(expression: Expression) -> bool:
    name, details = expression
    return name in INDIFFERENT or (name == "match" and details.get(1, b"") == b"comment\0")


def _be32(number: int) -> bytes:
    return number.to_bytes(4, "big")


def _verdict(expression: Expression) -> int | None:
    name, details = expression
    if name != "immediate":
        return None
    data = netlink.attributes(details.get(2, b"")).get(nftables.DATA_VERDICT)
    if data is None:
        return None
    return int.from_bytes(netlink.attributes(data)[nftables.VERDICT_CODE], "big", signed=True)


def _called(expression: Expression) -> str | None:
    """Return the chain that an expression leads to."""
    if _verdict(expression) not in (JUMP, GOTO):
        return None
    data = netlink.attributes(expression[1][2])[nftables.DATA_VERDICT]
    return netlink.attributes(data).get(2, b"").rstrip(b"\0").decode("utf-8", "replace")


class Shut:
    """A chain of another table that drops what is forwarded, and why.

    :param rules: of the whole table, in order.
    """

    def __init__(
        self, family: int, table: str, chain: str, by_policy: bool, rules: list[Rule]
    ) -> None:
        self.family, self.table, self.chain = family, table, chain
        self.by_policy, self.rules = by_policy, rules

    @property
    def iptables(self) -> bool:
        """Whether iptables made the chain (or who calls it: ufw, Docker, firewalld of old)."""
        return (self.table, self.chain) == (IPTABLES_TABLE, IPTABLES_CHAIN)

    @property
    def shown(self) -> str:
        """The chain as nft's users name it."""
        return (
            f"chain {self.chain} of nf_tables table {nftables.FAMILIES[self.family]} {self.table}"
        )

    def in_chain(self) -> list[Rule]:
        """Return the rules of the chain itself."""
        return [rule for rule in self.rules if rule.chain == self.chain]

    def names(self, links: Collection[str]) -> bool:
        """Tell whether a rule of the table names a link of ours: who wrote it knows of us."""
        wanted = [name.encode() for name in (*links, OURS)]
        return any(
            name in rule.raw
            for rule in self.rules
            if not (self.iptables and (rule.tagged or rule.acceptance()))
            for name in wanted
        )

    def end(self) -> Rule | None:
        """Return the rule before which others are to be put; None for the end of the chain.

        What drops, and what only logs before it (ufw), stay the last.
        """
        listed = self.in_chain()
        position = next(
            (at for at, rule in enumerate(listed) if _drops(rule, self.rules)), len(listed)
        )
        while position and _only_logs(listed[position - 1], self.rules):
            position -= 1
        return listed[position] if position < len(listed) else None

    def lacking(self, links: Collection[str]) -> tuple[list[Acceptance], list[Rule]]:
        """Return what the chain has to accept yet, and rules of ours that are to go."""
        wanted = {(way, name) for name in patterns(links) for way in (IN, OUT)}
        listed = self.in_chain()
        end = next((at for at, rule in enumerate(listed) if _drops(rule, self.rules)), len(listed))
        stale: list[Rule] = []
        for position, rule in enumerate(listed):
            found = rule.acceptance()
            if found is None:
                continue
            met = {one for one in wanted if _covers(found, one)} if position < end else set()
            if met:
                wanted -= met
            elif rule.tagged:
                stale.append(rule)
        return sorted(wanted), stale


def _covers(found: Acceptance, wanted: Acceptance) -> bool:
    if found[0] != wanted[0]:
        return False
    if found[1].endswith("*"):
        return wanted[1].startswith(found[1][:-1])
    return found[1] == wanted[1]


def _drops(rule: Rule, table: Sequence[Rule], depth: int = 0) -> bool:
    """Tell whether a rule drops or rejects whatever comes by it."""
    plain = rule.plain
    if len(plain) != 1:
        return False
    name, details = plain[0]
    if name == "reject" or _verdict(plain[0]) == nftables.DROP:
        return True
    if name == "target":
        return details.get(1, b"").rstrip(b"\0") in (b"REJECT", b"DROP")
    called = _called(plain[0])
    return (
        called is not None
        and depth < DEPTH
        and any(_drops(other, table, depth + 1) for other in table if other.chain == called)
    )


def _only_logs(rule: Rule, table: Sequence[Rule]) -> bool:
    """Tell whether a rule only leads to a chain that logs, or does nothing."""
    plain = rule.plain
    called = _called(plain[0]) if len(plain) == 1 else None
    return called is not None and all(
        any(name == "log" or details.get(1, b"") == b"LOG\0" for name, details in one.expressions)
        for one in table
        if one.chain == called
    )


def shut(connection: nftables.Connection, families: Iterable[int]) -> list[Shut]:
    """Return the chains of other tables that drop forwarded packets which no rule accepts."""
    found = []
    for chain in connection.chains(families):
        if chain["hook"] != nftables.FORWARD or chain["table"] == OWN_TABLE:
            continue
        listed = [_parsed(one) for one in connection.rules(chain["family"], chain["table"])]
        by_policy = chain["policy"] == nftables.DROP
        if by_policy or any(_drops(rule, listed) for rule in listed if rule.chain == chain["name"]):
            found.append(Shut(chain["family"], chain["table"], chain["name"], by_policy, listed))
    return found


def _parsed(content: bytes) -> Rule:
    details = netlink.attributes(content)
    expressions: list[Expression] = []
    for _kind, body in netlink.attribute_list(details.get(nftables.RULE_EXPRESSIONS, b"")):
        parts = netlink.attributes(body)
        name = parts[1].rstrip(b"\0").decode("utf-8", "replace")
        expressions.append((name, netlink.attributes(parts.get(2, b""))))
    return Rule(
        int.from_bytes(details[nftables.RULE_HANDLE], "big"),
        details[nftables.RULE_CHAIN].rstrip(b"\0").decode("utf-8", "replace"),
        expressions,
        content,
        COMMENT.encode() in content,
    )


def accept(connection: nftables.Connection, chain: Shut, links: Collection[str]) -> str | None:
    """Have a chain of iptables accept what is of our links; returns why that can't be."""
    wanted, stale = chain.lacking(links)
    place = chain.end()
    batch: list[Message] = [
        nftables.delete_rule(chain.table, chain.chain, rule.handle, chain.family) for rule in stale
    ]
    for way, name in wanted:
        match = rules.interface_named(name, outgoing=way == OUT)
        rule = rules.rule(match, rules.counter(), rules.verdict(nftables.ACCEPT))
        before = place.handle if place is not None else None
        batch.append(
            nftables.new_rule(
                chain.table, chain.chain, rule, chain.family, before=before, comment=COMMENT
            )
        )
    return _commit(connection, batch)


def _commit(connection: nftables.Connection, batch: list[Message]) -> str | None:
    try:
        if batch:
            connection.commit(batch)
    except OSError as error:
        if error.errno == errno.ENOENT:
            return None  # it was replaced meanwhile: who hears of it looks again
        return reason(error)
    return None


def withdraw(connection: nftables.Connection, families: Iterable[int]) -> None:
    """Take our rules out of iptables' chains, whether they are shut or not."""
    for family in families:
        with contextlib.suppress(OSError):
            batch = [
                nftables.delete_rule(IPTABLES_TABLE, IPTABLES_CHAIN, rule.handle, family)
                for rule in map(_parsed, connection.rules(family, IPTABLES_TABLE))
                if rule.chain == IPTABLES_CHAIN and rule.tagged and rule.acceptance()
            ]
            if batch:
                connection.commit(batch)
