# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""systemd's transient units, over D-Bus (org.freedesktop.systemd1(5)): scopes for processes that others started.

Root talks to systemd itself through its private socket, as systemctl(1) does, so that no message bus needs to run.
"""

from __future__ import annotations

import os
import time

from ...errors import HostError, NotFound, Unsupported
from ..processes import procfs
from . import dbus

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

SERVICE, ROOT, MANAGER = (
    "org.freedesktop.systemd1",
    "/org/freedesktop/systemd1",
    "org.freedesktop.systemd1.Manager",
)
PRIVATE = "/run/systemd/private"
PATIENCE = 30.0  # seconds that a job of systemd's may take


def booted() -> bool:
    """sd_booted(3): whether systemd is process 1."""
    return os.path.isdir("/run/systemd/system")


def user() -> int:
    """The user whose manager has this process's units, as that manager numbers it; 0 for the system's.

    The root of a user namespace is a user outside, unless systemd is inside as well, as in a system container.
    """
    ident = os.geteuid()
    if ident or not procfs.in_user_namespace():
        return ident
    try:
        if os.stat(PRIVATE).st_uid == 0:
            return 0
    except OSError:
        pass
    return procfs.user_outside()


def connect() -> dbus.Connection:
    """A connection to the manager of this user's units: the system's for root.

    :raises Unsupported: no systemd here.
    """
    ident = user()
    places = [(PRIVATE, False), ("/run/dbus/system_bus_socket", True)]
    if ident:
        own = os.environ.get("XDG_RUNTIME_DIR") or f"/run/user/{ident}"
        places = [(own + "/systemd/private", False), (own + "/bus", True)]
    elif not booted():
        raise Unsupported("--systemd-cgroup: this host wasn't booted with systemd")
    problems = []
    for address, bus in places:
        try:
            return dbus.Connection(address, SERVICE, bus, ident)
        except Unsupported as error:
            problems.append(error)
    raise problems[0]


def unit_path(unit: str) -> str:
    """The object of a unit: bytes other than letters and digits are written as _xx."""
    escaped = "".join(
        chr(byte)
        if chr(byte).isalnum() and byte < 128 and (index or not chr(byte).isdigit())
        else f"_{byte:02x}"
        for index, byte in enumerate(unit.encode())
    )
    return f"{ROOT}/unit/{escaped}"


def get(connection: dbus.Connection, path: str, interface: str, name: str) -> Any:
    """A property's value. :raises NotFound: no such unit."""
    return connection.call(
        path, "org.freedesktop.DBus.Properties", "Get", "ss", (SERVICE + "." + interface, name)
    )[0]


def version(connection: dbus.Connection) -> int:
    """systemd's version, a number; 0 where it can't be told."""
    text: str = get(connection, ROOT, "Manager", "Version").lstrip("v")
    digits = text[: next((at for at, char in enumerate(text) if not char.isdigit()), len(text))]
    return int(digits or 0)


def state(connection: dbus.Connection, unit: str) -> str:
    """A unit's ActiveState; "inactive" where there is none of this name."""
    try:
        found: str = get(connection, unit_path(unit), "Unit", "ActiveState")
        return found
    except NotFound:
        return "inactive"


def reload(connection: dbus.Connection) -> None:
    """Have systemd read all files of units again, as ``systemctl daemon-reload``."""
    connection.call(ROOT, MANAGER, "Reload")


def start_scope(
    connection: dbus.Connection, unit: str, properties: Sequence[tuple[str, str, Any]]
) -> None:
    """Start a transient scope; returns when it has taken in its processes.

    :param properties: ``[(name, signature, value)]``, among them PIDs.
    :raises HostError: systemd refuses, or has a unit of this name.
    """
    arguments: tuple[Any, ...] = (
        unit,
        "replace",
        [(name, (signature, value)) for name, signature, value in properties],
        [],
    )
    try:
        connection.call(ROOT, MANAGER, "StartTransientUnit", "ssa(sv)a(sa(sv))", arguments)
    except HostError as error:
        if "UnitExists" not in str(error):
            raise
        reset(connection, unit)  # one that failed is kept by its name
        connection.call(ROOT, MANAGER, "StartTransientUnit", "ssa(sv)a(sa(sv))", arguments)
    found = wait(connection, unit, ("active", "failed", "inactive"))
    if found != "active":
        reset(connection, unit)
        raise HostError(f"systemd: the unit {unit} was not started: it is {found}")


def wait(connection: dbus.Connection, unit: str, states: tuple[str, ...]) -> str:
    """Ask until the unit is in one of ``states`` and no job for it is under way; returns its state."""
    end, pause = time.monotonic() + PATIENCE, 0.0005
    while True:
        try:
            busy = get(connection, unit_path(unit), "Unit", "Job")[0]
        except NotFound:
            return "inactive"
        found = state(connection, unit)
        if found in states and not busy:
            return found
        if time.monotonic() > end:
            raise HostError(f"systemd: the unit {unit} stays {found}")
        time.sleep(pause)
        pause = min(pause * 1.5, 0.05)


def stop(connection: dbus.Connection, unit: str) -> None:
    """Stop a unit and wait for it, and let systemd forget it; one that isn't there is no error."""
    try:
        connection.call(ROOT, MANAGER, "StopUnit", "ss", (unit, "replace"))
        wait(connection, unit, ("inactive", "failed"))
    except NotFound:
        pass
    reset(connection, unit)


def reset(connection: dbus.Connection, unit: str) -> None:
    try:
        connection.call(ROOT, MANAGER, "ResetFailedUnit", "s", (unit,))
    except NotFound:
        pass


def attach(connection: dbus.Connection, unit: str, below: str, pid: int) -> None:
    """Ask for a process to be moved into a unit's cgroup, or into the group ``below`` it. systemd 238.

    It serves a process that may not move it: a user's manager asks the system's (systemd's src/core/cgroup.c).

    :param below: "", or a path that begins with a slash. :raises HostError: it is refused.
    """
    connection.call(ROOT, MANAGER, "AttachProcessesToUnit", "ssau", (unit, below, [pid]))


def set_properties(
    connection: dbus.Connection, unit: str, properties: Sequence[tuple[str, str, Any]]
) -> None:
    """Change a unit's properties until the next boot. :raises HostError: systemd refuses one."""
    if properties:
        connection.call(
            ROOT,
            MANAGER,
            "SetUnitProperties",
            "sba(sv)",
            (unit, True, [(name, (signature, value)) for name, signature, value in properties]),
        )
