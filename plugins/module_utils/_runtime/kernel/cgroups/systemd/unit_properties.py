# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""OCI linux.resources as properties of a systemd unit.

When systemd writes its own settings again, it writes ours then. systemd.resource-control(5); names
by version of cgroups as systemd has them on D-Bus. What systemd has no property for is in the files
alone: it never touches those.
"""

from __future__ import annotations

from ....errors import InvalidInput
from ..hierarchy.cgroup_files import Directory
from ..limits import device_rules, v2

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

    from ..limits.device_rules import Rule

    # Name, D-Bus signature, value (see kernel/systemd/dbus.py).
    Property = tuple[str, str, Any]

INFINITY = (1 << 64) - 1
PERIOD = 100000  # µs, the kernel's default


def properties(resources: Mapping[str, Any], unified: bool, version: int) -> list[Property]:
    """Return the properties for ``resources``.

    :param unified: the limits are in the version 2 tree.
    :param version: systemd's, see ``units.version``.
    :raises InvalidInput: a value that no kernel takes.
    """
    result = memory(resources.get("memory") or {}, unified) + cpu(
        resources.get("cpu") or {}, unified, version
    )
    limit = (resources.get("pids") or {}).get("limit")
    if limit is not None:
        result.append(("TasksMax", "t", INFINITY if limit < 0 else max(limit, 1)))
    weight = (resources.get("blockIO") or {}).get("weight")
    if weight:
        result.append(
            ("IOWeight", "t", v2.io_weight(weight)) if unified else ("BlockIOWeight", "t", weight)
        )
    if resources.get("devices"):
        result += device_properties(device_rules.normalise(resources["devices"]))
    return result + unified_properties(resources.get("unified") or {}, version)


def amount(value: int) -> int:
    """Return a number of bytes; INFINITY for -1."""
    return INFINITY if value < 0 else value


def memory(section: Mapping[str, Any], unified: bool) -> list[Property]:
    result: list[Property] = []
    if section.get("limit"):
        result.append(("MemoryMax" if unified else "MemoryLimit", "t", amount(section["limit"])))
    if unified and section.get("reservation"):
        result.append(("MemoryLow", "t", amount(section["reservation"])))
    swap = v2.swap_text(section, NOTHING) if unified and section.get("limit") else ""
    if swap:
        result.append(("MemorySwapMax", "t", INFINITY if swap == "max" else int(swap)))
    return result


class Nothing(Directory):
    """A directory of which nothing can be read."""

    def read(self, name: str) -> str:
        return ""


NOTHING = Nothing("")


def cpu(section: Mapping[str, Any], unified: bool, version: int) -> list[Property]:
    result: list[Property] = []
    idle = unified and section.get("idle") == 1 and version >= 252
    if idle:
        result.append(("CPUWeight", "t", 0))
    elif section.get("shares"):
        result.append(
            ("CPUWeight", "t", v2.weight_of_shares(section["shares"]))
            if unified
            else ("CPUShares", "t", section["shares"])
        )
    result += quota(section.get("quota") or 0, section.get("period") or 0, version)
    for key, name in (("cpus", "AllowedCPUs"), ("mems", "AllowedMemoryNodes")):
        if section.get(key) and version >= 244:
            result.append((name, "ay", mask(section[key], "cpu." + key)))
    return result


def quota(amount_us: int, period: int, version: int) -> list[Property]:
    """Return the properties of a quota. :param amount_us, period: µs, 0 for none.

    systemd keeps CPUQuotaPerSecUSec in whole per cents: it is rounded up, so that the file's own
    value stays within it.
    """
    result: list[Property] = []
    if period and version >= 242:
        result.append(("CPUQuotaPeriodUSec", "t", period))
    if amount_us or period:
        each = INFINITY
        if amount_us > 0:
            each = -(-amount_us * 1000000 // (period or PERIOD) // 10000) * 10000
        result.append(("CPUQuotaPerSecUSec", "t", each))
    return result


def mask(text: str, key: str) -> bytes:
    """Return a list like "0-3,6" as bytes of bits, the lowest first.

    :raises InvalidInput: for the option ``key``.
    """
    bits = 0
    for part in filter(None, (part.strip() for part in text.split(","))):
        first, dash, last = part.partition("-")
        if (
            not first.isdigit()
            or (dash and not last.isdigit())
            or int(last or first) < int(first)
            or int(last or first) > 1 << 16
        ):
            raise InvalidInput(key, text, "a list such as 0-3,6")
        for index in range(int(first), int(last or first) + 1):
            bits |= 1 << index
    return bits.to_bytes(max((bits.bit_length() + 7) // 8, 1), "little")


def device_properties(rules: Sequence[Rule]) -> list[Property]:
    """Return DevicePolicy and DeviceAllow, which replaces what the unit had.

    Denials within what is allowed have no form here.
    """
    if rules[0].allow:
        return [("DeviceAllow", "a(ss)", []), ("DevicePolicy", "s", "auto")]
    _default, table = device_rules.exceptions(rules)
    allowed = []
    for (kind, major, minor), bits in table.items():
        access = device_rules.line((kind, major, minor), bits).rpartition(" ")[2]
        group = "char" if kind == "c" else "block"
        if major is None and minor is None:
            allowed.append((f"{group}-*", access))
        elif major is not None and minor is None:
            allowed.append((f"{group}-{major}", access))
        elif major is not None:
            allowed.append((f"/dev/{group}/{major}:{minor}", access))
    return [
        ("DeviceAllow", "a(ss)", []),
        ("DevicePolicy", "s", "strict"),
        ("DeviceAllow", "a(ss)", allowed),
    ]


BYTES = {
    "memory.high": "MemoryHigh",
    "memory.low": "MemoryLow",
    "memory.min": "MemoryMin",
    "memory.max": "MemoryMax",
    "memory.swap.max": "MemorySwapMax",
    "pids.max": "TasksMax",
}


def unified_properties(section: Mapping[str, str], version: int) -> list[Property]:
    """Return the properties of those raw v2 files that systemd has one for."""
    result: list[Property] = []
    idle = section.get("cpu.idle", "").strip() == "1" and version >= 252
    for file, text in section.items():
        text = text.strip()
        if file in BYTES:
            value = INFINITY if text == "max" else number(file, text)
            result.append((BYTES[file], "t", max(value, 1) if file == "pids.max" else value))
        elif file == "cpu.weight" and not idle:
            result.append(("CPUWeight", "t", number(file, text)))
        elif file == "cpu.max":
            words = text.split()
            each = number(file, words[0]) if words and words[0] != "max" else 0
            result += quota(each, number(file, words[1]) if len(words) > 1 else PERIOD, version)
        elif file in ("cpuset.cpus", "cpuset.mems") and version >= 244:
            name = "AllowedCPUs" if file == "cpuset.cpus" else "AllowedMemoryNodes"
            result.append((name, "ay", mask(text, file)))
    if idle:
        result.append(("CPUWeight", "t", 0))
    return result


def number(file: str, text: str) -> int:
    if not text.isdigit():
        raise InvalidInput("unified." + file, text, "a number or max")
    return int(text)


# -------------------------------------------------------------------------------------- annotations


def annotated(annotations: Mapping[str, str]) -> list[Property]:
    """Return the properties that annotations ``org.systemd.property.NAME: VALUE`` ask for.

    VALUE is in GVariant's text form: 'text', true, false, a number with its type before it
    (uint64 5) or without (int32), or ['a', 'b']. A name that ends in Sec takes seconds, and is
    given to systemd as NAMEUSec.

    :raises InvalidInput: another form.
    """
    result: list[Property] = []
    for key, text in annotations.items():
        if key.startswith("org.systemd.property."):
            name = key[len("org.systemd.property.") :]
            signature, value = variant(key, text.strip())
            if name.endswith("Sec") and not name.endswith("USec"):
                name, signature, value = name[:-3] + "USec", "t", int(value * 1000000)
            result.append((name, signature, value))
    return result


TYPES = {
    "int16": "n",
    "uint16": "q",
    "int32": "i",
    "uint32": "u",
    "int64": "x",
    "uint64": "t",
    "byte": "y",
    "double": "d",
}


def variant(key: str, text: str) -> tuple[str, Any]:
    """Return ``(D-Bus signature, value)``. :raises InvalidInput: for the annotation ``key``."""
    kind, _space, rest = text.rpartition(" ")
    quoted = len(text) > 1 and text[0] == text[-1] and text[0] in "'\""
    try:
        if text in ("true", "false"):
            return "b", text == "true"
        if quoted:
            return "s", text[1:-1]
        if text.startswith("[") and text.endswith("]"):
            return "as", [
                variant(key, part.strip())[1] for part in text[1:-1].split(",") if part.strip()
            ]
        if kind in TYPES:
            return TYPES[kind], float(rest) if kind == "double" else int(rest, 0)
        return ("d", float(text)) if "." in text else ("i", int(text, 0))
    except ValueError:
        raise InvalidInput(
            "annotations." + key,
            text,
            "a value in GVariant's text form, such as 'text', true, uint64 5 or ['a', 'b']",
        ) from None
