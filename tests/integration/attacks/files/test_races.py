# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A neighbour that shares a volume exchanges a directory for a link while a container is started on it: CVE-2021-30465
(mounts), CVE-2024-45310 (made directories and files), CVE-2019-18837, CVE-2025-52881. It wins the race or not: nothing lands
outside."""

from __future__ import annotations

import os
import subprocess
import time

import pytest
from pycontainer.errors import ContainerFailed

SECONDS, STARTS = (
    2.5,
    10,
)  # of racing at least, and no more than five times as long on a slow machine


@pytest.fixture
def shared(boxes, host):
    """A volume of two containers: ``place`` a directory, ``trap`` a link out of it."""
    path = os.path.join(boxes.paths.data, "shared")
    os.makedirs(os.path.join(path, "place", "sub"))
    return path


@pytest.fixture
def flipping(program):
    """``flipping(a, b)``: a process that exchanges the two until the test ends."""
    started = []

    def start(first, second):
        started.append(
            subprocess.Popen([program("flip"), first, second, "100"], stdout=subprocess.DEVNULL)
        )
        return started[-1]

    yield start
    for process in started:
        process.kill()
        process.wait()


def racing():
    """Counts starts until there were enough."""
    began, count = time.monotonic(), 0
    while time.monotonic() < began + SECONDS or (
        count < STARTS and time.monotonic() < began + 8 * SECONDS
    ):
        yield count
        count += 1
    assert count > 3


def attempt(box):
    """Start it, whatever comes of it."""
    try:
        box.start()
        box.wait()
    except ContainerFailed:
        pass
    if box.kind == "oci":
        box.stop()


def volume(shared):
    return {"destination": "/vol", "type": "bind", "source": shared, "options": ["rbind", "rw"]}


@pytest.mark.parametrize(
    "target",
    ["/", "canary", "../../../../../../../../../..canary", "/proc/1/root", "/proc/self/cwd"],
)
def test_mount_points(boxes, host, shared, flipping, target):
    """Mounts on and below the place that turns into a link, and working directories and files that are made there."""
    target = target.replace("canary", host.canary)
    os.symlink(target, os.path.join(shared, "trap"))
    made = os.path.join(boxes.paths.data, "source")
    os.mkdir(made)
    with open(os.path.join(made, "file"), "w") as file:
        file.write("bound\n")
    attempt(boxes("/bin/true"))  # all is warm
    flipping(os.path.join(shared, "place"), os.path.join(shared, "trap"))
    inside = host.canary.lstrip("/")
    for number in racing():
        box = boxes(
            "/bin/sh",
            "-c",
            "cat /proc/self/mountinfo | grep -c vol; echo evil > /vol/place/file; echo evil > "
            "/vol/place/sub/inner; ls /vol/place/sub",
        )
        box.config["mounts"] += [
            volume(shared),
            {"destination": "/vol/place/sub", "type": "tmpfs", "source": "tmpfs", "options": []},
            {
                "destination": "/vol/place/made/deep",
                "type": "bind",
                "source": made,
                "options": ["rbind", "rw"],
            },
            {
                "destination": "/vol/place/file",
                "type": "bind",
                "source": os.path.join(made, "file"),
                "options": ["bind", "rw"],
            },
            {
                "destination": f"/vol/place/{inside}/new",
                "type": "tmpfs",
                "source": "tmpfs",
                "options": [],
            },
        ]
        box.config["process"]["cwd"] = "/vol/place/work/%d" % number
        attempt(box)


def test_masks_and_read_only_paths(boxes, host, shared, flipping):
    """Where /proc's own places are covered by what a neighbour moves: masks land in the container, or it does not start."""
    os.symlink(host.canary, os.path.join(shared, "trap"))
    attempt(boxes("/bin/true"))
    flipping(os.path.join(shared, "place"), os.path.join(shared, "trap"))
    for dummy in racing():
        box = boxes("/bin/sh", "-c", "echo ran")
        box.config["mounts"].append(volume(shared))
        box.config["linux"]["maskedPaths"] += ["/vol/place", "/vol/place/sub", "/vol/place/file"]
        box.config["linux"]["readonlyPaths"] += ["/vol/place", "/vol/trap", "/vol/place/sub"]
        box.config["linux"]["devices"] = [
            {"path": "/vol/place/dev/null", "type": "c", "major": 1, "minor": 3, "fileMode": 0o666}
        ]
        attempt(box)


def test_commands_while_their_user_file_turns(boxes, host, shared, flipping):
    """exec reads passwd in the root, which its owner exchanges meanwhile: for a link to the host's, a FIFO, a device."""
    os.mkdir(os.path.join(shared, "etc"))
    with open(os.path.join(shared, "etc", "passwd"), "w") as file:
        file.write("evil:x:1234:1234::/:/bin/sh\n")
    os.symlink("/proc/1/root/etc/shadow", os.path.join(shared, "link"))
    os.mkfifo(os.path.join(shared, "fifo"))
    if boxes.kind == "oci":
        pytest.skip("the OCI command reads no user file: ids are numbers")
    boxes.link("etc/passwd", "/vol/etc/passwd")
    box = boxes("/bin/sleep", "100")
    box.config["mounts"].append(volume(shared))
    box.start()
    for other in ("link", "fifo"):
        racer = flipping(os.path.join(shared, "etc", "passwd"), os.path.join(shared, other))
        end = time.monotonic() + SECONDS
        while time.monotonic() < end:
            try:
                done = box.execute(
                    "/bin/grep", "Uid:", "/proc/self/status", user="evil"
                )  # id reads the FIFO itself, and waits
                assert done["stdout"].split() == [b"Uid:"] + [b"1234"] * 4, done
            except ContainerFailed as error:
                assert "evil" in str(error)
        racer.kill()
        racer.wait()
