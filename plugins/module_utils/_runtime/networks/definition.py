# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A network's definition: its form in the database, and what a task's options make of it."""

from __future__ import annotations

import ipaddress
import re

from .. import units
from ..errors import InvalidInput
from .drivers import overlay_network as overlay
from .drivers import parents

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence
    from typing import Any, Optional, TypedDict, Union

    from .drivers.overlay_network import Overlay

    class Pool(TypedDict):
        """One subnet of a network."""

        subnet: str  # "172.20.0.0/16", "fd12:3456:789a::/64"
        gateway: str  # "172.20.0.1"
        ip_range: Optional[str]  # where addresses are chosen from; None: the subnet
        aux_addresses: dict[str, str]  # name -> address that no container gets
        automatic: bool  # whether the engine has chosen the subnet

    class Route(TypedDict):
        """A static route of a network's containers."""

        destination: str  # "10.9.0.0/16"
        gateway: str  # an address on the network
        metric: Optional[int]  # None: the kernel's default

    class Wanted(TypedDict, total=False):
        """What a task says of a network: keys of :class:`Definition`, those alone that it names.

        ``pools`` are those of ``ipam_config``: a family that has none there gets one chosen.
        """

        pools: list[Pool]
        ipv4: bool
        ipv6: bool
        internal: bool
        attachable: bool
        masquerade: bool
        mtu: int
        bridge: str
        labels: dict[str, str]
        driver: str
        driver_options: dict[str, str]
        parent: str
        mode: str
        flag: str
        allow_host: bool
        allow_metadata: bool
        allow_spoofing: bool
        disable_dns: bool
        routes: list[Route]
        overlay: dict[str, Any]  # as overlay.wanted returns it, with subnet

    class Added(TypedDict):
        """What a definition of an older version lacks, see :class:`Definition`."""

        parent: str  # name of the link that macvlan and ipvlan send by; "" with a bridge
        mode: str  # of macvlan and ipvlan
        flag: str  # of ipvlan
        allow_host: bool  # whether containers reach the host's own services
        allow_metadata: bool  # whether they reach the metadata services of clouds
        allow_spoofing: bool  # whether they may send under other addresses than their own
        disable_dns: bool  # whether containers do not find each other by name on it
        routes: list[Route]  # that containers on it get, beside the default one
        overlay: Optional[Overlay]  # of driver overlay; its share is the one of ``pools``

    class Definition(Added):
        """A network, as the column ``networks.config`` has it (JSON).

        :func:`whole` makes it of a row that an older version has written.
        """

        name: str
        id: str  # 64 hexadecimal digits
        driver: str  # bridge, macvlan, ipvlan or overlay
        bridge: str  # name of the link; "" with a parent
        pools: list[Pool]  # those of IPv4 first
        ipv4: bool  # whether containers get an IPv4 address
        ipv6: bool
        internal: bool  # nothing enters or leaves it
        attachable: bool  # as asked for; any container can be attached to any network
        masquerade: bool
        mtu: int  # bytes
        labels: dict[str, str]
        driver_options: dict[str, str]  # as asked for

    Subnet = Union[ipaddress.IPv4Network, ipaddress.IPv6Network]
    Address = Union[ipaddress.IPv4Address, ipaddress.IPv6Address]

