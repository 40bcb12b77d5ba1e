# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Namespaces of a benchmark's own, so that three engines can work beside each other and nothing of them stays behind.

Network, processes and mounts are private; the engines' data lie on a journalled ext4 of their own, since a machine's root may be
anything (an ext4 without a journal makes each file creation after a removal slow, which is then what gets measured).
"""

from __future__ import annotations

import os
import pathlib
import subprocess
import sys

INSIDE = "PYCONTAINER_BENCHMARK_INSIDE"


def enter(scratch):
    """Run this very program again in namespaces of its own, and end with its exit code; in there, return the directory for data.

    :param scratch: a directory that is there, for the file system's image.
    """
    if INSIDE not in os.environ:
        command = [
            "unshare",
            "--net",
            "--mount",
            "--pid",
            "--ipc",
            "--fork",
            "--kill-child",
            "--mount-proc",
            sys.executable,
            *sys.argv,
        ]
        sys.exit(
            subprocess.run(command, env=dict(os.environ, **{INSIDE: "1"}), check=False).returncode
        )
    _be_init()
    image, top = (
        pathlib.Path(scratch, "disk.img"),
        pathlib.Path("/run/bench"),
    )  # short: podman takes no long paths
    if not image.exists():
        with open(image, "wb") as file:
            file.truncate(8 << 30)
        subprocess.run(["mkfs.ext4", "-q", "-F", image], check=True)
    subprocess.run(["mount", "-t", "tmpfs", "tmpfs", "/run"], check=True)
    top.mkdir()
    subprocess.run(["mount", "-o", "loop", image, top], check=True)
    store = pathlib.Path(top, "pycontainer")
    store.mkdir(exist_ok=True)
    os.makedirs("/var/lib/pycontainer", exist_ok=True)
    subprocess.run(["mount", "--bind", store, "/var/lib/pycontainer"], check=True)
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    return top


def _be_init():
    """Process 1 of the new namespace reaps what is orphaned there; the benchmark goes on in a child of it."""
    child = os.fork()
    if child == 0:
        return
    while True:
        pid, status = os.wait()
        if pid == child:
            os._exit(os.waitstatus_to_exitcode(status) & 0xFF)
