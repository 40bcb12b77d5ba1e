# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""podman with our runtime below it: a few of the cases that `make test-conformance` runs, by the same harness."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
import sys

import pytest

from .conftest import CHECKOUT, COMMAND

ROOT = "/run/pycontainer-oci"  # podman names no other

CASES = (
    "run_output",
    "run_terminal",
    "exec_output",
    "exec_terminal",
    "stop_by_signal",
    "pause_unpause",
    "limits",
    "default_security",
    "remove_running",
)


@pytest.fixture(autouse=True)
def nothing_left():
    """podman's store goes as a whole after the cases, and the runtime is not told: what has lost its bundle goes here."""
    yield
    for ident in os.listdir(ROOT) if os.path.isdir(ROOT) else ():
        with contextlib.suppress(OSError, ValueError), open(f"{ROOT}/{ident}/status") as file:
            if not os.path.exists(json.load(file)["bundle"]):
                subprocess.run([COMMAND, "delete", "--force", ident], check=True)


@pytest.mark.skipif(not shutil.which("podman"), reason="podman is not installed")
def test_podman(tmp_path):
    command = [
        sys.executable,
        str(CHECKOUT / "tests" / "conformance"),
        "podman",
        "--runtime",
        "ours",
        "--path",
        COMMAND,
        "--only",
        f":({'|'.join(CASES)})$",
    ]
    done = subprocess.run(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=280,
        check=False,
        env=dict(os.environ, PYCONTAINER_CONFORMANCE_CACHE=str(tmp_path / "cache")),
    )
    results = json.loads((tmp_path / "cache" / "results" / "podman" / "ours.json").read_text())
    assert {name: result["status"] for name, result in results.items()} == {
        "podman:" + case: "pass" for case in CASES
    }, f"{done.stdout}\n{results}"