DEFAULT = "bridge"
DEFAULT_BRIDGE = "pyc0"
RESERVED = ("host", "none", "default", "container")
MTU_OPTION = "com.docker.network.driver.mtu"
BRIDGE_OPTION = "com.docker.network.bridge.name"
MASQUERADE_OPTION = "com.docker.network.bridge.enable_ip_masquerade"
NEIGHBOURS_OPTION = "com.docker.network.bridge.enable_icc"
BINDING_OPTION = "com.docker.network.bridge.host_binding_ipv4"
GATEWAY_OPTIONS = (
    "com.docker.network.bridge.gateway_mode_ipv4",
    "com.docker.network.bridge.gateway_mode_ipv6",
)
# How containers reach others and are reached, by family. NAT: by the host's addresses. UNPROTECTED:
# the same, and other hosts reach all their ports. ROUTED: by their own addresses alone, where ports
# are published. ISOLATED: not at all, and the host has no address on the network.
NAT, UNPROTECTED, ROUTED, ISOLATED = "nat", "nat-unprotected", "routed", "isolated"
GATEWAY_MODES = (NAT, UNPROTECTED, ROUTED, ISOLATED)
DRIVER_OPTIONS = (
    MTU_OPTION,
    BRIDGE_OPTION,
    MASQUERADE_OPTION,
    NEIGHBOURS_OPTION,
    BINDING_OPTION,
    *GATEWAY_OPTIONS,
)
DRIVERS = ("bridge", *parents.DRIVERS, overlay.DRIVER)
# What is new in a definition, and what it is where an older version has written it.
ADDED: Added = {
    "parent": "",
    "mode": "",
    "flag": "",
    "allow_host": True,
    "allow_metadata": True,
    "allow_spoofing": False,
    "disable_dns": False,
    "routes": [],
    "overlay": None,
}
PERMISSIONS = ("allow_host", "allow_metadata", "allow_spoofing")


class Field:
    """A key of a :class:`Definition` that an option of the module sets.

    :param option: its name in a task, in errors and in plans.
    :param shown: its key in ``inspect``, "" where the code there makes one of it.
    :param live: whether a change leaves the links of running containers as they are.
    :param read: ``read(value, option)`` returns its normal form. None for what is read together with
        others (:func:`wanted`).
    """

    __slots__ = ("option", "shown", "live", "read")

    def __init__(
        self,
        option: str,
        shown: str = "",
        *,
        live: bool = False,
        read: Callable[[Any, str], Any] | None = None,
    ) -> None:
        self.option, self.shown, self.live, self.read = option, shown, live, read


def _same(value: Any, _option: str) -> Any:
    return value


def _routes(value: Any, _option: str) -> list[Route]:
    return [_route(entry) for entry in value]


# Read, compared and shown by this table; subnets (``pools``) and ``overlay`` have keys below their own.
FIELDS: dict[str, Field] = {
    "driver": Field("driver", "Driver"),
    "parent": Field("driver_options.parent", "Parent"),
    "mode": Field("mode"),
    "flag": Field("driver_options.ipvlan_flag"),
    "ipv4": Field("enable_ipv4", "EnableIPv4", read=_same),
    "ipv6": Field("enable_ipv6", "EnableIPv6", read=_same),
    "internal": Field("internal", "Internal", read=_same),
    "masquerade": Field(f"driver_options.{MASQUERADE_OPTION}", live=True),
    "mtu": Field(f"driver_options.{MTU_OPTION}", "MTU"),
    "bridge": Field(f"driver_options.{BRIDGE_OPTION}", "Bridge"),
    "driver_options": Field("driver_options", live=True),
    "attachable": Field("attachable", "Attachable", live=True, read=_same),
    "labels": Field("labels", "Labels", live=True, read=units.texts),
    "disable_dns": Field("disable_dns", "DisableDNS", read=_same),
    "routes": Field("route", "Routes", read=_routes),
    "allow_host": Field("allow_host", "AllowHost", live=True, read=_same),
    "allow_metadata": Field("allow_metadata", "AllowMetadata", live=True, read=_same),
    "allow_spoofing": Field("allow_spoofing", "AllowSpoofing", read=_same),
}
UNUSABLE = tuple(
    ipaddress.ip_network(text)
    for text in (
        "0.0.0.0/8",
        "127.0.0.0/8",
        "169.254.0.0/16",
        "224.0.0.0/4",
        "240.0.0.0/4",
        "::/96",  # unspecified, loopback, and the old form of an IPv4 address
        "::ffff:0:0/96",
        "fe80::/10",
        "ff00::/8",
    )
)
LARGEST_PREFIX = {4: 30, 6: 126}  # there must be room for the gateway and one container
EXAMPLE = {4: "172.28.0.0/16", 6: "fd12:3456:789a::/64"}
LEAST_MTU = {4: 68, 6: 1280}  # RFC 791, RFC 8200: every link carries as much


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


