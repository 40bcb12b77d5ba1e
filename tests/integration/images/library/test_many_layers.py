# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""As many layers as overlayfs stacks: 500 are loaded, run, built on, saved, squashed; one more is refused in a sentence."""

from __future__ import annotations

import os
import shutil
import subprocess
import tarfile

import pytest
from pycontainer import containers
from pycontainer.kernel.mounts import overlay
from pycontainer.kernel.processes import procfs
from support.layouts import layer, layout, member

BUSYBOX = shutil.which("busybox")
MOST = overlay.MAX_LAYERS


@pytest.fixture
def command(engine):
    """``command(*words, rc=0)``: the ad-hoc module's output, or its error."""
    from pycontainer.cli import task

    def run(*words, rc=0):
        result = task.pycontainer(engine, {"argv": [str(word) for word in words], "cmd": None})
        assert result["rc"] == rc, result
        return result["stderr"] if rc else result["stdout"]

    yield run
    for record in containers.every(engine):
        containers.remove(engine, record, force=True)


def layers(count):
    """busybox below, then a file for each layer; each of these replaces ``last``."""
    with open(BUSYBOX, "rb") as file:
        busybox = file.read()
    links = [
        member(b"bin/" + name, kind=tarfile.SYMTYPE, linkname="busybox", size=0)
        for name in (b"sh", b"cat", b"ls", b"true")
    ]
    places = [
        member(name, kind=tarfile.DIRTYPE, mode=0o755)
        for name in (b"bin", b"n", b"etc", b"proc", b"sys", b"dev")
    ]
    found = [layer([*places, member(b"bin/busybox", busybox, mode=0o755), *links])]
    return found + [
        layer([member(b"n/%03d" % number, b"x"), member(b"last", b"%d\n" % number)])
        for number in range(1, count)
    ]


def test_as_many_as_the_kernel_stacks(engine, command, tmp_path):
    if (
        BUSYBOX is None
        or subprocess.run(["ldd", BUSYBOX], capture_output=True, check=False).returncode == 0
    ):
        pytest.skip("needs a statically linked busybox (Debian: busybox-static)")
    if procfs.kernel_version() < (5, 4):
        pytest.skip("needs Linux 5.4")
    layout(tmp_path / "most", layers(MOST - 1), config={"config": {"Cmd": ["cat", "/last"]}})
    command("load", "-i", tmp_path / "most")
    ident = command("images", "-q", "--no-trunc")
    command("tag", ident, "most:1")
    (tmp_path / "context").mkdir()
    (tmp_path / "context" / "Containerfile").write_text("FROM most:1\nRUN ls /n > /seen\n")
    command(
        "build", "-q", "--network", "none", "-t", "full:1", tmp_path / "context"
    )  # the last layer that there is room for
    assert command("run", "--rm", "--network", "none", "most:1") == str(MOST - 2)
    names = command("run", "--rm", "--network", "none", "full:1", "cat", "/seen").split()
    assert len(names) == MOST - 2 and names[-1] == "%03d" % (MOST - 2)
    (tmp_path / "context" / "Containerfile").write_text("FROM full:1\nRUN true > /more\n")
    assert "%d layers" % (MOST + 1) in command(
        "build", "-q", "--network", "none", "-t", "over:1", tmp_path / "context", rc=1
    )
    command("run", "--name", "writer", "--network", "none", "full:1", "sh", "-c", "echo 1 > /more")
    assert command("diff", "writer") == "A /more" and "%d layers" % (MOST + 1) in command(
        "commit", "writer", "over:1", rc=1
    )
    assert command("images", "-q", "over:1") == "" and os.listdir(engine.paths.tmp) == []
    report = command("image", "waste", "full:1")
    assert (
        report.splitlines()[0].startswith("LAYER")
        and "Wasted: " in report
        and len(command("history", "-q", "full:1").splitlines()) == MOST
    )
    command("image", "squash", "full:1", "-t", "one:1")
    assert command("image", "diff", "full:1", "one:1") == "" and command(
        "run", "--rm", "--network", "none", "one:1", "cat", "/last"
    ) == str(MOST - 2)


def test_one_more_is_refused(engine, command, tmp_path):
    layout(
        tmp_path / "over", [layer([member(b"f%d" % number, b"x")]) for number in range(MOST + 1)]
    )
    said = command("load", "-i", tmp_path / "over", rc=1)
    assert (
        "has %d layers" % (MOST + 1) in said
        and "at most %d" % MOST in said
        and engine.db.all("SELECT * FROM images") == []
    )
