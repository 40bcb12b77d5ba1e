# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""An image to run containers from: busybox of this machine."""

from __future__ import annotations

import os
import shutil
import subprocess

import pytest

BUSYBOX = shutil.which("busybox")
APPLETS = (
    "sh",
    "sleep",
    "cat",
    "echo",
    "ls",
    "id",
    "env",
    "hostname",
    "mount",
    "true",
    "false",
    "touch",
    "httpd",
    "wget",
    "ip",
    "stat",
    "ps",
    "kill",
    "nc",
    "test",
    "mkdir",
    "readlink",
    "head",
    "grep",
    "ulimit",
    "tail",
    "dd",
    "trap",
)


def make_rootfs(directory):
    """A root file system with busybox, users, and a directory for volumes to be filled from."""
    for name in ("bin", "etc", "srv/data", "tmp", "proc", "sys", "dev", "root"):
        os.makedirs(os.path.join(directory, name))
    shutil.copy2(BUSYBOX, os.path.join(directory, "bin", "busybox"))
    for applet in APPLETS:
        os.symlink("busybox", os.path.join(directory, "bin", applet))
    with open(os.path.join(directory, "etc", "passwd"), "w") as file:
        file.write("root:x:0:0:root:/root:/bin/sh\nwww:x:33:33:www:/srv:/bin/sh\n")
    with open(os.path.join(directory, "etc", "group"), "w") as file:
        file.write("root:x:0:\nwww:x:33:\nextra:x:77:\n")
    with open(os.path.join(directory, "srv", "data", "file"), "w") as file:
        file.write("from the image\n")
    os.chown(os.path.join(directory, "srv", "data"), 33, 33)
    os.chmod(os.path.join(directory, "tmp"), 0o1777)


@pytest.fixture(scope="session")
def rootfs(tmp_path_factory):
    if (
        BUSYBOX is None
        or subprocess.run(["ldd", BUSYBOX], capture_output=True, check=False).returncode == 0
    ):
        pytest.skip("needs a statically linked busybox (Debian: busybox-static)")
    directory = tmp_path_factory.mktemp("rootfs")
    directory.chmod(0o755)
    make_rootfs(str(directory))
    return str(directory)


@pytest.fixture
def image(engine, rootfs):
    """The id of an image ``box`` in the engine's store."""
    from pycontainer import images
    from pycontainer.reconcile import carry_out

    carry_out(images.plan_import(engine, "box:1", rootfs, {"command": ["sleep", "1000"]}), False)
    return images.get(engine, "box:1")["id"]
