# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Images: references, the store's records and layers, registries' clients, archives. What others use is in ``__all__``.

Files are loaded when they are first needed, so that a container's start does not pay for a registry client.
"""

from __future__ import annotations

from .. import lazy

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..engine import Engine

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
    "listing": "library.image_filters",
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
    "history": "library.history",
    "layer_report": "library.history",
    "kept_layers": "library.history",
    "difference_of": "library.compare",
    "plan_squash": "plans.squash",
    "plan_save": "archives.archive_writer",
    "plan_archive": "archives.archive_writer",
    "chosen": "archives.archive_writer",
    "save_pieces": "archives.archive_writer",
    "check_form": "archives.archive_writer",
    "write_archive": "archives.archive_writer",
    "fits": "library.image_filters",
    "plan_import": "plans.load_and_import",
    "plan_load": "plans.load_and_import",
    "plan_tags": "plans.present",
    "plan_push": "plans.push",
    "plan_absent": "plans.present",
    "plan_prune": "plans.present",
    "ImagePlan": "plans.present",
    "name_image": "plans.present",
    "tagged": "plans.present",
    "Registries": "configuration.access",
    "Credentials": "client.basic_auth",
    "Refused": "client.client",
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


def layer_paths(engine: Engine, image_id: str) -> list[str]:
    """Return the places of an image's layers, topmost first (``library/layer_store.py``).

    One that is missing is made again.

    :raises NotFound: when there is no such image.
    :raises HostError: when a missing layer can't be made again.
    """
    from .library import layer_store, records, repair

    record = records.get(engine, image_id)
    if any(row is None for row in layer_store.rows(engine, record["layers"])):
        repair.ensure_unpacked(engine, record["id"])
    return layer_store.paths(engine, record["layers"])
