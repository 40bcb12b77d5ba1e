# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Running containers that have lost their link to a network: found, and connected again.

A link goes with its parent when that is unplugged, and a bridge that somebody has removed leaves
links without one. Both are mended by the next task that looks at the network.
"""

from __future__ import annotations

import contextlib
import os

from ..errors import EngineError
from ..kernel.net import netlink
from ..kernel.processes.procfs import start_time
from ..store.atomic_files import Damaged, read_json
from . import catalog, container_links
from .addresses import attachment, link_name

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from ..engine import Engine
    from .catalog import User
    from .definition import Definition


def lost(engine: Engine, config: Definition) -> list[str]:
    """Return the names of running containers whose link to a network is not there."""
    return [user["name"] for user, _state in _lost(engine, config)]


def mend(engine: Engine, config: Definition) -> None:
    """Connect them again. :raises HostError: the kernel refuses."""
    for user, state in list(_lost(engine, config)):
        place = attachment(config, user["id"], user["addresses"], user["mac"])
        had = next(
            one for one in state["network"]["attachments"] if one["ifname"] == place["ifname"]
        )
        of_task: Any = {key: had[key] for key in container_links.OF_TASK if key in had}
        place.update(of_task)
        if config["bridge"] and _enslaved(config["bridge"], place["ifname"]):
            continue
        with contextlib.suppress(FileNotFoundError):  # it has ended meanwhile
            netns = os.open(f"/proc/{state['pid']}/ns/net", os.O_RDONLY | os.O_CLOEXEC)
            try:
                name = container_links.free_name(state["pid"], place)
                container_links.connect(netns, place, name)
            finally:
                os.close(netns)


def _enslaved(bridge: str, name: str) -> bool:
    """Put a link that is there onto a bridge again; False where either is not there."""
    with netlink.Socket() as sock:
        master = netlink.link(sock, bridge)
        if master is None or netlink.link(sock, name) is None:
            return False
        sock.request([netlink.set_link(name, up=True, master=master["index"])])
        return True


def _lost(engine: Engine, config: Definition) -> Iterator[tuple[User, dict[str, Any]]]:
    with netlink.Socket() as sock:
        bridge = netlink.link(sock, config["bridge"]) if config["bridge"] else None
        for user in catalog.users(engine, config["name"]):
            state = running(engine, user["id"])
            name = link_name(config, user["id"])
            if state is None or name not in [
                one["ifname"] for one in (state.get("network") or {}).get("attachments", ())
            ]:
                continue
            if config["bridge"]:
                link = netlink.link(sock, name)
                there = link is not None and bridge is not None
                there = there and link["master"] == bridge["index"]  # type: ignore[index]
            else:
                there = _inside(state["pid"], name)
            if not there:
                yield user, state


def running(engine: Engine, ident: str) -> dict[str, Any] | None:
    """Return the state of a container that runs in a network namespace of its own, or None."""
    state: dict[str, Any] = {}
    with contextlib.suppress(Damaged, EngineError, ValueError):
        state = read_json(os.path.join(engine.paths.container(ident), "state.json"), {}) or {}
    if not state.get("pid") or start_time(state["pid"]) != state.get("pid_start"):
        return None
    return state


def _inside(pid: int, name: str) -> bool:
    """Tell whether the container of a process has the link with an alias."""
    try:
        netns = os.open(f"/proc/{pid}/ns/net", os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return True  # it has ended: nothing is to be mended
    try:
        return container_links.child(netns, name) is not None
    finally:
        os.close(netns)
