# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""How the kernel runs a process: config.json's process.scheduler, ioPriority, execCPUAffinity,
linux.personality and memoryPolicy.

Read into numbers before anything is made, applied by the process itself or, where it is in a user
namespace and may not, by the one outside. sched_setattr(2), ioprio_set(2), sched_setaffinity(2),
personality(2), set_mempolicy(2).
"""

from __future__ import annotations

import errno
import os

from ...errors import Unsupported, reason
from ...kernel.calls import syscalls

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Set
    from typing import Any

    from .config_types import IoPriority, Linux, MemoryPolicy, Personality, Process, Scheduler

POLICIES = {
    "SCHED_OTHER": 0,
    "SCHED_FIFO": 1,
    "SCHED_RR": 2,
    "SCHED_BATCH": 3,
    "SCHED_ISO": 4,
    "SCHED_IDLE": 5,
    "SCHED_DEADLINE": 6,
}
SCHEDULER_FLAGS = {
    "SCHED_FLAG_RESET_ON_FORK": 0x1,
    "SCHED_FLAG_RECLAIM": 0x2,
    "SCHED_FLAG_DL_OVERRUN": 0x4,
    "SCHED_FLAG_KEEP_POLICY": 0x8,
    "SCHED_FLAG_KEEP_PARAMS": 0x10,
    "SCHED_FLAG_UTIL_CLAMP_MIN": 0x20,
    "SCHED_FLAG_UTIL_CLAMP_MAX": 0x40,
}
IO_CLASSES = {"IOPRIO_CLASS_RT": 1, "IOPRIO_CLASS_BE": 2, "IOPRIO_CLASS_IDLE": 3}
PERSONALITIES = {"LINUX": 0, "LINUX32": 8}
MEMORY_MODES = {
    "MPOL_DEFAULT": 0,
    "MPOL_PREFERRED": 1,
    "MPOL_BIND": 2,
    "MPOL_INTERLEAVE": 3,
    "MPOL_LOCAL": 4,
    "MPOL_PREFERRED_MANY": 5,
    "MPOL_WEIGHTED_INTERLEAVE": 6,
}
MEMORY_FLAGS = {
    "MPOL_F_STATIC_NODES": 1 << 15,
    "MPOL_F_RELATIVE_NODES": 1 << 14,
    "MPOL_F_NUMA_BALANCING": 1 << 13,
}
_WITHOUT_NODES = ("MPOL_DEFAULT", "MPOL_LOCAL")


class Scheduling:
    """What config.json asks of it, as numbers.

    :ivar scheduler: arguments of sched_setattr(2), or None.
    :ivar io_priority: ``(class, priority)`` or None.
    :ivar initial, final: sets of CPUs for exec, or None.
    :ivar personality: a number or None.
    :ivar memory: ``(mode with its flags, nodes)`` or None.
    :raises Unsupported: naming what can't be done.
    """

    def __init__(self, process: Process, linux: Linux):
        self.scheduler = _scheduler(process.get("scheduler"))
        self.io_priority = _io_priority(process.get("ioPriority"))
        affinity = process.get("execCPUAffinity") or {}
        self.initial = _list("process.execCPUAffinity.initial", affinity.get("initial"))
        self.final = _list("process.execCPUAffinity.final", affinity.get("final"))
        self.personality = _personality(linux.get("personality"))
        self.memory = _memory(linux.get("memoryPolicy"))

    def apply(self, pid: int = 0) -> None:
        """Set the policies that can be given to another process; ``pid`` 0 is this one.

        :raises OSError: naming the field.
        """
        if self.scheduler:
            try:
                _do("process.scheduler", syscalls.sched_setattr, pid, **self.scheduler)
            except OSError as error:
                if (
                    error.errno != errno.EPERM
                    or self.scheduler["policy"] != POLICIES["SCHED_DEADLINE"]
                ):
                    raise
                why = "; process scheduler can't be used together with AllowedCPUs (linux.resources.cpu.cpus), or needs CAP_SYS_NICE"
                raise OSError(error.errno, f"{reason(error, named=True)}{why}") from None
        if self.io_priority:
            _do("process.ioPriority", syscalls.ioprio_set, pid, *self.io_priority)

    def apply_own(self) -> None:
        """Set what a process can set for itself alone."""
        if self.personality is not None:
            _do("linux.personality", syscalls.personality, self.personality)
        if self.memory:
            _do("linux.memoryPolicy", syscalls.set_mempolicy, *self.memory)


def _do(field: str, call: Callable[..., object], *arguments: Any, **named: Any) -> None:
    try:
        call(*arguments, **named)
    except OSError as error:
        raise OSError(error.errno, f"{field} can't be set: {reason(error, named=True)}") from None


def affinity(field: str, cpus: Set[int] | None) -> None:
    """Let this process run on these CPUs only; None leaves it.

    :raises OSError: naming the field.
    """
    if cpus is not None:
        _do(field, os.sched_setaffinity, 0, cpus)


def reset_affinity() -> None:
    """Run on every CPU of the cgroup's cpuset, whichever this process was let run on: a container
    has its CPUs from its cgroup alone.

    Since Linux 6.2 a process keeps its caller's mask also when it comes to another cpuset.
    """
    try:
        syscalls.reset_affinity()
    except OSError:  # as good as before
        pass


def _chosen(field: str, value: Any, table: Mapping[str, int]) -> int:
    if value not in table:
        raise Unsupported(
            f"config.json: {field}: {value!r} is not known; known: {', '.join(table)}"
        )
    return table[value]


def _number(field: str, value: object, least: int, most: int) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
        raise Unsupported(
            f"config.json: {field}: {value!r} is not valid; accepted: {least} to {most}"
        )
    return value


def _scheduler(entry: Scheduler | None) -> dict[str, int] | None:
    """Return arguments of sched_setattr, or None."""
    if not entry:
        return None
    policy = entry.get("policy")
    found = {"policy": _chosen("process.scheduler.policy", policy, POLICIES)}
    found["nice"] = _number("process.scheduler.nice", entry.get("nice") or 0, -20, 19)
    found["priority"] = _number("process.scheduler.priority", entry.get("priority") or 0, 0, 99)
    found["flags"] = sum(
        {
            _chosen("process.scheduler.flags", flag, SCHEDULER_FLAGS)
            for flag in entry.get("flags") or ()
        }
    )
    for name in ("runtime", "deadline", "period"):
        found[name] = _number("process.scheduler." + name, entry.get(name) or 0, 0, 2**64 - 1)
        if found[name] and policy != "SCHED_DEADLINE":
            raise Unsupported(
                f"config.json: process.scheduler.{name} is for SCHED_DEADLINE only, not for "
                f"{policy}"
            )
    if policy == "SCHED_DEADLINE":
        _check_deadline(entry)
    if found["priority"] and policy not in ("SCHED_FIFO", "SCHED_RR"):
        raise Unsupported(
            "config.json: process.scheduler.priority is for SCHED_FIFO and SCHED_RR only, not "
            f"for {policy}"
        )
    return found


def _check_deadline(entry: Scheduler) -> None:
    """Check what sched_setattr(2) would answer by EINVAL alone.

    :raises Unsupported: with the numbers.
    """
    runtime, deadline = entry.get("runtime"), entry.get("deadline")
    period = entry.get("period")
    if runtime is None or not deadline:
        why = f"requires `{'runtime' if runtime is None else 'deadline'}`"
    elif runtime == 0:
        why = "runtime must be greater than 0"
    elif not 1024 <= runtime < 2**63:
        why = f"runtime {runtime} must be between 1024 and 2^63 - 1 ns"
    elif runtime > deadline:
        why = f"runtime {runtime} must be <= its deadline {deadline}"
    elif period and deadline > period:
        why = f"deadline {deadline} must be <= its period {period}"
    else:
        return
    raise Unsupported("config.json: process.scheduler: sched_setattr: `SCHED_DEADLINE` " + why)


def _io_priority(entry: IoPriority | None) -> tuple[int, int] | None:
    if not entry:
        return None
    return (
        _chosen("process.ioPriority.class", entry.get("class"), IO_CLASSES),
        _number("process.ioPriority.priority", entry.get("priority") or 0, 0, 7),
    )


def _personality(entry: Personality | None) -> int | None:
    if not entry:
        return None
    if entry.get("flags"):
        raise Unsupported(
            f"config.json: linux.personality.flags: {', '.join(entry['flags'])} is not supported; "
            "runtime-spec knows none"
        )
    return _chosen("linux.personality.domain", entry.get("domain"), PERSONALITIES)


def _memory(entry: MemoryPolicy | None) -> tuple[int, set[int]] | None:
    """Return ``(mode with its flags, nodes)`` or None."""
    if entry is None:
        return None
    mode = entry.get("mode")
    if mode is None:
        raise Unsupported(
            "config.json: linux.memoryPolicy.mode: invalid memory policy mode: it is missing; "
            f"known: {', '.join(MEMORY_MODES)}"
        )
    number = _chosen("linux.memoryPolicy.mode: invalid memory policy mode", mode, MEMORY_MODES)
    flags = sum(
        {
            _chosen("linux.memoryPolicy.flags: invalid memory policy flag", flag, MEMORY_FLAGS)
            for flag in entry.get("flags") or ()
        }
    )
    nodes = (
        _list("linux.memoryPolicy.nodes: invalid memory policy node", entry.get("nodes")) or set()
    )
    if nodes and mode in _WITHOUT_NODES:
        raise Unsupported(
            f"config.json: linux.memoryPolicy.nodes: {mode} mode requires 0 nodes but got "
            f"{len(nodes)}"
        )
    if not nodes and mode not in _WITHOUT_NODES + ("MPOL_PREFERRED",):
        raise Unsupported(f"config.json: linux.memoryPolicy.nodes: {mode} needs at least one node")
    return number | flags, nodes


def _list(field: str, text: str | None) -> set[int] | None:
    """Return ``0-3,7`` as a set; None when there is none."""
    if not text:
        return None
    found: set[int] = set()
    for part in text.split(","):
        first, dash, last = part.strip().partition("-")
        if (
            not first.isdigit()
            or dash
            and not last.isdigit()
            or dash
            and int(first) > int(last)
            or int(last or first) > 65535
        ):
            raise Unsupported(
                f"config.json: {field}: {text!r} is not valid; accepted: numbers and ranges, such "
                "as 0-3,7"
            )
        found.update(range(int(first), int(last or first) + 1))
    return found
