# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the modules ``network`` and ``network_info`` call: a task's options in, a plan or facts
out.
"""

from __future__ import annotations

from ..engine import asked_addresses, reconnect
from ..errors import Conflict, NotFound
from ..reconcile import Plan
from . import catalog, container_links, definition, links, mending, recovery
from .addresses import attachment, keeps, release
from .drivers import overlay_network as overlay
from .drivers import remote_names, wireguard_keys
from .inspection import describe, inspect, names

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from typing import Any

    from ..engine import Engine
    from .catalog import User
    from .definition import Definition, Wanted

# What of subnets and of overlay networks can change under the containers, beside the fields that
# say so; the rest is part of their own configuration.
LIVE = ("iprange", "aux_addresses", "peers", "vxlan", "wireguard", "key")
LINKS = ("bridge", "parent", "driver")
POOL = {
    "subnet": "subnet",
    "gateway": "gateway",
    "iprange": "ip_range",
    "aux_addresses": "aux_addresses",
}


def _compared(config: Definition) -> dict[str, Any]:
    """Return what of a network is compared, by key: of its subnets a value, or one for each."""
    whole: Mapping[str, Any] = config
    pools: Sequence[Mapping[str, Any]] = config["pools"]
    found: dict[str, Any] = {"driver": config["driver"]}  # the first to be named
    for option, key in POOL.items():
        values = {pool["subnet"]: pool[key] for pool in pools}
        if option == "subnet":
            found[option] = list(values)
        else:
            found[option] = values
        if len(pools) == 1:
            found[option] = pools[0][key]
    found.update({key: whole[key] for key in definition.FIELDS})
    if config["overlay"]:
        found["peers"] = config["overlay"]["peers"]
        if config["overlay"].get("encrypted"):
            found["wireguard"] = config["overlay"]["port"]
        else:
            found["vxlan"] = [config["overlay"]["vni"], config["overlay"]["port"]]
        found["driver_options"] = config["driver_options"]
    return found


def _option(key: str) -> str:
    """Return the name of an option of the module, for what is compared."""
    if key in POOL:
        return f"ipam_config.{key}"
    return definition.FIELDS[key].option if key in definition.FIELDS else key


def _is_live(key: str) -> bool:
    """Tell whether a change of what is compared leaves the containers' links as they are."""
    return key in LIVE or (key in definition.FIELDS and definition.FIELDS[key].live)


def plan(engine: Engine, params: Mapping[str, Any]) -> Plan:
    """Return the plan of a task of the module ``network``.

    :param params: its options.
    :raises InvalidInput, Unsupported, Conflict: for what can't be.
    """
    definition.check_name(params["name"])
    absent = params.get("state") == "absent"
    current = (catalog.get if absent else catalog.named)(engine, params["name"])
    wanted = definition.wanted(params, current["driver"] if current else None)
    if absent:
        return _absent(engine, params, current)
    most = params.get("key_max_age")

    def anew() -> Plan:
        return plan(engine, params)

    if current is None:
        return _create(engine, params["name"], wanted, most, anew)
    return _update(engine, current, wanted, bool(params.get("force")), most, anew)


def _follow(steps: Plan, again: Plan) -> None:
    """Carry out a plan that was made anew, and let the first one tell what came of it."""
    again.apply()
    steps.changes, steps.facts = again.changes, again.facts
    steps.warnings += again.warnings


def _create(
    engine: Engine, name: str, wanted: Wanted, most: str | None, anew: Callable[[], Plan]
) -> Plan:
    """Plan to make a network. :param anew: plans the task again."""
    links.require_library(engine, [name])
    config = catalog.complete(engine, name, wanted)
    keyed = bool(overlay.key_due(engine.paths, config, most))
    steps = Plan(f"network {name}")
    steps.warnings += overlay.warnings(config)
    steps.facts = lambda: _facts(engine, config, steps)

    def apply() -> None:
        with engine.locks.hold("network", name):
            mine = catalog.named(engine, name) is None
            if mine:
                make()
        if not mine:
            _follow(steps, anew())

    def make() -> None:
        with engine.operations.record("create-network", name=name):
            with engine.locks.hold("networks"):
                # Again: another task may have made a network since the plan.
                catalog.settle(engine, config)
                if keyed:
                    overlay.make_key(engine.paths, config)
                catalog.add(engine, config)
            try:
                steps.warnings += links.ensure_links(engine, [name])
                remote_names.write(engine.paths, catalog.every(engine))
            except BaseException:
                recovery.undo_create(engine, config)
                raise
        recovery.tell(engine, "create", config)

    subnets = [pool["subnet"] for pool in config["pools"]]
    steps.add(
        "state",
        "absent",
        "present",
        f"create network {name} with subnet{'s'[: len(subnets) - 1]} {' and '.join(subnets)}",
        apply,
    )
    return steps


