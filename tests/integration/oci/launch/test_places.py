# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where mounts may lie, and what is made in them before they are read-only."""

from __future__ import annotations

import os
import pathlib

import pytest

USER = {"containerID": 0, "hostID": 100000, "size": 65536}


@pytest.mark.parametrize("userns", (False, True))
def test_a_read_only_dev_has_its_nodes_and_mounts(bundle, userns):
    if userns:
        bundle.namespace("user")
        bundle.linux["uidMappings"] = bundle.linux["gidMappings"] = [USER]
        for top, dummy, names in os.walk(bundle.root):
            for name in ["", *names]:
                os.lchown(os.path.join(top, name), 100000, 100000)
        for path in (bundle.directory, *map(str, pathlib.Path(bundle.directory).parents)):
            os.chmod(path, os.stat(path).st_mode | 0o111)
    bundle.config["mounts"][1]["options"].append("ro")
    bundle.mount("/dev/shm", "tmpfs", "shm", "mode=1777")
    result = bundle.shell(
        "grep ' /dev ' /proc/mounts; echo x > /dev/null && touch /dev/shm/x && touch /dev/x"
    )
    assert (
        result.code == 1 and "Read-only file system" in result.err and "ro," in result.lines[0]
    ), result


@pytest.mark.parametrize("kind, place", (("proc", "proc"), ("sysfs", "sys")))
def test_proc_and_sys_are_not_mounted_through_a_link(bundle, kind, place):
    os.rmdir(os.path.join(bundle.root, place))
    os.symlink("/tmp", os.path.join(bundle.root, place))
    if kind == "sysfs":
        bundle.mount("/sys", "sysfs", "sysfs")
    result = bundle.run("true")
    assert result.code != 0 and f"{kind} must be mounted on ordinary directory" in result.err, (
        result
    )
