# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The examples of docs/networks.md do what stands beside them: the tasks' options are planned and carried out, the commands run."""

from __future__ import annotations

import pathlib
import re

import pytest
import yaml
from pycontainer import cli
from pycontainer.networks import definition, task
from pycontainer.reconcile import carry_out

PAGE = (pathlib.Path(__file__).parents[3] / "docs" / "networks.md").read_text()
TASKS = [
    entry
    for block in re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
    for entry in yaml.safe_load(block)
]


def options_of(kind):
    return [
        (entry["name"], entry[f"pycontainer.engine.{kind}"])
        for entry in TASKS
        if f"pycontainer.engine.{kind}" in entry
    ]


def test_networks_of_the_page_are_made(net):
    """Each as its task says, twice, side by side on one host."""
    engine = net.engine()
    for name, params in options_of("network"):
        if params.get("driver", "bridge") != "bridge":
            continue  # those have tests of their own
        made = carry_out(task.plan(engine, {"state": "present", **params}), False)
        assert made["changed"], name
        assert not carry_out(task.plan(engine, {"state": "present", **params}), False)["changed"]
    shown = {
        entry["Name"]: entry
        for entry in task.info(engine, {"name": None, "filters": None})["networks"]
    }
    assert shown["dual"]["EnableIPv6"] and shown["dual"]["EnableIPv4"]
    assert shown["six"]["EnableIPv6"] and not shown["six"]["EnableIPv4"]
    assert shown["chosen"]["IPAM"]["Config"][0] == {
        "Subnet": "172.28.0.0/24",
        "Gateway": "172.28.0.254",
        "IPRange": "172.28.0.128/25",
        "AuxiliaryAddresses": {"printer": "172.28.0.129"},
    }
    db = net.container(
        engine, "a", "chosen", wanted_ip="172.28.0.140", wanted_ip6="fd12:3456:789b::40"
    )
    other = net.container(engine, "b", "chosen")
    assert other.address == "172.28.0.128"
    assert other.ask("172.28.0.140", 80) == "172.28.0.128 HELLO"
    assert db.ask(other.address6, 80) == "fd12:3456:789b::40 HELLO"


@pytest.mark.parametrize("name, params", options_of("container"))
def test_options_of_the_pages_containers(name, params):
    from pycontainer.containers import options

    said = {key: value for key, value in params.items() if key not in ("name", "image", "state")}
    options.check(options.definition(said))


def test_commands_of_the_page_are_read():
    lines = [
        line
        for block in re.findall(r"```shell\n(.*?)```", PAGE, re.DOTALL)
        for line in block.splitlines()
        if line.startswith("pycontainer ")
    ]
    assert len(lines) > 4
    for line in lines:
        cli.read(line.split()[1:])


def test_pools_of_the_page():
    (params,) = [params for name, params in options_of("network") if params["name"] == "chosen"]
    pools = definition.wanted(params)["pools"]
    assert [pool["subnet"] for pool in pools] == ["172.28.0.0/24", "fd12:3456:789b::/64"]
