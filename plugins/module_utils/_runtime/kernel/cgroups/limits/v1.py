# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which files of cgroup version 1 get a section of OCI linux.resources.

Source: Documentation/admin-guide/cgroup-v1/.
Each function of ``SECTIONS`` takes a section and the Directory of its controller, and returns its
Settings. Amounts of 0 mean "not given", as in runc; -1 means "no limit". :raises InvalidInput: a
value that no kernel takes.
"""

from __future__ import annotations

from ....errors import InvalidInput
from .write import Setting

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from typing import Any

    from ..hierarchy.cgroup_files import Directory

    Section = Mapping[str, Any]  # of linux.resources, as resource_types has checked it

SWAP_OFF = "this kernel doesn't account swap in cgroup v1 (boot with swapaccount=1); the container runs without this limit"
KERNEL_MEMORY = (
    "kernels since 5.16 have no limit of their own for kernel memory; it counts in memory.limit"
)
KERNEL_TCP = "this kernel has no limit of its own for TCP buffers (memory.kmem.tcp.limit_in_bytes); they count in memory.limit"
HIERARCHY = "this kernel always counts what is below a group in it (since 5.11, and on cgroup v2)"
NO_LEAF = "kernels since 5.0 have no leaf weights"
NO_REALTIME = "this kernel has no real-time budgets (CONFIG_RT_GROUP_SCHED)"


def memory(section: Section, here: Directory) -> list[Setting]:
    """memory.txt: limit, reservation, swap (memory and swap together), in bytes; swappiness etc."""
    settings: list[Setting] = []
    if section.get("limit"):
        settings.append(Setting("memory.limit", "memory.limit_in_bytes", section["limit"]))
    swap = section.get("swap") or (-1 if section.get("limit") == -1 else 0)
    if swap and (swap != -1 or here.has("memory.memsw.limit_in_bytes")):
        settings.append(
            Setting("memory.swap", "memory.memsw.limit_in_bytes", swap, soft=True, why=SWAP_OFF)
        )
    if section.get("reservation"):
        settings.append(
            Setting("memory.reservation", "memory.soft_limit_in_bytes", section["reservation"])
        )
    if section.get("swappiness") is not None:
        settings.append(Setting("memory.swappiness", "memory.swappiness", section["swappiness"]))
    disable = section.get("disableOOMKiller")
    if disable is not None and ("oom_kill_disable 1" in here.read("memory.oom_control")) != disable:
        settings.append(Setting("memory.disableOOMKiller", "memory.oom_control", int(disable)))
    return settings + kernel_memory(section) + use_hierarchy(section, here)


def kernel_memory(section: Section) -> list[Setting]:
    """memory.txt §2.7: limits of their own, as far as kernels have them."""
    settings: list[Setting] = []
    if section.get("kernel", 0) > 0:
        settings.append(Setting("memory.kernel", None, "", soft=True, why=KERNEL_MEMORY))
    if section.get("kernelTCP"):
        settings.append(
            Setting(
                "memory.kernelTCP",
                "memory.kmem.tcp.limit_in_bytes",
                section["kernelTCP"],
                soft=True,
                why=KERNEL_TCP,
            )
        )
    return settings


def use_hierarchy(section: Section, here: Directory) -> list[Setting]:
    """memory.txt §6: whether a group counts what is below it."""
    hierarchy, now = section.get("useHierarchy"), here.read("memory.use_hierarchy")
    if hierarchy is None or not now or now == str(int(hierarchy)):
        return []
    return [
        Setting(
            "memory.useHierarchy",
            "memory.use_hierarchy" if hierarchy else None,
            1,
            soft=not hierarchy,
            why=HIERARCHY,
        )
    ]


def cpu(section: Section, here: Directory) -> list[Setting]:
    """sched-bwc.txt: shares, quota and period (µs), burst (µs), idle, real-time budget (µs)."""
    settings: list[Setting] = []
    if section.get("idle") is not None and (section["idle"] or here.has("cpu.idle")):
        settings.append(Setting("cpu.idle", "cpu.idle", section["idle"]))
    if section.get("shares") and section.get("idle") != 1:  # an idle group has no weight: EINVAL
        settings.append(Setting("cpu.shares", "cpu.shares", section["shares"]))
    for key, file in (("period", "cpu.cfs_period_us"), ("quota", "cpu.cfs_quota_us")):
        if section.get(key):
            settings.append(Setting("cpu." + key, file, section[key]))
    if section.get("burst") is not None and (section["burst"] or here.has("cpu.cfs_burst_us")):
        settings.append(Setting("cpu.burst", "cpu.cfs_burst_us", section["burst"]))
    for key, file in (
        ("realtimePeriod", "cpu.rt_period_us"),
        ("realtimeRuntime", "cpu.rt_runtime_us"),
    ):
        if section.get(key):
            settings.append(Setting("cpu." + key, file, section[key], why=NO_REALTIME))
    return settings


def cpuset(section: Section, _here: Directory) -> list[Setting]:
    """cpusets.txt: which CPUs and memory nodes, as lists like "0-3,6"."""
    return [
        Setting("cpu." + key, "cpuset." + key, section[key])
        for key in ("cpus", "mems")
        if section.get(key)
    ]


def pids(section: Section, _here: Directory) -> list[Setting]:
    """pids.txt.

    A limit of 0 is written as 1: with both nothing can be forked, but 0 would keep process 1 from
    starting.
    """
    limit = section.get("limit")
    if limit is None:
        return []
    return [Setting("pids.limit", "pids.max", "max" if limit < 0 else max(limit, 1))]


def first(here: Directory, *names: str) -> str:
    """Return the first of the files that is there, else the last name."""
    return next((name for name in names if here.has(name)), names[-1])


def block_io(section: Section, here: Directory) -> list[Setting]:
    """blkio-controller.rst, bfq-iosched.rst: weights (10..1000, of BFQ) and rates by device."""
    why = "this kernel has no I/O weights (they need the BFQ scheduler, CONFIG_BFQ_GROUP_IOSCHED)"
    settings: list[Setting] = []
    if section.get("weight"):
        settings.append(
            Setting(
                "blockIO.weight",
                first(here, "blkio.bfq.weight", "blkio.weight"),
                section["weight"],
                why=why,
            )
        )
    if section.get("leafWeight"):
        settings.append(
            Setting("blockIO.leafWeight", "blkio.leaf_weight", section["leafWeight"], why=NO_LEAF)
        )
    for device in weight_devices(section):
        place = numbers(device)
        if device.get("weight"):
            file = first(here, "blkio.bfq.weight_device", "blkio.weight_device")
            settings.append(
                Setting("blockIO.weightDevice", file, f"{place} {device['weight']}", why=why)
            )
        if device.get("leafWeight"):
            settings.append(
                Setting(
                    "blockIO.weightDevice",
                    "blkio.leaf_weight_device",
                    f"{place} {device['leafWeight']}",
                    why=NO_LEAF,
                )
            )
    for key, file in (
        ("throttleReadBpsDevice", "read_bps"),
        ("throttleWriteBpsDevice", "write_bps"),
        ("throttleReadIOPSDevice", "read_iops"),
        ("throttleWriteIOPSDevice", "write_iops"),
    ):
        for device in section.get(key) or ():
            text = f"{numbers(device)} {device['rate']}"
            settings.append(Setting("blockIO." + key, f"blkio.throttle.{file}_device", text))
    return settings


def numbers(device: Section) -> str:
    """Return a device's numbers as cgroup files have them: "8:0"."""
    return f"{device['major']}:{device['minor']}"


