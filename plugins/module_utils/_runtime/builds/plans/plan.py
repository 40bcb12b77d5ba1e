# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What has to be done so that an image is what its Containerfile says: a plan (``reconcile.py``)."""

from __future__ import annotations

import os

from ... import images
from ...errors import InvalidInput
from ...images.model import manifest
from ...reconcile import Plan
from ...untrusted import files
from ..cache.cache_miss import CacheMiss
from ..parse import stages
from ..sources import context_fetch, contexts
from ..stage import build_checks
from ..stage import stage_state as states
from ..steps import build_progress as progresses
from ..steps import builder

LARGEST = 4 << 20  # bytes of a Containerfile
FILES = ("Containerfile", "Dockerfile")


class BuildPlan(images.ImagePlan):
    """A plan about the image that a build makes, whose id is known only where all of it is in the cache.

    :ivar step: of the first step that would have to run, "3/7"; "" where there is none. :ivar upper: how many layers are not the base's.
    :ivar checks: [checks.Finding] of its Containerfile.
    """

    def __init__(self, engine, subject, parsed):
        super().__init__(engine, subject, parsed)
        self.step, self.line, self.unknown, self.upper, self.checks = "", 0, False, 0, []

    def _facts(self):
        return {"image": {}} if self.unknown else super()._facts()


def find_file(path, name=None):
    """The Containerfile's path. :raises InvalidInput: when there is none."""
    if name:
        found = os.path.join(path, name) if path else name
        if not os.path.isfile(found):
            raise InvalidInput(
                "dockerfile", name, f"a file in {path}" if path else "an existing file"
            )
        return found
    for each in FILES:
        if os.path.isfile(os.path.join(path, each)):
            return os.path.join(path, each)
    raise InvalidInput(
        "path", path, "a directory with a Containerfile or Dockerfile, or another name for it"
    )


def platform_args(platform):
    """TARGETPLATFORM and the other nine: ``{name: value}``."""
    found = {}
    for side, given in (
        ("TARGET", manifest.parse_platform(platform)),
        ("BUILD", manifest.host_platform()),
    ):
        system, architecture, variant = given[:2] + (states.normal_variant(given),)
        found.update(
            {
                side + "PLATFORM": manifest.show_platform((system, architecture, variant)),
                side + "OS": system,
                side + "ARCH": architecture,
                side + "VARIANT": variant,
                side + "OSVERSION": "",
            }
        )
    return found


def plan_from(engine, texts, request, where, name=None, stdin=None, **options):
    """As :func:`plan_build`, with the context wherever it is; parameters as of :func:`findings_from`."""
    return _located(
        engine,
        request,
        where,
        name,
        stdin,
        options,
        lambda *words, **more: plan_build(engine, texts, request, *words, **more),
    )


def findings_from(engine, request, where, name=None, stdin=None, **options):
    """``(checks.Choice, [checks.Finding])`` of a Containerfile; nothing is built.

    :param where: a directory, the address of a Git repository or an archive, or ``-`` for :param stdin: an open file.
    :param name: of the Containerfile in it. :param options: further parameters of :func:`plan_build`.
    """

    def look(path=None, file=None, data=None, named=None, located=None):
        parsed, context = _prepare(engine, request, path, file, data, named, located)
        try:
            return build_checks.check(engine, parsed, context.ignored())
        finally:
            context.close()

    return _located(engine, request, where, name, stdin, options, look)


def _located(engine, request, where, name, stdin, options, do):
    """What ``do`` returns, called with the context's directory and the Containerfile's path as far as there are any."""
    found = context_fetch.locate(engine, where, request, stdin)
    try:
        if found.data is not None:
            return do(data=found.data, located=found, **options)
        if "data" in options:
            return do(found.path, located=found, **options)
        file = find_file(found.path, name)
        if found.temporary and not os.path.realpath(file).startswith(
            os.path.realpath(found.path) + "/"
        ):
            raise InvalidInput(
                "dockerfile",
                name or os.path.basename(file),
                "a file inside the context that was fetched",
            )
        return do(found.path, file, located=found, **options)
    except BaseException:
        found.close()
        raise


