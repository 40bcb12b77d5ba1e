# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a change of a container costs, over SSH: on_change and drain_timeout, in check mode and in earnest, for one and for lists."""

from __future__ import annotations

import pytest
from hosts.conftest import fleet_of
from support.fleet import standins

CONTAINER = "pycontainer.engine.container"
CHECK = {"test": ["CMD", "wget", "-qO-", "http://127.0.0.1/"], "interval": "100ms"}


@pytest.fixture(scope="module")
def host():
    with fleet_of(1, "changes") as made:
        standins.prepare(made)
        yield made


def changes(play, host, task):
    """Give a task in check mode, for real, and again; return the result of the real one."""
    modes = ({"check_mode": True, "diff": True}, {"diff": True}, {})
    checked, done, again = play(host, [dict({CONTAINER: task}, **mode) for mode in modes]).results(
        "h1"
    )
    assert checked["changed"] and done["changed"] and not again["changed"]
    assert checked["actions"] == done["actions"]
    assert checked["diff"] == done["diff"]
    return done


def test_what_a_change_costs(play, host):
    web = {
        "name": "web",
        "image": "web:1",
        "published_ports": ["8080:80"],
        "healthcheck": CHECK,
        "state": "healthy",
    }
    image = {"name": "web:1", "source": "import", "path": standins.ROOT, "config": standins.SERVER}
    first = play(
        host,
        [{"pycontainer.engine.host": {}}, {"pycontainer.engine.image": image}, {CONTAINER: web}],
    ).results("h1")[-1]["container"]["Id"]
    done = changes(play, host, dict(web, env={"A": "1"}, on_change="restart"))
    assert done["container"]["Id"] == first and done["downtime"] > 0
    done = changes(play, host, dict(web, env={"A": "2"}, drain_timeout=20))
    assert done["container"]["Id"] != first
    assert done["downtime"] == 0 and done["drained"]["cut"] == 0
    assert (
        host.execute("h1", "busybox", "wget", "-qO-", "http://127.0.0.1:8080").stdout == "Hello\n"
    )
    refused = play(host, [{CONTAINER: dict(web, env={"A": "3"}, on_change="live")}], may_fail=True)
    assert "made anew or restarted (on_change live) because of env" in refused.errors["h1"][0]
    side = {
        "name": "side",
        "image": "web:1",
        "network_mode": "container:web",
        "command": ["sleep", "600"],
    }
    play(host, [{CONTAINER: {"containers": [web, side]}}])
    listed = [dict(web, env={"A": "3"}), dict(side, env={"A": "3"})]
    done = changes(
        play, host, {"containers": "{{ %s | map('combine', {'on_change': 'restart'}) }}" % listed}
    )
    assert done["results"][0]["downtime"] > 0 and done["results"][1]["downtime"] > 0
    host.execute("h1", "pycontainer", "rm", "-f", "side", "web")
