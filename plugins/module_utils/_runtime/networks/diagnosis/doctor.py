# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""``network doctor``: look at all that a packet needs on its way, and say what is wrong of it.

Each look is a :class:`Finding` with one sentence, which says what to do. Nothing is changed.
"""

from __future__ import annotations

import contextlib
import ipaddress
import os
import socket
import struct
from dataclasses import dataclass

from ...errors import NotFound, reason
from ...kernel.net import listeners, netlink
from ...untrusted.text import printable
from .. import catalog, container_links, definition, firewall, links, mending, pools, ports, resolv
from ..addresses import attachment
from ..drivers import overlay_network as overlay
from ..drivers import parents
from ..names import dns_wire
from ..traffic import bandwidth, forwarded, isolation
from . import echo

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from ...engine import Engine
    from ..catalog import User
    from ..container_links import Attachment
    from ..definition import Definition
    from ..drivers.overlay_network import Overlay

OFF = "/proc/sys/net/ipv6/conf/%s/disable_ipv6"
FORWARD = {4: "/proc/sys/net/ipv4/ip_forward", 6: "/proc/sys/net/ipv6/conf/all/forwarding"}
LARGEST = 1 << 16  # bytes of a resolv.conf
PATIENCE = 1.0  # seconds that a resolver may take


@dataclass
class Finding:
    """What one look has found. ``wrong``: "" where all is well, else one sentence."""

    object: str  # "host", "network web", "container db"
    check: str  # "forwarding", "rules" ...
    wrong: str
    figures: str = ""  # what has been counted


def examine(engine: Engine, names: Sequence[str] = ()) -> list[Finding]:
    """Look at the host, at networks and at their running containers.

    :param names: of networks and containers; without one at all of them.
    :raises NotFound: there is neither a network nor a container of a name.
    """
    networks = catalog.every(engine)
    users = {config["name"]: catalog.users(engine, config["name"]) for config in networks}
    chosen = {name: _containers(name, users) for name in names}
    for name, found in chosen.items():
        if not found and name not in users:
            raise NotFound(
                f"{name}: there is no network and no container on a network of that name"
            )
    findings = list(_host(engine, networks))
    for config in networks:
        wanted = not names or config["name"] in names
        mine = [
            user
            for user in users[config["name"]]
            if wanted or any(user["name"] in found for found in chosen.values())
        ]
        if wanted or mine:
            used = any(mending.running(engine, user["id"]) for user in users[config["name"]])
            findings += _network(config, used)
            for user in mine:
                findings += _container(engine, config, user)
    return findings


def _containers(name: str, users: dict[str, list[User]]) -> set[str]:
    """Return the names of the containers that ``name`` means."""
    return {
        user["name"]
        for listed in users.values()
        for user in listed
        if user["name"] == name or (len(name) > 3 and user["id"].startswith(name))
    }


# ---------------------------------------------------------------------------------------- the host


def _host(engine: Engine, networks: Sequence[Definition]) -> Iterator[Finding]:
    bridged = [config for config in networks if config["bridge"]]
    families = [4, 6] if any(config["ipv6"] for config in bridged) else [4]
    for family in families if bridged else ():
        yield Finding("host", f"forwarding of IPv{family}", _forwarding(family))
    if bridged:
        yield Finding("host", "rules", _rules(engine))
        for sentence in _foreign(bridged) or [""]:
            yield Finding("host", "other firewalls", sentence)


def _forwarding(family: int) -> str:
    name = FORWARD[family][len("/proc/sys/") :].replace("/", ".")
    try:
        with open(FORWARD[family]) as file:
            on = file.read().strip() == "1"
    except OSError:
        return f"this host's kernel has no IPv{family}"
    return (
        ""
        if on
        else f"{name} is 0, so containers reach no other hosts: something turned it off after the "
        f"engine had turned it on; look into /etc/sysctl.d, then run: sysctl -w {name}=1"
    )


def _rules(engine: Engine) -> str:
    lost = links.missing_rules(engine)
    if not lost:
        return ""
    return (
        f"the rules of nf_tables table {' and '.join(lost)} are not as they should be (flushed, or "
        "changed by hand): published ports and the way out do not work; run: pycontainer network "
        "repair"
    )


def _foreign(networks: Sequence[Definition]) -> list[str]:
    return firewall.others(networks)


# -------------------------------------------------------------------------------------- a network


def _network(config: Definition, used: bool) -> Iterator[Finding]:
    """Look at a network. :param used: whether a container on it runs; else its bridge may wait."""
    name = f"network {config['name']}"
    if config["parent"]:
        yield Finding(name, "parent", _parent(config))
    else:
        yield Finding(name, "bridge", _bridge(config) if used else "")
        yield Finding(name, "routes", _routes(config, used))
        if config["overlay"]:
            yield from _overlay(config, config["overlay"], used)
        yield Finding(name, "forwarded", "", _forwarded(config))
    yield Finding(name, "MTU", _mtu(config))


def _parent(config: Definition) -> str:
    with netlink.Socket() as sock:
        link = netlink.link(sock, config["parent"])
    if link is None:
        return (
            f"its parent {config['parent']} is not there; plug it in, or name another one with "
            "driver_options.parent"
        )
    warnings = parents.warnings(config)
    return warnings[0].partition(": ")[2] if warnings else ""


def _bridge(config: Definition) -> str:
    with netlink.Socket() as sock:
        link = netlink.link(sock, config["bridge"])
    remedy = "run: pycontainer network repair"
    if link is None:
        return f"its bridge {config['bridge']} is gone; {remedy}"
    if not link["up"]:
        return f"its bridge {config['bridge']} is down; {remedy}"
    off = _without_ipv6(config["bridge"]) if config["ipv6"] else ""
    if off:
        return f"{off}, so its containers have no gateway for IPv6; run: sysctl -w {off.split()[0]}=0; then {remedy}"
    alone = config.copy()
    alone["overlay"] = None  # which has a look of its own
    with netlink.Socket() as sock:
        if links.unreached(sock, link["index"], config):
            return ""  # the look at the routes says it
    if links.wrong([alone]):
        return f"its bridge {config['bridge']} has not the addresses or the MTU it should; {remedy}"
    return ""


def _without_ipv6(link: str) -> str:
    """Return which setting takes IPv6 from a link, as ``net.ipv6.conf.all.disable_ipv6 is 1``."""
    for name in ("all", link):
        with contextlib.suppress(OSError), open(OFF % name) as file:
            if file.read().strip() == "1":
                return f"net.ipv6.conf.{name}.disable_ipv6 is 1"
    return ""


def _overlay(config: Definition, known: Overlay, used: bool) -> Iterator[Finding]:
    """Look at the link to the other hosts, and whether these answer."""
    name, link = f"network {config['name']}", overlay.link_name(config["id"])
    remedy = "run: pycontainer network repair"
    with netlink.Socket() as sock:
        there = netlink.link(sock, link)
        wrong = ""
        if used and there is None:
            wrong = f"its link to the other hosts, {link}, is gone; {remedy}"
        elif used and there and not there["up"]:
            wrong = f"its link to the other hosts, {link}, is down; {remedy}"
        elif used and not overlay.in_order(sock, config):
            wrong = f"its link to the other hosts, {link}, has not the routes, neighbours or MTU it should; {remedy}"
    yield Finding(name, "overlay", wrong)
    peers = {peer["address"]: one for one, peer in known["peers"].items() if one != known["name"]}
    quiet: set[str] = set()
    with contextlib.suppress(OSError):  # nobody may ask, as in a container without NET_RAW
        quiet = echo.silent(peers, PATIENCE)
    for address, peer in sorted(peers.items(), key=lambda one: one[1]):
        yield Finding(
            name,
            "peer",
            f"its peer {peer} ({address}) does not answer an ICMP echo request: the host is down, or something "
            "between drops what this host sends; containers there are not reached"
            if address in quiet
            else "",
        )


def _routes(config: Definition, used: bool) -> str:
    """Look for routes that draw packets for its containers elsewhere, and for those it needs."""
    with netlink.Socket() as sock:
        bridge = netlink.link(sock, config["bridge"])
        if used and bridge is not None and bridge["up"]:
            for lost in links.unreached(sock, bridge["index"], config):
                if "." in lost or not _without_ipv6(config["bridge"]):
                    return (
                        f"the host has no route to its containers ({lost} by {config['bridge']}); run: "
                        "pycontainer network repair"
                    )
        names = {link["index"]: link["name"] for link in netlink.links(sock)}
        for pool in config["pools"]:
            subnet = ipaddress.ip_network(pool["subnet"])
            family = socket.AF_INET if subnet.version == 4 else socket.AF_INET6
            for route in netlink.routes(sock, family):
                by = names.get(route["link"], "")
                to = ipaddress.ip_network(f"{route['destination']}/{route['prefix']}", strict=False)
                # mypy: both are of one family
                if (
                    by not in ("", "lo", config["bridge"])
                    and route["prefix"] >= subnet.prefixlen
                    and to.subnet_of(subnet)  # type: ignore[arg-type]
                ):
                    return (
                        f"the host's route {to} by {by} draws what is meant for its containers "
                        f"({subnet}); give the network another subnet, or take the route away"
                    )
    return ""


def _forwarded(config: Definition) -> str:
    """Say what the host has forwarded for a network, of each family that has it."""
    return "; ".join(
        f"{family}: "
        + ", ".join(f"{way} {_amount(found, way)}" for way in forwarded.MAPS[:2])
        + f", dropped {_amount(found, *forwarded.MAPS[2:])}"
        for family, found in forwarded.figures(config["bridge"]).items()
    )


def _amount(found: dict[str, int], *ways: str) -> str:
    packets, size = (sum(found[f"{way}_{unit}"] for way in ways) for unit in ("packets", "bytes"))
    return f"{packets} packets ({size} bytes)"


def _mtu(config: Definition) -> str:
    uplink = parents.mtu(config["parent"]) if config["parent"] else pools.uplink_mtu()
    if uplink is None or config["mtu"] <= uplink or config["internal"]:
        return ""
    return (
        f"its MTU is {config['mtu']} and that of the way out {uplink}: large packets get lost where "
        f"nobody may tell the sender; set driver_options {definition.MTU_OPTION}: {uplink}"
    )


# ------------------------------------------------------------------------------------ a container


def _container(engine: Engine, config: Definition, user: User) -> Iterator[Finding]:
    name = f"container {user['name']}"
    state = mending.running(engine, user["id"])
    yield from _ports(engine, user, state is not None)
    if state is None:
        return
    attached = (state.get("network") or {}).get("attachments") or []
    place = attachment(config, user["id"], user["addresses"], user["mac"])
    now = next((one for one in attached if one["ifname"] == place["ifname"]), None)
    if now is None:
        return  # it joins another one's namespace, or leaves
    lost = user["name"] in mending.lost(engine, config)
    yield Finding(
        name,
        "link",
        f"its link to network {config['name']} is gone; run: pycontainer network repair"
        if lost
        else "",
    )
    if lost:
        return
    if config["bridge"]:
        with netlink.Socket() as sock:
            link = netlink.link(sock, now["ifname"])
        if link is not None and not link["up"]:
            yield Finding(name, "link", _DOWN % (config["name"], now["ifname"], now["ifname"]))
        known = isolation.admitted(now) or links.missing_rules(engine)  # the host's finding
        yield Finding(name, "sender", "" if known else _UNKNOWN)
    if now.get("bandwidth"):
        with netlink.Socket() as sock:
            limited = bandwidth.in_order(sock, now)
        yield Finding(name, "bandwidth", "" if limited else _UNLIMITED % config["name"])
    yield Finding(name, "addresses", _inside(state["pid"], now))
    yield Finding(name, "names", _names(engine, config, user, state["pid"], now))


_DOWN = (
    "its link to network %s, %s on the host, is down, so nothing reaches it; run: ip link set %s up"
)
_UNKNOWN = (
    "the rules do not know its addresses (table bridge pycontainer), so what it sends is dropped; "
    "restart it"
)
_EDITED = (
    "its resolv.conf was changed in it to nameserver %s, which knows no container's name; write nameserver "
    "127.0.0.11 into it, or let a task make it anew (recreate: true)"
)
_UNLIMITED = "its link to network %s has not the limits of its bandwidth; restart it"


def _inside(pid: int, place: Attachment) -> str:
    """Look at the container's addresses and default routes, which it may have changed itself."""
    try:
        sock = container_links.socket_of(pid)
    except OSError:
        return ""  # it has ended
    with sock:
        down = _inside_down(sock, place)
        if down:
            return f"its link {down} is down: something in it has turned it off; restart it"
        for text in container_links.addresses(place):
            address, _slash, _prefix = text.partition("/")
            family = netlink.family_of(address)
            found = [entry["address"] for entry in netlink.addresses(sock, family=family)]
            if address not in found:
                if ":" in address and _inside_off(pid):
                    return (
                        f"it has not its address {address}: net.ipv6.conf.all.disable_ipv6 is 1 in it; take that "
                        "from its sysctls, or use a network without IPv6"
                    )
                return f"it has not its address {address} any more; restart it"
            way = [route for route in netlink.routes(sock, family) if not route["prefix"]]
            if not way and (container_links.gateways(place) or place.get("routed")):
                return "it has no default route any more; restart it"
        for wanted in place.get("routes", ()):
            there = [
                f"{route['destination']}/{route['prefix']}"
                for route in netlink.routes(sock, netlink.family_of(wanted["gateway"]))
            ]
            if wanted["destination"] not in there:
                return f"it has no route to {wanted['destination']} any more; restart it"
    return ""