def _update(
    engine: Engine,
    current: Definition,
    wanted: Wanted,
    force: bool,
    most: str | None,
    anew: Callable[[], Plan],
) -> Plan:
    """Plan to change a network. :param current: as it is. :param anew: plans the task again."""
    name = current["name"]
    config = _merged(engine, current, wanted)
    due = overlay.key_due(engine.paths, config, most)
    steps = Plan(f"network {name}")
    steps.warnings += overlay.warnings(config)
    steps.facts = lambda: _facts(engine, config, steps)
    before, after = _compared(current), _compared(config)
    differing = [key for key in after if after[key] != before.get(key)]
    fixed = [key for key in differing if not _is_live(key)]
    if definition.apart(config) != definition.apart(current) or (
        definition.gateway_modes(config) != definition.gateway_modes(current)
    ):
        fixed.append("driver_options")  # the containers' links or ports have it, too
    users = catalog.users(engine, name) if fixed or force else []
    if fixed and not force:
        _check_addresses(config, fixed[0], users)
    elif fixed:
        _check_asked(engine, config, fixed[0])
    listed = ", ".join(user["name"] for user in users)

    def apply() -> None:
        with engine.locks.hold("network", name):
            mine = catalog.named(engine, name) == current
            if mine:
                change()
        if not mine:
            _follow(steps, anew())

    def change() -> None:
        if set(differing) & {*LINKS, "force"}:
            places = links.attachments_of(current, users)
            links.remove(current, places, _others(engine, name), links.alias(engine.paths))
        if due:
            overlay.make_key(engine.paths, config)
        catalog.change(engine, config)
        if not (config["overlay"] and config["overlay"].get("encrypted")):
            wireguard_keys.forget(engine.paths, config["id"])
        steps.warnings += links.ensure_links(engine, [name], anew=bool(fixed))
        if users:
            reconnect(engine, name, [user["id"] for user in users])
        else:
            mending.mend(engine, config)
        remote_names.write(engine.paths, catalog.every(engine))

    if force:
        differing.insert(0, "force")
        before["force"] = config["bridge"] or config["parent"]
        after["force"] = "made anew"
    if due:
        differing.append("key")
        before["key"], after["key"] = due, "made anew"
    for position, key in enumerate(differing):
        steps.add(
            _option(key),
            before.get(key),
            after[key],
            _action(key, name, listed),
            None if position else apply,
        )
    if not differing:
        _repair(engine, config, steps, apply)
    return steps


def _action(key: str, name: str, names: str) -> str:
    """Return the sentence about a change. :param names: the containers that are connected again."""
    if key == "force":
        return f"make the bridge of network {name} anew" + (f", with {names}" if names else "")
    if key == "key":
        return f"make a new key of this host for network {name}"
    sentence = f"change {_option(key)} of network {name}"
    return sentence + (f" and connect {names} again" if names and not _is_live(key) else "")


def _check_addresses(config: Definition, key: str, users: Sequence[User]) -> None:
    """:raises Conflict: a container would lose an address."""
    lost = [
        (user["name"], address)
        for user in users
        for address in user["addresses"]
        if not keeps(config, address)
    ]
    if lost:
        more = f", and {len(lost) - 1} more would" if len(lost) > 1 else ""
        raise Conflict(
            f"{_option(key)}: container {lost[0][0]} would lose its address {lost[0][1]} on network "
            f"{config['name']}{more}; set force to give other ones, or remove the containers first"
        )


def _check_asked(engine: Engine, config: Definition, key: str) -> None:
    """:raises Conflict: a container was given an address that it can't have any more, which ``force`` leaves to its own task."""
    for name, address in asked_addresses(engine, config["name"]):
        if not keeps(config, address):
            raise Conflict(
                f"{_option(key)}: container {name} asks for the address {address} on network "
                f"{config['name']}, which it could not have any more; give the container another "
                "one, or none, or take it off the network first"
            )


def _others(engine: Engine, name: str) -> list[Definition]:
    return [config for config in catalog.every(engine) if config["name"] != name]


