# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Options about the network: modes, networks, addresses, names. ``publishing`` has the ports."""

from __future__ import annotations

import ipaddress
import re

from ...errors import InvalidInput
from ...options.forms import line, list_of, map_of, set_of
from ...options.rows import LIST, LIVE, MAP, RESTART, SET, Computed, Flag, Option, Shown, Suboption

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, TypedDict, Union

    from ...options.rows import Definition

    class _Attachment(TypedDict):
        name: str
        ipv4_address: str
        mac_address: str

    class Attachment(_Attachment, total=False):
        """A network that a container is to be on; an empty text is for any address.

        ``aliases``: more names there, sorted; left out where there are none.
        """

        ipv6_address: str  # where one is asked for
        aliases: list[str]
        links: dict[str, str]  # names that it alone knows there: alias -> container
        gw_priority: int  # where one other than 0 is asked for
        bandwidth: dict[str, Union[int, None]]  # in, out: bits a second; where one is asked for
        driver_opts: dict[str, str]  # IFNAME, SYSCTLS; where one is asked for


NAME = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9_.-]{0,127}")
DEFAULT_NETWORK = "bridge"
LIVE_ON_NETWORKS = (
    "live on networks"  # a change costs nothing while its network namespace stays its own
)
NETWORK_KEYS = (
    "name",
    "ipv4_address",
    "ipv6_address",
    "mac_address",
    "aliases",
    "links",
    "gw_priority",
    "bandwidth",
    "driver_opts",
)
IFNAME = "com.docker.network.endpoint.ifname"
SYSCTLS = "com.docker.network.endpoint.sysctls"
_LINK = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,14}")
_SYSCTL = re.compile(
    r"net\.(ipv[46])\.(conf|neigh)\.IFNAME\.([a-z0-9_]{1,64})=([A-Za-z0-9_.:-]{1,64})"
)
LARGEST_PRIORITY = (1 << 31) - 1
_ALIAS = re.compile(r"(?=.{1,253}$)[a-z0-9_][a-z0-9_-]{0,62}(\.[a-z0-9_][a-z0-9_-]{0,62})*")
RATES = {"": 1, "k": 1000, "m": 1000**2, "g": 1000**3}
LEAST_RATE, LARGEST_RATE = 8000, 10**12  # bits a second
_DOMAIN = re.compile(r"\.|[A-Za-z0-9_]([A-Za-z0-9_-]{0,62})(\.[A-Za-z0-9_][A-Za-z0-9_-]{0,62})*\.?")


def address(value: Any, name: str) -> str:
    """An IPv4 address."""
    try:
        return str(ipaddress.IPv4Address(line(value, name).strip()))
    except ValueError:
        raise InvalidInput(name, value, "an IPv4 address") from None


def address6(value: Any, name: str) -> str:
    """An IPv6 address."""
    try:
        found = ipaddress.IPv6Address(line(value, name).strip())
    except ValueError:
        raise InvalidInput(name, value, "an IPv6 address") from None
    if getattr(found, "scope_id", None):
        raise InvalidInput(name, value, "an IPv6 address without a link's name behind it")
    return str(found)


def any_address(value: Any, name: str) -> str:
    """An IPv4 or IPv6 address."""
    try:
        return str(ipaddress.ip_address(line(value, name).strip()))
    except ValueError:
        raise InvalidInput(name, value, "an IP address") from None


def known_address(value: Any, name: str) -> str:
    """An address for /etc/hosts.

    ``host-gateway`` stands for the host as the container's first network reaches it.
    """
    return value if value == "host-gateway" else any_address(value, name)


def mac(value: Any, name: str) -> str:
    """A MAC address in lower case, with colons."""
    value = line(value, name).strip().lower().replace("-", ":")
    if not re.fullmatch(r"[0-9a-f]{2}(:[0-9a-f]{2}){5}", value) or int(value[:2], 16) & 1:
        raise InvalidInput(name, value, "a unicast MAC address, such as 02:42:ac:11:00:02")
    return value


