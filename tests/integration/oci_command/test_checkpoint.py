# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""checkpoint and restore: refused in one sentence, options first, and the container runs on untouched."""

from __future__ import annotations

import os
import subprocess

from .conftest import until

COUNT = "i=0; while :; do i=$((i+1)); echo $i > /tmp/count; sleep 0.02; done"


def counting(runtime, bundle):
    """A running container that counts in a file: its file."""
    bundle.shell(COUNT)
    runtime.detached(bundle, "c")
    count = bundle.rootfs / "tmp" / "count"
    assert until(count.exists)
    return count


def test_refused_and_the_container_runs_on(runtime, bundle, tmp_path):
    count = counting(runtime, bundle)
    before = runtime.state("c")
    for options in ([], ["--leave-running"], ["--pre-dump"]):
        done = runtime("checkpoint", *options, "--image-path", tmp_path / "images", "--work-path", tmp_path / "work", "c", cwd=tmp_path)
        assert done.returncode == 1
        assert done.stderr == "pycontainer-oci: checkpoint: not supported: this runtime does not drive CRIU; container c is as it was\n"
    assert runtime.state("c") == before and before["status"] == "running"
    assert sorted(os.listdir(tmp_path)) == ["bundle", "root"]
    seen = count.read_text()
    assert until(lambda: count.read_text() not in (seen, ""))


def test_options_come_first(runtime, bundle, tmp_path):
    counting(runtime, bundle)
    (tmp_path / "earlier").mkdir()
    assert "--parent-path" in runtime.fails("checkpoint", "--parent-path", tmp_path / "earlier", "c", cwd=tmp_path)
    assert "--parent-path" in runtime.fails("checkpoint", "--parent-path", "./none", "--image-path", "./images", "c", cwd=tmp_path)
    assert "--page-server" in runtime.fails("checkpoint", "--page-server", "nowhere", "c")
    assert "--manage-cgroups-mode" in runtime.fails("checkpoint", "--manage-cgroups-mode", "none", "c")
    assert "--empty-ns" in runtime.fails("checkpoint", "--empty-ns", "mount", "c")
    assert runtime.state("c")["status"] == "running"


def test_only_what_runs(runtime, bundle):
    assert "does not exist" in runtime.fails("checkpoint", "--parent-path", "/", "c")
    bundle.save()
    assert runtime("create", "--bundle", bundle.path, "c", stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).returncode == 0
    assert "it is created" in runtime.fails("checkpoint", "c")
    assert "already exists" in runtime.fails("restore", "--bundle", bundle.path, "c")


def test_restore_makes_nothing(runtime, bundle, tmp_path):
    line = runtime.fails("restore", "--detach", "--bundle", bundle.path, "--image-path", tmp_path, "--pid-file", tmp_path / "pid", "c")
    assert "restore: not supported: this runtime does not drive CRIU; container c is not made" in line
    assert sorted(os.listdir(tmp_path)) == ["bundle"]
