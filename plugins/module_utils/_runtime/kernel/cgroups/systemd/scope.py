# Copyright (c) 2026, the pycontainer.engine authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A container's group as a transient scope of systemd's (``--systemd-cgroup``).

A scope can't be empty: a process that does nothing holds it until the first other one is attached. The hierarchies that systemd
leaves alone get a directory at the same place. The scope has Delegate=yes: what is below it is ours, and so are its files, as long
as systemd's own notion of them is the same; so limits are its properties, too.
"""

from __future__ import annotations

import os
import time

from ....errors import Conflict, HostError, InvalidInput
from ...calls import constants, syscalls
from ...systemd import units
from .. import location
from ..group import Group
from ..hierarchy import layout, lifecycle, tree
from ..limits import apply as limits
from . import unit

PREFIX = "pycontainer"
ACCOUNTING = ("CPUAccounting", "MemoryAccounting", "TasksAccounting")


def parse(path, ident):
    """``(slice, unit)`` of linux.cgroupsPath, ``slice:prefix:name`` or ``slice:name``; of the id where there is none.

    :raises InvalidInput: another form.
    """
    usual = "user.slice" if units.user() else "system.slice"
    parts = path.split(":") if path else [usual, PREFIX, ident]
    slice_name, name = parts[0] or usual, "-".join(filter(None, parts[1:]))
    words = slice_name[: -len(".slice")].split("-")
    good = (
        slice_name.endswith(".slice")
        and (all(words) or slice_name == "-.slice")
        and "/" not in slice_name + name
    )
    if len(parts) not in (2, 3) or not good or not parts[-1] or name.endswith(".slice"):
        raise InvalidInput(
            "linux.cgroupsPath",
            path,
            'with --systemd-cgroup a path of the form "slice:prefix:name", such as '
            "system.slice:pycontainer:web",
        )
    return slice_name, name if name.endswith(".scope") else name + ".scope"


def create(path, ident, annotations, plan=None):
    """See ``location.create_at``."""
    slice_name, name = parse(path, ident)
    extra = unit.annotated(annotations)
    top = tree.slice_path(slice_name)
    connection = units.connect()
    try:
        above = ""
        if units.user():  # a user's slices are below the user's manager
            above = units.get(connection, units.ROOT, "Manager", "ControlGroup").rstrip("/")
        if units.state(connection, name) not in ("inactive", "failed"):
            raise Conflict(
                f"container's cgroup is not empty: systemd has the unit {name}; linux.cgroupsPath "
                "has to name one that is the container's alone"
            )
    finally:
        connection.close()
    paths = {
        hierarchy.mount: f"{hierarchy.mount}{above}{top}/{name}"
        for hierarchy in layout.current().hierarchies
    }
    group = Scope(paths, [], name, slice_name)
    group.start(extra, plan)
    return group


class Scope(Group):
    """``unit``: the scope's name; ``slice``: its slice's."""

    def __init__(self, paths, made, name, slice_name):
        super().__init__(paths, made)
        self.unit, self.slice, self.holder = name, slice_name, 0
        self.found = frozenset()  # systemd makes and takes the directories

    def record(self):
        return {"paths": self.paths, "made": self.made, "unit": self.unit, "slice": self.slice}

    def fd(self):
        """None at first: only ``attach`` lets the holder go."""
        return None if self.holder else super().fd()

    def door(self):
        """None at first, too."""
        return None if self.holder else super().door()

    def apply(self, resources):
        limits.check_usage(self, resources.get("memory") or {})
        connection = units.connect()
        try:
            found = unit.properties(resources, "memory" not in self.v1, units.version(connection))
            with Frozen(
                self
                if "devices" in self.v1 and resources.get("devices") and not self.frozen()
                else None
            ):
                units.set_properties(connection, self.unit, found)
        finally:
            connection.close()
        return super().apply(resources)

    update = apply

    def attach(self, pid, like=None, below=""):
        super().attach(pid, like, below)
        self.let_go()

    def move(self, path, pid):
        """A user may move no process that is not below his manager yet, as one of a login is not: his manager has that done."""
        try:
            super().move(path, pid)
        except PermissionError:
            if self.unified is None or not (path + "/").startswith(self.unified + "/"):
                raise
            connection = units.connect()
            try:
                units.attach(connection, self.unit, path[len(self.unified) :], pid or os.getpid())
            finally:
                connection.close()

    def start(self, extra, plan=None):
        """Start the unit with a holder, and make what systemd doesn't. :param plan: see ``location.create_at``."""
        self.holder = hold()
        properties = [
            ("Description", "s", "container " + self.unit),
            ("Slice", "s", self.slice),
            ("Delegate", "b", True),
            ("PIDs", "au", [self.holder]),
            ("DefaultDependencies", "b", False),
        ]
        properties += [
            (name, "b", True)
            for name in ACCOUNTING
            + (("IOAccounting" if "blkio" not in self.v1 else "BlockIOAccounting"),)
        ]
        try:
            connection = units.connect()
            try:
                units.start_scope(connection, self.unit, properties + extra)
            finally:
                connection.close()
        except BaseException:
            self.let_go()
            raise
        try:
            missing = [
                hierarchy
                for hierarchy in layout.current().hierarchies
                if not os.path.isdir(self.paths[hierarchy.mount])
            ]
            if (
                missing and plan is not None
            ):  # the scope itself ends with its holder, which ends with this process
                directory = self.paths[missing[0].mount]
                plan(
                    location.planned(
                        missing, os.path.dirname(directory)[len(missing[0].mount) :], self.unit
                    )
                )
            for hierarchy in layout.current().hierarchies:
                self.join(hierarchy)
        except BaseException:
            self.remove()
            raise

    def let_go(self):
        """End the holder."""
        if self.holder:
            os.kill(self.holder, lifecycle.SIGKILL)
            try:
                os.waitpid(self.holder, 0)
            except ChildProcessError:  # SIGCHLD is ignored
                pass
            self.holder = 0

    def join(self, hierarchy):
        """Make the group in a hierarchy that systemd doesn't manage."""
        directory = self.paths[hierarchy.mount]
        top = os.path.dirname(directory)[len(hierarchy.mount) :]
        try:
            if not os.path.isdir(directory):
                location.make_at(hierarchy, top, self.unit, self.made)
            else:
                tree.make_ready(hierarchy, top, directory)
        except OSError as error:
            raise HostError(
                f"linux.cgroupsPath: cgroup {directory} can't be made: {error.strerror.lower()}"
            ) from error

    def remove(self):
        """Stop the scope; what systemd leaves of the directories goes too."""
        self.thaw()
        self.kill()
        self.let_go()
        connection = units.connect()
        try:
            units.stop(connection, self.unit)
        finally:
            connection.close()
        super().remove()


def hold():
    """A child that does nothing until it is killed, or its parent ends. Returns its process id."""
    parent, pid = os.getpid(), os.fork()
    if pid == 0:
        try:
            syscalls.prctl(constants.PR_SET_PDEATHSIG, lifecycle.SIGKILL)
            while os.getppid() == parent:
                time.sleep(3600)
        finally:
            os._exit(1)
    return pid


class Frozen:
    """``with Frozen(group)``: its processes stand still meanwhile; with None nothing is done.

    For v1 device rules: systemd takes all devices away before it gives those that are allowed.
    """

    def __init__(self, group):
        self.group = group

    def __enter__(self):
        if self.group is not None:
            lifecycle.freeze(self.group.unified, self.group.v1.get("freezer"))

    def __exit__(self, *_error):
        if self.group is not None:
            self.group.thaw()
