# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Plan one container: what there is, what a task wants, and what leads from one to the other.

The definition of the container that results is what was asked for before, with what this task names
over it. An option that a task leaves out keeps its value, also where another option makes a new
container necessary.
"""

from __future__ import annotations

import re

from ... import images
from ...errors import Conflict, EngineError, InvalidInput, NotFound, required
from ...options.rows import IGNORE, LIVE
from ...reconcile import Plan
from .. import options
from ..options import lifecycle, network, storage
from ..records import catalog, status
from ..spec import shared_namespaces, user_namespaces
from ..view import audit, inspection
from . import create, live_changes, preconditions, remove, replace, start, stop, wait_healthy

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection
    from typing import Any

    from ...engine import Engine
    from ...options.rows import Definition, Option
    from ..records.catalog import Record

    Change = tuple[str, Any, Any]  # name, before, after
    PullKey = tuple[Any, ...]  # what is asked for, how, for which platform, from where

PULLS = {True: "always", False: "missing"}  # docker_container's booleans
REGISTRY = (
    "auth_file",
    "ca_path",
    "client_cert",
    "client_key",
    "insecure",
    "validate_certs",
)  # options of the image's pull
RUNS = (
    "started",
    "restarted",
    "paused",
    "healthy",
)  # states in which the container's processes are there


class Task:
    """What a task says about one container, checked and in normal form.

    :param params: the container module's parameters, or one entry of ``containers``.
    :raises InvalidInput: naming the option.
    """

    def __init__(self, params: dict[str, Any]) -> None:
        self.name = catalog.check_name(params.get("name"))
        said = options.behaviour.said(params)
        self.state, self.image, self.platform = said["state"], said["image"], said["platform"]
        self.pull = PULLS.get(said["pull"], said["pull"])
        self.policy, self.healthy_timeout = said["recreate_policy"], said["healthy_wait_timeout"]
        self.recreate, self.restart = said["recreate"], said["restart"]
        self.keep_volumes, self.force_kill = said["keep_volumes"], said["force_kill"]
        self.registries, self.reached = (
            images.registries_of(params),
            repr([params.get(name) for name in REGISTRY]),
        )
        self.definition = options.definition(params)
        self.how = options.comparisons(params.get("comparisons"))


class Work:
    """One container's plan in the making.

    The last four parameters are for lists (lifecycle/batch.py).

    :param starts: collects the containers to be started later, all at once.
    :param pulls: the plans of images that other containers of the list want, too.
    :param coming: names of containers that the list makes: they may be joined before they are
        there.
    :param replaced: names of those that the list makes anew: who joins them is made anew, too.
    :ivar record: None where it is not there. :ivar status: None then, too.
    :ivar definition: what it will be; empty where the task does not get so far.
    :ivar started: whether this task starts it.
    :ivar downtime: seconds in which nobody answered, see replace.py; None where there were none.
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
        coming: Collection[str] = (),
        replaced: Collection[str] = (),
    ) -> None:
        self.engine, self.task, self.starts = engine, task, starts
        self._pulled_by_others = set(pulls or ())
        self.pulls, self.coming, self.replaced = {} if pulls is None else pulls, coming, replaced
        self.record = catalog.get(engine, task.name) or _by_id(engine, task.name)
        if self.record is not None:
            task.name = self.record["name"]
        self.status = status.now(engine.paths, self.record["id"])["status"] if self.record else None
        self.plan = Plan(f"container {task.name}", self.facts)
        self.definition: Definition = {}
        self.differences: list[tuple[Option, Any, Any]] = []
        self.started = False
        self.downtime: float | None = None
        self.waits = not engine.check
        self.anew: dict[str, str] | None = None
        self.image_config: dict[str, Any] = {}

    @property
    def there(self) -> Record:
        """The record, where a step knows that the container is there."""
        return required(self.record, f"container {self.task.name}")

    def again(self) -> Work:
        """Return a new Work for the same task, from what is there now."""
        for key in set(self.pulls) - self._pulled_by_others:
            del self.pulls[key]
        work = Work(self.engine, self.task, self.starts, self.pulls, self.coming, self.replaced)
        work.waits = self.waits
        return work

    def is_stale(self) -> bool:
        """Tell whether the container is no longer as it was when the plan was made."""
        now = catalog.get(self.engine, self.task.name)
        return now != self.record or (
            now is not None and status.now(self.engine.paths, now["id"])["status"] != self.status
        )

    def joins(self) -> list[str]:
        """Return the names of the containers that it is to join."""
        return shared_namespaces.names(
            self.engine,
            dict(self.record["definition"] if self.record else {}, **self.task.definition),
        )

    def replaces(self) -> bool:
        """Tell whether the plan is to make an existing container anew."""
        return self.record is not None and self.anew is not None

    # -- the plan

    def make(self) -> Plan:
        """Make the plan. :raises EngineError: what the task wants can't work."""
        if self.task.state == "absent":
            self._absent()
            return self.plan
        target = self._image()
        self.image_config = target.config
        self._define()
        if (
            self.task.state == "healthy"
            and not target.blank
            and lifecycle.health(self.definition, target.config.get("Healthcheck")) is None
        ):
            raise InvalidInput(
                "state", "healthy", f"another state: container {self.task.name} has no health check"
            )
        joined = self._checked(target)
        self.anew = joined if self.record is None else None
        if self.record is None:
            self._create(target)
        else:
            self._change(target, joined)
        return self.plan

    def _checked(self, target: Target) -> dict[str, str]:
        """Refuse what can't work on this host; returns whose namespaces it joins.

        A container that is only stopped, or left as it is, needs nothing of the host: a path or
        network of its may be gone by now.
        """
        rests = self._rests(target)
        if not rests:
            preconditions.everything(
                self.engine,
                self.definition,
                {"Cmd": ["?"]} if target.blank else target.config,
                self.record,
            )
        try:
            joined = shared_namespaces.resolve(
                self.engine, self.definition, self.task.name, self.coming
            )
        except EngineError:
            if not rests:
                raise
            return {}
        if not rests:
            user_namespaces.check(self.engine, self.definition, joined)
        return joined

    def _rests(self, target: Target) -> bool:
        """Tell whether nothing of an existing container is changed or started."""
        same = (
            self.record is not None
            and not self.differences
            and (target.id == self.there["image"] or self.task.how["image"] == IGNORE)
        )
        runs = self.task.state in RUNS and (
            self.status not in status.LIVING or self.task.state == "restarted" or self.task.restart
        )
        return same and not runs and not self.task.recreate

    def _absent(self) -> None:
        if self.record is None:
            return
        name = self.task.name
        if self.status in status.LIVING:
            self.plan.add(
                "running",
                True,
                False,
                f"stop container {name}",
                lambda: stop.stop(self.engine, self.there, self.task.force_kill),
                live=False,
            )
        self.plan.add(
            "state",
            "present",
            "absent",
            f"remove container {name}",
            lambda: remove.remove(self.engine, self.there, True, self.task.keep_volumes),
            live=False,
        )

    def _image(self) -> Target:
        """Return the image that the container is to have, and plan its pull."""
        if self.task.image is None:
            if self.record is None:
                raise InvalidInput(
                    "image", None, f"an image, because container {self.task.name} does not exist"
                )
            return Target(
                self.there["image"],
                self.there["definition"].get("image"),
                images.get(self.engine, self.there["image"]),
            )
        key = (self.task.image, self.task.pull, self.task.platform, self.task.reached)
        if key not in self.pulls:
            try:
                self.pulls[key] = images.plan_foretold(self.engine, key[0]) or images.plan_present(
                    self.engine, *key[:3], self.task.registries
                )
            except InvalidInput as error:  # the option has another name here
                raise InvalidInput(
                    "image" if error.option == "name" else error.option, error.value, error.accepted
                ) from None
            self.plan.extend(self.pulls[key])
        found = self.pulls[key].record()
        return Target(
            found["id"],
            self.task.image,
            found,
            getattr(self.pulls[key], "task", None),
            getattr(self.pulls[key], "blank", False),
        )

    def _define(self) -> None:
        wanted = self.task.definition
        now = (
            shared_namespaces.respelled(
                self.engine, storage.respelled(self.there["definition"], wanted), wanted
            )
            if self.record
            else {}
        )
        if (
            now.get("restart_retries")
            and wanted.get("restart_policy", "on-failure") != "on-failure"
        ):
            wanted = dict(
                {"restart_retries": 0}, **wanted
            )  # they go with the policy that they are of
        self.differences = (
            options.TABLE.differences(now, wanted, self.task.how) if self.record else []
        )
        self.definition = dict(now)
        if self.record is None:
            self.definition.update(self.task.definition)
        self.definition.update({option.name: after for option, _before, after in self.differences})
        if self.task.image is not None:
            self.definition["image"] = self.task.image
        try:
            options.check(
                {
                    name: value
                    for name, value in self.definition.items()
                    if name in options.TABLE.options
                }
            )
        except InvalidInput as error:
            name = error.option.partition(".")[0]
            if name not in now or name in self.task.definition:
                raise
            raise InvalidInput(
                error.option,
                error.value,
                error.accepted
                + " (what the container has of before, as the task does not name it)",
            ) from None

    def _create(self, target: Target) -> None:
        name = self.task.name
        for option in self.task.definition:
            self.plan.add(option, None, self.task.definition[option], None)
        self.plan.add("image", None, target.reference, None)
        self.plan.add(
            "state",
            "absent",
            "present",
            f"create container {name}{target.origin}",
            lambda: self._do_create(target),
            live=False,
        )
        self._run_state("created", new=True)

    def _do_create(self, target: Target) -> None:
        wanted = "stopped" if self.task.state == "stopped" else "created"
        self.record = create.create(self.engine, self.task.name, self.definition, target.id, wanted)

    def _change(self, target: Target, joined: dict[str, str]) -> None:
        """Plan an existing container: live changes, a replacement, or nothing; then its run state."""
        costly = self._costly(target, joined)
        easy = [
            (option.name, before, after)
            for option, before, after in self.differences
            if self._is_live(option)
        ]
        if not images.same_name(
            target.reference, self.there["definition"].get("image")
        ) and not any(name == "image" for name, _b, _a in costly):
            if self.task.how["image"] != IGNORE:
                easy.append(("image_name", self.there["definition"].get("image"), target.reference))
        if costly and self.task.policy == "fail":
            raise Conflict(
                f"container {self.task.name} would have to be made anew (recreate_policy fail) "
                f"because of {_list(costly)}"
            )
        if costly and self.task.policy == "warn":
            self.plan.warnings.append(
                f"container {self.task.name} is left as it is (recreate_policy warn) although "
                f"these differ: {_list(costly)}"
            )
            for name, before, _after in costly:
                if name in options.TABLE.options:
                    self.definition[name] = before
            had = self.there["definition"]
            self.definition.update(
                {name: had.get(name, []) for name in storage.OF_PLACES if name in self.definition}
            )  # as they were said
            self.definition["image"] = self.there["definition"].get("image")
            costly = []
            easy = [entry for entry in easy if entry[0] != "image_name"]
        if costly:
            self.anew = joined
            self._replace(target, costly, easy)
        else:
            if target.id != self.there["image"]:  # comparisons: {image: ignore}
                self.definition["image"] = self.there["definition"].get("image")
            self._live(easy)
            self._run_state(self.status)

    def _is_live(self, option: Option) -> bool:
        """Tell whether a change of the option needs no new container, as its row says."""
        if option.change == network.LIVE_ON_NETWORKS:
            return (
                network.mode_of(self.there["definition"])
                == network.mode_of(self.definition)
                == "bridge"
            )
        return option.change == LIVE

    def _costly(self, target: Target, joined: dict[str, str]) -> list[Change]:
        """List what needs a new container."""
        found = [
            (option.name, before, after)
            for option, before, after in self.differences
            if not self._is_live(option)
        ]
        if target.id != self.there["image"] and self.task.how["image"] != IGNORE:
            found.append(
                (
                    "image",
                    self.there["image"],
                    target.id or "the image" + target.origin[len(" from the image") :],
                )
            )
        named = [name for name, _before, _after in found]
        found += [change for change in self._other_joins(joined) if change[0] not in named]
        if self.task.recreate:
            found.append(("recreate", False, True))
        return found

    def _other_joins(self, joined: dict[str, str]) -> list[Change]:
        """List the options by which it joins another container than it does now, or one made anew.

        :raises Conflict: one that goes by this task is named by its id.
        """
        found: list[Change] = []
        had = shared_namespaces.recorded(self.engine, self.there["id"])
        for kind, ident in joined.items():
            option = shared_namespaces.OPTIONS[kind]
            said, name = self.definition[option].partition(":")[2], self._name_of(ident)
            anew = name in self.replaced
            if anew and said not in self.replaced:
                raise Conflict(
                    f"{option}: container:{said} goes by this task, which makes container {name} "
                    f"anew; name it container:{name}"
                )
            if had.get(kind) != ident or anew:
                before = f"container:{(had.get(kind) or '')[:12]}"
                after = "container:" + ("a new one" if anew else ident[:12])
                found.append((option, before, after))
        return found

    def _name_of(self, ident: str) -> str:
        record = catalog.by_id(self.engine, ident)
        if record is None:
            raise NotFound(
                f"container {ident[:12]} does not exist: another task has removed it meanwhile"
            )
        return record["name"]

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

    def _replace(self, target: Target, costly: list[Change], easy: list[Change]) -> None:
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
        self.plan.add(
            "container",
            self.there["id"][:12],
            "a new one",
            f"replace container {self.task.name} because of {_list(costly)}{target.origin}",
            lambda: self._do_replace(target, run),
            live=False,
        )
        if run != lives:
            self.plan.add("running", lives, run, None, live=False)
        if self.task.state == "paused":
            self._pause()

    def _do_replace(self, target: Target, run: bool) -> None:
        healthy = self.task.healthy_timeout if self.task.state == "healthy" else None
        if self.task.state == "stopped":
            catalog.set_wanted(self.engine, self.there["id"], "stopped")
            self.there["wanted"] = "stopped"
        self.record, self.downtime = replace.replace(
            self.engine,
            self.there,
            self.definition,
            target.id,
            run,
            healthy,
            self.task.keep_volumes,
            self.task.force_kill,
        )

    # -- the run state

    def _run_state(self, now: str | None, new: bool = False) -> None:
        """Bring the container that is there (or will be) into the task's state.

        :param now: its status. :param new: this task makes it.
        """
        state, name = self.task.state, self.task.name
        living = now in status.LIVING
        if state == "stopped" and living:
            self.plan.add(
                "running",
                True,
                False,
                f"stop container {name}",
                lambda: stop.stop(self.engine, self.there, self.task.force_kill),
            )
        elif state in RUNS:
            if not living:
                self.plan.add(
                    "running",
                    False,
                    True,
                    f"start container {name}",
                    self._start_new if new else self._start,
                )
            elif state == "restarted" or (self.task.restart and not new):
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
        if self.starts is not None and self.task.state != "paused":
            self.starts.append(self.there)
        else:
            start.start_one(self.engine, self.there)

    def _start_new(self) -> None:
        try:
            self._start()
        except EngineError:
            remove.never_ran(self.engine, self.there)
            raise

    def _restart(self) -> None:
        if self.status == "paused":
            stop.unpause(self.engine, self.there)
        stop.stop(self.engine, self.there, self.task.force_kill)
        self._start()

    # -- the result

    def facts(self) -> dict[str, Any]:
        """Return the result's keys.

        A container that should be healthy is waited for here: waiting changes nothing.
        """
        while True:
            record = catalog.get(self.engine, self.task.name)
            if record is None:
                return {
                    "container": {},
                    "security": self._security(None) if self.definition else [],
                }
            try:
                with catalog.reading(self.engine, record):
                    return self._facts(record)
            except NotFound:
                if catalog.by_id(self.engine, record["id"]) is not None:
                    raise

    def _facts(self, record: Record) -> dict[str, Any]:
        if self.task.state == "healthy" and self.waits:
            wait_healthy.wait_healthy(self.engine, record, self.task.healthy_timeout, self.started)
        gone = self.task.state == "absent" and self.engine.check
        found = {
            "container": inspection.inspect(self.engine, record),
            "security": [] if gone else self._security(record),
        }
        return found if self.downtime is None else dict(found, downtime=self.downtime)

    def _security(self, record: Record | None) -> list[str]:
        """Say what gives the container as it will be more of the host than usual, in sentences."""
        if record is not None and (self.anew is None or not self.engine.check):
            return audit.of_container(self.engine, record, self.definition)["Findings"]
        host, reason = user_namespaces.planned(
            self.engine, self.definition, self.image_config, self.anew or {}
        )
        return audit.describe(self.engine, self.definition, host, reason)["Findings"]


