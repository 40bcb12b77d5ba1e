# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A container's state.json (docs/architecture.md): written by its monitor alone, read by all. And the lock that says that it has one.

Lock and control socket lie beside it rather than in the directory of this boot, which others may empty: a container would get a second
monitor then. They mean nothing after a reboot: nobody holds the lock, nobody listens.

Only an exit is made durable: what is written while a container runs is void after a reboot anyway, and an fsync costs
as much as a whole start.
"""

from __future__ import annotations

import errno
import fcntl
import os
import struct
import time

from ...kernel.processes.procfs import boot_id, start_time
from ...store import files

NAME = "state.json"
LOCK = "monitor.lock"
SOCKET = "control.sock"


def blank():
    """The state of a container that never ran."""
    return {
        "status": "created",
        "pid": 0,
        "pid_start": 0,
        "boot": "",
        "exit_code": None,
        "signal": None,
        "oom_killed": False,
        "error": "",
        "warnings": [],
        "started_at": None,
        "finished_at": None,
        "restarts": 0,
        "health": None,
        "cgroup": {},
        "network": None,
    }


def read(paths, ident):
    """The state as last written, or that of a container that never ran. A file that a power loss left empty counts as none."""
    for attempt in range(3):
        try:
            return dict(
                blank(), **(files.read_json(os.path.join(paths.container(ident), NAME)) or {})
            )
        except ValueError:  # it may just be written over (write)
            time.sleep(0.001 * attempt)
    return blank()


def write(paths, ident, state, durable=False):
    """Replace the state. On a full disk it is written over the one before, which needs no room, but can be cut off by the loss of power."""
    path = os.path.join(paths.container(ident), NAME)
    try:
        files.write_json(path, state, durable=durable)
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        files.write_over(path, files.as_json(state), durable)


def alive(state):
    """Whether process 1 of the state is there now, and is the one that was started."""
    if not state["pid"] or state["boot"] != boot_id():
        return False
    return start_time(state["pid"]) == state["pid_start"]


def forsaken(paths, ident):
    """Whether there is something to watch and nobody does: it was started in this boot, has not ended by its state, and has no monitor."""
    if monitored(paths, ident):
        return False
    now = read(paths, ident)
    return now["boot"] == boot_id() and now["status"] in ("running", "starting", "restarting")


def _lock(fd, command, kind):
    """fcntl(2) with a lock on the whole file that belongs to the open file description; returns the kind of lock found."""
    request = struct.pack("hhqqi", kind, os.SEEK_SET, 0, 0, 0)
    return struct.unpack("hhqqi", fcntl.fcntl(fd, command, request))[0]


def monitored(paths, ident):
    """Whether a monitor lives: it holds a lock, which the kernel drops however it dies. Asking takes no lock."""
    try:
        fd = os.open(os.path.join(paths.container(ident), LOCK), os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        return _lock(fd, fcntl.F_OFD_GETLK, fcntl.F_WRLCK) != fcntl.F_UNLCK
    finally:
        os.close(fd)


def take_lock(paths, ident):
    """Become the container's monitor: the open lock, to be kept; None where there is one already."""
    fd = os.open(
        os.path.join(paths.container(ident), LOCK), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600
    )
    try:
        _lock(fd, fcntl.F_OFD_SETLK, fcntl.F_WRLCK)
    except (BlockingIOError, PermissionError):
        os.close(fd)
        return None
    return fd