def _inside_down(sock: netlink.Socket, place: Attachment) -> str:
    """Return the name of an attachment's link in a container where it is down, else ""."""
    mac = place["mac"]
    return next(
        (one["name"] for one in netlink.links(sock) if one["mac"] == mac and not one["up"]), ""
    )


def _inside_off(pid: int) -> bool:
    """Tell whether a container has turned IPv6 off for itself."""
    with contextlib.suppress(OSError), container_links.visiting(pid), open(OFF % "all") as file:
        return file.read().strip() == "1"
    return False


def _names(engine: Engine, config: Definition, user: User, pid: int, place: Attachment) -> str:
    """Ask the resolver of the container for its own name."""
    try:
        with open(os.path.join(engine.paths.container(user["id"]), "resolv.conf")) as file:
            text = file.read(LARGEST)  # the container may have written it
        servers = [line.split()[1] for line in text.splitlines() if line.startswith("nameserver ")]
        netlink.packed("".join(servers[:1]) or "127.0.0.1")
    except (OSError, IndexError, ValueError):
        return "its resolv.conf can't be read; restart it"
    if not servers:
        return ""
    if not servers[0].startswith("127."):  # the host's, which know of no containers
        return _EDITED % servers[0] if resolv.has_names(config) else ""
    # A container's name may be longer than a label of the DNS; its short id is a name of it, too.
    name = user["name"] if dns_wire.name_data(user["name"]) else user["id"][:12]
    try:
        answer = _ask(pid, servers[0], dns_wire.name_data(name) or b"\0")
    except OSError as error:
        return f"nobody answers at its resolver {servers[0]} ({reason(error)}); restart it"
    expected = [netlink.packed(text.partition("/")[0]) for text in container_links.addresses(place)]
    if answer[3] & 15 or not any(address in answer for address in expected):
        return f"its resolver {servers[0]} does not know the name {name}; restart it"
    return ""


