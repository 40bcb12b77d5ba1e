# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The function that the module ``image`` calls: images from builds, containers and merges here, all
others in images.
"""

from __future__ import annotations

import os

from .. import containers, delivery, images, units
from ..errors import InvalidInput
from .outputs.outputs import Output
from .parse.build_request import BuildRequest, secret_of
from .plans import build_plan as plans
from .plans import build_results
from .sources import context_fetch
from .stage import change

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from ..engine import Engine
    from ..reconcile import Plan
    from .parse.build_request import Secret
    from .plans.build_plan import BuildPlan


# Options that belong to some sources only.
_SOURCES = {
    "build": ("build",),
    "container": ("container",),
    "author": ("container",),
    "changes": ("container", "import"),
    "squash": ("squash",),
}


def image(engine: Engine, params: dict[str, Any]) -> Plan:
    """Plan a task of the module ``image``.

    :raises InvalidInput: naming the option.
    """
    source = params["source"] if params["state"] == "present" else None
    for option, sources in _SOURCES.items():
        if params.get(option) and source not in sources:
            where = f"source {source}" if source else "state absent"
            raise InvalidInput(
                option,
                params[option] if option != "build" else "given",
                f"no {option} with {where}",
            )
    params = dict(params, platform=_platforms(params, source))
    maker = {"container": commit, "squash": squash}.get(source or "")
    if source == "build":
        plan = build(engine, params)
    elif maker is not None:
        plan = images.push_built(maker(engine, params), params)
    else:
        plan = images.image(
            engine, dict(params, change=change.by(params.get("changes"))), delivery.present
        )
    if params.get("archive_path"):
        images.plan_archive(plan, images.names_of(params), os.path.abspath(params["archive_path"]))
    return plan


def _platforms(params: dict[str, Any], source: str | None) -> Any:
    """Return ``platform``: a text or None, for a build a list.

    :raises InvalidInput: for several where only one is supported.
    """
    given = params.get("platform") or []
    given = [given] if isinstance(given, str) else given
    if source == "build":
        return given
    if len(given) > 1:
        raise InvalidInput(
            "platform", ",".join(given), "one platform, or several with source build"
        )
    return given[0] if given else None


def commit(engine: Engine, params: dict[str, Any]) -> Any:
    """Plan ``source: container``."""
    if not params.get("container"):
        raise InvalidInput("container", None, "the container, which source container needs")
    images.check_source(params, ("path", "config", "platform", "verify", "mirrors"), "container")
    record = containers.find(engine, params["container"])
    return containers.plan_commit(
        engine,
        record,
        images.names_of(params),
        params.get("author"),
        params.get("comment"),
        change.by(params.get("changes")),
        params.get("pause") is not False,
    )


def squash(engine: Engine, params: dict[str, Any]) -> Any:
    """Plan ``source: squash``."""
    images.check_source(
        params, ("path", "config", "comment", "platform", "verify", "mirrors"), "squash"
    )
    options, names = params.get("squash") or {}, images.names_of(params)
    try:
        return images.plan_squash(
            engine, options.get("image") or names[0], names, options.get("from_layer")
        )
    except InvalidInput as error:
        raise (
            InvalidInput("squash." + error.option, error.value, error.accepted)
            if error.option == "from_layer"
            else error
        ) from None


def build(engine: Engine, params: dict[str, Any]) -> Any:
    """Plan ``source: build``."""
    options = {
        key: value for key, value in (params.get("build") or {}).items() if value is not None
    }
    if not options.get("path"):
        raise InvalidInput(
            "build.path", None, "the directory of the build's context, which source build needs"
        )
    images.check_source(params, ("path", "config", "comment", "verify"), "build")
    where = options["path"]
    if not context_fetch.is_remote(where) and not os.path.isdir(where):
        raise InvalidInput(
            "build.path",
            where,
            "an existing directory, or the address of a Git repository or an archive",
        )
    if options.get("squash") and options.get("annotations"):
        raise InvalidInput(
            "build.annotations",
            "given",
            "no annotations together with squash, whose image has a manifest of its own",
        )
    outputs = [Output.of_options(entry) for entry in options.get("outputs") or ()]
    wish = build_results.Wish(
        images.names_of(params),
        platforms=params.get("platform") or (),
        squash=bool(options.get("squash")),
        outputs=outputs,
        pushed=images.pushed_of(params),
        registries=images.registries_of(params),
        index=params.get("index") or (),
        sign=params.get("sign"),
    )

    def make(names: list[str], platform: str | None, called: str | None) -> BuildPlan:
        return plans.plan_from(
            engine,
            names,
            _request(params, options, platform),
            where,
            options.get("dockerfile"),
            named=options.get("contexts"),
            called=called,
        )

    return build_results.plan(engine, wish, make)


def _request(params: dict[str, Any], options: dict[str, Any], platform: str | None) -> BuildRequest:
    return BuildRequest(
        target=options.get("target"),
        args=options.get("args"),
        labels=options.get("labels"),
        nocache=bool(options.get("nocache")),
        pull=bool(options.get("pull")),
        network=options.get("network"),
        platform=platform,
        secrets=[_secret(entry) for entry in options.get("secrets") or ()],
        ssh=options.get("ssh"),
        extra_hosts=options.get("etc_hosts"),
        shm_size=units.size(options["shm_size"], "build.shm_size")
        if options.get("shm_size")
        else None,
        registries=images.registries_of(params),
        limits=_limits(options),
        nocache_stages=options.get("nocache_filter") or (),
        cache_from=options.get("cache_from") or (),
        cache_to=options.get("cache_to") or (),
        annotations=options.get("annotations"),
        checks=options.get("checks"),
        allowed=options.get("allow") or (),
        ignore_file=options.get("ignorefile"),
    )


LIMITS = (
    "memory",
    "memory_swap",
    "cpus",
    "cpu_shares",
    "cpu_period",
    "cpu_quota",
    "cpuset_cpus",
    "cpuset_mems",
    "ulimits",
    "cgroup_parent",
)


def _limits(options: dict[str, Any]) -> dict[str, Any]:
    """Return the limits of RUN as options of a container, in normal form.

    :raises InvalidInput: for others.
    """
    given = {
        name: value for name, value in (options.get("limits") or {}).items() if value is not None
    }
    unknown = sorted(set(given) - set(LIMITS))
    if unknown:
        raise InvalidInput("build.limits", unknown[0], ", ".join(LIMITS))
    return containers.definition(given) if given else {}


def _secret(entry: dict[str, Any]) -> tuple[str, Secret]:
    kind = entry.get("type") or "file"
    given = {"file": entry.get("src"), "env": entry.get("env"), "value": entry.get("value")}
    if given[kind] is None:
        raise InvalidInput(
            "build.secrets",
            entry.get("id"),
            "%s, which type %s needs" % ({"file": "src"}.get(kind, kind), kind),
        )
    extra = [name for name, value in given.items() if value is not None and name != kind]
    if extra:
        raise InvalidInput(
            "build.secrets",
            entry.get("id"),
            "nothing but %s with type %s" % ({"file": "src"}.get(kind, kind), kind),
        )
    return secret_of(entry["id"], given["file"], given["env"], given["value"])
