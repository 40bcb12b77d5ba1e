# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Control groups: limits, accounting, freezing and killing of a container's processes, on every layout of hierarchies.

    group = cgroups.create(ident)            # <mount>/pycontainer/<ident> in every hierarchy
    group.apply(resources)                   # OCI runtime-spec linux.resources; later the same for a live update
    group.attach(pid)                        # or clone3 with cgroup_fd=group.fd(), or the quickest: fork(flags, group.door())
    group.stats(); group.freeze(); group.thaw(); group.kill(); group.remove()
    cgroups.Group.open(paths)                # from what was written down: {mount point: directory}

Three layouts, by what is mounted where (``mode()``): "v2", one tree with every controller; "v1", a tree for each controller
or for some together; "hybrid", both, a controller being in one of them. What is done for a controller depends only on where
that controller is, so that odd mixtures (hugetlb alone in the unified tree) need nothing of their own.

All groups lie below ``<mount point>/pycontainer``, beside what systemd or a session owns: no unit's end, reload or user's logout
reaches them. On v2 that group hands its controllers on, and the kernel refuses to take a controller from a parent while a child
hands it on (cgroup-v2, "Top-down Constraint"), so neither does systemd's own bookkeeping of the root.
``pycontainer/engine`` holds the engine's own processes.

Sources: cgroups(7), Documentation/admin-guide/cgroup-v1/ and cgroup-v2.rst, runtime-spec config-linux.md "Control groups".
"""

from __future__ import annotations

from .entry import enter, fork, tasks
from .group import Group, create, engine
from .hierarchy.layout import mode
from .hierarchy.tree import base, base_paths, remove_base
from .location import create_at, places, reopen


def check(resources, parent=None):
    """What of OCI ``linux.resources`` this host can't enforce, for a group that isn't made yet: ``[(key, sentence)]``."""
    from .limits import feasibility  # here, as what follows: a start does not need it

    return feasibility.check(resources, parent)


def warnings(resources, parent=None):
    """What this host would let a container run without, for a group that isn't made yet: ``[(key, sentence)]``."""
    from .limits import feasibility

    return feasibility.warnings(resources, parent)


def canonical(resources):
    """linux.resources in one form, see kernel/cgroups/limits/resources.py."""
    from .limits import resources as forms

    return forms.canonical(resources)


def with_default_devices(resources):
    """linux.resources with the device rules that every container has, see kernel/cgroups/limits/resources.py."""
    from .limits import resources as forms

    return forms.with_default_devices(resources)


def merge(recorded, change):
    """What a live update makes of the recorded linux.resources, and what has to be written: see kernel/cgroups/limits/update.py."""
    from .limits import update

    return update.merge(recorded, change)


__all__ = [
    "Group",
    "base",
    "base_paths",
    "canonical",
    "check",
    "create",
    "create_at",
    "engine",
    "enter",
    "fork",
    "merge",
    "mode",
    "places",
    "remove_base",
    "reopen",
    "tasks",
    "warnings",
    "with_default_devices",
]
