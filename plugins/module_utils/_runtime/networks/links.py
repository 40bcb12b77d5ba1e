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

from ..errors import Conflict, HostError, Unsupported, reason
from ..kernel.calls import fork
from ..kernel.net import frames, netlink
from . import catalog, firewall, isolation
from .addresses import attachment, mac_for

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from typing import Any

    from ..engine import Engine
    from ..store.paths import Paths
    from .attach import Attachment
    from .definition import Definition

FORWARD = "/proc/sys/net/ipv4/ip_forward"


def ensure_links(engine: Engine, names: Iterable[str]) -> list[str]:
    """Make the bridges of networks and the rules where they are not, and let the host forward.

    :returns: sentences to warn the user with. :raises NotFound: a network does not exist.
    :raises HostError, Conflict, Unsupported: its bridge can't be made.
    """
    configs = [catalog.require(engine, name) for name in names]
    if not configs:
        return []
    if wrong(configs):
        with engine.locks.hold("networks"):
            make(wrong(configs), alias(engine.paths))
    warnings = _forward()
    every = catalog.every(engine)
    warnings += firewall.ensure(engine, every)
    if firewall.NO_NFTABLES in warnings:
        return warnings
    bridges = [config["bridge"] for config in every]
    return warnings + isolation.ensure(bridges, lambda: _attachments(engine))


def _attachments(engine: Engine) -> list[Attachment]:
    """Return the places of all containers on all networks."""
    return [
        attachment(config, user["id"], user["address"], user["mac"])
        for config in catalog.every(engine)
        for user in catalog.users(engine, config["name"])
    ]


def wrong(configs: Iterable[Definition]) -> list[Definition]:
    """Return those of the networks whose bridge is missing or not as it should be."""
    with netlink.Socket() as sock:
        return [config for config in configs if not _in_order(sock, config)]


def _in_order(sock: netlink.Socket, config: Definition) -> bool:
    link = netlink.link(sock, config["bridge"])
    if link is None or link["kind"] != "bridge" or not link["up"] or link["mtu"] != config["mtu"]:
        return False
    found = [
        (entry["address"], entry["prefix"]) for entry in netlink.addresses(sock, link["index"])
    ]
    return found == [(config["gateway"], int(config["subnet"].partition("/")[2]))]


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
            f"net.ipv4.ip_forward is off and can't be turned on ({error.strerror}): containers "
            "reach no other hosts"
        ]
    return []


def alias(paths: Paths) -> str:
    """Return the alias of an engine's bridges: several engines may share a kernel."""
    return f"pycontainer {paths.data}"[:255]  # IFALIASZ, rtnetlink(7)


def make(configs: Sequence[Definition], owner: str) -> None:
    """Make or mend bridges.

    :param owner: the alias of those that are made.
    :raises HostError, Conflict, Unsupported: naming the network and the step.
    """
    if not configs:
        return
    with netlink.Socket() as sock:
        for config in configs:
            link = netlink.link(sock, config["bridge"])
            if link is not None and link["kind"] != "bridge":
                raise Conflict(
                    f"network {config['name']}: this host has a link {config['bridge']} that is "
                    "no bridge; rename it, or name another bridge"
                )
    reader, writer = os.pipe()
    child = fork.child(lambda: _make_and_tell(configs, owner, writer))
    os.close(writer)
    with os.fdopen(reader, "rb") as file:
        kind, dummy, sentence = file.read().decode().partition(":")
    os.waitpid(child, 0)
    if kind != "done":
        raise (Unsupported if kind == "missing" else HostError)(sentence or kind)


def _make_and_tell(configs: Sequence[Definition], owner: str, writer: int) -> None:
    answer = b"the child that makes bridges failed"
    try:
        answer = _make_in_child(configs, owner)
    finally:
        os.write(writer, answer)


def _make_in_child(configs: Sequence[Definition], owner: str) -> bytes:
    """Make the bridges; returns ``done``, or ``missing:`` or ``failed:`` and a sentence."""
    try:
        import pyroute2  # heavy, see above; a host may lack it
    except ImportError as error:
        return (
            "missing:networks need the Python library pyroute2 on the host (package "
            f"python3-pyroute2): {error}"
        ).encode()
    step = ""
    try:
        with contextlib.closing(pyroute2.IPRoute()) as route:
            for config in configs:
                step = f"network {config['name']}: can't make bridge {config['bridge']}"
                _make_bridge(route, config, owner)
    except Exception as error:  # the child's whole answer; pyroute2 has errors of its own
        return ("failed:%s: %s" % (step or "can't talk to the kernel", reason(error))).encode()
    return b"done"


def _make_bridge(route: Any, config: Definition, owner: str) -> None:
    """Make or mend one bridge. :param route: a pyroute2.IPRoute."""
    name, prefix = config["bridge"], int(config["subnet"].partition("/")[2])
    found = list(route.link_lookup(ifname=name))
    if not found:
        route.link("add", ifname=name, kind="bridge", mtu=config["mtu"])
        found = list(route.link_lookup(ifname=name))
        route.link("set", index=found[0], ifalias=owner)
    index = found[0]
    _settings(name)
    # An address of its own, or the bridge takes on that of its lowest port and containers lose
    # their gateway with every change.
    route.link("set", index=index, address=mac_for(config["gateway"]), mtu=config["mtu"])
    wanted = (config["gateway"], prefix)
    # pyroute2 0.5, which Enterprise Linux 9 has, deletes with a flag that kernels from 5.19 on
    # refuse.
    with netlink.Socket() as sock:
        present = [(entry["address"], entry["prefix"]) for entry in netlink.addresses(sock, index)]
        changes = [netlink.delete_address(index, *other) for other in present if other != wanted]
        if wanted not in present:
            changes.append(netlink.new_address(index, *wanted))
        if changes:
            sock.request(changes)
        sock.request([frames.learn_no_group_senders(index)], tolerate=isolation.ABSENT)
    route.link("set", index=index, state="up")


def _settings(name: str) -> None:
    """Have a bridge take no IPv6 and lead to no 127/8.

    A container could send router advertisements (CVE-2020-13401).
    """
    for path, value in (
        ("ipv6/conf/%s/accept_ra", "0"),
        ("ipv6/conf/%s/disable_ipv6", "1"),
        ("ipv4/conf/%s/route_localnet", "0"),
    ):
        with contextlib.suppress(FileNotFoundError):  # a kernel without IPv6
            with open("/proc/sys/net/" + path % name, "w") as file:
                file.write(value)


def remove(config: Definition, attachments: Iterable[Attachment] = ()) -> None:
    """Remove a network's bridge, if it is one, and the links of containers that are on it.

    :raises HostError: the kernel refuses.
    """
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
            f"network {config['name']}: can't remove bridge {config['bridge']}: {error.strerror}"
        ) from None
