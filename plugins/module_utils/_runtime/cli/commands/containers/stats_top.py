# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""``stats`` and ``top``: what containers use, and their processes."""

from __future__ import annotations

import os
import time

from .... import containers
from ....containers.view.stats import Meter
from ....containers.view.top import columns
from ....containers.view.top import top as processes
from ....errors import Conflict
from ... import tables

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from ....containers.records.catalog import Record
    from ...grammar import Given
    from ...session import Session

    Reading = tuple[float, "dict[str, Any] | None"]  # time, and figures of a container that runs


STATS_COLUMNS = [
    ("CONTAINER ID", "ID"),
    ("NAME", "Name"),
    ("CPU %", "CPUPerc"),
    ("MEM USAGE / LIMIT", "MemUsage"),
    ("MEM %", "MemPerc"),
    ("NET I/O", "NetIO"),
    ("BLOCK I/O", "BlockIO"),
    ("PIDS", "PIDs"),
]


def stats(session: Session, given: Given) -> None:
    """Print what containers use: on and on at a terminal, else once, as with ``--no-stream``."""
    meter = Meter(session.engine)
    before: dict[str, Reading] = {}
    try:
        while True:
            lines = tables.formatted(
                _measure(session, given, meter, before), STATS_COLUMNS, given.format
            )
            if session.terminal and not given.no_stream:
                session.clear()
                session.say(*lines)
                continue
            session.say(*lines)
            return
    finally:
        meter.close()


def _measure(
    session: Session,
    given: Given,
    meter: Meter,
    before: dict[str, Reading],
    first: float = 0.5,
    steady: float = 1.0,
) -> list[dict[str, Any]]:
    """Read, and return rows.

    Use of CPU is a difference to the reading ``before``; the first time two are made.

    :param first: seconds between these. :param steady: else.
    """
    if given.words:
        chosen = [containers.find(session.engine, name) for name in given.words]
    else:
        chosen = containers.listing(session.engine, given.all)
    if any(record["id"] not in before for record in chosen):
        before.update(
            {record["id"]: (time.monotonic(), meter.read(record["id"])) for record in chosen}
        )
        steady = first
    time.sleep(steady)
    rows = []
    for record in chosen:
        now, then = (time.monotonic(), meter.read(record["id"])), before[record["id"]]
        rows.append(_stats_row(record, then[1], now[1], now[0] - then[0], given.no_trunc))
        before[record["id"]] = now
    return rows


def _stats_row(
    record: Record,
    before: dict[str, Any] | None,
    now: dict[str, Any] | None,
    passed: float,
    whole_id: bool,
) -> dict[str, Any]:
    ident = record["id"] if whole_id else record["id"][:12]
    row = {
        "ID": ident,
        "Container": ident,
        "Name": record["name"],
        "CPUPerc": "--",
        "MemUsage": "-- / --",
        "MemPerc": "--",
        "NetIO": "--",
        "BlockIO": "--",
        "PIDs": "--",
        "CPUPressure": "--",
        "MemPressure": "--",
        "IOPressure": "--",
    }
    if now is None:  # it does not run
        return row
    memory, cpu, pids, io, network = (
        now.get(part) or {} for part in ("memory", "cpu", "pids", "io", "network")
    )
    if cpu and before:
        row["CPUPerc"] = "%.2f%%" % (
            100.0 * max(0, cpu["total"] - before["cpu"]["total"]) / 1e9 / passed
        )
    if memory:
        limit = memory.get("limit") or _memory_of_host()
        row["MemUsage"] = (
            f"{tables.binary_size(memory['working_set'])} / {tables.binary_size(limit)}"
        )
        row["MemPerc"] = "%.2f%%" % (100.0 * memory["working_set"] / limit)
    if network:
        row["NetIO"] = f"{tables.size(network['received'], 3)} / {tables.size(network['sent'], 3)}"
    if io:
        row["BlockIO"] = f"{tables.size(io['read_bytes'], 3)} / {tables.size(io['write_bytes'], 3)}"
    if pids:
        row["PIDs"] = pids["current"]
    for name, resource in (("CPUPressure", "cpu"), ("MemPressure", "memory"), ("IOPressure", "io")):
        # the part of the last ten seconds in which some process had to wait for it
        if resource in now.get("pressure", {}):
            row[name] = "%.2f%%" % now["pressure"][resource]["some"]["avg10"]
    return row


def top(session: Session, given: Given) -> None:
    wanted = columns(given.words[1:])
    record = containers.find(session.engine, given.words[0])
    state = containers.status(session.engine.paths, record["id"])["status"]
    if state not in ("running", "paused"):
        raise Conflict(f"container {record['name']} is not running (it is {state})")
    session.listing(
        tables.table(
            [heading for heading, _field in wanted],
            [
                [row[field] for _heading, field in wanted]
                for row in processes(session.engine, record["id"])
            ],
        )
    )


def _memory_of_host() -> int:
    """Return the bytes of memory of the host, the limit of a container that has none."""
    return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