def _repair(engine: Engine, config: Definition, steps: Plan, apply: Callable[[], object]) -> None:
    """Plan what the kernel has lost of a network that is as it was asked for."""
    if links.wrong([config]):
        kind = "bridge" if config["bridge"] else "parent"
        link = config["bridge"] or config["parent"]
        steps.add(kind, None, link, f"restore {kind} {link}", apply)
    _repair_containers(engine, config, steps, "containers", apply)
    if config["overlay"]:
        _repair_names(engine, steps, None if steps.changed else apply)
    _repair_rules(engine, steps, None if steps.changed else apply)


def _repair_containers(
    engine: Engine, config: Definition, steps: Plan, what: str, apply: Callable[[], object]
) -> None:
    lost = mending.lost(engine, config)
    if lost:
        steps.add(
            what,
            None,
            lost,
            f"connect {', '.join(lost)} to network {config['name']} again",
            None if steps.changed else apply,
        )


def _repair_names(engine: Engine, steps: Plan, apply: Callable[[], object] | None) -> None:
    if remote_names.lost(engine.paths, catalog.every(engine)):
        sentence = "write the names of other hosts' containers again"
        steps.add("names", None, remote_names.FILE, sentence, apply)


def _repair_rules(engine: Engine, steps: Plan, apply: Callable[[], object] | None) -> None:
    tables = links.missing_rules(engine)
    if tables:
        names = " and ".join(f"table {name}" for name in tables)
        steps.add(
            "rules", None, tables, f"restore the firewall's rules (nf_tables, {names})", apply
        )
    closed = links.closed_by_others(engine)
    if closed:
        steps.add(
            "other firewalls",
            None,
            closed,
            f"let {' and '.join(closed)} forward what is of networks",
            None if steps.changed else apply,
        )


def plan_repair(engine: Engine) -> Plan:
    """Plan to put back what the kernel has lost of networks: bridges that are used, the links of
    their containers, and the rules.
    """
    steps = Plan("networks")
    used = [config for config in catalog.every(engine) if catalog.users(engine, config["name"])]

    def apply() -> None:
        steps.warnings += links.ensure_links(engine, [config["name"] for config in used])
        for config in used:
            mending.mend(engine, config)
        remote_names.write(engine.paths, catalog.every(engine))

    for config in links.wrong(used):
        kind = "bridge" if config["bridge"] else "parent"
        link = config["bridge"] or config["parent"]
        steps.add(
            f"{kind} of {config['name']}",
            None,
            link,
            f"restore {kind} {link} of network {config['name']}",
            None if steps.changed else apply,
        )
    for config in used:
        _repair_containers(engine, config, steps, f"containers on {config['name']}", apply)
    _repair_names(engine, steps, None if steps.changed else apply)
    if used:
        _repair_rules(engine, steps, None if steps.changed else apply)
    return steps


def _merged(engine: Engine, current: Definition, wanted: Wanted) -> Definition:
    """Return what a network is to be: what the task names, and for the rest what it has."""
    config: Definition = {**current, **wanted}  # type: ignore[typeddict-item] # dealt next
    catalog.deal(config, wanted, current)
    if "driver_options" in wanted:  # exact: an option that is taken out goes back to its default
        gone = set(current["driver_options"]) - set(wanted["driver_options"])
        if definition.MTU_OPTION in gone:
            config["mtu"] = catalog.default_mtu(config)
        if definition.BRIDGE_OPTION in gone and config["bridge"] and "bridge" not in wanted:
            config["bridge"] = catalog.default_bridge(current["name"], current["id"])
    if config["driver"] != current["driver"]:
        _change_driver(config, wanted)
    if not config["overlay"]:
        config["pools"] = catalog.merged_pools(
            current["pools"], wanted.get("pools"), definition.versions(config)
        )
    before, after = _compared(current), _compared(config)
    settled = ("subnet", *LINKS, "mode", "flag", "ipv4", "ipv6", "mtu")
    if (
        any(before[key] != after[key] for key in settled)
        or any(before.get(key) != after.get(key) for key in ("vxlan", "wireguard"))
        or (config["pools"] != current["pools"] or not config["pools"])
    ):
        catalog.settle(engine, config)
    definition.check_routes(config)
    definition.check_gateway_modes(config)
    return config


