# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Options about the network: modes, networks, addresses, published ports, names.

A published port's normal form is ``{"container_port", "protocol", "host_ip", "host_port"}``; ``host_port`` is a number,
0 for "any that is free", or ``"9000-9010"`` for "any free one of these".
"""

from __future__ import annotations

import ipaddress
import re

from ...errors import InvalidInput, Unsupported
from .table import Option, flag, line, listed, mapped, ordered

NAME = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9_.-]{0,127}")
DEFAULT_NETWORK = "bridge"
NETWORK_KEYS = ("name", "ipv4_address", "mac_address")
_DOMAIN = re.compile(r"\.|[A-Za-z0-9_]([A-Za-z0-9_-]{0,62})(\.[A-Za-z0-9_][A-Za-z0-9_-]{0,62})*\.?")


def ports(value, name):
    """Every form of ``published_ports``: ``[[ip:]host[-range]:]container[-range][/protocol]``."""
    if not isinstance(value, (list, tuple)):
        raise InvalidInput(name, value, "a list")
    result = []
    for entry in value:
        result += port(entry, name)
    return ordered(result)


def port(value, name):
    """One entry of ``published_ports`` as a list of normal forms."""
    rest, dummy, protocol = line(value, name).strip().partition("/")
    protocol = protocol.lower() or "tcp"
    if protocol not in ("tcp", "udp"):
        raise InvalidInput(name, value, "protocol tcp or udp")
    if rest.startswith("["):
        raise Unsupported(f"{name}: {value!r}: ports are published on IPv4 addresses only")
    parts = rest.split(":")
    accepted = "container, host:container, ip:host:container or ip::container, each a port or a range, with /tcp or /udp"
    if len(parts) > 3:
        raise InvalidInput(name, value, accepted)
    inside = port_range(parts[-1], name, value, accepted)
    host_ip = address(parts[0], name) if len(parts) == 3 else "0.0.0.0"
    host = parts[-2] if len(parts) > 1 else ""
    if host in ("", "0"):
        return [_binding(number, protocol, host_ip, 0) for number in inside]
    outside = port_range(host, name, value, accepted)
    if len(inside) == 1 and len(outside) > 1:
        return [_binding(inside[0], protocol, host_ip, "%d-%d" % (outside[0], outside[-1]))]
    if len(inside) != len(outside):
        raise InvalidInput(name, value, "ranges of the same length on both sides")
    return [
        _binding(container, protocol, host_ip, number) for container, number in zip(inside, outside)
    ]


def _binding(container_port, protocol, host_ip, host_port):
    return {
        "container_port": container_port,
        "protocol": protocol,
        "host_ip": host_ip,
        "host_port": host_port,
    }


def port_range(text, name, value, accepted):
    match = re.fullmatch(r"(\d{1,5})(?:-(\d{1,5}))?", text)
    low, high = (int(match.group(1)), int(match.group(2) or match.group(1))) if match else (0, 0)
    if not 1 <= low <= high <= 65535:
        raise InvalidInput(name, value, accepted)
    return range(low, high + 1)


def exposed(value, name):
    """``exposed_ports``: ports and ranges with a protocol, as a set of ``port/protocol``."""
    if not isinstance(value, (list, tuple)):
        raise InvalidInput(name, value, "a list")
    result = []
    for entry in value:
        rest, dummy, protocol = line(entry, name).strip().partition("/")
        protocol = protocol.lower() or "tcp"
        if protocol not in ("tcp", "udp", "sctp"):
            raise InvalidInput(name, entry, "protocol tcp, udp or sctp")
        result += [
            "%d/%s" % (number, protocol)
            for number in port_range(
                rest, name, entry, "a port or a range, such as 80, 53/udp or 8000-8010"
            )
        ]
    return ordered(result)


def address(value, name):
    try:
        return str(ipaddress.IPv4Address(line(value, name).strip()))
    except ValueError:
        raise InvalidInput(name, value, "an IPv4 address") from None


def any_address(value, name):
    try:
        return str(ipaddress.ip_address(line(value, name).strip()))
    except ValueError:
        raise InvalidInput(name, value, "an IP address") from None


def known_address(value, name):
    """An address for /etc/hosts; ``host-gateway`` stands for the host as the container's first network reaches it."""
    return value if value == "host-gateway" else any_address(value, name)


def mac(value, name):
    value = line(value, name).strip().lower().replace("-", ":")
    if not re.fullmatch(r"[0-9a-f]{2}(:[0-9a-f]{2}){5}", value) or int(value[:2], 16) & 1:
        raise InvalidInput(name, value, "a unicast MAC address, such as 02:42:ac:11:00:02")
    return value


def network(value, name):
    """An entry of ``networks``: ``{"name", "ipv4_address", "mac_address"}``, empty texts for "any"."""
    if isinstance(value, str):
        value = {"name": value}
    if not isinstance(value, dict):
        raise InvalidInput(name, value, "a list of maps with name")
    unknown = {key for key, item in value.items() if item is not None} - set(NETWORK_KEYS)
    if unknown:
        raise InvalidInput(name, sorted(unknown)[0], ", ".join(NETWORK_KEYS))
    label = line(value.get("name") or "", name + ".name")
    if not NAME.fullmatch(label) or label in ("none", "host", "default"):
        raise InvalidInput(name + ".name", label, "a network's name")
    return {
        "name": label,
        "ipv4_address": address(value["ipv4_address"], name + ".ipv4_address")
        if value.get("ipv4_address")
        else "",
        "mac_address": mac(value["mac_address"], name + ".mac_address")
        if value.get("mac_address")
        else "",
    }


