# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The commands about containers that exist: ps, start, stop, rm, exec, logs and their like."""

from __future__ import annotations

import os
import time

from .. import containers
from ..errors import Conflict, ContainerFailed
from ..reconcile import Plan
from . import streams, tables
from .grammar import UsageError, whole
from .run_flags import UPDATE_FLAGS, options

PS_COLUMNS = [("CONTAINER ID", "ID"), ("IMAGE", "Image"), ("COMMAND", "Command"), ("CREATED", "CreatedAt"), ("STATUS", "Status"), ("PORTS", "Ports"),
              ("NAMES", "Names")]


def filters(items):
    """``--filter`` values as ``{name: [values]}``."""
    found = {}
    for item in items:
        key, equals, value = item.partition("=")
        if not equals:
            raise UsageError("--filter %r: accepted is name=value" % item)
        found.setdefault(key, []).append(value)
    return found


def ps(session, given):
    count = 1 if given.latest else whole(given.last, "--last") if given.last else None
    found = containers.listing(session.engine, given.all or count is not None, filters(given.filter))
    if count is not None:
        found = sorted(found, key=lambda record: -record["created"])[:count]
    records = [_row(session.engine, record, given.no_trunc) for record in found]
    session.say(*tables.formatted(records, PS_COLUMNS, given.format, "ID" if given.quiet else None))


def _row(engine, record, whole):
    document = containers.inspect(engine, record)
    command = " ".join(filter(None, [document["Path"]] + document["Args"]))
    return {
        "ID": record["id"] if whole else record["id"][:12], "Image": record["definition"].get("image") or "",
        "Command": '"%s"' % (command if whole or len(command) <= 20 else command[:19] + "\u2026"),
        "CreatedAt": tables.ago(record["created"]) + " ago", "Status": status(engine, record), "State": document["State"]["Status"],
        "Ports": ", ".join(_ports(document)), "Names": record["name"],
        "Labels": ",".join("%s=%s" % pair for pair in sorted(document["Config"]["Labels"].items())),
        "Networks": ",".join(sorted(document["NetworkSettings"]["Networks"])),
        "Mounts": ",".join(mount.get("Name") or mount["Source"] for mount in document["Mounts"])}


def status(engine, record):
    """The STATUS column: ``Up 3 minutes (healthy)``, ``Exited (0) 2 hours ago``."""
    state = containers.status(engine, record["id"])
    name = state["status"]
    if name in ("running", "paused"):
        text = "Up " + tables.ago(state["started_at"])
        health = (state.get("health") or {}).get("status")
        if name == "paused":
            return text + " (Paused)"
        return text + (" (%s)" % ("health: starting" if health == "starting" else health) if health else "")
    if name == "restarting":
        return "Restarting (%s)" % state["exit_code"]
    if name == "exited":
        return "Exited (%s) %s ago" % (state["exit_code"], tables.ago(state["finished_at"] or record["created"]))
    return name.capitalize()


def _ports(document):
    found = []
    for port, bindings in sorted(document["NetworkSettings"]["Ports"].items()):
        found += ["%s:%s->%s" % (binding["HostIp"], binding["HostPort"], port) for binding in bindings or ()] or [port]
    return found


def _act(session, names, work):
    """Do ``work(record, plan)`` for each container and print its name as it was given, as Docker does."""
    def one(name):
        record = containers.find(session.engine, name)
        with session.locked("container", record["name"]):
            plan = Plan("container %s" % record["name"])
            work(record, containers.status(session.engine, record["id"])["status"], plan)
            session.carry_out(plan)
        session.say(name)

    session.each(names, one)


def start(session, given):
    def work(record, state, plan):
        if state not in ("running", "paused", "restarting"):
            plan.add("status", state, "running", "start container %s" % record["name"], lambda: containers.start_one(session.engine, record))
    _act(session, given.words, work)


def stop(session, given):
    timeout = _seconds(given)

    def work(record, state, plan):
        if state in ("running", "paused", "restarting"):
            plan.add("status", state, "exited", "stop container %s" % record["name"], lambda: containers.stop(session.engine, record, timeout=timeout))
    _act(session, given.words, work)


