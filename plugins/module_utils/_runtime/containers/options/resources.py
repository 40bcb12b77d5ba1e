# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Options that limit: memory, CPU, processes, disk traffic, rlimits, and the OOM killer's view."""

from __future__ import annotations

import re

from ... import units
from ...errors import InvalidInput
from ...options.forms import boolean, line, set_of, text, whole
from ...options.rows import LIVE, MAP, RESTART, SET, Computed, Flag, Option, Shown, Suboption

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from ...options.forms import Parser
    from ...options.rows import Definition

SMALLEST_MEMORY = 6 << 20  # Docker's: below it a container can't even be set up
RLIMITS = (
    "as core cpu data fsize locks memlock msgqueue nice nofile nproc rss rtprio rttime "
    "sigpending stack"
).split()
UNLIMITED = -1
RT_PERIOD = 1000000  # microseconds, the kernel's own
DEVICE_RATES = ("device_read_bps", "device_write_bps", "device_read_iops", "device_write_iops")


def memory(value: Any, name: str) -> int:
    """Bytes; 0 for no limit."""
    count = units.size(value, name)
    if 0 < count < SMALLEST_MEMORY:
        raise InvalidInput(name, value, "0 (no limit) or at least 6m")
    return count


def memory_swap(value: Any, name: str) -> int:
    """Bytes of memory and swap together; -1 for no limit on swap, 0 for "not set"."""
    if str(value).strip().lower() in ("-1", "unlimited"):
        return UNLIMITED
    return units.size(value, name)


def cpus(value: Any, name: str) -> int | float:
    """CPUs as a number with at most three decimals (quota of a 100 ms period); 0 for no limit."""
    accepted = "a number of CPUs, 0 (no limit) or at least 0.01"
    if isinstance(value, bool):
        raise InvalidInput(name, value, accepted)
    try:
        number = round(float(value), 3)
    except (TypeError, ValueError):
        raise InvalidInput(name, value, accepted) from None
    # 1 ms is the kernel's smallest quota. This also refuses nan.
    if not (number == 0 or 0.01 <= number <= 8192):
        raise InvalidInput(name, value, accepted)
    return int(number) if number == int(number) else number


def cpu_quota(value: Any, name: str) -> int:
    """Microseconds; 0 for no limit, which -1 says as well."""
    quota = whole(1000, None, extra=(0, -1))(value, name)
    return 0 if quota == UNLIMITED else quota


def pids(value: Any, name: str) -> int:
    """-1 for no limit, which 0 says as well."""
    return whole(1, 4194304, extra=(0, -1))(value, name) or UNLIMITED


def cpu_set(value: Any, name: str) -> str:
    """A list of CPU or node numbers (``0-2,5``) with its ranges merged.

    Empty for no restriction.
    """
    parts: list[list[int]] = []
    for number in numbers_of(value, name):
        if parts and number == parts[-1][1] + 1:
            parts[-1][1] = number
        else:
            parts.append([number, number])
    return ",".join(f"{low}" if low == high else f"{low}-{high}" for low, high in parts)


def numbers_of(value: Any, name: str) -> list[int]:
    """The numbers that a text such as ``0-2,5`` names, sorted. :raises InvalidInput:"""
    result: set[int] = set()
    for part in text(value, name).replace(" ", "").split(","):
        match = re.fullmatch(r"(\d{1,4})(?:-(\d{1,4}))?", part)
        low, high = (
            (int(match.group(1)), int(match.group(2) or match.group(1))) if match else (1, 0)
        )
        if low > high and part:
            raise InvalidInput(name, value, "numbers and ranges, such as 0-2,5")
        result.update(range(low, high + 1))
    return sorted(result)


