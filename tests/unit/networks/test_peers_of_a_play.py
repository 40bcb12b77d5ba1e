# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the controller's half of the module network makes of a play's hosts."""

from __future__ import annotations

import pytest

errors = pytest.importorskip("ansible.errors")


def play(**hosts):
    """Variables as a task of h1 has them. :param hosts: name -> what the host has, None for one that is down."""
    return {
        "inventory_hostname": "h1",
        "ansible_play_hosts_all": sorted(hosts),
        "ansible_play_hosts": sorted(name for name, has in hosts.items() if has is not None),
        "groups": {"all": sorted(hosts)},
        "hostvars": {
            name: {
                "ansible_host": f"10.0.0.{name[1:]}",
                "ansible_facts": {} if has is None else {"pycontainer_overlays": has},
            }
            for name, has in hosts.items()
        },
    }


def peers(variables):
    from ansible_collections.pycontainer.engine.plugins.action import network

    return network._peers({"name": "fleet"}, variables)


def test_the_hosts_of_the_play_with_what_they_have():
    has = {"share": "10.200.7.0/24", "containers": {"web": ["10.200.7.2"]}, "address": "10.1.0.2"}
    found, down = peers(play(h1={}, h2={"fleet": has}))
    assert down == [] and [one["name"] for one in found] == ["h1", "h2"]
    nothing = {"share": None, "containers": None, "public_key": None}
    assert found[0] == {"name": "h1", "address": "10.0.0.1", **nothing}
    assert found[1] == dict(has, name="h2", public_key=None)
    has["key"] = "its public key"
    assert peers(play(h1={}, h2={"fleet": has}))[0][1]["public_key"] == "its public key"


def test_a_host_that_is_down_keeps_what_is_known_of_it():
    known = {"h2": {"address": "10.1.0.2", "share": "10.200.7.0/24"}}
    found, down = peers(play(h1={"fleet": {"peers": known, "address": "10.0.0.1"}}, h2=None))
    assert down == ["h2"] and found[1]["share"] == "10.200.7.0/24"


def test_a_host_that_was_not_asked_is_named():
    variables = play(h1={}, h2={})
    del variables["hostvars"]["h2"]["ansible_facts"]
    with pytest.raises(errors.AnsibleActionFail, match="what h2 has of network fleet is not known"):
        peers(variables)


def test_an_address_that_is_not_known_is_asked_for():
    variables = play(h1={}, h2={})
    variables["hostvars"]["h2"]["ansible_host"] = "name.example"
    with pytest.raises(errors.AnsibleActionFail, match="reach h2 is not known"):
        peers(variables)
