# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The networks of a host: rows of the database, found, listed, added, changed and removed."""

from __future__ import annotations

import hashlib
import os

from .. import units
from ..errors import Conflict, InvalidInput, NotFound, Unsupported
from ..store.database import decode, encode, now
from . import pools
from .definition import (
    ADDED,
    DEFAULT,
    DEFAULT_BRIDGE,
    check_families,
    check_gateway_modes,
    check_routes,
    default_gateway,
    pools_of,
    scope,
    version,
    versions,
    whole,
)
from .drivers import overlay_network as overlay
from .drivers import parents

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any, TypedDict

    from ..engine import Engine
    from .definition import Definition, Pool, Wanted

    class User(TypedDict):
        """Who has addresses on a network: the rows of a container in the table ``addresses``."""

        id: str  # the container's
        name: str  # the container's; the id for one that is being made
        addresses: list[str]  # "172.20.0.2", "fd00::2": one of each family at most, IPv4 first
        mac: str


FILTERS = ("name", "id", "driver", "label", "dangling", "type", "scope")


def every(engine: Engine) -> list[Definition]:
    """Return the definitions of all networks, by name."""
    return [
        whole(decode(row["config"]))
        for row in engine.db.all("SELECT config FROM networks ORDER BY name")
    ]


def get(engine: Engine, name: str) -> Definition | None:
    """Return a network by name, id or the beginning of an id that only one has, or None."""
    found = named(engine, name)
    if found is None and len(name) >= 4 and set(name) <= set("0123456789abcdef"):
        rows = engine.db.all(
            "SELECT config FROM networks WHERE substr(id, 1, ?) = ?", len(name), name
        )
        found = whole(decode(rows[0]["config"])) if len(rows) == 1 else None
    return found


def named(engine: Engine, name: str) -> Definition | None:
    """Return the network that has a name, or None: another one's id may begin so."""
    row = engine.db.one("SELECT config FROM networks WHERE name = ?", name)
    return whole(decode(row["config"])) if row is not None else None


def require(engine: Engine, name: str) -> Definition:
    """Find a network as :func:`get` does. :raises NotFound: there is none."""
    config = get(engine, name)
    if config is None:
        raise NotFound(f"network {name} does not exist; make it with the network module")
    return config


def complete(engine: Engine, name: str, wanted: Wanted) -> Definition:
    """Return the whole definition of a network that is to be made, from what the task says.

    Changes nothing.

    :raises Conflict: its subnet or bridge clashes with something.
    """
    ident = hashlib.sha256(os.urandom(32)).hexdigest()
    config: Definition = {
        "name": name,
        "id": ident,
        "driver": "bridge",
        "bridge": default_bridge(name, ident),
        "pools": [],  # chosen below, where the task names none
        "ipv4": True,
        "ipv6": False,
        "internal": False,
        "attachable": False,
        "masquerade": True,
        "labels": {},
        "driver_options": {},
        "mtu": 0,  # below
        **ADDED,
        "allow_host": name == DEFAULT,
        "disable_dns": name == DEFAULT,
        **wanted,  # type: ignore[typeddict-item] # the overlay's shares are dealt below
    }
    deal(config, wanted, None)
    if config["parent"]:
        config["bridge"] = ""
    if not config["mtu"]:
        config["mtu"] = default_mtu(config)
    settle(engine, config)
    return config


def default_bridge(name: str, ident: str) -> str:
    """Return the link's name where the task names none: it has 15 characters at most."""
    return DEFAULT_BRIDGE if name == DEFAULT else "pyc-" + ident[:11]


