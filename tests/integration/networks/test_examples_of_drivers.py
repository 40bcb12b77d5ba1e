# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The networks of docs/network-drivers.md are made as they stand there, but for the parent's name."""

from __future__ import annotations

import pathlib
import re

import pytest
import yaml
from pycontainer.networks import task
from pycontainer.networks.drivers import link_kinds
from pycontainer.reconcile import carry_out

PAGE = pathlib.Path(__file__).resolve().parents[3] / "docs" / "network-drivers.md"


def examples():
    for block in re.findall(r"```yaml\n(.*?)```", PAGE.read_text(), re.S):
        for entry in yaml.safe_load(block):
            for one in entry.get("tasks", [entry]):
                if "pycontainer.engine.network" in one:
                    yield one["pycontainer.engine.network"]


@pytest.mark.parametrize("params", list(examples()), ids=lambda params: params["name"])
def test_an_example_is_made_and_changes_nothing_the_second_time(net, params):
    net.lan()
    kind = {"overlay": "vxlan"}.get(params.get("driver"), params.get("driver"))
    if (params.get("driver_options") or {}).get("encrypted"):
        kind = "wireguard"
    if kind and not link_kinds.supported(kind):
        pytest.skip(f"this kernel has no {kind} links")
    params = dict(params, state="present")
    if params.get("driver") == "macvlan":
        params["driver_options"] = {"parent": "up0"}
    if params.get("driver") == "overlay":
        params["peers"] = [{"address": "10.9.0.1"}, {"address": "10.9.0.2"}]
    engine = net.engine()
    assert carry_out(task.plan(engine, params), False)["changed"]
    assert not carry_out(task.plan(engine, params), False)["changed"]
