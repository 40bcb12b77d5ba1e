# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The networks of a host: rows of the database, found, listed, added, changed and removed."""

from __future__ import annotations

import hashlib
import os

from .. import units
from ..errors import Conflict, InvalidInput, NotFound
from ..store.database import decode, encode, now
from . import pools
from .definition import DEFAULT, DEFAULT_BRIDGE, default_gateway

FILTERS = ("name", "id", "driver", "label", "dangling", "type", "scope")


def every(engine):
    """The configurations of all networks, by name."""
    return [
        decode(row["config"]) for row in engine.db.all("SELECT config FROM networks ORDER BY name")
    ]


def get(engine, name):
    """The configuration (form: ``definition.py``) of a network by name, id or unique start of an id; None when there is none."""
    row = engine.db.one("SELECT config FROM networks WHERE name = ?", name)
    if row is None and len(name) >= 4 and set(name) <= set("0123456789abcdef"):
        rows = engine.db.all(
            "SELECT config FROM networks WHERE substr(id, 1, ?) = ?", len(name), name
        )
        row = rows[0] if len(rows) == 1 else None
    return decode(row["config"]) if row is not None else None


def require(engine, name):
    """:func:`get`. :raises NotFound: when there is none."""
    config = get(engine, name)
    if config is None:
        raise NotFound(f"network {name} does not exist; make it with the network module")
    return config


def complete(engine, name, wanted):
    """The whole configuration of a network that is to be made, from what the task says (``definition.wanted``).

    Changes nothing. :raises Conflict: when its subnet or bridge clashes with something.
    """
    ident = hashlib.sha256(os.urandom(32)).hexdigest()
    config = {
        "name": name,
        "id": ident,
        "driver": "bridge",
        "bridge": default_bridge(name, ident),
        "subnet": None,
        "gateway": None,
        "ip_range": None,
        "aux_addresses": {},
        "internal": False,
        "masquerade": True,
        "labels": {},
        "driver_options": {},
        "automatic": True,
    }
    config.update(wanted)
    config.setdefault("mtu", pools.uplink_mtu())
    settle(engine, config)
    return config


def default_bridge(name, ident):
    """The link's name where the task names none: link names have 15 characters at most."""
    return DEFAULT_BRIDGE if name == DEFAULT else "pyc-" + ident[:11]


def settle(engine, config):
    """Choose the configuration's subnet, or see that the user's is free, and that its bridge is.

    :raises Conflict: when one is not.
    """
    others = [other for other in every(engine) if other["name"] != config["name"]]
    for other in others:
        if other["bridge"] == config["bridge"]:
            raise Conflict(
                f"driver_options: the bridge {config['bridge']} is network {other['name']}'s"
            )
    if config["automatic"]:
        config["subnet"] = pools.choose(config["bridge"], others)
        config["gateway"] = default_gateway(config["subnet"])
        config["ip_range"], config["aux_addresses"] = None, {}
    else:
        pools.check(config["subnet"], config["bridge"], others)


def add(engine, config):
    """Enter a network that :func:`settle` has just settled, under the lock ``networks``.

    :raises Conflict: when another task has taken its name meanwhile.
    """
    with engine.db.transaction() as connection:
        if get(engine, config["name"]) is not None:
            raise Conflict(
                f"network {config['name']} was made by another task meanwhile; run the task again"
            )
        connection.execute(
            "INSERT INTO networks (name, id, config, created) VALUES (?, ?, ?, ?)",
            (config["name"], config["id"], encode(config), now()),
        )


def change(engine, config):
    engine.db.run("UPDATE networks SET config = ? WHERE name = ?", encode(config), config["name"])


def forget(engine, name):
    """Remove a network's row and its addresses."""
    with engine.db.transaction() as connection:
        connection.execute("DELETE FROM addresses WHERE network = ?", (name,))
        connection.execute("DELETE FROM networks WHERE name = ?", (name,))


def created(engine, name):
    """When a network was made, in seconds since the epoch."""
    return engine.db.one("SELECT created FROM networks WHERE name = ?", name)["created"]


def ensure_default(engine):
    """The configuration of network ``bridge``, which is made when it is first needed; its link is ``ensure_links``' affair."""
    config = get(engine, DEFAULT)
    if config is not None:
        return config
    with engine.locks.hold("networks"):
        config = get(engine, DEFAULT)
        if config is None:
            config = complete(engine, DEFAULT, {})
            add(engine, config)
    return config


def users(engine, name):
    """Who has an address on a network: ``[{"id", "name", "address", "mac"}]``, the name being the id for a container that is being made."""
    rows = engine.db.all(
        "SELECT addresses.container AS id, coalesce(containers.name, addresses.container) AS "
        "name, address, mac FROM addresses"
        " LEFT JOIN containers ON containers.id = addresses.container WHERE network = ? ORDER BY 2",
        name,
    )
    return rows


def listing(engine, filters=None):
    """The configurations of the networks that all of Docker's ``filters`` select.

    :param filters: ``{"name": part of it, or a regular expression, "id": start of it, "driver", "scope", "type": "builtin" | "custom", "dangling": bool,
        "label": "key" or "key=value"}``, each a value or a list of values of which one must fit (for labels: all).
    :raises InvalidInput: for an unknown filter.
    """
    found = every(engine)
    for key, values in (filters or {}).items():
        if key not in FILTERS:
            raise InvalidInput("filters", key, ", ".join(FILTERS))
        values = values if isinstance(values, list) else [values]
        found = [config for config in found if _fits(engine, config, key, values)]
    return found


def _fits(engine, config, key, values):
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
        "scope": "local",
        "type": "builtin" if config["name"] == DEFAULT else "custom",
    }[key]
    return fact in values
