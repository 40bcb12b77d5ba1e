# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A network's definition: its form in the database, and what a task's options make of it."""

from __future__ import annotations

import ipaddress
import re

from .. import units
from ..errors import InvalidInput, Unsupported

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence
    from typing import Any, Optional, TypedDict, Union

    class Wanted(TypedDict, total=False):
        """What a task says of a network: keys of :class:`Definition`, those alone that it names."""

        subnet: str
        gateway: str
        ip_range: Optional[str]
        aux_addresses: dict[str, str]
        internal: bool
        masquerade: bool
        mtu: int
        bridge: str
        labels: dict[str, str]
        driver_options: dict[str, str]
        automatic: bool

    class Definition(TypedDict):
        """A network, as the column ``networks.config`` has it (JSON)."""

        name: str
        id: str  # 64 hexadecimal digits
        driver: str  # "bridge"
        bridge: str  # name of the link
        subnet: str  # "172.20.0.0/16"
        gateway: str  # "172.20.0.1"
        ip_range: Optional[
            str
        ]  # "172.20.5.0/24": where addresses are chosen from; None: the subnet
        aux_addresses: dict[str, str]  # name -> address that no container gets
        internal: bool  # nothing enters or leaves it
        masquerade: bool
        mtu: int  # bytes
        labels: dict[str, str]
        driver_options: dict[str, str]  # as asked for
        automatic: bool  # whether the engine has chosen the subnet

    Subnet = Union[ipaddress.IPv4Network, ipaddress.IPv6Network]
    Address = Union[ipaddress.IPv4Address, ipaddress.IPv6Address]

DEFAULT = "bridge"
DEFAULT_BRIDGE = "pyc0"
RESERVED = ("host", "none", "default", "container")
MTU_OPTION = "com.docker.network.driver.mtu"
BRIDGE_OPTION = "com.docker.network.bridge.name"
MASQUERADE_OPTION = "com.docker.network.bridge.enable_ip_masquerade"
DRIVER_OPTIONS = (MTU_OPTION, BRIDGE_OPTION, MASQUERADE_OPTION)
UNUSABLE = tuple(
    ipaddress.ip_network(text)
    for text in ("0.0.0.0/8", "127.0.0.0/8", "169.254.0.0/16", "224.0.0.0/4", "240.0.0.0/4")
)


def check_name(name: object) -> None:
    """:raises InvalidInput: ``name`` can't be a network's."""
    if not isinstance(name, str) or not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,127}", name):
        raise InvalidInput(
            "name", name, "a letter or digit, then letters, digits, '_', '.' and '-', 128 at most"
        )
    if name in RESERVED:
        raise InvalidInput(
            "name", name, f"any name but {', '.join(RESERVED)}, which are network modes"
        )


def wanted(params: Mapping[str, Any]) -> Wanted:
    """Return what a task's options say, in the definition's form.

    :param params: the options of the module ``network``.
    :raises InvalidInput, Unsupported: for what can't be.
    """
    check_name(params["name"])
    if params.get("driver") not in (None, "bridge"):
        raise InvalidInput("driver", params["driver"], "bridge")
    if params.get("enable_ipv6"):
        raise Unsupported(
            "enable_ipv6: networks are IPv4 only in this version of pycontainer.engine; leave it "
            "out or set it to false"
        )
    if params.get("enable_ipv4") is False:
        raise Unsupported(
            "enable_ipv4: networks are IPv4 only in this version of pycontainer.engine; a network "
            "without IPv4 can't be made"
        )
    found: Wanted = {}
    if params.get("internal") is not None:
        found["internal"] = params["internal"]
    if params.get("labels") is not None:
        found["labels"] = units.texts(params["labels"], "labels")
    if params.get("driver_options") is not None:
        found.update(_driver_options(params["driver_options"]))
    if params.get("ipam_config") is not None:
        found.update(_ipam(params["ipam_config"]))
    return found


