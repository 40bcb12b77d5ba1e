# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Replace a container by a new one, as a transaction.

The new one is made beside the old under a name of its own, the old one is stopped, the new one
takes over its addresses and ports and is started. Only when that went well does the old row go and
the new one get the name: one database transaction, the commit. Until then every failure, a kill -9
included, leads back: the new one is removed, and the old one gets its addresses and ports again and
runs as it did.

``drain.py`` starts the new one before the old one is stopped.

:func:`restart` does likewise without a new one: the container itself is stopped, and started as it
is to be.
"""

from __future__ import annotations

import secrets
import time

from ... import networks, volumes
from ...errors import ContainerFailed, EngineError, required
from ..client import monitor_client, names_client
from ..records import catalog, network_names, run_events, status
from ..spec import container_files, inherited_mounts
from ..view import logs
from . import create, live_changes, remove, start, waits

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from ...engine import Engine
    from ...options.rows import Definition
    from ..records.catalog import Record


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
    temporary = temporary_name(old, run_events.NEW)
    going = going_volumes(engine, old, keep_volumes)
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
            keep=kept_volumes(engine, old, keep_volumes),
        )
        try:
            if ran:
                stopped = time.monotonic()
                _halt(engine, old, force, signal)
            _take_addresses(engine, old, new)
            if run:
                start.start_one(engine, new)
                settle(engine, new)
                if healthy is not None:
                    waits.wait_healthy(engine, new, healthy, fresh=True)
                downtime = seconds_since(stopped)
        except BaseException as error:
            put_back(engine, old, new, ran)
            if isinstance(error, EngineError) and stopped is not None:
                error.downtime = seconds_since(stopped)  # type: ignore[attr-defined]
            raise
        return _commit(engine, old, new, going), downtime


def temporary_name(old: Record, suffix: str) -> str:
    return f"{old['name'][:100]}{suffix}{secrets.token_hex(4)}"


def kept_volumes(engine: Engine, old: Record, keep_volumes: bool) -> dict[str, str]:
    """Return the anonymous volumes that the new one gets, ``{target: volume}``."""
    kept = container_files.mounted_volumes(engine, old["id"]) if keep_volumes else {}
    for entry in old["definition"].get(inherited_mounts.KEY, ()):
        kept.pop(entry["target"], None)  # another container's
    return _unnamed(engine, kept)


def going_volumes(engine: Engine, old: Record, keep_volumes: bool) -> list[str]:
    """Return the volumes of which the anonymous ones go with the old one."""
    return [] if keep_volumes else container_files.own_volumes(engine, old)


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
            settle(engine, now)
            if healthy is not None:
                waits.wait_healthy(engine, now, healthy, fresh=True)
        except BaseException as error:
            monitor_client.stop(engine.paths, [record["id"]], 0)
            now = required(catalog.by_id(engine, record["id"]), f"container {record['name']}")
            live_changes.apply(engine, now, record["definition"], changed)
            _start_old(engine, record, "change")
            if isinstance(error, EngineError):
                error.downtime = seconds_since(stopped)  # type: ignore[attr-defined]
            raise
        run_events.tell_of(engine.paths, record["id"], "restart")
        return seconds_since(stopped)


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


def seconds_since(when: float | None) -> float | None:
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


def settle(engine: Engine, new: Record) -> None:
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
    finish(engine, old["id"], record, going)
    return record


def finish(engine: Engine, old: str, record: Record, going: list[str]) -> None:
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
        going = [name for name in mounted if name not in kept]
        with engine.operations.record(
            "remove-container", id=new["id"], keep_volumes=False, volumes=going
        ):  # without its row nothing else would tell of it after a kill
            catalog.forget(engine, new["id"])
            remove.sweep(engine, new["id"], going)
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
