# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""One network over many hosts: each has a part of its subnet, and a link leads to the others.

The link is VXLAN's, or where the network is encrypted WireGuard's (``wireguard_link``). Nobody
learns and nobody asks: for each peer there is a route to its part, a neighbour and a
forwarding entry, written by each run of the play. So any container is reached from the moment that
it starts, and what is written grows with the hosts, not with the containers. Sources: RFC 7348,
ip-link(8), bridge(8).
"""

from __future__ import annotations

import contextlib
import errno
import ipaddress
import socket
import struct
import zlib
from dataclasses import dataclass

from ... import units
from ...errors import Conflict, InvalidInput, Unsupported
from ...kernel.net import netlink, wireguard
from . import link_kinds, wireguard_keys, wireguard_link

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from typing import Any, TypedDict

    from ...store.paths import Paths

    class _Peer(TypedDict):
        address: str  # where the others reach it
        share: str  # "10.200.3.0/24", its part of the subnet
        containers: dict[str, list[str]]  # names of its containers -> addresses

    class Peer(_Peer, total=False):
        """A host of an overlay network."""

        key: str  # its public key, where the network is encrypted; "" as long as it is not known

    class _Encrypted(TypedDict, total=False):
        encrypted: bool  # left out where it is not

    class Overlay(_Encrypted):
        """What a definition says of an overlay network."""

        subnet: str  # "10.200.0.0/16", of all hosts together
        name: str  # this host's among the peers
        vni: int  # of VXLAN
        port: int  # UDP, of VXLAN or of WireGuard
        peers: dict[str, Peer]  # this host too, by name


DRIVER = "overlay"
ID_OPTION, PORT_OPTION = "vxlan_id", "vxlan_port"
ENCRYPTED_OPTION = "encrypted"  # Docker's
WIREGUARD_OPTION = "wireguard_port"
OPTIONS = (ID_OPTION, PORT_OPTION, ENCRYPTED_OPTION, WIREGUARD_OPTION)
SETTLED = ("vni", "port", "encrypted")  # what driver options say of it
PORT = 4789  # RFC 7348
LEAST_KEY_AGE = 3600.0  # seconds
LARGEST_ID = (1 << 24) - 1
OVERHEAD = {4: 50, 6: 70}  # bytes: Ethernet, IP, UDP and VXLAN headers
SHARE_BITS, LEAST_SHARE, LARGEST_SHARE = 8, 24, 28
RTM_GETNEIGH, NDA_DST, NDA_LLADDR, NUD_PERMANENT = 30, 1, 2, 0x80
IFLA_VXLAN_LOCAL, IFLA_VXLAN_LOCAL6 = 4, 17
MAC = "02:42:%02x:%02x:%02x:%02x"


@dataclass(frozen=True)
class Entry:
    """What the kernel is told of one peer."""

    share: str  # the route's destination
    gateway: str  # a made-up neighbour, the first address of the share
    mac: str
    address: str  # where its packets are sent


def wanted(name: str, params: Mapping[str, Any], options: Mapping[str, str]) -> dict[str, Any]:
    """Return what a task says of an overlay network; shares are yet to be dealt (:func:`settle`).

    :param name: the network's. :raises InvalidInput: for what can't be.
    """
    encrypted = _encrypted(options)
    for option in (ID_OPTION, PORT_OPTION) if encrypted else (WIREGUARD_OPTION,):
        if option in options:
            raise InvalidInput(
                f"driver_options.{option}",
                options[option],
                f"nothing with {ENCRYPTED_OPTION}, where WireGuard is in the place of VXLAN; "
                f"{WIREGUARD_OPTION} is its port"
                if encrypted
                else f"nothing without {ENCRYPTED_OPTION}: true",
            )
    found: dict[str, Any] = {
        "vni": _number(options, ID_OPTION, LARGEST_ID)
        or zlib.crc32(name.encode()) % LARGEST_ID + 1,
        "port": _number(options, WIREGUARD_OPTION if encrypted else PORT_OPTION, 65535)
        or (wireguard_link.PORT if encrypted else PORT),
        "encrypted": encrypted,
    }
    if params.get("peers") is not None:
        found["peers"] = {}
        for entry in params["peers"]:
            peer = str(entry.get("name") or entry["address"])
            if peer in found["peers"]:
                raise InvalidInput("peers", peer, "each host once")
            found["peers"][peer] = {
                "address": _address(entry["address"]),
                "share": entry.get("share") or "",
                "containers": entry.get("containers"),
                "key": wireguard_keys.check(entry["public_key"], "peers.public_key")
                if entry.get("public_key")
                else "",
            }
    if params.get("peer_name"):
        found["name"] = params["peer_name"]
    return found


def _encrypted(options: Mapping[str, str]) -> bool:
    """Tell whether Docker's ``encrypted`` is asked for; without a value it is true there."""
    text = options.get(ENCRYPTED_OPTION, "false").lower()
    if text not in ("", "true", "1", "false", "0"):
        raise InvalidInput(f"driver_options.{ENCRYPTED_OPTION}", text, "true or false")
    return text not in ("false", "0")


