# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""No room where the containers are written down: what is made leaves nothing, what is there can be listed, killed and deleted."""

from __future__ import annotations

import os
import subprocess

import pytest


@pytest.fixture
def small(runtime):
    """The runtime with its root on a tmpfs of 256 KiB and 64 files."""
    os.mkdir(runtime.root, 0o700)
    subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=256k,nr_inodes=64", "small", runtime.root], check=True
    )
    try:
        yield runtime
        for name in os.listdir(runtime.root):
            if os.path.isdir(os.path.join(runtime.root, name)):
                runtime.ok("delete", "--force", name)
    finally:
        subprocess.run(["umount", runtime.root], check=True)


def fill(root, leave=0):
    """Take all room, or all but so many bytes; returns the file."""
    path = os.path.join(root, "filler")
    with open(path, "wb", buffering=0) as file:
        free = os.statvfs(root)
        os.posix_fallocate(file.fileno(), 0, free.f_bavail * free.f_frsize - leave)
    return path


@pytest.mark.parametrize("leave", (0, 4096, 8192, 16384, 32768))
def test_no_room(small, bundle, leave):
    bundle.config["annotations"] = {
        "key": "x" * 20000
    }  # longer than a page: a file of it can be written in part
    small.ok(
        "create",
        "--bundle",
        bundle.save().path,
        "a",
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    filler = fill(small.root, leave)
    for command in ("create", "run"):
        assert (
            "no space left on device" in small.fails(command, "--bundle", bundle.path, "b").lower()
        )
        assert sorted(os.listdir(small.root)) == ["a", "filler"]
    os.truncate(filler, 0)
    fill(small.root)
    assert small.ok("list", "-q").split() == ["a"]
    assert small.state("a")["status"] == "created"
    small.ok("start", "a")
    small.ok("kill", "a", "KILL")
    small.ok("delete", "--force", "a")
    assert os.listdir(small.root) == ["filler"]


def test_no_room_for_names(small, bundle):
    small.ok(
        "create", "--bundle", bundle.path, "a", stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    number, keep = 0, []
    while os.statvfs(small.root).f_favail:
        keep.append(os.path.join(small.root, "filler-%d" % number))
        open(keep[-1], "w").close()
        number += 1
    for _more in range(4):
        assert (
            "no space left on device" in small.fails("create", "--bundle", bundle.path, "b").lower()
        )
        assert not os.path.exists(os.path.join(small.root, "b"))
        os.unlink(keep.pop())
    assert small.ok("list", "-q").split() == ["a"]
    small.ok("delete", "--force", "a")
