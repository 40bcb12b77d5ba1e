# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Bridges and rules in the kernel, as the database says: every start looks at them, and after a
reboot or a flush they are made anew.

Looking costs well under a millisecond. A bridge is made with pyroute2, in a forked child: the
import costs 115 ms and 21 MiB, which nobody else is to pay.
"""

from __future__ import annotations

import contextlib
import errno
import os
import socket

from ..errors import Conflict, HostError, Unsupported, reason
from ..kernel.calls import fork
from ..kernel.net import frames, netlink
from . import catalog, definition, firewall, pools
from .addresses import attachment, mac_for
from .drivers import overlay_network as overlay
from .drivers import parents, wireguard_keys, wireguard_link
from .firewalls import other_firewalls
from .traffic import isolation

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from typing import Any

    from ..engine import Engine
    from ..store.paths import Paths
    from .catalog import User
    from .container_links import Attachment
    from .definition import Definition

FORWARD = "/proc/sys/net/ipv4/ip_forward"
FORWARD_IPV6 = "/proc/sys/net/ipv6/conf/all/forwarding"
SETTINGS_IPV6 = "/proc/sys/net/ipv6/conf"
BRIDGE_TABLE = f"bridge {isolation.TABLE}"
NO_LIBRARY = "networks need the Python library pyroute2 on the host (package python3-pyroute2)"


def ensure_links(engine: Engine, names: Iterable[str], anew: bool = False) -> list[str]:
    """Make the bridges of networks and the rules where they are not, and let the host forward.

    :param anew: whether to set up bridges that look right, too.
    :returns: sentences to warn the user with. :raises NotFound: a network does not exist.
    :raises HostError, Conflict, Unsupported: its bridge can't be made.
    """
    configs = [catalog.require(engine, name) for name in names]
    if not configs:
        return []
    if anew or wrong(configs):
        with engine.locks.hold("networks"):
            make(configs if anew else wrong(configs), engine.paths)
    warnings = _forward()
    if any(config["ipv6"] and not config["internal"] for config in configs):
        warnings += _forward_ipv6()
    every = catalog.every(engine)
    warnings += firewall.ensure(engine, every)
    if firewall.NO_NFTABLES in warnings:
        return warnings
    bridges = [config["bridge"] for config in every if config["bridge"]]
    unchecked = isolation.ensure(bridges, lambda: _attachments(engine))
    if not unchecked:
        firewall.remember(engine.paths, BRIDGE_TABLE)
    warnings += unchecked
    return warnings + [text for one in configs if one["parent"] for text in parents.warnings(one)]


def require_library(engine: Engine, names: Iterable[str]) -> None:
    """Refuse networks whose links have to be made, where the library for that is missing.

    :param names: of networks, also of some that are yet to be made.
    :raises Unsupported: naming the library.
    """
    from importlib import util  # here: what only starts does without it

    if util.find_spec("pyroute2") is not None:
        return
    configs = [catalog.get(engine, name) for name in names]
    if None in configs or wrong(filter(None, configs)):
        raise Unsupported(NO_LIBRARY)


def missing_rules(engine: Engine) -> list[str]:
    """Return the firewall's tables which were there in this boot and have gone or lost rules.

    What a kernel refuses was never there, and is missed by nobody.
    """
    found = firewall.missing(engine.paths, catalog.every(engine))
    if firewall.remembered(engine.paths, BRIDGE_TABLE) and not isolation.intact():
        found.append(BRIDGE_TABLE)
    return found


def closed_by_others(engine: Engine) -> list[str]:
    """Return which chains of other firewalls have to be told anew to let networks pass."""
    return firewall.closed_by_others(catalog.every(engine))


def _attachments(engine: Engine) -> list[Attachment]:
    """Return the places of all containers on all networks."""
    return [
        place
        for config in catalog.every(engine)
        for place in attachments_of(config, catalog.users(engine, config["name"]))
    ]


def attachments_of(config: Definition, users: Iterable[User]) -> list[Attachment]:
    """Return the places of containers on a network."""
    return [attachment(config, user["id"], user["addresses"], user["mac"]) for user in users]


def wrong(configs: Iterable[Definition]) -> list[Definition]:
    """Return those of the networks whose bridge is missing or not as it should be."""
    with netlink.Socket() as sock:
        return [config for config in configs if not _in_order(sock, config)]


def _in_order(sock: netlink.Socket, config: Definition) -> bool:
    if config["parent"]:
        return parents.in_order(sock, config)
    link = netlink.link(sock, config["bridge"])
    if link is None or link["kind"] != "bridge" or not link["up"] or link["mtu"] != config["mtu"]:
        return False
    if config["overlay"] and not overlay.in_order(sock, config):
        return False
    return all(
        sorted(found) == sorted(wanted)
        for found, wanted in _addresses(sock, link["index"], config).values()
    ) and not unreached(sock, link["index"], config)


def unreached(sock: netlink.Socket, index: int, config: Definition) -> dict[str, tuple[str, int]]:
    """Return the subnets that no route of the host leads to by a bridge that is up.

    Such a route comes with the bridge's address: ``{subnet: (address, prefix)}``.
    """
    found: dict[str, tuple[str, int]] = {}
    for family, version in ((socket.AF_INET, 4), (socket.AF_INET6, 6)):
        pools_here = definition.pools_of(config, version)
        there = {
            f"{route['destination']}/{route['prefix']}"
            for route in (netlink.routes(sock, family) if pools_here else ())
            if route["link"] == index and route["table"] == netlink.RT_TABLE_MAIN
        }
        for pool in pools_here:
            if definition.gateway_of(config, pool) and pool["subnet"] not in there:
                prefix = int(pool["subnet"].partition("/")[2])
                found[pool["subnet"]] = (pool["gateway"], prefix)
    return found


def _addresses(
    sock: netlink.Socket, index: int, config: Definition
) -> dict[int, tuple[list[tuple[str, int]], list[tuple[str, int]]]]:
    """Return the addresses that a bridge has and those that it should have, by family."""
    found: dict[int, tuple[list[tuple[str, int]], list[tuple[str, int]]]] = {}
    for family, version in ((socket.AF_INET, 4), (socket.AF_INET6, 6)):
        wanted = [
            (pool["gateway"], int(pool["subnet"].partition("/")[2]))
            for pool in definition.pools_of(config, version)
            if definition.gateway_of(config, pool)
        ]
        if wanted or version == 4 or config["ipv6"]:
            has = [
                (entry["address"], entry["prefix"])
                for entry in netlink.addresses(sock, index, family)
            ]
            found[family] = (has, wanted)
    return found


def _forward() -> list[str]:
    """Let the host forward packets; returns a warning where it can't."""
    try:
        with open(FORWARD) as file:
            if file.read().strip() == "1":
                return []
        with open(FORWARD, "w") as file:
            file.write("1")
    except OSError as error:
        return [
            f"net.ipv4.ip_forward is off and can't be turned on ({reason(error)}): containers "
            "reach no other hosts"
        ]
    return []


