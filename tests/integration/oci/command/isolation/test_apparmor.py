# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""AppArmor profiles in effect: of the process, of an exec, and not of the hooks that are the host's."""

from __future__ import annotations

import shutil
import subprocess

import pytest
from pycontainer.kernel.isolation import apparmor

PROFILE = "profile pycontainer-test-oci flags=(attach_disconnected) {\n  file,\n  capability,\n  network,\n  signal,\n  deny /etc/** w,\n}\n"
CONFINED = "pycontainer-test-oci (enforce)"

pytestmark = pytest.mark.skipif(
    not apparmor.enabled() or not shutil.which("apparmor_parser", path="/usr/sbin:/sbin"),
    reason="needs a kernel with AppArmor, and apparmor_parser",
)


@pytest.fixture
def box(bundle):
    subprocess.run(["apparmor_parser", "-Kr"], input=PROFILE, text=True, check=True)
    yield bundle.save(apparmorProfile="pycontainer-test-oci")
    subprocess.run(["apparmor_parser", "-R"], input=PROFILE, text=True, check=True)


def test_the_process_and_an_exec(runtime, box):
    box.shell("cat /proc/self/attr/current; touch /etc/x || touch /tmp/x && exec sleep 1000")
    runtime.detached(box, "c")
    assert runtime.ok("exec", "c", "cat", "/proc/self/attr/current").strip() == CONFINED
    said = (box.path / "output").read_text().splitlines()
    assert said[0] == CONFINED and "ermission denied" in said[1]


def test_hooks_that_are_the_hosts_are_not_confined(runtime, box):
    box.config["hooks"] = {
        "createContainer": [
            {
                "path": "/bin/sh",
                "args": ["sh", "-c", f"cat /proc/self/attr/current > {box.path}/hook"],
            }
        ]
    }
    assert (
        runtime.ok("run", "--bundle", box.shell("cat /proc/self/attr/current").path, "c").strip()
        == CONFINED
    )
    assert (box.path / "hook").read_text().strip() == "unconfined"
