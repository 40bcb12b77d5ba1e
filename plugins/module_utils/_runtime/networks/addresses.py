# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which container has which address on which network: table ``addresses``."""

from __future__ import annotations

import hashlib
import ipaddress
import re

from ..errors import Conflict, InvalidInput
from ..kernel.net import netlink
from .catalog import require, users
from .definition import apart, check_host, is_host, pool_with, pools_of, version, versions
from .drivers import parents

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Optional

    from ..engine import Engine
    from .catalog import User
    from .container_links import Attachment
    from .definition import Definition, Pool

    Asked = dict[int, Optional[str]]  # family (4, 6) -> address, None for any

# Docker's: locally administered, then the address, so that it survives a change of containers.
DEFAULT_MAC = "02:42:%02x:%02x:%02x:%02x"
OPTION = {4: "ipv4_address", 6: "ipv6_address"}


def allocate(
    engine: Engine,
    network: str,
    container_id: str,
    wanted_ip: str | None = None,
    mac: str | None = None,
    replaces: str | None = None,
    wanted_ip6: str | None = None,
    ipv6: bool = True,
) -> Attachment:
    """Reserve an address of each of a network's families for a container, return the attachment.

    What the container has already is kept, unless another address or MAC is wanted now.

    :param network: its name.
    :param wanted_ip: of IPv4, or None for any. :param wanted_ip6: of IPv6.
    :param replaces: id of a container whose addresses on this network may be taken over.
    :param ipv6: False for a container that has IPv6 turned off: it gets none beside IPv4.
    :raises NotFound: no such network. :raises InvalidInput: the address or MAC can't be used.
    :raises Conflict: another container has it, or the network is full.
    """
    config = require(engine, network)
    asked = _asked(config, wanted_ip, wanted_ip6)
    families = _families(config, asked, ipv6)
    check_wanted(config, asked, mac or None)
    network = config["name"]
    with engine.db.transaction() as connection:
        there = users(engine, network)
        has = next((user for user in there if user["id"] == container_id), None)
        chosen = _choose(config, there, container_id, asked, families, replaces)
        if not mac:
            same = has is not None and has["addresses"][0] == chosen[0]
            mac = has["mac"] if has is not None and same else mac_for(chosen[0])
        _check_mac(config, there, container_id, mac, replaces)
        connection.execute(
            "DELETE FROM addresses WHERE network = ? AND container = ?", (network, container_id)
        )
        for address in chosen:
            connection.execute(
                "INSERT OR REPLACE INTO addresses (network, address, container, mac)"
                " VALUES (?, ?, ?, ?)",
                (network, address, container_id, mac),
            )
    return attachment(config, container_id, chosen, mac)


def attachment(
    config: Definition, container_id: str, addresses: Sequence[str], mac: str
) -> Attachment:
    """Return a container's place on a network, in run.json's form.

    :param addresses: one of each family at most.
    """
    found: Attachment = {
        "network": config["name"],
        "bridge": config["bridge"],
        "ifname": link_name(config, container_id),
        "address": "",
        "gateway": None,
        "mac": mac,
        "mtu": config["mtu"],
    }
    if apart(config):
        found["apart"] = True
    if config["parent"]:
        found["driver"], found["parent"] = config["driver"], config["parent"]
        found["mode"], found["flag"] = config["mode"], config["flag"]
    if config["allow_spoofing"]:
        found["spoofing"] = True
    if config["routes"]:
        families = {version(address) for address in addresses}
        found["routes"] = [
            route for route in config["routes"] if version(route["gateway"]) in families
        ]
    for address in addresses:
        pool = pool_with(config, address)
        prefix = pool["subnet"].partition("/")[2] if pool else "128" if ":" in address else "32"
        gateway = None if config["internal"] or pool is None else pool["gateway"]
        if version(address) == 4:
            found["address"], found["gateway"] = f"{address}/{prefix}", gateway
        else:
            found["address6"], found["gateway6"] = f"{address}/{prefix}", gateway
    if config["mode"] in ("l3", "l3s"):  # the parent routes; nobody answers at an address
        found["gateway"] = None
        found.pop("gateway6", None)
        found["routed"] = not config["internal"]
    return found