def _driver_options(given: Mapping[str, Any]) -> Wanted:
    options = {key: _option_text(value) for key, value in given.items()}
    unknown = sorted(set(options) - set(DRIVER_OPTIONS))
    if unknown:
        raise InvalidInput("driver_options", unknown[0], ", ".join(DRIVER_OPTIONS))
    found: Wanted = {"driver_options": options}
    if MTU_OPTION in options:
        text = options[MTU_OPTION]
        if (
            not re.fullmatch("[0-9]{1,5}", text) or not 68 <= int(text) <= 65535
        ):  # RFC 791: every link carries 68 bytes
            raise InvalidInput(f"driver_options.{MTU_OPTION}", text, "68 to 65535 bytes")
        found["mtu"] = int(text)
    if BRIDGE_OPTION in options:
        name = options[BRIDGE_OPTION]
        if not re.fullmatch(r"[A-Za-z0-9_.-]{1,15}", name) or name in (
            ".",
            "..",
            "lo",
            "all",
            "default",
        ):
            raise InvalidInput(
                f"driver_options.{BRIDGE_OPTION}",
                name,
                "a link's name: 1 to 15 letters, digits, '_', '.' and '-'",
            )
        found["bridge"] = name
    text = options.get(MASQUERADE_OPTION, "true").lower()
    if text not in ("true", "false"):
        raise InvalidInput(f"driver_options.{MASQUERADE_OPTION}", text, "true or false")
    found["masquerade"] = text == "true"
    return found


def _option_text(value: object) -> str:
    """Return an option as a text: YAML gives true and 1400 where Docker's are strings."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def _ipam(entries: Sequence[Mapping[str, Any]]) -> Wanted:
    if not entries:
        return {"automatic": True}
    if len(entries) > 1:
        raise InvalidInput(
            "ipam_config", f"{len(entries)} entries", "one entry, for the network's one IPv4 subnet"
        )
    entry = entries[0]
    subnet = _subnet("ipam_config.subnet", entry.get("subnet"))
    found: Wanted = {
        "automatic": False,
        "subnet": str(subnet),
        "ip_range": None,
        "aux_addresses": {},
    }
    if entry.get("iprange"):
        ip_range = _network(
            "ipam_config.iprange",
            entry["iprange"],
            f"a range inside of {subnet} such as {next(subnet.subnets(1))}",
        )
        if not ip_range.subnet_of(subnet):
            raise InvalidInput(
                "ipam_config.iprange", entry["iprange"], f"a range inside of {subnet}"
            )
        found["ip_range"] = str(ip_range)
    for name, text in (entry.get("aux_addresses") or {}).items():
        found["aux_addresses"][name] = str(_host(f"ipam_config.aux_addresses.{name}", text, subnet))
    if entry.get("gateway"):
        found["gateway"] = str(_host("ipam_config.gateway", entry["gateway"], subnet))
        if found["gateway"] in found["aux_addresses"].values():
            raise InvalidInput(
                "ipam_config.gateway",
                entry["gateway"],
                "an address that aux_addresses does not reserve",
            )
    else:
        found["gateway"] = default_gateway(subnet, found["aux_addresses"].values())
    return found


def default_gateway(subnet: str | Subnet, reserved: Collection[str] = ()) -> str:
    """Return the first free address of a subnet. :raises InvalidInput: ``reserved`` has all."""
    for address in ipaddress.ip_network(subnet).hosts():
        if str(address) not in reserved:
            return str(address)
    raise InvalidInput(
        "ipam_config.aux_addresses",
        ", ".join(reserved),
        "fewer, so that the gateway gets an address",
    )


def _subnet(option: str, text: Any) -> ipaddress.IPv4Network:
    subnet = _network(option, text, "an IPv4 subnet such as 172.28.0.0/16")
    if subnet.prefixlen > 30 or any(subnet.overlaps(other) for other in UNUSABLE):
        raise InvalidInput(
            option,
            text,
            "an IPv4 subnet of unicast addresses with room for two hosts, such as 172.28.0.0/16",
        )
    return subnet


def _network(option: str, text: Any, accepted: str) -> ipaddress.IPv4Network:
    try:
        return ipaddress.IPv4Network(text)
    except ValueError:
        pass
    try:
        proper = ipaddress.IPv4Network(text, strict=False)
    except ValueError:
        raise InvalidInput(option, text, accepted) from None
    raise InvalidInput(
        option, text, f"{proper} (the address may have no bits set outside of its prefix)"
    )


def _host(option: str, text: Any, subnet: Subnet) -> ipaddress.IPv4Address:
    try:
        address = ipaddress.IPv4Address(text)
    except ValueError:
        raise InvalidInput(option, text, f"an IPv4 address in {subnet}") from None
    check_host(option, address, subnet)
    return address


def check_host(option: str, address: Address, subnet: Subnet) -> None:
    """:raises InvalidInput: no host of ``subnet`` can have ``address``."""
    if address not in subnet or address in (subnet.network_address, subnet.broadcast_address):
        raise InvalidInput(option, str(address), f"an address of a host in {subnet}")