def network(value: Any, name: str) -> Attachment:
    """An entry of ``networks``, a map or a network's name alone."""
    if isinstance(value, str):
        value = {"name": value}
    if not isinstance(value, dict):
        raise InvalidInput(name, value, "a list of maps with name")
    unknown = {key for key, item in value.items() if item is not None} - set(NETWORK_KEYS)
    if unknown:
        raise InvalidInput(name, sorted(unknown)[0], ", ".join(NETWORK_KEYS))
    label = line(value.get("name") or "", name + ".name")
    if not NAME.fullmatch(label) or label in ("none", "host", "default"):
        raise InvalidInput(name + ".name", label, "a network's name")
    wanted_address, wanted_mac = value.get("ipv4_address"), value.get("mac_address")
    found: Attachment = {
        "name": label,
        "ipv4_address": address(wanted_address, name + ".ipv4_address") if wanted_address else "",
        "mac_address": mac(wanted_mac, name + ".mac_address") if wanted_mac else "",
    }
    if value.get("ipv6_address"):  # without one the form is that of records of older versions
        found["ipv6_address"] = address6(value["ipv6_address"], name + ".ipv6_address")
    if value.get("aliases"):
        found["aliases"] = set_of(alias)(value["aliases"], name + ".aliases")
    if value.get("links"):
        given = value["links"]
        if isinstance(given, dict):  # what `network connect` finds in the container's record
            given = [f"{other}:{own}" for own, other in given.items()]
        found["links"] = links(given, name + ".links")
    if value.get("gw_priority"):
        found["gw_priority"] = priority(value["gw_priority"], name + ".gw_priority")
    if value.get("bandwidth") is not None:
        limits = bandwidth(value["bandwidth"], name + ".bandwidth")
        if limits:
            found["bandwidth"] = limits
    if value.get("driver_opts"):
        found["driver_opts"] = driver_opts(value["driver_opts"], name + ".driver_opts")
    return found


def driver_opts(value: Any, name: str) -> dict[str, str]:
    """What the container's link to a network is called and has for sysctls, under Docker's names."""
    if not isinstance(value, dict):
        raise InvalidInput(name, value, f"a map with {IFNAME} or {SYSCTLS}")
    found: dict[str, str] = {}
    for key, given in sorted(value.items()):
        if key not in (IFNAME, SYSCTLS):
            raise InvalidInput(name, key, f"{IFNAME} and {SYSCTLS}")
        if given is None:
            continue
        text = found[key] = line(str(given), f"{name}.{key}").strip()
        if key == IFNAME and (not _LINK.fullmatch(text) or text in ("lo", "all", "default")):
            raise InvalidInput(
                f"{name}.{key}", text, "a link's name of 1 to 15 letters, digits, '_', '.', '-'"
            )
        if key == SYSCTLS:
            _endpoint_sysctls(text, f"{name}.{key}")
    return found


def _endpoint_sysctls(text: str, name: str) -> dict[str, str]:
    """Return ``net.ipv4.conf.IFNAME.log_martians=1,...`` by the file below /proc/sys of each."""
    found = {}
    for item in text.split(","):
        match = _SYSCTL.fullmatch(item.strip())
        if not match or match.group(3) == "disable_ipv6":  # the engine's, by the network's families
            raise InvalidInput(
                name,
                item,
                "net.ipv4.conf.IFNAME.<name>=<value>, or ipv6 or neigh in their places, with commas "
                "between them; disable_ipv6 is a sysctl of the container",
            )
        family, kind, key, value = match.groups()
        found[f"net/{family}/{kind}/IFNAME/{key}"] = value
    return found


def of_link(entry: Attachment) -> dict[str, Any]:
    """Return what an entry of ``networks`` says of the container's link, as its attachment has it."""
    given = entry.get("driver_opts") or {}
    found: dict[str, Any] = {}
    if entry.get("bandwidth"):
        found["bandwidth"] = entry["bandwidth"]
    if IFNAME in given:
        found["inside"] = given[IFNAME]
    if SYSCTLS in given:
        found["sysctls"] = _endpoint_sysctls(given[SYSCTLS], "networks.driver_opts")
    return found


def priority(value: Any, name: str) -> int:
    """``gw_priority``: a whole number of 32 bits."""
    text = str(value).strip()
    if not re.fullmatch(r"-?[0-9]{1,10}", text) or abs(int(text)) > LARGEST_PRIORITY:
        raise InvalidInput(
            name, value, f"a whole number from -{LARGEST_PRIORITY} to {LARGEST_PRIORITY}"
        )
    return int(text)


def alias(value: Any, name: str) -> str:
    """A name that others find a container by."""
    value = line(value, name).strip().lower()
    if not _ALIAS.fullmatch(value):
        raise InvalidInput(
            name, value, "a name of letters, digits, '_', '-' and '.', at most 63 between two dots"
        )
    return value


