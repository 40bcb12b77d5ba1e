# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Merge a live update into linux.resources: what the record becomes, and what has to be written.

A change names only what is to be different. Some files hold two options, and some options depend on
others: those that a change touches are written together with their companions out of the record.
"""

from __future__ import annotations

from .resource_types import canonical

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

# The options of ``runc update`` and crun's: name -> section, key, kind of value ("bytes" takes
# units, and -1).
FLAGS = {
    "memory": ("memory", "limit", "bytes"),
    "memory-swap": ("memory", "swap", "bytes"),
    "memory-reservation": ("memory", "reservation", "bytes"),
    "kernel-memory": ("memory", "kernel", "bytes"),
    "kernel-memory-tcp": ("memory", "kernelTCP", "bytes"),
    "cpu-share": ("cpu", "shares", "number"),
    "cpu-quota": ("cpu", "quota", "number"),
    "cpu-period": ("cpu", "period", "number"),
    "cpu-burst": ("cpu", "burst", "number"),
    "cpu-rt-runtime": ("cpu", "realtimeRuntime", "number"),
    "cpu-rt-period": ("cpu", "realtimePeriod", "number"),
    "cpu-idle": ("cpu", "idle", "number"),
    "cpuset-cpus": ("cpu", "cpus", "text"),
    "cpuset-mems": ("cpu", "mems", "text"),
    "pids-limit": ("pids", "limit", "number"),
    "blkio-weight": ("blockIO", "weight", "number"),
}
# Lists, and what tells their entries apart.
KEYED: dict[str, tuple[str, ...]] = {
    "weightDevice": ("major", "minor"),
    "throttleReadBpsDevice": ("major", "minor"),
    "throttleWriteBpsDevice": ("major", "minor"),
    "throttleReadIOPSDevice": ("major", "minor"),
    "throttleWriteIOPSDevice": ("major", "minor"),
    "hugepageLimits": ("pageSize",),
    "priorities": ("name",),
}


def from_flags(given: Mapping[str, int | str]) -> dict[str, Any]:
    """Return the change that options ask for.

    ``{"memory": bytes, "cpu-share": 512, "cpuset-cpus": "0", ...}``, see ``FLAGS``.
    """
    change: dict[str, Any] = {}
    for name, value in given.items():
        section, key, _kind = FLAGS[name]
        change.setdefault(section, {})[key] = value
    return change


def merge(
    recorded: Mapping[str, Any] | None, change: Mapping[str, Any]
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return ``(resources, writes)``: the new record, and what ``Group.apply`` has to write.

    A list of devices, page sizes or interfaces is changed by its entries; device rules are the
    whole list.

    :param recorded, change: OCI linux.resources.
    :raises InvalidInput: a value of the wrong type.
    """
    change = canonical(change)
    result = {
        section: join(section, (recorded or {}).get(section), value)
        for section, value in change.items()
    }
    writes = dict(change)
    if "memory" in change:
        result["memory"], writes["memory"] = memory(result["memory"], change["memory"])
    if "cpu" in change:
        result["cpu"], writes["cpu"] = cpu(result["cpu"], change["cpu"])
    return dict(recorded or {}, **result), {
        section: value for section, value in writes.items() if value
    }


def join(section: str, old: Any, new: Any) -> Any:
    """Return ``new`` laid over ``old``: maps by key, lists of ``KEYED`` by entry."""
    if isinstance(new, dict):
        result = dict(old or {})
        result.update({key: join(key, result.get(key), value) for key, value in new.items()})
        return result
    if section in KEYED:

        def name(entry: dict[str, Any]) -> tuple[Any, ...]:
            return tuple(entry.get(key) for key in KEYED[section])

        entries = {name(entry): dict(entry) for entry in old or ()}
        for entry in new:
            entries.setdefault(name(entry), {}).update(entry)
        return list(entries.values())
    return new


def memory(merged: dict[str, Any], asked: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the section, and its writes: a limit and that of memory and swap are one matter.

    A limit taken away takes the other with it, unless that is named too: the sum has to be as large
    at least.
    """
    if asked.get("limit") == -1 and not asked.get("swap"):
        merged = {key: value for key, value in merged.items() if key != "swap"}
    writes = dict(asked)
    if asked.get("limit") or asked.get("swap"):
        writes.update({key: merged[key] for key in ("limit", "swap") if merged.get(key)})
    return merged, writes


def cpu(merged: dict[str, Any], asked: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the section, and its writes: quota and period are one value (on v2 and for systemd).

    A group made idle loses its shares.
    """
    if asked.get("idle") is not None and not asked.get("shares"):
        merged = {key: value for key, value in merged.items() if key != "shares"}
    writes = dict(asked)
    if asked.get("quota") or asked.get("period"):
        writes.update({key: merged[key] for key in ("quota", "period") if merged.get(key)})
    return merged, writes
