# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Translate OCI linux.resources into texts for cgroup files, and tell what is not possible here."""

from __future__ import annotations

from ..hierarchy import cgroup_files, layout

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import Any

    from ..hierarchy.cgroup_files import Directory
    from .write import Setting

    # An option in OCI spelling ("memory.swap"), and a sentence about it.
    Remark = tuple[str, str]

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
# Sections that are a part of another.
SHARED = {"cpuset": "cpu", "net_cls": "network", "net_prio": "network"}


class Place:
    """Where the settings of one group go.

    ``v1``: ``{controller: Directory}``. ``unified``: Directory of version 2, or None.
    ``controllers``: what the unified one has. ``outside``: the controllers of the whole unified
    tree, for the sentence of a refusal.
    """

    def __init__(
        self,
        v1: Mapping[str, Directory],
        unified: Directory | None,
        controllers: Iterable[str] = (),
        outside: Iterable[str] = (),
    ) -> None:
        self.v1 = v1
        self.unified = unified
        self.controllers = frozenset(controllers)
        self.outside = frozenset(outside)


class Translation:
    """What linux.resources come to at a Place.

    ``writes``: ``[(Directory, [Setting])]``, one entry for each controller. ``problems``: what this
    host can't enforce. ``warnings``: what this host lets a container run without, as under Docker.
    """

    __slots__ = ("writes", "problems", "warnings")

    def __init__(self) -> None:
        self.writes: list[tuple[Directory, list[Setting]]] = []
        self.problems: list[Remark] = []
        self.warnings: list[Remark] = []

    def remark(self, setting: Setting, sentence: str) -> None:
        """Note that a setting can't be made."""
        (self.warnings if setting.soft else self.problems).append((setting.key, sentence))


def translate(resources: Mapping[str, Any], place: Place) -> Translation:
    """Return the Translation of ``resources`` for the group at ``place``.

    :raises InvalidInput: a value that no kernel takes.
    """
    result = Translation()
    for section, old, new in SECTIONS:
        value = resources.get(SHARED.get(section, section))
        if value:
            _translate_section(result, section, value, place, old, new)
    return result


def _translate_section(
    result: Translation, section: str, value: Any, place: Place, old: str | None, new: str | None
) -> None:
    """Translate one section.

    :param old, new: its controller in version 1 and 2; None: it has none.
    """
    from . import v1, v2  # here: a start without limits does without them

    here: Directory | None
    if old is not None and old in place.v1:
        here = place.v1[old]
        settings = v1.SECTIONS[section](value, here)
    elif section == "unified":
        here = place.unified
        settings = v2.unified(value, place)
    elif place.unified and new in place.controllers:
        here = place.unified
        settings = v2.SECTIONS[section](value, here)
    else:
        for setting in v1.SECTIONS[section](value, cgroup_files.Everything()):
            result.remark(setting, missing_controller(setting.key, old, new, place))
        return
    present = []
    for setting in settings:
        if setting.file is not None and here is not None and here.has(setting.file):
            present.append(setting)
        else:
            result.remark(setting, missing_file(setting, here))
    if present and here is not None:
        result.writes.append((here, present))


def missing_file(setting: Setting, here: Directory | None) -> str:
    """Return the sentence of a setting whose file is missing."""
    if setting.why:
        return f"{setting.key}: {setting.why}"
    place = here.path if here else "cgroup v2"
    return f"{setting.key}: this kernel has no {setting.file} (looked for in {place})"


def missing_controller(key: str, old: str | None, new: str | None, place: Place) -> str:
    """Return the sentence why a controller can't be used, and what to do about it."""
    if layout.without_groups():
        return layout.no_group(key)
    if layout.confined() is not None:
        return (
            f"{key}: without root it needs the {new or old} controller, which the user's cgroup "
            f"{layout.confined()} has not: root can name it in Delegate= of user@.service"
        )
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
