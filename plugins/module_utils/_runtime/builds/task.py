# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the module ``image`` calls: what makes an image of something else than an image here, everything else where images are."""

from __future__ import annotations

import os

from .. import containers, delivery, images, units
from ..errors import InvalidInput
from .outputs.outputs import Output
from .parse.build_request import Request, secret_of
from .plans import build_results
from .plans import plan as plans
from .sources import context_fetch
from .stage import change

# Options that belong to some sources only.
_SOURCES = {
    "build": ("build",),
    "container": ("container",),
    "author": ("container",),
    "changes": ("container", "import"),
    "squash": ("squash",),
}


def image(engine, params):
    """The module ``image``: a plan."""
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
    maker = {"container": commit, "squash": squash}.get(source)
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


def _platforms(params, source):
    """``platform``: a text or None, for a build a list. :raises InvalidInput: for several where only one can be."""
    given = params.get("platform") or []
    given = [given] if isinstance(given, str) else given
    if source == "build":
        return given
    if len(given) > 1:
        raise InvalidInput(
            "platform", ",".join(given), "one platform, or several with source build"
        )
    return given[0] if given else None


def commit(engine, params):
    """The plan of ``source: container``."""
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


def squash(engine, params):
    """The plan of ``source: squash``."""
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


def build(engine, params):
    """The plan of ``source: build``."""
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
        params.get("platform") or (),
        bool(options.get("squash")),
        outputs,
        images.pushed_of(params),
        images.registries_of(params),
        params.get("index") or (),
        params.get("sign"),
    )

    def make(names, platform, called):
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


def _request(params, options, platform):
    return Request(
        options.get("target"),
        options.get("args"),
        options.get("labels"),
        bool(options.get("nocache")),
        bool(options.get("pull")),
        options.get("network"),
        platform,
        [_secret(entry) for entry in options.get("secrets") or ()],
        options.get("ssh"),
        options.get("etc_hosts"),
        units.size(options["shm_size"], "build.shm_size") if options.get("shm_size") else None,
        images.registries_of(params),
        _limits(options),
        options.get("nocache_filter") or (),
        options.get("cache_from") or (),
        options.get("cache_to") or (),
        options.get("annotations"),
        options.get("checks"),
        options.get("allow") or (),
        options.get("ignorefile"),
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


def _limits(options):
    """The options of a container that RUN's ones have, in normal form. :raises InvalidInput:"""
    given = {
        name: value for name, value in (options.get("limits") or {}).items() if value is not None
    }
    unknown = sorted(set(given) - set(LIMITS))
    if unknown:
        raise InvalidInput("build.limits", unknown[0], ", ".join(LIMITS))
    return containers.definition(given) if given else {}


def _secret(entry):
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
