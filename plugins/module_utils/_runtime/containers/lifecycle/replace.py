# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Replace a container by a new one, as a transaction.

The new one is made beside the old under a name of its own, the old one is stopped, the new one
takes over its addresses and ports and is started. Only when that went well does the old row go and
the new one get the name: one database transaction, the commit. Until then every failure, a kill -9
included, leads back: the new one is removed, and the old one gets its addresses and ports again and
runs as it did.

:func:`replace_beside` starts the new one before the old one is stopped. The commit gives the new one
the name, and the old one another. Only after it do the published ports go over, which is finished
by ``recovery`` where the task is killed; then the old one is stopped and removed.

:func:`restart` does likewise without a new one: the container itself is stopped, and started as it
is to be.
"""

from __future__ import annotations

import contextlib
import secrets
import time

from ... import networks, volumes
from ...errors import Conflict, ContainerFailed, EngineError, HostError, required
from ...kernel.net import connections
from ..client import monitor_client, names_client
from ..records import catalog, network_names, run_events, status
from ..spec import container_files, inherited_mounts, run_file
from ..view import logs
from . import create, live_changes, remove, start, waits

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, TypedDict

    from ...engine import Engine
    from ...options.rows import Definition
    from ..records.catalog import Record

    class Drained(TypedDict):
        """``seconds``: from the switch to the old one's stop. ``cut``: connections that it had then."""

        seconds: float
        cut: int


SETTLE = 0.3  # seconds in which a new process 1 that ends with an error counts as not started


def replace(
    engine: Engine,
    old: Record,
    definition: Definition,
    image: str | None,
    run: bool,
    healthy: float | None = None,
    keep_volumes: bool = True,
    force: bool = False,
    signal: str | None = None,
) -> tuple[Record, float | None]:
    """Replace the container ``old``; returns the new record and the downtime.

    The downtime is the seconds from the old one's stop until the new one runs, or is healthy where
    that is waited for. None where the old one did not run or the new one is not to.

    :param image: image id. :param run: whether the new one is to run.
    :param healthy: seconds to wait for its health check; None: don't.
    :param keep_volumes: the new one gets the old one's anonymous volumes.
    :param force: the old one is killed, not stopped. :param signal: that is sent to stop it;
        None: its own.
    :raises ContainerFailed: the new one did not come up; the old one is as it was. Its ``downtime``
        is the seconds until that ran again.
    """
    ran, stopped, downtime = status.lives(engine.paths, old["id"]), None, None
    temporary = _temporary(old, run_events.NEW)
    going = _going(engine, old, keep_volumes)
    with engine.operations.record(
        "replace-container",
        old=old["id"],
        temporary=temporary,
        name=old["name"],
        ran=ran,
        volumes=going,
    ):
        new = create.create(
            engine,
            temporary,
            definition,
            image,
            old["wanted"] if not run else "running",
            replaces=old["id"],
            keep=_kept(engine, old, keep_volumes),
        )
        try:
            if ran:
                stopped = time.monotonic()
                _halt(engine, old, force, signal)
            _take_addresses(engine, old, new)
            if run:
                start.start_one(engine, new)
                _settle(engine, new)
                if healthy is not None:
                    waits.wait_healthy(engine, new, healthy, fresh=True)
                downtime = _since(stopped)
        except BaseException as error:
            put_back(engine, old, new, ran)
            if isinstance(error, EngineError) and stopped is not None:
                error.downtime = _since(stopped)  # type: ignore[attr-defined]
            raise
        return _commit(engine, old, new, going), downtime


def _temporary(old: Record, suffix: str) -> str:
    return f"{old['name'][:100]}{suffix}{secrets.token_hex(4)}"


def _kept(engine: Engine, old: Record, keep_volumes: bool) -> dict[str, str]:
    """Return the anonymous volumes that the new one gets, ``{target: volume}``."""
    kept = container_files.mounted_volumes(engine, old["id"]) if keep_volumes else {}
    for entry in old["definition"].get(inherited_mounts.KEY, ()):
        kept.pop(entry["target"], None)  # another container's
    return _unnamed(engine, kept)