def _forward_ipv6() -> list[str]:
    """Let the host forward IPv6; returns a warning where it can't.

    A host that forwards takes itself for a router: it forgets the routes that its own routers have
    told it, and listens to them no more, but on links with ``accept_ra`` 2 (ip-sysctl, RFC 4861,
    6.2.1). So a link that listens gets that first.
    """
    try:
        with open(FORWARD_IPV6) as file:
            if file.read().strip() == "1":
                return []
        for name in os.listdir(SETTINGS_IPV6):
            place = f"{SETTINGS_IPV6}/{name}"
            if name not in ("all", "default", "lo") and _read(f"{place}/accept_ra") == "1":
                if _read(f"{place}/forwarding") == "0" and _read(f"{place}/disable_ipv6") == "0":
                    with open(f"{place}/accept_ra", "w") as file:
                        file.write("2")
        with open(FORWARD_IPV6, "w") as file:
            file.write("1")
    except OSError as error:
        return [
            f"net.ipv6.conf.all.forwarding is off and can't be turned on ({reason(error)}): "
            "containers reach no other hosts by IPv6"
        ]
    return []


def _read(path: str) -> str:
    """Return a setting of a link; "" where the link has gone meanwhile."""
    try:
        with open(path) as file:
            return file.read().strip()
    except FileNotFoundError:
        return ""