def plan_build(
    engine,
    texts,
    request,
    path=None,
    file=None,
    data=None,
    named=None,
    progress=None,
    located=None,
    called=None,
):
    """Have an image built and named.

    :param texts: names for it. :param request: a request.Request. :param path: the context's directory, or None.
    :param file: path of the Containerfile; or :param data: its bytes. :param named: named contexts. :param progress: a progress.Progress.
    :param located: the fetching.Located of ``path`` where it was fetched. :param called: what the image is called where it has no names.
    :raises BadFile, InvalidInput: before anything is done.
    """
    parsed = [images.tagged(text) for text in texts]
    names = [each.tagged for each in parsed]
    parsed_file, context = _prepare(engine, request, path, file, data, named, located)
    shown = called or (parsed[0].familiar if parsed else "from " + parsed_file.name)
    plan = BuildPlan(engine, f"image {shown}", parsed[0] if parsed else None)
    try:
        plan.checks = _checked(engine, parsed_file, context, request)
        build = builder.Build(
            engine,
            parsed_file,
            request,
            context,
            progresses.Reported(engine, progress or progresses.Progress()),
        )
    except BaseException:
        context.close()
        raise
    plan.warnings = [finding.text for finding in plan.checks] if request.checks != "ignore" else []
    row = engine.db.one("SELECT image FROM tags WHERE reference = ?", names[0]) if names else None

    def apply():
        engine.progress.subject(f"Building {shown}")
        try:
            ident = build.carry_out(names)
        finally:
            context.close()
        plan.warnings += [warning for warning in build.warnings if warning not in plan.warnings]
        plan.unknown, plan.upper = False, len(build.final.layers) - build.final.below
        plan.is_there(images.get(engine, ident))

    try:
        final = build.look()
    except CacheMiss as first:
        if engine.check:
            context.close()
        plan.step, plan.line, plan.unknown = first.step, first.line, True
        plan.add(
            "image", row and row["image"], "built", f"build image {shown}: {first.action}", apply
        )
        _export_later(plan, build, request)
        return plan
    except BaseException:
        context.close()
        raise
    plan.warnings, plan.upper = plan.warnings + build.warnings, len(final.layers) - final.below
    ident = manifest.digest_of(final.document())
    there = images.find(engine, ident)
    if there is None or request.annotations and there["manifest"] != build.manifest_digest(final):
        if engine.check:
            context.close()
        plan.unknown = True
        what = "configuration is" if there is None else "annotations are"
        plan.add(
            "image",
            row and row["image"],
            ident,
            f"build image {shown}: all steps are in the cache, its {what} new",
            apply,
        )
        _export_later(plan, build, request)
        return plan
    context.save()
    context.close()
    plan.is_there(there)
    for full in names:
        images.name_image(plan, ident, full)
    for export in build.exports(final) if request.cache_to else ():
        export.plan(plan, request.registries)
    return plan


def _prepare(engine, request, path, file, data, named, located):
    """``(stages.Containerfile, contexts.Contexts)``; the second is the caller's to close."""
    if data is None:
        try:
            data = files.read(file, LARGEST, links=True)
        except files.Unacceptable as error:
            raise InvalidInput(
                "dockerfile", file, "a regular file of at most %d bytes (%s)" % (LARGEST, error)
            ) from None
    title = (
        "Containerfile"
        if file is None
        else os.path.relpath(file, path)
        if path and os.path.realpath(file).startswith(os.path.realpath(path))
        else file
    )
    parsed = stages.Containerfile(
        data, title, request.build_args, platform_args(request.platform), request.target
    )
    if request.epoch is None:
        request.set_epoch(parsed.meta.get("SOURCE_DATE_EPOCH"))
    relative = (
        os.path.relpath(os.path.realpath(file), os.path.realpath(path)) if file and path else None
    )
    return parsed, contexts.Contexts(engine, request, path, relative, named, located)


def _checked(engine, parsed, context, request):
    """[checks.Finding]. :raises checks.Broken: where the file or the request makes them an error."""
    choice, found = build_checks.check(engine, parsed, context.ignored())
    if found and (choice.error and request.checks != "ignore" or request.checks == "error"):
        raise build_checks.Broken(parsed.name, found)
    return found


def _export_later(plan, build, request):
    """Add to ``plan`` that the cache is written when the build is done: what is there already is seen then."""

    def export(index):
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