def _going(engine: Engine, old: Record, keep_volumes: bool) -> list[str]:
    """Return the volumes of which the anonymous ones go with the old one."""
    return [] if keep_volumes else container_files.own_volumes(engine, old)


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
    :param keep_volumes, force, signal: as of :func:`replace`.
    :returns: the new record, the downtime, and what became of the old one's connections. There is
        a downtime where the old one's monitor can't hand its sockets over.
    :raises ContainerFailed: the new one did not come up; the old one goes on as it was.
    """
    temporary = _temporary(old, run_events.BESIDE)
    leaving = _temporary(old, run_events.DRAINING)
    going = _going(engine, old, keep_volumes)
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
        ),
    ):
        kept = _kept(engine, old, keep_volumes)
        new = create.create(
            engine, temporary, definition, image, "running", old["id"], kept, beside=True
        )
        try:
            start.start_one(engine, new)
            _settle(engine, new)
            if healthy:
                waits.wait_healthy(engine, new, patience, fresh=True)
            waits.wait_listening(engine, new, _answered(engine, old, new), patience)
        except BaseException:
            put_back(engine, old, new, True)
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
        downtime = _switch(engine, old["id"], new)
        began = time.monotonic()
        own = {port["container_port"] for port in published}
        cut = waits.wait_drained(engine, old["id"], own, drain)
        seconds = round(time.monotonic() - began, 3)
    finally:
        record = _end_old(engine, old["id"], new, going, force, signal)
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


def _switch(engine: Engine, old: str, new: str) -> float:
    """Give names and published ports of the old one to the new one; returns the downtime.

    It can be done again after a kill at any point of it.

    :raises EngineError: a port can't be served.
    """
    paths, record = engine.paths, required(catalog.by_id(engine, new), "the new container")
    place = container_files.reserved(engine, new)
    place["ports"] = networks.reserve_ports(
        engine, new, container_files.coming_ports(engine, new), old
    )
    container_files.write(engine, record, place, container_files.mounted_volumes(engine, new))
    names_client.update(paths, new)
    _leave(engine, old)
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
    downtime = _since(stopped) or 0.0
    if stopped is None:
        if now and now["ports"]:
            networks.publish.unpublish(
                old, networks.attach.targets(now["attachments"]), now["ports"]
            )
        with contextlib.suppress(Conflict):
            monitor_client.let_go_ports(paths, old)
    return downtime


def _leave(engine: Engine, old: str) -> None:
    """Take names and published ports out of the old one's run.json."""
    record = catalog.by_id(engine, old)
    run = container_files.read_run(engine, old)
    if record is None or "network" not in run:
        return
    run["name"], run["network"]["ports"] = record["name"], []
    run["network"].update(
        network_names.document(engine, record, run["network"].get("attachments", []))
    )
    run_file.write(engine.paths, old, run)
    names_client.update(engine.paths, old)


def _end_old(
    engine: Engine,
    old: str,
    new: str,
    going: list[str],
    force: bool = False,
    signal: str | None = None,
) -> Record:
    """Stop and remove the old one, and see once more that the new one has what it is to have."""
    record = required(catalog.by_id(engine, new), "the new container")
    monitor_client.stop(engine.paths, [old], 0 if force else None, signal)
    run_events.tell_of(engine.paths, old, "stop")
    catalog.forget(engine, old)
    remove.sweep(engine, old, going)
    _serve(engine, new)
    names_client.update(engine.paths, new)
    container_files.forget_coming(engine, new)
    return record


def _serve(engine: Engine, ident: str) -> None:
    """Publish the ports that a container is to have, where it runs: it may have ended meanwhile.

    :raises HostError: one can't be served.
    """
    if status.lives(engine.paths, ident):
        monitor_client.reload(engine.paths, ident)
        place = container_files.reserved(engine, ident)
        targets = networks.attach.targets(place["attachments"])
        networks.publish.publish(ident, targets, place["ports"])


def restart(
    engine: Engine,
    record: Record,
    definition: Definition,
    changed: list[str],
    healthy: float | None = None,
    force: bool = False,
    signal: str | None = None,
    run: bool = True,
) -> float | None:
    """Stop a container that runs, and start it by another definition; returns the downtime.

    :param changed: the names of the options that differ; each takes a restart, or less.
    :param healthy, force, signal: as of :func:`replace`.
    :param run: whether it is to be started. Without, it stays stopped, and there is no downtime.
    :raises ContainerFailed: it did not come up so; it runs as before. Its ``downtime`` is the
        seconds until it ran again.
    """
    detail = {"id": record["id"], "changed": changed, "run": run}
    with engine.operations.record("restart-container", **detail):
        stopped = time.monotonic()
        try:
            _halt(engine, record, force, signal)
            live_changes.apply(engine, record, definition, changed)
            if not run:
                catalog.set_wanted(engine, record["id"], "stopped")  # the commit
                return None
            now = required(catalog.by_id(engine, record["id"]), f"container {record['name']}")
            start.start_one(engine, now)
            _settle(engine, now)
            if healthy is not None:
                waits.wait_healthy(engine, now, healthy, fresh=True)
        except BaseException as error:
            monitor_client.stop(engine.paths, [record["id"]], 0)
            now = required(catalog.by_id(engine, record["id"]), f"container {record['name']}")
            live_changes.apply(engine, now, record["definition"], changed)
            _start_old(engine, record, "change")
            if isinstance(error, EngineError):
                error.downtime = _since(stopped)  # type: ignore[attr-defined]
            raise
        run_events.tell_of(engine.paths, record["id"], "restart")
        return _since(stopped)


