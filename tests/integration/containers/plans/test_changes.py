# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a change of a container costs: nothing, a restart, a new one in its place; and what comes back when it fails."""

from __future__ import annotations

import os

import pytest
from pycontainer import containers
from pycontainer.containers import task
from pycontainer.containers.plans.batch import BatchFailed
from pycontainer.containers.view import logs
from pycontainer.containers.view import stats as metering
from pycontainer.errors import Conflict, ContainerFailed, EngineError
from pycontainer.images.library import records
from pycontainer.reconcile import carry_out
from support.container_tasks import base, do, sh


def test_limits_change_while_it_runs(engine):
    first = do(engine, **base(memory="64m", memory_swap="64m", cpus=0.5, pids_limit=20))
    second = do(
        engine,
        memory="32m",
        memory_swap="-1",
        pids_limit=30,
        cpus=0,
        labels={"x": "y"},
        restart_policy="always",
        stop_timeout=1,
    )
    assert second["changed"] and second["container"]["Id"] == first["container"]["Id"]
    assert second["container"]["State"]["Pid"] == first["container"]["State"]["Pid"]
    stats = metering.once(engine, second["container"]["Id"])
    assert stats["memory"]["limit"] == 32 << 20 and stats["pids"]["limit"] == 30
    host = second["container"]["HostConfig"]
    assert (
        host["Memory"] == 32 << 20
        and host["RestartPolicy"]["Name"] == "always"
        and host["NanoCpus"] == 0
    )
    assert not do(
        engine,
        memory="32m",
        memory_swap="-1",
        pids_limit=30,
        cpus=0,
        labels={"x": "y"},
        restart_policy="always",
        stop_timeout=1,
    )["changed"]
    assert do(engine, labels={})["container"]["Config"]["Labels"] == {}


def test_a_replacement_keeps_what_the_task_does_not_name(engine):
    first = do(engine, **base(env={"A": "1"}, memory="64m"))
    second = do(engine, env={"A": "2"})
    assert (
        second["container"]["Id"] != first["container"]["Id"]
        and second["container"]["HostConfig"]["Memory"] == 64 << 20
        and sh(engine, "echo $A") == "2"
    )
    assert (
        second["diff"]["before"]["env"] == {"A": "1"}
        and len(os.listdir(engine.paths.containers)) == 1
    )
    assert not do(engine, **base(env={"A": "2"}, memory="64m"))["changed"]


def test_a_mount_is_the_same_in_volumes_and_mounts(engine):
    do(engine, **base(volumes=["data:/srv"]))
    same = {"source": "data", "target": "/srv"}
    assert not do(engine, mounts=[same])["changed"]
    after = do(engine, mounts=[same, {"type": "tmpfs", "target": "/t"}])["diff"]["after"]
    assert "mounts" in after and "volumes" not in after
    assert (
        sh(engine, "mount | grep -c -e ' /srv ' -e ' /t '") == "2"
        and not do(engine, volumes=["data:/srv"])["changed"]
    )
    do(engine, tmpfs=["/other"], volumes=[], mounts=[])
    do(engine, volumes=["data:/other"], labels={"l": "1"}, recreate_policy="warn")
    assert containers.find(engine, "web")["definition"]["tmpfs"][0].startswith("/other:")


def test_recreate_policy(engine):
    first = do(engine, **base(env={"A": "1"}))
    with pytest.raises(EngineError, match="env"):
        do(engine, env={"A": "2"}, recreate_policy="fail")
    kept = do(engine, env={"A": "2"}, labels={"l": "1"}, recreate_policy="warn")
    assert (
        "env" in kept["warnings"][0]
        and kept["container"]["Id"] == first["container"]["Id"]
        and kept["container"]["Config"]["Labels"] == {"l": "1"}
    )
    assert sh(engine, "echo $A") == "1"


CHANGES = {
    "env": {"A": "2"},
    "user": "5:6",
    "hostname": "other",
    "tmpfs": ["/memory"],
    "ulimits": ["nofile:100:100"],
    "cap_drop": ["KILL"],
    "etc_hosts": {"peer": "192.0.2.7"},
    "sysctls": {"net.ipv4.ip_default_ttl": "33"},
    "labels": {"l": "1"},
}


