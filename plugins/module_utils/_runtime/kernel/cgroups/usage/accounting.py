# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Read all that a group accounts, in the form of ``runc events --stats``.

Times are nanoseconds, amounts bytes. "No limit" is what the kernel shows: the largest number of 64
bits on v2, of whole pages on v1; 0 for processes. Of two versions of a file, the one that counts
what is below the group too is read.
"""

from __future__ import annotations

import os

from ..hierarchy import cgroup_files
from . import counters

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import Any

    from ..hierarchy.layout import GroupDirectories

UNLIMITED = (1 << 64) - 1
TICK = 10_000_000  # ns; USER_HZ is 100 on x86-64 and arm64
CPUSET = (
    "cpu_exclusive",
    "mem_hardwall",
    "mem_exclusive",
    "memory_migrate",
    "memory_spread_page",
    "memory_spread_slab",
    "memory_pressure",
    "sched_load_balance",
    "sched_relax_domain_level",
)
BLKIO_V1 = {
    "ioServiceBytesRecursive": "io_service_bytes",
    "ioServicedRecursive": "io_serviced",
    "ioQueueRecursive": "io_queued",
    "ioServiceTimeRecursive": "io_service_time",
    "ioWaitTimeRecursive": "io_wait_time",
    "ioMergedRecursive": "io_merged",
    "ioTimeRecursive": "time",
    "sectorsRecursive": "sectors",
}
BLKIO_V2 = {
    "rbytes": ("ioServiceBytesRecursive", "Read"),
    "wbytes": ("ioServiceBytesRecursive", "Write"),
    "dbytes": ("ioServiceBytesRecursive", "Discard"),
    "rios": ("ioServicedRecursive", "Read"),
    "wios": ("ioServicedRecursive", "Write"),
    "dios": ("ioServicedRecursive", "Discard"),
}


def collect(group: GroupDirectories) -> dict[str, Any]:
    """Return the "data" of a "stats" event for a Group.

    ``intel_rdt`` and ``network_interfaces`` are the caller's to fill: they aren't the group's.

    :returns: ``{"cpu", "cpuset", "memory", "pids", "blkio", "hugetlb", "intel_rdt",
        "network_interfaces"}``; with ``"rdma"`` where there is such hardware, and a ``"psi"`` in
        the parts that have one.
    """
    v1, unified = group.v1, group.unified
    pressure = counters.pressure(unified, cgroup_files.read_or)
    data: dict[str, Any] = {
        "cpu": cpu_v1(v1) if "cpuacct" in v1 else cpu_v2(unified),
        "cpuset": cpuset(v1["cpuset"], "cpus", "mems")
        if "cpuset" in v1
        else cpuset(unified, "cpus.effective", "mems.effective"),
        "memory": memory_v1(v1["memory"]) if "memory" in v1 else memory_v2(unified),
        "pids": {
            name: value or 0
            for name, value in counters.pids(
                v1.get("pids") or unified, cgroup_files.read_or
            ).items()
        },
        "blkio": blkio_v1(v1["blkio"]) if "blkio" in v1 else blkio_v2(unified),
        "hugetlb": hugetlb(v1.get("hugetlb"), unified, huge_page_sizes()),
        "intel_rdt": {},
        "network_interfaces": None,
    }
    for part, name in (("cpu", "cpu"), ("memory", "memory"), ("blkio", "io")):
        if name in pressure:
            data[part]["psi"] = pressure[name]
    rdma = devices_of(cgroup_files.read_or(f"{v1.get('rdma') or unified}/rdma.current"))
    return dict(data, rdma=rdma) if rdma else data


def value(path: str) -> int:
    """Return a file's number; 0 for none, UNLIMITED for "max"."""
    text = cgroup_files.read_or(path)
    return UNLIMITED if text == "max" else int(text) if text.lstrip("-").isdigit() else 0


# ---------------------------------------------------------------------------------------------- CPU