def network_mode(value, name):
    """``default`` is another name of ``bridge``, so that the two are never a difference."""
    value = line(value, name).strip()
    if value == "default":
        return DEFAULT_NETWORK
    kind, colon, other = value.partition(":")
    if (colon and (kind != "container" or not NAME.fullmatch(other))) or not NAME.fullmatch(kind):
        raise InvalidInput(
            name, value, "bridge, none, host, container:<name or id>, or a network's name"
        )
    return value


def host_name(value, name):
    value = line(value, name).strip()
    if not re.fullmatch(r"[A-Za-z0-9_]([A-Za-z0-9_.-]{0,252})", value):
        raise InvalidInput(name, value, "a host name")
    return value


def domain(value, name):
    value = line(value, name).strip()
    if not _DOMAIN.fullmatch(value):
        raise InvalidInput(name, value, "a domain's name, or '.'")
    return value


def resolver_option(value, name):
    value = line(value, name).strip()
    if not re.fullmatch(r"[a-z0-9-]+(:[0-9]+)?", value):
        raise InvalidInput(name, value, "an option of resolv.conf(5), such as ndots:2")
    return value


def attachments(definition):
    """The networks that a container is on, in order: ``[{"name", "ipv4_address", "mac_address"}]``; [] for modes without any.

    ``network_mode`` bridge stands back where ``networks`` names others, as docker_container does it.
    """
    mode, named = definition.get("network_mode"), list(definition.get("networks") or ())
    if mode in ("none", "host") or (mode or "").startswith("container:"):
        return []
    if (
        mode is not None
        and mode not in [entry["name"] for entry in named]
        and (mode != DEFAULT_NETWORK or not named)
    ):
        named.insert(0, network(mode, "network_mode"))
    named = named or [network(DEFAULT_NETWORK, "network_mode")]
    if definition.get("mac_address") and not named[0]["mac_address"]:
        named[0] = dict(named[0], mac_address=definition["mac_address"])
    return named


def mode_of(definition):
    """``bridge`` (on networks), ``none``, ``host`` or ``container:<name>``."""
    mode = definition.get("network_mode") or DEFAULT_NETWORK
    return mode if mode in ("none", "host") or mode.startswith("container:") else "bridge"


def _ports_written(ports):
    return ", ".join(
        "%s:%s:%d/%s"
        % (port["host_ip"], port["host_port"] or "", port["container_port"], port["protocol"])
        for port in ports
    )


_WRITTEN = {
    "published_ports": _ports_written,
    "networks": lambda entries: ", ".join(entry["name"] for entry in entries),
}  # for sentences


def check(definition):
    """What one option alone can't tell. :raises InvalidInput:"""
    mode = mode_of(definition)
    if mode != "bridge":
        for option in ("networks", "published_ports", "publish_all_ports", "mac_address"):
            value = definition.get(option)
            if value:
                raise InvalidInput(
                    option,
                    _WRITTEN[option](value) if option in _WRITTEN else value,
                    f"nothing, with network_mode {definition['network_mode']}",
                )
    if mode.startswith("container:"):
        for option in ("etc_hosts", "dns_servers", "dns_opts", "dns_search_domains"):
            if definition.get(option):
                raise InvalidInput(
                    option,
                    definition[option],
                    f"nothing: with network_mode {mode} the other container's files are used",
                )
    if mode != "bridge" and "host-gateway" in definition.get("etc_hosts", {}).values():
        raise InvalidInput(
            "etc_hosts", "host-gateway", f"an address: with network_mode {mode} there is no gateway"
        )
    names = [entry["name"] for entry in definition.get("networks", ())]
    if len(names) != len(set(names)):
        raise InvalidInput("networks", names, "each network once")
    taken = [
        (entry["protocol"], entry["host_ip"], entry["host_port"])
        for entry in definition.get("published_ports", ())
        if entry["host_port"]
    ]
    for entry in taken:
        if taken.count(entry) > 1 and isinstance(entry[2], int):
            raise InvalidInput(
                "published_ports",
                "%s:%d/%s" % (entry[1], entry[2], entry[0]),
                "each port of the host once",
            )


def _host_port(entry):
    """A number of the host can be published once; what is yet to be chosen is no other entry's."""
    return (
        (entry["protocol"], entry["host_ip"], entry["host_port"])
        if isinstance(entry["host_port"], int) and entry["host_port"]
        else entry
    )


OPTIONS = (
    Option("published_ports", ports, [], "set", live=True, key=_host_port),
    Option("exposed_ports", exposed, [], "set", live=True),
    Option("publish_all_ports", flag, False, live=True),
    Option("networks", listed(network), [], "list", live=True, key=lambda entry: entry["name"]),
    Option("network_mode", network_mode, DEFAULT_NETWORK),
    Option("mac_address", mac, None),
    Option("etc_hosts", mapped(host_name, known_address), {}, "map"),
    Option("dns_servers", listed(any_address), [], "list"),
    Option("dns_opts", listed(resolver_option, as_set=True), [], "set"),
    Option("dns_search_domains", listed(domain), [], "list"),
)
