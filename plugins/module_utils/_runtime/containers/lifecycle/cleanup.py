# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Take down all that the kernel may still hold of a container that does not run, however its
monitor ended.

Everything here can be done twice. The monitors' workers import this file: it needs no database.
"""

from __future__ import annotations

import contextlib
import os

from ...errors import Conflict, EngineError, HostError
from ...kernel import cgroups
from ...kernel.calls import constants, syscalls
from ...kernel.processes import pidfd
from ...store import atomic_files
from ..records import run_state
from ..spec import network_links

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from ...store.paths import Paths
    from ..records.run_state import RunState

OF_CRIU = ("dump.log", "restore.log", "stats-dump", "stats-restore")
FILES = ("stdout", "stderr", "stdin", *OF_CRIU)  # in a container's run directory
PATIENCE = 10.0  # seconds that the kernel may take to end a killed process


def take_down(paths: Paths, ident: str) -> None:
    """Take down what the kernel holds of a container, and its run directory.

    :raises Conflict: it has a monitor, and so it runs. :raises HostError: a process can't be ended.
    """
    lock = run_state.take_lock(paths, ident) if os.path.isdir(paths.container(ident)) else None
    if lock is None and run_state.monitored(paths, ident):
        raise Conflict(f"container {ident} is running")
    try:
        cleanup(paths, ident)
        _remove_run_directory(paths, ident)
    finally:
        if lock is not None:
            os.close(lock)


def cleanup(paths: Paths, ident: str, known: RunState | None = None) -> None:
    """Kill what is left of a container; remove its cgroups, links and published ports.

    Not for a container with a living monitor, which does all that itself.

    :param known: its state, where the caller has read it; it is brought up to date.
    :raises HostError: a process of it can't be ended.
    """
    found = run_state.read(paths, ident) if known is None else known
    if run_state.alive(found):
        _kill(ident, found)
    _remove_groups(paths, ident, found)
    network_links.disconnect(ident, found["network"])
    found.update({"pid": 0, "pid_start": 0, "cgroup": {}, "network": None})


def _kill(ident: str, found: RunState) -> None:
    process = pidfd.open_process(found["pid"], found["pid_start"])
    if process is None:
        return
    pidfd.send(process, constants.SIGKILL)
    with contextlib.suppress(EngineError, OSError):
        cgroups.Group.open(found["cgroup"]).kill()
    ended = pidfd.ended(process, PATIENCE)
    os.close(process)
    if not ended:
        raise HostError(f"container {ident}: process {found['pid']} can't be ended")


def _remove_groups(paths: Paths, ident: str, found: RunState) -> None:
    """Remove the groups that were written down, and those of its name: a monitor may be killed
    before it writes.
    """
    candidates = dict(found["cgroup"])
    config: dict[str, Any] = {}
    with contextlib.suppress(atomic_files.Damaged):
        config = atomic_files.read_json(os.path.join(paths.container(ident), "config.json"), {})
    name = config.get("linux", {}).get("cgroupsPath") or f"{cgroups.base()}/{ident}"
    for place in cgroups.base_paths():
        path = os.path.join(place, name.strip("/"))
        if os.path.basename(path) == ident and os.path.isdir(path):
            candidates.setdefault(place, path)
    if candidates:
        cgroups.Group.open(candidates).remove()


def forget_secrets(paths: Paths, ident: str) -> None:
    """Unmount the memory with a container's secrets: it is free once nothing shows it any more."""
    top = paths.secrets_run(ident)
    if os.path.ismount(top):
        syscalls.umount2(top, constants.MNT_DETACH)
    with contextlib.suppress(OSError):
        os.rmdir(top)


def _remove_run_directory(paths: Paths, ident: str) -> None:
    forget_secrets(paths, ident)
    directory = paths.container_run(ident)
    for name in FILES:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(os.path.join(directory, name))
    for name in ("rootfs", ""):
        with contextlib.suppress(OSError):
            os.rmdir(os.path.join(directory, name))
