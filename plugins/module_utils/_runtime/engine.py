# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""One engine: the store of a host, opened. Nouns take it as their first argument.

with Engine() as engine:
    plan = containers.plan(engine, definition)

What is to be done for a noun when an engine is opened, the noun registers (:class:`Noun`); ``nouns.py`` does so for all of
them, and whoever opens an engine imports it.
"""

from __future__ import annotations

import contextlib
import os
import time

from .deploy import fingerprint
from .errors import EngineError, NoSpace, StoreDamaged
from .progress import board
from .rootless import keeper_client
from .store import blobs, database, locks, operations, paths, reserve

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any, Self


class Noun:
    """What a noun does when an engine is opened. A noun overrides what it needs, and loads nothing where there is nothing to do.

    :cvar operations: the kinds of operations (store/operations.py) that it records, and recovers.
    """

    operations: tuple[str, ...] = ()

    def sweep(self, engine: Engine) -> None:
        """Remove what killed tasks have left that is no operation."""

    def recover(self, engine: Engine, kind: str, detail: dict[str, Any]) -> bool | None:
        """Finish or undo an operation that a killed task left half-done.

        :param kind: one of ``operations``. :param detail: what was recorded with it.
        :returns: True where it still takes time: the next call asks again.
        """

    def clean_after_boot(self, engine: Engine) -> None:
        """Remove what a power cut has left of work; called where there is anything in ``tmp`` at the first call since the boot."""

    def adopt(self, engine: Engine) -> None:
        """Take care of what runs without the process that watched it; called last."""

    def reconnect(self, engine: Engine, network: str, idents: list[str]) -> None:
        """Connect containers again to a network that has changed; called by networks, which know no container."""

    def asked_addresses(self, engine: Engine, network: str) -> list[tuple[str, str]]:
        """Return the addresses that were asked for on a network, each with the name of who did."""
        return []

    def holders(self, engine: Engine, kind: str, name: str) -> list[dict[str, str]]:
        """Return who has the data of a secret or config now; see :func:`holders`."""
        return []

    def renew(self, engine: Engine, kind: str, name: str, ident: str) -> None:
        """Give a container the data of a secret or config as they are now."""

    def at_rest(
        self, engine: Engine, names: list[str], freeze: bool
    ) -> contextlib.AbstractContextManager[None]:
        """Keep containers from writing in the block; see :func:`at_rest`."""
        return contextlib.nullcontext()


def reconnect(engine: Engine, network: str, idents: list[str]) -> None:
    """Have the nouns connect containers again to a network that has changed.

    :param idents: the containers that have addresses on it.
    :raises EngineError: one can't be connected.
    """
    for noun in _nouns:
        noun.reconnect(engine, network, idents)


def asked_addresses(engine: Engine, network: str) -> list[tuple[str, str]]:
    """Return the addresses on a network that its containers were given by a task, by the containers' names."""
    return [found for noun in _nouns for found in noun.asked_addresses(engine, network)]


def holders(engine: Engine, kind: str, name: str) -> list[dict[str, str]]:
    """Return the running containers that have the data of a secret or config.

    :returns: ``{"id", "name", "then"}`` each; ``then`` says in words what is done once its file is replaced.
    """
    return [found for noun in _nouns for found in noun.holders(engine, kind, name)]


def renew(engine: Engine, kind: str, name: str, ident: str) -> None:
    """Have a container get the data of a secret or config as they are now.

    :raises EngineError: it can't.
    """
    for noun in _nouns:
        noun.renew(engine, kind, name, ident)


@contextlib.contextmanager
def at_rest(engine: Engine, names: list[str], freeze: bool) -> Iterator[None]:
    """In the block, see that containers do not write: what runs stands still, and nothing else starts.

    Called by volumes, which know no container. Check mode freezes nothing.

    :param names: of the containers. :param freeze: have what runs stand still; else it is refused.
    :raises Conflict: one runs, and not ``freeze``.
    """
    with contextlib.ExitStack() as stack:
        for noun in _nouns:
            stack.enter_context(noun.at_rest(engine, names, freeze))
        yield


