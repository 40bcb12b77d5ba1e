# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""``build``."""

from __future__ import annotations

import json
import os
import sys

from .... import containers, images, units
from ....builds.outputs.outputs import Output
from ....builds.parse.build_request import BuildRequest, secret_of
from ....builds.plans import build_plan as plans
from ....builds.plans import build_results
from ....builds.sources import context_fetch
from ....builds.steps import build_progress
from ... import progress as live
from ...grammar import UsageError, check_place

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any, BinaryIO

    from ....builds.parse.build_request import Secret
    from ....builds.plans.build_plan import BuildPlan
    from ....builds.plans.build_results import Wish
    from ....builds.steps.build_progress import Progress
    from ....images import Registries
    from ...grammar import Given
    from ...session import Session


def build(session: Session, given: Given) -> None:
    kind = "quiet" if given.quiet else given.progress or "auto"
    if kind not in ("plain", "auto", "quiet", "tty"):
        raise UsageError(
            f"--progress {given.progress!r} is not accepted; accepted: auto, tty, plain, quiet"
        )
    drawn = kind in ("auto", "tty") and session.terminal and live.drawn()
    if kind == "tty" and not drawn:
        raise UsageError(
            "--progress tty needs a terminal at standard error; accepted elsewhere: auto, plain, "
            "quiet"
        )
    check_place(given.iidfile, "--iidfile")
    check_place(given.metadata_file, "--metadata-file")
    if given.check:
        _only_check(session, given)
        return
    outputs, platforms = (
        [Output(text) for text in given.output],
        given.platform.split(",") if given.platform else [],
    )
    wish = build_results.Wish(
        given.tag,
        platforms=platforms,
        squash=given.squash,
        outputs=outputs,
        pushed=given.tag if given.push else (),
        registries=_registries(given),
        option="--platform",
    )
    _check(wish, given)
    shown = (
        build_progress.Progress()
        if drawn or kind == "quiet"
        else build_progress.Plain(session.report)
    )
    plan = build_results.plan(
        session.engine,
        wish,
        lambda names, platform, called: _one(session, given, platform, names, shown, called),
    )
    session.carry_out(plan, live=drawn)
    if session.check:
        if plan.unknown:
            session.foretell(wish.names, {})
        session.say(*(session.actions or [plan.image]))
        return
    _give_out(session, given, plan, wish)
    if not any(output.dest == "-" for output in outputs):
        session.say(plan.image)


def _check(wish: Wish, given: Given) -> None:
    """Check what can't be together. :raises UsageError: where it is."""
    if (given.push or wish.pushed) and not wish.names:
        raise UsageError("a push needs a name: -t")
    if wish.squash and not wish.names:
        raise UsageError("--squash needs a name: -t")
    if wish.squash and given.annotation:
        raise UsageError(
            "--annotation and --squash don't go together: the squashed image has a manifest of "
            "its own"
        )
    for name in ("provenance", "sbom"):
        if (getattr(given, name) or "false").lower() not in ("false", "0", "f"):
            raise UsageError(
                f"--{name} {getattr(given, name)!r} is not accepted: attestations are not made "
                "here; accepted: false"
            )
    if len(wish.platforms) > 1 and ((given.words or ["."])[0] == "-" or given.file == "-"):
        raise UsageError(
            f"--platform {given.platform}: several platforms need a context that can be read "
            "again, which standard input can't"
        )
    if sum(output.dest == "-" for output in wish.outputs) > 1:
        raise UsageError("--output: only one of them can go to standard output")


def _only_check(session: Session, given: Given) -> None:
    """Do ``--check``: say what the checks find, one a line; the exit code is 1 where they do."""
    where, name, stdin, data = _sources(session, given)
    request = _request(given, (given.platform or "").split(",")[0] or None)
    _choice, found = plans.findings_from(session.engine, request, where, name, stdin, data=data)
    session.say(*([finding.text for finding in found] or ["no rule of the checks is broken"]))
    session.rc = 1 if found else 0


def _request(given: Given, platform: str | None) -> BuildRequest:
    labels = dict(item.partition("=")[::2] for item in given.label)
    return BuildRequest(
        target=given.target,
        args=_arguments(given.build_arg),
        labels=labels,
        nocache=given.no_cache,
        pull=given.pull,
        network=given.network,
        platform=platform,
        secrets=[_secret(text) for text in given.secret],
        ssh=dict(_agent(text) for text in given.ssh),
        extra_hosts=dict(_host(text) for text in given.add_host),
        shm_size=units.size(given.shm_size, "--shm-size") if given.shm_size else None,
        registries=_registries(given),
        limits=_limits(given),
        nocache_stages=given.no_cache_filter,
        cache_from=given.cache_from,
        cache_to=given.cache_to,
        annotations=dict(_pair(text, "--annotation") for text in given.annotation),
        allowed=[name for text in given.allow for name in text.split(",")],
        ignore_file=given.ignorefile,
    )


