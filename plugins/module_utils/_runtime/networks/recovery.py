# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Networks whose making or removal was cut off: a half-made one is undone, a half-removed one is
removed.
"""

from __future__ import annotations

from ..events import journal
from . import catalog, firewall, links
from .addresses import attachment
from .drivers import remote_names, wireguard_keys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from ..engine import Engine
    from .definition import Definition


def recover(engine: Engine, kind: str, detail: dict[str, Any]) -> None:
    """Finish or undo what a killed task left.

    :param kind: create-network or remove-network. :param detail: ``{"name"}``.
    """
    config = catalog.named(engine, detail["name"])
    if kind == "remove-network":
        remove(engine, detail["name"])
        if config is not None:
            tell(engine, "destroy", config)
    elif config is not None:
        undo_create(engine, config)


def tell(engine: Engine, action: str, config: Definition) -> None:
    """Write the event that a network was made (``create``) or removed (``destroy``)."""
    attributes = {"name": config["name"], "type": config["driver"]}
    journal.write(engine.paths, ("network", action, config["id"], attributes))


def undo_create(engine: Engine, config: Definition) -> None:
    """Remove a half-made network, unless containers have come to use it."""
    if not catalog.users(engine, config["name"]):
        remove(engine, config["name"])


def remove(engine: Engine, name: str) -> None:
    """Remove what there is of a network: links, row, rules.

    In this order a second call finds what is left to do. It holds the lock that bridges are made
    under: a killed task's child that makes one holds it on until it is done.
    """
    with engine.locks.hold("networks"):
        config = catalog.named(engine, name)
        if config is not None:
            links.remove(
                config,
                [
                    attachment(config, user["id"], user["addresses"], user["mac"])
                    for user in catalog.users(engine, name)
                ],
                [other for other in catalog.every(engine) if other["name"] != config["name"]],
                links.alias(engine.paths),
            )
            catalog.forget(engine, name)
            wireguard_keys.forget(engine.paths, config["id"])
        left = catalog.every(engine)
        remote_names.write(engine.paths, left)
        firewall.ensure(engine, left)
        if not firewall.uses_ipv6(left):
            firewall.remove([6])
