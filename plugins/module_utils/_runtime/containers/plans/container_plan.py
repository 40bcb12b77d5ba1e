# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The plan of one container: the steps that lead from what is there to what a task wants.

``desired.py`` says what differs; here stand the steps, their order and what the task returns.
"""

from __future__ import annotations

import contextlib
import os
import re

from ...errors import Conflict, ContainerFailed, EngineError, InvalidInput, NotFound, required
from ...reconcile import Plan
from ...rootless import keeper_client
from ..access import auto_remove
from ..lifecycle import (
    create,
    dependencies,
    drain,
    live_changes,
    remove,
    replace,
    start,
    stop,
    waits,
)
from ..options import log_options, network_options, publishing
from ..records import catalog, network_names, run_events, status
from ..spec import inherited_mounts, shared_namespaces, user_namespaces
from ..view import audit, inspect_container, systemd_unit
from . import preconditions
from .desired import RUNS, Desired, Task

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from typing import Any

    from ...engine import Engine
    from ...options.rows import Definition
    from ..lifecycle.drain import Drained
    from ..records.catalog import Record
    from ..spec.inherited_mounts import Remade
    from .desired import Change, Image, PullKey


class Work:
    """One container's plan in the making.

    The last five parameters are for lists (plans/batch.py).

    :param starts: collects the containers to be started later, all at once.
    :param pulls: the plans of images that other containers of the list want, too.
    :param coming: names of containers that the list makes: they may be joined before they are
        there.
    :param replaced: those that the list makes anew, by name: who joins them is made anew, too.
    :ivar record: None where it is not there. :ivar status: None then, too.
    :ivar started: whether this task has started it. :ivar begins: whether the plan is to.
    :ivar dependants: the containers that are restarted with it.
    :ivar ended: its exit code and output, where this task started it and waited for its end.
    :ivar downtime: seconds in which nobody answered, see replace.py; None where there were none.
    :ivar drained: what became of the old one's connections, where it was replaced so.
    :ivar waits: whether its facts are those of a healthy container, where it is to be one.
    :ivar anew: of one that is made (anew): whose namespaces it joins. :ivar image_config: the
        ``config`` object of its image.
    """

    def __init__(
        self,
        engine: Engine,
        task: Task,
        starts: list[Record] | None = None,
        pulls: dict[PullKey, Any] | None = None,
        coming: Mapping[str, str] | None = None,
        replaced: Mapping[str, Remade] | None = None,
        leaving: Collection[str] = (),
    ) -> None:
        self.engine, self.task, self.starts, self.leaving = engine, task, starts, leaving
        self._pulled_by_others = set(pulls or ())
        self.pulls, self.replaced = {} if pulls is None else pulls, replaced
        self.coming = {**_foretold(engine, leaving), **(coming or {})}
        self.record = catalog.get(engine, task.name) or _by_id(engine, task.name)
        if self.record is not None:
            task.name = self.record["name"]
        self.status = None
        if self.record is not None:
            self.status = status.settled(engine.paths, self.record["id"])["status"]
        self.plan = Plan(f"container {task.name}", self.facts)
        self.desired = Desired(
            engine, task, self.record, self.status, self.pulls, self.coming, replaced
        )
        self.started = False
        self.begins = False
        self.dependants: list[Record] = []
        self.ended: tuple[int, str] | None = None
        self._attended = contextlib.ExitStack()  # while its removal is this task's
        self.downtime: float | None = None
        self.drained: Drained | None = None
        self._beside = False  # whether the new one is to run beside the old one
        self.waits = not engine.check
        self.anew: dict[str, str] | None = None
        self.image_config: dict[str, Any] = {}
        self.architecture = ""  # the image's

    @property
    def definition(self) -> Definition:
        """What the container will be; empty where the task does not get so far."""
        return self.desired.definition

    @property
    def there(self) -> Record:
        """The record, where a step knows that the container is there."""
        return required(self.record, f"container {self.task.name}")

    def again(self) -> Work:
        """Return a new Work for the same task, from what is there now."""
        for key in set(self.pulls) - self._pulled_by_others:
            del self.pulls[key]
        work = Work(
            self.engine,
            self.task,
            self.starts,
            self.pulls,
            self.coming,
            self.replaced,
            self.leaving,
        )
        work.waits = self.waits
        return work

    def is_stale(self) -> bool:
        """Tell whether the container is no longer as it was when the plan was made."""
        now = catalog.get(self.engine, self.task.name)
        return now != self.record or (
            now is not None and status.now(self.engine.paths, now["id"])["status"] != self.status
        )

    def expected(self) -> Definition:
        """Return what the container will be as far as that is known before its plan is made."""
        return dict(self.record["definition"] if self.record else {}, **self.task.definition)

    def ends(self) -> bool:
        """Tell whether the plan is to stop or remove a container, and nothing else."""
        return self.task.state == "absent" or (
            self.task.state == "stopped" and self.record is not None and not self.replaces()
        )

    def joins(self) -> list[str]:
        """Return the names of the containers that it is to join."""
        definition = self.expected()
        return [
            *shared_namespaces.names(self.engine, definition),
            *inherited_mounts.names(self.engine, definition),
        ]

    def replaces(self) -> bool:
        """Tell whether the plan is to make an existing container anew."""
        return self.record is not None and self.anew is not None

    # -- the plan

    def make(self) -> Plan:
        """Make the plan. :raises EngineError: what the task wants can't work."""
        if self.task.state == "absent":
            self._absent()
            self._plan_unit()
            return self.plan
        image = self.desired.settle()
        for pull in self.desired.planned:
            self.plan.extend(pull)
        self.image_config, self.architecture = image.config, image.architecture
        self.plan.warnings += publishing.warnings(self.definition)
        self.plan.warnings += log_options.warnings(self.definition)
        if self.record is None:
            if network_options.mode_of(self.definition) == "bridge":
                self.plan.warnings += keeper_client.no_way_out()
            self.anew = self.desired.joined
            self._create(image)
        else:
            self._change(image)
        self._plan_unit()
        self._plan_dependencies()
        return self.plan

    def _plan_unit(self) -> None:
        """Plan the unit of systemd that the task asks for; remove it with the container."""
        asked, name = self.task.unit, self.task.name
        if asked is None:
            return
        path, gone = os.path.join(asked["path"], systemd_unit.name(name, asked)), None
        before = systemd_unit.read(path)
        if self.task.state != "absent":
            if not os.path.isdir(asked["path"]):
                raise InvalidInput(
                    "generate_systemd.path", asked["path"], "a directory of the host"
                )
            text = systemd_unit.text(name, self.definition, asked, self.engine.paths)
            told = systemd_unit.warning(name, self.definition)
            self.plan.warnings += [told] if told else []
            if before != text:
                action = f"write the unit {path}"
                self.plan.add("unit", before, text, action, lambda: systemd_unit.write(path, text))
        elif before is not None and systemd_unit.container_of(path) == name:
            action = f"remove the unit {path}"
            self.plan.add("unit", before, gone, action, lambda: systemd_unit.write(path, gone))

    def _plan_dependencies(self) -> None:
        """Plan to start what it depends on before all, and to restart those that depend on it."""
        if not self.begins:
            return
        first = Plan("")
        there = [record["name"] for record in dependencies.missing(self.engine, self.definition)]
        made = [
            name
            for name in dependencies.of(self.definition)
            if name in self.coming and catalog.get(self.engine, name) is None
        ]
        for name in there + made:
            if self.coming.get(name) not in RUNS:  # else its own entry says so
                first.add(
                    f"container {name}",
                    "stopped",
                    "running",
                    f"start container {name}, which {self.task.name} depends on",
                )
        self.plan.changes[:0] = first.changes
        if self.record is None or self.status not in status.LIVING:
            return
        joined = shared_namespaces.all_users(self.engine, self.there)
        names = {record["name"] for record in joined}
        self.dependants = [
            record
            for record in dependencies.dependants(self.engine, self.there, to_restart=True)
            if record["name"] not in {*self.coming, *self.leaving, *names}
        ]
        if self.anew is None:  # it stays the container whose namespaces they join
            self.dependants += [
                record
                for record in joined
                if record["name"] not in self.leaving
                and self.coming.get(record["name"]) != "restarted"  # its own entry says so
                and status.lives(self.engine.paths, record["id"])
            ]
        for record in self.dependants:
            how = "has a namespace of" if record["name"] in names else "depends on"
            self.plan.add(
                f"container {record['name']}",
                "running",
                "restarted",
                f"restart container {record['name']}, which {how} {self.task.name}",
            )

    def bring_up(self) -> None:
        """Start what it depends on, where the plan starts it. The caller holds no lock."""
        if self.begins:
            patience = self.task.healthy_timeout
            start.bring_up(
                self.engine, self.task.name, self.definition, patience, self.plan.warnings
            )

    def restart_dependants(self) -> None:
        """Restart those that are to be restarted with it. The caller holds no lock."""
        for record in self.dependants:
            restart_dependant(self.engine, record, self.plan.warnings)

    def _absent(self) -> None:
        name = self.task.name
        if self.record is None:
            if self.engine.is_foretold("container", name):
                self.plan.add("state", "present", "absent", f"remove container {name}")
            return
        staying = [
            record
            for record in dependencies.dependants(self.engine, self.record)
            if record["name"] not in self.leaving
        ]
        if staying:
            self.plan.warnings.append(
                f"container {name} is needed by {dependencies.shown(staying)} (depends_on)"
            )
        if self.status in status.LIVING:
            self.plan.add("running", True, False, f"stop container {name}", self._stop, live=False)
        self.plan.add(
            "state",
            "present",
            "absent",
            f"remove container {name}",
            lambda: remove.remove(self.engine, self.there, True, self.task.keep_volumes),
            live=False,
        )

    def _create(self, image: Image) -> None:
        name = self.task.name
        for option in self.task.definition:
            self.plan.add(option, None, self.task.definition[option], None)
        self.plan.add("image", None, image.reference, None)
        self.plan.add(
            "state",
            "absent",
            "present",
            f"create container {name}{image.origin}",
            lambda: self._do_create(image),
            live=False,
        )
        self._run_state("created", new=True)

    def _do_create(self, image: Image) -> None:
        wanted = "stopped" if self.task.state == "stopped" else "created"
        self.record = create.create(self.engine, self.task.name, self.definition, image.id, wanted)

    def _change(self, image: Image) -> None:
        """Plan an existing container: live changes, a replacement, or nothing; then its run state."""
        desired = self.desired
        costly = desired.costly()
        easy = desired.easy(costly)
        excessive = desired.excessive(costly, easy)
        if excessive:
            self._refuse(excessive)
            desired.leave(excessive)
            costly = [entry for entry in costly if entry not in excessive]
            easy = [entry for entry in easy if entry not in excessive and entry[0] != "image_name"]
        if costly and self.task.on_change == "restart":
            self._restart_changed(image, costly, easy)
        elif costly:
            self.anew = desired.joined
            self._replace(image, costly, easy)
        else:
            if image.id != self.there["image"]:  # comparisons: {image: ignore}
                desired.leave_image()
            self._live(easy)
            self._run_state(self.status)

    def _refuse(self, excessive: list[Change]) -> None:
        """Warn of what costs more than the task admits. :raises Conflict: without ``warn``."""
        name, bound = self.task.name, self.task.on_change
        if self.task.policy == "warn":
            self.plan.warnings.append(
                f"container {name} is left as it is (recreate_policy warn) although these differ: "
                f"{_list(excessive)}"
            )
            return
        why = "recreate_policy fail" if bound == "replace" else f"on_change {bound}"
        what = "made anew or restarted" if bound == "live" else "made anew"
        if bound == "fail":
            what = "changed"
        raise Conflict(
            f"container {name} would have to be {what} ({why}) because of {_list(excessive)}"
        )

    def _restart_changed(self, image: Image, costly: list[Change], easy: list[Change]) -> None:
        """Plan changes that the container takes by a restart (``on_change: restart``)."""
        if image.id != self.there["image"]:
            self.desired.leave_image()
        changes, name = costly + easy, self.task.name
        if self.status not in status.LIVING:
            self._live(changes)
            self._run_state(self.status)
            return
        run = self.task.state in RUNS or self.task.state == "present"
        self.begins = run
        for option, before, after in changes:
            self.plan.add(option, before, after, None, live=False)
        self.plan.add(
            "restarted" if run else "running",
            not run,
            run,
            f"{'restart' if run else 'stop'} container {name} because of {_list(costly)}",
            lambda: self._do_restart_changed([option for option, *_values in changes], run),
            live=False,
        )
        if self.task.state == "paused":
            self._pause()

    def _do_restart_changed(self, changed: list[str], run: bool) -> None:
        task = self.task
        self.downtime = replace.restart(
            self.engine,
            self.there,
            self.definition,
            changed,
            task.healthy_timeout if task.state == "healthy" else None,
            task.kills_at_once,
            task.kill_signal,
            run,
        )

    def _live(self, changes: list[Change]) -> None:
        names = [name for name, _before, _after in changes]
        for position, (name, before, after) in enumerate(changes):
            last = position == len(changes) - 1
            self.plan.add(
                name,
                before,
                after,
                f"change {', '.join(names)} of container {self.task.name}" if last else None,
                (lambda: live_changes.apply(self.engine, self.there, self.definition, names))
                if last
                else None,
            )

    def _replace(self, image: Image, costly: list[Change], easy: list[Change]) -> None:
        preconditions.new_ports(self.engine, self.definition, image.config, self.there)
        for name, before, after in costly + easy:
            self.plan.add(name, before, after, None, live=False)
        for other, option in shared_namespaces.users(self.engine, self.there):
            if other not in self.coming:
                self.plan.warnings.append(
                    f"container {other} has {option} container:{self.task.name}: it stays with "
                    "the namespace of the old one until it is made anew"
                )
        lives = self.status in status.LIVING
        run = self.task.state in RUNS or (self.task.state == "present" and lives)
        self.begins = run
        self._beside = self.task.drain is not None and self.status == "running"
        if self._beside:
            why = preconditions.why_not_beside(
                self.engine, self.definition, image.config, self.there
            )
            if why:
                self._beside = False
                self.plan.warnings.append(
                    f"container {self.task.name} is stopped before the new one is started, in "
                    f"spite of drain_timeout: {why}"
                )
            else:
                self.plan.warnings += self._unawaited()
        self.plan.add(
            "container",
            self.there["id"][:12],
            "a new one",
            f"replace container {self.task.name} because of {_list(costly)}{image.origin}",
            lambda: self._do_replace(image, run and self.task.detach),
            live=False,
        )
        if run and not self.task.detach:  # it may have ended before a replacement is complete
            self.plan.add("running", lives, run, f"start container {self.task.name}", self._start)
            run = lives
        if run != lives:
            self.plan.add("running", lives, run, None, live=False)
        if self.task.state == "paused":
            self._pause()

    def _unawaited(self) -> list[str]:
        """Say of which published ports nobody can tell when the new container answers at them."""
        ports = [
            f"{port['container_port']}/sctp"
            for port in self.definition.get("published_ports", ())
            if port["protocol"] == "sctp"
        ]
        if not ports:
            return []
        return [
            f"container {self.task.name}: drain_timeout does not wait until the new one listens on "
            f"{', '.join(ports)}; associations of the old one are waited for"
        ]

    def _do_replace(self, image: Image, run: bool) -> None:
        healthy = self.task.healthy_timeout if self.task.state == "healthy" else None
        if self.task.state == "stopped":
            catalog.set_wanted(self.engine, self.there["id"], "stopped")
            self.there["wanted"] = "stopped"
        if self._beside:
            self.record, self.downtime, self.drained = drain.replace_beside(
                self.engine,
                self.there,
                self.definition,
                image.id,
                required(self.task.drain, "drain_timeout"),
                self.task.healthy_timeout,
                healthy is not None,
                self.task.keep_volumes,
                self.task.kills_at_once,
                self.task.kill_signal,
            )
            return
        self.record, self.downtime = replace.replace(
            self.engine,
            self.there,
            self.definition,
            image.id,
            run,
            healthy,
            self.task.keep_volumes,
            self.task.kills_at_once,
            self.task.kill_signal,
        )

    # -- the run state

    def _run_state(self, now: str | None, new: bool = False) -> None:
        """Bring the container that is there (or will be) into the task's state.

        :param now: its status. :param new: this task makes it.
        """
        state, name = self.task.state, self.task.name
        living = now in status.LIVING
        if state == "stopped" and living:
            self.plan.add("running", True, False, f"stop container {name}", self._stop)
        elif state in RUNS:
            if not living:
                self.begins = True
                self.plan.add(
                    "running",
                    False,
                    True,
                    f"start container {name}",
                    self._start_new if new else self._start,
                )
            elif state == "restarted" or (self.task.restart and not new):
                self.begins = True
                self.plan.add("restarted", False, True, f"restart container {name}", self._restart)
                now = "running"
            elif now == "paused" and state != "paused":
                self.plan.add(
                    "paused",
                    True,
                    False,
                    f"unpause container {name}",
                    lambda: stop.unpause(self.engine, self.there),
                )
            if state == "paused" and now != "paused":
                self._pause()

    def _pause(self) -> None:
        self.plan.add(
            "paused",
            False,
            True,
            f"pause container {self.task.name}",
            lambda: stop.pause(self.engine, self.there),
        )

    def _start(self) -> None:
        self.started = True
        if not self.task.detach:
            self._start_attended()
        elif self.starts is not None and self.task.state != "paused":
            self.starts.append(self.there)
        else:
            start.start_one(self.engine, self.there)

    def _start_attended(self) -> None:
        """Start it. Its removal at its end, where it has one, is this task's from now on."""
        if self.definition.get("auto_remove"):
            paths = self.engine.paths
            self._attended.enter_context(auto_remove.by_caller(paths, self.there["id"]))
        try:
            start.start_one(self.engine, self.there)
        except EngineError:
            self._attended.close()
            raise

    def await_end(self) -> None:
        """Wait for the end of what this task has started, with ``detach: false``; remove it where
        that is asked for.

        The caller does not hold the container's lock: it may take days, and others may stop it.
        """
        if self.task.detach or not self.started:
            return
        with self._attended:
            self.ended = waits.wait_ended(self.engine, self.there)
            removes = self.definition.get("auto_remove")
            if removes or self.task.cleanup:
                with (
                    contextlib.suppress(NotFound),
                    catalog.held(self.engine, self.there["id"]) as now,
                ):
                    keep = self.task.keep_volumes and not removes
                    remove.remove(self.engine, now, True, keep)

    def _start_new(self) -> None:
        try:
            self._start()
        except EngineError:
            remove.never_ran(self.engine, self.there)
            raise

    def _restart(self) -> None:
        if self.status == "paused":
            stop.unpause(self.engine, self.there)
        self._stop()
        self._start()
        run_events.tell_of(self.engine.paths, self.there["id"], "restart")

    def _stop(self) -> None:
        task = self.task
        stop.stop(self.engine, self.there, task.kills_at_once, signal=task.kill_signal)

    # -- the result

    def facts(self) -> dict[str, Any]:
        """Return the result's keys.

        A container that should be healthy is waited for here: waiting changes nothing.
        """
        while True:
            record = catalog.get(self.engine, self.task.name)
            if record is None:
                return self._with_end(
                    {"container": {}, "security": self._security(None) if self.definition else []}
                )
            try:
                with catalog.reading(self.engine, record):
                    found = self._facts(record)
                return self._with_end(found)
            except NotFound:
                if catalog.by_id(self.engine, record["id"]) is not None:
                    raise

    def _with_end(self, found: dict[str, Any]) -> dict[str, Any]:
        """Return the facts with what is known of its end. :raises ContainerFailed: it failed."""
        if self.ended is None:
            return found
        code, output = self.ended
        found["container"]["Output"] = output
        found["status"] = code
        if self.task.output_logs:
            found.update(stdout=output, stdout_lines=output.splitlines())
        if code:
            shown = network_names.shown_name(self.there)
            error = ContainerFailed(f"container {shown} ended with exit code {code}", code)
            error.logs = waits.last_lines(output)
            error.__dict__.update(found, changed=True, actions=self.plan.actions)
            raise error
        return found

    def _facts(self, record: Record) -> dict[str, Any]:
        if self.task.state == "healthy" and self.waits:
            self._wait_healthy(record)
        gone = self.task.state == "absent" and self.engine.check
        found: dict[str, Any] = {
            "container": inspect_container.inspect(self.engine, record),
            "security": [] if gone else self._security(record),
        }
        if self.downtime is not None:
            found["downtime"] = self.downtime
        if self.drained is not None:
            found["drained"] = self.drained
        return found

    def _wait_healthy(self, record: Record) -> None:
        """Wait for its health. A failure has its facts, too."""
        try:
            waits.wait_healthy(self.engine, record, self.task.healthy_timeout, self.started)
        except ContainerFailed as error:
            with contextlib.suppress(EngineError):  # it may be gone by now
                shown = inspect_container.inspect(self.engine, record)
                error.__dict__.update(container=shown, changed=bool(self.plan.changes))
            raise

    def _security(self, record: Record | None) -> list[str]:
        """Say what gives the container as it will be more of the host than usual, in sentences."""
        if record is not None and (self.anew is None or not self.engine.check):
            return audit.of_container(self.engine, record, self.definition)["Findings"]
        host, reason = user_namespaces.planned(
            self.engine, self.definition, self.image_config, self.anew or {}
        )
        return audit.describe(self.engine, self.definition, host, reason, self.architecture)[
            "Findings"
        ]


