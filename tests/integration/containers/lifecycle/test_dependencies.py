# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""``depends_on``: what starts, stops and goes before what, in tasks, at a boot and at a shutdown."""

from __future__ import annotations

import pytest
from pycontainer import containers
from pycontainer.containers import task
from pycontainer.containers.client import monitor_client
from pycontainer.containers.lifecycle import boot
from pycontainer.containers.plans.batch import BatchFailed
from pycontainer.engine import Engine
from pycontainer.errors import ContainerFailed, InvalidInput, NotFound
from pycontainer.reconcile import carry_out

UP = {"test": ["CMD", "test", "-e", "/tmp/up"], "interval": "50ms", "retries": 1000}
COMES_UP = {
    "command": ["sh", "-c", "busybox rm -f /tmp/up; sleep .3; touch /tmp/up; exec sleep 1000"],
    "healthcheck": UP,
}
NEVER_UP = {"healthcheck": dict(UP, retries=1)}


def entry(name, **params):
    return dict(
        {"name": name, "image": "box:1", "network_mode": "none", "stop_timeout": 0}, **params
    )


def do(engine, name, check=False, **params):
    return carry_out(task.container(engine, entry(name, **params)), check)


def several(engine, *entries):
    return task.container(engine, {"containers": list(entries)})


def states(engine):
    return {
        record["name"]: containers.status(engine.paths, record["id"])["status"]
        for record in containers.every(engine)
    }


def moment(engine, name, key="started_at"):
    return containers.status(engine.paths, containers.find(engine, name)["id"])[key]


def halt(engine, *names):
    """End containers as a power cut does: what is wanted of them stays."""
    monitor_client.stop(engine.paths, [containers.find(engine, name)["id"] for name in names], 0)


@pytest.fixture(autouse=True)
def removed(engine, image):
    yield
    for record in containers.every(engine):
        containers.remove(engine, record, force=True)


def test_a_start_brings_up_what_it_depends_on(engine):
    do(engine, "store", state="present")
    do(engine, "db", state="present", depends_on=["store"], **COMES_UP)
    needs = {"db": {"condition": "service_healthy"}}
    said = [
        "start container store, which web depends on",
        "start container db, which web depends on",
        "create container web",
        "start container web",
    ]
    assert do(engine, "web", check=True, depends_on=needs)["actions"] == said
    assert "web" not in states(engine)
    done = do(engine, "web", depends_on=needs)
    assert done["actions"] == said
    assert done["container"]["Dependencies"] == [containers.find(engine, "db")["id"]]
    assert done["container"]["HostConfig"]["DependsOn"]["db"]["condition"] == "service_healthy"
    health = containers.inspect(engine, containers.find(engine, "db"))["State"]["Health"]
    assert health["Status"] == "healthy"
    assert moment(engine, "store") < moment(engine, "db") < moment(engine, "web")
    again = do(engine, "web", depends_on={"db": "healthy"})
    assert not again["changed"] and not do(engine, "web")["changed"]
    assert do(engine, "web", depends_on=["db"])["actions"] == ["change depends_on of container web"]


def test_what_has_to_have_ended_is_run_once(engine):
    run = {"command": ["sh", "-c", "sleep .2; echo done"]}
    do(engine, "migrate", state="present", **run)
    do(engine, "web", depends_on={"migrate": {"condition": "service_completed_successfully"}})
    ended = moment(engine, "migrate", "finished_at")
    assert states(engine) == {"migrate": "exited", "web": "running"}
    assert ended <= moment(engine, "web")
    do(engine, "web", state="stopped")
    assert do(engine, "web")["actions"] == ["start container web"]
    assert moment(engine, "migrate", "finished_at") == ended


def test_what_is_not_as_asked_for_keeps_others_from_their_start(engine):
    do(engine, "bad", state="present", command=["sh", "-c", "echo why; exit 3"])
    needs = {"bad": {"condition": "service_completed_successfully"}}
    with pytest.raises(
        ContainerFailed, match="web is not started: bad.* ended with exit code 3"
    ) as caught:
        do(engine, "web", depends_on=needs)
    assert caught.value.logs == "why\n" and "web" not in states(engine)
    do(engine, "sick", state="present", **NEVER_UP)
    with pytest.raises(ContainerFailed, match="sick, which it depends on, is unhealthy"):
        do(engine, "web", depends_on={"sick": "service_healthy"})
    optional = {
        "bad": {"condition": "service_completed_successfully", "required": False},
        "nobody": {"required": False},
    }
    done = do(engine, "web", depends_on=optional)
    assert [line.partition(", which")[0] for line in done["warnings"]] == [
        "container web is started although bad",
        "container web is started although nobody",
    ]
    do(engine, "slow", state="present", healthcheck=dict(UP, interval="1h"))
    with pytest.raises(ContainerFailed, match="slow.* is not healthy after 0.2 seconds"):
        do(engine, "late", depends_on={"slow": "service_healthy"}, healthy_wait_timeout=0.2)


