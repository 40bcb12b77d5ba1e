# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which files of cgroup version 2 get a section of OCI linux.resources.

Source: Documentation/admin-guide/cgroup-v2.rst.
Each function of ``SECTIONS`` takes a section and the group's Directory, and returns its Settings.
The document was written for version 1; the conversions are those of runc 1.3 and crun, so that a
number means the same under every engine.
:raises InvalidInput: a value that no kernel takes.
"""

from __future__ import annotations

from ....errors import InvalidInput
from ..hierarchy.cgroup_files import number
from . import v1
from .write import Setting

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from typing import Any

    from ..hierarchy.cgroup_files import Directory
    from .translation import Place

    Section = Mapping[str, Any]  # of linux.resources, as resource_types has checked it

SWAP_OFF = "this kernel doesn't account swap (CONFIG_SWAP, or booted with swapaccount=0); the container runs without this limit"
NO_FILE = "cgroup v2 has no such setting; the container runs without it"
CORE = frozenset(
    (
        "cgroup.procs",
        "cgroup.threads",
        "cgroup.type",
        "cgroup.kill",
        "cgroup.freeze",
        "cgroup.subtree_control",
    )
)


def weight_of_shares(shares: int) -> int:
    """Return cpu.weight (1..10000) for CPU shares (2..262144).

    It is the quadratic in log2 that maps 2, 1024, 262144 to 1, 100, 10000.
    """
    if shares <= 2:
        return 1
    if shares >= 262144:
        return 10000
    import math  # here: a shared object of its own in some builds of Python

    log = math.log2(shares)
    return math.ceil(round(10 ** ((log * log + 125 * log) / 612 - 7 / 34), 9))


def io_weight(weight: int) -> int:
    """Return io.weight (1..10000) for a blkio weight (10..1000), linear."""
    return 1 + (weight - 10) * 9999 // 990


def limit_text(amount: int) -> str:
    return "max" if amount < 0 else str(amount)


def swap_text(section: Section, here: Directory) -> str:
    """Return the text of memory.swap.max (swap alone) for OCI's sum of memory and swap.

    :returns: "" where nothing is asked for.
    :raises InvalidInput: a sum without a limit, or below it.
    """
    limit, total = section.get("limit") or 0, section.get("swap") or 0
    if total == -1 or (limit == -1 and not total):
        return "max"
    if not total:
        return ""
    if not limit:  # a live update of the sum alone
        limit = number(here.read("memory.max")) or 0
    if limit <= 0:
        raise InvalidInput(
            "memory.swap", total, "a limit of memory and swap together with a memory limit"
        )
    if total < limit:
        raise InvalidInput("memory.swap", total, f"at least the memory limit, {limit} bytes")
    return str(total - limit)


def memory(section: Section, here: Directory) -> list[Setting]:
    """limit → memory.max, reservation → memory.low, swap → memory.swap.max.

    memory.swap.max comes first: what a lower limit drives out may go there.
    """
    settings: list[Setting] = []
    swap = swap_text(section, here)
    if swap and (swap not in ("max", "0") or here.has("memory.swap.max")):
        settings.append(Setting("memory.swap", "memory.swap.max", swap, soft=True, why=SWAP_OFF))
    if section.get("limit"):
        settings.append(Setting("memory.limit", "memory.max", limit_text(section["limit"])))
    if section.get("reservation"):
        settings.append(Setting("memory.reservation", "memory.low", max(section["reservation"], 0)))
    for key, none in (("swappiness", None), ("disableOOMKiller", False)):
        if section.get(key, none) != none:
            settings.append(Setting("memory." + key, None, "", soft=True, why=NO_FILE))
    for key, why in (
        ("kernel", v1.KERNEL_MEMORY),
        ("kernelTCP", "cgroup v2 has no limit for TCP buffers alone; they count in memory.limit"),
    ):
        if section.get(key, 0) > 0:
            settings.append(Setting("memory." + key, None, "", soft=True, why=why))
    if section.get("useHierarchy") is False:
        settings.append(Setting("memory.useHierarchy", None, "", soft=True, why=v1.HIERARCHY))
    return settings


def cpu(section: Section, here: Directory) -> list[Setting]:
    """shares → cpu.weight, quota and period → cpu.max, burst → cpu.max.burst, idle → cpu.idle."""
    settings: list[Setting] = []
    if section.get("idle") is not None and (section["idle"] or here.has("cpu.idle")):
        settings.append(Setting("cpu.idle", "cpu.idle", section["idle"]))
    if section.get("shares") and section.get("idle") != 1:
        settings.append(Setting("cpu.shares", "cpu.weight", weight_of_shares(section["shares"])))
    quota, period = section.get("quota"), section.get("period")
    if quota or period:
        now = (here.read("cpu.max") or "max 100000").split()
        text = f"{limit_text(quota) if quota else now[0]} {period or now[1]}"
        settings.append(Setting("cpu.quota" if quota else "cpu.period", "cpu.max", text))
    if section.get("burst") is not None and (section["burst"] or here.has("cpu.max.burst")):
        settings.append(Setting("cpu.burst", "cpu.max.burst", section["burst"]))
    for key in ("realtimePeriod", "realtimeRuntime"):
        if section.get(key):
            settings.append(
                Setting("cpu." + key, None, "", why="cgroup v2 has no real-time budgets")
            )
    return settings


def block_io(section: Section, here: Directory) -> list[Setting]:
    """Weights: to BFQ's file as they are, to io.weight converted, whichever of the two are there.

    Rates → io.max.
    """
    settings: list[Setting] = []
    why = "this kernel has no I/O weights (they need the BFQ scheduler or the io.cost controller)"
    files = [name for name in ("io.bfq.weight", "io.weight") if here.has(name)] or ["io.weight"]
    if section.get("weight"):
        for file in files:
            settings.append(
                Setting(
                    "blockIO.weight", file, f"default {scaled(file, section['weight'])}", why=why
                )
            )
    for device in v1.weight_devices(section):
        for file in files if device.get("weight") else ():
            text = f"{v1.numbers(device)} {scaled(file, device['weight'])}"
            settings.append(Setting("blockIO.weightDevice", file, text, why=why))
    if section.get("leafWeight") or any(
        device.get("leafWeight") for device in section.get("weightDevice") or ()
    ):
        settings.append(
            Setting("blockIO.leafWeight", None, "", why="cgroup v2 has no leaf weights")
        )
    for key, word in (
        ("throttleReadBpsDevice", "rbps"),
        ("throttleWriteBpsDevice", "wbps"),
        ("throttleReadIOPSDevice", "riops"),
        ("throttleWriteIOPSDevice", "wiops"),
    ):
        for device in section.get(key) or ():
            text = f"{v1.numbers(device)} {word}={device['rate'] or 'max'}"
            settings.append(Setting("blockIO." + key, "io.max", text))
    return settings


def scaled(file: str, weight: int) -> int:
    """Return a blkio weight as the file wants it."""
    return io_weight(weight) if file == "io.weight" else weight


def hugepages(section: Sequence[Section], here: Directory) -> list[Setting]:
    return v1.hugepage_settings(section, here, "hugetlb.%s.max", "hugetlb.%s.rsvd.max")


def unified(section: Mapping[str, str], place: Place) -> list[Setting]:
    """Return the raw files of ``resources.unified``.

    ``{file name: text}``, a line at a time, as io.max and its like want them.
    """
    settings: list[Setting] = []
    for file, text in section.items():
        controller, dot, rest = file.partition(".")
        if not (controller and dot and rest) or "/" in file:
            raise InvalidInput(
                "unified",
                file,
                "the name of a cgroup v2 file, such as memory.high: the specified key has not "
                f"the form CONTROLLER.VALUE `{file}`",
            )
        if file in CORE:
            raise InvalidInput(
                "unified",
                file,
                "the name of a cgroup v2 file that sets a limit, such as memory.high",
            )
        found = controller in place.controllers or controller == "cgroup"
        why = (
            f"no such file or directory: this kernel has no {file}"
            if found
            else (
                f"invalid configuration for this host: {file}: the requested cgroup controller "
                f"`{controller}` is not available in its cgroup v2 tree"
            )
        )
        for line in str(text).splitlines():
            settings.append(Setting("unified", file if found else None, line, why=why))
    return settings


SECTIONS: dict[str, Callable[[Any, Directory], list[Setting]]] = {
    "memory": memory,
    "cpu": cpu,
    "cpuset": v1.cpuset,
    "pids": v1.pids,
    "blockIO": block_io,
    "hugepageLimits": hugepages,
    "rdma": v1.rdma,
}
