# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the administrator settles for a host: written by the module, read by every task, refused where it makes no sense."""

from __future__ import annotations

import json
import os

import pytest
from pycontainer.errors import Conflict, HostError, InvalidInput, Unsupported
from pycontainer.host import info, task
from pycontainer.images.library import layer_store
from pycontainer.kernel.mounts import erofs
from pycontainer.networks.pools import choose
from pycontainer.store import settings


@pytest.fixture
def plan(engine, tmp_path):
    params = {
        "state": "present",
        "command": str(tmp_path / "bin" / "pycontainer"),
        "boot": False,
        "interpreter": None,
        "layers": None,
        "selinux": None,
        "container_ids": None,
        "default_address_pools": None,
        "secrets_key": None,
        "force": False,
        "delete_data": False,
    }
    return lambda **changes: task.plan(engine, dict(params, **changes))


def test_layers_are_settled_by_the_module(engine, plan):
    plan().apply()
    assert not os.path.exists(engine.paths.config) and layer_store.kind(engine) == "directory"
    changing = plan(layers="auto")
    assert [change.action for change in changing.changes] == [
        f"set layers to auto in {engine.paths.config}"
    ]
    changing.apply()
    assert not plan(layers="auto").changes and not plan().changes
    assert layer_store.kind(engine) == (
        "directory" if layer_store.why_no_erofs(engine) else "erofs"
    )
    assert plan().facts()["host"]["layers"] == "auto"
    plan(state="absent", delete_data=True).apply()
    assert not os.path.exists(engine.paths.config)


def test_a_host_without_erofs_says_so(engine, plan, monkeypatch):
    monkeypatch.setattr(erofs, "why_not", lambda directory: "no EROFS here")
    with pytest.raises(Unsupported, match="layers: erofs: no EROFS here"):
        plan(layers="erofs")
    settings.write(engine.paths.config, {"layers": "erofs"})
    with pytest.raises(Unsupported, match="no EROFS here"):
        layer_store.kind(engine)
    settings.write(engine.paths.config, {"layers": "auto"})
    assert layer_store.kind(engine) == "directory"
    assert info.info(engine)["features"]["erofs_layers"]["reason"] == "no EROFS here"


@pytest.mark.parametrize(
    "text, sentence",
    [
        ("{", "is not JSON ("),
        ("[]", "is JSON, but not an object"),
        (
            '{"layer": "erofs"}',
            "there is no setting 'layer'; accepted are: layers, selinux, container_ids, secrets_key, default_address_pools",
        ),
        (
            '{"container_ids": "100-200"}',
            "container_ids: '100-200' is not valid; accepted: FIRST-LAST, with 65536 or more ids, "
            "from 65536 to 4294967294",
        ),
        ('{"container_ids": 65536}', "container_ids: 65536 is not valid"),
        ('{"layers": "tar"}', 'layers is "tar"; accepted are: directory, erofs, auto'),
        ('{"layers": ["erofs"]}', "accepted are: directory, erofs, auto"),
        ('{"selinux": 1}', "selinux is 1; accepted are: false, true"),
        ('{"selinux": "yes"}', "accepted are: false, true"),
    ],
)
def test_a_file_that_makes_no_sense(engine, text, sentence):
    with open(engine.paths.config, "w") as file:
        file.write(text)
    with pytest.raises(HostError, match="config.json") as caught:
        layer_store.kind(engine)
    assert sentence in str(caught.value)


def test_where_it_lies():
    from pycontainer.store import paths

    assert (
        paths.Paths().config == "/etc/pycontainer/config.json"
        and paths.Paths("/x", "/y").config == "/x/config.json"
    )


def test_what_is_written(tmp_path):
    path = str(tmp_path / "etc" / "config.json")
    settings.write(path, {"layers": "erofs"})
    assert json.load(open(path)) == {"layers": "erofs"} and settings.read(path) == {
        "layers": "erofs",
        "selinux": False,
        "default_address_pools": None,
        "secrets_key": None,
        "container_ids": None,
    }
    settings.write(path, {})
    assert not os.path.exists(path) and settings.read(path) == {
        "layers": "directory",
        "selinux": False,
        "container_ids": None,
        "default_address_pools": None,
        "secrets_key": None,
    }


def test_ids_are_settled_by_the_module(engine, plan):
    plan(container_ids="2100000000-2147483647").apply()
    assert json.load(open(engine.paths.config)) == {"container_ids": "2100000000-2147483647"}
    assert (
        not plan(container_ids="2100000000-2147483647").changes
        and plan().facts()["host"]["container_ids"] == "2100000000-2147483647"
    )


@pytest.mark.parametrize(
    "value",
    [
        "",
        "2100000000",
        "2100000000-",
        "a-b",
        "2147483647-2100000000",
        "65536-131070",
        "65535-200000",
        "65536-4294967295",
        "-1-900000",
        "65536-99999999999999",
        "٦٥٥٣٦-200000",
    ],
)
def test_other_ranges_are_refused(value):
    with pytest.raises(
        InvalidInput,
        match="^container_ids: .* is not valid; accepted: FIRST-LAST, with 65536 or more ids",
    ):
        settings.check_ids(value)


def test_address_pools_are_settled_by_the_module(engine, plan):
    pools = [{"base": "10.20.0.0/16", "size": 24}, {"base": "fd12:3456:789a::/48", "size": 64}]
    plan(default_address_pools=pools).apply()
    assert json.load(open(engine.paths.config)) == {"default_address_pools": pools}
    assert not plan(default_address_pools=pools).changes
    assert choose(engine.paths, 4, "none0", []) == "10.20.0.0/24"
    assert choose(engine.paths, 6, "none0", []) == "fd12:3456:789a::/64"
    taken = [{"pools": [{"subnet": "10.20.0.0/23"}]}]
    assert choose(engine.paths, 4, "none0", taken) == "10.20.2.0/24"
    everything = [{"name": "all", "pools": [{"subnet": "10.0.0.0/8"}]}]
    with pytest.raises(Conflict, match="no private IPv4 subnet .* 10.20.0.0/16 .* default_address"):
        choose(engine.paths, 4, "none0", everything)
    plan(default_address_pools=[]).apply()
    assert not os.path.exists(engine.paths.config)


@pytest.mark.parametrize(
    "pools, said",
    [
        ([{"base": "10.20.0.0", "size": 33}], "default_address_pools.size: 33 is not valid"),
        ([{"base": "10.20.0.0/16", "size": 8}], "default_address_pools.size: 8 is not valid"),
        ([{"base": "10.20.0.1/16", "size": 24}], "default_address_pools: "),
        ([{"base": "x", "size": 24}], "default_address_pools: "),
        ([{"base": "10.20.0.0/16"}], "default_address_pools: "),
    ],
)
def test_bad_address_pools(plan, pools, said):
    with pytest.raises(InvalidInput) as error:
        plan(default_address_pools=pools)
    assert str(error.value).startswith(said)
