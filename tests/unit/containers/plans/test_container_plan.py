# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Plans for containers on a host that has nothing yet."""

from __future__ import annotations

import os

import pytest
from pycontainer.containers import task
from pycontainer.containers.plans import desired
from pycontainer.errors import EngineError, InvalidInput, NotFound
from pycontainer.reconcile import carry_out


def test_check_mode_on_a_bare_host_makes_nothing(check_engine, scratch):
    with pytest.raises(EngineError, match="box"):
        task.container(check_engine, {"name": "web", "image": "box:1", "pull": "never"})
    with pytest.raises(InvalidInput, match="image"):
        task.container(check_engine, {"name": "web"})
    assert (
        carry_out(task.container(check_engine, {"name": "web", "state": "absent"}), True)["changed"]
        is False
    )
    assert task.container_info(check_engine, {"name": ["web"]}) == {
        "exists": False,
        "container": None,
        "containers": [],
    }
    assert not os.path.exists(scratch[0]) and os.listdir(scratch[1]) == []


@pytest.mark.parametrize(
    "params, word",
    [
        ({"name": "web", "state": "running"}, "state"),
        ({"name": "a"}, "name"),
        ({"name": "-x"}, "name"),
        ({"name": None}, "name"),
        ({"name": "web", "comparisons": {"x": "strict"}}, "comparisons"),
    ],
)
def test_refused(check_engine, params, word):
    with pytest.raises(InvalidInput, match=word):
        task.container(check_engine, dict(params, image="box:1"))


@pytest.mark.parametrize(
    "items, word",
    [
        ([{"name": "web"}, {"name": "web"}], "once"),
        ([{"name": "web", "memory": "lots"}], r"containers\[0\] \(web\)"),
        (
            [
                {"name": "w1", "published_ports": ["80:80"]},
                {"name": "w2", "published_ports": ["127.0.0.1:80:81"]},
            ],
            "w1 and w2",
        ),
    ],
)
def test_refused_lists(check_engine, items, word):
    with pytest.raises(InvalidInput, match=word):
        task.container(check_engine, {"containers": items})
    with pytest.raises(InvalidInput, match="parallel"):
        task.container(check_engine, {"containers": [], "parallel": 0})
    with pytest.raises(
        InvalidInput, match="^state: 'absent' is not valid; accepted: nothing beside containers"
    ):
        task.container(check_engine, {"containers": [{"name": "web"}], "state": "absent"})


def test_a_container_to_join_that_has_just_gone(check_engine):
    """Another task has removed it since its name was looked up: one sentence, and no exception of Python's."""
    wanted = desired.Task({"name": "web", "image": "box:1", "network_mode": "container:db"})
    record = {"id": "a" * 64, "name": "web", "definition": {}}
    work = desired.Desired(check_engine, wanted, record, "exited", {})
    work.definition, work.joined = wanted.definition, {"network": "b" * 64}
    with pytest.raises(NotFound, match="removed it meanwhile"):
        work._other_joins()
