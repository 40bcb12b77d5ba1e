# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Check linux.resources of a document that others wrote, and bring it into one form.

It has names in the specification's spelling, and values of its types.
Names are taken whatever their case, as runc's and crun's JSON readers do and their callers rely on.
Unknown ones are left out (config.md "Extensibility"), and so is what is null.
"""

from __future__ import annotations

from ....errors import InvalidInput

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

DEVICE = {"major": "int", "minor": "int", "rate": "uint"}
WEIGHT = {"major": "int", "minor": "int", "weight": "uint", "leafWeight": "uint"}
# config-linux.md, "Control groups": section -> option -> type; [x] is a list of objects, "" stands
# for any name.
TYPES: dict[str, Any] = {
    "memory": {
        "limit": "int",
        "reservation": "int",
        "swap": "int",
        "kernel": "int",
        "kernelTCP": "int",
        "swappiness": "uint",
        "disableOOMKiller": "bool",
        "useHierarchy": "bool",
        "checkBeforeUpdate": "bool",
    },
    "cpu": {
        "shares": "uint",
        "quota": "int",
        "burst": "uint",
        "period": "uint",
        "realtimeRuntime": "int",
        "realtimePeriod": "uint",
        "cpus": "text",
        "mems": "text",
        "idle": "int",
    },
    "pids": {"limit": "int"},
    "blockIO": {
        "weight": "uint",
        "leafWeight": "uint",
        "weightDevice": [WEIGHT],
        "throttleReadBpsDevice": [DEVICE],
        "throttleWriteBpsDevice": [DEVICE],
        "throttleReadIOPSDevice": [DEVICE],
        "throttleWriteIOPSDevice": [DEVICE],
    },
    "hugepageLimits": [{"pageSize": "text", "limit": "uint"}],
    "network": {"classID": "uint", "priorities": [{"name": "text", "priority": "uint"}]},
    "rdma": {"": {"hcaHandles": "uint", "hcaObjects": "uint"}},
    "unified": {"": "text"},
    "devices": [
        {"allow": "bool", "type": "text", "major": "int", "minor": "int", "access": "text"}
    ],
}
SPOKEN = {
    "int": "a number",
    "uint": "a number, 0 or more",
    "text": "a string",
    "bool": "true or false",
}
# What an entry of a list can't do without.
NEEDED: dict[str, tuple[str, ...]] = {
    "weightDevice": ("major", "minor"),
    "hugepageLimits": ("pageSize", "limit"),
    "priorities": ("name", "priority"),
    "devices": ("allow",),
}
NEEDED.update(
    {key: ("major", "minor", "rate") for key in TYPES["blockIO"] if key.startswith("throttle")}
)
# What an OCI runtime grants beside the document's own rules: making any node, and opening those of
# config-linux.md "Default Devices", terminals, and /dev/net/tun (as runc and crun do). Type, major,
# minor (-1: any), access.
DEFAULT_DEVICES = (
    ("c", -1, -1, "m"),
    ("b", -1, -1, "m"),
    ("c", 1, 3, "rwm"),
    ("c", 1, 8, "rwm"),
    ("c", 1, 7, "rwm"),
    ("c", 5, 0, "rwm"),
    ("c", 1, 5, "rwm"),
    ("c", 1, 9, "rwm"),
    ("c", 136, -1, "rwm"),
    ("c", 5, 2, "rwm"),
    ("c", 10, 200, "rwm"),
)


def canonical(resources: Any) -> dict[str, Any]:
    """Return ``resources`` (None: nothing) as the rest of this chapter wants it.

    :raises InvalidInput: naming the option whose value is of another type.
    """
    return _object({} if resources is None else resources, TYPES, "")


def with_default_devices(resources: Any) -> dict[str, Any]:
    """Return ``canonical`` with the rules of ``DEFAULT_DEVICES`` after its own device rules.

    Without any of its own, all else is denied.
    """
    result = canonical(resources)
    names = ("type", "major", "minor", "access")
    result["devices"] = result.get("devices", []) + [
        dict(zip(names, rule), allow=True) for rule in DEFAULT_DEVICES
    ]
    return result


def read(value: Any, kind: Any, name: str) -> Any:
    """Return a value of the type ``kind`` (see ``TYPES``).

    :param name: of the option, for a sentence. :raises InvalidInput:
    """
    if isinstance(kind, list):
        return _list(value, kind[0], name)
    if isinstance(kind, dict):
        return _object(value, kind, name)
    right: dict[str, type] = {"int": int, "uint": int, "text": str, "bool": bool}
    if (
        not isinstance(value, right[kind])
        or isinstance(value, bool) != (kind == "bool")
        or (kind == "uint" and isinstance(value, int) and value < 0)
    ):
        raise InvalidInput(name, value, SPOKEN[kind])
    return value


def _list(value: Any, kind: dict[str, Any], name: str) -> list[Any]:
    if not isinstance(value, list):
        raise InvalidInput(name or "resources", value, "a list of objects")
    entries = [read(entry, kind, name) for entry in value]
    for entry in entries:
        for key in NEEDED.get(name.rpartition(".")[2], ()):
            if key not in entry:
                raise InvalidInput(f"{name}.{key}", None, SPOKEN[kind[key]])
    return entries


def _object(value: Any, kind: dict[str, Any], name: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise InvalidInput(name or "resources", value, "an object")
    result: dict[str, Any] = {}
    spelling = {key.lower(): key for key in kind}
    for key, item in value.items():
        known = key if "" in kind else spelling.get(key.lower())
        if known is None or item is None:
            continue
        item = read(item, kind.get(known, kind.get("")), f"{name}.{known}" if name else known)
        result[known] = dict(result[known], **item) if isinstance(result.get(known), dict) else item
    return result
