# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Options that limit: memory, CPU, processes, disk traffic, rlimits, and the OOM killer's view."""

from __future__ import annotations

import re

from ... import units
from ...errors import InvalidInput
from .table import Option, flag, line, listed, text, whole

SMALLEST_MEMORY = 6 << 20  # Docker's: below it a container can't even be set up
RLIMITS = (
    "as",
    "core",
    "cpu",
    "data",
    "fsize",
    "locks",
    "memlock",
    "msgqueue",
    "nice",
    "nofile",
    "nproc",
    "rss",
    "rtprio",
    "rttime",
    "sigpending",
    "stack",
)
UNLIMITED = -1


def memory(value, name):
    """Bytes; 0 for no limit."""
    count = units.size(value, name)
    if 0 < count < SMALLEST_MEMORY:
        raise InvalidInput(name, value, "0 (no limit) or at least 6m")
    return count


def reservation(value, name):
    return units.size(value, name)


def memory_swap(value, name):
    """Bytes of memory and swap together; -1 for no limit on swap, 0 for "not set"."""
    if str(value).strip().lower() in ("-1", "unlimited"):
        return UNLIMITED
    return units.size(value, name)


def cpus(value, name):
    """CPUs as a number with at most three decimals (quota of a 100 ms period); 0 for no limit."""
    accepted = "a number of CPUs, 0 (no limit) or at least 0.01"
    if isinstance(value, bool):
        raise InvalidInput(name, value, accepted)
    try:
        number = round(float(value), 3)
    except (TypeError, ValueError):
        raise InvalidInput(name, value, accepted) from None
    if not (
        number == 0 or 0.01 <= number <= 8192
    ):  # 1 ms: the kernel's smallest quota; also refuses nan
        raise InvalidInput(name, value, accepted)
    return int(number) if number == int(number) else number


def cpu_quota(value, name):
    """Microseconds; 0 for no limit, which -1 says as well."""
    quota = whole(1000, None, extra=(0, -1))(value, name)
    return 0 if quota == UNLIMITED else quota


def pids(value, name):
    """-1 for no limit, which 0 says as well."""
    return whole(1, 4194304, extra=(0, -1))(value, name) or UNLIMITED


def cpu_set(value, name):
    """A list of CPU or node numbers (``0-2,5``) with its ranges merged; empty for no restriction."""
    numbers = numbers_of(value, name)
    parts = []
    for number in numbers:
        if parts and number == parts[-1][1] + 1:
            parts[-1][1] = number
        else:
            parts.append([number, number])
    return ",".join("%d" % low if low == high else "%d-%d" % (low, high) for low, high in parts)


def numbers_of(value, name):
    result = set()
    for part in str(text(value, name)).replace(" ", "").split(","):
        match = re.fullmatch(r"(\d{1,4})(?:-(\d{1,4}))?", part)
        low, high = (
            (int(match.group(1)), int(match.group(2) or match.group(1))) if match else (1, 0)
        )
        if low > high and part:
            raise InvalidInput(name, value, "numbers and ranges, such as 0-2,5")
        result.update(range(low, high + 1))
    return sorted(result)


def device_rate(parse):
    """A limit on one device: ``{"path", "rate"}``."""

    def normalise(value, name):
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

    return normalise


def ulimit(value, name):
    """``name:soft[:hard]`` with -1 or ``unlimited`` for none, as ``name:soft:hard`` with -1 for none."""
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
    return "%s:%d:%d" % (parts[0].lower(), soft, hard)


def check(definition):
    """What one option alone can't tell. :raises InvalidInput:"""
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
    if definition.get("cpus") and (definition.get("cpu_quota") or definition.get("cpu_period")):
        raise InvalidInput("cpus", definition["cpus"], "either cpus, or cpu_period and cpu_quota")
    names = [entry.split(":")[0] for entry in definition.get("ulimits", ())]
    for entry in names:
        if names.count(entry) > 1:
            raise InvalidInput("ulimits", entry, "one entry for each limit")
    for name in ("device_read_bps", "device_write_bps", "device_read_iops", "device_write_iops"):
        paths = [entry["path"] for entry in definition.get(name, ())]
        if len(paths) != len(set(paths)):
            raise InvalidInput(name, paths, "one entry for each device")


def _path(entry):
    return entry["path"]


OPTIONS = (
    Option("memory", memory, 0, live=True),
    Option("memory_reservation", reservation, 0, live=True),
    Option("memory_swap", memory_swap, 0, live=True),
    Option("memory_swappiness", whole(0, 100, extra=(-1,)), -1, live=True),
    Option("cpus", cpus, 0, live=True),
    Option("cpu_shares", whole(2, 262144, extra=(0,)), 0, live=True),
    Option("cpu_period", whole(1000, 1000000, extra=(0,)), 0, live=True),
    Option("cpu_quota", cpu_quota, 0, live=True),
    Option("cpuset_cpus", cpu_set, "", live=True),
    Option("cpuset_mems", cpu_set, "", live=True),
    Option("pids_limit", pids, UNLIMITED, live=True),
    Option("blkio_weight", whole(10, 1000, extra=(0,)), 0, live=True),
    Option(
        "device_read_bps",
        listed(device_rate(units.size), as_set=True),
        [],
        "set",
        live=True,
        key=_path,
    ),
    Option(
        "device_write_bps",
        listed(device_rate(units.size), as_set=True),
        [],
        "set",
        live=True,
        key=_path,
    ),
    Option(
        "device_read_iops",
        listed(device_rate(whole(1)), as_set=True),
        [],
        "set",
        live=True,
        key=_path,
    ),
    Option(
        "device_write_iops",
        listed(device_rate(whole(1)), as_set=True),
        [],
        "set",
        live=True,
        key=_path,
    ),
    Option(
        "ulimits", listed(ulimit, as_set=True), [], "set", key=lambda entry: entry.split(":")[0]
    ),
    Option("oom_killer", flag, False, live=True),
    Option("oom_score_adj", whole(-1000, 1000), 0),
)
