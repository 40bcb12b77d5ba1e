# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""config.json's resources: cgroup limits, the device rules and nodes, rlimits."""

from __future__ import annotations

import os
import stat

from ...errors import InvalidInput

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable
    from typing import Any

    from ..options.table import Definition

    Node = dict[str, Any]  # OCI runtime-spec, config-linux.md#devices

PERIOD = 100000  # microseconds: the CFS period that `cpus` is a quota of
UNLIMITED = (1 << 64) - 1  # RLIM_INFINITY, getrlimit(2)

# (type, major, minor) of what every container may use: null, zero, full, random, urandom, tty, console, ptmx, pts, net/tun.
# /dev/net/tun: runc dropped it in 1.2.0 and had to put it back in 1.2.4.
ALLOWED = (
    ("c", 1, 3),
    ("c", 1, 5),
    ("c", 1, 7),
    ("c", 1, 8),
    ("c", 1, 9),
    ("c", 5, 0),
    ("c", 5, 1),
    ("c", 5, 2),
    ("c", 136, None),
    ("c", 10, 200),
)

THROTTLES = {
    "device_read_bps": "throttleReadBpsDevice",
    "device_write_bps": "throttleWriteBpsDevice",
    "device_read_iops": "throttleReadIOPSDevice",
    "device_write_iops": "throttleWriteIOPSDevice",
}


def resources(definition: Definition, swap: bool = True) -> dict[str, Any]:
    """linux.resources with only what was asked for, and the device rules.

    :param swap: whether the host accounts for swap; without it Docker's default (as much swap as memory) is left out.
    """
    found: dict[str, Any] = {"devices": device_rules(definition)}
    for key, part in (
        ("memory", memory(definition, swap)),
        ("cpu", cpu(definition)),
        ("blockIO", block_io(definition)),
    ):
        if part:
            found[key] = part
    if definition.get("pids_limit", -1) > 0:
        found["pids"] = {"limit": definition["pids_limit"]}
    return found


def memory(definition: Definition, swap: bool) -> dict[str, Any]:
    found = {}
    limit, both = definition.get("memory", 0), definition.get("memory_swap", 0)
    if limit:
        found["limit"] = limit
    if definition.get("memory_reservation"):
        found["reservation"] = definition["memory_reservation"]
    if both:
        found["swap"] = both
    elif limit and swap:
        found["swap"] = 2 * limit
    if definition.get("memory_swappiness", -1) >= 0:
        found["swappiness"] = definition["memory_swappiness"]
    if definition.get("oom_killer"):  # docker_container's option means "disable the OOM killer"
        found["disableOOMKiller"] = True
    return found


def cpu(definition: Definition) -> dict[str, Any]:
    found: dict[str, Any] = {}
    if definition.get("cpus"):
        found.update(quota=int(round(definition["cpus"] * PERIOD)), period=PERIOD)
    for option, key in (
        ("cpu_shares", "shares"),
        ("cpu_period", "period"),
        ("cpu_quota", "quota"),
        ("cpuset_cpus", "cpus"),
        ("cpuset_mems", "mems"),
    ):
        if definition.get(option):
            found[key] = definition[option]
    return found


def block_io(definition: Definition) -> dict[str, Any]:
    found: dict[str, Any] = {}
    if definition.get("blkio_weight"):
        found["weight"] = definition["blkio_weight"]
    for option, key in THROTTLES.items():
        if definition.get(option):
            found[key] = [_throttle(option, entry) for entry in definition[option]]
    return found


def _throttle(option: str, entry: dict[str, Any]) -> dict[str, int]:
    number = device_number(
        entry["path"], option + ".path", (stat.S_ISBLK,), "a block device of the host"
    )[1]
    return {"major": os.major(number), "minor": os.minor(number), "rate": entry["rate"]}


def released(before: Definition, after: Definition, swap: bool = True) -> dict[str, Any]:
    """Resources for a running container: those of ``after``, and for what ``before`` limited and ``after`` does not, "no limit".

    :returns: linux.resources without device rules (they do not change while a container runs).
    """
    old, new = resources(before, swap), resources(after, swap)
    new.pop("devices")
    free: dict[str, dict[str, Any]] = {
        "memory": {
            "limit": -1,
            "reservation": -1,
            "swap": -1,
            "swappiness": 60,
            "disableOOMKiller": False,
        },
        "cpu": {"shares": 1024, "quota": -1, "period": PERIOD, "cpus": "", "mems": ""},
        "pids": {"limit": -1},
        "blockIO": {"weight": 500},
    }
    for part, values in free.items():
        for key, value in values.items():
            if key in old.get(part, {}) and key not in new.get(part, {}):
                new.setdefault(part, {})[key] = value
    for key in THROTTLES.values():
        kept = {(entry["major"], entry["minor"]) for entry in new.get("blockIO", {}).get(key, ())}
        for entry in old.get("blockIO", {}).get(key, ()):
            if (entry["major"], entry["minor"]) not in kept:
                new.setdefault("blockIO", {}).setdefault(key, []).append(dict(entry, rate=0))
    return new