def _change_driver(config: Definition, wanted: Wanted) -> None:
    """Give a definition the link of another driver."""
    if config["driver"] == "bridge":
        config["parent"] = config["mode"] = config["flag"] = ""
        config["bridge"] = wanted.get("bridge") or catalog.default_bridge(
            config["name"], config["id"]
        )
    else:
        config["bridge"] = ""
    if "mtu" not in wanted:
        config["mtu"] = catalog.default_mtu(config)


def _facts(engine: Engine, config: Definition, steps: Plan) -> dict[str, Any]:
    if engine.check and steps.changed:
        return {"network": describe(config)}
    facts: dict[str, Any] = {"network": inspect(engine, config["name"])}
    if config["overlay"]:
        facts["ansible_facts"] = overlay_facts(engine)
    return facts


def overlay_facts(engine: Engine) -> dict[str, Any]:
    """Return what other hosts are to know of this one's overlay networks, as a fact of Ansible's."""
    found = {}
    for config in catalog.every(engine):
        its = config["overlay"]
        if its is None:
            continue
        found[config["name"]] = {
            **_told(its["peers"][its["name"]]),
            "peers": {name: _told(peer) for name, peer in its["peers"].items()},
            "containers": _names(engine, config),
        }
    return {"pycontainer_overlays": found}


def _told(peer: Mapping[str, Any]) -> dict[str, str]:
    """Return what the hosts tell each other of one of them."""
    return {key: peer[key] for key in ("address", "share", "key") if key in peer}


def _names(engine: Engine, config: Definition) -> dict[str, list[str]]:
    """Return the names that containers have on a network, each with its addresses."""
    found: dict[str, list[str]] = {}
    for user in catalog.users(engine, config["name"]):
        for name in {user["name"], *names(engine, config["name"], user)}:
            found.setdefault(name, []).extend(user["addresses"])
    return found


def _absent(engine: Engine, params: Mapping[str, Any], current: Definition | None) -> Plan:
    steps = Plan(f"network {params['name']}")
    if current is None:
        if engine.is_foretold("network", params["name"]):
            steps.add("state", "present", "absent", f"remove network {params['name']}")
        return steps
    name = current["name"]

    def check() -> None:
        users = catalog.users(engine, name)
        if users and not params.get("force"):
            raise Conflict(
                f"network {name} is used by {', '.join((user['name'] for user in users))}; remove "
                "them first, or set force"
            )

    def apply() -> None:
        with (
            engine.locks.hold("network", name),
            engine.operations.record("remove-network", name=name),
        ):
            check()  # again: a container may have come since
            recovery.remove(engine, name)
        recovery.tell(engine, "destroy", current)

    check()
    steps.add("state", "present", "absent", f"remove network {name}", apply)
    return steps


def plan_release(engine: Engine, config: Definition, ident: str) -> Plan:
    """Plan to give back what a network keeps for a container that is not there any more.

    :param ident: its id, or the beginning of it.
    :raises NotFound: the network keeps nothing for it. :raises Conflict: several ids begin so, or
        it is being made.
    """
    name = config["name"]
    gone = [user for user in catalog.users(engine, name) if user["name"] == user["id"]]
    gone = [user for user in gone if ident and user["id"].startswith(ident)]
    if not gone:
        raise NotFound(f"container {ident} does not exist, and network {name} keeps nothing for it")
    user = gone[0]
    if len(gone) > 1:
        raise Conflict(f"{ident}: {len(gone)} containers' ids begin so; give more of it")
    if user["id"] in engine.operations.subjects():
        raise Conflict(f"container {ident} is being made by another task")
    place = attachment(config, user["id"], user["addresses"], user["mac"])
    steps = Plan(f"network {name}")

    def apply() -> None:
        container_links.disconnect(place)
        release(engine, user["id"], name)

    steps.add(
        "containers",
        user["addresses"],
        None,
        f"give back what network {name} keeps for container {user['id'][:12]}, which is gone",
        apply,
    )
    return steps


def info(engine: Engine, params: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the module ``network_info`` returns.

    That is ``networks``, and with a ``name`` also ``exists`` and ``network``.

    :raises InvalidInput: for an unknown filter.
    """
    if params.get("name") is None:
        return {
            "ansible_facts": overlay_facts(engine),
            "networks": [
                inspect(engine, config["name"])
                for config in catalog.listing(engine, params.get("filters"))
            ],
        }
    found = catalog.get(engine, params["name"])
    documents = [inspect(engine, found["name"])] if found is not None else []
    return {
        "ansible_facts": overlay_facts(engine),
        "exists": bool(documents),
        "network": documents[0] if documents else None,
        "networks": documents,
    }
