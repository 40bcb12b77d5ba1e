# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Changes that a running container takes without a restart: limits, restart policy, labels,
networks, ports, logs, health.
"""

from __future__ import annotations

import contextlib
import os

from ... import networks
from ...errors import EngineError, HostError, NotFound
from ...events import journal
from ...options.rows import LIVE
from ...store import atomic_files
from ..client import monitor_client, names_client
from ..options import network_options, publishing, resources
from ..records import catalog, run_events, status
from ..spec import container_files, limits
from . import create, dependencies

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection
    from typing import Any

    from ...engine import Engine
    from ...networks.container_links import Attachment
    from ...options.rows import Definition
    from ..records.catalog import Record
    from ..records.status import Status
    from ..spec.container_files import Reserved

LIMITS = {option.name for option in resources.OPTIONS if option.change == LIVE}
NETWORK = {
    option.name
    for option in publishing.OPTIONS + network_options.OPTIONS
    if option.change in (LIVE, network_options.LIVE_ON_NETWORKS)
}


def apply(engine: Engine, record: Record, definition: Definition, changed: list[str]) -> None:
    """Bring a container from its record's definition to ``definition``.

    The running container is changed first and the record last: a call that is killed in between
    finds the same differences again, and every step can be done twice.

    :param changed: the names of the options that differ.
    :raises HostError, Unsupported, Conflict: the kernel refuses; the record is as it was.
    """
    engine.db.require_writable()
    ident = record["id"]
    atomic_files.sweep(engine.paths.container(ident))
    state = status.now(engine.paths, ident)
    lives = state["status"] in status.LIVING
    try:
        _bring(engine, record, definition, changed, state if lives else None)
    except HostError:
        if lives:  # what it has of networks by now, state says
            with contextlib.suppress(EngineError):
                _bring(
                    engine,
                    {**record, "definition": definition},
                    record["definition"],
                    changed,
                    state,
                )
        raise
    if lives:
        try:
            monitor_client.reload(engine.paths, ident)
        except HostError:  # a port that another process has
            state["network"] = container_files.read_run(engine, ident)["network"]
            _bring(
                engine, {**record, "definition": definition}, record["definition"], changed, state
            )
            raise
        if NETWORK & set(changed):
            names_client.update(engine.paths, ident)
    catalog.set_definition(engine, ident, definition)
    run_events.tell_of(engine.paths, ident, "update")


def reconnect(engine: Engine, network_name: str, idents: list[str]) -> None:
    """Connect containers again to a network that has changed; their addresses stay where they can.

    One that is gone meanwhile is left out.

    :raises HostError, Conflict: naming the container that can't be connected.
    """
    for ident in idents:
        record = catalog.by_id(engine, ident)
        if record is None:
            continue
        try:
            with catalog.held(engine, ident) as now:
                state = status.now(engine.paths, ident)
                lives = state["status"] in status.LIVING
                _bring(
                    engine,
                    now,
                    now["definition"],
                    ["networks"],
                    state if lives else None,
                    network_name,
                )
                if lives:
                    monitor_client.reload(engine.paths, ident)
                    names_client.update(engine.paths, ident)
        except NotFound:
            continue
        except EngineError as error:
            raise HostError(
                f"network {network_name}: container {record['name']} can't be connected again: "
                f"{error}"
            ) from None


def asked_addresses(engine: Engine, network_name: str) -> list[tuple[str, str]]:
    """Return the addresses on a network that tasks gave to containers: ``[(container, address)]``."""
    return [
        (record["name"], address)
        for record in catalog.every(engine)
        for entry in network_options.attachments(record["definition"])
        if entry["name"] == network_name
        for address in (entry["ipv4_address"], entry.get("ipv6_address"))
        if address
    ]


def _bring(
    engine: Engine,
    record: Record,
    definition: Definition,
    changed: list[str],
    state: Status | None,
    anew: str | None = None,
) -> None:
    """Bring kernel and documents from one definition to another.

    :param state: of a container that runs, else None.
    :param anew: a network that it is to be connected to again, even where nothing differs.
    """
    ident = record["id"]
    if state and LIMITS & set(changed):
        monitor_client.update_resources(
            engine.paths,
            ident,
            limits.released(record["definition"], definition, container_files.swap()),
        )
    reserved = container_files.reserved(engine, ident)
    if {*NETWORK, "sysctls"} & set(changed):  # sysctls may turn IPv6 off
        reserved = create.reserve(engine, ident, definition, record["image"])
        if state and state["pid"]:
            _connect(engine, ident, state, reserved, anew)
    container_files.write(
        engine,
        {**record, "definition": definition},
        reserved,
        container_files.mounted_volumes(engine, ident),
    )


def _connect(engine: Engine, ident: str, state: Status, wanted: Reserved, anew: str | None) -> None:
    """Move a running container from the networks and ports that it has to those that it should
    have. ``state`` says at each step which it has.
    """
    has = state["network"]
    old, ports = (has["attachments"], has["ports"]) if has else ([], [])
    now = list(old)
    known: Any = {**(has or {}), "attachments": now, "ports": ports}
    state["network"] = known
    new = wanted["attachments"]
    were, are = networks.container_links.targets(old), networks.container_links.targets(new)
    republish = were != are or ports != wanted["ports"]
    networks.ensure_links(engine, [entry["network"] for entry in new])
    if republish and were and ports:
        networks.publish.unpublish(ident, were, ports)
        known["ports"] = []
    netns = os.open(f"/proc/{state['pid']}/ns/net", os.O_RDONLY | os.O_CLOEXEC)
    try:
        wished = [_place(entry) for entry in new]
        kept = [entry for entry in old if _place(entry) in wished and entry["network"] != anew]
        for entry in old:
            if entry not in kept:
                networks.container_links.disconnect(entry, netns, kept)
                now.remove(entry)
        there = [_place(entry) for entry in kept]
        come = [entry["network"] for entry in new if _place(entry) not in there]
        for entry in new:
            if _place(entry) not in there:
                name = networks.container_links.free_name(state["pid"], entry, new)
                networks.container_links.connect(netns, entry, name)
                now.append(entry)
            elif entry not in old:
                networks.container_links.limit(entry)
        if _ways(old, ()) != _ways(new, come):
            networks.container_links.lead_out(netns, new)
    finally:
        os.close(netns)
    if republish and are and wanted["ports"]:
        networks.publish.publish(ident, are, wanted["ports"])
    gone = [entry["network"] for entry in old if entry not in kept]
    journal.write(
        engine.paths,
        *(_moved(engine, ident, "disconnect", name) for name in gone),
        *(_moved(engine, ident, "connect", name) for name in come),
    )


def _ways(attachments: list[Attachment], come: Collection[str]) -> list[tuple[Any, ...]]:
    """Return what the default routes follow from. :param come: networks that were connected just now."""
    return [
        (family, one["network"], networks.container_links.gateways(one), one["network"] in come)
        for family, one in sorted(networks.container_links.ways(attachments).items())
    ]


def _moved(engine: Engine, ident: str, action: str, name: str) -> journal.Told:
    config = networks.get(engine, name)
    attributes = {
        "container": ident,
        "name": name,
        "type": config["driver"] if config else "bridge",
    }
    return "network", action, config["id"] if config else name, attributes


def _place(entry: Attachment) -> dict[str, Any]:
    """Return what of an attachment can't change under a running container."""
    return {key: value for key, value in entry.items() if key != "bandwidth"}


def rename(engine: Engine, record: Record, name: str) -> None:
    """Give a container another name; its processes go on. Those that depend on it follow.

    :raises Conflict: another container has it.
    """
    others = dependencies.dependants(engine, record)
    catalog.set_name(engine, record["id"], catalog.check_name(name))
    for other in others:
        needs = {
            name if key == record["name"] else key: need
            for key, need in dependencies.of(other["definition"]).items()
        }
        catalog.set_definition(engine, other["id"], dict(other["definition"], depends_on=needs))
    container_files.rename(engine, record, name)
    run_events.tell_of(engine.paths, record["id"], "rename", oldName=f"/{record['name']}")
    if status.lives(engine.paths, record["id"]):
        names_client.update(engine.paths, record["id"])


def networks_of(record: Record) -> list[network_options.Attachment]:
    """Return the entries of ``networks`` that say where a container is now; [] for none of its own."""
    return network_options.attachments(record["definition"])
