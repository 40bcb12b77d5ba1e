# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which container has which published port of the host: table ``ports``.

What is asked for has the keys of ``publish.Port``. Without ``host_ip`` it is every address of the
host, which makes two ports of one number: one of each family, or of IPv4 alone on a host that has no
IPv6. Without ``host_port`` it is a free number.
"""

from __future__ import annotations

import errno
import os
import socket
import time

from ..errors import Conflict, InvalidInput, Unsupported
from ..kernel.net import listeners, netlink
from ..rootless import keeper_client
from . import catalog
from .definition import BINDING_OPTION, ROUTED, gateway_modes, version
from .publish import EVERY, PROTOCOLS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from typing import Any, TypedDict

    from ..engine import Engine
    from .publish import Port

    class Reservation(TypedDict):
        """A row of the table ``ports``."""

        protocol: str
        host_ip: str
        host_port: int
        id: str  # the container's
        name: str  # the container's; the id for one that is being made

    Asked = Mapping[str, Any]  # keys of a Port; what is missing, None or 0 is to be filled in

UPPER = 49153  # the first of the ports that nobody registers (RFC 6335: 49152 and up)


def check_ports(
    engine: Engine, container_id: str, ports: Iterable[Asked], replaces: str | None = None
) -> list[Port]:
    """Refuse what :func:`reserve_ports` would refuse, and return what it would; nothing is changed.

    :raises InvalidInput, Unsupported, Conflict: one sentence with the port and who has it.
    """
    return _assign(engine, container_id, ports, replaces)


def reserve_ports(
    engine: Engine, container_id: str, ports: Iterable[Asked], replaces: str | None = None
) -> list[Port]:
    """Reserve exactly ``ports`` for a container; others that it had are given back.

    :param replaces: id of a container whose ports may be taken over.
    :returns: the ports, with every ``host_ip`` and ``host_port`` filled in; one that is on both
        families is two.
    :raises InvalidInput, Unsupported, Conflict: nothing is changed then.
    """
    with engine.db.transaction() as connection:
        assigned = _assign(engine, container_id, ports, replaces)
        connection.execute("DELETE FROM ports WHERE container = ?", (container_id,))
        for port in assigned:
            if port.get("routed"):
                continue
            key = (port["protocol"], port["host_ip"], port["host_port"])
            connection.execute(
                "DELETE FROM ports WHERE protocol = ? AND host_ip = ? AND host_port = ?", key
            )  # the replaced container's
            connection.execute(
                "INSERT INTO ports (protocol, host_ip, host_port, container) VALUES (?, ?, ?, ?)",
                key + (container_id,),
            )
    return assigned


def release_ports(engine: Engine, container_id: str) -> None:
    """Give back all ports of a container; none is no error."""
    engine.db.run("DELETE FROM ports WHERE container = ?", container_id)


def binding_address(engine: Engine, names: Iterable[str]) -> str:
    """Return where ports without an address are published: ``host_binding_ipv4`` of a network.

    :param names: the container's networks; the first that ports can lead to decides.
    :returns: "" for all addresses of the host.
    """
    for name in names:
        config = catalog.get(engine, name)
        if config is not None and (config["internal"] or config["parent"]):
            continue
        found = config["driver_options"].get(BINDING_OPTION, "") if config else ""
        return "" if found == EVERY[0] else found
    return ""


def has_ipv6() -> bool:
    """Tell whether a link of this host has an IPv6 address: none has where IPv6 is off."""
    try:
        with open("/proc/net/if_inet6") as file:
            return bool(file.read(1))
    except OSError:
        return False


def _assign(
    engine: Engine, container_id: str, asked: Iterable[Asked], replaces: str | None
) -> list[Port]:
    """Return the ports that ``asked`` comes to, in its order."""
    every = [_group(port) for port in asked]
    groups = [[port for port in group if not port.get("routed")] for group in every]
    groups = [group for group in groups if group]  # of equal number, of the host
    ports = [port for group in groups for port in group]
    # Where every number is fixed, only they can clash: a host may have thousands of rows.
    numbers = [port["host_port"] for port in ports]
    mine = [ident for ident in (container_id, replaces) if ident]
    marks = [",".join("?" * len(listed)) for listed in (numbers, mine)]
    few = all(numbers) and len(numbers) < 100
    rows: list[Any] = engine.db.all(
        "SELECT protocol, host_ip, host_port, container AS id, coalesce(containers.name, "
        "container) AS name FROM ports"
        " LEFT JOIN containers ON containers.id = ports.container"
        + (f" WHERE host_port IN ({marks[0]}) OR container IN ({marks[1]})" if few else ""),
        *([*numbers, *mine] if few else []),
    )
    own: list[Reservation] = [row for row in rows if row["id"] in (container_id, replaces)]
    others: list[Mapping[str, Any]] = [
        row for row in rows if row["id"] not in (container_id, replaces)
    ]
    # Those with a number first, so that no free choice takes it.
    for group in sorted(groups, key=lambda group: not group[0]["host_port"]):
        if not group[0]["host_port"]:
            number = _free(group, own, others)
            for port in group:
                port["host_port"] = number
        else:
            for port in group:
                _check(port, own, others)
        others += group
    return [port for group in every for port in group]


def _group(port: Asked) -> list[Port]:
    """Return the ports of one number that were asked for as one.

    :raises InvalidInput: an address of the host is named for a family that is routed.
    """
    modes = port.get("modes") or {}
    places = [port["host_ip"]] if port.get("host_ip") else list(EVERY[: 2 if has_ipv6() else 1])
    if ROUTED in modes.values() and not port.get("host_ip"):
        # whom others reach at his own addresses is not reached by a family that he has not
        places = [EVERY[0 if family == 4 else 1] for family in sorted(modes)]
    return [_at(port, place, modes.get(version(place))) for place in places]


def _at(port: Asked, place: str, mode: str | None) -> Port:
    """Return a port at an address of the host, or where its family is routed at the container's."""
    if mode != ROUTED:
        return _normal({**port, "host_ip": place})
    if place not in EVERY:
        raise InvalidInput(
            "published_ports",
            written(port.get("protocol") or "tcp", place, port.get("host_port") or 0),
            "a port without an address: the network's gateway mode is routed, so other hosts reach "
            "the container at its own",
        )
    return {**_normal({**port, "host_ip": place, "host_port": 0}), "routed": True}


