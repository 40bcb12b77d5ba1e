# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Options about the ports that a container publishes or exposes.

A published port's normal form is ``{"container_port", "protocol", "host_ip", "host_port"}``;
``host_port`` is a number, 0 for "any that is free", or ``"9000-9010"`` for "any free one of these".
"""

from __future__ import annotations

import re

from ...errors import InvalidInput
from ...options.forms import boolean, line, ordered
from ...options.rows import LIVE, SET, Computed, Flag, Nowhere, Option
from .network_options import address, address6, any_address, mode_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any, TypedDict, Union

    from ...options.rows import Definition

    class _PublishedPort(TypedDict):
        container_port: int
        protocol: str  # tcp, udp or sctp
        host_ip: str  # "" for all addresses of the host, or what the network says
        host_port: Union[int, str]  # 0: any that is free; "9000-9010": a free one of these

    class PublishedPort(_PublishedPort, total=False):
        """A published port in normal form.

        Older versions wrote ``0.0.0.0`` also where no address was named.
        """

        ipv4: bool  # whether 0.0.0.0 was named; left out where it was not


EVERY, EVERY6 = "0.0.0.0", "::"  # all addresses of the host, of a family
PUBLISHING = ("published_ports", "publish_all_ports")


def ports(value: Any, name: str) -> list[PublishedPort]:
    """Every form of ``published_ports``: ``[[ip:]host[-range]:]container[-range][/protocol]``.

    Beside an entry for ``[::]``, the same one without an address is for IPv4.
    """
    if not isinstance(value, (list, tuple)):
        raise InvalidInput(name, value, "a list")
    result: list[PublishedPort] = []
    for entry in value:
        result += port(entry, name)
    for found in result:
        if not found["host_ip"] and found["host_port"] and {**found, "host_ip": "::"} in result:
            found["host_ip"] = EVERY
    return ordered(result)


def port(value: Any, name: str) -> list[PublishedPort]:
    """One entry of ``published_ports``, which may be a range."""
    rest, protocol = _protocol(value, name, ("tcp", "udp", "sctp"))
    accepted = (
        "container, host:container, ip:host:container or ip::container, "
        "each a port or a range, an IPv6 address in brackets, with /tcp, /udp or /sctp"
    )
    within, bracket, behind = rest[1:].partition("]") if rest.startswith("[") else ("", "", rest)
    if bracket and not behind.startswith(":"):
        raise InvalidInput(name, value, accepted)
    parts = behind.split(":")  # with an address in brackets the first is empty
    if len(parts) > 3 or (bracket and len(parts) != 3):
        raise InvalidInput(name, value, accepted)
    inside = port_range(parts[-1], name, value, accepted)
    if bracket:
        host_ip = address6(within, name)
    else:
        host_ip = address(parts[0], name) if len(parts) == 3 and parts[0] else ""
    host = parts[-2] if len(parts) > 1 else ""
    if host in ("", "0"):
        return [_binding(number, protocol, host_ip, 0) for number in inside]
    outside = port_range(host, name, value, accepted)
    if len(inside) == 1 and len(outside) > 1:
        return [_binding(inside[0], protocol, host_ip, f"{outside[0]}-{outside[-1]}")]
    if len(inside) != len(outside):
        raise InvalidInput(name, value, "ranges of the same length on both sides")
    return [
        _binding(container, protocol, host_ip, number) for container, number in zip(inside, outside)
    ]


def _protocol(value: Any, name: str, accepted: tuple[str, ...]) -> tuple[str, str]:
    """Split ``80/udp`` into ports and protocol, which is tcp where none is named."""
    rest, _slash, protocol = line(value, name).strip().partition("/")
    protocol = protocol.lower() or "tcp"
    if protocol not in accepted:
        raise InvalidInput(name, value, f"protocol {', '.join(accepted[:-1])} or {accepted[-1]}")
    return rest, protocol


def _binding(
    container_port: int, protocol: str, host_ip: str, host_port: int | str
) -> PublishedPort:
    found: PublishedPort = {
        "container_port": container_port,
        "protocol": protocol,
        "host_ip": host_ip,
        "host_port": host_port,
    }
    if host_ip == EVERY:
        found["ipv4"] = True
    return found


def same_port(had: Mapping[str, Any], wanted: Mapping[str, Any]) -> bool:
    """Tell whether what is there was asked for as ``wanted``: an older version wrote 0.0.0.0 also
    where no address was named.
    """
    old = had["host_ip"] == EVERY and "ipv4" not in had
    if not old or wanted["host_ip"] not in ("", EVERY):
        return had == wanted
    return all(had[key] == wanted[key] for key in ("container_port", "protocol", "host_port"))


def respelled(now: Definition, wanted: Definition) -> Definition:
    """Return ``now`` with the published ports of older versions written as ``wanted`` has them."""
    entries = wanted.get("published_ports", ())
    if not entries or not now.get("published_ports"):
        return now
    spelled = [
        next((entry for entry in entries if same_port(had, entry)), had)
        for had in now["published_ports"]
    ]
    return {**now, "published_ports": ordered(spelled)}


def at_address(definition: Definition, host_ip: str) -> None:
    """Give the ports without an address one: the option ``default_host_ip``.

    :raises InvalidInput: it is none.
    """
    if host_ip and definition.get("published_ports"):
        host_ip = any_address(host_ip, "default_host_ip")
        definition["published_ports"] = ordered(
            entry
            if entry["host_ip"]
            else _binding(entry["container_port"], entry["protocol"], host_ip, entry["host_port"])
            for entry in definition["published_ports"]
        )


def port_range(text: str, name: str, value: Any, accepted: str) -> range:
    """The ports of ``80`` or ``80-90``. :raises InvalidInput: with ``value`` and ``accepted``."""
    match = re.fullmatch(r"(\d{1,5})(?:-(\d{1,5}))?", text)
    low, high = (int(match.group(1)), int(match.group(2) or match.group(1))) if match else (0, 0)
    if not 1 <= low <= high <= 65535:
        raise InvalidInput(name, value, accepted)
    return range(low, high + 1)


def exposed(value: Any, name: str) -> list[str]:
    """``exposed_ports``: ports and ranges with a protocol, as a set of ``port/protocol``."""
    if not isinstance(value, (list, tuple)):
        raise InvalidInput(name, value, "a list")
    result = []
    for entry in value:
        rest, protocol = _protocol(entry, name, ("tcp", "udp", "sctp"))
        accepted = "a port or a range, such as 80, 53/udp or 8000-8010"
        result += [f"{number}/{protocol}" for number in port_range(rest, name, entry, accepted)]
    return ordered(result)


def port_address(host_ip: str) -> str:
    """Write an address before a port: one of IPv6 in brackets."""
    return f"[{host_ip}]" if ":" in host_ip else host_ip


def clash(one: PublishedPort, other: PublishedPort) -> bool:
    """Tell whether two entries ask for the same port of the host, by its number."""
    if (one["protocol"], one["host_port"]) != (other["protocol"], other["host_port"]):
        return False
    return overlap(one["host_ip"], other["host_ip"])


def overlap(one: str, other: str) -> bool:
    """Tell whether a port can't be listened on at both of two addresses of the host."""
    places = one, other
    return (
        one == other
        or "" in places
        or (":" in one) == (":" in other)
        and not {EVERY, EVERY6}.isdisjoint(places)
    )


