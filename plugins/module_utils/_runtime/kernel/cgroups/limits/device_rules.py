# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which devices a group's processes may open or make.

OCI's ordered rules, and their form in cgroup version 1.

OCI (config-linux.md, "Allowed Device List"): the rules are applied in order, a later one beats an
earlier one, and what no rule names is denied. Version 2 has a BPF program for it
(device_program.py), which follows the order exactly. Version 1 has a default and a set of
exceptions (devices.rst), in which a hole in a wildcard can't be written.
"""

from __future__ import annotations

from ....errors import InvalidInput, Unsupported
from ..hierarchy import cgroup_files

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from typing import Any

    Key = tuple[str, "int | None", "int | None"]  # of a Rule
    Table = dict[Key, int]  # bits by key

MKNOD, READ, WRITE = 1, 2, 4  # as in linux/bpf.h
ALL = MKNOD | READ | WRITE
LETTERS = {"r": READ, "w": WRITE, "m": MKNOD}


class Rule:
    """One rule.

    ``allow``: whether it allows or denies. ``kind``: "c", "b" or "a" (any: then of every number and
    access). ``major``, ``minor``: None is any. ``access``: bits of MKNOD, READ and WRITE.
    """

    __slots__ = ("allow", "kind", "major", "minor", "access")

    def __init__(
        self, allow: bool, kind: str, major: int | None, minor: int | None, access: int
    ) -> None:
        self.allow = allow
        self.kind = kind
        self.major = major
        self.minor = minor
        self.access = access

    @property
    def key(self) -> Key:
        return (self.kind, self.major, self.minor)


def normalise(rules: Iterable[Mapping[str, Any]]) -> list[Rule]:
    """Return OCI's list as Rules: one for everything first, then each for "c" or "b".

    What comes before the last rule for everything has no effect, and is left out. An access may
    hold an "a", which stands for nothing, as with runc.

    :raises InvalidInput: an unknown type, access or number.
    """
    result = [Rule(False, "a", None, None, ALL)]
    for entry in rules:
        kind, access = entry.get("type") or "a", entry.get("access") or "rwm"
        if kind not in ("a", "b", "c", "u"):
            raise InvalidInput("devices", kind, "a type: a (all), b (block), c or u (character)")
        if set(access) - set(LETTERS) - {"a"}:
            raise InvalidInput(
                "devices", access, "an access made of r (read), w (write), m (make the node)"
            )
        bits = sum(LETTERS.get(letter, 0) for letter in set(access))
        major, minor = device_number(entry, "major"), device_number(entry, "minor")
        if kind == "a" and bits == ALL and major is None and minor is None:
            result = [Rule(bool(entry["allow"]), "a", None, None, ALL)]
            continue
        for one in ("c", "b") if kind == "a" else (kind.replace("u", "c"),):
            result.append(Rule(bool(entry["allow"]), one, major, minor, bits))
    return result


def device_number(entry: Mapping[str, Any], name: str) -> int | None:
    """Return a major or minor number; None for "any", which is written as nothing or -1."""
    value = entry.get(name)
    if value is None or value == -1:
        return None
    if not isinstance(value, int) or not 0 <= value < 1 << 20:
        raise InvalidInput("devices", value, f"a {name} number from 0 to 1048575, or -1 for any")
    return value


def covers(wide: Key, narrow: Key) -> bool:
    """Return whether every device of the key ``narrow`` is one of the key ``wide``."""
    return wide[0] == narrow[0] and all(
        one is None or one == other for one, other in zip(wide[1:], narrow[1:])
    )


def overlap(one: Key, other: Key) -> bool:
    """Return whether a device can be one of both keys."""
    return one[0] == other[0] and all(
        a is None or b is None or a == b for a, b in zip(one[1:], other[1:])
    )


def exceptions(rules: Sequence[Rule]) -> tuple[bool, Table]:
    """Return the rules as version 1 has them: ``(default, {key of a rule: bits})``.

    ``default``: whether all else is allowed; the bits are the other way.

    A hole in a wildcard that lets nodes be made only ("c *:* m" but not 10:229) is left open: a
    node that can be neither read nor written is worth nothing, and the usual defaults have just
    this.

    :raises Unsupported: another hole.
    """
    default = rules[0].allow
    table: Table = {}
    for rule in rules[1:]:
        if rule.allow != default:
            table[rule.key] = table.get(rule.key, 0) | rule.access
            continue
        for key in list(table):
            if not overlap(key, rule.key) or not table[key] & rule.access:
                continue
            if covers(rule.key, key):
                table[key] &= ~rule.access
            elif default or table[key] & rule.access != MKNOD:
                raise Unsupported(
                    f"devices: cgroup v1 can't make an exception ({line(rule.key, rule.access)}) "
                    f"from the rule for {line(key, table[key])}; give both as separate rules"
                )
    return default, {key: bits for key, bits in table.items() if bits}


def line(key: Key, bits: int) -> str:
    """Return one line of devices.allow: "c 1:3 rwm"."""
    numbers = ("*" if number is None else str(number) for number in key[1:])
    access = "".join(letter for letter, bit in LETTERS.items() if bits & bit)
    return f"{key[0]} {':'.join(numbers)} {access}"


def parse_list(text: str) -> Table | None:
    """Return devices.list as a table like that of ``exceptions``; None where all is allowed."""
    table: Table = {}
    for entry in text.splitlines():
        kind, numbers, access = entry.split()
        if kind == "a":
            return None
        major, minor = (None if number == "*" else int(number) for number in numbers.split(":"))
        table[(kind, major, minor)] = sum(LETTERS[letter] for letter in access)
    return table


def set_v1(path: str, rules: Sequence[Rule]) -> None:
    """Make ``rules`` those of the v1 devices cgroup at ``path``.

    A running container's list changes by the difference, so that no open(2) of an allowed device
    fails meanwhile.

    :raises OSError: the kernel refuses (a cgroup above allows less).
    :raises Unsupported: see ``exceptions``.
    """
    default, wanted = exceptions(rules)
    if default:
        cgroup_files.write(path + "/devices.allow", "a")
        cgroup_files.write(
            path + "/devices.deny", *[line(key, bits) for key, bits in wanted.items()]
        )
        return
    now = parse_list(cgroup_files.read(path + "/devices.list"))
    if now is None:
        cgroup_files.write(path + "/devices.deny", "a")
        now = {}
    cgroup_files.write(
        path + "/devices.allow",
        *[line(key, bits) for key, bits in wanted.items() if bits & ~now.get(key, 0)],
    )
    cgroup_files.write(
        path + "/devices.deny",
        *[
            line(key, bits & ~wanted.get(key, 0))
            for key, bits in now.items()
            if bits & ~wanted.get(key, 0)
        ],
    )