def link_name(config: Definition, container_id: str) -> str:
    """Return the name of the host's end of a container's link to a network."""
    digest = hashlib.sha256(f"{container_id}/{config['id']}".encode()).hexdigest()
    return "pyv-" + digest[:11]


def check_address(
    engine: Engine,
    network: str,
    container_id: str,
    wanted_ip: str | None = None,
    mac: str | None = None,
    wanted_ip6: str | None = None,
    ipv6: bool = True,
) -> None:
    """Refuse what :func:`allocate` would refuse, without a change.

    :param container_id: whose address may be taken over, or "".
    :raises NotFound, InvalidInput, Conflict: as it does.
    """
    config, mac = require(engine, network), mac or None
    asked = _asked(config, wanted_ip, wanted_ip6)
    if mac and config["driver"] == "ipvlan":
        raise InvalidInput(
            "mac_address", mac, "none: on an ipvlan network all have the MAC address of the parent"
        )
    families = _families(config, asked, ipv6)
    check_wanted(config, asked, mac)
    there = users(engine, config["name"])
    _choose(config, there, container_id, asked, families, None)
    if mac:
        _check_mac(config, there, container_id, mac, None)


def _asked(config: Definition, wanted_ip: str | None, wanted_ip6: str | None) -> Asked:
    """Return what is asked for by family. :raises InvalidInput: the network has not the family."""
    asked = {4: wanted_ip or None, 6: wanted_ip6 or None}
    for family, text in asked.items():
        if text is None:
            continue
        if family not in versions(config):
            raise InvalidInput(
                OPTION[family],
                text,
                f"none: network {config['name']} has no IPv{family} addresses (enable_ipv{family})",
            )
        subnets = " or ".join(pool["subnet"] for pool in pools_of(config, family))
        try:
            address = ipaddress.ip_address(text)
        except ValueError:
            address = None
        if address is None or address.version != family:
            raise InvalidInput(OPTION[family], text, f"an IPv{family} address in {subnets}")
        asked[family] = str(address)
    return asked


def _families(config: Definition, asked: Asked, ipv6: bool) -> list[int]:
    """Return the families that a container gets addresses of.

    :raises InvalidInput: it asks for an IPv6 address, and has IPv6 turned off.
    """
    found = list(versions(config))
    if ipv6 or found == [6]:
        return found
    if asked[6]:
        raise InvalidInput(
            OPTION[6], asked[6], "none: the container's sysctls turn IPv6 off (disable_ipv6)"
        )
    return [4]


def check_wanted(config: Definition, asked: Asked, mac: str | None) -> None:
    """:raises InvalidInput: the network can't give the addresses or MAC, whoever has them."""
    for family, text in asked.items():
        if text is None:
            continue
        pool = pool_with(config, text)
        if pool is None:
            subnets = " or ".join(one["subnet"] for one in pools_of(config, family))
            raise InvalidInput(OPTION[family], text, f"an address of a host in {subnets}")
        check_host(OPTION[family], ipaddress.ip_address(text), ipaddress.ip_network(pool["subnet"]))
        if text in [pool["gateway"], *pool["aux_addresses"].values()]:
            raise InvalidInput(
                OPTION[family],
                text,
                f"an address that is neither the gateway of network {config['name']} nor in its "
                "aux_addresses",
            )
        if config["parent"] and text in parents.own_addresses(config["parent"], family):
            raise InvalidInput(
                OPTION[family],
                text,
                f"an address that this host's {config['parent']} does not have",
            )
    if mac is None:
        return
    if (
        not re.fullmatch("[0-9A-Fa-f]{2}(:[0-9A-Fa-f]{2}){5}", mac)
        or int(mac[:2], 16) & 1
        or mac == "00:00:00:00:00:00"
    ):
        raise InvalidInput("mac_address", mac, "a unicast MAC address such as 02:42:ac:11:00:02")