_nouns: list[Noun] = []


def register(*nouns: Noun) -> None:
    """Have these nouns called when an engine is opened, in this order."""
    _nouns.extend(nouns)


class Engine:
    """The store of one host.

    :param data: directory of what survives a reboot; :param run: directory of what is of this boot. None: ``paths.place()``.
    :param check: check mode: nothing may be changed. Where the host has no store yet, an empty one in memory stands in.
    :param broken: a lost or damaged database is no error; ``lost`` is its sentence then, and nothing can be done before it is
        built again.
    :ivar progress: what long work reports to; nobody listens unless the caller puts a board in its place.
    :ivar mended: sentences for the user about what opening it has mended.
    :ivar lost: why the database can't be used, or "".
    :ivar who: what the front end knows of who calls (events/change_history.py).
    :ivar foretold: images that earlier tasks of a check would have brought (images/plans/foretold.py).
    :ivar foretold_others: kind and name of each secret, config, network and container that they would
        have made.
    :raises EngineError: when not run as root.
    """

    def __init__(
        self,
        data: str | None = None,
        run: str | None = None,
        check: bool = False,
        broken: bool = False,
    ) -> None:
        if os.geteuid() != 0:
            raise EngineError(
                "pycontainer.engine needs root on the host (in Ansible: become: true)"
            )
        self.paths = paths.Paths(data, run)
        if self.paths.run != paths.RUN:
            keeper_client.resume(self.paths.run)
        self.check = check
        self.exists = os.path.exists(self.paths.database)
        self._first = not check and self.paths.make()
        self.broken, self.lost = broken, ""
        self.mended: list[str] = []
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
        self.progress: board.Progress = board.SILENT
        self.foretold: Any = ()
        self.foretold_others: Any = ()
        self.who: dict[str, Any] = {}

    def is_foretold(self, kind: str, name: str) -> bool:
        """Tell whether an earlier task of a check would have made this. :param kind: as "network"."""
        return [kind, name] in list(self.foretold_others)

    def __enter__(self) -> Self:
        try:
            self._enter()
        except StoreDamaged as error:
            if not self.broken:
                raise
            self.lost = str(error)
        return self

    def _enter(self) -> None:
        self.db.connection  # noqa: B018 # pylint: disable=pointless-statement # a damaged one is told before anything else is done
        if self.check or self.db.is_read_only():
            return
        if not _nouns:
            raise RuntimeError("nobody has registered the nouns: import nouns.py before")
        board.sweep(self.paths.progress)
        for noun in _nouns:
            noun.sweep(self)
        # what only looks needs no room; the next call that has some goes on with it
        with contextlib.suppress(NoSpace):
            self.recover()
            self.secure(False)
        if self._first and os.listdir(self.paths.tmp):
            for noun in _nouns:
                noun.clean_after_boot(self)
        for noun in _nouns:
            noun.adopt(self)

    def reopen(self) -> None:
        """Go on with the database that was built in the place of a lost one."""
        self.lost = ""
        self._enter()

    def secure(self, again: bool = True) -> None:
        """Write the copies of all rows, and a backup of the database: once for each boot and version, or ``again``."""
        mark = f"{operations.boot_id()} {fingerprint.VERSION}"
        self.db.secure(
            mark,
            os.path.join(self.paths.backups, time.strftime("%Y-%m-%dT%H%M%SZ", time.gmtime())),
            again,
        )

    def __exit__(self, *_exception: object) -> None:
        self.db.close()

    def recover(self) -> None:
        """Finish or undo what killed tasks left half-done; one SELECT when there is nothing."""
        if not self.operations.abandoned():
            return
        owners = {kind: noun for noun in _nouns for kind in noun.operations}
        with self.locks.hold("recovery"), self.db.freeing():
            for entry in self.operations.abandoned():
                if not owners[entry["kind"]].recover(self, entry["kind"], entry["detail"]):
                    self.operations.forget(entry["id"])
