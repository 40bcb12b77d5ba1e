# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a container is called on its networks, and its files hosts, hostname and resolv.conf."""

from __future__ import annotations

import os

from ... import networks
from ...errors import Conflict, NotFound
from ...store.atomic_files import Damaged, read_json
from ..options import network_options
from . import catalog, run_events

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from ...engine import Engine
    from ...networks.container_links import Attachment
    from ..options.table import Definition
    from .catalog import Record
    from .run_state import Names, Network

SHORT = 12  # digits of an id that are a name


def shown_name(record: Record) -> str:
    """Return the name that a container is to have, also while it stands beside the one that it
    replaces.
    """
    return run_events.shown_name(record["name"])


def hostname(ident: str, definition: Definition) -> str:
    """Return the container's host name: the host's, where it shares the host's names or network."""
    if definition.get("hostname"):
        return definition["hostname"]
    return os.uname().nodename if _is_the_hosts(definition) else ident[:SHORT]


def _is_the_hosts(definition: Definition) -> bool:
    """Tell whether a container that names no host name has the host's."""
    return definition.get("uts") == "host" or network_options.mode_of(definition) == "host"


def document(engine: Engine, record: Record, attachments: Sequence[Attachment]) -> Names:
    """Return what run.json's ``network`` says of names: ``names``, ``links`` and ``dns``.

    A container that stands beside the one that has its name is found by its id alone.
    """
    definition = record["definition"]
    asked = network_options.attachments(definition)
    aliases = {entry["name"]: entry.get("aliases", []) for entry in asked}
    own = [
        shown_name(record),
        record["id"][:SHORT],
        definition.get("hostname") or record["id"][:SHORT],
    ]
    if definition.get("domainname"):
        own.append(f"{own[2]}.{definition['domainname']}")
    if run_events.is_aside(record["name"]):
        own, aliases = [record["name"], record["id"][:SHORT]], {}
    found: dict[str, list[str]] = {}
    internal = bool(attachments)
    for entry in attachments:
        config = networks.get(engine, entry["network"])
        internal = internal and config is not None and config["internal"]
        if config is not None and networks.has_names(config):
            more = aliases.get(entry["network"], [])
            found[entry["network"]] = list(dict.fromkeys([own[0], *more, *own[1:]]))
    return {
        "names": found,
        "links": dict(definition.get("links", {})),
        "network_links": {
            entry["name"]: dict(entry["links"]) for entry in asked if entry.get("links")
        },
        "dns": {
            "servers": definition.get("dns_servers") or None,
            "internal": internal,
            "ndots": _ndots(definition),
        },
    }


def _ndots(definition: Definition) -> int | None:
    for option in definition.get("dns_opts", ()):
        name, _colon, number = option.partition(":")
        if name == "ndots" and number:
            return int(number)
    return None


def texts(engine: Engine, record: Record, known: Network) -> dict[str, str]:
    """Return the container's files: ``{name: text}``.

    :param known: run.json's ``network``.
    """
    definition, attachments = record["definition"], known["attachments"]
    name = hostname(record["id"], definition)
    addresses = [
        address.partition("/")[0]
        for entry in attachments
        for address in networks.container_links.addresses(entry)
    ]
    gateway = next(
        (
            gateway
            for entry in attachments
            if not entry.get("parent")  # a router there, not the host
            for gateway in networks.container_links.gateways(entry)
        ),
        None,
    )
    extra = {
        key: gateway if value == "host-gateway" else value
        for key, value in definition.get("etc_hosts", {}).items()
        if value != "host-gateway" or gateway
    }
    if any(entry["network"] == networks.DEFAULT for entry in attachments):
        extra = {**_linked(engine, definition), **extra}
    return {
        "hostname": name + "\n",
        "hosts": networks.hosts(
            name,
            addresses,
            extra=extra,
            domainname=definition.get("domainname"),
            ipv6=network_options.has_ipv6(definition),
        ),
        "resolv.conf": networks.resolv_conf(
            definition.get("dns_servers") or None,
            definition.get("dns_search_domains") or None,
            definition.get("dns_opts") or None,
            host_network=network_options.mode_of(definition) == "host",
            names=bool(known.get("names")),
            families=_families(attachments),
        ),
    }


def _families(attachments: Sequence[Attachment]) -> list[int]:
    """Return in which families, of 4 and 6, a container reaches other hosts."""
    gateways = [one for place in attachments for one in networks.container_links.gateways(place)]
    routed = [
        one
        for place in attachments
        if place.get("routed")
        for one in networks.container_links.addresses(place)
    ]
    return sorted({6 if ":" in one else 4 for one in gateways + routed}) or [4]


def _linked(engine: Engine, definition: Definition) -> dict[str, str]:
    """Return the lines for links on the default network, which has no names: ``{name: address}``."""
    found = {}
    for alias, other in definition.get("links", {}).items():
        try:
            target = catalog.find(engine, other)
            path = os.path.join(engine.paths.container(target["id"]), "run.json")
            there = read_json(path, {}).get("network")
        except (Conflict, NotFound, Damaged):
            continue
        for entry in there["attachments"] if there else ():
            if entry["network"] == networks.DEFAULT:
                address = networks.container_links.addresses(entry)[0].partition("/")[0]
                for name in (alias, target["name"], target["id"][:SHORT]):
                    found[name] = address
    return found
