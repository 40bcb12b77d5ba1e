# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Many containers in one task: check every definition before anything is changed, then do a bounded
number at once.

What differs between containers (pulls, volumes, documents) is done by a few threads, each with an
engine of its own: a SQLite connection belongs to one thread. What is to be started is started
together at the end.
"""

from __future__ import annotations

import contextlib
import os
import threading

from ...engine import Engine
from ...errors import EngineError, InvalidInput, NotFound
from ...events import change_history
from ...reconcile import carry_out
from ..lifecycle import dependencies, remove, start, stop
from ..options import publishing
from ..records import catalog, status
from ..spec import inherited_mounts, shared_namespaces
from . import preconditions
from .container_plan import Work, planned, restart_dependant
from .desired import Task

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Any

    from ...options.rows import Definition
    from ..records.catalog import Record
    from ..spec.inherited_mounts import Remade
    from .desired import PullKey


class BatchFailed(EngineError):
    """Some containers of a list could not be brought into their state.

    :ivar results: the results of all. :ivar lines: the message has several lines.
    """

    lines = True

    def __init__(self, message: str, results: list[dict[str, Any]]) -> None:
        super().__init__(message)
        self.results = results


def run(engine: Engine, items: list[dict[str, Any]], parallel: int | None = None) -> dict[str, Any]:
    """Carry out a list of container definitions.

    :param items: the entries of ``containers``.
    :param parallel: how many at once; None: two for each CPU, and 50 of those that run and are to
        end.
    :returns: the task's result: ``changed``, ``results`` (one for each item, in order),
        ``actions``, ``diff``, ``warnings``.
    :raises EngineError: an item can't work; nothing is changed. :raises BatchFailed: items failed.
    """
    tasks = [_task(number, item) for number, item in enumerate(items)]
    _distinct(tasks)
    if parallel is not None and parallel < 1:
        raise InvalidInput("parallel", parallel, "a number from 1")
    pulls: dict[PullKey, Any] = {}
    coming = {task.name: task.state for task in tasks if task.state != "absent"}
    leaving = {task.name for task in tasks if task.state == "absent"}
    replaced: dict[str, Remade] = {}
    works = [Work(engine, task, [], pulls, coming, replaced, leaving) for task in tasks]
    dependencies.check_circles(
        engine, {work.task.name: work.expected() for work in works if work.task.name in coming}
    )
    for work in [work for turn in _turns(works, Work.joins) for work in turn]:
        work.waits = False  # before anything is changed
        planned_work = works[works.index(work)] = _located(work)
        if planned_work.replaces():
            replaced[planned_work.task.name] = planned_work.definition, planned_work.image_config
    results = [dict(carry_out(work.plan, True), name=work.task.name) for work in works]
    if not engine.check:
        todo = [
            position
            for position, work in enumerate(works)
            if work.plan.changed or work.task.state == "healthy"
        ]
        _apply(engine, works, results, todo, parallel)
        done = [results[position] for position in todo]
        change_history.note(
            engine,
            [
                (f"container {result['name']}", result.get("actions", ()), result.get("msg", ""))
                for result in done
            ],
        )
    return _outcome(results)


def _task(number: int, item: dict[str, Any]) -> Task:
    try:
        return Task(item)
    except EngineError as error:
        error.args = (f"containers[{number}] ({item.get('name')}): {error}",)
        raise


def _located(work: Work) -> Work:
    try:
        return planned(work)
    except EngineError as error:
        error.args = (f"containers: {work.task.name}: {error}",)
        raise


def _distinct(tasks: list[Task]) -> None:
    names = [task.name for task in tasks]
    for name in names:
        if names.count(name) > 1:
            raise InvalidInput("containers", name, "each container once")
    taken: list[tuple[str, publishing.PublishedPort]] = []
    for task in tasks:
        for port in task.definition.get("published_ports", ()) if task.state != "absent" else ():
            if isinstance(port["host_port"], int) and port["host_port"]:
                for other, had in taken:
                    if other != task.name and publishing.clash(had, port):
                        raise InvalidInput(
                            "containers",
                            f"{port['host_port']}/{port['protocol']}",
                            f"each port of the host once ({other} and {task.name} publish it)",
                        )
                taken.append((task.name, port))


def _turns(works: list[Work], joins: Callable[[Work], Iterable[str]]) -> list[list[Work]]:
    """Sort the works into lists: those that others join come before those.

    :param joins: ``joins(work)``: the names of the containers that it joins.
    """
    left, turns = list(works), []
    while left:
        names = {work.task.name for work in left}
        turns.append(
            [work for work in left if not names & set(joins(work)) - {work.task.name}] or left
        )
        left = [work for work in left if work not in turns[-1]]
    return turns


def _apply(
    engine: Engine,
    works: list[Work],
    results: list[dict[str, Any]],
    todo: list[int],
    parallel: int | None,
) -> None:
    """Carry out the plans: pulls first, then those that others join or link to before those, then all starts
    together.
    """
    for pull in {id(pull): pull for work in works for pull in work.pulls.values()}.values():
        pull.apply()
    for work in works:
        # The threads plan again, each with its own engine: what was to be pulled is here now.
        work.task.pull = "missing"
    count = parallel or 2 * (os.cpu_count() or 1)
    starts: list[tuple[int, Record]] = []
    ends = [works[position] for position in todo if works[position].ends()]
    others = [works[position] for position in todo if not works[position].ends()]
    needs = {work.task.name: dependencies.of(work.expected()) for work in ends}
    for turn in [
        *_turns(ends, lambda work: [name for name in needs if work.task.name in needs[name]]),
        *_turns(others, lambda work: _before(engine, work.definition or {})),
    ]:
        # Those that are to end are mostly waited for.
        alive = sum(work.status in status.LIVING for work in turn)
        threads = parallel or max(count, min(stop.AT_ONCE, alive))
        _in_threads(engine, works, results, [works.index(work) for work in turn], threads, starts)
    _start(engine, works, results, starts, count)
    restarted = {record["id"] for _position, record in starts}
    for position in todo:
        if not results[position].get("failed"):
            told: list[str] = []
            for record in works[position].dependants:
                # Else it was made anew by this list, or started after the one that it needs.
                if record["id"] not in restarted and catalog.by_id(engine, record["id"]):
                    restarted.add(record["id"])
                    restart_dependant(engine, record, told)
            results[position].setdefault("warnings", []).extend(told)
    started = {position for position, _record in starts}
    for position in todo:
        if not results[position].get("failed"):
            _final_facts(engine, works[position].task, results[position], position in started)


def _before(engine: Engine, definition: Definition) -> list[str]:
    """Return the names of the containers that one needs to be there when it is made."""
    linked = preconditions.linked(definition).values()
    given = inherited_mounts.names(engine, definition)
    return [
        *shared_namespaces.names(engine, definition),
        *given,
        *linked,
        *dependencies.of(definition),
    ]


def _in_threads(
    engine: Engine,
    works: list[Work],
    results: list[dict[str, Any]],
    positions: list[int],
    count: int,
    starts: list[tuple[int, Record]],
) -> None:
    """Carry out the plans of some containers.

    :param results: gets the errors. :param starts: gets what is to be started.
    """
    lock, queue = threading.Lock(), list(reversed(positions))

    def worker() -> None:
        with Engine(engine.paths.data, engine.paths.run) as own:
            while True:
                with lock:
                    if not queue:
                        return
                    position = queue.pop()
                mine: list[Record] = []
                said = _one(own, works[position], mine)
                with lock:
                    results[position].update(said)
                    starts.extend((position, record) for record in mine)

    threads = [threading.Thread(target=worker) for dummy in range(min(count, len(positions)))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def _one(engine: Engine, before: Work, starts: list[Record]) -> dict[str, Any]:
    """Make one container's changes but its start; returns what its result says of them, or of the
    error.

    :param before: the work with the plan that was made before anything was changed.
    """
    task = before.task
    try:
        if before.begins and before.record is not None:  # else it is started with the others
            start.bring_up(engine, task.name, before.definition, task.healthy_timeout)
        with engine.locks.hold("container", task.name):
            work = Work(engine, task, starts)
            work.make().apply()
        work.await_end()
    except Exception as error:  # pylint: disable=broad-except  # a thread's error must not vanish with it
        return failed(task.name, error)
    found: dict[str, Any] = {} if work.downtime is None else {"downtime": work.downtime}
    if work.drained is not None:
        found["drained"] = work.drained
    if work.ended is not None:
        found["ended"] = work.ended
    return found


def failed(name: str, error: BaseException) -> dict[str, Any]:
    details = {key: value for key, value in vars(error).items() if value not in (None, "")}
    return dict(
        details, name=name, failed=True, changed=True, msg=str(error) or type(error).__name__
    )


def _start(
    engine: Engine,
    works: list[Work],
    results: list[dict[str, Any]],
    starts: list[tuple[int, Record]],
    count: int,
) -> None:
    told: list[str] = []
    errors = start.start_each(
        engine,
        [record for _position, record in starts],
        count,
        max((works[position].task.healthy_timeout for position, _record in starts), default=0.0),
        told,
    )
    if told:
        results[starts[0][0]].setdefault("warnings", []).extend(told)
    for position, record in starts:
        error = errors[record["id"]]
        if error is not None:
            if works[position].record is None:
                with contextlib.suppress(NotFound), catalog.held(engine, record["id"]) as now:
                    remove.never_ran(engine, now)
            results[position].update(failed(works[position].task.name, error))


def _final_facts(engine: Engine, task: Task, result: dict[str, Any], started: bool) -> None:
    try:
        work = Work(engine, task)
        work.started = started
        work.ended = result.pop("ended", None)
        result.update(work.facts())
    except EngineError as error:
        result.update(failed(task.name, error))


def _outcome(results: list[dict[str, Any]]) -> dict[str, Any]:
    outcome = {
        "changed": any(result["changed"] for result in results),
        "results": results,
        "actions": [action for result in results for action in result.get("actions", ())],
        "warnings": [warning for result in results for warning in result.pop("warnings", ())],
        "diff": [
            dict(result.pop("diff"))
            for result in results
            if result.get("diff") and result["changed"] and not result.get("failed")
        ],
    }
    bad = [result for result in results if result.get("failed")]
    if bad:
        raise BatchFailed(
            "%d of %d containers failed: %s"
            % (
                len(bad),
                len(results),
                "; ".join(f"{result['name']}: {result['msg']}" for result in bad),
            ),
            results,
        )
    return outcome
