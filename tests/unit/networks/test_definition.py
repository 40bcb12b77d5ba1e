# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a task may say of a network, and what becomes of it."""

from __future__ import annotations

import pytest
from pycontainer.errors import EngineError, InvalidInput, Unsupported
from pycontainer.networks import definition


def wanted(**params):
    return definition.wanted(dict({"name": "web"}, **params))


def test_only_what_is_named():
    assert wanted() == {}
    assert wanted(
        internal=False, driver="bridge", enable_ipv4=True, enable_ipv6=False, labels=None
    ) == {"internal": False}


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


@pytest.mark.parametrize("value", [True, None, ["a"], {"a": "b"}])
def test_labels_are_not_guessed(value):
    with pytest.raises(InvalidInput, match="^labels.backup: "):
        wanted(labels={"backup": value})


def test_ipam():
    assert wanted(ipam_config=[]) == {"automatic": True}
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
        "automatic": False,
        "subnet": "172.28.0.0/16",
        "ip_range": "172.28.5.0/24",
        "gateway": "172.28.0.2",
        "aux_addresses": {"a": "172.28.0.1"},
    }


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
        ({"subnet": "fd00::/64"}, "ipam_config.subnet"),
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
        {"driver": "overlay"},
        {"driver_options": {"com.docker.network.bridge.enable_icc": "false"}},
        {"driver_options": {definition.MTU_OPTION: "big"}},
        {"driver_options": {definition.MTU_OPTION: 67}},
        {"driver_options": {definition.BRIDGE_OPTION: "sixteen-letters."}},
        {"driver_options": {definition.BRIDGE_OPTION: "a/b"}},
        {"driver_options": {definition.BRIDGE_OPTION: "lo"}},
        {"driver_options": {definition.MASQUERADE_OPTION: "maybe"}},
        {"ipam_config": [{"subnet": "10.0.0.0/24"}, {"subnet": "10.1.0.0/24"}]},
    ],
)
def test_bad_options(params):
    with pytest.raises(InvalidInput):
        wanted(**params)


def test_ipv6_is_refused_with_a_sentence():
    for params in ({"enable_ipv6": True}, {"enable_ipv4": False}):
        with pytest.raises(Unsupported, match=next(iter(params))):
            wanted(**params)


def test_errors_are_one_line():
    with pytest.raises(EngineError) as error:
        wanted(driver_options={"x\ny": 1})
    assert "\n" not in str(error.value)
