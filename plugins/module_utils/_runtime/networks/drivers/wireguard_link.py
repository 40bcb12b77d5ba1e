# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The WireGuard link of an encrypted overlay network, in the place of its VXLAN link.

The hosts' shares are routed, so nothing but IP packets is between them, and WireGuard carries these
as they are: each host may send from its own share alone, by its key. The kernel follows a host that
sends from another address, so what was told is noted in the link's alias, and compared with that.
"""

from __future__ import annotations

import base64
import errno
import zlib

from ...kernel.net import netlink, wireguard

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from ...kernel.net.wireguard import Device
    from .overlay_network import Overlay

PORT = 51820
OVERHEAD = {4: 60, 6: 80}  # bytes: IP, UDP, WireGuard's header and its authentication


def peers(overlay: Overlay) -> dict[bytes, tuple[str, str]]:
    """Return the other hosts whose keys are known: public key -> address, share."""
    return {
        base64.b64decode(peer["key"]): (peer["address"], peer["share"])
        for name, peer in overlay["peers"].items()
        if name != overlay["name"] and peer.get("key")
    }


def strangers(overlay: Overlay) -> list[str]:
    """Return the names of the other hosts whose keys are not known yet."""
    return [
        name
        for name, peer in overlay["peers"].items()
        if name != overlay["name"] and not peer.get("key")
    ]


def note(owner: str, overlay: Overlay) -> str:
    """Return a link's alias: who has made it, and a checksum of the addresses that it was told."""
    told = sorted((key.hex(), *where) for key, where in peers(overlay).items())
    return f"{owner[:240]} {zlib.crc32(repr((told, overlay['port'])).encode()):08x}"


def noted(alias: str, owner: str) -> bool:
    """Tell whether an alias is of the form that :func:`note` has, and by this owner."""
    made_by, _space, told = alias.rpartition(" ")
    return made_by == owner[:240] and len(told) == 8 and set(told) <= set("0123456789abcdef")


def in_order(sock: netlink.Socket, link: netlink.Link, overlay: Overlay) -> bool:
    """Tell whether a link has its key and port, all peers and the routes to them."""
    known = peers(overlay)
    owner, _space, _told = link["alias"].rpartition(" ")
    if link["alias"] != note(owner, overlay) or _routes(sock, link["index"]) != {
        share for _address, share in known.values()
    }:
        return False
    try:
        with wireguard.Connection() as connection:
            return connection.read(link["name"]) == wanted(overlay)
    except OSError:
        return False


def wanted(overlay: Overlay) -> Device:
    """Return what a link should have."""
    own = overlay["peers"][overlay["name"]].get("key") or ""
    return {
        "public": base64.b64decode(own),
        "port": overlay["port"],
        "peers": {key: {share} for key, (_address, share) in peers(overlay).items()},
    }


def _routes(sock: netlink.Socket, index: int) -> set[str]:
    return {
        f"{route['destination']}/{route['prefix']}"
        for route in netlink.routes(sock)
        if route["link"] == index and route["table"] == netlink.RT_TABLE_MAIN
    }


def changes(overlay: Overlay, has: Device) -> list[bytes]:
    """Return the peers that a link is to be told of, who has gone first: who stays is not cut off."""
    listed = peers(overlay)
    gone = [wireguard.no_peer(key) for key in has["peers"] if key not in listed]
    return gone + [
        wireguard.peer(key, (address, overlay["port"]), [share])
        for key, (address, share) in sorted(listed.items())
    ]


def make(sock: netlink.Socket, name: str, config: Mapping[str, Any], private: bytes) -> int:
    """Make or mend a link and tell it its peers; returns its index.

    :raises OSError: the kernel refuses.
    """
    overlay = config["overlay"]
    if netlink.link(sock, name) is None:
        sock.request([wireguard.new_link(name, config["mtu"])])
    with wireguard.Connection() as connection:
        has = connection.read(name)
        key = private if has["public"] != wanted(overlay)["public"] else None
        connection.configure(name, key, overlay["port"], changes(overlay, has))
    sock.request([netlink.set_link(name, up=True, mtu=config["mtu"])])
    link = netlink.link(sock, name)
    return link["index"] if link else 0


def finish(sock: netlink.Socket, index: int, overlay: Overlay, owner: str) -> None:
    """Set the routes to the other hosts' shares, and note what the link was told."""
    shares = {share for _address, share in peers(overlay).values()}
    has = _routes(sock, index)
    sock.request(
        [
            *(netlink.delete_link_route(index, share) for share in sorted(has - shares)),
            *(netlink.link_route(index, share) for share in sorted(shares)),
            netlink.set_alias(index, note(owner, overlay)),
        ],
        tolerate=(errno.ESRCH, errno.EEXIST),
    )
