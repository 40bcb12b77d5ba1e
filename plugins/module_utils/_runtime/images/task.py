# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The functions that the modules ``image``, ``image_info`` and ``image_export`` call."""

from __future__ import annotations

import functools
import os

from ..errors import InvalidInput
from .archives import archive_writer
from .configuration.access import Registries
from .library import compare, history, image_filters, records
from .model import reference
from .plans import foretold, present, push

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Any

    from ..engine import Engine
    from ..reconcile import Plan
    from .plans.present import ImagePlan

    Document = dict[str, Any]


WITH_PATH = ("load", "import", "controller")  # sources that take a path
CONNECTION = ("insecure", "validate_certs", "ca_path", "client_cert", "client_key")


def registries_of(params: Document) -> Registries:
    """Return ``Registries`` from a task's options; missing options have their defaults."""
    options = {key: params[key] for key in CONNECTION if params.get(key) is not None}
    return Registries(
        auth_file=params.get("auth_file"), mirrors=params.get("mirrors") or (), **options
    )


def image(
    engine: Engine, params: Document, deliver: Callable[..., Any] | None = None
) -> Plan | Document:
    """Plan a task of the module ``image``.

    With ``source: controller`` return what the controller has to send first.

    :param deliver: ``delivery.present``, for ``source: controller``.
    """
    name = _full_text(params)
    if params["state"] == "absent":
        if not name:
            raise InvalidInput("name", name, "the name or id of an image")
        for option in (
            "path",
            "config",
            "comment",
            "tags",
            "repository",
            "push",
            "platform",
            "verify",
            "mirrors",
            "index",
            "sign",
            "archive_path",
        ):
            if params.get(option):
                raise InvalidInput(option, params[option], f"no {option} with state absent")
        leaving = present.plan_absent(
            engine, name, bool(params.get("force_absent")), params.get("prune") is not False
        )
        coming = foretold.plan(engine, name)  # None outside check mode
        if coming and coming.reference is not None and not records.find_row(engine, name):
            leaving.add("image", "present", None, f"remove image {coming.reference.familiar}")
        return leaving
    _check(params, name)
    registries = registries_of(params)
    plan = _present(engine, params, name, registries, deliver)
    if isinstance(plan, dict):
        return plan  # of source controller: what has to be sent first
    present.plan_tags(plan, names_of(params)[1 if name else 0 :])
    if params.get("push") and plan.unknown:  # in check mode, of an image that is not here yet
        for text in _pushed(params):
            plan.add("registry " + text, None, "pushed", f"push image {text}")
    elif params.get("push"):
        push.plan_push(plan, _pushed(params), registries, **_beside(params))
    return plan


def names_of(params: Document) -> list[str]:
    """Return all names that a task gives an image: ``name``, ``tags``, ``repository``."""
    name = _full_text(params)
    found = ([name] if name else []) + list(params.get("tags") or [])
    return found + (_pushed(params) if params.get("repository") else [])


def pushed_of(params: Document) -> list[str]:
    """Return the names that a task pushes."""
    return _pushed(params) if params.get("push") else []


def _pushed(params: Document) -> list[str]:
    name = _full_text(params)
    if params.get("repository"):
        return [reference.completed(params["repository"], name, params.get("tag"), "repository")]
    return [name] if name else []


def check_source(params: Document, refused: Iterable[str], source: str) -> None:
    """Check the options against ``source``.

    :raises InvalidInput: for options (names) that ``source`` does not take, and for a missing name.
    """
    if not params.get("name"):
        raise InvalidInput("name", None, f"the name of an image, which source {source} needs")
    for option in refused:
        if params.get(option):
            raise InvalidInput(option, params[option], f"no {option} with source {source}")


def push_built(plan: ImagePlan, params: Document) -> ImagePlan:
    """Add the push of a built image to its plan. The registry is compared once the image exists."""
    if not params.get("push"):
        return plan
    registries, texts = registries_of(params), _pushed(params)
    if not plan.unknown:
        push.plan_push(plan, texts, registries, **_beside(params))
        return plan
    for text in texts:
        plan.add(
            "registry " + text,
            None,
            "pushed",
            f"push image {text}",
            functools.partial(_push_now, plan, text, registries, params),
        )
    return plan


def _push_now(plan: ImagePlan, text: str, registries: Registries, params: Document) -> None:
    late = present.ImagePlan(plan.engine, plan.subject).is_there(plan.record())
    push.plan_push(late, [text], registries, **_beside(params))
    late.apply()


def _beside(params: Document) -> Document:
    """Return what a push does besides sending the image."""
    return {"index": params.get("index") or (), "sign": params.get("sign")}


