# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A container's state.json, written by its monitor alone and read by all; and the lock that says
that it has a monitor.

Lock and control socket lie beside it rather than in the directory of this boot, which others may
empty: a container would get a second monitor then. They mean nothing after a reboot: nobody holds
the lock, nobody listens.

Only an exit is made durable. What is written while a container runs is void after a reboot anyway,
and an fsync costs as much as a whole start.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import struct
import time

from ...kernel.processes.procfs import boot_id, start_time
from ...store import atomic_files

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Optional, TypedDict

    from ...networks.container_links import Attachment
    from ...networks.publish import Port
    from ...store.paths import Paths

    class Dns(TypedDict):
        """How names of others are asked: networks/names/name_table.py reads it."""

        servers: Optional[list[str]]  # the container's own; None for the host's
        internal: bool  # whether all of its networks are: nobody else is asked then
        ndots: Optional[int]  # as asked for

    class _Network(TypedDict):
        mode: str
        attachments: list[Attachment]
        ports: list[Port]

    class Names(TypedDict, total=False):
        """``names``: on each network that has names, those of the container, its own first.

        ``links``: names that it alone knows, each of another's name; ``network_links``: those of one
        network.
        """

        names: dict[str, list[str]]
        links: dict[str, str]
        network_links: dict[str, dict[str, str]]
        dns: Dns

    class Network(_Network, Names):
        """``mode``: bridge, none, host or container:<id>."""

    class Check(TypedDict):
        """One health check: ``start`` and ``end`` in seconds since the epoch; -1: no exit code."""

        start: float
        end: float
        exit_code: int
        output: str

    class Health(TypedDict):
        """``status``: starting, healthy or unhealthy. ``log``: the last checks, the oldest first."""

        status: str
        failing_streak: int
        log: list[Check]

    class LogTrouble(TypedDict):
        """Lines of the log that were lost since the start. ``error``: a sentence, why the last were."""

        dropped: int
        error: str

    class _Required(TypedDict):
        status: str
        pid: int
        pid_start: int
        boot: str
        exit_code: Optional[int]
        signal: Optional[int]
        oom_killed: bool
        error: str
        warnings: list[str]
        started_at: Optional[float]
        finished_at: Optional[float]
        restarts: int
        health: Optional[Health]
        cgroup: dict[str, str]
        network: Optional[Network]

    class RunState(_Required, total=False):
        """A container's last run.

        ``status``: created, starting, running, restarting or exited. ``pid``: process 1's on the
        host, or 0. ``pid_start``: its start time (clock ticks, proc_pid_stat(5), field 22).
        ``boot``: the boot's id. ``exit_code``: None before an end, and where nobody saw it.
        ``error``, ``warnings``: sentences. ``started_at``, ``finished_at``: seconds since the
        epoch. ``restarts``: by the policy, since the last start. ``cgroup``: ``{mount point of a
        hierarchy: absolute path}``. ``network``: what was set up, None for nothing. ``command``:
        argv of the host's command. ``stopping``: whether a user's stop is under way. ``log``: what
        was lost of the log, there where something was.
        """

        log: LogTrouble

        command: Optional[list[str]]
        stopping: bool


NAME = "state.json"
LOCK = "monitor.lock"
SOCKET = "control.sock"
UNDER_WAY = ("running", "starting", "restarting")  # statuses that need a monitor


def blank() -> RunState:
    """Return the state of a container that never ran."""
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


def read(paths: Paths, ident: str) -> RunState:
    """Return the state as last written, or that of a container that never ran.

    A file that a power loss left empty counts as none.
    """
    try:
        aside = atomic_files.read_json(_aside(paths, ident))
        if aside:
            return {**blank(), **aside}
    except ValueError:
        pass
    for attempt in range(3):
        try:
            found = atomic_files.read_json(os.path.join(paths.container(ident), NAME)) or {}
            return {**blank(), **found}
        except ValueError:  # it may just be written over (write)
            time.sleep(0.001 * attempt)
    return blank()


def write(paths: Paths, ident: str, state: RunState, durable: bool = False) -> None:
    """Replace the state.

    On a full disk it is written over the one before, which needs no room on most file systems, but
    can be cut off by a loss of power.
    """
    path = os.path.join(paths.container(ident), NAME)
    try:
        atomic_files.write_json(path, state, durable=durable)
    except OSError as error:
        if not _is_full(error):
            raise
        atomic_files.write_over(path, atomic_files.as_json(state), durable)
    with contextlib.suppress(FileNotFoundError):
        os.unlink(_aside(paths, ident))


def write_somewhere(paths: Paths, ident: str, state: RunState, durable: bool = False) -> None:
    """Replace the state, for a monitor, which has nobody to tell that it can't.

    btrfs may have no room to write over a file, either: the directory of this boot, which is in
    memory, keeps the state until the next one is written.
    """
    try:
        write(paths, ident, state, durable)
    except OSError as error:
        if not _is_full(error):
            raise
        atomic_files.write_json(_aside(paths, ident), state, durable=False)


def _aside(paths: Paths, ident: str) -> str:
    return os.path.join(paths.container_run(ident), NAME)


def _is_full(error: OSError) -> bool:
    return error.errno in (errno.ENOSPC, errno.EDQUOT)


def alive(state: RunState) -> bool:
    """Tell whether process 1 of the state is there now, and is the one that was started."""
    if not state["pid"] or state["boot"] != boot_id():
        return False
    return bool(start_time(state["pid"]) == state["pid_start"])


def forsaken(paths: Paths, ident: str) -> bool:
    """Tell whether there is something to watch and nobody does.

    It was started in this boot, has not ended by its state, and has no monitor.
    """
    if monitored(paths, ident):
        return False
    now = read(paths, ident)
    return bool(now["boot"] == boot_id()) and now["status"] in UNDER_WAY


def _lock(fd: int, command: int, kind: int) -> int:
    """Lock a whole file for its open file description (fcntl(2)); returns the kind of lock found."""
    request = struct.pack("hhqqi", kind, os.SEEK_SET, 0, 0, 0)
    found: int = struct.unpack("hhqqi", fcntl.fcntl(fd, command, request))[0]
    return found


def monitored(paths: Paths, ident: str) -> bool:
    """Tell whether a monitor lives: it holds a lock, which the kernel drops however it dies.

    Asking takes no lock.
    """
    try:
        fd = os.open(os.path.join(paths.container(ident), LOCK), os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        return _lock(fd, fcntl.F_OFD_GETLK, fcntl.F_WRLCK) != fcntl.F_UNLCK
    finally:
        os.close(fd)


def take_lock(paths: Paths, ident: str) -> int | None:
    """Become the container's monitor; returns the open lock, to be kept. None: there is one
    already.
    """
    fd = os.open(
        os.path.join(paths.container(ident), LOCK), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600
    )
    try:
        _lock(fd, fcntl.F_OFD_SETLK, fcntl.F_WRLCK)
    except (BlockingIOError, PermissionError):
        os.close(fd)
        return None
    return fd
