# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A container's group as a transient scope of systemd's (``--systemd-cgroup``).

A scope can't be empty: it is started with the first process that is attached, and gets the limits applied until then as
properties. The rest of the hierarchies, which systemd leaves alone, get a directory at the same place. The scope has Delegate=yes:
what is below it is ours, and so are its files, as long as systemd's own notion of them is the same.
"""

from __future__ import annotations

import os

from ...errors import Conflict, HostError, InvalidInput
from .. import systemd
from . import layout, lifecycle, location, tree, unit
from .group import Group

SLICE, PREFIX = "system.slice", "pycontainer"
ACCOUNTING = ("CPUAccounting", "MemoryAccounting", "TasksAccounting")


def parse(path, ident):
    """``(slice, unit)`` of linux.cgroupsPath, ``slice:prefix:name`` or ``slice:name``; of the id where there is none.

    :raises InvalidInput: another form.
    """
    parts = path.split(":") if path else [SLICE, PREFIX, ident]
    slice_name, name = parts[0] or SLICE, "-".join(filter(None, parts[1:]))
    words = slice_name[: -len(".slice")].split("-")
    good = slice_name.endswith(".slice") and (all(words) or slice_name == "-.slice") and "/" not in slice_name + name
    if len(parts) not in (2, 3) or not good or not parts[-1] or name.endswith(".slice"):
        raise InvalidInput("linux.cgroupsPath", path, 'with --systemd-cgroup a path of the form "slice:prefix:name", such as '
                                                      "system.slice:pycontainer:web")
    return slice_name, name if name.endswith(".scope") else name + ".scope"


def create(path, ident, annotations):
    """See ``location.create_at``."""
    slice_name, name = parse(path, ident)
    extra = unit.annotated(annotations)
    top = tree.slice_path(slice_name)
    connection = systemd.connect()
    try:
        above = ""
        if os.geteuid():  # a user's slices are below the user's manager
            above = systemd.get(connection, systemd.ROOT, "Manager", "ControlGroup").rstrip("/")
        if systemd.state(connection, name) not in ("inactive", "failed"):
            raise Conflict("container's cgroup is not empty: systemd has the unit %s; linux.cgroupsPath has to name one that is the "
                           "container's alone" % name)
    finally:
        connection.close()
    paths = {hierarchy.mount: "%s%s%s/%s" % (hierarchy.mount, above, top, name) for hierarchy in layout.current().hierarchies}
    return Scope(paths, [], name, slice_name, extra)


class Scope(Group):
    """``unit``: the scope's name; ``slice``: its slice's."""

    def __init__(self, paths, made, name, slice_name, extra=(), started=False):
        super().__init__(paths, made)
        self.unit, self.slice, self.extra, self.started = name, slice_name, list(extra), started
        self.found = frozenset()  # systemd makes and takes the directories
        self.wanted = {}

    def record(self):
        return {"paths": self.paths, "made": self.made, "unit": self.unit, "slice": self.slice}

    def fd(self):
        return super().fd() if self.started else None

    def place(self):
        if self.started:
            return super().place()
        from . import prospect  # here: it knows what a group will have that isn't made yet
        return prospect.prospect(tree.slice_path(self.slice) or None)

    def apply(self, resources):
        if not self.started:
            self.wanted = dict(self.wanted, **resources)
            return
        connection = systemd.connect()
        try:
            self.check_usage(resources.get("memory") or {})
            found = unit.properties(resources, "memory" not in self.v1, systemd.version(connection))
            with self.at_rest("devices" in self.v1 and bool(resources.get("devices"))):
                systemd.set_properties(connection, self.unit, found)
        finally:
            connection.close()
        super().apply(resources)

    update = apply

    def at_rest(self, needed):
        """A context in which v1 device rules can change: systemd takes all away before it gives the new ones."""
        return Frozen(self if needed and not self.frozen() else None)

    def attach(self, pid, like=None, below=""):
        if not self.started:
            self.start(pid or os.getpid())
        super().attach(pid, like, below)

    def start(self, pid):
        connection = systemd.connect()
        try:
            version = systemd.version(connection)
            properties = [("Description", "s", "container " + self.unit), ("Slice", "s", self.slice), ("Delegate", "b", True),
                          ("PIDs", "au", [pid]), ("DefaultDependencies", "b", False)]
            properties += [(name, "b", True) for name in ACCOUNTING]
            properties.append(("IOAccounting" if "blkio" not in self.v1 else "BlockIOAccounting", "b", True))
            properties += unit.properties(self.wanted, "memory" not in self.v1, version) + self.extra
            systemd.start_scope(connection, self.unit, properties)
            self.started = True
        finally:
            connection.close()
        try:
            for hierarchy in layout.current().hierarchies:
                self.join(hierarchy)
            super().apply(self.wanted)
        except BaseException:
            self.remove()
            raise

    def join(self, hierarchy):
        """Make the group in a hierarchy that systemd doesn't manage."""
        directory = self.paths[hierarchy.mount]
        top = os.path.dirname(directory)[len(hierarchy.mount):]
        try:
            if not os.path.isdir(directory):
                location.make_at(hierarchy, top, self.unit, self.made)
            else:
                tree.make_ready(hierarchy, top, directory)
        except OSError as error:
            raise HostError("linux.cgroupsPath: cgroup %s can't be made: %s" % (directory, error.strerror.lower())) from error

    def remove(self):
        """Stop the scope; what systemd leaves of the directories goes too."""
        if self.started:
            self.thaw()
            self.kill()
            connection = systemd.connect()
            try:
                systemd.stop(connection, self.unit)
            finally:
                connection.close()
        super().remove()


class Frozen:
    """``with Frozen(group)``: its processes stand still meanwhile; with None nothing is done."""

    def __init__(self, group):
        self.group = group

    def __enter__(self):
        if self.group is not None:
            lifecycle.freeze(self.group.unified, self.group.v1.get("freezer"))

    def __exit__(self, *_error):
        if self.group is not None:
            self.group.thaw()