def wanted(params: Mapping[str, Any], now: str | None = None) -> Wanted:
    """Return what a task's options say, in the definition's form.

    :param params: the options of the module ``network``.
    :param now: the driver that the network has; None where it is yet to be made.
    :raises InvalidInput, Unsupported: for what can't be.
    """
    check_name(params["name"])
    driver = params.get("driver") or now or "bridge"
    if driver not in DRIVERS:
        raise InvalidInput("driver", driver, f"{', '.join(DRIVERS[:-1])} or {DRIVERS[-1]}")
    found: Wanted = {"driver": driver} if params.get("driver") else {}
    for option in PERMISSIONS:
        if params.get(option) is not None:
            if driver in parents.DRIVERS:
                raise InvalidInput(
                    option,
                    params[option],
                    f"nothing with driver {driver}: what its containers send does not pass by the "
                    "host's rules",
                )
    for key, field in FIELDS.items():
        if field.read is not None and params.get(field.option) is not None:
            value = field.read(params[field.option], field.option)
            found[key] = value  # type: ignore[literal-required]
    if found.get("disable_dns") is False and params["name"] == DEFAULT:
        raise InvalidInput(
            "disable_dns", False, f"true on the network {DEFAULT}, which has no names, as in Docker"
        )
    link = params.get("interface_name")
    if params.get("driver_options") is not None or driver != (now or "bridge"):
        found.update(_driver_options(driver, params.get("driver_options") or {}, link))
    if link is not None:
        found.update(_interface(driver, link, params.get("driver_options") or {}))
    if params.get("ipam_config") is not None:
        found["pools"] = _ipam(params["ipam_config"])
        if any(version(pool["subnet"]) == 6 for pool in found["pools"]):
            found.setdefault("ipv6", True)
    if driver == overlay.DRIVER:
        _overlay(params, found)
    elif params.get("peers") is not None:
        raise InvalidInput("peers", params["peers"], f"nothing with driver {driver}")
    if params.get("key_max_age") is not None:
        overlay.key_max_age(driver, params["key_max_age"])
    for pool in found.get("pools", ()):
        option = f"enable_ipv{version(pool['subnet'])}"
        if params.get(option) is False:
            raise InvalidInput(
                "ipam_config.subnet", pool["subnet"], f"no such one with {option}: false"
            )
    return found


def _overlay(params: Mapping[str, Any], found: Wanted) -> None:
    """Complete what is wanted of an overlay network: what it has of pools is of all hosts' subnet."""
    options = found.get("driver_options")
    if found.get("ipv6") or found.get("ipv4") is False:
        raise InvalidInput("enable_ipv6", True, "false with driver overlay, which is of IPv4")
    if options is None and params.get("peers") is None and "pools" not in found:
        return
    said = overlay.wanted(params["name"], params, options or {})
    if options is None:
        said = {key: value for key, value in said.items() if key not in overlay.SETTLED}
    pools = found.pop("pools", None)
    if pools:
        if len(pools) > 1:
            raise InvalidInput(
                "ipam_config", f"{len(pools)} entries", "one, for the subnet of all hosts together"
            )
        said["subnet"] = pools[0]["subnet"]
    found["overlay"] = said


def whole(config: dict[str, Any]) -> Definition:
    """Return a definition as it was read, in today's form: a network had one subnet, of IPv4, once."""
    if "pools" not in config:
        pool = {key: config.pop(key) for key in _POOL_KEYS}
        config = {**config, "pools": [pool], "ipv4": True, "ipv6": False, "attachable": False}
    found: Any = {**ADDED, "disable_dns": config["name"] == DEFAULT, **config}
    return found


_POOL_KEYS = ("subnet", "gateway", "ip_range", "aux_addresses", "automatic")


def check_families(config: Definition) -> None:
    """:raises InvalidInput: a network has no addresses, or an MTU that IPv6 can't work with."""
    if not versions(config):
        raise InvalidInput(
            "enable_ipv4",
            False,
            "true, or enable_ipv6: true beside it, so that there are addresses",
        )
    if config["ipv6"] and config["mtu"] < LEAST_MTU[6]:
        raise InvalidInput(
            f"driver_options.{MTU_OPTION}",
            config["mtu"],
            f"{LEAST_MTU[6]} to 65535 bytes with IPv6 (RFC 8200)",
        )