def device_rules(definition: Definition) -> list[dict[str, Any]]:
    """The device cgroup's list: everything is refused but what is named; a node may be made (mknod) but not opened."""
    if definition.get("privileged"):
        return [{"allow": True, "access": "rwm"}]
    rules = [
        {"allow": False, "access": "rwm"},
        {"allow": True, "type": "c", "access": "m"},
        {"allow": True, "type": "b", "access": "m"},
    ]
    for kind, major, minor in ALLOWED:
        rules.append(_rule(kind, major, minor, "rwm"))
    for node, access in nodes(definition):
        rules.append(_rule(node["type"], node["major"], node["minor"], access))
    for entry in definition.get("device_cgroup_rules", ()):
        kind, numbers, access = entry.split()
        one, other = (None if part == "*" else int(part) for part in numbers.split(":"))
        rules.append(_rule(kind, one, other, access))
    return rules


def _rule(kind: str, major: int | None, minor: int | None, access: str) -> dict[str, Any]:
    rule = {"allow": True, "type": kind, "access": access, "major": major, "minor": minor}
    return {key: value for key, value in rule.items() if value is not None}


def devices(definition: Definition) -> list[Node]:
    """linux.devices: the nodes to make beside the default ones."""
    found = [node for node, _access in nodes(definition)]
    if definition.get("privileged"):
        taken = {node["path"] for node in found}
        found += [node for node in _host_devices() if node["path"] not in taken]
    return found


def nodes(definition: Definition) -> list[tuple[Node, str]]:
    """The task's devices as ``[(node, access)]``; a directory of the host stands for all devices below it, as in Docker."""
    found = []
    for entry in definition.get("devices", ()):
        source, inside, access = entry.rsplit(":", 2)
        if os.path.isdir(source):
            for path in _walk(source):
                found.append((_node(path, inside + path[len(source) :]), access))
        else:
            kind, number, info = device_number(
                source, "devices", (stat.S_ISBLK, stat.S_ISCHR), "a device of the host"
            )
            found.append((_made(inside, kind, number, info), access))
    return found


def device_number(
    path: str, option: str, kinds: Iterable[Callable[[int], bool]], accepted: str
) -> tuple[str, int, os.stat_result]:
    """``(type, number, stat)`` of a device. :raises InvalidInput: where there is none at ``path``."""
    try:
        info = os.stat(path)
    except OSError as error:
        raise InvalidInput(option, path, f"{accepted} ({error.strerror})") from None
    if not any(kind(info.st_mode) for kind in kinds):
        raise InvalidInput(option, path, accepted)
    return "b" if stat.S_ISBLK(info.st_mode) else "c", info.st_rdev, info


def _made(inside: str, kind: str, number: int, info: os.stat_result) -> Node:
    return {
        "path": inside,
        "type": kind,
        "major": os.major(number),
        "minor": os.minor(number),
        "fileMode": stat.S_IMODE(info.st_mode),
        "uid": info.st_uid,
        "gid": info.st_gid,
    }


def _node(path: str, inside: str) -> Node:
    info = os.lstat(path)
    return _made(inside, "b" if stat.S_ISBLK(info.st_mode) else "c", info.st_rdev, info)


def _walk(directory: str, skip: Collection[str] = ()) -> list[str]:
    """Device nodes below a directory; no symlinks are followed."""
    found = []
    for entry in sorted(os.scandir(directory), key=lambda entry: entry.name):
        if entry.path in skip or entry.is_symlink():
            continue
        if entry.is_dir():
            found += _walk(entry.path, skip)
        elif stat.S_ISBLK(entry.stat().st_mode) or stat.S_ISCHR(entry.stat().st_mode):
            found.append(entry.path)
    return found


def _host_devices() -> list[Node]:
    """Every device of the host for a privileged container, but for terminals and what the container has of its own."""
    own = (
        "/dev/pts",
        "/dev/shm",
        "/dev/mqueue",
        "/dev/console",
        "/dev/ptmx",
        "/dev/null",
        "/dev/zero",
        "/dev/full",
        "/dev/random",
        "/dev/urandom",
        "/dev/tty",
    )
    return [_node(path, path) for path in _walk("/dev", own)]


def rlimits(definition: Definition) -> list[dict[str, Any]]:
    found = []
    for entry in definition.get("ulimits", ()):
        name, soft, hard = entry.split(":")
        found.append(
            {
                "type": "RLIMIT_" + name.upper(),
                "soft": UNLIMITED if soft == "-1" else int(soft),
                "hard": UNLIMITED if hard == "-1" else int(hard),
            }
        )
    return found
