# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Freezing, killing and removing a group, with the waiting that each of them needs."""

from __future__ import annotations

import errno
import os
import time

from ....errors import HostError, Unsupported
from . import files

PATIENCE = 10.0  # seconds
SIGKILL = 9
GONE = (
    errno.ENOENT,
    errno.ENODEV,
)  # of a group that is removed, the latter between open(2) and write(2)


def until(condition, seconds=PATIENCE):
    """Ask again and again, after 0.2 ms at first and 20 ms in the end; returns the last answer."""
    end, pause = time.monotonic() + seconds, 0.0002
    while True:
        answer = condition()
        if answer or time.monotonic() > end:
            return answer
        time.sleep(pause)
        pause = min(pause * 1.5, 0.02)


# ------------------------------------------------------------------------------------------------------------- freezer


def freeze(unified, freezer):
    """Freeze by the v2 file where there is one (5.2): such processes can still be killed; else by the v1 controller."""
    if unified and os.path.exists(unified + "/cgroup.freeze"):
        files.write(unified + "/cgroup.freeze", "1")
        done = until(lambda: "frozen 1" in files.read_or(unified + "/cgroup.events"))
    elif freezer:
        tries = iter(range(1, 1 << 30))
        done = until(lambda: freeze_once(freezer, next(tries)))
    else:
        raise Unsupported(
            "pause: this host has no freezer among its cgroups (cgroup v2 since Linux 5.2, or the "
            "v1 freezer controller)"
        )
    if not done:
        thaw(unified, freezer)
        raise HostError(
            "cgroup %s can't be frozen: some of its processes don't stop" % (unified or freezer)
        )


def freeze_once(freezer, count=1):
    """A v1 group stays FREEZING while processes are forked in it or traced; writing the state again takes those in.

    A process that waits in the kernel for a frozen one (a parent in vfork(2)) is freed by a short thaw now and then.
    """
    if count % 40 == 0:
        files.write(freezer + "/freezer.state", "THAWED")
        time.sleep(0.001)
    files.write(freezer + "/freezer.state", "FROZEN")
    return files.read(freezer + "/freezer.state") == "FROZEN"


def thaw(unified, freezer):
    for path, value in (
        (unified and unified + "/cgroup.freeze", "0"),
        (freezer and freezer + "/freezer.state", "THAWED"),
    ):
        try:
            if path:
                files.write(path, value)
        except OSError as error:
            if error.errno not in GONE:
                raise


def frozen(unified, freezer):
    if unified and "frozen 1" in files.read_or(unified + "/cgroup.events"):
        return True
    return bool(freezer) and files.read_or(freezer + "/freezer.state") in ("FROZEN", "FREEZING")


# ------------------------------------------------------------------------------------------------------------ processes


def children(path):
    """Directories of the cgroups directly below."""
    try:
        with os.scandir(path) as entries:
            return [entry.path for entry in entries if entry.is_dir(follow_symlinks=False)]
    except FileNotFoundError:
        return []


def tree(path):
    """The cgroup and all below it, each before those below it; of any depth, for a container may make its own."""
    found = [path]
    for one in found:
        found += children(one)
    return found


def processes(path):
    """Ids of the processes in the cgroup and below it."""
    found = [int(pid) for one in tree(path) for pid in files.read_or(one + "/cgroup.procs").split()]
    return [pid for pid in found if pid]  # 0: of a pid namespace that isn't below ours


def kill(group):
    """By cgroup.kill (5.14), which no fork escapes; else by signals, with the forking stopped by the freezer meanwhile."""
    try:
        if group.unified:
            files.write(group.unified + "/cgroup.kill", "1")
            thaw(
                group.unified, group.v1.get("freezer")
            )  # a frozen process of v1 dies when it is let go
            return
    except OSError:  # older kernel, or the group is gone
        pass
    until(lambda: kill_once(group), 2.0)


def kill_once(group):
    """Signal all; true when there was none left."""
    freezer, pids = group.v1.get("freezer"), []
    try:
        if group.unified and os.path.exists(group.unified + "/cgroup.freeze"):
            files.write(group.unified + "/cgroup.freeze", "1")
        elif freezer:
            files.write(freezer + "/freezer.state", "FROZEN")
        for path in group.paths.values():
            pids = [pid for pid in processes(path) if pid != os.getpid()]
            for pid in pids:
                kill_quietly(pid)
            if pids:
                break
    except OSError as error:
        if error.errno not in GONE:
            raise
    thaw(group.unified, freezer)
    return not pids


def kill_quietly(pid):
    try:
        os.kill(pid, SIGKILL)
    except ProcessLookupError:
        pass


# -------------------------------------------------------------------------------------------------------------- removal


def remove_tree(path):
    """Remove a cgroup and those below it; false where one of them is in use (or still being let go by the kernel)."""
    try:
        os.rmdir(path)
        return True
    except FileNotFoundError:
        return True
    except OSError as error:
        if error.errno not in (errno.EBUSY, errno.ENOTEMPTY):
            raise HostError(f"cgroup {path} can't be removed: {error.strerror}") from error
    for one in reversed(tree(path)[1:]):  # each is tried
        remove_quietly(one)
    remove_quietly(path)
    return not os.path.isdir(path)


def remove_quietly(path):
    """rmdir; one that is in use, or gone, is left alone."""
    try:
        os.rmdir(path)
    except OSError:
        pass


def empty(path):
    """The same for what is below a cgroup that itself is to stay; false where it has processes, too."""
    below = [child for child in children(path) if not remove_tree(child)]
    return not below and not files.read_or(path + "/cgroup.procs")


def remove_unused(group):
    """What has no process in it, killing none; processes that have just ended are waited for, 0.1 s."""
    until(
        lambda: (
            not [
                path
                for path in group.paths.values()
                if not (empty(path) if path in group.found else remove_tree(path))
            ]
        ),
        0.1,
    )


def remove(group):
    """A group whose processes have ended takes one rmdir each; else they are killed and waited for.

    Directories that were there before the group was made of them (``group.found``) stay.
    """

    def rest():
        return [
            path
            for path in group.paths.values()
            if not (empty(path) if path in group.found else remove_tree(path))
        ]

    if not rest():
        return
    thaw(group.unified, group.v1.get("freezer"))
    kill(group)
    if not until(lambda: not rest()):
        left = rest() or list(group.paths.values())
        pids = sorted({pid for path in left for pid in processes(path)})
        raise HostError(
            "cgroup %s can't be removed: %s"
            % (
                ", ".join(left),
                "processes %s don't end" % ", ".join(map(str, pids)) if pids else "it stays busy",
            )
        )
