# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Images: references, the store's records and layers, registries' clients, archives. What others use is in ``__all__``.

Files are loaded when they are first needed, so that a container's start does not pay for a registry client.
"""

from __future__ import annotations

import importlib

_HOME = {
    "parse": "reference",
    "Reference": "reference",
    "split_registry": "reference",
    "find": "records",
    "find_row": "records",
    "absent": "records",
    "is_id": "reference",
    "tags_of": "records",
    "get": "records",
    "inspect": "records",
    "listing": "selection",
    "tag": "records",
    "untag": "records",
    "remove": "records",
    "name_of": "records",
    "familiar": "records", "same_name": "reference",
    "containers_of": "records",
    "ensure_unpacked": "repair",
    "damaged": "damage",
    "plan_repair": "repair",
    "lost": "repair",
    "add_repair": "repair.add",
    "make_whole": "repair",
    "explained": "intake",
    "plan_present": "plan",
    "plan_foretold": "foretold.plan",
    "plan_local": "plan",
    "history": "anatomy",
    "layer_report": "anatomy",
    "kept_layers": "anatomy",
    "difference_of": "compare",
    "plan_squash": "squash",
    "plan_save": "saving",
    "plan_archive": "saving",
    "chosen": "saving",
    "save_pieces": "saving",
    "check_form": "saving",
    "write_archive": "saving",
    "fits": "selection",
    "plan_import": "plan_archives",
    "plan_load": "plan_archives",
    "plan_tags": "plan",
    "plan_push": "pushing",
    "plan_absent": "plan",
    "plan_prune": "plan",
    "ImagePlan": "plan",
    "name_image": "plan",
    "tagged": "plan",
    "Registries": "registries",
    "describe_policy": "trust",
    "describe_registries": "registries",
    "registries_of": "task",
    "image": "task",
    "names_of": "task",
    "check_source": "task",
    "push_built": "task",
    "pushed_of": "task",
    "recover": "recovery",
    "gzip_is_quick": "compression",
    "zstd_is_read": "compression",
}
_PARTS = ("built", "compression", "contents", "difference", "hardlinks", "intake", "layers", "manifest", "tar", "tarwrite")  # what others make images with
__all__ = sorted(_HOME) + list(_PARTS) + ["layer_paths"]


def __getattr__(name):
    if name in _HOME:
        module, _dot, attribute = _HOME[name].partition(".")
        return getattr(importlib.import_module("." + module, __name__), attribute or name)
    raise AttributeError(name)


def layer_paths(engine, image_id):
    """Places of an image's layers (``layers.py``), topmost first; one that is missing is made again.

    :raises NotFound: when there is no such image. :raises HostError: when a missing layer can't be made again.
    """
    from . import layers, records, repair

    record = records.get(engine, image_id)
    if any(row is None for row in layers.rows(engine, record["layers"])):
        repair.ensure_unpacked(engine, record["id"])
    return layers.paths(engine, record["layers"])
