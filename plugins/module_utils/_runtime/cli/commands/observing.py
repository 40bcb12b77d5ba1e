# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The commands that look at containers: ps, logs, stats, top, port, wait."""

from __future__ import annotations

import contextlib
import re
import time

from ... import containers
from ...containers.client import monitor_client
from ...containers.view.stats import Meter
from ...containers.view.top import top as processes
from ...errors import Conflict, InvalidInput, NotFound
from .. import streams, tables
from ..grammar import UsageError, whole

PS_COLUMNS = [
    ("CONTAINER ID", "ID"),
    ("IMAGE", "Image"),
    ("COMMAND", "Command"),
    ("CREATED", "RunningFor"),
    ("STATUS", "Status"),
    ("PORTS", "Ports"),
    ("NAMES", "Names"),
]


def filters(items):
    """``--filter`` values as ``{name: [values]}``."""
    found = {}
    for item in items:
        key, equals, value = item.partition("=")
        if not equals:
            raise UsageError("--filter %r: accepted is name=value" % item)
        found.setdefault(key, []).append(value)
    return found


@contextlib.contextmanager
def filtering():
    """In the block, an error about the option ``filters`` of a module names the flag."""
    try:
        yield
    except InvalidInput as error:
        raise InvalidInput(
            " ".join(["--filter"] + error.option.split(".")[1:]), error.value, error.accepted
        ) from None


def ps(session, given):
    count = 1 if given.latest else whole(given.last, "--last", -1) if given.last else -1
    with filtering():
        found = containers.listing(session.engine, given.all or count >= 0, filters(given.filter))
    if count >= 0:
        found = sorted(found, key=lambda record: -record["created"])[:count]
    sized = given.size or ".Size" in (given.format or "")
    records = []
    for record in found:
        with contextlib.suppress(NotFound), containers.reading(session.engine, record):
            records.append(_row(session.engine, record, given.no_trunc, sized))
    columns = PS_COLUMNS + [("SIZE", "Size")] if given.size else PS_COLUMNS
    session.listing(tables.formatted(records, columns, given.format, "ID" if given.quiet else None))


def _row(engine, record, whole_text, size):
    document = containers.inspect_even_damaged(engine, record)
    command = " ".join(
        filter(
            None,
            [document["Path"]]
            + ["'%s'" % word if " " in word else word for word in document["Args"]],
        )
    )
    labels = document["Config"]["Labels"]
    row = {
        "ID": record["id"] if whole_text else record["id"][:12],
        "Image": record["definition"].get("image") or record["image"],
        "Command": ""
        if "Damaged" in document
        else '"%s"' % (command if whole_text or len(command) <= 20 else command[:19] + "\u2026"),
        "CreatedAt": tables.moment(record["created"]),
        "RunningFor": tables.ago(record["created"]) + " ago",
        "Status": status(engine, record) + (", damaged" if "Damaged" in document else ""),
        "State": document["State"]["Status"],
        "Ports": ", ".join(_ports(document)),
        "Names": record["name"],
        "Labels": ",".join("%s=%s" % pair for pair in sorted(labels.items())),
        "Label": lambda name: labels.get(name, ""),
        "Networks": ",".join(sorted(document["NetworkSettings"]["Networks"]))
        or document["HostConfig"]["NetworkMode"],
        "Mounts": ",".join(mount.get("Name") or mount["Source"] for mount in document["Mounts"]),
        "LocalVolumes": str(
            len([mount for mount in document["Mounts"] if mount["Type"] == "volume"])
        ),
    }
    if size and "Damaged" in document:
        row["Size"] = "unknown"
    elif size:
        written, whole = containers.sizes(engine, record)
        row["Size"] = "%s (virtual %s)" % (tables.size(written, 3), tables.size(whole, 3))
    return row


def status(engine, record):
    """The STATUS column: ``Up 3 minutes (healthy)``, ``Exited (0) 2 hours ago``."""
    state = containers.status(engine.paths, record["id"])
    name = state["status"]
    if name in ("running", "paused"):
        text = "Up " + tables.ago(state["started_at"])
        health = (state.get("health") or {}).get("status")
        if name == "paused":
            return text + " (Paused)"
        return text + (
            " (%s)" % ("health: starting" if health == "starting" else health) if health else ""
        )
    if name == "restarting":
        return "Restarting (%s) %s ago" % (
            containers.exit_code(state),
            tables.ago(state["finished_at"] or record["created"]),
        )
    if name == "exited" and state["started_at"] is not None:
        return "Exited (%s) %s ago" % (
            containers.exit_code(state),
            tables.ago(state["finished_at"] or record["created"]),
        )
    return "Created" if name == "exited" else name.capitalize()


