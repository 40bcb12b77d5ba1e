# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Read what a group's processes use: memory, CPU time, processes, I/O, and the pressure on these.

A part whose controller is not here is left out, and so is a value that the kernel doesn't give.
Nothing that costs more than what is asked for is read: of memory.stat, the longest file, only the
lines wanted are looked at.
"""

from __future__ import annotations

import errno
import os

from ..hierarchy import cgroup_files

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any

    # By part ("memory", "cpu" ...) and name: see ``collect``.
    Figures = dict[str, dict[str, Any]]
    Part = dict[str, "int | None"]
    # The text of a file; "", or the second argument, where it can't be read.
    Read = Callable[..., str]

UNLIMITED_V1 = 1 << 62  # version 1 shows "no limit" as the largest number of pages, in bytes


class Reader:
    """A group's figures, read again and again: the files stay open in between. ``close`` it.

    ``gone`` is set when the group is removed; one made anew at the same place needs a new Reader.
    """

    def __init__(self, v1: Mapping[str, str], unified: str | None) -> None:
        self.v1 = v1
        self.unified = unified
        self.gone = False
        self.fds: dict[str, int] = {}

    def read(self) -> Figures:
        """Return the figures, as ``collect`` does."""
        return collect(self.v1, self.unified, self.text)

    def text(self, path: str, default: str = "") -> str:
        """Return the whole of a file; ``default`` where there is none, which is not tried again.

        Each of these files gives all it has in one read(2).
        """
        fd = self.fds.get(path)
        if fd is None:
            try:
                fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
            except OSError:
                fd = -1
            self.fds[path] = fd
        if fd < 0:
            return default
        try:
            return os.pread(fd, 65536, 0).decode("ascii", "replace")
        except OSError as error:
            self.gone = self.gone or error.errno == errno.ENODEV
            return default

    def close(self) -> None:
        for fd in self.fds.values():
            if fd >= 0:
                os.close(fd)
        self.fds = {}


def collect(
    v1: Mapping[str, str], unified: str | None, read: Read = cgroup_files.read_or
) -> Figures:
    """Return all figures of a group.

    :param v1: ``{controller: directory}``.
    :param unified: its directory in the version 2 tree, or None.
    :param read: returns a file's text; "", or its second argument, for one that isn't there.
    :returns: the parts
        ``memory``: ``usage``, ``working_set``, ``limit`` (None is none), ``swap``, ``anon``,
        ``file``, in bytes; ``working_set`` is usage without the inactive page cache, which is what
        ``docker stats`` shows;
        ``cpu``: ``total``, ``user``, ``system``, ``throttled``, in nanoseconds, ``periods`` and
        ``throttled_periods``;
        ``pids``: ``current``, ``limit``;
        ``io``: ``read_bytes``, ``write_bytes``, ``reads``, ``writes``, of block devices;
        ``pressure``: of ``cpu``, ``memory`` and ``io`` each, ``some`` and ``full``: ``avg10``,
        ``avg60``, ``avg300`` in per cent, ``total`` in µs.
    """
    result: Figures = {
        "memory": memory_v1(v1["memory"], read) if "memory" in v1 else memory_v2(unified, read),
        "cpu": cpu_v1(v1, read) if "cpuacct" in v1 else cpu_v2(unified, read),
        "pids": pids(v1.get("pids") or unified, read),
        "io": io_v1(v1["blkio"], read) if "blkio" in v1 else io_v2(unified, read),
        "pressure": pressure(unified, read),
    }
    return {part: figures for part, figures in result.items() if figures}


def found(figures: Part) -> dict[str, int]:
    """Return the figures that the kernel gives."""
    return {name: value for name, value in figures.items() if value is not None}


def value_of(text: str, key: str) -> int | None:
    """Return the number in the line ``key 123`` of ``text``, None where there is no such line.

    ``text`` begins with a line break.
    """
    at = text.find(f"\n{key} ")
    if at < 0:
        return None
    start = at + len(key) + 2
    end = text.find("\n", start)
    return int(text[start:end] if end >= 0 else text[start:])


def number(text: str) -> int | None:
    return cgroup_files.number(text.rstrip("\n"))


def memory_v1(path: str, read: Read) -> Part:
    usage = number(read(path + "/memory.usage_in_bytes"))
    if usage is None:
        return {}
    stat, limit = "\n" + read(path + "/memory.stat"), number(read(path + "/memory.limit_in_bytes"))
    figures = {
        "usage": usage,
        "working_set": max(usage - (value_of(stat, "total_inactive_file") or 0), 0),
        "swap": value_of(stat, "total_swap"),
        "anon": value_of(stat, "total_rss"),
        "file": value_of(stat, "total_cache"),
    }
    return dict(found(figures), limit=limit if limit is not None and limit < UNLIMITED_V1 else None)


def memory_v2(path: str | None, read: Read) -> Part:
    usage = number(read(path + "/memory.current")) if path else None
    if path is None or usage is None:
        return {}
    stat = "\n" + read(path + "/memory.stat")
    figures = {
        "usage": usage,
        "working_set": max(usage - (value_of(stat, "inactive_file") or 0), 0),
        "anon": value_of(stat, "anon"),
        "file": value_of(stat, "file"),
        "swap": number(read(path + "/memory.swap.current")),
    }
    return dict(found(figures), limit=number(read(path + "/memory.max")))


def cpu_v1(v1: Mapping[str, str], read: Read) -> dict[str, int]:
    path = v1["cpuacct"]
    figures = {
        name: number(read(f"{path}/cpuacct.usage{suffix}"))
        for name, suffix in (("total", ""), ("user", "_user"), ("system", "_sys"))
    }
    stat = "\n" + read(v1["cpu"] + "/cpu.stat") if "cpu" in v1 else ""
    names = (
        ("periods", "nr_periods"),
        ("throttled_periods", "nr_throttled"),
        ("throttled", "throttled_time"),
    )
    figures.update((name, value_of(stat, key)) for name, key in names)
    return found(figures)


def cpu_v2(path: str | None, read: Read) -> dict[str, int]:
    stat = "\n" + read(path + "/cpu.stat") if path else ""
    names = {
        "total": "usage_usec",
        "user": "user_usec",
        "system": "system_usec",
        "throttled": "throttled_usec",
    }
    figures = {name: value_of(stat, key) for name, key in names.items()}
    figures = {name: value * 1000 for name, value in found(figures).items()}
    figures.update(
        periods=value_of(stat, "nr_periods"), throttled_periods=value_of(stat, "nr_throttled")
    )
    return found(figures)


def pids(path: str | None, read: Read) -> Part:
    current = number(read(path + "/pids.current")) if path else None
    if path is None or current is None:
        return {}
    return {"current": current, "limit": number(read(path + "/pids.max"))}


def io_v1(path: str, read: Read) -> dict[str, int]:
    figures = {}
    for name, file in (("bytes", "io_service_bytes"), ("operations", "io_serviced")):
        figures[name] = sums(
            read(f"{path}/blkio.throttle.{file}_recursive") or read(f"{path}/blkio.throttle.{file}")
        )
    (read_bytes, write_bytes), (reads, writes) = figures["bytes"], figures["operations"]
    return {"read_bytes": read_bytes, "write_bytes": write_bytes, "reads": reads, "writes": writes}


def sums(text: str) -> tuple[int, int]:
    """Return reads and writes over all devices, of lines like "254:0 Read 4096"."""
    totals = {"Read": 0, "Write": 0}
    for fields in (entry.split() for entry in text.splitlines()):
        if len(fields) == 3 and fields[1] in totals:
            totals[fields[1]] += int(fields[2])
    return totals["Read"], totals["Write"]


def io_v2(path: str | None, read: Read) -> dict[str, int]:
    text = read(path + "/io.stat", None) if path else None
    if text is None:
        return {}
    names = {"rbytes": "read_bytes", "wbytes": "write_bytes", "rios": "reads", "wios": "writes"}
    figures = dict.fromkeys(names.values(), 0)
    for word in text.split():
        key, _equals, value = word.partition("=")
        if key in names:
            figures[names[key]] += int(value)
    return figures


def pressure(path: str | None, read: Read) -> dict[str, dict[str, dict[str, float]]]:
    """Return the pressure figures (psi.rst).

    With ``psi=0`` the kernel's files open and can't be read: left out.
    """
    result = {}
    for resource in ("cpu", "memory", "io") if path else ():
        lines = {}
        for fields in (entry.split() for entry in read(f"{path}/{resource}.pressure").splitlines()):
            lines[fields[0]] = {
                key: int(value) if key == "total" else float(value)
                for key, _equals, value in (word.partition("=") for word in fields[1:])
            }
        if lines:
            result[resource] = lines
    return result