def _full_text(params: Document) -> str | None:
    """Return ``name`` with ``tag``, as one reference; an id stays as it is."""
    return reference.full_text(params.get("name"), params.get("tag"))


def _check(params: Document, name: str | None) -> None:
    """Refuse options that conflict, before anything is read."""
    source = params["source"]
    if source in WITH_PATH and not params.get("path"):
        raise InvalidInput("path", params.get("path"), f"a path, which source {source} needs")
    if source != "load" and not name:
        raise InvalidInput("name", name, f"the name of an image, which source {source} needs")
    if source not in WITH_PATH and params.get("path"):
        raise InvalidInput("path", params["path"], f"no path with source {source}")
    for option in ("verify", "mirrors"):
        if source != "pull" and params.get(option):
            raise InvalidInput(option, params[option], f"no {option} with source {source}")
    for option in ("config", "comment"):
        if source != "import" and params.get(option):
            raise InvalidInput(option, params[option], f"no {option} with source {source}")
    if source == "controller" and (params.get("sign") or {}).get("passphrase"):
        raise InvalidInput(
            "sign.passphrase",
            "given",
            "a key without one with source controller, whose later steps are not told what is "
            "secret",
        )
    for option in ("index", "sign"):
        if params.get(option) and not params.get("push"):
            raise InvalidInput(option, "given", f"{option} together with push")
    if params.get("archive_path") and not name:
        raise InvalidInput(
            "archive_path", params["archive_path"], "archive_path together with name"
        )
    if params.get("push") and not name and not params.get("repository"):
        raise InvalidInput("push", True, "push together with name or repository")


def _present(
    engine: Engine,
    params: Document,
    name: Any,
    registries: Registries,
    deliver: Callable[..., Any] | None,
) -> ImagePlan | Document:
    source = params["source"]
    if source == "local" or (source == "pull" and params["pull"] != "always"):
        plan = foretold.plan(engine, name)
        if plan is not None:
            return plan
    if source == "pull":
        pull = "missing" if params["pull"] == "not_present" else params["pull"]
        return present.plan_present(
            engine, name, pull, params.get("platform"), registries, params.get("verify")
        )
    if source == "local":
        return present.plan_local(engine, name)
    if source == "controller":
        if deliver is None:
            raise InvalidInput("source", "controller", "a task of the module image")
        return deliver(engine, params, name)
    from .plans import load_and_import  # with what reads archives

    if source == "import":
        return load_and_import.plan_import(
            engine,
            name,
            params["path"],
            params.get("config"),
            params.get("comment"),
            params.get("platform"),
            params.get("change"),
        )
    return load_and_import.plan_load(engine, params["path"], name, params.get("platform"))


def image_info(engine: Engine, params: Document) -> Document:
    """Return the result of the module ``image_info``: ``{"images": [...]}``."""
    names = params.get("name")
    if names is None:
        found = image_filters.listing(engine, params.get("filters"), bool(params.get("all")))
    else:
        for option in ("filters", "all"):
            if params.get(option):
                raise InvalidInput(option, params[option], f"no {option} together with name")
        there = [records.find(engine, name) for name in names]
        found = [records.describe(engine, record) for record in there if record is not None]
    for document in found:
        _look_into(engine, document, params)
    return {"images": found}


def _look_into(engine: Engine, document: Document, params: Document) -> None:
    """Add what needs an image's layers and history, where the task asks for it."""
    if params.get("history"):
        document["History"] = history.history(engine, document["Id"])
    if params.get("layers"):
        report = history.layer_report(engine, document["Id"])
        document.update({key: report[key] for key in ("Layers", "Wasted", "WastedFiles")})
    if params.get("compare_to"):
        document["Differences"] = compare.difference_of(
            engine, params["compare_to"], document["Id"]
        )
    if params.get("referrers"):
        from .client import referrers  # few tasks ask for them

        registries = Registries()
        document["Referrers"] = referrers.listing(
            records.digests_of(engine, document["Id"]),
            lambda wanted: registries.source(wanted, engine),
        )


def _tagged(text: str, tag: str) -> str:
    """Return a name with its own tag or digest, else with ``tag``; an id stays as it is."""
    if reference.looks_like_id(text):
        return text
    parsed = reference.parse(text, "names", default_tag=None)
    return text if parsed.tag or parsed.digest else reference.parse(f"{text}:{tag}", "tag").name


def image_export(engine: Engine, params: Document) -> Plan:
    """Plan a task of the module ``image_export``."""
    texts = [_tagged(text, params.get("tag") or "latest") for text in params["names"]]
    return archive_writer.plan_save(
        engine,
        archive_writer.chosen(engine, texts),
        os.path.abspath(params["path"]),
        params.get("format") or "docker-archive",
        bool(params.get("gzip")),
        bool(params.get("force")),
    )
