# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Write OCI linux.resources as the limits of a group that is there."""

from __future__ import annotations

from ....errors import Conflict, HostError, Unsupported, reason
from ..hierarchy import cgroup_files, layout
from ..hierarchy.cgroup_files import Directory
from . import device_rules, translation, write

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any, Protocol

    from .device_rules import Rule
    from .translation import Remark

    class Group(Protocol):
        """What is needed of a group.Group: see there."""

        paths: dict[str, str]
        found: frozenset[str]
        v1: dict[str, str]
        unified: str | None
        shared: bool

        def stats(self) -> dict[str, dict[str, Any]]: ...


def place(group: Group) -> translation.Place:
    """Return where the settings of a group go."""
    v1 = {name: Directory(path) for name, path in group.v1.items()}
    unified = layout.current().unified
    if not group.unified or unified is None:
        return translation.Place(v1, None)
    return translation.Place(
        v1,
        Directory(group.unified),
        cgroup_files.read_or(group.unified + "/cgroup.controllers").split(),
        cgroup_files.read_or(unified.mount + "/cgroup.controllers").split(),
    )


def apply(group: Group, resources: Mapping[str, Any]) -> list[Remark]:
    """Make OCI ``linux.resources`` the group's limits.

    Only what is named in it is touched, so it serves live updates too. Device rules, where given,
    are the whole list.

    :returns: warnings: what this host lets a container run without, as under Docker (a swap limit,
        say), and is left out.
    :raises Unsupported: something can't be enforced (before anything is written), or there is no
        way to have device rules.
    :raises Conflict: ``memory.checkBeforeUpdate`` is set and more is in use.
    :raises HostError: the kernel refuses a value.
    :raises InvalidInput: a value that no kernel takes.
    """
    if not group.paths and ((resources.get("pids") or {}).get("limit") or 0) <= 0:
        # 0 and -1: no limit, as podman says it
        resources = {key: value for key, value in resources.items() if key != "pids"}
    found = translation.translate(resources, place(group))
    if found.problems:
        raise Unsupported(_refusal(group, found.problems[0]))
    rules = device_rules.normalise(resources["devices"]) if resources.get("devices") else None
    check_usage(group, resources.get("memory") or {})
    if rules:
        _apply_devices(group, rules)
    processor = resources.get("cpu") or {}
    if processor.get("realtimeRuntime") and "cpu" in group.v1:
        from . import realtime  # here: one container in many asks for it

        realtime.make_room(
            group.v1["cpu"], processor["realtimeRuntime"], processor.get("realtimePeriod")
        )
    for here, settings in found.writes:
        write.write(here, settings)
    return _about_sharing(group) + found.warnings


def _refusal(group: Group, problem: Remark) -> str:
    key, sentence = problem
    if group.paths:
        return sentence
    return (
        f"{key}: the container has no cgroup (cannot set {key.partition('.')[0]} limit: container "
        "could not join or create cgroup)"
    )


def _about_sharing(group: Group) -> list[Remark]:
    """Return the warning of a group that has others' processes."""
    if not group.shared:
        return []
    return [
        (
            "cgroupsPath",
            "linux.cgroupsPath: the container's cgroup is not empty: "
            f"{', '.join(sorted(group.found))} has other processes, which its limits and its "
            "freezing concern, too",
        )
    ]


def check_usage(group: Group, memory: Mapping[str, Any]) -> None:
    """Refuse a limit below what is in use, where ``checkBeforeUpdate`` asks for that.

    :param memory: linux.resources.memory; amounts are bytes.
    :raises Conflict: more is in use.
    """
    limit, total = memory.get("limit") or 0, memory.get("swap") or 0
    if not memory.get("checkBeforeUpdate") or max(limit, total) <= 0:
        return
    figures = group.stats().get("memory", {})
    usage, swap = figures.get("usage") or 0, figures.get("swap") or 0
    if 0 < total < usage + swap:
        raise Conflict(
            f"memory.swap: rejecting memory+swap limit {total}: {usage + swap} bytes are in use "
            "(checkBeforeUpdate)"
        )
    if 0 < limit < usage:
        raise Conflict(
            f"memory.limit: rejecting memory limit {limit}: {usage} bytes are in use "
            "(checkBeforeUpdate)"
        )


def _apply_devices(group: Group, rules: Sequence[Rule]) -> None:
    # A user who is not root can't make device nodes, and owns none but its own terminals.
    if layout.unprivileged() or not group.paths:
        return
    try:
        if "devices" in group.v1:
            device_rules.set_v1(group.v1["devices"], rules)
        elif group.unified:
            from . import device_program  # here: a host of v1 does without

            device_program.set_v2(group.unified, rules)
        else:
            raise Unsupported("devices: this host has no devices controller among its cgroups")
    except OSError as error:
        where = group.v1.get("devices", group.unified)
        raise HostError(
            f"devices: the kernel refused the rules for {where}: {reason(error, named=True)}"
        ) from error
