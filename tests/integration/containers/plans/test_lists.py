# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Lists of containers: planned as one, made in an order, with those that join others."""

from __future__ import annotations

import pytest
from pycontainer import containers
from pycontainer.containers import task
from pycontainer.errors import Conflict, EngineError, InvalidInput
from support.container_tasks import base, do, sh


def test_list_of_containers(engine):
    items = [dict(base(), name="box%d" % number, memory="32m") for number in range(5)] + [
        dict(base(network_mode="container:box0"), name="side")
    ]
    params = {"name": None, "containers": items}
    first = task.container(engine, params)
    assert first["changed"] and [result["name"] for result in first["results"]] == [
        item["name"] for item in items
    ]
    assert all(result["container"]["State"]["Running"] for result in first["results"])
    assert not task.container(engine, params)["changed"]
    mixed = [
        dict(base(), name="box0", memory="40m"),
        {"name": "box1", "state": "absent"},
        dict(base(command=["/nope"]), name="fails"),
        dict(base(), name="good"),
    ]
    with pytest.raises(EngineError, match="1 of 4") as caught:
        task.container(engine, {"containers": mixed, "parallel": 2})
    results = {result["name"]: result for result in caught.value.results}
    assert (
        results["fails"]["failed"]
        and "nope" in results["fails"]["msg"]
        and results["good"]["container"]["State"]["Running"]
    )
    assert (
        results["box0"]["container"]["HostConfig"]["Memory"] == 40 << 20
        and results["box1"]["container"] == {}
    )


def test_who_joins_a_container_that_a_list_makes_anew_is_made_anew_with_it(engine):
    """In whatever order, and in check mode as in earnest; alone, its task says who is left with the old one's namespaces."""

    def whole(number):
        return {
            "containers": [
                dict(base(pid_mode="container:side"), name="last"),
                dict(base(network_mode="container:first"), name="side"),
                dict(base(env={"NUMBER": number}), name="first"),
            ]
        }

    task.container(engine, whole("1"))
    engine.check = True
    planned = task.container(engine, whole("2"))["actions"]
    engine.check = False
    assert planned == [
        "replace container last because of pid_mode",
        "replace container side because of network_mode",
        "replace container first because of env",
    ]
    assert (
        task.container(engine, whole("2"))["actions"] == planned
        and not task.container(engine, whole("2"))["changed"]
    )
    spaces = [sh(engine, "readlink /proc/self/ns/net", name) for name in ("first", "side")]
    assert spaces[0] == spaces[1]
    alone = do(engine, name="first", **base(env={"NUMBER": "3"}))
    assert alone["warnings"] == [
        "container side has network_mode container:first: it stays with the namespace of the old "
        "one until it is made anew"
    ]


def test_who_joins_a_container_that_is_restarted_joins_it_again(engine):
    """Alone and in a list with on_change: restart for all of it."""

    def whole(number):
        return [
            dict(base(pid_mode="container:side"), name="last"),
            dict(base(network_mode="container:web"), name="side"),
            dict(base(env={"A": number}), name="web"),
        ]

    def same(kind, *names):
        return len({sh(engine, f"readlink /proc/self/ns/{kind}", name) for name in names}) == 1

    task.container(engine, {"containers": whole("1")})
    told = [f"restart container {name}, which has a namespace of web" for name in ("side", "last")]
    wanted = base(env={"A": "2"}, on_change="restart")
    planned = do(engine, True, **wanted)
    assert planned["actions"] == ["restart container web because of env", *told]
    done = do(engine, **wanted)
    assert done["actions"] == planned["actions"] and done["warnings"] == []
    assert (
        same("net", "web", "side") and same("pid", "side", "last") and sh(engine, "echo $A") == "2"
    )
    assert do(engine, state="restarted")["actions"] == ["restart container web", *told]
    assert same("net", "web", "side") and same("pid", "side", "last")
    restarting = [dict(item, on_change="restart") for item in whole("3")]
    done = task.container(engine, {"containers": restarting})
    assert done["actions"] == planned["actions"] and done["results"][2]["downtime"] > 0
    assert (
        same("net", "web", "side") and same("pid", "side", "last") and sh(engine, "echo $A") == "3"
    )
    assert not task.container(engine, {"containers": restarting})["changed"]
    again = [dict(item, state="restarted") for item in restarting]
    done = task.container(engine, {"containers": again})
    assert sorted(done["actions"]) == [
        f"restart container {name}" for name in ("last", "side", "web")
    ]
    assert same("net", "web", "side") and same("pid", "side", "last")
    restarting[2]["volumes"] = ["/data"]
    with pytest.raises(Conflict, match=r"made anew \(on_change restart\) because of volumes"):
        task.container(engine, {"containers": restarting})
    with pytest.raises(InvalidInput, match="on_change"):
        task.container(engine, {"containers": restarting, "on_change": "restart"})


def test_list_is_checked_before_anything_is_changed(engine):
    for bad in (
        dict(base(), name="bad", volumes=["/does/not/exist:/x"]),
        dict(base(), name="good"),
        dict(base(), name="bad", cpus="many"),
    ):
        with pytest.raises(EngineError):
            task.container(engine, {"containers": [dict(base(), name="good"), bad]})
        assert containers.every(engine) == []
