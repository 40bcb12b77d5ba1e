# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which container has which address on which network: table ``addresses``."""

from __future__ import annotations

import hashlib
import ipaddress
import re

from ..errors import Conflict, InvalidInput
from .catalog import require, users
from .definition import check_host

# Docker's: locally administered, then the address, so that it survives a change of containers.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from ..engine import Engine
    from .attach import Attachment
    from .catalog import User
    from .definition import Definition

DEFAULT_MAC = "02:42:%02x:%02x:%02x:%02x"


def allocate(
    engine: Engine,
    network: str,
    container_id: str,
    wanted_ip: str | None = None,
    mac: str | None = None,
    replaces: str | None = None,
) -> Attachment:
    """Reserve an address on a network for a container and return the attachment.

    What the container has already is kept, unless another address or MAC is wanted now.

    :param network: its name.
    :param replaces: id of a container whose addresses on this network may be taken over.
    :raises NotFound: no such network. :raises InvalidInput: the address or MAC can't be used.
    :raises Conflict: another container has it, or the network is full.
    """
    config, wanted_ip = require(engine, network), wanted_ip or None
    check_wanted(config, wanted_ip, mac or None)
    network = config["name"]
    with engine.db.transaction() as connection:
        taken = {row["address"]: row for row in users(engine, network)}
        mine = next((address for address, row in taken.items() if row["id"] == container_id), None)
        address = _choose(config, taken, container_id, wanted_ip or mine, replaces)
        mac = mac or (taken[mine]["mac"] if mine and mine == address else mac_for(address))
        _check_mac(config, taken, container_id, mac, replaces)
        connection.execute(
            "DELETE FROM addresses WHERE network = ? AND (container = ? OR address = ?)",
            (network, container_id, address),
        )
        connection.execute(
            "INSERT INTO addresses (network, address, container, mac) VALUES (?, ?, ?, ?)",
            (network, address, container_id, mac),
        )
    return attachment(config, container_id, address, mac)


def attachment(config: Definition, container_id: str, address: str, mac: str) -> Attachment:
    """Return a container's place on a network, in run.json's form."""
    digest = hashlib.sha256(f"{container_id}/{config['id']}".encode()).hexdigest()
    return {
        "network": config["name"],
        "bridge": config["bridge"],
        "ifname": "pyv-" + digest[:11],
        "address": f"{address}/{config['subnet'].partition('/')[2]}",
        "gateway": None if config["internal"] else config["gateway"],
        "mac": mac,
        "mtu": config["mtu"],
    }


def check_address(
    engine: Engine,
    network: str,
    container_id: str,
    wanted_ip: str | None = None,
    mac: str | None = None,
) -> None:
    """Refuse what :func:`allocate` would refuse, without a change.

    :param container_id: whose address may be taken over, or "".
    :raises NotFound, InvalidInput, Conflict: as it does.
    """
    config, wanted_ip, mac = require(engine, network), wanted_ip or None, mac or None
    check_wanted(config, wanted_ip, mac)
    taken = {row["address"]: row for row in users(engine, config["name"])}
    if not any(row["id"] == container_id for row in taken.values()) or wanted_ip:
        _choose(config, taken, container_id, wanted_ip, None)
    if mac:
        _check_mac(config, taken, container_id, mac, None)


def check_wanted(config: Definition, wanted_ip: str | None, mac: str | None) -> None:
    """:raises InvalidInput: the network can't give the address or MAC, whoever has them."""
    if wanted_ip is not None:
        try:
            address = ipaddress.IPv4Address(wanted_ip)
        except ValueError:
            raise InvalidInput(
                "ipv4_address", wanted_ip, f"an IPv4 address in {config['subnet']}"
            ) from None
        check_host("ipv4_address", address, ipaddress.ip_network(config["subnet"]))
        if wanted_ip in [config["gateway"]] + list(config["aux_addresses"].values()):
            raise InvalidInput(
                "ipv4_address",
                wanted_ip,
                f"an address that is neither the gateway of network {config['name']} nor in its "
                "aux_addresses",
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
    taken: Mapping[str, User],
    container_id: str,
    wanted: str | None,
    replaces: str | None,
) -> str:
    """Return the address that the container gets: the wanted one, or the first free one."""
    if wanted is not None:
        owner = taken.get(wanted)
        if owner is not None and owner["id"] not in (container_id, replaces):
            raise Conflict(
                f"ipv4_address: {wanted} on network {config['name']} is container {owner['name']}'s"
            )
        return wanted
    reserved = {config["gateway"]} | set(config["aux_addresses"].values()) | set(taken)
    subnet = ipaddress.ip_network(config["subnet"])
    for address in ipaddress.ip_network(config["ip_range"] or config["subnet"]):
        text = str(address)
        if text not in reserved and address not in (
            subnet.network_address,
            subnet.broadcast_address,
        ):
            return text
    raise Conflict(
        f"network {config['name']} has no free address left in "
        f"{config['ip_range'] or config['subnet']}"
    )


def _check_mac(
    config: Definition, taken: Mapping[str, User], container_id: str, mac: str, replaces: str | None
) -> None:
    for row in taken.values():
        if row["mac"].lower() == mac.lower() and row["id"] not in (container_id, replaces):
            raise Conflict(
                f"mac_address: {mac} on network {config['name']} is container {row['name']}'s"
            )


def mac_for(address: str) -> str:
    """Return the MAC address that goes with an IPv4 address."""
    return DEFAULT_MAC % tuple(ipaddress.IPv4Address(address).packed)


def release(engine: Engine, container_id: str, network: str | None = None) -> None:
    """Give back a container's address on one network, or all of them; none is no error."""
    if network is None:
        engine.db.run("DELETE FROM addresses WHERE container = ?", container_id)
    else:
        engine.db.run(
            "DELETE FROM addresses WHERE container = ? AND network = ?", container_id, network
        )
