# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The FORWARD chain of iptables as it was before nf_tables, by its command: few hosts have it in use."""

from __future__ import annotations

import shlex

from ...errors import EngineError
from .forward_chains import COMMENT, IN, OURS, OUT, patterns

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection

COMMANDS = {4: ("iptables-legacy", "iptables"), 6: ("ip6tables-legacy", "ip6tables")}
TABLES = {4: "/proc/net/ip_tables_names", 6: "/proc/net/ip6_tables_names"}
WAYS = {IN: "-i", OUT: "-o"}
DROPS = ("DROP", "REJECT")


class Forward:
    """The chain, as ``-S`` shows it. :param command: the one that has it."""

    def __init__(self, command: str, listing: str) -> None:
        self.command, self.policy = command, "ACCEPT"
        self.rules: list[list[str]] = []
        for line in listing.splitlines():
            try:
                words = shlex.split(line)
            except ValueError:  # a comment of others with odd quotes; it accepts nothing of ours
                words = ["-A", "FORWARD", line]
            if words[:2] == ["-P", "FORWARD"]:
                self.policy = (words + ["ACCEPT"])[2]
            elif words[:2] == ["-A", "FORWARD"]:
                self.rules.append(words[2:])

    @property
    def end(self) -> int | None:
        """The position of the first rule that drops whatever comes by; None where there is none."""
        return next(
            (
                at
                for at, rule in enumerate(self.rules)
                if rule[:1] == ["-j"] and rule[1:2] and rule[1] in DROPS and rule[2:3] != ["-m"]
            ),
            None,
        )

    @property
    def shut(self) -> bool:
        """Whether it drops what no rule accepts."""
        return self.policy == "DROP" or self.end is not None

    def lacking(self, links: Collection[str]) -> list[list[str]]:
        """Return the rules that accept what is of our links and are not there yet."""
        wanted = [
            [
                WAYS[way],
                name.replace("*", "+"),
                "-m",
                "comment",
                "--comment",
                COMMENT,
                "-j",
                "ACCEPT",
            ]
            for name in patterns(links)
            for way in (IN, OUT)
        ]
        before = self.rules[: self.end] if self.end is not None else self.rules
        others = [rule for rule in self.rules if COMMENT not in rule]
        if any(word.startswith((OURS, *links)) for rule in others for word in rule):
            return []  # who wrote these knows of us
        return [rule for rule in wanted if rule not in before]


def chains(families: Collection[int]) -> list[Forward]:
    """Return the chains of families (4, 6) whose table is in use."""
    found = []
    for family in families:
        try:
            with open(TABLES[family]) as file:
                used = "filter" in file.read().split()
        except OSError:
            continue
        forward = _chain(family) if used else None
        if forward is not None:
            found.append(forward)
    return found


def _chain(family: int) -> Forward | None:
    for command in COMMANDS[family]:
        listing = _run(command, "-w", "-S", "FORWARD")
        if listing is not None:
            return Forward(command, listing)
    return None


def accept(chain: Forward, links: Collection[str]) -> bool:
    """Have a chain accept what is of our links; returns whether it does now."""
    done = True
    for rule in chain.lacking(links):
        end = chain.end
        place = ["-A", "FORWARD"] if end is None else ["-I", "FORWARD", str(end + 1)]
        done &= _run(chain.command, "-w", *place, *rule) is not None
        chain.rules.insert(len(chain.rules) if end is None else end, rule)
    return done


def withdraw(families: Collection[int]) -> None:
    """Take our rules out of the chains."""
    for chain in chains(families):
        for rule in chain.rules:
            if COMMENT in rule:
                _run(chain.command, "-w", "-D", "FORWARD", *rule)


def _run(*command: str) -> str | None:
    from ...untrusted import programs  # here: 5 ms, for few hosts

    try:
        done = programs.run(list(command))
    except (EngineError, OSError):
        return None
    return done.output.decode("utf-8", "replace") if done.code == 0 else None
