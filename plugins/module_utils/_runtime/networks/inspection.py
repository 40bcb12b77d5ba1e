# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A network as ``docker network inspect`` shows it (Docker Engine API 1.44, NetworkInspect)."""

from __future__ import annotations

import contextlib
import datetime
import hashlib
import os

from ..kernel.net import netlink
from ..store.atomic_files import Damaged, read_json
from . import catalog, definition
from .traffic import forwarded, link_figures

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from ..engine import Engine
    from .catalog import User
    from .definition import Definition


def inspect(engine: Engine, name: str) -> dict[str, Any]:
    """Return what is known of a network, and who is on it.

    :param name: its name, id, or the beginning of an id that only one has.
    :raises NotFound: there is no such network.
    """
    config = catalog.require(engine, name)
    document = describe(config)
    created = datetime.datetime.fromtimestamp(
        catalog.created(engine, config["name"]), datetime.timezone.utc
    )
    document["Created"] = created.isoformat().replace("+00:00", "Z")
    document["Containers"] = {
        user["id"]: {**_endpoint(config, user), "DNSNames": names(engine, config["name"], user)}
        for user in catalog.users(engine, config["name"])
    }
    document["Traffic"] = _traffic(config)
    document["Forwarded"] = forwarded.figures(config["bridge"]) if config["bridge"] else {}
    return document


def _traffic(config: Definition) -> dict[str, int] | None:
    """Return what has passed between a network and the host, forwarded packets among it.

    The network's side: what it has sent, the bridge has received. None where no bridge is there.
    """
    if not config["bridge"]:
        return None
    try:
        with netlink.Socket() as sock:
            return link_figures.of_link(sock, config["bridge"], reverse=True) or None
    except OSError:
        return None


def names(engine: Engine, network: str, user: User) -> list[str]:
    """Return the names that a container is found by on a network; [] on one without names."""
    run: dict[str, Any] = {}
    with contextlib.suppress(Damaged, OSError, ValueError):
        run = read_json(os.path.join(engine.paths.container(user["id"]), "run.json"), {})
    found = (run.get("network") or {}).get("names") or {}
    return list(found.get(network, ()))


def describe(config: Definition) -> dict[str, Any]:
    """Return what a definition alone says, as of a network that check mode would make."""
    whole: Mapping[str, Any] = config
    ipam: list[dict[str, Any]] = []
    for pool in config["pools"]:
        ipam.append({"Subnet": pool["subnet"], "Gateway": definition.gateway_of(config, pool)})
        if pool["ip_range"]:
            ipam[-1]["IPRange"] = pool["ip_range"]
        if pool["aux_addresses"]:
            ipam[-1]["AuxiliaryAddresses"] = pool["aux_addresses"]
    return {
        "Name": config["name"],
        "Id": config["id"],
        "Created": None,
        "Scope": definition.scope(config),
        "IPAM": {"Driver": "default", "Options": {}, "Config": ipam},
        "Ingress": False,
        "ConfigFrom": {"Network": ""},
        "ConfigOnly": False,
        "Containers": {},
        "Options": dict(config["driver_options"]),
        "Peers": {
            name: {
                "IP": peer["address"],
                "Subnet": peer["share"],
                **({"PublicKey": peer["key"]} if "key" in peer else {}),
            }
            for name, peer in (config["overlay"] or {"peers": {}})["peers"].items()
        },
        **{field.shown: whole[key] for key, field in definition.FIELDS.items() if field.shown},
    }


def endpoint_id(network: str, container: str) -> str:
    """Return the id of a container's place on a network, from the ids of both."""
    return hashlib.sha256((network + container).encode()).hexdigest()


def _endpoint(config: Definition, user: User) -> dict[str, str]:
    shown = {4: "", 6: ""}
    for address in user["addresses"]:
        pool = definition.pool_with(config, address)
        prefix = pool["subnet"].partition("/")[2] if pool else ""
        shown[definition.version(address)] = f"{address}/{prefix}" if pool else address
    return {
        "Name": user["name"],
        "EndpointID": endpoint_id(config["id"], user["id"]),
        "MacAddress": user["mac"],
        "IPv4Address": shown[4],
        "IPv6Address": shown[6],
    }
