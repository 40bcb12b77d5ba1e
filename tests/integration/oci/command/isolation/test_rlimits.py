# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A program gets along with less than its making: limits hold for it alone, however tight they are."""

from __future__ import annotations

import json
import os
import resource
import subprocess

import pytest
from support.waiting import until

MAP = [{"containerID": 0, "hostID": 1_500_000_000, "size": 65536}]
SHOW = ["sh", "-c", "ulimit -n; ulimit -Hn"]


def files(soft, hard=64):
    return [{"type": "RLIMIT_NOFILE", "soft": soft, "hard": hard}]


@pytest.mark.parametrize("user", (False, True), ids=("", "userns"))
@pytest.mark.parametrize("soft", (0, 3, 8))
def test_few_open_files(bundle, runtime, tmp_path, soft, user):
    """runc needs eight."""
    if user:
        bundle.config["linux"]["namespaces"].append({"type": "user"})
        bundle.config["linux"].update(uidMappings=MAP, gidMappings=MAP)
    bundle.save(args=["sh", "-c", SHOW[2] + "; exec sleep 1000"], rlimits=files(soft))
    with open(tmp_path / "output", "w", encoding="ascii") as output:
        assert (
            runtime(
                "create", "--bundle", bundle.path, "few", stdout=output, stderr=subprocess.STDOUT
            ).returncode
            == 0
        )
        runtime.ok("start", "few")
    until(lambda: (tmp_path / "output").read_text().count("\n") == 2)
    assert (tmp_path / "output").read_text().split() == [str(soft), "64"]
    process = dict(bundle.config["process"], args=SHOW, rlimits=files(soft, soft))
    (tmp_path / "process").write_text(json.dumps(process))
    assert runtime.ok("exec", "--process", tmp_path / "process", "few").split() == [str(soft)] * 2


def test_other_limits_that_are_tight(bundle, runtime):
    tight = {
        "AS": 1 << 22,
        "CPU": 1,
        "FSIZE": 0,
        "STACK": 1 << 16,
        "NPROC": 0,
        "SIGPENDING": 0,
        "MEMLOCK": 0,
        "CORE": 0,
        "RTTIME": 0,
    }
    bundle.save(
        args=["sh", "-c", "echo ran"],
        rlimits=[
            {"type": "RLIMIT_" + name, "soft": value, "hard": value}
            for name, value in tight.items()
        ],
    )
    assert runtime.ok("run", "--bundle", bundle.path, "tight") == "ran\n"


def test_hooks_inside_have_the_programs(bundle, runtime):
    """With eight descriptors they can be run."""
    bundle.config["hooks"] = {
        "startContainer": [{"path": "/bin/cp", "args": ["cp", "/proc/self/limits", "/tmp/hook"]}]
    }
    runtime.ok("run", "--bundle", bundle.save(args=SHOW, rlimits=files(8)).path, "hook")
    line = next(
        line
        for line in (bundle.rootfs / "tmp" / "hook").read_text().splitlines()
        if line.startswith("Max open files")
    )
    assert line.split()[3:5] == ["8", "64"]


def test_a_caller_that_left_nearly_all_its_files_open(bundle, runtime):
    kept = [os.open("/dev/null", os.O_RDONLY) for _number in range(60)]
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    highest = max(kept)

    def limit():
        resource.setrlimit(resource.RLIMIT_NOFILE, (highest + 3, hard))

    try:
        done = subprocess.run(
            runtime.argv("run", "--bundle", bundle.save(args=SHOW, rlimits=[]).path, "left"),
            stdin=subprocess.DEVNULL,
            pass_fds=kept,
            capture_output=True,
            text=True,
            preexec_fn=limit,
            check=False,
        )  # pylint: disable=subprocess-popen-preexec-fn
    finally:
        for fd in kept:
            os.close(fd)
    assert (done.returncode, done.stdout, done.stderr) == (0, "%d\n%d\n" % (highest + 3, hard), "")
