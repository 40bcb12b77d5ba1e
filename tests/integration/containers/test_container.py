# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The container module's work on the real kernel: create, change, replace, remove, lists, recovery."""

from __future__ import annotations

import os

import pytest
from pycontainer import containers, volumes
from pycontainer.containers import task
from pycontainer.errors import ContainerFailed, EngineError
from pycontainer.reconcile import carry_out


def do(engine, check=False, **params):
    params.setdefault("name", "web")
    return carry_out(task.container(engine, params), check)


def base(**more):
    return dict({"image": "box:1", "network_mode": "none", "stop_timeout": 0}, **more)


def sh(engine, script, name="web"):
    record = containers.find(engine, name)
    found = containers.run_command(engine, record["id"], ["sh", "-c", script])
    assert found["rc"] == 0, found
    return found["stdout"].decode().strip()


@pytest.fixture(autouse=True)
def removed(engine, image):
    yield
    for record in containers.every(engine):
        containers.remove(engine, record, force=True)


def test_whole_life(engine):
    planned = do(engine, True, **base())
    assert planned["changed"] and planned["container"] == {} and containers.every(engine) == []
    first = do(engine, **base(env={"A": 1}))
    assert first["changed"] and first["container"]["State"]["Running"] and first["actions"] == ["create container web", "start container web"]
    assert sh(engine, "echo $A") == "1"
    assert not do(engine, **base(env={"A": 1}))["changed"]
    pid = first["container"]["State"]["Pid"]
    assert do(engine, name="web", state="restarted")["container"]["State"]["Pid"] != pid
    assert do(engine, state="paused")["container"]["State"]["Paused"] and not do(engine, state="paused")["changed"]
    assert do(engine, state="started")["actions"] == ["unpause container web"]
    assert not do(engine, state="started")["changed"]
    assert not do(engine, state="stopped")["container"]["State"]["Running"] and not do(engine, state="stopped")["changed"]
    assert not do(engine, state="present")["changed"]
    assert do(engine, state="absent")["changed"] and containers.every(engine) == []
    assert os.listdir(engine.paths.containers) == [] and os.listdir(engine.paths.running) == []
    assert not do(engine, state="absent")["changed"]
