# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Device rules: the exact order in version 2's program, the table of version 1, against a plain reading of the rules."""

from __future__ import annotations

import itertools
import random
import struct

import pytest
from pycontainer.errors import InvalidInput, Unsupported
from pycontainer.kernel.cgroups.limits import device_program, device_rules

DENY_ALL = {"allow": False, "access": "rwm"}
ALLOW_ALL = {"allow": True, "access": "rwm"}
NODES = ((1, 3), (1, 5), (1, 7), (1, 8), (1, 9), (5, 0), (5, 1), (5, 2), (136, None))
DOCKER = [
    DENY_ALL,
    {"allow": True, "type": "c", "access": "m"},
    {"allow": True, "type": "b", "access": "m"},
]
DOCKER += [
    {"allow": True, "type": "c", "major": major, "minor": minor, "access": "rwm"}
    for major, minor in NODES
]
DOCKER += [{"allow": False, "type": "c", "major": 10, "minor": 229, "access": "rwm"}]


def judge(rules, kind, major, minor, access):
    """What the rules say, read as OCI words it: for each kind of access the last rule that speaks of it."""

    def one(bit):
        allowed = False
        for rule in rules:
            numbers = all(
                rule.get(name) in (None, -1, number)
                for name, number in (("major", major), ("minor", minor))
            )
            if (
                rule.get("type", "a") in ("a", kind)
                and numbers
                and bit in (rule.get("access") or "rwm")
            ):
                allowed = rule["allow"]
        return allowed

    return all(one(bit) for bit in access)


def run(program, kind, major, minor, access):
    """Interpret a BPF program, as far as these go; fails on anything else, on running out of it and on a backward jump."""
    context = struct.pack("=III", access << 16 | device_program.KINDS[kind], major, minor)
    code = [struct.unpack_from("=BBhi", program, at) for at in range(0, len(program), 8)]
    registers, at = {1: "context"}, 0
    while True:
        operation, pair, offset, value = code[at]
        target, source = pair & 15, pair >> 4
        at += 1
        assert offset >= 0
        if operation == 0x61:
            assert registers[source] == "context"
            registers[target] = struct.unpack_from("=I", context, offset)[0]
        elif operation == 0xBF:
            registers[target] = registers[source]
        elif operation == 0xB7:
            registers[target] = value
        elif operation == 0x57:
            registers[target] &= value
        elif operation == 0x77:
            registers[target] >>= value
        elif operation == 0x15:
            at += offset if registers[target] == value else 0
        elif operation == 0x55:
            at += offset if registers[target] != value else 0
        else:
            assert operation == 0x95
            return registers[0]


def bits(access):
    return sum(device_rules.LETTERS[letter] for letter in access)


ACCESSES = [
    "".join(letters) for count in (1, 2, 3) for letters in itertools.combinations("rwm", count)
]


def compare(rules, tries):
    program = device_program.assemble(device_rules.normalise(rules))
    for kind, major, minor, access in tries:
        assert run(program, kind, major, minor, bits(access)) == judge(
            rules, kind, major, minor, access
        ), (rules, kind, major, minor, access)


@pytest.mark.parametrize(
    "rules",
    [
        [],
        [DENY_ALL],
        [ALLOW_ALL],
        DOCKER,
        [ALLOW_ALL, DENY_ALL],
        [DENY_ALL, ALLOW_ALL],
        DOCKER + [ALLOW_ALL],
    ],
)
def test_program(rules):
    compare(rules, itertools.product("bc", (1, 8, 10, 136), (0, 3, 229), ACCESSES))


def test_program_against_random_rules():
    chance = random.Random(7)
    for dummy in range(300):
        rules = [
            {
                "allow": chance.random() < 0.5,
                "type": chance.choice("abc"),
                "major": chance.choice((None, -1, 1, 2)),
                "minor": chance.choice((None, 1, 2)),
                "access": chance.choice(ACCESSES),
            }
            for dummy in range(chance.randrange(8))
        ]
        compare(rules, itertools.product("bc", (1, 2, 3), (1, 2, 3), ACCESSES))


