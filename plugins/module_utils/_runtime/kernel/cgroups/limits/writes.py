# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""From OCI linux.resources to writes of cgroup files: which file gets which text, and what is not possible here."""

from __future__ import annotations

from ..hierarchy import files

# Section of linux.resources, the controller it needs in version 1 and in version 2.
SECTIONS = (
    ("memory", "memory", "memory"),
    ("cpu", "cpu", "cpu"),
    ("cpuset", "cpuset", "cpuset"),
    ("pids", "pids", "pids"),
    ("blockIO", "blkio", "io"),
    ("hugepageLimits", "hugetlb", "hugetlb"),
    ("rdma", "rdma", "rdma"),
    ("net_cls", "net_cls", None),
    ("net_prio", "net_prio", None),
    ("unified", None, ""),
)
SHARED = {
    "cpuset": "cpu",
    "net_cls": "network",
    "net_prio": "network",
}  # sections that are a part of another


class Place:
    """Where the settings of one group go.

    ``v1``: ``{controller: Directory}``; ``unified``: Directory or None; ``controllers``: what the unified one has;
    ``outside``: what of these the whole unified tree has, for the sentence of a refusal.
    """

    def __init__(self, old, unified, controllers=(), outside=()):
        self.v1, self.unified, self.controllers, self.outside = (
            old,
            unified,
            frozenset(controllers),
            frozenset(outside),
        )


def plan(resources, place):
    """``(writes, problems, warnings)`` for ``resources`` at ``place``.

    :returns: writes ``[(Directory, [Setting])]``, one entry for each controller; problems and warnings ``[(key, sentence)]``.
    """
    writes, problems, warnings = [], [], []
    for section, old, new in SECTIONS:
        value = resources.get(SHARED.get(section, section))
        if not value:
            continue
        from . import v1, v2  # here: a start without limits does without them

        if old in place.v1:
            here, settings = place.v1[old], v1.SECTIONS[section](value, place.v1[old])
        elif section == "unified":
            here, settings = place.unified, v2.unified(value, place)
        elif place.unified and new in place.controllers:
            here, settings = place.unified, v2.SECTIONS[section](value, place.unified)
        else:
            asked = v1.SECTIONS[section](value, files.Everything())
            for setting in asked:
                (warnings if setting.soft else problems).append(
                    (setting.key, missing(setting.key, old, new, place))
                )
            continue
        present = []
        for setting in settings:
            if setting.file is not None and here is not None and here.has(setting.file):
                present.append(setting)
            else:
                (warnings if setting.soft else problems).append(
                    (setting.key, sentence(setting, here))
                )
        if present:
            writes.append((here, present))
    return writes, problems, warnings


def sentence(setting, here):
    if setting.why:
        return f"{setting.key}: {setting.why}"
    return f"{setting.key}: this kernel has no {setting.file} (looked for in {here.path if here else 'cgroup v2'})"


def missing(key, old, new, place):
    """Why a controller can't be used, and what to do about it."""
    if new in place.outside and place.unified:
        return (
            f"{key}: the {new} controller can't be handed on to {place.unified.path}, because a cgroup "
            "above it holds processes of its own (cgroup v2 allows that in the root of the tree only); "
            "this host is probably a container itself"
        )
    if new is None:
        return f"{key}: needs the {old} controller, which only cgroup v1 has and which is not mounted here"
    names = old if old == new else f"{old} (v1) or {new} (v2)"
    more = "; boot with cgroup_enable=memory" if new == "memory" else ""
    return f"{key}: this host has no {names} controller among its cgroups{more}"