def routing(engine: Engine, names: Iterable[str]) -> dict[int, str]:
    """Return the gateway mode that published ports have, for each family.

    :param names: the container's networks; of each family the first that ports can lead to decides.
    """
    found: dict[int, str] = {}
    for name in names:
        config = catalog.get(engine, name)
        if config is not None and not config["internal"] and not config["parent"]:
            for family, mode in gateway_modes(config).items():
                found.setdefault(family, mode)
    return found


def _normal(port: Asked) -> Port:
    """Return a port that was asked for in full; ``host_port`` 0 is yet to be chosen."""
    protocol, host_ip = port.get("protocol") or "tcp", port["host_ip"]
    if protocol not in PROTOCOLS:
        raise InvalidInput("published_ports", protocol, "protocol tcp, udp or sctp")
    try:
        family = netlink.family_of(host_ip)
        host_ip = socket.inet_ntop(family, socket.inet_pton(family, host_ip))
    except OSError:
        raise InvalidInput("published_ports", host_ip, "an address of this host") from None
    for key in ("host_port", "container_port"):
        number = port.get(key) or 0
        if (
            not isinstance(number, int)
            or not 0 <= number <= 65535
            or (key == "container_port" and number == 0)
        ):
            raise InvalidInput("published_ports", port.get(key), "port numbers from 1 to 65535")
    return {
        "host_ip": host_ip,
        "host_port": port.get("host_port") or 0,
        "container_port": port["container_port"],
        "protocol": protocol,
    }


def _clashes(port: Port, row: Mapping[str, Any]) -> bool:
    return (port["protocol"], port["host_port"]) == (row["protocol"], row["host_port"]) and (
        port["host_ip"] == row["host_ip"]
        or (
            netlink.family_of(port["host_ip"]) == netlink.family_of(row["host_ip"])
            and (port["host_ip"] in EVERY or row["host_ip"] in EVERY)
        )
    )