def table(rules):
    default, found = device_rules.exceptions(device_rules.normalise(rules))
    return default, sorted(device_rules.line(key, access) for key, access in found.items())


def test_v1_table_of_the_usual_rules():
    default, lines = table(DOCKER)
    assert default is False
    assert "c *:* m" in lines and "c 1:3 rwm" in lines and "c 136:* rwm" in lines
    assert not any("229" in line for line in lines)


def test_v1_takes_back_what_was_allowed():
    allow = {"allow": True, "type": "c", "major": 1, "minor": 3, "access": "rwm"}
    assert table([DENY_ALL, allow, dict(allow, allow=False, access="w")]) == (False, ["c 1:3 rm"])
    assert table([DENY_ALL, allow, {"allow": False, "type": "c", "major": 1, "access": "rw"}]) == (
        False,
        ["c 1:3 m"],
    )
    assert table([DENY_ALL, allow, dict(allow, allow=False)]) == (False, [])


def test_v1_allow_all_with_exceptions():
    assert table([ALLOW_ALL, {"allow": False, "type": "b", "major": 8, "access": "rw"}]) == (
        True,
        ["b 8:* rw"],
    )
    assert table([ALLOW_ALL]) == (True, [])


@pytest.mark.parametrize(
    "rules",
    [
        [
            DENY_ALL,
            {"allow": True, "type": "c", "major": 1, "access": "rw"},
            {"allow": False, "type": "c", "major": 1, "minor": 3, "access": "r"},
        ],
        [
            ALLOW_ALL,
            {"allow": False, "type": "c", "access": "rwm"},
            {"allow": True, "type": "c", "major": 1, "minor": 3, "access": "r"},
        ],
    ],
)
def test_v1_hole_in_a_wildcard_is_refused(rules):
    with pytest.raises(Unsupported, match="can't make an exception"):
        table(rules)


def test_v1_table_agrees_with_the_rules_where_it_can_be_had():
    chance, tried = random.Random(3), 0
    for dummy in range(400):
        rules = [
            {
                "allow": chance.random() < 0.6,
                "type": chance.choice("bc"),
                "major": chance.choice((None, 1, 2)),
                "minor": chance.choice((None, 1)),
                "access": chance.choice(("r", "w", "rw")),
            }
            for dummy in range(chance.randrange(6))
        ]
        try:
            default, found = device_rules.exceptions(device_rules.normalise(rules))
        except Unsupported:
            continue
        tried += 1
        for kind, major, minor, bit in itertools.product("bc", (1, 2), (1, 2), "rw"):
            other = any(
                device_rules.covers(key, (kind, major, minor)) and access & bits(bit)
                for key, access in found.items()
            )
            assert (default != other) == judge(rules, kind, major, minor, bit), (
                rules,
                kind,
                major,
                minor,
                bit,
            )
    assert tried > 100


@pytest.mark.parametrize(
    "rule",
    [
        {"allow": True, "type": "x"},
        {"allow": True, "access": "rx"},
        {"allow": True, "type": "c", "major": -2},
        {"allow": True, "type": "c", "minor": "3"},
        {"allow": True, "type": "c", "major": 1 << 20},
    ],
)
def test_bad_rules(rule):
    with pytest.raises(InvalidInput, match="devices"):
        device_rules.normalise([rule])


def test_list_is_read_as_it_is_written():
    lines = ["c 1:3 rwm", "b *:* m", "c 136:* rw"]
    found = device_rules.parse_list("\n".join(lines))
    assert sorted(device_rules.line(key, access) for key, access in found.items()) == sorted(lines)
    assert device_rules.parse_list("a *:* rwm") is None
    assert device_rules.parse_list("") == {}