def cpu_v1(v1: Mapping[str, str]) -> dict[str, Any]:
    path = v1["cpuacct"]
    usage: dict[str, Any] = {
        "total": value(path + "/cpuacct.usage"),
        "percpu": numbers(path + "/cpuacct.usage_percpu"),
        "percpu_kernel": numbers(path + "/cpuacct.usage_percpu_sys"),
        "percpu_user": numbers(path + "/cpuacct.usage_percpu_user"),
    }
    ticks = cgroup_files.keyed(cgroup_files.read_or(path + "/cpuacct.stat"))
    usage.update(kernel=ticks.get("system", 0) * TICK, user=ticks.get("user", 0) * TICK)
    stat = cgroup_files.keyed(cgroup_files.read_or(v1["cpu"] + "/cpu.stat")) if "cpu" in v1 else {}
    return {
        "usage": usage,
        "throttling": {
            "periods": stat.get("nr_periods", 0),
            "throttledPeriods": stat.get("nr_throttled", 0),
            "throttledTime": stat.get("throttled_time", 0),
        },
    }


def numbers(path: str) -> list[int]:
    return [int(word) for word in cgroup_files.read_or(path).split()]


def cpu_v2(path: str | None) -> dict[str, Any]:
    stat = cgroup_files.keyed(cgroup_files.read_or(f"{path}/cpu.stat"))
    usage = {
        "total": stat.get("usage_usec", 0) * 1000,
        "kernel": stat.get("system_usec", 0) * 1000,
        "user": stat.get("user_usec", 0) * 1000,
    }
    return {
        "usage": usage,
        "throttling": {
            "periods": stat.get("nr_periods", 0),
            "throttledPeriods": stat.get("nr_throttled", 0),
            "throttledTime": stat.get("throttled_usec", 0) * 1000,
        },
    }


def cpuset(path: str | None, cpus: str, mems: str) -> dict[str, Any]:
    result: dict[str, Any] = {
        "cpus": listed(cgroup_files.read_or(f"{path}/cpuset.{cpus}")),
        "mems": listed(cgroup_files.read_or(f"{path}/cpuset.{mems}")),
    }
    result.update((name, value(f"{path}/cpuset.{name}")) for name in CPUSET)
    return result


def listed(text: str) -> list[int]:
    """Return [0, 1, 2, 5] for "0-2,5"."""
    found: list[int] = []
    for part in filter(None, text.split(",")):
        first, _dash, last = part.partition("-")
        found += range(int(first), int(last or first) + 1)
    return found


# ------------------------------------------------------------------------------------------- memory


def memory_v1(path: str) -> dict[str, Any]:
    raw = cgroup_files.keyed(cgroup_files.read_or(path + "/memory.stat"))
    result: dict[str, Any] = {"cache": raw.get("cache", 0), "raw": raw}
    for name, middle in (
        ("usage", ""),
        ("swap", "memsw."),
        ("kernel", "kmem."),
        ("kernelTCP", "kmem.tcp."),
    ):
        start = f"{path}/memory.{middle}"
        result[name] = {
            "limit": value(start + "limit_in_bytes"),
            "usage": value(start + "usage_in_bytes"),
            "max": value(start + "max_usage_in_bytes"),
            "failcnt": value(start + "failcnt"),
        }
    return result


def memory_v2(path: str | None) -> dict[str, Any]:
    """Return the figures as version 1 has them.

    ``swap`` is memory and swap together, as on v1; of kernel memory there is only the usage.
    """
    raw, events = (
        cgroup_files.keyed(cgroup_files.read_or(f"{path}/memory.{name}"))
        for name in ("stat", "events")
    )
    usage = {
        "limit": value(f"{path}/memory.max"),
        "usage": value(f"{path}/memory.current"),
        "max": value(f"{path}/memory.peak"),
        "failcnt": events.get("max", 0),
    }
    swap = {
        "limit": value(f"{path}/memory.swap.max"),
        "usage": value(f"{path}/memory.swap.current") + usage["usage"],
        "failcnt": 0,
    }
    if swap["limit"] != UNLIMITED:
        swap["limit"] = min(swap["limit"] + usage["limit"], UNLIMITED)
    kernel = raw.get("kernel")
    if (
        kernel is None
    ):  # before Linux 5.18: what of it is told one by one (cgroup-v2.rst, "memory.stat")
        kernel = sum(raw.get(name, 0) for name in ("kernel_stack", "pagetables", "percpu", "slab"))
    return {
        "cache": raw.get("file", 0),
        "usage": usage,
        "swap": swap,
        "kernel": {"limit": 0, "usage": kernel, "failcnt": 0},
        "kernelTCP": {"limit": 0, "usage": raw.get("sock", 0), "failcnt": 0},
        "raw": raw,
    }