def test_what_can_not_work_is_refused(engine):
    do(engine, "db", state="present")
    do(engine, "web", state="present", depends_on=["db"])
    with pytest.raises(InvalidInput, match="depends_on: 'db -> web -> db' is not valid"):
        do(engine, "db", depends_on=["web"])
    with pytest.raises(NotFound, match="depends_on: container nobody does not exist"):
        do(engine, "web", depends_on=["nobody"])
    with pytest.raises(InvalidInput, match="other containers"):
        do(engine, "web", depends_on=["web"])
    with pytest.raises(InvalidInput, match="container db has no health check"):
        do(engine, "web", depends_on={"db": "service_healthy"})
    for value in ({"db": {"condition": "ready"}}, {"db": {"wait": 1}}, ["a b"], 3):
        with pytest.raises(InvalidInput, match="^depends_on"):
            do(engine, "web", depends_on=value)
    with pytest.raises(InvalidInput, match="'one -> two -> one'"):
        several(engine, entry("one", depends_on=["two"]), entry("two", depends_on=["one"]))
    assert sorted(states(engine)) == ["db", "web"]


def test_a_list_starts_and_removes_in_order(engine):
    """The entries stand the wrong way round."""
    web = entry("web", depends_on={"db": "service_healthy"})
    several(engine, web, entry("db", **COMES_UP))
    assert moment(engine, "db") + 0.3 <= moment(engine, "web")
    assert not several(engine, web, entry("db", **COMES_UP))["changed"]
    gone = several(engine, entry("db", state="absent"), entry("web", state="absent"))
    assert gone["changed"] and not gone["warnings"] and states(engine) == {}
    job = entry("job", state="present", command=["true"])
    web = entry("web", depends_on={"job": "service_completed_successfully"})
    done = several(engine, web, job)
    assert "start container job, which web depends on" in done["actions"]
    assert states(engine) == {"job": "exited", "web": "running"}
    assert not several(engine, web, job)["changed"], "what has ended well is not run again"
    several(engine, entry("job", state="absent"), entry("web", state="absent"))
    bad = {"command": ["sh", "-c", "exit 3"]}
    with pytest.raises(BatchFailed) as caught:
        several(
            engine,
            entry("web", depends_on={"job": "completed"}),
            entry("job", **bad),
            entry("free"),
        )
    assert [bool(one.get("failed")) for one in caught.value.results] == [True, False, False]
    assert states(engine) == {"job": "exited", "free": "running"}


def test_restarts_go_along_and_names_follow(engine):
    do(engine, "db")
    do(engine, "web", depends_on={"db": {"restart": True}})
    do(engine, "other", depends_on=["db"])
    before = moment(engine, "web"), moment(engine, "other")
    done = do(engine, "db", command=["sleep", "900"])
    assert done["actions"][-1] == "restart container web, which depends on db"
    assert before[0] < moment(engine, "web") and before[1] == moment(engine, "other")
    with containers.held(engine, "db") as record:
        containers.rename(engine, record, "base")
    assert list(containers.find(engine, "web")["definition"]["depends_on"]) == ["base"]
    warnings = do(engine, "base", state="absent")["warnings"]
    assert warnings == ["container base is needed by other, web (depends_on)"]


def test_a_boot_starts_in_order_and_what_fails_hinders_no_other(engine):
    always = {"restart_policy": "always"}
    do(engine, "db", **COMES_UP)
    do(engine, "sick", state="present", **NEVER_UP)
    do(engine, "web", depends_on={"db": "service_healthy"}, **always)
    do(
        engine,
        "lone",
        depends_on={"sick": {"condition": "service_healthy", "required": False}},
        **always,
    )
    do(engine, "lone", depends_on={"sick": "service_healthy"})
    do(engine, "free", **always)
    halt(engine, "db", "web", "lone", "free", "sick")
    results = {
        containers.find(engine, ident)["name"]: error for ident, error in boot.boot(engine).items()
    }
    assert [name for name, error in sorted(results.items()) if error] == ["lone"]
    assert "sick, which it depends on, is unhealthy" in str(results["lone"])
    now = states(engine)
    assert now == {
        "db": "running",
        "sick": "running",
        "web": "running",
        "lone": "exited",
        "free": "running",
    }
    assert moment(engine, "db") + 0.3 <= moment(engine, "web")
    assert moment(engine, "free") < moment(engine, "web")


def test_a_shutdown_stops_in_reverse_order(engine):
    ends = {
        "command": ["sh", "-c", "trap 'sleep .2; exit' TERM; sleep 1000 & wait"],
        "stop_timeout": 10,
    }
    do(engine, "db", **ends)
    do(engine, "web", depends_on=["db"], **ends)
    containers.shutdown(engine)
    assert moment(engine, "web", "finished_at") <= moment(engine, "db", "finished_at") - 0.2


def test_two_that_start_what_both_depend_on(engine):
    """Neither holds a lock while it waits for another."""
    import threading

    do(engine, "db", state="present", **COMES_UP)
    for name in ("one", "two"):
        do(engine, name, state="present", depends_on={"db": "service_healthy"})

    def begin(name):
        with Engine(engine.paths.data, engine.paths.run) as own:
            do(own, name)

    threads = [threading.Thread(target=begin, args=(name,)) for name in ("one", "two")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert set(states(engine).values()) == {"running"}
