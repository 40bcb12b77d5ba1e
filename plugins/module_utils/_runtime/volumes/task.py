# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The functions that the modules ``volume`` and ``volume_info`` call."""

from __future__ import annotations

import functools

from .. import units
from ..errors import Conflict, InvalidInput
from ..reconcile import Plan
from . import catalog, content, driver, quota

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any, TypedDict

    from ..engine import Engine
    from .backups import Origin
    from .catalog import Volume

    class Wanted(TypedDict, total=False):
        """A volume as a task describes it. Options that the task does not name are not compared."""

        driver_options: dict[str, str]
        labels: dict[str, str]
        origin: Origin  # of the content of a new one
        anonymous: bool  # whether a new one goes with its container, and is pruned


def volume(engine: Engine, params: Mapping[str, Any]) -> Plan:
    """Return the plan for one volume.

    :param params: ``name``, ``state`` present, absent, saved or restored, ``driver``,
        ``driver_options``, ``options`` (the same as a list of ``key=value``), ``labels``,
        ``recreate`` never, always, options-changed, false or true; ``path`` or ``artifact``, with
        options for the registry (``images.registries_of``), ``clone_from``, ``freeze``; of the
        command alone, ``anonymous``. None is not compared.
    :raises InvalidInput, Unsupported, Conflict: for options that can't work.
    """
    name = catalog.check_name(params["name"])
    _check_origin(params, name)
    plan = Plan(f"volume {name}", lambda: {"volume": _facts(engine, name)})
    now = catalog.get(engine, name)
    if params.get("state") == "saved":
        from . import backups  # with the client of registries: most tasks save nothing

        return backups.plan_save(engine, plan, name, params)
    if params.get("state") == "absent":
        if now is not None:
            catalog.check_unused(engine, name)
            plan.add(
                "state",
                "present",
                "absent",
                f"remove volume {name}",
                lambda: catalog.remove(engine, name),
            )
        elif engine.is_foretold("volume", name):
            plan.add("state", "present", "absent", f"remove volume {name}")
        return plan
    if params.get("driver") not in (None, "local"):
        raise InvalidInput("driver", params["driver"], "local")
    recreate = params.get("recreate") or "never"
    recreate = {"true": "always", "false": "never"}.get(recreate, recreate)  # podman_volume's
    wanted = _wanted(params)
    if params.get("path") is not None or params.get("artifact") is not None:
        from . import backups  # as above

        wanted["origin"] = saved = backups.Saved(engine, params)
        if params.get("state") == "restored" and now is not None:
            backups.plan_restore(engine, plan, now, saved)
    elif params.get("clone_from") is not None:
        from . import backups  # as above

        wanted["origin"] = backups.Clone(engine, params["clone_from"], bool(params.get("freeze")))
    if params.get("anonymous"):
        wanted["anonymous"] = True
    _present(engine, plan, name, now, wanted, recreate)
    return plan


def _check_origin(params: Mapping[str, Any], name: str) -> None:
    """Refuse options about a volume's content that do not fit the state.

    :raises InvalidInput: for those.
    """
    state = params.get("state") or "present"
    archive = params.get("path") is not None or params.get("artifact") is not None
    if state in ("saved", "restored") and not archive:
        raise InvalidInput("path", None, f"path or artifact, one of which state {state} needs")
    if state == "saved":
        for option in ("labels", "driver_options", "options"):
            if params.get(option) is not None:
                raise InvalidInput(option, params[option], f"no {option} with state saved")
    if state in ("saved", "restored") and params.get("recreate") not in (None, "never", "false"):
        raise InvalidInput("recreate", params["recreate"], f"no recreate with state {state}")
    if state == "absent" and archive:
        option = "path" if params.get("path") is not None else "artifact"
        raise InvalidInput(option, params[option], f"no {option} with state absent")
    if params.get("clone_from") is not None:
        if state != "present" or archive or params["clone_from"] == name:
            raise InvalidInput(
                "clone_from",
                params["clone_from"],
                "the name of another volume, with state present and neither path nor artifact",
            )
        catalog.check_name(params["clone_from"])
    if params.get("freeze") and state != "saved" and params.get("clone_from") is None:
        raise InvalidInput("freeze", True, "freeze with state saved or clone_from")


def _wanted(params: Mapping[str, Any]) -> Wanted:
    wanted: Wanted = {}
    if params.get("driver_options") is not None:
        wanted["driver_options"] = driver.check(params["driver_options"])
    if params.get("options") is not None:
        if "driver_options" in wanted:
            raise InvalidInput("options", params["options"], "either options, or driver_options")
        wanted["driver_options"] = driver.check(_of_list(params["options"]))
    if params.get("labels") is not None:
        wanted["labels"] = units.texts(params["labels"], "labels")
    return wanted


def _of_list(options: Sequence[str]) -> dict[str, str]:
    """Return driver options that are written as ``key=value``, as podman_volume has them."""
    found: dict[str, str] = {}
    for text in options:
        key, equals, value = text.partition("=")
        if not equals or not value or key not in driver.KEYS:
            raise InvalidInput("options", text, "type=..., device=..., o=... or size=...")
        found[key] = f"{found[key]},{value}" if key == "o" and key in found else value
    return found