# ------------------------------------------------------------------------------------- devices, I/O


def blkio_v1(path: str) -> dict[str, Any]:
    """Read the BFQ scheduler's files, or those of the throttling, which count every request."""
    result = {}
    for name, file in BLKIO_V1.items():
        for file_name in (
            f"blkio.bfq.{file}_recursive",
            f"blkio.{file}_recursive",
            f"blkio.throttle.{file}_recursive",
            f"blkio.throttle.{file}",
        ):
            entries = entries_of(cgroup_files.read_or(f"{path}/{file_name}"))
            if entries:
                result[name] = entries
                break
    return result


def entries_of(text: str) -> list[dict[str, Any]]:
    """Return the entries of lines like "8:0 Read 4096" or "8:0 17", without the totals."""
    found: list[dict[str, Any]] = []
    for words in (line.split() for line in text.splitlines()):
        if len(words) in (2, 3) and ":" in words[0]:
            major, minor = words[0].split(":")
            found.append(
                {
                    "major": int(major),
                    "minor": int(minor),
                    "op": words[1] if len(words) == 3 else "",
                    "value": int(words[-1]),
                }
            )
    return found


def blkio_v2(path: str | None) -> dict[str, Any]:
    result: dict[str, Any] = {}
    for words in (line.split() for line in cgroup_files.read_or(f"{path}/io.stat").splitlines()):
        major, _colon, minor = words[0].partition(":")
        for name, _equals, number in (word.partition("=") for word in words[1:]):
            if name in BLKIO_V2 and minor.isdigit():
                key, operation = BLKIO_V2[name]
                result.setdefault(key, []).append(
                    {
                        "major": int(major),
                        "minor": int(minor),
                        "op": operation,
                        "value": int(number),
                    }
                )
    return result


def huge_page_sizes() -> list[str]:
    """Return this machine's huge page sizes as the hugetlb controller's files name them: "2MB"."""
    try:
        names = os.listdir("/sys/kernel/mm/hugepages")
    except OSError:
        return []
    sizes = []
    for name in names:
        size, unit = int(name[len("hugepages-") : -len("kB")]), 0
        while size >= 1024 and size % 1024 == 0 and unit < 2:
            size, unit = size // 1024, unit + 1
        sizes.append(f"{size}{('KB', 'MB', 'GB')[unit]}")
    return sorted(sizes)


def hugetlb(old: str | None, unified: str | None, sizes: Iterable[str]) -> dict[str, Any]:
    """Return reservations where the kernel accounts them (5.7), else what is in use.

    :param old: the group's directory of version 1's controller, or None.
    :param unified: of version 2, or None.
    """
    result = {}
    for size in sizes:
        for middle in (".rsvd", ""):
            start = f"{old or unified}/hugetlb.{size}{middle}."
            if old and cgroup_files.read_or(start + "usage_in_bytes"):
                result[size] = {
                    "usage": value(start + "usage_in_bytes"),
                    "max": value(start + "max_usage_in_bytes"),
                    "failcnt": value(start + "failcnt"),
                }
                break
            if not old and cgroup_files.read_or(start + "current"):
                events = cgroup_files.keyed(
                    cgroup_files.read_or(f"{unified}/hugetlb.{size}.events")
                )
                result[size] = {
                    "usage": value(start + "current"),
                    "max": 0,
                    "failcnt": events.get("max", 0),
                }
                break
    return result


def devices_of(text: str) -> dict[str, dict[str, int]]:
    """Return rdma.current, "mlx4_0 hca_handle=2", as ``{"mlx4_0": {"hca_handle": 2}}``."""
    return {
        words[0]: {
            key: int(number)
            for key, _equals, number in (word.partition("=") for word in words[1:])
            if number.isdigit()
        }
        for words in (line.split() for line in text.splitlines())
        if words
    }