def _start_old(engine: Engine, old: Record, what: str) -> None:
    """Start a container again that ran. :raises ContainerFailed: it does not start any more."""
    if status.lives(engine.paths, old["id"]):
        return
    try:
        start.start_one(engine, old)
    except EngineError as error:
        raise ContainerFailed(
            f"the {what} of container {old['name']} failed, and the old one did not start again: "
            f"{error}"
        ) from error


def recover_restart(engine: Engine, detail: dict[str, Any]) -> None:
    """Start a container again, whose task was killed while it was stopped to be changed."""
    record = catalog.by_id(engine, detail["id"])
    if record is None or status.lives(engine.paths, record["id"]):
        return
    if not detail.get("run", True) and record["wanted"] == "stopped":
        return
    live_changes.apply(engine, record, record["definition"], detail["changed"])
    _start_old(engine, record, "change")


def _since(when: float | None) -> float | None:
    return None if when is None else round(time.monotonic() - when, 3)


def _unnamed(engine: Engine, mounted: dict[str, str]) -> dict[str, str]:
    """Return those of ``{target: volume}`` that are anonymous."""
    found = {name: volumes.get(engine, name) for name in mounted.values()}
    anonymous = {name for name, volume in found.items() if volume and volume["anonymous"]}
    return {target: name for target, name in mounted.items() if name in anonymous}


def _halt(engine: Engine, old: Record, force: bool, signal: str | None) -> None:
    """Stop the old one. That it should run stays written down: a reboot in the middle finds it so."""
    monitor_client.stop(engine.paths, [old["id"]], 0 if force else None, signal)
    run_events.tell_of(engine.paths, old["id"], "stop")


def _take_addresses(engine: Engine, old: Record, new: Record) -> None:
    reserved = create.reserve(
        engine, new["id"], new["definition"], new["image"], replaces=old["id"]
    )
    container_files.write(
        engine, new, reserved, container_files.mounted_volumes(engine, new["id"]), durable=False
    )


def _settle(engine: Engine, new: Record) -> None:
    """Refuse a process 1 that fails at once, unless the restart policy will have it again."""
    until = time.monotonic() + SETTLE
    while time.monotonic() < until:
        state = status.now(engine.paths, new["id"])
        if state["status"] in ("exited", "restarting") and state["exit_code"]:
            raise ContainerFailed(
                "container %s ended at once with exit code %d"
                % (network_names.shown_name(new), state["exit_code"]),
                state["exit_code"],
                logs.tail(engine.paths, new["id"]),
            )
        if state["status"] == "exited":
            return
        time.sleep(0.03)


def _commit(engine: Engine, old: Record, new: Record, going: list[str]) -> Record:
    """Make the new one the container, and remove what the old one left."""
    catalog.take_over(engine, old["id"], new["id"], old["name"])
    record = required(catalog.by_id(engine, new["id"]), f"container {old['name']}")
    _finish(engine, old["id"], record, going)
    return record


def _finish(engine: Engine, old: str, record: Record, going: list[str]) -> None:
    container_files.rename(engine, record, record["name"])
    networks.release(engine, old)
    networks.release_ports(engine, old)
    remove.sweep(engine, old, going)
    monitor_client.reload(engine.paths, record["id"])
    names_client.update(engine.paths, record["id"])


def put_back(engine: Engine, old: Record, new: Record | None, ran: bool) -> None:
    """Undo: the new one goes, the old one gets its addresses and ports again, and runs if it ran."""
    if new is not None:
        kept = set(container_files.mounted_volumes(engine, old["id"]).values())
        monitor_client.stop(engine.paths, [new["id"]], 0)
        mounted = container_files.own_volumes(engine, new)
        catalog.forget(engine, new["id"])
        remove.sweep(engine, new["id"], [name for name in mounted if name not in kept])
    reserved = container_files.reserved(engine, old["id"])
    for entry in reserved["attachments"]:
        networks.allocate(
            engine,
            entry["network"],
            old["id"],
            entry["address"].partition("/")[0],
            entry["mac"],
            wanted_ip6=entry.get("address6", "").partition("/")[0],
        )
    networks.reserve_ports(engine, old["id"], reserved["ports"])
    if ran:
        _start_old(engine, old, "replacement")


def recover(engine: Engine, detail: dict[str, Any]) -> None:
    """Finish or undo a replacement after a kill: committed is what has no old row any more."""
    old, new = catalog.by_id(engine, detail["old"]), catalog.get(engine, detail["temporary"])
    going = detail.get("volumes", [])  # an older version did not record them
    if old is not None and old["name"] == detail.get("leaving"):
        now = required(catalog.get(engine, detail["name"]), f"container {detail['name']}")
        with contextlib.suppress(EngineError):
            _switch(engine, old["id"], now["id"])
        _end_old(engine, old["id"], now["id"], going)
        return
    if old is not None:
        put_back(engine, old, new, detail["ran"])
        return
    record = catalog.get(engine, detail["name"])
    if record is not None:
        _finish(engine, detail["old"], record, going)
    else:
        remove.sweep(engine, detail["old"], going)