def links(value: Any, name: str) -> dict[str, str]:
    """``links``: ``container[:alias]`` each, as ``{alias: container}``."""
    if not isinstance(value, (list, tuple)):
        raise InvalidInput(name, value, "a list")
    found: dict[str, str] = {}
    for entry in value:
        other, _colon, own = line(entry, name).strip().partition(":")
        if not NAME.fullmatch(other.lstrip("/")):
            raise InvalidInput(name, entry, "a container's name, or name:alias")
        other = other.lstrip("/")
        own = alias(own or other, name)
        if found.get(own, other) != other:
            raise InvalidInput(name, entry, f"another alias than {own}, which {found[own]} has")
        found[own] = other
    return found


def bandwidth(value: Any, name: str) -> dict[str, int | None]:
    """Limits of a link, in bits a second; {} for none."""
    if not isinstance(value, dict) or set(value) - {"in", "out"}:
        raise InvalidInput(name, value, "a map with in and out, such as {in: 100mbit, out: 20mbit}")
    found = {way: rate(value.get(way), f"{name}.{way}") for way in ("in", "out")}
    return found if any(found.values()) else {}


def rate(value: Any, name: str) -> int | None:
    """A rate in bits a second, ``20mbit``; None and 0 for no limit."""
    if value is None or value == 0 or str(value) == "0":
        return None
    match = re.fullmatch(r"([0-9]{1,12})([kmg]?)(?:bit)?", str(value).strip().lower())
    number = int(match.group(1)) * RATES[match.group(2)] if match else 0
    if isinstance(value, bool) or not LEAST_RATE <= number <= LARGEST_RATE:
        raise InvalidInput(
            name, value, "bits a second from 8kbit to 1000gbit, such as 500kbit, 20mbit or 1gbit"
        )
    return number


def network_mode(value: Any, name: str) -> str:
    """``default`` is another name of ``bridge``, so that the two are never a difference."""
    value = line(value, name).strip()
    if value == "default":
        return DEFAULT_NETWORK
    kind, colon, other = value.partition(":")
    if (colon and (kind != "container" or not NAME.fullmatch(other))) or not NAME.fullmatch(kind):
        raise InvalidInput(
            name, value, "bridge, none, host, container:<name or id>, or a network's name"
        )
    return value


def host_name(value: Any, name: str) -> str:
    value = line(value, name).strip()
    if not re.fullmatch(r"[A-Za-z0-9_]([A-Za-z0-9_.-]{0,252})", value):
        raise InvalidInput(name, value, "a host name")
    return value


def domain(value: Any, name: str) -> str:
    """A domain that names are looked up in; ``.`` is for none."""
    value = line(value, name).strip()
    if not _DOMAIN.fullmatch(value):
        raise InvalidInput(name, value, "a domain's name, or '.'")
    return value


def resolver_option(value: Any, name: str) -> str:
    value = line(value, name).strip()
    if not re.fullmatch(r"[a-z0-9-]+(:[0-9]+)?", value):
        raise InvalidInput(name, value, "an option of resolv.conf(5), such as ndots:2")
    return value


def attachments(definition: Definition) -> list[Attachment]:
    """The networks that a container is on, in order; [] for modes without any.

    ``network_mode`` bridge stands back where ``networks`` names others, as docker_container does
    it.
    """
    mode, named = definition.get("network_mode"), list(definition.get("networks") or ())
    if mode in ("none", "host") or (mode or "").startswith("container:"):
        return []
    names = [entry["name"] for entry in named]
    if mode is not None and mode not in names and (mode != DEFAULT_NETWORK or not named):
        named.insert(0, network(mode, "network_mode"))
    named = named or [network(DEFAULT_NETWORK, "network_mode")]
    if definition.get("mac_address") and not named[0]["mac_address"]:
        named[0] = dict(named[0], mac_address=definition["mac_address"])
    return named


def has_own_namespace(definition: Definition) -> bool:
    """Tell whether a container has a network namespace of its own: networks come and go there."""
    return mode_of(definition) in ("bridge", "none")


def has_ipv6(definition: Definition) -> bool:
    """Tell whether a container's sysctls leave it IPv6."""
    return definition.get("sysctls", {}).get("net.ipv6.conf.all.disable_ipv6", "0") == "0"


def mode_of(definition: Definition) -> str:
    """``bridge`` (on networks), ``none``, ``host`` or ``container:<name>``."""
    mode = definition.get("network_mode") or DEFAULT_NETWORK
    return mode if mode in ("none", "host") or mode.startswith("container:") else "bridge"


