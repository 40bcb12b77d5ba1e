# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The parent link of macvlan and ipvlan networks: what a task says of it, and a VLAN made for it.

``eth0.10`` is the VLAN 10 of eth0: it is made where it is missing, and taken away with the last
network on it where it was made here. Sources: Docker's documentation of both drivers, ip-link(8).
"""

from __future__ import annotations

import errno
import os
import re
import socket

from ...errors import Conflict, InvalidInput, NotFound
from ...kernel.net import child_links, netlink

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping
    from typing import Any

DRIVERS = ("macvlan", "ipvlan")
PARENT = "parent"
MODES = {"macvlan": tuple(child_links.MACVLAN_MODES), "ipvlan": tuple(child_links.IPVLAN_MODES)}
DEFAULT_MODE = {"macvlan": "bridge", "ipvlan": "l2"}
FLAG = "ipvlan_flag"
FLAGS = tuple(child_links.IPVLAN_FLAG)
LARGEST_VLAN = 4094  # IEEE 802.1Q


def options(driver: str) -> tuple[str, ...]:
    """Return the names of a driver's own options."""
    return (PARENT, f"{driver}_mode") + ((FLAG,) if driver == "ipvlan" else ())


def wanted(driver: str, given: Mapping[str, str]) -> dict[str, str]:
    """Return what ``driver_options`` say, in the definition's form: ``parent, mode, flag``.

    :raises InvalidInput: for what can't be.
    """
    parent = link(f"driver_options.{PARENT}", given.get(PARENT))
    mode = given.get(f"{driver}_mode") or DEFAULT_MODE[driver]
    if mode not in MODES[driver]:
        raise InvalidInput(
            f"driver_options.{driver}_mode", given[f"{driver}_mode"], ", ".join(MODES[driver])
        )
    flag = given.get(FLAG) or FLAGS[0]
    if flag not in FLAGS:
        raise InvalidInput(f"driver_options.{FLAG}", flag, ", ".join(FLAGS))
    return {"parent": parent, "mode": mode, "flag": flag}


def link(option: str, name: str | None) -> str:
    """Return the name of a parent link. :raises InvalidInput: it is none."""
    if (
        name is None
        or not re.fullmatch(r"[A-Za-z0-9_.@-]{1,15}", name)
        or name in (".", "..", "lo")
    ):
        raise InvalidInput(
            option, name, "a link of this host, such as eth0, or a VLAN of one, such as eth0.10"
        )
    return name


def vlan(name: str) -> tuple[str, int] | None:
    """Return the link and the VLAN's number that a name such as ``eth0.10`` stands for, or None."""
    base, dot, number = name.rpartition(".")
    if not dot or not base or not re.fullmatch("[0-9]{1,4}", number):
        return None
    return (base, int(number)) if 1 <= int(number) <= LARGEST_VLAN else None


def check(config: Mapping[str, Any], others: Iterable[Mapping[str, Any]]) -> None:
    """Look whether a network can be on its parent, before anything is changed.

    :param others: the definitions of the host's other networks.
    :raises NotFound: there is no such link, nor one that it could be a VLAN of.
    :raises InvalidInput: the MTU is larger than the parent's.
    :raises Conflict: another network or a bridge has the parent in a way that excludes this one.
    """
    name, parent = config["name"], config["parent"]
    for other in others:
        if other.get("parent") == parent:
            _check_beside(config, other)
    with netlink.Socket() as sock:
        link = netlink.link(sock, parent)
        if link is None:
            base = vlan(parent)
            link = netlink.link(sock, base[0]) if base else None
            if link is None:
                raise NotFound(
                    f"driver_options.parent: this host has no link {parent}"
                    + (f", nor the link {base[0]} that it could be a VLAN of" if base else "")
                    + f"; it has {_named(sock)}"
                )
        elif link["master"]:
            master = netlink.link(sock, index=link["master"])
            if master is not None and master["kind"] == "bridge":
                raise Conflict(
                    f"driver_options.parent: {parent} is a port of the bridge {master['name']}, "
                    f"which takes all that comes in; name {master['name']} as the parent of "
                    f"network {name}"
                )
        if config["mtu"] > link["mtu"]:
            raise InvalidInput(
                "driver_options.com.docker.network.driver.mtu",
                config["mtu"],
                f"at most {link['mtu']}, the MTU of {link['name']}",
            )


def _named(sock: netlink.Socket) -> str:
    """Return the names of the links that could be parents, for a sentence."""
    names = [
        link["name"]
        for link in netlink.links(sock)
        if link["name"] != "lo" and not link["name"].startswith("pyv-")
    ]
    return ", ".join(names) or "none beside lo"


