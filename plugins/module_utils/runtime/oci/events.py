# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""``events``: what a container uses, every few seconds, and that it ran out of memory; each a line of JSON in runc's form."""

from __future__ import annotations

import time

from .. import units
from ..errors import Conflict, InvalidInput
from ..kernel import pidfd
from ..kernel.cgroups import files
from . import jsontext
from .main import write
from .states import open_container

NO_LIMIT = 2 ** 64 - 1  # what runc shows where there is none


def events(call, _log):
    interval = units.duration(call["interval"] or "5s", "--interval")
    if interval <= 0:
        raise InvalidInput("--interval", call["interval"], "a time above 0, such as 5s")
    container = open_container(call.options["root"], call.arguments[0])
    process = container.process()
    if process is None:
        raise Conflict("container %s: container not running" % container.ident)
    group = container.group()
    _print("stats", container, figures(group))
    if call["stats"]:
        return
    killed, next_time = group.oom_kills(), time.monotonic() + interval
    while not pidfd.ended(process, min(max(next_time - time.monotonic(), 0), 1.0)):
        now = group.oom_kills()
        if now > killed:
            _print("oom", container, None)
        killed = now
        if time.monotonic() >= next_time:
            next_time += interval
            _print("stats", container, figures(group))
    if group.oom_kills() > killed:
        _print("oom", container, None)


def _print(kind, container, data):
    entry = {"type": kind, "id": container.ident}
    if data is not None:
        entry["data"] = data
    write(jsontext.dump(entry) + "\n")


def figures(group):
    """The container's figures by runc's names; what the host does not count is 0 or left out."""
    found = group.stats()
    cpu, memory, pids = (found.get(part) or {} for part in ("cpu", "memory", "pids"))
    return {
        "cpu": {"usage": {"total": cpu.get("total", 0), "percpu": _percpu(group), "kernel": cpu.get("system", 0), "user": cpu.get("user", 0)},
                "throttling": {"periods": cpu.get("periods", 0), "throttledPeriods": cpu.get("throttled_periods", 0),
                               "throttledTime": cpu.get("throttled", 0)}},
        "memory": {"cache": memory.get("file", 0),
                   "usage": {"limit": NO_LIMIT if memory.get("limit") is None else memory["limit"], "usage": memory.get("usage", 0),
                             "max": _peak(group), "failcnt": _number(group, "memory", "memory.failcnt")},
                   "swap": {"usage": memory.get("swap", 0)}, "raw": _raw(group)},
        "pids": {"current": pids.get("current", 0), "limit": pids.get("limit") or 0},
        "blkio": {"ioServiceBytesRecursive": _block(group, "io_service_bytes", ("rbytes", "wbytes")),
                  "ioServicedRecursive": _block(group, "io_serviced", ("rios", "wios"))},
        "hugetlb": _huge(group),
        "pressure": found.get("pressure") or {},
    }


def _number(group, controller, name):
    place = group.v1.get(controller)
    return files.number(files.read_or("%s/%s" % (place, name))) or 0 if place else 0


def _percpu(group):
    place = group.v1.get("cpuacct")
    return [int(word) for word in files.read_or(place + "/cpuacct.usage_percpu").split()] if place else []


def _peak(group):
    if "memory" in group.v1:
        return _number(group, "memory", "memory.max_usage_in_bytes")
    return files.number(files.read_or("%s/memory.peak" % group.unified)) or 0 if group.unified else 0


def _raw(group):
    place = group.v1.get("memory") or group.unified
    return files.keyed(files.read_or(place + "/memory.stat")) if place else {}


def _block(group, name, keys):
    """``[{"major", "minor", "op", "value"}]``."""
    found = []
    if "blkio" in group.v1:
        for fields in map(str.split, files.read_or("%s/blkio.throttle.%s_recursive" % (group.v1["blkio"], name)).splitlines()):
            if len(fields) == 3:
                found.append(_entry(fields[0], fields[1], fields[2]))
    elif group.unified:
        for fields in map(str.split, files.read_or(group.unified + "/io.stat").splitlines()):
            values = dict(field.split("=", 1) for field in fields[1:] if "=" in field)
            found += [_entry(fields[0], operation, values[key]) for key, operation in zip(keys, ("Read", "Write")) if key in values]
    return found


def _entry(device, operation, count):
    major, dummy, minor = device.partition(":")
    return {"major": int(major), "minor": int(minor), "op": operation, "value": int(count)}


def _huge(group):
    """``{page size: {"usage", "max", "failcnt"}}``."""
    import os

    place, found = group.v1.get("hugetlb") or group.unified, {}
    for name in sorted(os.listdir(place)) if place and os.path.isdir(place) else ():
        parts = name.split(".")
        if parts[0] == "hugetlb" and parts[2:] in (["usage_in_bytes"], ["current"]):
            usage = files.number(files.read_or("%s/%s" % (place, name))) or 0
            found[parts[1]] = {"usage": usage, "max": _file(place, parts[1], "max_usage_in_bytes"), "failcnt": _file(place, parts[1], "failcnt")}
    return found


def _file(place, size, name):
    return files.number(files.read_or("%s/hugetlb.%s.%s" % (place, size, name))) or 0
