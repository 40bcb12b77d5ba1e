# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Remove what the engine installed on a host: the command, the boot unit, the engine, and on
request the data.
"""

from __future__ import annotations

import contextlib
import functools
import os
import signal
import socket
import struct
import time

from .. import containers
from ..containers.client import messages
from ..containers.records import run_state, status
from ..deploy import install
from ..errors import Conflict, HostError, NotFound
from ..kernel import cgroups
from ..networks import catalog, firewall, links
from ..networks.drivers import parents
from ..networks.traffic import isolation
from ..reconcile import Plan
from ..registry import task as registries
from ..registry.service import service
from ..store import settings, tree_removal
from ..store.operations import boot_id, start_time
from . import boot_unit

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from ..engine import Engine
    from ..store.paths import Paths


PATIENCE = 5.0  # seconds that the engine's own processes get to end


def plan(engine: Engine, params: dict[str, Any]) -> Plan:
    """Plan ``state: absent``; ``params`` are those of ``task.plan``.

    :raises Conflict: where containers or registries run and ``force`` does not allow to stop them.
    """
    living = running_containers(engine)
    served = [row["name"] for row in service.rows(engine) if service.lives(engine, row["name"])]
    refuse(living, served, params)
    found = Plan("host", lambda: {"host": None})
    if params["delete_data"]:
        plan_deletion(found, engine)
    else:
        plan_stop(found, engine, living, served)
    _plan_programs(found, engine, params["command"])
    if params["delete_data"]:
        _plan_data(found, engine)
    return found


def _plan_programs(found: Plan, engine: Engine, command: str) -> None:
    """Plan to remove the boot unit, the commands and the engine itself."""
    for unit in boot_unit.installed():
        found.add("boot unit", unit.path, None, f"remove the boot unit {unit.path}", unit.remove)
    if boot_unit.MARK in boot_unit.read(command):
        found.add(
            "command", command, None, f"remove the command {command}", lambda: os.unlink(command)
        )
    pages = _manual_pages(command)
    if pages:
        found.add(
            "manual pages",
            len(pages),
            0,
            f"remove {len(pages)} manual pages from {os.path.dirname(pages[0])}",
            lambda: _unlink(pages),
        )
    link = os.path.join(os.path.dirname(command), install.OCI_COMMAND)
    if os.path.islink(link) and os.readlink(link).startswith(engine.paths.runtime + "/"):
        found.add(
            "OCI runtime command",
            link,
            None,
            f"remove the OCI runtime command {link}",
            lambda: os.unlink(link),
        )
    if entries(engine.paths.runtime):
        found.add(
            "runtime",
            install.current(engine.paths.runtime),
            None,
            "remove the engine",
            lambda: remove_engine(engine.paths),
        )


def _unlink(paths: list[str]) -> None:
    for path in paths:
        os.unlink(path)


def _manual_pages(command: str) -> list[str]:
    """Return the paths of the pages that ``pycontainer man`` has written beside the command, as the
    role has it do: in ``../share/man/man1``.
    """
    top = os.path.join(os.path.dirname(os.path.dirname(command)), "share", "man", "man1")
    names = sorted(name for name in entries(top) if name.startswith("pycontainer"))
    return [
        os.path.join(top, name)
        for name in names
        if "Written by pycontainer man" in boot_unit.read(os.path.join(top, name))
    ]


def _plan_data(found: Plan, engine: Engine) -> None:
    """Plan to remove settings and data."""
    if os.path.exists(engine.paths.config):
        found.add(
            "settings",
            engine.paths.config,
            None,
            f"remove {engine.paths.config}",
            lambda: settings.write(engine.paths.config, {}),
        )
    if entries(engine.paths.data):
        found.add(
            "data",
            engine.paths.data,
            None,
            f"delete {engine.paths.data}",
            lambda: delete_data(engine),
        )


def refuse(living: list[str], served: list[str], params: dict[str, Any]) -> None:
    if params["force"]:
        return
    for kind, names in (("containers", living), ("registries", served)):
        if names:
            raise Conflict(
                f"{kind} run on this host ({', '.join(sorted(names))}); stop them first, or let "
                "force: true do it"
            )


def plan_stop(found: Plan, engine: Engine, living: list[str], served: list[str]) -> None:
    """Stop what runs, and remove networks from the kernel; the database keeps all of it."""
    for name in sorted(living):
        found.add(
            f"container {name}",
            "running",
            "stopped",
            f"stop container {name}",
            functools.partial(stop_container, engine, name),
        )
    for name in served:
        found.add(
            f"registry {name}",
            "started",
            "stopped",
            f"stop registry {name}",
            registry_plan(engine, name, "stopped").apply,
        )
    for config in catalog.listing(engine):
        if config["bridge"] and os.path.exists("/sys/class/net/" + config["bridge"]):
            found.add(
                f"network {config['name']}",
                config["bridge"],
                None,
                f"take down the bridge of network {config['name']}",
                functools.partial(links.remove, config),
            )
        elif config["parent"] and parents.made_here(config["parent"], links.alias(engine.paths)):
            found.add(
                f"network {config['name']}",
                config["parent"],
                None,
                f"take down {config['parent']} of network {config['name']}",
                functools.partial(links.remove, config, owner=links.alias(engine.paths)),
            )


def plan_deletion(found: Plan, engine: Engine) -> None:
    """Remove everything as its own module would. Plain data is removed with the directory."""
    for row in engine.db.all("SELECT name FROM containers ORDER BY name"):
        found.add(
            f"container {row['name']}",
            "present",
            None,
            f"remove container {row['name']}",
            functools.partial(remove_container, engine, row["name"]),
        )
    for served in service.rows(engine):
        found.add(
            f"registry {served['name']}",
            "present",
            None,
            f"remove registry {served['name']}",
            registry_plan(engine, served["name"], "absent").apply,
        )
    for config in catalog.listing(engine):
        found.add(
            f"network {config['name']}",
            "present",
            None,
            f"remove network {config['name']}",
            functools.partial(links.remove, config, owner=links.alias(engine.paths)),
        )


def registry_plan(engine: Engine, name: str, state: str) -> Plan:
    """Plan what the module ``registry`` would do for this state, with all else as it is."""
    unchanged = dict.fromkeys(("listen", "path", "tls_cert", "tls_key", "users"))
    return registries.plan(engine, dict(unchanged, name=name, state=state, delete_storage=False))


def running_containers(engine: Engine) -> list[str]:
    """Return the names of containers whose process 1 lives, by their monitors' state.json."""
    boot_now = boot_id()
    return [
        row["name"]
        for row in engine.db.all("SELECT id, name FROM containers")
        if lives(run_state.read(engine.paths, row["id"]), boot_now)
    ]