def _ask(pid: int, server: str, name: bytes) -> bytes:
    """Return the answer to a question for a name's address, asked in a container's namespace.

    :param name: as it stands in a message (dns_wire.name_data).
    """
    question = struct.pack("!HHHHHH", 0x7079, 0x0100, 1, 0, 0, 0) + name
    with container_links.visiting(pid), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.settimeout(PATIENCE)
        sock.connect((server, 53))
        sock.send(question + struct.pack("!HH", 1, 1))
        return sock.recv(4096).ljust(12, b"\0")


def _ports(engine: Engine, user: User, runs: bool) -> Iterator[Finding]:
    """Look who has the published ports of a container."""
    for row in engine.db.all("SELECT * FROM ports WHERE container = ?", user["id"]):
        shown = ports.written(row["protocol"], row["host_ip"], row["host_port"])
        holder = listeners.holder(row["protocol"], row["host_ip"], row["host_port"])
        wrong = ""
        if holder is not None and not _own(holder[1]):
            wrong = (
                f"port {shown} is taken by process {printable(holder[0])} (pid {holder[1]}): end it, or publish "
                "another port"
            )
        elif holder is None and runs:
            wrong = f"nobody listens at its published port {shown}; restart it"
        yield Finding(f"container {user['name']}", "published port", wrong)


def _own(pid: int) -> bool:
    """Tell whether a process is a monitor of the engine's, or another process of its copy."""
    with contextlib.suppress(OSError), open(f"/proc/{pid}/cmdline", "rb") as file:
        return b"pycontainer" in file.read(4096)
    return True