def device_rate(parse: Parser) -> Parser:
    """Make a parser for a limit on one device, ``{"path", "rate"}``, whose rate ``parse`` reads."""

    def device(value: Any, name: str) -> dict[str, Any]:
        if (
            not isinstance(value, dict)
            or value.get("path") is None
            or value.get("rate") is None
            or set(value) - {"path", "rate"}
        ):
            raise InvalidInput(name, value, "a map of path and rate")
        path = line(value["path"], name + ".path")
        if not path.startswith("/"):
            raise InvalidInput(name + ".path", path, "a device's absolute path")
        rate = parse(value["rate"], name + ".rate")
        if rate < 1:
            raise InvalidInput(name + ".rate", value["rate"], "at least 1")
        return {"path": path, "rate": rate}

    return device


def device_weights(value: Any, name: str) -> dict[str, int]:
    """``{path of a device: weight}``."""
    if not isinstance(value, dict):
        raise InvalidInput(name, value, "a map of devices and weights, such as {/dev/sda: 500}")
    weigh = whole(10, 1000)
    found = {}
    for path, weight in value.items():
        if not line(path, name).startswith("/"):
            raise InvalidInput(name, path, "a device's absolute path")
        found[path] = weigh(weight, f"{name}.{path}")
    return found


def ulimit(value: Any, name: str) -> str:
    """``name:soft[:hard]``, with -1 or ``unlimited`` for none, as ``name:soft:hard``, with -1."""
    parts = line(value, name).replace("=", ":", 1).split(":")
    accepted = "name:soft[:hard] with numbers or 'unlimited', name one of " + ", ".join(RLIMITS)
    if len(parts) not in (2, 3) or parts[0].lower() not in RLIMITS:
        raise InvalidInput(name, value, accepted)
    numbers = []
    for part in parts[1:]:
        part = "-1" if part.lower() == "unlimited" else part
        if not re.fullmatch(r"-1|\d{1,19}", part):
            raise InvalidInput(name, value, accepted)
        numbers.append(int(part))
    soft, hard = numbers[0], numbers[-1]
    if hard != -1 and (soft == -1 or soft > hard):
        raise InvalidInput(name, value, "a soft limit that is not above the hard one")
    return f"{parts[0].lower()}:{soft}:{hard}"


def check(definition: Definition) -> None:
    """Refuse options that contradict each other. :raises InvalidInput:"""
    _check_memory(definition)
    if definition.get("cpus") and (definition.get("cpu_quota") or definition.get("cpu_period")):
        raise InvalidInput("cpus", definition["cpus"], "either cpus, or cpu_period and cpu_quota")
    if definition.get("cpu_rt_runtime", 0) > (definition.get("cpu_rt_period") or RT_PERIOD):
        raise InvalidInput(
            "cpu_rt_runtime", definition["cpu_rt_runtime"], "no more than cpu_rt_period"
        )
    names = [entry.split(":")[0] for entry in definition.get("ulimits", ())]
    for entry in names:
        if names.count(entry) > 1:
            raise InvalidInput("ulimits", entry, "one entry for each limit")
    for name in DEVICE_RATES:
        paths = [entry["path"] for entry in definition.get(name, ())]
        if len(paths) != len(set(paths)):
            raise InvalidInput(name, paths, "one entry for each device")


def _check_memory(definition: Definition) -> None:
    limit, swap = definition.get("memory", 0), definition.get("memory_swap", 0)
    if swap > 0 and not limit:
        raise InvalidInput(
            "memory_swap",
            units.show_size(swap),
            "a limit on memory and swap together, next to a limit on memory",
        )
    if swap > 0 and swap < limit:
        raise InvalidInput(
            "memory_swap",
            units.show_size(swap),
            f"at least memory ({units.show_size(limit)}): it counts memory and swap together",
        )
    if limit and definition.get("memory_reservation", 0) > limit:
        raise InvalidInput(
            "memory_reservation",
            units.show_size(definition["memory_reservation"]),
            f"at most memory ({units.show_size(limit)})",
        )


def _path(entry: dict[str, Any]) -> str:
    return entry["path"]