def apart(config: Definition) -> bool:
    """Tell whether the containers on a network do not reach each other (``enable_icc`` false)."""
    return config["driver_options"].get(NEIGHBOURS_OPTION, "true").lower() == "false"


def gateway_mode(config: Definition, family: int) -> str:
    """Return how the containers on a network are reached by a family: one of GATEWAY_MODES."""
    return config["driver_options"].get(GATEWAY_OPTIONS[0 if family == 4 else 1], NAT)


def gateway_modes(config: Definition) -> dict[int, str]:
    """Return :func:`gateway_mode` for each family that the containers on a network have."""
    return {family: gateway_mode(config, family) for family in versions(config)}


def gateway_of(config: Definition, pool: Pool) -> str:
    """Return the host's address in a subnet of a network, "" where the family is isolated."""
    isolated = gateway_mode(config, version(pool["subnet"])) == ISOLATED
    return "" if isolated else pool["gateway"]


def check_gateway_modes(config: Definition) -> None:
    """Refuse modes that go with nothing else of a network.

    :raises InvalidInput: isolated on a network that is not internal, routed or nat-unprotected on one
        that is, or for a family that it has not; or an address to publish ports on without any nat.
    """
    modes = gateway_modes(config)
    for family, option in zip((4, 6), GATEWAY_OPTIONS):
        mode = config["driver_options"].get(option)
        if mode is None:
            continue
        if family not in modes:
            raise InvalidInput(
                f"driver_options.{option}", mode, f"nothing without enable_ipv{family}: true"
            )
        if mode == ISOLATED and not config["internal"]:
            raise InvalidInput(
                f"driver_options.{option}",
                mode,
                f"{NAT}, {UNPROTECTED} or {ROUTED}, or internal: true beside it",
            )
        if mode in (UNPROTECTED, ROUTED) and config["internal"]:
            raise InvalidInput(
                f"driver_options.{option}",
                mode,
                f"{NAT} or {ISOLATED} with internal: true, where nothing enters or leaves",
            )
    binding = config["driver_options"].get(BINDING_OPTION)
    if binding is not None and set(modes.values()) == {ROUTED}:
        raise InvalidInput(
            f"driver_options.{BINDING_OPTION}",
            binding,
            f"nothing with the gateway mode {ROUTED}, where no port of the host is published",
        )


def version(subnet: str) -> int:
    """Return 4 or 6, for a subnet or an address."""
    return 6 if ":" in subnet else 4


def scope(config: Definition) -> str:
    """Return how far a network reaches, in Docker's words: this host, or many hosts."""
    return "global" if config["driver"] == overlay.DRIVER else "local"


def versions(config: Definition) -> list[int]:
    """Return the families that containers on a network get addresses of: of 4 and 6."""
    return [number for number, has in ((4, config["ipv4"]), (6, config["ipv6"])) if has]


def pools_of(config: Definition, family: int) -> list[Pool]:
    """Return a network's subnets of IPv4 (4) or IPv6 (6), in the order that they are used in."""
    return [pool for pool in config["pools"] if version(pool["subnet"]) == family]


def pool_with(config: Definition, address: str) -> Pool | None:
    """Return the subnet of a network that an address is in, or None."""
    wanted = ipaddress.ip_address(address)
    for pool in pools_of(config, wanted.version):
        if wanted in ipaddress.ip_network(pool["subnet"]):
            return pool
    return None


def _interface(driver: str, name: str, options: Mapping[str, Any]) -> Wanted:
    """Return what Podman's ``interface_name`` says: the bridge, or the parent link."""
    option = parents.PARENT if driver in parents.DRIVERS else BRIDGE_OPTION
    if options.get(option, name) != name:
        raise InvalidInput(
            "interface_name", name, f"{options[option]}, as driver_options.{option} says, or none"
        )
    if driver in parents.DRIVERS:
        return {"parent": parents.link("interface_name", name)}
    return {"bridge": _bridge("interface_name", name)}