def key_max_age(driver: str, value: Any) -> float:
    """Return how many seconds a key is used for. :raises InvalidInput: for what can't be."""
    if driver != DRIVER:
        raise InvalidInput("key_max_age", value, f"nothing with driver {driver}")
    seconds = units.duration(value, "key_max_age")
    if seconds < LEAST_KEY_AGE:
        raise InvalidInput(
            "key_max_age", value, "1h or more, so that all tasks of a play see the same keys"
        )
    return seconds


def key_due(paths: Paths, config: Mapping[str, Any], most: Any) -> str:
    """Return why an encrypted network needs a new key on this host, "" where it does not.

    :param most: the option ``key_max_age``, or None. :raises InvalidInput: there are no keys.
    """
    if not config["overlay"] or not config["overlay"].get("encrypted"):
        if most is not None:
            raise InvalidInput(
                "key_max_age", most, f"nothing without driver_options.{ENCRYPTED_OPTION}: true"
            )
        return ""
    own = config["overlay"]["peers"][config["overlay"]["name"]]
    if not own["key"]:
        return "it has none yet"
    if wireguard_keys.known(paths, config["id"]) != own["key"]:
        return "its own is lost"
    if most is not None and wireguard_keys.age(paths, config["id"]) > key_max_age(DRIVER, most):
        return f"its own is older than {most}"
    return ""


def make_key(paths: Paths, config: Mapping[str, Any]) -> None:
    """Make this host's key on an encrypted network, and write its public half into the definition."""
    own = config["overlay"]["peers"][config["overlay"]["name"]]
    own["key"] = wireguard_keys.make(paths, config["id"])


def warnings(config: Mapping[str, Any]) -> list[str]:
    """Return which other hosts an encrypted network does not reach yet, as a sentence."""
    overlay = config["overlay"]
    unknown = wireguard_link.strangers(overlay) if overlay and overlay.get("encrypted") else []
    if not unknown:
        return []
    return [
        f"network {config['name']}: the public keys of {', '.join(unknown)} are not known yet, so "
        "nothing passes between them and this host; let the play run this task once more, "
        "when all hosts have made theirs"
    ]


def _number(options: Mapping[str, str], option: str, largest: int) -> int:
    text = options.get(option)
    if text is None:
        return 0
    if not text.isdigit() or not 1 <= int(text) <= largest:
        raise InvalidInput(f"driver_options.{option}", text, f"1 to {largest}")
    return int(text)


def _address(text: Any) -> str:
    try:
        return str(ipaddress.ip_address(str(text)))
    except ValueError:
        raise InvalidInput(
            "peers.address", text, "an IP address by which the other hosts reach it"
        ) from None


