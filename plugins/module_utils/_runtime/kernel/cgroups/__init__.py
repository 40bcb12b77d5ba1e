# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Control groups: limit, count, freeze and kill a container's processes, on every layout of trees.

    group = cgroups.create(ident)            # <mount>/pycontainer/<ident> in every hierarchy
    group.apply(resources)                   # OCI linux.resources; the same for a live update
    pid, pidfd, door = cgroups.fork(flags, group.door())    # the quick way in; or group.attach(pid)
    group.stats(); group.freeze(); group.thaw(); group.kill(); group.remove()
    cgroups.Group.open(paths)                # from what was written down: {mount point: directory}

The chapters, each of which may use those before it: ``hierarchy`` (where groups are, and their
directories), ``limits`` (what is written), ``usage`` (what is read), the files here (one group),
``systemd`` (a group that is a scope). This front door chooses between the last two. May use
``kernel/calls``, ``kernel/processes`` and ``kernel/systemd``.

Three layouts, by what is mounted where (``mode()``): "v2", one tree with every controller; "v1", a
tree for each controller or for some together; "hybrid", both, a controller being in one of them.
What is done for a controller depends only on where that controller is, so that odd mixtures
(hugetlb alone in the unified tree) need nothing of their own.

All groups lie below ``<mount point>/pycontainer``, beside what systemd or a session owns: no unit's
end, reload or user's logout reaches them. On v2 that group hands its controllers on, and the kernel
refuses to take a controller from a parent while a child hands it on (cgroup-v2, "Top-down
Constraint"), so neither does systemd's own bookkeeping of the root. ``pycontainer/engine`` holds
the engine's own processes.

Sources: cgroups(7), Documentation/admin-guide/cgroup-v1/ and cgroup-v2.rst, runtime-spec
config-linux.md "Control groups".
"""

from __future__ import annotations

from ...errors import InvalidInput, Unsupported
from . import location
from .entry import enter, fork, tasks
from .group import Group, create, engine, join_engine
from .hierarchy import layout
from .hierarchy.directories import base, base_paths, remove_base
from .hierarchy.layout import mode, unified
from .location import places

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any

    from .group import GroupRecord
    from .limits.translation import Remark


def create_at(
    path: str | None,
    ident: str,
    systemd: bool | None = False,
    annotations: Mapping[str, str] | None = None,
    later: bool = False,
    announce: Callable[[GroupRecord], object] | None = None,
) -> Group:
    """Make the group of a document's container, empty and without limits.

    Where no path is given and this user may make no group in a hierarchy, the container has none
    there, and ``apply`` refuses a limit that needs it. Where the group is there and has processes,
    as runc's callers may have it, the container shares it with them: ``apply`` warns of that, and
    ``remove`` leaves what is still in use.

    :param path: linux.cgroupsPath; "" or None where the document has none.
    :param ident: the container's id.
    :param systemd: the group is a transient scope of systemd's (kernel/cgroups/systemd/scope.py);
        this very process has to call ``attach`` then. None: there is to be no group; the container
        stays where its maker is, and ``apply`` refuses limits.
    :param annotations: of config.json; ``org.systemd.property.NAME`` of them are given to the
        scope.
    :param later: leave out the hierarchies of version 1 until ``complete``: a process can go into
        these when it is there.
    :param announce: called with a ``record()`` of what will be made, above the group too, before any of
        it is; not for a group of the container's own name, which is known by that. Whoever keeps it
        can take back (``reopen``, ``remove``) what a killed maker has left.
    :returns: a Group. ``record()`` of it can be kept as JSON and given to ``reopen``.
    :raises InvalidInput: not such a path.
    :raises Unsupported: no cgroups, or no systemd, here.
    :raises Conflict: the group is frozen, or systemd has the scope.
    :raises HostError: the kernel refuses to make it.
    """
    if systemd is None:
        return Group({})
    if not layout.current().hierarchies:
        raise Unsupported(
            "linux.cgroupsPath: this host has no cgroup hierarchy mounted (mount -t cgroup2 none "
            "/sys/fs/cgroup)"
        )
    if "\0" in (path or "") or "\n" in (path or ""):
        raise InvalidInput(
            "linux.cgroupsPath", path, "a path without line breaks and null characters"
        )
    if systemd:
        from .systemd import scope  # here: it knows D-Bus, and few are told to use systemd

        return scope.create(path, ident, annotations or {}, announce)
    group = location.Located(path, ident)
    if group.given and announce is not None:
        announce(location.forecast(group.later, group.top, group.name))
    group.make([hierarchy for hierarchy in group.later if not later or hierarchy.version == 2])
    return group


def reopen(record: GroupRecord) -> Group:
    """Return the group whose ``record()`` this is, whether it is there or not (``exists``)."""
    if record.get("unit"):
        from .systemd import scope  # here: as above

        return scope.Scope(record["paths"], record["made"], record["unit"], record["slice"])
    group = Group(record["paths"], record["made"])
    group.shared = record.get("shared", False)
    return group


# What a start does without is imported where it is asked for.


def check(resources: Mapping[str, Any], parent: str | None = None) -> list[Remark]:
    """Return what of OCI ``linux.resources`` this host can't enforce in a group yet to be made."""
    from .limits import feasibility

    return feasibility.check(resources, parent)


def warnings(resources: Mapping[str, Any], parent: str | None = None) -> list[Remark]:
    """Return what this host would let a container run without, for a group that isn't made yet."""
    from .limits import feasibility

    return feasibility.warnings(resources, parent)


def canonical(resources: Any) -> dict[str, Any]:
    """Return linux.resources of others in one form: see ``resource_types.canonical``."""
    from .limits import resource_types

    return resource_types.canonical(resources)


def with_default_devices(resources: Any) -> dict[str, Any]:
    """Return ``canonical`` with the device rules that every container has."""
    from .limits import resource_types

    return resource_types.with_default_devices(resources)


def merge(
    recorded: Mapping[str, Any] | None, change: Mapping[str, Any]
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Merge a live update into the recorded linux.resources: see ``live_update.merge``."""
    from .limits import live_update

    return live_update.merge(recorded, change)


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
    "join_engine",
    "merge",
    "mode",
    "places",
    "remove_base",
    "reopen",
    "tasks",
    "unified",
    "warnings",
    "with_default_devices",
]
