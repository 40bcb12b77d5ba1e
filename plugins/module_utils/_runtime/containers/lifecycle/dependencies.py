# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""``depends_on``: which containers need which others, in what order several of them start and stop,
and whether one may start.

A container names others by their names. Nothing here starts or stops one.
"""

from __future__ import annotations

import contextlib
import time

from ...errors import Conflict, ContainerFailed, EngineError, InvalidInput, NotFound
from ..options.restart_and_health import COMPLETED, HEALTHY, STARTED
from ..records import catalog, network_names, status
from ..spec import container_files, shared_namespaces
from ..view import logs
from . import waits

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping, Sequence

    from ...engine import Engine
    from ...options.rows import Definition
    from ..options.restart_and_health import Need
    from ..records.catalog import Record
    from ..records.run_state import RunState

    # Names or ids, and what is restarted along with them: it, the one with which, why.
    Turn = tuple[list[str], list[tuple[Record, Record, str]]]

PATIENCE = 300.0  # seconds that a start waits for a condition, as healthy_wait_timeout


def of(definition: Definition) -> dict[str, Need]:
    """Return what a definition depends on, ``{name: Need}``."""
    found: dict[str, Need] = definition.get("depends_on") or {}
    return found


def dependants(engine: Engine, record: Record, to_restart: bool = False) -> list[Record]:
    """Return the containers that depend on one.

    :param to_restart: only those that run and are to be restarted with it.
    """
    found = [
        (other, of(other["definition"])[record["name"]])
        for other in catalog.every(engine)
        if record["name"] in of(other["definition"])
    ]
    if not to_restart:
        return [other for other, _need in found]
    return [
        other
        for other, need in found
        if need["restart"] and status.lives(engine.paths, other["id"])
    ]


def needed(engine: Engine, going: Collection[str]) -> set[str]:
    """Return the names of what is needed by the containers that stay, and by what those need.

    :param going: names of the containers that are to be removed.
    """
    known = {record["name"]: record["definition"] for record in catalog.every(engine)}
    found: set[str] = set()
    left = [name for name in known if name not in going]
    while left:
        more = set(of(known[left.pop()])) & set(known) - found
        found |= more
        left += more
    return found


def missing(engine: Engine, definition: Definition) -> list[Record]:
    """Return what has to be started for a container, what comes first at the beginning."""
    found: dict[str, Record] = {}

    def collect(definition: Definition, chain: tuple[str, ...]) -> None:
        for name, need in of(definition).items():
            if name in found or name in chain:
                continue
            record = catalog.get(engine, name)
            if record is not None and not _is_there(engine, record, need):
                collect(record["definition"], (*chain, name))
                found[name] = record

    collect(definition, ())
    return list(found.values())


def _is_there(engine: Engine, record: Record, need: Need) -> bool:
    now = status.now(engine.paths, record["id"])
    return now["status"] in status.LIVING or (need["condition"] == COMPLETED and _succeeded(now))


def _succeeded(state: RunState) -> bool:
    return state["status"] == "exited" and state["exit_code"] == 0


# ------------------------------------------------------------------------------- what can't work


def check(engine: Engine, name: str, definition: Definition, coming: Collection[str] = ()) -> None:
    """Check what a container is to depend on.

    :param coming: names of containers that the same task makes; see :func:`check_circles`.
    :raises InvalidInput, NotFound: naming the option.
    """
    for other, need in of(definition).items():
        if other == name:
            raise InvalidInput("depends_on", other, "other containers")
        record = catalog.get(engine, other)
        if other in coming:
            continue
        if record is None:
            if need["required"]:
                raise NotFound(f"depends_on: container {other} does not exist")
        elif need["condition"] == HEALTHY and not _has_check(engine, record):
            raise InvalidInput(
                f"depends_on.{other}.condition",
                HEALTHY,
                f"another condition: container {other} has no health check",
            )
    if not coming and of(definition):
        check_circles(engine, {name: definition})


def _has_check(engine: Engine, record: Record) -> bool:
    run = container_files.read_run(engine, record["id"])
    return run["health"] is not None or container_files.with_systemd(engine, record)


def check_circles(engine: Engine, definitions: Mapping[str, Definition]) -> None:
    """Refuse containers that wait for each other.

    :param definitions: what some are to be, by name.
    :raises InvalidInput: with the way round.
    """
    if not any(map(of, definitions.values())):
        return
    known = {record["name"]: record["definition"] for record in catalog.every(engine)}
    known.update(definitions)
    done: set[str] = set()

    def follow(name: str, chain: tuple[str, ...]) -> None:
        if name in chain:
            way = " -> ".join((*chain[chain.index(name) :], name))
            raise InvalidInput("depends_on", way, "containers that do not wait for each other")
        if name in done or name not in known:
            return
        for other in _before(engine, known[name]):
            follow(other, (*chain, name))
        done.add(name)

    for name in definitions:
        follow(name, ())


def _before(engine: Engine, definition: Definition) -> list[str]:
    """Return the names of what is started before a container: what it depends on, and what it joins."""
    return [*of(definition), *shared_namespaces.names(engine, definition)]


# --------------------------------------------------------------------------------------- the order


def levels(
    records: Sequence[Record], before: Callable[[Record], Iterable[str]]
) -> list[list[Record]]:
    """Sort containers into lists: each needs those of earlier lists alone.

    :param before: ``before(record)``: the names of those that come before it.
    """
    names = {record["name"]: record for record in records}
    depth: dict[str, int] = {}

    def reach(record: Record, chain: tuple[str, ...]) -> int:
        if record["id"] not in depth:
            others = [
                names[other] for other in before(record) if other in names and other not in chain
            ]
            below = [reach(other, (*chain, record["name"])) for other in others]
            depth[record["id"]] = 1 + max(below, default=-1)
        return depth[record["id"]]

    found: dict[int, list[Record]] = {}
    for record in records:
        found.setdefault(reach(record, (record["name"],)), []).append(record)
    return [found[key] for key in sorted(found)]


def to_stop(records: Sequence[Record]) -> list[list[Record]]:
    """Sort containers into the lists in which they are stopped: what depends on others goes first."""
    after: dict[str, list[str]] = {}
    for record in records:
        for other in of(record["definition"]):
            after.setdefault(other, []).append(record["name"])
    return levels(records, lambda record: after.get(record["name"], ()))


def to_stop_by_name(engine: Engine, said: Sequence[str]) -> list[list[str]]:
    """Return names or ids in the lists in which their containers are stopped; what is not found
    comes last.
    """
    found = _found(engine, said)
    turns = to_stop(list({record["id"]: record for record in found.values()}.values()))
    return [
        *(_said_of(found, level) for level in turns),
        [text for text in said if text not in found],
    ]


def to_restart_by_name(engine: Engine, said: Sequence[str]) -> list[Turn]:
    """Return names or ids in the lists in which their containers are restarted, each with what is
    restarted along with them then; what is not found comes last.

    Along go those that have a namespace of one of them and run, and those that are to be restarted
    with one that they depend on, as ``(record, the one with which, how they are related)``.
    """
    found = _found(engine, said)
    named = {record["id"]: record for record in found.values()}
    all_users = shared_namespaces.all_users
    along = [
        (other, record, "has a namespace of")
        for record in named.values()
        for other in all_users(engine, record)
        if status.lives(engine.paths, other["id"])
    ] + [
        (other, record, "depends on")
        for record in named.values()
        for other in dependants(engine, record, to_restart=True)
    ]
    along = [entry for entry in along if entry[0]["id"] not in named]
    everyone = {**named, **{other["id"]: other for other, _record, _why in along}}
    owners: dict[str, list[str]] = {}
    for record in everyone.values():
        for other in all_users(engine, record):
            owners.setdefault(other["name"], []).append(record["name"])
    turns = levels(
        list(everyone.values()),
        lambda record: [*owners.get(record["name"], ()), *of(record["definition"])],
    )
    return [
        *(
            (_said_of(found, level), [entry for entry in along if entry[0] in level])
            for level in turns
        ),
        ([text for text in said if text not in found], []),
    ]


def _found(engine: Engine, said: Sequence[str]) -> dict[str, Record]:
    """Return the containers that names or ids mean, by these; what is not found is left out."""
    found: dict[str, Record] = {}
    for text in said:
        with contextlib.suppress(Conflict, NotFound):
            found[text] = catalog.find(engine, text)
    return found


def _said_of(found: Mapping[str, Record], level: Sequence[Record]) -> list[str]:
    """Return the names or ids by which the containers of a list were said."""
    idents = {record["id"] for record in level}
    return [text for text, record in found.items() if record["id"] in idents]


class Order:
    """Several containers that are about to be started: says which may start now.

    :param definitions: by name. :param patience: seconds to wait for a condition; 0: no limit.
    :ivar failed: why those do not start that are not to, by name; the caller adds those that it
        could not start. :ivar warnings: sentences about what is not required.
    """

    def __init__(
        self, engine: Engine, definitions: Mapping[str, Definition], patience: float
    ) -> None:
        self.engine, self.patience = engine, patience
        self.left, self.begun = dict(definitions), set[str]()
        self.failed: dict[str, EngineError] = {}
        self.warnings: list[str] = []
        self._watches: dict[str, waits.Watch] = {}
        self._until: dict[tuple[str, str], float] = {}

    def next(self) -> list[str]:
        """Wait until some may be started; return their names, [] where none is left."""
        pause = 0.02
        while self.left:
            verdicts = {name: self._verdict(name) for name in self.left}
            for name, verdict in verdicts.items():
                if isinstance(verdict, EngineError):
                    self.failed[name] = verdict
                    del self.left[name]
            ready = [name for name, verdict in verdicts.items() if verdict is True]
            if ready:
                for name in ready:
                    del self.left[name]
                self.begun.update(ready)
                return ready
            if all(verdict is False for verdict in verdicts.values()):  # in a circle
                ready, self.left = list(self.left), {}
                self.failed.update(
                    {name: Conflict(f"depends_on: {name} waits for itself") for name in ready}
                )
            elif None in verdicts.values():
                time.sleep(pause)
                pause = min(pause * 1.5, 0.25)
        return []

    def _verdict(self, name: str) -> bool | EngineError | None:
        """Return True where it may start; False where another of these is to start before it; None
        where a condition is waited for; the error of one that won't start.
        """
        definition = self.left[name]
        if any(other in self.left for other in _before(self.engine, definition) if other != name):
            return False
        result: bool | None = True
        optional: list[str] = []
        for other, need in of(definition).items():
            try:
                why = self._why_not(name, other, need)
            except EngineError as error:
                why = f"can't be looked at: {error}"
            if why is None:
                result = None
            elif why and need["required"]:
                record = catalog.get(self.engine, other)
                return ContainerFailed(
                    f"container {name} is not started: {other}, which it depends on, {why}",
                    None,
                    logs.tail(self.engine.paths, record["id"]) if record else "",
                )
            elif why:
                optional.append(
                    f"container {name} is started although {other}, which it depends on, {why}"
                )
        if result:
            self.warnings += optional
        return result

    def _why_not(self, name: str, other: str, need: Need) -> str | None:
        """Say why another one is not as it is asked for; "" where it is, None where it may become so."""
        if other in self.failed:
            return f"did not start: {self.failed[other]}"
        record = catalog.get(self.engine, other)
        if record is None:
            return "does not exist"
        if need["condition"] == STARTED:
            return ""
        state = status.now(self.engine.paths, record["id"])
        until = self._until.setdefault((name, other), time.monotonic() + self.patience)
        late = self.patience > 0 and time.monotonic() > until
        if need["condition"] == COMPLETED:
            if state["status"] == "exited":
                code = status.exit_code(state)
                return f"ended with exit code {code}" if code else ""
            return f"has not ended after {self.patience:g} seconds" if late else None
        if not _has_check(self.engine, record):
            return "has no health check"
        if state["health"] is None and container_files.with_systemd(self.engine, record):
            if waits.is_booted(self.engine, record):
                return ""
            return f"is not up after {self.patience:g} seconds" if late else None
        watch = self._watches.setdefault(
            other, waits.Watch(0 if other in self.begun else None, self.patience)
        )
        if watch.is_healthy(state):
            return ""
        return watch.why_hopeless(state) or (watch.why_late(state) if late else None)


def shown(records: Iterable[Record]) -> str:
    """Return containers' names for a sentence."""
    return ", ".join(sorted(network_names.shown_name(record) for record in records))
