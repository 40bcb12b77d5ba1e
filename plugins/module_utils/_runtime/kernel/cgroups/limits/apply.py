# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The limits of a group.Group that is there: OCI linux.resources looked at, and written."""

from __future__ import annotations

from ....errors import Conflict, HostError, Unsupported
from ..hierarchy import files, layout
from ..hierarchy.files import Directory
from . import devices, settings
from . import writes as plan


def place(group):
    """Where settings go: the directory of each controller, a plan.Place."""
    v1 = {name: Directory(path) for name, path in group.v1.items()}
    if not group.unified:
        return plan.Place(v1, None)
    outside = files.read_or(layout.current().unified.mount + "/cgroup.controllers").split()
    return plan.Place(
        v1,
        Directory(group.unified),
        files.read_or(group.unified + "/cgroup.controllers").split(),
        outside,
    )


def look(group, resources):
    """``(problems, warnings)``: what this host can't enforce, and what it lets a container run without: ``[(key, sentence)]`` each."""
    _writes, problems, found = plan.plan(resources, place(group))
    return problems, with_sharing(group, found)


def with_sharing(group, found):
    """Warnings with the one about others' processes before them, where there are some."""
    if group.shared:
        found.insert(
            0,
            (
                "cgroupsPath",
                "linux.cgroupsPath: the container's cgroup is not empty: "
                f"{', '.join(sorted(group.found))} has other processes, which its limits and its "
                "freezing concern, too",
            ),
        )
    return found


def apply(group, resources):
    """Make OCI ``linux.resources`` the group's limits; only what is named in it is touched, so it serves live updates too.

    Device rules, where given, are the whole list. What is merely a warning is left out, and returned: ``[(key, sentence)]``.

    :raises Unsupported: something can't be enforced (before anything is written), or device rules can't be had.
    :raises Conflict: ``memory.checkBeforeUpdate`` and more is in use. :raises HostError: the kernel refuses a value.
    :raises InvalidInput: a value that no kernel takes.
    """
    if not group.paths and ((resources.get("pids") or {}).get("limit") or 0) <= 0:
        resources = {
            key: value for key, value in resources.items() if key != "pids"
        }  # 0 and -1: no limit, as podman says it
    writes, problems, found = plan.plan(resources, place(group))
    if problems:
        raise Unsupported(
            problems[0][1]
            if group.paths
            else (
                f"{problems[0][0]}: the container has no cgroup (cannot set "
                f"{problems[0][0].partition('.')[0]} limit: container could not join or create "
                "cgroup)"
            )
        )
    rules = devices.normalise(resources["devices"]) if resources.get("devices") else None
    check_usage(group, resources.get("memory") or {})
    if rules:
        _apply_devices(group, rules)
    processor = resources.get("cpu") or {}
    if processor.get("realtimeRuntime") and "cpu" in group.v1:
        from . import realtime  # here: one container in many asks for it

        realtime.make_room(
            group.v1["cpu"], processor["realtimeRuntime"], processor.get("realtimePeriod")
        )
    for here, entries in writes:
        settings.write(here, entries)
    return with_sharing(group, found)


def check_usage(group, memory):
    """OCI's checkBeforeUpdate: no limit below what is in use, rather than processes killed for it."""
    limit, total = memory.get("limit") or 0, memory.get("swap") or 0
    if not memory.get("checkBeforeUpdate") or max(limit, total) <= 0:
        return
    found = group.stats().get("memory", {})
    usage, swap = found.get("usage", 0), found.get("swap", 0)
    if 0 < total < usage + swap:
        raise Conflict(
            "memory.swap: rejecting memory+swap limit %d: %d bytes are in use (checkBeforeUpdate)"
            % (total, usage + swap)
        )
    if 0 < limit < usage:
        raise Conflict(
            "memory.limit: rejecting memory limit %d: %d bytes are in use (checkBeforeUpdate)"
            % (limit, usage)
        )


def _apply_devices(group, rules):
    if (
        layout.unprivileged() or not group.paths
    ):  # such a user can't make device nodes, and owns none but its own terminals
        return
    try:
        if "devices" in group.v1:
            devices.set_v1(group.v1["devices"], rules)
        elif group.unified:
            from . import device_program  # here, as what follows: not every start has to load it

            device_program.set_v2(group.unified, rules)
        else:
            raise Unsupported("devices: this host has no devices controller among its cgroups")
    except OSError as error:
        where = group.v1.get("devices", group.unified)
        raise HostError(
            f"devices: the kernel refused the rules for {where}: {error.strerror}"
        ) from error