def restart(session, given):
    timeout = _seconds(given)

    def apply(record, state):
        if state in ("running", "paused", "restarting"):
            containers.stop(session.engine, record, timeout=timeout)
        containers.start_one(session.engine, record)

    def work(record, state, plan):
        plan.add("status", state, "running", "restart container %s" % record["name"], lambda: apply(record, state))
    _act(session, given.words, work)


def _seconds(given):
    return None if given.time is None else whole(given.time, "--time")


def kill(session, given):
    def work(record, state, plan):
        if state not in ("running", "paused", "restarting"):
            raise Conflict("container %s is not running (it is %s)" % (record["name"], state))
        signal = given.signal or "KILL"
        plan.add("signal", None, signal, "send %s to container %s" % (signal, record["name"]),
                 lambda: containers.kill(session.engine, record["id"], signal))
    _act(session, given.words, work)


def pause(session, given):
    def work(record, state, plan):
        if state not in ("running", "paused"):
            raise Conflict("container %s is not running (it is %s): nothing to pause" % (record["name"], state))
        if state == "running":
            plan.add("status", state, "paused", "pause container %s" % record["name"], lambda: containers.pause(session.engine, record))
    _act(session, given.words, work)


def unpause(session, given):
    def work(record, state, plan):
        if state not in ("running", "paused"):
            raise Conflict("container %s is not running (it is %s): nothing to unpause" % (record["name"], state))
        if state == "paused":
            plan.add("status", state, "running", "unpause container %s" % record["name"], lambda: containers.unpause(session.engine, record))
    _act(session, given.words, work)


def rm(session, given):
    def work(record, state, plan):
        if state in ("running", "paused", "restarting") and not given.force:
            raise Conflict("container %s runs; stop it first, or remove it with -f" % record["name"])
        plan.add("state", "present", "absent", "remove container %s" % record["name"],
                 lambda: containers.remove(session.engine, record, force=given.force, keep_volumes=not given.volumes))
    _act(session, given.words, work)


def prune(session, given):
    plan = Plan("containers that don't run")
    for record in containers.listing(session.engine, True, filters(given.filter)):
        if containers.status(session.engine, record["id"])["status"] in ("created", "exited", "dead"):
            plan.add(record["name"], "present", "absent", "remove container %s" % record["name"],
                     lambda record=record: containers.remove(session.engine, record))
    session.carry_out(plan)
    session.say(*[change.name for change in plan.changes])


def rename(session, given):
    record = containers.find(session.engine, given.words[0])
    plan = Plan("container %s" % record["name"])
    if record["name"] != given.words[1]:
        plan.add("name", record["name"], given.words[1], "rename container %s to %s" % (record["name"], given.words[1]),
                 lambda: containers.rename(session.engine, record, given.words[1]))
    session.carry_out(plan)


def update(session, given):
    changed = options(given, UPDATE_FLAGS)
    if not changed:
        raise UsageError("pycontainer update: name at least one thing to change; accepted: %s" % ", ".join(flag.names[-1] for flag in UPDATE_FLAGS))

    def one(name):
        record = containers.find(session.engine, name)
        session.carry_out(containers.plan(session.engine, dict(changed, name=record["name"], state="present")))
        session.say(name)
    session.each(given.words, one)


def exec_(session, given):
    record = containers.find(session.engine, given.words[0])
    argv = given.words[1:]
    if not argv:
        raise UsageError("pycontainer exec takes CONTAINER COMMAND...")
    settings = {"env": dict(item.partition("=")[::2] if "=" in item else (item, os.environ.get(item, "")) for item in given.env),
                "user": given.user, "cwd": given.workdir, "privileged": given.privileged}
    if not session.terminal and (given.interactive or given.tty):
        session.need_terminal("exec -i or -t", "leave the flags out, or run it on the host")
    if session.check:
        session.record(True, ["run %s in container %s" % (" ".join(argv), record["name"])])
        return
    session.record(True)
    try:
        session.rc = streams.execute(session, record, argv, settings, given)
    except ContainerFailed as error:  # no such command in the image: 127, not executable: 126, as a shell has it
        session.rc = error.exit_code or 1
        session.complain(str(error))


