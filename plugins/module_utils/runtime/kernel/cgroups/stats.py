# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a group's processes use: memory, CPU time, processes, I/O, and how long they waited for these (pressure).

One plain read for each file. A part whose controller is not here is left out, and so is a value that the kernel doesn't give.
"""

from __future__ import annotations

from . import files

UNLIMITED_V1 = 1 << 62  # version 1 shows "no limit" as the largest number of pages, in bytes


def collect(v1, unified):
    """All figures of a group.

    :param v1: ``{controller: directory}``; :param unified: directory in the version 2 tree, or None.
    :returns: ``{"memory": {"usage", "working_set", "limit", "swap", "anon", "file"}`` bytes; ``working_set`` is usage without
        the inactive page cache, which is what ``docker stats`` shows; ``limit`` None is none;
        ``"cpu": {"total", "user", "system"`` nanoseconds, ``"periods", "throttled_periods"`` counts, ``"throttled"`` nanoseconds};
        ``"pids": {"current", "limit"}``;
        ``"io": {"read_bytes", "write_bytes", "reads", "writes"}``, of block devices;
        ``"pressure": {"cpu" | "memory" | "io": {"some" | "full": {"avg10", "avg60", "avg300"`` percent, ``"total"`` µs}}}}``.
    """
    result = {
        "memory": memory_v1(v1["memory"]) if "memory" in v1 else memory_v2(unified),
        "cpu": cpu_v1(v1) if "cpuacct" in v1 else cpu_v2(unified),
        "pids": pids(v1.get("pids") or unified),
        "io": io_v1(v1["blkio"]) if "blkio" in v1 else io_v2(unified),
        "pressure": pressure(unified),
    }
    return {part: figures for part, figures in result.items() if figures}


def found(figures):
    return {name: value for name, value in figures.items() if value is not None}


def memory_v1(path):
    usage = files.number(files.read_or(path + "/memory.usage_in_bytes"))
    if usage is None:
        return {}
    stat = files.keyed(files.read_or(path + "/memory.stat"))
    limit = files.number(files.read_or(path + "/memory.limit_in_bytes"))
    figures = {"usage": usage, "working_set": max(usage - stat.get("total_inactive_file", 0), 0), "swap": stat.get("total_swap"),
               "anon": stat.get("total_rss"), "file": stat.get("total_cache")}
    return dict(found(figures), limit=limit if limit is not None and limit < UNLIMITED_V1 else None)


def memory_v2(path):
    usage = files.number(files.read_or(path + "/memory.current")) if path else None
    if usage is None:
        return {}
    stat = files.keyed(files.read_or(path + "/memory.stat"))
    figures = {"usage": usage, "working_set": max(usage - stat.get("inactive_file", 0), 0), "anon": stat.get("anon"),
               "file": stat.get("file"), "swap": files.number(files.read_or(path + "/memory.swap.current"))}
    return dict(found(figures), limit=files.number(files.read_or(path + "/memory.max")))


def cpu_v1(v1):
    path = v1["cpuacct"]
    figures = {name: files.number(files.read_or("%s/cpuacct.usage%s" % (path, suffix)))
               for name, suffix in (("total", ""), ("user", "_user"), ("system", "_sys"))}
    stat = files.keyed(files.read_or(v1["cpu"] + "/cpu.stat")) if "cpu" in v1 else {}
    figures.update(periods=stat.get("nr_periods"), throttled_periods=stat.get("nr_throttled"), throttled=stat.get("throttled_time"))
    return found(figures)


def cpu_v2(path):
    stat = files.keyed(files.read_or(path + "/cpu.stat")) if path else {}
    names = {"total": "usage_usec", "user": "user_usec", "system": "system_usec", "throttled": "throttled_usec"}
    figures = {name: stat[key] * 1000 for name, key in names.items() if key in stat}
    figures.update(periods=stat.get("nr_periods"), throttled_periods=stat.get("nr_throttled"))
    return found(figures)


def pids(path):
    current = files.number(files.read_or(path + "/pids.current")) if path else None
    if current is None:
        return {}
    return {"current": current, "limit": files.number(files.read_or(path + "/pids.max"))}


def io_v1(path):
    figures = {}
    for name, file in (("bytes", "io_service_bytes"), ("operations", "io_serviced")):
        text = files.read_or("%s/blkio.throttle.%s_recursive" % (path, file)) or files.read_or("%s/blkio.throttle.%s" % (path, file))
        figures[name] = sums(text)
    (read_bytes, write_bytes), (reads, writes) = figures["bytes"], figures["operations"]
    return {"read_bytes": read_bytes, "write_bytes": write_bytes, "reads": reads, "writes": writes}


def sums(text):
    """Reads and writes over all devices, of lines like "254:0 Read 4096"."""
    totals = {"Read": 0, "Write": 0}
    for fields in (entry.split() for entry in text.splitlines()):
        if len(fields) == 3 and fields[1] in totals:
            totals[fields[1]] += int(fields[2])
    return totals["Read"], totals["Write"]


def io_v2(path):
    try:
        text = files.read(path + "/io.stat") if path else None
    except OSError:
        text = None
    if text is None:
        return {}
    names = {"rbytes": "read_bytes", "wbytes": "write_bytes", "rios": "reads", "wios": "writes"}
    figures = dict.fromkeys(names.values(), 0)
    for word in text.split():
        key, dummy, value = word.partition("=")
        if key in names:
            figures[names[key]] += int(value)
    return figures


def pressure(path):
    """psi.rst. An opened file of a kernel with ``psi=0`` can't be read: left out."""
    result = {}
    for resource in ("cpu", "memory", "io") if path else ():
        lines = {}
        for fields in (entry.split() for entry in files.read_or("%s/%s.pressure" % (path, resource)).splitlines()):
            values = dict(field.split("=", 1) for field in fields[1:])
            lines[fields[0]] = {key: int(value) if key == "total" else float(value) for key, value in values.items()}
        if lines:
            result[resource] = lines
    return result
