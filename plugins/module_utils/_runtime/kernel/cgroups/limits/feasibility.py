# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a group that isn't made yet could do: said before anything is changed."""

from __future__ import annotations

import os

from ..hierarchy import files, layout, tree
from ..hierarchy.files import Directory
from . import writes


def prospect(parent=None):
    """The Place that a new group below ``parent`` would have, as far as it shows without making it."""
    now, top = layout.current(), tree.parent_path(parent)
    v1 = {
        name: Prospective(hierarchy.mount + top, hierarchy.mount)
        for name, hierarchy in now.v1.items()
    }
    if not now.unified:
        return writes.Place(v1, None)
    outside = files.read_or(now.unified.mount + "/cgroup.controllers").split()
    given = files.read_or(now.unified.mount + "/cgroup.subtree_control").split()
    controllers = given if tree.crowded(now.unified.mount) else outside
    return writes.Place(
        v1, Prospective(now.unified.mount + top, now.unified.mount), controllers, outside
    )


class Prospective(Directory):
    """The directory of a group that isn't made yet: its parent's files tell which it would have.

    Where even the parent is missing, files that no root cgroup has are taken for granted.
    """

    __slots__ = ("mount",)
    IN_ROOT = ("memory.memsw.limit_in_bytes", "memory.swappiness")

    def __init__(self, path, mount):
        super().__init__(path)
        self.mount = mount

    def has(self, name):
        if os.path.isdir(self.path):
            return super().has(name)
        return name not in self.IN_ROOT or os.path.exists(self.mount + "/" + name)

    def read(self, name):
        return ""


def check(resources, parent=None):
    """What of OCI ``linux.resources`` this host can't enforce, for a group that isn't made yet: ``[(key, sentence)]``."""
    return writes.plan(resources, prospect(parent))[1]


def warnings(resources, parent=None):
    """What this host would let a container run without, for a group that isn't made yet: ``[(key, sentence)]``."""
    return writes.plan(resources, prospect(parent))[2]