def alias(paths: Paths) -> str:
    """Return the alias of an engine's bridges: several engines may share a kernel."""
    return f"pycontainer {paths.data}"[:255]  # IFALIASZ, rtnetlink(7)


def is_ours(link: netlink.Link, paths: Paths) -> bool:
    """Tell whether an engine has made a link: by its alias, to which WireGuard's has a note."""
    owner = alias(paths)
    return link["alias"] == owner or wireguard_link.noted(link["alias"], owner)


def names(config: Definition) -> list[str]:
    """Return the links of the host that a network may have, its parent included."""
    own = overlay.link_name(config["id"]) if config["overlay"] else None
    return [name for name in (config["bridge"], config["parent"], own) if name]


def make(configs: Sequence[Definition], paths: Paths) -> None:
    """Make or mend bridges, and the links of overlays.

    :raises HostError, Conflict, Unsupported: naming the network and the step.
    """
    if not configs:
        return
    if any(config["ipv6"] for config in configs):
        pools.require_ipv6()
    with netlink.Socket() as sock:
        for config in configs:
            link = netlink.link(sock, config["bridge"]) if config["bridge"] else None
            if link is not None and link["kind"] != "bridge":
                raise Conflict(
                    f"network {config['name']}: this host has a link {config['bridge']} that is "
                    "no bridge; rename it, or name another bridge"
                )
    keys = {
        config["id"]: wireguard_keys.require(paths, config["name"], config["id"])
        for config in configs
        if config["overlay"] and config["overlay"].get("encrypted")
    }
    owner = alias(paths)
    reader, writer = os.pipe()
    child = fork.child(lambda: _make_and_tell(configs, owner, keys, writer))
    os.close(writer)
    with os.fdopen(reader, "rb") as file:
        kind, dummy, sentence = file.read().decode().partition(":")
    os.waitpid(child, 0)
    if kind != "done":
        raise (Unsupported if kind == "missing" else HostError)(sentence or kind)


def _make_and_tell(
    configs: Sequence[Definition], owner: str, keys: Mapping[str, bytes], writer: int
) -> None:
    answer = b"the child that makes bridges failed"
    try:
        answer = _make_in_child(configs, owner, keys)
    finally:
        os.write(writer, answer)


def _make_in_child(configs: Sequence[Definition], owner: str, keys: Mapping[str, bytes]) -> bytes:
    """Make the bridges; returns ``done``, or ``missing:`` or ``failed:`` and a sentence."""
    try:
        import pyroute2  # heavy, see above; a host may lack it
    except ImportError as error:
        return f"missing:{NO_LIBRARY}: {error}".encode()
    step = ""
    try:
        with contextlib.closing(pyroute2.IPRoute()) as route:
            for config in configs:
                if config["parent"]:
                    step = f"network {config['name']}: can't make its parent {config['parent']}"
                    parents.make(route, config, owner)
                    continue
                step = f"network {config['name']}: can't make bridge {config['bridge']}"
                _make_bridge(route, config, owner)
                if config["overlay"]:
                    step = f"network {config['name']}: can't make its link to the other hosts"
                    overlay.make(route, config, owner, keys.get(config["id"]))
    except Exception as error:  # the child's whole answer; pyroute2 has errors of its own
        return f"failed:{step or 'the kernel does not answer'}: {_said(error)}".encode()
    return b"done"


def _said(error: Exception) -> str:
    """Return what the kernel says, in words: a NetlinkError has an errno as its ``code``."""
    number = getattr(error, "code", None)
    if not isinstance(number, int):
        return reason(error)
    lacks = ": this kernel has no links of that kind" if number == errno.EOPNOTSUPP else ""
    return os.strerror(number).lower() + lacks


