# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a task may say of a network, and what becomes of it."""

from __future__ import annotations

import ast
import pathlib

import pytest
from pycontainer.cli import command_table
from pycontainer.errors import EngineError, InvalidInput
from pycontainer.networks import definition

CHECKOUT = pathlib.Path(__file__).resolve().parents[3]


def wanted(**params):
    return definition.wanted(dict({"name": "web"}, **params))


def test_only_what_is_named():
    assert wanted() == {}
    assert wanted(
        internal=False, driver="bridge", enable_ipv4=True, enable_ipv6=False, labels=None
    ) == {"driver": "bridge", "internal": False, "ipv4": True, "ipv6": False}


def test_labels_and_driver_options_are_text():
    found = wanted(
        labels={"n": 1},
        driver_options={definition.MTU_OPTION: 1400, definition.MASQUERADE_OPTION: False},
    )
    assert found["labels"] == {"n": "1"}
    assert (found["mtu"], found["masquerade"]) == (1400, False)
    assert found["driver_options"] == {
        definition.MTU_OPTION: "1400",
        definition.MASQUERADE_OPTION: "false",
    }


def test_interface_name_is_the_bridge_or_the_parent():
    assert wanted(interface_name="br1") == {"bridge": "br1"}
    assert definition.wanted({"name": "web", "interface_name": "eth1"}, "ipvlan") == {
        "parent": "eth1"
    }
    new = wanted(driver="macvlan", interface_name="eth1")
    assert (new["parent"], new["mode"], new["driver_options"]) == ("eth1", "bridge", {})


@pytest.mark.parametrize("value", [True, None, ["a"], {"a": "b"}])
def test_labels_are_not_guessed(value):
    with pytest.raises(InvalidInput, match="^labels.backup: "):
        wanted(labels={"backup": value})


def test_ipam():
    assert wanted(ipam_config=[]) == {"pools": []}
    found = wanted(
        ipam_config=[
            {
                "subnet": "172.28.0.0/16",
                "iprange": "172.28.5.0/24",
                "gateway": None,
                "aux_addresses": {"a": "172.28.0.1"},
            }
        ]
    )
    assert found == {
        "pools": [
            {
                "automatic": False,
                "subnet": "172.28.0.0/16",
                "ip_range": "172.28.5.0/24",
                "gateway": "172.28.0.2",
                "aux_addresses": {"a": "172.28.0.1"},
            }
        ]
    }


def test_subnets_of_both_families():
    found = wanted(
        ipam_config=[
            {
                "subnet": "fd00:0:0:1::/64",
                "gateway": "fd00::1:0:0:0:fe",
                "iprange": "fd00:0:0:1::/96",
            },
            {"subnet": "10.1.0.0/24"},
            {"subnet": "10.2.0.0/24"},
        ]
    )
    assert found["ipv6"] is True
    assert [(pool["subnet"], pool["gateway"]) for pool in found["pools"]] == [
        ("10.1.0.0/24", "10.1.0.1"),
        ("10.2.0.0/24", "10.2.0.1"),
        ("fd00:0:0:1::/64", "fd00:0:0:1::fe"),
    ]


def test_a_row_of_an_older_version():
    old = {
        "name": "web",
        "subnet": "10.1.0.0/24",
        "gateway": "10.1.0.1",
        "ip_range": None,
        "aux_addresses": {"a": "10.1.0.9"},
        "automatic": True,
        "mtu": 1500,
    }
    found = definition.whole(dict(old))
    assert found["pools"] == [
        {
            "subnet": "10.1.0.0/24",
            "gateway": "10.1.0.1",
            "ip_range": None,
            "aux_addresses": {"a": "10.1.0.9"},
            "automatic": True,
        }
    ]
    assert (found["ipv4"], found["ipv6"], found["mtu"]) == (True, False, 1500)
    assert "subnet" not in found and definition.whole(found) == found


@pytest.mark.parametrize(
    "name", ["", "-a", "a b", "a/b", "../x", "a\n", "x" * 129, "host", "none", "ä", 7]
)
def test_bad_names(name):
    with pytest.raises(InvalidInput) as error:
        definition.check_name(name)
    assert error.value.option == "name"


