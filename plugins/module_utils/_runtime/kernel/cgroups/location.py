# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The group at the place that a config.json names: linux.cgroupsPath.

Source: runtime-spec config-linux.md, "Cgroups Path".

An absolute path and a relative one both begin at the top of each hierarchy, whoever calls, so that
the same value is always the same place; ``..`` leads no higher. Without one the group is
``/pycontainer-oci/<id>``. With systemd the path has another form: kernel/cgroups/systemd/scope.py.
"""

from __future__ import annotations

import errno
import os

from ...errors import Conflict, HostError, InvalidInput, reason
from .group import Group
from .hierarchy import directories, layout, removal

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from .group import GroupRecord
    from .hierarchy.layout import Hierarchy

FORBIDDEN = (errno.EACCES, errno.EPERM, errno.EROFS)


class Located(Group):
    """A group at the place that a document names, made in one hierarchy after the other.

    :ivar given: whether the document names a path.
    :ivar top: the cgroup above it, from the top of each hierarchy.
    :ivar name: its own name.
    """

    def __init__(self, path: str | None, ident: str) -> None:
        super().__init__({}, ())
        self.given = bool(path)
        self.top, _slash, self.name = cgroup_path(path, ident).rpartition("/")
        self.later = layout.current().hierarchies

    def complete(self) -> None:
        if self.later:
            self.make(self.later)

    def make(self, hierarchies: Sequence[Hierarchy]) -> None:
        """Make it in some of the hierarchies that it is not in.

        A hierarchy in which this user may make none is passed over, unless the place was given.

        :raises Conflict: the group is frozen.
        :raises HostError: the kernel refuses. It is what it was before then.
        """
        before = dict(self.paths), list(self.made)
        try:
            for hierarchy in hierarchies:
                self._make_in(hierarchy)
            if not self.given:  # what is above it goes with the last, whoever that is
                self.made = list(self.paths.values())
            self._sort()
            self.shared = self.shared or any(
                removal.processes(directory)
                for directory in self.found.difference(before[0].values())
            )
            refuse_frozen(self)
        except BaseException:
            for directory in reversed(self.made):
                if directory not in before[1]:
                    removal.remove_quietly(directory)
            self.paths, self.made = before
            self._sort()
            raise
        self.later = [hierarchy for hierarchy in self.later if hierarchy not in hierarchies]

    def _make_in(self, hierarchy: Hierarchy) -> None:
        try:
            self.paths[hierarchy.mount] = directories.make_at(
                hierarchy, self.top, self.name, self.made
            )
        except OSError as error:
            if self.given or error.errno not in FORBIDDEN:
                raise HostError(
                    "linux.cgroupsPath: unable to apply cgroup configuration: cgroup "
                    f"{hierarchy.mount}{self.top}/{self.name} can't be made: "
                    f"{reason(error, named=True)}"
                ) from error


def forecast(hierarchies: Iterable[Hierarchy], top: str, name: str) -> GroupRecord:
    """Return the record of a group that is not made yet.

    ``made`` is what ``directories.make_at`` would make. What comes into it until then is not its
    own, so it counts as shared.
    """
    paths = {hierarchy.mount: f"{hierarchy.mount}{top}/{name}" for hierarchy in hierarchies}
    made: list[str] = []
    for path in paths.values():
        missing = []
        while not os.path.isdir(path):  # the mount point at last is one
            missing.append(path)
            path = os.path.dirname(path)
        made += reversed(missing)
    return {"paths": paths, "made": made, "shared": True}


def places(path: str | None, ident: str) -> dict[str, str]:
    """Return ``{mount point: directory}`` of the group that ``cgroups.create_at`` would make.

    :raises InvalidInput: ``path`` is the top itself.
    """
    place = cgroup_path(path, ident)
    return {hierarchy.mount: hierarchy.mount + place for hierarchy in layout.current().hierarchies}


def cgroup_path(path: str | None, ident: str) -> str:
    """Return the group as a path from the top of each hierarchy.

    :raises InvalidInput: ``path`` is the top itself.
    """
    if not path:
        return f"{directories.SHARED}/{ident}"
    clean = os.path.normpath("/" + path.lstrip("/"))
    if clean == "/":
        raise InvalidInput(
            "linux.cgroupsPath",
            path,
            "a path below the top of the cgroup tree, such as /group/name",
        )
    return clean


def refuse_frozen(group: Group) -> None:
    """Refuse a frozen group: a process that is put into it never gets to its program.

    :raises Conflict:
    """
    if group.frozen():
        place = group.unified or group.v1["freezer"]
        raise Conflict(
            f"container's cgroup unexpectedly frozen: {place}, or one above it, is; thaw it first"
        )
