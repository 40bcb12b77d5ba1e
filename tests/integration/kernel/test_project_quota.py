# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Project quotas on a real file system."""

from __future__ import annotations

import os
import subprocess

import pytest
from pycontainer.errors import Unsupported
from pycontainer.kernel.calls import syscalls
from pycontainer.kernel.files import project_quota
from support.disks import quota_disk

MIB = 1 << 20


@pytest.fixture
def disk(tmp_path):
    with quota_disk.mounted(tmp_path / "image", tmp_path / "disk") as at:
        yield at


def fill(path, mebibytes):
    """Write a file without CAP_SYS_RESOURCE, which no quota stops; what stopped it, "" when all went in."""
    dd = ["dd", "if=/dev/zero", f"of={path}", "bs=1M", f"count={mebibytes}", "conv=fsync"]
    command = ["setpriv", "--bounding-set", "-sys_resource", *dd, "status=none"]
    done = subprocess.run(command, check=False, stderr=subprocess.PIPE, text=True)
    return done.stderr.strip().rpartition(": ")[2]


@pytest.mark.parametrize("old", [False, True], ids=["quotactl_fd", "quotactl"])
def test_bound(disk, old, monkeypatch):
    """Two directories share a limit; others do not have it. Without quotactl_fd (before Linux 5.14) it goes by the block device."""
    if old:
        number = os.stat(disk).st_dev
        if not os.path.exists("/dev/block/%d:%d" % (os.major(number), os.minor(number))):
            pytest.skip("udev makes no /dev/block here")
        monkeypatch.setitem(syscalls._NUMBERS, "quotactl_fd", 1000)
    one, two, other = (os.path.join(disk, name) for name in ("one", "two", "other"))
    for path in (one, two, other):
        os.mkdir(path)
    assert project_quota.obstacle(disk) == ""
    project = project_quota.bound([one, two], 4 * MIB)
    os.mkdir(os.path.join(one, "below"))
    assert (
        project
        == project_quota.project_of(two)
        == project_quota.project_of(os.path.join(one, "below"))
    )
    assert fill(os.path.join(one, "below", "file"), 3) == ""
    assert fill(os.path.join(two, "file"), 2) == "Disk quota exceeded"
    assert fill(os.path.join(other, "file"), 8) == ""
    limit, used = project_quota.usage(two)
    assert limit == 4 * MIB and 3 * MIB <= used <= limit
    shown = os.statvfs(one)
    assert shown.f_blocks * shown.f_frsize == 4 * MIB

    project_quota.limit(two, project, 0)
    assert fill(os.path.join(two, "file"), 8) == ""


def test_ids(disk):
    """Each bound set of directories has a project of its own; a released one has no limit, and other people's projects keep theirs."""
    paths = [os.path.join(disk, str(number)) for number in range(5)]
    for path in paths:
        os.mkdir(path)
    assert len({project_quota.bound([path], MIB) for path in paths}) == 5
    project_quota.release(paths[0])
    assert project_quota.usage(paths[0])[0] == 0 and project_quota.usage(paths[1])[0] == MIB
    project_quota.assign(paths[2], 7)
    project_quota.limit(paths[2], 7, MIB)
    project_quota.release(paths[2])
    assert project_quota.usage(paths[2])[0] == MIB
    assert project_quota.usage(disk) == (0, 0)


def test_none(tmp_path):
    """A disk that has the feature and was mounted without it, and a file system that lacks it, are refused in words."""
    with quota_disk.mounted(tmp_path / "image", tmp_path / "disk", "loop") as at:
        with pytest.raises(Unsupported, match=r"disk has no project quotas; .* prjquota"):
            project_quota.bound([at], MIB)
        assert project_quota.project_of(at) == 0
    assert "/proc has no project quotas" in project_quota.obstacle("/proc")
    assert project_quota.usage("/proc") == (0, 0)
    project_quota.release("/proc")
