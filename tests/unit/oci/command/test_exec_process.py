# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The process that exec is asked for, of the container's and what the call says."""

from __future__ import annotations

import json

import pytest
from pycontainer.errors import Conflict
from pycontainer.oci.command import main
from pycontainer.oci.command.commands import exec as execute

BASE = {
    "args": ["sleep"],
    "cwd": "/",
    "env": ["A=b"],
    "user": {"uid": 5, "gid": 6, "additionalGids": [7]},
    "noNewPrivileges": True,
    "capabilities": {"bounding": ["CAP_KILL"], "permitted": ["CAP_KILL"]},
    "rlimits": [{"type": "RLIMIT_NOFILE", "soft": 1, "hard": 2}],
    "apparmorProfile": "profile",
    "selinuxLabel": "label",
    "oomScoreAdj": 9,
    "ioPriority": {"class": "IOPRIO_CLASS_BE", "priority": 7},
    "scheduler": {"policy": "SCHED_BATCH"},
    "execCPUAffinity": {"final": "0"},
}


@pytest.fixture
def wanted(tmp_path):
    def ask(process):
        (tmp_path / "process").write_text(json.dumps(process))
        return execute.wanted(
            BASE, main.parse(["exec", "--process", str(tmp_path / "process"), "c"])
        )

    return ask


@pytest.mark.parametrize("none", [None, ""], ids=("missing", "empty"))
def test_what_a_process_in_a_file_says_nothing_of_is_the_containers(wanted, none):
    """As with runc; above all what keeps it in bounds, which else it would be without. The rest is the file's alone."""
    process = {"args": ["x"], "cwd": "/"}
    if none is not None:
        process.update(
            apparmorProfile="", selinuxLabel="", rlimits=[], capabilities=None, oomScoreAdj=None
        )
    found = wanted(process)
    assert {key: found.pop(key) for key in execute.OF_CONTAINER} == {
        key: BASE[key] for key in execute.OF_CONTAINER
    }
    assert found == {"args": ["x"], "cwd": "/", "user": {}}


def test_what_it_says_holds(wanted):
    own = {
        "args": ["x"],
        "cwd": "/",
        "capabilities": {},
        "rlimits": [{"type": "RLIMIT_CORE", "soft": 0, "hard": 0}],
        "apparmorProfile": "other",
        "selinuxLabel": "own",
        "oomScoreAdj": 0,
        "ioPriority": {"class": "IOPRIO_CLASS_IDLE"},
        "scheduler": {"policy": "SCHED_IDLE"},
        "execCPUAffinity": {"final": "1"},
    }
    assert wanted(dict(own)) == dict(own, user={})


@pytest.mark.parametrize("error", [OSError(5, "no"), Conflict("no")], ids=["kernel", "engine"])
def test_what_does_not_come_to_its_program_ends_with_255(tmp_path, monkeypatch, error):
    """As with runc, whatever the reason: 1 is an exit code that the program itself may have."""

    def fail(_call, _log):
        raise error

    monkeypatch.setattr(execute.sealed_interpreter, "seal_command", lambda: None)
    monkeypatch.setattr(execute, "_exec", fail)
    assert main._run(["--root", str(tmp_path), "exec", "c", "true"]) == execute.FAILED
