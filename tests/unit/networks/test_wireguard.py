# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is told to WireGuard, read by pyroute2's own description of its messages; keys; what hosts are told of keys."""

from __future__ import annotations

import base64
import os

import pytest
from pycontainer.errors import Conflict, InvalidInput
from pycontainer.kernel.net import wireguard
from pycontainer.networks.drivers import overlay_network as overlay
from pycontainer.networks.drivers import wireguard_keys, wireguard_link
from pycontainer.store.paths import Paths

KEYS = {
    name: base64.b64encode(bytes([number]) * 32).decode()
    for number, name in enumerate(("h1", "h2", "h3"), 1)
}


def settled(now=None, **told):
    """An encrypted overlay of three hosts, as h1 has it. :param told: keys of hosts."""
    peers = {
        name: {"address": address, "share": "", "key": told.get(name, "")}
        for name, address in (("h1", "10.98.0.1"), ("h2", "10.98.0.2"), ("h3", "fd00::3"))
    }
    given = {"peers": peers, "name": "h1", "vni": 7, "port": 51820, "encrypted": True}
    return overlay.settle(given, now, "10.200.0.0/16", "fleet")


def test_the_public_half_of_a_key():
    # RFC 7748, 6.1
    for private, public in (
        (
            "77076d0a7318a57d3c16c17251b26645df4c2f87ebc0992ab177fba51db92c2a",
            "8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a",
        ),
        (
            "5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb",
            "de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f",
        ),
    ):
        assert wireguard_keys.public(bytes.fromhex(private)).hex() == public


def test_a_key_is_for_root_alone_and_made_anew_when_asked(tmp_path):
    paths = Paths(str(tmp_path / "data"), str(tmp_path / "run"))
    assert wireguard_keys.known(paths, "net") == "" and wireguard_keys.age(paths, "net") == 0
    first = wireguard_keys.make(paths, "net")
    place = wireguard_keys.place(paths, "net")
    assert os.stat(place).st_mode & 0o777 == 0o600
    assert os.stat(os.path.dirname(place)).st_mode & 0o777 == 0o700
    assert wireguard_keys.known(paths, "net") == first
    assert wireguard_keys.make(paths, "net") != first
    with open(place, "w") as file:
        file.write("no key\n")
    assert wireguard_keys.known(paths, "net") == ""
    wireguard_keys.forget(paths, "net")
    wireguard_keys.forget(paths, "net")


@pytest.mark.parametrize(
    "text", [None, "", "x", "A" * 43 + "=", base64.b64encode(b"short").decode()]
)
def test_what_is_no_public_key_is_refused(text):
    with pytest.raises(InvalidInput, match="44 characters of base64"):
        wireguard_keys.check(text, "peers.public_key")


def test_what_is_told_is_kept_until_another_is_told():
    first = settled(h2=KEYS["h2"])
    assert {name: peer["key"] for name, peer in first["peers"].items()} == {
        "h1": "",
        "h2": KEYS["h2"],
        "h3": "",
    }
    assert wireguard_link.strangers(first) == ["h3"]
    first["peers"]["h1"]["key"] = KEYS["h1"]
    second = settled(first, h1="nobody tells a host its own", h3=KEYS["h3"])
    assert {name: peer["key"] for name, peer in second["peers"].items()} == KEYS
    assert wireguard_link.strangers(second) == []
    other = base64.b64encode(bytes(31) + b"2").decode()
    assert settled(second, h2=other)["peers"]["h2"]["key"] == other
    with pytest.raises(Conflict, match="hosts h2 and h3 have the same key"):
        settled(None, h2=KEYS["h2"], h3=KEYS["h2"])


def test_the_alias_notes_where_hosts_are():
    one = settled(h2=KEYS["h2"])
    other = settled(h2=KEYS["h2"])
    other["peers"]["h2"]["address"] = "10.98.0.77"
    assert wireguard_link.note("owner", one) != wireguard_link.note("owner", other)
    assert len(wireguard_link.note("o" * 300, one)) < 256


def test_messages_as_pyroute2_reads_them():
    wgmsg = pytest.importorskip("pyroute2.netlink.generic.wireguard").wgmsg
    config = settled(h2=KEYS["h2"], h3=KEYS["h3"])
    gone = bytes([9]) * 32
    has = {"public": bytes(32), "port": 0, "peers": {gone: {"10.200.9.0/24"}}}
    (body,) = wireguard.configuration(
        "pyx-1", bytes([5]) * 32, 51820, wireguard_link.changes(config, has)
    )
    packed = len(body + bytes(16)).to_bytes(4, "little") + bytes(12) + body
    read = wgmsg(packed)
    read.decode()
    assert read["cmd"] == 1 and read.get_attr("WGDEVICE_A_IFNAME") == "pyx-1"
    assert base64.b64decode(read.get_attr("WGDEVICE_A_PRIVATE_KEY")) == bytes([5]) * 32
    assert read.get_attr("WGDEVICE_A_LISTEN_PORT") == 51820
    removed, second, third = read.get_attr("WGDEVICE_A_PEERS")
    assert removed.get_attr("WGPEER_A_FLAGS") == 1
    assert removed.get_attr("WGPEER_A_PUBLIC_KEY") == base64.b64encode(gone)
    for peer, name, address, share in (
        (second, "h2", "10.98.0.2", "10.200.1.0/24"),
        (third, "h3", "fd00::3", "10.200.2.0/24"),
    ):
        assert peer.get_attr("WGPEER_A_PUBLIC_KEY").decode() == KEYS[name]
        assert peer.get_attr("WGPEER_A_FLAGS") == 2
        endpoint = peer.get_attr("WGPEER_A_ENDPOINT")
        assert (endpoint["addr"], endpoint["port"]) == (address, 51820)
        assert [one["addr"] for one in peer.get_attr("WGPEER_A_ALLOWEDIPS")] == [share]
    # what the kernel would answer: the same attributes, without the flags
    answer = wireguard.device([body])
    assert answer["peers"][base64.b64decode(KEYS["h3"])] == {"10.200.2.0/24"}
    assert answer["port"] == 51820
