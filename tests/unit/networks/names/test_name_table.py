# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who has which name, and for whom."""

from __future__ import annotations

import os

import pytest
from pycontainer.networks.drivers import remote_names
from pycontainer.networks.names import name_table
from pycontainer.store.paths import Paths

ADDRESSES = {"front": "10.1.0.%d/24", "back": "10.2.0.%d/24"}


@pytest.fixture
def table(tmp_path):
    return name_table.Table(Paths(str(tmp_path / "data"), str(tmp_path / "run")))


def member(table, number, names, **more):
    ident = f"{number:064x}"
    os.makedirs(table.paths.container(ident), exist_ok=True)
    attachments = [
        {"network": network, "address": ADDRESSES[network] % number} for network in names
    ]
    found = name_table.Member(
        ident, {"network": {"attachments": attachments, "names": names, **more}}
    )
    table.put(found, True)
    return found


def found(table, asker, name):
    addresses = table.find(asker, name)
    return addresses and [".".join(map(str, one)) for one in addresses]


def test_names_are_of_networks(table):
    web = member(table, 2, {"front": ["web", "Shop"]})
    both = member(table, 3, {"front": ["both"], "back": ["both", "shop"]})
    back = member(table, 4, {"back": ["peer", "shop"]})
    assert found(table, web, "both") == ["10.1.0.3"] and found(table, back, "both") == ["10.2.0.3"]
    assert found(table, web, "peer") is None is found(table, back, "web")
    assert found(table, both, "shop") == ["10.1.0.2"]  # of its first network
    assert found(table, both, "shop.back") == ["10.2.0.3", "10.2.0.4"]
    assert found(table, web, "shop.back") is None


def test_links_come_first_and_are_ones_own(table):
    member(table, 2, {"front": ["web"]})
    member(table, 3, {"front": ["db"]})
    ask = member(table, 4, {"front": ["ask"]}, links={"web": "db", "gone": "nobody"})
    by_id = member(table, 5, {"front": ["more"]}, links={"base": f"{3:064x}"})
    assert found(table, ask, "web") == ["10.1.0.3"] and found(table, ask, "gone") == []
    assert found(table, by_id, "web") == ["10.1.0.2"] and found(table, by_id, "base") == []


def test_what_does_not_run_is_known_until_it_is_removed(table):
    web = member(table, 2, {"front": ["web"]})
    ask = member(table, 3, {"front": ["ask"]})
    table.ended(web.ident)
    assert found(table, ask, "web") == [] and table.owner(ask, b"\n\1\0\2") == ""
    table.put(web, True)
    assert found(table, ask, "web") == ["10.1.0.2"]
    table.ended(web.ident)
    os.rmdir(table.paths.container(web.ident))
    assert found(table, ask, "web") is None
    table.forget_removed()
    assert set(table.members) == {ask.ident}


def test_owners(table):
    member(table, 2, {"front": ["web", "shop"]})
    ask = member(table, 3, {"front": ["ask"]})
    back = member(table, 4, {"back": ["peer"]})
    address = bytes((10, 1, 0, 2))
    assert table.owner(ask, address) == "web.front" and table.owner(back, address) is None
    assert table.owner(ask, bytes((10, 1, 0, 99))) == ""
    assert table.owner(ask, bytes((8, 8, 8, 8))) is None is table.owner(ask, bytes(16))


def test_a_container_of_an_older_version(table):
    old = {
        "name": "old",
        "network": {"attachments": [{"network": "front", "address": "10.1.0.9/24"}]},
    }
    found_old = name_table.Member("f" * 64, old)
    assert not found_old.served and found_old.names == {"front": ["old", "f" * 12]}
    default = {
        "name": "x",
        "network": {"attachments": [{"network": "bridge", "address": "1.2.3.4/8"}]},
    }
    assert name_table.Member("e" * 64, default).names == {}


def test_names_change(table):
    web = member(table, 2, {"front": ["web", "shop"]})
    ask = member(table, 3, {"front": ["ask"]})
    before = table.generation
    member(table, 2, {"front": ["site"]})
    assert table.generation > before
    assert found(table, ask, "web") is None is found(table, ask, "shop")
    assert found(table, web, "site") == ["10.1.0.2"]


def test_names_of_other_hosts_are_known_when_they_are_written(table):
    web = member(table, 2, {"front": ["web"]})
    before = table.generation
    assert found(table, web, "far") is None and table.generation == before
    overlay = {"peers": {"h2": {"containers": {"Far": ["10.1.9.2"], "web": ["10.1.9.3"]}}}}
    remote_names.write(table.paths, [{"name": "front", "overlay": overlay}])
    assert table.generation != before
    assert found(table, web, "far") == ["10.1.9.2"]
    assert found(table, web, "web") == ["10.1.0.2", "10.1.9.3"], "of here first"
    assert table.owner(web, bytes([10, 1, 9, 2])) == "far.front"
    remote_names.write(table.paths, [])
    assert table.generation and found(table, web, "far") is None