def settle(given: Mapping[str, Any], now: Overlay | None, subnet: str | None, name: str) -> Overlay:
    """Return an overlay with a share for each peer: those that are known stay.

    :param given: of :func:`wanted`. :param now: what the host has. :param subnet: of all together;
        None for the one that it has, or one made of the network's name.
    :raises InvalidInput, Conflict: for what can't be.
    """
    whole = subnet or (
        now["subnet"] if now else f"10.{192 + zlib.crc32(name.encode()) % 64}.0.0/16"
    )
    if ipaddress.ip_network(whole).version != 4 or ipaddress.ip_network(whole).prefixlen > 24:
        raise InvalidInput("ipam_config.subnet", whole, "an IPv4 subnet of /24 or larger")
    peers: dict[str, dict[str, Any]] = {
        peer: dict(entry) for peer, entry in given.get("peers", now["peers"] if now else {}).items()
    }
    if not peers:
        raise InvalidInput("peers", None, "the hosts of the network, with name and address")
    known = {peer: entry["share"] for peer, entry in (now["peers"] if now else {}).items()}
    if now and now["subnet"] != whole:
        known = {}
    known.update({peer: entry["share"] for peer, entry in peers.items() if entry["share"]})
    dealt = shares(whole, sorted(peers), known)
    own = given.get("name") or (now["name"] if now and now["name"] in peers else _own(peers))
    if own not in peers:
        raise InvalidInput("peer_name", own, f"one of the peers: {', '.join(sorted(peers))}")
    settled: dict[str, Peer] = {
        peer: {
            "address": entry["address"],
            "share": dealt[peer],
            "containers": {} if peer == own else _containers(peer, entry, now),
        }
        for peer, entry in sorted(peers.items())
    }
    found: Overlay = {
        "subnet": whole,
        "name": own,
        "vni": given["vni"],
        "port": given["port"],
        "peers": settled,
    }
    if given.get("encrypted"):
        found["encrypted"] = True
        for peer, one in settled.items():
            before: Mapping[str, Any] = now["peers"].get(peer, {}) if now else {}
            told = "" if peer == own else peers[peer].get("key")
            one["key"] = told or before.get("key") or ""
        _distinct(settled)
    return found


def _distinct(peers: Mapping[str, Peer]) -> None:
    """:raises Conflict: two hosts have one key."""
    seen: dict[str, str] = {}
    for name, peer in peers.items():
        other = seen.setdefault(peer["key"], name) if peer["key"] else name
        if other != name:
            raise Conflict(
                f"peers: hosts {other} and {name} have the same key, as copies of one machine do; "
                "remove the network on one of them and run the play again"
            )


def _containers(peer: str, entry: Mapping[str, Any], now: Overlay | None) -> dict[str, list[str]]:
    """Return the names of a peer's containers: what is told now, else what was told before."""
    told = entry.get("containers")
    if told is None:
        told = now["peers"][peer]["containers"] if now and peer in now["peers"] else {}
    found = {}
    for name, addresses in told.items():
        if not isinstance(addresses, list):
            raise InvalidInput("peers.containers", addresses, "a list of addresses for each name")
        found[str(name)] = [_address(address) for address in addresses]
    return found


def _own(peers: Mapping[str, Mapping[str, str]]) -> str:
    """Return which peer this host is, by its addresses."""
    with netlink.Socket() as sock:
        here = {
            entry["address"]
            for family in (socket.AF_INET, socket.AF_INET6)
            for entry in netlink.addresses(sock, family=family)
        }
    for peer, entry in peers.items():
        if entry["address"] in here:
            return peer
    raise InvalidInput(
        "peers",
        ", ".join(entry["address"] for entry in peers.values()),
        "an address of this host among them, or peer_name",
    )


def shares(whole: str, names: Sequence[str], known: Mapping[str, str]) -> dict[str, str]:
    """Deal parts of a subnet: who is known keeps his, the others get the first free ones by name.

    :raises Conflict: two have the same, or there are more hosts than parts.
    """
    subnet = ipaddress.ip_network(whole)
    prefix = min(LARGEST_SHARE, max(LEAST_SHARE, subnet.prefixlen + SHARE_BITS - 2))
    parts = [str(part) for part in subnet.subnets(new_prefix=prefix)]
    found: dict[str, str] = {}
    for name in names:
        share = known.get(name)
        if share is None:
            continue
        other = next((peer for peer, part in found.items() if part == share), None)
        if other is not None:
            raise Conflict(
                f"peers: hosts {other} and {name} both have {share}: each was given it while it "
                "knew nothing of the other; remove the network on one of them and run the play again"
            )
        if share not in parts:
            raise InvalidInput("peers.share", share, f"a /{prefix} of {whole}")
        found[name] = share
    # a share of who is away is not given to another while his name is known
    free = [part for part in parts if part not in set(known.values()) | set(found.values())]
    for name in names:
        if name not in found:
            if not free:
                raise Conflict(
                    f"peers: {len(names)} hosts, but {whole} has {len(parts)} parts of /{prefix}; "
                    "name a larger ipam_config.subnet"
                )
            found[name] = free.pop(0)
    return found