def weight_devices(section: Section) -> Iterator[Section]:
    """Yield the entries of weightDevice. :raises InvalidInput: one has no weight."""
    for device in section.get("weightDevice") or ():
        if device.get("weight") is None and device.get("leafWeight") is None:
            raise InvalidInput(
                "blockIO.weightDevice", numbers(device), "an entry with weight, leafWeight or both"
            )
        yield device


def hugepages(section: Sequence[Section], here: Directory) -> list[Setting]:
    """hugetlb.rst: bytes for each page size.

    Where the kernel has them (5.7), reservations get the same limit.
    """
    return hugepage_settings(
        section, here, "hugetlb.%s.limit_in_bytes", "hugetlb.%s.rsvd.limit_in_bytes"
    )


def hugepage_settings(
    section: Sequence[Section], here: Directory, used: str, reserved: str
) -> list[Setting]:
    """Return the Settings of hugepageLimits.

    :param used, reserved: names of the files, with %s for the page size.
    """
    settings: list[Setting] = []
    for entry in section:
        size = entry["pageSize"]
        why = f"this host has no huge pages of {size}"
        settings.append(Setting("hugepageLimits", used % size, entry["limit"], why=why))
        if here.has(reserved % size):
            settings.append(Setting("hugepageLimits", reserved % size, entry["limit"], why=why))
    return settings


def net_cls(section: Section, _here: Directory) -> list[Setting]:
    """net_cls.rst: the mark that tc filters look at."""
    return (
        [Setting("network.classID", "net_cls.classid", section["classID"])]
        if section.get("classID")
        else []
    )


def net_prio(section: Section, _here: Directory) -> list[Setting]:
    """net_prio.rst: socket priority by interface."""
    entries = section.get("priorities") or ()
    return [
        Setting("network.priorities", "net_prio.ifpriomap", f"{entry['name']} {entry['priority']}")
        for entry in entries
    ]


def rdma(section: Section, _here: Directory) -> list[Setting]:
    """rdma.rst, the same in both versions: ``{device: {"hcaHandles", "hcaObjects"}}``."""
    settings: list[Setting] = []
    for device, limits in section.items():
        names = (("hcaHandles", "hca_handle"), ("hcaObjects", "hca_object"))
        parts = [f"{name}={limits[key]}" for key, name in names if limits.get(key) is not None]
        if not parts:
            raise InvalidInput("rdma." + device, None, "hcaHandles, hcaObjects or both")
        settings.append(Setting("rdma", "rdma.max", f"{device} {' '.join(parts)}"))
    return settings


SECTIONS: dict[str, Callable[[Any, Directory], list[Setting]]] = {
    "memory": memory,
    "cpu": cpu,
    "cpuset": cpuset,
    "pids": pids,
    "blockIO": block_io,
    "hugepageLimits": hugepages,
    "net_cls": net_cls,
    "net_prio": net_prio,
    "rdma": rdma,
}
