# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Images: references, the store's records and layers, registries' clients, archives. What others use is in ``__all__``.

Files are loaded when they are first needed, so that a container's start does not pay for a registry client.
"""

from __future__ import annotations

from .. import lazy

_HOMES = {
    "parse": "model.reference",
    "Reference": "model.reference",
    "split_registry": "model.reference",
    "find": "library.records",
    "find_row": "library.records",
    "absent": "library.records",
    "is_id": "model.reference",
    "tags_of": "library.records",
    "get": "library.records",
    "inspect": "library.records",
    "listing": "library.selection",
    "tag": "library.records",
    "untag": "library.records",
    "remove": "library.records",
    "name_of": "library.records",
    "familiar": "library.records",
    "same_name": "model.reference",
    "containers_of": "library.records",
    "ensure_unpacked": "library.repair",
    "damaged": "library.integrity",
    "plan_repair": "library.repair",
    "lost": "library.repair",
    "add_repair": "library.repair:add",
    "make_whole": "library.repair",
    "explained": "library.ingest",
    "plan_present": "plans.present",
    "plan_foretold": "plans.foretold:plan",
    "plan_local": "plans.present",
    "history": "library.anatomy",
    "layer_report": "library.anatomy",
    "kept_layers": "library.anatomy",
    "difference_of": "library.compare",
    "plan_squash": "plans.squash",
    "plan_save": "archives.writer",
    "plan_archive": "archives.writer",
    "chosen": "archives.writer",
    "save_pieces": "archives.writer",
    "check_form": "archives.writer",
    "write_archive": "archives.writer",
    "fits": "library.selection",
    "plan_import": "plans.from_archives",
    "plan_load": "plans.from_archives",
    "plan_tags": "plans.present",
    "plan_push": "plans.pushed",
    "plan_absent": "plans.present",
    "plan_prune": "plans.present",
    "ImagePlan": "plans.present",
    "name_image": "plans.present",
    "tagged": "plans.present",
    "Registries": "configuration.access",
    "describe_policy": "trust.trust",
    "describe_registries": "configuration.access",
    "registries_of": "task",
    "image": "task",
    "names_of": "task",
    "check_source": "task",
    "push_built": "task",
    "pushed_of": "task",
    "recover": "library.recovery",
}
__all__ = [*sorted(_HOMES), "layer_paths", "library", "model", "plans", "task", "trust"]

__getattr__ = lazy.door(__name__, _HOMES)


def layer_paths(engine, image_id):
    """Places of an image's layers (``images/library/layers.py``), topmost first; one that is missing is made again.

    :raises NotFound: when there is no such image. :raises HostError: when a missing layer can't be made again.
    """
    from .library import layers, records, repair

    record = records.get(engine, image_id)
    if any(row is None for row in layers.rows(engine, record["layers"])):
        repair.ensure_unpacked(engine, record["id"])
    return layers.paths(engine, record["layers"])