LINK = "pyx-"  # how the names of VXLAN links begin


def link_name(ident: str) -> str:
    """Return the name of a network's VXLAN link. :param ident: the network's."""
    return LINK + ident[:11]


def entries(overlay: Overlay) -> list[Entry]:
    """Return what the kernel is to be told: one entry for each other host."""
    found = []
    for name, peer in overlay["peers"].items():
        if name != overlay["name"]:
            base = peer["share"].partition("/")[0]
            found.append(Entry(peer["share"], base, _mac(base), peer["address"]))
    return found


def families(overlay: Overlay | None) -> set[int]:
    """Return the families, of 4 and 6, that the hosts of an overlay speak with each other."""
    peers = overlay["peers"].values() if overlay and not overlay.get("encrypted") else ()
    return {6 if ":" in peer["address"] else 4 for peer in peers}


def senders(overlay: Overlay, version: int) -> tuple[bytes, list[bytes]]:
    """Return, of VXLAN, keys of the firewall's sets: the tunnel, and who may send to it, by addresses of a family.

    A tunnel is its port and its id, each in a word; a sender has its address before these.
    """
    tunnel = struct.pack("!HxxI", overlay["port"], overlay["vni"] << 8)
    addresses = {entry.address for entry in entries(overlay)}
    chosen = sorted(one for one in addresses if (":" in one) == (version == 6))
    return tunnel, [netlink.packed(one) + tunnel for one in chosen]


def _mac(address: str) -> str:
    return MAC % tuple(ipaddress.IPv4Address(address).packed)


def mtu(overlay: Overlay, uplink: int) -> int:
    """Return the MTU that fits into the hosts' packets. :param uplink: where the link is unknown."""
    own = overlay["peers"][overlay["name"]]["address"]
    family = socket.AF_INET6 if ":" in own else socket.AF_INET
    with netlink.Socket() as sock:
        for entry in netlink.addresses(sock, family=family):
            if entry["address"] == own:
                link = netlink.link(sock, index=entry["index"])
                uplink = link["mtu"] if link else uplink
    overhead = wireguard_link.OVERHEAD if overlay.get("encrypted") else OVERHEAD
    return uplink - overhead[6 if ":" in own else 4]


def check(config: Mapping[str, Any], others: Iterable[Mapping[str, Any]]) -> None:
    """Look whether a network's link can be, before anything is changed.

    :param others: the definitions of the host's other networks.
    :raises Unsupported: the kernel has no VXLAN, or no WireGuard.
    :raises Conflict: another network has the id, or the port.
    """
    overlay = config["overlay"]
    encrypted = overlay.get("encrypted", False)
    for other in others:
        its = other.get("overlay")
        if not its or its["port"] != overlay["port"]:
            continue
        if encrypted or its.get("encrypted"):
            option = WIREGUARD_OPTION if encrypted else PORT_OPTION
            raise Conflict(
                f"driver_options.{option}: the UDP port {overlay['port']} is network "
                f"{other['name']}'s already; name another one"
            )
        if its["vni"] == overlay["vni"]:
            raise Conflict(
                f"driver_options.{ID_OPTION}: {overlay['vni']} is network {other['name']}'s already"
            )
    if not encrypted and not link_kinds.supported("vxlan"):
        raise Unsupported(
            "driver: this host's kernel has no VXLAN (it is without the module vxlan)"
        )
    if encrypted and not link_kinds.supported("wireguard"):
        raise Unsupported(
            f"driver_options.{ENCRYPTED_OPTION}: this host's kernel has no WireGuard (it is without "
            "the module wireguard), by which overlays are encrypted"
        )
    if encrypted:
        _check_port(link_name(config["id"]), overlay["port"])