def _one(
    session: Session,
    given: Given,
    platform: str | None,
    names: list[str],
    shown: Progress,
    called: str | None,
) -> BuildPlan:
    """Plan one platform's build."""
    where, name, stdin, data = _sources(session, given)
    request = _request(given, platform)
    named = dict(_pair(text, "--build-context") for text in given.build_context)
    return plans.plan_from(
        session.engine,
        names,
        request,
        where,
        name,
        stdin,
        named=named,
        progress=shown,
        called=called,
        data=data,
    )


def _registries(given: Given) -> Registries:
    return images.registries_of({"insecure": given.insecure, "auth_file": given.authfile})


def _give_out(session: Session, given: Given, plan: BuildPlan, wish: Wish) -> None:
    """Write what is about the image, and what goes to standard output."""
    record = plan.record()
    _write(given.iidfile, record["id"])
    described = {
        "containerimage.config.digest": record["id"],
        "containerimage.digest": record["manifest"],
        "image.name": ",".join(wish.names),
    }
    _write(given.metadata_file, json.dumps(described, indent=2) + "\n")
    for output in wish.outputs:
        if output.dest == "-":
            output.write(
                session.engine,
                record,
                [images.tagged(name).tagged for name in wish.names],
                sys.stdout.buffer,
            )


def _write(path: str | None, text: str) -> None:
    if path:
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)


def _limits(given: Given) -> dict[str, Any]:
    """Return the options of a container that RUN's ones have, in normal form."""
    found = {
        name: getattr(given, name)
        for name in (
            "memory",
            "memory_swap",
            "cpu_shares",
            "cpu_period",
            "cpu_quota",
            "cpuset_cpus",
            "cpuset_mems",
            "cgroup_parent",
        )
    }
    found["ulimits"] = given.ulimit or None
    if not any(value is not None for value in found.values()):
        return {}
    for name in ("cpu_shares", "cpu_period", "cpu_quota"):
        if found[name] is not None and not found[name].lstrip("-").isdigit():
            raise UsageError(f"--{name.replace('_', '-')} {found[name]!r} is not a number")
        found[name] = found[name] and int(found[name])
    return containers.definition(found)


def _sources(
    session: Session, given: Given
) -> tuple[str, str | None, BinaryIO | None, bytes | None]:
    """Return where the context is, the name of the Containerfile, standard input where that has the
    context, and the Containerfile's bytes where it had that.
    """
    where, name = given.words[0] if given.words else ".", given.file
    if "-" not in (where, name):
        if not context_fetch.is_remote(where) and not os.path.isdir(where):
            raise UsageError(
                f"build: {where} is not a directory; accepted: the context's directory, the "
                "address of a Git repository or an archive, or -"
            )
        if name and os.path.isfile(name) and os.path.isdir(where):
            name = os.path.abspath(name)
        return where, name, None, None
    if not session.terminal:
        raise UsageError("build: a task has no standard input; name the file")
    if where == name:
        raise UsageError(
            "build - takes the context from standard input: its Containerfile can't come from "
            "there too"
        )
    if where == "-":
        return where, name, sys.stdin.buffer, None
    return where, None, None, sys.stdin.buffer.read()


def _arguments(items: Iterable[str]) -> dict[str, str]:
    found = {}
    for item in items:
        name, equals, value = item.partition("=")
        if not name:
            raise UsageError(f"--build-arg {item!r} is not valid; accepted: NAME=VALUE, or NAME")
        if equals:
            found[name] = value
        elif name in os.environ:
            found[name] = os.environ[name]
    if "SOURCE_DATE_EPOCH" in os.environ:
        found.setdefault("SOURCE_DATE_EPOCH", os.environ["SOURCE_DATE_EPOCH"])
    return found


def _pair(text: str, flag: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not name or not equals or not value:
        raise UsageError(f"{flag} {text!r} is not valid; accepted: NAME=VALUE")
    return name, value


def _secret(text: str) -> tuple[str, Secret]:
    found = dict(_pair(part, "--secret") for part in text.split(","))
    found = {{"source": "src"}.get(key, key): value for key, value in found.items()}
    kind = found.pop("type", None)
    unknown = sorted(set(found) - {"id", "src", "env"})
    if unknown or "id" not in found or kind not in (None, "file", "env"):
        raise UsageError(
            f"--secret {text!r} is not valid; accepted: id=NAME[,src=FILE|,env=VARIABLE]"
        )
    ident, source, variable = found["id"], found.get("src"), found.get("env")
    if kind == "env" and variable is None:
        source, variable = None, source or ident
    return secret_of(ident, source, variable)


def _agent(text: str) -> tuple[str, str]:
    name, equals, given = text.partition("=")
    path = given if equals else os.environ.get("SSH_AUTH_SOCK")
    if not name or not path:
        raise UsageError(
            f"--ssh {text!r} is not valid; accepted: ID=SOCKET, or ID with SSH_AUTH_SOCK in the "
            "environment"
        )
    return name, path


def _host(text: str) -> tuple[str, str]:
    name, separator, address = text.partition("=") if "=" in text else text.partition(":")
    if not name or not separator or not address:
        raise UsageError(f"--add-host {text!r} is not valid; accepted: NAME:ADDRESS")
    return name, address.strip("[]")
