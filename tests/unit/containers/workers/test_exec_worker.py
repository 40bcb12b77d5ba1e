# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A further process in a container, before it is started."""

from __future__ import annotations

import functools
import os
from types import SimpleNamespace

import pytest
from pycontainer.containers.workers import exec_worker
from pycontainer.oci.features import seccomp_listener
from pycontainer.oci.launch import executing
from pycontainer.oci.spec.document import Document


@pytest.fixture
def bundle():
    """Of a container whose filter asks an agent."""
    profile = {
        "defaultAction": "SCMP_ACT_ALLOW",
        "listenerPath": "/agent",
        "syscalls": [{"names": ["mkdir"], "action": "SCMP_ACT_NOTIFY"}],
    }
    found = SimpleNamespace(
        ident="box",
        directory="/bundle",
        config={"ociVersion": "1.2.0"},
        annotations={},
        process={"args": ["sleep"], "cwd": "/"},
        environment=list,
        linux={"seccomp": profile},
        user=None,
        groups=(),
    )
    found.state = functools.partial(Document.state, found)
    return found


def test_the_agent_of_its_filter_can_be_told_of_it(bundle):
    process = exec_worker.process(bundle, {"pid": 7, "pid_start": 1, "cgroup": {}}, ["sh"])
    assert process.state == {
        "ociVersion": "1.2.0",
        "id": "box",
        "status": "running",
        "pid": 7,
        "bundle": "/bundle",
    }
    words = seccomp_listener.words(process.program.listener, process.state)
    executing.prepare_listener(process.program, words, None)
    for fd in process.program.kept:
        os.close(fd)