def _check_port(name: str, port: int) -> None:
    """:raises Conflict: something other than a network's own link has its port."""
    with netlink.Socket() as sock:
        link = netlink.link(sock, name)
    if link is not None and link["kind"] == "wireguard":
        with contextlib.suppress(OSError), wireguard.Connection() as connection:
            if connection.read(name)["port"] == port:
                return
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.bind(("", port))
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                raise Conflict(
                    f"driver_options.{WIREGUARD_OPTION}: something else on this host has the UDP "
                    f"port {port} already; name another one"
                ) from None


def in_order(sock: netlink.Socket, config: Mapping[str, Any]) -> bool:
    """Tell whether a network's link to the other hosts and all entries are as they should be."""
    link = netlink.link(sock, link_name(config["id"]))
    overlay = config["overlay"]
    kind = "wireguard" if overlay.get("encrypted") else "vxlan"
    if link is None or link["kind"] != kind or not link["up"] or link["mtu"] != config["mtu"]:
        return False
    if kind == "wireguard":
        return wireguard_link.in_order(sock, link, overlay)
    if _local(link) != _own_address(sock, overlay):
        return False
    listed = entries(overlay)
    routes = {
        (f"{route['destination']}/{route['prefix']}", route["gateway"])
        for route in netlink.routes(sock)
        if route["link"] == link["index"] and route["table"] == netlink.RT_TABLE_MAIN
    }
    return (
        routes == {(entry.share, entry.gateway) for entry in listed}
        and _neighbours(sock, link["index"], socket.AF_INET)
        == {(entry.gateway, entry.mac) for entry in listed}
        and _neighbours(sock, link["index"], socket.AF_BRIDGE)
        == {(entry.address, entry.mac) for entry in listed}
    )


def _neighbours(sock: netlink.Socket, index: int, family: int) -> set[tuple[str, str]]:
    """Return the permanent neighbours of a link, or (AF_BRIDGE) where it sends MACs: address, MAC."""
    question = struct.pack("=BxxxiHBB", family, 0, 0, 0, 0)
    found = set()
    for content in sock.dump(RTM_GETNEIGH, question):
        kind, owner, state = struct.unpack_from("=BxxxiH", content)
        details = netlink.attributes(content[12:])
        if (kind, owner) != (family, index) or not state & NUD_PERMANENT or NDA_DST not in details:
            continue
        raw = details[NDA_DST]
        text = socket.inet_ntop(socket.AF_INET if len(raw) == 4 else socket.AF_INET6, raw)
        found.add((text, details.get(NDA_LLADDR, b"").hex(":")))
    return found


def make(route: Any, config: Mapping[str, Any], owner: str, private: bytes | None) -> None:
    """Make or mend the link to the other hosts, and its entries.

    :param route: a pyroute2.IPRoute. :param private: this host's key, where it is encrypted.
    """
    if private is not None:
        _make_encrypted(config, owner, private)
        return
    overlay, name = config["overlay"], link_name(config["id"])
    own = overlay["peers"][overlay["name"]]
    address = _mac(own["share"].partition("/")[0])
    with netlink.Socket() as sock:
        _forget_renamed(sock, name, ("vxlan", owner, address))
        local = _own_address(sock, overlay)
        link = netlink.link(sock, name)
        if link is not None and (link["kind"] != "vxlan" or _local(link) != local):
            sock.request([netlink.delete_link(name)], tolerate=(errno.ENODEV,))
        if not list(route.link_lookup(ifname=name)):
            sends: dict[str, str] = {}
            if local:
                sends["vxlan_local6" if ":" in local else "vxlan_local"] = local
            route.link(
                "add",
                ifname=name,
                kind="vxlan",
                vxlan_id=overlay["vni"],
                vxlan_port=overlay["port"],
                vxlan_learning=False,
                **sends,
            )
            route.link("set", index=list(route.link_lookup(ifname=name))[0], ifalias=owner)
        index = list(route.link_lookup(ifname=name))[0]
        route.link("set", index=index, address=address, mtu=config["mtu"])
        route.link("set", index=index, state="up")
        _address_of(sock, index, config["pools"][0]["gateway"])
        listed = entries(overlay)
        _forget(route, sock, index, listed)
        for entry in listed:
            family = socket.AF_INET
            route.neigh(
                "replace",
                dst=entry.gateway,
                lladdr=entry.mac,
                ifindex=index,
                state=NUD_PERMANENT,
                family=family,
            )
            if (entry.address, entry.mac) not in _neighbours(sock, index, socket.AF_BRIDGE):
                route.fdb("append", lladdr=entry.mac, ifindex=index, dst=entry.address)
            route.route(
                "replace", dst=entry.share, gateway=entry.gateway, oif=index, flags=["onlink"]
            )