def _check_beside(config: Mapping[str, Any], other: Mapping[str, Any]) -> None:
    """:raises Conflict: two networks can't be on one parent: the kernel's own rules."""
    parent, name = config["parent"], other["name"]
    if other["driver"] != config["driver"]:
        raise Conflict(
            f"driver_options.parent: network {name} is on {parent} by {other['driver']}, and a "
            f"link can't be parent of macvlan and ipvlan at once; use a VLAN of it, such as "
            f"{parent}.10"
        )
    if config["driver"] == "ipvlan" and (config["mode"], config["flag"]) != (
        other["mode"],
        other["flag"],
    ):
        raise Conflict(
            f"driver_options.ipvlan_mode: network {name} is on {parent} with mode "
            f"{other['mode']} and flag {other['flag']}, and all of a parent have the same"
        )
    if "passthru" in (config["mode"], other["mode"]):
        raise Conflict(
            f"driver_options.macvlan_mode: with passthru a network has its parent alone, and "
            f"{parent} is network {name}'s too"
        )


def mtu(parent: str) -> int | None:
    """Return the MTU of a parent, or of the link that it is to be a VLAN of; None: neither is."""
    with netlink.Socket() as sock:
        link, base = netlink.link(sock, parent), vlan(parent)
        if link is None and base:
            link = netlink.link(sock, base[0])
    return link["mtu"] if link else None


def in_order(sock: netlink.Socket, config: Mapping[str, Any]) -> bool:
    """Tell whether a network's parent is there and, where it was made here, up."""
    link = netlink.link(sock, config["parent"])
    return link is not None and (link["up"] or not link["alias"])


def make(route: Any, config: Mapping[str, Any], owner: str) -> None:
    """Make the VLAN that is a network's parent, where it is missing. :param route: an IPRoute.

    :raises NotFound: there is no link that it could be a VLAN of.
    """
    parent, base = config["parent"], vlan(config["parent"])
    if not route.link_lookup(ifname=parent):
        lower = list(route.link_lookup(ifname=base[0])) if base else []
        if not base or not lower:
            raise NotFound(f"this host has no link {base[0] if base else parent}")
        route.link("add", ifname=parent, kind="vlan", link=lower[0], vlan_id=base[1])
        index = list(route.link_lookup(ifname=parent))[0]
        route.link("set", index=index, ifalias=owner)
    index = list(route.link_lookup(ifname=parent))[0]
    with netlink.Socket() as sock:
        link = netlink.link(sock, index=index)
        if link is not None and link["alias"] == owner:
            sock.request([netlink.set_link(parent, up=True)])


def remove(config: Mapping[str, Any], others: Collection[Mapping[str, Any]], owner: str) -> None:
    """Remove a network's parent, if it was made here and no other network is on it.

    :raises OSError: the kernel refuses.
    """
    parent = config["parent"]
    if any(other.get("parent") == parent for other in others):
        return
    if made_here(parent, owner):
        with netlink.Socket() as sock:
            sock.request([netlink.delete_link(parent)], tolerate=(errno.ENODEV,))


def made_here(parent: str, owner: str) -> bool:
    """Tell whether a parent is a VLAN that an engine has made. :param owner: the engine's alias."""
    with netlink.Socket() as sock:
        link = netlink.link(sock, parent)
    return bool(owner) and link is not None and (link["kind"], link["alias"]) == ("vlan", owner)


def warnings(config: Mapping[str, Any]) -> list[str]:
    """Return what stands in a network's way that is not ours to change."""
    with netlink.Socket() as sock:
        link = netlink.link(sock, config["parent"])
    if link is not None and not link["up"]:
        return [
            f"network {config['name']}: its parent {config['parent']} is down, so nothing passes; "
            f"run: ip link set {config['parent']} up"
        ]
    return []


def own_addresses(parent: str, family: int) -> set[str]:
    """Return the addresses (of family 4 or 6) of the host on a parent: no container may get them."""
    with netlink.Socket() as sock:
        link = netlink.link(sock, parent)
        if link is None:
            return set()
        kind = socket.AF_INET if family == 4 else socket.AF_INET6
        return {entry["address"] for entry in netlink.addresses(sock, link["index"], kind)}


def supported(driver: str) -> bool:
    """Tell whether the kernel has the links of a driver; asked where it is not in /sys yet.

    The question is put in a network namespace of its own, by a child: it leaves nothing behind.
    """
    if os.path.isdir(f"/sys/module/{driver}"):
        return True
    from . import link_kinds  # a child and a namespace, for the first network of its kind

    return link_kinds.supported(driver)
