# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The group that a config.json asks for: linux.cgroupsPath in all its forms (runtime-spec config-linux.md, "Cgroups Path").

An absolute path and a relative one both begin at the top of each hierarchy, whoever calls, so that the same value is always the
same place; ``..`` leads no higher. Without one the group is ``/pycontainer-oci/<id>``. With systemd it is ``slice:prefix:name``.
"""

from __future__ import annotations

import errno
import os

from ...errors import Conflict, HostError, InvalidInput, Unsupported
from .group import Group
from .hierarchy import layout, lifecycle, tree

FORBIDDEN = (errno.EACCES, errno.EPERM, errno.EROFS)


def create_at(path, ident, systemd=False, annotations=None, later=False, plan=None):
    """Make the group of a container, empty and without limits.

    :param path: linux.cgroupsPath; "" or None where the document has none. :param ident: the container's id.
    :param systemd: the group is a transient scope of systemd's (kernel/cgroups/systemd/scope.py); then ``attach`` has to be called by this very process.
        None: there is to be no group; the container stays where its maker is, and a limit is refused by ``apply``.
    :param annotations: of config.json; ``org.systemd.property.NAME`` of them are given to the scope.
    :param later: leave out the hierarchies of version 1, which a process can go into when it is there, until ``complete``.
    :param plan: called with a ``record()`` of what will be made, above the group too, before any of it is; not for a group of the container's own name,
        which is known by that. Whoever keeps it can take back (``reopen``, ``remove``) what a killed maker has left.
    :returns: a Group. ``record()`` of it can be kept as JSON and given to ``reopen``. Where no path is given and this user may
        make no group in a hierarchy, the container has none there, and a limit that needs it is refused by ``apply``.
        Where the group is there and has processes, as runc's callers may have it, the container shares it with them: ``warnings`` of
        the Group says so, and ``remove`` leaves what is still in use.
    :raises InvalidInput: not such a path. :raises Unsupported: no cgroups, or no systemd, here.
    :raises Conflict: the group is frozen, or systemd has the scope. :raises HostError: the kernel refuses to make it.
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
        from .systemd import (
            scope,  # here: it knows D-Bus, and most hosts' runtimes are never told to use systemd
        )

        return scope.create(path, ident, annotations or {}, plan)
    group = Located(path, ident)
    if group.given and plan is not None:
        plan(planned(group.later, group.top, group.name))
    group.make([hierarchy for hierarchy in group.later if not later or hierarchy.version == 2])
    return group


class Located(Group):
    """A group at the place that a document names, made in one hierarchy after the other."""

    def __init__(self, path, ident):
        super().__init__({}, ())
        self.given = bool(path)
        self.top, _slash, self.name = cgroup_path(path, ident).rpartition("/")
        self.later = layout.current().hierarchies

    def complete(self):
        if self.later:
            self.make(self.later)

    def make(self, hierarchies):
        """Make it in some of the hierarchies that it is not in; one in which this user may not is passed over, unless the place was given.

        :raises Conflict: as of ``create_at``; it is what it was before then, as in every failure.
        """
        before = dict(self.paths), list(self.made)
        try:
            for hierarchy in hierarchies:
                try:
                    self.paths[hierarchy.mount] = make_at(hierarchy, self.top, self.name, self.made)
                except OSError as error:
                    if self.given or error.errno not in FORBIDDEN:
                        raise HostError(
                            "linux.cgroupsPath: unable to apply cgroup configuration: cgroup "
                            f"{hierarchy.mount}{self.top}/{self.name} can't be made: "
                            f"{error.strerror.lower()}"
                        ) from error
            if not self.given:  # what is above it stays for the next
                self.made = list(self.paths.values())
            self._sort()
            self.shared = self.shared or any(
                lifecycle.processes(directory)
                for directory in self.found.difference(before[0].values())
            )
            refuse_frozen(self)
        except BaseException:
            for directory in reversed(self.made):
                if directory not in before[1]:
                    lifecycle.remove_quietly(directory)
            self.paths, self.made = before
            self._sort()
            raise
        self.later = [hierarchy for hierarchy in self.later if hierarchy not in hierarchies]


def reopen(record):
    """The group whose ``record()`` this is, whether it is there or not (``exists``)."""
    if record.get("unit"):
        from .systemd import scope

        return scope.Scope(record["paths"], record["made"], record["unit"], record["slice"])
    group = Group(record["paths"], record["made"])
    group.shared = record.get("shared", False)
    return group


def planned(hierarchies, top, name):
    """The record of a group that is not made yet: what ``make_at`` would make is ``made``. What comes into it until then is not its own."""
    paths, made = (
        {hierarchy.mount: f"{hierarchy.mount}{top}/{name}" for hierarchy in hierarchies},
        [],
    )
    for path in paths.values():
        missing = []
        while not os.path.isdir(path):  # the mount point at last is one
            missing.append(path)
            path = os.path.dirname(path)
        made += reversed(missing)
    return {"paths": paths, "made": made, "shared": True}


def places(path, ident):
    """``{mount point: directory}`` of the group that ``create_at`` would make. :raises InvalidInput: not such a path."""
    place = cgroup_path(path, ident)
    return {hierarchy.mount: hierarchy.mount + place for hierarchy in layout.current().hierarchies}


def cgroup_path(path, ident):
    """The group as a path from the top of each hierarchy.

    :raises InvalidInput: the top itself.
    """
    if not path:
        return f"{tree.SHARED}/{ident}"
    clean = os.path.normpath("/" + path.lstrip("/"))
    if clean == "/":
        raise InvalidInput(
            "linux.cgroupsPath",
            path,
            "a path below the top of the cgroup tree, such as /group/name",
        )
    return clean


def make_at(hierarchy, top, name, made):
    """The directory of the group in one hierarchy, ready to take processes.

    ``made`` gets the directories that were not there, the outermost first.
    """
    directory = f"{hierarchy.mount}{top}/{name}"
    while True:
        try:
            os.mkdir(directory, 0o755)
            made.append(directory)
            break
        except FileNotFoundError:
            tree.make_parents(hierarchy, top, made)
        except FileExistsError:
            if not os.path.isdir(directory):
                raise
            break
    tree.make_ready(hierarchy, top, directory)
    return directory


def refuse_frozen(group):
    """A process that is put into a frozen group never gets to its program."""
    if group.frozen():
        place = group.unified or group.v1["freezer"]
        raise Conflict(
            f"container's cgroup unexpectedly frozen: {place}, or one above it, is; thaw it first"
        )
