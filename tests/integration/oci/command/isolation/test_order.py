# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Mounts are listed in the document's order (runtime-spec config.md, "Mounts"), as others look for it in mountinfo."""

from __future__ import annotations

import os
import subprocess

import pytest
from pycontainer.kernel.processes import procfs

MAP = [{"containerID": 0, "hostID": 1_500_000_000, "size": 65536}]


@pytest.fixture(autouse=True)
def _shows_it():
    if procfs.kernel_version() < (6, 8):
        pytest.skip(
            "mountinfo is in the order of attaching before Linux 6.8, which is another matter"
        )


@pytest.fixture
def shared(tmp_path):
    """A directory of the host that others hear of, with a mount in it."""
    top = tmp_path / "shared"
    (top / "below").mkdir(parents=True)
    subprocess.run(["mount", "--bind", top, top], check=True)
    subprocess.run(["mount", "--make-shared", top], check=True)
    subprocess.run(["mount", "-t", "tmpfs", "below", top / "below"], check=True)
    yield top
    subprocess.run(["umount", "--lazy", top], check=True)


def user_namespace(bundle):
    """Give it one; whose root may make no mount points in the image."""
    bundle.config["linux"]["namespaces"].append({"type": "user"})
    bundle.config["linux"].update(uidMappings=MAP, gidMappings=MAP)
    for mount in bundle.config["mounts"]:
        place = bundle.rootfs / mount["destination"].strip("/")
        if os.path.isfile(mount["source"]):
            place.touch()
        elif not mount["destination"].startswith(("/dev/", "/sys/", "/last/")):
            place.mkdir(exist_ok=True)


def lists(text):
    """``{mount point: fields}`` of a mountinfo, in its order."""
    return {line.split()[4]: line.split() for line in text.splitlines()}


def here():
    with open("/proc/self/mountinfo", encoding="ascii") as file:
        return lists(file.read())


@pytest.mark.parametrize("user", (False, True), ids=("", "userns"))
def test_mounts_are_listed_in_their_order(bundle, runtime, tmp_path, shared, user):  # pylint: disable=redefined-outer-name
    file = tmp_path / "file"
    file.write_text("content\n")
    binds = [
        ("/first", shared, ["rbind", "rslave"]),
        ("/text", file, ["bind", "ro"]),
        ("/private", shared, ["rbind", "rprivate"]),
    ]
    for destination, source, options in binds:
        bundle.config["mounts"].insert(
            2, {"destination": destination, "source": str(source), "options": options}
        )
    bundle.config["mounts"] += [
        {"destination": "/sys", "type": "sysfs", "source": "sysfs", "options": ["ro"]},
        {"destination": "/sys/fs/cgroup", "type": "cgroup", "source": "cgroup", "options": ["ro"]},
        {"destination": "/dev/shm", "type": "tmpfs", "source": "shm"},
        {
            "destination": "/last",
            "type": "bind",
            "source": str(shared),
            "options": ["rbind", "rshared"],
        },
    ]
    if user:
        user_namespace(bundle)
    before = here()
    found = lists(
        runtime.ok(
            "run", "--bundle", bundle.save(args=["cat", "/proc/self/mountinfo"]).path, "order"
        )
    )
    wanted = [mount["destination"] for mount in bundle.config["mounts"]]
    assert [point for point in found if point in wanted] == wanted
    assert (
        "/first/below" in found
        and "/private/below" in found
        and found["/text"][3].endswith("/file")
        and "ro" in found["/text"][5].split(",")
    )
    peers = before[str(shared)][6]
    assert (
        found["/first"][6] == peers.replace("shared", "master")
        and found["/last"][6] == peers
        and found["/private"][6] == "-"
    )
    assert here() == before, "the host's are as they were"


def test_nothing_comes_and_goes_in_what_others_have_too(bundle, runtime, tmp_path, shared):  # pylint: disable=redefined-outer-name
    """In a user namespace such a mount is where it belongs, once, here and there, though not in its order."""
    (tmp_path / "other" / "in").mkdir(parents=True)
    subprocess.run(["mount", "-t", "tmpfs", "in", tmp_path / "other" / "in"], check=True)
    try:
        bundle.config["mounts"] += [
            {
                "destination": "/last",
                "type": "bind",
                "source": str(shared),
                "options": ["rbind", "rshared"],
            },
            {
                "destination": "/last/below",
                "type": "bind",
                "source": str(tmp_path / "other"),
                "options": ["rbind"],
            },
        ]
        user_namespace(bundle)
        found = runtime.ok(
            "run", "--bundle", bundle.save(args=["cat", "/proc/self/mountinfo"]).path, "order"
        )
        assert "/last/below/in" in lists(found)
        points = [line.split()[4] for line in open("/proc/self/mountinfo", encoding="ascii")]  # pylint: disable=consider-using-with
        assert (
            points.count(str(shared / "below")) == 2
            and points.count(str(shared / "below" / "in")) == 1
        )
    finally:
        subprocess.run(["umount", tmp_path / "other" / "in"], check=True)


def test_a_source_that_is_not_there_is_told_before_anything_is_made(bundle, runtime):
    bundle.config["mounts"].append(
        {"destination": "/x", "type": "bind", "source": "/not/there", "options": ["bind"]}
    )
    assert (
        "mount /x: can't bind /not/there of the host: no such file or directory"
        in runtime.fails("run", "--bundle", bundle.save().path, "order")
    )