def _route(text: str) -> Route:
    """Return a static route, in Podman's form: ``destination,gateway[,metric]``."""
    parts = [part.strip() for part in str(text).split(",")]
    accepted = "destination,gateway[,metric], such as 10.9.0.0/16,172.28.0.2"
    if not 2 <= len(parts) <= 3:
        raise InvalidInput("route", text, accepted)
    destination = _network("route", parts[0], accepted)
    try:
        gateway = ipaddress.ip_address(parts[1])
    except ValueError:
        raise InvalidInput("route", text, accepted) from None
    if gateway.version != destination.version:
        raise InvalidInput("route", text, "a destination and a gateway of one family")
    if destination.prefixlen == 0:
        raise InvalidInput(
            "route", text, "a subnet; the default route leads to ipam_config.gateway"
        )
    metric = None
    if len(parts) == 3:
        if not re.fullmatch("[0-9]{1,10}", parts[2]) or not 0 < int(parts[2]) < 1 << 32:
            raise InvalidInput("route", text, f"a metric from 1 to {(1 << 32) - 1}")
        metric = int(parts[2])
    return {"destination": str(destination), "gateway": str(gateway), "metric": metric}


def check_routes(config: Definition) -> None:
    """:raises InvalidInput: a route's gateway is not on the network, or a route is there twice."""
    seen = set()
    for route in config["routes"]:
        if pool_with(config, route["gateway"]) is None:
            subnets = " or ".join(pool["subnet"] for pool in config["pools"])
            raise InvalidInput("route", route["gateway"], f"a gateway in {subnets}")
        key = (route["destination"], route["metric"])
        if key in seen:
            raise InvalidInput("route", route["destination"], "each destination once for a metric")
        seen.add(key)


def _driver_options(driver: str, given: Mapping[str, Any], interface: str | None = None) -> Wanted:
    """:param interface: the option ``interface_name``, for a parent that no option names."""
    options = {key: _option_text(value) for key, value in given.items()}
    accepted: tuple[str, ...] = DRIVER_OPTIONS
    if driver == overlay.DRIVER:
        accepted = (*overlay.OPTIONS, MTU_OPTION, BRIDGE_OPTION, MASQUERADE_OPTION, BINDING_OPTION)
    if driver in parents.DRIVERS:
        accepted = (*parents.options(driver), MTU_OPTION)
    unknown = sorted(set(options) - set(accepted))
    if unknown:
        raise InvalidInput("driver_options", unknown[0], ", ".join(accepted))
    found: Wanted = {"driver_options": options}
    if driver in parents.DRIVERS:
        named = {parents.PARENT: interface, **options} if interface else options
        found.update(parents.wanted(driver, named))  # type: ignore[typeddict-item]
    if MTU_OPTION in options:
        text = options[MTU_OPTION]
        if not re.fullmatch("[0-9]{1,5}", text) or not LEAST_MTU[4] <= int(text) <= 65535:
            raise InvalidInput(f"driver_options.{MTU_OPTION}", text, "68 to 65535 bytes")
        found["mtu"] = int(text)
    if BRIDGE_OPTION in options:
        found["bridge"] = _bridge(f"driver_options.{BRIDGE_OPTION}", options[BRIDGE_OPTION])
    for option in (MASQUERADE_OPTION, NEIGHBOURS_OPTION):
        if options.get(option, "true").lower() not in ("true", "false"):
            raise InvalidInput(f"driver_options.{option}", options[option], "true or false")
    found["masquerade"] = options.get(MASQUERADE_OPTION, "true").lower() == "true"
    for option in GATEWAY_OPTIONS:
        if options.get(option, NAT) not in GATEWAY_MODES:
            raise InvalidInput(
                f"driver_options.{option}", options[option], ", ".join(GATEWAY_MODES)
            )
    if BINDING_OPTION in options:
        options[BINDING_OPTION] = _binding(options[BINDING_OPTION])
    return found


def _bridge(option: str, name: str) -> str:
    """Return the name that a bridge is to have."""
    if not re.fullmatch(r"[A-Za-z0-9_.-]{1,15}", name) or name in (
        ".",
        "..",
        "lo",
        "all",
        "default",
    ):
        raise InvalidInput(option, name, "a link's name: 1 to 15 letters, digits, '_', '.' and '-'")
    return name


