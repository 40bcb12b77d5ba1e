# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Kill the processes of a group, and remove its directories."""

from __future__ import annotations

import errno
import os

from ....errors import HostError, reason
from . import cgroup_files, freezer
from .freezer import GONE, until

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .layout import GroupDirectories


SIGKILL = 9


# ---------------------------------------------------------------------------------------- processes


def children(path: str) -> list[str]:
    """Return the directories of the cgroups directly below; none for a cgroup that is gone."""
    try:
        with os.scandir(path) as entries:
            return [entry.path for entry in entries if entry.is_dir(follow_symlinks=False)]
    except FileNotFoundError:
        return []


def tree(path: str) -> list[str]:
    """Return the cgroup and all below it, each before those below it.

    They may be of any depth, since a container can make its own.
    """
    found = [path]
    for one in found:
        found += children(one)
    return found


def processes(path: str) -> list[int]:
    """Return the ids of the processes in the cgroup and below it."""
    found = [
        int(pid)
        for one in tree(path)
        for pid in cgroup_files.read_or(one + "/cgroup.procs").split()
    ]
    return [pid for pid in found if pid]  # 0: of a pid namespace that isn't below ours


def kill(group: GroupDirectories) -> None:
    """Send SIGKILL to all processes of a group, frozen ones too; do not wait for their end.

    cgroup.kill (5.14) does it, which no fork escapes; before that signals, while the freezer stops
    the forking.
    """
    try:
        if group.unified:
            cgroup_files.write(group.unified + "/cgroup.kill", "1")
            # A frozen process of v1 dies when it is thawed.
            freezer.thaw(group.unified, group.v1.get("freezer"))
            return
    except OSError:  # older kernel, or the group is gone
        pass
    until(lambda: kill_once(group), 2.0)


def kill_once(group: GroupDirectories) -> bool:
    """Signal all processes of the group; return whether there was none left."""
    old_freezer = group.v1.get("freezer")
    pids: list[int] = []
    try:
        if group.unified and os.path.exists(group.unified + "/cgroup.freeze"):
            cgroup_files.write(group.unified + "/cgroup.freeze", "1")
        elif old_freezer:
            cgroup_files.write(old_freezer + "/freezer.state", "FROZEN")
        for path in group.paths.values():
            pids = [pid for pid in processes(path) if pid != os.getpid()]
            for pid in pids:
                kill_quietly(pid)
            if pids:
                break
    except OSError as error:
        if error.errno not in GONE:
            raise
    freezer.thaw(group.unified, old_freezer)
    return not pids


def kill_quietly(pid: int) -> None:
    """Send SIGKILL to a process; one that has ended is no error."""
    try:
        os.kill(pid, SIGKILL)
    except ProcessLookupError:
        pass


# ------------------------------------------------------------------------------------------ removal


def remove_tree(path: str) -> bool:
    """Remove a cgroup and those below it; return whether it is gone.

    It stays where one of them is in use, or not yet let go by the kernel.

    :raises HostError: the kernel refuses it for another reason.
    """
    try:
        os.rmdir(path)
        return True
    except FileNotFoundError:
        return True
    except OSError as error:
        if error.errno not in (errno.EBUSY, errno.ENOTEMPTY):
            raise HostError(
                f"cgroup {path} can't be removed: {reason(error, named=True)}"
            ) from error
    for one in reversed(tree(path)[1:]):  # each is tried
        remove_quietly(one)
    remove_quietly(path)
    return not os.path.isdir(path)


def remove_quietly(path: str) -> None:
    """Remove a directory; leave alone one that is in use or gone."""
    try:
        os.rmdir(path)
    except OSError:
        pass


def empty(path: str) -> bool:
    """Remove what is below a cgroup that itself is to stay; return whether nothing is left in it.

    Processes of its own count, too.
    """
    below = [child for child in children(path) if not remove_tree(child)]
    return not below and not cgroup_files.read_or(path + "/cgroup.procs")


def remains(group: GroupDirectories) -> list[str]:
    """Remove what can be removed; return the directories of the group that are left.

    Those that were there before the group was made of them (``found``) are only emptied.
    """
    return [
        path
        for path in group.paths.values()
        if not (empty(path) if path in group.found else remove_tree(path))
    ]


def remove_unused(group: GroupDirectories) -> None:
    """Remove what has no process in it, and kill none.

    Wait 0.1 s for processes that have just ended.
    """
    until(lambda: not remains(group), 0.1)


def remove(group: GroupDirectories) -> None:
    """Remove a group; kill the processes that are left in it, and wait for them.

    A group whose processes have ended costs one rmdir(2) for each directory.

    :raises HostError: processes don't end within 10 s.
    """
    if not remains(group):
        return
    freezer.thaw(group.unified, group.v1.get("freezer"))
    kill(group)
    if not until(lambda: not remains(group)):
        left = remains(group) or list(group.paths.values())
        pids = sorted({pid for path in left for pid in processes(path)})
        why = f"processes {', '.join(map(str, pids))} don't end" if pids else "it stays busy"
        raise HostError(f"cgroup {', '.join(left)} can't be removed: {why}")
