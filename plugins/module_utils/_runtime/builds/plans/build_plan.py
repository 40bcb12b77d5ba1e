# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Plan one build: what has to be done so that an image matches its Containerfile."""

from __future__ import annotations

from ... import images
from ...images.model import manifest
from ...reconcile import Plan
from ...rootless import keeper_client
from ..cache.cache_miss import CacheMiss
from ..stage import build_checks
from ..steps import build_progress
from ..steps.builder import Build
from . import build_inputs

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from typing import Any, BinaryIO

    from ...engine import Engine
    from ..parse.build_request import BuildRequest
    from ..parse.stages import Containerfile
    from ..sources.contexts import Contexts
    from ..stage.build_checks import Choice, Finding
    from ..steps.build_progress import Progress
    from .build_inputs import Inputs


class BuildPlan(images.ImagePlan):
    """The plan of one build. The image's id is known only where all steps are in the cache.

    :ivar step: the first step that would have to run, "3/7"; "" where there is none.
    :ivar line: the line of its instruction.
    :ivar unknown: whether the image's id is not known yet.
    :ivar upper: how many layers are not the base's.
    :ivar checks: the broken rules of its Containerfile.
    """

    def __init__(self, engine: Engine, subject: str, parsed: Any) -> None:
        super().__init__(engine, subject, parsed)
        self.step, self.line, self.unknown, self.upper = "", 0, False, 0
        self.checks: list[Finding] = []

    def _facts(self) -> dict[str, Any]:
        return {"image": {}} if self.unknown else super()._facts()


def plan_from(
    engine: Engine,
    texts: Iterable[str],
    request: BuildRequest,
    where: str,
    name: str | None = None,
    stdin: BinaryIO | None = None,
    *,
    data: bytes | None = None,
    named: Mapping[str, str] | None = None,
    progress: Progress | None = None,
    called: str | None = None,
) -> BuildPlan:
    """As :func:`plan_build`, with the context wherever it is; see build_inputs.locate for that."""
    with build_inputs.locate(engine, request, where, name, stdin, data, named) as inputs:
        return plan_build(engine, texts, request, inputs, progress, called)


def findings_from(
    engine: Engine,
    request: BuildRequest,
    where: str,
    name: str | None = None,
    stdin: BinaryIO | None = None,
    *,
    data: bytes | None = None,
) -> tuple[Choice, list[Finding]]:
    """Check a Containerfile; nothing is built.

    Parameters as of build_inputs.locate, result as of build_checks.check.
    """
    with build_inputs.locate(engine, request, where, name, stdin, data) as inputs:
        file, contexts = inputs.open(engine, request)
        try:
            return build_checks.check(engine, file, contexts.ignored())
        finally:
            contexts.close()


def plan_build(
    engine: Engine,
    texts: Iterable[str],
    request: BuildRequest,
    inputs: Inputs,
    progress: Progress | None = None,
    called: str | None = None,
) -> BuildPlan:
    """Plan that an image is built and named.

    :param texts: names for it.
    :param called: what to call the image where it has no names.
    :raises BadFile, InvalidInput, Broken: before anything is done.
    """
    parsed = [images.tagged(text) for text in texts]
    names = [each.tagged for each in parsed]
    file, contexts = inputs.open(engine, request)
    shown = called or (parsed[0].familiar if parsed else "from " + file.name)
    plan = BuildPlan(engine, f"image {shown}", parsed[0] if parsed else None)
    try:
        plan.checks = _checked(engine, file, contexts, request)
        reported = build_progress.Reported(engine, progress or build_progress.Progress())
        build = Build(engine, file, request, contexts, reported)
        plan.warnings = [finding.text for finding in plan.checks if request.checks != "ignore"]
        _look(plan, build, names, shown)
    except BaseException:
        contexts.close()
        raise
    if engine.check or not plan.unknown:
        contexts.close()  # else the build needs them
    return plan


def _look(plan: BuildPlan, build: Build, names: Sequence[str], shown: str) -> None:
    """Follow the cache as far as it leads, and add the remaining work to ``plan``."""
    engine, request = build.engine, build.request
    row = engine.db.one("SELECT image FROM tags WHERE reference = ?", names[0]) if names else None
    before = row and row["image"]
    apply = _apply(plan, build, names, shown)
    try:
        final = build.look()
    except CacheMiss as first:
        plan.step, plan.line, plan.unknown = first.step, first.line, True
        plan.warnings += keeper_client.no_way_out()
        plan.add("image", before, "built", f"build image {shown}: {first.action}", apply)
        _export_later(plan, build)
        return
    plan.warnings, plan.upper = plan.warnings + build.warnings, len(final.layers) - final.below
    ident = manifest.digest_of(final.document())
    there = images.find(engine, ident)
    if there is None or request.annotations and there["manifest"] != build.manifest_digest(final):
        plan.unknown = True
        what = "configuration is" if there is None else "annotations are"
        action = f"build image {shown}: all steps are in the cache, its {what} new"
        plan.add("image", before, ident, action, apply)
        _export_later(plan, build)
        return
    build.contexts.save()
    plan.is_there(there)
    for full in names:
        images.name_image(plan, ident, full)
    for export in build.exports(final) if request.cache_to else ():
        export.plan(plan, request.registries)


def _apply(plan: BuildPlan, build: Build, names: Sequence[str], shown: str) -> Callable[[], None]:
    """Return a function that builds, and tells ``plan`` the result."""

    def apply() -> None:
        engine = build.engine
        engine.progress.subject(f"Building {shown}")
        try:
            ident = build.carry_out(names)
        finally:
            build.contexts.close()
        images.tell_tags(engine, ident, names)
        images.tell_event(engine, "build", ident, names)
        plan.warnings += [warning for warning in build.warnings if warning not in plan.warnings]
        plan.unknown, plan.upper = False, len(build.final.layers) - build.final.below
        plan.is_there(images.get(engine, ident))

    return apply


def _checked(
    engine: Engine, file: Containerfile, contexts: Contexts, request: BuildRequest
) -> list[Finding]:
    """Check the file. :raises Broken: where the file or the request makes broken rules an error."""
    choice, found = build_checks.check(engine, file, contexts.ignored())
    if found and (choice.error and request.checks != "ignore" or request.checks == "error"):
        raise build_checks.Broken(file.name, found)
    return found


def _export_later(plan: BuildPlan, build: Build) -> None:
    """Add to ``plan`` that the cache is written when the build is done. The target is compared
    then.
    """
    request = build.request

    def export(index: int) -> None:
        late = Plan(plan.subject, dict)
        build.exports(build.final)[index].plan(late, request.registries)
        late.apply()

    for index, place in enumerate(each for each in request.cache_to if each.kind != "inline"):
        plan.add(
            "build cache " + place.where,
            None,
            "exported",
            f"export the build cache to {place.where}",
            lambda index=index: export(index),
        )