def _choose(
    config: Definition,
    there: Sequence[User],
    container_id: str,
    asked: Mapping[int, str | None],
    families: Sequence[int],
    replaces: str | None,
) -> list[str]:
    """Return the container's addresses: those asked for, those that it or the one that it replaces
    has, or the first free.
    """
    owners = {address: user for user in there for address in user["addresses"]}
    found = []
    for family in families:
        wanted = asked[family]
        owner = owners.get(wanted) if wanted is not None else None
        if owner is not None and owner["id"] not in (container_id, replaces):
            raise Conflict(
                f"{OPTION[family]}: {wanted} on network {config['name']} is container "
                f"{owner['name']}'s"
            )
        if wanted is None:
            has = {
                user["id"]: address
                for address, user in owners.items()
                if user["id"] in (container_id, replaces)
                and version(address) == family
                and keeps(config, address)
            }
            wanted = has.get(container_id) or has.get(replaces or "")
        found.append(wanted if wanted is not None else _first_free(config, family, owners))
    return found


def keeps(config: Definition, address: str) -> bool:
    """Tell whether a container's address is one that it can have on the network as it is now."""
    pool = pool_with(config, address)
    if pool is None or version(address) not in versions(config):
        return False
    return address not in (pool["gateway"], *pool["aux_addresses"].values()) and is_host(
        ipaddress.ip_address(address), ipaddress.ip_network(pool["subnet"])
    )


def _first_free(config: Definition, family: int, owners: Mapping[str, User]) -> str:
    """Return the first address of a network's subnets of a family that nobody has."""
    pools = pools_of(config, family)
    taken = {_number(address) for address in owners if version(address) == family}
    for pool in pools:
        taken.update(map(_number, [pool["gateway"], *pool["aux_addresses"].values()]))
    if config["parent"]:
        taken.update(map(_number, parents.own_addresses(config["parent"], family)))
    for pool in pools:
        subnet = ipaddress.ip_network(pool["subnet"])
        chosen_from = ipaddress.ip_network(_range(pool))
        last = int(chosen_from[-1])
        number = int(chosen_from[0])
        while number <= last:
            if number not in taken:
                address = subnet.network_address + (number - int(subnet.network_address))
                if is_host(address, subnet):
                    return str(address)
            number += 1
    raise Conflict(
        f"network {config['name']} has no free address left in "
        f"{' or '.join(_range(pool) for pool in pools)}"
    )


def _range(pool: Pool) -> str:
    """Return where addresses of a pool are chosen from."""
    return pool["ip_range"] or pool["subnet"]


def _number(address: str) -> int:
    return int.from_bytes(netlink.packed(address), "big")


def _check_mac(
    config: Definition, there: Sequence[User], container_id: str, mac: str, replaces: str | None
) -> None:
    for user in there:
        if user["mac"].lower() == mac.lower() and user["id"] not in (container_id, replaces):
            raise Conflict(
                f"mac_address: {mac} on network {config['name']} is container {user['name']}'s"
            )


def mac_for(address: str) -> str:
    """Return the MAC address that goes with an address."""
    raw = netlink.packed(address)
    return DEFAULT_MAC % tuple(raw if len(raw) == 4 else hashlib.sha256(raw).digest()[:4])


def release(engine: Engine, container_id: str, network: str | None = None) -> None:
    """Give back a container's addresses on one network, or all of them; none is no error."""
    if network is None:
        engine.db.run("DELETE FROM addresses WHERE container = ?", container_id)
    else:
        engine.db.run(
            "DELETE FROM addresses WHERE container = ? AND network = ?", container_id, network
        )