@pytest.mark.parametrize(
    "entry, option",
    [
        ({"subnet": "172.28.0.1/16"}, "ipam_config.subnet"),
        ({"subnet": "nonsense"}, "ipam_config.subnet"),
        ({"subnet": None}, "ipam_config.subnet"),
        ({"subnet": "fd00::/127"}, "ipam_config.subnet"),
        ({"subnet": "fe80::/64"}, "ipam_config.subnet"),
        ({"subnet": "ff02::/64"}, "ipam_config.subnet"),
        ({"subnet": "::/64"}, "ipam_config.subnet"),
        ({"subnet": "fd00::1/64"}, "ipam_config.subnet"),
        ({"subnet": "fd00::/64", "gateway": "fd00::"}, "ipam_config.gateway"),
        ({"subnet": "fd00::/64", "gateway": "10.0.0.1"}, "ipam_config.gateway"),
        ({"subnet": "fd00::/64", "iprange": "fd01::/96"}, "ipam_config.iprange"),
        ({"subnet": "fd00::/64", "iprange": "10.0.0.0/24"}, "ipam_config.iprange"),
        ({"subnet": "fd00::/64", "aux_addresses": {"x": "fd01::7"}}, "ipam_config.aux_addresses.x"),
        ({"subnet": "10.0.0.0/31"}, "ipam_config.subnet"),
        ({"subnet": "127.0.0.0/16"}, "ipam_config.subnet"),
        ({"subnet": "0.0.0.0/0"}, "ipam_config.subnet"),
        ({"subnet": "224.0.0.0/8"}, "ipam_config.subnet"),
        ({"subnet": "10.0.0.0/24", "iprange": "10.0.1.0/25"}, "ipam_config.iprange"),
        ({"subnet": "10.0.0.0/24", "iprange": "10.0.0.1/25"}, "ipam_config.iprange"),
        ({"subnet": "10.0.0.0/24", "gateway": "10.0.1.1"}, "ipam_config.gateway"),
        ({"subnet": "10.0.0.0/24", "gateway": "10.0.0.0"}, "ipam_config.gateway"),
        ({"subnet": "10.0.0.0/24", "gateway": "10.0.0.255"}, "ipam_config.gateway"),
        (
            {"subnet": "10.0.0.0/24", "gateway": "10.0.0.7", "aux_addresses": {"x": "10.0.0.7"}},
            "ipam_config.gateway",
        ),
        (
            {"subnet": "10.0.0.0/24", "aux_addresses": {"x": "10.0.1.7"}},
            "ipam_config.aux_addresses.x",
        ),
        (
            {"subnet": "10.0.0.0/30", "aux_addresses": {"x": "10.0.0.1", "y": "10.0.0.2"}},
            "ipam_config.aux_addresses",
        ),
    ],
)
def test_bad_ipam(entry, option):
    with pytest.raises(InvalidInput) as error:
        wanted(ipam_config=[entry])
    assert error.value.option == option


@pytest.mark.parametrize(
    "params",
    [
        {"driver_options": {"com.docker.network.bridge.enable_icc": "no"}},
        {"driver_options": {"com.docker.network.bridge.trusted_host_interfaces": "eth0"}},
        {"driver": "swarm"},
        {"driver": "macvlan"},
        {"peers": [{"address": "10.0.0.1"}]},
        *({"driver_options": {option: "bridged"}} for option in definition.GATEWAY_OPTIONS),
        {"driver_options": {definition.BINDING_OPTION: "localhost"}},
        {"interface_name": "lo"},
        {"interface_name": "br1", "driver_options": {definition.BRIDGE_OPTION: "br2"}},
        {"driver": "macvlan", "interface_name": "a/b"},
        {"name": "bridge", "disable_dns": False},
        {"driver_options": {definition.MTU_OPTION: "big"}},
        {"driver_options": {definition.MTU_OPTION: 67}},
        {"driver_options": {definition.BRIDGE_OPTION: "sixteen-letters."}},
        {"driver_options": {definition.BRIDGE_OPTION: "a/b"}},
        {"driver_options": {definition.BRIDGE_OPTION: "lo"}},
        {"driver_options": {definition.MASQUERADE_OPTION: "maybe"}},
        {"ipam_config": [{"subnet": "10.0.0.0/16"}, {"subnet": "10.0.1.0/24"}]},
        {"ipam_config": [{"subnet": "fd00::/64"}], "enable_ipv6": False},
        {"ipam_config": [{"subnet": "10.0.0.0/24"}], "enable_ipv4": False, "enable_ipv6": True},
    ],
)
def test_bad_options(params):
    with pytest.raises(InvalidInput):
        wanted(**params)


@pytest.mark.parametrize(
    "ipv4, ipv6, mtu, option",
    [
        (False, False, 1500, "enable_ipv4"),
        (True, True, 1279, "driver_options.com.docker.network.driver.mtu"),
    ],
)
def test_families_that_can_not_be(ipv4, ipv6, mtu, option):
    with pytest.raises(InvalidInput) as error:
        definition.check_families({"ipv4": ipv4, "ipv6": ipv6, "mtu": mtu})
    assert error.value.option == option


def test_errors_are_one_line():
    with pytest.raises(EngineError) as error:
        wanted(driver_options={"x\ny": 1})
    assert "\n" not in str(error.value)


def module_options():
    """The argument spec of the module ``network``, read from its source: it needs Ansible to be imported."""
    tree = ast.parse((CHECKOUT / "plugins/modules/network.py").read_text())
    call = next(
        node
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "_frontend.run"
    )
    return ast.literal_eval(call.args[2])


# Options that are no field: what a task does, and what becomes fields together with others (definition.wanted).
BESIDE = {"name", "state", "force", "ipam_config", "interface_name", "peers", "peer_name"}
BESIDE |= {"key_max_age"}


def test_every_option_is_a_field_or_read_apart():
    fields = {field.option.partition(".")[0] for field in definition.FIELDS.values()} - {"mode"}
    assert fields | BESIDE == set(module_options()) and not fields & BESIDE


def test_every_flag_says_an_option():
    create = next(one for one in command_table.COMMANDS if one.names[0] == "network create")
    said = {flag.option for flag in create.flags if flag.reads != "apart"}
    assert said <= set(module_options())
    assert {flag.key for flag in create.flags if flag.reads == "apart"} == {
        *("subnet", "gateway", "ip_range", "aux_address", "peer")
    }
