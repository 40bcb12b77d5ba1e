# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""One engine: the store of a host, opened. Nouns take it as their first argument.

    with Engine() as engine:
        plan = containers.plan(engine, definition)
"""

from __future__ import annotations

import importlib
import os

from . import progress
from .errors import EngineError
from .store import blobs, database, locks, operations, paths

# Who finishes or undoes an operation that a killed task left behind: kind -> module with recover(engine, kind, detail).
RECOVERY = {
    "pull": ".images.recovery",
    "unpack": ".images.recovery",
    "remove-image": ".images.recovery",
    "build": ".builds.recovery",
    "build-step": ".builds.recovery",
    "create-container": ".containers.recovery",
    "replace-container": ".containers.recovery",
    "remove-container": ".containers.recovery",
    "freeze-container": ".containers.recovery",
    "checkpoint-container": ".containers.recovery",
    "create-volume": ".volumes.recovery",
    "remove-volume": ".volumes.recovery",
    "create-network": ".networks.recovery",
    "remove-network": ".networks.recovery",
    "remove-registry": ".registry.recovery",
}


class Engine:
    """The store of one host.

    :param data: directory of what survives a reboot; :param run: directory of what is of this boot.
    :param check: check mode: nothing may be changed. Where the host has no store yet, an empty one in memory stands in.
    :ivar progress: what long work reports to; nobody listens unless the caller puts a board in its place.
    :raises EngineError: when not run as root.
    """

    def __init__(self, data=paths.DATA, run=paths.RUN, check=False):
        if os.geteuid() != 0:
            raise EngineError("pycontainer.engine needs root on the host (in Ansible: become: true)")
        self.paths = paths.Paths(data, run)
        self.check = check
        self.exists = os.path.exists(self.paths.database)
        self._first = not check and self.paths.make()
        beside = (self.paths.containers, self.paths.volumes, self.paths.layers)
        self.db = database.Database(self.paths.database if self.exists or not check else ":memory:", beside)
        self.blobs = blobs.Blobs(self.paths)
        self.locks = locks.Locks(self.paths.locks)
        self.operations = operations.Operations(self.db)
        self.progress = progress.SILENT

    def __enter__(self):
        if not self.check:
            progress.sweep(self.paths.progress)
            if os.path.isdir(self.paths.deliveries):
                importlib.import_module(".images.delivery_spool", __package__).sweep(self.paths)
            self.recover()
            if self._first and os.listdir(self.paths.tmp):  # what a power cut has left of work that was no operation yet
                importlib.import_module(".images.collect", __package__).sweep(self)
            self.adopt()
        return self

    def __exit__(self, *_exception):
        self.db.close()

    def adopt(self):
        """Give the containers whose monitors were killed new ones; a look at a lock for each container when there are none."""
        state = importlib.import_module(".containers.state", __package__)
        idents = os.listdir(self.paths.running)
        if not all(state.monitored(self.paths, ident) for ident in idents):
            importlib.import_module(".containers.control", __package__).adopt_orphans(self.paths)

    def recover(self):
        """Finish or undo what killed tasks left half-done; one SELECT when there is nothing."""
        if not self.operations.abandoned():
            return
        with self.locks.hold("recovery"):
            for entry in self.operations.abandoned():
                module = importlib.import_module(RECOVERY[entry["kind"]], __package__)
                module.recover(self, entry["kind"], entry["detail"])
                self.operations.forget(entry["id"])