def test_a_restart_takes_what_it_can(engine):
    first = do(engine, **base(env={"A": "1"}, command=["sh", "-c", "echo said; exec sleep 600"]))
    sh(engine, "touch /kept")
    wanted = dict(CHANGES, on_change="restart")
    planned = do(engine, True, **wanted)
    assert set(planned["diff"]["after"]) == {*CHANGES, "restarted"}
    done = do(engine, **wanted)
    assert done["diff"] == planned["diff"] and done["actions"] == planned["actions"]
    assert done["actions"][0].startswith("restart container web because of env")
    assert done["container"]["Id"] == first["container"]["Id"] and done["downtime"] > 0
    said = sh(
        engine,
        "ls /kept; echo $A; id -u; hostname; ulimit -n; grep -c peer /etc/hosts;"
        "mount | grep -c ' /memory '; cat /proc/sys/net/ipv4/ip_default_ttl",
    )
    assert said.split() == ["/kept", "2", "5", "other", "100", "1", "1", "33"]
    assert logs.tail(engine.paths, done["container"]["Id"]).split() == ["said", "said"]
    assert done["container"]["Config"]["Labels"] == {"l": "1"}
    assert not do(engine, **wanted)["changed"] and not do(engine, **CHANGES)["changed"]


def test_a_change_costs_no_more_than_it_may(engine):
    first = do(engine, **base(env={"A": "1"}))
    for bound, params, said in (
        ("restart", {"volumes": ["data:/srv"]}, r"made anew \(on_change restart\) because of vol"),
        ("restart", {"recreate": True}, r"on_change restart\) because of recreate"),
        ("restart", {"capabilities": ["SYS_ADMIN"]}, "because of capabilities"),  # other owners
        ("live", {"env": {"A": "2"}}, r"made anew or restarted \(on_change live\) because of env"),
        ("fail", {"labels": {"l": "1"}}, r"changed \(on_change fail\) because of labels"),
    ):
        for check in (True, False):
            with pytest.raises(Conflict, match=said):
                do(engine, check, on_change=bound, **params)
    both = {"env": {"A": "2"}, "volumes": ["data:/srv"]}
    kept = do(engine, **both, on_change="restart", recreate_policy="warn")
    assert "volumes" in kept["warnings"][0] and "env" not in kept["warnings"][0]
    assert kept["container"]["Id"] == first["container"]["Id"] and sh(engine, "echo $A") == "2"
    assert do(engine, labels={"l": "1"}, on_change="live")["changed"]
    assert do(engine, state="stopped", on_change="fail")["changed"]
    stopped = do(engine, env={"A": "3"}, on_change="restart", state="stopped")
    assert stopped["changed"] and not stopped["container"]["State"]["Running"]
    do(engine, state="started")
    assert sh(engine, "echo $A") == "3"
    stopped = do(engine, env={"A": "4"}, on_change="restart", state="stopped")
    assert not stopped["container"]["State"]["Running"]
    assert do(engine, env={"A": "4"}, on_change="fail")["changed"] and sh(engine, "echo $A") == "4"


def test_a_failing_restart_leaves_it_as_it_was(engine):
    first = do(engine, **base(env={"A": "1"}))
    with pytest.raises(ContainerFailed, match="no-such-program") as failed:
        do(engine, command=["no-such-program"], env={"A": "2"}, on_change="restart")
    assert failed.value.downtime > 0 and sh(engine, "echo $A") == "1"
    now = containers.find(engine, "web")
    assert now["id"] == first["container"]["Id"] and now["definition"]["env"] == {"A": "1"}
    with pytest.raises(ContainerFailed, match="ended at once with exit code 3"):
        do(engine, command=["sh", "-c", "exit 3"], on_change="restart")
    assert sh(engine, "echo $A") == "1"


def test_a_failing_replacement_puts_the_old_one_back(engine):
    do(engine, **base(volumes=["/anonymous"]))
    sh(engine, "touch /anonymous/kept")
    before = containers.find(engine, "web")
    for bad in (
        {"command": ["/does/not/exist"]},
        {"command": ["sh", "-c", "echo my last words; exit 3"]},
    ):
        with pytest.raises(ContainerFailed) as caught:
            do(engine, **bad)
        assert (
            containers.find(engine, "web") == before
            and containers.status(engine.paths, before["id"])["status"] == "running"
        )
        assert (
            os.listdir(engine.paths.containers) == [before["id"]]
            and sh(engine, "ls /anonymous") == "kept"
        )
    assert caught.value.exit_code == 3 and "my last words" in caught.value.logs
    assert engine.db.all("SELECT * FROM operations") == []


def test_an_unhealthy_replacement_puts_the_old_one_back(engine):
    good = {"test": ["CMD", "true"], "interval": "50ms", "retries": 1}
    first = do(engine, state="healthy", **base(healthcheck=good))
    assert (
        first["container"]["State"]["Health"]["Status"] == "healthy"
        and not do(engine, state="healthy", **base(healthcheck=good))["changed"]
    )
    with pytest.raises(ContainerFailed, match="not healthy after") as caught:
        slow = base(healthcheck=dict(good, interval="1h"), healthy_wait_timeout=0.1)
        do(engine, name="slow", state="healthy", **slow)
    assert caught.value.container["State"]["Health"]["Status"] == "starting"
    assert caught.value.changed
    with pytest.raises(ContainerFailed, match="unhealthy"):
        do(
            engine,
            state="healthy",
            env={"B": "1"},
            healthcheck=dict(good, test=["CMD", "false"]),
            healthy_wait_timeout=20,
        )
    assert (
        containers.find(engine, "web")["id"] == first["container"]["Id"]
        and containers.status(engine.paths, first["container"]["Id"])["status"] == "running"
    )


