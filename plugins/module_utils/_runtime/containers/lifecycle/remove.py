# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Remove a container: its row with its addresses and ports first, then everything that it had on
disk.
"""

from __future__ import annotations

import errno
import os
import time

from ... import volumes
from ...errors import Conflict
from ...kernel.calls import constants, syscalls
from ...kernel.files import project_quota
from ...store import tree_removal
from ..client import monitor_client
from ..records import catalog, run_events, status
from ..spec import container_files
from . import cleanup

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from ...engine import Engine
    from ..records.catalog import Record

PATIENCE = 10.0  # seconds that a container's last moments may take


def remove(engine: Engine, record: Record, force: bool = False, keep_volumes: bool = False) -> None:
    """Remove a container.

    :param force: kill one that runs. :param keep_volumes: leave its anonymous volumes. One that it
        mounts by its name stays in any case.
    :raises Conflict: it runs, and not ``force``.
    """
    engine.db.require_writable()
    ident = record["id"]
    if status.lives(engine.paths, ident):
        if not force:
            raise Conflict(
                f"container {record['name']} is running; stop it first, or remove it by force"
            )
        monitor_client.stop(engine.paths, [ident], 0)
    mounted = container_files.own_volumes(engine, record)
    if not engine.db.make_room():
        _empty(engine, ident)
    with engine.operations.record(
        "remove-container", id=ident, keep_volumes=keep_volumes, volumes=mounted
    ):
        catalog.forget(engine, ident)
        sweep(engine, ident, [] if keep_volumes else mounted)


def _empty(engine: Engine, ident: str) -> None:
    """Remove what a container has written, because the disk is full and the reserve is used up.

    Its row stays until there is room to remove that. Until then it is as one that never ran.
    """
    try:
        _cleanup(engine, ident)
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
    tree_removal.clear(os.path.join(engine.paths.container(ident), "upper"))


def never_ran(engine: Engine, record: Record) -> None:
    """Remove a container that a task made and could not start: a task that fails leaves the host as
    it was.
    """
    if status.now(engine.paths, record["id"])["started_at"] is None:
        remove(engine, record, force=True)


def sweep(engine: Engine, ident: str, anonymous: Iterable[str]) -> None:
    """Remove what a container without a row has left: kernel objects, anonymous volumes,
    directories.

    The directories last: the documents in them may be all that tells the volumes to who comes after
    a kill.
    """
    _cleanup(engine, ident)
    run = run_events.read(engine.paths, ident)
    volumes.drop_anonymous(engine, sorted(anonymous))
    directories(engine, ident)
    if run:
        run_events.tell(engine.paths, run, "destroy")


def _cleanup(engine: Engine, ident: str) -> None:
    """Take down what the kernel holds. A monitor that has said that its container ended is about to
    end itself.
    """
    until = time.monotonic() + PATIENCE
    while True:
        try:
            cleanup.take_down(engine.paths, ident)
            return
        except Conflict:
            if time.monotonic() > until:
                raise
            if (
                status.now(engine.paths, ident)["status"] != "exited"
            ):  # also where it is not known, because state.json is damaged
                monitor_client.stop(engine.paths, [ident], 0)
            time.sleep(0.005)


def directories(engine: Engine, ident: str) -> None:
    """Remove a container's two directories, and the shared memory that is mounted in one."""
    shared_memory = os.path.join(engine.paths.container_run(ident), "shm")
    if os.path.ismount(shared_memory):
        syscalls.umount2(shared_memory, constants.MNT_DETACH)
    cleanup.forget_secrets(engine.paths, ident)
    tree_removal.remove(engine.paths.container_run(ident))
    project_quota.release(os.path.join(engine.paths.container(ident), "upper"))
    tree_removal.remove(engine.paths.container(ident))
