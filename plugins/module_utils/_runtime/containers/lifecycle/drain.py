# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Replace a container with nobody noticing, for ``drain_timeout``: the new one listens before the old one ends.

The new one is started beside the old one. The commit gives it the name, and the old one another.
Only after it do the published ports go over, which is finished by ``recovery`` where the task is
killed. Then the old one's connections have ``drain_timeout`` to end, and it is stopped and removed.
How long they have stands in its run.json: any call honours it, and without one the old one's
monitor ends it and has it removed.
"""

from __future__ import annotations

import contextlib
import time

from ... import networks
from ...errors import Conflict, EngineError, HostError, required
from ...kernel.net import connections
from ..client import monitor_client, names_client
from ..records import catalog, network_names, run_events, status
from ..spec import container_files, run_file
from . import create, remove, replace, start, waits

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import TypedDict

    from ...engine import Engine
    from ...options.rows import Definition
    from ..records.catalog import Record
    from ..spec.run_file import Drain

    class Drained(TypedDict):
        """``seconds``: from the switch to the old one's stop. ``cut``: connections that it had then."""

        seconds: float
        cut: int


def replace_beside(
    engine: Engine,
    old: Record,
    definition: Definition,
    image: str | None,
    drain: float,
    patience: float,
    healthy: bool = False,
    keep_volumes: bool = True,
    force: bool = False,
    signal: str | None = None,
) -> tuple[Record, float, Drained]:
    """Replace a container that runs without a moment in which nothing answers.

    :param drain: seconds that the old one's connections may take to end.
    :param patience: seconds until the new one listens where the old one does, 0 for no limit.
    :param healthy: whether it must be healthy within them, too.
    :param keep_volumes, force, signal: as of replace.replace.
    :returns: the new record, the downtime, and what became of the old one's connections. There is
        a downtime where the old one's monitor can't hand its sockets over.
    :raises ContainerFailed: the new one did not come up; the old one goes on as it was.
    """
    temporary = replace.temporary_name(old, run_events.BESIDE)
    leaving = replace.temporary_name(old, run_events.DRAINING)
    going = replace.going_volumes(engine, old, keep_volumes)
    with (
        engine.locks.hold("container", leaving),  # whoever removes it when it ends waits
        engine.operations.record(
            "replace-container",
            old=old["id"],
            temporary=temporary,
            name=old["name"],
            ran=True,
            leaving=leaving,
            volumes=going,
            drain=drain,
        ),
    ):
        kept = replace.kept_volumes(engine, old, keep_volumes)
        new = create.create(
            engine, temporary, definition, image, "running", old["id"], kept, beside=True
        )
        try:
            start.start_one(engine, new)
            replace.settle(engine, new)
            if healthy:
                waits.wait_healthy(engine, new, patience, fresh=True)
            waits.wait_listening(engine, new, _answered(engine, old, new), patience)
        except BaseException:
            replace.put_back(engine, old, new, True)
            raise
        catalog.swap_names(engine, old["id"], leaving, new["id"], old["name"])
        return _hand_over(engine, old, new["id"], going, drain, force, signal)


def _hand_over(
    engine: Engine,
    old: Record,
    new: str,
    going: list[str],
    drain: float,
    force: bool,
    signal: str | None,
) -> tuple[Record, float, Drained]:
    """After the commit, bring the ports to the new one, and end the old one."""
    published = container_files.reserved(engine, old["id"])["ports"]
    try:
        downtime = switch(engine, old["id"], new, drain)
        began = time.monotonic()
        own = {port["container_port"] for port in published}
        cut = waits.wait_drained(engine, old["id"], own, drain)
        seconds = round(time.monotonic() - began, 3)
    finally:
        record = end_old(engine, old["id"], new, going, force, signal)
    return record, downtime, {"seconds": seconds, "cut": cut}


def _answered(engine: Engine, old: Record, new: Record) -> set[int]:
    """Return the TCP ports of the new one's own that it is to listen on: the old one does, behind
    the same port of the host.
    """
    listens = connections.listening(status.now(engine.paths, old["id"])["pid"])
    before = {
        (port["host_ip"], port["host_port"])
        for port in container_files.reserved(engine, old["id"])["ports"]
        if port["protocol"] == "tcp" and port["container_port"] in listens
    }
    return {
        port["container_port"]
        for port in container_files.coming_ports(engine, new["id"])
        if port["protocol"] == "tcp" and (port["host_ip"], port["host_port"]) in before
    }


