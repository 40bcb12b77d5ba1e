# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a container's options about published ports come to: the bindings to be reserved.

A port without an address is published on all addresses of the host, of both families, or where its
network's ``host_binding_ipv4`` says. A binding that a container has stays until the container is
replaced, or until a task asks for another one: of what older versions made there is IPv4 alone.
"""

from __future__ import annotations

from ... import networks
from ..options import network_options, publishing
from . import container_image as images

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from typing import Any

    from ...engine import Engine
    from ...networks.publish import Port
    from ...options.rows import Definition
    from .catalog import Record

    Asked = dict[str, Any]  # a publishing.PublishedPort; its host_port may be a range


def published(definition: Definition, image: dict[str, Any]) -> list[Asked]:
    """Return what is to be published: the task's ports, and with publish_all_ports every exposed
    one beside them.

    :param image: the image's config.
    """
    if network_options.mode_of(definition) != "bridge":
        return []  # see publishing.warnings
    ports = list(definition.get("published_ports", ()))
    if definition.get("publish_all_ports"):
        taken = {(port["container_port"], port["protocol"]) for port in ports}
        for entry in sorted(
            set(definition.get("exposed_ports", ())) | set(image.get("ExposedPorts") or ())
        ):
            number, dummy, protocol = entry.partition("/")
            key = (int(number), protocol or "tcp")
            if key not in taken and key[1] in ("tcp", "udp", "sctp"):
                ports.append(
                    {"container_port": key[0], "protocol": key[1], "host_ip": "", "host_port": 0}
                )
    return ports


def bindings(
    engine: Engine,
    definition: Definition,
    image: dict[str, Any],
    record: Record | None,
    has: Iterable[Port],
) -> list[Asked]:
    """Return what is to be reserved, in the order of the options.

    An entry has a number where it is fixed, or the container has one that fits; else 0 or a range.
    An entry without ``host_ip`` is for both families.

    :param definition: what the container is to be. :param image: its image's config.
    :param record: of the container that is there; None for one that is being made.
    :param has: its bindings so far.
    """
    wanted = published(definition, image)
    if not wanted:
        return []
    before = (
        published(record["definition"], images.config(engine, record["image"])) if record else []
    )
    address = networks.binding_address(
        engine, [entry["name"] for entry in network_options.attachments(definition)]
    )
    modes = networks.routing(engine, _by_priority(definition))
    left = [port for port in has if not port.get("routed")]
    found: dict[int, list[Asked]] = {}
    # Whose binding is plain comes first: what is left is of those that may have any.
    for index in sorted(range(len(wanted)), key=lambda index: _order(wanted[index])):
        port = wanted[index]
        kept = []
        if port["host_ip"]:
            kept = [old for old in left if old["host_ip"] == port["host_ip"] and _fits(port, old)]
            kept = kept[:1]
        elif any(publishing.same_port(old, port) for old in before):
            kept = [old for old in left if _fits(port, old)]
            kept = [old for old in kept if old["host_port"] == kept[0]["host_port"]]
        for old in kept:
            left.remove(old)
        asked = {**port, "host_ip": port["host_ip"] or address}
        if kept and "routed" in modes.values():  # families apart: of what is there the number stays
            found[index] = [{**asked, "host_port": kept[0]["host_port"]}]
        else:
            found[index] = [{**old} for old in kept] or [asked]
    return [{**port, "modes": modes} for index in range(len(wanted)) for port in found[index]]


def _by_priority(definition: Definition) -> list[str]:
    """Return the names of a container's networks, its way out first."""
    entries = network_options.attachments(definition)
    return [one["name"] for one in sorted(entries, key=lambda one: -one.get("gw_priority", 0))]


def is_fixed(port: Asked) -> bool:
    """Tell whether a port of the host is named by its number."""
    return isinstance(port["host_port"], int) and port["host_port"] > 0


def _order(port: Asked) -> tuple[bool, bool]:
    return not port["host_ip"], not is_fixed(port)


def _fits(port: Asked, old: Port) -> bool:
    """Tell whether the binding ``old`` is what ``port`` asks for, whatever its address."""
    low, high = numbers(port)
    return low <= old["host_port"] <= high and all(
        old[key] == port[key] for key in ("container_port", "protocol")
    )


def numbers(port: Asked) -> Sequence[int]:
    """Return the first and the last port of the host that an entry accepts."""
    if not port["host_port"]:
        return 1, 65535
    if isinstance(port["host_port"], int):
        return port["host_port"], port["host_port"]
    low, high = port["host_port"].split("-")
    return int(low), int(high)
