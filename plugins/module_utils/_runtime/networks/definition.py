# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A network's definition: from a task's options to the configuration that the database keeps.

Configuration (column ``networks.config``)::

    {"name", "id": 64 hexadecimal digits, "driver": "bridge", "bridge": the link's name, "subnet": "172.20.0.0/16",
     "gateway": "172.20.0.1", "ip_range": "172.20.5.0/24" or None, "aux_addresses": {name: address}, "internal": bool,
     "masquerade": bool, "mtu": bytes, "labels": {}, "driver_options": {as asked for}, "automatic": whether we chose the subnet}
"""

from __future__ import annotations

import ipaddress
import re

from ..errors import InvalidInput, Unsupported

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


def check_name(name):
    """:raises InvalidInput: unless ``name`` can be a network's."""
    if not isinstance(name, str) or not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,127}", name):
        raise InvalidInput(
            "name", name, "a letter or digit, then letters, digits, '_', '.' and '-', 128 at most"
        )
    if name in RESERVED:
        raise InvalidInput(
            "name", name, f"any name but {', '.join(RESERVED)}, which are network modes"
        )


def wanted(params):
    """What a task's options say, normalised: only the configuration keys that the task names.

    :param params: the options of the network module. :raises InvalidInput, Unsupported: before anything is changed.
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
    found = {}
    if params.get("internal") is not None:
        found["internal"] = params["internal"]
    if params.get("labels") is not None:
        found["labels"] = _labels(params["labels"])
    if params.get("driver_options") is not None:
        found.update(_driver_options(params["driver_options"]))
    if params.get("ipam_config") is not None:
        found.update(_ipam(params["ipam_config"]))
    return found


def _labels(given):
    """Labels as texts; what YAML made a boolean or null is refused, as in containers and volumes."""
    for key, value in given.items():
        if value is None or isinstance(value, (bool, dict, list)):
            raise InvalidInput(
                f"labels.{key}",
                value,
                "a text or a number (quote the value to have it taken literally)",
            )
    return {str(key): str(value) for key, value in given.items()}


def _driver_options(options):
    options = {key: _option_text(value) for key, value in options.items()}
    unknown = sorted(set(options) - set(DRIVER_OPTIONS))
    if unknown:
        raise InvalidInput("driver_options", unknown[0], ", ".join(DRIVER_OPTIONS))
    found = {"driver_options": options}
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


def _option_text(value):
    """YAML gives true and 1400 where Docker's options are strings."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def _ipam(entries):
    if not entries:
        return {"automatic": True}
    if len(entries) > 1:
        raise InvalidInput(
            "ipam_config", f"{len(entries)} entries", "one entry, for the network's one IPv4 subnet"
        )
    entry = entries[0]
    subnet = _subnet("ipam_config.subnet", entry.get("subnet"))
    found = {"automatic": False, "subnet": str(subnet), "ip_range": None, "aux_addresses": {}}
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


def default_gateway(subnet, reserved=()):
    """The first free address of a subnet. :raises InvalidInput: when ``reserved`` has them all."""
    for address in ipaddress.ip_network(subnet).hosts():
        if str(address) not in reserved:
            return str(address)
    raise InvalidInput(
        "ipam_config.aux_addresses",
        ", ".join(reserved),
        "fewer, so that the gateway gets an address",
    )


def _subnet(option, text):
    subnet = _network(option, text, "an IPv4 subnet such as 172.28.0.0/16")
    if subnet.prefixlen > 30 or any(subnet.overlaps(other) for other in UNUSABLE):
        raise InvalidInput(
            option,
            text,
            "an IPv4 subnet of unicast addresses with room for two hosts, such as 172.28.0.0/16",
        )
    return subnet


def _network(option, text, accepted):
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


def _host(option, text, subnet):
    try:
        address = ipaddress.IPv4Address(text)
    except ValueError:
        raise InvalidInput(option, text, f"an IPv4 address in {subnet}") from None
    check_host(option, address, subnet)
    return address


def check_host(option, address, subnet):
    """:raises InvalidInput: unless a host of ``subnet`` can have ``address`` (objects of ipaddress)."""
    if address not in subnet or address in (subnet.network_address, subnet.broadcast_address):
        raise InvalidInput(option, str(address), f"an address of a host in {subnet}")