def _ports(document):
    found = []
    for port_name, bindings in sorted(
        document["NetworkSettings"]["Ports"].items(), key=_port_order
    ):
        found += [
            "%s:%s->%s" % (binding["HostIp"], binding["HostPort"], port_name)
            for binding in bindings or ()
        ] or [port_name]
    return found


def _port_order(item):
    number, dummy, protocol = item[0].partition("/")
    return int(number), protocol


def port(session, given):
    record = containers.find(session.engine, given.words[0])
    ports = containers.inspect(session.engine, record)["NetworkSettings"]["Ports"]
    if len(given.words) > 1:
        wanted = given.words[1] if "/" in given.words[1] else given.words[1] + "/tcp"
        if not ports.get(wanted):
            raise NotFound("container %s publishes no port %s" % (record["name"], wanted))
        session.say(
            *["%s:%s" % (binding["HostIp"], binding["HostPort"]) for binding in ports[wanted]]
        )
        return
    for name, bindings in sorted(ports.items(), key=_port_order):
        session.say(
            *[
                "%s -> %s:%s" % (name, binding["HostIp"], binding["HostPort"])
                for binding in bindings or ()
            ]
        )


def top(session, given):
    record = containers.find(session.engine, given.words[0])
    state = containers.status(session.engine.paths, record["id"])["status"]
    if state not in ("running", "paused"):
        raise Conflict("container %s is not running (it is %s)" % (record["name"], state))
    columns = ["UID", "PID", "PPID", "STIME", "TIME", "CMD"]
    session.listing(
        tables.table(
            columns,
            [
                [row[column] for column in columns]
                for row in processes(session.engine, record["id"])
            ],
        )
    )


def _exit_code(session, name):
    """Wait until a container has ended; its exit code."""
    ident = containers.find(session.engine, name)["id"]
    return monitor_client.wait(session.engine.paths, [ident])[ident]


def wait(session, given):
    session.each(given.words, lambda name: session.say(str(_exit_code(session, name))))


def logs(session, given):
    record = containers.find(session.engine, given.words[0])
    if given.follow:
        session.need_terminal("logs -f", "leave -f out")
    since, until = [
        streams.moment(text, flag) if text else None
        for text, flag in ((given.since, "--since"), (given.until, "--until"))
    ]
    tail = (
        None
        if given.tail in (None, "all") or re.fullmatch("-[0-9]+", given.tail)
        else whole(given.tail, "--tail")
    )
    streams.print_log(
        session,
        record,
        tail=tail,
        since=since,
        until=until,
        follow=given.follow,
        timestamps=given.timestamps,
    )


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


def stats(session, given):
    """Prints on and on at a terminal; once in a task and with ``--no-stream``."""
    meter, before = Meter(session.engine), {}
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


def _measure(session, given, meter, before, first=0.5, steady=1.0):
    """Rows after a reading. Use of CPU is a difference to the one before, ``{id: (time, figures)}``: the first time two are made."""
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


def _stats_row(record, before, now, passed, whole_id):
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
        limit = memory.get("limit") or streams.memory_of_host()
        row["MemUsage"] = "%s / %s" % (
            tables.binary_size(memory["working_set"]),
            tables.binary_size(limit),
        )
        row["MemPerc"] = "%.2f%%" % (100.0 * memory["working_set"] / limit)
    if network:
        row["NetIO"] = "%s / %s" % (
            tables.size(network["received"], 3),
            tables.size(network["sent"], 3),
        )
    if io:
        row["BlockIO"] = "%s / %s" % (
            tables.size(io["read_bytes"], 3),
            tables.size(io["write_bytes"], 3),
        )
    if pids:
        row["PIDs"] = pids["current"]
    for name, resource in (("CPUPressure", "cpu"), ("MemPressure", "memory"), ("IOPressure", "io")):
        if resource in now.get(
            "pressure", {}
        ):  # the part of the last ten seconds in which some process had to wait for it
            row[name] = "%.2f%%" % now["pressure"][resource]["some"]["avg10"]
    return row