# Docker's forms, for inspect.


def _nano(number: float) -> int:
    return int(round(number * 1e9))


def _limit(number: int) -> int | None:
    return number if number > 0 else None


def _swappiness(number: int) -> int | None:
    return number if number >= 0 else None


def _rates(entries: list[dict[str, Any]]) -> list[dict[str, Any]] | None:
    return [{"Path": entry["path"], "Rate": entry["rate"]} for entry in entries] or None


def _weights(weights: dict[str, int]) -> list[dict[str, Any]] | None:
    return [{"Path": path, "Weight": weight} for path, weight in weights.items()] or None


def _ulimits(entries: list[str]) -> list[dict[str, Any]]:
    parts = [entry.split(":") for entry in entries]
    return [{"Name": name, "Soft": int(soft), "Hard": int(hard)} for name, soft, hard in parts]


# A rate's parser, its type in a task, how its flag is read, its description.
_BYTES = (units.size, "str", "path:rate", "Bytes in a second, or a size such as V(10m).")
_OPERATIONS = (whole(1), "int", "path:number", "Operations in a second.")


def _rate_of_devices(
    name: str,
    rate: tuple[Parser, str, str, str],
    field: str,
    inspect: str,
    help: str,
    description: str,
) -> Option:
    """Return the row of a limit on what is read from devices, or written to them, in a second.

    :param field: below ``linux.resources.blockIO``. :param inspect: below ``HostConfig``.
    """
    parse, kind, reads, of_rate = rate
    place, flag = f"config.json linux.resources.blockIO.{field}", "--" + name.replace("_", "-")
    said = {"place": place, "inspect": f"HostConfig.{inspect}", "flag": flag}
    path = "The device on the host, for example V(/dev/sda)."
    return Option(
        name,
        "list",
        set_of(device_rate(parse)),
        elements="dict",
        compare=SET,
        key=_path,
        change=LIVE,
        place=place,
        inspect=Shown(f"HostConfig.{inspect}", _rates),
        flag=Flag(flag, help, reads=reads),
        suboptions=(
            Suboption("path", "str", required=True, description=path, **said),
            Suboption("rate", kind, required=True, description=of_rate, **said),
        ),
        description=description,
    )