def _present(
    engine: Engine, plan: Plan, name: str, now: Volume | None, wanted: Wanted, recreate: str
) -> None:
    origin = wanted.get("origin")
    if now is None:
        _check_new(engine, wanted.get("driver_options"), origin)
        plan.add(
            "state",
            "absent",
            "present",
            f"create volume {name}{origin.words if origin else ''}",
            lambda: _create(engine, name, wanted),
        )
        return
    differs = "driver_options" in wanted and wanted["driver_options"] != now["driver_options"]
    resized = not any(
        driver.is_mount(options)
        for options in (now["driver_options"], wanted.get("driver_options", {}))
    )
    if recreate == "always" or (differs and not resized and recreate == "options-changed"):
        _recreate(engine, plan, name, now, wanted)
        return
    if differs and resized:
        _resize(engine, plan, now, wanted["driver_options"])
    elif differs:
        plan.warnings.append(
            f"volume {name} has driver_options {now['driver_options']!r}, not "
            f"{wanted['driver_options']!r}: it is left as it is (recreate: options-changed would "
            "remove its content)"
        )
    if "labels" in wanted and wanted["labels"] != now["labels"]:
        plan.add(
            "labels",
            now["labels"],
            wanted["labels"],
            f"set the labels of volume {name}",
            lambda: catalog.update_labels(engine, name, wanted["labels"]),
        )


def _recreate(engine: Engine, plan: Plan, name: str, now: Volume, wanted: Wanted) -> None:
    catalog.check_unused(engine, name)
    origin = wanted.get("origin")
    before: Wanted = {"driver_options": now["driver_options"], "labels": now["labels"]}
    after: Wanted = {**before, **wanted}
    _check_new(engine, after["driver_options"], origin)
    for key, value in after.items():
        if value != before.get(key) and key in before:
            plan.add(key, before.get(key), value, None)
    plan.add(
        "content",
        "as it is",
        "empty",
        f"remove volume {name}",
        lambda: catalog.remove(engine, name),
    )
    plan.add(
        "content",
        "as it is",
        origin.title if origin else "empty",
        f"create volume {name}{origin.words if origin else ''}",
        lambda: _create(engine, name, after),
    )


def _resize(engine: Engine, plan: Plan, now: Volume, options: dict[str, str]) -> None:
    name = now["name"]
    quota.check(engine, options)
    if not quota.has_had(catalog.path(engine, name)):
        with content.held(engine, name, False):
            pass  # refused here, before anything is done
    plan.add(
        "driver_options",
        now["driver_options"],
        options,
        f"set how much volume {name} may hold",
        lambda: content.resize(engine, name, options),
    )


def _check_new(engine: Engine, options: Mapping[str, str] | None, origin: Origin | None) -> None:
    """Check that a new volume can have its options and its content.

    :raises EngineError: it can't.
    """
    quota.check(engine, options or {})
    if origin is None:
        return
    if options and driver.is_mount(options):
        raise InvalidInput(
            "driver_options", options, f"none but size for a volume that is made{origin.words}"
        )
    origin.check()


def _create(engine: Engine, name: str, wanted: Wanted) -> None:
    origin, labels, options = (
        wanted.get("origin"),
        wanted.get("labels"),
        wanted.get("driver_options"),
    )
    if origin is None:
        catalog.create(engine, name, options, labels, bool(wanted.get("anonymous")))
    else:
        origin.create(name, options, labels)


def _facts(engine: Engine, name: str) -> dict[str, Any]:
    return catalog.inspect(engine, name) if catalog.get(engine, name) else {}


def volume_info(engine: Engine, params: Mapping[str, Any]) -> dict[str, Any]:
    """Return one volume (``exists``, ``volume``), or all that ``filters`` select (``volumes``)."""
    if params.get("name") is not None:
        name = params["name"]
        found = catalog.get(engine, name) is not None
        return {
            "exists": found,
            "volume": catalog.inspect(engine, name) if found else None,
            "volumes": [catalog.inspect(engine, name)] if found else [],
        }
    names = [row["name"] for row in catalog.listing(engine, params.get("filters"))]
    return {"exists": bool(names), "volumes": [catalog.inspect(engine, name) for name in names]}


def prune(
    engine: Engine, everything: bool = False, filters: Mapping[str, Any] | None = None
) -> Plan:
    """Return a plan that removes the volumes that no container uses.

    :param everything: include named ones, else only anonymous ones.
    :param filters: as for ``catalog.listing``.
    """
    plan = Plan("unused volumes")
    for row in catalog.listing(engine, dict(filters or {}, dangling=True)):
        if row["anonymous"] or everything:
            plan.add(
                row["name"],
                "present",
                "absent",
                f"remove volume {row['name']}",
                functools.partial(_remove_unused, engine, row["name"]),
            )
    return plan


def _remove_unused(engine: Engine, name: str) -> None:
    try:
        catalog.remove(engine, name)
    except Conflict:
        pass  # taken into use meanwhile: no longer what prune is about