def deal(config: Definition, wanted: Wanted, now: Definition | None) -> None:
    """Give an overlay network its part of the subnet of all hosts, as its one pool.

    :param now: its definition so far. :raises InvalidInput, Conflict: as overlay.settle.
    """
    if config["driver"] != overlay.DRIVER:
        config["overlay"] = None
        return
    before = now["overlay"] if now else None
    given = dict(wanted.get("overlay") or {})
    if before:
        kept: Mapping[str, Any] = before
        given = {**{key: kept.get(key, False) for key in overlay.SETTLED}, **given}
    else:
        given = {**overlay.wanted(config["name"], {}, {}), **given}
    settled = overlay.settle(given, before, given.get("subnet"), config["name"])
    config["overlay"] = settled
    share = settled["peers"][settled["name"]]["share"]
    if now is None or not now["pools"] or now["pools"][0]["subnet"] != share:
        config["pools"] = [
            {
                "subnet": share,
                "gateway": default_gateway(share),
                "ip_range": None,
                "aux_addresses": {},
                "automatic": False,
            }
        ]


def default_mtu(config: Definition) -> int:
    """Return the MTU where the task names none: the parent's, or the uplink's."""
    if config["overlay"]:
        return overlay.mtu(config["overlay"], pools.uplink_mtu())
    parent = parents.mtu(config["parent"]) if config["parent"] else None
    return parent or pools.uplink_mtu()


def settle(engine: Engine, config: Definition) -> None:
    """Choose the subnets that a definition lacks, and see that the others are free, and its bridge.

    A subnet that was chosen before and has been taken meanwhile is chosen again.

    :raises InvalidInput: it has no addresses at all.
    :raises Unsupported: the host has no IPv6. :raises Conflict: something is not free.
    """
    check_families(config)
    if config["ipv6"]:
        pools.require_ipv6()
    others = [other for other in every(engine) if other["name"] != config["name"]]
    for other in others:
        if config["bridge"] and other["bridge"] == config["bridge"]:
            raise Conflict(
                f"driver_options: the bridge {config['bridge']} is network {other['name']}'s"
            )
    if config["parent"]:
        if not parents.supported(config["driver"]):
            raise Unsupported(
                f"driver: this host's kernel has no {config['driver']} links (it is without the "
                f"module {config['driver']})"
            )
        parents.check(config, others)
    if config["overlay"]:
        overlay.check(config, others)
    own = _own_links(engine, config)
    settled: list[Pool] = []
    for family in versions(config):
        found = pools_of(config, family)
        for pool in found:
            if not pool["automatic"]:
                pools.check(pool["subnet"], own, others)
        found = [
            pool
            for pool in found
            if not pool["automatic"] or pools.free(pool["subnet"], own, others)
        ]
        settled += found or [_chosen(engine, family, config, others)]
    config["pools"] = settled
    check_routes(config)
    check_gateway_modes(config)


def _own_links(engine: Engine, config: Definition) -> set[str]:
    """Return the names of the links whose addresses are the network's own: the one that it is to
    have, and the one that it has so far.
    """
    now = named(engine, config["name"])
    links = {config["bridge"], config["parent"], now["bridge"] if now else ""}
    return links - {""}


def _chosen(engine: Engine, family: int, config: Definition, others: Sequence[Definition]) -> Pool:
    subnet = pools.choose(engine.paths, family, _own_links(engine, config), others)
    return {
        "subnet": subnet,
        "gateway": default_gateway(subnet),
        "ip_range": None,
        "aux_addresses": {},
        "automatic": True,
    }


def merged_pools(
    current: Sequence[Pool], wanted: Sequence[Pool] | None, families: Sequence[int]
) -> list[Pool]:
    """Return the subnets that a network is to have, as far as they are not yet to be chosen.

    :param wanted: those of the task, exact where it names some; None where it names none. Of a
        family that it leaves out, the one that was chosen stays.
    """
    found: list[Pool] = []
    for family in families:
        has = [pool for pool in current if version(pool["subnet"]) == family]
        if wanted is not None:
            named = [pool for pool in wanted if version(pool["subnet"]) == family]
            has = named or [pool for pool in has if pool["automatic"]]
        found += has
    return found


def add(engine: Engine, config: Definition) -> None:
    """Enter a network that :func:`settle` has just settled, under the lock ``networks``.

    :raises Conflict: another task has taken its name meanwhile.
    """
    with engine.db.transaction() as connection:
        if named(engine, config["name"]) is not None:
            raise Conflict(
                f"network {config['name']} was made by another task meanwhile; run the task again"
            )
        connection.execute(
            "INSERT INTO networks (name, id, config, created) VALUES (?, ?, ?, ?)",
            (config["name"], config["id"], encode(config), now()),
        )