def _forget_renamed(sock: netlink.Socket, name: str, mark: tuple[str, str, str]) -> None:
    """Remove a network's link that somebody has given another name: it has the id or the port.

    :param mark: its kind, alias and MAC address.
    """
    for link in netlink.links(sock):
        if (link["kind"], link["alias"], link["mac"]) == mark and link["name"] != name:
            sock.request([netlink.delete_link(link["name"])], tolerate=(errno.ENODEV,))


def _make_encrypted(config: Mapping[str, Any], owner: str, private: bytes) -> None:
    name = link_name(config["id"])
    with netlink.Socket() as sock:
        note = wireguard_link.note(owner, config["overlay"])
        _forget_renamed(sock, name, ("wireguard", note, ""))
        link = netlink.link(sock, name)
        if link is not None and link["kind"] != "wireguard":
            sock.request([netlink.delete_link(name)], tolerate=(errno.ENODEV,))
        index = wireguard_link.make(sock, name, config, private)
        _address_of(sock, index, config["pools"][0]["gateway"])
        wireguard_link.finish(sock, index, config["overlay"], owner)


def _own_address(sock: netlink.Socket, overlay: Overlay) -> str:
    """Return the address that a host sends by: the one that the others let in.

    "" where it is no address of this host, which others see by a translation.
    """
    own = overlay["peers"][overlay["name"]]["address"]
    here = netlink.addresses(sock, family=netlink.family_of(own))
    return own if own in [entry["address"] for entry in here] else ""


def _local(link: netlink.Link) -> str:
    """Return the address that a VXLAN link sends by, "" for any."""
    data = netlink.attributes(link["data"])
    for kind, family in ((IFLA_VXLAN_LOCAL, socket.AF_INET), (IFLA_VXLAN_LOCAL6, socket.AF_INET6)):
        if any(data.get(kind, b"")):
            return socket.inet_ntop(family, data[kind])
    return ""


def _address_of(sock: netlink.Socket, index: int, gateway: str) -> None:
    """Give the link the bridge's address, which the host speaks to the others by.

    Without one the kernel takes no route by a neighbour that is on the link.
    """
    found = [(entry["address"], entry["prefix"]) for entry in netlink.addresses(sock, index)]
    changes = [netlink.delete_address(index, *other) for other in found if other != (gateway, 32)]
    if (gateway, 32) not in found:
        changes.append(netlink.new_address(index, gateway, 32))
    if changes:
        sock.request(changes)


def _forget(route: Any, sock: netlink.Socket, index: int, listed: Sequence[Entry]) -> None:
    """Take away what is of hosts that have left, or have another address."""
    shares_now = {entry.share for entry in listed}
    for one in netlink.routes(sock):
        share = f"{one['destination']}/{one['prefix']}"
        if one["link"] == index and one["gateway"] and share not in shares_now:
            route.route("del", dst=share, gateway=one["gateway"], oif=index)
    for address, mac in _neighbours(sock, index, socket.AF_INET):
        if address not in {entry.gateway for entry in listed}:
            route.neigh("del", dst=address, lladdr=mac, ifindex=index, family=socket.AF_INET)
    for address, mac in _neighbours(sock, index, socket.AF_BRIDGE):
        if (address, mac) not in {(entry.address, entry.mac) for entry in listed}:
            route.fdb("del", lladdr=mac, ifindex=index, dst=address)


def remove(config: Mapping[str, Any]) -> None:
    """Remove a network's link to the other hosts, its entries with it. :raises OSError: the kernel refuses."""
    with netlink.Socket() as sock:
        sock.request([netlink.delete_link(link_name(config["id"]))], tolerate=(errno.ENODEV,))
