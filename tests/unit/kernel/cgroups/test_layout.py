# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which hierarchies are found in mountinfo, for each layout that hosts have."""

from __future__ import annotations

import pytest
from pycontainer.kernel.cgroups.hierarchy import layout

V2_MOUNTS = "24 23 0:22 / /sys/fs/cgroup rw,nosuid shared:9 - cgroup2 cgroup2 rw,nsdelegate,memory_recursiveprot"
V2_SELF = "0::/user.slice/user-0.slice/session-1.scope"
COMOUNTED = """25 23 0:24 / /sys/fs/cgroup ro - tmpfs tmpfs ro,mode=755
26 25 0:25 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw,nsdelegate
27 25 0:26 / /sys/fs/cgroup/systemd rw - cgroup cgroup rw,xattr,name=systemd
30 25 0:29 / /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct
31 25 0:30 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory
32 25 0:31 / /sys/fs/cgroup/net_cls,net_prio rw - cgroup cgroup rw,net_cls,net_prio"""
COMOUNTED_SELF = """12:memory:/user.slice
4:cpu,cpuacct:/user.slice
3:net_cls,net_prio:/
1:name=systemd:/user.slice/session-1.scope
0::/user.slice/session-1.scope"""


def test_v2():
    found = layout.parse(V2_MOUNTS, V2_SELF)
    assert found.mode == "v2"
    assert found.unified.mount == "/sys/fs/cgroup" and not found.v1


def test_v2_with_a_lone_v1_hierarchy_is_still_v2():
    extra = V2_MOUNTS + "\n99 23 0:77 / /mnt/net_cls rw - cgroup none rw,net_cls"
    found = layout.parse(extra, "1:net_cls:/\n" + V2_SELF)
    assert found.mode == "v2"
    assert found.v1["net_cls"].mount == "/mnt/net_cls"


def test_hybrid_with_controllers_mounted_together():
    found = layout.parse(COMOUNTED, COMOUNTED_SELF)
    assert found.mode == "hybrid"
    assert found.v1["cpu"] is found.v1["cpuacct"]
    assert found.v1["cpu"].controllers == ("cpu", "cpuacct")
    assert found.v1["name=systemd"].mount == "/sys/fs/cgroup/systemd"
    assert len(found.hierarchies) == 5


def test_pure_v1():
    mounts = "\n".join(line for line in COMOUNTED.splitlines() if "cgroup2" not in line)
    found = layout.parse(
        mounts, COMOUNTED_SELF.replace("0::/user.slice/session-1.scope", "").strip()
    )
    assert found.mode == "v1" and found.unified is None


def test_options_that_are_no_controllers():
    found = layout.parse(
        "30 25 0:29 / /c rw - cgroup cgroup rw,cpuset,noprefix,release_agent=/sbin/cpu",
        "4:cpuset:/",
    )
    assert found.hierarchies[0].controllers == ("cpuset",)


def test_none_mounted():
    assert layout.parse("22 1 254:0 / / rw - ext4 /dev/vda rw", "0::/").mode == ""


def test_escaped_mount_point():
    found = layout.parse(V2_MOUNTS.replace("/sys/fs/cgroup", "/mnt/my\\040cgroups"), V2_SELF)
    assert found.unified.mount == "/mnt/my cgroups"


def test_the_whole_tree_is_preferred_to_a_bind_mount_of_a_part():
    part = "40 23 0:22 /docker/abc /mnt/part rw - cgroup2 cgroup2 rw"
    assert layout.parse(part + "\n" + V2_MOUNTS, V2_SELF).unified.mount == "/sys/fs/cgroup"
    assert layout.parse(V2_MOUNTS + "\n" + part, V2_SELF).unified.mount == "/sys/fs/cgroup"


def test_what_is_mounted_over_is_not_seen():
    over = V2_MOUNTS + "\n40 24 0:22 /docker/abc /sys/fs/cgroup rw - cgroup2 cgroup2 rw"
    assert layout.parse(over, V2_SELF).unified.root == "/docker/abc"
    assert (
        layout.parse(V2_MOUNTS + "\n40 24 0:99 / /sys/fs/cgroup rw - tmpfs none rw", V2_SELF).mode
        == ""
    )


@pytest.mark.parametrize(
    "root, cgroup, directory",
    [
        ("/", "/", "/m"),
        ("/", "/a/b", "/m/a/b"),
        ("/docker/abc", "/docker/abc", "/m"),
        ("/docker/abc", "/docker/abc/x", "/m/x"),
        ("/docker/abc", "/docker/abcd", None),
        ("/docker/abc", "/", None),
    ],
)
def test_directory_of_a_cgroup(root, cgroup, directory):
    assert layout.Hierarchy("/m", root, 2).directory(cgroup) == directory