def _written(option: str, value: Any) -> Any:
    """An option's value for a sentence."""
    if option == "networks":
        return ", ".join(entry["name"] for entry in value)
    return value


def check(definition: Definition) -> None:
    """Refuse options that contradict each other. :raises InvalidInput:"""
    mode = mode_of(definition)
    if mode != "bridge":
        _check_without_networks(definition, mode)
    for entry in definition.get("networks", ()):
        for option in ("aliases", "links"):
            if entry["name"] == DEFAULT_NETWORK and entry.get(option):
                raise InvalidInput(
                    f"networks.{option}",
                    ", ".join(entry[option]),
                    f"nothing on the network {DEFAULT_NETWORK}, which has no names, as in Docker; "
                    + (
                        "use the option links" if option == "links" else "make a network of its own"
                    ),
                )
    names = [entry["name"] for entry in definition.get("networks", ())]
    if len(names) != len(set(names)):
        raise InvalidInput("networks", names, "each network once")
    given = [entry.get("driver_opts", {}).get(IFNAME) for entry in definition.get("networks", ())]
    called = [name for name in given if name]
    if len(called) != len(set(called)):
        raise InvalidInput(f"networks.driver_opts.{IFNAME}", called, "another name for each link")


def _check_without_networks(definition: Definition, mode: str) -> None:
    for option in ("networks", "mac_address", "links"):
        if definition.get(option):
            raise InvalidInput(
                option,
                _written(option, definition[option]),
                f"nothing, with network_mode {definition['network_mode']}",
            )
    for option in ("etc_hosts", "dns_servers", "dns_opts", "dns_search_domains"):
        if mode.startswith("container:") and definition.get(option):
            raise InvalidInput(
                option,
                definition[option],
                f"nothing: with network_mode {mode} the other container's files are used",
            )
    if "host-gateway" in definition.get("etc_hosts", {}).values():
        raise InvalidInput(
            "etc_hosts", "host-gateway", f"an address: with network_mode {mode} there is no gateway"
        )


def _host_lines(names: dict[str, str]) -> list[str]:
    return [f"{name}:{address}" for name, address in names.items()]