def logs(session, given):
    record = containers.find(session.engine, given.words[0])
    if given.follow:
        session.need_terminal("logs -f", "leave -f out")
    since = None
    if given.since:
        since = streams.moment(given.since, "--since")
    tail = None if given.tail in (None, "all") else whole(given.tail, "--tail")
    streams.print_log(session, record, tail, since, given.follow, given.timestamps)


STATS_COLUMNS = [("CONTAINER ID", "ID"), ("NAME", "Name"), ("CPU %", "CPUPerc"), ("MEM USAGE / LIMIT", "MemUsage"), ("MEM %", "MemPerc"),
                 ("NET I/O", "NetIO"), ("BLOCK I/O", "BlockIO"), ("PIDS", "PIDs")]


def stats(session, given):
    """Prints on and on at a terminal; once in a task and with ``--no-stream``."""
    while True:
        lines = tables.formatted(_measure(session, given), STATS_COLUMNS, given.format)
        if session.terminal and not given.no_stream:
            session.say("\x1b[2J\x1b[H" + "\n".join(lines))
            continue
        session.say(*lines)
        return


def _measure(session, given, interval=0.5):
    """Two readings, ``interval`` seconds apart: use of CPU is a difference."""
    if given.words:
        chosen = [containers.find(session.engine, name) for name in given.words]
    else:
        chosen = containers.listing(session.engine, given.all)
    first = {record["id"]: containers.stats(session.engine, record["id"]) for record in chosen}
    begin = time.monotonic()
    time.sleep(interval)
    second = {record["id"]: containers.stats(session.engine, record["id"]) for record in chosen}
    passed = time.monotonic() - begin
    return [_stats_row(record, first[record["id"]], second[record["id"]], passed) for record in chosen]


def _stats_row(record, before, now, passed):
    row = {"ID": record["id"][:12], "Name": record["name"], "CPUPerc": "--", "MemUsage": "-- / --", "MemPerc": "--",
           "NetIO": "--", "BlockIO": "--", "PIDs": "--"}
    if now is None:  # it does not run
        return row
    memory, cpu, pids, io, network = (now.get(part) or {} for part in ("memory", "cpu", "pids", "io", "network"))
    if cpu and before:
        row["CPUPerc"] = "%.2f%%" % (100.0 * max(0, cpu["total"] - before["cpu"]["total"]) / 1e9 / passed)
    if memory:
        limit = memory.get("limit") or streams.memory_of_host()
        row["MemUsage"] = "%s / %s" % (tables.binary_size(memory["working_set"]), tables.binary_size(limit))
        row["MemPerc"] = "%.2f%%" % (100.0 * memory["working_set"] / limit)
    if network:
        row["NetIO"] = "%s / %s" % (tables.size(network["received"]), tables.size(network["sent"]))
    if io:
        row["BlockIO"] = "%s / %s" % (tables.size(io["read_bytes"]), tables.size(io["write_bytes"]))
    if pids:
        row["PIDs"] = pids["current"]
    return row


def top(session, given):
    record = containers.find(session.engine, given.words[0])
    columns = ["UID", "PID", "PPID", "STIME", "TIME", "CMD"]
    session.say(*tables.table(columns, [[row[column] for column in columns] for row in containers.top(session.engine, record["id"])]))


def port(session, given):
    document = containers.inspect(session.engine, containers.find(session.engine, given.words[0]))
    for name, bindings in sorted(document["NetworkSettings"]["Ports"].items()):
        session.say(*["%s -> %s:%s" % (name, binding["HostIp"], binding["HostPort"]) for binding in bindings or ()])


def wait(session, given):
    session.each(given.words, lambda name: session.say(str(containers.wait(session.engine, containers.find(session.engine, name)["id"]))))