def test_a_replacement_that_its_policy_starts_again_and_again_is_given_up(engine):
    """Each of its ends comes after the moment in which an end counts as a start that failed; no check comes to anything."""
    check = {"test": ["CMD", "true"], "interval": "1h"}
    first = do(engine, **base(restart_policy="always", healthcheck=check))["container"]["Id"]
    crashing = base(
        restart_policy="always",
        healthcheck=check,
        state="healthy",
        command=["sh", "-c", "sleep 0.35; echo broken pipe; exit 3"],
    )
    with pytest.raises(
        ContainerFailed,
        match="container web ended 5 times before it was healthy, the last time with exit code 3",
    ) as caught:
        do(engine, **crashing)
    assert (
        caught.value.exit_code == 3
        and "broken pipe" in caught.value.logs
        and caught.value.downtime > 0
    )
    assert (
        containers.find(engine, "web")["id"] == first
        and containers.status(engine.paths, first)["status"] == "running"
    )
    with pytest.raises(BatchFailed) as caught:
        task.container(engine, {"containers": [dict(crashing, name="new")]})
    (result,) = caught.value.results
    assert (
        "ended 5 times" in result["msg"]
        and result["exit_code"] == 3
        and "broken pipe" in result["logs"]
    )


def test_how_long_nothing_answered_stands_in_the_result(engine):
    check = {"test": ["CMD", "true"], "interval": "50ms"}
    assert "downtime" not in do(engine, **base())
    assert do(engine, state="healthy", healthcheck=check, **base(env={"A": "1"}))["downtime"] > 0
    assert "downtime" not in do(engine, state="healthy", **base())
    result = task.container(
        engine, {"containers": [dict(base(env={"A": "2"}), name="web"), dict(base(), name="new")]}
    )["results"]
    assert result[0]["downtime"] > 0 and "downtime" not in result[1]


def test_a_new_image_is_one_change_and_a_new_name_none(engine, rootfs, tmp_path):
    from pycontainer import images

    first = do(engine, **base())
    records.tag(engine, "box:1", images.parse("box:other").tagged)
    renamed = do(engine, **base(image="box:other"))
    assert (
        renamed["container"]["Id"] == first["container"]["Id"]
        and renamed["container"]["Config"]["Image"] == "box:other"
    )
    carry_out(
        images.plan_import(
            engine, "box:other", rootfs, {"command": ["sleep", "2000"], "env": {"NEW": "1"}}
        ),
        False,
    )
    planned = do(engine, True, **base(image="box:other"))
    assert planned["diff"]["before"]["image"].startswith("sha256:") and list(
        planned["diff"]["after"]
    ) == ["image", "container"]
    assert do(engine, **base(image="box:other"))["container"]["Args"] == ["2000"]


def test_a_quiet_container_gets_a_health_check_and_is_waited_for(engine):
    do(engine, **base())
    for check in (True, False):
        with pytest.raises(EngineError, match="container web has no health check"):
            do(engine, check, state="healthy")
    health = do(
        engine,
        healthcheck={"test": "true", "interval": "100ms"},
        state="healthy",
        healthy_wait_timeout=60,
    )["container"]["State"]["Health"]
    assert (
        health["Status"] == "healthy"
        and not do(engine, healthcheck={"test": "true", "interval": "100ms"}, state="healthy")[
            "changed"
        ]
    )
    assert "Health" not in do(engine, healthcheck={"test": "NONE"})["container"]["State"]


def test_retries_go_with_the_policy_that_they_are_of(engine):
    do(engine, **base(state="present", restart_policy="on-failure", restart_retries=3))
    assert do(engine, restart_policy="always", state="present")["actions"] == [
        "change restart_policy, restart_retries of container web"
    ]
    assert not do(engine, restart_policy="always", state="present")["changed"]
    do(engine, restart_policy="on-failure", state="present")
    assert containers.find(engine, "web")["definition"]["restart_retries"] == 0
    do(engine, **base(state="present", cpus=0.5))
    with pytest.raises(
        EngineError, match="cpus: 0.5 is not valid; .*what the container has of before"
    ):
        do(engine, **base(state="present", cpu_quota=50000))
