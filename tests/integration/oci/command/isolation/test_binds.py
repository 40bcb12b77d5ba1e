# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Bind mounts by the command: attributes as mount(2) has them for a remounted bind, sources and targets below the container's own root."""

from __future__ import annotations

import os
import subprocess

import pytest


@pytest.fixture
def place(tmp_path):
    """A tmpfs of the host's; gives a function that sets the attributes of its mount."""
    path = tmp_path / "place"
    path.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "strictatime", "place", str(path)], check=True)

    def has(options):
        subprocess.run(["mount", "-o", "remount,bind," + options, str(path)], check=True)
        return str(path)

    yield has
    subprocess.run(["umount", str(path)], check=True)


def attributes(runtime, bundle, source, *options):
    bundle.config["mounts"] = [
        mount for mount in bundle.config["mounts"] if mount["destination"] != "/mnt"
    ]
    bundle.config["mounts"].append(
        {"destination": "/mnt", "type": "bind", "source": source, "options": ["bind", *options]}
    )
    bundle.save(args=["cat", "/proc/self/mounts"])
    lines = [
        line.split()
        for line in runtime.ok("run", "--bundle", bundle.path, "c", stderr=None).splitlines()
    ]
    return set(next(fields[3] for fields in lines if fields[1] == "/mnt").split(",")) - {"inode64"}


@pytest.mark.parametrize(
    "host, options, expected",
    [
        (
            "ro,noexec,nodiratime",
            (),
            {"ro", "noexec", "nodiratime", "relatime"},
        ),  # none is named: the host's
        ("ro,noexec,nodiratime", ("dev",), {"rw", "nodiratime", "relatime"}),
        ("ro", ("nosuid", "nodev", "rprivate"), {"rw", "nosuid", "nodev"}),
        ("nosuid,nodev,noexec,noatime", ("ro",), {"ro", "noatime"}),
        ("noatime", ("atime",), {"rw", "noatime"}),  # not named is not changed
        ("noatime", ("relatime",), {"rw", "relatime"}),
        ("noatime", ("nodiratime",), {"rw", "nodiratime", "relatime"}),
        ("nodiratime", ("strictatime",), {"rw"}),
    ],
)
def test_attributes_that_are_named_are_all(runtime, bundle, place, host, options, expected):
    assert attributes(runtime, bundle, place(host), *options) == expected


def test_in_a_user_namespace_the_locked_ones_stay(runtime, bundle, place):
    bundle.config["linux"]["namespaces"].append({"type": "user"})
    for kind in ("uidMappings", "gidMappings"):
        bundle.config["linux"][kind] = [{"containerID": 0, "hostID": 0, "size": 65536}]
    assert attributes(runtime, bundle, place("ro,noexec,noatime"), "nosuid") == {
        "ro",
        "noexec",
        "noatime",
        "nosuid",
    }


def test_a_source_below_the_root_has_the_mounts_that_were_made_in_it(runtime, bundle, tmp_path):
    """Sources and targets may be the host's names of places in the root; links in it lead nowhere else."""
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "file").write_text(name + "\n")
    (bundle.rootfs / "link").symlink_to("/etc")
    root = str(bundle.rootfs)
    for source, destination in (
        (tmp_path / "one", "/mnt"),
        (tmp_path / "two", "/mnt/below"),
        (root + "/mnt", root + "/copy"),
        (root + "/link", "/own"),
    ):
        os.makedirs(tmp_path / "one" / "below", exist_ok=True)
        bundle.config["mounts"].append(
            {
                "destination": str(destination),
                "type": "bind",
                "source": str(source),
                "options": ["rbind"],
            }
        )
    (bundle.rootfs / "etc" / "mine").write_text("mine\n")
    bundle.save(args=["cat", "/copy/file", "/copy/below/file", "/own/mine"])
    assert runtime.ok("run", "--bundle", bundle.path, "c", stderr=None) == "one\ntwo\nmine\n"


def test_owners_of_a_source_below_the_root(runtime, bundle, tmp_path):
    """They are mapped when it is that mount's turn: what earlier mounts have there is seen, with owners of its own, and those mounts keep theirs."""
    (tmp_path / "one").mkdir()
    (tmp_path / "one" / "file").write_text("one\n")
    os.chown(tmp_path / "one" / "file", 7, 9)
    (bundle.rootfs / "bin" / "stat").symlink_to("busybox")
    root, maps = (
        str(bundle.rootfs),
        {
            "uidMappings": [{"containerID": 0, "hostID": 1000, "size": 10}],
            "gidMappings": [{"containerID": 0, "hostID": 2000, "size": 10}],
        },
    )
    bundle.config["mounts"] += [
        {
            "destination": "/mnt",
            "type": "bind",
            "source": str(tmp_path / "one"),
            "options": ["rbind"],
        },
        {
            "destination": "/copy",
            "type": "bind",
            "source": root + "/mnt",
            "options": ["rbind"],
            **maps,
        },
        {"destination": "/whole", "type": "bind", "source": root, "options": ["rbind"]},
    ]
    bundle.save(args=["stat", "-c", "%n %u %g", "/mnt/file", "/copy/file", "/whole/copy/file"])
    assert (
        runtime.ok("run", "--bundle", bundle.path, "c", stderr=None)
        == "/mnt/file 7 9\n/copy/file 1007 2009\n/whole/copy/file 1007 2009\n"
    )
    bundle.config["mounts"][-2].update({"source": root + "/proc", "destination": "/again"})
    bundle.save()
    line = runtime.fails("run", "--bundle", bundle.path, "c")
    assert (
        f"mount /again: the ids of {root}/proc of the host can't be mapped: its file system does "
        "not have that" in line
    )
