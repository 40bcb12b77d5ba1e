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
from .driver import check as check_options
from .populate import populate
from .task import prune

__all__ = [
    "attach",
    "check_name",
    "check_options",
    "create",
    "drop_anonymous",
    "get",
    "has",
    "inspect",
    "listing",
    "path",
    "populate",
    "prune",
    "remove",
    "used_by",
]