def go_on(engine: Engine, old: Record, name: str, going: list[str], drain: float) -> bool:
    """Go on where a task was killed after the commit.

    :param name: the new one's. :param drain: as of :func:`replace_beside`.
    :returns: whether the old one's connections still have time. Nobody waits for them: the next
        call sees, else the old one's monitor.
    """
    ident = old["id"]
    found = _draining(engine, ident)
    if found is None or not found["switched"]:
        new = required(catalog.get(engine, name), f"container {name}")["id"]
        try:
            switch(engine, ident, new, drain)
            _settle(engine, new)
        except EngineError:
            end_old(engine, ident, new, going)
            return False
        run = container_files.read_run(engine, ident)
        if "drain" in run:
            run["drain"]["switched"] = True
            run_file.write(engine.paths, ident, run)
    found = _draining(engine, ident)
    if found is not None and time.monotonic() < found["until"]:
        if waits.wait_drained(engine, ident, set(found["ports"]), 0):
            return True
    _end(engine, ident, going)
    return False


def _draining(engine: Engine, ident: str) -> Drain | None:
    return run_file.read_or_empty(engine.paths, ident).get("drain")


def switch(engine: Engine, old: str, new: str, drain: float) -> float:
    """Give names and published ports of the old one to the new one; returns the downtime.

    It can be done again after a kill at any point of it.

    :param drain: as of :func:`replace_beside`.
    :raises EngineError: a port can't be served.
    """
    paths, record = engine.paths, required(catalog.by_id(engine, new), "the new container")
    place = container_files.reserved(engine, new)
    place["ports"] = networks.reserve_ports(
        engine, new, container_files.coming_ports(engine, new), old
    )
    container_files.write(engine, record, place, container_files.mounted_volumes(engine, new))
    names_client.update(paths, new)
    _leave(engine, old, drain)
    now, stopped = status.now(paths, old)["network"], None
    try:
        monitor_client.expect_end(paths, old)
        monitor_client.share_ports(paths, old, new)
    except Conflict:  # it has ended of itself
        pass
    except HostError:  # its monitor is of a version that keeps its sockets
        stopped = time.monotonic()
        monitor_client.stop(paths, [old])
    _serve(engine, new)
    downtime = replace.seconds_since(stopped) or 0.0
    if stopped is None:
        if now and now["ports"]:
            networks.publish.unpublish(
                old, networks.container_links.targets(now["attachments"]), now["ports"]
            )
        with contextlib.suppress(Conflict):
            monitor_client.let_go_ports(paths, old)
    return downtime


def _leave(engine: Engine, old: str, drain: float) -> None:
    """Take names and published ports out of the old one's run.json, and write down how long it has."""
    record = catalog.by_id(engine, old)
    run = container_files.read_run(engine, old)
    if record is None or "network" not in run:
        return
    if "drain" not in run:
        ports = [port["container_port"] for port in run["network"]["ports"]]
        run["drain"] = {"until": time.monotonic() + drain, "ports": ports, "switched": False}
    run["name"], run["network"]["ports"] = record["name"], []
    run["network"].update(
        network_names.document(engine, record, run["network"].get("attachments", []))
    )
    run_file.write(engine.paths, old, run)
    names_client.update(engine.paths, old)


def end_old(
    engine: Engine,
    old: str,
    new: str,
    going: list[str],
    force: bool = False,
    signal: str | None = None,
) -> Record:
    """Stop and remove the old one, and see once more that the new one has what it is to have."""
    record = required(catalog.by_id(engine, new), "the new container")
    _end(engine, old, going, force, signal)
    _settle(engine, new)
    return record


def _end(
    engine: Engine, old: str, going: list[str], force: bool = False, signal: str | None = None
) -> None:
    monitor_client.stop(engine.paths, [old], 0 if force else None, signal)
    run_events.tell_of(engine.paths, old, "stop")
    catalog.forget(engine, old)
    remove.sweep(engine, old, going)


def _settle(engine: Engine, new: str) -> None:
    """See once more that the new one has what it is to have."""
    _serve(engine, new)
    names_client.update(engine.paths, new)
    container_files.forget_coming(engine, new)


def _serve(engine: Engine, ident: str) -> None:
    """Publish the ports that a container is to have, where it runs: it may have ended meanwhile.

    :raises HostError: one can't be served.
    """
    if status.lives(engine.paths, ident):
        monitor_client.reload(engine.paths, ident)
        place = container_files.reserved(engine, ident)
        targets = networks.container_links.targets(place["attachments"])
        networks.publish.publish(ident, targets, place["ports"])
