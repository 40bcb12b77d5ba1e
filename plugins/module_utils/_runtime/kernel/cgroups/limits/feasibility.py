# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tell what a group that isn't made yet could do, before anything is changed."""

from __future__ import annotations

import os

from ..hierarchy import cgroup_files, directories, layout
from ..hierarchy.cgroup_files import Directory
from . import translation

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from .translation import Remark


def prospect(parent: str | None = None) -> translation.Place:
    """Return the Place that a new group below ``parent`` would have, as far as it shows now."""
    now, top = layout.current(), directories.parent_path(parent)
    v1 = {
        name: Prospective(hierarchy.mount + top, hierarchy.mount)
        for name, hierarchy in now.v1.items()
    }
    if not now.unified:
        return translation.Place(v1, None)
    mount = now.unified.mount
    first = mount + (layout.confined() or "")  # the first that can hand controllers on
    outside = cgroup_files.read_or(first + "/cgroup.controllers").split()
    given = cgroup_files.read_or(first + "/cgroup.subtree_control").split()
    controllers = given if directories.crowded(first) else outside
    return translation.Place(v1, Prospective(mount + top, mount), controllers, outside)


class Prospective(Directory):
    """The directory of a group that isn't made yet: its parent's files tell which it would have.

    Where even the parent is missing, files that no root cgroup has are taken for granted.
    """

    __slots__ = ("mount",)
    IN_ROOT = ("memory.memsw.limit_in_bytes", "memory.swappiness")

    def __init__(self, path: str, mount: str) -> None:
        super().__init__(path)
        self.mount = mount

    def has(self, name: str) -> bool:
        if os.path.isdir(self.path):
            return super().has(name)
        return name not in self.IN_ROOT or os.path.exists(self.mount + "/" + name)

    def read(self, name: str) -> str:
        return ""


def check(resources: Mapping[str, Any], parent: str | None = None) -> list[Remark]:
    """Return what of OCI ``linux.resources`` this host can't enforce: ``[(key, sentence)]``."""
    return translation.translate(resources, prospect(parent)).problems


def warnings(resources: Mapping[str, Any], parent: str | None = None) -> list[Remark]:
    """Return what this host would let a container run without: ``[(key, sentence)]``."""
    return translation.translate(resources, prospect(parent)).warnings