def change(engine: Engine, config: Definition) -> None:
    """Write a network's definition over the one of before."""
    engine.db.run("UPDATE networks SET config = ? WHERE name = ?", encode(config), config["name"])


def forget(engine: Engine, name: str) -> None:
    """Remove a network's row and its addresses."""
    with engine.db.transaction() as connection:
        connection.execute("DELETE FROM addresses WHERE network = ?", (name,))
        connection.execute("DELETE FROM networks WHERE name = ?", (name,))


def created(engine: Engine, name: str) -> float:
    """Return when a network was made, in seconds since the epoch.

    :raises NotFound: it is gone by now.
    """
    row = engine.db.one("SELECT created FROM networks WHERE name = ?", name)
    if row is None:
        raise NotFound(f"network {name} does not exist: another task has removed it meanwhile")
    moment: float = row["created"]
    return moment


def ensure_default(engine: Engine) -> Definition:
    """Return the definition of the network ``bridge``, entered when it is first needed.

    Its link is made by ``ensure_links``.
    """
    config = get(engine, DEFAULT)
    if config is not None:
        return config
    with engine.locks.hold("networks"):
        config = get(engine, DEFAULT)
        if config is None:
            config = complete(engine, DEFAULT, {})
            add(engine, config)
    return config


def users(engine: Engine, name: str) -> list[User]:
    """Return who has addresses on a network, by name."""
    found: dict[str, User] = {}
    for row in engine.db.all(
        "SELECT addresses.container AS id, coalesce(containers.name, addresses.container) AS "
        "name, address, mac FROM addresses"
        " LEFT JOIN containers ON containers.id = addresses.container WHERE network = ?"
        " ORDER BY 2, instr(address, ':') > 0",
        name,
    ):
        user = found.setdefault(
            row["id"], {"id": row["id"], "name": row["name"], "addresses": [], "mac": row["mac"]}
        )
        user["addresses"].append(row["address"])
    return list(found.values())


def of_container(engine: Engine, container_id: str) -> set[str]:
    """Return the names of the networks on which a container has addresses."""
    rows = engine.db.all("SELECT network FROM addresses WHERE container = ?", container_id)
    return {row["network"] for row in rows}


def listing(engine: Engine, filters: Mapping[str, Any] | None = None) -> list[Definition]:
    """Return the networks that all of Docker's ``filters`` select.

    :param filters: each a value, or a list of values of which one must fit (of labels: all).
        ``name``: part of it, or a regular expression. ``id``: its beginning. ``type``: builtin or
        custom. ``dangling``: true or false. ``label``: ``key`` or ``key=value``. ``driver``,
        ``scope``.
    :raises InvalidInput: for an unknown filter.
    """
    found = every(engine)
    for key, values in (filters or {}).items():
        if key not in FILTERS:
            raise InvalidInput("filters", key, ", ".join(FILTERS))
        values = values if isinstance(values, list) else [values]
        found = [config for config in found if _fits(engine, config, key, values)]
    return found


def _fits(engine: Engine, config: Definition, key: str, values: Sequence[Any]) -> bool:
    if key == "label":
        labels = config["labels"]
        return all(
            labels.get(part) == text if equals else part in labels
            for part, equals, text in (str(value).partition("=") for value in values)
        )
    if key == "name":
        return any(units.pattern(value, "filters.name").search(config["name"]) for value in values)
    if key == "id":
        return any(config["id"].startswith(str(value)) for value in values)
    if key == "dangling":
        return (not users(engine, config["name"])) in [
            units.truth(value, "filters.dangling") for value in values
        ]
    fact = {
        "driver": config["driver"],
        "scope": scope(config),
        "type": "builtin" if config["name"] == DEFAULT else "custom",
    }[key]
    return fact in values