class Target:
    """The image that a container is to have.

    All of it is known before the image is here: a registry says it, or in a check the task that
    would bring it.

    :ivar id: the image's. :ivar reference: what the user wrote. :ivar config: its ``config``
        object.
    :ivar origin: words for the plan, where another task of a check would bring it.
    :ivar blank: nothing is known of it.
    """

    def __init__(
        self,
        ident: str | None,
        reference: str | None,
        record: dict[str, Any],
        task: str | None = None,
        blank: bool = False,
    ) -> None:
        self.id, self.reference, self.config = (
            ident,
            reference,
            record["config"].get("config") or {},
        )
        self.origin, self.blank = (
            "" if task is None else f" from the image that the task {task} would bring",
            blank,
        )


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
        with engine.locks.hold("container", work.task.name):
            if work.is_stale():
                work = Work(engine, work.task, work.starts)
                fresh = work.make()
                self.changes, self.warnings, self.facts = fresh.changes, fresh.warnings, fresh.facts
            super().apply()


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


def plan_container(
    engine: Engine, params: dict[str, Any], starts: list[Record] | None = None
) -> ContainerPlan:
    """Plan one container.

    :param params: the container module's.
    :param starts: see :class:`Work`.
    """
    return ContainerPlan(planned(Work(engine, Task(params), starts)))
