# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Remove unused objects of each kind: plans for the module ``prune`` and the commands ``prune``.

Docker's filters of a prune are ``until`` (older than a time or an age), ``label`` (``key`` or
``key=value``, all of them) and ``label!`` (none of them). The filters of the kind's listing are
accepted as well.
"""

from __future__ import annotations

import contextlib
import functools
import os

from .. import containers, images, networks, units, volumes
from ..builds.cache import cache_mounts
from ..errors import Conflict, InvalidInput, NotFound
from ..events import journal
from ..reconcile import Plan
from .disk_use import used

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any

    from ..engine import Engine


ENDED = ("created", "exited", "dead")
OWN = ("until", "label", "label!")
ALSO = {
    "containers": ("id", "name", "status", "ancestor", "volume", "network", "health", "exited"),
    "networks": ("name",),
    "volumes": ("name", "all"),
}


def _split(
    filters: dict[str, Any] | None, kind: str
) -> tuple[Callable[[dict[str, str], float | None], bool], dict[str, list[str]]]:
    """Read filters. :raises InvalidInput: for one that is not known.

    :returns: a predicate of labels and time of creation, and the rest of the filters.
    """
    given = {
        key: [str(item) for item in (value if isinstance(value, (list, tuple)) else [value])]
        for key, value in (filters or {}).items()
    }
    accepted = [key for key in OWN if kind != "volumes" or key != "until"] + list(ALSO[kind])
    for key in given:
        if key not in accepted:
            raise InvalidInput(kind + "_filters", key, ", ".join(accepted))
    until = (
        units.moment(given["until"][-1], kind + "_filters.until") if given.get("until") else None
    )

    def fits(labels: dict[str, str], created: float | None) -> bool:
        def has(wanted: str) -> bool:
            key, equals, value = wanted.partition("=")
            return key in labels and (not equals or labels[key] == value)

        old = until is None or created is not None and created < until
        return (
            old
            and all(map(has, given.get("label", ())))
            and not any(map(has, given.get("label!", ())))
        )

    return fits, {key: values for key, values in given.items() if key not in OWN}


def plan_containers(engine: Engine, filters: dict[str, Any] | None = None) -> Plan:
    """Plan to remove the containers that don't run and that no other depends on. Facts: ``containers`` (ids),
    ``containers_space_reclaimed`` (bytes that they had written).
    """
    fits, rest = _split(filters, "containers")
    doomed = [
        record
        for record in containers.listing(engine, True, rest)
        if containers.status(engine.paths, record["id"])["status"] in ENDED
        and fits(record["definition"].get("labels", {}), record["created"])
    ]
    needed = containers.needed(engine, {record["name"] for record in doomed})  # by those that stay
    doomed = [record for record in doomed if record["name"] not in needed]
    space = sum(
        used(os.path.join(engine.paths.container(record["id"]), "upper")) for record in doomed
    )
    idents = [record["id"] for record in doomed]
    plan = Plan(
        "containers that don't run",
        lambda: {"containers": idents, "containers_space_reclaimed": space},
    )
    for record in doomed:
        plan.add(
            "container " + record["name"],
            "present",
            "absent",
            f"remove container {record['name']}",
            functools.partial(_remove_ended, engine, record),
        )
    return _telling(engine, plan, "container", lambda: space)


def _remove_ended(engine: Engine, record: dict[str, Any]) -> None:
    with contextlib.suppress(
        Conflict, NotFound
    ):  # somebody has started it meanwhile, or removed it
        with containers.held(engine, record["id"]) as now:
            containers.remove(engine, now, keep_volumes=True)


def plan_networks(engine: Engine, filters: dict[str, Any] | None = None) -> Plan:
    """Plan to remove the networks that no container is on. Facts: ``networks`` (names)."""
    fits, rest = _split(filters, "networks")
    names = []
    for config in networks.listing(engine, dict(rest, dangling="true", type="custom")):
        if fits(
            config["labels"],
            units.moment(networks.inspect(engine, config["name"])["Created"], "created"),
        ):
            names.append(config["name"])
    plan = Plan("unused networks", lambda: {"networks": names})
    for name in names:
        plan.extend(networks.plan(engine, {"name": name, "state": "absent"}))
    return _telling(engine, plan, "network")


def plan_volumes(
    engine: Engine, filters: dict[str, Any] | None = None, everything: bool = False
) -> Plan:
    """Plan to remove the anonymous volumes that no container uses; with ``everything``, or the
    filter ``all``, named ones too.

    Facts: ``volumes`` (names), ``volumes_space_reclaimed``.
    """
    fits, rest = _split(filters, "volumes")
    if "all" in rest:
        if rest["all"][-1].lower() not in ("true", "false", "1", "0"):
            raise InvalidInput("volumes_filters.all", rest["all"][-1], "true or false")
        everything = rest.pop("all")[-1].lower() in ("true", "1")
    whole = volumes.prune(engine, everything, {key: values[-1] for key, values in rest.items()})
    chosen = [
        change
        for change in whole.changes
        if fits(volumes.inspect(engine, change.name)["Labels"] or {}, None)
    ]
    names = [change.name for change in chosen]
    space = sum(used(volumes.path(engine, name)) for name in names)
    plan = Plan("unused volumes", lambda: {"volumes": names, "volumes_space_reclaimed": space})
    for change in chosen:
        plan.add("volume " + change.name, change.before, change.after, change.action, change.apply)
    return _telling(engine, plan, "volume", lambda: space)


def plan_images(
    engine: Engine, filters: dict[str, Any] | None = None, everything: bool = False
) -> Plan:
    """Plan to remove the images without a name that no container uses; with ``everything``, named
    ones too.

    Facts: ``images`` (ids), ``images_space_reclaimed``.
    """
    plan = images.plan_prune(engine, everything, filters)
    found = plan.facts
    plan.facts = lambda: {
        "images": found()["images"],
        "images_space_reclaimed": found()["space_reclaimed"],
    }
    return _telling(engine, plan, "image", lambda: int(found()["space_reclaimed"]))


# BuildKit's types of what is cached, and what they are here: files that RUN --mount=type=cache
# keeps, digests of contexts' files, images of steps.
CACHE_TYPES = ("exec.cachemount", "source.local", "regular")
CACHE_FILTERS = ("id", "type", "until")


def plan_builder_cache(
    engine: Engine,
    filters: dict[str, Any] | None = None,
    everything: bool = False,
    keep: object = None,
) -> Plan:
    """Plan to remove the files that RUN --mount=type=cache has kept, and digests of contexts; with
    ``everything``, the nameless images of steps too.

    Facts: ``builder_cache_caches_deleted``, ``builder_cache_space_reclaimed``.

    :param filters: ``{"id", "type", "until"}``; ``until`` is about the last use of a cache, and
        about an image's creation.
    :param keep: bytes of caches that may stay, as ``units.size`` reads them.
    """
    given = {
        key: [str(item) for item in (value if isinstance(value, (list, tuple)) else [value])]
        for key, value in (filters or {}).items()
    }
    for key in given:
        if key not in CACHE_FILTERS:
            raise InvalidInput("builder_cache_filters", key, ", ".join(CACHE_FILTERS))
    types = given.get("type") or list(CACHE_TYPES)
    for kind in types:
        if kind not in CACHE_TYPES:
            raise InvalidInput("builder_cache_filters.type", kind, ", ".join(CACHE_TYPES))
    until = given["until"][-1] if given.get("until") else None
    since = None if until is None else units.moment(until, "builder_cache_filters.until")
    kept = 0 if keep is None else units.size(keep, "builder_cache_keep_storage")
    plans = [
        cache_mounts.plan_prune(
            engine,
            given.get("id") if CACHE_TYPES[0] in types else [],
            since,
            kept,
            contexts=CACHE_TYPES[1] in types and not (kept or {"id", "until"} & set(given)),
        )
    ]
    if everything and CACHE_TYPES[2] in types and "id" not in given:
        plans.append(images.plan_prune(engine, filters=until and {"until": until}))
    plan = Plan("build caches")
    for part in plans:
        plan.extend(part)

    def facts() -> dict[str, Any]:
        found = [part.facts() for part in plans]
        return {
            "builder_cache_caches_deleted": [
                name for part in found for name in (part.get("caches") or part.get("images") or ())
            ],
            "builder_cache_space_reclaimed": sum(part["space_reclaimed"] for part in found),
        }

    plan.facts = facts
    return _telling(engine, plan, "builder", lambda: int(facts()["builder_cache_space_reclaimed"]))


def _telling(engine: Engine, plan: Plan, kind: str, space: Callable[[], int] = lambda: 0) -> Plan:
    """Have the last step of a plan write the event of a prune; returns the plan.

    :param kind: Docker's type of the event. :param space: the bytes that were freed by then.
    """
    if plan.changes:
        last = plan.changes[-1]
        step = last.apply

        def apply() -> None:
            if step is not None:
                step()
            journal.write(engine.paths, (kind, "prune", "", {"reclaimed": space()}))

        last.apply = apply
    return plan


PLANS: dict[str, Callable[..., Plan]] = {
    "containers": plan_containers,
    "networks": plan_networks,
    "volumes": plan_volumes,
    "images": plan_images,
}  # in this order: the first use the others


@contextlib.contextmanager
def _as_if_gone(engine: Engine, idents: list[str]) -> Iterator[None]:
    """In the block, hide these containers from this connection: a temporary table shadows the one
    of the same name.
    """
    connection = engine.db.connection
    shown = {"containers": "id", "addresses": "container"}
    marks = ", ".join("?" * len(idents))
    try:
        for table, column in shown.items():
            connection.execute(
                f"CREATE TEMP TABLE {table} AS SELECT * FROM main.{table} WHERE {column} NOT IN "
                f"({marks})",
                idents,
            )
        yield
    finally:
        for table in shown:
            connection.execute(f"DROP TABLE IF EXISTS temp.{table}")


class _OneAfterTheOther(Plan):
    """Several plans in sequence. What the removal of containers leaves unused is removed too: it is
    predicted, and checked again after their removal.
    """

    def __init__(self, engine: Engine, makers: list[Callable[[], Plan]]) -> None:
        super().__init__("what nobody uses", self._facts)
        self.makers = makers
        self.plans: list[Plan] = []
        with contextlib.ExitStack() as stack:
            for make in makers:
                plan = make()
                self.plans.append(plan)
                self.extend(plan)
                facts: dict[str, Any] = plan.facts()
                if facts.get("containers"):
                    stack.enter_context(_as_if_gone(engine, facts["containers"]))

    def apply(self) -> None:
        self.plans, self.changes = [], []
        for make in self.makers:
            plan = make()
            plan.apply()
            self.plans.append(plan)
            self.extend(plan)

    def _facts(self) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for plan in self.plans:
            found.update(plan.facts())
        return found


def prune(engine: Engine, params: dict[str, Any]) -> Plan:
    """Plan the module ``prune``. Kinds that were not asked for are left alone."""
    kinds = [kind for kind in PLANS if params.get(kind)]
    for kind in PLANS:
        if params.get(kind + "_filters") and not params.get(kind):
            raise InvalidInput(
                kind + "_filters", params[kind + "_filters"], f"filters together with {kind}: true"
            )
    makers: list[Callable[[], Plan]] = [
        functools.partial(PLANS[kind], engine, params.get(kind + "_filters")) for kind in kinds
    ]
    for option in ("filters", "all", "keep_storage"):
        name = "builder_cache_" + option
        if params.get(name) and not params.get("builder_cache"):
            raise InvalidInput(name, params[name], f"{name} together with builder_cache: true")
    if params.get("builder_cache"):
        # what ``images`` has taken away, or left by its filters, is not this one's
        everything = bool(params.get("builder_cache_all")) and not params.get("images")
        makers.append(
            lambda: plan_builder_cache(
                engine,
                params.get("builder_cache_filters"),
                everything,
                params.get("builder_cache_keep_storage"),
            )
        )
    if not makers:
        raise InvalidInput(
            "containers, images, networks, volumes, builder_cache",
            None,
            "at least one of them to be true",
        )
    return _OneAfterTheOther(engine, makers)