OPTIONS: tuple[Option, ...] = (
    Option(
        "memory",
        "str",
        memory,
        default=0,
        change=LIVE,
        place="config.json linux.resources.memory.limit",
        inspect="HostConfig.Memory",
        flag=Flag("-m, --memory", "Memory limit (512m, 1g)", update=True),
        description="""
        The memory that the container can use at most, for example V(512m). V(0) is for no limit.
        """,
    ),
    Option(
        "memory_reservation",
        "str",
        units.size,
        default=0,
        change=LIVE,
        place="config.json linux.resources.memory.reservation",
        inspect="HostConfig.MemoryReservation",
        flag=Flag("--memory-reservation", "Memory that it should get", update=True),
        description="The memory that the kernel leaves the container when the host runs short.",
    ),
    Option(
        "memory_swap",
        "str",
        memory_swap,
        default=0,
        change=LIVE,
        place="config.json linux.resources.memory.swap",
        inspect=Computed("HostConfig.MemorySwap"),
        flag=Flag("--memory-swap", "Memory and swap together; -1: no limit", update=True),
        description="""
        The limit on memory and swap together. V(-1) or V(unlimited) is for no limit on swap.

        The default is twice O(memory), where the host accounts for swap.
        """,
    ),
    Option(
        "memory_swappiness",
        "int",
        whole(0, 100, extra=(-1,)),
        default=-1,
        change=LIVE,
        place="config.json linux.resources.memory.swappiness",
        inspect=Shown("HostConfig.MemorySwappiness", _swappiness),
        flag=Flag("--memory-swappiness", "0 to 100"),
        description="""
        How readily memory is swapped out, from V(0) to V(100). V(-1) is for the host's. cgroup v1
        only.
        """,
    ),
    Option(
        "cpus",
        "float",
        cpus,
        default=0,
        change=LIVE,
        place=("config.json linux.resources.cpu.quota", "config.json linux.resources.cpu.period"),
        inspect=Shown("HostConfig.NanoCpus", _nano),
        flag=Flag("--cpus", "CPUs (1.5)", update=True),
        description="""
        How many CPUs the container can use at most, for example V(1.5). V(0) is for no limit.
        """,
    ),
    Option(
        "cpu_shares",
        "int",
        whole(2, 262144, extra=(0,)),
        default=0,
        change=LIVE,
        place="config.json linux.resources.cpu.shares",
        inspect="HostConfig.CpuShares",
        flag=Flag("-c, --cpu-shares", "CPU weight (1024 is usual)", update=True),
        description="""
        Weight among containers that compete for CPU time. V(1024) is what a container has
        otherwise.
        """,
    ),
    Option(
        "cpu_period",
        "int",
        whole(1000, 1000000, extra=(0,)),
        default=0,
        change=LIVE,
        place="config.json linux.resources.cpu.period",
        inspect="HostConfig.CpuPeriod",
        flag=Flag("--cpu-period", "CPU quota's period in microseconds", update=True),
        description="""
        Length of a CPU quota's period in microseconds. Mutually exclusive with O(cpus).
        """,
    ),
    Option(
        "cpu_quota",
        "int",
        cpu_quota,
        default=0,
        change=LIVE,
        place="config.json linux.resources.cpu.quota",
        inspect="HostConfig.CpuQuota",
        flag=Flag("--cpu-quota", "CPU time in a period, in microseconds", update=True),
        description="""
        CPU time in each period in microseconds. V(-1) or V(0) is for no limit. Mutually exclusive
        with O(cpus).
        """,
    ),
    Option(
        "cpu_rt_period",
        "int",
        whole(1, 1000000, extra=(0,)),
        default=0,
        change=RESTART,
        place="config.json linux.resources.cpu.realtimePeriod",
        inspect="HostConfig.CpuRealtimePeriod",
        flag=Flag("--cpu-rt-period", "Period of the real-time budget in microseconds"),
        description="""
        Length of the period of O(cpu_rt_runtime) in microseconds. The kernel's own is V(1000000).
        """,
    ),
    Option(
        "cpu_rt_runtime",
        "int",
        whole(1, 1000000, extra=(0,)),
        default=0,
        change=RESTART,
        place="config.json linux.resources.cpu.realtimeRuntime",
        inspect="HostConfig.CpuRealtimeRuntime",
        flag=Flag(
            "--cpu-rt-runtime", "CPU time of real-time processes in a period, in microseconds"
        ),
        description="""
        CPU time that processes with a real-time policy may take in each period, in microseconds.
        Without it they may take none where the kernel has such budgets: cgroup v1, and a kernel
        with CONFIG_RT_GROUP_SCHED. Elsewhere the option is refused.
        """,
    ),
    Option(
        "cpuset_cpus",
        "str",
        cpu_set,
        default="",
        change=LIVE,
        place="config.json linux.resources.cpu.cpus",
        inspect="HostConfig.CpusetCpus",
        flag=Flag("--cpuset-cpus", "CPUs to run on (0-1,3)", update=True),
        description="The CPUs to run on, for example V(0-2,5).",
    ),
    Option(
        "cpuset_mems",
        "str",
        cpu_set,
        default="",
        change=LIVE,
        place="config.json linux.resources.cpu.mems",
        inspect="HostConfig.CpusetMems",
        flag=Flag("--cpuset-mems", "Memory nodes to use", update=True),
        description="The memory nodes to use, for example V(0).",
    ),
    Option(
        "pids_limit",
        "int",
        pids,
        default=UNLIMITED,
        change=LIVE,
        place="config.json linux.resources.pids.limit",
        inspect=Shown("HostConfig.PidsLimit", _limit),
        flag=Flag("--pids-limit", "Number of processes and threads", update=True),
        description="The number of processes and threads at most. V(-1) or V(0) is for no limit.",
    ),
    Option(
        "blkio_weight",
        "int",
        whole(10, 1000, extra=(0,)),
        default=0,
        change=LIVE,
        place="config.json linux.resources.blockIO.weight",
        inspect="HostConfig.BlkioWeight",
        flag=Flag("--blkio-weight", "Block IO weight (10 to 1000)", update=True),
        description="Share of disk time, from V(10) to V(1000). V(0) is for the kernel's default.",
    ),
    Option(
        "blkio_weight_device",
        "dict",
        device_weights,
        compare=MAP,
        change=RESTART,
        place="config.json linux.resources.blockIO.weightDevice",
        inspect=Shown("HostConfig.BlkioWeightDevice", _weights),
        flag=Flag(
            "--blkio-weight-device",
            "Block IO weight of a device (path:weight)",
            reads="path:weight",
        ),
        description="""
        Shares of the time of single disks, a map of the device's path and V(10) to V(1000), for
        example V({/dev/sda: 500}). The disk's scheduler has to be V(bfq). Others are refused, for
        they have no weights.
        """,
    ),
    _rate_of_devices(
        "device_read_bps",
        _BYTES,
        "throttleReadBpsDevice",
        "BlkioDeviceReadBps",
        "Limit of reads (path:bytes)",
        "Limits on the bytes that are read from a device in a second.",
    ),
    _rate_of_devices(
        "device_write_bps",
        _BYTES,
        "throttleWriteBpsDevice",
        "BlkioDeviceWriteBps",
        "Limit of writes (path:bytes)",
        "Limits on the bytes that are written to a device in a second.",
    ),
    _rate_of_devices(
        "device_read_iops",
        _OPERATIONS,
        "throttleReadIOPSDevice",
        "BlkioDeviceReadIOps",
        "Limit of reads (path:number)",
        "Limits on the read operations on a device in a second.",
    ),
    _rate_of_devices(
        "device_write_iops",
        _OPERATIONS,
        "throttleWriteIOPSDevice",
        "BlkioDeviceWriteIOps",
        "Limit of writes (path:number)",
        "Limits on the write operations on a device in a second.",
    ),
    Option(
        "ulimits",
        "list",
        set_of(ulimit),
        elements="str",
        compare=SET,
        key=lambda entry: entry.split(":")[0],
        place="config.json process.rlimits",
        inspect=Shown("HostConfig.Ulimits", _ulimits),
        flag=Flag("--ulimit", "Resource limit (nofile=1024:2048)"),
        aliases=["ulimit"],
        change=RESTART,
        description="""
        Limits of the process, in the form V(name:soft[:hard]), for example V(nofile:1024:2048).
        """,
    ),
    Option(
        "oom_killer",
        "bool",
        boolean,
        default=False,
        change=LIVE,
        place="config.json linux.resources.memory.disableOOMKiller",
        inspect="HostConfig.OomKillDisable",
        flag=Flag("--oom-kill-disable", "No OOM kill"),
        aliases=["oom_kill_disable"],
        description="""
        Whether to B(disable) the OOM killer for the container, as in community.docker. cgroup v1
        only.
        """,
    ),
    Option(
        "oom_score_adj",
        "int",
        whole(-1000, 1000),
        default=0,
        place="config.json process.oomScoreAdj",
        inspect="HostConfig.OomScoreAdj",
        flag=Flag("--oom-score-adj", "OOM score adjustment (-1000 to 1000)"),
        change=RESTART,
        description="""
        How likely the kernel is to kill the container's processes when the host runs out of
        memory, from V(-1000) to V(1000).
        """,
    ),
)