def _binding(text: str) -> str:
    """Return the address that ports without one are published on."""
    try:
        return str(ipaddress.ip_address(text))
    except ValueError:
        raise InvalidInput(
            f"driver_options.{BINDING_OPTION}", text, "an IPv4 or IPv6 address of this host"
        ) from None


def _option_text(value: object) -> str:
    """Return an option as a text: YAML gives true and 1400 where Docker's are strings."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def _ipam(entries: Sequence[Mapping[str, Any]]) -> list[Pool]:
    """Return the subnets of ``ipam_config``, those of IPv4 first."""
    found = [_pool(entry) for entry in entries]
    subnets: list[Subnet] = []
    for pool in found:
        subnet = ipaddress.ip_network(pool["subnet"])
        for other in subnets:
            if subnet.version == other.version and subnet.overlaps(other):
                raise InvalidInput(
                    "ipam_config.subnet", pool["subnet"], f"subnets apart from {other}"
                )
        subnets.append(subnet)
    return sorted(found, key=lambda pool: version(pool["subnet"]))


def _pool(entry: Mapping[str, Any]) -> Pool:
    subnet = _subnet("ipam_config.subnet", entry.get("subnet"))
    found: Pool = {
        "subnet": str(subnet),
        "gateway": "",
        "ip_range": None,
        "aux_addresses": {},
        "automatic": False,
    }
    if entry.get("iprange"):
        ip_range = _network(
            "ipam_config.iprange",
            entry["iprange"],
            f"a range inside of {subnet} such as {next(subnet.subnets(1))}",
        )
        if ip_range.version != subnet.version or not ip_range.subnet_of(subnet):  # type: ignore[arg-type]
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
    for address in ipaddress.ip_network(subnet).hosts():  # of IPv6 without the routers' anycast
        if str(address) not in reserved:
            return str(address)
    raise InvalidInput(
        "ipam_config.aux_addresses",
        ", ".join(reserved),
        "fewer, so that the gateway gets an address",
    )


def _subnet(option: str, text: Any) -> Subnet:
    subnet = _network(option, text, f"a subnet such as {EXAMPLE[4]} or {EXAMPLE[6]}")
    family = subnet.version
    if subnet.prefixlen > LARGEST_PREFIX[family] or any(
        subnet.overlaps(other) for other in UNUSABLE if other.version == family
    ):
        raise InvalidInput(
            option,
            text,
            f"an IPv{family} subnet of unicast addresses with room for two hosts, such as "
            f"{EXAMPLE[family]}",
        )
    return subnet


def _network(option: str, text: Any, accepted: str) -> Subnet:
    if not isinstance(text, str):
        raise InvalidInput(option, text, accepted)
    try:
        return ipaddress.ip_network(text)
    except ValueError:
        pass
    try:
        proper = ipaddress.ip_network(text, strict=False)
    except ValueError:
        raise InvalidInput(option, text, accepted) from None
    raise InvalidInput(
        option, text, f"{proper} (the address may have no bits set outside of its prefix)"
    )


def _host(option: str, text: Any, subnet: Subnet) -> Address:
    try:
        address = ipaddress.ip_address(text if isinstance(text, str) else "")
    except ValueError:
        raise InvalidInput(option, text, f"an IPv{subnet.version} address in {subnet}") from None
    check_host(option, address, subnet)
    return address


def check_host(option: str, address: Address, subnet: Subnet) -> None:
    """:raises InvalidInput: no host of ``subnet`` can have ``address``."""
    if address not in subnet or not is_host(address, subnet):
        raise InvalidInput(option, str(address), f"an address of a host in {subnet}")


def is_host(address: Address, subnet: Subnet) -> bool:
    """Tell whether an address of a subnet is neither the subnet's own nor the broadcast's.

    IPv6 has no broadcast; a subnet's own address is every router's (RFC 4291, 2.6.1).
    """
    if address == subnet.network_address:
        return False
    return address.version == 6 or address != subnet.broadcast_address