def _check(port: Port, own: Sequence[Reservation], others: Sequence[Mapping[str, Any]]) -> None:
    shown = written(port["protocol"], port["host_ip"], port["host_port"])
    for row in others:
        if _clashes(port, row):
            if "name" in row:
                raise Conflict(f"published_ports: port {shown} is taken by container {row['name']}")
            raise InvalidInput("published_ports", shown, "every port of the host once")
    # On what is its own its monitor may be listening.
    if not any(_clashes(port, row) for row in own) and not _is_free(port):
        raise taken(port["protocol"], port["host_ip"], port["host_port"])


def written(protocol: str, host_ip: str, host_port: int) -> str:
    """Write a port as users do: ``0.0.0.0:8080/tcp``, ``[::]:8080/tcp``."""
    shown = f"[{host_ip}]" if ":" in host_ip else host_ip
    return f"{shown}:{host_port}/{protocol}"


def taken(protocol: str, host_ip: str, host_port: int) -> Conflict:
    """Make the sentence about a port that a process has which is no container's."""
    found = listeners.holder(protocol, host_ip, host_port)
    who = f"process {found[0]} (pid {found[1]})" if found else "another process"
    shown = written(protocol, host_ip, host_port)
    return Conflict(f"published_ports: port {shown} is taken by {who}")


def _is_free(port: Port) -> bool:
    """Tell whether the relay could listen now. Another task may ask the same at the same moment.

    Nobody is in the way of a socket of TCP that is bound and does not listen (SO_REUSEADDR, see
    socket(7)). One of UDP is, for as long as its owner asks.

    :raises InvalidInput: the address is not the host's.
    :raises Unsupported: the kernel has not the protocol, or no IPv6.
    """
    for again in range(4 if port["protocol"] == "udp" else 1):
        if again:
            time.sleep(0.01)
        if _binds(port):
            return True
    return False


def _binds(port: Port) -> bool:
    try:
        with keeper_client.new_socket(
            netlink.family_of(port["host_ip"]),
            socket.SOCK_DGRAM if port["protocol"] == "udp" else socket.SOCK_STREAM,
            PROTOCOLS[port["protocol"]],
        ) as sock:
            if sock.family == socket.AF_INET6:
                sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            if port["protocol"] != "udp":
                # Connections that linger in TIME_WAIT are no listener.
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            sock.bind((port["host_ip"], port["host_port"]))
    except OSError as error:
        if error.errno == errno.EACCES and port["host_port"]:
            raise Unsupported(_too_low(port)) from None
        if error.errno == errno.EADDRNOTAVAIL:
            raise InvalidInput(
                "published_ports", port["host_ip"], "an address of this host"
            ) from None
        if error.errno in (errno.EPROTONOSUPPORT, errno.EAFNOSUPPORT, errno.ESOCKTNOSUPPORT):
            lacks = "IPv6" if error.errno == errno.EAFNOSUPPORT else port["protocol"].upper()
            raise Unsupported(f"published_ports: this host's kernel has no {lacks}") from None
        return False
    return True


def _too_low(port: Port) -> str:
    """Make the sentence about a port that only root may listen on."""
    shown = written(port["protocol"], port["host_ip"], port["host_port"])
    return (
        f"published_ports: port {shown} needs root: without root a port of the host has to be at least "
        "1024, or what net.ipv4.ip_unprivileged_port_start of the host says"
    )


def _free(
    group: Sequence[Port], own: Sequence[Reservation], others: Sequence[Mapping[str, Any]]
) -> int:
    """Return a port number that nobody has, of the upper part of the kernel's range for such.

    :param group: ports that are to have it, on different addresses.
    """
    with open("/proc/sys/net/ipv4/ip_local_port_range") as file:
        low, high = (int(word) for word in file.read().split())
    low = max(low, UPPER) if high >= UPPER else low
    count = high - low + 1
    start = int.from_bytes(os.urandom(4), "big") % count
    for step in range(count):
        number = low + (start + step) % count
        candidates: list[Port] = [{**port, "host_port": number} for port in group]
        if all(
            not any(_clashes(candidate, row) for row in (*own, *others)) and _binds(candidate)
            for candidate in candidates
        ):
            return number
    raise Conflict(
        "published_ports: no port from %d to %d is free for container port %d/%s"
        % (low, high, group[0]["container_port"], group[0]["protocol"])
    )
