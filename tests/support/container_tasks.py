# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tasks of the module ``container`` about a container ``web`` of the image that tests run."""

from __future__ import annotations

from pycontainer import containers
from pycontainer.containers import task
from pycontainer.containers.access import exec_client
from pycontainer.reconcile import carry_out


def do(engine, check=False, **params):
    params.setdefault("name", "web")
    return carry_out(task.container(engine, params), check)


def base(**more):
    return dict({"image": "box:1", "network_mode": "none", "stop_timeout": 0}, **more)


def sh(engine, script, name="web"):
    """What a shell in a container writes."""
    record = containers.find(engine, name)
    found = exec_client.run(engine.paths, record["id"], ["sh", "-c", script])
    assert found["rc"] == 0, found
    return found["stdout"].decode().strip()
