# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""One engine: the store of a host, opened. Nouns take it as their first argument.

with Engine() as engine:
    plan = containers.plan(engine, definition)
"""

from __future__ import annotations

import contextlib
import importlib
import os
import time

from .deploy import fingerprint
from .errors import EngineError, NoSpace, StoreDamaged
from .progress import board
from .store import blobs, database, locks, operations, paths, reserve

# Who finishes or undoes an operation that a killed task left behind: kind -> module with recover(engine, kind, detail).
RECOVERY = {
    "pull": ".images.library.recovery",
    "unpack": ".images.library.recovery",
    "remove-image": ".images.library.recovery",
    "build": ".builds.recovery",
    "build-step": ".builds.recovery",
    "create-container": ".containers.lifecycle.recovery",
    "replace-container": ".containers.lifecycle.recovery",
    "remove-container": ".containers.lifecycle.recovery",
    "freeze-container": ".containers.lifecycle.recovery",
    "checkpoint-container": ".containers.lifecycle.recovery",
    "create-volume": ".volumes.recovery",
    "remove-volume": ".volumes.recovery",
    "create-network": ".networks.recovery",
    "remove-network": ".networks.recovery",
    "remove-registry": ".registry.service.recovery",
}


class Engine:
    """The store of one host.

    :param data: directory of what survives a reboot; :param run: directory of what is of this boot.
    :param check: check mode: nothing may be changed. Where the host has no store yet, an empty one in memory stands in.
    :param broken: a lost or damaged database is no error; ``lost`` is its sentence then, and nothing can be done before it is built again.
    :ivar progress: what long work reports to; nobody listens unless the caller puts a board in its place.
    :ivar lost: why the database can't be used, or "".
    :ivar foretold: images that earlier tasks of a check would have brought (images/plans/foretold.py).
    :raises EngineError: when not run as root.
    """

    def __init__(self, data=paths.DATA, run=paths.RUN, check=False, broken=False):
        if os.geteuid() != 0:
            raise EngineError(
                "pycontainer.engine needs root on the host (in Ansible: become: true)"
            )
        self.paths = paths.Paths(data, run)
        self.check = check
        self.exists = os.path.exists(self.paths.database)
        self._first = not check and self.paths.make()
        self.broken, self.lost = broken, ""
        beside = (self.paths.containers, self.paths.volumes, self.paths.layers)
        spare = reserve.Reserve(self.paths.reserve)
        if not check:
            spare.make()
        self.db = database.Database(
            self.paths.database if self.exists or not check else ":memory:",
            beside,
            None if check else self.paths.records,
            spare,
        )
        self.blobs = blobs.Blobs(self.paths)
        self.locks = locks.Locks(self.paths.locks)
        self.operations = operations.Operations(self.db)
        self.progress = board.SILENT
        self.foretold = ()

    def __enter__(self):
        try:
            self._enter()
        except StoreDamaged as error:
            if not self.broken:
                raise
            self.lost = str(error)
        return self

    def _enter(self):
        self.db.connection  # noqa: B018 # pylint: disable=pointless-statement # a damaged one is told before anything else is done
        if not self.check:
            board.sweep(self.paths.progress)
            if os.path.isdir(self.paths.deliveries):
                importlib.import_module(".delivery.spool", __package__).sweep(self.paths)
            with contextlib.suppress(
                NoSpace
            ):  # what only looks needs no room; the next call that has some goes on with it
                self.recover()
                self.secure(False)
            if self._first and os.listdir(
                self.paths.tmp
            ):  # what a power cut has left of work that was no operation yet
                importlib.import_module(".images.library.garbage", __package__).sweep(self)
            self.adopt()

    def reopen(self):
        """Go on with the database that was built in the place of a lost one."""
        self.lost = ""
        self._enter()

    def secure(self, again=True):
        """Write the copies of all rows, and a backup of the database: once for each boot and version, or ``again``."""
        mark = f"{operations.boot_id()} {fingerprint.VERSION}"
        self.db.secure(
            mark,
            os.path.join(self.paths.backups, time.strftime("%Y-%m-%dT%H%M%SZ", time.gmtime())),
            again,
        )

    def __exit__(self, *_exception):
        self.db.close()

    def adopt(self):
        """Give the containers whose monitors were killed new ones; a look at a lock for each container when there are none."""
        state = importlib.import_module(".containers.records.state", __package__)
        idents = os.listdir(self.paths.running)
        if not all(state.monitored(self.paths, ident) for ident in idents):
            importlib.import_module(".containers.client.monitor_client", __package__).adopt_orphans(
                self.paths
            )

    def recover(self):
        """Finish or undo what killed tasks left half-done; one SELECT when there is nothing."""
        if not self.operations.abandoned():
            return
        with self.locks.hold("recovery"), self.db.freeing():
            for entry in self.operations.abandoned():
                module = importlib.import_module(RECOVERY[entry["kind"]], __package__)
                module.recover(self, entry["kind"], entry["detail"])
                self.operations.forget(entry["id"])