def lives(now: run_state.RunState, boot_now: str) -> bool:
    return (
        bool(now.get("pid"))
        and now.get("boot") == boot_now
        and start_time(now["pid"]) == now.get("pid_start")
    )


def stop_container(engine: Engine, name: str) -> None:
    """Stop a container, unless it is gone or has ended."""
    with contextlib.suppress(NotFound), containers.held(engine, name) as record:
        if status.lives(engine.paths, record["id"]):
            containers.stop(engine, record)


def remove_container(engine: Engine, name: str) -> None:
    """Remove a container and its anonymous volumes, whether it runs or not, unless it is gone."""
    with contextlib.suppress(NotFound), containers.held(engine, name) as record:
        containers.remove(engine, record, force=True)


def remove_engine(paths: Paths) -> None:
    """Remove the engine's files, its idle processes, and what it has in the kernel for all
    containers together.
    """
    zygotes = end_zygotes(paths)
    install.remove(paths)
    firewall.remove()
    isolation.remove()
    end = time.monotonic() + PATIENCE
    while any(start_time(pid) == began for pid, began in zygotes) or not cgroups.remove_base():
        if time.monotonic() > end:
            return  # another engine's containers are in there, or a process of this one takes long: empty groups do no harm
        time.sleep(0.02)


def end_zygotes(paths: Paths) -> list[tuple[int, int | None]]:
    """End the processes from which monitors are forked: they hold no state. Return each with its
    start time.
    """
    found = []
    for name in entries(paths.run):
        if name.startswith("zygote-") and name.endswith(".sock"):
            with (
                contextlib.suppress(messages.Gone),
                messages.connect(paths.run, name) as connection,
            ):
                pid = struct.unpack(
                    "=iII", connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12)
                )[0]  # unix(7)
                found.append((pid, start_time(pid)))
                # The guard follows one that still has its name.
                with contextlib.suppress(FileNotFoundError):
                    os.unlink(os.path.join(paths.run, name))
                os.kill(pid, signal.SIGTERM)
    return found


def delete_data(engine: Engine) -> None:
    engine.db.close()
    for path in (engine.paths.run, engine.paths.data):
        for name in entries(path):  # the others too where one is in use
            with contextlib.suppress(HostError, OSError):
                tree_removal.remove(os.path.join(path, name))
        with contextlib.suppress(OSError):
            os.rmdir(path)
    left = entries(engine.paths.data)
    if left:
        raise HostError(
            f"{engine.paths.data} could not be deleted whole: {', '.join(left)} is still mounted "
            "or in use"
        )


def entries(path: str) -> list[str]:
    """List the names in a directory; none where it is missing. A directory that is a file system of
    its own may stay, empty.
    """
    try:
        return sorted(set(os.listdir(path)) - {"lost+found"})
    except FileNotFoundError:
        return []