def check(definition: Definition) -> None:
    """Refuse options that contradict each other. :raises InvalidInput:"""
    for option in PUBLISHING:
        if definition.get(option) and mode_of(definition).startswith("container:"):
            raise InvalidInput(
                option,
                _written(definition[option]),
                f"nothing, with network_mode {definition['network_mode']}",
            )
    fixed = [
        entry
        for entry in definition.get("published_ports", ())
        if entry["host_port"] and isinstance(entry["host_port"], int)
    ]
    for entry in fixed:
        if sum(clash(entry, other) for other in fixed) > 1:
            raise InvalidInput(
                "published_ports",
                f"{_written_place(entry).rstrip(':')}/{entry['protocol']}",
                "each port of the host once",
            )


def _written(value: Any) -> Any:
    """An option's value for a sentence."""
    if not isinstance(value, list):
        return value
    return ", ".join(
        f"{_written_place(port)}{port['container_port']}/{port['protocol']}" for port in value
    )


def _written_place(port: PublishedPort) -> str:
    """Write where of the host a port is published, as a task does: ``127.0.0.1:8080:``."""
    host_ip, number = port["host_ip"], port["host_port"] or ""
    if not host_ip:
        return f"{number}:" if number else ""
    return f"{port_address(host_ip)}:{number}:"


def warnings(definition: Definition) -> list[str]:
    """Return sentences about what a definition says that has no effect, as Docker does it."""
    said = [option for option in PUBLISHING if definition.get(option)]
    why = {
        "host": "the container's ports are the host's own",
        "none": "the container is on no network",
    }.get(mode_of(definition))
    if why is None or not said:
        return []
    return [f"{said[0]}: no port is published, since with network_mode {mode_of(definition)} {why}"]


def _host_port(entry: PublishedPort) -> Any:
    """A number of the host can be published once; what is yet to be chosen is no other entry's."""
    if isinstance(entry["host_port"], int) and entry["host_port"]:
        return entry["protocol"], entry["host_ip"] or EVERY, entry["host_port"]
    return entry


OPTIONS: tuple[Option, ...] = (
    Option(
        "published_ports",
        "list",
        ports,
        elements="str",
        aliases=["ports", "publish", "published"],
        compare=SET,
        key=_host_port,
        change=LIVE,
        place="run.json network.ports",
        inspect=Computed("HostConfig.PortBindings"),
        flag=Flag("-p, --publish", "Published port ([ip:][port:]port[/udp])"),
        description="""
        Ports to publish, in the forms V(8080:80), V(127.0.0.1:8080:80), V(80) or V(0:80) (a free
        port of the host), V(127.0.0.1::80), V([::]:8080:80), V(8000-8010:80-90),
        V(8000-8010:80) (the first free one), each with V(/tcp), V(/udp) or V(/sctp).

        Without an address a port is published on all addresses of the host, IPv4 and IPv6, with
        V(0.0.0.0) on all IPv4 ones alone, with V([::]) on all IPv6 ones. A container is reached by
        both, whichever addresses it has itself. O(default_host_ip) and the network's driver option
        C(com.docker.network.bridge.host_binding_ipv4) name another address for ports without one.

        Quote them. YAML takes C(22:22) for a number of base 60, which would be port 1342.
        """,
    ),
    Option(
        "exposed_ports",
        "list",
        exposed,
        elements="str",
        aliases=["exposed", "expose"],
        compare=SET,
        change=LIVE,
        place=Nowhere("a port is only recorded, until publish_all_ports publishes it"),
        inspect=Computed("Config.ExposedPorts"),
        flag=Flag("--expose", "Exposed port"),
        description="""
        Ports that the container listens on, for example V(80), V(53/udp) or V(8000-8010). They
        are recorded, and published by O(publish_all_ports).
        """,
    ),
    Option(
        "publish_all_ports",
        "bool",
        boolean,
        default=False,
        change=LIVE,
        place="run.json network.ports",
        inspect="HostConfig.PublishAllPorts",
        flag=Flag("-P, --publish-all", "Publish all exposed ports"),
        aliases=["publish_all"],
        description="Publish every exposed port on a free port of the host.",
    ),
)