def restart_dependant(engine: Engine, record: Record, warnings: list[str]) -> None:
    """Restart a container whose lock the caller does not hold, because one that it depends on was
    restarted.

    :param warnings: gets a sentence about one that did not start again.
    """
    try:
        start.bring_up(engine, record["name"], record["definition"], warnings=warnings)
        with catalog.held(engine, record["id"]) as now:
            if status.now(engine.paths, now["id"])["status"] == "paused":
                stop.unpause(engine, now)
            stop.stop(engine, now)
            start.start_one(engine, now)
        run_events.tell_of(engine.paths, record["id"], "restart")
    except EngineError as error:
        warnings.append(f"container {record['name']} was not restarted: {error}")


def _by_id(engine: Engine, text: str) -> Record | None:
    """Find the container whose id ``text`` is or begins, with as much of it as Docker shows; None
    for any other text.
    """
    try:
        return catalog.find(engine, text) if re.fullmatch("[0-9a-f]{12,64}", text) else None
    except NotFound:
        return None


def _list(changes: list[Change]) -> str:
    return ", ".join(name for name, _before, _after in changes)


class ContainerPlan(Plan):
    """A plan that is carried out under the container's lock. What another task changed meanwhile is
    planned anew.
    """

    def __init__(self, work: Work) -> None:
        super().__init__(work.plan.subject, work.plan.facts)
        self.work = work
        self.extend(work.plan)

    def apply(self) -> None:
        engine, work = self.work.engine, self.work
        work.bring_up()
        with engine.locks.hold("container", work.task.name):
            if work.is_stale():
                work = Work(engine, work.task, work.starts)
                fresh = work.make()
                self.changes, self.warnings, self.facts = fresh.changes, fresh.warnings, fresh.facts
            super().apply()
        work.restart_dependants()
        self.warnings += [line for line in work.plan.warnings if line not in self.warnings]
        work.await_end()


def planned(work: Work) -> Work:
    """Return the work with its plan made.

    What is refused is looked at again once no other task is at the container: it may have been of
    what that had half done.
    """
    try:
        work.make()
        return work
    except EngineError:
        engine, name = work.engine, work.task.name
        if not engine.locks.exists("container", name):  # nobody has been at it
            raise
        with engine.locks.hold("container", name, shared=engine.check):
            work = work.again()
            work.make()
        return work


def _foretold(engine: Engine, leaving: Collection[str]) -> dict[str, str]:
    """Return the containers that earlier tasks of a check would have made, as ``coming``."""
    names = [name for kind, name in engine.foretold_others if kind == "container"]
    return {
        name: "started"
        for name in names
        if name not in leaving and catalog.get(engine, name) is None
    }


def plan_container(
    engine: Engine, params: dict[str, Any], starts: list[Record] | None = None
) -> ContainerPlan:
    """Plan one container.

    :param params: the container module's.
    :param starts: see :class:`Work`.
    """
    return ContainerPlan(planned(Work(engine, Task(params), starts)))
