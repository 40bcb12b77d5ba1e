# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Stop, pause and unpause containers; what they are from now on wanted to be is written down, too."""

from __future__ import annotations

import contextlib
import threading

from ...engine import Engine
from ...errors import Conflict
from ...kernel.processes import signal_names
from ..access import commit
from ..client import monitor_client
from ..records import catalog, run_events, status
from . import dependencies

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from ..records.catalog import Record

# Containers that are stopped or restarted at the same time: they are mostly waited for.
AT_ONCE = 50


def stop(
    engine: Engine,
    record: Record,
    force: bool = False,
    timeout: float | None = None,
    signal: str | int | None = None,
) -> None:
    """Stop a container; it stays stopped, also after a reboot. One that does not run is fine.

    :param force: kill it. :param timeout: seconds until SIGKILL, -1 for never; None: its own.
    :param signal: name or number; None: its stop signal. :raises InvalidInput: it is none.
    """
    engine.db.require_writable()
    number = None if signal is None else signal_names.checked_number(signal)
    patience = 0 if force else timeout
    # With a full disk it ends first: what it writes would take the room that is given up for the
    # database.
    full = engine.db.is_tight()
    if full:
        _stop(engine, [record], patience, number)
    with engine.db.freeing():
        catalog.set_wanted(engine, record["id"], "stopped")
    if not full:
        _stop(engine, [record], patience, number)


def stop_together(
    engine: Engine,
    names: Sequence[str],
    timeout: float | None = None,
    signal: str | int | None = None,
) -> dict[str, Exception]:
    """Stop several containers at the same time, each with its lock held; see ``stop``.

    :returns: the errors, by name.
    """

    def work(own: Engine, record: Record) -> None:
        if status.lives(own.paths, record["id"]):
            stop(own, record, timeout=timeout, signal=signal)

    return together(engine, names, work)


def together(
    engine: Engine, names: Sequence[str], work: Callable[[Engine, Record], None]
) -> dict[str, Exception]:
    """Call ``work(engine, record)`` for several containers at the same time, each with its lock
    held and an engine of its own.

    :returns: the errors, by name.
    """
    left, errors = list(reversed(names)), dict[str, Exception]()

    def worker() -> None:
        with Engine(engine.paths.data, engine.paths.run) as own:
            while True:
                try:
                    name = left.pop()
                except IndexError:
                    return
                try:
                    with catalog.held(own, name) as record:
                        work(own, record)
                except Exception as error:  # pylint: disable=broad-except  # the caller raises it
                    errors[name] = error

    threads = [threading.Thread(target=worker) for dummy in range(min(AT_ONCE, len(names)))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return errors


def _stop(
    engine: Engine, records: list[Record], patience: float | None = None, number: int | None = None
) -> None:
    codes = monitor_client.stop(
        engine.paths, [record["id"] for record in records], patience, number
    )
    for ident, code in codes.items():
        if code is not None:
            run_events.tell_of(engine.paths, ident, "stop")


def pause(engine: Engine, record: Record) -> None:
    """Freeze a container's processes. :raises Conflict: it does not run."""
    engine.db.require_writable()
    monitor_client.pause(engine.paths, record["id"])
    run_events.tell_of(engine.paths, record["id"], "pause")
    catalog.set_wanted(engine, record["id"], "paused")


def unpause(engine: Engine, record: Record) -> None:
    """Let a container's processes go on. :raises Conflict: it does not run."""
    engine.db.require_writable()
    monitor_client.unpause(engine.paths, record["id"])
    run_events.tell_of(engine.paths, record["id"], "unpause")
    catalog.set_wanted(engine, record["id"], "running")


def shutdown(engine: Engine) -> list[Record]:
    """Stop what runs, each by its own signal and time; returns the records.

    All at once, but what others depend on after those.

    What is wanted of them stays: a boot brings them back.
    """
    records = [
        record for record in catalog.every(engine) if status.lives(engine.paths, record["id"])
    ]
    for level in dependencies.to_stop(records):
        _stop(engine, level)
    return records


@contextlib.contextmanager
def at_rest(engine: Engine, names: list[str], freeze: bool) -> Iterator[None]:
    """Keep containers from writing in the block; see ``engine.at_rest``. Their locks are held."""
    with contextlib.ExitStack() as stack:
        if not engine.check:
            for name in sorted(names):
                stack.enter_context(engine.locks.hold("container", name))
            engine.db.refresh()
        for record in filter(None, [catalog.get(engine, name) for name in sorted(names)]):
            if not freeze and status.lives(engine.paths, record["id"]):
                raise Conflict(f"container {record['name']} is running; stop it first")
            if freeze and not engine.check:
                stack.enter_context(commit.frozen(engine, record))
        yield
