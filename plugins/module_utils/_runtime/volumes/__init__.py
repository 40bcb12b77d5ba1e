# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Volumes: named directories that outlive containers, and anonymous ones that are removed with
theirs.

They use the kernel and the store, and no other noun.
"""

from __future__ import annotations

from .catalog import (
    attach,
    check_name,
    check_new,
    create,
    drop_anonymous,
    get,
    has,
    inspect,
    listing,
    path,
    remove,
    used_by,
)
from .driver import is_mount
from .populate import populate
from .task import prune

__all__ = [
    "attach",
    "check_name",
    "check_new",
    "create",
    "drop_anonymous",
    "get",
    "has",
    "inspect",
    "is_mount",
    "listing",
    "path",
    "populate",
    "prune",
    "remove",
    "used_by",
]