OPTIONS: tuple[Option, ...] = (
    Option(
        "networks",
        "list",
        list_of(network),
        elements="dict",
        compare=LIST,
        key=lambda entry: entry["name"],
        change=LIVE,
        place="run.json network.attachments",
        inspect=Computed("NetworkSettings.Networks"),
        flag=Flag(
            "--network, --net",
            "Network (NAME, or name=NAME with ip, ip6, mac-address, alias, link, driver-opt and "
            "others), or none, host, container:NAME",
            reads="apart",
        ),
        suboptions=(
            Suboption(
                "name",
                "str",
                required=True,
                place="run.json network.attachments",
                inspect="NetworkSettings.Networks",
                flag="--network name",
                description="The network's name.",
            ),
            Suboption(
                "ipv4_address",
                "str",
                place="run.json network.attachments",
                inspect="NetworkSettings.Networks",
                flag=Flag("--ip", "Address on the network", reads="apart"),
                description="The address on it. The default is a free one.",
            ),
            Suboption(
                "ipv6_address",
                "str",
                place="run.json network.attachments",
                inspect="NetworkSettings.Networks",
                flag=Flag("--ip6", "IPv6 address on the network", reads="apart"),
                description="The IPv6 address on it. The default is a free one.",
            ),
            Suboption(
                "mac_address",
                "str",
                place="run.json network.attachments",
                inspect="NetworkSettings.Networks",
                flag="--network mac-address",
                description="The MAC address on it. The default is made from the address.",
            ),
            Suboption(
                "aliases",
                "list",
                elements="str",
                place="run.json network.names",
                inspect="NetworkSettings.Networks",
                flag=Flag(
                    "--network-alias, --net-alias", "Another name on the network", reads="apart"
                ),
                description="""
                More names by which others on the network find it. Several containers may have one,
                and are answered in turn.
                """,
            ),
            Suboption(
                "links",
                "list",
                elements="str",
                place="run.json network.network_links",
                inspect="NetworkSettings.Networks",
                flag="--network link",
                description="""
                Other containers on it by names that this one alone knows, each V(container) or
                V(container:alias). The other container need not exist yet.
                """,
            ),
            Suboption(
                "gw_priority",
                "int",
                place="run.json network.attachments",
                inspect="NetworkSettings.Networks",
                flag="--network gw-priority",
                description="""
                The network with the highest number is the way out, and the one that published ports
                lead to. Among equals it is the first. The default is V(0).
                """,
            ),
            Suboption(
                "bandwidth",
                "dict",
                place="run.json network.attachments",
                inspect="NetworkSettings.Networks",
                flag="--network bandwidth-in and bandwidth-out",
                description="""
                What the link to it may carry, as V({in: 100mbit, out: 20mbit}): V(in) to the
                container, V(out) from it, in bits a second with V(kbit), V(mbit) or V(gbit).
                Without one there is no limit. It is changed as the container runs.
                """,
            ),
            Suboption(
                "driver_opts",
                "dict",
                place="run.json network.attachments",
                inspect="NetworkSettings.Networks",
                flag="--network driver-opt",
                description="""
                C(com.docker.network.endpoint.ifname) names the link in the container, which is
                C(eth0), C(eth1) and so on without it. C(com.docker.network.endpoint.sysctls) sets
                sysctls of the link, for example V(net.ipv4.conf.IFNAME.log_martians=1), with commas
                between several. A change connects the container to the network again as it runs.
                """,
            ),
        ),
        description="""
        The networks to be on, in order. They have to exist.

        On each but V(bridge), containers find each other by name, alias, hostname and the first 12
        digits of their id.
        """,
    ),
    Option(
        "network_mode",
        "str",
        network_mode,
        default=DEFAULT_NETWORK,
        change=LIVE_ON_NETWORKS,
        place=("run.json network.mode", "run.json network.attachments"),
        inspect="HostConfig.NetworkMode",
        flag="--network",
        description="""
        V(bridge) (also V(default)): on the networks that O(networks) names, else on the default
        network. Or a network's name, V(none), V(host), or V(container:<name>) for another
        container's network.

        The default is V(bridge).
        """,
    ),
    Option(
        "mac_address",
        "str",
        mac,
        change=LIVE_ON_NETWORKS,
        place="run.json network.attachments",
        inspect=Computed("NetworkSettings.MacAddress"),
        flag=Flag("--mac-address", "MAC address"),
        description="The MAC address on the first network.",
    ),
    Option(
        "links",
        "list",
        links,
        elements="str",
        default={},
        compare=MAP,
        change=LIVE_ON_NETWORKS,
        place="run.json network.links",
        inspect=Computed("HostConfig.Links"),
        flag=Flag("--link", "Other container to find by a name of one's own (container[:alias])"),
        description="""
        Other containers by names that this one alone knows, each V(container) or
        V(container:alias). On the network V(bridge) they are lines of C(/etc/hosts), and the other
        container has to exist. On others they are looked up as names.
        """,
    ),
    Option(
        "etc_hosts",
        "dict",
        map_of(host_name, known_address),
        compare=MAP,
        place="hosts",
        inspect=Shown("HostConfig.ExtraHosts", _host_lines),
        flag=Flag("--add-host", "Line for /etc/hosts (name:ip or name=ip)", reads=":"),
        aliases=["add_hosts"],
        change=RESTART,
        description="""
        Names and addresses for C(/etc/hosts). The address V(host-gateway) stands for the host.
        """,
    ),
    Option(
        "dns_servers",
        "list",
        list_of(any_address),
        elements="str",
        compare=LIST,
        place=("resolv.conf", "run.json network.dns"),
        inspect="HostConfig.Dns",
        flag=Flag("--dns", "DNS server"),
        aliases=["dns"],
        change=RESTART,
        description="""
        DNS servers, instead of the host's. On networks with names they are asked for the names that
        are no container's, from the container's network.
        """,
    ),
    Option(
        "dns_opts",
        "list",
        set_of(resolver_option),
        elements="str",
        compare=SET,
        place="resolv.conf",
        inspect="HostConfig.DnsOptions",
        flag=Flag("--dns-option, --dns-opt", "Option of resolv.conf"),
        aliases=["dns_option"],
        change=RESTART,
        description="Options of C(/etc/resolv.conf), for example V(ndots:2).",
    ),
    Option(
        "dns_search_domains",
        "list",
        list_of(domain),
        elements="str",
        compare=LIST,
        place="resolv.conf",
        inspect="HostConfig.DnsSearch",
        flag=Flag("--dns-search", "DNS search domain"),
        aliases=["dns_search"],
        change=RESTART,
        description="Search domains of C(/etc/resolv.conf). V(.) alone is for none.",
    ),
)
