# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Take a container away, whatever state it is in.

For ``delete``, at the end of ``run`` and of ``restore``, after ``checkpoint``, and when a poststart
hook fails.
"""

from __future__ import annotations

from ...errors import Conflict, EngineError
from ...kernel.calls import constants as c
from ...kernel.calls import syscalls
from ...kernel.processes import pidfd
from ..spec.document import Document
from .states import Unreadable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..spec.config_types import Config
    from .output import Log
    from .states import Container

SIGKILL = 9


def remove(container: Container, log: Log, config: Config | None = None) -> None:
    """Remove all that there is of a container, and kill what still runs in it.

    The caller holds its lock.

    :param config: its document, where that is at hand. Hooks that fail are warnings in the log.
    :raises Conflict: its process does not end, or its cgroup has processes of which nothing is
        known.
    """
    process = container.process()
    if process is not None:
        pidfd.send(process, SIGKILL)
    if config is None:
        config = _config(container)
    if container.data.get("cgroup"):
        _remove_group(container, process, log)
    else:
        _remove_unrecorded(container, config)
    if process is not None and not pidfd.ended(process, 10.0):
        raise Conflict(
            f"container {container.ident} can't be deleted: its process {container.pid} does not end"
        )
    if container.data.get("rootfs") and config and not _has_own_mounts(config):
        _unmount(container.data["rootfs"])
    if (config.get("linux") or {}).get("intelRdt"):
        from ..features import resctrl  # here: few machines have it

        resctrl.remove(config["linux"]["intelRdt"], container.ident, resctrl.place() or "")
    if not (config.get("hooks") or {}).get("poststop"):
        container.remove()
        return
    from ..features import hooks  # here: few documents have hooks

    document, wanted = Document(config), hooks.read(config)
    # Without the bundle where its status is lost.
    state = document.state(container.ident, container.data.get("bundle", ""), 0, "stopped")
    container.remove()
    for text in hooks.run(wanted, "poststop", state):
        log.warning(text)


def _config(container: Container) -> Config:
    """Return the container's document; {} where there is none that can be read."""
    try:
        return container.config()
    except Unreadable:
        return {}


def _remove_group(container: Container, process: int | None, log: Log) -> None:
    """Remove its cgroup.

    :param process: a pidfd of process 1, which is being killed; None: it has ended.
    """
    group = container.group()
    if process is not None:
        group.thaw()
        if not pidfd.ended(process, 0.2):
            group.recall(container.pid)
    try:
        group.remove()
    except EngineError as error:
        log.warning(str(error))


def _remove_unrecorded(container: Container, config: Config) -> None:
    """Remove the groups of one whose making was killed before they were written down, or whose
    status is lost.

    What is in a group of its own name is ended. A place that was given may be shared with others:
    of that, and of what is above it, goes what was announced to be made, when nobody is in it.

    :raises Conflict: somebody is.
    """
    from ...kernel import cgroups  # here: the usual container's group is on record

    given, announced = (config.get("linux") or {}).get("cgroupsPath"), container.announced_group()
    try:
        group = (
            cgroups.reopen(announced)
            if announced
            else cgroups.Group(cgroups.places(given, container.ident), () if given else None)
        )
    except EngineError:
        return
    group.shared = bool(given or announced)
    group.remove()
    left = sorted(group.procs()) if group.shared else []
    if left:
        raise Conflict(
            f"container {container.ident} can't be deleted: what it was is not known, and its "
            f"cgroup {given or next(iter(group.paths.values()))} has processes: "
            f"{', '.join(map(str, left))}; end them first"
        )


def _has_own_mounts(config: Config) -> bool:
    return any(
        entry["type"] == "mount" and not entry.get("path")
        for entry in (config.get("linux") or {}).get("namespaces") or ()
    )


def _unmount(rootfs: str) -> None:
    """Unmount the root of a container that had no mount namespace of its own: its mounts are the
    host's.
    """
    try:
        syscalls.umount2(rootfs, c.MNT_DETACH | c.UMOUNT_NOFOLLOW)
    except OSError:  # nothing is mounted there
        pass
