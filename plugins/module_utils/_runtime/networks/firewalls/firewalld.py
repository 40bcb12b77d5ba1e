# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""firewalld: links of ours are put into its zone ``trusted``, as Podman does with its subnets.

It rejects what comes from links that no zone has. The zone's entries are of its running
configuration: nothing is written to ``/etc/firewalld``, and a reload forgets them.
Source: firewalld.dbus(5).
"""

from __future__ import annotations

import os

from ...errors import EngineError, reason
from ...kernel.systemd import dbus
from ...untrusted.text import printable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

BUS = "/run/dbus/system_bus_socket"
NAME, PATH = "org.fedoraproject.FirewallD1", "/org/fedoraproject/FirewallD1"
ZONES = NAME + ".zone"
ZONE = "trusted"


def answers() -> bool:
    """Tell whether firewalld runs."""
    try:
        connection = dbus.Connection(BUS, NAME, True, os.getuid())
        try:
            bus = "org.freedesktop.DBus"
            path = "/org/freedesktop/DBus"
            return bool(connection.call(path, bus, "NameHasOwner", "s", (NAME,), bus)[0])
        finally:
            connection.close()
    except (EngineError, OSError):
        return False


def trust(links: Iterable[str]) -> str | None:
    """Put links into the zone; one that it has is no error. Returns why that can't be."""
    return _call("addInterface", links, "ALREADY_ENABLED")


def forget(links: Iterable[str]) -> None:
    """Take links out of the zone; one that it has not is no error."""
    _call("removeInterface", links, "NOT_ENABLED")


def _call(method: str, links: Iterable[str], tolerated: str) -> str | None:
    try:
        connection = dbus.Connection(BUS, NAME, True, os.getuid())
    except EngineError as error:
        return str(error)
    try:
        for link in links:
            try:
                connection.call(PATH, ZONES, method, "ss", (ZONE, link))
            except EngineError as error:
                if tolerated not in str(error):
                    return printable(str(error))
    except OSError as error:
        return reason(error)
    finally:
        connection.close()
    return None
