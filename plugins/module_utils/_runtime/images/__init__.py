# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Images: references, the store's records and layers, registries' clients, archives.

``__all__`` names what other nouns use, and ``FILES`` the few files that builds, commits and
deliveries import whole. Commands and the host use a few more. Uses ``layers``, ``kernel``,
``store``, ``progress`` and the ground.

Files are loaded at their first use, so that a container's start does not pay for a registry client.
"""

from __future__ import annotations

from .. import lazy

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..engine import Engine

_FOR_NOUNS = {
    "Reference": "model.reference",
    "is_id": "model.reference",
    "parse": "model.reference",
    "same_name": "model.reference",
    "Credentials": "client.basic_auth",
    "Refused": "client.client",
    "Registries": "configuration.access",
    "artifact_pieces": "client.artifacts:pieces",
    "find_artifact": "client.artifacts:find",
    "push_artifact": "client.artifacts:push",
    "check_trust_of_file": "trust.verification:of_file",
    "kept_layers": "library.history",
    "explained": "library.ingest",
    "familiar": "library.records",
    "tell_event": "library.image_events:tell",
    "tell_tags": "library.image_events",
    "find": "library.records",
    "get": "library.records",
    "inspect": "library.records",
    "remove": "library.records",
    "recover": "library.recovery",
    "ensure_unpacked": "library.repair",
    "lost": "library.repair",
    "add_repair": "library.repair:add",
    "plan_archive": "archives.archive_writer",
    "plan_save": "archives.archive_writer",
    "save_pieces": "archives.archive_writer",
    "write_archive": "archives.archive_writer",
    "plan_foretold": "plans.foretold:plan",
    "plan_load": "plans.load_and_import",
    "ImagePlan": "plans.present",
    "name_image": "plans.present",
    "plan_present": "plans.present",
    "tagged": "plans.present",
    "plan_push": "plans.push",
    "plan_squash": "plans.squash",
    "check_source": "task",
    "image": "task",
    "names_of": "task",
    "push_built": "task",
    "pushed_of": "task",
    "registries_of": "task",
}
_FOR_COMMANDS = {  # and for the host as a whole
    "describe_registries": "configuration.access",
    "describe_policy": "trust.verification",
    "difference_of": "library.compare",
    "history": "library.history",
    "layer_report": "library.history",
    "fits": "library.image_filters",
    "listing": "library.image_filters",
    "damaged": "library.integrity",
    "absent": "library.records",
    "containers_of": "library.records",
    "find_row": "library.records",
    "tags_of": "library.records",
    "make_whole": "library.repair",
    "plan_repair": "library.repair",
    "check_form": "archives.archive_writer",
    "chosen": "archives.archive_writer",
    "tell_saved": "archives.archive_writer",
    "plan_import": "plans.load_and_import",
    "plan_absent": "plans.present",
    "plan_local": "plans.present",
    "plan_prune": "plans.present",
    "plan_tags": "plans.present",
}
__all__ = [*sorted(_FOR_NOUNS), "layer_paths"]
FILES = {
    "model.manifest": "manifests are read and made, digests and platforms compared",
    "model.reference": "types",
    "library.built": "what a build makes comes into the store",
    "library.ingest": "what a delivery or a commit brings comes into the store",
    "library.integrity": "whether a blob that a delivery finds here is whole",
    "library.layer_store": "where a layer is unpacked to, and where it lies",
    "library.records": "records of images, and their types",
}

__getattr__ = lazy.door(__name__, {**_FOR_NOUNS, **_FOR_COMMANDS})


def layer_paths(engine: Engine, image_id: str) -> list[str]:
    """Return the places of an image's layers, topmost first (``library/layer_store.py``).

    A missing layer is unpacked again.

    :raises NotFound: when there is no such image.
    :raises HostError: when a missing layer can't be unpacked.
    """
    from .library import layer_store, records, repair

    record = records.get(engine, image_id)
    if any(row is None for row in layer_store.rows(engine, record["layers"])):
        repair.ensure_unpacked(engine, record["id"])
    return layer_store.paths(engine, record["layers"])
