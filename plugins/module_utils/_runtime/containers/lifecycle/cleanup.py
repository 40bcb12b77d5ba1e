# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""All that the kernel may still hold of a container that does not run: taken down, however its monitor ended. Idempotent."""

from __future__ import annotations

import contextlib
import os

from ...errors import EngineError, HostError
from ...kernel import cgroups
from ...kernel.calls import constants
from ...kernel.processes import pidfd
from ...store import files
from ..monitor import engine_launch
from ..records import state

FILES = (
    "stdout",
    "stderr",
    "stdin",
    "dump.log",
    "restore.log",
    "stats-dump",
    "stats-restore",
)  # the last four: CRIU's


def cleanup(paths, ident, known=None):
    """Kill what is left of the container, remove its cgroups, links, published ports and what its run directory holds.

    Not for a container with a living monitor: its monitor does all that itself.

    :param known: its state, where the caller has read it. :raises HostError: when a process of it can't be ended.
    """
    found = known or state.read(paths, ident)
    if state.alive(found):
        process = pidfd.open_process(found["pid"], found["pid_start"])
        if process is not None:
            pidfd.send(process, constants.SIGKILL)
            with contextlib.suppress(EngineError, OSError):
                cgroups.Group.open(found["cgroup"]).kill()
            ended = pidfd.ended(process, 10.0)
            os.close(process)
            if not ended:
                raise HostError("container %s: process %d can't be ended" % (ident, found["pid"]))
    _remove_groups(paths, ident, found)
    engine_launch.disconnect(ident, found["network"])
    found.update(pid=0, pid_start=0, cgroup={}, network=None)


def _remove_groups(paths, ident, found):
    """The groups by what was written down, and by their name where the monitor was killed before it wrote."""
    candidates = dict(found["cgroup"])
    config = {}
    with contextlib.suppress(files.Damaged):
        config = files.read_json(os.path.join(paths.container(ident), "config.json"), {})
    name = config.get("linux", {}).get("cgroupsPath") or f"{cgroups.base()}/{ident}"
    for place in cgroups.base_paths():
        path = os.path.join(place, name.strip("/"))
        if os.path.basename(path) == ident and os.path.isdir(path):
            candidates.setdefault(place, path)
    if candidates:
        cgroups.Group.open(candidates).remove()


def remove_run_directory(paths, ident):
    """What is of this boot, when the container itself goes."""
    directory = paths.container_run(ident)
    for name in FILES:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(os.path.join(directory, name))
    for name in ("rootfs", ""):
        with contextlib.suppress(OSError):
            os.rmdir(os.path.join(directory, name))
