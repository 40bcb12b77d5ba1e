# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""config.json's limits: cgroups (linux.resources) and rlimits."""

from __future__ import annotations

import os
import stat

from ..devices import device_nodes

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Literal

    from ...oci.spec.config_types import BlockIO, Cpu, Memory, Rate, Resources, Rlimit, Throttle
    from ...options.rows import Definition


PERIOD = 100000  # microseconds: the CFS period that `cpus` is a quota of
UNLIMITED = (1 << 64) - 1  # RLIM_INFINITY, getrlimit(2)

# What is written where a limit is taken away.
FREE: dict[str, dict[str, Any]] = {
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
CPU: dict[
    str, Literal["shares", "period", "quota", "realtimePeriod", "realtimeRuntime", "cpus", "mems"]
] = {
    "cpu_shares": "shares",
    "cpu_period": "period",
    "cpu_quota": "quota",
    "cpu_rt_period": "realtimePeriod",
    "cpu_rt_runtime": "realtimeRuntime",
    "cpuset_cpus": "cpus",
    "cpuset_mems": "mems",
}
THROTTLES: dict[str, Throttle] = {
    "device_read_bps": "throttleReadBpsDevice",
    "device_write_bps": "throttleWriteBpsDevice",
    "device_read_iops": "throttleReadIOPSDevice",
    "device_write_iops": "throttleWriteIOPSDevice",
}


def resources(definition: Definition, swap: bool = True) -> Resources:
    """Make linux.resources with only what was asked for, and the device rules.

    :param swap: whether the host accounts for swap; without it Docker's default (as much swap as
        memory) is left out.
    """
    found: Resources = {"devices": device_nodes.device_rules(definition)}
    of_memory, of_cpu, of_disks = memory(definition, swap), cpu(definition), block_io(definition)
    if of_memory:
        found["memory"] = of_memory
    if of_cpu:
        found["cpu"] = of_cpu
    if of_disks:
        found["blockIO"] = of_disks
    if definition.get("pids_limit", -1) > 0:
        found["pids"] = {"limit": definition["pids_limit"]}
    return found


def memory(definition: Definition, swap: bool) -> Memory:
    """Make linux.resources.memory; sizes are bytes."""
    found: Memory = {}
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


def cpu(definition: Definition) -> Cpu:
    """Make linux.resources.cpu; times are microseconds."""
    found: Cpu = {}
    if definition.get("cpus"):
        found["quota"], found["period"] = int(round(definition["cpus"] * PERIOD)), PERIOD
    for option, key in CPU.items():
        if definition.get(option):
            found[key] = definition[option]
    return found


def block_io(definition: Definition) -> BlockIO:
    """Make linux.resources.blockIO."""
    found: BlockIO = {}
    if definition.get("blkio_weight"):
        found["weight"] = definition["blkio_weight"]
    if definition.get("blkio_weight_device"):
        found["weightDevice"] = [
            {"major": os.major(number), "minor": os.minor(number), "weight": weight}
            for path, weight in definition["blkio_weight_device"].items()
            for number in [disk(path, "blkio_weight_device")]
        ]
    for option, key in THROTTLES.items():
        if definition.get(option):
            found[key] = [_throttle(option, entry) for entry in definition[option]]
    return found


def disk(path: str, option: str) -> int:
    """Return the number of a block device. :raises InvalidInput: there is none at ``path``."""
    accepted = "a block device of the host"
    return device_nodes.device_number(path, option, (stat.S_ISBLK,), accepted)[1]


def _throttle(option: str, entry: dict[str, Any]) -> Rate:
    number = disk(entry["path"], option + ".path")
    return {"major": os.major(number), "minor": os.minor(number), "rate": entry["rate"]}


def released(before: Definition, after: Definition, swap: bool = True) -> dict[str, Any]:
    """Make the resources that bring a running container from one definition to another.

    What ``before`` limited and ``after`` does not is "no limit".

    :returns: linux.resources without device rules, which do not change while a container runs.
    """
    old, new = resources(before, swap), resources(after, swap)
    del new["devices"]
    had: dict[str, Any] = {**old}
    wanted: dict[str, Any] = {**new}
    for part, values in FREE.items():
        for key, value in values.items():
            if key in had.get(part, {}) and key not in wanted.get(part, {}):
                wanted.setdefault(part, {})[key] = value
    for key in THROTTLES.values():
        kept = {(rate["major"], rate["minor"]) for rate in _rates(new, key)}
        for rate in _rates(old, key):
            if (rate["major"], rate["minor"]) not in kept:
                gone: Rate = {**rate, "rate": 0}
                wanted.setdefault("blockIO", {}).setdefault(key, []).append(gone)
    return wanted


def _rates(resources: Resources, key: Throttle) -> list[Rate]:
    return resources.get("blockIO", {}).get(key, [])


def rlimits(definition: Definition) -> list[Rlimit]:
    """Make process.rlimits."""
    found: list[Rlimit] = []
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