def _make_bridge(route: Any, config: Definition, owner: str) -> None:
    """Make or mend one bridge. :param route: a pyroute2.IPRoute."""
    name = config["bridge"]
    mac = mac_for(config["pools"][0]["gateway"])
    found = list(route.link_lookup(ifname=name)) or _renamed(route, name, mac, owner)
    if not found:
        route.link("add", ifname=name, kind="bridge", mtu=config["mtu"])
        found = list(route.link_lookup(ifname=name))
        route.link("set", index=found[0], ifalias=owner)
    index = found[0]
    modes = definition.gateway_modes(config)
    _settings(name, modes.get(6, definition.ISOLATED) != definition.ISOLATED)
    # An address of its own, or the bridge takes on that of its lowest port and containers lose
    # their gateway with every change.
    route.link("set", index=index, address=mac, mtu=config["mtu"])
    # pyroute2 0.5, which Enterprise Linux 9 has, deletes with a flag that kernels from 5.19 on
    # refuse.
    with netlink.Socket() as sock:
        changes = []
        for present, wanted in _addresses(sock, index, config).values():
            changes += [
                netlink.delete_address(index, *other) for other in present if other not in wanted
            ]
            changes += [
                netlink.new_address(index, *missing) for missing in wanted if missing not in present
            ]
        if changes:
            sock.request(changes)
        sock.request([frames.learn_no_group_senders(index)], tolerate=isolation.ABSENT)
    route.link("set", index=index, state="up")
    with netlink.Socket() as sock:
        for address in unreached(sock, index, config).values():
            sock.request([netlink.delete_address(index, *address)])
            sock.request([netlink.new_address(index, *address)])


def _renamed(route: Any, name: str, mac: str, owner: str) -> list[int]:
    """Give a network's bridge its name back, which somebody has changed; [] where there is none."""
    with netlink.Socket() as sock:
        for link in netlink.links(sock):
            if (link["kind"], link["mac"], link["alias"]) == ("bridge", mac, owner):
                route.link("set", index=link["index"], state="down")
                route.link("set", index=link["index"], ifname=name)
                return [link["index"]]
    return []


def _settings(name: str, ipv6: bool) -> None:
    """Have a bridge take no IPv6 but its own, and lead to no 127/8.

    A container could send router advertisements (CVE-2020-13401). Nobody is asked whether an
    address is taken: it would work a second later.
    """
    for path, value in (
        ("ipv6/conf/%s/accept_ra", "0"),
        ("ipv6/conf/%s/accept_dad", "0"),
        ("ipv6/conf/%s/disable_ipv6", "0" if ipv6 else "1"),
        ("ipv4/conf/%s/route_localnet", "0"),
    ):
        with contextlib.suppress(FileNotFoundError):  # a kernel without IPv6
            with open("/proc/sys/net/" + path % name, "w") as file:
                file.write(value)


def remove(
    config: Definition,
    attachments: Iterable[Attachment] = (),
    others: Sequence[Definition] = (),
    owner: str = "",
) -> None:
    """Remove a network's bridge, if it is one, and the links of containers that are on it.

    A parent is removed if it was made here and none of the ``others`` is on it.

    :param owner: the alias of what was made here. :raises HostError: the kernel refuses.
    """
    if config["parent"]:
        _remove_parent(config, others, owner)
        return
    if config["overlay"]:
        with contextlib.suppress(OSError):
            overlay.remove(config)
    try:
        with netlink.Socket() as sock:
            names = [attachment["ifname"] for attachment in attachments]
            link = netlink.link(sock, config["bridge"])
            if link is not None and link["kind"] == "bridge":
                names.append(config["bridge"])
            for name in names:
                sock.request([netlink.delete_link(name)], tolerate=(errno.ENODEV,))
    except OSError as error:
        raise HostError(
            f"network {config['name']}: can't remove bridge {config['bridge']}: {reason(error)}"
        ) from None
    other_firewalls.forget(firewall.links_of([config]))


def _remove_parent(config: Definition, others: Sequence[Definition], owner: str) -> None:
    try:
        parents.remove(config, others, owner)
    except OSError as error:
        raise HostError(
            f"network {config['name']}: can't remove {config['parent']}: {reason(error)}"
        ) from None
