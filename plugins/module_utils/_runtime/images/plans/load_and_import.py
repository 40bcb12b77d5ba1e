# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Plan images from files of the host: root file systems (import) and archives of images (load)."""

from __future__ import annotations

from ...errors import Conflict, InvalidInput
from ...reconcile import Change
from ..archives import archive_reader, root_import
from ..library import image_events, ingest, records
from ..library.integrity import whole
from ..model import manifest, reference
from ..trust import verification
from .present import ImagePlan, name_image, tagged

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any

    from ...engine import Engine
    from ..archives.archive_reader import Image
    from ..model.manifest import Platform

    Document = dict[str, Any]


def plan_import(
    engine: Engine,
    text: str | None,
    path: str,
    options: Document | None = None,
    message: str | None = None,
    platform: str | None = None,
    change: Callable[[Document], object] | None = None,
) -> ImagePlan:
    """Plan that ``text`` is an image of the root file system at ``path`` (directory or archive).

    :param text: None for an image without a name.
    :param options: ``{"command", "entrypoint", "env", "labels", "exposed_ports", "working_dir",
        "user", "volumes", "stop_signal"}``.
    :param change: called with the ``config`` that these give, which it may change.
    """
    parsed = tagged(text) if text is not None else None
    names = [parsed.full_tag] if parsed is not None else []
    config = root_import.configuration(options)
    if change is not None:
        change(config)
    target = manifest.parse_platform(platform)
    diff_id, newest = root_import.survey(path)
    data = root_import.document(diff_id, newest, config, target, message)
    ident = manifest.digest_of(data)
    title = parsed.familiar if parsed is not None else ident[:19]
    plan = ImagePlan(engine, f"image {title}", parsed)
    named = records.by_reference(engine, parsed) if parsed is not None else None
    there = records.find(engine, ident)
    if there is not None:
        plan.is_there(there)
        for full in names:
            name_image(plan, ident, full)
        return plan
    document = manifest.parse_config(data, path)
    plan.brings(records.coming(ident, document), names)

    def take() -> None:
        layer = ingest.Layer(diff_id, lambda: root_import.open_layer(path))
        engine.progress.subject(f"Importing {title}")
        taken = ingest.take(
            engine,
            title,
            data,
            [layer],
            build_manifest=root_import.build_manifest(data, config),
            references=names,
            manner=ingest.LOAD,
        )
        image_events.tell_tags(engine, taken, names)
        image_events.tell(engine, "import", taken)

    plan.add("image", named and named["id"], ident, f"import image {title} from {path}", take)
    return plan


def plan_load(
    engine: Engine, path: str, text: str | None = None, platform: str | None = None
) -> ImagePlan:
    """Plan that the images of an archive (docker save, OCI layout) are in the store, under the
    archive's names.

    :param text: take only the image of this name, or give this name to the archive's only image.
        An id takes the image that has it, under its own names. None takes all.
    """
    target = manifest.parse_platform(platform)
    spool = None if engine.check else engine.paths.tmp
    with archive_reader.opened(path, spool) as members:
        verification.of_file(
            engine, archive_reader.transport_of(members), path, f"what is in {path}"
        )
        images = archive_reader.contents(members, target)
        chosen = _choose(images, text, path)
        given = text if text and not reference.is_id(text) else None
        plan = ImagePlan(engine, f"archive {path}", tagged(given) if given else None)
        plan.loaded = [
            name
            for image, names in chosen
            for name in [records.familiar(full) for full in names] or [image.id]
        ]
        for image, names in chosen:  # a layout may have one under several manifests
            coming = records.coming(image.id, manifest.parse_config(image.config, path))
            plan.loading.setdefault(image.id, (coming, []))[1].extend(names)
        wanted = [image for image, names in chosen if _load_plan(plan, image, names, path)]
    if wanted:
        plan.changes[0].apply = lambda: _load(
            engine,
            path,
            spool,
            target,
            [(image.id, names) for image, names in chosen if image in wanted],
        )
    image, names = chosen[0]
    there = whole(engine, image.id)
    if there is not None:
        return plan.is_there(there)
    config = manifest.parse_config(image.config, path)
    return plan.brings(records.coming(image.id, config), names)


def _choose(images: list[Image], text: str | None, path: str) -> list[tuple[Image, list[str]]]:
    """Return ``[(image, full names to give)]``."""
    if text is None:
        return [(image, archive_reader.full_names(image)) for image in images]
    if reference.is_id(text):
        found = [
            image for image in images if image.id[7:].startswith(text.partition(":")[2] or text)
        ]
        if not found:
            there = ", ".join(image.id for image in images)
            raise InvalidInput("name", text, f"an image that is in {path}: {there}")
        return [(image, archive_reader.full_names(image)) for image in found]
    return archive_reader.choose(images, tagged(text).full_tag, text, path)


def _load_plan(plan: ImagePlan, image: Image, names: list[str], path: str) -> bool:
    """Plan one image of an archive. Return whether its content has to be stored."""
    if whole(plan.engine, image.id) is not None:
        for full in names:
            name_image(plan, image.id, full)
        return False
    title = records.familiar(names[0]) if names else image.id[:19]
    row = (
        plan.engine.db.one("SELECT image FROM tags WHERE reference = ?", names[0])
        if names
        else None
    )
    # one change stores all images: the archive is unpacked once
    plan.changes.insert(
        0,
        Change("image " + title, row and row["image"], image.id, f"load image {title} from {path}"),
    )
    return True


def _load(
    engine: Engine,
    path: str,
    spool: str | None,
    target: Platform,
    chosen: Sequence[tuple[str, list[str]]],
) -> None:
    names: dict[str, list[str]] = {}
    for ident, more in chosen:  # a layout may have one under several manifests
        names.setdefault(ident, []).extend(more)
    with archive_reader.opened(path, spool) as members:
        for image in archive_reader.contents(members, target):
            if image.id in names:
                given = names.pop(image.id)
                archive_reader.take(engine, members, image, given)
                image_events.tell(engine, "load", image.id, given)
    if names:
        raise Conflict(f"{path} changed while it was loaded")
