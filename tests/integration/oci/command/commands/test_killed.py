# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""kill -9 of create at any moment: ``delete --force`` leaves no directory, no cgroup and no process."""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import time

import pytest
from pycontainer.kernel import cgroups
from pycontainer.kernel.cgroups.hierarchy import removal
from support.scale import scaled
from support.waiting import until


def groups(place):
    return [
        path for path in (mount + place for mount in cgroups.base_paths()) if os.path.exists(path)
    ]


def ours(rootfs):
    """Processes that have this directory's file system as their root, or work for a container of it."""
    found = []
    for name in os.listdir("/proc"):
        if name.isdigit():
            try:
                with open(f"/proc/{name}/cmdline", "rb") as file:
                    if os.fsencode(rootfs) in file.read():
                        found.append(int(name))
            except OSError:
                pass
    return found


@pytest.mark.parametrize("given", (None, "/pycontainer-test-killed/deep/c"), ids=("own", "given"))
def test_create_that_is_killed_anywhere(runtime, bundle, given):
    if given:
        bundle.config["linux"]["cgroupsPath"] = given
    bundle.save()
    argv = runtime.argv("create", "--bundle", bundle.path, "c")
    began = time.monotonic()
    subprocess.run(
        argv,
        check=True,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    whole = time.monotonic() - began
    runtime.ok("delete", "--force", "c")
    chance, unfinished = random.Random(3), 0
    for _attempt in range(scaled(20)):
        process = subprocess.Popen(
            argv, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        time.sleep(chance.uniform(whole / 4, whole))
        process.send_signal(signal.SIGKILL)
        unfinished += process.wait() != 0
        runtime.ok("delete", "--force", "c")
        assert not os.path.exists(runtime.root) or os.listdir(runtime.root) == []
        assert groups(given or "/pycontainer-oci/c") == []
        assert (
            not given or groups("/pycontainer-test-killed") == []
        )  # what it made above the place goes too
        assert until(lambda: ours(str(bundle.path)) == [])
    assert unfinished


def test_a_group_that_a_killed_create_found_stays(runtime, bundle):
    """Nothing was noted down: nothing was made."""
    bundle.config["linux"]["cgroupsPath"] = "/pycontainer-test-found/c"
    bundle.save()
    os.makedirs(os.path.join(runtime.root, "c"))
    shutil.copy(bundle.path / "config.json", os.path.join(runtime.root, "c"))
    places = [mount + "/pycontainer-test-found" for mount in cgroups.base_paths()]
    try:
        for path in places:
            os.makedirs(path + "/c")
        runtime.ok("delete", "--force", "c")
        assert os.listdir(runtime.root) == []
        assert len(groups("/pycontainer-test-found/c")) == len(places)
    finally:
        for path in places:
            for one in (path + "/c", path):
                removal.remove_quietly(one)
